package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// pollEvery finds work whose wake-up was lost, and work that becomes due.
	pollEvery = 500 * time.Millisecond
	// rescueEvery looks for jobs of processes that are gone.
	rescueEvery = 10 * time.Second
	// claimAtOnce bounds the rows taken in one transaction.
	claimAtOnce = 64
	// settleEvery is how long the end of a job that succeeded may wait to be written together with others.
	settleEvery = 5 * time.Millisecond
	// bookkeepingPatience is how long the end of a job is tried to be written while the database does not answer.
	bookkeepingPatience = 5 * time.Second
	// stopPatience is how long jobs whose context ended have until they are left behind.
	stopPatience = 2 * time.Second
)

// Share is a queue's part in a worker.
type Share struct {
	Queue Queue
	// Weight is its part of the picks in weighted order (default 1).
	Weight int
	// Cap is the most slots it may hold, 0 for all.
	Cap int
}

// WorkerOptions say what a worker does.
type WorkerOptions struct {
	Queues []Share
	// Strict takes the first queue that has work; otherwise weights decide.
	Strict bool
	// Slots is how many jobs run at once.
	Slots int
	// Drain is how long a stopping worker lets running jobs finish (default 20 s).
	Drain time.Duration
	// Process is whose heartbeat keeps the claimed jobs.
	Process *Process
	Log     *slog.Logger
	// OnDone is told of each end of a job; may be nil.
	OnDone func(name string, queue Queue, took time.Duration, err error)
}

type claimed struct {
	id      int64
	queue   Queue
	name    string
	args    []byte
	lane    string
	attempt int64
	created time.Time
}

type worker struct {
	*Jobs
	WorkerOptions
	names []string
	wakes chan struct{}

	mu      sync.Mutex
	running map[Queue]int
	lanes   map[string]int
	busy    int
	done    []ended
	// mine are the jobs whose rows say that this worker runs them: from before they are written until their end is.
	mine map[int64]bool
	// behind says that there was more work at the last look than slots.
	behind bool
	// closed says that nothing more is taken, stopping that what ends from now on was made to.
	closed, stopping bool
	wg               sync.WaitGroup
	finished         chan struct{}
	launch           func(claimed)
}

// Work runs jobs until ctx ends; then it takes no more, lets those that run finish within Drain, gives back the rest, and
// returns.
func (j *Jobs) Work(ctx context.Context, o WorkerOptions) error {
	if o.Drain == 0 {
		o.Drain = 20 * time.Second
	}
	if o.Slots <= 0 || len(o.Queues) == 0 {
		return errors.New("a worker needs slots and queues")
	}
	w := &worker{
		Jobs: j, WorkerOptions: o, wakes: make(chan struct{}, 1), finished: make(chan struct{}, 1), running: map[Queue]int{}, lanes: map[string]int{}, mine: map[int64]bool{},
	}
	jobCtx, stopJobs := context.WithCancel(context.WithoutCancel(ctx))
	defer stopJobs()
	w.launch = func(c claimed) { w.run(jobCtx, c) }
	for n := range j.names {
		w.names = append(w.names, n)
	}
	j.mu.Lock()
	j.waiting[w.wakes] = true
	j.workers = append(j.workers, w)
	j.mu.Unlock()
	w.loop(ctx)
	j.mu.Lock()
	delete(j.waiting, w.wakes)
	j.workers = slices.DeleteFunc(j.workers, func(other *worker) bool { return other == w })
	j.mu.Unlock()
	return w.drain(context.WithoutCancel(ctx), stopJobs)
}

func (w *worker) loop(ctx context.Context) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var write <-chan time.Time // when the ends of jobs are to be written
	var rescued time.Time
	for ctx.Err() == nil {
		if now := w.Clock.Now(); now.Sub(rescued) >= rescueEvery {
			rescued = now
			if err := errors.Join(w.rescue(ctx), w.tidy(ctx)); err != nil && ctx.Err() == nil {
				w.Log.Error("rescuing jobs", "error", err)
			}
		}
		more, err := w.round(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Error("claiming jobs", "error", err)
		}
		if more && err == nil {
			continue
		}
		for again := false; !again; {
			select {
			case <-ctx.Done():
				return
			case <-poll.C:
				again = true
			case <-w.wakes:
				again = true
			case <-write:
				write = nil
				if err := w.settle(ctx); err != nil && ctx.Err() == nil {
					w.Log.Error("ending jobs", "error", err)
				}
			case <-w.finished:
				wait := w.settleWait()
				again = wait == 0
				if write == nil && wait > 0 {
					write = time.After(wait)
				}
			}
		}
	}
}

