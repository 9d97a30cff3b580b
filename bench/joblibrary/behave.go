package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// lib is River on one of the engines.
type lib interface {
	queue
	add(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) int64
	addMany(ctx context.Context, args river.JobArgs, opts *river.InsertOpts, n int) error
	row(ctx context.Context, id int64) *rivertype.JobRow
	pretendRunning(ctx context.Context, id int64)
}

func (r *riverQueue[T]) add(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) int64 {
	res, err := r.client.Insert(ctx, args, opts)
	must(err)
	return res.Job.ID
}

// pretendRunning makes a job look as if a worker had taken it an hour ago.
func (r *riverQueue[T]) pretendRunning(ctx context.Context, id int64) { must(r.old(ctx, id)) }

func openRiver(ctx context.Context, engine, dsn string, c *river.Config) lib {
	if engine == "sqlite" {
		return riverSQLite(ctx, dsn, c)
	}
	return riverPG(ctx, dsn, c)
}

func ignore(int64) {}

// soon retries at once.
type soon struct{}

func (soon) NextRetry(*rivertype.JobRow) time.Time { return time.Now() }

// stranger is of a kind that the worker does not know.
type stranger struct{}

func (stranger) Kind() string { return "stranger" }

// unknown: what becomes of a job of an unknown kind.
func unknown(ctx context.Context, e *env, _ int) error {
	fmt.Println("## a job of a kind that the worker does not know (3 attempts, retries at once)")
	fmt.Println("| engine | FetchOnlyKnownKinds | after | state | attempts used | errors |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, only := range []bool{false, true} {
			q := openRiver(ctx, engine, e.database(ctx, engine), &river.Config{MaxAttempts: 3, RetryPolicy: soon{}, SkipUnknownJobCheck: true, FetchOnlyKnownKinds: only})
			id := q.add(ctx, stranger{}, nil)
			stop, err := q.start(ctx, ignore, ignore)
			if err != nil {
				return err
			}
			began := time.Now()
			row := q.row(ctx, id)
			for row.State != rivertype.JobStateDiscarded && time.Since(began) < 8*time.Second {
				time.Sleep(20 * time.Millisecond)
				row = q.row(ctx, id)
			}
			fmt.Printf("| %s | %v | %.1f s | %s | %d of %d | %d |\n", engine, only, time.Since(began).Seconds(), row.State, row.Attempt, row.MaxAttempts, len(row.Errors))
			stop()
			q.close()
		}
	}
	return nil
}

// hang is a job that runs until it is let go, whatever its context says.
type hang struct{}

func (hang) Kind() string { return "hang" }

// run is one execution of hang.
type run struct {
	attempt int
	release chan error
}

type hangWorker struct {
	river.WorkerDefaults[hang]
	timeout time.Duration
	runs    chan run
}

func (w *hangWorker) Timeout(*river.Job[hang]) time.Duration { return w.timeout }

func (w *hangWorker) Work(_ context.Context, j *river.Job[hang]) error {
	r := run{j.Attempt, make(chan error, 1)}
	w.runs <- r
	return <-r.release
}

// hanging is a configuration with the most aggressive rescue; timeout is of the client, own of the job itself.
func hanging(timeout, own time.Duration, runs chan run) *river.Config {
	c := &river.Config{JobTimeout: timeout, RescueStuckJobsAfter: rescueAfter, RetryPolicy: soon{}, SkipUnknownJobCheck: true, Workers: river.NewWorkers()}
	river.AddWorker(c.Workers, &hangWorker{timeout: own, runs: runs})
	return c
}

const (
	// rescueAfter is the library's RescueStuckJobsAfter here. It must be at least JobTimeout, so it bounds the longest job.
	rescueAfter = 10 * time.Second
	// watch is how long a rescue is waited for.
	watch = 100 * time.Second
)

// timeouts by the name that a child is given.
var timeouts = map[string][2]time.Duration{
	"led":       {10 * time.Second, 0},
	"bounded":   {10 * time.Second, 0},
	"unbounded": {-1, 0},
	"patient":   {10 * time.Second, 10 * time.Minute},
}

// beKilled is the worker process: it says when the job has started, and waits for its end.
func beKilled(ctx context.Context, arg, dsn string) error {
	engine, kind, _ := strings.Cut(arg, ":")
	runs := make(chan run)
	q := openRiver(ctx, engine, dsn, hanging(timeouts[kind][0], timeouts[kind][1], runs))
	if _, err := q.start(ctx, ignore, ignore); err != nil {
		return err
	}
	<-runs
	if kind != "led" {
		time.Sleep(7 * time.Second) // certainly the leader by now
	}
	fmt.Println("started")
	select {}
}

