package activitypub_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// versions lets a server name the version of each document, and say when it is still the same. It counts the answers without one.
func (r *remote) versions(of map[string]string) *int {
	same := new(int)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gate = func(w http.ResponseWriter, req *http.Request) bool {
		etag := of[req.URL.RequestURI()]
		if etag == "" {
			return true
		}
		if req.Header.Get("If-None-Match") == etag {
			*same++
			w.WriteHeader(http.StatusNotModified)
			return false
		}
		w.Header().Set("ETag", etag)
		return true
	}
	return same
}

// TestAnActorThatDidNotChangeIsNotSentAgain: it is asked for with the version that was read, and counts as fetched when that holds; a
// new version is taken.
func TestAnActorThatDidNotChangeIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	etags := map[string]string{"/users/bertha": `W/"1"`}
	same := s.good.versions(etags)
	s.bertha.doc["icon"] = doc{"type": "Image", "url": s.good.url("/1.png")}
	s.bertha.publish()
	first := s.known(s.bertha)
	s.us.clock.Advance(25 * time.Hour)
	if again := s.known(s.bertha); *same != 1 || !again.FetchedAt.After(first.FetchedAt) || again.DisplayName != "bertha" {
		t.Errorf("%d answers said that nothing changed; %+v", *same, again)
	}
	asked := s.good.times("/users/bertha")
	if s.known(s.bertha); s.good.times("/users/bertha") != asked {
		t.Error("an actor that was just found unchanged was asked for again")
	}
	s.bertha.doc["name"] = "Bertha the Second"
	s.bertha.publish()
	s.good.mu.Lock()
	etags["/users/bertha"] = `W/"2"`
	s.good.mu.Unlock()
	s.us.clock.Advance(25 * time.Hour)
	if got := s.known(s.bertha).DisplayName; got != "Bertha the Second" {
		t.Errorf("the name is %q", got)
	}
	// Whoever answers "not modified" without having been asked for a version says nothing.
	s.good.answer("/users/carl", answer{http.StatusNotModified, "application/activity+json", doc{}})
	if _, err := s.us.AccountByURI(ctx(), s.good.url("/users/carl"), false); err == nil {
		t.Error("an actor came of nothing")
	}
}

// TestACollectionThatDidNotChangeIsNotSentAgain: a page of answers that is the same goes on where it did.
func TestACollectionThatDidNotChangeIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s := newThread(t, dbtest.SQLite(t), 60)
	at := s.path(s.root) + "/replies"
	same := s.good.versions(map[string]string{at: `"a"`, at + "?page=0": `"b"`})
	s.open(s.uri)
	s.us.clock.Advance(16 * time.Minute)
	late := s.answer(s.bertha, s.uri, "late")
	page := s.good.answers[at+"?page=1"].body.(doc)
	s.good.serve(at+"?page=1", page.with(doc{"items": append(page["items"].([]string), late)}))
	s.open(s.uri)
	if *same != 2 {
		t.Errorf("%d answers said that nothing changed", *same)
	}
	s.us.byURI(late)
}

// TestWhatIsGoneIsNotAskedForAgain: for a day where the server says that it is gone, for minutes where it may come yet.
func TestWhatIsGoneIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.evil.answer("/gone", answer{http.StatusGone, "", ""})
	for _, step := range []struct {
		wait          time.Duration
		gone, missing int
	}{{0, 1, 1}, {4 * time.Minute, 1, 1}, {2 * time.Minute, 1, 2}, {20 * time.Hour, 1, 3}, {5 * time.Hour, 2, 4}} {
		s.us.clock.Advance(step.wait)
		for _, path := range []string{"/gone", "/missing"} {
			if _, err := s.us.FetchStatus(ctx(), s.evil.url(path)); err == nil {
				t.Fatalf("%s is a post", path)
			}
		}
		if g, m := s.evil.times("/gone"), s.evil.times("/missing"); g != step.gone || m != step.missing {
			t.Errorf("after %v more: asked %d and %d times, not %d and %d", step.wait, g, m, step.gone, step.missing)
		}
	}
}
