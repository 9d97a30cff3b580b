// Package ids owns the making of ids: Mastodon's snowflakes, ordered by time.
//
// The upper 48 bits are milliseconds since 1970. The lower 16 are, as far as others can tell, noise; here they are 8 bits of
// the making process's slot (see table processes) and 8 bits that count, so that no two processes make the same id.
package ids

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
)

// Slots is how many processes can make ids at once.
const Slots = 256

// Source makes ids. It is safe for use by several goroutines.
type Source struct {
	clock clock.Clock
	slot  int64
	mu    sync.Mutex
	last  int64 // milliseconds<<8 | count
}

// NewSource makes a source for a process's slot, 0…255.
func NewSource(c clock.Clock, slot int) *Source {
	return &Source{clock: c, slot: int64(slot) & (Slots - 1)}
}

// Next is a new id, larger than every id this source made before. When more than 256 are wanted in a millisecond, the ids
// run ahead of the clock.
func (s *Source) Next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last+1, s.clock.Now().UnixMilli()<<8)
	return s.last>>8<<16 | s.slot<<8 | s.last&0xff
}

// At is an id for something that was made at t by somebody else, with chance in its lower bits. A caller must be ready for
// it to be taken.
func At(t time.Time) int64 { return First(t) | rand.Int64N(1<<16) }

// First is the smallest id of a moment, for paging and for questions by time.
func First(t time.Time) int64 { return max(t.UnixMilli(), 0) << 16 }

// Time is when an id was made.
func Time(id int64) time.Time { return time.UnixMilli(id >> 16).UTC() }

var errID = errors.New("not an id")

// Parse reads an id from a URL or a form: decimal, positive, at most 19 digits.
func Parse(s string) (int64, error) {
	if len(s) == 0 || len(s) > 19 || s[0] == '-' || s[0] == '+' {
		return 0, errID
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, errID
	}
	return n, nil
}

// Format writes an id as the API shows it.
func Format[T ~int64](id T) string { return strconv.FormatInt(int64(id), 10) }
