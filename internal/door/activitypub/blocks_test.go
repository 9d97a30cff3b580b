package activitypub_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
)

// block decides about a domain and lets everything follow.
func (s *scene) block(b instances.Block) {
	s.t.Helper()
	s.us.must(s.us.instances.Block(ctx(), b))
	settle(s.t, s.us)
}

// host is a server's name without its port: blocks hold for every port (MOD-01).
func (r *remote) host() string { host, _, _ := strings.Cut(r.domain, ":"); return host }

func (s *scene) account(p *person) *accounts.Account {
	s.t.Helper()
	a, err := s.us.accounts.ByURI(ctx(), s.us.db, p.uri)
	s.us.must(err)
	return a
}

// TestSuspendedDomains: nothing of a suspended domain gets in by any way, nothing is asked there, ties end both ways, what it wrote
// is hidden, and only what the block did is undone with it (MOD-01, MOD-02, VIS-06).
func TestSuspendedDomains(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	n := s.posted("before")
	st := s.us.byURI(n["id"].(string))
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	s.taken(s.bertha.send(s.us, s.bertha.activity("Follow", s.alice.URI)))
	s.us.must(s.us.db.Write(ctx(), func(tx *db.Tx) error {
		return s.us.accounts.Limit(ctx(), tx, s.account(s.bertha).ID, s.us.clock.Now(), s.us.clock.Now())
	}))
	s.us.clock.Advance(time.Minute)
	s.block(instances.Block{Domain: strings.ToUpper(s.good.host()) + ".", Severity: instances.Suspend})

	bob := s.account(s.bob)
	if !bob.Suspended() {
		t.Error("bob is not suspended")
	}
	if got := s.us.count("SELECT COUNT(*) FROM follows"); got != 0 {
		t.Errorf("%d ties are left", got)
	}
	if got := s.us.count("SELECT followers_count + following_count FROM accounts WHERE id = $1", s.alice.ID); got != 0 {
		t.Errorf("alice counts %d ties", got)
	}
	if _, err := s.us.statuses.ByID(ctx(), s.us.db, s.alice.ID, st.ID); err == nil {
		t.Error("what bob wrote is still seen")
	}
	asked, known := s.good.requests(), s.us.count("SELECT COUNT(*) FROM accounts")
	carl := s.good.person("carl")
	for _, p := range []*person{s.bob, carl} {
		for _, a := range []doc{p.activity("Create", p.note("after")), p.activity("Follow", s.alice.URI), p.activity("Flag", s.alice.URI), p.activity("Delete", n)} {
			s.refused(p.send(s.us, a), http.StatusForbidden, http.StatusUnauthorized)
		}
	}
	if _, err := s.us.ResolveURL(ctx(), n["id"].(string)); err == nil {
		t.Error("searching finds a post")
	}
	for _, p := range []*person{s.bob, carl} {
		if a, err := s.us.ByHandle(ctx(), accounts.Handle{Username: p.name, Domain: p.domain}); err == nil && !a.Suspended() {
			t.Errorf("searching finds %s", p.name)
		}
	}
	if _, err := s.us.FetchStatus(ctx(), n["id"].(string)); err == nil {
		t.Error("a known post is fetched")
	}
	s.post(statuses.Draft{Text: "hello @bob@" + s.good.domain + " and @carl@" + s.good.domain})
	if got := s.good.requests(); got != asked {
		t.Errorf("asked %d times", got-asked)
	}
	if got := s.us.count("SELECT COUNT(*) FROM accounts"); got != known {
		t.Errorf("%d accounts came in", got-known)
	}
	found, err := s.us.instances.Unblock(ctx(), s.good.host())
	s.us.must(err)
	settle(t, s.us)
	if !found || s.account(s.bob).Suspended() || !s.account(s.bertha).Suspended() || !s.account(s.bertha).Silenced() {
		t.Error("more or less was undone than what the block did")
	}
}

