package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	// controlEvery looks for what an admin set or paused; it must take effect within five seconds (E1).
	controlEvery = 2 * time.Second
	// claimAtOnce bounds the rows taken in one transaction.
	claimAtOnce = 64
	// settleEvery is how long the end of a job that succeeded may wait to be written together with others.
	settleEvery = 5 * time.Millisecond
	// gatherFor is how long a busy worker waits for more slots to become free before it looks for work again.
	gatherFor = 2 * time.Millisecond
	// bookkeepingPatience is how long the end of a job is tried to be written while the database does not answer.
	bookkeepingPatience = 5 * time.Second
	// stopPatience is how long jobs whose context ended have until they are left behind.
	stopPatience = 2 * time.Second
)

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
	OnDone func(Done)
}

// Done is one run of a job that ended.
type Done struct {
	Name  string
	Queue Queue
	// Waited is how long it was due before it started, Took how long it ran.
	Waited, Took time.Duration
	Statements   int
	Err          error
}

type worker struct {
	*Jobs
	WorkerOptions
	kinds []string
	wakes chan struct{}
	// picker, controlled and looked belong to the goroutine of loop.
	picker     *picker
	controlled time.Time
	looked     time.Time
	heads      heads

	mu sync.Mutex
	// shares, strict and slots are what holds now: as started, or as set meanwhile.
	shares  []Share
	strict  bool
	slots   int
	running map[Queue]int
	lanes   map[laneKey]int
	// held are the lanes of which rows are known to be set aside.
	held map[laneKey]bool
	busy int
	// abandoned counts jobs that ignored the end of their context and run on without a slot.
	abandoned int
	done      []ended
	// mine are the jobs whose rows say that this worker runs them: from before they are written until their end is.
	mine map[int64]bool
	// behind says that there was more work at the last look than slots; short, that some of it is left, be it because the slots that
	// are free are kept for others.
	behind, short bool
	// claiming says that slots are being given to jobs that wait.
	claiming bool
	// closed says that nothing more is taken, stopping that what ends from now on was made to.
	closed, stopping bool
	wg               sync.WaitGroup
	finished         chan struct{}
	launch           func(claimed)
}

