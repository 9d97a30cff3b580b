package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/schema"
)

const (
	// jobGoalSQLite and jobGoalPostgres are 1,000 and 2,000 jobs a second, in milliseconds of a job.
	jobGoalSQLite, jobGoalPostgres = 1, .5
	// jobSlots is how many jobs run at once in each worker of this bench.
	jobSlots = 64
	// hangingRows wait for one host that never answers.
	hangingRows = 100_000
)

// bulk stands for all that may wait in great numbers, urgent for what must not wait with it, hang for a host that does not answer.
type (
	bulk   struct{ Host string }
	urgent struct{}
	hang   struct{}
)

func (bulk) Kind() string   { return "bench.bulk" }
func (urgent) Kind() string { return "bench.urgent" }
func (hang) Kind() string   { return "bench.hang" }

// engine is the queue alone, on a database of its own.
func engine(ctx context.Context, address, roles string) (*jobs.Jobs, *jobs.Process, error) {
	d, err := db.Open(ctx, db.Options{URL: address})
	if err != nil {
		return nil, nil, err
	}
	p, err := jobs.Join(ctx, d, clock.Real{}, jobs.ProcessInfo{Host: "bench", PID: os.Getpid(), Roles: roles})
	if err != nil {
		return nil, nil, err
	}
	j := jobs.New(jobs.Options{DB: d, IDs: ids.NewSource(clock.Real{}, p.Slot), Clock: clock.Real{}})
	p.OnBeat(j.WriteCounts)
	jobs.On(j, "bulk", jobs.Policy{Queue: jobs.Push}, func(context.Context, bulk) error { return nil }, jobs.Lane(func(e bulk) string { return e.Host }))
	jobs.On(j, "urgent", jobs.Policy{Queue: jobs.Default}, func(context.Context, urgent) error { return nil })
	jobs.On(j, "nap", jobs.Policy{Queue: jobs.Pull}, func(context.Context, nap) error { time.Sleep(napLength); return nil })
	jobs.On(j, "hang", jobs.Policy{Queue: jobs.Push, Deadline: time.Hour}, func(ctx context.Context, _ hang) error { <-ctx.Done(); return ctx.Err() },
		jobs.Lane(func(hang) string { return "hangs.example" }))
	return j, p, nil
}

// tally is what a worker did: how long each urgent job waited, and from when to when it did the others.
type tally struct {
	mu          sync.Mutex
	Waits, Naps []time.Duration
	Bulk        int
	First, Last time.Time
	// cpu is of the whole process, for those that are one.
	cpu time.Duration
}

func (t *tally) done(d jobs.Done) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch d.Name {
	case "urgent":
		t.Waits = append(t.Waits, d.Waited)
	case "nap":
		t.Naps = append(t.Naps, d.Waited)
	case "bulk":
		t.Bulk++
		if t.Last = time.Now(); t.First.IsZero() {
			t.First = t.Last
		}
	}
}

// jobsWorker is a worker process: it works until it is told to stop, and then prints what it did.
func jobsWorker(address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	j, p, err := engine(ctx, address, "worker")
	if err != nil {
		return err
	}
	defer j.DB.Close()
	var t tally
	beating := make(chan error, 1)
	go func() { beating <- p.Heartbeat(ctx) }()
	err = t.work(ctx, j, p)
	return errors.Join(err, <-beating, p.Leave(context.WithoutCancel(ctx)), json.NewEncoder(os.Stdout).Encode(&t))
}

// work runs a worker until ctx ends.
func (t *tally) work(ctx context.Context, j *jobs.Jobs, p *jobs.Process) error {
	err := j.Work(ctx, jobs.WorkerOptions{
		Queues: []jobs.Share{{Queue: jobs.Default, Weight: 8, Min: jobSlots / 8}, {Queue: jobs.Push, Weight: 4}}, Slots: jobSlots, Process: p,
		Log: slog.New(slog.DiscardHandler), Drain: time.Millisecond, OnDone: t.done,
	})
	slices.Sort(t.Waits)
	return err
}

// workerProcess is such a process as its parent sees it.
type workerProcess struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

func startWorker(address string) (*workerProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("looking for this program: %w", err)
	}
	w := &workerProcess{cmd: exec.Command(self, "jobs-worker", address)} //nolint:gosec // this very program
	w.cmd.Stdout, w.cmd.Stderr, w.cmd.SysProcAttr = &w.out, os.Stderr, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	return w, nil
}

// stop ends it and gives what it did.
func (w *workerProcess) stop() (*tally, error) {
	_ = w.cmd.Process.Signal(syscall.SIGTERM)
	if err := w.cmd.Wait(); err != nil {
		return nil, fmt.Errorf("stopping a worker: %w", err)
	}
	t := &tally{}
	t.cpu = w.cmd.ProcessState.UserTime() + w.cmd.ProcessState.SystemTime()
	if err := json.Unmarshal(w.out.Bytes(), t); err != nil {
		return nil, fmt.Errorf("reading what a worker says: %w", err)
	}
	return t, nil
}

// jobBench is the queue on an empty database beside the server's.
type jobBench struct {
	*bench
	address string
	j       *jobs.Jobs
	p       *jobs.Process
}

