package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomph/gomph/internal/door/mastodon/api"
)

// tables is testdata/mastodon-api, read once.
type tables struct {
	endpoints map[string]endpoint
	entities  map[string]map[string]*field
}

type endpoint struct {
	auth, removed, returns string
	scopes                 []string
}

// field is a line of entities.tsv with the lines nested in it.
type field struct {
	kind               string
	nullable, optional bool
	removed            bool
	inner              map[string]*field // keys of a hash
	items              *field            // of a list of hashes
}

var readTables = sync.OnceValues(func() (*tables, error) {
	t := &tables{map[string]endpoint{}, map[string]map[string]*field{}}
	err := lines("endpoints.tsv", func(c []string) {
		e := endpoint{auth: c[3], removed: c[6], returns: c[8]}
		if c[4] != "" {
			e.scopes = strings.Split(c[4], "|")
		}
		t.endpoints[c[0]+" "+shape(c[1])] = e
	})
	if err != nil {
		return nil, err
	}
	return t, lines("entities.tsv", func(c []string) {
		if t.entities[c[0]] == nil {
			t.entities[c[0]] = map[string]*field{}
		}
		f := place(t.entities[c[0]], c[1])
		f.kind, f.nullable, f.optional, f.removed = c[2], c[3] == "yes", c[4] == "yes", strings.HasPrefix(c[6], "removed")
	})
})

func lines(name string, use func([]string)) error {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "testdata", "mastodon-api", name))
	if err != nil {
		return err
	}
	for i, l := range strings.Split(strings.TrimRight(string(b), "\n"), "\n") {
		c := strings.Split(l, "\t")
		for len(c) < 11 {
			c = append(c, "")
		}
		if i > 0 {
			use(c)
		}
	}
	return nil
}

var step = regexp.MustCompile(`^([^\[]+)((?:\[[^\]]*\])*)$`)

// place finds where a field like a[][b] belongs in a tree of fields.
func place(in map[string]*field, name string) *field {
	m := step.FindStringSubmatch(name)
	if m == nil {
		panic("a field's name cannot be read: " + name)
	}
	f := child(in, m[1])
	for _, part := range strings.Split(strings.Trim(m[2], "[]"), "][") {
		switch {
		case m[2] == "":
		case part == "":
			if f.items == nil {
				f.items = &field{}
			}
			f = f.items
		default:
			if f.inner == nil {
				f.inner = map[string]*field{}
			}
			f = child(f.inner, part)
		}
	}
	return f
}

func child(in map[string]*field, name string) *field {
	if in[name] == nil {
		in[name] = &field{kind: "Hash"}
	}
	return in[name]
}

var param = regexp.MustCompile(`\{[^}]+\}|:[a-z_]+`)

// shape is a path with its parameters' names left out.
func shape(p string) string { return param.ReplaceAllString(p, "*") }

// conforms holds an answer against the tables: its code's shape, and every field of every entity in it.
func conforms(t testing.TB, routes []api.Route, req *http.Request, r *reply) {
	t.Helper()
	law, err := readTables()
	if err != nil {
		t.Fatal(err)
	}
	if r.header.Get("X-Request-Id") == "" || r.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%s: an answer without X-Request-Id or CORS", r.name)
	}
	if r.code == http.StatusNoContent && strings.HasSuffix(law.endpoints[rowOf(routes, req)].returns, "|empty") && len(r.body) == 0 {
		return
	}
	if r.code == 200 && law.endpoints[rowOf(routes, req)].returns == "empty" {
		if len(r.body) > 0 {
			t.Errorf("%s: answers %q and not nothing", r.name, r.body)
		}
		return
	}
	var v any
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Errorf("%s: no JSON: %q", r.name, r.body)
		return
	}
	if r.code >= 400 {
		if m, ok := v.(map[string]any); !ok || m["error"] == "" || m["error"] == nil {
			t.Errorf("%s: %d without an error's text: %s", r.name, r.code, r.body)
		}
		return
	}
	e, ok := law.endpoints[rowOf(routes, req)]
	if !ok {
		t.Errorf("%s: answered %d, and is not in the table", r.name, r.code)
		return
	}
	for _, fault := range law.returns(strings.TrimSuffix(e.returns, "|empty"), v) {
		t.Errorf("%s: %s", r.name, fault)
	}
}

