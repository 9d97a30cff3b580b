package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

// performLike favours a post of ours, if the sender may see it (AUZ-12). Likes of other servers' posts are those servers' concern.
func (s *Server) performLike(ctx context.Context, a activity) error {
	st, err := s.localStatus(ctx, a.IDOf("object"))
	if err != nil {
		return err
	}
	if r, ok := reactionOf(a.Object); ok {
		return s.Statuses.React(ctx, a.by, st.ID, r)
	}
	_, err = s.Statuses.Favourite(ctx, a.by, st.ID, a.ID)
	return err
}

// localStatus finds a post of this server by its id.
func (s *Server) localStatus(ctx context.Context, uri string) (*statuses.Status, error) {
	if !s.isOurs(uri) {
		return nil, errs.NotFound()
	}
	st, err := s.Statuses.ByURI(ctx, s.DB, uri)
	if err == nil && !st.Local {
		return nil, errs.NotFound()
	}
	return st, err
}

func likeOf(by *accounts.Account, id int64, object string) *ap.ActivityDoc {
	return ap.Like(by.URI+"#likes/"+ids.Format(id), by.URI, object)
}

// SendLike tells a remote author that somebody here likes a post.
func (s *Server) SendLike(ctx context.Context, e statuses.Favourited) error {
	return s.tellAuthor(ctx, e.AccountID, e.StatusID, func(by *accounts.Account, st *statuses.Status) *ap.ActivityDoc {
		return likeOf(by, e.FavouriteID, st.URI)
	})
}

// SendUndoLike takes a like back.
func (s *Server) SendUndoLike(ctx context.Context, e statuses.Unfavourited) error {
	return s.tellAuthor(ctx, e.AccountID, e.StatusID, func(by *accounts.Account, st *statuses.Status) *ap.ActivityDoc {
		like := likeOf(by, e.FavouriteID, st.URI)
		return ap.Undo(like.ID+"/undo", like, nil)
	})
}

// tellAuthor sends an activity about a post to its author.
func (s *Server) tellAuthor(ctx context.Context, by accounts.ID, id statuses.ID, say func(*accounts.Account, *statuses.Status) *ap.ActivityDoc) error {
	st, err := s.Statuses.Any(ctx, s.DB, id)
	if err != nil {
		return dropped(err)
	}
	return s.tell(ctx, by, st.AccountID, func(by, _ *accounts.Account) *ap.ActivityDoc { return say(by, st) })
}
