package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Purge asks for the rows of a deleted post to be removed, once nothing needs them any more.
type Purge struct{ StatusID statuses.ID }

// Kind names the command.
func (Purge) Kind() string { return "activitypub.purge" }

// performDelete removes the sender itself, or a post, a collection or an agreement of the sender's. Posts of others stay, on the same host too (AUZ-03).
func (s *Server) performDelete(ctx context.Context, a activity) error {
	id := a.IDOf("object")
	if id == a.by.URI {
		return s.Accounts.Remove(ctx, a.by.ID)
	}
	if !ap.SameHost(id, a.by.URI) {
		return errs.Forbidden()
	}
	if o := a.Object.Object("object"); o != nil && o.Has("attributedTo") && o.IDOf("attributedTo") != a.by.URI {
		return errs.Forbidden()
	}
	if err := s.Collections.StampDeleted(ctx, a.by.ID, id); err != nil {
		return err
	}
	if err := s.Collections.ReceiveDelete(ctx, a.by.ID, id); err != nil {
		return err
	}
	to, err := s.passedOnBefore(ctx, a, id)
	if err != nil {
		return err
	}
	if err := s.Statuses.ReceiveDelete(ctx, a.by, id); err != nil {
		return err
	}
	return s.passOn(ctx, a, to)
}

// passedOnBefore is whose followers hear that a post is gone, because its Create went to them.
func (s *Server) passedOnBefore(ctx context.Context, a activity, id string) (*accounts.Account, error) {
	if !carriesSignature(a.Object) {
		return nil, nil
	}
	st, err := s.Statuses.ByURI(ctx, s.DB, id)
	if errs.IsNotFound(err) || err == nil && st.AccountID != a.by.ID {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.mayPassOn(ctx, a, st)
}

// SendDelete tells those whom a post reached that it is gone, and then lets its rows go.
func (s *Server) SendDelete(ctx context.Context, e statuses.Deleted) error {
	st, err := s.Statuses.Any(ctx, s.DB, e.StatusID)
	if err != nil {
		return dropped(err)
	}
	author, err := s.Accounts.ByID(ctx, s.DB, st.AccountID)
	if err != nil {
		return dropped(err)
	}
	p := &post{status: st, author: author}
	mentions, err := s.Statuses.MentionsOf(ctx, s.DB, []statuses.ID{st.ID})
	if err != nil {
		return err
	}
	p.mentions = mentions[st.ID]
	var doc *ap.ActivityDoc
	if st.Reblog() {
		if p.boosted, err = s.Statuses.Any(ctx, s.DB, st.ReblogOfID); err != nil {
			return dropped(err)
		}
		if doc, err = s.undoAnnounceOf(ctx, p); err != nil {
			return err
		}
	} else {
		doc = ap.DeleteNote(author.URI, st.URI, st.URI)
	}
	inboxes, err := s.reach(ctx, p, true)
	if err != nil {
		return err
	}
	return s.fanOutAnd(ctx, author, []any{doc}, inboxes, func(tx *db.Tx) error {
		return s.Jobs.Emit(ctx, tx, Purge{StatusID: st.ID})
	})
}

// PurgeStatus removes the rows of a post that was deleted and told of.
func (s *Server) PurgeStatus(ctx context.Context, e Purge) error {
	return s.Statuses.Purge(ctx, e.StatusID)
}

// PurgeRemote removes the rows of another server's post that was deleted; nobody is told.
func (s *Server) PurgeRemote(ctx context.Context, e statuses.Deleted) error {
	return s.Statuses.Purge(ctx, e.StatusID)
}

// followedAtOnce is how many followed accounts are read at once.
const followedAtOnce = 500

// SendActorDelete tells everybody who knew a local account that it is gone: its followers, and those whom it followed.
func (s *Server) SendActorDelete(ctx context.Context, e accounts.Removed) error {
	a, err := s.Accounts.ByID(ctx, s.DB, e.AccountID)
	if err != nil {
		return dropped(err)
	}
	if !a.Local() {
		return nil
	}
	inboxes, err := s.Relations.RemoteInboxes(ctx, s.DB, a.ID)
	if err != nil {
		return err
	}
	page := db.Page{Limit: followedAtOnce}
	for {
		rows, err := s.Relations.Following(ctx, s.DB, a.ID, a.ID, page)
		if err != nil {
			return err
		}
		list := make([]accounts.ID, len(rows))
		for i, r := range rows {
			list[i] = r.AccountID
		}
		more, err := s.inboxesOf(ctx, list)
		if err != nil {
			return err
		}
		inboxes = append(inboxes, more...)
		if len(rows) < followedAtOnce {
			break
		}
		page.MaxID = rows[len(rows)-1].ID
	}
	return s.fanOut(ctx, a, ap.DeleteActor(a.URI), inboxes)
}
