package limit_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/limit"
	"github.com/gomph/gomph/internal/kit/redis/redistest"
)

var start = time.Date(2026, 11, 23, 12, 1, 10, 500, time.UTC)

var rule = limit.Rule{Name: "login", Limit: 3, Window: 5 * time.Minute}

func allow(t *testing.T, l *limit.Limiter, key string) limit.Result {
	t.Helper()
	r, err := l.Allow(t.Context(), rule, key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWindows(t *testing.T) {
	t.Parallel()
	now := clock.NewFake(start)
	l := limit.New(cache.NewLocalAt(1<<20, now), now, nil)
	end := time.Date(2026, 11, 23, 12, 5, 0, 0, time.UTC)
	for i, want := range []limit.Result{{3, 2, end, true}, {3, 1, end, true}, {3, 0, end, true}, {3, 0, end, false}, {3, 0, end, false}} {
		if got := allow(t, l, "ann"); got != want {
			t.Errorf("request %d: %+v, want %+v", i+1, got, want)
		}
	}
	if !allow(t, l, "bob").OK {
		t.Error("bob pays for ann")
	}
	other := rule
	other.Name = "other"
	if r, _ := l.Allow(t.Context(), other, "ann"); !r.OK {
		t.Error("one rule counts for another")
	}
	now.Advance(end.Sub(start) - time.Nanosecond)
	if allow(t, l, "ann").OK {
		t.Error("allowed before the end of the window")
	}
	now.Advance(time.Nanosecond)
	if got := allow(t, l, "ann"); !got.OK || got.Remaining != 2 || !got.Reset.Equal(end.Add(5*time.Minute)) {
		t.Errorf("in the next window: %+v", got)
	}
}

func TestPeekAndRefund(t *testing.T) {
	t.Parallel()
	l := limit.New(cache.NewLocal(1<<20), clock.NewFake(start), nil)
	for range 3 {
		allow(t, l, "ann")
	}
	if r, _ := l.Peek(t.Context(), rule, "ann"); r.OK || r.Remaining != 0 {
		t.Errorf("at the limit: %+v", r)
	}
	if err := l.Refund(t.Context(), rule, "ann"); err != nil {
		t.Fatal(err)
	}
	if r, _ := l.Peek(t.Context(), rule, "ann"); !r.OK || r.Remaining != 1 {
		t.Errorf("after a refund: %+v", r)
	}
	if r := allow(t, l, "ann"); !r.OK || r.Remaining != 0 {
		t.Errorf("the refunded one: %+v", r)
	}
}

func TestProcessesShareOneBudget(t *testing.T) {
	t.Parallel()
	client, _ := redistest.Open(t)
	now := clock.NewFake(start)
	one := limit.New(cache.NewRedis(client, "p:"), now, nil)
	two := limit.New(cache.NewRedis(client, "p:"), now, nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	allowed := 0
	for i := range 40 {
		wg.Go(func() {
			l := one
			if i%2 == 0 {
				l = two
			}
			r, err := l.Allow(t.Context(), rule, "ann")
			if err == nil && r.OK {
				mu.Lock()
				allowed++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if allowed != 3 {
		t.Errorf("two processes allowed %d of 3", allowed)
	}
}

// An attacker who guesses passwords while the store goes down must not get more guesses, and others must get in.
func TestStaysLimitedWithoutTheStore(t *testing.T) {
	t.Parallel()
	client, server := redistest.Open(t)
	now := clock.NewFake(start)
	var failures []error
	l := limit.New(cache.NewRedis(client, "p:"), now, func(err error) { failures = append(failures, err) })
	allow(t, l, "ann")
	allow(t, l, "ann")
	server.Stop()
	allowed := 0
	for range 1000 {
		if allow(t, l, "ann").OK {
			allowed++
		}
	}
	if allowed != 1 {
		t.Errorf("allowed %d more after two of three", allowed)
	}
	if !allow(t, l, "bob").OK {
		t.Error("bob is locked out")
	}
	if len(failures) != 1 {
		t.Errorf("told of %d failures in one moment: %v", len(failures), failures)
	}
	server.Restart(t)
	now.Advance(2 * time.Second)
	if allow(t, l, "ann").OK {
		t.Error("forgot ann's acts when the store came back empty")
	}
}

func TestAHangingStoreIsNotWaitedForTwice(t *testing.T) {
	t.Parallel()
	hang := &hanging{}
	l := limit.New(hang, clock.NewFake(start), nil)
	for range 100 {
		allow(t, l, "ann")
	}
	if hang.calls != 1 {
		t.Errorf("the store was asked %d times", hang.calls)
	}
}

type hanging struct {
	cache.Cache
	calls int
}

func (h *hanging) Incr(ctx context.Context, _ string, _ int64, _ time.Duration) (int64, error) {
	h.calls++
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestACallerWhoLeavesIsCounted(t *testing.T) {
	t.Parallel()
	failed := func(err error) { t.Errorf("blamed the store: %v", err) }
	l := limit.New(&hanging{}, clock.NewFake(start), failed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 4 {
		if r, err := l.Allow(ctx, rule, "ann"); err != nil || r.OK != (i < 3) {
			t.Errorf("request %d: %+v, %v", i+1, r, err)
		}
	}
}

func TestRulesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	l := limit.New(cache.NewLocal(1<<20), clock.Real{}, nil)
	for _, r := range []limit.Rule{{}, {"x", 0, time.Minute}, {"x", 1, time.Millisecond}, {"", 1, time.Minute}} {
		if _, err := l.Allow(t.Context(), r, "k"); err == nil {
			t.Errorf("%+v was taken", r)
		}
	}
	for _, key := range []string{strings.Repeat("k", 1<<20), "", "a\x00\r\nb"} {
		if r, err := l.Allow(t.Context(), rule, key); err != nil || !r.OK {
			t.Errorf("key of %d bytes: %v", len(key), err)
		}
	}
}

func TestLongKeysDiffer(t *testing.T) {
	t.Parallel()
	l := limit.New(cache.NewLocal(1<<20), clock.NewFake(start), nil)
	long := strings.Repeat("k", 1000)
	allow(t, l, long+"a")
	if r := allow(t, l, long+"b"); r.Remaining != 2 {
		t.Errorf("long keys share a count: %+v", r)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	limit.Result{Limit: 300, Remaining: 7, Reset: time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC)}.SetHeaders(h)
	for name, want := range map[string]string{"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "2026-01-02T03:05:00.000000Z"} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestTightest(t *testing.T) {
	t.Parallel()
	wide, narrow, over := limit.Result{Limit: 300, Remaining: 200, OK: true}, limit.Result{Limit: 30, Remaining: 5, OK: true}, limit.Result{Limit: 10}
	if got := limit.Tightest(wide, narrow); got != narrow {
		t.Errorf("got %+v", got)
	}
	if got := limit.Tightest(wide, over, narrow); got != over {
		t.Errorf("got %+v", got)
	}
	if got := limit.Tightest(); got != (limit.Result{}) {
		t.Errorf("got %+v", got)
	}
}

func TestAddrKey(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string][2]string{
		"192.0.2.7":                     {"192.0.2.7", "192.0.2.7"},
		"::ffff:192.0.2.7":              {"192.0.2.7", "192.0.2.7"},
		"2001:db8:1:2:3:4:5:6":          {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"2001:db8:1:2:ffff:ffff:ffff:f": {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"2001:db8:1:3::1":               {"2001:db8:1:3::/64", "2001:db8:1::/48"},
		"fe80::1%eth0":                  {"fe80::/64", "fe80::/48"},
	} {
		a := netip.MustParseAddr(addr)
		if got := [2]string{limit.AddrKey(a), limit.WideAddrKey(a)}; got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	if limit.AddrKey(netip.Addr{}) != "unknown" {
		t.Error("no address has a key of its own")
	}
}
