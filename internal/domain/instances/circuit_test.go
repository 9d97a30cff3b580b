package instances_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

const far = "far.example"

// circuit is a host as a test moves it about.
type circuit struct {
	*make.World
	t *testing.T
}

func newCircuit(t *testing.T, d *db.DB) *circuit { return &circuit{make.New(t, d), t} }

func (c *circuit) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *circuit) fails(reason string, down bool) {
	c.t.Helper()
	c.must(c.Instances.Failed(c.Ctx(), far, instances.Failure{Reason: reason, Down: down}))
}

func (c *circuit) turn(s *instances.Service) (instances.Turn, time.Duration) {
	c.t.Helper()
	turn, wait, err := s.Turn(c.Ctx(), far, time.Time{})
	c.must(err)
	return turn, wait
}

func (c *circuit) is(want instances.Turn) {
	c.t.Helper()
	if turn, wait := c.turn(c.Instances); turn != want {
		c.t.Fatalf("turn is %d (wait %s), not %d", turn, wait, want)
	}
}

func (c *circuit) state(want instances.State) instances.Host {
	c.t.Helper()
	h, err := c.Instances.ByDomain(c.Ctx(), c.DB, far)
	c.must(err)
	if got := h.State(c.Clock.Now()); got != want {
		c.t.Fatalf("the host is %s, not %s: %+v", got, want, h)
	}
	return h
}

// probe waits until a probe is due, claims it and says how it went.
func (c *circuit) probe(f *instances.Failure) {
	c.t.Helper()
	if h := c.state(instances.Failing); h.RetryAt.After(c.Clock.Now()) {
		c.Clock.Advance(h.RetryAt.Sub(c.Clock.Now()))
	}
	c.is(instances.Due)
	got, err := c.Instances.Claim(c.Ctx(), far)
	c.must(err)
	if !got {
		c.t.Fatal("the probe was not to be had")
	}
	c.is(instances.Held)
	if f == nil {
		c.must(c.Instances.Succeeded(c.Ctx(), far))
		return
	}
	f.Probe = true
	c.must(c.Instances.Failed(c.Ctx(), far, *f))
}

