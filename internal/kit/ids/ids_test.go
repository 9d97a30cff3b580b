package ids_test

import (
	"math"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/ids"
	"pgregory.net/rapid"
)

func TestIDsAreUniqueAndInOrder(t *testing.T) {
	t.Parallel()
	c := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	sources := []*ids.Source{ids.NewSource(c, 0), ids.NewSource(c, 1), ids.NewSource(c, 255)}
	var mu sync.Mutex
	seen := map[int64]bool{}
	var wg sync.WaitGroup
	for _, s := range sources {
		for range 2 {
			wg.Go(func() {
				last := int64(0)
				for range 1000 { // far more than a millisecond holds, while the clock stands still
					id := s.Next()
					if id <= last {
						t.Errorf("%d came after %d", id, last)
					}
					last = id
					mu.Lock()
					if seen[id] {
						t.Errorf("%d was made twice", id)
					}
					seen[id] = true
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	if ahead := ids.Time(sources[0].Next()).Sub(c.Now()); ahead > 10*time.Millisecond {
		t.Errorf("2000 ids ran %v ahead", ahead)
	}
	c.Advance(-time.Hour) // a clock set back
	before := sources[0].Next()
	c.Advance(2 * time.Hour)
	if after := sources[0].Next(); after <= before || !ids.Time(after).Equal(c.Now()) {
		t.Errorf("%d came after %d", after, before)
	}
}

func TestTimesOfIDs(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 6, 7, 8, 9, 123_000_000, time.UTC)
	for range 100 {
		id := ids.At(at)
		if !ids.Time(id).Equal(at) || id < ids.First(at) || id >= ids.First(at.Add(time.Millisecond)) {
			t.Fatalf("%d is of %v", id, ids.Time(id))
		}
	}
	if ids.First(time.Time{}) != 0 || ids.First(time.Unix(-5, 0)) != 0 {
		t.Error("before 1970 there are ids")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int64{"0": 0, "1": 1, "007": 7, "9223372036854775807": math.MaxInt64, "109349871234567890": 109349871234567890} {
		if got, err := ids.Parse(s); err != nil || got != want {
			t.Errorf("%q: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "1_000", "٣", "abc", "9223372036854775808", "99999999999999999999", "1\x00", "null", "१"} {
		if got, err := ids.Parse(s); err == nil || got != 0 {
			t.Errorf("%q was read as %d", s, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, math.MaxInt64).Draw(t, "n")
		if got, err := ids.Parse(ids.Format(n)); err != nil || got != n || ids.Format(n) != strconv.FormatInt(n, 10) {
			t.Fatalf("%d became %d, %v", n, got, err)
		}
	})
}
