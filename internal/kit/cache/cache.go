// Package cache owns values and lists that can be rebuilt at any time: in this process, or in Redis for all of them.
//
// Whatever is here may vanish between two calls (memory is bounded, servers restart), so nobody keeps the only copy of anything in it.
// A list is different from a value in one promise: it is there whole or not at all, never with holes. See Rebuild for how that is kept
// while ids are pushed from everywhere.
package cache

import (
	"context"
	"fmt"
	"time"
)

const (
	// MaxKey is the longest key in bytes. Whoever builds a key from what a stranger sent hashes it first.
	MaxKey = 512
	// MaxValue is the largest value in bytes; larger things belong into files.
	MaxValue = 8 << 20
	// MaxRange is the largest page of a list; a larger limit is cut to it.
	MaxRange = 1000
	// MaxList is the longest list: one script or lock works on all of it at once.
	MaxList = 10_000
	// BuildTime is how long a build may take from ListStart to ListPut. It bounds how long changes are remembered for builders that died.
	BuildTime = 5 * time.Minute
)

// Cache holds values and lists. Implementations: NewLocal, NewRedis. Values, counters and lists have names of their own: a list and a value may share a key.
type Cache interface {
	// Get gives a value and whether it is there. Nobody may change the bytes.
	Get(ctx context.Context, key string) ([]byte, bool, error)
	// Set keeps a value for ttl; zero means as long as there is room.
	Set(ctx context.Context, key string, val []byte, ttl time.Duration) error
	// Delete forgets values and counters.
	Delete(ctx context.Context, keys ...string) error
	// GetMany gives those of the values that are there, in one round trip.
	GetMany(ctx context.Context, keys []string) (map[string][]byte, error)
	// SetMany keeps values in one round trip.
	SetMany(ctx context.Context, vals map[string][]byte, ttl time.Duration) error
	// Incr adds to a counter and gives the sum. A new one starts at zero and lives for ttl from then on.
	Incr(ctx context.Context, key string, by int64, ttl time.Duration) (int64, error)

	// ListPush puts ids on those of the lists that exist or are being built, and keeps their newest max. An id below all that are on a list is
	// left out: whether others lie between is known to the source alone, and the list must have no gap. One round trip.
	ListPush(ctx context.Context, entries []ListEntry, max int) error
	// ListRemove takes ids from a list, and from what is being built for it.
	ListRemove(ctx context.Context, key string, ids ...int64) error
	// ListRange gives a page, newest (largest) first, and whether the list exists. Bounds are exclusive, zero means none. With minID it
	// gives the ids right above it, otherwise the newest ones (above sinceID).
	ListRange(ctx context.Context, key string, maxID, sinceID, minID int64, limit int) (ids []int64, exists bool, err error)
	// ListStart begins a build: from here on, pushes and removals are remembered until ListPut. Several may build at once.
	ListStart(ctx context.Context, key string) (Build, error)
	// ListPut replaces a list by ids and by what happened since the build began, keeps the newest max for ttl, and reports true. Pushes below all of
	// ids are left out, as ListPush does. It does nothing and reports false when the list was dropped meanwhile or the build took longer than BuildTime.
	ListPut(ctx context.Context, key string, build Build, ids []int64, max int, ttl time.Duration) (bool, error)
	// ListDrop forgets lists and all builds that have begun for them: what those have read may be stale.
	ListDrop(ctx context.Context, keys ...string) error

	Close() error
}

// ListEntry says which ids go on which list. Extra holds more of them.
type ListEntry struct {
	Key   string
	ID    int64
	Extra []int64
}

// Build names a build that has begun.
type Build string

// Rebuild fills a list from its source and gives what the source gave. The source must be read after every change that was pushed
// before: commit first, then push. Changes that arrive while load runs are in the list too; see ListPut.
func Rebuild(ctx context.Context, c Cache, key string, max int, ttl time.Duration, load func(context.Context) ([]int64, error)) ([]int64, error) {
	build, err := c.ListStart(ctx, key)
	if err != nil {
		return nil, err
	}
	ids, err := load(ctx)
	if err != nil {
		return nil, fmt.Errorf("loading list %s: %w", key, err)
	}
	if _, err := c.ListPut(ctx, key, build, ids, max, ttl); err != nil {
		return ids, err
	}
	return ids, nil
}

func checkKeys(keys ...string) error {
	for _, k := range keys {
		if k == "" || len(k) > MaxKey {
			return fmt.Errorf("using a cache key of %d bytes: it must have 1 to %d", len(k), MaxKey)
		}
	}
	return nil
}

func checkValue(key string, val []byte) error {
	if len(val) > MaxValue {
		return fmt.Errorf("caching %s: %d bytes are over the limit of %d", key, len(val), MaxValue)
	}
	return checkKeys(key)
}

// clampMax keeps the length of a list between none and MaxList.
func clampMax(keep int) int { return max(0, min(keep, MaxList)) }
