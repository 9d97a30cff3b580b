package activitypub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/jobs"
)

const (
	// pushTimeout is how long an inbox has to answer (Mastodon: 10 s).
	pushTimeout = 10 * time.Second
	// pushAge is the age at which a delivery is given up, however often its host asked to wait.
	pushAge = 7 * 24 * time.Hour
	// maxPushWait is the longest wait between two attempts of one delivery.
	maxPushWait = 18 * time.Hour
	// limitedWait is how long a host is left alone that says that it was asked too much, and not for how long.
	limitedWait = 5 * time.Minute
	// crowded is how long a probe waits while enough others wait for slow hosts.
	crowded = 10 * time.Second
)

// PushAttempts and PushBackoff spread the attempts of a delivery over a week, if each of them fails: at first within minutes, in
// the end once in 18 hours. Attempts that a host's circuit holds back do not count.
const PushAttempts = 22

// PushBackoff is the wait after a failed attempt: attempt⁴ seconds and some, as Mastodon's, with a quarter of jitter.
func PushBackoff(attempt int) time.Duration {
	a := min(attempt, 100)
	wait := min(time.Duration(a*a*a*a+15)*time.Second, maxPushWait)
	return wait + rand.N(wait/4)
}

// errHeld is why a delivery waits without having been tried.
var errHeld = errors.New("its host does not answer at present")

// Push signs a document and posts it to its inbox. What the other server refuses for good is given up; what may succeed later is
// tried again by the queue, for a week. While its host fails, it waits without being tried.
func (s *Server) Push(ctx context.Context, d Delivery) error {
	host := d.Host()
	if s.Clock.Now().Sub(d.At) > pushAge {
		s.delivered.Inc("expired", "")
		return jobs.Dead(fmt.Errorf("delivering to %s: too old", host))
	}
	turn, wait, err := s.Instances.Turn(ctx, host, time.Now())
	if err != nil {
		return err
	}
	if turn == instances.Barred {
		s.delivered.Inc("skipped", "")
		return nil
	}
	behind, needless, err := s.place(ctx, d)
	switch {
	case err != nil:
		return err
	case needless:
		s.delivered.Inc("withdrawn", "")
		return nil
	case turn == instances.Free && behind > 0:
		s.delivered.Inc("held", "order")
		return jobs.Later(behind, errors.New("an earlier delivery about the same is not over"))
	case turn == instances.Held || behind > 0:
		s.delivered.Inc("held", "host")
		return jobs.Later(max(wait, behind), errHeld)
	}
	return s.send(ctx, d, host, turn == instances.Due)
}

// send posts a delivery. To a host that fails it is a probe, which is claimed first.
func (s *Server) send(ctx context.Context, d Delivery, host string, probe bool) error {
	from, err := s.Accounts.ByID(ctx, s.DB, d.FromID)
	if err != nil {
		return dropped(err)
	}
	if from.Suspended() && !d.evenGone() {
		s.delivered.Inc("withdrawn", "")
		return nil
	}
	body, err := s.sealed(ctx, d, from)
	if err != nil {
		return err
	}
	sending, end, ok := s.patience.begin(ctx, host, probe)
	if !ok {
		s.delivered.Inc("held", "crowd")
		return jobs.Later(crowded+rand.N(crowded), errHeld)
	}
	if probe {
		if held, err := s.claim(ctx, host); held > 0 || err != nil {
			end(false)
			return laterOr(held, err)
		}
	}
	header := http.Header{"Content-Type": {ap.ContentType}}
	if d.Sync != "" {
		header.Set(syncHeader, d.Sync)
	}
	_, err = s.ask(sending, from, fetch.Request{
		Method: http.MethodPost, URL: d.Inbox, Body: body, Header: header,
		Timeout: s.PushTimeout, Redirects: -1, Insist: true,
	})
	hurried := errors.Is(context.Cause(sending), errHurried)
	end(err == nil || fetch.StatusOf(err) != 0)
	if ctx.Err() != nil && err != nil {
		return err // we were stopped; that says nothing about the host
	}
	return s.pushed(ctx, host, err, probe, hurried && err != nil)
}

// evenGone reports whether a delivery is still sent when its account was shut out after it was written (MOD-04): what takes something
// back, what is said about the account itself, and what is only passed on.
func (d Delivery) evenGone() bool {
	switch d.Verb {
	case "", "Delete", "Undo", "Reject":
		return true
	case "Update":
		return !d.Post
	}
	return false
}

// claim takes the probe of a host. Whoever gets none waits for the one who did, unless the host is back by now.
func (s *Server) claim(ctx context.Context, host string) (held time.Duration, err error) {
	got, err := s.Instances.Claim(ctx, host)
	if err != nil || got {
		return 0, err
	}
	turn, wait, err := s.Instances.Turn(ctx, host, time.Now())
	if err != nil || turn == instances.Free {
		return 0, err
	}
	s.delivered.Inc("held", "host")
	return max(wait, time.Second), nil
}

func laterOr(held time.Duration, err error) error {
	if err != nil {
		return err
	}
	return jobs.Later(held, errHeld)
}

// pushed notes how a delivery went and decides what becomes of it.
func (s *Server) pushed(ctx context.Context, host string, err error, probe, hurried bool) error {
	kind := fetch.KindOf(err)
	if hurried {
		kind = slow
	}
	outcome := "failed"
	switch {
	case err == nil:
		outcome = "accepted"
	case !hurried && !fetch.IsTemporary(err):
		outcome = "refused"
	}
	s.delivered.Inc(outcome, string(kind))
	if probe {
		s.probes.Inc(outcome)
	}
	switch {
	case err == nil, outcome == "refused" && fetch.StatusOf(err) != 0:
		return s.Instances.Succeeded(ctx, host) // it answers, whatever it thinks of this
	case outcome == "refused":
		return nil
	}
	err = fmt.Errorf("delivering to %s: %w", host, err)
	wait := fetch.RetryAfter(err)
	if wait == 0 && kind == fetch.KindLimited {
		wait = limitedWait
	}
	noted := s.Instances.Failed(ctx, host, instances.Failure{Reason: string(kind), Down: kind.Down() || hurried, Mild: hurried, Wait: wait, Probe: probe})
	if noted != nil {
		return fmt.Errorf("noting a failure: %w", noted)
	}
	if kind == fetch.KindLimited { // it was not taken, so that this was no attempt; anything else may have been
		return jobs.Later(wait+rand.N(wait/4), err)
	}
	return err
}
