package push_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/push"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/kit/webpush"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

// service is a push service, and the app that subscribed: it opens what it gets.
type service struct {
	web    *httptest.Server
	own    *ecdh.PrivateKey
	auth   []byte
	mu     sync.Mutex
	status int
	got    []map[string]any
	heads  []http.Header
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	var m map[string]any
	_ = json.Unmarshal(s.open(body), &m)
	s.got, s.heads = append(s.got, m), append(s.heads, r.Header)
	w.WriteHeader(s.status)
}

// open decrypts as RFC 8291 says.
func (s *service) open(body []byte) []byte {
	salt, sender := body[:16], body[21:86]
	theirs, _ := ecdh.P256().NewPublicKey(sender)
	shared, _ := s.own.ECDH(theirs)
	secret, _ := hkdf.Key(sha256.New, shared, s.auth, "WebPush: info\x00"+string(s.own.PublicKey().Bytes())+string(sender), 32)
	key, _ := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	nonce, _ := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: nonce\x00", 12)
	block, _ := aes.NewCipher(key)
	gcm, _ := cipher.NewGCM(block)
	plain, _ := gcm.Open(nil, nonce, body[86:], nil)
	return []byte(strings.TrimSuffix(string(plain), "\x02"))
}

type world struct {
	*make.World
	t       *testing.T
	service *service
	notices *notifications.Service
	access  *access.Service
	door    *push.Server
	ann     *accounts.Account
	token   access.NewToken
}

func open(t *testing.T, d *db.DB) *world {
	w := &world{World: make.New(t, d), t: t, service: &service{auth: make16(), status: http.StatusCreated}}
	w.service.own, _ = ecdh.P256().GenerateKey(rand.Reader)
	w.service.web = httptest.NewServer(w.service)
	t.Cleanup(w.service.web.Close)
	config := settings.New(settings.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Site: w.Site})
	w.access = access.New(access.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Settings: config, Accounts: w.Accounts, Bus: pubsub.NewLocal()})
	w.notices = notifications.New(notifications.Deps{DB: d, Jobs: w.Jobs, Secret: []byte("secret"), IDs: w.IDs, Clock: w.Clock, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses})
	client := fetch.New(fetch.Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, UserAgent: "test", Clock: w.Clock, AllowHTTP: true})
	t.Cleanup(client.Close)
	key, err := webpush.KeyFrom([]byte("secret"))
	w.must(err)
	w.door = push.New(push.Deps{DB: d, Clock: w.Clock, Site: w.Site, Accounts: w.Accounts, Access: w.access, Statuses: w.Statuses, Notifications: w.notices, Fetch: client, Key: key,
		Addresses: w.Media.Addresses})
	w.ann = w.Account("ann")
	id := access.UserID(w.IDs.Next())
	w.must(d.Write(w.Ctx(), func(tx *db.Tx) error {
		return tx.Do(w.Ctx(), "a login", "INSERT INTO users (id, account_id, email, email_folded, password_hash, approved, confirmed_at, created_at, updated_at) VALUES ($1, $2, 'a', 'a', '', TRUE, 1, 1, 1)", id, w.ann.ID)
	}))
	token, err := w.access.IssueToken(w.Ctx(), nil, id, access.Scopes{"read", "write", "follow", "push"})
	w.must(err)
	w.token = *token
	w.Events()
	return w
}

func make16() []byte { b := [16]byte{}; _, _ = rand.Read(b[:]); return b[:] }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) subscribe(policy string, alerts ...string) {
	w.t.Helper()
	v := notifications.Subscription{TokenID: w.token.ID, AccountID: w.ann.ID, Token: w.token.Plain, Policy: policy, Alerts: map[string]bool{}}
	v.Endpoint, v.P256dh, v.Auth, v.Standard = w.service.web.URL+"/x", w.service.own.PublicKey().Bytes(), w.service.auth, true
	for _, a := range alerts {
		v.Alerts[a] = true
	}
	_, err := w.notices.Subscribe(w.Ctx(), v)
	w.must(err)
}

// mention is somebody's post that names ann, told and pushed. It gives how many messages came of it, and the last failure.
func (w *world) mention(by *accounts.Account, text string) (int, error) {
	w.t.Helper()
	before := len(w.service.got)
	w.Receive(by, "<p>"+text+"</p>", func(in *statuses.Incoming) { in.Mentions = []statuses.Mention{{AccountID: w.ann.ID}} })
	var failed error
	for range 2 { // what is told, then what is pushed
		for _, e := range w.Events() {
			switch e := e.(type) {
			case statuses.Posted:
				w.must(w.notices.Posted(w.Ctx(), e))
			case notifications.Push:
				if err := w.door.Send(w.Ctx(), e); err != nil {
					failed = err
				}
			}
		}
	}
	return len(w.service.got) - before, failed
}

