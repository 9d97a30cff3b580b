package instances

import (
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// State of a host, as far as deliveries go.
type State string

// The states.
const (
	// Healthy is every host that nothing else is known of.
	Healthy State = "healthy"
	// Failing is a host whose last delivery failed. Once its circuit is open, deliveries wait.
	Failing State = "failing"
	// Unavailable is a host that failed for a week: nothing is written for it until it speaks.
	Unavailable State = "unavailable"
	// Recovering is a host that answers again, and is brought up to date.
	Recovering State = "recovering"
)

// States lists all states.
var States = []State{Healthy, Failing, Recovering, Unavailable}

const (
	// unavailableDays is on how many days deliveries must have failed, and none arrived, for a host to be unavailable (Mastodon).
	unavailableDays = 7
	// openAfter is how many answers like 500 in a row open the circuit: a single one may be the delivery's own fault.
	openAfter = 5
	// probeEvery is the least time between two probes of a host, and how long a probe may be under way; maxProbeEvery the most.
	probeEvery    = time.Minute
	maxProbeEvery = time.Hour
	// maxAsked bounds how long a host may ask us to wait.
	maxAsked = 24 * time.Hour
	// recovery is how long a host counts as recovering: by then all that waited for it is due.
	recovery = 5 * time.Minute
)

// Host is how it goes with deliveries to a host. The zero value of the times is never.
type Host struct {
	Domain string
	// FailingSince is when the first delivery failed since one arrived, FailedAt when the last one did.
	FailingSince, FailedAt time.Time
	// RetryAt is when a delivery may be tried again, as a probe; never when the circuit is closed.
	RetryAt                                   time.Time
	UnavailableAt, LastSuccessAt, RecoveredAt time.Time
	// Failures and FailedDays are counted since a delivery arrived; Tries is the step of the back-off.
	Failures, FailedDays, Tries int64
	// LastError is a kind of failure as kit/fetch names it.
	LastError string
}

// Failure is how a delivery failed.
type Failure struct {
	// Reason is a kind of failure as kit/fetch names it.
	Reason string
	// Down says that the host as a whole does not work, rather than that it did not like this delivery.
	Down bool
	// Mild failures say nothing about whether the host is there: they do not make it unavailable.
	Mild bool
	// Wait is what the host asked for.
	Wait time.Duration
	// Probe says that the delivery was sent as a probe (see Claim).
	Probe bool
}

// State is the host's state.
func (h Host) State(now time.Time) State {
	switch {
	case !h.UnavailableAt.IsZero():
		return Unavailable
	case h.Failures > 0 || h.Open():
		return Failing
	case h.recovering(now):
		return Recovering
	}
	return Healthy
}

// Since is when the host came into its state; never for one that is healthy.
func (h Host) Since(now time.Time) time.Time {
	switch h.State(now) {
	case Unavailable:
		return h.UnavailableAt
	case Failing:
		return h.FailingSince
	case Recovering:
		return h.RecoveredAt
	}
	return time.Time{}
}

// Open reports whether deliveries to the host wait.
func (h Host) Open() bool { return !h.RetryAt.IsZero() }

func (h Host) recovering(now time.Time) bool {
	return !h.RecoveredAt.IsZero() && now.Sub(h.RecoveredAt) < recovery
}

// troubled reports whether there is anything to know about the host.
func (h Host) troubled(now time.Time) bool { return h.State(now) != Healthy }

// failed is the host after a failure. jitter, from 0 to 1, keeps hosts that failed together from being probed together.
func (h Host) failed(now time.Time, f Failure, jitter float64) Host {
	wasOpen := h.Open()
	if h.FailingSince.IsZero() {
		h.FailingSince = now
	}
	h.Failures++
	h.LastError = f.Reason
	if !f.Mild && f.Wait == 0 {
		if h.FailedDays == 0 || !sameDay(h.FailedAt, now) {
			h.FailedDays++
		}
		h.FailedAt = now
	}
	if h.FailedDays >= unavailableDays && h.UnavailableAt.IsZero() {
		h.UnavailableAt = now
	}
	switch {
	case !h.UnavailableAt.IsZero():
		h.RetryAt = time.Time{}
		return h
	case wasOpen && !f.Probe && f.Wait == 0: // began before the circuit opened; what it says is known
		return h
	case !f.Probe && !f.Down && f.Wait == 0 && h.Failures < openAfter:
		return h
	}
	wait := min(f.Wait, maxAsked)
	if f.Wait == 0 {
		h.Tries++
		wait = interval(h.Tries)
	}
	retry := now.Add(max(wait, probeEvery)).Add(time.Duration(jitter * float64(wait) / 4))
	if retry.After(h.RetryAt) {
		h.RetryAt = retry
	}
	h.RecoveredAt = time.Time{}
	return h
}

// interval is the wait after the nth failure in a row: a minute, doubled up to an hour.
func interval(tries int64) time.Duration {
	wait := probeEvery
	for ; tries > 1 && wait < maxProbeEvery; tries-- {
		wait *= 2
	}
	return min(wait, maxProbeEvery)
}

func sameDay(a, b time.Time) bool {
	return a.UTC().Truncate(24 * time.Hour).Equal(b.UTC().Truncate(24 * time.Hour))
}

// succeeded is the host after a delivery arrived.
func (h Host) succeeded(now time.Time) Host {
	out := Host{Domain: h.Domain, LastSuccessAt: now, RecoveredAt: h.RecoveredAt}
	if h.held() {
		out.RecoveredAt = now
	}
	return out
}

// held reports whether deliveries may have been kept back.
func (h Host) held() bool { return h.Open() || !h.UnavailableAt.IsZero() }

// spoke is the host after it sent us something: it is there, though that does not say that it can be reached. One that was
// given up gets deliveries again; one that fails is probed soon, but never more often than others.
func (h Host) spoke(now time.Time) Host {
	if !h.UnavailableAt.IsZero() {
		return Host{Domain: h.Domain, LastSuccessAt: h.LastSuccessAt, RecoveredAt: now}
	}
	// A host that asked us to wait is there; that it speaks is no news.
	if soon := now.Add(probeEvery); h.Open() && h.Tries > 0 && h.RetryAt.After(soon) {
		h.RetryAt = soon
	}
	return h
}

// retried is the host after an operator asked for a probe now.
func (h Host) retried(now time.Time) Host {
	if !h.held() {
		return h
	}
	h.UnavailableAt, h.FailedDays, h.RetryAt = time.Time{}, 0, now
	return h
}

const hostColumns = `domain, failing_since, failures, unavailable_at, last_success_at, retry_at, tries, failed_days, failed_at, recovered_at, last_error`

func scanHost(r db.Row) (Host, error) {
	var h Host
	var since, unavailable, success, retry, failed, recovered int64
	err := r.Scan(&h.Domain, &since, &h.Failures, &unavailable, &success, &retry, &h.Tries, &h.FailedDays, &failed, &recovered, &h.LastError)
	h.FailingSince, h.UnavailableAt, h.LastSuccessAt = db.At(since), db.At(unavailable), db.At(success)
	h.RetryAt, h.FailedAt, h.RecoveredAt = db.At(retry), db.At(failed), db.At(recovered)
	return h, err
}
