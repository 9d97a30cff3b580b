package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// waits reports whether the only row waits, with an attempt count.
func (r *rig) waits(state, attempt int64) func() bool {
	return func() bool {
		rows := r.rows()
		return len(rows) == 1 && rows[0].state == state && rows[0].attempt == attempt
	}
}

func TestFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		tries := make(chan int, 10)
		answers := make(chan error)
		jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default, Attempts: 4, Backoff: func(n int) time.Duration { return time.Duration(n) * time.Minute }},
			func(ctx context.Context, _ posted) error { tries <- jobs.Attempt(ctx); return <-answers })
		stop := r.work(jobs.WorkerOptions{})
		try := func(want int, answer error) {
			t.Helper()
			r.Nudge()
			if n := <-tries; n != want {
				t.Errorf("attempt %d, not %d", n, want)
			}
			answers <- answer
		}
		r.emit(posted{ID: 1})
		try(1, errors.New("not now"))
		until(t, "the failure is written", r.waits(0, 1))
		if v := r.rows()[0]; v.lastError != "not now" || v.runAt != db.Ms(r.clock.Now().Add(time.Minute)) {
			t.Errorf("after a failure: %+v", v)
		}
		r.clock.Advance(time.Minute)
		try(2, jobs.Later(time.Hour, errors.New("the other side asks for patience")))
		until(t, "the wait is written", r.waits(0, 1))
		if v := r.rows()[0]; v.runAt != db.Ms(r.clock.Now().Add(time.Hour)) {
			t.Errorf("later: %+v", v)
		}
		r.clock.Advance(time.Hour)
		try(2, fmt.Errorf("wrapped: %w", jobs.Later(time.Hour, errors.New("again"))))
		until(t, "the wait is written", r.waits(0, 1))
		r.clock.Advance(time.Hour)
		try(2, errors.New(strings.Repeat("long ☃ ", 10_000)))
		until(t, "the failure is written", r.waits(0, 2))
		r.clock.Advance(2 * time.Minute)
		try(3, errors.New("no"))
		until(t, "the failure is written", r.waits(0, 3))
		r.clock.Advance(3 * time.Minute)
		try(4, errors.New("the last"))
		until(t, "it is dead", r.waits(2, 4))
		r.clock.Advance(1000 * time.Hour)
		r.emit(posted{ID: 2})
		try(1, fmt.Errorf("wrapped: %w", jobs.Dead(errors.New("never"))))
		until(t, "both are dead", func() bool {
			rows := r.rows()
			return len(rows) == 2 && rows[1].state == 2 && rows[0].lastError == "the last"
		})
		stop()
		if len(tries) != 0 {
			t.Error("a dead job ran")
		}
	})
}

func TestAPanicIsOneJobsFailure(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	r := newRig(t, d, nil, 1)
	ran := make(chan int64, 10)
	jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default, Deadline: 5 * time.Millisecond}, func(ctx context.Context, e posted) error {
		switch e.Host {
		case "panic":
			panic("as a mistake of the program would")
		case "hang":
			<-ctx.Done()
			return ctx.Err()
		}
		ran <- e.ID
		return nil
	})
	r.emit(posted{1, "panic"}, posted{2, ""}, posted{3, "hang"}, posted{4, ""})
	var ends []string
	stop := r.work(jobs.WorkerOptions{Slots: 1, OnDone: func(d jobs.Done) { ends = append(ends, fmt.Sprint(d.Err)) }})
	if a, b := <-ran, <-ran; a != 2 || b != 4 {
		t.Errorf("%d and %d ran", a, b)
	}
	until(t, "both failures are written", func() bool {
		rows := r.rows()
		return len(rows) == 2 && rows[0].lastError == "panic: as a mistake of the program would" && rows[1].lastError == context.DeadlineExceeded.Error() && rows[1].state == 0
	})
	stop()
	if len(ends) != 4 || ends[1] != "<nil>" {
		t.Errorf("told of %q", ends)
	}
}

func TestUnreadableArgumentsAreDead(t *testing.T) {
	t.Parallel()
	r := newRig(t, dbtest.SQLite(t), nil, 1)
	jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default}, func(context.Context, posted) error { t.Error("ran"); return nil })
	r.emit(posted{ID: 1})
	if err := r.DB.Write(bg, func(tx *db.Tx) error { _, err := tx.Exec(bg, "UPDATE jobs SET args = '[]'"); return err }); err != nil {
		t.Fatal(err)
	}
	stop := r.work(jobs.WorkerOptions{})
	until(t, "it is dead", r.waits(2, 1))
	stop()
}

// effect writes a rule: something to count afterwards.
func effect(ctx context.Context, tx *db.Tx, id int64) error {
	_, err := tx.Exec(ctx, "INSERT INTO rules (id, text, created_at) VALUES ($1, 'done', 0)", id)
	return err
}

