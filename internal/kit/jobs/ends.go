package jobs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// ended is the outcome of a job that still has to be written.
type ended struct {
	claimed
	err  error
	took time.Duration
	// gone says that the row is not this worker's any more: the handler removed it, or another process took it over.
	gone bool
}

// settleWait is how long the end of a job may wait to be written with others: not at all when others wait for its slot or for
// its key, or when it failed.
func (w *worker) settleWait() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.behind || w.short || len(w.done) >= claimAtOnce {
		return 0
	}
	for _, e := range w.done {
		if e.err != nil || w.names[e.name].unique != nil || w.held[e.key()] {
			return 0
		}
	}
	return settleEvery
}

// forget is for ends that are written.
func (w *worker) forget(ends []ended) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range ends {
		delete(w.mine, e.id)
	}
}

func (w *worker) takeDone() []ended {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.done
	w.done = nil
	return d
}

func (w *worker) putDone(d []ended) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(d, w.done...)
}

// settle writes the ends of jobs when there is nothing to claim.
func (w *worker) settle(ctx context.Context) error {
	ends := w.takeDone()
	if len(ends) == 0 {
		return nil
	}
	err := w.DB.Write(ctx, func(tx *db.Tx) error { return w.writeEnds(ctx, tx, ends) })
	if err != nil {
		w.putDone(ends)
		return fmt.Errorf("writing the ends of jobs: %w", err)
	}
	w.forget(ends)
	return nil
}

func (w *worker) writeEnds(ctx context.Context, tx *db.Tx, ends []ended) error {
	var good []int64
	var bad [][]any
	now := w.Clock.Now()
	for _, e := range ends {
		if err := w.noteRun(ctx, tx, e, now); err != nil {
			return err
		}
		switch {
		case e.gone:
		case e.err == nil:
			good = append(good, e.id)
		default:
			state, due, attempt, key := w.verdict(e, now)
			bad = append(bad, []any{state, due.UnixMilli(), attempt, clip(e.err.Error()), key, e.id, w.Process.ID, e.attempt})
		}
	}
	if len(good) > 0 {
		if _, err := tx.Exec(ctx, "DELETE FROM jobs WHERE id = ANY($1) AND worker = $2 AND state = 1", db.Array(good), w.Process.ID); err != nil {
			return err
		}
	}
	_, err := tx.ExecMany(ctx, `UPDATE jobs SET state = $1, run_at = $2, attempt = $3, last_error = $4, worker = 0,
  unique_key = CASE WHEN $5 THEN '' ELSE unique_key END
WHERE id = $6 AND worker = $7 AND attempt = $8 AND state = 1`, bad)
	return err
}

// outcome is what an end means for the job.
type outcome string

const (
	succeeded outcome = "succeeded"
	// postponed asked for another run without having failed.
	postponed outcome = "later"
	failed    outcome = "failed"
	// dead jobs are not tried again.
	deadEnd outcome = "dead"
)

func (j *Jobs) outcome(name string, attempt int64, err error) outcome {
	var d dead
	var l later
	switch {
	case err == nil || errors.Is(err, ErrFenced):
		return succeeded
	case errors.As(err, &l):
		return postponed
	case errors.As(err, &d), int(attempt) >= j.names[name].policy.Attempts:
		return deadEnd
	}
	return failed
}

// verdict decides what becomes of a job that failed: another attempt, or dead (and then no longer in the way of its key).
func (w *worker) verdict(e ended, now time.Time) (state int64, due time.Time, attempt int64, dropKey bool) {
	switch w.outcome(e.name, e.attempt, e.err) {
	case postponed:
		var l later
		errors.As(e.err, &l)
		return waits, now.Add(l.wait), e.attempt - 1, false
	case deadEnd:
		w.Log.Warn("job is dead", "job", e.name, "id", e.id, "attempts", e.attempt, "error", clip(e.err.Error()))
		return died, now, e.attempt, true
	}
	return waits, now.Add(w.names[e.name].policy.Backoff(int(e.attempt))), e.attempt, false
}

// clip makes an error fit to be stored: not too long, and text.
func clip(s string) string {
	if len(s) > maxError {
		s = s[:maxError]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
}

// Backoff is the wait after a failed attempt: attempt⁴ seconds, and jitter so that what failed together is not tried
// together again (the curve that Mastodon's admins know from Sidekiq).
func Backoff(attempt int) time.Duration {
	a := min(attempt, 16)
	base := time.Duration(a*a*a*a+5) * time.Second
	return base + rand.N(base/4+10*time.Second)
}
