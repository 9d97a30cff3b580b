package activitypub_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
)

// The rows of the attack table about what others can make us ask for: areas fetch-dos and ssrf, and identity where it is about names of hosts.
func TestFetchAttacks(t *testing.T) {
	t.Parallel()
	play(t, map[string]func(*scene){
		"FET-05": (*scene).fet05, "FET-06": (*scene).fet06, "FET-07": (*scene).fet07, "SSRF-11": (*scene).ssrf11, "IDN-02": (*scene).idn02,
		"SSRF-07": (*scene).ssrf07, "gone and back": (*scene).goneAndBack,
	})
}

// endless answers every path below a prefix with what make says about the rest of it.
func (r *remote) endless(prefix string, make func(rest string) doc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gate = func(w http.ResponseWriter, req *http.Request) bool {
		rest, ok := strings.CutPrefix(req.URL.Path, prefix)
		if !ok {
			return true
		}
		w.Header().Set("Content-Type", "application/activity+json")
		_, _ = w.Write(encode(r.t, make(rest)))
		return false
	}
}

func (s *scene) fet05() {
	page := func(n int, items ...any) doc {
		return doc{"id": s.evil.url("/pages/" + strconv.Itoa(n)), "type": "CollectionPage", "next": s.evil.url("/pages/" + strconv.Itoa(n+1)), "items": items}
	}
	number := func(rest string) int { n, _ := strconv.Atoi(rest); return n }
	many := make([]any, 10_000)
	for i := range many {
		many[i] = s.evil.url("/missing/" + strconv.Itoa(i))
	}
	for name, shape := range map[string]func(rest string) doc{
		"empty pages":    func(rest string) doc { return page(number(rest)) },
		"its own next":   func(rest string) doc { return page(number(rest)).with(doc{"next": s.evil.url("/pages/" + rest)}) },
		"one item each":  func(rest string) doc { return page(number(rest), s.evil.url("/missing/"+rest)) },
		"too many items": func(rest string) doc { return page(number(rest), many...) },
		"inline": func(rest string) doc {
			return doc{"id": s.evil.url("/pages/" + rest), "type": "Collection", "first": page(1)}
		},
	} {
		s.us.clock.Advance(time.Hour)
		s.evil.endless("/pages/", shape)
		note := s.mallory.note(name)
		note["replies"] = s.evil.url("/pages/0")
		path := strings.TrimPrefix(note["id"].(string), s.evil.web.URL)
		s.evil.serve(path, note)
		before := s.evil.requests()
		_, err := s.us.ResolveURL(ctx(), note["id"].(string))
		s.us.must(err)
		settle(s.t, s.us)
		if n := s.evil.requests() - before; n >= 20 {
			s.t.Errorf("%s: %d requests", name, n)
		}
	}
}

func (s *scene) fet06() {
	asked := 0
	s.evil.endless("/thread/", func(rest string) doc {
		asked++ // the gate is called with the lock
		n, _ := strconv.Atoi(rest)
		return doc{"id": s.evil.url("/thread/" + rest), "type": "Note", "attributedTo": s.mallory.uri, "content": rest, "to": []string{ap.Public}, "published": "2026-11-01T11:59:00Z",
			"inReplyTo": s.evil.url("/thread/" + strconv.Itoa(n+1))}
	})
	s.aliceFollows(s.mallory)
	s.taken(s.mallory.send(s.us, s.mallory.activity("Create", s.mallory.note("below it all").with(doc{"inReplyTo": s.evil.url("/thread/0")}))))
	settle(s.t, s.us)
	s.evil.mu.Lock()
	defer s.evil.mu.Unlock()
	if asked == 0 || asked > 20 {
		s.t.Errorf("a thread without end was followed %d posts up", asked)
	}
}

func (s *scene) fet07() {
	s.aliceFollows(s.mallory)
	elsewhere := newRemote(s.t)
	tags := make([]doc, 3000)
	for i := range tags {
		tags[i] = doc{"type": "Mention", "href": elsewhere.url(fmt.Sprintf("/users/u%d", i)), "name": "@u"}
	}
	note := s.mallory.note("many").with(doc{"tag": tags})
	s.taken(s.mallory.send(s.us, s.mallory.activity("Create", note)))
	if n := elsewhere.requests(); n > 10 {
		s.t.Errorf("3000 unknown people were asked for %d times", n)
	}
	if n := s.us.count("SELECT COUNT(*) FROM mentions"); n > 100 {
		s.t.Errorf("%d mentions were written", n)
	}
}

