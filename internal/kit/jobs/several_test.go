package jobs_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

func TestSeveralProcessesRunEachJobOnce(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		const n = 120
		var mu sync.Mutex
		ran := map[int64]int{}
		all := make(chan bool)
		first := newRig(t, d, nil, 1)
		var stops []func()
		for slot := range 3 {
			r := first
			if slot > 0 {
				r = newRig(t, d, first.clock, slot+1)
			}
			jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default}, func(_ context.Context, e posted) error {
				mu.Lock()
				defer mu.Unlock()
				if ran[e.ID]++; len(ran) == n {
					close(all)
				}
				return nil
			})
			stops = append(stops, r.work(jobs.WorkerOptions{Slots: 5}))
		}
		for i := range n / 10 {
			var events []jobs.Event
			for k := range 10 {
				events = append(events, posted{ID: int64(10*i + k)})
			}
			first.emit(events...)
		}
		<-all
		for _, stop := range stops {
			stop()
		}
		for id, times := range ran {
			if times != 1 {
				t.Errorf("job %d ran %d times", id, times)
			}
		}
		if rows := first.rows(); len(rows) != 0 {
			t.Errorf("%d rows are left", len(rows))
		}
	})
}

func TestUnknownKindsAreLeftToThoseWhoKnowThem(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		newer, older := newRig(t, d, nil, 1), newRig(t, d, nil, 2)
		done := make(chan string, 9)
		run := func(by string) func(context.Context, posted) error {
			return func(context.Context, posted) error { done <- by; return nil }
		}
		jobs.On(newer.Jobs, "new", jobs.Policy{Queue: jobs.Default}, run("newer"))
		newer.emit(posted{ID: 1}, posted{ID: 2}, posted{ID: 3})
		jobs.On(older.Jobs, "old", jobs.Policy{Queue: jobs.Default}, run("older"))
		older.emit(posted{ID: 4})
		stop := older.work(jobs.WorkerOptions{Slots: 1})
		if by := <-done; by != "older" {
			t.Errorf("run by %s", by)
		}
		stop()
		for _, v := range newer.rows() {
			if v.kind != "new" || v.state != 0 || v.attempt != 0 {
				t.Errorf("the older process left %+v", v)
			}
		}
		stop = newer.work(jobs.WorkerOptions{})
		for range 3 {
			if by := <-done; by != "newer" {
				t.Errorf("run by %s", by)
			}
		}
		stop()
	})
}

func TestDraining(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		inside, release := make(chan string, 9), make(chan bool)
		jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default}, func(ctx context.Context, e posted) error {
			inside <- e.Host
			switch e.Host {
			case "heeds":
				<-ctx.Done()
				return ctx.Err()
			case "deaf":
				<-release
			}
			return nil
		})
		// What can finish does, and nothing more is taken.
		r.emit(posted{Host: "deaf"}, posted{Host: "next"})
		stop := r.work(jobs.WorkerOptions{Slots: 1, Drain: time.Hour})
		<-inside
		stopped := make(chan bool)
		go func() { stop(); close(stopped) }()
		release <- true
		<-stopped
		if rows := r.rows(); len(rows) == 0 && len(inside) == 0 || len(rows)+len(inside) != 1 {
			t.Errorf("after draining %+v are left", rows)
		}
		// What takes longer than the limit is given back as it was.
		if err := d.Write(bg, func(tx *db.Tx) error { _, err := tx.Exec(bg, "DELETE FROM jobs"); return err }); err != nil {
			t.Fatal(err)
		}
		for len(inside) > 0 {
			<-inside
		}
		r.emit(posted{Host: "heeds"}, posted{Host: "deaf"})
		p := r.join(jobs.ProcessInfo{})
		stop = r.work(jobs.WorkerOptions{Process: p, Drain: time.Millisecond})
		<-inside
		<-inside
		stop()
		rows := r.rows()
		if len(rows) != 2 || rows[0].state != 0 || rows[0].attempt != 0 || rows[0].runAt > db.Ms(r.clock.Now()) {
			t.Errorf("the interrupted job is %+v", rows)
		}
		if err := p.Leave(bg); err != nil {
			t.Fatal(err)
		}
		if rows := r.rows(); len(rows) != 2 || rows[1].state != 0 {
			t.Errorf("the deaf job is %+v", rows)
		}
		close(release)
	})
}

func BenchmarkEmit(b *testing.B) {
	for name, d := range map[string]*db.DB{"sqlite": dbtest.SQLite(b), "postgres": dbtest.Postgres(b)} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, d, nil, 1)
			jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default}, none)
			b.ReportAllocs()
			for i := range b.N {
				r.emit(posted{ID: int64(i)})
			}
		})
	}
}

func BenchmarkRun(b *testing.B) {
	for name, d := range map[string]*db.DB{"sqlite": dbtest.SQLite(b), "postgres": dbtest.Postgres(b)} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, d, nil, 1)
			done := make(chan bool, 1000)
			jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Default}, func(context.Context, posted) error { done <- true; return nil })
			events := make([]jobs.Event, b.N)
			for i := range events {
				events[i] = posted{ID: int64(i)}
			}
			r.emit(events...)
			b.ResetTimer()
			stop := r.work(jobs.WorkerOptions{Slots: 25})
			for range b.N {
				<-done
			}
			stop()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
		})
	}
}
