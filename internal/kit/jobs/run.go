package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// abandonAfter is how long after its deadline a job may go on before its slot is given to others (requirements E6, N6).
const abandonAfter = 10 * time.Second

// errDeaf is the end of a job that did not stop when its time was over. It may still be at work; what it writes with Complete
// is refused.
var errDeaf = errors.New("it went on after its deadline and was abandoned")

// execution is one run of a job that is held, in a goroutine of its own.
type execution struct {
	w          *worker
	c          claimed
	state      *run
	statements *db.Counter
	began      time.Time
	waited     time.Duration
	once       sync.Once
}

func (w *worker) run(ctx context.Context, c claimed) {
	x := &execution{w: w, c: c, state: &run{id: c.id, worker: w.Process.ID, attempt: c.attempt}, began: time.Now(), waited: max(0, w.Clock.Now().Sub(c.due))}
	ctx, x.statements = db.Counting(context.WithValue(ctx, runKey{}, x.state))
	go func() {
		watch := time.AfterFunc(w.names[c.name].policy.Deadline+abandonAfter, x.abandon)
		err := w.execute(ctx, c)
		watch.Stop()
		if !x.end(err) {
			w.returned()
		}
	}()
}

// end takes the job's slot back, the first time that it is called.
func (x *execution) end(err error) (first bool) {
	x.once.Do(func() {
		first = true
		x.w.end(x, err)
	})
	return first
}

// abandon gives the slot of a job to others that does not stop. So many may be abandoned as there are slots; more keep theirs,
// so that memory stays bounded.
func (x *execution) abandon() {
	w := x.w
	w.mu.Lock()
	ok := w.abandoned < w.slots
	if ok {
		w.abandoned++
	}
	w.mu.Unlock()
	switch {
	case !ok:
		time.AfterFunc(abandonAfter, x.abandon)
	case !x.end(errDeaf): // it stopped after all
		w.returned()
	default:
		w.gauges.abandonments.Inc(x.c.name)
		w.Log.Error("a job went on after its deadline; its slot is given to others", "job", x.c.name, "id", x.c.id)
	}
}

// returned is the end of a job that was abandoned.
func (w *worker) returned() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abandoned--
}

// end counts the end of a run, frees the slot, and has the end written.
func (w *worker) end(x *execution, err error) {
	defer w.wg.Done()
	d := Done{Name: x.c.name, Queue: x.c.queue, Waited: x.waited, Took: time.Since(x.began), Statements: int(x.statements.N()), Err: err}
	w.count(d, x.c.attempt)
	if w.OnDone != nil {
		w.OnDone(d)
	}
	w.mu.Lock()
	w.letGo(x.c)
	if err != nil && w.stopping {
		err = Later(0, err) // stopped, not failed
	}
	e := ended{claimed: x.c, err: err, took: d.Took, gone: x.state.completed.Load() || errors.Is(err, ErrFenced)}
	if e.gone && w.entries[x.c.name] == "" {
		delete(w.mine, x.c.id)
	} else {
		w.done = append(w.done, e)
	}
	w.mu.Unlock()
	select {
	case w.finished <- struct{}{}:
	default:
	}
}

// execute runs one job within its deadline. A panic is a failure of that job alone.
func (w *worker) execute(ctx context.Context, c claimed) (err error) {
	r := w.names[c.name]
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
