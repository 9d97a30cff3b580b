package relations

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
)

// Why ties were severed, as the API names it.
const (
	ByServer = "domain_block"
	BySelf   = "user_domain_block"
)

// Severance is what somebody lost at once.
type Severance struct {
	ID                   int64
	Type, TargetName     string
	Followers, Following int64
	CreatedAt            time.Time
}

// Cause is why ties are severed: what kind of block of whom, and which one, so that each is told of once.
type Cause struct {
	Type, TargetName string
	Number           int64
}

// Severed says that somebody lost ties to a server; there may be more of them until the work is done.
type Severed struct {
	AccountID   accounts.ID
	SeveranceID int64
}

// Kind names the event.
func (Severed) Kind() string { return "relations.severed" }

// Severances loads what was lost, of one account; one statement, none for nothing.
func (s *Service) Severances(ctx context.Context, q db.Q, me accounts.ID, list []int64) (map[int64]*Severance, error) {
	out := map[int64]*Severance{}
	if len(list) == 0 {
		return out, nil
	}
	rows, err := db.All(ctx, q, func(r db.Row) (*Severance, error) {
		var v Severance
		var created int64
		err := r.Scan(&v.ID, &v.Type, &v.TargetName, &v.Followers, &v.Following, &created)
		v.CreatedAt = db.At(created)
		return &v, err
	}, "SELECT id, type, target_name, followers_count, following_count, created_at FROM relationship_severances WHERE id = ANY($1) AND account_id = $2", db.Array(list), me)
	if err != nil {
		return nil, fmt.Errorf("loading what was severed: %w", err)
	}
	for _, v := range rows {
		out[v.ID] = v
	}
	return out, nil
}

// tie is a follow that is about to end.
type tie struct{ by, target accounts.ID }

// sever ends the ties between each pair of one of ours and somebody elsewhere, in both directions, and keeps what ours lost by it. It is to run in the
// transaction that finds the pairs.
func (s *Service) sever(ctx context.Context, tx *db.Tx, ours, theirs []*accounts.Account, why Cause) error {
	ids := func(list []*accounts.Account) (out []accounts.ID) {
		for _, a := range list {
			out = append(out, a.ID)
		}
		return out
	}
	ties, err := db.All(ctx, tx, func(r db.Row) (v tie, err error) { return v, r.Scan(&v.by, &v.target) },
		"SELECT account_id, target_account_id FROM follows WHERE account_id = ANY($1) AND target_account_id = ANY($2) UNION ALL SELECT account_id, target_account_id FROM follows WHERE account_id = ANY($2) AND target_account_id = ANY($1)",
		db.Array(ids(ours)), db.Array(ids(theirs)))
	if err != nil {
		return err
	}
	following, followers := map[accounts.ID]int64{}, map[accounts.ID]int64{}
	for _, t := range ties {
		following[t.by]++
		followers[t.target]++
	}
	for _, me := range ours {
		for _, other := range theirs {
			if err := s.unfollow(ctx, tx, me, other); err != nil {
				return err
			}
			if err := s.reject(ctx, tx, me, other); err != nil {
				return err
			}
		}
		if why.Number == 0 || following[me.ID]+followers[me.ID] == 0 {
			continue
		}
		if err := s.keepSeverance(ctx, tx, me.ID, why, followers[me.ID], following[me.ID]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) keepSeverance(ctx context.Context, tx *db.Tx, me accounts.ID, why Cause, followers, following int64) error {
	id := s.IDs.Next()
	fresh, err := tx.Exec(ctx, "INSERT INTO relationship_severances (id, account_id, type, target_name, cause, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		id, me, why.Type, why.TargetName, why.Number, db.Ms(s.Clock.Now()))
	if err != nil {
		return fmt.Errorf("keeping what was severed: %w", err)
	}
	if err := tx.Do(ctx, "counting what was severed", `UPDATE relationship_severances SET followers_count = followers_count + $1, following_count = following_count + $2
WHERE account_id = $3 AND type = $4 AND target_name = $5 AND cause = $6`, followers, following, me, why.Type, why.TargetName, why.Number); err != nil {
		return err
	}
	if fresh == 0 {
		return nil
	}
	return s.Jobs.Emit(ctx, tx, Severed{me, id})
}
