package accounts

import (
	"context"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/memo"
)

// maxCopies bounds the accounts that are kept in memory, at about 2 kB each.
const maxCopies = 8192

func newCopies(d Deps) *memo.Map[ID, *Account] {
	m := memo.New[ID, *Account]("accounts", maxCopies, d.Clock)
	d.DB.Watch(m.Watch("accounts", "id"))
	return m
}

// Copies is where accounts are kept in memory, to be connected with other processes.
func (s *Service) Copies() memo.Table { return s.copies }

// Recall is ByIDs for showing accounts to people: from memory, where nobody has written them since. What it gives is shared and
// must not be changed. Inside of a transaction it reads.
func (s *Service) Recall(ctx context.Context, q db.Q, list []ID) (map[ID]*Account, error) {
	if q != db.Q(s.DB) {
		return s.ByIDs(ctx, q, list)
	}
	return s.copies.Read(list, func(missing []ID) (map[ID]*Account, error) { return s.ByIDs(ctx, q, missing) })
}
