package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHostileServer sends to inboxes what no honest server would.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		good, evil := StartRemote(t, "127.0.0.1"), StartRemote(t, "127.0.0.2")
		h := hostile{s: s, ann: s.Person("ann"), bob: good.Actor("bob", 0), mallory: evil.Actor("mallory", 1)}
		h.inbox = s.URL + "/users/ann/inbox"
		h.bob.Follow(h.ann)
		h.mallory.Follow(h.ann)
		h.ann.To(h.ann.Find(h.bob.ID).ID, "follow", nil)
		good.WaitFor("a follow", func(got M) bool { return got["type"] == "Follow" })
		step := func(name string, part func(t *testing.T, h hostile)) {
			Step(t, name, func(t *testing.T) { part(t, h) }, s, good, evil)
		}
		step("bad signatures are refused", badSignatures)
		step("bad bodies are refused", badBodies)
		step("a replayed activity has no effect", replays)
		step("nobody speaks for others", impersonations)
		step("foreign ids are not believed", foreignIDs)
		step("honest activities still arrive", honest)
	})
}

// hostile is a server with ann, whom bob of an honest and mallory of an evil server follow.
type hostile struct {
	s            *Server
	ann          Person
	bob, mallory RemoteActor
	inbox        string
}

// marker returns a text that nothing else has.
func (h hostile) marker(what string) string { return "marker " + h.bob.Remote.NewID(what) }

// mention makes a post by an actor that ann would be told of.
func (h hostile) mention(by RemoteActor, text string) M {
	return by.Note(text, M{"tag": Mention(h.s.URL+"/users/ann", h.s.Handle("ann")), "to": []string{public, h.s.URL + "/users/ann"}})
}

// settled waits until everything that was accepted before has been worked on: an honest post that comes later has arrived.
func (h hostile) settled() {
	h.s.t.Helper()
	note := h.mention(h.bob, h.marker("settled"))
	h.bob.Deliver(h.inbox, h.bob.Create(note))
	h.ann.Told("mention", func(n Notification) bool { return n.Status != nil && n.Status.URI == note["id"] })
}

// absent fails the test when a text is anywhere that ann reads.
func (h hostile) absent(what, text string) {
	h.s.t.Helper()
	for _, path := range []string{Home, Public, "/api/v1/notifications"} {
		if got := h.ann.Do("GET", path+"?limit=40", nil).Want(200); bytes.Contains(got.Body, []byte(text)) {
			h.s.t.Errorf("%s took effect in %s", what, path)
		}
	}
}

