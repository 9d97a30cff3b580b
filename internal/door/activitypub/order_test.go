package activitypub_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// reader is another server as simple as can be: it believes whatever comes last, so that only the right order leads to the right
// end. It fails as often as it is told to, before or after it has taken what came.
type reader struct {
	mu    sync.Mutex
	rand  *rand.Rand
	fails int // of 100
	posts map[string]string
	likes map[string]bool
	// wrong are deliveries that came before what they follow.
	wrong []string
	seen  map[string]bool
}

func (r *reader) take(w http.ResponseWriter, req *http.Request, d doc) {
	r.mu.Lock()
	fails, taken := r.rand.IntN(100) < r.fails, r.rand.IntN(2) == 0
	how := r.rand.IntN(4)
	if !fails || taken && how != 1 { // who says that it was too much has not taken it
		r.perform(d)
	}
	r.mu.Unlock()
	switch {
	case !fails:
		w.WriteHeader(http.StatusAccepted)
	case how == 0:
		hang(w, req, d)
	case how == 1:
		with(http.StatusTooManyRequests, "30")(w, req, d)
	default:
		w.WriteHeader([]int{http.StatusInternalServerError, http.StatusBadGateway}[how%2])
	}
}

// perform believes a delivery; mu is held.
func (r *reader) perform(d doc) {
	kind, _ := d["type"].(string)
	o, _ := d["object"].(map[string]any)
	id, _ := o["id"].(string)
	text, _ := o["content"].(string)
	switch kind {
	case "Create":
		r.posts[id] = text
		r.seen[id] = true
	case "Update":
		if !r.seen[id] {
			r.wrong = append(r.wrong, "Update of "+id)
		}
		r.posts[id] = text
	case "Delete":
		delete(r.posts, id)
	case "Like":
		object, _ := d["object"].(string)
		r.likes[object] = true
	case "Undo":
		object, _ := o["object"].(string)
		delete(r.likes, object)
	}
}

// However a server fails, and whatever is done meanwhile, in the end it knows what is the case here.
func TestDeliveriesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) { keepOrder(t, d, seed) })
		})
	}
}

func keepOrder(t *testing.T, d *db.DB, seed uint64) {
	chance := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's
	s := newDelivery(t, d)
	s.us.PushTimeout = 100 * time.Millisecond
	other := s.us.twin()
	other.PushTimeout = s.us.PushTimeout
	r := &reader{rand: rand.New(rand.NewPCG(seed, 2)), posts: map[string]string{}, likes: map[string]bool{}, seen: map[string]bool{}} //nolint:gosec // a test's
	note := s.bob.note("like me")
	s.bob.send(s.us, s.bob.activity("Create", note.with(doc{"to": []string{s.alice.URI}, "cc": []string{}})))
	liked := s.us.byURI(note["id"].(string))
	s.far.answersWith(r.take)
	var live []*statuses.Status
	want, likes := map[string]string{}, false
	for i := range 40 {
		r.mu.Lock()
		r.fails = []int{0, 40, 80, 100}[chance.IntN(4)]
		r.mu.Unlock()
		text := fmt.Sprintf("text %d", i)
		switch op := chance.IntN(10); {
		case op < 3 || len(live) == 0:
			st, err := s.us.statuses.Post(ctx(), s.alice, statuses.Draft{Text: text})
			s.us.must(err)
			live, want[st.URI] = append(live, st), "<p>"+text+"</p>"
			// An edit that is written out before the post is harmless, since the post then has its words; here it would be taken for wrong.
			until(t, func() bool {
				return s.us.count("SELECT COUNT(*) FROM jobs WHERE kind = 'activitypub.send_create' AND state <> 2") == 0
			})
		case op < 6:
			st := live[chance.IntN(len(live))]
			_, err := s.us.statuses.Edit(ctx(), s.alice, st.ID, statuses.Draft{Text: text})
			s.us.must(err)
			want[st.URI] = "<p>" + text + "</p>"
		case op < 8:
			k := chance.IntN(len(live))
			_, err := s.us.statuses.Delete(ctx(), s.alice, live[k].ID)
			s.us.must(err)
			delete(want, live[k].URI)
			live = append(live[:k], live[k+1:]...)
		default:
			var err error
			if likes {
				_, err = s.us.statuses.Unfavourite(ctx(), s.alice, liked.ID)
			} else {
				_, err = s.us.statuses.Favourite(ctx(), s.alice, liked.ID, "")
			}
			s.us.must(err)
			likes = !likes
		}
		if chance.IntN(3) > 0 { // at times several follow each other at once
			s.pass(time.Duration(chance.IntN(600))*time.Second, 1+chance.IntN(3), other)
		}
		s.us.clock.Advance(time.Second)
	}
	r.mu.Lock()
	r.fails = 0
	r.mu.Unlock()
	for range 400 {
		if s.waiting() == 0 {
			break
		}
		s.pass(10*time.Minute, 1, other)
	}
	s.pass(10*time.Minute, 1, other)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) > 0 || s.waiting() > 0 {
		t.Errorf("came too early: %v; %d wait", r.wrong, s.waiting())
	}
	if fmt.Sprint(r.posts) != fmt.Sprint(want) {
		t.Errorf("the reader has\n%v, not\n%v", r.posts, want)
	}
	if r.likes[liked.URI] != likes {
		t.Errorf("liked there: %v; here: %v", r.likes, likes)
	}
}

