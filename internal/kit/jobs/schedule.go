package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// scheduleTick is how often the scheduler looks whether something is due.
const scheduleTick = time.Second

// Recurring is work that comes again and again.
type Recurring struct {
	// Name is stored and never changes its meaning.
	Name  string
	Every time.Duration
	Event Event
}

// Schedule emits what is due until ctx ends. Any number of processes may run it: the row of each entry is moved on in the
// transaction that emits, so that every run happens once. Runs missed while no scheduler ran are made up by a single one.
func (j *Jobs) Schedule(ctx context.Context, list []Recurring, log *slog.Logger) error {
	if err := j.enterSchedule(ctx, list); err != nil {
		return fmt.Errorf("entering the schedule: %w", err)
	}
	t := time.NewTicker(scheduleTick)
	defer t.Stop()
	for {
		if err := j.emitDue(ctx, list); err != nil && ctx.Err() == nil {
			log.Error("scheduling", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (j *Jobs) enterSchedule(ctx context.Context, list []Recurring) error {
	return j.DB.Write(ctx, func(tx *db.Tx) error {
		now := j.Clock.Now()
		for _, r := range list {
			if _, err := tx.Exec(ctx, "INSERT INTO scheduled_runs (name, last_run_at, next_run_at) VALUES ($1, 0, $2) ON CONFLICT (name) DO NOTHING",
				r.Name, db.Ms(now.Add(min(r.Every, time.Minute)))); err != nil {
				return err
			}
		}
		return nil
	})
}

func (j *Jobs) emitDue(ctx context.Context, list []Recurring) error {
	now := j.Clock.Now()
	due, err := db.Column[string](ctx, j.DB, "SELECT name FROM scheduled_runs WHERE next_run_at <= $1", db.Ms(now))
	if err != nil {
		return err
	}
	for _, name := range due {
		for _, r := range list {
			if r.Name != name {
				continue
			}
			err := j.DB.Write(ctx, func(tx *db.Tx) error {
				n, err := tx.Exec(ctx, "UPDATE scheduled_runs SET last_run_at = $1, next_run_at = $2 WHERE name = $3 AND next_run_at <= $1",
					db.Ms(now), db.Ms(now.Add(r.Every)), name)
				if err != nil || n == 0 {
					return err
				}
				return j.Emit(ctx, tx, r.Event)
			})
			if err != nil {
				return fmt.Errorf("emitting %s: %w", name, err)
			}
		}
	}
	return nil
}
