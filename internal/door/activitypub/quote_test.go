package activitypub_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// quoteState is what became of the quote of a post, and which post it is connected with.
func (s *scene) quoteState(uri string) (string, statuses.ID) {
	s.t.Helper()
	u, err := s.us.statuses.QuoteOf(ctx(), s.us.db, s.us.byURI(uri).ID)
	s.us.must(err)
	return u.State.String(), u.QuotedStatusID
}

func (s *scene) wantQuote(uri, want string) {
	s.t.Helper()
	if got, _ := s.quoteState(uri); got != want {
		s.t.Errorf("the quote is %s, not %s", got, want)
	}
}

// lastSent is the last activity of a type that a server received.
func (r *remote) lastSent(kind string) doc {
	r.t.Helper()
	var out doc
	for _, d := range r.received() {
		if d["type"] == kind {
			out = d
		}
	}
	return out
}

// TestQuoteRequestsAreAnswered by the post's policy, to those who may see the post, and tells nobody else that it exists (AUZ-12).
func TestQuoteRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	s := newSceneOn(t, dbtest.SQLite(t))
	open := s.post(statuses.Draft{Text: "public", QuotePolicy: statuses.QuotableByAll})
	closed, private := s.post(statuses.Draft{Text: "for nobody"}), s.post(statuses.Draft{Text: "private", Visibility: statuses.Private, QuotePolicy: statuses.QuotableByAll})
	followers := s.post(statuses.Draft{Text: "for followers", QuotePolicy: statuses.QuotableByFollowers})
	ask := func(object string) doc {
		t.Helper()
		note := s.mallory.note("<p>look</p>").with(doc{"quote": object})
		return s.mallory.activity("QuoteRequest", object).with(doc{"instrument": note})
	}
	for _, hidden := range []string{private.URI, s.us.site.URL("/users/alice/statuses/1")} {
		s.taken(s.mallory.send(s.us, ask(hidden)))
		if got := s.evil.received(); len(got) != 0 {
			t.Errorf("answered with %v", got)
		}
	}
	for _, st := range []*statuses.Status{closed, followers} {
		request := ask(st.URI)
		s.taken(s.mallory.send(s.us, request))
		got := s.evil.lastSent("Reject")
		inner, _ := got["object"].(map[string]any)
		if got["actor"] != s.alice.URI || inner["type"] != "QuoteRequest" || inner["id"] != request["id"] || inner["object"] != st.URI || inner["instrument"] != request["instrument"].(doc)["id"] {
			t.Errorf("the answer is %v", got)
		}
		s.us.missing(request["instrument"].(doc)["id"].(string))
	}
	s.taken(s.mallory.send(s.us, ask(open.URI).with(doc{"instrument": s.bob.uri + "/notes/1"})))
	s.taken(s.mallory.send(s.us, ask(open.URI).with(doc{"instrument": s.bob.note("<p>not mine</p>")})))
	s.taken(s.mallory.send(s.us, ask(open.URI).with(doc{"instrument": s.mallory.note("<p>quotes nothing</p>")})))
	if s.evil.lastSent("Accept") != nil {
		t.Error("what is no quote of the sender's was allowed")
	}

	request := ask(open.URI)
	quoting := request["instrument"].(doc)["id"].(string)
	for range 2 { // twice is once
		s.taken(s.mallory.send(s.us, request.with(doc{"id": s.mallory.id("activities")})))
	}
	yes := s.evil.lastSent("Accept")
	stamp, _ := yes["result"].(string)
	if yes["actor"] != s.alice.URI || !strings.HasPrefix(stamp, s.alice.URI+"/quote_authorizations/") {
		t.Fatalf("the answer is %v", yes)
	}
	s.wantQuote(quoting, "accepted")
	if n := s.us.byURI(open.URI).QuotesCount; n != 1 {
		t.Errorf("%d quotes", n)
	}
	path := strings.TrimPrefix(stamp, s.us.site.Base())
	status, _, shown := s.read(s.mallory, path)
	if status != http.StatusOK || shown["type"] != "QuoteAuthorization" || shown["id"] != stamp || shown["attributedTo"] != s.alice.URI || shown["interactingObject"] != quoting || shown["interactionTarget"] != open.URI {
		t.Errorf("the stamp is %d %v", status, shown)
	}
	if status, _, _ := s.read(s.mallory, strings.Replace(path, "/alice/", "/nobody/", 1)); status != http.StatusNotFound {
		t.Errorf("another's stamp is %d", status)
	}

	// Taking it back.
	s.us.must(s.us.statuses.RevokeQuote(ctx(), s.alice.ID, open, s.us.byURI(quoting).ID))
	settle(t, s.us)
	s.wantQuote(quoting, "revoked")
	if status, _, _ := s.read(s.mallory, path); status != http.StatusNotFound {
		t.Errorf("a revoked stamp is %d", status)
	}
	gone := s.evil.lastSent("Delete")
	if inner, _ := gone["object"].(map[string]any); gone["actor"] != s.alice.URI || inner["id"] != stamp || inner["interactingObject"] != quoting {
		t.Errorf("the deletion is %v", gone)
	}
	s.taken(s.mallory.send(s.us, request.with(doc{"id": s.mallory.id("activities")})))
	s.wantQuote(quoting, "revoked")
	for _, changes := range []doc{{}, {"updated": "2026-11-01T12:30:00Z", "content": "<p>look!</p>"}} { // they say so still
		s.taken(s.mallory.send(s.us, s.mallory.activity("Update", request["instrument"].(doc).with(doc{"quoteAuthorization": stamp}).with(changes))))
		s.wantQuote(quoting, "revoked")
	}
}