// badSignatures alters a request that would be accepted.
func badSignatures(t *testing.T, h hostile) {
	text := h.marker("signatures")
	fresh := func(at time.Time) (*http.Request, []byte) {
		body, err := json.Marshal(h.bob.Create(h.mention(h.bob, text)))
		if err != nil {
			t.Fatal(err)
		}
		return h.bob.Request(h.inbox, body, at), body
	}
	replace := func(r *http.Request, body []byte) {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	alter := func(body []byte) []byte { return bytes.Replace(body, []byte("marker"), []byte("MARKER"), 1) }
	now := time.Now()
	for name, c := range map[string]struct {
		at    time.Time
		alter func(r *http.Request, body []byte)
	}{
		"unsigned":                 {now, func(r *http.Request, _ []byte) { r.Header.Del("Signature") }},
		"an empty signature":       {now, func(r *http.Request, _ []byte) { r.Header.Set("Signature", "") }},
		"nonsense for a signature": {now, func(r *http.Request, _ []byte) { r.Header.Set("Signature", `keyId="`+strings.Repeat("x", 1000)) }},
		"a very long signature":    {now, func(r *http.Request, _ []byte) { r.Header.Set("Signature", strings.Repeat("a=\"b\",", 2000)) }},
		"a stale date":             {now.Add(-13 * time.Hour), func(*http.Request, []byte) {}},
		"a date to come":           {now.Add(2 * time.Hour), func(*http.Request, []byte) {}},
		"another date than was signed": {now, func(r *http.Request, _ []byte) {
			r.Header.Set("Date", now.Add(-time.Minute).UTC().Format(http.TimeFormat))
		}},
		"no date":                           {now, func(r *http.Request, _ []byte) { r.Header.Del("Date") }},
		"an altered body under the digest":  {now, func(r *http.Request, body []byte) { replace(r, alter(body)) }},
		"no digest":                         {now, func(r *http.Request, _ []byte) { r.Header.Del("Digest") }},
		"no digest and an altered body":     {now, func(r *http.Request, body []byte) { r.Header.Del("Digest"); replace(r, alter(body)) }},
		"a weak digest":                     {now, func(r *http.Request, _ []byte) { r.Header.Set("Digest", "MD5=1B2M2Y8AsgTpgAmY7PhCfg==") }},
		"a digest that was not signed":      {now, func(r *http.Request, _ []byte) { unsignedDigest(t, h.bob, r) }},
		"signed for another inbox":          {now, func(r *http.Request, _ []byte) { r.URL.Path = "/inbox" }},
		"signed for another host":           {now, func(r *http.Request, _ []byte) { r.Host = "localhost" }},
		"a key nobody has":                  {now, func(r *http.Request, _ []byte) { rename(r, h.bob.Key, h.bob.Remote.URL+"/users/nobody#main-key") }},
		"a key on this server":              {now, func(r *http.Request, _ []byte) { rename(r, h.bob.Key, h.s.URL+"/users/ann#main-key") }},
		"a key behind no address":           {now, func(r *http.Request, _ []byte) { rename(r, h.bob.Key, "acct:bob@evil.example") }},
		"another's key under the signature": {now, func(r *http.Request, _ []byte) { rename(r, h.bob.Key, h.mallory.Key) }},
	} {
		request, body := fresh(c.at)
		c.alter(request, body)
		status, answer, err := send(request)
		if err != nil || status < 400 || status > 499 || !strings.Contains(answer, `"error"`) {
			t.Errorf("%s: %d %s %v", name, status, answer, err)
		}
	}
	h.settled()
	h.absent("a bad signature", text)
	h.absent("a bad signature", strings.Replace(text, "marker", "MARKER", 1))
}

// rename makes the signature name another key.
func rename(r *http.Request, from, to string) {
	r.Header.Set("Signature", strings.Replace(r.Header.Get("Signature"), from, to, 1))
}

// unsignedDigest signs all but the digest, so that the body could be changed.
func unsignedDigest(t *testing.T, by RemoteActor, r *http.Request) {
	digest := r.Header.Get("Digest")
	bare, err := http.NewRequest(r.Method, r.URL.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	signed := by.signed(bare)
	r.Header.Set("Signature", signed.Header.Get("Signature"))
	r.Header.Set("Date", signed.Header.Get("Date"))
	r.Header.Set("Digest", digest)
}

func badBodies(t *testing.T, h hostile) {
	text := h.marker("bodies")
	deep := strings.Repeat(`{"object":`, 2000) + `"x"` + strings.Repeat("}", 2000)
	for name, body := range map[string]string{
		"nothing": "", "no JSON": "hello", "half of JSON": `{"type":"Create"`, "a list": `[1,2]`, "a number": "7", "null": "null",
		"bad UTF-8": "{\"type\":\"Create\",\"actor\":\"" + h.bob.ID + "\",\"x\":\"\xff\xfe\"}", "deep nesting": deep,
		"no actor": `{"id":"` + h.bob.Remote.URL + `/1","type":"Create"}`, "an actor of a wrong type": `{"type":"Create","actor":7}`,
		"oversized": `{"type":"Create","actor":"` + h.bob.ID + `","x":"` + strings.Repeat("x", 2<<20) + `"}`,
	} {
		status, answer, err := send(h.bob.Request(h.inbox, []byte(body), time.Now()))
		if err != nil || status < 400 || status > 499 {
			t.Errorf("%s: %d %s %v", name, status, shorten([]byte(answer)), err)
		}
	}
	// What is well-formed but makes no sense may be accepted, and then does nothing.
	for _, activity := range []M{
		h.bob.Activity("Nonsense", h.mention(h.bob, text), nil),
		h.bob.Activity("Create", M{"type": "Note"}, nil),
		h.bob.Activity("Create", 7, nil),
		h.bob.Activity("Like", "not an address", nil),
		h.bob.Activity("Announce", h.s.URL+"/users/ann/statuses/1", nil),
		h.bob.Activity("Delete", "javascript:alert(1)", nil),
		h.bob.Activity("Undo", M{"type": "Undo", "object": M{"type": "Undo"}}, nil),
		h.bob.Create(h.bob.Note("x", M{"content": 7, "published": "yesterday", "tag": "x", "attachment": 3, "to": M{"a": "b"}})),
	} {
		if status, err := h.bob.Send(h.inbox, activity); err != nil || status >= 500 {
			t.Errorf("%v: %d %v", activity, status, err)
		}
	}
	if status, err := h.bob.Send(h.s.URL+"/users/nobody/inbox", h.bob.Activity("Like", "x", nil)); err != nil || status < 400 || status > 499 {
		t.Errorf("an unknown person's inbox: %d %v", status, err)
	}
	h.settled()
	h.absent("nonsense", text)
}

func replays(t *testing.T, h hostile) {
	note := h.mention(h.bob, h.marker("replay"))
	create := h.bob.Create(note)
	body, err := json.Marshal(create)
	if err != nil {
		t.Fatal(err)
	}
	captured := h.bob.Request(h.inbox, body, time.Now())
	for range 5 {
		again := captured.Clone(t.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		if status, _, err := send(again); err != nil || status >= 500 {
			t.Fatalf("%d %v", status, err)
		}
	}
	h.settled()
	count := func() (told int) {
		for _, n := range h.ann.Notifications("mention") {
			if n.Status.URI == note["id"] {
				told++
			}
		}
		return told
	}
	if got := count(); got != 1 {
		t.Errorf("told %d times", got)
	}
	// What was deleted does not come back by a replay.
	h.bob.Deliver(h.inbox, h.bob.Activity("Delete", note["id"], nil))
	h.ann.Until("the deletion arrives", func() (bool, string) { return count() == 0, "it is still there" })
	again := captured.Clone(t.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	if status, _, err := send(again); err != nil || status >= 500 {
		t.Fatalf("%d %v", status, err)
	}
	h.settled()
	if count() != 0 {
		t.Error("a replay brought back what was deleted")
	}
}

// impersonations are signed by mallory, properly, but are about what is bob's.
func impersonations(t *testing.T, h hostile) {
	text := h.marker("impersonations")
	note := h.mention(h.bob, h.marker("bob's own"))
	h.bob.Remote.Serve("", note)
	h.bob.Deliver(h.inbox, h.bob.Create(note))
	bobs := h.ann.Told("mention", func(n Notification) bool { return n.Status.URI == note["id"] }).Status
	asBob := func(activity M) M { activity["actor"] = h.bob.ID; return activity }
	changed := h.mention(h.bob, text)
	changed["id"] = note["id"]
	for name, activity := range map[string]M{
		"a post in bob's name":        asBob(h.mallory.Create(h.mention(h.bob, text))),
		"bob's post":                  h.mallory.Create(h.mention(h.bob, text)),
		"an edit of bob's post":       h.mallory.Activity("Update", changed, nil),
		"an edit in bob's name":       asBob(h.mallory.Activity("Update", changed, nil)),
		"a deletion of bob's post":    h.mallory.Activity("Delete", note["id"], nil),
		"a deletion of bob":           h.mallory.Activity("Delete", h.bob.ID, nil),
		"a deletion in bob's name":    asBob(h.mallory.Activity("Delete", note["id"], nil)),
		"undoing bob's follow":        h.mallory.Activity("Undo", M{"type": "Follow", "actor": h.bob.ID, "object": h.s.URL + "/users/ann"}, nil),
		"a block in bob's name":       asBob(h.mallory.Activity("Block", h.s.URL+"/users/ann", nil)),
		"an acceptance in bob's name": asBob(h.mallory.Activity("Accept", M{"type": "Follow", "actor": h.s.URL + "/users/ann", "object": h.bob.ID}, nil)),
		"a rejection for bob":         h.mallory.Activity("Reject", M{"type": "Follow", "actor": h.s.URL + "/users/ann", "object": h.bob.ID}, nil),
		"bob's profile":               h.mallory.Activity("Update", M{"type": "Person", "id": h.bob.ID, "preferredUsername": "bob", "name": text, "inbox": h.mallory.ID + "/inbox"}, nil),
		"ann's own profile":           h.mallory.Activity("Update", M{"type": "Person", "id": h.s.URL + "/users/ann", "preferredUsername": "ann", "name": text}, nil),
		"a post of ann's":             h.mallory.Create(h.mallory.Note(text, M{"attributedTo": h.s.URL + "/users/ann", "id": h.s.URL + "/users/ann/statuses/1"})),
		"a post with two authors":     h.mallory.Create(h.mallory.Note(text, M{"attributedTo": []string{h.bob.ID, h.mallory.ID}, "id": h.bob.Remote.NewID("notes")})),
		"a deletion of ann's":         h.mallory.Activity("Delete", h.s.URL+"/users/ann", nil),
		"a move of bob's":             h.mallory.Activity("Move", h.bob.ID, M{"target": h.mallory.ID}),
		"a follow by ann":             h.mallory.Activity("Follow", h.mallory.ID, M{"actor": h.s.URL + "/users/ann"}),
	} {
		if status, err := h.mallory.Send(h.inbox, activity); err != nil || status >= 500 {
			t.Errorf("%s: %d %v", name, status, err)
		}
	}
	h.settled()
	h.absent("an impersonation", text)
	if got := h.ann.Read(bobs.ID); got.Content != bobs.Content || got.EditedAt != "" {
		t.Errorf("bob's post is now %+v", got)
	}
	bobHere := h.ann.Find(h.bob.ID)
	if got := h.ann.Relation(bobHere.ID); !got.FollowedBy || got.BlockedBy || got.Following {
		t.Errorf("ann and bob: %+v", got)
	}
	if bobHere.DisplayName != "bob" || h.ann.Me().DisplayName == text {
		t.Errorf("profiles: %+v", bobHere)
	}
}

// foreignIDs offers objects whose id belongs to another host than the one that serves them.
func foreignIDs(t *testing.T, h hostile) {
	text := h.marker("foreign")
	evil, good := h.mallory.Remote, h.bob.Remote
	forged := h.bob.Note(text, nil) // an id of the good server
	evil.Serve("/notes/forged", forged)
	ours := h.mallory.Note(text, M{"id": h.s.URL + "/users/ann/statuses/2"})
	evil.Serve("/notes/ours", ours)
	others := h.mallory.Note(text, M{"attributedTo": h.bob.ID})
	evil.Serve("", others)
	html := h.mallory.Note(text, nil)
	body, err := json.Marshal(html)
	if err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]string{"/notes/upload": "application/json", "/notes/page": "text/html", "/notes/plain": "application/ld+json"} {
		evil.Page(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(bytes.ReplaceAll(body, []byte(html["id"].(string)), []byte(evil.URL+path)))
		})
	}
	evil.Page("/notes/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, good.URL+"/notes/none", http.StatusFound)
	})
	evil.Page("/notes/huge", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", activityType)
		_, _ = io.WriteString(w, `{"id":"`+evil.URL+`/notes/huge","x":"`+strings.Repeat("x", 4<<20)+`"}`)
	})
	evil.Page("/notes/loop", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, evil.URL+"/notes/loop", http.StatusFound)
	})
	for _, address := range []string{
		"/notes/forged", "/notes/ours", strings.TrimPrefix(others["id"].(string), evil.URL), "/notes/upload", "/notes/page", "/notes/plain", "/notes/moved", "/notes/huge", "/notes/loop",
	} {
		if found := h.ann.Search(evil.URL + address); len(found.Statuses) != 0 {
			t.Errorf("%s is found as %s by %s", address, found.Statuses[0].URI, found.Statuses[0].Account.Acct)
		}
		h.mallory.Deliver(h.inbox, h.mallory.Activity("Announce", evil.URL+address, nil))
	}
	h.settled()
	h.absent("an object with a foreign id", text)
	// An actor whose document names another host's person.
	evil.Serve("/users/fake", h.bob.Document())
	if found := h.ann.Search(evil.URL + "/users/fake"); slices.ContainsFunc(found.Accounts, func(p Profile) bool { return strings.HasSuffix(p.Acct, evil.Domain) }) {
		t.Errorf("found %+v", found.Accounts)
	}
	liar := evil.Actor("liar", 1)
	evil.Page("/.well-known/webfinger", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jrd+json")
		_ = json.NewEncoder(w).Encode(M{"subject": "acct:bob@" + good.Domain, "links": []M{{"rel": "self", "type": activityType, "href": liar.ID}}})
	})
	for _, account := range h.ann.Search("@liar@" + evil.Domain).Accounts {
		if account.Acct == "bob@"+good.Domain && account.URI != h.bob.ID {
			t.Errorf("another server names bob's handle: %+v", account)
		}
	}
}

