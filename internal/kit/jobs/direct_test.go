package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// A worker in the process that emits starts a job with the commit; its row is there as claimed, should the process die.
func TestWorkStartsWithTheCommit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		woken := 0
		r.Wake = func(q []jobs.Queue) { woken += len(q) }
		inside, release := make(chan int64, 100), make(chan bool)
		jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default}, func(_ context.Context, e posted) error {
			inside <- e.ID
			<-release
			return nil
		}, jobs.Unique(func(e posted) string { return e.Host }))
		p := r.join(jobs.ProcessInfo{})
		stop := r.work(jobs.WorkerOptions{Slots: 4, Process: p})
		until(t, "the worker takes what is emitted", func() bool {
			woken = 0
			r.emit(posted{ID: 1})
			release <- true
			<-inside
			return woken == 0
		})
		until(t, "what is done is gone", func() bool { return len(r.rows()) == 0 })
		boom := errors.New("boom")
		for range 20 { // more often than there are slots
			if err := d.Write(bg, func(tx *db.Tx) error {
				return errors.Join(r.Emit(bg, tx, posted{ID: 2}, posted{ID: 2, Host: "k"}), boom)
			}); !errors.Is(err, boom) {
				t.Fatal(err)
			}
		}
		r.emit(posted{ID: 3, Host: "k"})
		if id := <-inside; id != 3 {
			t.Errorf("job %d ran", id)
		}
		if rows := r.rows(); len(rows) != 1 || rows[0].state != 1 || rows[0].attempt != 1 {
			t.Errorf("the row is %+v", rows)
		}
		for range 20 {
			r.emit(posted{ID: 4, Host: "k"})
		}
		if rows := r.rows(); len(rows) != 1 || len(inside) != 0 {
			t.Errorf("rows are %+v, %d run", rows, len(inside))
		}
		r.emit(posted{ID: 5}) // a slot is left
		if id := <-inside; id != 5 {
			t.Errorf("job %d ran", id)
		}
		r.emit(posted{ID: 6}, posted{ID: 7}) // half of the slots are for those who waited; they are found all the same
		seen := map[int64]bool{<-inside: true, <-inside: true}
		if !seen[6] || !seen[7] {
			t.Errorf("jobs %v ran", seen)
		}
		for range 4 {
			release <- true
		}
		until(t, "what is done is gone", func() bool { return len(r.rows()) == 0 })
		stop()
		r.emit(posted{ID: 8})
		if rows := r.rows(); len(rows) != 1 || rows[0].state != 0 {
			t.Errorf("without a worker the row is %+v", rows)
		}
	})
}

// A commit whose outcome nobody learned may leave a row that says that this process runs it.
func TestARowThatNobodyRunsIsFreed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		ran := make(chan int64, 9)
		jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default}, func(_ context.Context, e posted) error { ran <- e.ID; return nil })
		p := r.join(jobs.ProcessInfo{})
		r.emit(posted{ID: 1})
		if err := d.Write(bg, func(tx *db.Tx) error {
			_, err := tx.Exec(bg, "UPDATE jobs SET state = 1, worker = $1, attempt = 1", p.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		r.IDs = ids.NewSource(r.clock, 2)
		r.work(jobs.WorkerOptions{Process: p})
		r.clock.Advance(11 * time.Second)
		until(t, "it runs", func() bool {
			r.Nudge()
			return len(ran) > 0
		})
	})
}
