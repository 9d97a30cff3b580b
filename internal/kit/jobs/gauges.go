package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/gomph/gomph/internal/kit/metric"
)

const (
	// observeEvery is how often a process counts what waits, for the metrics and for warnings.
	observeEvery = 15 * time.Second
	// observeAtMost bounds the rows counted a queue, so that looking costs little however much waits.
	observeAtMost = 100_000
)

// gauges are the figures of this process, as Prometheus sees them.
type gauges struct {
	seconds, waits                                       *metric.Histogram
	runs, failures, statements, abandonments, overBudget *metric.Counter
	waiting, oldest, dead, running, slots                *metric.Gauge
	abandoned, missed, pressure                          *metric.Gauge
}

func newGauges(m *metric.Registry) *gauges {
	return &gauges{
		seconds:      m.Histogram("job_seconds", "How long jobs ran, by reaction.", "job"),
		waits:        m.Histogram("job_wait_seconds", "How long jobs were due before they started, by queue.", "queue"),
		runs:         m.Counter("job_runs_total", "Runs of jobs by queue and outcome: succeeded, failed, later (postponed, not failed), dead.", "queue", "outcome"),
		failures:     m.Counter("job_failures_total", "Attempts of jobs that failed, by reaction.", "job"),
		statements:   m.Counter("job_statements_total", "SQL statements that jobs made, by reaction.", "job"),
		abandonments: m.Counter("job_abandoned_total", "Runs that went on after their deadline and lost their slot, by reaction.", "job"),
		overBudget:   m.Counter("job_over_budget_total", "Runs that made more statements than the reaction's budget, by reaction.", "job"),
		waiting:      m.Gauge("jobs_waiting", "Jobs of all processes that are due and wait, by queue; 100000 stands for more.", "queue"),
		oldest:       m.Gauge("jobs_oldest_seconds", "How long the job has been due that waits longest, by queue.", "queue"),
		dead:         m.Gauge("jobs_dead", "Jobs of all processes that are dead and kept, by queue.", "queue"),
		running:      m.Gauge("jobs_running", "Jobs that run in this process, by queue.", "queue"),
		slots:        m.Gauge("jobs_slots", "How many jobs may run at once in this process."),
		abandoned:    m.Gauge("jobs_abandoned", "Jobs that ignore the end of their time and run on without a slot in this process."),
		pressure:     m.Gauge("jobs_pressure", "What is shed: 0 nothing, 1 pull waits, 2 activities of those whom nobody here follows are refused for now."),
		missed:       m.Gauge("jobs_recurring_missed", "1 for recurring work that has not succeeded for two periods, by name.", "name"),
	}
}

func (g *gauges) done(d Done, result outcome) {
	g.seconds.Observe(d.Took.Seconds(), d.Name)
	g.statements.Add(float64(d.Statements), d.Name)
	g.waits.Observe(d.Waited.Seconds(), string(d.Queue))
	g.runs.Inc(string(d.Queue), string(result))
	if result == failed || result == deadEnd {
		g.failures.Inc(d.Name)
	}
}

// Observe keeps the figures about all processes up to date, and warns of recurring work that does not come, until ctx ends.
func (j *Jobs) Observe(ctx context.Context, log *slog.Logger) error {
	t := time.NewTicker(observeEvery)
	defer t.Stop()
	warned := map[string]bool{}
	for {
		if err := j.observe(ctx, log, warned); err != nil && ctx.Err() == nil {
			log.Error("observing jobs", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (j *Jobs) observe(ctx context.Context, log *slog.Logger, warned map[string]bool) error {
	now := j.Clock.Now()
	for _, q := range Queues {
		d, err := j.depth(ctx, q, now, observeAtMost)
		if err != nil {
			return err
		}
		j.gauges.waiting.Set(float64(d.Waiting+d.Held), string(q))
		j.gauges.dead.Set(float64(d.Dead), string(q))
		j.gauges.oldest.Set(d.Oldest.Seconds(), string(q))
	}
	entries, err := j.Entries(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		missed := 0.0
		if e.Missed {
			missed = 1
		}
		if e.Missed && !warned[e.Name] {
			log.Warn("recurring work has not succeeded for two periods", "name", e.Name, "every", e.Every, "last", e.LastRun, "outcome", e.Outcome)
		}
		warned[e.Name] = e.Missed
		j.gauges.missed.Set(missed, e.Name)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, w := range j.workers {
		w.show()
	}
	return nil
}

// show puts what this worker does into the metrics.
func (w *worker) show() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gauges.slots.Set(float64(w.slots))
	w.gauges.abandoned.Set(float64(w.abandoned))
	for _, s := range w.shares {
		w.gauges.running.Set(float64(w.running[s.Queue]), string(s.Queue))
	}
}
