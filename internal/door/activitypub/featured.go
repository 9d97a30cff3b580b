package activitypub

import (
	"context"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
)

// unpinnedAge is how long it is remembered that a post was taken off a profile before it was put there: deliveries overtake each
// other by minutes, and whoever pins it anew must not wait longer.
const unpinnedAge = 10 * time.Minute

// performAdd pins a post of the sender's to its profile.
func (s *Server) performAdd(ctx context.Context, a activity) error { return s.pin(ctx, a, true) }

// performRemove takes a pinned post off.
func (s *Server) performRemove(ctx context.Context, a activity) error { return s.pin(ctx, a, false) }

// pin changes the sender's own collection of pinned posts and no other (AUZ-10). A post that is not known is fetched to be pinned.
func (s *Server) pin(ctx context.Context, a activity, on bool) error {
	if name := tagOf(a.Object.Object("object")); name != "" {
		return s.featureTag(ctx, a, name, on)
	}
	if done, err := s.featured(ctx, a, on); done || err != nil {
		return err
	}
	if a.by.FeaturedURL == "" || a.IDOf("target") != a.by.FeaturedURL {
		return errs.Forbidden()
	}
	id := a.IDOf("object")
	st, err := s.Statuses.ByURI(ctx, s.DB, id)
	if errs.IsNotFound(err) && on && ap.SameHost(id, a.by.URI) {
		st, err = s.FetchStatus(ctx, id)
	}
	if errs.IsNotFound(err) && !on {
		s.mark(ctx, "unpinned", a.by.URI+" "+id, unpinnedAge)
	}
	if err != nil {
		return err
	}
	if st.AccountID != a.by.ID {
		return errs.Forbidden()
	}
	overtaken := a.by.URI + " " + st.URI
	if on && s.marked(ctx, "unpinned", overtaken) {
		return nil
	}
	if !on {
		pinned, err := s.Statuses.PinnedOf(ctx, s.DB, 0, a.by.ID)
		if err != nil {
			return err
		}
		if !slices.Contains(pinned, st.ID) {
			s.mark(ctx, "unpinned", overtaken, unpinnedAge)
		}
	}
	_, err = s.Statuses.Pin(ctx, a.by, st.ID, on)
	return err
}

// SendPin tells the followers which posts a profile shows first.
func (s *Server) SendPin(ctx context.Context, e statuses.Pinned) error {
	p, err := s.post(ctx, e.StatusID)
	if err != nil {
		return dropped(err)
	}
	doc := ap.Add(p.author.URI, p.status.URI, p.author.FeaturedURL)
	if !e.On {
		doc = ap.Remove(p.author.URI, p.status.URI, p.author.FeaturedURL)
	}
	if !p.status.Distributable() {
		return nil
	}
	inboxes, err := s.Relations.RemoteInboxes(ctx, s.DB, p.author.ID)
	if err != nil {
		return err
	}
	return s.fanOut(ctx, p.author, doc, inboxes)
}
