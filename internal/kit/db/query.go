package db

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
)

// All reads every row of a query through scan.
func All[T any](ctx context.Context, q Q, scan func(Row) (T, error), sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// Column reads a query of one column.
func Column[T any](ctx context.Context, q Q, sql string, args ...any) ([]T, error) {
	return All(ctx, q, Scalar[T], sql, args...)
}

// Value reads a query of one row and one column; no row is errs.NotFound.
func Value[T any](ctx context.Context, q Q, sql string, args ...any) (T, error) {
	return Scalar[T](q.QueryRow(ctx, sql, args...))
}

// Exists reports whether a query has a row.
func Exists(ctx context.Context, q Q, sql string, args ...any) (bool, error) {
	return Value[bool](ctx, q, "SELECT EXISTS ("+sql+")", args...)
}

// Scalar scans one column.
func Scalar[T any](r Row) (T, error) {
	var v T
	err := r.Scan(&v)
	return v, err
}

// array is a list argument for = ANY($n).
type array struct{ v any }

// Array makes an argument for = ANY($n) of ids or other whole numbers.
func Array[T ~int64](ids []T) any {
	v := make([]int64, len(ids))
	for i, id := range ids {
		v[i] = int64(id)
	}
	return array{v}
}

// Texts makes an argument for = ANY($n) of strings.
func Texts[T ~string](list []T) any {
	v := make([]string, len(list))
	for i, s := range list {
		v[i] = string(s)
	}
	return array{v}
}

var (
	placeholder = regexp.MustCompile(`\$(\d+)`)
	literal     = regexp.MustCompile(`'[^']*'`)
	writing     = regexp.MustCompile(`(?i)\b((INSERT|MERGE)\s+INTO|UPDATE\s+(ONLY\s+)?\S+\s+((AS\s+)?\S+\s+)?SET|DELETE\s+FROM|CREATE|DROP|ALTER|TRUNCATE)\b`)
)

// texts remembers the translation of each statement. Statements are constants of the program, so the map is bounded by it.
type texts struct {
	m      sync.Map
	onText func(sql string)
}

// reads reports whether a statement only reads. It stands in for the database's own check where a session setting cannot be
// relied on: behind a transaction pooler.
func (t *texts) reads(sql string) bool {
	if v, ok := t.m.Load(sql); ok {
		return v.(bool)
	}
	ok := !writing.MatchString(literal.ReplaceAllString(sql, "''")) && (hasVerb(sql, "SELECT") || hasVerb(sql, "WITH"))
	t.m.Store(sql, ok)
	return ok
}

func hasVerb(sql, verb string) bool {
	s := strings.TrimLeft(sql, " \n\t(")
	return len(s) > len(verb) && strings.EqualFold(s[:len(verb)], verb)
}

type counterKey struct{}

// Counter counts the statements of a piece of work, for the budgets of requirement C3.
type Counter struct {
	n      atomic.Int64
	parent *Counter
}

// N is how many statements ran so far.
func (c *Counter) N() int64 { return c.n.Load() }

// Counting gives a context whose statements are counted. Counters nest.
func Counting(ctx context.Context) (context.Context, *Counter) {
	parent, _ := ctx.Value(counterKey{}).(*Counter)
	c := &Counter{parent: parent}
	return context.WithValue(ctx, counterKey{}, c), c
}

func count(ctx context.Context) {
	c, _ := ctx.Value(counterKey{}).(*Counter)
	for ; c != nil; c = c.parent {
		c.n.Add(1)
	}
}