// The states of a host, on each engine.
func TestCircuit(t *testing.T) {
	t.Parallel()
	down := instances.Failure{Reason: "timeout", Down: true}
	for name, test := range map[string]func(*circuit){
		"one that is down is left alone at once": func(c *circuit) {
			c.is(instances.Free)
			c.fails("refused", true)
			c.is(instances.Held)
			if h := c.state(instances.Failing); h.LastError != "refused" || h.RetryAt.Sub(c.Clock.Now()) < time.Minute || h.RetryAt.Sub(c.Clock.Now()) > 75*time.Second {
				c.t.Errorf("it is %+v", h)
			}
		},
		"answers like 500 count together": func(c *circuit) {
			for range 4 {
				c.fails("status_5xx", false)
				c.is(instances.Free)
			}
			c.fails("status_5xx", false)
			c.is(instances.Held)
		},
		"an answer in between starts the count anew": func(c *circuit) {
			for range 20 {
				c.fails("status_5xx", false)
				c.must(c.Instances.Succeeded(c.Ctx(), far))
			}
			c.is(instances.Free)
			c.state(instances.Healthy)
		},
		"failures that began before count once": func(c *circuit) {
			for range 10 {
				c.fails("timeout", true)
			}
			if h := c.state(instances.Failing); h.Tries != 1 || h.Failures != 10 {
				c.t.Errorf("it is %+v", h)
			}
		},
		"the wait doubles up to an hour": func(c *circuit) {
			c.fails("timeout", true)
			for _, want := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
				f := down
				c.probe(&f)
				if got := c.state(instances.Failing).RetryAt.Sub(c.Clock.Now()); got < want*time.Minute || got > want*time.Minute*5/4 {
					c.t.Errorf("waits %s, not %s", got, want*time.Minute)
				}
			}
		},
		"a probe that arrives closes it": func(c *circuit) {
			c.fails("timeout", true)
			c.probe(nil)
			c.is(instances.Free)
			if h := c.state(instances.Recovering); !h.LastSuccessAt.Equal(c.Clock.Now()) || h.Failures != 0 || h.Tries != 0 || h.LastError != "" {
				c.t.Errorf("it is %+v", h)
			}
			c.Clock.Advance(time.Hour)
			c.state(instances.Healthy)
		},
		"a prober that dies lets another have it": func(c *circuit) {
			c.fails("timeout", true)
			c.Clock.Advance(2 * time.Minute)
			for range 3 {
				got, err := c.Instances.Claim(c.Ctx(), far)
				c.must(err)
				if !got {
					c.t.Fatal("nobody may probe")
				}
				if got, err = c.Instances.Claim(c.Ctx(), far); err != nil || got {
					c.t.Fatalf("two may probe at once (%v)", err)
				}
				c.Clock.Advance(time.Minute)
			}
		},
		"what it asks for is granted, and is no failure": func(c *circuit) {
			for range 10 {
				c.must(c.Instances.Failed(c.Ctx(), far, instances.Failure{Reason: "limited", Wait: 3 * time.Hour}))
				if h := c.state(instances.Failing); h.FailedDays != 0 || h.RetryAt.Sub(c.Clock.Now()) < 3*time.Hour {
					c.t.Fatalf("it is %+v", h)
				}
				c.Clock.Advance(24 * time.Hour)
			}
			c.must(c.Instances.Failed(c.Ctx(), far, instances.Failure{Reason: "limited", Wait: 1000 * time.Hour}))
			if h := c.state(instances.Failing); h.RetryAt.Sub(c.Clock.Now()) > 31*time.Hour {
				c.t.Errorf("it is %+v", h)
			}
		},
		"seven days make it unavailable, until it speaks": func(c *circuit) {
			c.fails("dns", true)
			for range 6 {
				c.state(instances.Failing)
				c.Clock.Advance(24 * time.Hour)
				f := down
				c.probe(&f)
			}
			c.state(instances.Unavailable)
			c.is(instances.Barred)
			if got, err := c.Instances.Claim(c.Ctx(), far); got || err != nil {
				c.t.Errorf("it is probed (%v)", err)
			}
			c.must(c.Instances.Spoke(c.Ctx(), far))
			c.is(instances.Free)
			c.fails("dns", true)
			c.is(instances.Held) // the week begins anew
		},
		"several failures on one day are one day": func(c *circuit) {
			c.Clock.Advance(c.Clock.Now().Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(c.Clock.Now()))
			for range 12 {
				c.fails("dns", true)
				c.Clock.Advance(time.Hour)
			}
			if h := c.state(instances.Failing); h.FailedDays != 1 {
				c.t.Errorf("it is %+v", h)
			}
		},
		"one that fails and speaks is probed soon": func(c *circuit) {
			c.fails("timeout", true)
			for range 6 {
				f := down
				c.probe(&f)
			}
			ctx, count := db.Counting(c.Ctx())
			for range 100 {
				c.must(c.Instances.Spoke(ctx, far))
			}
			if count.N() > 5 {
				c.t.Errorf("hearing from it took %d statements", count.N())
			}
			if got := c.state(instances.Failing).RetryAt.Sub(c.Clock.Now()); got != time.Minute {
				c.t.Errorf("probed in %s", got)
			}
		},
		"an operator may ask for a probe": func(c *circuit) {
			c.fails("timeout", true)
			c.must(c.Instances.Retry(c.Ctx(), far))
			c.is(instances.Due)
			c.must(c.Instances.Clear(c.Ctx(), far))
			c.is(instances.Free)
		},
		"a suspended one gets nothing": func(c *circuit) {
			c.is(instances.Free)
			c.must(c.Instances.Block(c.Ctx(), instances.Block{Domain: "example", Severity: instances.Suspend}))
			c.is(instances.Barred)
			_, err := c.Instances.Unblock(c.Ctx(), "example")
			c.must(err)
			c.is(instances.Free)
		},
		"one that is well costs nothing": func(c *circuit) {
			c.is(instances.Free)
			ctx, count := db.Counting(c.Ctx())
			for range 100 {
				if turn, _, err := c.Instances.Turn(ctx, far, time.Now()); turn != instances.Free || err != nil {
					c.t.Fatal(turn, err)
				}
				c.must(c.Instances.Succeeded(ctx, far))
			}
			if count.N() != 0 {
				c.t.Errorf("%d statements", count.N())
			}
			c.Clock.Advance(3 * time.Second)
			c.fails("timeout", true) // what is remembered of success is written now
			if h := c.state(instances.Failing); !h.LastSuccessAt.Equal(c.Clock.Now().Add(-3 * time.Second)) {
				c.t.Errorf("it is %+v", h)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) { test(newCircuit(t, d)) })
		})
	}
}

// Processes share the circuit: one learns from another, and among many that ask at once one gets the probe.
func TestCircuitIsShared(t *testing.T) {
	t.Parallel()
	dbtest.Pooled(t, func(t *testing.T, d *db.DB) {
		c := newCircuit(t, d)
		other := instances.New(d, c.Clock, c.Jobs)
		if turn, _ := c.turn(other); turn != instances.Free {
			t.Fatal("not free at first")
		}
		c.fails("timeout", true)
		c.Clock.Advance(2 * time.Second)
		if turn, wait := c.turn(other); turn != instances.Held || wait < 50*time.Second {
			t.Fatalf("the other process sends (%d, %s)", turn, wait)
		}
		c.Clock.Advance(2 * time.Minute)
		var wg sync.WaitGroup
		var mu sync.Mutex
		claimed := 0
		for i := range 20 {
			s := []*instances.Service{c.Instances, other}[i%2]
			wg.Go(func() {
				got, err := s.Claim(context.Background(), far)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if got {
					claimed++
				}
			})
		}
		wg.Wait()
		if claimed != 1 {
			t.Fatalf("%d probes at once", claimed)
		}
		c.is(instances.Held)
		c.must(other.Succeeded(c.Ctx(), far))
		c.is(instances.Held) // not known here yet; but nobody waits for what is over
		if turn, _, err := c.Instances.Turn(c.Ctx(), far, time.Now()); turn != instances.Free || err != nil {
			t.Errorf("waits although the host is back (%d, %v)", turn, err)
		}
	})
}

