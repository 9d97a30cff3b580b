package relations

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
)

// Familiar lists, for each of some accounts that show their followers, which of those the viewer follows; one statement.
func (s *Service) Familiar(ctx context.Context, q db.Q, me accounts.ID, targets []accounts.ID) (map[accounts.ID][]accounts.ID, error) {
	out := map[accounts.ID][]accounts.ID{}
	rows, err := q.Query(ctx, `SELECT f.target_account_id, f.account_id FROM follows f
JOIN follows mine ON mine.account_id = $1 AND mine.target_account_id = f.account_id
JOIN accounts t ON t.id = f.target_account_id JOIN accounts a ON a.id = f.account_id
WHERE f.target_account_id = ANY($2) AND NOT t.hide_collections AND NOT a.hide_collections AND a.suspended_at = 0 ORDER BY f.id DESC`, me, db.Array(targets))
	if err != nil {
		return nil, fmt.Errorf("looking for familiar followers: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var target, follower accounts.ID
		if err := rows.Scan(&target, &follower); err != nil {
			return nil, err
		}
		out[target] = append(out[target], follower)
	}
	return out, rows.Err()
}
