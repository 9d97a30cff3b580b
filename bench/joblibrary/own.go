package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The own queue, sketched: one table; a claim takes the first jobs in strict order of queues, counts the attempt and writes a lease; a
// finished job is deleted together with others, only by the holder of its lease. It has what the figures compare (transactional insert,
// claim, lease, completion, wake-up) and nothing else: no retries, no schedule, no history.

const ownTable = `CREATE TABLE job (
	id %s, rank SMALLINT NOT NULL, kind TEXT NOT NULL, args TEXT NOT NULL, run_at BIGINT NOT NULL,
	attempt SMALLINT NOT NULL DEFAULT 0, lease BIGINT NOT NULL DEFAULT 0, lease_until BIGINT NOT NULL DEFAULT 0)`

const ownIndex = `CREATE INDEX job_next ON job (rank, id) WHERE lease = 0`

const ownClaim = `UPDATE job SET lease = $1, lease_until = $2, attempt = attempt + 1
WHERE id IN (SELECT id FROM job WHERE lease = 0 AND run_at <= $3 ORDER BY rank, id LIMIT $4 %s)
RETURNING id, rank, args`

type claimed struct {
	id   int64
	rank int
	args string
}

// store is the part of the own queue that differs between engines.
type store interface {
	insert(ctx context.Context, id int64, n int) error
	claim(ctx context.Context, lease int64, n int) ([]claimed, error)
	finish(ctx context.Context, lease int64, ids []int64) error
	close()
}

type ownQueue struct {
	store
	wake  chan struct{}
	slots int
	poll  time.Duration
	work  func(claimed)
}

func newOwn(s store) *ownQueue {
	return &ownQueue{store: s, wake: make(chan struct{}, 1), slots: slots, poll: 90 * time.Millisecond, work: func(claimed) {}}
}

func (q *ownQueue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *ownQueue) enqueue(ctx context.Context, id int64, n int) error {
	if err := q.insert(ctx, id, n); err != nil {
		return err
	}
	q.nudge()
	return nil
}

