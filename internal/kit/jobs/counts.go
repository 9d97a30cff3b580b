package jobs

import (
	"context"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// sampleEvery is how often a worker looks how many connections its process uses.
	sampleEvery = 200 * time.Millisecond
	// waitRanges is how many ranges waits are counted in: below 1 ms, 2 ms, 4 ms and so on, up to some six hours.
	waitRanges = 26
)

// whole stands for a process as a whole where a queue is asked for.
const whole Queue = ""

// tally is what happened in one minute in one queue, in this process.
type tally struct {
	emitted, succeeded, failed, later, died, abandoned int64
	// busy is the time that jobs ran, together.
	busy       time.Duration
	statements int64
	// connected is how long connections were in use, together, in the process as a whole.
	connected time.Duration
	waits     [waitRanges]int64
}

// counts are the minutes that are not yet written, or not for the last time.
type counts struct {
	mu      sync.Mutex
	minutes map[int64]map[Queue]*tally
	// dirty says that there is something new to write.
	dirty   bool
	sampled time.Time
}

// at finds the tally of a minute; mu is held.
func (c *counts) at(now time.Time, q Queue) *tally {
	minute := now.Unix() / 60
	if c.minutes == nil {
		c.minutes = map[int64]map[Queue]*tally{}
	}
	if c.minutes[minute] == nil {
		c.minutes[minute] = map[Queue]*tally{}
	}
	if c.minutes[minute][q] == nil {
		c.minutes[minute][q] = &tally{}
	}
	return c.minutes[minute][q]
}

func (c *counts) emitted(now time.Time, by map[Queue]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for q, n := range by {
		c.at(now, q).emitted += int64(n)
		c.dirty = true
	}
}

// sample looks how many connections are in use, now and then, and takes it that so many were since the last look.
func (c *counts) sample(now time.Time, busy int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := time.Since(c.sampled)
	if since < sampleEvery {
		return
	}
	c.sampled = time.Now()
	c.at(now, whole).connected += time.Duration(busy) * min(since, 10*sampleEvery)
}

// count notes the end of a run, for the table and for the metrics.
func (w *worker) count(d Done, attempt int64) {
	result := w.outcome(d.Name, attempt, d.Err)
	w.gauges.done(d, result)
	if budget := w.Jobs.names[d.Name].policy.Statements; budget > 0 && d.Statements > budget {
		w.gauges.overBudget.Inc(d.Name)
		w.Log.Warn("a job made more statements than its budget", "job", d.Name, "statements", d.Statements, "budget", budget)
	}
	w.counts.mu.Lock()
	defer w.counts.mu.Unlock()
	w.counts.dirty = true
	t := w.counts.at(w.Clock.Now(), d.Queue)
	switch result {
	case succeeded:
		t.succeeded++
	case failed:
		t.failed++
	case postponed:
		t.later++
	case deadEnd:
		t.died++
	}
	if d.Err == errDeaf { //nolint:errorlint // ours, never wrapped
		t.abandoned++
	}
	t.busy += d.Took
	t.statements += int64(d.Statements)
	t.waits[waitRange(d.Waited)]++
}

// waitRange is the range that a wait falls into.
func waitRange(d time.Duration) int {
	ms := d.Milliseconds()
	for i := range waitRanges - 1 {
		if ms < 1<<i {
			return i
		}
	}
	return waitRanges - 1
}

// quantile estimates the wait that a part of the jobs did not exceed, between the ends of its range.
func quantile(waits [waitRanges]int64, part float64) time.Duration {
	total := int64(0)
	for _, n := range waits {
		total += n
	}
	if total == 0 {
		return 0
	}
	want, below := math.Max(part*float64(total), 1), int64(0)
	for i, n := range waits {
		if float64(below+n) >= want {
			lo, hi := 0.0, float64(int64(1)<<i)
			if i > 0 {
				lo = hi / 2
			}
			return time.Duration((lo + (hi-lo)*(want-float64(below))/float64(n)) * float64(time.Millisecond))
		}
		below += n
	}
	return 0
}

func writeWaits(waits [waitRanges]int64) string {
	last := 0
	for i, n := range waits {
		if n > 0 {
			last = i
		}
	}
	words := make([]string, last+1)
	for i := range words {
		words[i] = strconv.FormatInt(waits[i], 10)
	}
	return strings.Join(words, ",")
}

// addWaits adds what writeWaits wrote.
func addWaits(to *[waitRanges]int64, text string) {
	for i, word := range strings.Split(text, ",") {
		if n, err := strconv.ParseInt(word, 10, 64); err == nil && i < waitRanges {
			to[i] += n
		}
	}
}

// writeCount puts down what a process counted in a minute. It counts on, so the row is written again as long as it changes.
const writeCount = `INSERT INTO job_minutes (minute, queue, process, emitted, succeeded, failed, later, died, abandoned, busy, statements, connections, waits)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (minute, queue, process) DO UPDATE SET emitted = excluded.emitted,
  succeeded = excluded.succeeded, failed = excluded.failed, later = excluded.later, died = excluded.died, abandoned = excluded.abandoned, busy = excluded.busy,
  statements = excluded.statements, connections = excluded.connections, waits = excluded.waits`

// WriteCounts writes what this process counted since the last time. Give it to Process.OnBeat.
func (j *Jobs) WriteCounts(ctx context.Context, tx *db.Tx, p *Process) error {
	j.counts.mu.Lock()
	if !j.counts.dirty {
		j.counts.mu.Unlock()
		return nil
	}
	j.counts.dirty = false
	now := j.Clock.Now().Unix() / 60
	var rows [][]any
	var old []int64
	for minute, queues := range j.counts.minutes {
		if minute < now {
			old = append(old, minute)
		}
		for q, t := range queues {
			rows = append(rows, []any{
				minute, string(q), p.ID, t.emitted, t.succeeded, t.failed, t.later, t.died, t.abandoned, t.busy.Milliseconds(), t.statements, t.connected.Milliseconds(), writeWaits(t.waits),
			})
		}
	}
	j.counts.mu.Unlock()
	tx.OnRollback(func() {
		j.counts.mu.Lock()
		defer j.counts.mu.Unlock()
		j.counts.dirty = true
	})
	tx.AfterCommit(func() {
		j.counts.mu.Lock()
		defer j.counts.mu.Unlock()
		for _, minute := range old {
			delete(j.counts.minutes, minute)
		}
	})
	_, err := tx.ExecMany(ctx, writeCount, rows)
	return err
}
