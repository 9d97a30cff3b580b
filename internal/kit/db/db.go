// Package db owns the connection to SQL: opening either engine, transactions, and the few places where SQLite and PostgreSQL differ.
//
// SQL is one text for both engines, with $1 placeholders. What differs is written as follows and translated once per text:
//
//	id = ANY($1)      with db.Array(ids) as the argument
//	tx.SkipLocked()   FOR UPDATE SKIP LOCKED where the engine has it
//	tx.Among(c, list) c IN (list), by the index of c whatever the statistics say
//
// Times are BIGINT milliseconds (Ms, At); absent times and references are 0, not NULL. Ids are made in Go (kit/ids).
//
// A connection is held only while a statement or a transaction runs. The function given to Write must not wait for anything
// but the database: no network call, no file, no channel.
package db

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Engine names a database engine.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// Row is one result row.
type Row interface {
	// Scan copies the columns into dest. No row at all is errs.NotFound.
	Scan(dest ...any) error
}

// Rows is a running result. Close may be called more than once.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// Q reads. The reading side of a DB and a Tx are both a Q.
type Q interface {
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) Row
	Engine() Engine
}

// conn is what a transaction runs on, one implementation an engine.
type conn interface {
	query(ctx context.Context, sql string, args []any) (Rows, error)
	queryRow(ctx context.Context, sql string, args []any) Row
	exec(ctx context.Context, sql string, args []any) (int64, error)
	execMany(ctx context.Context, sql string, args [][]any) (int64, error)
	later(ctx context.Context, doing, sql string, args []any) error
}

// backend is one engine.
type backend interface {
	conn
	// write runs fn in a transaction and commits it when fn returns nil.
	write(ctx context.Context, fn func(conn) error) error
	ping(ctx context.Context) error
	stats() Stats
	place(ctx context.Context) (string, error)
	close()
}

// DB is an open database with a pool that reads and a pool, or the one connection, that writes.
type DB struct {
	engine Engine
	b      backend
}

// Options say how to open. The zero value of every field but URL is usable.
type Options struct {
	// URL is postgres://… or the path of a SQLite file.
	URL string
	// ReplicaURL is where the reading pool connects, when not the same server (PostgreSQL only).
	ReplicaURL string
	// Pool is the most connections that this process opens, reading and writing together (2…1000; default 30).
	Pool int
	// NoPreparedStatements keeps named prepared statements off; a transaction pooler is also found by itself.
	NoPreparedStatements bool
	// Unsafe leaves durability to the operating system; for tests alone.
	Unsafe bool
	// OnText is told of each text of a statement when it is seen for the first time, by whoever runs it (SQLite; for tests alone).
	OnText func(sql string)
	// OnRetry is told of each time that the database was out of connections and was asked again (C9).
	OnRetry func()
}

// Stats are the pool's present figures.
type Stats struct {
	Open, Busy, Max int
	// Waited counts, and WaitTime adds up, the times that a caller waited for a connection.
	Waited   int64
	WaitTime time.Duration
}

// Open connects, and fails with a plain message when the database does not answer.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Pool == 0 {
		o.Pool = 30
	}
	if strings.HasPrefix(o.URL, "postgres://") || strings.HasPrefix(o.URL, "postgresql://") {
		b, err := openPostgres(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("connecting to PostgreSQL: %w", err)
		}
		return &DB{engine: Postgres, b: b}, nil
	}
	b, err := openSQLite(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("opening SQLite file %s: %w", o.URL, err)
	}
	return &DB{engine: SQLite, b: b}, nil
}

// Engine says which engine this is.
func (d *DB) Engine() Engine { return d.engine }

// Close lets go of every connection.
func (d *DB) Close() { d.b.close() }

// Ping reports whether both pools answer.
func (d *DB) Ping(ctx context.Context) error { return d.b.ping(ctx) }

// Stats are the present figures of the pools.
func (d *DB) Stats() Stats { return d.b.stats() }

// Query reads rows outside of a transaction, on the pool that cannot write.
func (d *DB) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	count(ctx)
	return d.b.query(ctx, sql, args)
}

// QueryRow reads one row outside of a transaction, on the pool that cannot write.
func (d *DB) QueryRow(ctx context.Context, sql string, args ...any) Row {
	count(ctx)
	return d.b.queryRow(ctx, sql, args)
}

