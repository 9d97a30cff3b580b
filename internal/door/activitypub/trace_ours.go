package activitypub

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// maxTracedHosts is how many hosts that have trouble a trace names; gomph hosts lists them all.
const maxTracedHosts = 10

// traceOurAccount explains what others get of an account of ours, and where what it says goes.
func (s *Server) traceOurAccount(ctx context.Context, a *accounts.Account) error {
	if !a.Local() {
		return errs.NotFound()
	}
	explain(ctx, "account", Fine, "%s is %s, id %d", a.Username, a.URI, a.ID)
	if a.Suspended() {
		explain(ctx, "account", Refused, "it is suspended: others are answered 410")
		return errGone()
	}
	explain(ctx, "handle", Fine, "@%s@%s by WebFinger at %s", a.Username, s.Site.LocalDomain, s.Site.WebDomain)
	doc, err := s.actor(ctx, a)
	if err != nil {
		return err
	}
	if err := s.traceDocument(ctx, doc); err != nil {
		return err
	}
	signer, err := s.signer(ctx, a)
	if err != nil {
		return err
	}
	explain(ctx, "keys", Fine, "it signs as %s", signer.KeyID)
	inboxes, err := s.Relations.RemoteInboxes(ctx, s.DB, a.ID)
	if err != nil {
		return err
	}
	return s.traceReach(ctx, "its followers", s.deliverable(inboxes))
}

// traceOurPost explains what others get of a post of ours, and who hears of it.
func (s *Server) traceOurPost(ctx context.Context, st *statuses.Status) error {
	p, err := s.post(ctx, st.ID)
	if err != nil {
		return err
	}
	explain(ctx, "post", Fine, "%s by %s, id %d", st.URI, p.author.Username, st.ID)
	explain(ctx, "audience", Fine, "%s", st.Visibility)
	if !st.Reblog() {
		doc, err := s.note(ctx, p)
		if err != nil {
			return err
		}
		if err := s.traceDocument(ctx, doc); err != nil {
			return err
		}
		if !st.Distributable() {
			explain(ctx, "document", Noted, "it is shown to those alone who may see it and sign that they ask; others are answered 404")
		}
	}
	inboxes, err := s.reach(ctx, p, false)
	if err != nil {
		return err
	}
	return s.traceReach(ctx, "this post", inboxes)
}

// traceDocument says what others get.
func (s *Server) traceDocument(ctx context.Context, doc any) error {
	body, err := ap.Document(doc)
	if err != nil {
		return err
	}
	who := "anybody"
	if s.SignedFetch {
		who = "those who sign that they ask (AUTHORIZED_FETCH)"
	}
	explain(ctx, "document", Fine, "%d bytes, shown to %s", len(body), who)
	return nil
}

// traceReach says to how many inboxes something goes, and which hosts of them have trouble.
func (s *Server) traceReach(ctx context.Context, what string, inboxes []string) error {
	var hosts []string
	for _, inbox := range inboxes {
		if host := weburl.Host(inbox); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	explain(ctx, "reach", Fine, "%s: %d inboxes on %d other servers", what, len(inboxes), len(hosts))
	waiting, err := s.Instances.Waiting(ctx, s.DB, hosts)
	if err != nil {
		return err
	}
	var trouble []string
	began := s.Clock.Now()
	for _, host := range hosts {
		turn, _, err := s.Instances.Turn(ctx, host, began)
		if err != nil {
			return err
		}
		if turn == instances.Barred {
			trouble = append(trouble, host+" gets nothing: it is suspended or was given up")
		} else if turn == instances.Held || waiting[host] > 0 {
			trouble = append(trouble, fmt.Sprintf("%s: %d deliveries wait", host, waiting[host]))
		}
	}
	if len(trouble) > 0 {
		explain(ctx, "deliveries", Noted, "%s", strings.Join(trouble[:min(len(trouble), maxTracedHosts)], "; "))
	}
	return nil
}
