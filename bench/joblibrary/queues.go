package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	_ "modernc.org/sqlite"
)

// queueNames in strict order, as in Mastodon's default set-up.
var queueNames = []string{"default", "push", "ingress", "mailers", "pull", "scheduler"}

// slots is how many jobs run at once in a process.
const slots = 50

// queue is what is measured.
type queue interface {
	// enqueue writes a row and jobs on the first n queues in one transaction.
	enqueue(ctx context.Context, id int64, n int) error
	// start works until stop is called; worked hears of each job when it has run, done when its end is in the database.
	start(ctx context.Context, worked, done func(id int64)) (stop func(), err error)
	close()
}

// noop is a job that does nothing.
type noop struct {
	ID int64 `json:"id"`
}

func (noop) Kind() string { return "noop" }

type noopWorker struct {
	river.WorkerDefaults[noop]
	worked func(int64) // set before the client starts
}

func (w *noopWorker) Work(_ context.Context, j *river.Job[noop]) error {
	if w.worked != nil {
		w.worked(j.Args.ID)
	}
	return nil
}

const postTable = "CREATE TABLE post (id BIGINT PRIMARY KEY, body TEXT NOT NULL)"

const body = "<p>Some hundred bytes of text, as a post has them: hello world, this is a short message with a #hashtag.</p>"

// synchronous is SQLite's setting of that name: whether a commit waits for the disk.
var synchronous = "FULL"

func openSQLite(path string) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous("+synchronous+")&_pragma=busy_timeout(10000)")
	must(err)
	db.SetMaxOpenConns(1)
	return db
}

func openPG(ctx context.Context, dsn string) *pgxpool.Pool {
	c, err := pgxpool.ParseConfig(dsn)
	must(err)
	c.MaxConns = 20
	pool, err := pgxpool.NewWithConfig(ctx, c)
	must(err)
	return pool
}

// riverQueue is River on either engine.
type riverQueue[T any] struct {
	client *river.Client[T]
	noops  *noopWorker
	inTx   func(ctx context.Context, id int64, do func(T) error) error
	old    func(ctx context.Context, id int64) error
	shut   func()
}

// tuned is River set for speed, for all measurements of cost.
func tuned(c *river.Config) (*river.Config, *noopWorker) {
	noops := &noopWorker{}
	c.Logger = slog.New(slog.DiscardHandler)
	if c.FetchCooldown == 0 {
		c.FetchCooldown = 2 * time.Millisecond
	}
	if c.FetchPollInterval == 0 {
		c.FetchPollInterval = 10 * time.Millisecond
	}
	if c.Workers == nil {
		c.Workers = river.NewWorkers()
		river.AddWorker(c.Workers, noops)
	}
	if c.Queues == nil {
		c.Queues = map[string]river.QueueConfig{}
		for _, q := range queueNames {
			c.Queues[q] = river.QueueConfig{MaxWorkers: slots}
		}
	}
	return c, noops
}

func migrate[T any](ctx context.Context, d riverdriver.Driver[T]) {
	m, err := rivermigrate.New(d, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	must(err)
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	must(err)
}

func riverSQLite(ctx context.Context, path string, c *river.Config) *riverQueue[*sql.Tx] {
	db := openSQLite(path)
	d := riversqlite.New(db)
	migrate(ctx, d)
	_, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS"+postTable[len("CREATE TABLE"):])
	must(err)
	c, noops := tuned(c)
	client, err := river.NewClient(d, c)
	must(err)
	inTx := func(ctx context.Context, id int64, do func(*sql.Tx) error) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, "INSERT INTO post (id, body) VALUES ($1, $2)", id, body); err != nil {
			return err
		}
		if err := do(tx); err != nil {
			return err
		}
		return tx.Commit()
	}
	old := func(ctx context.Context, id int64) error {
		_, err := db.ExecContext(ctx, "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = datetime('now', '-1 hour', 'subsec') WHERE id = $1", id)
		return err
	}
	return &riverQueue[*sql.Tx]{client, noops, inTx, old, func() { db.Close() }}
}

func riverPG(ctx context.Context, dsn string, c *river.Config) *riverQueue[pgx.Tx] {
	pool := openPG(ctx, dsn)
	d := riverpgxv5.New(pool)
	migrate(ctx, d)
	_, err := pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS"+postTable[len("CREATE TABLE"):])
	must(err)
	c, noops := tuned(c)
	client, err := river.NewClient(d, c)
	must(err)
	inTx := func(ctx context.Context, id int64, do func(pgx.Tx) error) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO post (id, body) VALUES ($1, $2)", id, body); err != nil {
				return err
			}
			return do(tx)
		})
	}
	old := func(ctx context.Context, id int64) error {
		_, err := pool.Exec(ctx, "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '1 hour' WHERE id = $1", id)
		return err
	}
	return &riverQueue[pgx.Tx]{client, noops, inTx, old, pool.Close}
}

func (r *riverQueue[T]) enqueue(ctx context.Context, id int64, n int) error {
	params := make([]river.InsertManyParams, n)
	for i := range params {
		params[i] = river.InsertManyParams{Args: noop{id}, InsertOpts: &river.InsertOpts{Queue: queueNames[i]}}
	}
	return r.inTx(ctx, id, func(tx T) error {
		_, err := r.client.InsertManyTx(ctx, tx, params)
		return err
	})
}

func (r *riverQueue[T]) start(ctx context.Context, worked, done func(int64)) (func(), error) {
	events, cancel := r.client.SubscribeConfig(&river.SubscribeConfig{ChanSize: 1 << 16, Kinds: []river.EventKind{river.EventKindJobCompleted}})
	r.noops.worked = worked
	go func() {
		for e := range events {
			done(idOf(e.Job.EncodedArgs))
		}
	}()
	if err := r.client.Start(ctx); err != nil {
		return nil, err
	}
	return func() {
		cancel()
		ctx, end := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer end()
		if err := r.client.StopAndCancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			fmt.Println("stopping:", err)
		}
	}, nil
}

// idOf reads the id out of a job's arguments; zero for other kinds of jobs.
func idOf(args []byte) int64 {
	var n noop
	_ = json.Unmarshal(args, &n)
	return n.ID
}

func (r *riverQueue[T]) close() { r.shut() }

// row is one job as the library has it stored.
func (r *riverQueue[T]) row(ctx context.Context, id int64) *rivertype.JobRow {
	row, err := r.client.JobGet(ctx, id)
	must(err)
	return row
}
