package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

const (
	// maxFlagged bounds the objects of a Flag that are looked at (AUZ-14): the people, and for each as many posts as a report has.
	maxFlagged = 200
	// maxFlaggedPeople bounds the reports that one Flag makes.
	maxFlaggedPeople = 10
	// domainInboxes bounds the inboxes that are looked up of one server that hears of a report.
	domainInboxes = 1
)

// performFlag keeps what another server reports of people here. What it says of others is not our concern; posts are only taken with
// the author that is reported.
func (s *Server) performFlag(ctx context.Context, a activity) error {
	block, err := s.Instances.BlockOf(ctx, s.DB, a.by.Domain)
	if err != nil {
		return err
	}
	if block.RejectReports {
		return errs.Forbidden()
	}
	var ours []string
	for _, id := range a.IDs("object") {
		if s.isOurs(id) && len(ours) < maxFlagged {
			ours = append(ours, id)
		}
	}
	people, err := s.Accounts.ByURIs(ctx, s.DB, ours)
	if err != nil {
		return err
	}
	uri := ""
	if ap.SameHost(a.ID, a.by.URI) {
		uri = a.ID
	}
	comment, reported := text.Plain(a.String("content")), 0
	for _, id := range ours {
		target := people[id]
		if target == nil || !target.Local() || target.Username == accounts.InstanceActor || reported == maxFlaggedPeople {
			continue
		}
		reported++
		if _, err := s.Moderation.Report(ctx, moderation.Draft{By: a.by, Target: target, StatusURIs: ours, CollectionURIs: ours, Comment: comment, URI: uri}); err != nil {
			return err
		}
	}
	if reported == 0 {
		return errs.NotFound()
	}
	return nil
}

// SendFlag tells other servers of a report that was made here. It comes from the server, so that nobody there learns who made it.
func (s *Server) SendFlag(ctx context.Context, e moderation.Reported) error {
	r, err := s.Moderation.ByID(ctx, s.DB, e.ReportID)
	if err != nil {
		return dropped(err)
	}
	target, err := s.Accounts.ByID(ctx, s.DB, r.TargetID)
	if err != nil {
		return dropped(err)
	}
	me, err := s.EnsureInstanceActor(ctx)
	if err != nil {
		return err
	}
	objects := []string{target.URI}
	reported, err := s.Statuses.URIs(ctx, s.DB, r.StatusIDs)
	if err != nil {
		return err
	}
	lists, err := s.Collections.ByIDs(ctx, s.DB, r.CollectionIDs)
	if err != nil {
		return err
	}
	for _, id := range r.CollectionIDs {
		if c := lists[id]; c != nil {
			reported = append(reported, c.URI)
		}
	}
	var inboxes []string
	for _, domain := range e.Domains {
		if domain == target.Domain {
			inboxes = append(inboxes, target.BestInbox())
			continue
		}
		more, err := s.Accounts.InboxesOf(ctx, s.DB, domain, domainInboxes)
		if err != nil {
			return err
		}
		inboxes = append(inboxes, more...)
	}
	flag := ap.Flag(s.Site.URL("/actor#reports/"+ids.Format(r.ID)), me.URI, r.Comment, append(objects, reported...))
	return s.fanOut(ctx, me, flag, inboxes)
}
