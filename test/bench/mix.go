package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/ap/httpsig"
	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// mixPeople write from mixHosts servers, mixEach activities each once they are known, and mixSenders send at once.
	mixPeople, mixHosts, mixEach, mixSenders = 2000, 40, 5, 48
	// mixPosts are the posts here that they like and boost.
	mixPosts = 50
	// mixGoal is in activities a second, verified, stored and performed (PostgreSQL).
	mixGoal = 500
)

// town is a scripted server with many people, all with one key. Every address of loopback with its port is another host of it.
type town struct {
	base   string
	port   int
	public string
	key    ed25519.PrivateKey
	srv    *http.Server
}

func newTown() (*town, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader) // so that the one who sends leaves the cores to the server
	if err != nil {
		return nil, err
	}
	f := &town{key: key}
	if f.public, err = httpsig.EncodePublicPEM(public); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "0.0.0.0:0") //nolint:gosec // all of loopback; it lives for some seconds
	if err != nil {
		return nil, fmt.Errorf("listening as another server: %w", err)
	}
	f.port = l.Addr().(*net.TCPAddr).Port
	f.base = f.host(0)
	f.srv = &http.Server{Handler: http.HandlerFunc(f.answer), ReadHeaderTimeout: patience}
	go func() { _ = f.srv.Serve(l) }()
	return f, nil
}

func (f *town) close() { _ = f.srv.Close() }

func (f *town) host(n int) string { return fmt.Sprintf("http://127.2.0.%d:%d", n%mixHosts+1, f.port) }

func (f *town) actor(n int) string { return f.host(n) + "/users/p" + strconv.Itoa(n) }

// answer shows whoever is asked for.
func (f *town) answer(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	name, found := strings.CutPrefix(r.URL.Path, "/users/")
	if !found {
		http.NotFound(w, r)
		return
	}
	base := "http://" + r.Host
	id := base + r.URL.Path
	f.write(w, map[string]any{
		"@context": []string{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"}, "id": id, "type": "Person", "preferredUsername": name, "name": name,
		"inbox": id + "/inbox", "outbox": id + "/outbox", "followers": id + "/followers", "endpoints": map[string]any{"sharedInbox": base + "/inbox"},
		"publicKey": map[string]any{"id": id + "#main-key", "owner": id, "publicKeyPem": f.public},
	})
}

func (f *town) write(w http.ResponseWriter, doc any) {
	w.Header().Set("Content-Type", "application/activity+json")
	_ = json.NewEncoder(w).Encode(doc)
}

// deliver sends the nth activity of somebody: a post that names somebody here, a like, a boost, or the deletion of the post.
func (f *town) deliver(ctx context.Context, c *http.Client, inbox, named, post string, who, n int) error {
	actor, now := f.actor(who), time.Now().UTC()
	public := []string{"https://www.w3.org/ns/activitystreams#Public"}
	note := func(n int) string { return fmt.Sprintf("%s/notes/%d", actor, n) }
	a := map[string]any{"@context": "https://www.w3.org/ns/activitystreams", "id": fmt.Sprintf("%s/activities/%d", actor, n), "actor": actor, "published": now.Format(time.RFC3339)}
	switch (who + n) % 4 {
	case 0:
		a["type"], a["to"], a["cc"] = "Create", public, []string{named}
		a["object"] = map[string]any{"id": note(n), "type": "Note", "attributedTo": actor, "content": "<p>" + words + "</p>", "to": public, "cc": []string{named},
			"published": now.Format(time.RFC3339), "tag": []any{map[string]any{"type": "Mention", "href": named, "name": "@follower1"}}}
	case 1:
		a["type"], a["object"], a["to"] = "Delete", map[string]any{"id": note(n - 1), "type": "Tombstone"}, public
	case 2:
		a["type"], a["object"] = "Like", post
	default:
		a["type"], a["object"], a["to"] = "Announce", post, public
	}
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return sendSigned(ctx, c, httpsig.Signer{KeyID: actor + "#main-key", Private: f.key}, inbox, body, now)
}

// mix measures how many activities of all kinds a second are taken and performed: of people who are met for the first time, each of whom
// is fetched, and of those who are known.
func (b *bench) mix(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	f, err := newTown()
	if err != nil {
		return err
	}
	defer f.close()
	var posts []string
	for i := range mixPosts {
		text, err := ask(ctx, client(), http.MethodPost, b.s.url+"/api/v1/statuses", b.author.Token, map[string][]string{"status": {draft(i)}})
		if err != nil {
			return err
		}
		var post struct{ URI string }
		if err := json.Unmarshal(text, &post); err != nil {
			return err
		}
		posts = append(posts, post.URI)
	}
	people := b.times(mixPeople)
	cold, err := b.sendMix(ctx, f, posts, people, 0, 1)
	if err != nil {
		return err
	}
	b.report.add("inbound Create, Like, Announce and Delete of people who are met for the first time, as many as come", 1000/cold, "ms", 0, "%.0f/s, each with a look at the actor", cold)
	if b.engine == "postgres" { // as its autovacuum does each minute
		if err := b.db.Write(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, "ANALYZE"); return err }); err != nil {
			return err
		}
	}
	warm, err := b.sendMix(ctx, f, posts, people, 1, 1+mixEach)
	if err != nil {
		return err
	}
	goal := float64(mixGoal)
	if b.engine != "postgres" {
		goal = 0
	}
	b.report.atLeast("inbound Create, Like, Announce and Delete of people who are known, as many as come", warm, "/s", goal, "%d senders at once with Ed25519, from %d hosts, until all are performed", mixSenders, mixHosts)
	return nil
}

// sendMix sends some activities of each of the people, and gives how many a second were performed.
func (b *bench) sendMix(ctx context.Context, f *town, posts []string, people, from, to int) (float64, error) {
	c := client()
	defer c.CloseIdleConnections()
	b.s.profile(true)
	defer b.s.profile(false)
	began, total := time.Now(), people*(to-from)
	var next atomic.Int64
	var failed error
	var once sync.Once
	var wg sync.WaitGroup
	for range mixSenders {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < total && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := f.deliver(ctx, c, b.s.url+"/inbox", b.s.url+"/users/follower1", posts[i%len(posts)], i%people, from+i/people); err != nil {
					once.Do(func() { failed = err })
					return
				}
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return 0, failed
	}
	for left := true; left; time.Sleep(50 * time.Millisecond) { // seldom, and by indexes: the one who asks takes of the same cores
		var err error
		if left, err = db.Exists(ctx, b.db, "SELECT 1 FROM jobs WHERE queue = 'ingress' AND state = 0 UNION ALL SELECT 1 FROM jobs WHERE queue = 'ingress' AND state = 1 UNION ALL SELECT 1 FROM jobs WHERE queue = 'ingress' AND state = 3"); err != nil {
			return 0, err
		}
	}
	return float64(total) / time.Since(began).Seconds(), ctx.Err()
}