// quoteOf is a post of bob's that quotes one of bertha's, with bertha's stamp.
func (s *scene) stampedQuote(change doc) (note, stamp doc) {
	s.t.Helper()
	quoted := s.bertha.note("<p>words</p>")
	s.good.serve(strings.TrimPrefix(quoted["id"].(string), s.good.url("")), quoted.with(doc{"@context": ap.Namespace}))
	note = s.bob.note("<p>look</p>")
	path := strings.TrimPrefix(s.bertha.id("stamps"), s.good.url(""))
	stamp = doc{"@context": ap.Namespace, "id": s.good.url(path), "type": "QuoteAuthorization", "attributedTo": s.bertha.uri, "interactingObject": note["id"], "interactionTarget": quoted["id"]}.with(change)
	s.good.serve(path, stamp)
	return note.with(doc{"quote": quoted["id"], "quoteAuthorization": s.good.url(path)}), stamp
}

func TestQuotesOfOthers(t *testing.T) {
	t.Parallel()
	play(t, map[string]func(*scene){
		"a true stamp, of a post that is not known yet": func(s *scene) {
			note, _ := s.stampedQuote(nil)
			s.taken(s.bob.send(s.us, s.bob.activity("Create", note)))
			s.wantQuote(note["id"].(string), "accepted")
			if n := s.us.byURI(note["quote"].(string)).QuotesCount; n != 1 {
				s.t.Errorf("%d quotes", n)
			}
		},
		"a stamp that comes later": func(s *scene) {
			note, _ := s.stampedQuote(nil)
			s.taken(s.bob.send(s.us, s.bob.activity("Create", note.with(doc{"quoteAuthorization": nil}))))
			s.wantQuote(note["id"].(string), "pending")
			s.taken(s.bob.send(s.us, s.bob.activity("Update", note)))
			s.wantQuote(note["id"].(string), "accepted")
		},
		"a stamp that is taken back": func(s *scene) {
			note, stamp := s.stampedQuote(nil)
			s.taken(s.bob.send(s.us, s.bob.activity("Create", note)))
			s.taken(s.mallory.send(s.us, s.mallory.activity("Delete", stamp["id"])))
			s.taken(s.bob.send(s.us, s.bob.activity("Delete", stamp["id"])))
			s.wantQuote(note["id"].(string), "accepted")
			s.taken(s.bertha.send(s.us, s.bertha.activity("Delete", stamp)))
			s.wantQuote(note["id"].(string), "revoked")
			if n := s.us.byURI(note["quote"].(string)).QuotesCount; n != 0 {
				s.t.Errorf("%d quotes", n)
			}
			s.taken(s.bob.send(s.us, s.bob.activity("Update", note.with(doc{"updated": "2026-11-01T12:30:00Z", "content": "<p>again</p>"}))))
			s.wantQuote(note["id"].(string), "revoked")
		},
		"a stamp that is gone without a word": func(s *scene) {
			note, stamp := s.stampedQuote(nil)
			s.taken(s.bob.send(s.us, s.bob.activity("Create", note)))
			path := strings.TrimPrefix(stamp["id"].(string), s.good.url(""))
			look := func(after time.Duration, code int, want string) {
				s.t.Helper()
				s.us.clock.Advance(after)
				s.good.answer(path, answer{code, "application/activity+json", stamp})
				s.us.must(s.us.statuses.RecheckQuote(ctx(), s.us.byURI(note["id"].(string)).ID))
				settle(s.t, s.us)
				s.wantQuote(note["id"].(string), want)
			}
			look(6*24*time.Hour, http.StatusGone, "accepted") // it is believed for a week
			look(2*24*time.Hour, http.StatusOK, "accepted")
			look(8*24*time.Hour, http.StatusForbidden, "accepted") // that we may not look says nothing
			look(8*24*time.Hour, http.StatusGone, "revoked")
		},
		"a stamp that was taken back before": func(s *scene) {
			note, stamp := s.stampedQuote(nil)
			s.known(s.bertha)
			s.taken(s.bertha.send(s.us, s.bertha.activity("Delete", stamp["id"])))
			s.taken(s.bob.send(s.us, s.bob.activity("Create", note)))
			s.wantQuote(note["id"].(string), "revoked")
		},
		"oneself": func(s *scene) {
			own := s.posted("<p>mine</p>")
			for _, name := range []string{"quote", "quoteUri", "quoteUrl", "_misskey_quote"} {
				note := s.bob.note("<p>as I said</p>").with(doc{name: own["id"]})
				s.taken(s.bob.send(s.us, s.bob.activity("Create", note)))
				s.wantQuote(note["id"].(string), "accepted")
			}
			linked := s.bob.note("<p>as I said</p>").with(doc{"tag": []doc{{"type": "Link", "mediaType": `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`, "rel": "https://misskey-hub.net/ns#_misskey_quote", "href": own["id"]}}})
			s.taken(s.bob.send(s.us, s.bob.activity("Create", linked)))
			s.wantQuote(linked["id"].(string), "accepted")
		},
		"the old ways are not shown until they are allowed": func(s *scene) {
			note, _ := s.stampedQuote(nil)
			legacy := note.with(doc{"quoteUrl": note["quote"], "quote": nil, "quoteAuthorization": nil})
			s.taken(s.bob.send(s.us, s.bob.activity("Create", legacy)))
			id := s.us.byURI(note["id"].(string)).ID
			shown, err := s.us.statuses.QuotesShown(ctx(), s.us.db, 0, []statuses.ID{id})
			if s.us.must(err); len(shown) != 0 {
				s.t.Errorf("shown: %+v", shown[id])
			}
		},
		"another quote by an edit, and none": func(s *scene) {
			note, _ := s.stampedQuote(nil)
			own := s.posted("<p>mine</p>")
			s.taken(s.bob.send(s.us, s.bob.activity("Create", note)))
			s.taken(s.bob.send(s.us, s.bob.activity("Update", note.with(doc{"quote": own["id"], "quoteAuthorization": nil, "updated": "2026-11-01T12:30:00Z"}))))
			if state, id := s.quoteState(note["id"].(string)); state != "accepted" || id != s.us.byURI(own["id"].(string)).ID {
				s.t.Errorf("quotes %d (%s)", id, state)
			}
			s.taken(s.bob.send(s.us, s.bob.activity("Update", note.with(doc{"quote": nil, "quoteAuthorization": nil, "updated": "2026-11-01T12:40:00Z"}))))
			if st := s.us.byURI(note["id"].(string)); st.Quotes() {
				s.t.Error("it still quotes")
			}
			if n := s.us.byURI(own["id"].(string)).QuotesCount; n != 0 {
				s.t.Errorf("%d quotes", n)
			}
		},
		"who may quote": func(s *scene) {
			note := s.bob.note("<p>x</p>").with(doc{"interactionPolicy": doc{"canQuote": doc{"automaticApproval": s.bob.uri + "/followers", "manualApproval": []string{"as:Public"}}}})
			s.taken(s.bob.send(s.us, s.bob.activity("Create", note)))
			if p := s.us.byURI(note["id"].(string)).QuotePolicy; p != statuses.QuotePolicyOf(statuses.MayFollowers, statuses.MayEverybody) {
				s.t.Errorf("the policy is %x", p)
			}
			s.taken(s.bob.send(s.us, s.bob.activity("Update", note.with(doc{"interactionPolicy": doc{"canQuote": doc{"automaticApproval": []string{s.bob.uri}}}}))))
			if p := s.us.byURI(note["id"].(string)).QuotePolicy; p != statuses.QuotePolicyOf(statuses.MayAuthor, 0) {
				s.t.Errorf("the policy is %x", p)
			}
		},
		"a chain of quotes ends": func(s *scene) {
			chain := make([]doc, 8)
			for i := range chain {
				chain[i] = s.bertha.note("<p>deeper</p>").with(doc{"@context": ap.Namespace})
			}
			for i, n := range chain {
				if i+1 < len(chain) {
					n["quote"] = chain[i+1]["id"]
				}
				s.good.serve(strings.TrimPrefix(n["id"].(string), s.good.url("")), n)
			}
			note := s.bob.note("<p>look</p>").with(doc{"quote": chain[0]["id"]})
			s.taken(s.bob.send(s.us, s.bob.activity("Create", note)))
			s.us.byURI(chain[2]["id"].(string))
			s.us.missing(chain[3]["id"].(string))
		},
	})
}

