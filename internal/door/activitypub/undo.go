package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
)

// performUndo takes back what the sender itself did (AUZ-04). What has not come yet is remembered, so that it has no effect when
// it comes.
func (s *Server) performUndo(ctx context.Context, a activity) error {
	inner, id, err := a.embedded("object", a.by.URI)
	if err != nil {
		return err
	}
	if inner == nil || inner.Type() == "" {
		return s.undoByID(ctx, a, id)
	}
	switch inner.Kind("Follow", "Like", "EmojiReact", "Announce", "Block", "Accept") {
	case "Follow":
		return s.undoFollow(ctx, a, inner)
	case "Like", "EmojiReact":
		if r, ok := reactionOf(inner); ok {
			return s.undoReact(ctx, a, inner, r)
		}
		return s.undoLike(ctx, a, inner)
	case "Announce":
		return s.undoAnnounce(ctx, a, inner)
	case "Block":
		return s.undoBlock(ctx, a, inner)
	case "Accept":
		return s.undoAccept(ctx, a, inner)
	}
	return nil
}

// markUndone remembers that somebody took back an act of their own. Another of the same host takes back nothing by it (AUZ-04).
func (s *Server) markUndone(ctx context.Context, by *accounts.Account, id string) {
	s.mark(ctx, "undone", by.URI+" "+id, undoneAge)
}

func (s *Server) undone(ctx context.Context, a activity) bool {
	return a.ID != "" && s.marked(ctx, "undone", a.by.URI+" "+a.ID)
}

// undoByID takes back what is known by its id alone: a follow, a block, a like, a reaction, or else a boost.
func (s *Server) undoByID(ctx context.Context, a activity, id string) error {
	if id == "" {
		return errs.Invalid("Nothing to undo")
	}
	by, target, err := s.Relations.FollowByURI(ctx, s.DB, id)
	if err == nil && by == a.by.ID {
		to, err := s.Accounts.ByID(ctx, s.DB, target)
		if err != nil {
			return err
		}
		return s.Relations.Unfollow(ctx, a.by, to)
	}
	if err != nil && !errs.IsNotFound(err) {
		return err
	}
	if blocked, err := s.Relations.BlockedByURI(ctx, s.DB, a.by.ID, id); err == nil {
		to, err := s.Accounts.ByID(ctx, s.DB, blocked)
		if err != nil {
			return err
		}
		s.markUndone(ctx, a.by, id)
		return s.Relations.Unblock(ctx, a.by, to)
	} else if !errs.IsNotFound(err) {
		return err
	}
	liked, err := s.Statuses.LikedPost(ctx, s.DB, a.by.ID, id)
	if err == nil {
		_, err = s.Statuses.Unfavourite(ctx, a.by, liked)
	}
	if err != nil && !errs.IsNotFound(err) {
		return err
	}
	if on, emoji, err := s.Statuses.Reacted(ctx, s.DB, a.by.ID, id); err == nil {
		if err := s.Statuses.Unreact(ctx, a.by, on, emoji); err != nil {
			return err
		}
	} else if !errs.IsNotFound(err) {
		return err
	}
	s.markUndone(ctx, a.by, id)
	return s.Statuses.ReceiveDelete(ctx, a.by, id)
}

func (s *Server) undoFollow(ctx context.Context, a activity, follow *ap.Object) error {
	target, err := s.localActor(ctx, follow.IDOf("object"))
	if err != nil {
		return err
	}
	is, err := s.Relations.Relationship(ctx, s.DB, a.by.ID, target.ID)
	if err != nil {
		return err
	}
	if !is.Following && !is.Requested && follow.ID != "" {
		s.markUndone(ctx, a.by, follow.ID)
		return nil
	}
	return s.Relations.Unfollow(ctx, a.by, target)
}

func (s *Server) undoLike(ctx context.Context, a activity, like *ap.Object) error {
	if like.ID != "" {
		if err := s.Statuses.ReceiveDelete(ctx, a.by, like.ID); err != nil {
			return err
		}
	}
	if on, emoji, err := s.Statuses.Reacted(ctx, s.DB, a.by.ID, like.ID); err == nil { // not everybody repeats the emoji
		return s.Statuses.Unreact(ctx, a.by, on, emoji)
	} else if !errs.IsNotFound(err) {
		return err
	}
	st, err := s.localStatus(ctx, like.IDOf("object"))
	if err != nil {
		return err
	}
	_, err = s.Statuses.Unfavourite(ctx, a.by, st.ID)
	return err
}

func (s *Server) undoAnnounce(ctx context.Context, a activity, announce *ap.Object) error {
	if announce.ID != "" {
		return s.Statuses.ReceiveDelete(ctx, a.by, announce.ID)
	}
	st, err := s.Statuses.ByURI(ctx, s.DB, announce.IDOf("object"))
	if err != nil {
		return err
	}
	_, err = s.Statuses.Unreblog(ctx, a.by, st.ID)
	return err
}

func (s *Server) undoBlock(ctx context.Context, a activity, block *ap.Object) error {
	target, err := s.localActor(ctx, block.IDOf("object"))
	if err != nil {
		return err
	}
	if block.ID != "" {
		s.markUndone(ctx, a.by, block.ID)
	}
	return s.Relations.Unblock(ctx, a.by, target)
}

// undoAccept takes the grant of a follow back, which ends the follow.
func (s *Server) undoAccept(ctx context.Context, a activity, accept *ap.Object) error {
	by, err := s.asker(ctx, activity{Object: accept, by: a.by})
	if err != nil {
		return err
	}
	return s.Relations.Reject(ctx, a.by, by)
}
