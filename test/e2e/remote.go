package e2e

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/ap/httpsig"
)

// public is the collection that addresses everybody.
const public = "https://www.w3.org/ns/activitystreams#Public"

// activityType is how ActivityPub is sent.
const activityType = "application/activity+json"

// Remote is another server that does what a test scripts, good or evil. It serves what it was told to, signs what it is told to send, and
// keeps what comes to its inboxes.
type Remote struct {
	// URL is its address, and Domain the host and port.
	URL, Domain string

	t testing.TB

	mu       sync.Mutex
	made     int
	pages    map[string]http.HandlerFunc // by path
	received []M
	refusing bool
	asked    []string // paths
}

// RemoteActor is a person on a scripted server.
type RemoteActor struct {
	// ID is the actor's address, Key that of its key.
	ID, Name, Key string
	Private       *rsa.PrivateKey
	Remote        *Remote
}

// keys is one key for each actor of a test, made once: they cost a tenth of a second each.
var keys = struct {
	mu    sync.Mutex
	byNum []*rsa.PrivateKey
}{}

func key(t testing.TB, number int) *rsa.PrivateKey {
	t.Helper()
	keys.mu.Lock()
	defer keys.mu.Unlock()
	for len(keys.byNum) <= number {
		made, err := httpsig.GenerateKey(httpsig.DefaultBits)
		if err != nil {
			t.Fatal(err)
		}
		keys.byNum = append(keys.byNum, made)
	}
	return keys.byNum[number]
}

// StartRemote starts a scripted server on an address of loopback, such as 127.0.0.1; different ones are different hosts.
func StartRemote(t testing.TB, address string) *Remote {
	t.Helper()
	listener, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatalf("starting a remote server: %v", err)
	}
	r := &Remote{t: t, Domain: listener.Addr().String(), URL: "http://" + listener.Addr().String(), pages: map[string]http.HandlerFunc{}}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: r}}
	server.Start()
	t.Cleanup(server.Close)
	return r
}

func (r *Remote) hold(t testing.TB) (before testing.TB) {
	before, r.t = r.t, t
	return before
}

// ServeHTTP answers as scripted.
func (r *Remote) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	path := request.URL.Path
	r.mu.Lock()
	page, refusing := r.pages[path], r.refusing
	r.asked = append(r.asked, path)
	r.mu.Unlock()
	switch {
	case refusing:
		w.WriteHeader(http.StatusServiceUnavailable)
	case request.Method == http.MethodPost:
		r.receive(w, request)
	case page != nil:
		page(w, request)
	default:
		http.NotFound(w, request)
	}
}

// Refuse makes the server answer 503 to everything, or no longer.
func (r *Remote) Refuse(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusing = on
}

