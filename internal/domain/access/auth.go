package access

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

const (
	// tokenAge is how long a process trusts a token it has looked up, should a revocation not reach it.
	tokenAge = 10 * time.Second
	// maxTokens bounds the tokens kept in mind: about 1 KB each.
	maxTokens = 10_000
	// publishWithin bounds how long a revocation waits for the bus.
	publishWithin = 2 * time.Second
)

// Channel is the pubsub channel on which changes of who may do what are told to all processes.
const Channel = "access"

// Change is a message of Channel. Streams of the token or person named must end, or look again; a message without either
// names nobody.
type Change struct {
	// Tokens were revoked.
	Tokens []TokenID
	// User lost sessions and tokens if Revoked, and otherwise changed: approved, disabled, other preferences.
	User    UserID
	Revoked bool
}

// ParseChange reads a message of Channel; what cannot be read is the zero Change.
func ParseChange(payload []byte) Change {
	var m map[string]string
	if json.Unmarshal(payload, &m) != nil {
		return Change{}
	}
	c := Change{Revoked: m["event"] == "revoked"}
	id, _ := strconv.ParseInt(m["user"], 10, 64)
	c.User = UserID(id)
	for t := range strings.FieldsSeq(m["tokens"]) {
		if id, err := strconv.ParseInt(t, 10, 64); err == nil {
			c.Tokens = append(c.Tokens, TokenID(id))
		}
	}
	return c
}

// payload is the change as it travels: {"event":"revoked","user":"7","tokens":"8 9"}, without what is empty.
func (c Change) payload() []byte {
	m := map[string]string{"event": "changed"}
	if c.Revoked {
		m["event"] = "revoked"
	}
	if c.User != 0 {
		m["user"] = strconv.FormatInt(int64(c.User), 10)
	}
	list := make([]string, len(c.Tokens))
	for i, t := range c.Tokens {
		list[i] = strconv.FormatInt(int64(t), 10)
	}
	if len(list) > 0 {
		m["tokens"] = strings.Join(list, " ")
	}
	b, _ := json.Marshal(m) // texts alone cannot fail
	return b
}

// tell forgets here what changed and tells the other processes, once the transaction is committed.
func (s *Service) tell(tx *db.Tx, c Change) {
	tx.AfterCommit(func() {
		s.tokens.forget(c)
		// The one who asked may be gone: the revocation must be told all the same.
		ctx, cancel := context.WithTimeout(context.Background(), publishWithin)
		defer cancel()
		_ = s.Bus.Publish(ctx, pubsub.Message{Channel: Channel, Payload: c.payload()}) // else tokenAge ends it
	})
}

func (s *Service) userChanged(tx *db.Tx, id UserID) { s.tell(tx, Change{User: id}) }
func (s *Service) userRevoked(tx *db.Tx, id UserID) { s.tell(tx, Change{User: id, Revoked: true}) }
func (s *Service) tokensRevoked(tx *db.Tx, list []TokenID) {
	for len(list) > 0 {
		n := min(len(list), 500) // a message is bounded
		s.tell(tx, Change{Tokens: list[:n], Revoked: true})
		list = list[n:]
	}
}

// Listen forgets what other processes say has changed, until ctx ends. Every process that authenticates runs it.
func (s *Service) Listen(ctx context.Context) error {
	for ctx.Err() == nil {
		sub := s.Bus.Subscribe(Channel)
		s.tokens.forgetAll()
		s.follow(ctx, sub)
		closed := sub.Err() == pubsub.ErrClosed
		sub.Close()
		if closed {
			return nil
		}
	}
	return nil
}

func (s *Service) follow(ctx context.Context, sub *pubsub.Subscription) {
	for {
		select {
		case <-ctx.Done():
			return
		case m, ok := <-sub.C:
			if !ok {
				return
			}
			if m.Gap() {
				s.tokens.forgetAll()
				continue
			}
			s.tokens.forget(ParseChange(m.Payload))
		}
	}
}

type cachedToken struct {
	token *Token
	user  *User
	until time.Time
}

