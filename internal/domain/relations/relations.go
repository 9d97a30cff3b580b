// Package relations owns what people are to each other: follow, request, block, mute, note, domain block, lists.
package relations

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Deps is what the service stands on.
type Deps struct {
	DB       *db.DB
	Jobs     *jobs.Jobs
	IDs      *ids.Source
	Clock    clock.Clock
	Accounts *accounts.Service
	// Changed tells the readers of Sets, in every process, that an account's relations changed; may be nil.
	Changed func(ids ...accounts.ID)
}

// Service reads and writes relations.
type Service struct{ Deps }

// New makes the service.
func New(d Deps) *Service { return &Service{d} }

// Followed says that someone follows someone, or, with Request, asks to.
type Followed struct {
	FollowID             int64
	AccountID, TargetID  accounts.ID
	URI                  string
	ByLocal, TargetLocal bool
	Request              bool
}

// Kind names the event.
func (Followed) Kind() string { return "relations.followed" }

// Accepted says that a request to follow was granted.
type Accepted struct {
	FollowID                   int64
	AccountID, TargetID        accounts.ID
	URI                        string
	FollowerLocal, TargetLocal bool
}

// Kind names the event.
func (Accepted) Kind() string { return "relations.accepted" }

// Rejected says that a request was refused, or a follower removed.
type Rejected struct {
	AccountID, TargetID        accounts.ID
	URI                        string
	FollowerLocal, TargetLocal bool
}

// Kind names the event.
func (Rejected) Kind() string { return "relations.rejected" }

// Unfollowed says that someone follows someone no more, or took a request back.
type Unfollowed struct {
	AccountID, TargetID  accounts.ID
	URI                  string
	ByLocal, TargetLocal bool
	Request              bool
}

// Kind names the event.
func (Unfollowed) Kind() string { return "relations.unfollowed" }

// Blocked says that someone wants nothing to do with someone.
type Blocked struct {
	AccountID, TargetID  accounts.ID
	URI                  string
	ByLocal, TargetLocal bool
}

// Kind names the event.
func (Blocked) Kind() string { return "relations.blocked" }

// Unblocked says that a block was taken back.
type Unblocked struct {
	AccountID, TargetID  accounts.ID
	URI                  string
	ByLocal, TargetLocal bool
}

// Kind names the event.
func (Unblocked) Kind() string { return "relations.unblocked" }

// Muted says that someone does not want to see someone.
type Muted struct{ AccountID, TargetID accounts.ID }

// Kind names the event.
func (Muted) Kind() string { return "relations.muted" }

// Unmuted says that a mute was taken back, or ended.
type Unmuted struct{ AccountID, TargetID accounts.ID }

// Kind names the event.
func (Unmuted) Kind() string { return "relations.unmuted" }

// DomainBlocked says that someone wants nothing from a domain.
type DomainBlocked struct {
	AccountID accounts.ID
	Domain    string
}

// Kind names the event.
func (DomainBlocked) Kind() string { return "relations.domain_blocked" }

// ListChanged says that a list has other members, or other rules.
type ListChanged struct {
	AccountID accounts.ID
	ListID    int64
}

// Kind names the event.
func (ListChanged) Kind() string { return "relations.list_changed" }

// Relationship is what one account is to another, as the API shows it.
type Relationship struct {
	ID                                     accounts.ID
	Following, ShowingReblogs, Notifying   bool
	Languages                              []string
	FollowedBy, Blocking, BlockedBy        bool
	Muting, MutingNotifications            bool
	MutingExpiresAt                        time.Time
	Requested, RequestedBy, DomainBlocking bool
	Endorsed                               bool
	Note                                   string
}

// Relationships says what me is to each target, in the order asked for; one statement. Targets that do not exist are absent.
func (s *Service) Relationships(ctx context.Context, q db.Q, me accounts.ID, targets []accounts.ID) ([]Relationship, error) {
	rows, err := db.All(ctx, q, scanRelationship, `SELECT a.id,
  f.id IS NOT NULL, COALESCE(f.show_reblogs, FALSE), COALESCE(f.notify, FALSE), COALESCE(f.languages, '[]'),
  EXISTS (SELECT 1 FROM follows b WHERE b.account_id = a.id AND b.target_account_id = $1),
  EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = $1 AND b.target_account_id = a.id),
  EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = a.id AND b.target_account_id = $1),
  m.id IS NOT NULL, COALESCE(m.hide_notifications, FALSE), COALESCE(m.expires_at, 0),
  r.id IS NOT NULL, COALESCE(r.show_reblogs, FALSE), COALESCE(r.notify, FALSE), COALESCE(r.languages, '[]'),
  EXISTS (SELECT 1 FROM follow_requests b WHERE b.account_id = a.id AND b.target_account_id = $1),
  a.domain <> '' AND EXISTS (SELECT 1 FROM account_domain_blocks d WHERE d.account_id = $1 AND d.domain = a.domain),
  COALESCE(n.comment, ''), EXISTS (SELECT 1 FROM endorsements e WHERE e.account_id = $1 AND e.target_account_id = a.id)
FROM accounts a
LEFT JOIN follows f ON f.account_id = $1 AND f.target_account_id = a.id
LEFT JOIN follow_requests r ON r.account_id = $1 AND r.target_account_id = a.id
LEFT JOIN mutes m ON m.account_id = $1 AND m.target_account_id = a.id AND (m.expires_at = 0 OR m.expires_at > $2)
LEFT JOIN account_notes n ON n.account_id = $1 AND n.target_account_id = a.id
WHERE a.id = ANY($3)`, me, db.Ms(s.Clock.Now()), db.Array(targets))
	if err != nil {
		return nil, fmt.Errorf("loading relationships: %w", err)
	}
	by := make(map[accounts.ID]Relationship, len(rows))
	for _, r := range rows {
		by[r.ID] = r
	}
	out := make([]Relationship, 0, len(rows))
	for _, id := range targets {
		if r, ok := by[id]; ok {
			out = append(out, r)
			delete(by, id)
		}
	}
	return out, nil
}

func scanRelationship(row db.Row) (Relationship, error) {
	var r Relationship
	var langs, reqLangs string
	var reqReblogs, reqNotify bool
	var expires int64
	err := row.Scan(&r.ID, &r.Following, &r.ShowingReblogs, &r.Notifying, &langs, &r.FollowedBy, &r.Blocking, &r.BlockedBy,
		&r.Muting, &r.MutingNotifications, &expires, &r.Requested, &reqReblogs, &reqNotify, &reqLangs, &r.RequestedBy, &r.DomainBlocking, &r.Note, &r.Endorsed)
	if err != nil {
		return r, err
	}
	if r.Requested && !r.Following {
		r.ShowingReblogs, r.Notifying, langs = reqReblogs, reqNotify, reqLangs
	}
	r.MutingExpiresAt = db.At(expires)
	return r, json.Unmarshal([]byte(langs), &r.Languages)
}

// Relationship is Relationships of one target.
func (s *Service) Relationship(ctx context.Context, q db.Q, me, target accounts.ID) (Relationship, error) {
	rs, err := s.Relationships(ctx, q, me, []accounts.ID{target})
	if err != nil || len(rs) == 0 {
		return Relationship{ID: target}, err
	}
	return rs[0], nil
}

// changed tells the readers of Sets after the commit.
func (s *Service) changed(tx *db.Tx, list ...accounts.ID) {
	if s.Changed != nil {
		tx.AfterCommit(func() { s.Changed(list...) })
	}
}
