package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// heartbeat is how often a process tells of itself.
const heartbeat = 5 * time.Second

func host(e posted) string { return e.Host }

// Rows that wait for a host that hangs are set aside once; what comes after them runs, and they run when the host answers again.
func TestAHostThatHangsIsPassedOver(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := newRig(t, d, nil, 1)
		inside, release := make(chan posted, 4000), make(chan bool)
		jobs.On(r.Jobs, "deliver", jobs.Policy{Queue: jobs.Push}, func(_ context.Context, e posted) error {
			inside <- e
			if e.Host == "hangs" {
				<-release
			}
			return nil
		}, jobs.Lane(host))
		const hanging, others = 2500, 50
		var events []jobs.Event
		for i := range hanging {
			events = append(events, posted{int64(i), "hangs"})
		}
		for i := range others {
			events = append(events, posted{int64(i), fmt.Sprint("host ", i)})
		}
		r.emit(events...)
		stop := r.work(jobs.WorkerOptions{Slots: 20, Drain: time.Minute})
		seen := map[string]int{}
		for range others + 2 {
			seen[(<-inside).Host]++
		}
		if seen["hangs"] != 2 { // a twentieth of the slots, and two at least
			t.Errorf("%d slots hang", seen["hangs"])
		}
		waiting, err := db.Value[int64](bg, d, "SELECT COUNT(*) FROM jobs WHERE state = 0")
		if held, herr := db.Value[int64](bg, d, "SELECT COUNT(*) FROM jobs WHERE state = 3"); waiting != 0 || held != hanging-2 || err != nil || herr != nil {
			t.Errorf("%d rows are in the way and %d are set aside, %v %v", waiting, held, err, herr)
		}
		// A second worker knows of them too, though it set nothing aside.
		other := newRig(t, d, r.clock, 2)
		jobs.On(other.Jobs, "deliver", jobs.Policy{Queue: jobs.Push}, func(_ context.Context, e posted) error { inside <- e; return nil }, jobs.Lane(host))
		stopOther := other.work(jobs.WorkerOptions{Slots: 20})
		for range 50 {
			<-inside
		}
		stopOther()
		if err := d.Write(bg, func(tx *db.Tx) error { // enough of them
			_, err := tx.Exec(bg, "DELETE FROM jobs WHERE state = 3 AND id IN (SELECT id FROM jobs WHERE state = 3 ORDER BY id DESC LIMIT $1)", hanging-200)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		close(release)
		until(t, "all ran", func() bool { return len(r.rows()) == 0 })
		stop()
	})
}

// Any load, any caps, settings that change meanwhile: caps and lanes hold exactly at every moment, and every job runs once.
func TestCapsAndLanesHoldWhateverComes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // to be repeated
		r := newRig(t, d, nil, 1)
		const slots, pushCap, n = 40, 7, 600
		var mu sync.Mutex
		all, inQueue, inLane, ran := 0, map[jobs.Queue]int{}, map[string]int{}, map[int64]int{}
		run := func(q jobs.Queue) func(context.Context, posted) error {
			return func(ctx context.Context, e posted) error {
				lane := string(q) + e.Host
				mu.Lock()
				all++
				inQueue[q]++
				inLane[lane]++
				ran[e.ID]++
				if all > slots || inQueue[jobs.Push] > pushCap || e.Host != "" && inLane[lane] > 2 {
					t.Errorf("at once %d, by queue %v, in lane %s %d", all, inQueue, lane, inLane[lane])
				}
				mu.Unlock()
				if e.ID%3 == 0 {
					if _, err := db.All(ctx, d, func(s db.Row) (id int64, err error) { return id, s.Scan(&id) }, "SELECT id FROM jobs"); err != nil { // stands for work
						t.Error(err)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				all--
				inQueue[q]--
				inLane[lane]--
				return nil
			}
		}
		jobs.On(r.Jobs, "push", jobs.Policy{Queue: jobs.Push}, run(jobs.Push), jobs.Lane(host), jobs.When(func(e posted) bool { return e.ID%2 == 0 }))
		jobs.On(r.Jobs, "pull", jobs.Policy{Queue: jobs.Pull}, run(jobs.Pull), jobs.Lane(host), jobs.When(func(e posted) bool { return e.ID%2 == 1 }))
		stop := r.work(jobs.WorkerOptions{Slots: slots, Queues: []jobs.Share{{Queue: jobs.Push, Cap: pushCap}, {Queue: jobs.Pull, Weight: 3}}})
		for i := 0; i < n; {
			var events []jobs.Event
			for range random.IntN(30) {
				if i++; i <= n {
					events = append(events, posted{int64(i), []string{"", "a", "b", "c"}[random.IntN(4)]})
				}
			}
			r.emit(events...)
		}
		until(t, "all ran", func() bool { return len(r.rows()) == 0 })
		stop()
		for id, times := range ran {
			if times != 1 {
				t.Errorf("job %d ran %d times", id, times)
			}
		}
		if len(ran) != n {
			t.Errorf("%d of %d ran", len(ran), n)
		}
	})
}