// TestForgedStampsAllowNothing: AUZ-13.
func TestForgedStampsAllowNothing(t *testing.T) {
	t.Parallel()
	attacks := map[string]func(s *scene, note, stamp doc) doc{
		"of another author":  func(s *scene, _, stamp doc) doc { stamp["attributedTo"] = s.bob.uri; return nil },
		"for another post":   func(s *scene, _, stamp doc) doc { stamp["interactingObject"] = s.bob.uri + "/notes/99"; return nil },
		"about another post": func(s *scene, _, stamp doc) doc { stamp["interactionTarget"] = s.bertha.uri + "/notes/99"; return nil },
		"something else":     func(_ *scene, _, stamp doc) doc { stamp["type"] = "Note"; return nil },
		"under another id":   func(s *scene, _, stamp doc) doc { stamp["id"] = s.good.url("/users/bertha/other"); return nil },
		"that is not there":  func(s *scene, _, _ doc) doc { return doc{"quoteAuthorization": s.bertha.uri + "/stamps/404"} },
		"that is a stamp of ours": func(s *scene, _, _ doc) doc {
			return doc{"quoteAuthorization": s.alice.URI + "/quote_authorizations/1"}
		},
		"on the host of who is quoting": func(s *scene, note, stamp doc) doc {
			s.evil.serve("/stamp", stamp.with(doc{"id": s.evil.url("/stamp")}))
			return doc{"quoteAuthorization": s.evil.url("/stamp")}
		},
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			note, stamp := s.stampedQuote(nil)
			note = note.with(attack(s, note, stamp))
			s.taken(s.bob.send(s.us, s.bob.activity("Create", note)))
			if state, _ := s.quoteState(note["id"].(string)); state != "pending" && state != "rejected" {
				t.Errorf("the quote is %s", state)
			}
			if n := s.us.byURI(note["quote"].(string)).QuotesCount; n != 0 {
				t.Errorf("%d quotes", n)
			}
		})
	}
	t.Run("a quote of a boost", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		st := s.post(statuses.Draft{Text: "words"})
		boost := s.bob.activity("Announce", st.URI).with(doc{"to": []string{ap.Public}})
		s.taken(s.bob.send(s.us, boost))
		note := s.bob.note("<p>look</p>").with(doc{"quote": boost["id"]})
		s.taken(s.bob.send(s.us, s.bob.activity("Create", note)))
		if state, id := s.quoteState(note["id"].(string)); state != "pending" || id != 0 {
			t.Errorf("the quote is %s of %d", state, id)
		}
	})
}

