package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/kit/jobs"
)

const (
	// watchEvery is how often --watch looks.
	watchEvery = 2 * time.Second
	// clearScreen begins each look of --watch on a terminal.
	clearScreen = "\x1b[H\x1b[2J"
	// maxListed bounds a list of jobs.
	maxListed = 1000
)

type queuesCmd struct {
	Status  queuesStatusCmd  `cmd:"" default:"withargs" help:"Show what waits, runs and fails, queue by queue."`
	Pause   queuesPauseCmd   `cmd:"" help:"Keep all workers from taking jobs of a queue; those that run finish."`
	Resume  queuesResumeCmd  `cmd:"" help:"Let workers take jobs of a queue again."`
	Set     queuesSetCmd     `cmd:"" help:"Change slots and order of workers while they run; they follow within five seconds."`
	List    queuesListCmd    `cmd:"" help:"List jobs: those that wait, run, are held back, or are dead."`
	Show    queuesShowCmd    `cmd:"" help:"Show a job with its arguments and its last error."`
	Retry   queuesRetryCmd   `cmd:"" help:"Run dead or waiting jobs now, as if they had never failed."`
	Discard queuesDiscardCmd `cmd:"" help:"Remove jobs that do not run."`
}

type queuesStatusCmd struct {
	Hosts bool `help:"Also show the other servers with most work."`
	Watch bool `help:"Look again and again."`
	JSON  bool `name:"json" help:"Print JSON."`
}

// queuesView is what --json prints.
type queuesView struct {
	Queues  []jobs.QueueView `json:"queues"`
	Unknown []jobs.KindCount `json:"unknown"`
	Hosts   []jobs.LaneView  `json:"hosts,omitempty"`
}

// Run shows the queues.
func (c *queuesStatusCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		for {
			v := queuesView{Unknown: []jobs.KindCount{}}
			var err error
			if v.Queues, err = a.Jobs.Overview(e.ctx); err != nil {
				return err
			}
			unknown, err := a.Jobs.Unknown(e.ctx)
			if err != nil {
				return err
			}
			v.Unknown = append(v.Unknown, unknown...)
			if c.Hosts {
				if v.Hosts, err = a.Jobs.Lanes(e.ctx, 30); err != nil {
					return err
				}
			}
			if err := c.print(e, v); err != nil || !c.Watch {
				return err
			}
			select {
			case <-e.ctx.Done():
				return nil
			case <-time.After(watchEvery):
			}
		}
	})
}

func (c *queuesStatusCmd) print(e *env, v queuesView) error {
	if c.JSON {
		return printJSON(e, v)
	}
	if c.Watch {
		_, _ = fmt.Fprint(e.out, clearScreen)
	}
	w := table(e.out)
	row(w, "QUEUE", "WAITING", "HELD", "LATER", "RUNNING", "FAILING", "DEAD", "OLDEST", "WAIT P50", "P95", "IN/S", "OUT/S", "FAIL/S", "")
	for _, q := range v.Queues {
		paused := ""
		if q.Paused {
			paused = "paused"
		}
		row(w, q.Queue, q.Waiting, q.Held, q.Later, q.Running, q.Failing, q.Dead, short(q.Depth.Oldest), short(seconds(q.WaitP50)), short(seconds(q.WaitP95)),
			rate(q.Arrival), rate(q.Rate), rate(q.Failures), paused)
	}
	if len(v.Hosts) > 0 {
		row(w)
		row(w, "QUEUE", "HOST", "WAITING", "HELD", "RUNNING", "FAILING")
		for _, h := range v.Hosts {
			row(w, h.Queue, h.Lane, h.Waiting, h.Held, h.Running, h.Failing)
		}
	}
	if len(v.Unknown) > 0 {
		row(w)
		row(w, "UNKNOWN", "QUEUE", "JOBS", "(of a newer or older version; they wait for a process that knows them)")
		for _, k := range v.Unknown {
			row(w, k.Kind, k.Queue, k.Rows)
		}
	}
	return w.Flush()
}

// queueArg is a queue on the command line.
type queueArg struct {
	Queue string `arg:"" enum:"default,push,ingress,pull,mailers,scheduler" help:"default, push, ingress, pull, mailers or scheduler."`
}

type queuesPauseCmd struct{ queueArg }

// Run pauses a queue.
func (c *queuesPauseCmd) Run(e *env) error {
	return e.command(func(a *app.App) error { return a.Jobs.Pause(e.ctx, jobs.Queue(c.Queue)) })
}

type queuesResumeCmd struct{ queueArg }

// Run resumes a queue.
func (c *queuesResumeCmd) Run(e *env) error {
	return e.command(func(a *app.App) error { return a.Jobs.Resume(e.ctx, jobs.Queue(c.Queue)) })
}

