package activitypub

import (
	"errors"
	"strings"

	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/metric"
)

// counters are what an operator sees of federation as numbers: what came, what became of it, what was asked and sent, by kind and reason.
type counters struct {
	received, performed, fetched, delivered, probes *metric.Counter
}

func newCounters(m *metric.Registry) counters {
	return counters{
		received:  m.Counter("federation_inbox_total", "Activities posted to the inboxes, by type, what became of the request, and why it was refused.", "type", "outcome", "reason"),
		performed: m.Counter("federation_performed_total", "Activities performed, by type, outcome, and why they were refused.", "type", "outcome", "reason"),
		fetched:   m.Counter("federation_fetches_total", "What other servers were asked for (documents, webfinger), by outcome and the kind of failure.", "what", "outcome", "reason"),
		delivered: m.Counter("federation_deliveries_total", "Attempts to deliver, by outcome and the kind of failure.", "outcome", "reason"),
		probes:    m.Counter("federation_probes_total", "Deliveries sent to hosts that fail, to see whether they are back, by outcome.", "outcome"),
	}
}

// typeOf is the type of an activity as a label: one that means something here, or metric.Other.
func typeOf(kind string) string {
	if kind == "" {
		return metric.Other
	}
	return kind
}

// reasonOf says in a word why something was refused; few values. What another server did not answer is named as kit/fetch does.
func reasonOf(err error) string {
	var answer *fetch.StatusError
	if errors.As(err, &answer) || errors.Is(err, fetch.ErrResting) || errors.Is(err, fetch.ErrPrivate) {
		return "fetch_" + string(fetch.KindOf(err))
	}
	if errors.Is(err, errDomain) {
		return "domain_blocked"
	}
	switch errs.KindOf(err) {
	case errs.MalformedKind, errs.InvalidKind:
		return "malformed"
	case errs.UnauthorizedKind:
		return "signature"
	case errs.ForbiddenKind:
		return "forbidden"
	case errs.NotFoundKind, errs.GoneKind:
		return "not_found"
	case errs.TooLargeKind:
		return "too_large"
	case errs.TooManyKind, errs.UnavailableKind:
		return "pressure"
	}
	if err == nil {
		return ""
	}
	return "internal"
}

// countFetch counts a request for what accept says.
func (r *Resolver) countFetch(accept string, err error) {
	if r.fetched == nil {
		return // nobody counts yet: the resolver is made before the server
	}
	what, outcome := "webfinger", "done"
	if strings.HasPrefix(accept, ap.AcceptHeader) {
		what = "document"
	}
	if err != nil {
		outcome = "failed"
	}
	r.fetched.Inc(what, outcome, string(fetch.KindOf(err)))
}
