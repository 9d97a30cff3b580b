package activitypub_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// read asks for a document, signed by somebody or by nobody.
func (s *scene) read(p *person, path string) (int, http.Header, doc) {
	s.t.Helper()
	req := httptest.NewRequest(http.MethodGet, s.us.site.URL(path), nil)
	req.Header.Set("Accept", "application/activity+json")
	if p != nil {
		p.sign(req, nil, s.us.clock.Now())
	}
	w := serve(s.us, req)
	var d doc
	_ = json.Unmarshal(w.Body.Bytes(), &d)
	return w.Code, w.Header(), d
}

func TestAuthorizedFetch(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.us.SignedFetch = true
	st := s.post(statuses.Draft{Text: "hello"})
	post := st.URI[len(s.us.site.Base()):]
	for _, path := range []string{"/users/alice", "/@alice", "/users/alice/outbox", "/users/alice/outbox?page=true", "/users/alice/followers", "/users/alice/following", "/users/alice/collections/featured",
		"/users/alice/collections/tags", post, post + "/activity", post + "/replies", post + "/likes", post + "/shares"} {
		status, header, d := s.read(nil, path)
		if status != http.StatusUnauthorized || d["id"] != nil || header.Get("Cache-Control") != "private, no-store" || header.Get("Vary") != "Accept, Signature, Signature-Input" {
			t.Errorf("%s unsigned: %d %v %v", path, status, header, d)
		}
		if status, header, d = s.read(s.bob, path); status != http.StatusOK || d["id"] == nil || header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s signed: %d %v %v", path, status, header, d)
		}
	}
	for _, path := range []string{"/actor", "/actor/outbox", "/.well-known/webfinger?resource=acct:alice@" + s.us.site.LocalDomain, "/.well-known/nodeinfo", "/nodeinfo/2.0", "/.well-known/host-meta"} {
		if status, _, _ := s.read(nil, path); status != http.StatusOK {
			t.Errorf("%s unsigned: %d", path, status)
		}
	}
	// Whom alice has blocked sees what it takes to verify her, and no more.
	s.us.must(s.us.relations.Block(ctx(), s.alice, s.known(s.bertha), ""))
	status, _, d := s.read(s.bertha, "/users/alice")
	if status != http.StatusOK || d["published"] != "" && d["published"] != nil || d["followers"] != nil || d["publicKey"] == nil {
		t.Errorf("the blocked see %d %v", status, d)
	}
	if status, _, d = s.read(s.bertha, "/users/alice/outbox?page=true"); status != http.StatusOK || d["orderedItems"] != nil {
		t.Errorf("the blocked see %d %v", status, d)
	}
	// Whose server is suspended is nobody.
	s.us.must(s.us.instances.Block(ctx(), instances.Block{Domain: s.evil.domain, Severity: instances.Suspend}))
	if status, _, _ = s.read(s.mallory, "/users/alice"); status != http.StatusUnauthorized {
		t.Errorf("the suspended are answered %d", status)
	}
	// What is shown to some is not made to be passed on.
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	s.post(statuses.Draft{Text: "again"})
	for _, sent := range s.good.received() {
		if sent["type"] == "Create" && sent["signature"] != nil {
			t.Error("a post was signed for others to pass on")
		}
	}
}

func TestLimitedFederation(t *testing.T) {
	t.Parallel()
	s := &scene{t: t, us: newNode(t, dbtest.SQLite(t), newClock(), instances.Limited()), good: newRemote(t), evil: newRemote(t)}
	s.us.SignedFetch = true
	s.alice, s.bob, s.mallory = s.us.person("alice"), s.good.person("bob"), s.evil.person("mallory")
	// Both are on one address, so the port tells them apart.
	s.us.must(s.us.instances.Allow(ctx(), s.good.domain))
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	if !s.followsAlice(s.bob) {
		t.Error("an allowed server is kept out")
	}
	asked := s.evil.requests()
	s.refused(s.mallory.send(s.us, s.mallory.activity("Follow", s.alice.URI)), http.StatusForbidden)
	s.refused(s.mallory.send(s.us, s.signed(s.bob, s.bob.activity("Create", s.bob.note("passed on")))), http.StatusForbidden)
	if status, _, _ := s.read(s.mallory, "/users/alice"); status != http.StatusUnauthorized {
		t.Errorf("a server that is not allowed reads: %d", status)
	}
	if _, err := s.us.ResolveURL(ctx(), s.mallory.uri); err == nil {
		t.Error("somebody of a server that is not allowed was found")
	}
	if s.evil.requests() != asked {
		t.Error("a server that is not allowed was asked something")
	}
	s.post(statuses.Draft{Text: "to the allowed"})
	if got := s.good.received(); len(got) == 0 {
		t.Error("nothing was sent to an allowed server")
	}
	if _, err := s.us.instances.Disallow(ctx(), s.good.domain); err != nil {
		t.Fatal(err)
	}
	before := len(s.good.received())
	s.post(statuses.Draft{Text: "to nobody"})
	s.refused(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)), http.StatusForbidden)
	if len(s.good.received()) != before {
		t.Error("something was sent to a server that is not allowed any more")
	}
}