type queuesSetCmd struct {
	Queues []string `sep:"none" placeholder:"QUEUES" help:"As of gomph worker."`
	Slots  int      `placeholder:"N" help:"How many jobs run at once."`
	On     string   `placeholder:"HOST|PROCESS" help:"Only workers of this host, or the process with this id (see gomph processes). Default: all."`
	Reset  bool     `help:"Back to what the workers were started with."`
}

// Run changes workers that run.
func (c *queuesSetCmd) Run(e *env) error {
	s := jobs.Setting{Scope: c.On, Queues: strings.Join(c.Queues, " "), Slots: c.Slots}
	if nothing := s.Queues == "" && s.Slots == 0; nothing != c.Reset {
		return errors.New("give --queues, --slots, or both; or --reset alone")
	}
	return e.command(func(a *app.App) error { return a.Jobs.Set(e.ctx, s) })
}

// jobsMeant are the flags that say which jobs are meant.
type jobsMeant struct {
	Kind  string `placeholder:"NAME" help:"Only of this reaction (docs/events.md)."`
	Error string `placeholder:"TEXT" help:"Only with this in their last error."`
	Queue string `placeholder:"QUEUE" help:"Only of this queue."`
	State string `placeholder:"STATE" help:"waiting, running, held (their host has all its slots) or dead."`
}

func (m jobsMeant) filter(list ...string) (jobs.Filter, error) {
	f := jobs.Filter{State: m.State, Queue: jobs.Queue(m.Queue), Kind: m.Kind, Error: m.Error}
	if m.Queue != "" && !slices.Contains(jobs.Queues, f.Queue) {
		return f, fmt.Errorf("there is no queue %q", m.Queue)
	}
	for _, word := range list {
		id, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return f, fmt.Errorf("%q is not the id of a job", word)
		}
		f.IDs = append(f.IDs, id)
	}
	return f, nil
}

type queuesListCmd struct {
	jobsMeant
	Limit int  `default:"50" help:"How many, the oldest first."`
	JSON  bool `name:"json" help:"Print JSON."`
}

// Run lists jobs.
func (c *queuesListCmd) Run(e *env) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	if f.Limit = c.Limit; f.Limit < 1 || f.Limit > maxListed {
		return fmt.Errorf("--limit must be from 1 to %d", maxListed)
	}
	return e.command(func(a *app.App) error {
		list, err := a.Jobs.Find(e.ctx, f)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e, append([]jobs.Job{}, list...))
		}
		w := table(e.out)
		row(w, "ID", "STATE", "QUEUE", "KIND", "HOST", "ATTEMPT", "DUE", "ERROR")
		for _, j := range list {
			row(w, j.ID, j.State, j.Queue, j.Kind, j.Lane, j.Attempt, j.Due.Format(time.RFC3339), firstWords(j.Error))
		}
		return w.Flush()
	})
}

type queuesShowCmd struct {
	ID int64 `arg:"" help:"The id of a job, from gomph queues list."`
}

// Run shows a job.
func (c *queuesShowCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		j, err := a.Jobs.Job(e.ctx, c.ID)
		if err != nil {
			return err
		}
		return printJSON(e, j)
	})
}

type queuesRetryCmd struct {
	jobsMeant
	IDs []string `arg:"" optional:"" help:"Ids of jobs. Without: those that the flags say."`
}

// Run retries jobs.
func (c *queuesRetryCmd) Run(e *env) error {
	f, err := c.filter(c.IDs...)
	if err != nil {
		return err
	}
	return e.command(func(a *app.App) error {
		n, err := a.Jobs.Retry(e.ctx, f)
		_, _ = fmt.Fprintln(e.out, n, "jobs run again")
		return err
	})
}

type queuesDiscardCmd struct {
	jobsMeant
	IDs []string `arg:"" optional:"" help:"Ids of jobs. Without: those that the flags say."`
}

// Run discards jobs.
func (c *queuesDiscardCmd) Run(e *env) error {
	f, err := c.filter(c.IDs...)
	if err != nil {
		return err
	}
	return e.command(func(a *app.App) error {
		n, err := a.Jobs.Discard(e.ctx, f)
		_, _ = fmt.Fprintln(e.out, n, "jobs removed")
		return err
	})
}

func table(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 2, 4, 2, ' ', 0) }

func row(w *tabwriter.Writer, cells ...any) {
	for i, c := range cells {
		if i > 0 {
			_, _ = fmt.Fprint(w, "\t")
		}
		_, _ = fmt.Fprint(w, c)
	}
	_, _ = fmt.Fprintln(w)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// short writes a duration as people read it.
func short(d time.Duration) string {
	switch {
	case d <= 0:
		return "-"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func rate(perSecond float64) string {
	if perSecond == 0 {
		return "-"
	}
	return strconv.FormatFloat(perSecond, 'f', 2, 64)
}

// firstWords is the first line of an error, as far as it fits.
func firstWords(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if runes := []rune(s); len(runes) > 100 {
		return string(runes[:100]) + "…"
	}
	return s
}