func (w *worker) drain(ctx context.Context, stopJobs func()) error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	finished := make(chan struct{})
	go func() { w.wg.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-time.After(w.Drain):
		w.mu.Lock()
		w.stopping = true
		w.mu.Unlock()
		stopJobs()
		select {
		case <-finished:
		case <-time.After(stopPatience):
			w.Log.Error("jobs do not stop; they run again elsewhere", "jobs", w.running)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, bookkeepingPatience)
	defer cancel()
	return w.settle(ctx)
}

// round writes the ends of jobs and claims new ones, in one transaction. It reports whether there may be more to do at once.
func (w *worker) round(ctx context.Context) (more bool, err error) {
	w.mu.Lock()
	free := w.Slots - w.busy
	pending := len(w.done)
	w.mu.Unlock()
	var ready []Queue
	if free > 0 {
		if ready, err = w.ready(ctx); err != nil {
			return false, err
		}
	}
	if len(ready) == 0 {
		w.setBehind(free <= 0)
		if pending == 0 {
			return false, nil
		}
		return false, w.settle(ctx)
	}
	ends := w.takeDone()
	var got []claimed
	err = w.DB.Write(ctx, func(tx *db.Tx) error {
		got = got[:0]
		if err := w.writeEnds(ctx, tx, ends); err != nil {
			return err
		}
		left, room := min(free, claimAtOnce), w.laneRoom()
		for _, q := range ready {
			n := left
			if c := w.capOf(q); c != 0 {
				n = min(n, c)
			}
			if n <= 0 {
				continue
			}
			part, err := w.claim(ctx, tx, q, n, room)
			if err != nil {
				return err
			}
			got = append(got, part...)
			left -= len(part)
		}
		return nil
	})
	if err != nil {
		w.putDone(ends)
		return false, err
	}
	w.forget(ends)
	w.setBehind(len(got) >= min(free, claimAtOnce))
	for _, c := range got {
		w.mu.Lock()
		w.hold(c)
		w.mu.Unlock()
		w.launch(c)
	}
	return len(got) > 0, nil
}

func (w *worker) setBehind(behind bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.behind = behind
}

// readyQueues asks each queue's index for a first row, which costs the same however long the queues are.
var readyQueues = func() string {
	parts := make([]string, len(Queues))
	for i, q := range Queues {
		parts[i] = fmt.Sprintf("SELECT '%s' AS queue WHERE EXISTS (SELECT 1 FROM jobs WHERE state = 0 AND queue = '%s' AND run_at <= $1)", q, q)
	}
	return strings.Join(parts, " UNION ALL ")
}()

// ready lists the queues that have work, in the order in which they are to be served. It reads only, so that an idle
// worker writes nothing.
func (w *worker) ready(ctx context.Context) ([]Queue, error) {
	have, err := db.Column[string](ctx, w.DB, readyQueues, w.Clock.Now().UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("looking for work: %w", err)
	}
	is := map[Queue]bool{}
	for _, q := range have {
		is[Queue(q)] = true
	}
	shares := make([]Share, 0, len(have))
	for _, s := range w.Queues {
		if is[s.Queue] {
			shares = append(shares, s)
		}
	}
	if !w.Strict {
		shuffle(shares)
	}
	out := make([]Queue, len(shares))
	for i, s := range shares {
		out[i] = s.Queue
	}
	return out, nil
}

