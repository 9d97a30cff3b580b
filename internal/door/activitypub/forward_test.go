package activitypub_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/gomph/gomph/internal/domain/statuses"
)

// TestAnswersAreForwarded: what its author signed as a whole, and answers a public post of ours, goes to our followers word for
// word; nothing that is not for everybody does, and nothing twice.
func TestAnswersAreForwarded(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.taken(s.mallory.send(s.us, s.mallory.activity("Follow", s.alice.URI)))
	s.taken(s.bertha.send(s.us, s.bertha.activity("Follow", s.alice.URI)))
	forwarded := make(chan string, 100)
	s.evil.answersWith(func(w http.ResponseWriter, req *http.Request, d doc) {
		forwarded <- d["type"].(string) + " " + d["id"].(string)
		w.WriteHeader(http.StatusAccepted)
	})
	none := func(what string) {
		t.Helper()
		select {
		case got := <-forwarded:
			t.Errorf("%s: forwarded %s", what, got)
		default:
		}
	}
	public := s.post(statuses.Draft{Text: "for everybody"})
	<-forwarded
	private := s.post(statuses.Draft{Text: "for followers", Visibility: statuses.Private})
	<-forwarded
	signature := doc{"signature": doc{"type": "RsaSignature2017", "creator": s.bob.uri + "#main-key", "signatureValue": "c2lnbmVk"}}
	answer := func(to *statuses.Status, changes doc) doc {
		return s.bob.activity("Create", s.bob.note("an answer").with(doc{"inReplyTo": to.URI}).with(changes))
	}
	s.taken(s.bob.send(s.us, answer(public, nil)))
	none("one without a signature")
	s.taken(s.bob.send(s.us, answer(private, nil).with(signature)))
	none("an answer to a private post")
	s.taken(s.bob.send(s.us, answer(public, doc{"to": []string{s.alice.URI}, "cc": []string{}}).with(signature)))
	none("a private answer")
	s.taken(s.bob.send(s.us, s.bob.activity("Create", s.bob.note("no answer")).with(signature)))
	none("no answer")

	signed := answer(public, nil).with(signature)
	s.taken(s.bob.send(s.us, signed))
	if got, want := <-forwarded, "Create "+signed["id"].(string); got != want {
		t.Errorf("forwarded %s, not %s", got, want)
	}
	s.taken(s.bob.send(s.us, signed))
	none("one that came again")
	got := s.evil.received()
	sent, _ := json.Marshal(signed)
	arrived, _ := json.Marshal(got[len(got)-1])
	if string(sent) != string(arrived) {
		t.Errorf("sent %s, arrived %s", sent, arrived)
	}
	gone := s.bob.activity("Delete", signed["object"].(doc)["id"]).with(signature)
	s.taken(s.bob.send(s.us, gone))
	if got, want := <-forwarded, "Delete "+gone["id"].(string); got != want {
		t.Errorf("forwarded %s, not %s", got, want)
	}
	for _, d := range s.good.received() { // bertha's server is bob's: it has it
		if d["actor"] == s.bob.uri {
			t.Errorf("sent back %v", d)
		}
	}
}
