// Package limit owns how often somebody may do something: fixed windows, counted in a cache, told as Mastodon tells them.
//
// Windows are aligned to the epoch, so that all processes agree on them without talking. When the shared store fails, each process goes on
// with what it has counted itself: somebody gets at most one budget a process, never an unlimited one, and nothing else stops working.
package limit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/clock"
)

const (
	// storePatience bounds how long a request waits for the shared store; it answers in a millisecond or is in trouble.
	storePatience = 250 * time.Millisecond
	// storePause is how long a store that failed is left alone, so that a hanging one delays few requests.
	storePause = time.Second
	// ownBytes bounds this process's own counts: about 70,000 keys.
	ownBytes = 16 << 20
	// plainKey is the longest key used as it is; longer ones, which strangers can make, are hashed.
	plainKey = 64
)

// Rule is one limit. Name keeps its counts apart from other rules'.
type Rule struct {
	Name   string
	Limit  int64         // how many are allowed in a window, at least 1
	Window time.Duration // whole seconds
}

// Result is where somebody stands with a rule.
type Result struct {
	Limit     int64
	Remaining int64
	Reset     time.Time // the end of the window
	OK        bool
}

// Limiter counts. Make one with New.
type Limiter struct {
	store  cache.Cache
	own    *cache.Local
	clock  clock.Clock
	failed func(error)
	resume atomic.Int64 // unix nanoseconds before which the store is left alone
	lost   atomic.Int64 // unix seconds when the store last failed
}

// New makes a limiter on a store that processes share. failed, if not nil, is told of the store's failures, at most one a second.
func New(store cache.Cache, c clock.Clock, failed func(error)) *Limiter {
	return &Limiter{store: store, own: cache.NewLocalAt(ownBytes, c), clock: c, failed: failed}
}

// Allow counts one act of key and says whether the rule allows it. It fails only for a rule that makes no sense.
func (l *Limiter) Allow(ctx context.Context, rule Rule, key string) (Result, error) {
	return l.count(ctx, rule, key, 1)
}

// Peek says where key stands without counting.
func (l *Limiter) Peek(ctx context.Context, rule Rule, key string) (Result, error) {
	return l.count(ctx, rule, key, 0)
}

// Refund takes back one act that Allow counted and that then did not happen.
func (l *Limiter) Refund(ctx context.Context, rule Rule, key string) error {
	_, err := l.count(ctx, rule, key, -1)
	return err
}

func (l *Limiter) count(ctx context.Context, rule Rule, key string, by int64) (Result, error) {
	seconds := int64(rule.Window / time.Second)
	if rule.Name == "" || rule.Limit < 1 || seconds < 1 {
		return Result{}, fmt.Errorf("limiting %q: a rule needs a name, a limit and a window of a second or more", rule.Name)
	}
	now := l.clock.Now()
	window := now.Unix() / seconds
	reset := time.Unix((window+1)*seconds, 0).UTC()
	k := "rate:" + rule.Name + ":" + strconv.FormatInt(window, 10) + ":" + short(key)
	ttl := reset.Sub(now) + time.Second // a second more, for clocks that differ a little

	n, err := l.own.Incr(ctx, k, by, ttl)
	if err != nil {
		return Result{}, fmt.Errorf("limiting %s: %w", rule.Name, err)
	}
	own := n
	if shared, ok := l.ask(ctx, k, by, ttl); ok {
		n = shared
	}
	if l.lost.Load() >= window*seconds { // the store may have forgotten acts of this window
		n = max(n, own)
	}
	// Peek asks whether one more would be allowed, Allow whether this one is.
	allowed := n <= rule.Limit
	if by == 0 {
		allowed = n < rule.Limit
	}
	return Result{Limit: rule.Limit, Remaining: max(0, rule.Limit-max(0, n)), Reset: reset, OK: allowed}, nil
}

// ask counts in the shared store, unless it failed a moment ago.
func (l *Limiter) ask(ctx context.Context, key string, by int64, ttl time.Duration) (int64, bool) {
	now := l.clock.Now()
	if now.UnixNano() < l.resume.Load() {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	n, err := l.store.Incr(ctx, key, by, ttl)
	if err == nil {
		return n, true
	}
	if errors.Is(err, context.Canceled) { // the caller went away; that says nothing about the store
		return 0, false
	}
	l.lost.Store(now.Unix())
	if l.resume.Swap(now.Add(storePause).UnixNano()) <= now.UnixNano() && l.failed != nil {
		l.failed(err)
	}
	return 0, false
}

func short(key string) string {
	if len(key) <= plainKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "#" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// Tightest gives the result that matters most: the first refused one, else the one with the least left. It is the zero Result for none.
func Tightest(results ...Result) Result {
	var tightest Result
	for i, r := range results {
		if !r.OK {
			return r
		}
		if i == 0 || r.Remaining < tightest.Remaining {
			tightest = r
		}
	}
	return tightest
}

// SetHeaders tells a client where it stands, in Mastodon's three headers.
func (r Result) SetHeaders(h http.Header) {
	h.Set("X-RateLimit-Limit", strconv.FormatInt(r.Limit, 10))
	h.Set("X-RateLimit-Remaining", strconv.FormatInt(r.Remaining, 10))
	h.Set("X-RateLimit-Reset", r.Reset.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// AddrKey is what an address is counted as: an IPv4 address by itself, an IPv6 address by its /64, which one customer has whole.
func AddrKey(a netip.Addr) string { return addrKey(a, 64) }

// WideAddrKey is AddrKey for a second, wider limit: an IPv6 address by its /48, which one site may have.
func WideAddrKey(a netip.Addr) string { return addrKey(a, 48) }

func addrKey(a netip.Addr, bits int) string {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return "unknown"
	}
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
