package db

import (
	"bytes"
	"context"
	"fmt"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteConn is one connection with its prepared statements. It calls the functions of SQLite's library itself: a driver for
// database/sql asks for the name and declared type of every column of every query, allocates for every argument and value,
// and locks the connection for every call, which together took as long as the statements. One goroutine uses it at a time, and
// so SQLite's own lock of a connection is off.
type sqliteConn struct {
	tls   *libc.TLS
	db    uintptr
	out   uintptr // room for one pointer that a call gives back
	stmts map[string]*sqliteStmt
}

// sqliteStmt is a prepared statement. memory holds the texts that are bound to it.
type sqliteStmt struct {
	p                   uintptr
	columns, parameters int
	memory              uintptr
	size                int
	// busy says that rows are being read, kept that it stays prepared.
	busy, kept bool
}

// maxKept bounds the memory that a statement keeps for the next run.
const maxKept = 64 << 10

// sqliteError is what SQLite says of a failure.
type sqliteError struct {
	code int32
	text string
}

func (e *sqliteError) Error() string { return fmt.Sprintf("%s (%d)", e.text, e.code) }

// memory is a part of the library's memory as Go sees it.
func memory(p uintptr, n int) []byte {
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&p))), n) //nolint:gosec // not Go's memory, so it stays where it is
}

func openSQLiteConn(source string, pragmas []string) (*sqliteConn, error) {
	c := &sqliteConn{tls: libc.NewTLS(), stmts: map[string]*sqliteStmt{}}
	c.out = libc.Xmalloc(c.tls, 16)
	path, err := libc.CString(source)
	if err != nil {
		c.close()
		return nil, err
	}
	defer libc.Xfree(c.tls, path)
	code := sqlite3.Xsqlite3_open_v2(c.tls, path, c.out, sqlite3.SQLITE_OPEN_READWRITE|sqlite3.SQLITE_OPEN_CREATE|sqlite3.SQLITE_OPEN_NOMUTEX|sqlite3.SQLITE_OPEN_URI, 0)
	c.db = c.pointer()
	if code == sqlite3.SQLITE_OK {
		code = sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	}
	if code == sqlite3.SQLITE_OK {
		// A plan depends on the text alone. Without this, statements whose arguments might fit a partial index are planned
		// again each time that they run.
		code = sqlite3.Xsqlite3_db_config(c.tls, c.db, sqlite3.SQLITE_DBCONFIG_ENABLE_QPSG, libc.VaList(c.out, int32(1), uintptr(0)))
	}
	if code != sqlite3.SQLITE_OK {
		err := c.failure(code)
		c.close()
		return nil, err
	}
	for _, p := range pragmas {
		if _, err := c.exec(context.Background(), &sqliteText{plain: "PRAGMA " + p}, nil); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// pointer is what the last call left in out.
func (c *sqliteConn) pointer() uintptr {
	return *(*uintptr)(unsafe.Pointer(unsafe.SliceData(memory(c.out, int(unsafe.Sizeof(uintptr(0))))))) //nolint:gosec // aligned by malloc
}

func (c *sqliteConn) failure(code int32) error {
	if c.db == 0 {
		return &sqliteError{code, libc.GoString(sqlite3.Xsqlite3_errstr(c.tls, code))}
	}
	return &sqliteError{code, libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))}
}

func (c *sqliteConn) close() {
	if c == nil {
		return
	}
	for _, s := range c.stmts {
		c.finalize(s)
	}
	if c.db != 0 {
		sqlite3.Xsqlite3_close_v2(c.tls, c.db)
	}
	libc.Xfree(c.tls, c.out)
	c.tls.Close()
}

