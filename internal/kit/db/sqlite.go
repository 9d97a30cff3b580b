package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"github.com/gomph/gomph/internal/kit/errs"
)

// sqliteReaders bounds the reading pool: more of them starve the writer and gain nothing on few cores.
const sqliteReaders = 6

// maxStatements bounds the prepared statements kept a connection; texts beyond it are prepared each time.
const maxStatements = 2000

// sqliteDB is a pool of readers that cannot write and one connection that can. It speaks to the driver itself: database/sql
// would take as long again as SQLite does for most statements here.
type sqliteDB struct {
	texts  texts
	source string
	// seats has a token for each reader that may be in use. idle are the open ones that are not, the one used last on top: its
	// pages are the most likely to be still in its memory.
	seats  chan struct{}
	mu     sync.Mutex
	idle   []*sqliteConn
	closed bool
	writer *sqliteConn
	turn   chan struct{} // holds one token: whoever has it may write

	opened, waited, waitTime atomic.Int64
}

func openSQLite(ctx context.Context, o Options) (*sqliteDB, error) {
	// FULL: a commit that was acknowledged survives a power cut. Readers see the last commit through the WAL.
	durable := "FULL"
	if o.Unsafe {
		durable = "OFF"
	}
	common := url.Values{"_pragma": {"busy_timeout(10000)", "foreign_keys(1)", "journal_mode(WAL)", "synchronous(" + durable + ")", "cache_size(-16000)", "temp_store(MEMORY)"}}
	path := (&url.URL{Scheme: "file", Opaque: strings.ReplaceAll(url.PathEscape(o.URL), "%2F", "/")}).String()
	d := &sqliteDB{turn: make(chan struct{}, 1), seats: make(chan struct{}, sqliteReaders)}
	var err error
	if d.writer, err = openSQLiteConn(path + "?" + common.Encode()); err != nil {
		return nil, err
	}
	common.Add("_pragma", "query_only(1)")
	d.source = path + "?" + common.Encode()
	for range sqliteReaders {
		d.seats <- struct{}{}
	}
	d.turn <- struct{}{}
	if err := d.ping(ctx); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *sqliteDB) close() {
	d.mu.Lock()
	was := d.closed
	d.closed = true
	for _, c := range d.idle { // those in use are closed when they are given back
		c.close()
	}
	d.idle = nil
	d.mu.Unlock()
	if was {
		return
	}
	<-d.turn // a transaction that runs ends first
	d.writer.close()
	d.turn <- struct{}{}
}

var errClosed = errors.New("the database is closed")

func (d *sqliteDB) ping(ctx context.Context) error {
	var one int64
	return d.queryRow(ctx, "SELECT 1", nil).Scan(&one)
}

func (d *sqliteDB) stats() Stats {
	return Stats{
		Open: int(d.opened.Load()) + 1, Busy: sqliteReaders - len(d.seats) + 1 - len(d.turn), Max: sqliteReaders + 1,
		Waited: d.waited.Load(), WaitTime: time.Duration(d.waitTime.Load()),
	}
}

