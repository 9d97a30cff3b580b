package activitypub_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/errs"
)

// What an operator is told who asks why something is not here, or not there.
func TestTrace(t *testing.T) {
	t.Parallel()
	play(t, map[string]func(*scene){
		"a stranger by handle": (*scene).traceStranger, "a forged post": (*scene).traceForged, "a suspended domain": (*scene).traceSuspended,
		"a post that is not here": (*scene).tracePost, "a post that was deleted": (*scene).traceDeleted, "ours": (*scene).traceOurs,
		"a host that wants other signatures": (*scene).traceSignatures, "what is no address": (*scene).traceNothing, "a server that is away": (*scene).traceAway,
	})
}

// traced runs a trace and gives its steps as "outcome name: text" lines.
func (s *scene) traced(what string, fine bool) []string {
	s.t.Helper()
	var lines []string
	got, err := s.us.Trace(ctx(), what, func(step activitypub.Step) {
		lines = append(lines, step.Outcome+" "+step.Name+": "+step.Text)
	})
	s.us.must(err)
	if got != fine {
		s.t.Errorf("fine is %v:\n%s", got, strings.Join(lines, "\n"))
	}
	return lines
}

// tells checks that lines with these beginnings are there, in this order, and that each contains what follows " … ".
func (s *scene) tells(lines []string, want ...string) {
	s.t.Helper()
	at := 0
	for _, w := range want {
		begins, contains, _ := strings.Cut(w, " … ")
		for at < len(lines) && (!strings.HasPrefix(lines[at], begins) || !strings.Contains(lines[at], contains)) {
			at++
		}
		if at == len(lines) {
			s.t.Errorf("nothing says %q in its place:\n%s", w, strings.Join(lines, "\n"))
			return
		}
		at++
	}
}

func (s *scene) traceStranger() {
	lines := s.traced("@mallory@"+s.evil.domain, true)
	s.tells(lines, "ok domain", "ok fetch … webfinger", "ok webfinger", "ok fetch … application/activity+json", "ok origin", "ok actor … "+s.mallory.uri, "ok handle", "ok keys",
		"note known … not known here", "ok inbox … "+s.evil.url("/inbox"), "note deliveries … nothing was ever sent", "ok verdict")
	if _, err := s.us.accounts.ByURI(ctx(), s.us.db, s.mallory.uri); !errs.IsNotFound(err) {
		s.t.Errorf("a trace entered the account: %v", err)
	}
	s.tells(s.traced(s.bob.uri, true), "ok known … is known here", "ok followers", "ok deliveries … healthy")
}

func (s *scene) traceForged() {
	forged := s.bob.note("what mallory wants")
	s.evil.serve("/forged", forged)
	lines := s.traced(s.evil.url("/forged"), false)
	s.tells(lines, "ok fetch", "note origin … "+forged["id"].(string), "no fetch", "no verdict")
	n := s.mallory.note("by bob?").with(doc{"attributedTo": s.bob.uri})
	s.evil.serve(strings.TrimPrefix(n["id"].(string), s.evil.web.URL), n)
	s.tells(s.traced(n["id"].(string), false), "no verdict … another host")
}

func (s *scene) traceSuspended() {
	s.us.must(s.us.instances.Block(ctx(), instances.Block{Domain: s.evil.domain, Severity: instances.Suspend}))
	before := s.evil.requests()
	s.tells(s.traced(s.mallory.uri, false), "no domain … suspended", "no verdict … blocked")
	s.tells(s.traced("mallory@"+s.evil.domain, false), "no domain", "no verdict")
	if n := s.evil.requests() - before; n > 0 {
		s.t.Errorf("a suspended domain was asked %d times", n)
	}
}

func (s *scene) tracePost() {
	show := func(p *person, n doc) string {
		uri := n["id"].(string)
		p.serve(strings.TrimPrefix(uri, p.web.URL), n)
		return uri
	}
	followed, unknown := show(s.bob, s.bob.note("of interest")), show(s.mallory, s.mallory.note("of none"))
	s.tells(s.traced(followed, true), "ok post", "ok audience … public", "note known … would be taken, for it concerns")
	s.tells(s.traced(unknown, true), "ok actor … "+s.mallory.uri, "note known … would be dropped")
	reply := show(s.mallory, s.mallory.note("an answer").with(doc{"inReplyTo": followed, "tag": []doc{{"type": "Mention", "href": s.alice.URI, "name": "@alice"}}}))
	s.tells(s.traced(reply, true), "note thread … is not here", "note known … would be taken")
	here := s.posted("here")["id"].(string)
	s.bob.serve(strings.TrimPrefix(here, s.good.web.URL), s.bob.note("here").with(doc{"id": here, "updated": "2026-11-01T12:30:00Z"}))
	s.tells(s.traced(here, true), "ok known … it is here", "note known … was edited")
	if st, err := s.us.statuses.ByURI(ctx(), s.us.db, followed); !errs.IsNotFound(err) {
		s.t.Errorf("a trace kept the post: %v %v", st, err)
	}
}

