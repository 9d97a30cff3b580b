package activitypub

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// Step is one thing that was looked at when an address or a handle was traced.
type Step struct {
	// Name is what was looked at, in a word.
	Name string `json:"step"`
	// Outcome is Fine, Refused or Noted.
	Outcome string `json:"outcome"`
	// Text explains it, for the operator.
	Text string `json:"text"`
	// Took is how long another server had us wait, in milliseconds; 0 where none was asked.
	Took int64 `json:"took_ms,omitempty"`
}

// The outcomes of a step.
const (
	// Fine is what holds.
	Fine = "ok"
	// Refused is what is not believed or not done here; the trace ends, or goes on without it.
	Refused = "no"
	// Noted is what is so, for better or worse.
	Noted = "note"
)

// tracer hears of the steps of a trace. What fetches and verifies tells it, so that a trace says what is done and not what ought to be.
type tracer struct {
	tell func(Step)
	// unanswered says that the last request failed: what the trace ends with is not this server's fault.
	unanswered bool
}

type tracerKey struct{}

// explain tells a trace, if one is under way.
func explain(ctx context.Context, name, outcome, format string, args ...any) {
	if t, ok := ctx.Value(tracerKey{}).(*tracer); ok {
		t.tell(Step{Name: name, Outcome: outcome, Text: fmt.Sprintf(format, args...)})
	}
}

// explainFetch tells a trace what a server answered, and by what kind of signature it was asked.
func explainFetch(ctx context.Context, uri string, began time.Time, kind instances.Signatures, res *fetch.Response, err error) {
	t, ok := ctx.Value(tracerKey{}).(*tracer)
	if !ok {
		return
	}
	t.unanswered = err != nil
	how := "unsigned"
	if kind != "" {
		how = "signed by " + string(kind)
	}
	step := Step{Name: "fetch", Outcome: Fine, Took: time.Since(began).Milliseconds()}
	switch {
	case err != nil:
		step.Outcome = Refused
		step.Text = fmt.Sprintf("%s (%s): %v [%s]", uri, how, err, fetch.KindOf(err))
	case res.URL != uri:
		step.Text = fmt.Sprintf("%s led to %s: %d, %s, %d bytes", uri, res.URL, res.Status, res.Header.Get("Content-Type"), len(res.Body))
	default:
		step.Text = fmt.Sprintf("%s (%s): %d, %s, %d bytes", uri, how, res.Status, res.Header.Get("Content-Type"), len(res.Body))
	}
	t.tell(step)
}

// Trace explains step by step what an address or a handle is to this server: for others' what is fetched, verified, and would be
// made of it, and how deliveries there are; for ours what others get, and who hears of it. It enters and changes nothing, but remembers
// which signatures a host takes, as every request does. fine says that no step refused the thing as a whole; err is of this server.
func (s *Server) Trace(ctx context.Context, what string, tell func(Step)) (fine bool, err error) {
	t := &tracer{tell: tell}
	ctx = context.WithValue(ctx, tracerKey{}, t)
	if strings.Contains(what, "://") {
		err = s.traceAddress(ctx, what)
	} else {
		err = s.traceHandle(ctx, what)
	}
	switch {
	case err == nil:
		explain(ctx, "verdict", Fine, "nothing speaks against it")
		return true, nil
	case t.unanswered || errs.KindOf(err) != errs.Internal:
		explain(ctx, "verdict", Refused, "not taken: %v", err)
		return false, nil
	}
	return false, err
}

func (s *Server) traceAddress(ctx context.Context, uri string) error {
	if s.isOurs(uri) {
		found, err := s.ours(ctx, uri)
		if err != nil {
			return err
		}
		if found.Status != nil {
			return s.traceOurPost(ctx, found.Status)
		}
		return s.traceOurAccount(ctx, found.Account)
	}
	if err := s.traceDomain(ctx, weburl.Host(uri)); err != nil {
		return err
	}
	o, err := s.discover(ctx, withoutFragment(uri))
	if err != nil {
		return err
	}
	return s.traceObject(ctx, o)
}

