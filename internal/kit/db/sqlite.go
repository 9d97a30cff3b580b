package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/gomph/gomph/internal/kit/errs"

	_ "modernc.org/sqlite" // the driver
)

// sqliteReaders bounds the reading pool: more of them starve the writer and gain nothing on few cores.
const sqliteReaders = 6

// maxStatements bounds the prepared statements kept a connection pool; texts beyond it are prepared each time.
const maxStatements = 2000

// sqliteDB is a pool of readers that cannot write and one connection that can.
type sqliteDB struct {
	texts   texts
	readers *sql.DB
	rstmts  statements
	writers *sql.DB
	writer  *sql.Conn
	wstmts  statements
	turn    chan struct{} // holds one token: whoever has it may write
}

func openSQLite(ctx context.Context, o Options) (*sqliteDB, error) {
	// FULL: a commit that was acknowledged survives a power cut. Readers see the last commit through the WAL.
	sync := "FULL"
	if o.Unsafe {
		sync = "OFF"
	}
	common := url.Values{"_pragma": {"busy_timeout(10000)", "foreign_keys(1)", "journal_mode(WAL)", "synchronous(" + sync + ")", "cache_size(-16000)", "temp_store(MEMORY)"}}
	path := (&url.URL{Scheme: "file", Opaque: strings.ReplaceAll(url.PathEscape(o.URL), "%2F", "/")}).String()
	d := &sqliteDB{turn: make(chan struct{}, 1)}
	var err error
	if d.writers, err = sql.Open("sqlite", path+"?"+common.Encode()); err != nil {
		return nil, err
	}
	d.writers.SetMaxOpenConns(1)
	if d.writer, err = d.writers.Conn(ctx); err != nil {
		_ = d.writers.Close()
		return nil, err
	}
	common.Add("_pragma", "query_only(1)")
	if d.readers, err = sql.Open("sqlite", path+"?"+common.Encode()); err != nil {
		d.close()
		return nil, err
	}
	d.readers.SetMaxOpenConns(sqliteReaders)
	d.readers.SetMaxIdleConns(sqliteReaders)
	d.turn <- struct{}{}
	if err := d.readers.PingContext(ctx); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *sqliteDB) close() {
	if d.readers != nil {
		d.rstmts.close()
		_ = d.readers.Close()
	}
	d.wstmts.close()
	_ = d.writer.Close()
	_ = d.writers.Close()
}

func (d *sqliteDB) ping(ctx context.Context) error { return d.readers.PingContext(ctx) }

func (d *sqliteDB) stats() Stats {
	s := d.readers.Stats()
	return Stats{Open: s.OpenConnections + 1, Busy: s.InUse + 1 - len(d.turn), Max: sqliteReaders + 1, Waited: s.WaitCount, WaitTime: s.WaitDuration}
}

func (d *sqliteDB) query(ctx context.Context, q string, args []any) (Rows, error) {
	return sqliteQuery(ctx, d.readers, &d.rstmts, d.texts.sqlite(q), args)
}

func (d *sqliteDB) queryRow(ctx context.Context, q string, args []any) Row {
	rows, err := d.query(ctx, q, args)
	return firstRow{rows, err}
}

func (d *sqliteDB) exec(context.Context, string, []any) (int64, error) {
	return 0, errors.New("writing outside of a transaction")
}

func (d *sqliteDB) execMany(context.Context, string, [][]any) (int64, error) {
	return 0, errors.New("writing outside of a transaction")
}

func (d *sqliteDB) write(ctx context.Context, fn func(conn) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err // the choice below is by chance when the turn is free
	}
	select {
	case <-d.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { d.turn <- struct{}{} }()
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
	return sqliteQuery(ctx, t.d.writer, &t.d.wstmts, t.d.texts.sqlite(q), args)
}

func (t sqliteTx) queryRow(ctx context.Context, q string, args []any) Row {
	rows, err := t.query(ctx, q, args)
	return firstRow{rows, err}
}

func (t sqliteTx) exec(ctx context.Context, q string, args []any) (int64, error) {
	q = t.d.texts.sqlite(q)
	stmt, done, err := t.d.wstmts.get(ctx, t.d.writer, q)
	if err != nil {
		return 0, fmt.Errorf("preparing %q: %w", q, err)
	}
	defer done()
	res, err := stmt.ExecContext(ctx, sqliteArgs(args)...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
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

type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// statements keeps prepared statements by text.
type statements struct {
	mu sync.RWMutex
	m  map[string]*sql.Stmt
}

func (s *statements) get(ctx context.Context, p preparer, q string) (*sql.Stmt, func(), error) {
	keep := func() {}
	s.mu.RLock()
	stmt, n := s.m[q], len(s.m)
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, keep, nil
	}
	stmt, err := p.PrepareContext(context.WithoutCancel(ctx), q)
	if err != nil {
		return nil, keep, err
	}
	if n >= maxStatements {
		return stmt, func() { _ = stmt.Close() }, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.m[q]; other != nil {
		_ = stmt.Close()
		return other, keep, nil
	}
	if s.m == nil {
		s.m = map[string]*sql.Stmt{}
	}
	s.m[q] = stmt
	return stmt, keep, nil
}

func (s *statements) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stmt := range s.m {
		_ = stmt.Close()
	}
	s.m = nil
}

func sqliteQuery(ctx context.Context, p preparer, s *statements, q string, args []any) (Rows, error) {
	stmt, done, err := s.get(ctx, p, q)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", q, err)
	}
	rows, err := stmt.QueryContext(ctx, sqliteArgs(args)...)
	if err != nil {
		done()
		return nil, err
	}
	return &sqliteRows{rows, done}, nil
}

func sqliteArgs(args []any) []any {
	copied := false
	for i, a := range args {
		if arr, ok := a.(array); ok {
			if !copied {
				args, copied = append([]any(nil), args...), true
			}
			args[i] = arr.sqlite()
		}
	}
	return args
}

type sqliteRows struct {
	*sql.Rows
	done func()
}

func (r *sqliteRows) Close() {
	_ = r.Rows.Close()
	r.done()
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