// killed: kill -9 of a worker, and jobs that outlive their rescue. All cases run side by side.
func killed(ctx context.Context, e *env, _ int) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	lines := map[string]string{}
	var keys []string
	say := func(key string) func(format string, args ...any) {
		keys = append(keys, key)
		return func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			lines[key] = fmt.Sprintf(format, args...)
		}
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, kind := range []string{"bounded", "led", "unbounded", "patient"} {
			dsn, out := e.database(ctx, engine), say(engine+" | kill -9, "+kind)
			wg.Go(func() { killOne(ctx, engine, kind, dsn, out) })
		}
		for _, late := range []error{nil, errors.New("late")} {
			dsn, out := e.database(ctx, engine), say(fmt.Sprintf("%s | long job, first ends with %v", engine, late))
			wg.Go(func() { outlive(ctx, engine, dsn, late, out) })
		}
	}
	wg.Wait()
	fmt.Printf("## RescueStuckJobsAfter %s, retries at once; watched for %s\n", rescueAfter, watch)
	fmt.Println("(bounded: JobTimeout 10 s, the killed process led; led: the same, another process led; unbounded: JobTimeout -1; patient: JobTimeout 10 s, the worker's own Timeout 10 min)")
	fmt.Println("| engine | case | what happened |")
	fmt.Println("|---|---|---|")
	for _, k := range keys {
		fmt.Printf("| %s | %s |\n", k, lines[k])
	}
	return nil
}

func killOne(ctx context.Context, engine, kind, dsn string, say func(string, ...any)) {
	runs := make(chan run, 10)
	q := openRiver(ctx, engine, dsn, hanging(timeouts[kind][0], timeouts[kind][1], runs))
	defer q.close()
	id := q.add(ctx, hang{}, nil)
	if kind == "led" { // another process leads, and works on another queue
		c := hanging(timeouts[kind][0], timeouts[kind][1], runs)
		c.Queues = map[string]river.QueueConfig{"other": {MaxWorkers: 1}}
		leader := openRiver(ctx, engine, dsn, c)
		defer leader.close()
		stop, err := leader.start(ctx, ignore, ignore)
		must(err)
		defer stop()
		time.Sleep(7 * time.Second)
	}
	cmd := self("-child", engine+":"+kind, "-dsn", dsn, "-sync", synchronous)
	out, err := cmd.StdoutPipe()
	must(err)
	must(cmd.Start())
	if !bufio.NewScanner(out).Scan() {
		say("the child failed")
		return
	}
	must(cmd.Process.Kill())
	_ = cmd.Wait()
	began := time.Now()
	lost := q.add(ctx, stranger{}, nil)
	q.pretendRunning(ctx, lost)
	stop, err := q.start(ctx, ignore, ignore)
	must(err)
	fate := make(chan string)
	go func() {
		for time.Since(began) < watch && q.row(ctx, lost).State == rivertype.JobStateRunning {
			time.Sleep(500 * time.Millisecond)
		}
		row := q.row(ctx, lost)
		fate <- fmt.Sprintf("%s after %.0f s (attempt %d of %d)", row.State, time.Since(began).Seconds(), row.Attempt, row.MaxAttempts)
	}()
	result := ""
	select {
	case r := <-runs:
		result = fmt.Sprintf("ran again %.0f s after the kill (attempt %d)", time.Since(began).Seconds(), r.attempt)
		r.release <- nil
	case <-time.After(watch):
		row := q.row(ctx, id)
		result = fmt.Sprintf("not run again within %s: %s, attempt %d", watch, row.State, row.Attempt)
	}
	say("%s; a stuck job of an unknown kind: %s", result, <-fate)
	stop()
}

// outlive: a job that is still running, and ignores its context, when its rescue comes; and what its late end does to the second run.
func outlive(ctx context.Context, engine, dsn string, late error, say func(string, ...any)) {
	runs := make(chan run, 10)
	one := openRiver(ctx, engine, dsn, hanging(10*time.Second, 0, runs))
	two := openRiver(ctx, engine, dsn, hanging(10*time.Second, 0, runs))
	defer one.close()
	defer two.close()
	id := one.add(ctx, hang{}, nil)
	stopOne, err := one.start(ctx, ignore, ignore)
	must(err)
	first := <-runs
	began := time.Now()
	stopTwo, err := two.start(ctx, ignore, ignore)
	must(err)
	defer func() { stopOne(); stopTwo() }()
	var second run
	select {
	case second = <-runs:
	case <-time.After(watch):
		say("no second start within %s; state %s", watch, one.row(ctx, id).State)
		first.release <- nil
		return
	}
	text := fmt.Sprintf("started a second time after %.0f s while the first ran on", time.Since(began).Seconds())
	first.release <- late
	row := one.row(ctx, id)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && row.State == rivertype.JobStateRunning; row = one.row(ctx, id) {
		time.Sleep(10 * time.Millisecond)
	}
	text += fmt.Sprintf("; the first's late end made the row %q (attempt %d) while the second was running", row.State, row.Attempt)
	select {
	case third := <-runs:
		text += fmt.Sprintf("; a third run (attempt %d) began beside the second", third.attempt)
		third.release <- nil
	case <-time.After(8 * time.Second):
	}
	second.release <- nil
	time.Sleep(2 * time.Second)
	row = one.row(ctx, id)
	say("%s; in the end %q, attempt %d", text, row.State, row.Attempt)
}
