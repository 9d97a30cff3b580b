// Package clock owns what time it is: the real one, or a test's.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time. The zero value of *Fake is not usable; make one with NewFake.
type Clock interface{ Now() time.Time }

// Real is the machine's clock.
type Real struct{}

// Now is the current time in UTC.
func (Real) Now() time.Time { return time.Now().UTC() }

// Fake is a clock that a test moves by hand.
type Fake struct {
	mu  sync.Mutex
	now time.Time
}

// NewFake starts a fake clock at t.
func NewFake(t time.Time) *Fake { return &Fake{now: t.UTC()} }

// Now is the time the test has set.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Advance moves the clock by d.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}
