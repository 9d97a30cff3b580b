package instances

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// Turn says what becomes of a delivery to a host at present.
type Turn int

const (
	// Free deliveries are sent.
	Free Turn = iota
	// Due deliveries may be sent as a probe by whoever claims it.
	Due
	// Held deliveries wait.
	Held
	// Barred deliveries are never sent: the host is suspended, or was given up.
	Barred
)

// Turn says what becomes of a delivery to a host, and how long it is to wait if it is held. Asking costs no statement, but one
// every two seconds in each process. Only who is to wait must know better: what is said then was read after since, for a host
// that came back meanwhile has released what waits, and nobody would do so again.
func (s *Service) Turn(ctx context.Context, domain string, since time.Time) (Turn, time.Duration, error) {
	m := &s.mirror
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := s.fresh(ctx); err != nil {
		return Held, 0, err
	}
	turn := s.turn(domain)
	if turn == Held && m.read.Before(since) {
		if err := s.readChanges(ctx, s.clock.Now()); err != nil {
			return Held, 0, err
		}
		turn = s.turn(domain)
	}
	if turn != Held {
		return turn, 0, nil
	}
	e := m.hosts[domain]
	return Held, e.RetryAt.Sub(s.clock.Now()) + e.spread(), nil
}

// turn is what the copy says; the mirror is locked.
func (s *Service) turn(domain string) Turn {
	e := s.mirror.hosts[domain]
	switch {
	case s.mirror.isSuspended(domain, s.limited), e != nil && !e.UnavailableAt.IsZero():
		return Barred
	case e == nil || !e.Open():
		return Free
	case !e.RetryAt.After(s.clock.Now()):
		return Due
	}
	return Held
}

// Claim takes the probe of a host whose circuit is open: one at a time, and one a minute at most, among all processes. Who gets
// none is told how it stands by now.
func (s *Service) Claim(ctx context.Context, domain string) (bool, error) {
	now := s.clock.Now()
	var claimed int64
	err := s.db.Write(ctx, func(tx *db.Tx) (err error) {
		claimed, err = tx.Exec(ctx, `UPDATE instances SET retry_at = $1, changed_at = $2
WHERE domain = $3 AND retry_at <> 0 AND retry_at <= $2 AND unavailable_at = 0`, db.Ms(now.Add(probeEvery)), db.Ms(now), domain)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("claiming a probe: %w", err)
	}
	h, err := s.ByDomain(ctx, s.db, domain)
	if err != nil {
		return false, err
	}
	s.mirror.learn(h, now)
	return claimed > 0, nil
}

// Succeeded notes that a host took a delivery. It writes only when that is news; then what waited for the host is made due.
func (s *Service) Succeeded(ctx context.Context, domain string) error {
	known, err := s.inTrouble(ctx, domain)
	if err != nil || !known {
		return err
	}
	return s.change(ctx, domain, Host.succeeded)
}

// inTrouble reports whether a host failed that just took a delivery.
func (s *Service) inTrouble(ctx context.Context, domain string) (bool, error) {
	m, now := &s.mirror, s.clock.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := s.fresh(ctx); err != nil {
		return false, err
	}
	m.note(domain, now)
	e := m.hosts[domain]
	return e != nil && (e.Failures > 0 || e.Host.held()), nil
}

// Failed notes that a delivery to a host failed.
func (s *Service) Failed(ctx context.Context, domain string, f Failure) error {
	s.mirror.mu.Lock()
	heard := s.mirror.heard[domain]
	delete(s.mirror.heard, domain)
	s.mirror.mu.Unlock()
	return s.change(ctx, domain, func(h Host, now time.Time) Host {
		if heard.After(h.LastSuccessAt) {
			h.LastSuccessAt = heard
		}
		return h.failed(now, f, rand.Float64())
	})
}

// Spoke notes that a host sent us something that it signed.
func (s *Service) Spoke(ctx context.Context, domain string) error {
	m := &s.mirror
	m.mu.Lock()
	err := s.fresh(ctx)
	e := m.hosts[domain]
	news := e != nil && e.spoke(s.clock.Now()) != e.Host
	m.mu.Unlock()
	if err != nil || !news {
		return err
	}
	return s.change(ctx, domain, Host.spoke)
}

// Retry lets a host that fails, or was given up, be probed now.
func (s *Service) Retry(ctx context.Context, domain string) error {
	return s.change(ctx, domain, Host.retried)
}

// Clear forgets that a host ever failed.
func (s *Service) Clear(ctx context.Context, domain string) error {
	return s.change(ctx, domain, func(h Host, now time.Time) Host {
		out := h.succeeded(now)
		out.LastSuccessAt = h.LastSuccessAt
		return out
	})
}

// change moves a host from one state to the next. When its circuit closes, or may be probed earlier, what waits for it is due.
func (s *Service) change(ctx context.Context, domain string, next func(Host, time.Time) Host) error {
	now := s.clock.Now()
	var h Host
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		if err := s.Seen(ctx, tx, domain); err != nil {
			return err
		}
		before, err := scanHost(tx.QueryRow(ctx, "SELECT "+hostColumns+" FROM instances WHERE domain = $1"+tx.ForUpdate(), domain))
		if err != nil {
			return err
		}
		if h = next(before, now); h == before {
			return nil
		}
		if _, err := tx.Exec(ctx, `UPDATE instances SET failing_since = $1, failures = $2, unavailable_at = $3, last_success_at = $4, retry_at = $5, tries = $6,
  failed_days = $7, failed_at = $8, recovered_at = $9, last_error = $10, changed_at = $11 WHERE domain = $12`,
			db.Ms(h.FailingSince), h.Failures, db.Ms(h.UnavailableAt), db.Ms(h.LastSuccessAt), db.Ms(h.RetryAt), h.Tries, h.FailedDays, db.Ms(h.FailedAt),
			db.Ms(h.RecoveredAt), h.LastError, db.Ms(now), domain); err != nil {
			return err
		}
		if before.held() && (!h.held() || h.RetryAt.Equal(now)) {
			if _, err := s.lanes.ReleaseLane(ctx, tx, domain); err != nil {
				return err
			}
		}
		return s.returned(ctx, tx, before, h, now)
	})
	if err != nil {
		return fmt.Errorf("noting how it goes with %s: %w", domain, err)
	}
	s.mirror.learn(h, now)
	return nil
}

// longOutage is how long a host must have failed for others to look for what it published meanwhile: a day, as most servers try for
// longer than that to deliver by themselves.
const longOutage = 24 * time.Hour

// Returned says that a host which failed for long is back.
type Returned struct {
	Domain string
	// Since is when it began to fail, in milliseconds since 1970.
	Since int64
}

// Kind names the event.
func (Returned) Kind() string { return "instances.returned" }

func (s *Service) returned(ctx context.Context, tx *db.Tx, before, after Host, now time.Time) error {
	if !before.held() || after.held() || before.FailingSince.IsZero() || now.Sub(before.FailingSince) < longOutage {
		return nil
	}
	return s.lanes.Emit(ctx, tx, Returned{Domain: before.Domain, Since: db.Ms(before.FailingSince)})
}
