package jobs

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// releaseStep lies between two jobs of a lane that is released: fifty a second, so that who was away is not run over.
	releaseStep = 20
	// releaseSpan bounds the whole, in milliseconds, however many jobs wait.
	releaseSpan = 300_000
)

// ReleaseLane makes the waiting jobs of a lane due, in the order in which they were written: the first at once, the others
// shortly after each other. It tells how many it moved. Jobs that are due before their turn stay as they are.
func (j *Jobs) ReleaseLane(ctx context.Context, tx *db.Tx, lane string) (int64, error) {
	if lane == "" {
		return 0, nil
	}
	n, err := tx.Exec(ctx, `UPDATE jobs SET run_at = w.due FROM (
  SELECT id, CAST($1 AS BIGINT) + CASE WHEN COUNT(*) OVER () * $2 <= $3 THEN (ROW_NUMBER() OVER (ORDER BY id) - 1) * $2
    ELSE (ROW_NUMBER() OVER (ORDER BY id) - 1) * $3 / COUNT(*) OVER () END AS due
  FROM jobs WHERE lane = $4 AND lane <> '' AND state <> 2 AND state = 0) w
WHERE jobs.id = w.id AND jobs.state = 0 AND jobs.run_at > w.due`, j.Clock.Now().UnixMilli(), int64(releaseStep), int64(releaseSpan), lane)
	if err != nil {
		return 0, fmt.Errorf("releasing the jobs of %s: %w", lane, err)
	}
	if n > 0 {
		tx.AfterCommit(func() { j.wake(Queues) })
	}
	return n, nil
}
