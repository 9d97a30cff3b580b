package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

var quiet = slog.New(slog.DiscardHandler)

type posted struct {
	ID   int64
	Host string
}

func (posted) Kind() string { return "test.posted" }

type nobodyCares struct{}

func (nobodyCares) Kind() string { return "test.nobody_cares" }

// rig is one process: a job system with a clock that the test moves.
type rig struct {
	*jobs.Jobs
	t     testing.TB
	clock *clock.Fake
}

func newRig(t testing.TB, d *db.DB, c *clock.Fake, slot int) *rig {
	if c == nil {
		c = clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	}
	return &rig{Jobs: jobs.New(jobs.Options{DB: d, IDs: ids.NewSource(c, slot), Clock: c}), t: t, clock: c}
}

func (r *rig) emit(events ...jobs.Event) {
	r.t.Helper()
	if err := r.DB.Write(bg, func(tx *db.Tx) error { return r.Emit(bg, tx, events...) }); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) join(info jobs.ProcessInfo) *jobs.Process {
	r.t.Helper()
	p, err := jobs.Join(bg, r.DB, r.clock, info)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// work starts a worker; the function given back stops it and waits for its end.
func (r *rig) work(o jobs.WorkerOptions) (stop func()) {
	r.t.Helper()
	if o.Process == nil {
		o.Process = r.join(jobs.ProcessInfo{Roles: "worker"})
	}
	if o.Queues == nil {
		for _, q := range jobs.Queues {
			o.Queues = append(o.Queues, jobs.Share{Queue: q})
		}
	}
	if o.Slots == 0 {
		o.Slots = 4
	}
	o.Log = quiet
	ctx, cancel := context.WithCancel(bg)
	ended := make(chan error, 1)
	go func() { ended <- r.Work(ctx, o) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("the worker ended with %v", err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

type row struct {
	kind, queue, lane, key, lastError string
	state, runAt, attempt             int64
}

func (r *rig) rows() []row {
	r.t.Helper()
	list, err := db.All(bg, r.DB, func(s db.Row) (v row, err error) {
		return v, s.Scan(&v.kind, &v.queue, &v.lane, &v.key, &v.lastError, &v.state, &v.runAt, &v.attempt)
	}, "SELECT kind, queue, lane, unique_key, last_error, state, run_at, attempt FROM jobs ORDER BY id")
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func (r *rig) kinds() string {
	r.t.Helper()
	var out []string
	for _, v := range r.rows() {
		out = append(out, v.kind)
	}
	return strings.Join(out, " ")
}

// until waits for something that other goroutines bring about. The limit only ends a test that would hang.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("never happened: " + what)
		}
	}
}

func none(context.Context, posted) error { return nil }

func TestEmitIsPartOfItsTransaction(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		woken := 0
		r.Wake = func(q []jobs.Queue) { woken += len(q) }
		jobs.On(r.Jobs, "a.first", jobs.Policy{Queue: jobs.Default}, none)
		jobs.On(r.Jobs, "b.second", jobs.Policy{Queue: jobs.Push, Delay: time.Minute}, none)
		jobs.On(r.Jobs, "c.some", jobs.Policy{Queue: jobs.Pull}, none, jobs.When(func(e posted) bool { return e.ID > 1 }))
		boom := errors.New("boom")
		err := d.Write(bg, func(tx *db.Tx) error { return errors.Join(r.Emit(bg, tx, posted{ID: 1}), boom) })
		if !errors.Is(err, boom) || len(r.rows()) != 0 || woken != 0 {
			t.Errorf("rolled back: %v, %d rows, %d woken", err, len(r.rows()), woken)
		}
		if err := d.Write(bg, func(tx *db.Tx) error { return r.Emit(bg, tx, posted{ID: 1}, nobodyCares{}) }); err == nil || len(r.rows()) != 0 {
			t.Errorf("an unknown event: %v, %d rows", err, len(r.rows()))
		}
		if err := d.Write(bg, func(tx *db.Tx) error { return r.Emit(bg, tx) }); err != nil || woken != 0 {
			t.Errorf("nothing: %v, %d woken", err, woken)
		}
		r.emit(posted{ID: 1})
		if got := r.kinds(); got != "a.first b.second" || woken != 1 { // what is due later is found then
			t.Errorf("rows are %s, %d woken", got, woken)
		}
		now := r.clock.Now()
		if rows := r.rows(); rows[0].runAt != db.Ms(now) || rows[1].runAt != db.Ms(now.Add(time.Minute)) || rows[1].queue != "push" {
			t.Errorf("rows are %+v", rows)
		}
		if err := d.Write(bg, func(tx *db.Tx) error { return r.EmitAt(bg, tx, now.Add(time.Hour), posted{ID: 2}) }); err != nil {
			t.Fatal(err)
		}
		if rows := r.rows(); len(rows) != 5 || rows[4].kind != "c.some" || rows[4].runAt != db.Ms(now.Add(time.Hour)) || rows[3].runAt != db.Ms(now.Add(time.Hour+time.Minute)) {
			t.Errorf("rows are %+v", rows)
		}
	})
}

