package notifications

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/webpush"
)

// Whose notices a subscription wants (Mastodon).
const (
	FromAll       = "all"
	FromFollowed  = "followed"
	FromFollowers = "follower"
	FromNone      = "none"
)

// Subscription is where an app wants to be told of notices while it is closed.
type Subscription struct {
	ID        int64
	TokenID   access.TokenID
	AccountID accounts.ID
	webpush.Subscription
	// Alerts are the types that are wanted; types that are not named are not.
	Alerts map[string]bool
	Policy string
	// Token is the app's token in plain text, by which it finds whom a message is for.
	Token string
}

// Push asks for a notice to be sent to a subscription.
type Push struct {
	Subscription, Notice int64
	AccountID            accounts.ID
	Endpoint             string
}

// Kind names the command.
func (Push) Kind() string { return "notifications.push" }

// Host is who is asked; what goes to one push service shares a lane.
func (e Push) Host() string { return weburl.Host(e.Endpoint) }

const subscriptionColumns = "w.id, w.access_token_id, w.account_id, w.endpoint, w.p256dh, w.auth, w.standard, w.alerts, w.policy, w.token"

func (s *Service) scanSubscription(r db.Row) (*Subscription, error) {
	var v Subscription
	var key, auth, alerts, token string
	if err := r.Scan(&v.ID, &v.TokenID, &v.AccountID, &v.Endpoint, &key, &auth, &v.Standard, &alerts, &v.Policy, &token); err != nil {
		return nil, err
	}
	var err, err2, err3 error
	v.P256dh, err = webpush.DecodeKey(key)
	v.Auth, err2 = webpush.DecodeKey(auth)
	v.Token, err3 = s.unsealed(token)
	return &v, errors.Join(err, err2, err3, json.Unmarshal([]byte(alerts), &v.Alerts))
}

// Subscribe makes a token's subscription, in place of the one that it has. The endpoint must be an address of the open network by https; by
// http too where this server itself has none.
func (s *Service) Subscribe(ctx context.Context, v Subscription) (*Subscription, error) {
	u, err := weburl.Parse(v.Endpoint)
	if err != nil || !weburl.Valid(v.Endpoint) || u.Scheme != "https" && s.HTTPS {
		return nil, errs.Invalid("Validation failed: Endpoint is not a valid URL")
	}
	if err := v.Check(); err != nil {
		return nil, errs.Invalid("Validation failed: Key is invalid")
	}
	if err := checkWishes(&v); err != nil {
		return nil, err
	}
	token, err := s.sealed(v.Token)
	if err != nil {
		return nil, err
	}
	alerts, _ := json.Marshal(v.Alerts) // always encodes
	v.ID = s.IDs.Next()
	enc := base64.RawURLEncoding.EncodeToString
	return &v, s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "subscribing to notices", `INSERT INTO web_push_subscriptions (id, access_token_id, account_id, endpoint, p256dh, auth, standard, alerts, policy, token, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) ON CONFLICT (access_token_id) DO UPDATE SET id = excluded.id, endpoint = excluded.endpoint, p256dh = excluded.p256dh, auth = excluded.auth,
standard = excluded.standard, alerts = excluded.alerts, policy = excluded.policy, token = excluded.token, created_at = excluded.created_at, updated_at = excluded.updated_at`,
			v.ID, v.TokenID, v.AccountID, v.Endpoint, enc(v.P256dh), enc(v.Auth), v.Standard, string(alerts), v.Policy, token, db.Ms(s.Clock.Now()))
	})
}

func checkWishes(v *Subscription) error {
	if v.Policy == "" {
		v.Policy = FromAll
	}
	if !slices.Contains([]string{FromAll, FromFollowed, FromFollowers, FromNone}, v.Policy) {
		return errs.Invalid("Validation failed: Policy is not included in the list")
	}
	for kind := range v.Alerts {
		if !slices.Contains(Types, kind) {
			delete(v.Alerts, kind)
		}
	}
	return nil
}

// SubscriptionOf is a token's.
func (s *Service) SubscriptionOf(ctx context.Context, q db.Q, token access.TokenID) (*Subscription, error) {
	return s.scanSubscription(q.QueryRow(ctx, "SELECT "+subscriptionColumns+" FROM web_push_subscriptions w WHERE w.access_token_id = $1", token))
}

