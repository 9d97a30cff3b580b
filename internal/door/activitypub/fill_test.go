package activitypub_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// thread is a post of somebody elsewhere that is here, and answers to it that are not.
type thread struct {
	*scene
	root    doc
	uri     string
	seconds int
}

// path is where a document of the good server is.
func (s *scene) path(d doc) string {
	return strings.TrimPrefix(strings.TrimPrefix(d["id"].(string), s.good.web.URL), s.evil.web.URL)
}

// publish serves a post and gives its id.
func (s *scene) publish(r *remote, d doc) string { r.serve(s.path(d), d); return d["id"].(string) }

func newThread(t *testing.T, d *db.DB, answers int) *thread {
	t.Helper()
	s := &thread{scene: newSceneOn(t, d)}
	s.root = s.scene.posted("root")
	s.uri = s.root["id"].(string)
	var list []string
	for i := range answers {
		list = append(list, s.answer(s.bertha, s.uri, fmt.Sprint("answer ", i)))
	}
	s.replies(s.root, list)
	s.us.clock.Advance(10 * time.Minute)
	return s
}

// answer serves an answer, which nobody pushes.
func (s *thread) answer(by *person, to, text string) string {
	s.seconds++
	at := s.us.clock.Now().Add(-time.Hour - time.Duration(s.seconds)*time.Second)
	n := by.note(text).with(doc{"inReplyTo": to, "published": at.Format(time.RFC3339)})
	return s.publish(by.remote, n)
}

// replies gives a post a collection of answers, fifty a page.
func (s *thread) replies(of doc, list []string) {
	at := s.path(of) + "/replies"
	page := func(n int) string { return fmt.Sprintf("%s?page=%d", at, n) }
	host := strings.TrimSuffix(of["id"].(string), s.path(of))
	s.good.serve(at, doc{"id": host + at, "type": "Collection", "first": host + page(0)})
	for n := 0; n*50 < len(list) || n == 0; n++ {
		p := doc{"id": host + page(n), "type": "CollectionPage", "partOf": host + at, "items": list[n*50 : min(len(list), n*50+50)]}
		if len(list) > n*50+50 {
			p["next"] = host + page(n+1)
		}
		s.good.serve(page(n), p)
	}
	s.publish(s.good, of.with(doc{"replies": host + at}))
}

func (s *thread) open(uri string) *statuses.Walk {
	s.t.Helper()
	w, err := s.us.statuses.OpenThread(ctx(), s.us.byURI(uri), 0)
	s.us.must(err)
	settle(s.t, s.us)
	return w
}

func (s *thread) here() int64 {
	s.t.Helper()
	return s.us.count("SELECT COUNT(*) FROM statuses WHERE in_reply_to_id <> 0")
}

// TestAThreadIsFilled: answers that were never sent to us are there once somebody opened the thread, those on other hosts and those
// that answer answers too.
func TestAThreadIsFilled(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newThread(t, d, 3)
		away := s.mallory.note("from another host").with(doc{"inReplyTo": s.uri})
		nested := s.answer(s.bertha, away["id"].(string), "below")
		list := []string{s.publish(s.evil, away.with(doc{"replies": doc{"type": "Collection", "id": away["id"].(string) + "/r", "first": doc{"type": "CollectionPage", "items": []string{nested}}}}))}
		for i := range 60 {
			list = append(list, s.answer(s.bertha, s.uri, fmt.Sprint("more ", i)))
		}
		s.replies(s.root, list)
		w := s.open(s.uri)
		if w == nil || !w.Running() {
			t.Fatalf("nothing is said to run: %+v", w)
		}
		if n := s.here(); n != 62 {
			t.Errorf("%d answers are here, not 62", n)
		}
		if got := s.us.byURI(nested); got.InReplyToID != s.us.byURI(away["id"].(string)).ID {
			t.Error("the answer below hangs elsewhere")
		}
		done, err := s.us.statuses.Walk(ctx(), s.us.db, s.us.byURI(s.uri).ConversationID)
		s.us.must(err)
		if done.Running() || done.Found != 62 {
			t.Errorf("the walk ended as %+v", done)
		}
		for _, uri := range list[1:] {
			if n := s.good.times(strings.TrimPrefix(uri, s.good.web.URL)); n != 1 {
				t.Errorf("%s was asked for %d times", uri, n)
			}
		}
	})
}

