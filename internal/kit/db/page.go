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

// readSizes are how many rows a page's query reads at most: the usual sizes of pages as they are, others rounded up.
var readSizes = []int{0, 1, 5, 10, 20, 40, 80, 100, 200, 400, 800}

// read is the limit of the page's query. It stands in the text: PostgreSQL plans a text once, and one that does not know its limit for a tenth of all
// rows, which it joins and sorts, where an index would have been walked for twenty. Few sizes keep the texts few.
func (p Page) read() int {
	for _, n := range readSizes {
		if p.Limit <= n {
			return n
		}
	}
	return p.Limit
}

// Apply is the end of a query's text, from a further AND on, and its arguments after those given. The query may read more than the page has: Newest
// leaves that away.
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
	sql += fmt.Sprintf(" ORDER BY %s %s LIMIT %d", col, dir, p.read())
	if p.Offset > 0 {
		args = append(args, p.Offset)
		sql += fmt.Sprintf(" OFFSET $%d", len(args))
	}
	return sql, args
}

// Newest gives the rows of a page in their shown order, without those that were read beyond it.
func Newest[T any](p Page, rows []T) []T {
	rows = rows[:min(len(rows), max(p.Limit, 0))]
	if p.MinID > 0 {
		slices.Reverse(rows)
	}
	return rows
}
