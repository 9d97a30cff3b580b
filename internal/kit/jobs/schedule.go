package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// missedGrace is how long after two periods recurring work counts as missed: what runs each minute may be a little late.
const missedGrace = time.Minute

// Recurring is work that comes again and again.
type Recurring struct {
	// Name is stored and never changes its meaning.
	Name  string
	Every time.Duration
	Event Event
}

// Recurs registers the schedule. Every process must know it: one emits, another may do the work and notes how it ended. It
// panics on an event that not exactly one reaction follows from.
func (j *Jobs) Recurs(list []Recurring) {
	for _, r := range list {
		var names []string
		for name, reaction := range j.names {
			if reaction.kind == r.Event.Kind() {
				names = append(names, name)
			}
		}
		if len(names) != 1 || j.entries[names[0]] != "" {
			panic("jobs: recurring work " + r.Name + " needs exactly one reaction of its own")
		}
		j.entries[names[0]] = r.Name
		j.recurs = append(j.recurs, r)
	}
}

// Entry is a piece of recurring work as an admin sees it.
type Entry struct {
	Name  string
	Every time.Duration
	// LastRun is when it was emitted last, by whom (Owner) and under which token of the lease.
	LastRun, NextRun time.Time
	Owner            string
	Token            int64
	// Ended, Took and Outcome are of the last run that ended; Outcome is "ok" or its error.
	Ended   time.Time
	Took    time.Duration
	Outcome string
	// Skipped counts the times that it was due while its last run had not ended.
	Skipped int64
	// Missed says that no run has succeeded for two periods.
	Missed bool
}

// Entries lists the recurring work that this program knows. What was never entered, because no scheduler ran yet, is left out.
func (j *Jobs) Entries(ctx context.Context) ([]Entry, error) {
	known := map[string]time.Duration{}
	for _, r := range j.recurs {
		known[r.Name] = r.Every
	}
	now := j.Clock.Now()
	list, err := db.All(ctx, j.DB, func(r db.Row) (e Entry, err error) {
		var last, next, ended, took, ok, entered int64
		err = r.Scan(&e.Name, &last, &next, &e.Owner, &e.Token, &ended, &took, &e.Outcome, &e.Skipped, &ok, &entered)
		e.Every, e.LastRun, e.NextRun, e.Ended, e.Took = known[e.Name], db.At(last), db.At(next), db.At(ended), time.Duration(took)*time.Millisecond
		e.Missed = now.Sub(db.At(max(ok, entered))) > 2*e.Every+missedGrace
		return e, err
	}, "SELECT name, last_run_at, next_run_at, owner, token, ended_at, took, outcome, skipped, ok_at, entered_at FROM scheduled_runs ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("reading the schedule: %w", err)
	}
	out := list[:0]
	for _, e := range list {
		if _, ok := known[e.Name]; ok {
			out = append(out, e)
		}
	}
	return out, nil
}

// noteRun writes how a run of recurring work ended.
func (w *worker) noteRun(ctx context.Context, tx *db.Tx, e ended, now time.Time) error {
	name := w.entries[e.name]
	if name == "" {
		return nil
	}
	outcome, ok := "ok", int64(0)
	if e.err != nil {
		outcome = clip(e.err.Error())
	} else {
		ok = db.Ms(now)
	}
	_, err := tx.Exec(ctx, `UPDATE scheduled_runs SET ended_at = $1, took = $2, outcome = $3, ok_at = CASE WHEN CAST($4 AS BIGINT) > 0 THEN CAST($4 AS BIGINT) ELSE ok_at END
WHERE name = $5 AND job_id = $6`, db.Ms(now), e.took.Milliseconds(), outcome, ok, name, e.id)
	return err
}

// enterSchedule gives every entry its row, and the lease its own.
func (j *Jobs) enterSchedule(ctx context.Context) error {
	return j.DB.Write(ctx, func(tx *db.Tx) error {
		now := j.Clock.Now()
		if _, err := tx.Exec(ctx, "INSERT INTO leases (name, process_id, token, expires_at) VALUES ($1, 0, 0, 0) ON CONFLICT (name) DO NOTHING", leaseName); err != nil {
			return err
		}
		for _, r := range j.recurs {
			if _, err := tx.Exec(ctx, `INSERT INTO scheduled_runs (name, last_run_at, next_run_at, every, entered_at) VALUES ($1, 0, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET every = excluded.every, entered_at = CASE WHEN scheduled_runs.entered_at > 0 THEN scheduled_runs.entered_at ELSE excluded.entered_at END`,
				r.Name, db.Ms(now.Add(min(r.Every, time.Minute))), r.Every.Milliseconds(), db.Ms(now)); err != nil {
				return err
			}
		}
		return nil
	})
}
