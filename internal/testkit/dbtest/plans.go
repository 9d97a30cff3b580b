package dbtest

import (
	"context"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
)

// small are tables that may be read whole: they have a row for each rule, process or decision of the server, not for each person or post.
var small = []string{"settings", "rules", "processes", "leases", "worker_settings", "paused_queues", "scheduled_runs", "relays", "domain_blocks", "domain_allows", "schema_migrations", "instances", "announcements",
	"rule_translations", "terms_of_services", "activity_weeks"}

// few are indexes for some rows alone, which may be walked from end to end.
var few = []string{"users_staff", "accounts_local", "jobs_running", "jobs_lanes", "jobs_dead", "statuses_deleted"}

// readsAll in a statement's text says that it reads a table whole on purpose, and why: it runs seldom.
const readsAll = "/* reads all"

// checked are the texts whose plans were looked at by this process.
var checked sync.Map

// plans collects the statements of the program, those of tests left out, and holds that each finds its rows by an index: no table that
// grows with people or posts is read whole. SQLite knows no better way than PostgreSQL does: an index for some rows alone is used by
// both for a statement that has the index's own condition in its text, since both plan once for all arguments.
type plans struct {
	mu    sync.Mutex
	texts []string
}

func (p *plans) saw(sql string) {
	if _, done := checked.Load(sql); done || strings.Contains(sql, readsAll) || !ofTheProgram() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.texts = append(p.texts, sql)
}

// ofTheProgram reports whether the code outside of kit/db that runs a statement is neither a test nor for tests.
func ofTheProgram() bool {
	var pcs [40]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		switch {
		case !more, strings.HasSuffix(f.File, "_test.go"), strings.Contains(f.File, "/testkit/"):
			return false
		case !strings.Contains(f.File, "/kit/db/"):
			return true
		}
	}
}

var (
	verb    = regexp.MustCompile(`(?i)^[\s(]*(SELECT|WITH|UPDATE|DELETE|INSERT)\b`)
	listOf  = regexp.MustCompile(`(?:= ANY|<> ALL)\(\$(\d+)\)`)
	number  = regexp.MustCompile(`\$(\d+)`)
	named   = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|UPDATE)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?`)
	scanned = regexp.MustCompile(`^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?$`)
)

func (p *plans) check(t testing.TB, d *db.DB) {
	t.Helper()
	p.mu.Lock()
	texts := slices.Clone(p.texts)
	p.mu.Unlock()
	if len(texts) == 0 {
		return
	}
	tables, err := db.Column[string](context.Background(), d, "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		return // closed by the test
	}
	for _, sql := range texts {
		if _, again := checked.LoadOrStore(sql, true); again || !verb.MatchString(sql) {
			continue
		}
		plan, err := explain(d, sql)
		if err != nil {
			continue // of a schema that the test made itself, or that is not there any more
		}
		for _, step := range plan {
			if table := whole(tables, sql, step); table != "" {
				t.Errorf("%s is read whole (%s); give the statement the condition of the index, or say %s, seldom …*/ in it:\n%s", table, step, readsAll, sql)
			}
		}
	}
}

// whole is the table that a step of a plan reads from end to end.
func whole(tables []string, sql, step string) string {
	m := scanned.FindStringSubmatch(step)
	if m == nil || strings.Contains(sql, ") "+m[1]) || m[2] != "" && (strings.Contains(sql, "LIMIT") || slices.Contains(few, m[2])) {
		return "" // not read, the rows of a list in the statement, or until there is enough
	}
	for _, n := range named.FindAllStringSubmatch(sql, -1) {
		if n[1] == m[1] || n[2] == m[1] {
			if slices.Contains(tables, n[1]) && !slices.Contains(small, n[1]) {
				return n[1]
			}
		}
	}
	return ""
}

func explain(d *db.DB, sql string) ([]string, error) {
	args := make([]any, 0, 8)
	for _, m := range number.FindAllStringSubmatch(sql, -1) {
		n, _ := strconv.Atoi(m[1])
		for len(args) < n {
			args = append(args, int64(1))
		}
	}
	for _, m := range listOf.FindAllStringSubmatch(sql, -1) {
		n, _ := strconv.Atoi(m[1])
		args[n-1] = db.Array([]int64{1, 2})
	}
	var plan []string
	err := d.Write(context.Background(), func(tx *db.Tx) (err error) {
		plan, err = db.All(context.Background(), tx, func(r db.Row) (step string, err error) {
			var id, parent, unused int64
			return step, r.Scan(&id, &parent, &unused, &step)
		}, "EXPLAIN QUERY PLAN "+sql, args...)
		return err
	})
	return plan, err
}
