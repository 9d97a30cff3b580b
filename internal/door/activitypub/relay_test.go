package activitypub_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
)

// relay is a scripted relay: an actor on a server of its own.
func (s *scene) relay(kind string) (*person, instances.Relay) {
	s.t.Helper()
	p := newRemote(s.t).person("relay")
	p.doc["type"], p.doc["endpoints"] = "Application", nil
	p.doc["inbox"] = p.url("/inbox")
	p.publish()
	uri := p.url("/inbox")
	if kind == instances.LitePubRelay {
		uri = p.uri
	}
	r, err := s.us.AddRelay(ctx(), uri, "")
	s.us.must(err)
	if r.Kind != kind || r.State != instances.RelayIdle {
		s.t.Fatalf("added %+v", r)
	}
	return p, r
}

func (s *scene) relayState(p *person, want string) instances.Relay {
	s.t.Helper()
	r, err := s.us.instances.RelayAt(ctx(), s.us.db, p.url("/inbox"))
	s.us.must(err)
	if r.State != want {
		s.t.Errorf("the relay is %s, not %s", r.State, want)
	}
	return r
}

// sent are the activities of a type that a server received.
func (r *remote) sent(kind string) []doc {
	var out []doc
	for _, d := range r.received() {
		if d["type"] == kind {
			out = append(out, d)
		}
	}
	return out
}

// accepted lets a relay accept.
func (s *scene) accepted(p *person, r instances.Relay) {
	s.t.Helper()
	s.us.must(s.us.EnableRelay(ctx(), r))
	settle(s.t, s.us)
	follows := p.sent("Follow")
	if len(follows) != 1 {
		s.t.Fatalf("asked %v", follows)
	}
	s.relayState(p, instances.RelayPending)
	// Nobody else may answer (AUZ-05).
	s.mallory.send(s.us, s.mallory.activity("Accept", follows[0]))
	s.relayState(p, instances.RelayPending)
	s.taken(p.send(s.us, p.activity("Accept", follows[0])))
	s.relayState(p, instances.RelayAccepted)
}

func TestMastodonRelay(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p, r := s.relay(instances.MastodonRelay)
	s.accepted(p, r)
	follow := p.sent("Follow")[0]
	if follow["object"] != ap.Public || follow["actor"] != s.us.site.URL("/actor") {
		t.Errorf("asked with %v", follow)
	}
	public := s.post(statuses.Draft{Text: "for everybody"})
	for _, v := range []statuses.Visibility{statuses.Unlisted, statuses.Private, statuses.Direct} {
		s.post(statuses.Draft{Text: "not for relays", Visibility: v})
	}
	creates := p.sent("Create")
	if len(creates) != 1 || creates[0]["id"] != public.URI+"/activity" {
		t.Errorf("the relay got %v", creates)
	}
	_, err := s.us.statuses.Delete(ctx(), s.alice, public.ID)
	s.us.must(err)
	settle(t, s.us)
	if got := p.sent("Delete"); len(got) != 1 {
		t.Errorf("the relay got %v", got)
	}
	s.relayBrings(p)
	s.us.must(s.us.DisableRelay(ctx(), s.relayState(p, instances.RelayAccepted), false))
	settle(t, s.us)
	if got := p.sent("Undo"); len(got) != 1 || got[0]["object"].(map[string]any)["id"] != follow["id"] {
		t.Errorf("left with %v", got)
	}
	s.relayState(p, instances.RelayIdle)
	s.post(statuses.Draft{Text: "after"})
	if got := p.sent("Create"); len(got) != 1 {
		t.Errorf("the relay got %v", got)
	}
	n := s.mallory.note("too late")
	s.evil.serve(path(n), n)
	p.send(s.us, p.activity("Announce", n["id"]))
	s.us.missing(n["id"].(string))
}

// relayBrings: what a relay announces is fetched from its own server, and boosted by nobody. What others announce is not.
func (s *scene) relayBrings(p *person) {
	s.t.Helper()
	n, other, private := s.mallory.note("brought"), s.mallory.note("not brought"), s.mallory.note("private")
	private["to"], private["cc"] = []string{s.mallory.uri + "/followers"}, nil
	for _, d := range []doc{n, other, private} {
		s.evil.serve(path(d), d)
	}
	s.taken(p.send(s.us, p.activity("Announce", n["id"])))
	if got := s.us.byURI(n["id"].(string)); got.ReblogsCount != 0 {
		s.t.Errorf("boosted %d times", got.ReblogsCount)
	}
	s.bertha.send(s.us, s.bertha.activity("Announce", other["id"]))
	s.us.missing(other["id"].(string))
}

// path is where a document is.
func path(d doc) string {
	req, _ := http.NewRequest(http.MethodGet, d["id"].(string), nil)
	return req.URL.Path
}

func TestLitePubRelay(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p, r := s.relay(instances.LitePubRelay)
	s.accepted(p, r)
	if follow := p.sent("Follow")[0]; follow["object"] != p.uri {
		t.Errorf("asked with %v", follow)
	}
	// It follows back; nobody else may follow the instance actor.
	back := p.activity("Follow", s.us.site.URL("/actor"))
	s.taken(p.send(s.us, back))
	s.mallory.send(s.us, s.mallory.activity("Follow", s.us.site.URL("/actor")))
	if got := p.sent("Accept"); len(got) != 1 || got[0]["object"].(map[string]any)["id"] != back["id"] || len(s.evil.received()) != 0 {
		t.Errorf("answered %v", got)
	}
	public := s.post(statuses.Draft{Text: "for everybody"})
	s.post(statuses.Draft{Text: "not for relays", Visibility: statuses.Private})
	announces := p.sent("Announce")
	if len(announces) != 1 || announces[0]["object"] != public.URI || announces[0]["actor"] != s.us.site.URL("/actor") || len(p.sent("Create")) != 0 {
		body, _ := json.Marshal(p.received())
		t.Errorf("the relay got %s", body)
	}
	s.relayBrings(p)
}

// TestARelayMayRefuse: nothing is sent to one that did.
func TestARelayMayRefuse(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p, r := s.relay(instances.MastodonRelay)
	s.us.must(s.us.EnableRelay(ctx(), r))
	settle(t, s.us)
	s.taken(p.send(s.us, p.activity("Reject", p.sent("Follow")[0]["id"])))
	s.relayState(p, instances.RelayRejected)
	s.post(statuses.Draft{Text: "for everybody"})
	if got := p.sent("Create"); len(got) != 0 {
		t.Errorf("the relay got %v", got)
	}
	s.us.must(s.us.DisableRelay(ctx(), s.relayState(p, instances.RelayRejected), true))
	if list, err := s.us.instances.Relays(ctx(), s.us.db); err != nil || len(list) != 0 {
		t.Errorf("left: %v %v", list, err)
	}
}