// TestQuotesOfOursAreAskedFor: a quote by one of ours waits for the quoted author, whose word alone counts (AUZ-05).
func TestQuotesOfOursAreAskedFor(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	public := doc{"interactionPolicy": doc{"canQuote": doc{"automaticApproval": []string{ap.Public}}}}
	words := s.bob.note("<p>words</p>").with(public)
	s.taken(s.bob.send(s.us, s.bob.activity("Create", words)))
	quote := func() (*statuses.Status, doc) {
		t.Helper()
		s.us.clock.Advance(time.Second)
		st := s.post(statuses.Draft{Text: "look", QuotedStatusID: s.us.byURI(words["id"].(string)).ID})
		return st, s.good.lastSent("QuoteRequest")
	}
	st, request := quote()
	inner, _ := request["instrument"].(map[string]any)
	if request["actor"] != s.alice.URI || request["object"] != words["id"] || inner["id"] != st.URI || inner["quote"] != words["id"] || inner["_misskey_quote"] != words["id"] || inner["quoteUri"] != words["id"] || inner["quoteAuthorization"] != nil ||
		!strings.Contains(inner["content"].(string), `<p class="quote-inline">RE: `) {
		t.Fatalf("asked with %v", request)
	}
	s.wantQuote(st.URI, "pending")
	stamp := s.bob.id("stamps")
	yes := s.bob.activity("Accept", request).with(doc{"result": stamp})
	s.taken(s.mallory.send(s.us, s.mallory.activity("Accept", request).with(doc{"result": s.mallory.uri + "/stamps/1"})))
	s.taken(s.bob.send(s.us, s.bob.activity("Accept", request).with(doc{"result": s.evil.url("/stamp")})))
	s.taken(s.bob.send(s.us, yes)) // its stamp does not exist
	s.wantQuote(st.URI, "pending")
	s.us.clock.Advance(10 * time.Minute) // by then it may be asked for again
	s.good.serve(strings.TrimPrefix(stamp, s.good.url("")), doc{"@context": ap.Namespace, "id": stamp, "type": "QuoteAuthorization", "attributedTo": s.bob.uri, "interactingObject": st.URI, "interactionTarget": words["id"]})
	s.taken(s.bob.send(s.us, yes.with(doc{"id": s.bob.id("activities")})))
	s.wantQuote(st.URI, "accepted")
	s.us.clock.Advance(time.Minute)
	settle(t, s.us)
	update := s.good.lastSent("Update")
	if o, _ := update["object"].(map[string]any); o["id"] != st.URI || o["quoteAuthorization"] != stamp || o["updated"] != nil {
		t.Errorf("the update is %v", update)
	}
	s.taken(s.mallory.send(s.us, s.mallory.activity("Reject", request)))
	s.wantQuote(st.URI, "accepted")
	s.taken(s.bob.send(s.us, s.bob.activity("Delete", stamp)))
	s.wantQuote(st.URI, "revoked")
	s.us.clock.Advance(time.Minute)
	settle(t, s.us)
	if o, _ := s.good.lastSent("Update")["object"].(map[string]any); o["quoteAuthorization"] != nil {
		t.Errorf("the revoked stamp is sent: %v", o)
	}

	refused, request := quote()
	s.taken(s.bob.send(s.us, s.bob.activity("Reject", request)))
	s.wantQuote(refused.URI, "rejected")
	taken, request := quote()
	s.us.must(s.us.statuses.RejectQuote(ctx(), taken.ID))
	s.taken(s.bob.send(s.us, s.bob.activity("Accept", request["id"]).with(doc{"result": stamp})))
	s.wantQuote(taken.URI, "rejected")

	last, _ := quote()
	s.taken(s.bob.send(s.us, s.bob.activity("Delete", words["id"])))
	s.us.clock.Advance(time.Minute)
	_, _, shown := s.read(nil, strings.TrimPrefix(last.URI, s.us.site.URL("")))
	if was, _ := shown["quote"].(map[string]any); was["type"] != "Tombstone" || was["id"] != words["id"] || shown["quoteUri"] != nil || shown["_misskey_quote"] != nil {
		t.Errorf("a quote of what is gone is %v", shown)
	}
}
