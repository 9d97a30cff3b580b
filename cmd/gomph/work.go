package main

import (
	"strconv"
	"time"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/kit/jobs"
)

type jobsCmd struct {
	Recurring jobsRecurringCmd `cmd:"" help:"Show what comes again and again: last run, duration, outcome, next run, owner."`
}

type jobsRecurringCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// entryView is what --json prints of recurring work.
type entryView struct {
	Name    string     `json:"name"`
	Every   float64    `json:"every_seconds"`
	LastRun *time.Time `json:"last_run_at"`
	Took    float64    `json:"took_seconds"`
	Outcome string     `json:"outcome"`
	NextRun *time.Time `json:"next_run_at"`
	Owner   string     `json:"owner"`
	Token   int64      `json:"token"`
	Skipped int64      `json:"skipped"`
	Missed  bool       `json:"missed"`
}

// Run shows the schedule.
func (c *jobsRecurringCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		list, err := a.Jobs.Entries(e.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			views := make([]entryView, 0, len(list))
			for _, v := range list {
				views = append(views, entryView{v.Name, v.Every.Seconds(), orNone(v.LastRun), v.Took.Seconds(), v.Outcome, orNone(v.NextRun), v.Owner, v.Token, v.Skipped, v.Missed})
			}
			return printJSON(e, views)
		}
		w := table(e.out)
		row(w, "NAME", "EVERY", "LAST RUN", "TOOK", "OUTCOME", "NEXT RUN", "OWNER", "SKIPPED", "")
		for _, v := range list {
			missed := ""
			if v.Missed {
				missed = "missed"
			}
			row(w, v.Name, v.Every, moment(v.LastRun), short(v.Took), firstWords(v.Outcome), moment(v.NextRun), v.Owner, v.Skipped, missed)
		}
		return w.Flush()
	})
}

func orNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339)
}

type processesCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// processView is what --json prints of a process.
type processView struct {
	ID        int64     `json:"id,string"`
	Host      string    `json:"host"`
	PID       int       `json:"pid"`
	Roles     string    `json:"roles"`
	Version   string    `json:"version"`
	Queues    string    `json:"queues"`
	Slots     int       `json:"slots"`
	Running   int       `json:"running"`
	Abandoned int       `json:"abandoned"`
	Pool      int       `json:"pool"`
	Started   time.Time `json:"started_at"`
	Seen      time.Time `json:"seen_at"`
}

// Run shows the processes that are alive.
func (c *processesCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		list, err := a.Jobs.Processes(e.ctx)
		if err != nil {
			return err
		}
		views := []processView{}
		for _, p := range list {
			if p.ID != a.Process.ID { // this command itself
				views = append(views, processView(p))
			}
		}
		if c.JSON {
			return printJSON(e, views)
		}
		w := table(e.out)
		row(w, "ID", "HOST", "PID", "ROLES", "VERSION", "SLOTS", "RUNNING", "ABANDONED", "CONNECTIONS", "QUEUES", "SINCE")
		for _, p := range views {
			row(w, p.ID, p.Host, p.PID, p.Roles, p.Version, p.Slots, p.Running, p.Abandoned, p.Pool, p.Queues, moment(p.Started))
		}
		return w.Flush()
	})
}

type capacityCmd struct {
	Over time.Duration `default:"15m" help:"The stretch of time to look at, up to a day."`
	JSON bool          `name:"json" help:"Print JSON."`
}

// Run tells what the work of late needs.
func (c *capacityCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		list, err := a.Jobs.Capacity(e.ctx, c.Over)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e, list)
		}
		return printCapacity(e, list)
	})
}

func printCapacity(e *env, list []jobs.Capacity) error {
	w := table(e.out)
	row(w, "QUEUE", "IN/S", "RUNS/S", "TAKES", "STATEMENTS", "A SLOT DOES/S", "SLOTS", "CONNECTIONS", "")
	slots, connections := 0, 0
	for _, c := range list {
		note := ""
		if c.Grows {
			note = "more comes in than is done"
		}
		slots, connections = slots+c.Slots, connections+c.Connections
		row(w, c.Queue, rate(c.Arrival), rate(c.Runs), short(seconds(c.Takes)), strconv.FormatFloat(c.Statements, 'f', 1, 64), rate(c.Service), c.Slots, c.Connections, note)
	}
	row(w, "together", "", "", "", "", "", slots, connections)
	return w.Flush()
}
