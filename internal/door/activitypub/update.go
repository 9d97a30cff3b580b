package activitypub

import (
	"context"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

// performUpdate brings the sender's own profile, post or collection up to date (AUZ-02). A post that has not come yet is taken as new.
func (s *Server) performUpdate(ctx context.Context, a activity) error {
	id := a.IDOf("object")
	o := a.Object.Object("object")
	if id == a.by.URI {
		if o == nil || o.IsLink() {
			_, err := s.AccountByURI(ctx, id, true)
			return err
		}
		return s.enterUpdate(ctx, a.by, o)
	}
	if !ap.SameHost(id, a.by.URI) {
		return errs.Forbidden()
	}
	if o == nil || o.IsLink() {
		var err error
		if o, err = s.object(ctx, id); err != nil {
			return err
		}
	}
	if o.Is("FeaturedCollection") {
		return s.takeCollection(ctx, a.by, o, id)
	}
	n, err := owned(o, a.by)
	if err != nil {
		return err
	}
	return s.receiveEdit(ctx, n, a.by)
}

func (s *Server) receiveEdit(ctx context.Context, n ap.Note, by *accounts.Account) error {
	_, err := s.Statuses.ByURI(ctx, s.DB, n.ID)
	if errs.IsNotFound(err) {
		_, err = s.receive(ctx, arrival{Note: n, by: by})
		return err
	}
	if err != nil {
		return err
	}
	who, err := s.audienceOf(ctx, n, by)
	if err != nil {
		return err
	}
	in, err := s.incoming(ctx, n, by, who)
	if err != nil {
		return err
	}
	_, err = s.Statuses.ReceiveEdit(ctx, by, in)
	return err
}

// SendUpdate tells of an edited post.
func (s *Server) SendUpdate(ctx context.Context, e statuses.Edited) error {
	p, err := s.post(ctx, e.StatusID)
	if err != nil {
		return dropped(err)
	}
	return s.sendUpdate(ctx, p, p.status.URI+"#updates/"+ids.Format(p.status.EditedAt.UnixMilli()))
}

// SendPoll tells of the results of a poll here after votes came in.
func (s *Server) SendPoll(ctx context.Context, e statuses.Voted) error {
	return s.sendPoll(ctx, e.StatusID, func(p *statuses.Poll) time.Time { return p.UpdatedAt })
}

// SendPollEnd tells of the final results of a poll here.
func (s *Server) SendPollEnd(ctx context.Context, e statuses.PollEnded) error {
	return s.sendPoll(ctx, e.StatusID, func(p *statuses.Poll) time.Time { return p.ExpiresAt })
}

// sendPoll sends the results of a poll; at says when they became so, since each Update needs an id of its own.
func (s *Server) sendPoll(ctx context.Context, id statuses.ID, at func(*statuses.Poll) time.Time) error {
	p, err := s.post(ctx, id)
	if err != nil {
		return dropped(err)
	}
	if !p.status.Local || p.poll == nil {
		return nil
	}
	return s.sendUpdate(ctx, p, p.status.URI+"#updates/"+ids.Format(at(p.poll).UnixMilli()))
}

func (s *Server) sendUpdate(ctx context.Context, p *post, id string) error {
	doc, err := s.note(ctx, p)
	if err != nil {
		return err
	}
	update := ap.UpdateNote(id, doc)
	if update.Published == "" {
		update.Published = ap.FormatTime(s.Clock.Now())
	}
	inboxes, err := s.reach(ctx, p, true)
	if err != nil {
		return err
	}
	return s.fanOutPost(ctx, p, update, inboxes)
}

// SendProfile tells of a changed profile.
func (s *Server) SendProfile(ctx context.Context, e accounts.ProfileUpdated) error {
	a, err := s.Accounts.ByID(ctx, s.DB, e.AccountID)
	if err != nil {
		return dropped(err)
	}
	if !a.Local() || a.Username == accounts.InstanceActor {
		return nil
	}
	doc, err := s.actor(ctx, a)
	if err != nil {
		return err
	}
	inboxes, err := s.Relations.RemoteInboxes(ctx, s.DB, a.ID)
	if err != nil {
		return err
	}
	return s.fanOut(ctx, a, ap.UpdateActor(a.URI+"#updates/"+ids.Format(a.UpdatedAt.UnixMilli()), doc), inboxes)
}
