package cachetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gomph/gomph/internal/kit/cache"
)

func failing(context.Context) ([]int64, error) { return nil, errors.New("the source is away") }

// buildsMerge: what happens while the source is read ends up in the list, the last word on each id winning.
func buildsMerge(t *testing.T, f Fixture) {
	c := f.Cache
	ids, err := cache.Rebuild(t.Context(), c, "l", 4, time.Hour, func(ctx context.Context) ([]int64, error) {
		read := []int64{1, 2, 3, 4}
		push(t, c, 4, "l", 5, 6, 7)
		must(t, c.ListRemove(ctx, "l", 6, 3))
		push(t, c, 4, "l", 3)
		must(t, c.ListRemove(ctx, "l", 4))
		if _, ok := all(t, c, "l"); ok {
			t.Error("a list being built can be read")
		}
		return read, nil
	})
	must(t, err)
	if !slices.Equal(ids, []int64{1, 2, 3, 4}) {
		t.Errorf("Rebuild gave %v", ids)
	}
	if ids, _ := all(t, c, "l"); !slices.Equal(ids, []int64{7, 5, 3, 2}) {
		t.Errorf("got %v", ids)
	}
}

func buildsStale(t *testing.T, f Fixture) {
	ctx, c := t.Context(), f.Cache
	put := func(b cache.Build, ids ...int64) bool {
		ok, err := c.ListPut(ctx, "l", b, ids, 10, time.Hour)
		must(t, err)
		return ok
	}
	start := func() cache.Build {
		b, err := c.ListStart(ctx, "l")
		must(t, err)
		return b
	}
	if put("", 1) || put("made up", 1) {
		t.Error("a build that never began was accepted")
	}
	early := start()
	must(t, c.ListDrop(ctx, "l"))
	if put(early, 1) {
		t.Error("a build from before the drop was accepted")
	}
	late := start()
	if put(early, 1) {
		t.Error("a build from before the drop was accepted because a later one had begun")
	}
	if !put(late, 2) {
		t.Error("the later build was refused")
	}

	// Two builders at once: the second has read before a push and a removal that the first list has already seen.
	one, two := start(), start()
	if !put(one, 2, 3) {
		t.Error("the first builder was refused")
	}
	push(t, c, 10, "l", 4)
	must(t, c.ListRemove(ctx, "l", 3))
	if !put(two, 2, 3) {
		t.Error("the second builder was refused")
	}
	if ids, _ := all(t, c, "l"); !slices.Equal(ids, []int64{4, 2}) {
		t.Errorf("got %v", ids)
	}

	must(t, c.ListDrop(ctx, "l"))
	slow := start()
	f.Advance(cache.BuildTime + time.Second)
	if put(slow, 1) {
		t.Error("a build that took too long was accepted")
	}
}

func pushMany(t *testing.T, f Fixture) {
	const lists = 3000
	var entries []cache.ListEntry
	for i := range lists {
		key := fmt.Sprint("home:", i)
		if i%3 == 0 {
			build(t, f.Cache, key, 10, 1)
		}
		entries = append(entries, cache.ListEntry{Key: key, ID: 2})
	}
	must(t, f.Cache.ListPush(t.Context(), entries, 10))
	for i := range lists {
		ids, ok := all(t, f.Cache, entries[i].Key)
		if ok != (i%3 == 0) || (ok && !slices.Equal(ids, []int64{2, 1})) {
			t.Fatalf("list %d: %v, %v", i, ids, ok)
		}
	}
}

// pushesSurviveRebuilds: writers change a source and then the list, while others rebuild and drop it. In the end, list and source agree.
func pushesSurviveRebuilds(t *testing.T, f Fixture) {
	const keep = 500 // fewer than the source will hold
	var source struct {
		sync.Mutex
		ids map[int64]bool
	}
	source.ids = map[int64]bool{}
	read := func(context.Context) ([]int64, error) {
		source.Lock()
		defer source.Unlock()
		return newestOf(source.ids, keep), nil
	}
	ctx, c := t.Context(), f.Cache
	build(t, c, "l", keep)
	var writers, builders sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		writers.Go(func() {
			for i := range 200 {
				id := int64(i*4 + w + 1)
				source.Lock()
				source.ids[id] = true
				source.Unlock()
				push(t, c, keep, "l", id)
				if i%5 == 0 {
					source.Lock()
					delete(source.ids, id)
					source.Unlock()
					must(t, c.ListRemove(ctx, "l", id))
				}
			}
		})
	}
	for b := range 3 {
		builders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := cache.Rebuild(ctx, c, "l", keep, time.Hour, read); err != nil {
					t.Error(err)
				}
				if b == 0 {
					must(t, c.ListDrop(ctx, "l"))
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	builders.Wait()
	got, ok := all(t, c, "l")
	if !ok {
		_, err := cache.Rebuild(ctx, c, "l", keep, time.Hour, read)
		must(t, err)
		got, _ = all(t, c, "l")
	}
	// A trimmed list that then loses ids is shorter than the source's page, but has no holes above its end.
	want := newestOf(source.ids, len(got))
	if len(got) < keep/2 || !slices.Equal(got, want) {
		t.Errorf("the list has %d ids and differs from the source's newest", len(got))
	}
}

func newestOf(set map[int64]bool, n int) []int64 {
	ids := slices.Sorted(maps.Keys(set))
	slices.Reverse(ids)
	return ids[:min(n, len(ids))]
}

// machine is what a cache of lists, values and counters should be, in the plainest form.
type machine struct {
	lists   map[string]map[int64]bool
	changes map[string]map[int64]bool
	builds  map[string]cache.Build
	values  map[string]string
}

func trim(set map[int64]bool, keep int) map[int64]bool {
	trimmed := map[int64]bool{}
	for _, id := range newestOf(set, keep) {
		trimmed[id] = true
	}
	return trimmed
}

// lowest is where a list ends, below which nothing is put.
func lowest(ids []int64) int64 {
	if len(ids) == 0 {
		return math.MinInt64
	}
	return slices.Min(ids)
}

func model(t *testing.T, f Fixture) {
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		checkModel(t, rt, f.Cache, fmt.Sprint(round, ":"))
	})
}

