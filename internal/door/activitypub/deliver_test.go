package activitypub_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// delivery is alice here and bob, who follows her from a server whose inbox the test answers for.
type delivery struct {
	t     *testing.T
	us    *node
	far   *remote
	alice *accounts.Account
	bob   *person
}

func newDelivery(t *testing.T, d *db.DB) *delivery {
	t.Helper()
	s := &delivery{t: t, us: newNode(t, d, newClock()), far: newRemote(t)}
	s.alice, s.bob = s.us.person("alice"), s.far.person("bob")
	if status := s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)); status != http.StatusAccepted {
		t.Fatalf("the follow was answered %d", status)
	}
	if got := s.far.received(); len(got) != 1 || got[0]["type"] != "Accept" {
		t.Fatalf("received %v", got)
	}
	s.far.forget()
	return s
}

// forget drops what was posted so far.
func (r *remote) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posted = nil
}

func (s *delivery) post(text string) *statuses.Status {
	s.t.Helper()
	st, err := s.us.statuses.Post(ctx(), s.alice, statuses.Draft{Text: text})
	s.us.must(err)
	settle(s.t, s.us)
	s.us.clock.Advance(time.Second)
	return st
}

// pass lets time go by, in steps, so that what becomes due on the way is done on the way.
func (s *delivery) pass(d time.Duration, steps int, nodes ...*node) {
	s.t.Helper()
	nodes = append(nodes, s.us)
	for range steps {
		s.advance(d/time.Duration(steps), nodes...)
		settle(s.t, nodes...)
	}
}

// advance moves the clock so that no process takes another for dead meanwhile.
func (s *delivery) advance(d time.Duration, nodes ...*node) {
	s.t.Helper()
	step := 20 * time.Second
	if len(nodes) == 1 {
		step = max(d, step)
	}
	for left := d; left > 0; left -= step {
		s.us.clock.Advance(min(left, step))
		for _, n := range nodes {
			for _, p := range n.processes {
				n.must(p.Beat(ctx()))
			}
		}
	}
}

func (s *delivery) heard(n int) []doc {
	s.t.Helper()
	got := s.far.received()
	if len(got) != n {
		s.t.Fatalf("%d requests arrived, not %d", len(got), n)
	}
	return got
}

func (s *delivery) host(want instances.State) instances.Host {
	s.t.Helper()
	h, err := s.us.instances.ByDomain(ctx(), s.us.db, s.far.domain)
	s.us.must(err)
	if got := h.State(s.us.clock.Now()); got != want {
		s.t.Fatalf("the host is %s, not %s: %+v", got, want, h)
	}
	return h
}

func (s *delivery) waiting() int64 {
	return s.us.count("SELECT COUNT(*) FROM jobs WHERE kind = 'activitypub.push' AND state <> 2")
}

// hang answers when the other side has had enough.
func hang(_ http.ResponseWriter, req *http.Request, _ doc) { <-req.Context().Done() }

// with answers a status, and asks to wait.
func with(status int, retryAfter string) func(http.ResponseWriter, *http.Request, doc) {
	return func(w http.ResponseWriter, _ *http.Request, _ doc) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
	}
}

func contents(docs []doc) (out []string) {
	for _, d := range docs {
		o, _ := d["object"].(map[string]any)
		text, _ := o["content"].(string)
		out = append(out, text)
	}
	return out
}

// A server that hangs is left alone and probed, and has everything, in order, once it is back.
func TestDeliveryToOneThatHangs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newDelivery(t, d)
		s.us.PushTimeout = time.Second
		s.far.answersWith(hang)
		var want []string
		for i := range 6 {
			s.post(strconv.Itoa(i))
			want = append(want, "<p>"+strconv.Itoa(i)+"</p>")
		}
		s.heard(1)
		if h := s.host(instances.Failing); h.LastError != "timeout" || s.waiting() != 6 {
			t.Fatalf("%d wait, for %+v", s.waiting(), h)
		}
		s.pass(time.Hour, 60)
		if n := len(s.far.received()); n < 4 || n > 8 { // after 1, 2, 4, 8, 16 and 32 minutes, and up to a quarter more
			t.Errorf("probed %d times in an hour", n)
		}
		s.far.answersWith(nil)
		s.far.forget()
		s.pass(3*time.Hour, 60)
		if got := contents(s.far.received()); len(got) != 6 || s.waiting() != 0 {
			t.Fatalf("received %v, %d wait", got, s.waiting())
		} else if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("received %v", got)
		}
		s.host(instances.Healthy)
		s.post("and on")
		s.heard(7)
	})
}

