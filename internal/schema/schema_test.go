package schema_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/schema"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

var update = flag.Bool("update", false, "write the golden files")

// TestTheSchemaIsAsItWas shows in review what a new step does to the database, and that no released step changes.
func TestTheSchemaIsAsItWas(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		got := dump(t, d)
		path := filepath.Join("testdata", string(d.Engine())+".golden")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got == string(want) {
			return
		}
		had := map[string]bool{}
		for line := range strings.Lines(string(want)) {
			had[line] = true
		}
		for line := range strings.Lines(got) {
			if !had[line] {
				t.Logf("new: %s", line)
			}
		}
		t.Errorf("the schema is no longer the one of %s; go test ./internal/schema -update writes the new one", path)
	})
}

// TestTheEnginesAgree: what one statement finds on the one engine it finds on the other. The words of posts are the exception (ADR 0008), and the
// index by which PostgreSQL orders hashtags by bytes, as SQLite's own one does.
func TestTheEnginesAgree(t *testing.T) {
	t.Parallel()
	lite, pg := strings.Split(dump(t, dbtest.SQLite(t)), "\n"), strings.Split(dump(t, dbtest.Postgres(t)), "\n")
	if len(lite) < 100 {
		t.Fatalf("only %d lines were found", len(lite))
	}
	for _, side := range []struct {
		name     string
		has, not []string
	}{{"SQLite", lite, pg}, {"PostgreSQL", pg, lite}} {
		for _, line := range side.has {
			if !slices.Contains(side.not, line) && !strings.Contains(line, "status_texts") && !strings.Contains(line, "tags_beginning") {
				t.Errorf("%s alone has: %s", side.name, line)
			}
		}
	}
}

// TestStepsStandOnTheirOwn: nothing but what both engines know, and nothing that a step must not do.
func TestStepsStandOnTheirOwn(t *testing.T) {
	t.Parallel()
	for _, e := range []db.Engine{db.SQLite, db.Postgres} {
		list, err := schema.Migrations(e)
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: %d steps, %v", e, len(list), err)
		}
		for _, m := range list[1:] {
			if regexp.MustCompile(`(?i)\b(DROP\s+TABLE|DROP\s+COLUMN|RENAME)\b`).MatchString(m.SQL) {
				t.Errorf("%s %s takes away what the version before still uses", e, m.Name)
			}
		}
	}
}

// The tables in which FTS5 keeps its index are not ours.
const sqliteColumns = `SELECT m.name || '.' || c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN 'BIGINT' ELSE c.type END || CASE WHEN c."notnull" = 1 OR c.pk > 0 THEN ' not null' ELSE '' END
  || CASE WHEN c.dflt_value IS NULL THEN '' ELSE ' default ' || c.dflt_value END || CASE WHEN c.pk > 0 THEN ' key' || c.pk ELSE '' END
  || COALESCE((SELECT ' references ' || f."table" || '.' || f."to" || ' ' || f.on_delete FROM pragma_foreign_key_list(m.name) f WHERE f."from" = c.name), '')
FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'status_texts!_%' ESCAPE '!' ORDER BY 1`

const sqliteIndexes = `SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`

const postgresColumns = `SELECT (c.table_name || '.' || c.column_name || ' ' || c.data_type || CASE WHEN c.is_nullable = 'NO' THEN ' not null' ELSE '' END
  || COALESCE(' default ' || c.column_default, '')
  || COALESCE((SELECT ' key' || k.ordinal_position FROM information_schema.key_column_usage k JOIN information_schema.table_constraints t USING (constraint_schema, constraint_name)
       WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name), '')
  || COALESCE((SELECT ' references ' || u.table_name || '.' || u.column_name || ' ' || r.delete_rule FROM information_schema.key_column_usage k
       JOIN information_schema.referential_constraints r USING (constraint_schema, constraint_name)
       JOIN information_schema.constraint_column_usage u USING (constraint_schema, constraint_name)
       WHERE k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name), '')) COLLATE "C"
FROM information_schema.columns c WHERE c.table_schema = 'public' ORDER BY 1`

const postgresIndexes = `SELECT indexdef FROM pg_indexes i WHERE schemaname = 'public' AND NOT EXISTS (
  SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname) ORDER BY indexname COLLATE "C"`

// dump writes a schema down, one column or index a line, spelled the same for both engines.
func dump(t *testing.T, d *db.DB) string {
	t.Helper()
	columns, indexes := sqliteColumns, sqliteIndexes
	if d.Engine() == db.Postgres {
		columns, indexes = postgresColumns, postgresIndexes
	}
	var b strings.Builder
	for _, part := range []struct{ sql, before string }{{columns, ""}, {indexes, "index "}} {
		lines, err := db.Column[string](context.Background(), d, part.sql)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			fmt.Fprintln(&b, part.before+normal(l))
		}
	}
	return b.String()
}

var (
	casts  = regexp.MustCompile(`::[a-z]+`)
	spaces = regexp.MustCompile(`\s+`)
)

func normal(line string) string {
	line = strings.NewReplacer("public.", "", " USING btree", "", `"`, "").Replace(casts.ReplaceAllString(line, ""))
	line = strings.ToLower(strings.TrimSpace(spaces.ReplaceAllString(line, " ")))
	if head, where, ok := strings.Cut(line, " where "); ok { // PostgreSQL adds parentheses
		line = head + " where " + strings.NewReplacer("(", "", ")", "").Replace(where)
	}
	return line
}
