package cache

import (
	"container/list"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
)

const (
	// shardBytes is the memory from which on a cache is worth splitting: each shard must still hold the largest value.
	shardBytes = 2 * MaxValue
	maxShards  = 16
	// entryCost is roughly what an entry takes besides its key and content: map slot, list element, headers.
	entryCost = 160
	// changeCost is roughly what a remembered change takes in a map.
	changeCost = 48
)

// Local is a cache in this process: bounded in bytes, the longest unused entries go first. What was set is there at once.
type Local struct {
	seed   maphash.Seed
	shards []*shard
}

var _ Cache = (*Local)(nil)

// NewLocal makes a cache of at most about maxBytes.
func NewLocal(maxBytes int64) *Local { return NewLocalAt(maxBytes, clock.Real{}) }

// NewLocalAt is NewLocal with a clock of the caller's.
func NewLocalAt(maxBytes int64, c clock.Clock) *Local {
	n := max(1, min(maxShards, maxBytes/shardBytes))
	l := &Local{seed: maphash.MakeSeed()}
	for range n {
		l.shards = append(l.shards, &shard{entries: map[name]*list.Element{}, max: maxBytes / n, clock: c})
	}
	return l
}

type kind uint8

const (
	valueKind kind = iota
	listKind
	changesKind
)

type name struct {
	kind kind
	key  string
}

// entry is a value, a list, or the changes since builds of a list began; name.kind says which.
type entry struct {
	name    name
	expires time.Time // zero: never
	cost    int64

	val     []byte
	ids     []int64 // ascending
	build   Build
	changes map[int64]bool // id to whether it is on the list
}

type shard struct {
	mu      sync.Mutex
	entries map[name]*list.Element
	order   list.List // most recently used first
	bytes   int64
	max     int64
	clock   clock.Clock
}

func (l *Local) shard(key string) *shard {
	if len(l.shards) == 1 {
		return l.shards[0]
	}
	return l.shards[maphash.String(l.seed, key)%uint64(len(l.shards))]
}

// get finds an entry that has not expired and marks it as used; mu is held.
func (s *shard) get(n name) *entry {
	el := s.entries[n]
	if el == nil {
		return nil
	}
	e := el.Value.(*entry)
	if !e.expires.IsZero() && !s.clock.Now().Before(e.expires) {
		s.remove(n)
		return nil
	}
	s.order.MoveToFront(el)
	return e
}

// put adds or replaces an entry; mu is held.
func (s *shard) put(n name, ttl time.Duration, e *entry) {
	s.remove(n)
	e.name = n
	if ttl > 0 {
		e.expires = s.clock.Now().Add(ttl)
	}
	s.entries[n] = s.order.PushFront(e)
	s.weigh(e)
}

// weigh accounts for an entry after it changed, and makes room; mu is held.
func (s *shard) weigh(e *entry) {
	cost := int64(entryCost + len(e.name.key) + len(e.val) + 8*cap(e.ids) + changeCost*len(e.changes))
	s.bytes += cost - e.cost
	e.cost = cost
	for s.bytes > s.max {
		s.remove(s.order.Back().Value.(*entry).name)
	}
}

func (s *shard) remove(n name) {
	if el := s.entries[n]; el != nil {
		s.bytes -= el.Value.(*entry).cost
		s.order.Remove(el)
		delete(s.entries, n)
	}
}

// Get implements Cache.
func (l *Local) Get(_ context.Context, key string) ([]byte, bool, error) {
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.get(name{valueKind, key}); e != nil {
		return e.val, true, nil
	}
	return nil, false, nil
}

// Set implements Cache.
func (l *Local) Set(_ context.Context, key string, val []byte, ttl time.Duration) error {
	if err := checkValue(key, val); err != nil {
		return err
	}
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(name{valueKind, key}, ttl, &entry{val: append([]byte{}, val...)})
	return nil
}

// Delete implements Cache.
func (l *Local) Delete(_ context.Context, keys ...string) error {
	for _, key := range keys {
		s := l.shard(key)
		s.mu.Lock()
		s.remove(name{valueKind, key})
		s.mu.Unlock()
	}
	return nil
}

// GetMany implements Cache.
func (l *Local) GetMany(ctx context.Context, keys []string) (map[string][]byte, error) {
	vals := make(map[string][]byte, len(keys))
	for _, key := range keys {
		if val, ok, _ := l.Get(ctx, key); ok {
			vals[key] = val
		}
	}
	return vals, nil
}

// SetMany implements Cache.
func (l *Local) SetMany(ctx context.Context, vals map[string][]byte, ttl time.Duration) error {
	for key, val := range vals {
		if err := l.Set(ctx, key, val, ttl); err != nil {
			return err
		}
	}
	return nil
}

// Incr implements Cache.
func (l *Local) Incr(_ context.Context, key string, by int64, ttl time.Duration) (int64, error) {
	if err := checkKeys(key); err != nil {
		return 0, err
	}
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := name{valueKind, key}
	e := s.get(n)
	if e == nil {
		s.put(n, ttl, &entry{val: strconv.AppendInt(nil, by, 10)})
		return by, nil
	}
	sum, err := strconv.ParseInt(string(e.val), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("counting %s: %w", key, errNotANumber)
	}
	if sum += by; (sum > sum-by) != (by > 0) && by != 0 {
		return 0, fmt.Errorf("counting %s: the sum is out of range", key)
	}
	e.val = strconv.AppendInt(nil, sum, 10)
	if e.expires.IsZero() && ttl > 0 {
		e.expires = s.clock.Now().Add(ttl)
	}
	s.weigh(e)
	return sum, nil
}

var errNotANumber = errors.New("the value is not a number")

// Close implements Cache.
func (l *Local) Close() error { return nil }

func newBuild() Build { return Build(rand.Text()) }
