package relations

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
)

// Sets is all that decides whether an account wants to see another, for deciding in memory many times.
type Sets struct {
	Blocking, BlockedBy map[accounts.ID]bool
	// Muting says of each muted account whether its notices are hidden too.
	Muting       map[accounts.ID]bool
	DomainBlocks map[string]bool
}

// Sets loads what decides for an account, in one statement.
func (s *Service) Sets(ctx context.Context, q db.Q, me accounts.ID) (*Sets, error) {
	type row struct {
		what, id int64
		domain   string
	}
	rows, err := db.All(ctx, q, func(r db.Row) (v row, err error) { return v, r.Scan(&v.what, &v.id, &v.domain) },
		`SELECT 0, target_account_id, '' FROM blocks WHERE account_id = $1
UNION ALL SELECT 1, account_id, '' FROM blocks WHERE target_account_id = $1
UNION ALL SELECT CASE WHEN hide_notifications THEN 2 ELSE 3 END, target_account_id, '' FROM mutes WHERE account_id = $1 AND (expires_at = 0 OR expires_at > $2)
UNION ALL SELECT 4, 0, domain FROM account_domain_blocks WHERE account_id = $1`, me, db.Ms(s.Clock.Now()))
	if err != nil {
		return nil, fmt.Errorf("loading blocks and mutes: %w", err)
	}
	out := &Sets{Blocking: map[accounts.ID]bool{}, BlockedBy: map[accounts.ID]bool{}, Muting: map[accounts.ID]bool{}, DomainBlocks: map[string]bool{}}
	for _, v := range rows {
		switch v.what {
		case 0:
			out.Blocking[accounts.ID(v.id)] = true
		case 1:
			out.BlockedBy[accounts.ID(v.id)] = true
		case 2, 3:
			out.Muting[accounts.ID(v.id)] = v.what == 2
		case 4:
			out.DomainBlocks[v.domain] = true
		}
	}
	return out, nil
}

// Hides reports whether an account is not to be seen: blocked in either direction, muted, or of a blocked domain.
func (s *Sets) Hides(a *accounts.Account) bool {
	_, muted := s.Muting[a.ID]
	return muted || s.Blocking[a.ID] || s.BlockedBy[a.ID] || (a.Domain != "" && s.DomainBlocks[a.Domain])
}
