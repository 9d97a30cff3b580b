// Package jobs owns durable work: what must follow from an act is written in the act's own transaction and run at least once.
//
// An event is a small struct in the past tense ("posted"); every reaction registered for it becomes one row when it is
// emitted. A command is an event with a single reaction. The name of a reaction is stored in the row and never changes its
// meaning. A process leaves rows alone whose reaction it does not know, so that versions may be mixed.
//
// A row is claimed by a worker process, which keeps it as long as its heartbeat is seen. When the heartbeat stops, the row is
// claimed again by another process, and a late first one is refused (Complete, and the bookkeeping of the worker).
//
// The package also owns what an admin sees and sets of all this: the processes, the pauses and settings of workers, counts by
// the minute, the schedule and its lease.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/metric"
)

// Queue is one of the six queues, named as in Mastodon.
type Queue string

// The queues (requirement E3).
const (
	Default   Queue = "default"
	Push      Queue = "push"
	Ingress   Queue = "ingress"
	Pull      Queue = "pull"
	Mailers   Queue = "mailers"
	Scheduler Queue = "scheduler"
)

// Queues lists all queues, the most important first.
var Queues = []Queue{Default, Ingress, Push, Mailers, Pull, Scheduler}

const (
	// defaultAttempts spreads over some two days with the back-off of Backoff.
	defaultAttempts = 16
	// defaultDeadline bounds one run of a job (requirement N6).
	defaultDeadline = time.Minute
	// defaultUniqueFor bounds how long one job keeps others with its key out (requirement N15): one that fails for days must
	// not swallow what happens meanwhile.
	defaultUniqueFor = 24 * time.Hour
	// maxArgs bounds what a row may carry: an activity of 1 MiB, encoded.
	maxArgs = 4 << 20
	// maxError bounds the error kept with a row.
	maxError = 1000
)

// Event is something that happened, or a command to do something. Kind names it; it is used in messages and docs.
type Event interface{ Kind() string }

// Policy says how a reaction runs. The zero value of every field but Queue is usable.
type Policy struct {
	Queue Queue
	// Attempts is how often it is tried before it counts as dead (default 16).
	Attempts int
	// Deadline ends the context of one run (default one minute).
	Deadline time.Duration
	// Delay is how long it waits before the first run.
	Delay time.Duration
	// Backoff is how long to wait after a failed attempt, 1 for the first; default is Backoff.
	Backoff func(attempt int) time.Duration
	// Statements is how many statements one run may make (requirement C3); a run beyond it is counted and logged. 0 is no budget.
	Statements int
	// UniqueFor is how long a unique job keeps others with its key out while it waits (default a day).
	UniqueFor time.Duration
}

// Option refines a reaction by what the event says.
type Option[E Event] func(*reaction)

// When emits a row only for events of which ok holds.
func When[E Event](ok func(E) bool) Option[E] {
	return func(r *reaction) { r.when = func(e Event) bool { return ok(e.(E)) } }
}

// Lane puts rows of the same lane together: a host, for deliveries. Lanes share the slots of a worker fairly.
func Lane[E Event](lane func(E) string) Option[E] {
	return func(r *reaction) { r.lane = func(e Event) string { return lane(e.(E)) } }
}

// Unique keeps a row from being written while one with the same key waits or runs.
func Unique[E Event](key func(E) string) Option[E] {
	return func(r *reaction) { r.unique = func(e Event) string { return key(e.(E)) } }
}

type reaction struct {
	name   string
	kind   string
	policy Policy
	event  reflect.Type
	when   func(Event) bool
	lane   func(Event) string
	unique func(Event) string
	run    func(ctx context.Context, args []byte) error
}

// Info describes a reaction, for the docs.
type Info struct {
	Name, Event string
	Policy      Policy
	// Unique and Lane say that rows have keys, and lanes.
	Unique, Lane bool
}

// Options of the job system.
type Options struct {
	DB    *db.DB
	IDs   *ids.Source
	Clock clock.Clock
	// Wake tells the workers of other processes that there is work; may be nil. It may fail silently: workers also poll.
	Wake func(queues []Queue)
	// Metrics is where the figures of this process go; may be nil.
	Metrics *metric.Registry
}

// Jobs writes and runs durable work.
type Jobs struct {
	Options
	names   map[string]*reaction
	events  map[reflect.Type][]*reaction
	recurs  []Recurring
	entries map[string]string // the entry of the schedule by the reaction that does its work
	counts  counts
	gauges  *gauges
	// pressure is the Pressure in force.
	pressure atomic.Int32

	mu      sync.Mutex
	waiting map[chan struct{}]bool
	workers []*worker
}

