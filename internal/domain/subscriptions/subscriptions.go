// Package subscriptions owns who gets somebody's public posts by mail without having an account: asking, confirming, and ending it (Mastodon 4.6).
package subscriptions

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
)

const (
	// keepUnconfirmed is how long an address may wait for its confirmation (Mastodon: a week).
	keepUnconfirmed = 7 * 24 * time.Hour
	// askAgainAfter is how long somebody who asks again gets no second mail.
	askAgainAfter = time.Hour
	// maxUnconfirmed bounds the mails to an address whose owner never answered, whoever asked for them.
	maxUnconfirmed = 5
	// slice is how many subscribers are told in one transaction.
	slice = 200
	// maxToken bounds what is looked up, in bytes.
	maxToken = 100
)

// ID names a subscription.
type ID int64

// Subscription is one address that gets one account's posts.
type Subscription struct {
	ID        ID
	AccountID accounts.ID
	Email     string
	// Token ends the subscription.
	Token     string
	Confirmed bool
}

// Asked says that somebody gave an address, which is to be asked whether it wants the posts.
type Asked struct{ SubscriptionID ID }

// Kind names the event.
func (Asked) Kind() string { return "subscriptions.asked" }

// Written says that there are posts that a subscriber was not told of: above After, up to UpTo.
type Written struct {
	SubscriptionID ID
	After, UpTo    statuses.ID
}

// Kind names the event.
func (Written) Kind() string { return "subscriptions.written" }

// ForgetDue asks for addresses to be forgotten that nobody confirmed.
type ForgetDue struct{}

// Kind names the event.
func (ForgetDue) Kind() string { return "subscriptions.forget_due" }

// Deps is what the service stands on.
type Deps struct {
	DB        *db.DB
	Jobs      *jobs.Jobs
	IDs       *ids.Source
	Clock     clock.Clock
	Settings  *settings.Service
	Accounts  *accounts.Service
	Access    *access.Service
	Relations *relations.Service
	Statuses  *statuses.Service
}

// Service keeps the subscriptions.
type Service struct{ Deps }

// New makes the service.
func New(d Deps) *Service { return &Service{d} }

// Open reports whether people may subscribe to an account by mail: the server lets it, and the account wants it.
func (s *Service) Open(ctx context.Context, q db.Q, a *accounts.Account) (bool, error) {
	if !a.Local() || !a.EmailSubscriptions || a.Suspended() || a.MovedToID != 0 {
		return false, nil
	}
	instance, err := s.Settings.Get(ctx, q)
	return instance.EmailSubscriptions, err
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Ask subscribes an address, which has to confirm that. An account that nobody may subscribe to is errs.NotFound, and what is no address
// errs.Invalid with its reason. Nobody learns from the answer whether the address is known here (SES-06), and nobody can have one mailed again and again.
func (s *Service) Ask(ctx context.Context, id accounts.ID, typed string) error {
	a, err := s.Accounts.ByID(ctx, s.DB, id)
	if err != nil {
		return err
	}
	open, err := s.Open(ctx, s.DB, a)
	if err != nil {
		return err
	}
	if !open {
		return errs.NotFound()
	}
	address, folded, err := access.CheckEmail(typed)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error { return s.ask(ctx, tx, id, address, folded) })
	if err != nil {
		return fmt.Errorf("subscribing an address: %w", err)
	}
	return nil
}

func (s *Service) ask(ctx context.Context, tx *db.Tx, account accounts.ID, address, folded string) error {
	now := s.Clock.Now()
	waiting, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM email_subscriptions WHERE email_folded = $1 AND confirmed_at = 0 AND account_id <> $2", folded, account)
	if err != nil || waiting >= maxUnconfirmed {
		return err
	}
	id := ID(s.IDs.Next())
	n, err := tx.Exec(ctx, `INSERT INTO email_subscriptions (id, account_id, email, email_folded, asked_at, token, created_at) VALUES ($1, $2, $3, $4, $5, $6, $5)
ON CONFLICT (account_id, email_folded) DO NOTHING`, id, account, address, folded, db.Ms(now), rand.Text())
	if err != nil {
		return err
	}
	if n == 0 {
		again, err := db.Column[ID](ctx, tx, "SELECT id FROM email_subscriptions WHERE account_id = $1 AND email_folded = $2 AND confirmed_at = 0 AND asked_at <= $3",
			account, folded, db.Ms(now.Add(-askAgainAfter)))
		if err != nil || len(again) == 0 {
			return err
		}
		id = again[0]
		if _, err := tx.Exec(ctx, "UPDATE email_subscriptions SET asked_at = $1 WHERE id = $2", db.Ms(now), id); err != nil {
			return err
		}
	}
	return s.Jobs.Emit(ctx, tx, Asked{id})
}

const columns = "e.id, e.account_id, e.email, e.token, e.confirmed_at <> 0"

func scan(r db.Row) (*Subscription, error) {
	var v Subscription
	return &v, r.Scan(&v.ID, &v.AccountID, &v.Email, &v.Token, &v.Confirmed)
}

// ByID finds a subscription.
func (s *Service) ByID(ctx context.Context, q db.Q, id ID) (*Subscription, error) {
	return scan(q.QueryRow(ctx, "SELECT "+columns+" FROM email_subscriptions e WHERE e.id = $1", id))
}