func (q *ownQueue) start(ctx context.Context, worked, done func(int64)) (func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	const lease = 1 // one claimer in this process
	finished := make(chan claimed, q.slots)
	free := make(chan struct{}, q.slots)
	for range q.slots {
		free <- struct{}{}
	}
	var wg sync.WaitGroup
	wg.Go(func() { q.completer(ctx, lease, finished, done) })
	wg.Go(func() {
		tick := time.NewTicker(q.poll)
		defer tick.Stop()
		for {
			n := q.take(ctx, free)
			if n == 0 {
				return
			}
			jobs, err := q.claim(ctx, lease, n)
			if ctx.Err() != nil {
				return
			}
			must(err)
			for range n - len(jobs) {
				free <- struct{}{}
			}
			for _, j := range jobs {
				wg.Go(func() {
					q.work(j)
					worked(idOf([]byte(j.args)))
					free <- struct{}{}
					select {
					case finished <- j:
					case <-ctx.Done():
					}
				})
			}
			if len(jobs) == n {
				continue
			}
			select {
			case <-q.wake:
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); wg.Wait() }, nil
}

// take waits for one free slot and takes all there are.
func (q *ownQueue) take(ctx context.Context, free chan struct{}) int {
	select {
	case <-free:
	case <-ctx.Done():
		return 0
	}
	n := 1
	for {
		select {
		case <-free:
			n++
		default:
			return n
		}
	}
}

// completer deletes what has finished; while one statement runs, the next batch gathers.
func (q *ownQueue) completer(ctx context.Context, lease int64, finished chan claimed, done func(int64)) {
	for {
		var batch []claimed
		select {
		case j := <-finished:
			batch = append(batch, j)
		case <-ctx.Done():
			return
		}
		for more := true; more && len(batch) < 200; {
			select {
			case j := <-finished:
				batch = append(batch, j)
			default:
				more = false
			}
		}
		ids := make([]int64, len(batch))
		for i, j := range batch {
			ids[i] = j.id
		}
		err := q.finish(ctx, lease, ids)
		if ctx.Err() != nil {
			return
		}
		must(err)
		for _, j := range batch {
			done(idOf([]byte(j.args)))
		}
	}
}

func now() int64 { return time.Now().UnixMilli() }

// leaseTime is how long a worker may stay silent.
const leaseTime = 30_000

type ownSQLite struct{ db *sql.DB }

func newOwnSQLite(ctx context.Context, path string) *ownQueue {
	db := openSQLite(path)
	for _, s := range []string{postTable, fmt.Sprintf(ownTable, "INTEGER PRIMARY KEY"), ownIndex} {
		_, err := db.ExecContext(ctx, s)
		must(err)
	}
	return newOwn(&ownSQLite{db})
}

func (s *ownSQLite) insert(ctx context.Context, id int64, n int) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "INSERT INTO post (id, body) VALUES ($1, $2)", id, body); err != nil {
		return err
	}
	var b strings.Builder
	var args []any
	for i := range n {
		b.WriteString(",(?, 'noop', ?, ?)")
		args = append(args, i, fmt.Sprintf(`{"id":%d}`, id), now())
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO job (rank, kind, args, run_at) VALUES "+b.String()[1:], args...); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *ownSQLite) claim(ctx context.Context, lease int64, n int) (jobs []claimed, err error) {
	rows, err := s.db.QueryContext(ctx, fmt.Sprintf(ownClaim, ""), lease, now()+leaseTime, now(), n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var j claimed
		if err := rows.Scan(&j.id, &j.rank, &j.args); err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, rows.Err()
}

func (s *ownSQLite) finish(ctx context.Context, lease int64, ids []int64) error {
	args := []any{lease}
	for _, id := range ids {
		args = append(args, id)
	}
	_, err := s.db.ExecContext(ctx, "DELETE FROM job WHERE lease = ? AND id IN (?"+strings.Repeat(",?", len(ids)-1)+")", args...)
	return err
}

func (s *ownSQLite) close() { s.db.Close() }

type ownPG struct{ pool *pgxpool.Pool }

func newOwnPG(ctx context.Context, dsn string) *ownQueue {
	pool := openPG(ctx, dsn)
	for _, s := range []string{postTable, fmt.Sprintf(ownTable, "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"), ownIndex} {
		_, err := pool.Exec(ctx, s)
		must(err)
	}
	return newOwn(&ownPG{pool})
}

func (s *ownPG) insert(ctx context.Context, id int64, n int) error {
	ranks := make([]int16, n)
	for i := range ranks {
		ranks[i] = int16(i)
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO post (id, body) VALUES ($1, $2)", id, body); err != nil {
			return err
		}
		// The notification is what other processes would hear; River sends one as well.
		_, err := tx.Exec(ctx, `WITH told AS (SELECT pg_notify('jobs', ''))
INSERT INTO job (rank, kind, args, run_at) SELECT r, 'noop', $2, $3 FROM unnest($1::smallint[]) r, told`, ranks, fmt.Sprintf(`{"id":%d}`, id), now())
		return err
	})
}

func (s *ownPG) claim(ctx context.Context, lease int64, n int) ([]claimed, error) {
	rows, err := s.pool.Query(ctx, fmt.Sprintf(ownClaim, "FOR UPDATE SKIP LOCKED"), lease, now()+leaseTime, now(), n)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (j claimed, err error) { return j, r.Scan(&j.id, &j.rank, &j.args) })
}

func (s *ownPG) finish(ctx context.Context, lease int64, ids []int64) error {
	_, err := s.pool.Exec(ctx, "DELETE FROM job WHERE lease = $1 AND id = ANY($2)", lease, ids)
	return err
}

func (s *ownPG) close() { s.pool.Close() }
