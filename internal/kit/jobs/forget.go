package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// keepDead and keepDeadAtMost bound the dead jobs that are kept with their errors, the latter for each queue.
	keepDead       = 30 * 24 * time.Hour
	keepDeadAtMost = 20_000
	// keepMinutes bounds the counts by the minute.
	keepMinutes = 25 * time.Hour
)

// ForgetDue asks for the traces of jobs to be forgotten that nobody needs any more.
type ForgetDue struct{}

// Kind names the event.
func (ForgetDue) Kind() string { return "jobs.forget_due" }

// Forget removes dead jobs that are too old or too many, old counts, and what was set for processes that are gone.
func (j *Jobs) Forget(ctx context.Context, _ ForgetDue) error {
	now := j.Clock.Now()
	for _, q := range Queues {
		// The newest so many are kept: what died before the first of those goes.
		limit, err := db.Value[int64](ctx, j.DB, `SELECT COALESCE(MAX(run_at), 0) FROM (
  SELECT run_at FROM jobs WHERE state = 2 AND queue = $1 ORDER BY run_at DESC, id DESC LIMIT 1 OFFSET $2) newest`, string(q), keepDeadAtMost)
		if err != nil {
			return fmt.Errorf("looking for dead jobs: %w", err)
		}
		if err := j.forgetDead(ctx, q, max(limit, db.Ms(now.Add(-keepDead)))); err != nil {
			return err
		}
	}
	return j.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM worker_settings WHERE changed_at < $1 AND scope <> '' AND scope NOT IN (SELECT CAST(id AS TEXT) FROM processes UNION SELECT host FROM processes)",
			db.Ms(now.Add(-keepDead))); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM job_minutes WHERE minute < $1", now.Add(-keepMinutes).Unix()/60)
		return err
	})
}

// forgetDead removes dead jobs of a queue up to a time, some at once.
func (j *Jobs) forgetDead(ctx context.Context, q Queue, until int64) error {
	for {
		var n int64
		err := j.DB.Write(ctx, func(tx *db.Tx) (err error) {
			n, err = tx.Exec(ctx, "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state = 2 AND queue = $1 AND run_at <= $2 ORDER BY run_at, id LIMIT $3)",
				string(q), until, changeAtOnce)
			return err
		})
		if err != nil || n < changeAtOnce {
			return err
		}
	}
}
