package jobs_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// What an admin sets holds in a worker that runs, and what runs beyond it finishes (requirement E1).
func TestWorkersFollowWhatIsSet(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		inside, release := make(chan string, 100), make(chan bool)
		for _, q := range []jobs.Queue{jobs.Default, jobs.Pull} {
			jobs.On(r.Jobs, string(q), jobs.Policy{Queue: q}, func(context.Context, posted) error { inside <- string(q); <-release; return nil },
				jobs.When(func(e posted) bool { return e.Host == string(q) }))
		}
		p := r.join(jobs.ProcessInfo{Host: "alpha", Roles: "worker"})
		stop := r.work(jobs.WorkerOptions{Slots: 2, Process: p, Queues: []jobs.Share{{Queue: jobs.Default}}, Drain: time.Minute})
		for range 12 {
			r.emit(posted{Host: "default"})
		}
		<-inside
		<-inside
		set := func(s jobs.Setting) {
			t.Helper()
			if err := r.Set(bg, s); err != nil {
				t.Fatal(err)
			}
		}
		load := func(slots int, queues string) {
			t.Helper()
			until(t, "the worker follows", func() bool {
				list, err := r.Processes(bg)
				return errors.Join(err, p.Beat(bg)) == nil && len(list) == 1 && list[0].Slots == slots && list[0].Queues == queues
			})
		}
		// More slots.
		set(jobs.Setting{Slots: 5})
		for range 3 {
			<-inside
		}
		load(5, "default,1")
		// The narrower scope holds; what runs beyond it finishes before more is taken.
		set(jobs.Setting{Scope: "alpha", Slots: 1, Queues: "pull,default"})
		set(jobs.Setting{Scope: "beta", Slots: 50})
		load(1, "pull,default")
		r.emit(posted{Host: "pull"})
		for range 5 {
			release <- true
		}
		if q := <-inside; q != "pull" { // strict order now
			t.Errorf("%s ran first", q)
		}
		if list, err := r.Processes(bg); err != nil || list[0].Running > 1 && len(inside) > 0 {
			t.Errorf("%+v runs, %v", list, err)
		}
		// What is paused waits, the rest goes on.
		if err := r.Pause(bg, jobs.Default); err != nil {
			t.Fatal(err)
		}
		load(1, "pull")
		release <- true
		r.emit(posted{Host: "pull"})
		if q := <-inside; q != "pull" {
			t.Errorf("%s ran although it is paused", q)
		}
		if err := r.Resume(bg, jobs.Default); err != nil {
			t.Fatal(err)
		}
		// Back to what it was started with.
		set(jobs.Setting{Scope: "alpha"})
		set(jobs.Setting{})
		load(2, "default,1")
		close(release)
		until(t, "all ran", func() bool { return len(r.rows()) == 0 })
		stop()
		for _, wrong := range []jobs.Setting{{Slots: -1}, {Slots: 10_001}, {Queues: "others"}} {
			if err := r.Set(bg, wrong); err == nil {
				t.Errorf("%+v was taken", wrong)
			}
		}
	})
}