// New makes the job system. Register every reaction before the first Emit.
func New(o Options) *Jobs {
	return &Jobs{
		Options: o, names: map[string]*reaction{}, events: map[reflect.Type][]*reaction{}, entries: map[string]string{}, waiting: map[chan struct{}]bool{},
		gauges: newGauges(o.Metrics),
	}
}

// On registers a reaction to an event under a name that is stored in rows. It panics on a name given twice and on an
// unknown queue: both are mistakes of the program, found at start.
func On[E Event](j *Jobs, name string, p Policy, fn func(ctx context.Context, e E) error, opts ...Option[E]) {
	if j.names[name] != nil {
		panic("jobs: two reactions are named " + name)
	}
	known := false
	for _, q := range Queues {
		known = known || q == p.Queue
	}
	if !known {
		panic("jobs: " + name + " asks for an unknown queue " + string(p.Queue))
	}
	if p.Attempts == 0 {
		p.Attempts = defaultAttempts
	}
	if p.Deadline == 0 {
		p.Deadline = defaultDeadline
	}
	if p.Backoff == nil {
		p.Backoff = Backoff
	}
	if p.UniqueFor == 0 {
		p.UniqueFor = defaultUniqueFor
	}
	var zero E
	r := &reaction{name: name, kind: zero.Kind(), policy: p, event: reflect.TypeFor[E]()}
	r.run = func(ctx context.Context, args []byte) error {
		var e E
		if err := json.Unmarshal(args, &e); err != nil {
			return Dead(fmt.Errorf("reading the arguments: %w", err))
		}
		return fn(ctx, e)
	}
	for _, o := range opts {
		o(r)
	}
	j.names[name] = r
	j.events[r.event] = append(j.events[r.event], r)
}

// Describe lists the reactions by event and name.
func (j *Jobs) Describe() []Info {
	out := make([]Info, 0, len(j.names))
	for _, r := range j.names {
		out = append(out, Info{Name: r.name, Event: r.kind, Policy: r.policy, Unique: r.unique != nil, Lane: r.lane != nil})
	}
	sort.Slice(out, func(a, b int) bool {
		if out[a].Event != out[b].Event {
			return out[a].Event < out[b].Event
		}
		return out[a].Name < out[b].Name
	})
	return out
}

const insertJob = `INSERT INTO jobs (id, queue, kind, args, lane, unique_key, unique_until, state, worker, attempt, run_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`

// Emit writes the rows that follow from events, in the caller's transaction: they exist if and only if it commits. An event
// that nothing was registered for is refused.
func (j *Jobs) Emit(ctx context.Context, tx *db.Tx, events ...Event) error {
	return j.EmitAt(ctx, tx, j.Clock.Now(), events...)
}

// EmitAt is Emit for work that is due later.
func (j *Jobs) EmitAt(ctx context.Context, tx *db.Tx, due time.Time, events ...Event) error {
	b := batch{Jobs: j, now: j.Clock.Now(), due: due}
	return b.emit(ctx, tx, events)
}

func (j *Jobs) wake(queues []Queue) {
	j.Nudge()
	if j.Wake != nil {
		j.Wake(queues)
	}
}

// Nudge makes the workers of this process look for work now.
func (j *Jobs) Nudge() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for c := range j.waiting {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Dead marks an error after which trying again is useless: the row is kept as dead, with the error.
func Dead(err error) error { return dead{err} }

type dead struct{ error }

func (d dead) Unwrap() error { return d.error }

// Later asks for another run after a wait without counting as a failure of the job.
func Later(wait time.Duration, why error) error { return later{why, wait} }

type later struct {
	error
	wait time.Duration
}

func (l later) Unwrap() error { return l.error }

// IsLater reports whether err is one of Later: the job was put off, and did not fail.
func IsLater(err error) bool {
	var l later
	return errors.As(err, &l)
}

// ErrFenced says that the job was taken over by another process meanwhile; whatever was about to be written must not be.
var ErrFenced = errors.New("the job belongs to another process by now")

type runKey struct{}

type run struct {
	id, worker, attempt int64
	completed           atomic.Bool
}

// Complete removes the running job in the handler's own transaction: the effect and the end of the job commit together, and
// a process that lost the job meanwhile gets ErrFenced and rolls back. Outside of a job it does nothing.
func Complete(ctx context.Context, tx *db.Tx) error {
	r, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		return nil
	}
	n, err := tx.Exec(ctx, "DELETE FROM jobs WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 1", r.id, r.worker, r.attempt)
	if err != nil {
		return fmt.Errorf("completing a job: %w", err)
	}
	if n == 0 {
		return ErrFenced
	}
	tx.AfterCommit(func() { r.completed.Store(true) })
	return nil
}

// Attempt says which attempt of the job this is, 1 for the first; 0 outside of a job.
func Attempt(ctx context.Context) int {
	if r, ok := ctx.Value(runKey{}).(*run); ok {
		return int(r.attempt)
	}
	return 0
}
