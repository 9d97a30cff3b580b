package activitypub_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap/httpsig"
	"github.com/gomph/gomph/internal/kit/db"
)

// The rows of the attack table about who speaks, and about how much of it: areas signature and inbox-dos.
func TestSignatureAttacks(t *testing.T) {
	t.Parallel()
	play(t, map[string]func(*scene){
		"SIG-01": (*scene).sig01, "SIG-02": (*scene).sig02, "SIG-03": (*scene).sig03, "SIG-04": (*scene).sig04, "SIG-06": (*scene).sig06, "SIG-09": (*scene).sig09,
		"SIG-10": (*scene).sig10, "SIG-11": (*scene).sig11, "SIG-16": (*scene).sig16, "SIG-17": (*scene).sig17, "SIG-18": (*scene).sig18, "SIG-20": (*scene).sig20,
		"INB-01": (*scene).inb01, "INB-02": (*scene).inb02, "blocked domain": (*scene).blockedDomain, "RFC 9421": (*scene).rfc9421, "budget": (*scene).budget,
		"VIS-01": (*scene).vis01,
	})
}

// nothing fails when anything was queued.
func (s *scene) nothing() {
	s.t.Helper()
	if n := s.us.count("SELECT COUNT(*) FROM jobs"); n != 0 {
		s.t.Errorf("%d jobs were written", n)
	}
}

func encode(t testing.TB, d doc) []byte {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *scene) sig01() {
	body := encode(s.t, s.bob.activity("Create", s.bob.note("unsigned")))
	asked := s.good.requests()
	for _, path := range []string{"/inbox", "/users/alice/inbox", "/actor/inbox"} {
		req := s.bob.request(s.us, http.MethodPost, path, body)
		req.Header.Del("Signature")
		s.refused(do(s.t, req), http.StatusUnauthorized)
		req = s.bob.request(s.us, http.MethodPost, path, body)
		req.Header.Set("Signature", "")
		s.refused(do(s.t, req), http.StatusUnauthorized)
	}
	s.nothing()
	if s.good.requests() != asked {
		s.t.Error("a key was fetched for an unsigned request")
	}
}

func (s *scene) sig02() {
	note := s.posted("bob's")
	for _, a := range []doc{s.bob.activity("Follow", s.alice.URI), s.bob.activity("Delete", note["id"]), s.bob.activity("Create", s.bob.note("forged")),
		s.bob.activity("Block", s.alice.URI), s.bob.activity("Update", s.bob.doc.with(doc{"name": "Mallory was here"}))} {
		s.refused(s.mallory.send(s.us, a), http.StatusUnauthorized, http.StatusForbidden)
		// Somebody else of the same server is not bob either.
		s.refused(s.bertha.send(s.us, a), http.StatusUnauthorized, http.StatusForbidden)
	}
	s.text(note["id"].(string), "bob's")
	if s.followsAlice(s.bob) || s.known(s.bob).DisplayName != "bob" {
		s.t.Error("something was done in bob's name")
	}
}

// signedWith signs an activity by an actor with a key of any id.
func (s *scene) signedWith(keyID string, keys *person, activity doc) int {
	s.t.Helper()
	body := encode(s.t, activity)
	req, err := http.NewRequest(http.MethodPost, s.us.site.URL("/inbox"), bytes.NewReader(body))
	s.us.must(err)
	req.Header.Set("Content-Type", "application/activity+json")
	key, err := httpsig.ParsePrivatePEM(keys.keys.Private)
	s.us.must(err)
	s.us.must(httpsig.Signer{KeyID: keyID, Private: key}.Sign(req, body, s.us.clock.Now()))
	return do(s.t, req)
}

func (s *scene) sig03() {
	s.evil.serve("/key1", doc{"id": s.evil.url("/key1"), "type": "Key", "owner": s.bob.uri, "publicKeyPem": s.mallory.keys.Public})
	s.refused(s.signedWith(s.evil.url("/key1"), s.mallory, s.bob.activity("Follow", s.alice.URI)), http.StatusUnauthorized)
	s.good.serve("/key1", doc{"id": s.good.url("/key1"), "type": "Key", "owner": s.bob.uri, "publicKeyPem": s.mallory.keys.Public})
	s.us.clock.Advance(time.Hour)
	s.refused(s.signedWith(s.good.url("/key1"), s.mallory, s.bob.activity("Follow", s.alice.URI)), http.StatusUnauthorized)
	if s.known(s.bob).PublicKeyID != s.bob.uri+"#main-key" {
		s.t.Error("bob's key changed")
	}
}