// receive keeps an activity, whoever signed it: the peer of another make judges signatures.
func (r *Remote) receive(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(io.LimitReader(request.Body, pageLimit))
	var activity M
	if err == nil {
		err = json.Unmarshal(body, &activity)
	}
	if err != nil || !httpsig.Signed(request) {
		http.Error(w, fmt.Sprint("not a signed activity: ", err), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.received = append(r.received, activity)
	r.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// Received returns the activities that came, in order.
func (r *Remote) Received() []M {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.received)
}

// Asked returns how often a path was asked for.
func (r *Remote) Asked(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := 0
	for _, one := range r.asked {
		if one == path {
			count++
		}
	}
	return count
}

// Page serves something of the test's own at a path.
func (r *Remote) Page(path string, page http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages[path] = page
}

// Serve serves an object at a path, or at its own id when the path is empty.
func (r *Remote) Serve(path string, object M) {
	if path == "" {
		path = strings.TrimPrefix(object["id"].(string), r.URL)
	}
	text, err := json.Marshal(object)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Page(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", activityType)
		_, _ = w.Write(text)
	})
}

// NewID returns an address on the server that nothing had before.
func (r *Remote) NewID(kind string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made++
	return fmt.Sprintf("%s/%s/%d", r.URL, kind, r.made)
}

// Actor makes a person, who can be found by WebFinger. number chooses one of the keys, of which few are made.
func (r *Remote) Actor(name string, number int) RemoteActor {
	r.t.Helper()
	actor := RemoteActor{ID: r.URL + "/users/" + name, Name: name, Key: r.URL + "/users/" + name + "#main-key", Private: key(r.t, number), Remote: r}
	r.Serve("", actor.Document())
	r.Page("/.well-known/webfinger", r.webfinger)
	return actor
}

func (r *Remote) webfinger(w http.ResponseWriter, request *http.Request) {
	name, _, _ := strings.Cut(strings.TrimPrefix(request.URL.Query().Get("resource"), "acct:"), "@")
	if rest, ok := strings.CutPrefix(request.URL.Query().Get("resource"), r.URL+"/users/"); ok {
		name = rest
	}
	w.Header().Set("Content-Type", "application/jrd+json")
	_ = json.NewEncoder(w).Encode(M{
		"subject": "acct:" + name + "@" + r.Domain, "links": []M{{"rel": "self", "type": activityType, "href": r.URL + "/users/" + name}},
	})
}

// Document is the actor as other servers fetch it.
func (a RemoteActor) Document() M {
	pem, err := httpsig.EncodePublicPEM(&a.Private.PublicKey)
	if err != nil {
		a.Remote.t.Fatal(err)
	}
	return M{
		"@context": []string{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"}, "id": a.ID, "type": "Person", "preferredUsername": a.Name,
		"name": a.Name, "inbox": a.ID + "/inbox", "outbox": a.ID + "/outbox", "followers": a.ID + "/followers", "url": a.ID,
		"publicKey": M{"id": a.Key, "owner": a.ID, "publicKeyPem": pem},
	}
}

// Note makes a post that is not served and not sent yet; more overrides its parts.
func (a RemoteActor) Note(text string, more M) M {
	id := a.Remote.NewID("notes")
	note := M{
		"@context": "https://www.w3.org/ns/activitystreams", "id": id, "type": "Note", "attributedTo": a.ID, "content": "<p>" + text + "</p>",
		"published": time.Now().UTC().Format(time.RFC3339), "to": []string{public}, "cc": []string{a.ID + "/followers"}, "url": id,
	}
	for name, value := range more {
		note[name] = value
	}
	return note
}

// Activity makes an activity about an object; more overrides its parts.
func (a RemoteActor) Activity(kind string, object any, more M) M {
	activity := M{
		"@context": "https://www.w3.org/ns/activitystreams", "id": a.Remote.NewID("activities"), "type": kind, "actor": a.ID, "object": object,
		"to": []string{public}, "published": time.Now().UTC().Format(time.RFC3339),
	}
	for name, value := range more {
		activity[name] = value
	}
	return activity
}

// Create wraps a note, for those it is addressed to.
func (a RemoteActor) Create(note M) M {
	return a.Activity("Create", note, M{"to": note["to"], "cc": note["cc"]})
}

// Mention is the tag by which a note mentions somebody.
func Mention(actor, handle string) []M {
	return []M{{"type": "Mention", "href": actor, "name": handle}}
}

// Request makes a signed request to an inbox.
func (a RemoteActor) Request(inbox string, activity any, at time.Time) *http.Request {
	a.Remote.t.Helper()
	body, ok := activity.([]byte)
	if !ok {
		var err error
		if body, err = json.Marshal(activity); err != nil {
			a.Remote.t.Fatal(err)
		}
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, inbox, bytes.NewReader(body))
	if err != nil {
		a.Remote.t.Fatal(err)
	}
	request.Header.Set("Content-Type", activityType)
	if err := (httpsig.Signer{KeyID: a.Key, Private: a.Private}).Sign(request, body, at); err != nil {
		a.Remote.t.Fatal(err)
	}
	return request
}

// signed signs a request without a body.
func (a RemoteActor) signed(request *http.Request) *http.Request {
	a.Remote.t.Helper()
	if err := (httpsig.Signer{KeyID: a.Key, Private: a.Private}).Sign(request, nil, time.Now()); err != nil {
		a.Remote.t.Fatal(err)
	}
	return request
}

// Send signs an activity, posts it to an inbox and returns the status of the answer.
func (a RemoteActor) Send(inbox string, activity any) (int, error) {
	status, _, err := send(a.Request(inbox, activity, time.Now()))
	return status, err
}

// Deliver sends an activity that must be accepted.
func (a RemoteActor) Deliver(inbox string, activity any) {
	a.Remote.t.Helper()
	if status, err := a.Send(inbox, activity); err != nil || status != http.StatusAccepted {
		a.Remote.t.Fatalf("%s sends to %s: %d %v", a.Name, inbox, status, err)
	}
}

func send(request *http.Request) (int, string, error) {
	answer, err := noRedirects.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, pageLimit))
	return answer.StatusCode, string(text), err
}

// WaitFor returns the first activity that came and fits.
func (r *Remote) WaitFor(what string, fits func(M) bool) M {
	r.t.Helper()
	var found M
	Eventually(r.t, r.Domain+" gets "+what, func() error {
		all := r.Received()
		at := slices.IndexFunc(all, fits)
		if at < 0 {
			var kinds []string
			for _, one := range all {
				kinds = append(kinds, fmt.Sprint(one["type"], " ", one["id"]))
			}
			return errors.New(strings.Join(kinds, "; "))
		}
		found = all[at]
		return nil
	})
	return found
}

// Follow lets the actor follow a local person, and waits until that is accepted.
func (a RemoteActor) Follow(p Person) {
	a.Remote.t.Helper()
	actor := p.Server.URL + "/users/" + p.Name
	follow := a.Activity("Follow", actor, M{"to": []string{actor}})
	a.Deliver(actor+"/inbox", follow)
	a.Remote.WaitFor("an acceptance", func(got M) bool {
		inner, _ := got["object"].(M)
		return got["type"] == "Accept" && inner["id"] == follow["id"]
	})
}