func checkModel(t *testing.T, rt *rapid.T, c cache.Cache, space string) {
	ctx := t.Context()
	m := machine{map[string]map[int64]bool{}, map[string]map[int64]bool{}, map[string]cache.Build{}, map[string]string{}}
	known := map[string][]cache.Build{}
	key := rapid.Map(rapid.SampledFrom([]string{"a", "b"}), func(k string) string { return space + k })
	id, few := rapid.Int64Range(-3, 12), rapid.SliceOfN(rapid.Int64Range(-3, 12), 0, 6)
	length := rapid.IntRange(0, 6)
	ok := func(err error) {
		if err != nil {
			rt.Fatal(err)
		}
	}
	rt.Repeat(map[string]func(*rapid.T){
		"push": func(rt *rapid.T) {
			k, ids, keep := key.Draw(rt, "key"), few.Draw(rt, "ids"), length.Draw(rt, "keep")
			first := id.Draw(rt, "id")
			ok(c.ListPush(ctx, []cache.ListEntry{{Key: k, ID: first, Extra: ids}}, keep))
			end := lowest(slices.Collect(maps.Keys(m.lists[k])))
			for _, i := range append([]int64{first}, ids...) {
				if m.changes[k] != nil {
					m.changes[k][i] = true
				}
				if m.lists[k] != nil && i >= end {
					m.lists[k][i] = true
				}
			}
			if m.lists[k] != nil {
				m.lists[k] = trim(m.lists[k], keep)
			}
		},
		"remove": func(rt *rapid.T) {
			k, ids := key.Draw(rt, "key"), few.Draw(rt, "ids")
			ok(c.ListRemove(ctx, k, ids...))
			for _, i := range ids {
				delete(m.lists[k], i)
				if m.changes[k] != nil {
					m.changes[k][i] = false
				}
			}
		},
		"start": func(rt *rapid.T) {
			k := key.Draw(rt, "key")
			b, err := c.ListStart(ctx, k)
			ok(err)
			if m.changes[k] == nil {
				m.changes[k], m.builds[k] = map[int64]bool{}, b
				known[k] = append(known[k], b)
			}
			if m.builds[k] != b {
				rt.Fatalf("joined build %q, want %q", b, m.builds[k])
			}
		},
		"put": func(rt *rapid.T) {
			k, ids, keep := key.Draw(rt, "key"), few.Draw(rt, "ids"), length.Draw(rt, "keep")
			b := rapid.SampledFrom(append([]cache.Build{"none"}, known[k]...)).Draw(rt, "build")
			done, err := c.ListPut(ctx, k, b, ids, keep, time.Hour)
			ok(err)
			if want := m.changes[k] != nil && m.builds[k] == b; done != want {
				rt.Fatalf("put said %v", done)
			}
			if done {
				merged := map[int64]bool{}
				for _, i := range ids {
					merged[i] = true
				}
				for i, on := range m.changes[k] {
					if delete(merged, i); on && i >= lowest(ids) {
						merged[i] = true
					}
				}
				m.lists[k] = trim(merged, keep)
			}
		},
		"drop": func(rt *rapid.T) {
			k := key.Draw(rt, "key")
			ok(c.ListDrop(ctx, k))
			delete(m.lists, k)
			delete(m.changes, k)
		},
		"set": func(rt *rapid.T) {
			k, v := key.Draw(rt, "key"), rapid.String().Draw(rt, "value")
			ok(c.Set(ctx, k, []byte(v), time.Hour))
			m.values[k] = v
		},
		"delete": func(rt *rapid.T) {
			k := key.Draw(rt, "key")
			ok(c.Delete(ctx, k))
			delete(m.values, k)
		},
		"": func(rt *rapid.T) {
			k := key.Draw(rt, "key")
			v, there, err := c.Get(ctx, k)
			ok(err)
			if want, has := m.values[k]; there != has || string(v) != want {
				rt.Fatalf("value %q, %v; want %q, %v", v, there, want, has)
			}
			maxID, since, min, limit := id.Draw(rt, "max"), id.Draw(rt, "since"), id.Draw(rt, "min"), length.Draw(rt, "limit")
			got, exists, err := c.ListRange(ctx, k, maxID, since, min, limit)
			ok(err)
			if want := page(m.lists[k], maxID, since, min, limit); exists != (m.lists[k] != nil) || !slices.Equal(got, want) {
				rt.Fatalf("range: %v, %v; want %v, %v", got, exists, want, m.lists[k] != nil)
			}
		},
	})
}

// page is Mastodon's paging, said with filters.
func page(set map[int64]bool, maxID, since, minID int64, limit int) []int64 {
	floor := since
	if minID != 0 {
		floor = minID
	}
	ids := newestOf(set, len(set))
	ids = slices.DeleteFunc(ids, func(id int64) bool { return (maxID != 0 && id >= maxID) || (floor != 0 && id <= floor) })
	if minID != 0 {
		return ids[max(0, len(ids)-limit):]
	}
	return ids[:min(limit, len(ids))]
}