// beside starts a worker as it runs beside those who write jobs, and gives what ends it: in this process on SQLite, where there
// is one, and in another one on PostgreSQL.
func (q *jobBench) beside(ctx context.Context) (func() (*tally, error), error) {
	if q.engine == "postgres" {
		w, err := startWorker(q.address)
		if err != nil {
			return nil, err
		}
		return w.stop, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	t, ended := &tally{}, make(chan error, 1)
	go func() { ended <- t.work(ctx, q.j, q.p) }()
	return func() (*tally, error) {
		cancel()
		return t, <-ended
	}, nil
}

// work measures background work: the queue alone, and a like while a million jobs wait.
func (b *bench) work(ctx context.Context) error {
	q := &jobBench{bench: b, address: filepath.Join(b.dir, "jobs.sqlite3")}
	if b.engine == "postgres" {
		if err := q.createDatabase(ctx); err != nil {
			return err
		}
	}
	d, err := db.Open(ctx, db.Options{URL: q.address})
	if err != nil {
		return err
	}
	steps, err := schema.Migrations(d.Engine())
	if err == nil {
		_, err = d.Migrate(ctx, steps)
	}
	d.Close()
	if err != nil {
		return err
	}
	if q.j, q.p, err = engine(ctx, q.address, "command"); err != nil {
		return err
	}
	defer q.j.DB.Close()
	beat, stopBeating := context.WithCancel(ctx)
	defer stopBeating()
	go func() { _ = q.p.Heartbeat(beat) }()
	for _, part := range []func(context.Context) error{q.noops, q.hanging, q.backlog, q.advice, b.likeAmongMany} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (q *jobBench) createDatabase(ctx context.Context) error {
	c, err := pgx.Connect(ctx, q.s.databaseURL())
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, "CREATE DATABASE jobs"); err != nil {
		return fmt.Errorf("creating a database: %w", err)
	}
	q.address = strings.Replace(q.s.databaseURL(), "/postgres?", "/jobs?", 1)
	return nil
}

// databaseURL is the address in the server's environment.
func (s *server) databaseURL() string {
	for _, one := range s.env {
		if url, ok := strings.CutPrefix(one, "DATABASE_URL="); ok {
			return url
		}
	}
	return ""
}

// emit writes n events, a thousand in a transaction, and says how many a second.
func (q *jobBench) emit(ctx context.Context, n int, event func(i int) jobs.Event) (float64, error) {
	began := time.Now()
	for done := 0; done < n; {
		var events []jobs.Event
		for len(events) < 1000 && done < n {
			events = append(events, event(done))
			done++
		}
		if err := q.j.DB.Write(ctx, func(tx *db.Tx) error { return q.j.Emit(ctx, tx, events...) }); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// empty waits until no job of a queue waits, runs or is held, by questions that cost little.
func (q *jobBench) empty(ctx context.Context, queue jobs.Queue, kind string) error {
	for ctx.Err() == nil {
		some, err := db.Exists(ctx, q.j.DB, "SELECT 1 FROM jobs WHERE state = 0 AND queue = $1 AND kind = $2", string(queue), kind)
		if err == nil && !some {
			some, err = db.Exists(ctx, q.j.DB, "SELECT 1 FROM jobs WHERE state IN (1, 3) AND kind = $1", kind)
		}
		if err != nil || !some {
			return err
		}
		time.Sleep(250 * time.Millisecond) // on PostgreSQL each question walks over what was deleted since the last vacuum
	}
	return ctx.Err()
}

// drain starts workers, and measures from the first job that is done until the last, and what CPU each took.
func (q *jobBench) drain(ctx context.Context, workers int) (rate float64, each time.Duration, err error) {
	var all []*workerProcess
	for range workers {
		w, err := startWorker(q.address)
		if err != nil {
			return 0, 0, err
		}
		all = append(all, w)
	}
	err = q.empty(ctx, jobs.Push, "bulk")
	var first, last time.Time
	var cpu time.Duration
	n := 0
	for _, w := range all {
		t, werr := w.stop()
		if werr != nil || err != nil {
			return 0, 0, errors.Join(err, werr)
		}
		cpu += t.cpu
		if n += t.Bulk; t.Bulk == 0 {
			continue
		}
		if first.IsZero() || t.First.Before(first) {
			first = t.First
		}
		if t.Last.After(last) {
			last = t.Last
		}
	}
	if n == 0 {
		return 0, 0, errors.New("no job was done")
	}
	return float64(n) / last.Sub(first).Seconds(), cpu / time.Duration(n), nil
}

// noops measures jobs that do nothing, for many hosts: what the queue itself costs.
func (q *jobBench) noops(ctx context.Context) error {
	n := q.times(60_000)
	most := 1
	if q.engine == "postgres" {
		most = 2
	}
	single := 0.0
	for workers := 1; workers <= most; workers++ {
		written, err := q.emit(ctx, n, toMany)
		if err != nil {
			return err
		}
		rate, cpu, err := q.drain(ctx, workers)
		if err != nil {
			return err
		}
		note := fmt.Sprintf("%s/s, %s µs of the workers' CPU each; written at %s/s before", figure(rate), figure(1000*ms(cpu)), figure(written))
		if workers == 1 {
			single = rate
		} else {
			note += fmt.Sprintf("; %s times one process", figure(rate/single))
		}
		q.report.add(fmt.Sprintf("a job that does nothing, %d worker process(es)", workers), 1000/rate, "ms", q.goal(jobGoalSQLite, jobGoalPostgres), "%s", note)
	}
	return nil
}

func toMany(i int) jobs.Event { return bulk{fmt.Sprintf("host%d.example", i%500)} }

// hanging measures the same while a hundred thousand jobs wait, before all others, for a host that does not answer.
func (q *jobBench) hanging(ctx context.Context) error {
	n, rows := q.times(60_000), q.times(hangingRows)
	if _, err := q.emit(ctx, rows, func(int) jobs.Event { return hang{} }); err != nil {
		return err
	}
	if _, err := q.emit(ctx, n, toMany); err != nil {
		return err
	}
	rate, cpu, err := q.drain(ctx, 1)
	if err != nil {
		return err
	}
	q.report.add(fmt.Sprintf("a job that does nothing, behind %d for a host that hangs", rows), 1000/rate, "ms", q.goal(jobGoalSQLite, jobGoalPostgres), "%s/s, %s µs of the worker's CPU each", figure(rate), figure(1000*ms(cpu)))
	return q.j.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM jobs")
		return err
	})
}

// backlog measures how long urgent jobs wait while very many others do that were written at once.
func (q *jobBench) backlog(ctx context.Context) error {
	n := q.times(300_000)
	stop, err := q.beside(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	emitted := make(chan error, 1)
	go func() {
		_, err := q.emit(ctx, n, toMany)
		emitted <- err
	}()
	drained := make(chan error, 1)
	for sent, done := 0, false; !done || sent < 20; sent++ {
		if err := q.j.DB.Write(ctx, func(tx *db.Tx) error { return q.j.Emit(ctx, tx, urgent{}) }); err != nil {
			return err
		}
		select {
		case err := <-emitted:
			if err != nil {
				return err
			}
			emitted = nil
			go func() { drained <- q.empty(ctx, jobs.Push, "bulk") }()
		case err := <-drained:
			if err != nil {
				return err
			}
			done = true
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	took := time.Since(began)
	if err := q.empty(ctx, jobs.Default, "urgent"); err != nil {
		return err
	}
	t, err := stop()
	if err != nil {
		return err
	}
	waits := t.Waits
	if len(waits) == 0 {
		return errors.New("no urgent job ran")
	}
	q.report.add(fmt.Sprintf("wait of queue default beside %d jobs written at once, p95", n), waits[len(waits)*95/100].Seconds(), "s", 1, "p50 %s ms, most %s ms of %d; all written and done in %s s, %s/s",
		figure(ms(waits[len(waits)/2])), figure(ms(waits[len(waits)-1])), len(waits), figure(took.Seconds()), figure(float64(n)/took.Seconds()))
	return nil
}

// likeAmongMany measures a like while a million deliveries wait in the server's own database.
func (b *bench) likeAmongMany(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	n := b.times(1_000_000)
	if _, err := b.s.command(ctx, "queues", "pause", "push"); err != nil {
		return err
	}
	const fill = `WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2)
INSERT INTO jobs (id, queue, kind, args, lane, state, run_at, created_at) SELECT i, 'push', 'activitypub.push', '{"Inbox":"https://nowhere.example/inbox"}', 'nowhere.example', 0, CAST($3 AS BIGINT), CAST($3 AS BIGINT) FROM n`
	const step = 50_000
	for i := 0; i < n; i += step {
		if err := b.db.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, fill, int64(i+1), int64(min(i+step, n)), time.Now().UnixMilli())
			return err
		}); err != nil {
			return fmt.Errorf("filling the queue: %w", err)
		}
	}
	posts, err := db.Column[int64](ctx, b.db, "SELECT id FROM statuses WHERE account_id = $1 ORDER BY id DESC LIMIT 40", b.shown.ID)
	if err != nil || len(posts) == 0 {
		return fmt.Errorf("looking for posts to like: %d, %w", len(posts), err)
	}
	c := client()
	defer c.CloseIdleConnections()
	got, err := b.s.measure(ctx, b.times(1000), 1, func(i int) (int64, error) {
		verb := []string{"favourite", "unfavourite"}[i/len(posts)%2]
		text, err := ask(ctx, c, http.MethodPost, fmt.Sprintf("%s/api/v1/statuses/%d/%s", b.s.url, posts[i%len(posts)], verb), b.reader.Token, map[string][]string{})
		return int64(len(text)), err
	}, nil)
	if err != nil {
		return err
	}
	b.report.add(fmt.Sprintf("a like, answered while %d jobs wait, p95 at the client", n), ms(got.p95), "ms", 200, "%s", got)
	if err := b.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM jobs WHERE queue = 'push'")
		return err
	}); err != nil {
		return fmt.Errorf("emptying the queue: %w", err)
	}
	_, err = b.s.command(ctx, "queues", "resume", "push")
	return err
}