func (w *world) pushed(what string, by *accounts.Account, want int) {
	w.t.Helper()
	if n, err := w.mention(by, "hi"); n != want || err != nil {
		w.t.Errorf("%s: %d messages, not %d: %v", what, n, want, err)
	}
}

func TestNoticesArePushed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d)
		bob := w.Remote("bob", "far.example")
		w.pushed("no subscription", bob, 0)
		w.subscribe("all", "mention")
		if n, err := w.mention(bob, "hello <b>ann</b> &amp; all"); n != 1 || err != nil {
			t.Fatalf("%d messages: %v", n, err)
		}
		m, head := w.service.got[0], w.service.heads[0]
		if m["access_token"] != w.token.Plain || m["notification_type"] != "mention" || m["title"] != "bob mentioned you" || m["body"] != "hello ann & all" || m["preferred_locale"] != "en" || !strings.HasPrefix(m["icon"].(string), "https://") {
			t.Errorf("told %v", m)
		}
		if head.Get("Content-Encoding") != "aes128gcm" || head.Get("Ttl") != "172800" || !strings.HasPrefix(head.Get("Authorization"), "vapid t=") {
			t.Errorf("headers %v", head)
		}
		w.subscribe("all", "follow")
		w.pushed("another type", bob, 0)
		w.subscribe("followed", "mention")
		w.pushed("not followed", bob, 0)
		w.Follow(w.ann, bob)
		w.pushed("followed", bob, 1)
		w.subscribe("follower", "mention")
		w.pushed("no follower", bob, 0)
		w.Follow(bob, w.ann)
		w.pushed("a follower", bob, 1)
		w.subscribe("none", "mention")
		w.pushed("nobody", bob, 0)
	})
}

// VIS-09: what is kept apart is not pushed. OAU-09: nor is anything to a token that was revoked.
func TestWhatIsNotPushed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d)
		bob := w.Remote("bob", "far.example")
		w.subscribe("all", "mention")
		_, err := w.notices.SetPolicy(w.Ctx(), w.ann.ID, func(p *notifications.Policy) error { p.NotFollowing = notifications.Filter; return nil })
		w.must(err)
		w.pushed("kept apart", bob, 0)
		w.Follow(w.ann, bob)
		w.pushed("followed", bob, 1)
		w.must(w.Relations.Mute(w.Ctx(), w.ann.ID, bob.ID, relations.MuteOptions{Notifications: true}))
		w.pushed("muted", bob, 0)
		w.must(w.Relations.Unmute(w.Ctx(), w.ann.ID, bob.ID))
		w.must(d.Write(w.Ctx(), func(tx *db.Tx) error {
			return tx.Do(w.Ctx(), "revoking", "UPDATE oauth_access_tokens SET revoked_at = 1 WHERE id = $1", w.token.ID)
		}))
		w.pushed("revoked", bob, 0)
	})
}

func TestAnswersOfPushServices(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := open(t, d)
		bob := w.Remote("bob", "far.example")
		there := func() bool {
			_, err := w.notices.SubscriptionOf(w.Ctx(), d, w.token.ID)
			if err != nil && !errs.IsNotFound(err) {
				t.Fatal(err)
			}
			return err == nil
		}
		for status, c := range map[int]struct{ fails, stays bool }{
			http.StatusCreated: {false, true}, http.StatusInternalServerError: {true, true}, http.StatusTooManyRequests: {true, true},
			http.StatusGone: {false, false}, http.StatusNotFound: {false, false}, http.StatusForbidden: {false, false}, http.StatusRequestEntityTooLarge: {true, true},
		} {
			w.subscribe("all", "mention")
			w.service.status = status
			if n, err := w.mention(bob, "hi"); n != 1 || (err != nil) != c.fails || there() != c.stays {
				t.Errorf("%d: %d messages, failed: %v, still there: %v", status, n, err, there())
			}
		}
		w.subscribe("all", "mention")
		w.service.web.Close()
		if _, err := w.mention(bob, "hi"); err == nil || jobs.IsLater(err) || !there() {
			t.Errorf("a service that is away: %v", err)
		}
		w.Clock.Advance(72 * time.Hour)
	})
}