func (s *scene) sig04() {
	s.evil.serve("/k?x=1", doc{"id": s.bob.uri + "#main-key", "owner": s.bob.uri, "publicKeyPem": s.mallory.keys.Public})
	s.refused(s.signedWith(s.evil.url("/k?x=1"), s.mallory, s.mallory.activity("Follow", s.alice.URI)), http.StatusUnauthorized)
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	if !s.followsAlice(s.bob) {
		s.t.Error("bob's own signature does not hold any more")
	}
}

func (s *scene) sig06() {
	body := encode(s.t, s.bob.activity("Follow", s.alice.URI))
	altered := bytes.Replace(body, []byte("Follow"), []byte("Block\""), 1)
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Header.Del("Digest") },
		func(r *http.Request) {},
		func(r *http.Request) { r.Header.Set("Digest", "MD5=1B2M2Y8AsgTpgAmY7PhCfg==") },
		func(r *http.Request) {
			other := s.bob.request(s.us, http.MethodPost, "/inbox", altered)
			r.Header.Set("Digest", other.Header.Get("Digest"))
		},
	} {
		req := s.bob.request(s.us, http.MethodPost, "/inbox", body)
		change(req)
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(altered)), int64(len(altered))
		s.refused(do(s.t, req), http.StatusUnauthorized, http.StatusBadRequest)
	}
	s.nothing()
}

func (s *scene) sig09() {
	body := encode(s.t, s.bob.activity("Follow", s.alice.URI))
	for age, want := range map[time.Duration]int{14 * time.Hour: http.StatusUnauthorized, -2 * time.Hour: http.StatusUnauthorized, 20 * time.Minute: http.StatusAccepted} {
		req := s.bob.request(s.us, http.MethodPost, "/inbox", body)
		s.bob.sign(req, body, s.us.clock.Now().Add(-age))
		s.refused(do(s.t, req), want)
	}
	req := s.bob.request(s.us, http.MethodPost, "/inbox", body)
	req.Header.Set("Date", "yesterday")
	s.refused(do(s.t, req), http.StatusUnauthorized)
}

func (s *scene) sig10() {
	follow := s.bob.activity("Follow", s.alice.URI)
	body := encode(s.t, follow)
	captured := s.bob.request(s.us, http.MethodPost, "/inbox", body)
	replay := func() {
		captured.Body = io.NopCloser(bytes.NewReader(body))
		if status := do(s.t, captured); status/100 != 2 && status/100 != 4 {
			s.t.Errorf("answered %d", status)
		}
		settle(s.t, s.us)
	}
	for range 10 {
		replay()
	}
	if !s.followsAlice(s.bob) || s.us.count("SELECT COUNT(*) FROM follows WHERE target_account_id = $1", s.alice.ID) != 1 {
		s.t.Fatal("not exactly one follow")
	}
	s.taken(s.bob.send(s.us, s.bob.activity("Undo", follow)))
	replay()
	if s.followsAlice(s.bob) {
		s.t.Error("a replay brought the follow back")
	}
	// The same follow under a new signature is a new wish: some servers use an id again.
	s.taken(s.bob.send(s.us, follow))
	if !s.followsAlice(s.bob) {
		s.t.Error("following again has no effect")
	}
}

func (s *scene) sig11() {
	body := encode(s.t, s.bob.activity("Follow", s.alice.URI))
	req := s.bob.request(s.us, http.MethodPost, "/inbox", body)
	req.URL.Path = "/users/alice/inbox"
	s.refused(do(s.t, req), http.StatusUnauthorized)
	req = s.bob.request(s.us, http.MethodPost, "/inbox", body)
	req.URL.RawQuery = "x=1"
	s.refused(do(s.t, req), http.StatusUnauthorized)
	// Signed for another server: the host in the signature is the request's own, but not ours.
	req, err := http.NewRequest(http.MethodPost, s.us.site.URL("/inbox"), bytes.NewReader(body))
	s.us.must(err)
	req.Host = "elsewhere.example"
	req.Header.Set("Content-Type", "application/activity+json")
	s.bob.sign(req, body, s.us.clock.Now())
	s.refused(do(s.t, req), http.StatusUnauthorized)
	s.nothing()
}

