package jobs

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// A claim costs the same however many jobs wait: it walks an index from its start, and finds what it takes by the key, even where the
// statistics were taken when the queue was empty.
func TestClaimsWalkAnIndex(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const fill = `WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2)
INSERT INTO jobs (id, queue, kind, args, lane, state, run_at, created_at) SELECT i, 'push', 'tick', '{}', 'h', CASE WHEN i % 2 = 0 THEN 0 ELSE 3 END, i, i FROM n`
		if err := d.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "ANALYZE")
			if err == nil {
				_, err = tx.Exec(ctx, fill, 1, 20_000)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		explain, walks := "EXPLAIN QUERY PLAN ", "USING "
		if d.Engine() == db.Postgres {
			explain, walks = "EXPLAIN ", "Index "
		}
		now, kinds := db.Ms(time.Now()), db.Texts([]string{"tick"})
		for name, c := range map[string]struct {
			index     string
			statement string
			args      []any
		}{
			"waiting": {"jobs_waiting", claimWaiting, []any{int64(1), "push", now, kinds, 64, int64(0)}},
			"held":    {"jobs_held", claimHeld, []any{int64(1), "push", "h", kinds, 64}},
			"lanes":   {"jobs_held", heldLanes, []any{"push", 64}},
			"ready":   {"jobs_waiting", readyQueues, []any{now, 0, 0, 0, 0, 0, 0}},
			"keys":    {"jobs_keys", "SELECT 1 FROM jobs WHERE unique_until > 0 AND state <> 2 AND unique_until <= $1", []any{now}},
		} {
			var plan []string
			err := d.Write(ctx, func(tx *db.Tx) (err error) {
				statement := c.statement
				if name == "waiting" || name == "held" {
					statement = claim(tx, statement)
				}
				plan, err = db.All(ctx, tx, func(r db.Row) (line string, err error) {
					if d.Engine() == db.Postgres {
						return line, r.Scan(&line)
					}
					var id, parent, unused int64
					return line, r.Scan(&id, &parent, &unused, &line)
				}, explain+statement, c.args...)
				return err
			})
			text := strings.Join(plan, "\n")
			if err != nil || !strings.Contains(text, walks) || !strings.Contains(text, c.index) || strings.Contains(text, "Seq Scan on jobs") || strings.Contains(text, "SCAN jobs\n") {
				t.Errorf("%s: %v\n%s", name, err, text)
			}
			if (name == "waiting" || name == "held") && d.Engine() == db.Postgres && !strings.Contains(text, "(id = ANY (") {
				t.Errorf("%s does not look each job up:\n%s", name, text)
			}
			if name == "waiting" && strings.Contains(text, "Sort") || strings.Contains(text, "TEMP B-TREE") {
				t.Errorf("%s sorts what waits:\n%s", name, text)
			}
		}
	})
}

func TestCapacityIsLittlesLaw(t *testing.T) {
	t.Parallel()
	// 20 jobs a second that take two seconds each: 40 run at once on average, and chance wants some more.
	f := Flow{Emitted: 12_000, Succeeded: 11_000, Failed: 1000, Busy: 24_000 * time.Second, Statements: 48_000, Over: 10 * time.Minute}
	c := capacity(Push, f, 6, 96_000)
	if c.Arrival != 20 || c.Runs != 20 || c.Takes != 2 || c.Service != .5 || c.Slots != 47 || c.Statements != 4 || c.Connections != 5 || c.Grows {
		t.Errorf("capacity is %+v", c)
	}
	f.Emitted = 24_000
	if c := capacity(Push, f, 6, 96_000); !c.Grows || c.Slots != 89 || c.Connections != 9 {
		t.Errorf("with twice as many it is %+v", c)
	}
	if c := capacity(Push, Flow{Over: time.Minute}, 0, 0); c.Slots != 0 || c.Connections != 0 {
		t.Errorf("of nothing it is %+v", c)
	}
}

func TestWaitsAreCounted(t *testing.T) {
	t.Parallel()
	var waits, read [waitRanges]int64
	for ms := range 1000 {
		waits[waitRange(time.Duration(ms)*time.Millisecond)]++
	}
	addWaits(&read, writeWaits(waits))
	if read != waits {
		t.Errorf("read %v, wrote %v", read, waits)
	}
	for part, want := range map[float64]time.Duration{.5: 500 * time.Millisecond, .95: 950 * time.Millisecond, 0: time.Millisecond} {
		if got := quantile(waits, part); got < want*9/10-time.Millisecond || got > want*11/10 {
			t.Errorf("%v of the waits are within %v, not %v", part, got, want)
		}
	}
	if waitRange(1000*time.Hour) != waitRanges-1 || waitRange(-time.Second) != 0 || quantile([waitRanges]int64{}, .5) != 0 {
		t.Error("the ends of the ranges are wrong")
	}
	addWaits(&read, "x,1,,"+strings.Repeat("1,", 100)) // of another version
}