// SetWishes changes which notices, and whose, a token's subscription wants.
func (s *Service) SetWishes(ctx context.Context, token access.TokenID, alerts map[string]bool, policy string) (*Subscription, error) {
	var v *Subscription
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if v, err = s.SubscriptionOf(ctx, tx, token); err != nil {
			return err
		}
		v.Alerts, v.Policy = alerts, policy
		if err := checkWishes(v); err != nil {
			return err
		}
		text, _ := json.Marshal(v.Alerts) // always encodes
		return tx.Do(ctx, "changing a subscription", "UPDATE web_push_subscriptions SET alerts = $1, policy = $2, updated_at = $3 WHERE id = $4", string(text), v.Policy, db.Ms(s.Clock.Now()), v.ID)
	})
	return v, err
}

// Unsubscribe ends a token's subscription; one that is not there is fine.
func (s *Service) Unsubscribe(ctx context.Context, token access.TokenID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "ending a subscription", "DELETE FROM web_push_subscriptions WHERE access_token_id = $1", token)
	})
}

// Expired ends a subscription that its push service does not know any more.
func (s *Service) Expired(ctx context.Context, id int64) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "ending a subscription", "DELETE FROM web_push_subscriptions WHERE id = $1", id)
	})
}

// ToPush is a subscription that a notice is to be sent to, and the notice: nil when it is not wanted, or not any more. A subscription whose
// token was revoked gets nothing (OAU-09).
func (s *Service) ToPush(ctx context.Context, q db.Q, e Push) (*Subscription, *Notification, error) {
	v, err := s.scanSubscription(q.QueryRow(ctx, "SELECT "+subscriptionColumns+` FROM web_push_subscriptions w JOIN oauth_access_tokens t ON t.id = w.access_token_id JOIN users u ON u.id = t.user_id
WHERE w.id = $1 AND t.revoked_at = 0 AND NOT u.disabled`, e.Subscription))
	if err != nil {
		return nil, nil, ignoreGone(err)
	}
	n, err := s.ByID(ctx, q, e.AccountID, e.Notice)
	if err != nil {
		return nil, nil, ignoreGone(err)
	}
	wanted, err := s.wants(ctx, q, v, n)
	if err != nil || !wanted || n.Filtered {
		return nil, nil, err
	}
	return v, n, nil
}

func (s *Service) wants(ctx context.Context, q db.Q, v *Subscription, n *Notification) (bool, error) {
	me, from := v.AccountID, n.FromAccountID
	switch {
	case !v.Alerts[n.Type] || v.Policy == FromNone:
		return false, nil
	case v.Policy == FromAll || me == from:
		return true, nil
	case v.Policy == FromFollowers:
		me, from = from, me
	}
	return s.Relations.Follows(ctx, q, me, from)
}

// pushes writes in the transaction of some notices the commands that send them to the apps of those who are told. rows are the notices
// by account.
func (s *Service) pushes(ctx context.Context, tx *db.Tx, kind string, rows map[accounts.ID]int64, people []accounts.ID) error {
	if len(people) == 0 {
		return nil
	}
	list, err := db.All(ctx, tx, func(r db.Row) (e Push, err error) {
		var alerts string
		if err = r.Scan(&e.Subscription, &e.AccountID, &e.Endpoint, &alerts); err != nil {
			return e, err
		}
		var wanted map[string]bool
		if err = json.Unmarshal([]byte(alerts), &wanted); err == nil && wanted[kind] {
			e.Notice = rows[e.AccountID]
		}
		return e, err
	}, "SELECT w.id, w.account_id, w.endpoint, w.alerts FROM web_push_subscriptions w WHERE w.account_id = ANY($1) AND w.policy <> 'none' ORDER BY w.id", db.Array(people))
	if err != nil {
		return fmt.Errorf("finding subscriptions: %w", err)
	}
	var events []jobs.Event
	for _, e := range list {
		if e.Notice != 0 {
			events = append(events, e)
		}
	}
	return s.Jobs.Emit(ctx, tx, events...)
}

// box encrypts what is kept encrypted.
func (s *Service) box() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, s.Secret, nil, "tokens of push subscriptions", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s *Service) sealed(text string) (string, error) {
	box, err := s.box()
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(box.Seal(nil, nil, []byte(text), nil)), nil
}

// unsealed is what was sealed; nothing, if that was done by another secret: then the app has to subscribe again.
func (s *Service) unsealed(text string) (string, error) {
	box, err := s.box()
	if err != nil {
		return "", err
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", err
	}
	plain, err := box.Open(nil, nil, raw, nil)
	if err != nil {
		return "", nil
	}
	return string(plain), nil
}

// pushAge is how old a notice may be that is still sent.
const pushAge = 48 * time.Hour

// Old reports whether a notice is no news any more.
func (n *Notification) Old(now time.Time) bool { return now.Sub(n.CreatedAt) > pushAge }