// Ten thousand times the same wish is one job (requirement N15).
func TestOneKeyIsOneRun(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		ran := make(chan int64, 100)
		jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default, Delay: time.Minute, UniqueFor: time.Hour}, func(_ context.Context, e posted) error { ran <- e.ID; return nil }, jobs.Unique(host))
		var wg sync.WaitGroup
		for by := range 4 {
			wg.Go(func() {
				for range 25 {
					events := make([]jobs.Event, 100)
					for i := range events {
						events[i] = posted{int64(by), "same"}
					}
					if err := d.Write(bg, func(tx *db.Tx) error { return r.Emit(bg, tx, events...) }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := len(r.rows()); n != 1 {
			t.Fatalf("%d rows", n)
		}
		// It keeps others out while it waits, but not for ever: what fails for days must not swallow what happens.
		stop := r.work(jobs.WorkerOptions{Queues: []jobs.Share{{Queue: jobs.Pull}}})
		r.clock.Advance(time.Hour + time.Minute - time.Second)
		r.emit(posted{ID: 5, Host: "same"})
		if n := len(r.rows()); n != 1 {
			t.Errorf("%d rows before the key expired", n)
		}
		r.clock.Advance(20 * time.Second)
		until(t, "the key expires", func() bool { r.Nudge(); return r.rows()[0].key == "" })
		r.emit(posted{ID: 6, Host: "same"})
		stop()
		if n := len(r.rows()); n != 2 {
			t.Errorf("%d rows after the key expired", n)
		}
		r.clock.Advance(time.Minute)
		stop = r.work(jobs.WorkerOptions{})
		if a, b := <-ran, <-ran; a != 6 && b != 6 {
			t.Errorf("%d and %d ran", a, b)
		}
		stop()
	})
}

func TestAdminsSeeAndChangeJobs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		ran := make(chan int64, 100)
		fail := true
		jobs.On(r.Jobs, "fails", jobs.Policy{Queue: jobs.Push, Attempts: 1}, func(_ context.Context, e posted) error {
			ran <- e.ID
			if fail {
				return errors.New("refused by host " + e.Host)
			}
			return nil
		}, jobs.Lane(host))
		for i, h := range []string{"a", "a", "b", "50%_off"} {
			r.emit(posted{int64(i), h})
		}
		p := r.join(jobs.ProcessInfo{Host: "here", Roles: "worker", Version: "v1"})
		p.OnBeat(r.WriteCounts)
		stop := r.work(jobs.WorkerOptions{Process: p})
		for range 4 {
			<-ran
		}
		stop()
		fail = false
		find := func(f jobs.Filter, want int) []jobs.Job {
			t.Helper()
			f.Limit = 100
			list, err := r.Find(bg, f)
			if err != nil || len(list) != want {
				t.Errorf("%+v finds %+v, %v", f, list, err)
			}
			return list
		}
		dead := find(jobs.Filter{State: "dead"}, 4)
		find(jobs.Filter{Error: "host a"}, 2)
		find(jobs.Filter{Error: "%"}, 1)
		find(jobs.Filter{Kind: "fails", Queue: jobs.Push}, 4)
		find(jobs.Filter{Kind: "others"}, 0)
		find(jobs.Filter{State: "waiting"}, 0)
		find(jobs.Filter{IDs: []int64{dead[0].ID, dead[2].ID}}, 2)
		if _, err := r.Find(bg, jobs.Filter{State: "asleep"}); err == nil {
			t.Error("an unknown state was taken")
		}
		if one, err := r.Job(bg, dead[3].ID); err != nil || one.Args != `{"ID":3,"Host":"50%_off"}` || one.Error != "refused by host 50%_off" {
			t.Errorf("%+v, %v", one, err)
		}
		if _, err := r.Job(bg, 1); err == nil {
			t.Error("there is a job 1")
		}
		if n, err := r.Discard(bg, jobs.Filter{Error: "host b"}); n != 1 || err != nil {
			t.Errorf("%d discarded, %v", n, err)
		}
		if _, err := r.Discard(bg, jobs.Filter{}); err == nil {
			t.Error("everything was discarded, by a slip")
		}
		if n, err := r.Retry(bg, jobs.Filter{State: "dead", Error: "host a"}); n != 2 || err != nil {
			t.Errorf("%d retried, %v", n, err)
		}
		stop = r.work(jobs.WorkerOptions{Process: p})
		if a, b := <-ran, <-ran; a+b != 1 {
			t.Errorf("%d and %d ran again", a, b)
		}
		stop()
		find(jobs.Filter{}, 1)
		r.emit(posted{9, "c"}, posted{10, "c"})
		r.clock.Advance(30 * time.Second)
		if err := p.Beat(bg); err != nil {
			t.Fatal(err)
		}
		queues, err := r.Overview(bg)
		if err != nil || len(queues) != len(jobs.Queues) {
			t.Fatal(queues, err)
		}
		for _, q := range queues {
			if q.Queue == jobs.Push && (q.Waiting != 2 || q.Dead != 1 || q.Depth.Oldest != 30*time.Second || q.Rate <= 0 || q.Arrival <= 0 || q.Failures <= 0) {
				t.Errorf("push is %+v", q)
			}
		}
		if lanes, err := r.Lanes(bg, 5); err != nil || len(lanes) != 1 || lanes[0].Lane != "c" || lanes[0].Waiting != 2 {
			t.Errorf("lanes are %+v, %v", lanes, err)
		}
		if n, err := r.Retry(bg, jobs.Filter{IDs: []int64{dead[3].ID}}); n != 1 || err != nil {
			t.Errorf("%d retried, %v", n, err)
		}
	})
}

