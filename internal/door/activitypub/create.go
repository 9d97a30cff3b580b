package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

// performCreate stores a post of the sender, or counts its vote. A post of anybody else is not believed (ORG-05).
func (s *Server) performCreate(ctx context.Context, a activity) error {
	o := a.Object.Object("object")
	if o == nil || o.IsLink() {
		return s.fetchSent(ctx, a, a.IDOf("object"))
	}
	n, err := owned(o, a.by)
	if err != nil {
		return err
	}
	relayed, err := s.viaRelay(ctx, a)
	if err != nil {
		return err
	}
	st, err := s.receive(ctx, arrival{Note: n, by: a.by, relayed: relayed})
	if err != nil {
		return err
	}
	to, err := s.mayPassOn(ctx, a, st)
	if err != nil {
		return err
	}
	return s.passOn(ctx, a, to)
}

// fetchSent takes a post of which only the id was sent, from the sender's own host.
func (s *Server) fetchSent(ctx context.Context, a activity, id string) error {
	if !ap.SameHost(id, a.by.URI) {
		return errs.Forbidden()
	}
	o, err := s.object(ctx, id)
	if err != nil {
		return err
	}
	n, err := owned(o, a.by)
	if err != nil {
		return err
	}
	_, err = s.receive(ctx, arrival{Note: n, by: a.by})
	return err
}

// SendCreate brings a new post of ours, or a boost, to those whom it concerns.
func (s *Server) SendCreate(ctx context.Context, e statuses.Posted) error {
	if heard, err := s.Statuses.HeardElsewhere(ctx, s.DB, e.StatusID); err != nil || !heard {
		return err
	}
	if e.Reblog {
		return s.sendAnnounce(ctx, e.StatusID)
	}
	p, err := s.post(ctx, e.StatusID)
	if err != nil {
		return dropped(err)
	}
	doc, err := s.note(ctx, p)
	if err != nil {
		return err
	}
	inboxes, err := s.reach(ctx, p, false)
	if err != nil {
		return err
	}
	announced, err := s.announcedToRelays(ctx, p)
	if err != nil {
		return err
	}
	return s.fanOutPost(ctx, p, ap.Create(doc), inboxes, announced...)
}

// SendVote sends the votes of somebody here to the poll's owner, one for each choice.
func (s *Server) SendVote(ctx context.Context, e statuses.Voted) error {
	poll, st, err := s.Statuses.PollByID(ctx, s.DB, e.AccountID, e.PollID)
	if err != nil {
		return dropped(err)
	}
	both, err := s.Accounts.ByIDs(ctx, s.DB, []accounts.ID{e.AccountID, st.AccountID})
	if err != nil {
		return err
	}
	by, owner := both[e.AccountID], both[st.AccountID]
	if by == nil || owner == nil || owner.Local() {
		return nil
	}
	var votes []any
	for i, id := range e.VoteIDs {
		if i < len(poll.Own) {
			votes = append(votes, ap.CreateVote(ap.Vote(by.URI+"#votes/"+ids.Format(id), by.URI, poll.Options[poll.Own[i]], st.URI, owner.URI)))
		}
	}
	return s.fanOutAll(ctx, by, votes, []string{owner.InboxURL})
}