// A slot takes a connection for a statement alone: as many jobs as you like may wait for other servers (requirements C7, C8).
func TestSlotsDoNotHoldConnections(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const slots = 480
		r := newRig(t, d, nil, 1)
		inside, release := make(chan bool, slots), make(chan bool)
		jobs.On(r.Jobs, "x", jobs.Policy{Queue: jobs.Push}, func(ctx context.Context, e posted) error {
			if _, err := db.Value[int64](ctx, d, "SELECT COUNT(*) FROM jobs WHERE id = $1", e.ID); err != nil {
				return err
			}
			inside <- true
			<-release
			return nil
		})
		var events []jobs.Event
		for i := range slots + 20 {
			events = append(events, posted{ID: int64(i)})
		}
		r.emit(events...)
		stop := r.work(jobs.WorkerOptions{Slots: slots})
		for range slots {
			<-inside
		}
		until(t, "hardly a connection is in use", func() bool { return d.Stats().Busy <= 1 })
		if s := d.Stats(); s.Open > 7 {
			t.Errorf("%d connections are open", s.Open)
		}
		if _, err := db.Value[int64](bg, d, "SELECT 1"); err != nil { // somebody else finds one
			t.Error(err)
		}
		close(release)
		until(t, "all ran", func() bool { return len(r.rows()) == 0 })
		stop()
	})
}

// A job that does not stop when its time is over loses its slot, not more: what it writes then is refused.
func TestADeafJobLosesItsSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := dbtest.SQLite(t)
		j := jobs.New(jobs.Options{DB: d, IDs: ids.NewSource(clock.Real{}, 1), Clock: clock.Real{}})
		release, late := make(chan bool), make(chan error, 1)
		ran := make(chan int64, 9)
		jobs.On(j, "x", jobs.Policy{Queue: jobs.Default, Deadline: time.Minute, Attempts: 1}, func(ctx context.Context, e posted) error {
			if e.Host == "deaf" {
				ran <- 0
				<-release
				err := d.Write(bg, func(tx *db.Tx) error {
					return errors.Join(effect(bg, tx, e.ID), jobs.Complete(context.WithoutCancel(ctx), tx))
				})
				late <- err
				return err
			}
			ran <- e.ID
			return nil
		})
		if err := d.Write(bg, func(tx *db.Tx) error { return j.Emit(bg, tx, posted{1, "deaf"}, posted{2, "deaf"}, posted{3, ""}) }); err != nil {
			t.Fatal(err)
		}
		p, err := jobs.Join(bg, d, clock.Real{}, jobs.ProcessInfo{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(bg)
		began := time.Now()
		ended := make(chan error, 2)
		go func() { ended <- p.Heartbeat(ctx) }()
		go func() {
			ended <- j.Work(ctx, jobs.WorkerOptions{Queues: []jobs.Share{{Queue: jobs.Default}}, Slots: 2, Process: p, Log: quiet})
		}()
		if a, b := <-ran, <-ran; a+b != 0 {
			t.Fatalf("%d and %d ran first", a, b)
		}
		if id := <-ran; id != 3 || time.Since(began) > 75*time.Second {
			t.Errorf("%d ran after %v", id, time.Since(began))
		}
		time.Sleep(2 * heartbeat) // of the bubble's clock
		rows, err := j.Find(bg, jobs.Filter{State: "dead", Limit: 9})
		if err != nil || len(rows) != 2 || rows[0].Attempt != 1 {
			t.Errorf("the deaf jobs are %+v, %v", rows, err)
		}
		if list, err := j.Processes(bg); err != nil || len(list) != 1 || list[0].Abandoned != 2 || list[0].Running != 0 {
			t.Errorf("processes are %+v, %v", list, err)
		}
		close(release)
		for range 2 {
			if err := <-late; !errors.Is(err, jobs.ErrFenced) {
				t.Errorf("it wrote: %v", err)
			}
		}
		cancel()
		if err := errors.Join(<-ended, <-ended); err != nil {
			t.Error(err)
		}
		if n := effects(t, d); n != 0 {
			t.Errorf("%d effects", n)
		}
	})
}