// TestBlocksHoldForWhateverNamesADomain: a block is found under every spelling, for all below it and no other (MOD-01).
func TestBlocksHoldForWhateverNamesADomain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.block(instances.Block{Domain: "*.BÜCHER.example.", Severity: instances.Suspend})
	for domain, want := range map[string]bool{
		"xn--bcher-kva.example": true, "xn--bcher-kva.example:8443": true, "a.b.xn--bcher-kva.example": true, "a.xn--bcher-kva.example:1": true,
		"axn--bcher-kva.example": false, "example": false, "bucher.example": false, "xn--bcher-kva.example.org": false,
	} {
		if got, err := s.us.instances.Suspended(ctx(), s.us.db, domain); err != nil || got != want {
			t.Errorf("%s: %v %v", domain, got, err)
		}
	}
	for _, uri := range []string{"https://BÜCHER.example/users/x", "https://xn--bcher-kva.EXAMPLE./users/x", "https://sub.bücher.example:8443/users/x"} {
		if _, err := s.us.FetchStatus(ctx(), uri); err == nil || !strings.Contains(err.Error(), "blocked") {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// TestAHandleOnASuspendedDomain: an actor is shut out too when only its handle is of a suspended domain (MOD-01).
func TestAHandleOnASuspendedDomain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	_, err := change(s.us, "UPDATE accounts SET domain = 'handles.example' WHERE id = $1", s.account(s.bob).ID)
	s.us.must(err)
	s.us.must(s.us.instances.Block(ctx(), instances.Block{Domain: "example", Severity: instances.Suspend}))
	n := s.bob.note("after")
	s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
	s.us.missing(n["id"].(string))
	if !s.account(s.bob).Suspended() {
		t.Error("bob is not suspended")
	}
}

// TestSilencedDomains: accounts that are known, and those that come, are hidden; less is undone with the block.
func TestSilencedDomains(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.block(instances.Block{Domain: s.good.host(), Severity: instances.Silence})
	if !s.account(s.bob).Silenced() || s.account(s.bob).Suspended() || s.us.count("SELECT COUNT(*) FROM follows") != 1 {
		t.Errorf("bob: %+v", s.account(s.bob))
	}
	if carl := s.known(s.good.person("carl")); !carl.Silenced() {
		t.Error("carl came in unsilenced")
	}
	s.block(instances.Block{Domain: s.good.host(), Severity: instances.Noop})
	for _, p := range []*person{s.bob, s.good.person("carl")} {
		if s.account(p).Silenced() {
			t.Errorf("%s is still silenced", p.name)
		}
	}
}

// TestRejectedMedia: no files, pictures or emojis of a domain come in, wherever the post that shows them is from.
func TestRejectedMedia(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	files := func(url string) doc {
		return doc{"attachment": []doc{{"type": "Document", "mediaType": "image/png", "url": url + "/a.png"}},
			"tag": []doc{{"type": "Emoji", "name": ":blob:", "icon": doc{"type": "Image", "url": url + "/e.png"}}}}
	}
	shows := func(what string, n doc, want int64) {
		t.Helper()
		s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
		st := s.us.byURI(n["id"].(string))
		got := s.us.count("SELECT COUNT(*) FROM media_attachments WHERE status_id = $1", st.ID)
		if got != want || int64(len(st.Emojis)) != want {
			t.Errorf("%s: %d files, %d emojis", what, got, len(st.Emojis))
		}
	}
	const elsewhere = "https://cdn.files.example"
	shows("before", s.bob.note("a").with(files(elsewhere)), 1)
	s.block(instances.Block{Domain: "files.example", Severity: instances.Noop, RejectMedia: true})
	shows("of a host whose media are not wanted", s.bob.note("b").with(files(elsewhere)), 0)
	shows("of another", s.bob.note("c").with(files(s.good.web.URL)), 1)
	s.block(instances.Block{Domain: s.good.host(), Severity: instances.Noop, RejectMedia: true})
	shows("by somebody whose media are not wanted", s.bob.note("d").with(files("https://other.example")), 0)
	carl := s.good.person("carl")
	carl.doc["icon"] = doc{"type": "Image", "url": s.good.url("/carl.png")}
	carl.publish()
	if a := s.known(carl); a.Avatar != "" {
		t.Errorf("carl shows %s", a.Avatar)
	}
	if body, _ := json.Marshal(s.known(carl).Emojis); string(body) != "[]" && string(body) != "null" {
		t.Errorf("carl shows %s", body)
	}
}
