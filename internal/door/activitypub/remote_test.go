package activitypub_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/ap/httpsig"
)

// doc is a document as another server writes it.
type doc map[string]any

// with is a copy with some properties changed.
func (d doc) with(changes doc) doc {
	out := doc{}
	for _, m := range []doc{d, changes} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

type answer struct {
	status      int
	contentType string
	body        any
}

// remote is another server whose every answer is written by the test.
type remote struct {
	t      testing.TB
	web    *httptest.Server
	domain string
	serial int

	mu      sync.Mutex
	answers map[string]answer
	asked   map[string]int
	posted  []doc
	// inbox answers deliveries instead of 202; it is called without the lock.
	inbox func(w http.ResponseWriter, req *http.Request, d doc)
	// gate may answer what is asked for instead, and then says false; it is called with the lock.
	gate func(w http.ResponseWriter, req *http.Request) bool
}

func newRemote(t testing.TB) *remote {
	t.Helper()
	r := &remote{t: t, answers: map[string]answer{}, asked: map[string]int{}}
	r.web = httptest.NewServer(r)
	t.Cleanup(r.web.Close)
	r.domain = strings.TrimPrefix(r.web.URL, "http://")
	return r
}

// ServeHTTP gives what was prepared for the path (with the query where there is one).
func (r *remote) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodPost {
		r.take(w, req)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[req.URL.RequestURI()]++
	if r.gate != nil && !r.gate(w, req) {
		return
	}
	a, ok := r.answers[req.URL.RequestURI()]
	if !ok {
		http.NotFound(w, req)
		return
	}
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	} else {
		w.Header()["Content-Type"] = nil
	}
	w.WriteHeader(a.status)
	if s, ok := a.body.(string); ok {
		_, _ = w.Write([]byte(s))
		return
	}
	_ = json.NewEncoder(w).Encode(a.body)
}

// take is the inboxes.
func (r *remote) take(w http.ResponseWriter, req *http.Request) {
	var d doc
	_ = json.NewDecoder(req.Body).Decode(&d)
	r.mu.Lock()
	r.asked[req.URL.RequestURI()]++
	r.posted = append(r.posted, d)
	inbox := r.inbox
	r.mu.Unlock()
	if inbox != nil {
		inbox(w, req, d)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// answersWith decides how deliveries are answered from now on; nil takes them.
func (r *remote) answersWith(inbox func(w http.ResponseWriter, req *http.Request, d doc)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inbox = inbox
}

func (r *remote) url(path string) string { return r.web.URL + path }

func (r *remote) answer(path string, a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[path] = a
}

// serve answers a path with a document.
func (r *remote) serve(path string, d doc) {
	r.answer(path, answer{http.StatusOK, "application/activity+json", d})
}

func (r *remote) times(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[path]
}

// requests is how often the server was asked anything at all.
func (r *remote) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, k := range r.asked {
		n += k
	}
	return n
}

func (r *remote) received() []doc {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]doc(nil), r.posted...)
}

// person is an actor of another server, with a key to sign with.
type person struct {
	*remote
	name, uri string
	keys      accounts.Keys
	doc       doc
}

// person prepares an actor and its WebFinger answer.
func (r *remote) person(name string) *person {
	r.t.Helper()
	p := &person{remote: r, name: name, uri: r.url("/users/" + name), keys: keysOf(r.t, name)}
	p.doc = doc{
		"@context": ap.Namespace, "id": p.uri, "type": "Person", "preferredUsername": name, "name": name, "inbox": p.uri + "/inbox", "outbox": p.uri + "/outbox",
		"followers": p.uri + "/followers", "featured": p.uri + "/featured", "url": r.url("/@" + name), "endpoints": doc{"sharedInbox": r.url("/inbox")},
		"publicKey": doc{"id": p.uri + "#main-key", "owner": p.uri, "publicKeyPem": p.keys.Public},
	}
	p.publish()
	r.finger(name+"@"+r.domain, "acct:"+name+"@"+r.domain, p.uri)
	return p
}

// publish serves the actor as it is described now.
func (p *person) publish() { p.serve("/users/"+p.name, p.doc) }

// finger prepares what WebFinger says about a name.
func (r *remote) finger(acct, subject, self string) {
	path := "/.well-known/webfinger?resource=acct%3A" + strings.NewReplacer("@", "%40", ":", "%3A").Replace(acct)
	r.answer(path, answer{http.StatusOK, "application/jrd+json", doc{"subject": subject, "links": []doc{{"rel": "self", "type": "application/activity+json", "href": self}}}})
}

func (p *person) id(kind string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	return p.uri + "/" + kind + "/" + strconv.Itoa(p.serial)
}

// activity is an activity of the person.
func (p *person) activity(kind string, object any) doc {
	return doc{"@context": ap.Namespace, "id": p.id("activities"), "type": kind, "actor": p.uri, "object": object}
}

// note is a public post of the person.
func (p *person) note(text string) doc {
	return doc{"id": p.id("notes"), "type": "Note", "attributedTo": p.uri, "content": text, "to": []string{ap.Public}, "cc": []string{p.uri + "/followers"}, "published": "2026-11-01T11:59:00Z"}
}

// request signs a request by the person.
func (p *person) request(n *node, method, path string, body []byte) *http.Request {
	p.t.Helper()
	req, err := http.NewRequest(method, n.site.URL(path), bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/activity+json")
	} else {
		req.Header.Set("Accept", "application/activity+json")
	}
	p.sign(req, body, n.clock.Now())
	return req
}

func (p *person) sign(req *http.Request, body []byte, now time.Time) {
	p.t.Helper()
	key, err := httpsig.ParsePrivatePEM(p.keys.Private)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := (httpsig.Signer{KeyID: p.uri + "#main-key", Private: key}).Sign(req, body, now); err != nil {
		p.t.Fatal(err)
	}
}

// send posts an activity to the shared inbox and waits until it is performed. It gives the answer's status.
func (p *person) send(n *node, activity doc) int {
	p.t.Helper()
	body, err := json.Marshal(activity)
	if err != nil {
		p.t.Fatal(err)
	}
	n.clock.Advance(time.Second)
	status := do(p.t, p.request(n, http.MethodPost, "/inbox", body))
	settle(n.t, n)
	return status
}

func do(t testing.TB, req *http.Request) int {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}