// Tx is an open transaction. It reads what it wrote. It is not safe for use by several goroutines.
type Tx struct {
	engine Engine
	c      conn
	after  []func()
	undo   []func()
}

// Write runs fn in one transaction: committed when fn returns nil, rolled back otherwise. On PostgreSQL fn runs again, up to
// three times, when the database reports a deadlock or a serialization failure, so it must be safe to repeat.
func (d *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	var tx *Tx
	committed := false
	defer func() { tx.finish(committed) }()
	err := d.b.write(ctx, func(c conn) error {
		tx.finish(false) // the attempt before was rolled back
		tx = &Tx{engine: d.engine, c: c}
		return fn(tx)
	})
	if err != nil {
		return err
	}
	committed = true
	for _, f := range tx.after {
		f()
	}
	return nil
}

// finish tells those who wait for the end of a transaction, if there was one. It may be called again.
func (t *Tx) finish(committed bool) {
	if t == nil || committed {
		return
	}
	for _, f := range t.undo {
		f()
	}
	t.undo = nil
}

// Engine says which engine the transaction runs on.
func (t *Tx) Engine() Engine { return t.engine }

// Query reads rows. Close or exhaust them before the next statement.
func (t *Tx) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	count(ctx)
	return t.c.query(ctx, sql, args)
}

// QueryRow reads one row.
func (t *Tx) QueryRow(ctx context.Context, sql string, args ...any) Row {
	count(ctx)
	return t.c.queryRow(ctx, sql, args)
}

// Exec writes and says how many rows it touched.
func (t *Tx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	count(ctx)
	return t.c.exec(ctx, sql, args)
}

// ExecMany runs one statement for each list of arguments, in one round trip where the engine can, and says how many rows
// they touched together. It counts as one statement.
func (t *Tx) ExecMany(ctx context.Context, sql string, args [][]any) (int64, error) {
	if len(args) == 0 {
		return 0, nil
	}
	count(ctx)
	return t.c.execMany(ctx, sql, args)
}

// Do writes what nobody needs an answer to. On PostgreSQL the statement travels with the next one that is answered, or with the
// commit, which saves its round trip, and its error comes from there; doing says in it what for, in the present participle. The
// arguments must not change until then. Give the statements of a transaction their order: the answered ones first.
func (t *Tx) Do(ctx context.Context, doing, sql string, args ...any) error {
	count(ctx)
	return t.c.later(ctx, doing, sql, args)
}

// DoMany is Do for one statement with several lists of arguments. It counts as one statement.
func (t *Tx) DoMany(ctx context.Context, doing, sql string, args [][]any) error {
	if len(args) > 0 {
		count(ctx)
	}
	for _, a := range args {
		if err := t.c.later(ctx, doing, sql, a); err != nil {
			return err
		}
	}
	return nil
}

// AfterCommit runs f once the transaction is committed, in the caller's goroutine: for hints that may be lost (live
// messages, wake-ups, caches), never for work that must happen.
func (t *Tx) AfterCommit(f func()) { t.after = append(t.after, f) }

// OnRollback runs f when the transaction is not committed, or when nobody can say whether it was.
func (t *Tx) OnRollback(f func()) { t.undo = append(t.undo, f) }

// SkipLocked is the clause that makes a claiming SELECT pass over rows that others hold.
func (t *Tx) SkipLocked() string {
	if t.engine == Postgres {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// Among is the condition that a row's indexed column is one of those of a short list which the statement itself finds. PostgreSQL
// looks each up in the index, whatever it believes of the table's size: of a queue that was empty when its statistics were taken
// it believes for a minute that reading all of it costs nothing.
func (t *Tx) Among(column, list string) string {
	if t.engine == Postgres {
		return column + " = ANY(ARRAY(" + list + "))"
	}
	return column + " IN (" + list + ")"
}

// ForUpdate is the clause that locks the rows of a SELECT until the transaction ends.
func (t *Tx) ForUpdate() string {
	if t.engine == Postgres {
		return " FOR UPDATE"
	}
	return ""
}

// Ms is a time as the database keeps it: milliseconds since 1970, 0 for none.
func Ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// At is a time as Ms kept it.
func At(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