// TestAThreadIsNotFetchedOverAndOver: several posts opened at once make one walk, and within the cooldown there is no other; what was
// fetched is not fetched again afterwards.
func TestAThreadIsNotFetchedOverAndOver(t *testing.T) {
	t.Parallel()
	s := newThread(t, dbtest.SQLite(t), 5)
	root := s.us.byURI(s.uri)
	for range 5 {
		_, err := s.us.statuses.OpenThread(ctx(), root, 0)
		s.us.must(err)
	}
	if n := s.us.count("SELECT COUNT(*) FROM jobs WHERE kind = 'activitypub.fill_thread'"); n > 1 {
		t.Errorf("%d jobs walk the thread", n)
	}
	settle(t, s.us)
	asked := s.good.requests()
	for _, uri := range []string{s.uri, s.us.byURI(s.uri).URI} {
		s.us.clock.Advance(7 * time.Minute)
		if w := s.open(uri); w != nil {
			t.Error("another walk began within the cooldown")
		}
	}
	if n := s.good.requests(); n != asked {
		t.Errorf("%d requests were made in vain", n-asked)
	}
	s.us.clock.Advance(2 * time.Minute)
	extra := s.answer(s.bertha, s.uri, "late")
	s.replies(s.root, []string{extra})
	if w := s.open(s.uri); w == nil {
		t.Fatal("no walk began after the cooldown")
	}
	s.us.byURI(extra)
	if n := s.good.requests() - asked; n > 6 { // the collection and its page, the new answer, its author
		t.Errorf("%d requests were made for one new answer", n)
	}
}

// TestALongThreadIsFilledInRuns: each run takes its part of a collection, and the next one goes on where it ended.
func TestALongThreadIsFilledInRuns(t *testing.T) {
	t.Parallel()
	s := newThread(t, dbtest.SQLite(t), statuses.WalkSingle+120)
	s.open(s.uri)
	if n := s.here(); n != statuses.WalkSingle {
		t.Fatalf("%d answers are here after one run", n)
	}
	s.us.clock.Advance(16 * time.Minute)
	settle(t, s.us)
	if n := s.here(); n != statuses.WalkSingle+120 {
		t.Errorf("%d answers are here after two runs", n)
	}
	w, err := s.us.statuses.Walk(ctx(), s.us.db, s.us.byURI(s.uri).ConversationID)
	s.us.must(err)
	if w.Runs != 2 || s.us.count("SELECT COUNT(*) FROM jobs WHERE kind = 'activitypub.fill_thread'") != 0 {
		t.Errorf("the walk goes on: %+v", w)
	}
}

// TestAThreadByItsContext: the collection of the whole conversation is read where a post names one (FEP-7888), on its own host.
func TestAThreadByItsContext(t *testing.T) {
	t.Parallel()
	s := newThread(t, dbtest.SQLite(t), 0)
	context := s.good.url("/contexts/1")
	a := s.answer(s.bertha, s.uri, "in the context")
	s.good.serve("/contexts/1", doc{"id": context, "type": "Collection", "first": doc{"type": "CollectionPage", "id": context + "?page=1", "items": []string{s.uri, a}}})
	s.publish(s.good, s.root.with(doc{"context": context}))
	s.open(s.uri)
	s.us.byURI(a)
}

// TestACollectionMayNotSendUsAnywhere: pages on other hosts, posts of other threads and hosts on which nothing is (FET-07, FET-08).
func TestACollectionMayNotSendUsAnywhere(t *testing.T) {
	t.Parallel()
	s := newThread(t, dbtest.SQLite(t), 0)
	foreign := s.publish(s.evil, s.mallory.note("of no thread of ours"))
	list := []string{foreign, s.us.site.URL("/users/alice/statuses/1")}
	for i := range 40 {
		list = append(list, s.evil.url(fmt.Sprint("/nothing/", i)))
	}
	at := s.path(s.root) + "/replies"
	s.good.serve(at, doc{"id": s.good.url(at), "type": "Collection", "items": list, "next": s.evil.url("/pages/1"), "first": doc{"items": list, "next": s.evil.url("/pages/2")}})
	s.publish(s.good, s.root.with(doc{"replies": s.good.url(at)}))
	s.open(s.uri)
	s.us.missing(foreign)
	if n := s.evil.times("/pages/1") + s.evil.times("/pages/2"); n != 0 {
		t.Error("a page was fetched from another host")
	}
	if n := s.evil.requests(); n > 16 {
		t.Errorf("a host on which nothing is was asked %d times", n)
	}
}

// TestWhatIsNotFilled: our own posts, private ones, and those that are too young.
func TestWhatIsNotFilled(t *testing.T) {
	t.Parallel()
	s := newThread(t, dbtest.SQLite(t), 1)
	own := s.post(statuses.Draft{Text: "ours"})
	private := s.bob.note("for followers").with(doc{"to": []string{s.bob.uri + "/followers"}, "cc": []string{}})
	young := s.bob.note("young").with(doc{"published": s.us.clock.Now().Add(time.Second).Format(time.RFC3339), "to": []string{ap.Public}})
	for _, n := range []doc{private, young} {
		s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
	}
	for _, uri := range []string{own.URI, private["id"].(string), young["id"].(string)} {
		if w := s.open(uri); w != nil {
			t.Errorf("%s is filled", uri)
		}
	}
}
