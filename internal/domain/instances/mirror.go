package instances

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// mirrorAge is how old the copy may be: what another process learned counts here that much later.
	mirrorAge = 2 * time.Second
	// wholeAge is how often all is read, in case that a change was missed: clocks differ, and other versions write less.
	wholeAge = time.Minute
	// overlap is how far back changes are asked for, since a change is seen only when its transaction ends.
	overlap = 15 * time.Second
	// heldGap is what lies between two deliveries that wait for the same host, so that thousands do not all wake at once; minSpread
	// and maxSpread bound the time over which they are spread.
	heldGap   = 100 * time.Millisecond
	minSpread = 5 * time.Second
	maxSpread = 15 * time.Minute
	// maxHeard bounds how many hosts are remembered that took a delivery.
	maxHeard = 20_000
)

// mirror is this process's copy of the hosts that are in trouble, and of the domains that are suspended. Both are few.
type mirror struct {
	mu sync.Mutex
	// whole and changes are when all, and what changed, was last read.
	whole, changes time.Time
	// read is when the last reading began, by this machine's clock.
	read      time.Time
	hosts     map[string]*entry
	suspended map[string]bool
	// allowed is read in limited federation mode alone; rfc9421 are the hosts that want signatures of that kind.
	allowed, rfc9421 map[string]bool
	// heard is when a host that is well last took a delivery, which is written down once it fails.
	heard map[string]time.Time
}

type entry struct {
	Host
	// held counts the deliveries that were put back here since the circuit opened.
	held int
}

func newMirror() mirror {
	return mirror{hosts: map[string]*entry{}, suspended: map[string]bool{}, allowed: map[string]bool{}, rfc9421: map[string]bool{}, heard: map[string]time.Time{}}
}

// forget makes the next look read everything.
func (m *mirror) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.whole = time.Time{}
}

// put enters what is known of a host by now; mu is held.
func (m *mirror) put(h Host, now time.Time) {
	if !h.troubled(now) {
		delete(m.hosts, h.Domain)
		return
	}
	e := m.hosts[h.Domain]
	if e == nil {
		e = &entry{}
		m.hosts[h.Domain] = e
	}
	e.Host = h
	if !h.Open() {
		e.held = 0
	}
}

func (m *mirror) learn(h Host, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(h, now)
}

// spread is how long another delivery to a host is to wait beyond the next probe; mu is held.
func (e *entry) spread() time.Duration {
	e.held++
	return rand.N(min(max(time.Duration(e.held)*heldGap, minSpread), maxSpread))
}

// isSuspended reports whether a domain, or one above it, is shut out, or in limited federation mode not let in; mu is held.
func (m *mirror) isSuspended(domain string, limited bool) bool {
	if len(m.suspended) == 0 && !limited {
		return false
	}
	for _, d := range parents(domain) {
		if m.suspended[d] {
			return true
		}
		limited = limited && !m.allowed[d]
	}
	return limited
}

// fresh brings the copy up to date if need be; mu is held. Others wait for the one who asks.
func (s *Service) fresh(ctx context.Context) error {
	m, now := &s.mirror, s.clock.Now()
	switch age := now.Sub(m.changes); {
	case m.whole.IsZero() || now.Sub(m.whole) >= wholeAge || age < 0:
		return s.readAll(ctx, now)
	case age < mirrorAge:
		return nil
	}
	return s.readChanges(ctx, now)
}

// readChanges takes in what changed; mu is held.
func (s *Service) readChanges(ctx context.Context, now time.Time) error {
	m, began := &s.mirror, time.Now()
	hosts, err := db.All(ctx, s.db, scanHost, "SELECT "+hostColumns+" FROM instances WHERE changed_at <> 0 AND changed_at >= $1", db.Ms(m.changes.Add(-overlap)))
	if err != nil {
		return fmt.Errorf("reading hosts: %w", err)
	}
	if err := s.readBlocks(ctx); err != nil {
		return err
	}
	for _, h := range hosts {
		m.put(h, now)
	}
	m.changes, m.read = now, began
	return nil
}

// readBlocks takes in which domains are suspended; mu is held.
func (s *Service) readBlocks(ctx context.Context) error {
	blocks, err := db.Column[string](ctx, s.db, "SELECT domain FROM domain_blocks WHERE severity = $1", Suspend)
	if err != nil {
		return fmt.Errorf("reading blocks: %w", err)
	}
	suspended := make(map[string]bool, len(blocks))
	for _, b := range blocks {
		suspended[strings.ToLower(b)] = true
	}
	s.mirror.suspended = suspended
	return nil
}

// readAll takes in everything; mu is held.
func (s *Service) readAll(ctx context.Context, now time.Time) error {
	began := time.Now()
	hosts, err := db.All(ctx, s.db, scanHost, "SELECT "+hostColumns+` FROM instances
WHERE failures <> 0 OR unavailable_at <> 0 OR retry_at <> 0 OR recovered_at > $1`, db.Ms(now.Add(-recovery)))
	if err != nil {
		return fmt.Errorf("reading hosts: %w", err)
	}
	if err := s.readBlocks(ctx); err != nil {
		return err
	}
	kinds, err := s.readSignatures(ctx, now)
	if err != nil {
		return err
	}
	var allowed []string
	if s.limited {
		if allowed, err = s.Allows(ctx, s.db); err != nil {
			return fmt.Errorf("reading allowed domains: %w", err)
		}
	}
	m := &s.mirror
	before := m.hosts
	m.rfc9421, m.allowed = kinds, make(map[string]bool, len(allowed))
	for _, domain := range allowed {
		m.allowed[domain] = true
	}
	m.hosts = make(map[string]*entry, len(hosts))
	for _, h := range hosts {
		m.put(h, now)
		if e, old := m.hosts[h.Domain], before[h.Domain]; e != nil && old != nil && h.Open() {
			e.held = old.held
		}
	}
	m.whole, m.changes, m.read = now, now, began
	return nil
}

// note remembers that a host that is well took a delivery; mu is held.
func (m *mirror) note(domain string, now time.Time) {
	if len(m.heard) >= maxHeard {
		clear(m.heard)
	}
	m.heard[domain] = now
}

// Counts is how many hosts are in each state but Healthy, as far as this process knows.
func (s *Service) Counts() map[State]int {
	now := s.clock.Now()
	s.mirror.mu.Lock()
	defer s.mirror.mu.Unlock()
	out := map[State]int{}
	for _, e := range s.mirror.hosts {
		if state := e.State(now); state != Healthy {
			out[state]++
		}
	}
	return out
}
