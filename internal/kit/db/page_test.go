package db_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

func TestPages(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d, 10)
		for _, c := range []struct {
			page db.Page
			want []int64
		}{
			{db.Page{Limit: 3}, []int64{10, 9, 8}},
			{db.Page{Limit: 3, Offset: 3}, []int64{7, 6, 5}},
			{db.Page{Limit: 3, Offset: 9}, []int64{1}},
			{db.Page{Limit: 3, Offset: 99}, nil},
			{db.Page{Limit: 0}, nil},
			{db.Page{Limit: 3, MaxID: 8}, []int64{7, 6, 5}},
			{db.Page{Limit: 3, MaxID: 1}, nil},
			{db.Page{Limit: 3, SinceID: 5}, []int64{10, 9, 8}},
			{db.Page{Limit: 99, SinceID: 8}, []int64{10, 9}},
			{db.Page{Limit: 3, MinID: 5}, []int64{8, 7, 6}},
			{db.Page{Limit: 3, MinID: 9}, []int64{10}},
			{db.Page{Limit: 3, MinID: 10}, nil},
			{db.Page{Limit: 3, MinID: 2, MaxID: 5}, []int64{4, 3}},
			{db.Page{Limit: 2, SinceID: 2, MaxID: 7}, []int64{6, 5}},
			{db.Page{Limit: 2, MinID: 4, SinceID: 8}, []int64{6, 5}}, // min_id wins, as in Mastodon
		} {
			end, args := c.page.Apply("id", []any{"none"})
			got, err := db.Column[int64](bg, d, "SELECT id FROM things WHERE name <> $1"+end, args...)
			if got = db.Newest(c.page, got); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%+v: %v, %v", c.page, got, err)
			}
		}
	})
}

// TestFewTextsForManyLimits: the limit stands in the text, where PostgreSQL's plan of it can count on it; but each text is prepared, and clients choose
// the limit.
func TestFewTextsForManyLimits(t *testing.T) {
	t.Parallel()
	texts := map[string]bool{}
	for limit := range 401 {
		p := db.Page{Limit: limit}
		end, args := p.Apply("id", nil)
		texts[end] = true
		if strings.Contains(end, "$") || len(args) > 0 {
			t.Errorf("a page of %d is told its limit beside its text: %q %v", limit, end, args)
		}
		if rows := db.Newest(p, make([]int, 800)); len(rows) != limit {
			t.Errorf("a page of %d has %d", limit, len(rows))
		}
	}
	if len(texts) > 10 {
		t.Errorf("%d texts: %v", len(texts), texts)
	}
}
