package db

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// sizes are the lengths of lists that get a text of their own, with a placeholder for each member; a list is filled up to the
// next of them with its last member. Longer ones are given as JSON, which costs more to begin and less to go on with.
var sizes = []int{0, 1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 40}

var (
	inList    = regexp.MustCompile(`= ANY\(\$(\d+)\)|<> ALL\(\$(\d+)\)`)
	mayBeLong = regexp.MustCompile(`(?i)\b(LIKE|RECURSIVE|GROUP\s+BY|DISTINCT|OFFSET|COUNT|SUM|MAX|CREATE|ALTER|DROP|VACUUM|ANALYZE)\b`)
)

// sqliteText is a statement as SQLite understands it: numbered placeholders that bind by number, and lists.
type sqliteText struct {
	// long says that the statement may take long before its first row, or between two.
	long bool
	// plain is the whole text of a statement without lists.
	plain string
	// pieces stand between the places where lists are asked; places are those.
	pieces   []string
	places   []listPlace
	variants sync.Map // of lengths to text
}

// listPlace asks whether something is, or is not, in the list of an argument.
type listPlace struct {
	arg int
	not bool
}

// sqlite translates a statement once.
func (t *texts) sqlite(sql string) *sqliteText {
	if s, ok := t.m.Load(sql); ok {
		return s.(*sqliteText)
	}
	if t.onText != nil {
		t.onText(sql)
	}
	out := &sqliteText{long: mayBeLong.MatchString(sql)}
	at := 0
	for _, m := range inList.FindAllStringSubmatchIndex(sql, -1) {
		out.pieces = append(out.pieces, placeholder.ReplaceAllString(sql[at:m[0]], "?$1"))
		place := listPlace{not: m[2] < 0}
		number := m[2:4]
		if place.not {
			number = m[4:6]
		}
		place.arg, _ = strconv.Atoi(sql[number[0]:number[1]])
		out.places = append(out.places, place)
		at = m[1]
	}
	rest := placeholder.ReplaceAllString(sql[at:], "?$1")
	if len(out.places) == 0 {
		out.plain = rest
	}
	out.pieces = append(out.pieces, rest)
	t.m.Store(sql, out)
	return out
}

// with gives the text and the values for some arguments.
func (t *sqliteText) with(args []any) (string, []any, error) {
	values := make([]any, len(args), len(args)+8)
	// first is the number of the placeholder at which each list begins, 0 for one that is given as JSON.
	var first, length [maxLists]int
	var lists [maxLists]int
	n, key := 0, uint64(0)
	for i, a := range args {
		list, ok := a.(array)
		if !ok {
			v, err := sqliteValue(a)
			if err != nil {
				return "", nil, fmt.Errorf("argument %d: %w", i+1, err)
			}
			values[i] = v
			continue
		}
		if n == maxLists {
			return "", nil, fmt.Errorf("more than %d lists", maxLists)
		}
		lists[n], length[n] = i+1, -1
		if at := sizeFor(list.len()); at < 0 {
			values[i] = list.sqlite()
			key = key*16 + 15
		} else {
			key = key*16 + uint64(at) //nolint:gosec // an index
			first[n], length[n] = len(values)+1, sizes[at]
			members := list.values()
			for k := range sizes[at] {
				values = append(values, members[min(k, len(members)-1)])
			}
		}
		n++
	}
	if t.plain != "" {
		return t.plain, values, nil
	}
	if text, ok := t.variants.Load(key); ok {
		return text.(string), values, nil
	}
	var b strings.Builder
	for i, piece := range t.pieces {
		b.WriteString(piece)
		if i == len(t.places) {
			break
		}
		p := t.places[i]
		for k := range n {
			if lists[k] == p.arg {
				b.WriteString(p.text(first[k], length[k]))
			}
		}
	}
	t.variants.Store(key, b.String())
	return b.String(), values, nil
}

// maxLists is how many lists one statement may have.
const maxLists = 4

// sizeFor finds the size that a list is filled up to, -1 for JSON.
func sizeFor(n int) int {
	for i, s := range sizes {
		if n <= s {
			return i
		}
	}
	return -1
}

// text asks for membership in a list of so many placeholders.
func (p listPlace) text(first, size int) string {
	not := ""
	if p.not {
		not = "NOT "
	}
	switch {
	case size < 0:
		return fmt.Sprintf("%sIN (SELECT value FROM json_each(?%d))", not, p.arg)
	case size == 1 && p.not:
		return fmt.Sprintf("<> ?%d", first)
	case size == 1:
		return fmt.Sprintf("= ?%d", first)
	}
	marks := make([]string, size)
	for i := range marks {
		marks[i] = "?" + strconv.Itoa(first+i)
	}
	return not + "IN (" + strings.Join(marks, ",") + ")"
}

func (a array) len() int {
	switch v := a.v.(type) {
	case []int64:
		return len(v)
	case []string:
		return len(v)
	}
	return 0
}

func (a array) values() []any {
	switch v := a.v.(type) {
	case []int64:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i := range v {
			out[i] = v[i]
		}
		return out
	}
	return nil
}

func (a array) sqlite() string {
	b, _ := json.Marshal(a.v) // whole numbers and texts always encode
	return string(b)
}

func sqliteValue(a any) (driver.Value, error) {
	switch v := a.(type) {
	case int64, string, bool:
		return v, nil
	case int:
		return int64(v), nil
	}
	return driver.DefaultParameterConverter.ConvertValue(a)
}
