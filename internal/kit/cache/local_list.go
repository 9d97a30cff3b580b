package cache

import (
	"context"
	"math"
	"slices"
	"time"
)

// ListPush implements Cache.
func (l *Local) ListPush(_ context.Context, entries []ListEntry, max int) error {
	for i := range entries {
		if err := checkKeys(entries[i].Key); err != nil {
			return err
		}
	}
	for i := range entries {
		en := &entries[i]
		if len(en.Extra) == 0 {
			l.change(en.Key, true, max, en.ID)
		} else {
			l.change(en.Key, true, max, append([]int64{en.ID}, en.Extra...)...)
		}
	}
	return nil
}

// ListRemove implements Cache.
func (l *Local) ListRemove(_ context.Context, key string, ids ...int64) error {
	l.change(key, false, MaxList, ids...)
	return nil
}

// change puts ids on a list or takes them off, and remembers that for those who build it.
func (l *Local) change(key string, on bool, max int, ids ...int64) {
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.get(name{changesKind, key}); e != nil {
		for _, id := range ids {
			e.changes[id] = on
		}
		s.weigh(e)
	}
	e := s.get(name{listKind, key})
	if e == nil {
		return
	}
	lowest := lowestOf(e.ids)
	for _, id := range ids {
		at, found := slices.BinarySearch(e.ids, id)
		switch {
		case on && !found && id > lowest:
			e.ids = slices.Insert(e.ids, at, id)
		case !on && found:
			e.ids = slices.Delete(e.ids, at, at+1)
		}
	}
	if on {
		e.ids = newest(e.ids, max)
	}
	s.weigh(e)
}

// lowestOf is where a list ends; below it nothing is put.
func lowestOf(ids []int64) int64 {
	if len(ids) == 0 {
		return math.MinInt64
	}
	return slices.Min(ids)
}

// newest cuts an ascending list to its largest ids, in place.
func newest(ids []int64, max int) []int64 {
	if over := len(ids) - clampMax(max); over > 0 {
		return slices.Delete(ids, 0, min(over, len(ids)))
	}
	return ids
}

// ListRange implements Cache.
func (l *Local) ListRange(_ context.Context, key string, maxID, sinceID, minID int64, limit int) ([]int64, bool, error) {
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.get(name{listKind, key})
	if e == nil {
		return nil, false, nil
	}
	from, to := 0, len(e.ids) // what lies between the bounds, ascending
	if maxID != 0 {
		to, _ = slices.BinarySearch(e.ids, maxID)
	}
	floor := sinceID
	if minID != 0 {
		floor = minID
	}
	if floor != 0 {
		at, found := slices.BinarySearch(e.ids, floor)
		if from = at; found {
			from++
		}
	}
	limit = max(0, min(limit, MaxRange))
	if from = min(from, to); minID != 0 {
		to = min(to, from+limit)
	} else {
		from = max(from, to-limit)
	}
	ids := slices.Clone(e.ids[from:to])
	slices.Reverse(ids)
	return ids, true, nil
}

// ListStart implements Cache.
func (l *Local) ListStart(_ context.Context, key string) (Build, error) {
	if err := checkKeys(key); err != nil {
		return "", err
	}
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := name{changesKind, key}
	if e := s.get(n); e != nil {
		e.expires = s.clock.Now().Add(BuildTime)
		return e.build, nil
	}
	e := &entry{build: newBuild(), changes: map[int64]bool{}}
	s.put(n, BuildTime, e)
	return e.build, nil
}

// ListPut implements Cache.
func (l *Local) ListPut(_ context.Context, key string, build Build, ids []int64, max int, ttl time.Duration) (bool, error) {
	s := l.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := s.get(name{changesKind, key})
	if changes == nil || changes.build != build {
		return false, nil
	}
	merged := make([]int64, 0, len(ids)+len(changes.changes))
	for _, id := range ids {
		if _, changed := changes.changes[id]; !changed {
			merged = append(merged, id)
		}
	}
	lowest := lowestOf(ids)
	for id, on := range changes.changes {
		if on && id >= lowest {
			merged = append(merged, id)
		}
	}
	slices.Sort(merged)
	merged = slices.Clip(slices.Clone(newest(slices.Compact(merged), max)))
	s.put(name{listKind, key}, ttl, &entry{ids: merged})
	return true, nil
}

// ListDrop implements Cache.
func (l *Local) ListDrop(_ context.Context, keys ...string) error {
	for _, key := range keys {
		s := l.shard(key)
		s.mu.Lock()
		s.remove(name{listKind, key})
		s.remove(name{changesKind, key})
		s.mu.Unlock()
	}
	return nil
}
