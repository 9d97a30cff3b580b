package entity

import (
	"sync"
	"time"
)

// shelf keeps renderings in memory, bounded in bytes, for a time. What was asked for of late stays: entries are on a young
// part, which becomes the old one when half of the room is taken, and whatever is asked for on the old one is young again.
type shelf[K comparable, V any] struct {
	// room is in bytes.
	room       int
	mu         sync.Mutex
	young, old map[K]kept[V]
	taken      int
}

type kept[V any] struct {
	value V
	size  int
	until time.Time
}

func newShelf[K comparable, V any](room int) *shelf[K, V] {
	return &shelf[K, V]{room: room, young: map[K]kept[V]{}}
}

func (s *shelf[K, V]) get(k K, now time.Time) (v V, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.young[k]
	if !ok {
		if e, ok = s.old[k]; ok {
			s.add(k, e)
		}
	}
	if !ok || now.After(e.until) {
		return v, false
	}
	return e.value, true
}

// put keeps a value of about so many bytes until a moment.
func (s *shelf[K, V]) put(k K, v V, size int, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(k, kept[V]{v, size, until})
}

func (s *shelf[K, V]) add(k K, e kept[V]) {
	s.taken += e.size - s.young[k].size
	s.young[k] = e
	if s.taken > s.room/2 {
		s.old, s.young, s.taken = s.young, map[K]kept[V]{}, 0
	}
}