// TestSplitDomains: handles are on one domain, everything else on another; both answer for it.
func TestSplitDomains(t *testing.T) {
	t.Parallel()
	n := build(t, dbtest.SQLite(t), newClock(), settings.Site{LocalDomain: "xn--mnchen-3ya.example", WebDomain: "social.xn--mnchen-3ya.example", HTTPS: true})
	alice := n.person("alice")
	ask := func(host, resource string, rels ...string) (int, doc) {
		req := httptest.NewRequest(http.MethodGet, "https://"+host+"/.well-known/webfinger?"+url.Values{"resource": {resource}, "rel": rels}.Encode(), nil)
		w := serve(n, req)
		var d doc
		_ = json.Unmarshal(w.Body.Bytes(), &d)
		return w.Code, d
	}
	for _, host := range []string{n.site.LocalDomain, n.site.WebDomain} {
		for _, resource := range []string{"acct:alice@xn--mnchen-3ya.example", "acct:alice@social.xn--mnchen-3ya.example", "alice@xn--mnchen-3ya.example", "@ALICE@XN--MNCHEN-3YA.example",
			"acct:alice@münchen.example", "acct:alice@social.MÜNCHEN.example", alice.URI, alice.URL, alice.URI + "#main-key"} {
			status, d := ask(host, resource)
			if status != http.StatusOK || d["subject"] != "acct:alice@xn--mnchen-3ya.example" || !slices.Contains(d["aliases"].([]any), any(alice.URI)) {
				t.Errorf("%s at %s: %d %v", resource, host, status, d)
			}
		}
		for _, resource := range []string{"acct:alice@other.example", "acct:nobody@xn--mnchen-3ya.example", "https://other.example/users/alice", "acct:alice@xn--mnchen-3ya.example.evil.example", "acct:alice@sub.xn--mnchen-3ya.example"} {
			if status, d := ask(host, resource); status != http.StatusNotFound {
				t.Errorf("%s at %s: %d %v", resource, host, status, d)
			}
		}
	}
	for rel, want := range map[string]int{"self": 1, "http://webfinger.net/rel/profile-page": 1, "unknown": 0} {
		if _, d := ask(n.site.WebDomain, alice.URI, rel); len(d["links"].([]any)) != want || len(d["aliases"].([]any)) == 0 {
			t.Errorf("rel %s: %v", rel, d)
		}
	}
	if _, d := ask(n.site.WebDomain, alice.URI, "self", "http://webfinger.net/rel/profile-page"); len(d["links"].([]any)) != 2 {
		t.Errorf("two rels: %v", d)
	}
}

func TestNodeInfoVersions(t *testing.T) {
	t.Parallel()
	n := build(t, dbtest.SQLite(t), newClock(), gallerySite)
	get := func(path string) (http.Header, doc) {
		t.Helper()
		w := serve(n, httptest.NewRequest(http.MethodGet, n.site.URL(path), nil))
		var d doc
		n.must(json.Unmarshal(w.Body.Bytes(), &d))
		return w.Header(), d
	}
	_, links := get("/.well-known/nodeinfo")
	found := map[string]string{}
	for _, l := range links["links"].([]any) {
		link := l.(map[string]any)
		found[link["rel"].(string)] = link["href"].(string)
	}
	for _, version := range []string{"2.0", "2.1"} {
		schema := "http://nodeinfo.diaspora.software/ns/schema/" + version
		if found[schema] != n.site.URL("/nodeinfo/"+version) {
			t.Errorf("%s is at %q", version, found[schema])
		}
		header, d := get("/nodeinfo/" + version)
		software := d["software"].(map[string]any)
		if d["version"] != version || software["name"] != "gomph" || (software["repository"] != nil) != (version == "2.1") || header.Get("Content-Type") != `application/json; profile="`+schema+`#"; charset=utf-8` {
			t.Errorf("%s: %v %v", version, header, d)
		}
	}
}
