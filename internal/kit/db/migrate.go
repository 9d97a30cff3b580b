package db

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// migrationLock is an arbitrary number, the same in every Gomph: PostgreSQL's advisory lock that lets one process migrate.
const migrationLock = 0x676f6d7068

// migrationPatience is how long all steps together may take: an index over a large table takes hours.
const migrationPatience = 24 * time.Hour

var migrationName = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+(\.sqlite|\.postgres)?\.sql$`)

// Migration is one numbered step of the schema.
type Migration struct {
	Version int
	Name    string
	SQL     string
}

// Migrations lists the steps in a folder for one engine: 0001_name.sql for both, or a pair 0002_name.sqlite.sql and
// 0002_name.postgres.sql. Numbers must be without gaps.
func Migrations(fsys fs.FS, engine Engine) ([]Migration, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var out []Migration
	for _, name := range names {
		m := migrationName.FindStringSubmatch(path.Base(name))
		if m == nil {
			return nil, fmt.Errorf("migration %s: the name must be like 0001_words.sql", name)
		}
		if m[2] != "" && m[2] != "."+string(engine) {
			continue
		}
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		v, _ := strconv.Atoi(m[1])
		if v != len(out)+1 {
			return nil, fmt.Errorf("migration %s: expected number %04d", name, len(out)+1)
		}
		out = append(out, Migration{Version: v, Name: strings.TrimSuffix(path.Base(name), ".sql"), SQL: string(b)})
	}
	return out, nil
}

// Migrate brings the schema up to date, each step in a transaction of its own, and reports the steps it took. Several
// processes may call it at once: one does the work, the others wait. It goes forward only.
func (d *DB) Migrate(ctx context.Context, steps []Migration) ([]Migration, error) {
	ctx, cancel := context.WithTimeout(ctx, migrationPatience)
	defer cancel()
	var done []Migration
	for {
		var step *Migration
		err := d.Write(ctx, func(tx *Tx) error {
			step = nil
			if tx.engine == Postgres {
				if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1::bigint)", int64(migrationLock)); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)"); err != nil {
				return err
			}
			at, err := Value[int64](ctx, tx, "SELECT COALESCE(MAX(version), 0) FROM schema_migrations")
			if err != nil {
				return err
			}
			if int(at) >= len(steps) {
				return nil
			}
			step = &steps[at]
			for _, stmt := range split(dialect(step.SQL, tx.engine)) {
				if _, err := tx.Exec(ctx, stmt); err != nil {
					return fmt.Errorf("migrating to %s: %w\n%s", step.Name, err, stmt)
				}
			}
			_, err = tx.Exec(ctx, "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)", step.Version, step.Name, time.Now().UnixMilli())
			return err
		})
		if err != nil {
			return done, err
		}
		if step == nil {
			return done, nil
		}
		done = append(done, *step)
	}
}

// Pending is how many steps of the program the database has not taken yet; negative when the database is ahead of the program.
func (d *DB) Pending(ctx context.Context, steps []Migration) (int, error) {
	at, err := Value[int64](ctx, d, "SELECT COALESCE(MAX(version), 0) FROM schema_migrations")
	if err != nil {
		return len(steps), err
	}
	return len(steps) - int(at), nil
}

// dialect makes a single id the row's own number on SQLite, where only the word INTEGER does that: one lookup instead of two.
func dialect(script string, e Engine) string {
	if e == SQLite {
		return strings.ReplaceAll(script, "BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY")
	}
	return script
}

// split cuts a script into statements at semicolons that end a line. Triggers are not used, so no statement holds one inside.
func split(script string) []string {
	var out []string
	var b strings.Builder
	for line := range strings.Lines(script) {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "--") || trimmed == "" {
			continue
		}
		b.WriteString(line)
		if strings.HasSuffix(trimmed, ";") {
			out = append(out, strings.TrimSuffix(strings.TrimSpace(b.String()), ";"))
			b.Reset()
		}
	}
	if s := strings.TrimSpace(b.String()); s != "" {
		out = append(out, s)
	}
	return out
}