func effects(t *testing.T, d *db.DB) int64 {
	t.Helper()
	n, err := db.Value[int64](bg, d, "SELECT COUNT(*) FROM rules")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCompleteIsPartOfTheEffect(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		ended := make(chan error, 10)
		jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default, Backoff: func(int) time.Duration { return 0 }}, func(ctx context.Context, e posted) error {
			err := d.Write(ctx, func(tx *db.Tx) error {
				if err := errors.Join(effect(ctx, tx, r.IDs.Next()), jobs.Complete(ctx, tx)); err != nil {
					return err
				}
				if jobs.Attempt(ctx) == 1 {
					return errors.New("rolled back after all")
				}
				return nil
			})
			if err == nil && len(r.rows()) != 0 {
				t.Error("the effect is there, and so is the job")
			}
			if err == nil {
				err = errors.New("too late to matter")
			}
			ended <- err
			return err
		})
		r.emit(posted{ID: 1})
		stop := r.work(jobs.WorkerOptions{})
		if err := <-ended; err.Error() != "rolled back after all" {
			t.Error(err)
		}
		r.Nudge()
		if err := <-ended; err.Error() != "too late to matter" {
			t.Error(err)
		}
		stop()
		if n, rows := effects(t, d), r.rows(); n != 1 || len(rows) != 0 {
			t.Errorf("%d effects, %d rows", n, len(rows))
		}
	})
}

func TestAJobOfASilentProcessRunsElsewhere(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, alone := range []bool{false, true} {
			old := newRig(t, d, nil, 1)
			inside, release, fenced := make(chan bool), make(chan bool), make(chan error, 1)
			jobs.On(old.Jobs, "x", jobs.Policy{Queue: jobs.Default}, func(ctx context.Context, e posted) error {
				inside <- true
				<-release
				err := d.Write(ctx, func(tx *db.Tx) error { return errors.Join(effect(ctx, tx, 100+e.ID), jobs.Complete(ctx, tx)) })
				fenced <- err
				return err
			})
			jobs.On(old.Jobs, "late", jobs.Policy{Queue: jobs.Pull}, func(context.Context, posted) error {
				inside <- true
				<-release
				return nil
			})
			old.emit(posted{ID: 1})
			process := old.join(jobs.ProcessInfo{Roles: "all"})
			stopOld := old.work(jobs.WorkerOptions{Process: process})
			<-inside
			<-inside

			if !alone {
				old.clock.Advance(31 * time.Second) // and no heartbeat came
			}
			other := newRig(t, d, old.clock, 2)
			done := make(chan int, 2)
			jobs.On(other.Jobs, "x", jobs.Policy{Queue: jobs.Default}, func(ctx context.Context, e posted) error {
				done <- jobs.Attempt(ctx)
				return d.Write(ctx, func(tx *db.Tx) error { return errors.Join(effect(ctx, tx, 200+e.ID), jobs.Complete(ctx, tx)) })
			})
			jobs.On(other.Jobs, "late", jobs.Policy{Queue: jobs.Pull}, func(ctx context.Context, _ posted) error { done <- jobs.Attempt(ctx); return errors.New("once more") })
			stopOther := other.work(jobs.WorkerOptions{Process: other.join(jobs.ProcessInfo{Roles: "all", Alone: alone})})
			if a, b := <-done, <-done; a != 2 || b != 2 {
				t.Errorf("attempts %d and %d", a, b)
			}
			until(t, "the other process is done", func() bool {
				rows := other.rows()
				return len(rows) == 1 && rows[0].state == 0 && rows[0].lastError == "once more"
			})
			close(release)
			if err := <-fenced; !errors.Is(err, jobs.ErrFenced) {
				t.Errorf("the late worker got %v", err)
			}
			stopOld()
			stopOther()
			if rows := other.rows(); effects(t, d) != 1 || len(rows) != 1 || rows[0].kind != "late" || rows[0].attempt != 2 {
				t.Errorf("%d effects; rows are %+v: the late worker wrote the end of a job that is not its own", effects(t, d), rows)
			}
			if err := d.Write(bg, func(tx *db.Tx) error {
				_, err := tx.Exec(bg, "DELETE FROM jobs")
				_, err2 := tx.Exec(bg, "DELETE FROM rules")
				return errors.Join(err, err2)
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestDeathsCountAsAttempts(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	r := newRig(t, d, nil, 1)
	jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default, Attempts: 2}, func(context.Context, posted) error { t.Error("ran again"); return nil })
	r.emit(posted{ID: 1})
	if err := d.Write(bg, func(tx *db.Tx) error {
		_, err := tx.Exec(bg, "UPDATE jobs SET state = 1, attempt = 2, worker = 5")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	stop := r.work(jobs.WorkerOptions{})
	until(t, "what killed each of its workers is dead", r.waits(2, 3))
	stop()
}

func TestLeavingFreesJobs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default}, none)
		r.emit(posted{ID: 1}, posted{ID: 2})
		a, b := r.join(jobs.ProcessInfo{}), r.join(jobs.ProcessInfo{})
		if a.Slot == b.Slot || a.ID == b.ID {
			t.Errorf("two processes are %+v and %+v", a, b)
		}
		for i, p := range []*jobs.Process{a, b} {
			if err := d.Write(bg, func(tx *db.Tx) error {
				_, err := tx.Exec(bg, "UPDATE jobs SET state = 1, worker = $1 WHERE id = (SELECT id FROM jobs ORDER BY id LIMIT 1 OFFSET $2)", p.ID, i)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Leave(bg); err != nil {
			t.Fatal(err)
		}
		if rows := r.rows(); rows[0].state != 0 || rows[1].state != 1 {
			t.Errorf("rows are %+v", rows)
		}
		if left, err := db.Column[int64](bg, d, "SELECT id FROM processes"); err != nil || len(left) != 1 || left[0] != b.ID {
			t.Errorf("processes are %v, %v", left, err)
		}
	})
}