// toFar is a delivery, as far as hosts are concerned.
type toFar struct{ Object, Verb string }

func (toFar) Kind() string { return "test.to_far" }

// What waits for a host is spread while it fails, and due, in order, when it is back.
func TestWaitingDeliveries(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCircuit(t, d)
		jobs.On(c.Jobs, "test.push", jobs.Policy{Queue: jobs.Push}, func(context.Context, toFar) error { return nil }, jobs.Lane(func(toFar) string { return far }))
		c.fails("timeout", true)
		const n = 1000
		due := map[time.Duration]int{}
		var first, last time.Duration
		c.must(d.Write(c.Ctx(), func(tx *db.Tx) error {
			for i := range n {
				turn, wait, err := c.Instances.Turn(c.Ctx(), far, time.Time{})
				if err != nil || turn != instances.Held {
					t.Fatal(turn, err)
				}
				due[wait.Truncate(time.Second)]++
				if i == 0 {
					first = wait
				}
				last = max(last, wait)
				if err := c.Jobs.EmitAt(c.Ctx(), tx, c.Clock.Now().Add(wait), toFar{Object: "a", Verb: "Create"}); err != nil {
					return err
				}
			}
			return nil
		}))
		if first > 81*time.Second {
			t.Errorf("alone it would wait %s", first)
		}
		for at, k := range due {
			if k > n/4 {
				t.Errorf("%d wake at %s", k, at)
			}
		}
		if waiting, err := c.Instances.Waiting(c.Ctx(), d, []string{far, "other.example"}); err != nil || waiting[far] != n || len(waiting) != 1 {
			t.Errorf("waiting are %v (%v)", waiting, err)
		}
		c.probe(nil)
		rows, err := db.Column[int64](c.Ctx(), d, "SELECT run_at FROM jobs WHERE lane = $1 ORDER BY id", far)
		c.must(err)
		now := c.Clock.Now().UnixMilli()
		if rows[0] > now {
			t.Error("the first is not due")
		}
		for i, at := range rows {
			if at > now+20*int64(i) {
				t.Fatalf("the %dth waits %d ms", i, at-now)
			}
		}
		ahead, err := c.Instances.Pending(c.Ctx(), d, []string{far}, `{"Object":"a","Verb":"`)
		c.must(err)
		if len(ahead) != 20 || ahead[0].Rest != `Create"}` || ahead[0].Running || ahead[0].Attempts != 0 {
			t.Errorf("pending are %+v", ahead)
		}
		if ahead, err = c.Instances.Pending(c.Ctx(), d, []string{far}, `{"Object":"b","Verb":"`); err != nil || len(ahead) != 0 {
			t.Errorf("pending are %+v (%v)", ahead, err)
		}
	})
}

// The list shows what an operator looks for.
func TestListOfHosts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCircuit(t, d)
		for _, domain := range []string{"a.example", "b.example", "c.example", "d.example"} {
			c.must(c.Instances.Failed(c.Ctx(), domain, instances.Failure{Reason: "dns", Down: true}))
		}
		c.must(c.Instances.Clear(c.Ctx(), "b.example"))
		c.must(d.Write(c.Ctx(), func(tx *db.Tx) error { return c.Instances.Seen(c.Ctx(), tx, "e.example") }))
		names := func(after string, limit int, states ...instances.State) (out string) {
			t.Helper()
			list, err := c.Instances.Hosts(c.Ctx(), d, states, after, limit)
			c.must(err)
			for _, h := range list {
				out += h.Domain[:1]
			}
			return out
		}
		for _, one := range []struct{ got, want string }{
			{names("", 10, instances.Failing), "acd"},
			{names("", 10, instances.Recovering), "b"},
			{names("", 10, instances.States...), "abcde"},
			{names("a.example", 2, instances.Failing, instances.Recovering), "bc"},
			{names("", 10, instances.Unavailable), ""},
		} {
			if one.got != one.want {
				t.Errorf("listed %q, not %q", one.got, one.want)
			}
		}
		if counts := c.Instances.Counts(); counts[instances.Failing] != 3 || counts[instances.Recovering] != 1 || len(counts) != 2 {
			t.Errorf("counted %v", counts)
		}
	})
}