// acquire takes a reader, opened when need be.
func (d *sqliteDB) acquire(ctx context.Context) (*sqliteConn, error) {
	select {
	case <-d.seats:
	default:
		began := time.Now()
		select {
		case <-d.seats:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		d.waited.Add(1)
		d.waitTime.Add(int64(time.Since(began)))
	}
	d.mu.Lock()
	if n := len(d.idle); n > 0 {
		c := d.idle[n-1]
		d.idle = d.idle[:n-1]
		d.mu.Unlock()
		return c, nil
	}
	closed := d.closed
	d.mu.Unlock()
	c, err := (*sqliteConn)(nil), errClosed
	if !closed {
		c, err = openSQLiteConn(d.source)
	}
	if err != nil {
		d.seats <- struct{}{}
		return nil, err
	}
	d.opened.Add(1)
	return c, nil
}

func (d *sqliteDB) release(c *sqliteConn) {
	d.mu.Lock()
	if d.closed {
		c.close()
	} else {
		d.idle = append(d.idle, c)
	}
	d.mu.Unlock()
	d.seats <- struct{}{}
}

func (d *sqliteDB) query(ctx context.Context, q string, args []any) (Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := d.acquire(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := c.query(ctx, d.texts.sqlite(q), args)
	if err != nil {
		d.release(c)
		return nil, err
	}
	rows.pool = d
	return rows, nil
}

func (d *sqliteDB) queryRow(ctx context.Context, q string, args []any) Row {
	rows, err := d.query(ctx, q, args)
	return firstRow{rows, err}
}

func (d *sqliteDB) exec(context.Context, string, []any) (int64, error) {
	return 0, errors.New("writing outside of a transaction")
}

func (d *sqliteDB) later(context.Context, string, string, []any) error {
	return errors.New("writing outside of a transaction")
}

func (d *sqliteDB) execMany(context.Context, string, [][]any) (int64, error) {
	return 0, errors.New("writing outside of a transaction")
}

func (d *sqliteDB) write(ctx context.Context, fn func(conn) error) (err error) {
	select {
	case <-d.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { d.turn <- struct{}{} }()
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return errClosed
	}
	if err := ctx.Err(); err != nil { // both were ready
		return err
	}
	// The transaction's own statements are not tied to ctx: a cancelled BEGIN or COMMIT would leave its outcome unknown.
	own := context.WithoutCancel(ctx)
	w := sqliteTx{d}
	if _, err := w.exec(own, "BEGIN IMMEDIATE", nil); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	done := false
	defer func() {
		if !done {
			if _, rerr := w.exec(own, "ROLLBACK", nil); rerr != nil && err != nil {
				err = errors.Join(err, rerr)
			}
		}
	}()
	if err := fn(w); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := w.exec(own, "COMMIT", nil); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	done = true
	return nil
}

// sqliteTx is the writing connection inside a transaction.
type sqliteTx struct{ d *sqliteDB }

func (t sqliteTx) query(ctx context.Context, q string, args []any) (Rows, error) {
	rows, err := t.d.writer.query(ctx, t.d.texts.sqlite(q), args)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (t sqliteTx) queryRow(ctx context.Context, q string, args []any) Row {
	rows, err := t.query(ctx, q, args)
	return firstRow{rows, err}
}

func (t sqliteTx) exec(ctx context.Context, q string, args []any) (int64, error) {
	return t.d.writer.exec(ctx, t.d.texts.sqlite(q), args)
}

func (t sqliteTx) later(ctx context.Context, doing, q string, args []any) error {
	if _, err := t.exec(ctx, q, args); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

func (t sqliteTx) execMany(ctx context.Context, q string, args [][]any) (int64, error) {
	var total int64
	for _, a := range args {
		n, err := t.exec(ctx, q, a)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// sqliteConn is one connection with its prepared statements. One goroutine uses it at a time.
type sqliteConn struct {
	c     driver.Conn
	stmts map[string]driver.Stmt
}

func openSQLiteConn(source string) (*sqliteConn, error) {
	c, err := new(sqlite.Driver).Open(source)
	if err != nil {
		return nil, err
	}
	return &sqliteConn{c, map[string]driver.Stmt{}}, nil
}

func (c *sqliteConn) close() {
	if c == nil {
		return
	}
	for _, s := range c.stmts {
		_ = s.Close()
	}
	_ = c.c.Close()
}

// prepare gives a statement, and what to do with it afterwards.
func (c *sqliteConn) prepare(q string) (driver.Stmt, func(), error) {
	if s := c.stmts[q]; s != nil {
		return s, func() {}, nil
	}
	s, err := c.c.Prepare(q)
	if err != nil {
		return nil, nil, fmt.Errorf("preparing %q: %w", q, err)
	}
	if len(c.stmts) >= maxStatements {
		return s, func() { _ = s.Close() }, nil
	}
	c.stmts[q] = s
	return s, func() {}, nil
}

// tied is what the driver is told of ctx. It watches a context by two goroutines a statement, which costs as much as a short
// statement itself; so only those are watched that may take long, and the others look before they start.
func (t *sqliteText) tied(ctx context.Context) context.Context {
	if t.long {
		return ctx
	}
	return context.Background()
}

func (c *sqliteConn) query(ctx context.Context, q *sqliteText, args []any) (*sqliteRows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	text, values, err := q.with(args)
	if err != nil {
		return nil, err
	}
	stmt, done, err := c.prepare(text)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(q.tied(ctx), values)
	if err != nil {
		done()
		return nil, err
	}
	return &sqliteRows{ctx: ctx, rows: rows, values: make([]driver.Value, len(rows.Columns())), conn: c, done: done}, nil
}

func (c *sqliteConn) exec(ctx context.Context, q *sqliteText, args []any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	text, values, err := q.with(args)
	if err != nil {
		return 0, err
	}
	stmt, done, err := c.prepare(text)
	if err != nil {
		return 0, err
	}
	defer done()
	res, err := stmt.(driver.StmtExecContext).ExecContext(q.tied(ctx), values)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// sqliteRows gives its connection back when it is closed or exhausted.
type sqliteRows struct {
	ctx    context.Context //nolint:containedctx // of the one who reads the rows, as long as they do
	rows   driver.Rows
	values []driver.Value
	err    error
	closed bool
	conn   *sqliteConn
	pool   *sqliteDB // nil in a transaction
	done   func()
}

func (r *sqliteRows) Next() bool {
	if r.closed {
		return false
	}
	if r.err = r.ctx.Err(); r.err == nil {
		if r.err = r.rows.Next(r.values); r.err == nil {
			return true
		}
	}
	if errors.Is(r.err, io.EOF) {
		r.err = nil
	}
	r.Close()
	return false
}

func (r *sqliteRows) Err() error { return r.err }

func (r *sqliteRows) Close() {
	if r.closed {
		return
	}
	r.closed = true
	if err := r.rows.Close(); err != nil && r.err == nil {
		r.err = err
	}
	r.done()
	if r.pool != nil {
		r.pool.release(r.conn)
	}
}

func (r *sqliteRows) Scan(dest ...any) error {
	if r.closed {
		return errors.New("reading a row of a closed result")
	}
	if len(dest) != len(r.values) {
		return fmt.Errorf("a row has %d columns, not %d", len(r.values), len(dest))
	}
	for i, into := range dest {
		if err := assign(into, r.values[i]); err != nil {
			return fmt.Errorf("reading column %s: %w", r.rows.Columns()[i], err)
		}
	}
	return nil
}

// firstRow is the first row of a result, errs.NotFound when there is none.
type firstRow struct {
	rows Rows
	err  error
}

func (f firstRow) Scan(dest ...any) error {
	if f.err != nil {
		return f.err
	}
	defer f.rows.Close()
	if !f.rows.Next() {
		if err := f.rows.Err(); err != nil {
			return err
		}
		return errs.NotFound()
	}
	return f.rows.Scan(dest...)
}
