package db

import (
	"fmt"
	"slices"
)

// Page is a part of a list ordered by a time-ordered id, in Mastodon's terms. With MinID the page is the one just above that
// id; with SinceID the newest above it. The result is shown newest first in every case (see Newest).
type Page struct {
	MaxID, SinceID, MinID int64
	Limit, Offset         int
}

// Apply is the end of a query's text, from a further AND on, and its arguments after those given.
func (p Page) Apply(col string, args []any) (string, []any) {
	sql, dir := "", "DESC"
	add := func(op string, v int64) {
		args = append(args, v)
		sql += fmt.Sprintf(" AND %s %s $%d", col, op, len(args))
	}
	if p.MaxID > 0 {
		add("<", p.MaxID)
	}
	if p.MinID > 0 {
		add(">", p.MinID)
		dir = "ASC"
	} else if p.SinceID > 0 {
		add(">", p.SinceID)
	}
	args = append(args, p.Limit)
	sql += fmt.Sprintf(" ORDER BY %s %s LIMIT $%d", col, dir, len(args))
	if p.Offset > 0 {
		args = append(args, p.Offset)
		sql += fmt.Sprintf(" OFFSET $%d", len(args))
	}
	return sql, args
}

// Newest puts the rows of a page in their shown order.
func Newest[T any](p Page, rows []T) []T {
	if p.MinID > 0 {
		slices.Reverse(rows)
	}
	return rows
}
