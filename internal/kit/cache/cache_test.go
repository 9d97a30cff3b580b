package cache_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/cache/cachetest"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/metric"
	"github.com/gomph/gomph/internal/kit/redis"
	"github.com/gomph/gomph/internal/kit/redis/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLocal(t *testing.T) {
	t.Parallel()
	cachetest.Run(t, func(*testing.T) cachetest.Fixture {
		now := clock.NewFake(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		return cachetest.Fixture{Cache: cache.NewLocalAt(64<<20, now), Advance: now.Advance}
	})
}

func TestRedis(t *testing.T) {
	t.Parallel()
	c, _ := redistest.Open(t)
	cachetest.Run(t, func(t *testing.T) cachetest.Fixture {
		prefix := t.Name() + ":"
		return cachetest.Fixture{Cache: cache.NewRedis(c, prefix), Advance: func(d time.Duration) { age(t, c, prefix, d) }}
	})
}

// age makes keys as old as if time had passed, for a server's clock cannot be moved.
func age(t *testing.T, c *redis.Client, prefix string, d time.Duration) {
	t.Helper()
	ctx := t.Context()
	keys, err := c.Do(ctx, c.B().Keys().Pattern(prefix+"*").Build()).AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		left, err := c.Do(ctx, c.B().Pttl().Key(key).Build()).AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		if left < 0 {
			continue
		}
		if err := c.Do(ctx, c.B().Pexpire().Key(key).Milliseconds(left-d.Milliseconds()).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRedisSpeaksOfAnOutage(t *testing.T) {
	t.Parallel()
	client, server := redistest.Open(t)
	c := cache.NewRedis(client, "")
	server.Stop()
	ctx := t.Context()
	_, _, get := c.Get(ctx, "k")
	_, incr := c.Incr(ctx, "k", 1, time.Minute)
	_, _, page := c.ListRange(ctx, "k", 0, 0, 0, 1)
	_, start := c.ListStart(ctx, "k")
	_, put := c.ListPut(ctx, "k", "b", nil, 1, 0)
	_, many := c.GetMany(ctx, []string{"k"})
	for name, err := range map[string]error{
		"Get": get, "GetMany": many, "Incr": incr, "ListRange": page, "ListStart": start, "ListPut": put,
		"Set": c.Set(ctx, "k", nil, 0), "Delete": c.Delete(ctx, "k"), "ListDrop": c.ListDrop(ctx, "k"), "ListRemove": c.ListRemove(ctx, "k", 1),
		"ListPush": c.ListPush(ctx, []cache.ListEntry{{Key: "k", ID: 1}}, 1),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	server.Restart(t)
	for c.Set(ctx, "k", []byte("v"), 0) != nil { // a server that was away is asked again when it has been seen
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("the server is never asked again")
		}
	}
	if v, ok, err := c.Get(ctx, "k"); string(v) != "v" || !ok || err != nil {
		t.Errorf("after the server came back: %q, %v, %v", v, ok, err)
	}
}

func TestLocalStaysInItsBounds(t *testing.T) {
	t.Parallel()
	c := cache.NewLocal(1 << 20)
	ctx := t.Context()
	val := make([]byte, 1000)
	const n = 5000
	for i := range n {
		if err := c.Set(ctx, fmt.Sprint(i), val, 0); err != nil {
			t.Fatal(err)
		}
		if _, ok, _ := c.Get(ctx, fmt.Sprint(i)); !ok {
			t.Fatalf("value %d is gone right after it was set", i)
		}
		if _, ok, _ := c.Get(ctx, "0"); !ok {
			t.Fatalf("a value in constant use is gone after %d others", i)
		}
	}
	kept := 0
	for i := range n {
		if _, ok, _ := c.Get(ctx, fmt.Sprint(i)); ok {
			kept++
		}
	}
	if kept < 700 || kept > 1000 {
		t.Errorf("1 MiB holds %d values of 1,000 bytes", kept)
	}
}

func BenchmarkListPush(b *testing.B) {
	c, _ := redistest.Open(b)
	for name, s := range map[string]cache.Cache{"local": cache.NewLocal(256 << 20), "redis": cache.NewRedis(c, "")} {
		const lists = 1000
		entries := make([]cache.ListEntry, lists)
		for i := range entries {
			entries[i].Key = fmt.Sprint("home:", i)
			build, err := s.ListStart(b.Context(), entries[i].Key)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.ListPut(b.Context(), entries[i].Key, build, nil, 400, time.Hour); err != nil {
				b.Fatal(err)
			}
		}
		var id int64
		b.Run(name+"/1000 lists", func(b *testing.B) {
			for b.Loop() {
				id++
				for i := range entries {
					entries[i].ID = id
				}
				if err := s.ListPush(b.Context(), entries, 400); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestMeasured(t *testing.T) {
	t.Parallel()
	reg := metric.New()
	c := cache.Measured(cache.NewLocal(1<<20), "values", cache.Reads(reg))
	ctx := t.Context()
	if err := c.Set(ctx, "a", nil, 0); err != nil {
		t.Fatal(err)
	}
	_, _, _ = c.Get(ctx, "a")
	_, _, _ = c.Get(ctx, "b")
	_, _ = c.GetMany(ctx, []string{"a", "b", "c"})
	_, _, _ = c.ListRange(ctx, "l", 0, 0, 0, 1)
	rec := httptest.NewRecorder()
	reg.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	for _, want := range []string{`{cache="values",outcome="hit"} 2`, `{cache="values",outcome="miss"} 4`} {
		if !strings.Contains(rec.Body.String(), "gomph_cache_reads_total"+want) {
			t.Errorf("missing %s", want)
		}
	}
}
