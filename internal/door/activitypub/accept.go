package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
)

// performAccept grants a follow, a quote, or a place in a collection that somebody here asked the sender for. Nobody else's answer, and no answer to a question that
// was not asked, has an effect (AUZ-05, AUZ-06).
func (s *Server) performAccept(ctx context.Context, a activity) error {
	if relay, err := s.answersRelay(ctx, a, instances.RelayAccepted); relay || err != nil {
		return err
	}
	if u, err := s.requested(ctx, a); u != nil || err != nil {
		if err != nil {
			return err
		}
		return s.quoteAccepted(ctx, a, u)
	}
	if i, err := s.askedToFeature(ctx, a); i != nil || err != nil {
		if err != nil {
			return err
		}
		return s.featureAccepted(ctx, a, i)
	}
	by, err := s.asker(ctx, a)
	if err != nil {
		return err
	}
	return s.Relations.Authorize(ctx, a.by, by)
}

// asker finds the local account whose Follow of the sender an Accept or Reject is about.
func (s *Server) asker(ctx context.Context, a activity) (*accounts.Account, error) {
	follow := a.Object.Object("object")
	if follow == nil {
		return s.askerByID(ctx, a.IDOf("object"), a.by.ID)
	}
	if !follow.Is("Follow") {
		return nil, errs.Invalid("Only a follow can be answered")
	}
	if target := follow.IDOf("object"); target != "" && target != a.by.URI {
		return nil, errs.Forbidden()
	}
	if actor := follow.IDOf("actor"); actor != "" {
		return s.localActor(ctx, actor)
	}
	return s.askerByID(ctx, follow.ID, a.by.ID)
}

func (s *Server) askerByID(ctx context.Context, id string, target accounts.ID) (*accounts.Account, error) {
	if actor := followerIn(id); actor != "" {
		return s.localActor(ctx, actor)
	}
	by, asked, err := s.Relations.FollowByURI(ctx, s.DB, id)
	if err != nil {
		return nil, err
	}
	if asked != target {
		return nil, errs.Forbidden()
	}
	a, err := s.Accounts.ByID(ctx, s.DB, by)
	if err == nil && !a.Local() {
		return nil, errs.Forbidden()
	}
	return a, err
}

// SendAccept tells a remote follower that its request was granted.
func (s *Server) SendAccept(ctx context.Context, e relations.Accepted) error {
	return s.tell(ctx, e.TargetID, e.AccountID, func(target, by *accounts.Account) *ap.ActivityDoc {
		return acceptOf(target, by, e.URI, e.FollowID)
	})
}

// SendAcceptAtOnce tells a remote follower of somebody who does not choose followers that it follows now.
func (s *Server) SendAcceptAtOnce(ctx context.Context, e relations.Followed) error {
	return s.tell(ctx, e.TargetID, e.AccountID, func(target, by *accounts.Account) *ap.ActivityDoc {
		return acceptOf(target, by, e.URI, e.FollowID)
	})
}

func acceptOf(target, by *accounts.Account, uri string, id int64) *ap.ActivityDoc {
	return ap.Accept(answerID(target, "accepts", id), target.URI, ap.Follow(uri, by.URI, target.URI))
}