func TestUniqueAndLane(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		inside, release := make(chan int64), make(chan error)
		host := func(e posted) string { return e.Host }
		jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Push, Attempts: 1}, func(_ context.Context, e posted) error {
			inside <- e.ID
			return <-release
		}, jobs.Unique(host), jobs.Lane(host))
		r.emit(posted{1, "a"}, posted{2, "a"}, posted{3, "b"}, posted{4, ""}, posted{5, ""})
		rows := r.rows()
		if len(rows) != 4 || rows[0].key != "a" || rows[0].lane != "a" || rows[2].key != "" {
			t.Fatalf("rows are %+v", rows)
		}
		stop := r.work(jobs.WorkerOptions{Slots: 1})
		if id := <-inside; id != 1 {
			t.Errorf("%d ran first", id)
		}
		r.emit(posted{6, "a"}) // one is running
		if n := len(r.rows()); n != 4 {
			t.Errorf("while one ran, there are %d rows", n)
		}
		release <- errors.New("no")
		for range 3 {
			<-inside
			release <- nil
		}
		until(t, "only the dead one is left", func() bool { return len(r.rows()) == 1 })
		if v := r.rows()[0]; v.state != 2 || v.key != "" {
			t.Errorf("the dead one is %+v", v)
		}
		r.emit(posted{7, "a"}) // the dead one is not in the way
		if id := <-inside; id != 7 {
			t.Errorf("%d ran last", id)
		}
		release <- nil
		stop()
	})
}

func TestMistakesOfTheProgram(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]func(j *jobs.Jobs){
		"a name given twice": func(j *jobs.Jobs) {
			jobs.On(j, "x", jobs.Policy{Queue: jobs.Default}, none)
			jobs.On(j, "x", jobs.Policy{Queue: jobs.Default}, none)
		},
		"an unknown queue": func(j *jobs.Jobs) { jobs.On(j, "x", jobs.Policy{Queue: "others"}, none) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was taken", name)
				}
			}()
			wrong(jobs.New(jobs.Options{}))
		}()
	}
	j := jobs.New(jobs.Options{})
	jobs.On(j, "b", jobs.Policy{Queue: jobs.Default}, none)
	jobs.On(j, "a", jobs.Policy{Queue: jobs.Push, Attempts: 3}, none)
	if got := j.Describe(); len(got) != 2 || got[0].Name != "a" || got[0].Event != "test.posted" || got[0].Policy.Attempts != 3 || got[1].Policy.Deadline != time.Minute {
		t.Errorf("described as %+v", got)
	}
	if err := j.Work(bg, jobs.WorkerOptions{}); err == nil {
		t.Error("a worker without slots works")
	}
	if jobs.Attempt(bg) != 0 || jobs.Complete(bg, nil) != nil {
		t.Error("outside of a job there is nothing to complete")
	}
}

func TestStrictOrder(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		var got []string
		done := make(chan bool, 9)
		for _, q := range []jobs.Queue{jobs.Pull, jobs.Default, jobs.Ingress} {
			jobs.On(r.Jobs, string(q), jobs.Policy{Queue: q}, func(context.Context, posted) error {
				got = append(got, string(q)) // one slot: one after the other
				done <- true
				return nil
			})
		}
		r.emit(posted{ID: 1}, posted{ID: 2}, posted{ID: 3})
		stop := r.work(jobs.WorkerOptions{Slots: 1, Strict: true, Queues: []jobs.Share{{Queue: jobs.Default}, {Queue: jobs.Ingress}, {Queue: jobs.Pull}}})
		for range 9 {
			<-done
		}
		stop()
		if want := strings.Fields("default default default ingress ingress ingress pull pull pull"); !slices.Equal(got, want) {
			t.Errorf("ran %v", got)
		}
		if n := len(r.rows()); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

func TestLanesAndCaps(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		inside, release := make(chan string, 100), make(chan bool)
		hang := func(_ context.Context, e posted) error {
			inside <- e.Host
			<-release
			return nil
		}
		jobs.On(r.Jobs, "deliver", jobs.Policy{Queue: jobs.Push}, hang, jobs.When(func(e posted) bool { return e.Host != "pull" }), jobs.Lane(func(e posted) string { return e.Host }))
		jobs.On(r.Jobs, "fetch", jobs.Policy{Queue: jobs.Pull}, hang, jobs.When(func(e posted) bool { return e.Host == "pull" }))
		for range 30 {
			r.emit(posted{Host: "hangs"}, posted{Host: "pull"}) // before all others, and more than there are slots
		}
		r.emit(posted{Host: "a"}, posted{Host: "b"}, posted{Host: "c"}, posted{Host: "c"})
		stop := r.work(jobs.WorkerOptions{Slots: 20, Drain: time.Minute, Queues: []jobs.Share{{Queue: jobs.Pull, Cap: 3}, {Queue: jobs.Push}}})
		seen := map[string]int{}
		for range 2 + 3 + 4 {
			seen[<-inside]++
		}
		for _, other := range []string{"d", "e", "f"} { // several more looks for work
			r.emit(posted{Host: "hangs"}, posted{Host: "pull"}, posted{Host: other})
			seen[<-inside]++
		}
		for host, want := range map[string]int{"hangs": 2, "pull": 3, "a": 1, "b": 1, "c": 2, "d": 1, "e": 1, "f": 1} {
			if seen[host] != want {
				t.Errorf("%d of %q run, of all %v", seen[host], host, seen)
			}
		}
		close(release)
		until(t, "everything ran", func() bool { return len(r.rows()) == 0 })
		stop()
	})
}