// shuffle orders by weighted chance.
func shuffle(s []Share) {
	for i := range s {
		total := 0
		for _, x := range s[i:] {
			total += max(x.Weight, 1)
		}
		pick := rand.IntN(total)
		for k := i; k < len(s); k++ {
			if pick -= max(s[k].Weight, 1); pick < 0 {
				s[i], s[k] = s[k], s[i]
				break
			}
		}
	}
}

// capOf is how many more slots a queue may take; 0 when there is no cap, -1 when it has them all.
func (w *worker) capOf(q Queue) int {
	for _, s := range w.Queues {
		if s.Queue == q && s.Cap > 0 {
			w.mu.Lock()
			defer w.mu.Unlock()
			if n := s.Cap - w.running[q]; n > 0 {
				return n
			}
			return -1
		}
	}
	return 0
}

// claim takes up to n jobs of a queue. Rows are locked first and chosen then, since a lane may only have the slots that are
// left to it; while it is over them, others behind it are looked for.
func (w *worker) claim(ctx context.Context, tx *db.Tx, q Queue, n int, room lanes) ([]claimed, error) {
	var got []claimed
	for len(got) < n {
		part, err := db.All(ctx, tx, scanClaimed, `SELECT id, queue, kind, args, lane, attempt, created_at FROM jobs
WHERE state = 0 AND queue = $1 AND run_at <= $2 AND kind = ANY($3) AND lane <> ALL($4) AND id <> ALL($5) ORDER BY run_at, id LIMIT $6`+tx.SkipLocked(),
			string(q), w.Clock.Now().UnixMilli(), db.Texts(w.names), db.Texts(room.full()), db.Array(idsOf(got)), n-len(got))
		if err != nil {
			return nil, err
		}
		passed := false
		for _, c := range part {
			if room.take(c.lane) {
				c.attempt++
				got = append(got, c)
			} else {
				passed = true
			}
		}
		if !passed {
			break
		}
	}
	if len(got) == 0 {
		return nil, nil
	}
	// A process that the others gave up takes nothing: they would run it too.
	taken, err := tx.Exec(ctx, `UPDATE jobs SET state = 1, worker = $1, attempt = attempt + 1 WHERE id = ANY($2)
AND EXISTS (SELECT 1 FROM processes WHERE id = $1)`, w.Process.ID, db.Array(idsOf(got)))
	if err != nil || taken == 0 {
		return nil, err
	}
	return got, nil
}

func idsOf(list []claimed) []int64 {
	out := make([]int64, len(list))
	for i, c := range list {
		out[i] = c.id
	}
	return out
}

func scanClaimed(r db.Row) (claimed, error) {
	var c claimed
	var queue, args string
	var created int64
	err := r.Scan(&c.id, &queue, &c.name, &args, &c.lane, &c.attempt, &created)
	c.queue, c.args, c.created = Queue(queue), []byte(args), db.At(created)
	return c, err
}

// run executes a job that is held, in a goroutine of its own.
func (w *worker) run(ctx context.Context, c claimed) {
	go func() {
		defer w.wg.Done()
		state := &run{id: c.id, worker: w.Process.ID, attempt: c.attempt}
		began := time.Now()
		err := w.execute(context.WithValue(ctx, runKey{}, state), c)
		if w.OnDone != nil {
			w.OnDone(c.name, c.queue, time.Since(began), err)
		}
		w.mu.Lock()
		w.letGo(c)
		if err != nil && w.stopping {
			err = Later(0, err) // stopped, not failed
		}
		if state.completed || errors.Is(err, ErrFenced) {
			delete(w.mine, c.id)
		} else {
			w.done = append(w.done, ended{c, err})
		}
		w.mu.Unlock()
		select {
		case w.finished <- struct{}{}:
		default:
		}
	}()
}

// execute runs one job within its deadline. A panic is a failure of that job alone.
func (w *worker) execute(ctx context.Context, c claimed) (err error) {
	r := w.Jobs.names[c.name]
	ctx, cancel := context.WithTimeout(ctx, r.policy.Deadline)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			w.Log.Error("job panicked", "job", c.name, "id", c.id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if int(c.attempt) > r.policy.Attempts {
		return Dead(errors.New("its worker died during each attempt"))
	}
	return r.run(ctx, c.args)
}
