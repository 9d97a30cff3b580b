package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/ap/httpsig"
	"github.com/gomph/gomph/internal/kit/db"
)

// sender is a scripted server with one person who writes to ours.
type sender struct {
	account account
	host    string
	public  string

	signer httpsig.Signer
	srv    *http.Server
	count  atomic.Int64
}

func newSender(key crypto.Signer) (*sender, error) {
	public, err := httpsig.EncodePublicPEM(key.Public())
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening as another server: %w", err)
	}
	s := &sender{host: l.Addr().String(), public: public}
	s.signer = httpsig.Signer{KeyID: s.actor() + "#main-key", Private: key}
	s.srv = &http.Server{Handler: http.HandlerFunc(s.answer), ReadHeaderTimeout: patience}
	go func() { _ = s.srv.Serve(l) }()
	return s, nil
}

func (s *sender) close() { _ = s.srv.Close() }

func (s *sender) actor() string { return "http://" + s.host + "/users/sender" }

// answer shows the person and the name, should anybody ask; everything that is sent here is accepted.
func (s *sender) answer(w http.ResponseWriter, r *http.Request) {
	base := "http://" + s.host
	var doc any
	switch {
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusAccepted)
		return
	case r.URL.Path == "/users/sender":
		doc = map[string]any{
			"@context": []string{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"}, "id": s.actor(), "type": "Person", "preferredUsername": "sender",
			"name": "Sender", "inbox": s.actor() + "/inbox", "outbox": s.actor() + "/outbox", "followers": s.actor() + "/followers", "endpoints": map[string]any{"sharedInbox": base + "/inbox"},
			"publicKey": map[string]any{"id": s.signer.KeyID, "owner": s.actor(), "publicKeyPem": s.public},
		}
	case r.URL.Path == "/.well-known/webfinger":
		doc = map[string]any{"subject": "acct:sender@" + s.host, "links": []any{map[string]any{"rel": "self", "type": "application/activity+json", "href": s.actor()}}}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/activity+json")
	_ = json.NewEncoder(w).Encode(doc)
}

// uri is the address of the nth post.
func (s *sender) uri(n int64) string { return fmt.Sprintf("%s/statuses/%d", s.actor(), n) }

// deliver sends a new public post to an inbox, as Mastodon does; every fifth names somebody there.
func (s *sender) deliver(ctx context.Context, c *http.Client, inbox, mentioned string) error {
	n := s.count.Add(1)
	uri, now := s.uri(n), time.Now().UTC()
	to, cc := []string{"https://www.w3.org/ns/activitystreams#Public"}, []string{s.actor() + "/followers"}
	tag := []any{map[string]any{"type": "Hashtag", "href": "http://" + s.host + "/tags/soil", "name": "#soil"}}
	content := fmt.Sprintf(`<p>Note %d. %s <a href="http://%s/tags/soil" class="mention hashtag" rel="tag">#<span>soil</span></a></p>`, n, words, s.host)
	if n%5 == 0 {
		cc = append(cc, mentioned)
		tag = append(tag, map[string]any{"type": "Mention", "href": mentioned, "name": "@follower1"})
	}
	body, err := json.Marshal(map[string]any{
		"@context": []any{"https://www.w3.org/ns/activitystreams", map[string]any{"ostatus": "http://ostatus.org#", "atomUri": "ostatus:atomUri",
			"inReplyToAtomUri": "ostatus:inReplyToAtomUri", "conversation": "ostatus:conversation", "sensitive": "as:sensitive", "toot": "http://joinmastodon.org/ns#",
			"Hashtag": "as:Hashtag"}},
		"id": uri + "/activity", "type": "Create", "actor": s.actor(), "published": now.Format(time.RFC3339), "to": to, "cc": cc,
		"object": map[string]any{
			"id": uri, "type": "Note", "summary": nil, "inReplyTo": nil, "published": now.Format(time.RFC3339), "url": fmt.Sprintf("http://%s/@sender/%d", s.host, n),
			"attributedTo": s.actor(), "to": to, "cc": cc, "sensitive": false, "atomUri": uri, "content": content, "contentMap": map[string]string{"en": content},
			"attachment": []any{}, "tag": tag,
			"replies": map[string]any{"id": uri + "/replies", "type": "Collection", "first": map[string]any{"type": "CollectionPage", "partOf": uri + "/replies", "items": []any{}}},
		},
	})
	if err != nil {
		return err
	}
	return sendSigned(ctx, c, s.signer, inbox, body, now)
}

// sendSigned delivers an activity to an inbox: with RSA as Mastodon signs, with Ed25519, which that kind does not know, by RFC 9421.
func sendSigned(ctx context.Context, c *http.Client, by httpsig.Signer, inbox string, body []byte, now time.Time) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, inbox, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/activity+json")
	sign := by.Sign
	if _, ok := by.Private.(ed25519.PrivateKey); ok {
		sign = by.SignRFC9421
	}
	if err := sign(req, body, now); err != nil {
		return err
	}
	_, err = answer(c, req)
	return err
}

// arrived waits until the sender's last post is in the server's database.
func (b *bench) arrived(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	uri := b.sender.uri(b.sender.count.Load())
	for {
		there, err := db.Exists(ctx, b.db, "SELECT 1 FROM statuses WHERE uri = $1", uri)
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", uri, err)
		}
		if there {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}