func (s *scene) traceDeleted() {
	n := s.posted("soon gone")
	s.taken(s.bob.send(s.us, s.bob.activity("Delete", n["id"])))
	s.bob.serve(strings.TrimPrefix(n["id"].(string), s.good.web.URL), n)
	s.tells(s.traced(n["id"].(string), false), "no known … deleted", "no verdict")
}

func (s *scene) traceOurs() {
	s.us.must(s.us.relations.Follow(ctx(), s.known(s.mallory), s.alice, relations.FollowOptions{}))
	st := s.post(statuses.Draft{Text: "for followers", Visibility: statuses.Private})
	s.tells(s.traced(st.URI, true), "ok post … by alice", "ok audience … private", "note document … 404", "ok reach … 1 inboxes on 1 other", "ok verdict")
	s.tells(s.traced("alice", true), "ok account … "+s.alice.URI, "ok document … anybody", "ok keys … "+s.alice.URI, "ok reach … 1 inboxes")
	s.us.must(s.us.instances.Block(ctx(), instances.Block{Domain: s.evil.domain, Severity: instances.Suspend}))
	s.tells(s.traced("@alice@"+s.us.site.LocalDomain, true), "note deliveries … gets nothing")
	s.tells(s.traced(s.us.site.URL("/users/nobody"), false), "no verdict")
}

func (s *scene) traceSignatures() {
	s.evil.gate = func(w http.ResponseWriter, req *http.Request) bool {
		if req.Header.Get("Signature-Input") != "" {
			return true
		}
		w.WriteHeader(http.StatusUnauthorized)
		return false
	}
	s.tells(s.traced(s.mallory.uri, true), "no fetch … 401", "ok fetch … "+string(instances.RFC9421), "ok verdict")
}

func (s *scene) traceNothing() {
	for _, what := range []string{"", "@", "not an address", "ftp://good.example/x", "http://", "a@b@c"} {
		s.tells(s.traced(what, false), "no verdict")
	}
}

func (s *scene) traceAway() {
	s.evil.web.Close()
	s.tells(s.traced(s.mallory.uri, false), "no fetch … [refused]", "no verdict")
}

// Operators see by kind and reason what came, what was performed, and what was asked.
func TestCounters(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.posted("one")
	body := encode(t, s.bob.activity("Create", s.bob.note("unsigned")))
	req := s.bob.request(s.us, http.MethodPost, "/inbox", body)
	req.Header.Set("Digest", "SHA-256=AAAA")
	s.refused(do(t, req), http.StatusUnauthorized, http.StatusBadRequest)
	s.us.must(s.us.instances.Block(ctx(), instances.Block{Domain: s.evil.domain, Severity: instances.Suspend}))
	s.refused(s.mallory.send(s.us, s.mallory.activity("Follow", s.alice.URI)), http.StatusForbidden)
	s.taken(s.bob.send(s.us, s.bob.activity("Update", s.bertha.note("not bob's"))))
	if _, err := s.us.AccountByURI(ctx(), s.good.url("/users/nobody"), false); err == nil {
		t.Error("somebody who is not there was found")
	}
	page := httptest.NewRecorder()
	s.us.metrics.Handler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`federation_inbox_total{outcome="accepted",reason="",type="Create"} 1`,
		`federation_inbox_total{outcome="refused",reason="domain_blocked",type="Follow"} 1`,
		`federation_inbox_total{outcome="refused",reason="signature",type="Create"} 1`,
		`federation_performed_total{outcome="done",reason="",type="Create"} 1`,
		`federation_performed_total{outcome="refused",reason="forbidden",type="Update"} 1`,
		`federation_fetches_total{outcome="failed",reason="gone",what="document"} 3`,
		`federation_fetches_total{outcome="done",reason="",what="webfinger"}`,
	} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("the metrics lack %s:\n%s", want, grep(page.Body.String(), "gomph_federation_"))
		}
	}
}

func grep(text, word string) string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}
