package cache

import (
	"context"

	"github.com/gomph/gomph/internal/kit/metric"
)

// measured counts what a cache answers.
type measured struct {
	Cache
	name  string
	reads *metric.Counter
}

// Measured is c with its hits, misses and failures counted under a name of few values ("values", "feeds").
func Measured(c Cache, name string, reads *metric.Counter) Cache { return &measured{c, name, reads} }

// Reads declares the counter for Measured, once a process.
func Reads(r *metric.Registry) *metric.Counter {
	return r.Counter("cache_reads_total", "Reads from caches, of values and lists.", "cache", "outcome")
}

func (m *measured) count(n int, outcome string) {
	if n > 0 {
		m.reads.Add(float64(n), m.name, outcome)
	}
}

// Get implements Cache.
func (m *measured) Get(ctx context.Context, key string) ([]byte, bool, error) {
	val, ok, err := m.Cache.Get(ctx, key)
	m.one(ok, err)
	return val, ok, err
}

// GetMany implements Cache.
func (m *measured) GetMany(ctx context.Context, keys []string) (map[string][]byte, error) {
	vals, err := m.Cache.GetMany(ctx, keys)
	if err != nil {
		m.count(1, "failed")
		return vals, err
	}
	m.count(len(vals), "hit")
	m.count(len(keys)-len(vals), "miss")
	return vals, nil
}

// ListRange implements Cache.
func (m *measured) ListRange(ctx context.Context, key string, maxID, sinceID, minID int64, limit int) ([]int64, bool, error) {
	ids, ok, err := m.Cache.ListRange(ctx, key, maxID, sinceID, minID, limit)
	m.one(ok, err)
	return ids, ok, err
}

func (m *measured) one(ok bool, err error) {
	switch {
	case err != nil:
		m.count(1, "failed")
	case ok:
		m.count(1, "hit")
	default:
		m.count(1, "miss")
	}
}
