package statuses

import (
	"context"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// outboxPause is how long after an outbox was read it is not read again, whatever asks for it.
	outboxPause = time.Hour
	// aliveFor is how long after its last sign of life a process counts as there: six heartbeats.
	aliveFor = 30 * time.Second
)

// ClaimOutbox reports whether an outbox may be read now, and says that it is.
func (s *Service) ClaimOutbox(ctx context.Context, tx *db.Tx, id accounts.ID) (bool, error) {
	now := s.Clock.Now()
	n, err := tx.Exec(ctx, `INSERT INTO outbox_reads (account_id, read_at) VALUES ($1, $2)
ON CONFLICT (account_id) DO UPDATE SET read_at = excluded.read_at WHERE outbox_reads.read_at <= $3`, id, db.Ms(now), db.Ms(now.Add(-outboxPause)))
	return n == 1, err
}

// Known tells which of some ids of posts and boosts are here, or were and are deleted.
func (s *Service) Known(ctx context.Context, q db.Q, uris []string) (map[string]bool, error) {
	list, err := db.Column[string](ctx, q, "SELECT uri FROM statuses WHERE uri = ANY($1) UNION SELECT uri FROM tombstones WHERE uri = ANY($1)", db.Texts(uris))
	out := make(map[string]bool, len(list))
	for _, uri := range list {
		out[uri] = true
	}
	return out, err
}

// Present notes that this server answers others, if a process that does so is alive, and gives when it was last noted; the zero
// time for never. What is not noted for long is a time in which others could not reach us.
func (s *Service) Present(ctx context.Context, tx *db.Tx) (last time.Time, err error) {
	now := s.Clock.Now()
	alive, err := db.Exists(ctx, tx, "SELECT 1 FROM processes WHERE seen_at >= $1 AND (roles LIKE '%web%' OR roles = 'all')", db.Ms(now.Add(-aliveFor)))
	if err != nil || !alive {
		return time.Time{}, err
	}
	seen, err := db.Value[int64](ctx, tx, "SELECT seen_at FROM presence WHERE id = 1")
	if err != nil && !errs.IsNotFound(err) {
		return time.Time{}, err
	}
	_, err = tx.Exec(ctx, "INSERT INTO presence (id, seen_at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at", db.Ms(now))
	return db.At(seen), err
}
