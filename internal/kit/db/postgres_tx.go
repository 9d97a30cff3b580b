package db

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// commitPatience is how long a commit may still take when nobody waits for it any more: for the locks that deferred
	// statements ask for, and for a server that does not answer.
	commitPatience = 30 * time.Second
	// maxDeferred is how many statements wait to be sent; with more, they go out at once.
	maxDeferred = 500
)

// statement is one on its way to the server. doing says what for, in an error.
type statement struct {
	sql, doing string
	args       []any
}

func (s statement) wrap(err error) error {
	if err == nil || s.doing == "" {
		return err
	}
	return fmt.Errorf("%s: %w", s.doing, err)
}

// pgTx is a transaction that saves round trips. BEGIN travels with the first statement that needs an answer, and statements
// that need none with the next one that does, or with COMMIT. What travels together is one pipeline, in which the server
// passes over everything after an error, so nothing deferred is ever committed in part. A transaction of nothing but deferred
// statements needs neither BEGIN nor COMMIT: one pipeline is one transaction by itself.
type pgTx struct {
	c        *pgxpool.Conn
	deferred []statement
	begun    bool
	// committing says that the commit is on its way: from then on nobody knows, until it is answered.
	committing bool
	// failed is the first error of something deferred; there is nothing to commit after it.
	failed error
}

func (t *pgTx) later(ctx context.Context, doing, q string, args []any) error {
	t.deferred = append(t.deferred, statement{sql: q, doing: doing, args: pgArgs(args)})
	if len(t.deferred) < maxDeferred {
		return nil
	}
	last := t.pop()
	_, err := t.exec(ctx, last.sql, last.args)
	return last.wrap(err)
}

// pop takes the last deferred statement, to be sent as the one that is answered.
func (t *pgTx) pop() statement {
	n := len(t.deferred) - 1
	last := t.deferred[n]
	t.deferred = t.deferred[:n]
	return last
}

// alone says that a statement has nothing to travel with.
func (t *pgTx) alone() bool { return t.begun && len(t.deferred) == 0 }

// send sends all that was deferred, and some statements whose results are left to be read. begin says that more follows.
func (t *pgTx) send(ctx context.Context, begin bool, answered ...statement) (pgx.BatchResults, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	begin = begin && !t.begun
	var b pgx.Batch
	if begin {
		b.Queue("BEGIN")
	}
	before := t.deferred
	t.deferred = nil
	for _, s := range before {
		b.Queue(s.sql, s.args...)
	}
	for _, s := range answered {
		b.Queue(s.sql, s.args...)
	}
	res := t.c.SendBatch(ctx, &b)
	if begin {
		t.begun = true
		before = append([]statement{{doing: "beginning a transaction"}}, before...)
	}
	for _, s := range before {
		if _, err := res.Exec(); err != nil {
			t.failed = s.wrap(err)
			_ = res.Close() // says the same
			return nil, t.failed
		}
	}
	return res, nil
}

func (t *pgTx) query(ctx context.Context, q string, args []any) (Rows, error) {
	if t.alone() {
		rows, err := t.c.Query(ctx, q, pgArgs(args)...)
		if err != nil {
			return nil, err
		}
		return &pgRows{Rows: rows}, nil
	}
	res, err := t.send(ctx, true, statement{sql: q, args: pgArgs(args)})
	if err != nil {
		return nil, err
	}
	rows, err := res.Query()
	if err != nil {
		_ = res.Close() // says the same
		return nil, err
	}
	return &pgRows{Rows: rows, rest: res}, nil
}

func (t *pgTx) queryRow(ctx context.Context, q string, args []any) Row {
	rows, err := t.query(ctx, q, args)
	return firstRow{rows, err}
}

func (t *pgTx) exec(ctx context.Context, q string, args []any) (int64, error) {
	if t.alone() {
		tag, err := t.c.Exec(ctx, q, pgArgs(args)...)
		return tag.RowsAffected(), err
	}
	return t.execMany(ctx, q, [][]any{args})
}

func (t *pgTx) execMany(ctx context.Context, q string, args [][]any) (int64, error) {
	if len(args) == 1 && t.alone() {
		return t.exec(ctx, q, args[0])
	}
	list := make([]statement, len(args))
	for i, a := range args {
		list[i] = statement{sql: q, args: pgArgs(a)}
	}
	res, err := t.send(ctx, true, list...)
	if err != nil {
		return 0, err
	}
	var total int64
	for range list {
		tag, err := res.Exec()
		if err != nil {
			_ = res.Close() // says the same
			return total, err
		}
		total += tag.RowsAffected()
	}
	return total, res.Close()
}

// commit sends what is left. It is not tied to ctx, for the outcome of a cancelled COMMIT is unknown; but it ends.
func (t *pgTx) commit(ctx context.Context) error {
	if t.failed != nil {
		return t.failed
	}
	if !t.begun && len(t.deferred) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitPatience)
	defer cancel()
	last := statement{sql: "COMMIT", doing: "committing"}
	if !t.begun {
		last = t.pop()
	}
	t.committing = true
	if len(t.deferred) == 0 {
		tag, err := t.c.Exec(ctx, last.sql, last.args...)
		return last.wrap(committed(last, tag, err))
	}
	res, err := t.send(ctx, false, last)
	if err != nil {
		return err
	}
	tag, err := res.Exec()
	if err = committed(last, tag, err); err != nil {
		_ = res.Close() // says the same
		return last.wrap(err)
	}
	return last.wrap(res.Close()) // the pipeline's end is the commit of one without COMMIT
}

// committed finds out about a COMMIT that the server took for a ROLLBACK, because of an error that somebody passed over.
func committed(last statement, tag pgconn.CommandTag, err error) error {
	if err == nil && last.sql == "COMMIT" && tag.String() == "ROLLBACK" {
		return pgx.ErrTxCommitRollback
	}
	return err
}

// rollback ends a transaction that was not committed. A connection that cannot even do that is closed when it is released.
func (t *pgTx) rollback(ctx context.Context) {
	if c := t.c.Conn(); c.IsClosed() || c.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectPatience)
	defer cancel()
	_, _ = t.c.Exec(ctx, "ROLLBACK")
}

// pgRows gives its connection back, and reads what is left of its pipeline, when it is closed or exhausted.
type pgRows struct {
	pgx.Rows
	c    *pgxpool.Conn
	rest pgx.BatchResults
	err  error
	// ahead says that the first row was asked for already.
	ahead bool
}

func (r *pgRows) Next() bool {
	if r.ahead {
		r.ahead = false
		return true
	}
	if r.Rows.Next() {
		return true
	}
	r.release()
	return false
}

func (r *pgRows) Close() {
	r.Rows.Close()
	r.release()
}

func (r *pgRows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return err
	}
	return r.err
}

func (r *pgRows) release() {
	if r.rest != nil {
		if err := r.rest.Close(); r.Rows.Err() == nil {
			r.err = err
		}
		r.rest = nil
	}
	if r.c != nil {
		giveBack(r.c)
		r.c = nil
	}
}
