package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/ids"
)

// performReject refuses a follow, a quote, or a place in a collection that somebody here asked the sender for, or ends one that was granted.
func (s *Server) performReject(ctx context.Context, a activity) error {
	if relay, err := s.answersRelay(ctx, a, instances.RelayRejected); relay || err != nil {
		return err
	}
	if u, err := s.requested(ctx, a); u != nil || err != nil {
		if err != nil {
			return err
		}
		return s.Statuses.RejectQuote(ctx, u.StatusID)
	}
	if i, err := s.askedToFeature(ctx, a); i != nil || err != nil {
		if err != nil {
			return err
		}
		return s.Collections.Refuse(ctx, i.ID)
	}
	by, err := s.asker(ctx, a)
	if err != nil {
		return err
	}
	return s.Relations.Reject(ctx, a.by, by)
}

// SendReject tells a remote account that it may not follow, or does so no more.
func (s *Server) SendReject(ctx context.Context, e relations.Rejected) error {
	return s.tell(ctx, e.TargetID, e.AccountID, func(target, by *accounts.Account) *ap.ActivityDoc {
		return ap.Reject(answerID(target, "rejects", int64(e.AccountID)), target.URI, ap.Follow(e.URI, by.URI, target.URI))
	})
}

// answerID is the id of an answer to a follow.
func answerID(target *accounts.Account, kind string, id int64) string {
	return target.URI + "#" + kind + "/follows/" + ids.Format(id)
}
