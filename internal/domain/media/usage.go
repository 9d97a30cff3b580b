package media

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Usage is what an S3 server was asked in requests of a class (write, read or delete, as S3 is billed): how many, and the bytes of bodies that
// came from there (In) and went there (Out).
type Usage struct {
	Class             string
	Requests, In, Out int64
}

// dayOf is a day as it is kept: days since 1970, in UTC.
func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

// AddUsage adds to the sums of today.
func (s *Service) AddUsage(ctx context.Context, list []Usage) error {
	// All processes go through the classes in the same order, so that none waits for another in a circle.
	list = slices.SortedFunc(slices.Values(list), func(a, b Usage) int { return strings.Compare(a.Class, b.Class) })
	today := dayOf(s.Clock.Now())
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, u := range list {
			if err := tx.Do(ctx, "counting requests to S3", `INSERT INTO s3_usage (day, class, requests, bytes_in, bytes_out) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (day, class) DO UPDATE SET requests = s3_usage.requests + excluded.requests, bytes_in = s3_usage.bytes_in + excluded.bytes_in, bytes_out = s3_usage.bytes_out + excluded.bytes_out`,
				today, u.Class, u.Requests, u.In, u.Out); err != nil {
				return err
			}
		}
		return nil
	})
}

// Usage gives the sums of the days from since on, by class; first is the beginning of the first of these days that has any, zero when none has.
func (s *Service) Usage(ctx context.Context, q db.Q, since time.Time) (sums map[string]Usage, first time.Time, err error) {
	sums = map[string]Usage{}
	list, err := db.All(ctx, q, func(r db.Row) (u Usage, err error) {
		return u, r.Scan(&u.Class, &u.Requests, &u.In, &u.Out)
	}, "SELECT class, CAST(SUM(requests) AS BIGINT), CAST(SUM(bytes_in) AS BIGINT), CAST(SUM(bytes_out) AS BIGINT) FROM s3_usage WHERE day >= $1 GROUP BY class", dayOf(since))
	if err != nil {
		return nil, first, fmt.Errorf("reading what S3 was asked: %w", err)
	}
	for _, u := range list {
		sums[u.Class] = u
	}
	day, err := db.Value[int64](ctx, q, "SELECT day FROM s3_usage WHERE day >= $1 ORDER BY day LIMIT 1", dayOf(since))
	if errs.IsNotFound(err) {
		return sums, first, nil
	}
	if err != nil {
		return nil, first, fmt.Errorf("reading what S3 was asked: %w", err)
	}
	return sums, time.Unix(day*24*60*60, 0).UTC(), nil
}