// A row of a kind that this program does not know stays as it is, and is shown.
func TestUnknownKindsAreShown(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		newer, older := newRig(t, d, nil, 1), newRig(t, d, nil, 2)
		jobs.On(newer.Jobs, "from_the_future", jobs.Policy{Queue: jobs.Default}, none)
		jobs.On(older.Jobs, "old", jobs.Policy{Queue: jobs.Default}, none, jobs.When(func(e posted) bool { return e.ID == 2 }))
		newer.emit(posted{ID: 1}, posted{ID: 1})
		stop := older.work(jobs.WorkerOptions{})
		older.emit(posted{ID: 2})
		until(t, "the known one ran", func() bool { return len(older.rows()) == 2 })
		stop()
		for _, v := range older.rows() {
			if v.kind != "from_the_future" || v.state != 0 || v.attempt != 0 {
				t.Errorf("a row is %+v", v)
			}
		}
		list, err := older.Unknown(bg)
		if err != nil || len(list) != 1 || list[0] != (jobs.KindCount{Queue: jobs.Default, Kind: "from_the_future", Rows: 2}) {
			t.Errorf("unknown are %+v, %v", list, err)
		}
		if list, err := newer.Unknown(bg); err != nil || len(list) != 0 {
			t.Errorf("unknown are %+v, %v", list, err)
		}
	})
}

func TestTracesAreForgotten(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		p := r.join(jobs.ProcessInfo{Host: "here"})
		p.OnBeat(r.WriteCounts)
		jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default}, none)
		r.emit(posted{ID: 1}, posted{ID: 2})
		if err := p.Beat(bg); err != nil {
			t.Fatal(err)
		}
		write := func(statement string, args ...any) {
			t.Helper()
			if err := d.Write(bg, func(tx *db.Tx) error { _, err := tx.Exec(bg, statement, args...); return err }); err != nil {
				t.Fatal(err)
			}
		}
		write("UPDATE jobs SET state = 2")
		write("UPDATE jobs SET run_at = run_at + 100000 WHERE id = (SELECT MAX(id) FROM jobs)")
		for _, scope := range []string{"", strconv.FormatInt(p.ID, 10), "here", "gone"} {
			if err := r.Set(bg, jobs.Setting{Scope: scope, Slots: 3}); err != nil {
				t.Fatal(err)
			}
		}
		counts := func() (dead, minutes, settings int64) {
			t.Helper()
			if err := r.Forget(bg, jobs.ForgetDue{}); err != nil {
				t.Fatal(err)
			}
			err := d.QueryRow(bg, "SELECT (SELECT COUNT(*) FROM jobs), (SELECT COUNT(*) FROM job_minutes), (SELECT COUNT(*) FROM worker_settings)").Scan(&dead, &minutes, &settings)
			if err != nil {
				t.Fatal(err)
			}
			return dead, minutes, settings
		}
		if dead, minutes, settings := counts(); dead != 2 || minutes != 1 || settings != 4 {
			t.Errorf("at once forgotten: %d %d %d", dead, minutes, settings)
		}
		r.clock.Advance(30*24*time.Hour + time.Second)
		if dead, minutes, settings := counts(); dead != 1 || minutes != 0 || settings != 3 {
			t.Errorf("after a month %d dead, %d minutes, %d settings are left", dead, minutes, settings)
		}
	})
}
