package activitypub

import (
	"context"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

// performFollow lets somebody elsewhere follow, or ask to. One who is blocked is told no.
func (s *Server) performFollow(ctx context.Context, a activity) error {
	target, err := s.localActor(ctx, a.IDOf("object"))
	if err != nil {
		return err
	}
	if target.Username == accounts.InstanceActor {
		return s.followedByRelay(ctx, a, target)
	}
	if s.undone(ctx, a) {
		return nil
	}
	err = s.Relations.Follow(ctx, a.by, target, relations.FollowOptions{URI: a.ID})
	if errs.KindOf(err) != errs.ForbiddenKind {
		return err
	}
	no := ap.Reject(target.URI+"#rejects/follows/"+ids.Format(s.IDs.Next()), target.URI, ap.Follow(a.ID, a.by.URI, target.URI))
	return s.fanOut(ctx, target, no, []string{a.by.BestInbox()})
}

// followID is the id of a follow: the remote one's own, or, for a local one, made from its row.
func followID(by *accounts.Account, uri string, id int64) string {
	if uri != "" {
		return uri
	}
	return by.URI + "#follows/" + ids.Format(id)
}

// followerIn reads who follows from the id of a Follow of ours, "…/users/alice#follows/1".
func followerIn(id string) string {
	actor, _, ok := strings.Cut(id, "#follows/")
	if !ok {
		return ""
	}
	return actor
}

// SendFollow asks another server's account to be followed.
func (s *Server) SendFollow(ctx context.Context, e relations.Followed) error {
	return s.tell(ctx, e.AccountID, e.TargetID, func(by, target *accounts.Account) *ap.ActivityDoc {
		return ap.Follow(followID(by, e.URI, e.FollowID), by.URI, target.URI)
	})
}

// SendUndoFollow tells another server's account that it is followed no more.
func (s *Server) SendUndoFollow(ctx context.Context, e relations.Unfollowed) error {
	return s.tell(ctx, e.AccountID, e.TargetID, func(by, target *accounts.Account) *ap.ActivityDoc {
		id := followID(by, e.URI, int64(e.TargetID))
		return ap.Undo(id+"/undo", ap.Follow(id, by.URI, target.URI), nil)
	})
}

// tell sends one activity from a local account to a remote one. If either is gone there is nobody to tell.
func (s *Server) tell(ctx context.Context, from, to accounts.ID, say func(from, to *accounts.Account) *ap.ActivityDoc) error {
	both, err := s.Accounts.ByIDs(ctx, s.DB, []accounts.ID{from, to})
	if err != nil {
		return err
	}
	if both[from] == nil || both[to] == nil || !both[from].Local() || both[to].Local() {
		return nil
	}
	return s.fanOut(ctx, both[from], say(both[from], both[to]), []string{both[to].InboxURL})
}