// What is deleted before it could be sent is never sent, nor is its deletion; what was tried is deleted for certain.
func TestDeletionsMeetWhatTheyDelete(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newDelivery(t, d)
		s.far.answersWith(with(http.StatusBadGateway, ""))
		tried := s.post("tried")
		for range 6 { // so that nothing is tried meanwhile
			s.us.must(s.us.instances.Failed(ctx(), s.far.domain, instances.Failure{Reason: "gateway", Down: true, Probe: true}))
		}
		held := s.post("held")
		_, err := s.us.statuses.Edit(ctx(), s.alice, held.ID, statuses.Draft{Text: "held, edited"})
		s.us.must(err)
		settle(t, s.us)
		s.heard(1)
		s.pass(10*time.Minute, 1)
		for _, st := range []*statuses.Status{tried, held} {
			_, err := s.us.statuses.Delete(ctx(), s.alice, st.ID)
			s.us.must(err)
		}
		settle(t, s.us)
		s.far.forget()
		s.far.answersWith(nil)
		s.pass(3*time.Hour, 60)
		got := s.heard(1)
		if id, _ := got[0]["object"].(map[string]any)["id"].(string); got[0]["type"] != "Delete" || id != tried.URI {
			t.Errorf("received %v", got)
		}
		if s.waiting() != 0 {
			t.Errorf("%d wait", s.waiting())
		}
	})
}

// An edit does not overtake the post, while another worker still sends that.
func TestEditsWaitForThePost(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newDelivery(t, d)
		other := s.us.twin()
		came, release := make(chan string, 10), make(chan struct{})
		free := sync.OnceFunc(func() { close(release) })
		defer free()
		s.far.answersWith(func(w http.ResponseWriter, _ *http.Request, d doc) {
			kind := d["type"].(string)
			came <- kind
			if kind == "Create" {
				<-release
			}
			w.WriteHeader(http.StatusAccepted)
		})
		st, err := s.us.statuses.Post(ctx(), s.alice, statuses.Draft{Text: "first"})
		s.us.must(err)
		if kind := <-came; kind != "Create" {
			t.Fatalf("%s came first", kind)
		}
		s.us.clock.Advance(time.Second)
		_, err = s.us.statuses.Edit(ctx(), s.alice, st.ID, statuses.Draft{Text: "second"})
		s.us.must(err)
		until(t, func() bool {
			return s.us.count("SELECT COUNT(*) FROM jobs WHERE kind = 'activitypub.push' AND state = 0 AND last_error LIKE 'an earlier%'") == 1
		})
		free()
		s.pass(10*time.Second, 5, other)
		if kind := <-came; kind != "Update" || len(came) > 0 {
			t.Errorf("%s came", kind)
		}
	})
}

// until waits for something that must come.
func until(t *testing.T, there func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !there() {
		select {
		case <-deadline:
			t.Fatal("it never came")
		case <-tick.C:
		}
	}
}