func (s *scene) sig16() {
	s.us.clock.Advance(time.Hour)
	asked := s.good.requests()
	activity := s.bob.activity("Follow", s.alice.URI)
	for range 200 {
		s.refused(s.signedWith(s.bob.uri+"#main-key", s.mallory, activity), http.StatusUnauthorized)
	}
	if n := s.good.times("/users/bob"); n > 2 {
		s.t.Errorf("bob was fetched %d times", n)
	}
	for i := range 200 {
		s.refused(s.signedWith(s.good.url("/keys/"+strings.Repeat("k", i+1)), s.mallory, activity), http.StatusUnauthorized)
	}
	if n := s.good.requests() - asked; n >= 20 {
		s.t.Errorf("%d requests were made", n)
	}
	s.taken(s.bob.send(s.us, activity))
}

func (s *scene) sig17() {
	rotated := &person{remote: s.good, name: "bob", uri: s.bob.uri, keys: keysOf(s.t, "bob rotated"), doc: s.bob.doc}
	claimed := doc{"id": s.bob.uri + "#main-key", "owner": s.bob.uri, "publicKeyPem": s.mallory.keys.Public}
	s.refused(s.mallory.send(s.us, s.bob.activity("Update", s.bob.doc.with(doc{"publicKey": claimed}))), http.StatusUnauthorized)
	s.taken(s.bob.send(s.us, s.bob.activity("Update", s.bob.doc.with(doc{"publicKey": claimed, "name": "pushed"}))))
	if s.known(s.bob).PublicKey != s.bob.keys.Public {
		s.t.Error("a key was taken from a push")
	}
	s.bob.doc["publicKey"] = doc{"id": s.bob.uri + "#main-key", "owner": s.bob.uri, "publicKeyPem": rotated.keys.Public}
	s.bob.publish()
	s.us.clock.Advance(time.Hour)
	before := s.good.times("/users/bob")
	s.taken(rotated.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	if n := s.good.times("/users/bob") - before; n != 1 {
		s.t.Errorf("the new key was fetched %d times", n)
	}
	s.refused(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)), http.StatusUnauthorized)
}

func (s *scene) sig18() {
	for _, p := range []*person{s.mallory, s.evil.person("malory")} {
		p.doc["publicKey"] = doc{"id": s.bob.uri + "#main-key", "owner": s.bob.uri, "publicKeyPem": p.keys.Public}
		p.publish()
		if s.known(p).PublicKeyID != "" {
			s.t.Error("a foreign key was taken")
		}
	}
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
}

func (s *scene) sig20() {
	note := s.posted("still here")
	s.evil.answer("/gone", answer{http.StatusGone, "text/plain", "gone"})
	s.refused(s.signedWith(s.evil.url("/gone#main-key"), s.mallory, s.bob.activity("Delete", s.bob.uri)), http.StatusUnauthorized)
	s.text(note["id"].(string), "still here")
	before := s.evil.requests()
	stranger := doc{"id": s.evil.url("/users/nobody#delete"), "type": "Delete", "actor": s.evil.url("/users/nobody"), "object": s.evil.url("/users/nobody")}
	s.taken(s.signedWith(s.evil.url("/users/nobody#main-key"), s.mallory, stranger))
	if s.evil.requests() != before {
		s.t.Error("the key of somebody unknown was fetched to delete them")
	}
	s.nothing()
}

func (s *scene) inb01() {
	big := s.bob.activity("Create", s.bob.note(strings.Repeat("x", 2<<20)))
	s.refused(s.bob.send(s.us, big), http.StatusRequestEntityTooLarge)
	body := encode(s.t, s.bob.activity("Follow", s.alice.URI))
	req := s.bob.request(s.us, http.MethodPost, "/inbox", body)
	req.Body, req.ContentLength = io.NopCloser(io.MultiReader(bytes.NewReader(body), strings.NewReader(strings.Repeat(" ", 2<<20)))), -1
	s.refused(do(s.t, req), http.StatusRequestEntityTooLarge)
	req = s.bob.request(s.us, http.MethodPost, "/inbox", body)
	req.Header.Set("Content-Type", "text/plain")
	s.refused(do(s.t, req), http.StatusBadRequest)
	s.nothing()
}