// prepare gives a statement that is not in use.
func (c *sqliteConn) prepare(q string) (*sqliteStmt, error) {
	s := c.stmts[q]
	if s != nil && !s.busy {
		return s, nil
	}
	text, err := libc.CString(q)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, text)
	if code := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, text, int32(len(q)), sqlite3.SQLITE_PREPARE_PERSISTENT, c.out, 0); code != sqlite3.SQLITE_OK { //nolint:gosec // a text of the program
		return nil, fmt.Errorf("preparing %q: %w", q, c.failure(code))
	}
	fresh := &sqliteStmt{p: c.pointer()}
	if fresh.p == 0 {
		return nil, fmt.Errorf("preparing %q: it says nothing", q)
	}
	fresh.columns = int(sqlite3.Xsqlite3_column_count(c.tls, fresh.p))
	fresh.parameters = int(sqlite3.Xsqlite3_bind_parameter_count(c.tls, fresh.p))
	if s == nil && len(c.stmts) < maxStatements {
		fresh.kept = true
		c.stmts[q] = fresh
	}
	return fresh, nil
}

func (c *sqliteConn) finalize(s *sqliteStmt) {
	sqlite3.Xsqlite3_finalize(c.tls, s.p)
	c.free(s)
}

func (c *sqliteConn) free(s *sqliteStmt) {
	if s.memory != 0 {
		libc.Xfree(c.tls, s.memory)
		s.memory, s.size = 0, 0
	}
}

// done makes a statement ready for its next run. Its error, if any, was given by the step before.
func (c *sqliteConn) done(s *sqliteStmt) {
	s.busy = false
	if !s.kept {
		c.finalize(s)
		return
	}
	sqlite3.Xsqlite3_reset(c.tls, s.p)
	if s.size > maxKept {
		sqlite3.Xsqlite3_clear_bindings(c.tls, s.p)
		c.free(s)
	}
}

// bind gives a statement its arguments. Texts are copied to where the library finds them until the next run.
func (c *sqliteConn) bind(s *sqliteStmt, values []any) error {
	if len(values) < s.parameters {
		return fmt.Errorf("there are %d arguments for %d", len(values), s.parameters)
	}
	values = values[:s.parameters] // a list that is empty, or spread out, may leave a number out
	size := 0
	for _, v := range values {
		switch v := v.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		}
	}
	if size > s.size {
		c.free(s)
		if s.memory = libc.Xmalloc(c.tls, libc.Tsize_t(max(size, 64))); s.memory == 0 { //nolint:gosec // positive
			return fmt.Errorf("no memory for %d bytes of arguments", size)
		}
		s.size = max(size, 64)
	}
	at := s.memory
	put := func(n int) uintptr {
		if at == 0 {
			return c.out // of no bytes, but not NULL
		}
		p := at
		at += uintptr(n) //nolint:gosec // a length
		return p
	}
	for i, v := range values {
		n := int32(i + 1) //nolint:gosec // few
		var code int32
		switch v := v.(type) {
		case int64:
			code = sqlite3.Xsqlite3_bind_int64(c.tls, s.p, n, v)
		case string:
			p := put(len(v))
			copy(memory(p, len(v)), v)
			code = sqlite3.Xsqlite3_bind_text(c.tls, s.p, n, p, int32(len(v)), 0) //nolint:gosec // SQLite itself refuses what is longer
		case bool:
			code = sqlite3.Xsqlite3_bind_int64(c.tls, s.p, n, int64(libc.Bool32(v)))
		case []byte:
			p := put(len(v))
			copy(memory(p, len(v)), v)
			code = sqlite3.Xsqlite3_bind_blob(c.tls, s.p, n, p, int32(len(v)), 0) //nolint:gosec // as above
		case float64:
			code = sqlite3.Xsqlite3_bind_double(c.tls, s.p, n, v)
		case nil:
			code = sqlite3.Xsqlite3_bind_null(c.tls, s.p, n)
		default:
			return fmt.Errorf("argument %d: a %T is nothing that SQLite knows", i+1, v)
		}
		if code != sqlite3.SQLITE_OK {
			return fmt.Errorf("argument %d: %w", i+1, c.failure(code))
		}
	}
	return nil
}

// step runs a statement to its next row, and reports whether there is one.
func (c *sqliteConn) step(s *sqliteStmt) (bool, error) {
	switch code := sqlite3.Xsqlite3_step(c.tls, s.p); code {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	default:
		return false, c.failure(code)
	}
}

// repeatInterrupt is how often a statement is told to end that may not have begun when it was told first.
const repeatInterrupt = 5 * time.Millisecond

