package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"
)

// jobsPerPost is how many jobs one transaction writes.
const jobsPerPost = 4

// candidates are the four things compared.
var candidates = []struct {
	name, engine string
	open         func(ctx context.Context, dsn string) queue
}{
	{"river, poll 1 s", "sqlite", func(ctx context.Context, dsn string) queue {
		return riverSQLite(ctx, dsn, &river.Config{FetchPollInterval: time.Second})
	}},
	{"river, poll 10 ms", "sqlite", func(ctx context.Context, dsn string) queue { return riverSQLite(ctx, dsn, &river.Config{}) }},
	{"own sketch", "sqlite", func(ctx context.Context, dsn string) queue { return newOwnSQLite(ctx, dsn) }},
	{"river, poll 1 s", "postgres", func(ctx context.Context, dsn string) queue {
		return riverPG(ctx, dsn, &river.Config{FetchPollInterval: time.Second})
	}},
	{"own sketch", "postgres", func(ctx context.Context, dsn string) queue { return newOwnPG(ctx, dsn) }},
}

// figures of one run, in milliseconds a transaction.
type figures struct {
	commit, worked, done50, done95 float64 // wall: until committed, until all four jobs ran, until their ends are stored (median, 95th percentile)
	wall                           float64 // of the whole run divided by transactions
	client, server                 float64 // CPU, all of it
	netClient, netServer           float64 // CPU less what the idle queue uses in the same time
}

// cost: n transactions in flight; each inserts a row and four jobs, commits, and waits until the four are done.
func cost(ctx context.Context, e *env, rounds int) error {
	fmt.Println("## cost of one transaction (a row and 4 jobs) and of working its 4 no-op jobs; ms, median of", rounds, "rounds")
	fmt.Println("| engine | queue | in flight | CPU process | less idle | CPU server | less idle | wall/tx | commit p50 | worked p50 | done p50 | done p95 | tx/s |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, c := range candidates {
		if e.engine != "" && e.engine != c.engine {
			continue
		}
		for _, flight := range []int{1, 10, 100} {
			var all []figures
			for range rounds {
				f, err := measure(ctx, e, c.open(ctx, e.database(ctx, c.engine)), flight)
				if err != nil {
					return fmt.Errorf("%s on %s: %w", c.name, c.engine, err)
				}
				all = append(all, f)
			}
			mid := func(pick func(figures) float64) float64 {
				slices.SortFunc(all, func(a, b figures) int { return int((pick(a) - pick(b)) * 1e6) })
				return pick(all[len(all)/2])
			}
			wall := mid(func(f figures) float64 { return f.wall })
			fmt.Printf("| %s | %s | %d | %.2f | %.2f | %.2f | %.2f | %.2f | %.1f | %.1f | %.1f | %.1f | %.0f |\n", c.engine, c.name, flight,
				mid(func(f figures) float64 { return f.client }), mid(func(f figures) float64 { return f.netClient }),
				mid(func(f figures) float64 { return f.server }), mid(func(f figures) float64 { return f.netServer }), wall,
				mid(func(f figures) float64 { return f.commit }), mid(func(f figures) float64 { return f.worked }), mid(func(f figures) float64 { return f.done50 }),
				mid(func(f figures) float64 { return f.done95 }), 1000/wall)
		}
	}
	return nil
}

func measure(ctx context.Context, e *env, q queue, flight int) (f figures, err error) {
	defer q.close()
	total := map[int]int{1: 40, 10: 400, 100: 2000}[flight]
	ran, stored := newWaiter(), newWaiter()
	stop, err := q.start(ctx, ran.done, stored.done)
	if err != nil {
		return f, err
	}
	defer stop()
	run := func(first, n int) (commits, works, ends []float64) {
		var mu sync.Mutex
		next := make(chan int64)
		var wg sync.WaitGroup
		for range flight {
			wg.Go(func() {
				for id := range next {
					all, gone := ran.expect(id, jobsPerPost), stored.expect(id, jobsPerPost)
					began := time.Now()
					must(q.enqueue(ctx, id, jobsPerPost))
					committed := time.Since(began)
					<-all
					worked := time.Since(began)
					<-gone
					ended := time.Since(began)
					mu.Lock()
					works = append(works, ms(worked))
					commits = append(commits, ms(committed))
					ends = append(ends, ms(ended))
					mu.Unlock()
				}
			})
		}
		for i := range n {
			next <- int64(first + i)
		}
		close(next)
		wg.Wait()
		return commits, works, ends
	}
	run(1, max(5, flight)) // warm up
	rest, span := e.pg.cpu(), 3*time.Second
	time.Sleep(span)
	rest = e.pg.cpu().minus(rest)
	before, began := e.pg.cpu(), time.Now()
	commits, works, ends := run(100_000, total)
	took, used := time.Since(began), e.pg.cpu().minus(before)
	slices.Sort(commits)
	slices.Sort(works)
	slices.Sort(ends)
	per := func(d time.Duration) float64 { return ms(d) / float64(total) }
	share := float64(took) / float64(span)
	less := func(d, idle time.Duration) float64 { return max(0, per(d-time.Duration(share*float64(idle)))) }
	return figures{commits[total/2], works[total/2], ends[total/2], ends[total*95/100], per(took), per(used.self), per(used.server),
		less(used.self, rest.self), less(used.server, rest.server)}, nil
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

// waiter tells when all jobs of a transaction are done.
type waiter struct {
	mu   sync.Mutex
	left map[int64]int
	gone map[int64]chan struct{}
}

func newWaiter() *waiter { return &waiter{left: map[int64]int{}, gone: map[int64]chan struct{}{}} }

func (w *waiter) expect(id int64, n int) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left[id], w.gone[id] = n, make(chan struct{})
	return w.gone[id]
}

