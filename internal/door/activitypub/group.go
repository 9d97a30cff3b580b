package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
)

// wrapped are the activities that groups pass on to their followers (FEP-1b12). Likes and the like are other servers' concern.
var wrapped = []string{"Create", "Update", "Delete"}

// performWrapped takes what a group passes on of others. Nothing in it is believed: what it names is fetched from its own server. A
// new post of the group becomes a boost; an answer is stored; one that is gone there goes here.
func (s *Server) performWrapped(ctx context.Context, a activity, inner *ap.Object) error {
	followed, err := s.Relations.HasLocalFollower(ctx, s.DB, a.by.ID)
	if err != nil || !followed {
		return firstError(err, errs.Forbidden())
	}
	uri := inner.IDOf("object")
	if uri == "" || s.isOurs(uri) {
		return errs.NotFound()
	}
	switch inner.Kind(wrapped...) {
	case "Create":
		st, err := s.FetchStatus(ctx, uri)
		if err != nil || st.Reply() {
			return err
		}
		published, _ := a.Time("published")
		_, err = s.Statuses.Reblog(ctx, a.by, st.ID, visibility(a.recipients("to"), a.recipients("cc"), a.by), a.ID, ap.NotAfter(published, s.Clock.Now()))
		return err
	case "Update":
		return s.refetch(ctx, uri)
	}
	return s.goneThere(ctx, uri)
}

// refetch brings a post that is known up to date, as its own server tells it now.
func (s *Server) refetch(ctx context.Context, uri string) error {
	st, err := s.Statuses.ByURI(ctx, s.DB, uri)
	if err != nil {
		return err
	}
	by, err := s.Accounts.ByID(ctx, s.DB, st.AccountID)
	if err != nil {
		return err
	}
	o, err := s.object(ctx, uri)
	if err != nil {
		return err
	}
	n, err := owned(o, by)
	if err != nil {
		return err
	}
	return s.receiveEdit(ctx, n, by)
}

// goneThere removes a post that its own server says is gone.
func (s *Server) goneThere(ctx context.Context, uri string) error {
	st, err := s.Statuses.ByURI(ctx, s.DB, uri)
	if err != nil {
		return err
	}
	by, err := s.Accounts.ByID(ctx, s.DB, st.AccountID)
	if err != nil {
		return err
	}
	o, _, err := s.document(ctx, uri)
	if err == nil && (o.ID != uri || !o.Is("Tombstone")) {
		return errs.Forbidden()
	}
	if err != nil && errs.KindOf(err) != errs.GoneKind {
		return err
	}
	return s.Statuses.ReceiveDelete(ctx, by, uri)
}