func (s *Server) traceHandle(ctx context.Context, what string) error {
	what = strings.TrimPrefix(strings.TrimPrefix(what, "acct:"), "@")
	if !strings.Contains(what, "@") {
		what += "@" + s.Site.LocalDomain
	}
	h, err := parseAcct(what)
	if err != nil {
		return err
	}
	if s.Site.IsLocalDomain(h.Domain) {
		a, err := s.Accounts.ByAcct(ctx, s.DB, h.Username, "")
		if err != nil {
			return err
		}
		return s.traceOurAccount(ctx, a)
	}
	if err := s.traceDomain(ctx, h.Domain); err != nil {
		return err
	}
	told, err := s.finger(ctx, h)
	if err == nil && told.handle.Domain != h.Domain {
		told, err = s.finger(ctx, told.handle)
	}
	if err != nil {
		return err
	}
	o, err := s.trusted(ctx, told.self)
	if err != nil {
		return err
	}
	return s.traceActor(ctx, o, &told.handle)
}

// traceDomain says what is decided about a domain.
func (s *Server) traceDomain(ctx context.Context, host string) error {
	block, err := s.Instances.BlockOf(ctx, s.DB, host)
	if err != nil {
		return err
	}
	shut, err := s.Instances.Suspended(ctx, s.DB, host)
	if err != nil {
		return err
	}
	switch {
	case shut:
		explain(ctx, "domain", Refused, "%s is suspended here (gomph domains): nothing is taken from, fetched from or sent there", host)
	case block.Domain == "":
		explain(ctx, "domain", Fine, "nothing is decided against %s", host)
	default:
		explain(ctx, "domain", Noted, "%s is limited by the entry %s: %s%s", host, block.Domain, block.Severity, map[bool]string{true: ", no media"}[block.RejectMedia])
	}
	return nil
}

// traceObject explains a document that its origin vouches for.
func (s *Server) traceObject(ctx context.Context, o *ap.Object) error {
	switch {
	case o.Is(ap.ActorTypes...):
		return s.traceActor(ctx, o, nil)
	case o.Kind(s.kinds...) != "":
		explain(ctx, "activity", Fine, "a %s by %s about %s", o.Kind(s.kinds...), o.IDOf("actor"), o.IDOf("object"))
		if !o.Is("Create", "Update") || !ap.SameHost(o.IDOf("object"), o.ID) {
			return checkIDs(o, o.IDOf("actor"))
		}
		inner, err := s.trusted(ctx, o.IDOf("object"))
		if err != nil {
			return err
		}
		return s.tracePost(ctx, inner)
	}
	return s.tracePost(ctx, o)
}

// traceOut says how deliveries to an inbox are.
func (s *Server) traceOut(ctx context.Context, a *accounts.Account) error {
	inbox := a.BestInbox()
	if inbox == "" || !weburl.Valid(inbox) || s.isOurs(inbox) {
		explain(ctx, "inbox", Refused, "it has no inbox that anything could be sent to")
		return nil
	}
	host := weburl.Host(inbox)
	explain(ctx, "inbox", Fine, "what we say goes to %s", inbox)
	return s.traceHost(ctx, host)
}

// traceHost says how it goes with deliveries to a host.
func (s *Server) traceHost(ctx context.Context, host string) error {
	kind, err := s.Instances.SignaturesOf(ctx, host)
	if err != nil {
		return err
	}
	waiting, err := s.Instances.Waiting(ctx, s.DB, []string{host})
	if err != nil {
		return err
	}
	h, err := s.Instances.ByDomain(ctx, s.DB, host)
	if errs.IsNotFound(err) {
		explain(ctx, "deliveries", Noted, "nothing was ever sent to %s", host)
		return nil
	}
	if err != nil {
		return err
	}
	outcome, state := Fine, h.State(s.Clock.Now())
	if state != instances.Healthy {
		outcome = Noted
	}
	text := fmt.Sprintf("%s is %s; deliveries are signed by %s; %d wait", host, state, kind, waiting[host])
	if h.LastError != "" {
		text += "; the last one failed by " + h.LastError
	}
	if !h.RetryAt.IsZero() {
		text += "; the next is tried at " + h.RetryAt.UTC().Format(time.RFC3339)
	}
	explain(ctx, "deliveries", outcome, "%s", text)
	return nil
}