// What a server answers decides what becomes of a delivery.
func TestDeliveryAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*delivery){
		"500 is tried again, and held in the end": func(s *delivery) {
			s.far.answersWith(with(500, ""))
			s.post("once")
			s.host(instances.Failing)
			if turn, _, err := s.us.instances.Turn(ctx(), s.far.domain, time.Now()); turn != instances.Free || err != nil {
				s.t.Errorf("one answer holds everything (%v)", err)
			}
			s.pass(time.Hour, 30)
			if n := len(s.far.received()); n < 5 || n > 9 || !s.host(instances.Failing).Open() {
				s.t.Errorf("tried %d times", n)
			}
		},
		"410 is the end": func(s *delivery) {
			s.far.answersWith(with(410, ""))
			s.post("gone")
			s.pass(48*time.Hour, 5)
			s.heard(1)
			if n := s.us.count("SELECT COUNT(*) FROM instances WHERE failures <> 0"); n != 0 || s.waiting() != 0 {
				s.t.Errorf("%d hosts fail, %d wait", n, s.waiting())
			}
		},
		"429 waits as long as it says": func(s *delivery) {
			s.far.answersWith(with(429, "3600"))
			s.post("one")
			s.post("two")
			s.pass(59*time.Minute, 30)
			s.heard(1)
			s.far.answersWith(nil)
			s.pass(time.Hour, 30)
			s.heard(3)
			if n := s.us.count("SELECT COUNT(*) FROM jobs WHERE attempt > 1"); n != 0 {
				s.t.Error("waiting counted as a failure")
			}
		},
		"503 with Retry-After too": func(s *delivery) {
			s.far.answersWith(with(503, "1800"))
			s.post("one")
			s.pass(29*time.Minute, 30)
			s.heard(1)
			s.far.answersWith(nil)
			s.pass(time.Hour, 30)
			s.heard(2)
		},
		"a probe that is refused shows that the host is back": func(s *delivery) {
			s.far.answersWith(with(502, ""))
			s.post("one")
			s.host(instances.Failing)
			s.far.answersWith(with(404, ""))
			s.pass(3*time.Minute, 6)
			s.host(instances.Recovering)
		},
		"it is given up after a week of days, until it speaks": func(s *delivery) {
			s.far.answersWith(with(502, ""))
			s.post("one")
			s.pass(8*24*time.Hour, 64)
			s.host(instances.Unavailable)
			if s.waiting() != 0 {
				s.t.Errorf("%d wait", s.waiting())
			}
			before := len(s.far.received())
			s.post("two")
			if n := s.us.count("SELECT COUNT(*) FROM jobs WHERE kind = 'activitypub.push' AND state <> 2"); n != 0 {
				s.t.Error("something was written for it")
			}
			s.far.answersWith(nil)
			note := s.bob.note("hello?")
			if status := s.bob.send(s.us, s.bob.activity("Create", note.with(doc{"to": []string{s.alice.URI}, "cc": []string{}}))); status != http.StatusAccepted {
				s.t.Fatalf("answered %d", status)
			}
			s.post("three")
			s.heard(before + 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) { test(newDelivery(t, d)) })
		})
	}
}

// Two processes share the circuit: of all that waits in either, one delivery is the probe.
func TestDeliveryProbesAreShared(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newDelivery(t, d)
		other := s.us.twin()
		s.far.answersWith(with(502, ""))
		for i := range 40 {
			s.post(strconv.Itoa(i))
		}
		for range 8 {
			retry := s.host(instances.Failing).RetryAt
			s.far.forget()
			// Everything that waits becomes due at once, in both processes.
			s.advance(retry.Sub(s.us.clock.Now()), s.us, other)
			s.us.must(d.Write(ctx(), func(tx *db.Tx) error {
				_, err := tx.Exec(ctx(), "UPDATE jobs SET run_at = 0 WHERE kind = 'activitypub.push' AND state = 0")
				return err
			}))
			settle(t, s.us, other)
			s.heard(1)
		}
		s.far.answersWith(nil)
		s.far.forget()
		s.pass(4*time.Hour, 120, other)
		if n := len(s.far.received()); n != 40 || s.waiting() != 0 {
			t.Errorf("%d arrived, %d wait", n, s.waiting())
		}
	})
}

// The attempts of a delivery span a week.
func TestPushBackoff(t *testing.T) {
	t.Parallel()
	var least, most time.Duration
	for attempt := 1; attempt < activitypub.PushAttempts; attempt++ {
		wait, base := activitypub.PushBackoff(attempt), min(time.Duration(attempt*attempt*attempt*attempt+15)*time.Second, 18*time.Hour)
		if wait < base || wait > base*5/4 {
			t.Errorf("after attempt %d: %s, not from %s to a quarter more", attempt, wait, base)
		}
		least, most = least+base, most+base*5/4
	}
	if least < 6*24*time.Hour || most > 9*24*time.Hour {
		t.Errorf("the attempts span %s to %s", least, most)
	}
}

// A delivery to a host that is well costs one statement of its own.
func TestPushBudget(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newDelivery(t, d)
		push := activitypub.Delivery{FromID: s.alice.ID, Inbox: s.far.url("/inbox"), Body: `{"id":"x"}`, At: s.us.clock.Now(), Seq: 1}
		push.Object, push.Verb, push.Post = "x", "Create", true
		s.us.must(s.us.Push(ctx(), push))
		for verb, want := range map[string]int64{"Create": 1, "Announce": 1, "Update": 2, "Delete": 2, "Undo": 2} {
			push.Verb = verb
			counted, count := db.Counting(ctx())
			s.us.must(s.us.Push(counted, push))
			if count.N() > want {
				t.Errorf("%s took %d statements", verb, count.N())
			}
		}
	})
}