func honest(t *testing.T, h hostile) {
	note := h.mention(h.bob, h.marker("honest"))
	h.bob.Deliver(h.s.URL+"/inbox", h.bob.Create(note)) // the shared one
	told := h.ann.Told("mention", func(n Notification) bool { return n.Status.URI == note["id"] })
	if told.Account.Acct != "bob@"+h.bob.Remote.Domain {
		t.Errorf("told of %+v", told.Account)
	}
	post := h.ann.Write("still here")
	h.bob.Remote.WaitFor("ann's post", func(got M) bool {
		inner, _ := got["object"].(M)
		return got["type"] == "Create" && inner["id"] == post.URI
	})
}

// TestPrivateAddresses asks a server that may not reach private addresses to fetch from them, by what people type and what servers send (SSRF-08).
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	s := Start(t, One, Env("ALLOWED_PRIVATE_ADDRESSES", "127.0.0.2/32"))
	ann := s.Person("ann")
	inside, outside := StartRemote(t, "127.0.0.1"), StartRemote(t, "127.0.0.2")
	eve := outside.Actor("eve", 0)
	if got := ann.Find(eve.ID); got.URI != eve.ID {
		t.Fatalf("the allowed server: %+v", got)
	}
	secret := inside.Actor("secret", 1)
	outside.Page("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, secret.ID, http.StatusFound) })
	_, port, _ := strings.Cut(inside.Domain, ":")
	for _, target := range []string{
		outside.URL + "/moved", secret.ID, "@secret@" + inside.Domain, "http://localhost:" + port + "/users/secret", "http://[::1]:" + port + "/users/secret",
		"http://[::ffff:127.0.0.1]:" + port + "/users/secret", "http://2130706433:" + port + "/users/secret", "http://0.0.0.0:" + port + "/users/secret",
		"http://169.254.169.254/latest/meta-data",
	} {
		got := ann.Do("GET", Query("/api/v2/search", url.Values{"q": {target}, "resolve": {"true"}}), nil)
		var found Found
		if got.Status == 200 {
			got.Into(&found)
		}
		if got.Status >= 500 && got.Status != 503 || len(found.Accounts)+len(found.Statuses) != 0 {
			t.Errorf("%s: %d %s", target, got.Status, shorten(got.Body))
		}
	}
	// Nor is a follower's inbox there, or a key.
	if status, err := secret.Send(s.URL+"/users/ann/inbox", secret.Activity("Follow", s.URL+"/users/ann", nil)); err != nil || status < 400 || status > 499 {
		t.Errorf("a key at a private address: %d %v", status, err)
	}
	if n := inside.Asked("/users/secret") + inside.Asked("/.well-known/webfinger"); n != 0 {
		t.Error(fmt.Sprint(n, " requests reached the private address"))
	}
}