// rowOf is the table's row for a request.
func rowOf(routes []api.Route, req *http.Request) string {
	method := req.Method
	best := ""
	for _, r := range routes {
		if !matches(r.Pattern, req.URL.EscapedPath()) {
			continue
		}
		same := r.Method == method || slices.Contains([]string{"PUT", "PATCH"}, r.Method) && slices.Contains([]string{"PUT", "PATCH"}, method)
		if same && (best == "" || !strings.Contains(r.Pattern, "{")) {
			best = r.Method + " " + shape(r.Pattern)
		}
	}
	return best
}

func matches(pattern, path string) bool {
	a, b := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && !strings.HasPrefix(a[i], "{") {
			return false
		}
	}
	return true
}

// returns checks a value against the table's column of that name.
func (l *tables) returns(what string, v any) []string {
	switch {
	case what == "{}":
		if m, ok := v.(map[string]any); !ok || len(m) > 0 {
			return []string{"not an empty object"}
		}
		return nil
	case strings.HasPrefix(what, "{"):
		m, ok := v.(map[string]any)
		if !ok {
			return []string{"not an object"}
		}
		fields := map[string]*field{}
		for part := range strings.SplitSeq(strings.Trim(what, "{}"), ",") {
			name, kind, _ := strings.Cut(part, ":")
			fields[name] = &field{kind: kind, optional: kind == "Marker"}
		}
		return l.object("answer", fields, m)
	case what == "Status|ScheduledStatus":
		what = "Status"
		if m, ok := v.(map[string]any); ok && m["scheduled_at"] != nil {
			what = "ScheduledStatus"
		}
	}
	return l.value("answer", &field{kind: what}, v)
}

var (
	datetime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	bareDate = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
)

func (l *tables) value(at string, f *field, v any) []string {
	if v == nil {
		if f.nullable || f.kind == "Null" {
			return nil
		}
		return []string{at + " is null"}
	}
	fail := func(ok bool) []string {
		if ok {
			return nil
		}
		return []string{fmt.Sprintf("%s is no %s but %v", at, f.kind, v)}
	}
	s, isText := v.(string)
	n, isNumber := v.(float64)
	switch f.kind {
	case "String":
		return fail(isText)
	case "Boolean":
		_, ok := v.(bool)
		return fail(ok)
	case "Integer":
		return fail(isNumber && n == float64(int64(n)))
	case "Float":
		return fail(isNumber)
	case "Datetime":
		return fail(isText && datetime.MatchString(s))
	case "Date":
		return fail(isText && bareDate.MatchString(s))
	case "Hash":
		m, ok := v.(map[string]any)
		if !ok || f.inner == nil {
			return fail(ok)
		}
		return l.object(at, f.inner, m)
	}
	if inner, ok := strings.CutPrefix(f.kind, "["); ok {
		list, ok := v.([]any)
		if !ok {
			return fail(false)
		}
		item := &field{kind: strings.TrimSuffix(inner, "]")}
		if f.items != nil {
			item = &field{kind: "Hash", inner: f.items.inner}
		}
		var out []string
		for i, e := range list {
			out = append(out, l.value(fmt.Sprintf("%s[%d]", at, i), item, e)...)
		}
		return out
	}
	if fields := l.fields(f.kind); fields != nil {
		m, ok := v.(map[string]any)
		if !ok {
			return fail(false)
		}
		return l.object(at+":"+f.kind, fields, m)
	}
	return fail(isText && slices.Contains(strings.Split(f.kind, "|"), s))
}

// fields are those of an entity, with those that it has from another.
func (l *tables) fields(name string) map[string]*field {
	own := l.entities[name]
	if own == nil {
		return nil
	}
	out := map[string]*field{}
	if base := own["@extends"]; base != nil {
		for k, f := range l.fields(base.kind) {
			out[k] = f
		}
	}
	for k, f := range own {
		if k != "@extends" && !f.removed {
			out[k] = f
		}
	}
	// The table says Application of two things: this is what a post has, whose fields are its own rows.
	return out
}

func (l *tables) object(at string, fields map[string]*field, m map[string]any) []string {
	var out []string
	wild := fields["<lang>"]
	for k, f := range fields {
		v, ok := m[k]
		if !ok && !f.optional && !f.removed && k != "<lang>" {
			out = append(out, at+" lacks "+k)
		}
		if ok {
			out = append(out, l.value(at+"."+k, f, v)...)
		}
	}
	for k := range m {
		if fields[k] == nil && wild == nil {
			out = append(out, at+" has "+k+", which is in no table")
		}
	}
	return out
}
