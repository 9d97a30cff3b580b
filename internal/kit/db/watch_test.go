package db

import (
	"slices"
	"testing"
)

func TestWatchReadsStatements(t *testing.T) {
	t.Parallel()
	type id int64
	for _, test := range []struct {
		name, sql, table, column string
		args                     []any
		keys                     []int64
		whole, silent            bool
	}{
		{name: "update by key", sql: "UPDATE posts SET n = n + 1 WHERE id = $1", args: []any{id(7)}, keys: []int64{7}},
		{name: "key among others", sql: "UPDATE posts SET a = $1, b = $2\nWHERE owner = $3 AND id = $4 AND a <> $1", args: []any{1, 2, 3, int64(9)}, keys: []int64{9}},
		{name: "list", sql: "DELETE FROM posts WHERE id = ANY($1) AND state = 1", args: []any{Array([]id{3, 4})}, keys: []int64{3, 4}},
		{name: "returning", sql: "UPDATE posts SET a = $1 WHERE id = $2 RETURNING id, a", args: []any{1, 5}, keys: []int64{5}},
		{name: "insert", sql: "INSERT INTO posts (name, id, a) VALUES ($2, $1, 0) ON CONFLICT DO NOTHING", args: []any{8, "x"}, keys: []int64{8}},
		{name: "upsert by the key", sql: "INSERT INTO posts (id, a) VALUES ($1, $2) ON CONFLICT (id, b) DO UPDATE SET a = excluded.a", args: []any{8, 1}, keys: []int64{8}},
		{name: "condition with a subquery", sql: "UPDATE posts SET a = 0 WHERE id = $1 AND EXISTS (SELECT 1 FROM x WHERE x.id = $2 OR x.id = 3)", args: []any{6, 1}, keys: []int64{6}},
		{name: "upsert by another key", sql: "INSERT INTO posts (id, uri) VALUES ($1, $2) ON CONFLICT (uri) DO UPDATE SET uri = excluded.uri", args: []any{8, "x"}, whole: true},
		{name: "another column that ends alike", sql: "UPDATE posts SET a = 1 WHERE parent_id = $1", args: []any{7}, whole: true},
		{name: "or", sql: "UPDATE posts SET a = 1 WHERE id = $1 OR b = $2", args: []any{7, 8}, whole: true},
		{name: "or within", sql: "DELETE FROM posts WHERE (id = $1 OR b = $2) AND c <> 0", args: []any{7, 8}, whole: true},
		{name: "the key itself changes", sql: "UPDATE posts SET id = $1 WHERE id = $2", args: []any{7, 8}, whole: true},
		{name: "no condition", sql: "UPDATE posts SET a = 1", whole: true},
		{name: "from a query", sql: "INSERT INTO posts (id, a) SELECT id, a FROM others", whole: true},
		{name: "in a WITH", sql: "WITH gone AS (DELETE FROM posts WHERE id = $1 RETURNING id) SELECT id FROM gone", args: []any{7}, whole: true},
		{name: "two tables", sql: "WITH gone AS (DELETE FROM others RETURNING id) DELETE FROM posts WHERE id = $1", args: []any{7}, whole: true},
		{name: "no number", sql: "UPDATE posts SET a = 1 WHERE id = $1", args: []any{"7"}, whole: true},
		{name: "not equal", sql: "UPDATE posts SET a = 1 WHERE id <> $1", args: []any{7}, whole: true},
		{name: "reading", sql: "SELECT id FROM posts WHERE id = $1 FOR UPDATE", args: []any{7}, silent: true},
		{name: "another table", sql: "UPDATE others SET a = 'UPDATE posts SET' WHERE id = $1", args: []any{7}, silent: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var w watches
			var keys []int64
			begun, ended, whole := 0, 0, false
			w.list = []Watch{{Table: "posts", Column: "id", Begin: func(k []int64, all bool) { begun++; keys, whole = k, all }, End: func([]int64, bool) { ended++ }}}
			tx := &Tx{watches: &w}
			tx.touch(test.sql, test.args)
			if ended != 0 {
				t.Error("told of the end before it")
			}
			tx.ended()
			if test.silent {
				if begun != 0 {
					t.Errorf("told of keys %v", keys)
				}
				return
			}
			if begun != 1 || ended != 1 {
				t.Fatalf("told %d times of the beginning and %d of the end", begun, ended)
			}
			if whole != test.whole || !slices.Equal(keys, test.keys) {
				t.Errorf("keys %v, whole %t; want %v, %t", keys, whole, test.keys, test.whole)
			}
		})
	}
}