// ssrf11: our own addresses are never asked over the network, in whatever spelling.
func (s *scene) ssrf11() {
	own := s.us.site.URL("/users/alice")
	for _, uri := range []string{own, strings.Replace(own, "127.0.0.1", "127.0.0.1.", 1), strings.Replace(own, "http://", "HTTP://", 1)} {
		s.mallory.send(s.us, s.mallory.activity("Announce", uri+"/statuses/1"))
		s.mallory.send(s.us, s.mallory.activity("Create", s.mallory.note("x").with(doc{"inReplyTo": uri + "/statuses/1"})))
		if a, err := s.us.AccountByURI(ctx(), uri, true); err == nil && a.ID != s.alice.ID {
			s.t.Errorf("%s is %+v", uri, a)
		}
	}
	eve := s.evil.person("eve")
	eve.doc["inbox"], eve.doc["endpoints"] = s.us.site.URL("/inbox"), doc{"sharedInbox": s.us.site.URL("/inbox")}
	eve.publish()
	if got := s.known(eve); got.InboxURL != "" || got.SharedInboxURL != "" {
		s.t.Errorf("an actor elsewhere has our inbox: %q %q", got.InboxURL, got.SharedInboxURL)
	}
}

// idn02: one domain in many spellings is one domain, and what is none is refused.
func (s *scene) idn02() {
	port := s.good.domain[strings.Index(s.good.domain, ":"):]
	before := s.us.count("SELECT COUNT(*) FROM accounts")
	for _, domain := range []string{"127.0.0.1." + port, " 127.0.0.1" + port + " ", "１２７.0.0.1" + port} {
		a, err := s.us.ByHandle(ctx(), accounts.Handle{Username: "bob", Domain: domain})
		if err == nil && a.URI != s.bob.uri {
			s.t.Errorf("%q is %s", domain, a.URI)
		}
	}
	for _, domain := range []string{s.good.domain + "/@evil.example", "127.0.0.1%00.evil.example", "good.example\x00", "a b.example", "good..example", "-x.example", strings.Repeat("a", 300) + ".example"} {
		if a, err := s.us.ByHandle(ctx(), accounts.Handle{Username: "bob", Domain: domain}); err == nil {
			s.t.Errorf("%q is %s", domain, a.URI)
		}
		eve := s.evil.person("eve")
		s.evil.finger("eve@"+s.evil.domain, "acct:eve@"+domain, eve.uri)
		if a, err := s.us.AccountByURI(ctx(), eve.uri, false); err == nil {
			s.t.Errorf("eve is %s", a.Acct())
		}
		s.us.clock.Advance(10 * time.Minute)
	}
	if after := s.us.count("SELECT COUNT(*) FROM accounts"); after != before {
		s.t.Errorf("%d accounts became %d", before, after)
	}
}

// ssrf07: what discovery documents link to is asked for like anything else.
func (s *scene) ssrf07() {
	for _, self := range []string{"data:application/activity+json,{}", "http://169.254.169.254/users/eve", "https://[::1]/users/eve", "http://10.0.0.1:6379/", "file:///etc/passwd", "//evil.example/x", s.us.site.URL("/users/alice")} {
		s.evil.finger("eve@"+s.evil.domain, "acct:eve@"+s.evil.domain, self)
		if a, err := s.us.ByHandle(ctx(), accounts.Handle{Username: "eve", Domain: s.evil.domain}); err == nil {
			s.t.Errorf("%s led to %+v", self, a)
		}
		s.evil.answer("/page", answer{http.StatusOK, "text/html", `<html><head><link rel="alternate" type="application/activity+json" href="` + self + `"></head></html>`})
		if found, err := s.us.ResolveURL(ctx(), s.evil.url("/page")); err == nil {
			s.t.Errorf("%s led to %+v", self, found)
		}
		s.us.clock.Advance(10 * time.Minute)
	}
}

// goneAndBack: an actor that answers 410 keeps what is known of it, and when it is back with a new key, that is taken (SIG-17).
func (s *scene) goneAndBack() {
	s.evil.answer("/users/mallory", answer{http.StatusOK, "application/activity+json", s.mallory.doc})
	known := s.known(s.mallory)
	s.evil.answer("/users/mallory", answer{status: http.StatusGone, body: ""})
	s.us.clock.Advance(48 * time.Hour)
	if a := s.known(s.mallory); a.ID != known.ID || a.PublicKey != known.PublicKey {
		s.t.Errorf("gone, it is %+v", a)
	}
	s.us.clock.Advance(48 * time.Hour)
	s.mallory.keys = keysOf(s.t, "mallory, back")
	s.mallory.doc["publicKey"] = doc{"id": s.mallory.uri + "#main-key", "owner": s.mallory.uri, "publicKeyPem": s.mallory.keys.Public}
	s.mallory.publish()
	s.taken(s.mallory.send(s.us, s.mallory.activity("Follow", s.alice.URI)))
	if !s.followsAlice(s.mallory) {
		s.t.Error("the actor that came back is not heard")
	}
}