// tokenCache remembers tokens just looked up.
type tokenCache struct {
	mu      sync.Mutex
	entries map[secretHash]*cachedToken
	// generation keeps a look-up that began before a revocation from being remembered after it.
	generation int
}

func (c *tokenCache) get(h secretHash, now time.Time) (e *cachedToken, generation int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e = c.entries[h]; e != nil && now.After(e.until) {
		delete(c.entries, h)
		e = nil
	}
	return e, c.generation
}

func (c *tokenCache) put(h secretHash, e *cachedToken, generation int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if len(c.entries) >= maxTokens {
		clear(c.entries)
	}
	c.entries[h] = e
}

func (c *tokenCache) forget(change Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for h, e := range c.entries {
		gone := change.User != 0 && e.token.UserID == change.User
		for _, id := range change.Tokens {
			gone = gone || e.token.ID == id
		}
		if gone {
			delete(c.entries, h)
		}
	}
}

func (c *tokenCache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.entries)
}

// errToken is the answer to a token that is none, in Doorkeeper's words.
func errToken() error { return errs.New(errs.UnauthorizedKind, "The access token is invalid") }

// Authenticate finds what a bearer's token allows, and whom it stands for: user and account are nil for an application alone.
// The person may be barred from using the login: ask Barred. Callers share what they get and must not change it.
func (s *Service) Authenticate(ctx context.Context, bearer string) (*Token, *User, *accounts.Account, error) {
	if bearer == "" || len(bearer) > maxSecret || strings.ContainsAny(bearer, " \t\r\n") {
		return nil, nil, nil, errToken()
	}
	hash, now := hashSecret(bearer), s.Clock.Now()
	e, generation := s.tokens.get(hash, now)
	if e == nil {
		var err error
		if e, err = s.loadToken(ctx, hash); err != nil {
			return nil, nil, nil, err
		}
		e.until = now.Add(tokenAge)
		s.tokens.put(hash, e, generation)
	}
	if e.user == nil {
		return e.token, nil, nil, nil
	}
	account, err := s.Accounts.ByID(ctx, s.DB, e.token.AccountID)
	if errs.IsNotFound(err) {
		return nil, nil, nil, errToken()
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("authenticating: %w", err)
	}
	s.active(ctx, e.user)
	return e.token, e.user, account, nil
}

func (s *Service) loadToken(ctx context.Context, hash secretHash) (*cachedToken, error) {
	var t Token
	var scopes string
	var created, used int64
	err := s.DB.QueryRow(ctx, "SELECT id, application_id, user_id, scopes, created_at, used_at FROM oauth_access_tokens WHERE token_hash = $1 AND revoked_at = 0", hash).
		Scan(&t.ID, &t.AppID, &t.UserID, &scopes, &created, &used)
	if errs.IsNotFound(err) {
		return nil, errToken()
	}
	if err != nil {
		return nil, fmt.Errorf("finding a token: %w", err)
	}
	t.Scopes, t.CreatedAt = strings.Fields(scopes), db.At(created)
	e := &cachedToken{token: &t}
	if t.AppID != 0 {
		if t.App, err = s.AppByID(ctx, s.DB, t.AppID); errs.IsNotFound(err) {
			return nil, errToken()
		} else if err != nil {
			return nil, fmt.Errorf("finding a token's application: %w", err)
		}
	}
	if t.UserID != 0 {
		if e.user, err = s.ByID(ctx, s.DB, t.UserID); errs.IsNotFound(err) {
			return nil, errToken()
		} else if err != nil {
			return nil, fmt.Errorf("finding a token's person: %w", err)
		}
		t.AccountID = e.user.AccountID
	}
	if now := s.Clock.Now(); now.Sub(db.At(used)) >= usedEvery && s.uses.due(int64(t.ID), now, usedEvery) {
		_ = s.touch(ctx, "UPDATE oauth_access_tokens SET used_at = $1 WHERE id = $2", int64(t.ID)) // no reason to refuse
	}
	return e, nil
}
