// Package cachetest owns what every cache.Cache must do.
package cachetest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/cache"
)

// Fixture is a cache and a way to make its time pass.
type Fixture struct {
	Cache   cache.Cache
	Advance func(time.Duration)
}

// Run tries a cache. Each call of open gives a new, empty one that shares nothing with the others.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for name, test := range map[string]func(*testing.T, Fixture){
		"values":                   values,
		"bounds":                   bounds,
		"values expire":            valuesExpire,
		"counters":                 counters,
		"counters lose nothing":    countersConcurrent,
		"push needs a list":        pushNeedsList,
		"paging":                   paging,
		"large ids stay exact":     largeIDs,
		"lists expire and drop":    listsExpire,
		"builds merge changes":     buildsMerge,
		"builds go stale":          buildsStale,
		"push on thousands":        pushMany,
		"pushes survive rebuilds":  pushesSurviveRebuilds,
		"a model says the same":    model,
		"a failed load is no list": failedLoad,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			t.Cleanup(func() {
				if err := f.Cache.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, f)
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func values(t *testing.T, f Fixture) {
	ctx, c := t.Context(), f.Cache
	if _, ok, err := c.Get(ctx, "none"); ok || err != nil {
		t.Errorf("an unknown key: %v, %v", ok, err)
	}
	binary := []byte("\x00\xff\r\n")
	must(t, c.Set(ctx, "a", binary, time.Minute))
	must(t, c.Set(ctx, "a b\r\n\x00", nil, 0))
	binary[0] = 'x' // the cache has its own copy
	if v, ok, err := c.Get(ctx, "a"); !ok || err != nil || string(v) != "\x00\xff\r\n" {
		t.Errorf("got %q, %v, %v", v, ok, err)
	}
	if v, ok, err := c.Get(ctx, "a b\r\n\x00"); !ok || err != nil || len(v) != 0 {
		t.Errorf("an empty value: %q, %v, %v", v, ok, err)
	}
	must(t, c.SetMany(ctx, map[string][]byte{"b": []byte("2"), "c": []byte("3")}, time.Minute))
	must(t, c.SetMany(ctx, nil, time.Minute))
	got, err := c.GetMany(ctx, []string{"b", "nothing", "c", "a", "b"})
	must(t, err)
	if len(got) != 3 || string(got["b"]) != "2" || string(got["c"]) != "3" {
		t.Errorf("many: %q", got)
	}
	if got, err := c.GetMany(ctx, nil); err != nil || len(got) != 0 {
		t.Errorf("none: %q, %v", got, err)
	}
	must(t, c.Delete(ctx, "a", "b", "nothing"))
	must(t, c.Delete(ctx))
	if got, _ := c.GetMany(ctx, []string{"a", "b", "c"}); len(got) != 1 {
		t.Errorf("after deleting: %q", got)
	}
}

func bounds(t *testing.T, f Fixture) {
	ctx, c := t.Context(), f.Cache
	long := strings.Repeat("k", cache.MaxKey+1)
	for name, err := range map[string]error{
		"set long":    c.Set(ctx, long, nil, 0),
		"set empty":   c.Set(ctx, "", nil, 0),
		"set large":   c.Set(ctx, "k", make([]byte, cache.MaxValue+1), 0),
		"push long":   c.ListPush(ctx, []cache.ListEntry{{Key: long, ID: 1}}, 1),
		"incr long":   second(c.Incr(ctx, long, 1, 0)),
		"start empty": second(c.ListStart(ctx, "")),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	large := bytes.Repeat([]byte("v"), 1<<20)
	must(t, c.Set(ctx, "large", large, 0))
	if v, ok, err := c.Get(ctx, "large"); !ok || err != nil || !bytes.Equal(v, large) {
		t.Errorf("1 MiB does not come back: %v, %v", ok, err)
	}
}

func second[T any](_ T, err error) error { return err }

func valuesExpire(t *testing.T, f Fixture) {
	ctx, c := t.Context(), f.Cache
	must(t, c.Set(ctx, "minute", []byte("x"), time.Minute))
	must(t, c.Set(ctx, "hour", []byte("x"), time.Hour))
	must(t, c.Set(ctx, "ever", []byte("x"), 0))
	must(t, c.Set(ctx, "renewed", []byte("x"), time.Minute))
	f.Advance(50 * time.Second)
	must(t, c.Set(ctx, "renewed", []byte("x"), time.Minute))
	f.Advance(15 * time.Second)
	got, err := c.GetMany(ctx, []string{"minute", "hour", "ever", "renewed"})
	must(t, err)
	if got["minute"] != nil || len(got) != 3 {
		t.Errorf("after 65 s: %q", got)
	}
}

func counters(t *testing.T, f Fixture) {
	ctx, c := t.Context(), f.Cache
	for i, want := range []int64{3, 6, 9} {
		if got, err := c.Incr(ctx, "n", 3, time.Minute); err != nil || got != want {
			t.Fatalf("step %d: %d, %v", i, got, err)
		}
		f.Advance(15 * time.Second) // counting does not prolong
	}
	if got, _ := c.Incr(ctx, "n", -1, time.Minute); got != 8 {
		t.Errorf("down: %d", got)
	}
	f.Advance(16 * time.Second)
	if got, _ := c.Incr(ctx, "n", 1, time.Minute); got != 1 {
		t.Errorf("after its life the counter is %d", got)
	}
	if v, ok, _ := c.Get(ctx, "n"); !ok || string(v) != "1" {
		t.Errorf("a counter reads as %q", v)
	}
	must(t, c.Set(ctx, "text", []byte("x"), 0))
	if _, err := c.Incr(ctx, "text", 1, 0); err == nil {
		t.Error("counted a text")
	}
	must(t, c.Set(ctx, "full", []byte(fmt.Sprint(int64(math.MaxInt64))), 0))
	if _, err := c.Incr(ctx, "full", 1, 0); err == nil {
		t.Error("counted over the top")
	}
}

func countersConcurrent(t *testing.T, f Fixture) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if _, err := f.Cache.Incr(t.Context(), "n", 1, time.Minute); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n, err := f.Cache.Incr(t.Context(), "n", 0, time.Minute); err != nil || n != 800 {
		t.Errorf("counted %d, %v", n, err)
	}
}

// all reads a whole list.
func all(t testing.TB, c cache.Cache, key string) ([]int64, bool) {
	t.Helper()
	ids, ok, err := c.ListRange(t.Context(), key, 0, 0, 0, cache.MaxRange)
	must(t, err)
	return ids, ok
}

// build makes a list at once.
func build(t testing.TB, c cache.Cache, key string, keep int, ids ...int64) {
	t.Helper()
	b, err := c.ListStart(t.Context(), key)
	must(t, err)
	ok, err := c.ListPut(t.Context(), key, b, ids, keep, time.Hour)
	must(t, err)
	if !ok {
		t.Fatal("the build was refused")
	}
}

func push(t testing.TB, c cache.Cache, keep int, key string, id int64, extra ...int64) {
	t.Helper()
	must(t, c.ListPush(t.Context(), []cache.ListEntry{{Key: key, ID: id, Extra: extra}}, keep))
}

func pushNeedsList(t *testing.T, f Fixture) {
	c := f.Cache
	push(t, c, 10, "l", 1)
	if _, ok := all(t, c, "l"); ok {
		t.Error("a push made a list")
	}
	build(t, c, "l", 10)
	if ids, ok := all(t, c, "l"); !ok || len(ids) != 0 {
		t.Errorf("an empty list: %v, %v", ids, ok)
	}
	push(t, c, 3, "l", 5, 7, 6)
	push(t, c, 3, "l", 6)
	push(t, c, 3, "l", 8, 1)
	if ids, _ := all(t, c, "l"); !slices.Equal(ids, []int64{8, 7, 6}) {
		t.Errorf("got %v", ids)
	}
	must(t, c.ListRemove(t.Context(), "l", 7, 100))
	must(t, c.ListRemove(t.Context(), "none", 7))
	must(t, c.ListRemove(t.Context(), "l"))
	if ids, _ := all(t, c, "l"); !slices.Equal(ids, []int64{8, 6}) {
		t.Errorf("after removing: %v", ids)
	}
	must(t, c.ListPush(t.Context(), nil, 3))
	push(t, c, 0, "l", 9)
	if ids, ok := all(t, c, "l"); !ok || len(ids) != 0 {
		t.Errorf("keeping none: %v, %v", ids, ok)
	}
}

func paging(t *testing.T, f Fixture) {
	c := f.Cache
	build(t, c, "l", 100, 10, 50, 20, 40, 30, 30)
	for _, tc := range []struct {
		max, since, min int64
		limit           int
		want            []int64
	}{
		{0, 0, 0, 40, []int64{50, 40, 30, 20, 10}},
		{0, 0, 0, 2, []int64{50, 40}},
		{40, 0, 0, 2, []int64{30, 20}},
		{41, 0, 0, 2, []int64{40, 30}},
		{10, 0, 0, 2, nil},
		{1, 0, 0, 2, nil},
		{99, 0, 0, 1, []int64{50}},
		{0, 20, 0, 2, []int64{50, 40}},
		{0, 20, 0, 40, []int64{50, 40, 30}},
		{0, 50, 0, 40, nil},
		{0, 0, 20, 2, []int64{40, 30}},
		{0, 0, 15, 2, []int64{30, 20}},
		{0, 0, 50, 2, nil},
		{50, 20, 0, 40, []int64{40, 30}},
		{50, 0, 10, 2, []int64{30, 20}},
		{20, 0, 40, 2, nil},
		{20, 40, 0, 2, nil},
		{0, 40, 10, 2, []int64{30, 20}}, // min_id wins over since_id
		{0, 0, 0, 0, nil},
		{0, 0, 0, -1, nil},
		{0, -5, 0, 1, []int64{50}},
		{math.MaxInt64, math.MinInt64, 0, math.MaxInt, []int64{50, 40, 30, 20, 10}},
	} {
		got, ok, err := c.ListRange(t.Context(), "l", tc.max, tc.since, tc.min, tc.limit)
		if err != nil || !ok || !slices.Equal(got, tc.want) {
			t.Errorf("%+v: %v, %v, %v", tc, got, ok, err)
		}
	}
	if ids, ok, err := c.ListRange(t.Context(), "none", 0, 0, 0, 1); ok || err != nil || len(ids) != 0 {
		t.Errorf("no list: %v, %v, %v", ids, ok, err)
	}
}

func largeIDs(t *testing.T, f Fixture) {
	const base = 115_000_000_000_000_000 // of 2025; neighbours are one number as floats
	build(t, f.Cache, "l", 10, base+2, base, base+1)
	push(t, f.Cache, 3, "l", base+3)
	if ids, _ := all(t, f.Cache, "l"); !slices.Equal(ids, []int64{base + 3, base + 2, base + 1}) {
		t.Errorf("got %v", ids)
	}
	got, _, _ := f.Cache.ListRange(t.Context(), "l", base+3, 0, base+1, 5)
	if !slices.Equal(got, []int64{base + 2}) {
		t.Errorf("between neighbours: %v", got)
	}
}

func listsExpire(t *testing.T, f Fixture) {
	c := f.Cache
	build(t, c, "hour", 10, 1)
	build(t, c, "dropped", 10, 1)
	f.Advance(59 * time.Minute)
	push(t, c, 10, "hour", 2)
	if ids, ok := all(t, c, "hour"); !ok || len(ids) != 2 {
		t.Errorf("after 59 minutes: %v, %v", ids, ok)
	}
	must(t, c.ListDrop(t.Context(), "dropped", "none"))
	must(t, c.ListDrop(t.Context()))
	if _, ok := all(t, c, "dropped"); ok {
		t.Error("a dropped list is there")
	}
	f.Advance(2 * time.Minute)
	if _, ok := all(t, c, "hour"); ok {
		t.Error("an hour's list is there after 61 minutes")
	}
	push(t, c, 10, "hour", 3)
	if _, ok := all(t, c, "hour"); ok {
		t.Error("a push revived an expired list")
	}
}

func failedLoad(t *testing.T, f Fixture) {
	_, err := cache.Rebuild(t.Context(), f.Cache, "l", 10, time.Hour, failing)
	if err == nil {
		t.Error("no error")
	}
	if _, ok := all(t, f.Cache, "l"); ok {
		t.Error("a list was made of nothing")
	}
}