func (j *Jobs) newWorker(o WorkerOptions) *worker {
	w := &worker{
		Jobs: j, WorkerOptions: o, wakes: make(chan struct{}, 1), finished: make(chan struct{}, 1), running: map[Queue]int{},
		lanes: map[laneKey]int{}, held: map[laneKey]bool{}, mine: map[int64]bool{},
	}
	for n := range j.names {
		w.kinds = append(w.kinds, n)
	}
	slices.Sort(w.kinds)
	w.arrange(o.Queues, o.Strict, o.Slots, nil)
	return w
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
	w := j.newWorker(o)
	jobCtx, stopJobs := context.WithCancel(context.WithoutCancel(ctx))
	defer stopJobs()
	w.launch = func(c claimed) { w.run(jobCtx, c) }
	w.control(ctx)
	o.Process.tell(w.load)
	defer o.Process.tell(nil)
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
	for ctx.Err() == nil {
		w.housekeep(ctx)
		more, err := w.round(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Error("claiming jobs", "error", err)
		}
		if more && err == nil {
			w.gather(ctx)
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

// gather waits a moment while only a few slots are free, so that short jobs end, and their slots are filled, many in one transaction.
func (w *worker) gather(ctx context.Context) {
	limit := time.NewTimer(gatherFor)
	defer limit.Stop()
	for {
		w.mu.Lock()
		enough := w.slots-w.busy >= min(w.slots, claimAtOnce)/2
		w.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-w.finished:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// housekeep does what comes with time and not with work.
func (w *worker) housekeep(ctx context.Context) {
	if now := w.Clock.Now(); now.Sub(w.looked) >= rescueEvery {
		w.looked = now
		if err := errors.Join(w.rescue(ctx), w.tidy(ctx), w.expireKeys(ctx), w.findHeld(ctx)); err != nil && ctx.Err() == nil {
			w.Log.Error("rescuing jobs", "error", err)
		}
	}
	if time.Since(w.controlled) >= controlEvery {
		w.control(ctx)
	}
	w.counts.sample(w.Clock.Now(), w.DB.Stats().Busy)
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
			w.mu.Lock()
			w.Log.Error("jobs do not stop; they run again elsewhere", "jobs", w.busy)
			w.mu.Unlock()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, bookkeepingPatience)
	defer cancel()
	return w.settle(ctx)
}

// round writes the ends of jobs and claims new ones, in one transaction. It reports whether there may be more to do at once.
func (w *worker) round(ctx context.Context) (more bool, err error) {
	t, pending := w.turn(false)
	var ready map[Queue]bool
	if t.free > 0 {
		if ready, err = w.ready(ctx); err != nil {
			return false, err
		}
	}
	if len(ready) == 0 {
		w.setBehind(t.free <= 0, t.free <= 0)
		if pending == 0 {
			return false, nil
		}
		return false, w.settle(ctx)
	}
	t, _ = w.turn(true)
	defer w.claimed()
	t.ready = ready
	w.picker.begin(t)
	ends := w.takeDone()
	var c *claims
	err = w.DB.Write(ctx, func(tx *db.Tx) error {
		c = w.newClaims(t)
		if err := w.writeEnds(ctx, tx, ends); err != nil {
			return err
		}
		return c.fill(ctx, tx)
	})
	if err != nil {
		w.putDone(ends)
		return false, err
	}
	w.forget(ends)
	w.heads.moved(c.seen)
	w.setBehind(len(c.got) >= t.free, len(c.ready) > 0)
	w.mu.Lock()
	for _, key := range c.aside {
		w.held[key] = true
	}
	for _, key := range c.emptied {
		delete(w.held, key)
	}
	for _, got := range c.got {
		w.hold(got)
	}
	w.mu.Unlock()
	for _, got := range c.got {
		w.launch(got)
	}
	return len(c.got) > 0 || len(c.aside) > 0, nil
}

// turn is what there is to give away, and how many ends wait to be written. To claim, no job may start past the claim: the
// slots, caps and lanes are those that were counted.
func (w *worker) turn(claim bool) (t turn, pending int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.claiming = claim
	t = turn{now: w.Clock.Now(), spare: w.Pressure() > Calm, slots: w.slots, free: min(w.slots-w.busy, claimAtOnce), running: map[Queue]int{}}
	for q, n := range w.running {
		t.running[q] = n
	}
	return t, len(w.done)
}

// claimed is the end of a claim.
func (w *worker) claimed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.claiming = false
}

func (w *worker) setBehind(behind, short bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.behind, w.short = behind, short
}

// readyQueues asks each queue's index for a first row from its head on, which costs the same however long the queues are.
var readyQueues = func() string {
	parts := make([]string, len(Queues))
	for i, q := range Queues {
		parts[i] = fmt.Sprintf("SELECT '%s' AS queue WHERE EXISTS (SELECT 1 FROM jobs WHERE state = 0 AND queue = '%s' AND run_at <= $1 AND run_at >= $%d)", q, q, i+2)
	}
	return strings.Join(parts, " UNION ALL ")
}()

// ready finds the queues that have work for this worker. It reads only, so that an idle worker writes nothing.
func (w *worker) ready(ctx context.Context) (map[Queue]bool, error) {
	args := []any{w.Clock.Now().UnixMilli()}
	for _, from := range w.heads.look(time.Now()) {
		args = append(args, from)
	}
	have, err := db.Column[string](ctx, w.DB, readyQueues, args...)
	if err != nil {
		return nil, fmt.Errorf("looking for work: %w", err)
	}
	is := map[Queue]bool{}
	for _, q := range have {
		is[Queue(q)] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for key := range w.held {
		if w.lanes[key] < w.laneCap() {
			is[key.queue] = true
		}
	}
	for q := range is {
		if !slices.ContainsFunc(w.shares, func(s Share) bool { return s.Queue == q }) {
			delete(is, q)
		}
	}
	return is, nil
}
