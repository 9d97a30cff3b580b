package entity

import (
	"testing"
	"time"
)

func TestShelfIsBounded(t *testing.T) {
	t.Parallel()
	s := newShelf[int, int](1000)
	now := time.Unix(100, 0)
	s.put(-1, -1, 10, now.Add(time.Hour))
	for i := range 500 {
		s.put(i, i, 10, now.Add(time.Minute))
		if _, ok := s.get(-1, now); !ok {
			t.Fatalf("what is asked for all the time was gone after %d", i)
		}
	}
	if n := len(s.young) + len(s.old); n > 110 {
		t.Errorf("%d entries of 10 bytes in room for 1000", n)
	}
	if _, ok := s.get(0, now); ok {
		t.Error("the oldest entry is still there")
	}
	if v, ok := s.get(499, now); !ok || v != 499 {
		t.Error("the newest entry is gone")
	}
	if _, ok := s.get(499, now.Add(2*time.Minute)); ok {
		t.Error("an entry outlived its time")
	}
}