// ByToken finds the subscription that a mail's link ends.
func (s *Service) ByToken(ctx context.Context, q db.Q, token string) (*Subscription, error) {
	if token == "" || len(token) > maxToken {
		return nil, errs.NotFound()
	}
	return scan(q.QueryRow(ctx, "SELECT "+columns+" FROM email_subscriptions e WHERE e.token = $1", token))
}

// Mint makes the word by which an address confirms. Those made before stop working.
func (s *Service) Mint(ctx context.Context, id ID) (token string, err error) {
	token = rand.Text()
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE email_subscriptions SET confirmation_hash = $1 WHERE id = $2 AND confirmed_at = 0", hash(token), id)
		if err == nil && n == 0 {
			return errs.NotFound()
		}
		return err
	})
	return token, err
}

// Confirm begins the subscription of an address whose owner followed the link. A link may be followed twice; one that does not work is errs.NotFound.
func (s *Service) Confirm(ctx context.Context, token string) (*Subscription, error) {
	if token == "" || len(token) > maxToken {
		return nil, errs.NotFound()
	}
	var v *Subscription
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		v, err = scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM email_subscriptions e WHERE e.confirmation_hash = $1 AND e.confirmation_hash <> ''"+tx.ForUpdate(), hash(token)))
		if err != nil || v.Confirmed {
			return err
		}
		now := s.Clock.Now()
		_, err = tx.Exec(ctx, "UPDATE email_subscriptions SET confirmed_at = $1, told_id = $2 WHERE id = $3", db.Ms(now), ids.First(now), v.ID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("confirming a subscription: %w", err)
	}
	return v, nil
}

// End ends a subscription; one that is over is fine.
func (s *Service) End(ctx context.Context, token string) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "ending a subscription", "DELETE FROM email_subscriptions WHERE token = $1", token)
	})
	if err != nil {
		return fmt.Errorf("ending a subscription: %w", err)
	}
	return nil
}

// Key makes the posts of some minutes one mail (Mastodon: five minutes).
func Key(e statuses.Posted) string { return strconv.FormatInt(int64(e.AccountID), 10) }

// Tell has a mail written to each subscriber of an account who was not told of its last post. It is safe to repeat.
func (s *Service) Tell(ctx context.Context, e statuses.Posted) error {
	a, err := s.Accounts.ByID(ctx, s.DB, e.AccountID)
	if errs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if open, err := s.Open(ctx, s.DB, a); err != nil || !open {
		return err
	}
	newest, err := s.Statuses.ToMail(ctx, s.DB, e.AccountID, e.StatusID-1, 1<<63-1, 1)
	if err != nil || len(newest) == 0 {
		return err
	}
	for after := ID(0); ; {
		last, n, err := s.tellSlice(ctx, e.AccountID, newest[0], after)
		if err != nil || n < slice {
			return err
		}
		after = last
	}
}

func (s *Service) tellSlice(ctx context.Context, account accounts.ID, newest statuses.ID, after ID) (last ID, n int, err error) {
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		type row struct {
			id   ID
			told statuses.ID
		}
		list, err := db.All(ctx, tx, func(r db.Row) (v row, err error) { return v, r.Scan(&v.id, &v.told) },
			"SELECT id, told_id FROM email_subscriptions WHERE account_id = $1 AND id > $2 AND confirmed_at <> 0 ORDER BY id LIMIT $3"+tx.ForUpdate(), account, after, slice)
		if err != nil {
			return err
		}
		var events []jobs.Event
		var rows [][]any
		for _, v := range list {
			if last = v.id; v.told < newest {
				events, rows = append(events, Written{v.id, v.told, newest}), append(rows, []any{newest, v.id})
			}
		}
		n = len(list)
		if _, err := tx.ExecMany(ctx, "UPDATE email_subscriptions SET told_id = $1 WHERE id = $2", rows); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, events...)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("telling subscribers: %w", err)
	}
	return last, n, nil
}

// BecomeFollows makes follows of what somebody's address was subscribed to, now that it is that of an account here.
func (s *Service) BecomeFollows(ctx context.Context, e access.Confirmed) error {
	u, err := s.Access.ByID(ctx, s.DB, e.UserID)
	if errs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	_, folded, err := access.CheckEmail(u.Email)
	if err != nil {
		return nil //nolint:nilerr // an address from before today's rules has no subscriptions
	}
	by, err := s.Accounts.ByID(ctx, s.DB, u.AccountID)
	if err != nil {
		return err
	}
	list, err := db.All(ctx, s.DB, scan, "SELECT "+columns+" FROM email_subscriptions e WHERE e.email_folded = $1 AND e.confirmed_at <> 0", folded)
	if err != nil {
		return fmt.Errorf("looking for subscriptions: %w", err)
	}
	for _, v := range list {
		target, err := s.Accounts.ByID(ctx, s.DB, v.AccountID)
		if err == nil && target.ID != by.ID {
			err = s.Relations.Follow(ctx, by, target, relations.FollowOptions{})
		}
		if err != nil && errs.KindOf(err) == errs.Internal {
			return err
		}
		if err := s.End(ctx, v.Token); err != nil {
			return err
		}
	}
	return nil
}

// Forget forgets addresses that nobody confirmed for a week.
func (s *Service) Forget(ctx context.Context, _ ForgetDue) error {
	return s.DB.Sweep(ctx, "forgetting addresses",
		"DELETE FROM email_subscriptions WHERE id IN (SELECT id FROM email_subscriptions WHERE confirmed_at = 0 AND created_at < $1 ORDER BY created_at LIMIT $2)",
		db.Ms(s.Clock.Now().Add(-keepUnconfirmed)))
}
