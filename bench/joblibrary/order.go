package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

const (
	orderSlots = 20
	orderJobs  = 1000 // of each class
	orderTook  = 5 * time.Millisecond
	classes    = 4
)

// order: four classes of jobs wait, the least urgent were inserted first; twenty slots are shared. In strict order, no job starts while
// a more urgent one waits.
func order(ctx context.Context, e *env, _ int) error {
	fmt.Printf("## strict order: %d classes of %d jobs of %s over %d shared slots\n", classes, orderJobs, orderTook, orderSlots)
	fmt.Println("| engine | how | started although a more urgent one waited | max running | took (ideal 1.0 s) |")
	fmt.Println("|---|---|---|---|---|")
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, how := range []string{"river: 1 queue, 4 priorities", "river: 4 queues, gate as middleware", "own sketch"} {
			l := &ledger{}
			stop, err := orderOne(ctx, e, engine, how, l)
			if err != nil {
				return err
			}
			began := time.Now()
			for !l.finished() && time.Since(began) < time.Minute {
				time.Sleep(5 * time.Millisecond)
			}
			took := time.Since(l.began())
			stop()
			fmt.Printf("| %s | %s | %.1f %% | %d | %.1f s |\n", engine, how, 100*float64(l.inversions())/(classes*orderJobs), l.most, took.Seconds())
		}
	}
	return nil
}

func orderOne(ctx context.Context, e *env, engine, how string, l *ledger) (func(), error) {
	dsn := e.database(ctx, engine)
	if how == "own sketch" {
		var q *ownQueue
		if engine == "sqlite" {
			q = newOwnSQLite(ctx, dsn)
		} else {
			q = newOwnPG(ctx, dsn)
		}
		q.slots = orderSlots
		q.work = func(c claimed) { l.work(c.rank) }
		for i := range orderJobs { // the rank is the class: each post has one job of every class
			must(q.insert(ctx, int64(i+1), classes))
		}
		stop, err := q.start(ctx, ignore, ignore)
		return func() { stop(); q.close() }, err
	}
	c := &river.Config{Workers: river.NewWorkers(), JobTimeout: -1, Queues: map[string]river.QueueConfig{"all": {MaxWorkers: orderSlots}}}
	river.AddWorker(c.Workers, &classWorker{l: l})
	gated := how != "river: 1 queue, 4 priorities"
	if gated {
		c.Middleware = []rivertype.Middleware{&gate{free: orderSlots}}
		c.Queues = map[string]river.QueueConfig{}
		for i := range classes {
			c.Queues[queueNames[i]] = river.QueueConfig{MaxWorkers: 2 * orderSlots}
		}
	}
	q := openRiver(ctx, engine, dsn, c)
	for class := classes - 1; class >= 0; class-- {
		opts := &river.InsertOpts{Queue: "all", Priority: class + 1}
		if gated {
			opts = &river.InsertOpts{Queue: queueNames[class]}
		}
		must(q.addMany(ctx, classed{class}, opts, orderJobs))
	}
	stop, err := q.start(ctx, ignore, ignore)
	return func() { stop(); q.close() }, err
}

func (r *riverQueue[T]) addMany(ctx context.Context, args river.JobArgs, opts *river.InsertOpts, n int) error {
	params := make([]river.InsertManyParams, n)
	for i := range params {
		params[i] = river.InsertManyParams{Args: args, InsertOpts: opts}
	}
	_, err := r.client.InsertMany(ctx, params)
	return err
}

type classed struct {
	ID int `json:"id"`
}

func (classed) Kind() string { return "classed" }

type classWorker struct {
	river.WorkerDefaults[classed]
	l *ledger
}

func (w *classWorker) Work(_ context.Context, j *river.Job[classed]) error {
	w.l.work(j.Args.ID)
	return nil
}

// ledger notes who started in which order.
type ledger struct {
	mu                  sync.Mutex
	starts              []int
	running, most, done int
	first               time.Time
}

func (l *ledger) work(class int) {
	l.mu.Lock()
	if l.first.IsZero() {
		l.first = time.Now()
	}
	l.starts = append(l.starts, class)
	l.running++
	l.most = max(l.most, l.running)
	l.mu.Unlock()
	time.Sleep(orderTook)
	l.mu.Lock()
	l.running--
	l.done++
	l.mu.Unlock()
}

func (l *ledger) finished() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done == classes*orderJobs
}

func (l *ledger) began() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// inversions counts starts while a more urgent job had not started.
func (l *ledger) inversions() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := [classes]int{}
	for i := range left {
		left[i] = orderJobs
	}
	for _, c := range l.starts {
		for urgent := range c {
			if left[urgent] > 0 {
				n++
				break
			}
		}
		left[c]--
	}
	return n
}

// gate hands out shared slots, to the most urgent class that waits.
type gate struct {
	river.MiddlewareDefaults
	mu      sync.Mutex
	free    int
	waiting [classes][]chan struct{}
}

func (g *gate) Work(ctx context.Context, job *rivertype.JobRow, inner func(context.Context) error) error {
	class := 0
	for i, name := range queueNames[:classes] {
		if name == job.Queue {
			class = i
		}
	}
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
	} else {
		turn := make(chan struct{})
		g.waiting[class] = append(g.waiting[class], turn)
		g.mu.Unlock()
		<-turn
	}
	defer g.release()
	return inner(ctx)
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for class := range g.waiting {
		if w := g.waiting[class]; len(w) > 0 {
			g.waiting[class] = w[1:]
			close(w[0])
			return
		}
	}
	g.free++
}