func (w *waiter) done(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left[id]--; w.left[id] == 0 {
		close(w.gone[id])
	}
}

// idle: what six empty queues cost, and how late a job is picked up that another process would have written.
func idle(ctx context.Context, e *env, _ int) error {
	fmt.Println("## six empty queues: CPU in % of one core over 15 s, and commit → job runs, of 60 single jobs, ms")
	fmt.Println("| engine | queue | poll | CPU process | CPU server | p50 | p95 | max |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	conf := func(poll time.Duration, only bool) *river.Config {
		return &river.Config{FetchCooldown: 5 * time.Millisecond, FetchPollInterval: poll, PollOnly: only}
	}
	for _, c := range []struct {
		name, engine, poll string
		open               func(dsn string) queue
	}{
		{"river, listening", "sqlite", "1 s (its listener polls at 50 ms)", func(dsn string) queue { return riverSQLite(ctx, dsn, conf(time.Second, false)) }},
		{"river, poll only", "sqlite", "90 ms", func(dsn string) queue { return riverSQLite(ctx, dsn, conf(90*time.Millisecond, true)) }},
		{"river as measured above", "sqlite", "10 ms", func(dsn string) queue { return riverSQLite(ctx, dsn, &river.Config{}) }},
		{"own sketch", "sqlite", "90 ms, no wake-up", func(dsn string) queue { return silent(newOwnSQLite(ctx, dsn)) }},
		{"own sketch", "sqlite", "90 ms, wake-up in process", func(dsn string) queue { return newOwnSQLite(ctx, dsn) }},
		{"river, listening", "postgres", "1 s", func(dsn string) queue { return riverPG(ctx, dsn, conf(time.Second, false)) }},
		{"river, poll only", "postgres", "90 ms", func(dsn string) queue { return riverPG(ctx, dsn, conf(90*time.Millisecond, true)) }},
		{"own sketch", "postgres", "90 ms, no wake-up", func(dsn string) queue { return silent(newOwnPG(ctx, dsn)) }},
	} {
		q := c.open(e.database(ctx, c.engine))
		w := newWaiter()
		stop, err := q.start(ctx, w.done, ignore)
		if err != nil {
			return err
		}
		time.Sleep(7 * time.Second) // past the election
		before := e.pg.cpu()
		const span = 15 * time.Second
		time.Sleep(span)
		used := e.pg.cpu().minus(before)
		var late []float64
		for i := range 60 {
			gone := w.expect(int64(i+1), 1)
			must(q.enqueue(ctx, int64(i+1), 1))
			began := time.Now()
			<-gone
			late = append(late, ms(time.Since(began)))
			time.Sleep(time.Duration(20+i*7%61) * time.Millisecond)
		}
		slices.Sort(late)
		percent := func(d time.Duration) float64 { return 100 * float64(d) / float64(span) }
		fmt.Printf("| %s | %s | %s | %.2f | %.2f | %.0f | %.0f | %.0f |\n", c.engine, c.name, c.poll, percent(used.self), percent(used.server), late[30], late[57], late[59])
		stop()
		q.close()
	}
	return nil
}

// silent is an own queue that hears nothing of its own inserts, as if another process had made them.
func silent(q *ownQueue) queue { return quiet{q} }

type quiet struct{ *ownQueue }

func (q quiet) enqueue(ctx context.Context, id int64, n int) error { return q.insert(ctx, id, n) }
