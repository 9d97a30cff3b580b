package db

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/errs"
)

// sqliteReaders bounds the reading pool: more of them starve the writer and gain nothing on few cores.
const sqliteReaders = 6

// maxStatements bounds the prepared statements kept a connection; texts beyond it are prepared each time.
const maxStatements = 2000

// sqliteDB is a pool of readers that cannot write and one connection that can.
type sqliteDB struct {
	texts texts
	// path is the file, and source the same as a URL.
	path, source string
	// pragmas are the settings of a reader.
	pragmas []string
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
	if err := ownersAlone(o.URL); err != nil {
		return nil, err
	}
	d := &sqliteDB{path: o.URL, turn: make(chan struct{}, 1), seats: make(chan struct{}, sqliteReaders)}
	d.texts.onText = o.OnText
	d.pragmas = []string{"busy_timeout(10000)", "foreign_keys(1)", "journal_mode(WAL)", "synchronous(" + durable + ")", "cache_size(-16000)", "temp_store(MEMORY)"}
	d.source = (&url.URL{Scheme: "file", Opaque: strings.ReplaceAll(url.PathEscape(o.URL), "%2F", "/")}).String()
	var err error
	if d.writer, err = openSQLiteConn(d.source, d.pragmas); err != nil {
		return nil, err
	}
	d.pragmas = append(d.pragmas, "query_only(1)")
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

// ownersAlone makes the file readable by its owner alone, whatever the process' mask: it has keys and what people wrote in private. SQLite gives
// the files beside it (-wal, -shm) the same mode (OPS-02).
func ownersAlone(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // in the admin's own folder
		if errors.Is(err, os.ErrExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return f.Close()
	}
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	// By name: closing a file that SQLite has open elsewhere in this process would end its locks.
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("keeping the database from others: %w", err)
		}
	}
	return nil
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
		c, err = openSQLiteConn(d.source, d.pragmas)
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

// sqliteRows gives its connection back when it is closed or exhausted.
type sqliteRows struct {
	ctx         context.Context //nolint:containedctx // of the one who reads the rows, as long as they do
	conn        *sqliteConn
	stmt        *sqliteStmt
	text        *sqliteText
	first, more bool // the first row is there already
	err         error
	closed      bool
	pool        *sqliteDB // nil in a transaction
}

func (r *sqliteRows) Next() bool {
	if r.closed {
		return false
	}
	if r.err = r.ctx.Err(); r.err == nil && !r.first {
		unwatch := r.conn.watch(r.ctx, r.text)
		r.more, r.err = r.conn.step(r.stmt)
		unwatch()
		if r.err != nil && r.ctx.Err() != nil {
			r.err = r.ctx.Err()
		}
	}
	r.first = false
	if r.err == nil && r.more {
		return true
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
	r.conn.done(r.stmt)
	if r.pool != nil {
		r.pool.release(r.conn)
	}
}

func (r *sqliteRows) Scan(dest ...any) error {
	if r.closed {
		return errors.New("reading a row of a closed result")
	}
	if len(dest) != r.stmt.columns {
		return fmt.Errorf("a row has %d columns, not %d", r.stmt.columns, len(dest))
	}
	for i, into := range dest {
		if err := r.conn.column(r.stmt, int32(i), into); err != nil { //nolint:gosec // few
			return err
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
