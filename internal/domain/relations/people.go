package relations

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// maxSuggested is how many people are suggested from one source; there are few who read more.
	maxSuggested = 40
	// maxFriends is how many of those whom one follows are asked whom they follow.
	maxFriends = 500
)

// Endorse shows somebody whom an account follows on its profile; once more is fine.
func (s *Service) Endorse(ctx context.Context, me, target accounts.ID) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO endorsements (id, account_id, target_account_id, created_at) SELECT $1, f.account_id, f.target_account_id, $4 FROM follows f
WHERE f.account_id = $2 AND f.target_account_id = $3 ON CONFLICT (account_id, target_account_id) DO UPDATE SET created_at = endorsements.created_at`, s.IDs.Next(), me, target, db.Ms(s.Clock.Now()))
		if err == nil && n == 0 {
			return errs.Invalid("Validation failed: You must be already following the person you want to endorse")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("endorsing: %w", err)
	}
	return nil
}

// Unendorse takes somebody off a profile; once more is fine.
func (s *Service) Unendorse(ctx context.Context, me, target accounts.ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "taking an endorsement back", "DELETE FROM endorsements WHERE account_id = $1 AND target_account_id = $2", me, target)
	})
}

// Endorsements lists whom an account shows on its profile.
func (s *Service) Endorsements(ctx context.Context, q db.Q, of accounts.ID, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "endorsements", "SELECT r.id, r.target_account_id, 0 FROM endorsements r JOIN accounts a ON a.id = r.target_account_id WHERE r.account_id = $1 AND a.suspended_at = 0", p, of)
}

// listed is the rule of whom the directory and suggestions show: people who want to be found.
const listed = " a.discoverable AND a.suspended_at = 0 AND a.silenced_at = 0 AND a.moved_to_id = 0"

// unwanted leaves out those whom the account $1 hid in any way.
const unwanted = ` AND NOT EXISTS (SELECT 1 FROM blocks b WHERE (b.account_id = $1 AND b.target_account_id = a.id) OR (b.account_id = a.id AND b.target_account_id = $1))
AND NOT EXISTS (SELECT 1 FROM mutes m WHERE m.account_id = $1 AND m.target_account_id = a.id)
AND NOT EXISTS (SELECT 1 FROM account_domain_blocks d WHERE d.account_id = $1 AND d.domain = a.domain AND a.domain <> '')`

// Directory lists people who want to be found, for viewer (0 for anybody): those who wrote last first, or with newest those who came last.
func (s *Service) Directory(ctx context.Context, q db.Q, viewer accounts.ID, local, newest bool, offset, limit int) ([]accounts.ID, error) {
	sql := "SELECT a.id FROM accounts a WHERE" + listed + unwanted
	if local {
		sql += " AND a.domain = ''"
	}
	order := " AND a.last_status_at > 0 ORDER BY a.last_status_at DESC, a.id DESC"
	if newest {
		order = " ORDER BY a.id DESC"
	}
	list, err := db.Column[accounts.ID](ctx, q, sql+order+" LIMIT $2 OFFSET $3", viewer, limit, offset)
	if err != nil {
		return nil, fmt.Errorf("reading the directory: %w", err)
	}
	return list, nil
}

// Suggestion is somebody whom an account may want to follow, and why.
type Suggestion struct {
	AccountID accounts.ID
	Sources   []string
}

// stranger leaves out whom the account $1 follows already, asked to, hid, or does not want to be told of, and itself.
const stranger = listed + unwanted + ` AND a.id <> $1
AND NOT EXISTS (SELECT 1 FROM follows f WHERE f.account_id = $1 AND f.target_account_id = a.id) AND NOT EXISTS (SELECT 1 FROM follow_requests f WHERE f.account_id = $1 AND f.target_account_id = a.id)
AND NOT EXISTS (SELECT 1 FROM dismissed_suggestions d WHERE d.account_id = $1 AND d.target_account_id = a.id)`

// Suggestions lists whom an account may want to follow: those whom those follow whom it follows, and those who are followed most (two of
// Mastodon's sources); two statements.
func (s *Service) Suggestions(ctx context.Context, q db.Q, me accounts.ID) ([]Suggestion, error) {
	var out []Suggestion
	at := map[accounts.ID]int{}
	for _, from := range []struct{ source, sql string }{
		{"friends_of_friends", `SELECT a.id FROM (SELECT f.target_account_id AS id, COUNT(*) AS n FROM follows f
WHERE f.account_id IN (SELECT x.target_account_id FROM follows x JOIN accounts y ON y.id = x.target_account_id WHERE x.account_id = $1 AND NOT y.hide_collections ORDER BY x.id DESC LIMIT $3) GROUP BY f.target_account_id) x
JOIN accounts a ON a.id = x.id WHERE CAST($3 AS BIGINT) >= 0 AND` + stranger + " ORDER BY x.n DESC, a.followers_count DESC, a.id LIMIT $2"},
		{"most_followed", "SELECT a.id FROM accounts a WHERE CAST($3 AS BIGINT) >= 0 AND a.followers_count > 0 AND" + stranger + " ORDER BY a.followers_count DESC, a.id DESC LIMIT $2"},
	} {
		list, err := db.Column[accounts.ID](ctx, q, from.sql, me, maxSuggested, maxFriends)
		if err != nil {
			return nil, fmt.Errorf("finding suggestions: %w", err)
		}
		for _, id := range list {
			if i, ok := at[id]; ok {
				out[i].Sources = append(out[i].Sources, from.source)
				continue
			}
			at[id] = len(out)
			out = append(out, Suggestion{id, []string{from.source}})
		}
	}
	return out, nil
}

// DismissSuggestion keeps somebody from being suggested; once more is fine.
func (s *Service) DismissSuggestion(ctx context.Context, me, target accounts.ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "dismissing a suggestion", "INSERT INTO dismissed_suggestions (account_id, target_account_id, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", me, target, db.Ms(s.Clock.Now()))
	})
}

// TiesWithDomain counts whom an account follows on a domain, and who of it follows the account: what blocking it would end.
func (s *Service) TiesWithDomain(ctx context.Context, q db.Q, me accounts.ID, domain string) (following, followers int64, err error) {
	err = q.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM follows f JOIN accounts a ON a.id = f.target_account_id WHERE f.account_id = $1 AND a.domain = $2),
(SELECT COUNT(*) FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id = $1 AND a.domain = $2)`, me, domain).Scan(&following, &followers)
	return following, followers, err
}
