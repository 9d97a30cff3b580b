package db

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectPatience is how long a caller waits while the database is out of connections or restarting, before an error (C9).
	connectPatience = 5 * time.Second
	// statementPatience bounds a statement outside of a transaction, and a transaction, whose caller named no end: a server that does not
	// answer must not keep connections for ever.
	statementPatience = 30 * time.Second
	firstWait         = 20 * time.Millisecond
	// deadlockPause is how long, at most, one who lost a deadlock waits before the next attempt, and twice that before the one after: those who
	// met would meet again if both began at once.
	deadlockPause = 30 * time.Millisecond
	longestWait   = time.Second
)

// lost reports whether err says that the server, or the way to it, was not there: out of connections, starting, stopping, or a connection that
// broke. Trying again may help, where it is known that nothing was done.
func lost(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		switch pe.Code {
		case "53300", "57P01", "57P02", "57P03": // too many connections; stopped by its admin, crashed, starting
			return true
		}
		return pe.Code[:2] == "08" // connection exceptions; poolers say so, too
	}
	var ce *pgconn.ConnectError
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() && !errors.As(err, &ce) {
		return false // it was waited for long enough
	}
	return ne != nil || errors.As(err, &ce) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}

// retry is the patience of one caller.
type retry struct {
	until time.Time
	wait  time.Duration
}

// again reports whether to try once more after err, and waits before that.
func (d *postgresDB) again(ctx context.Context, r *retry, err error) bool {
	if !lost(err) || ctx.Err() != nil {
		return false
	}
	now := time.Now()
	if r.until.IsZero() {
		r.until, r.wait = now.Add(connectPatience), firstWait
	}
	if now.Add(r.wait).After(r.until) {
		return false
	}
	d.onRetry()
	select {
	case <-time.After(r.wait):
	case <-ctx.Done():
		return false
	}
	r.wait = min(2*r.wait, longestWait)
	return true
}

// bound keeps a connection from waiting for ever for a server that does not answer, for a caller who named no end. The end is undone when the
// connection is given back.
func bound(ctx context.Context, c *pgxpool.Conn) {
	if _, ok := ctx.Deadline(); !ok {
		_ = c.Conn().PgConn().Conn().SetDeadline(time.Now().Add(statementPatience))
	}
}

// giveBack returns a connection to its pool.
func giveBack(c *pgxpool.Conn) {
	if !c.Conn().IsClosed() {
		_ = c.Conn().PgConn().Conn().SetDeadline(time.Time{})
	}
	c.Release()
}

// query asks, and asks again when the server was not there: a question changes nothing. Whether it was is known with the first row.
func (d *postgresDB) query(ctx context.Context, q string, args []any) (Rows, error) {
	if !d.readSession && !d.texts.reads(q) {
		return nil, errReadOnly(q)
	}
	var r retry
	for {
		rows, err := d.queryOnce(ctx, q, args)
		if err == nil || !d.again(ctx, &r, err) {
			return rows, err
		}
	}
}

func (d *postgresDB) queryOnce(ctx context.Context, q string, args []any) (Rows, error) {
	c, err := d.read.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	bound(ctx, c)
	rows, err := c.Query(ctx, q, pgArgs(args)...)
	if err != nil {
		giveBack(c)
		return nil, err
	}
	out := &pgRows{Rows: rows, c: c}
	if rows.Next() {
		out.ahead = true
		return out, nil
	}
	out.release()
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// write runs a transaction, and again when it lost a deadlock, or when the server was not there before anything could be committed.
func (d *postgresDB) write(ctx context.Context, fn func(conn) error) error {
	var r retry
	for attempt := 1; ; attempt++ {
		unknown, err := d.writeOnce(ctx, fn)
		var pe *pgconn.PgError
		deadlock := errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
		if deadlock && attempt < maxAttempts {
			select {
			case <-time.After(rand.N(time.Duration(attempt) * deadlockPause)):
				continue
			case <-ctx.Done():
				return err
			}
		}
		if err != nil && !unknown && d.again(ctx, &r, err) {
			continue
		}
		return err
	}
}

// writeOnce reports with an error whether the transaction may have been committed all the same.
func (d *postgresDB) writeOnce(ctx context.Context, fn func(conn) error) (unknown bool, err error) {
	c, err := d.wr.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer giveBack(c)
	bound(ctx, c)
	t := &pgTx{c: c}
	defer t.rollback(ctx)
	if err := fn(t); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	err = t.commit(ctx)
	return t.committing, err
}
