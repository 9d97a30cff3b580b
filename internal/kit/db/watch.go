package db

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Watch tells of the rows of a table that the transactions of this process write. Which rows they are is read from the
// statements, so that nobody who writes has to think of it: WHERE column = $n, = ANY($n), and the values of an INSERT are
// understood; of any other statement that writes the table, all that is known is that it does.
type Watch struct {
	Table string
	// Column is the whole-number column that names the rows.
	Column string
	// Only narrows the watch to some statements; nil for all that write the table.
	Only func(sql string) bool
	// Begin is called before a statement runs, End with the same when its transaction has ended, committed or not. whole says
	// that any row may be meant.
	Begin, End func(keys []int64, whole bool)
}

// watches are what is watched, and what was found out about each statement.
type watches struct {
	mu    sync.RWMutex
	list  []Watch
	plans map[string][]plan
}

// plan says how to find the keys of one watch in the arguments of one statement.
type plan struct {
	Watch
	whole bool
	arg   int
}

// Watch begins to tell of writes. It is meant for construction: transactions that run already are not told of.
func (d *DB) Watch(list ...Watch) {
	d.watches.mu.Lock()
	defer d.watches.mu.Unlock()
	d.watches.list, d.watches.plans = append(d.watches.list, list...), nil
}

// of gives the plans of a statement. Statements are constants of the program, so what is kept is bounded by it.
func (w *watches) of(sql string) []plan {
	w.mu.RLock()
	plans, known := w.plans[sql]
	none := len(w.list) == 0
	w.mu.RUnlock()
	if known || none {
		return plans
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	text := literal.ReplaceAllString(sql, "''")
	written := writtenTables(text)
	for _, one := range w.list {
		if slices.Contains(written, one.Table) && (one.Only == nil || one.Only(sql)) {
			plans = append(plans, planFor(text, one, len(written) == 1))
		}
	}
	if w.plans == nil || len(w.plans) > maxStatements {
		w.plans = map[string][]plan{}
	}
	w.plans[sql] = plans
	return plans
}

// touch tells the watches of a statement that is about to run.
func (t *Tx) touch(sql string, lists ...[]any) {
	if t.watches == nil {
		return
	}
	for _, p := range t.watches.of(sql) {
		keys, whole := []int64(nil), p.whole
		for _, args := range lists {
			var ok bool
			if keys, ok = p.keys(keys, args); !ok {
				keys, whole = nil, true
				break
			}
		}
		p.Begin(keys, whole)
		t.ends = append(t.ends, func() { p.End(keys, whole) })
	}
}

// ended tells the watches that nothing more will come of the transaction.
func (t *Tx) ended() {
	for _, f := range t.ends {
		f()
	}
	t.ends = nil
}

// keys adds the keys in a statement's arguments; false when they are no whole numbers.
func (p plan) keys(keys []int64, args []any) ([]int64, bool) {
	if p.whole {
		return nil, true
	}
	if p.arg > len(args) {
		return nil, false
	}
	switch v := args[p.arg-1].(type) {
	case int64:
		return append(keys, v), true
	case array:
		list, ok := v.v.([]int64)
		return append(keys, list...), ok
	default:
		r := reflect.ValueOf(v)
		if !r.IsValid() || !r.CanInt() {
			return nil, false
		}
		return append(keys, r.Int()), true
	}
}

var (
	writesTable = regexp.MustCompile(`(?i)\b(?:INSERT\s+INTO|UPDATE(?:\s+ONLY)?|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?)\s+([a-z_]+)`)
	insertForm  = regexp.MustCompile(`(?is)^\s*INSERT\s+INTO\s+\w+\s*\(([^()]*)\)\s*VALUES\s*\(([^()]*)\)\s*(?:ON\s+CONFLICT\s*(\([^()]*\))?(.*))?$`)
	changeForm  = regexp.MustCompile(`(?is)^\s*(?:UPDATE\s+\w+\s+SET\s+(.*?)|DELETE\s+FROM\s+\w+)\s+WHERE\s+(.*)$`)
	returning   = regexp.MustCompile(`(?is)\sRETURNING\s.*$`)
	orWord      = regexp.MustCompile(`(?i)\bOR\b`)
	oneMark     = regexp.MustCompile(`^\$(\d+)$`)
)

// writtenTables lists the tables that a statement writes. Words after FOR UPDATE and DO UPDATE are no tables, and harmless.
func writtenTables(text string) []string {
	var out []string
	for _, m := range writesTable.FindAllStringSubmatch(text, -1) {
		name := strings.ToLower(m[1])
		if name != "set" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// planFor reads where a statement names the rows that it writes. alone says that it writes one table only.
func planFor(text string, w Watch, alone bool) plan {
	p := plan{Watch: w, whole: true}
	if !alone {
		return p
	}
	text = returning.ReplaceAllString(text, "")
	mark := ""
	if m := insertForm.FindStringSubmatch(text); m != nil {
		// What an upsert changes is the row with the same key, which is in the values when it is what conflicts.
		if !strings.Contains(strings.ToUpper(m[4]), "DO UPDATE") || slices.Contains(words(m[3]), w.Column) {
			columns, values := words(m[1]), words(m[2])
			if at := slices.Index(columns, w.Column); at >= 0 && len(columns) == len(values) {
				mark = values[at]
			}
		}
	} else if m := changeForm.FindStringSubmatch(text); m != nil && !names(m[1], w.Column) {
		mark = condition(m[2], w.Column)
	}
	if n := oneMark.FindStringSubmatch(mark); n != nil {
		p.arg, _ = strconv.Atoi(n[1])
		p.whole = p.arg == 0
	}
	return p
}

// words splits a list in parentheses or without.
func words(list string) []string {
	out := strings.Split(strings.Trim(strings.TrimSpace(list), "()"), ",")
	for i := range out {
		out[i] = strings.ToLower(strings.TrimSpace(out[i]))
	}
	return out
}

// names reports whether a list of assignments sets a column.
func names(assignments, column string) bool {
	return regexp.MustCompile(`(?i)(?:^|[\s,(])` + column + `\s*=`).MatchString(assignments)
}

// condition finds the placeholder that a column must equal for a row to be meant; "" when rows may be meant for another reason.
func condition(where, column string) string {
	where = anyOf.ReplaceAllString(where, "= $$$1") // one or a list of values, which the argument shows
	var b strings.Builder
	depth := 0
	for _, c := range where {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth == 0:
			b.WriteRune(c)
		}
	}
	top := b.String()
	if orWord.MatchString(top) {
		return ""
	}
	m := regexp.MustCompile(`(?i)(?:^|\s)(?:\w+\.)?` + column + `\s*=\s*(\$\d+)(?:\s|$)`).FindStringSubmatch(top)
	if m == nil {
		return ""
	}
	return m[1]
}