// watch interrupts what runs when ctx ends, until the function that it gives is called. It costs as much as a short statement,
// so only those are watched that may take long.
func (c *sqliteConn) watch(ctx context.Context, q *sqliteText) func() {
	if !q.long || ctx.Done() == nil {
		return func() {}
	}
	over, ended := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		tls := libc.NewTLS() // the connection's own is in use
		defer tls.Close()
		for {
			sqlite3.Xsqlite3_interrupt(tls, c.db)
			select {
			case <-over:
				return
			case <-time.After(repeatInterrupt):
			}
		}
	})
	return func() {
		if !stop() {
			close(over)
			<-ended
		}
	}
}

// start prepares a statement and runs it to its first row.
func (c *sqliteConn) start(ctx context.Context, q *sqliteText, args []any) (s *sqliteStmt, more bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	text, values, err := q.with(args)
	if err != nil {
		return nil, false, err
	}
	if s, err = c.prepare(text); err != nil {
		return nil, false, err
	}
	s.busy = true
	if err = c.bind(s, values); err == nil {
		unwatch := c.watch(ctx, q)
		more, err = c.step(s)
		unwatch()
	}
	if err != nil {
		c.done(s)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, false, err
	}
	return s, more, nil
}

func (c *sqliteConn) query(ctx context.Context, q *sqliteText, args []any) (*sqliteRows, error) {
	s, more, err := c.start(ctx, q, args)
	if err != nil {
		return nil, err
	}
	return &sqliteRows{ctx: ctx, conn: c, stmt: s, text: q, first: true, more: more}, nil
}

func (c *sqliteConn) exec(ctx context.Context, q *sqliteText, args []any) (int64, error) {
	s, more, err := c.start(ctx, q, args)
	if err != nil {
		return 0, err
	}
	defer c.done(s)
	for more { // of RETURNING, and of pragmas
		if more, err = c.step(s); err != nil {
			return 0, err
		}
	}
	return sqlite3.Xsqlite3_changes64(c.tls, c.db), nil
}

// text copies a column of the present row.
func (c *sqliteConn) text(s *sqliteStmt, i int32) string {
	p := sqlite3.Xsqlite3_column_text(c.tls, s.p, i)
	n := sqlite3.Xsqlite3_column_bytes(c.tls, s.p, i)
	if p == 0 || n == 0 {
		return ""
	}
	return string(memory(p, int(n)))
}

// value is a column of the present row, whatever it is.
func (c *sqliteConn) value(s *sqliteStmt, i int32) any {
	switch sqlite3.Xsqlite3_column_type(c.tls, s.p, i) {
	case sqlite3.SQLITE_INTEGER:
		return sqlite3.Xsqlite3_column_int64(c.tls, s.p, i)
	case sqlite3.SQLITE_FLOAT:
		return sqlite3.Xsqlite3_column_double(c.tls, s.p, i)
	case sqlite3.SQLITE_TEXT:
		return c.text(s, i)
	case sqlite3.SQLITE_BLOB:
		p := sqlite3.Xsqlite3_column_blob(c.tls, s.p, i)
		return bytes.Clone(memory(p, int(sqlite3.Xsqlite3_column_bytes(c.tls, s.p, i))))
	}
	return nil
}

// column copies a column of the present row to where a caller wants it; the usual ones without a detour.
func (c *sqliteConn) column(s *sqliteStmt, i int32, into any) error {
	kind := sqlite3.Xsqlite3_column_type(c.tls, s.p, i)
	switch to := into.(type) {
	case *string:
		if kind == sqlite3.SQLITE_TEXT {
			*to = c.text(s, i)
			return nil
		}
	case *int64:
		if kind == sqlite3.SQLITE_INTEGER {
			*to = sqlite3.Xsqlite3_column_int64(c.tls, s.p, i)
			return nil
		}
	case *bool:
		if kind == sqlite3.SQLITE_INTEGER {
			*to = sqlite3.Xsqlite3_column_int64(c.tls, s.p, i) != 0
			return nil
		}
	}
	if err := assign(into, c.value(s, i)); err != nil {
		return fmt.Errorf("reading column %s: %w", libc.GoString(sqlite3.Xsqlite3_column_name(c.tls, s.p, i)), err)
	}
	return nil
}
