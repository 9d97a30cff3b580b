package activitypub_test

import (
	"testing"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// TestQuoteRequestsAreRefused answers who may see the post, and tells nobody else that it exists (AUZ-12).
func TestQuoteRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSceneOn(t, dbtest.SQLite(t))
	public, private := s.post(statuses.Draft{Text: "public"}), s.post(statuses.Draft{Text: "private", Visibility: statuses.Private})
	ask := func(object string) doc {
		t.Helper()
		return s.mallory.activity("QuoteRequest", object).with(doc{"instrument": s.mallory.uri + "/notes/quoting"})
	}
	for _, hidden := range []string{private.URI, s.us.site.URL("/users/alice/statuses/1")} {
		before := s.evil.requests()
		s.taken(s.mallory.send(s.us, ask(hidden)))
		if got := s.evil.received(); len(got) != 0 {
			t.Errorf("answered with %v after %d requests", got, before)
		}
	}
	request := ask(public.URI)
	s.taken(s.mallory.send(s.us, request))
	got := s.evil.received()
	if len(got) != 1 {
		t.Fatalf("%d answers", len(got))
	}
	inner, _ := got[0]["object"].(map[string]any)
	if got[0]["type"] != "Reject" || got[0]["actor"] != s.alice.URI || inner["type"] != "QuoteRequest" || inner["id"] != request["id"] || inner["object"] != public.URI || inner["instrument"] != request["instrument"] {
		t.Errorf("the answer is %v", got[0])
	}
	s.taken(s.mallory.send(s.us, ask(public.URI).with(doc{"instrument": s.bob.uri + "/notes/1"})))
	if n := len(s.evil.received()); n != 1 {
		t.Errorf("a request about another's post was answered (%d answers)", n)
	}
}
