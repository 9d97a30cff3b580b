package notifications

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Verdict is what becomes of a notice; the names are the API's.
type Verdict string

// The verdicts, from the mildest.
const (
	// Accept shows it.
	Accept Verdict = "accept"
	// Filter keeps it apart; of mentions and quotes a request tells.
	Filter Verdict = "filter"
	// Drop makes none.
	Drop Verdict = "drop"
)

// Valid reports whether v is a verdict.
func (v Verdict) Valid() bool { return v == Accept || v == Filter || v == Drop }

const (
	// newAccount is the age below which an account counts as new, newFollower that of a follow below which its maker does not count
	// as a follower yet (Mastodon).
	newAccount  = 30 * 24 * time.Hour
	newFollower = 3 * 24 * time.Hour
	// maxCounted bounds what is counted of requests and what waits in them (Mastodon).
	maxCounted = 100
	// maxThread is how far up a thread is looked whether a private mention answers the recipient (Mastodon).
	maxThread = 100
)

// Policy says what becomes of notices from some kinds of senders: the strictest that applies to one counts. Those whom the recipient follows
// are asked about only as new followers are: see of.
type Policy struct {
	NotFollowing, NotFollowers, NewAccounts, PrivateMentions, LimitedAccounts, Bots Verdict
}

// defaultPolicy is Mastodon's.
var defaultPolicy = Policy{Accept, Accept, Accept, Filter, Filter, Accept}

const policyColumns = "for_not_following, for_not_followers, for_new_accounts, for_private_mentions, for_limited_accounts, for_bots"

func (p *Policy) fields() []any {
	return []any{&p.NotFollowing, &p.NotFollowers, &p.NewAccounts, &p.PrivateMentions, &p.LimitedAccounts, &p.Bots}
}

// Policy is an account's.
func (s *Service) Policy(ctx context.Context, q db.Q, me accounts.ID) (Policy, error) {
	return policy(ctx, q, me, "")
}

func policy(ctx context.Context, q db.Q, me accounts.ID, lock string) (Policy, error) {
	p := defaultPolicy
	err := q.QueryRow(ctx, "SELECT "+policyColumns+" FROM notification_policies WHERE account_id = $1"+lock, me).Scan(p.fields()...)
	if errs.IsNotFound(err) {
		return defaultPolicy, nil
	}
	return p, err
}

// SetPolicy changes an account's policy. It holds for what comes from now on. Of changes at once, each keeps what the others set.
func (s *Service) SetPolicy(ctx context.Context, me accounts.ID, change func(*Policy) error) (Policy, error) {
	var p Policy
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		d := defaultPolicy
		if err = tx.Do(ctx, "making a policy", "INSERT INTO notification_policies (account_id, "+policyColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id) DO NOTHING",
			append([]any{me}, d.fields()...)...); err != nil {
			return err
		}
		if p, err = policy(ctx, tx, me, tx.ForUpdate()); err != nil {
			return err
		}
		if err = change(&p); err != nil {
			return err
		}
		for _, v := range p.fields() {
			if !v.(*Verdict).Valid() {
				return errs.Invalid("Validation failed: a policy is accept, filter or drop")
			}
		}
		return tx.Do(ctx, "setting a policy", `UPDATE notification_policies SET for_not_following = $2, for_not_followers = $3, for_new_accounts = $4,
for_private_mentions = $5, for_limited_accounts = $6, for_bots = $7 WHERE account_id = $1`,
			me, p.NotFollowing, p.NotFollowers, p.NewAccounts, p.PrivateMentions, p.LimitedAccounts, p.Bots)
	})
	return p, err
}

// Waiting is how many requests an account has, and how many notices wait in them; at most 100 each.
func (s *Service) Waiting(ctx context.Context, q db.Q, me accounts.ID) (requests, notices int64, err error) {
	err = q.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM (SELECT r.id`+openRequests+` LIMIT $2) r),
(SELECT COUNT(*) FROM (SELECT n.id FROM notifications n WHERE n.account_id = $1 AND n.filtered AND n.type IN ('mention', 'quote') AND n.from_account_id IN (SELECT r.from_account_id`+openRequests+`) LIMIT $2) n)`,
		me, maxCounted).Scan(&requests, &notices)
	if err != nil {
		return 0, 0, fmt.Errorf("counting requests: %w", err)
	}
	return requests, notices, nil
}

// sender is what a recipient's policy asks about the one whom a notice is from.
type sender struct {
	followed, limited, bot, permitted bool
	// followsSince is when it followed the recipient, zero if it does not; since when it exists.
	followsSince, since time.Time
	// private says that the notice is of a private mention that does not answer the recipient.
	private bool
}

// of is the verdict about a sender.
func (p Policy) of(v sender, now time.Time) Verdict {
	if v.permitted {
		return Accept
	}
	out := Accept
	add := func(applies bool, verdict Verdict) {
		if applies && (verdict == Drop || verdict == Filter && out == Accept) {
			out = verdict
		}
	}
	add(!v.followed, p.NotFollowing)
	add(v.followsSince.IsZero() || now.Sub(v.followsSince) < newFollower, p.NotFollowers)
	add(!v.followed && now.Sub(v.since) < newAccount, p.NewAccounts)
	add(!v.followed && v.private, p.PrivateMentions)
	add(!v.followed && v.limited, p.LimitedAccounts)
	add(!v.followed && v.bot, p.Bots)
	return out
}

// unfilterable reports whether no policy holds for a type of notice (Mastodon): it is from the server, or of what one took part in.
func unfilterable(kind string) bool {
	return kind == SignUp || kind == AnnualReport || kind == SeveredRelationships || kind == Poll || kind == Update || kind == QuotedUpdate
}