func (s *scene) inb02() {
	for _, body := range []string{strings.Repeat("[", 100_000), strings.Repeat(`{"object":`, 100_000), `{"@context":` + strings.Repeat("[", 100_000), "[]", "7", "", `{"actor":`,
		`{"type":"Follow","actor":"` + s.bob.uri + `","actor":"` + s.mallory.uri + `"}`, "{\"type\":\"\xff\"}"} {
		s.refused(do(s.t, s.bob.request(s.us, http.MethodPost, "/inbox", []byte(body))), http.StatusBadRequest)
	}
	s.nothing()
}

func (s *scene) blockedDomain() {
	s.us.must(s.us.instances.Block(ctx(), instances.Block{Domain: s.good.domain, Severity: instances.Suspend}))
	s.refused(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)), http.StatusForbidden)
	asked := s.good.requests()
	s.post(statuses.Draft{Text: "hello @bob@" + s.good.domain})
	if _, err := s.us.ResolveURL(ctx(), s.good.url("/n/1")); err == nil || s.good.requests() != asked {
		s.t.Error("a blocked domain was spoken to")
	}
}

func (s *scene) rfc9421() {
	body := encode(s.t, s.bob.activity("Follow", s.alice.URI))
	key, err := httpsig.ParsePrivatePEM(s.bob.keys.Private)
	s.us.must(err)
	req, err := http.NewRequest(http.MethodPost, s.us.site.URL("/inbox"), bytes.NewReader(body))
	s.us.must(err)
	req.Header.Set("Content-Type", "application/activity+json")
	s.us.must(httpsig.Signer{KeyID: s.bob.uri + "#main-key", Private: key}.SignRFC9421(req, body, s.us.clock.Now()))
	s.taken(do(s.t, req))
	settle(s.t, s.us)
	if !s.followsAlice(s.bob) {
		s.t.Error("bob does not follow")
	}
}

// An activity of somebody known costs three statements until it is queued.
func (s *scene) budget() {
	req := s.bob.request(s.us, http.MethodPost, "/inbox", encode(s.t, s.bob.activity("Follow", s.alice.URI)))
	counting, counter := db.Counting(ctx())
	req = req.WithContext(counting)
	req.RequestURI = "/inbox"
	req.Host = req.URL.Host
	w := serve(s.us, req)
	if w.Code != http.StatusAccepted || counter.N() > 3 {
		s.t.Errorf("answered %d after %d statements", w.Code, counter.N())
	}
}

// A post that one may not see and one that does not exist look the same, signed or not, on every address of a post.
func (s *scene) vis01() {
	hidden := s.post(statuses.Draft{Text: "for followers", Visibility: statuses.Private})
	shown := s.post(statuses.Draft{Text: "for all"})
	s.known(s.bob)
	for _, end := range []string{"", "/activity", "/replies", "/likes", "/shares"} {
		for _, sign := range []bool{false, true} {
			ask := func(uri string) (int, string, string) {
				path := strings.TrimPrefix(uri, s.us.site.Base()) + end
				req := s.mallory.request(s.us, http.MethodGet, path, nil)
				if !sign {
					req.Header.Del("Signature")
				}
				res, err := http.DefaultTransport.RoundTrip(req)
				s.us.must(err)
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				s.us.must(err)
				res.Header.Del("Date")
				header, _ := json.Marshal(res.Header)
				return res.StatusCode, string(body), string(header)
			}
			status, body, header := ask(hidden.URI)
			status2, body2, header2 := ask(strings.TrimSuffix(hidden.URI, hidden.URI[len(hidden.URI)-4:]) + "0000")
			if status != http.StatusNotFound || status2 != status || body != body2 || header != header2 {
				s.t.Errorf("%q signed=%v: %d %s %s, else %d %s %s", end, sign, status, body, header, status2, body2, header2)
			}
			if status, _, _ := ask(shown.URI); status != http.StatusOK {
				s.t.Errorf("%q of a public post answers %d", end, status)
			}
		}
	}
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	req := s.bob.request(s.us, http.MethodGet, strings.TrimPrefix(hidden.URI, s.us.site.Base()), nil)
	if status := do(s.t, req); status != http.StatusOK {
		s.t.Errorf("a follower gets %d", status)
	}
}
