package media

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// Announce is how long before a change of host both hosts must be allowed, and after it: what browsers keep of pages lives up to a week (F16).
	Announce = 7 * 24 * time.Hour
	// gap is how long an origin may be unseen before it counts as taken back; it is seen once a day.
	gap = 3 * 24 * time.Hour
)

// Origin is scheme and host of addresses from which pages may show files.
type Origin struct {
	Origin string
	// AllowedFrom is since when it has been allowed without a break, AllowedAt when it was last seen to be.
	AllowedFrom, AllowedAt time.Time
	// UsedFrom and UsedAt are since when, and when last, addresses of files began with it; zero for never.
	UsedFrom, UsedAt time.Time
}

// SeeOrigins keeps which origins are allowed now, and with which one addresses begin. It is safe to repeat.
func (s *Service) SeeOrigins(ctx context.Context, used string, allowed []string) error {
	now := db.Ms(s.Clock.Now())
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, origin := range append([]string{used}, allowed...) {
			at := int64(0)
			if origin == used {
				at = now
			}
			if _, err := tx.Exec(ctx, `INSERT INTO media_origins (origin, allowed_from, allowed_at, used_from, used_at) VALUES ($1, $2, $2, $3, $3)
ON CONFLICT (origin) DO UPDATE SET
  allowed_from = CASE WHEN media_origins.allowed_at < $4 THEN excluded.allowed_from ELSE media_origins.allowed_from END,
  allowed_at = excluded.allowed_at,
  used_from = CASE WHEN excluded.used_at <> 0 AND media_origins.used_at < $4 THEN excluded.used_from ELSE media_origins.used_from END,
  used_at = CASE WHEN excluded.used_at <> 0 THEN excluded.used_at ELSE media_origins.used_at END`,
				origin, now, at, now-gap.Milliseconds()); err != nil {
				return fmt.Errorf("keeping where files are shown from: %w", err)
			}
		}
		return nil
	})
}

// Origins are all that were ever seen, those used last first.
func Origins(ctx context.Context, q db.Q) ([]Origin, error) {
	list, err := db.All(ctx, q, func(r db.Row) (o Origin, err error) {
		var from, at, usedFrom, usedAt int64
		err = r.Scan(&o.Origin, &from, &at, &usedFrom, &usedAt)
		o.AllowedFrom, o.AllowedAt, o.UsedFrom, o.UsedAt = db.At(from), db.At(at), db.At(usedFrom), db.At(usedAt)
		return o, err
	}, "SELECT origin, allowed_from, allowed_at, used_from, used_at FROM media_origins /* reads all, seldom: a handful of rows */ ORDER BY used_at DESC, origin")
	if err != nil {
		return nil, fmt.Errorf("reading where files are shown from: %w", err)
	}
	return list, nil
}
