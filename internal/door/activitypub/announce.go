package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

// performAnnounce boosts a post: one of ours, or one of others when somebody here follows the booster. What comes along as the
// post's text is not looked at; the post is fetched from its own server (AUZ-08, AUZ-09).
func (s *Server) performAnnounce(ctx context.Context, a activity) error {
	uri := a.IDOf("object")
	if relay, err := s.relays(ctx, a.by); relay || err != nil {
		return firstError(err, s.relayed(ctx, uri))
	}
	if inner := a.Object.Object("object"); inner != nil && a.by.Group() && inner.Is(wrapped...) {
		return s.performWrapped(ctx, a, inner)
	}
	st, err := s.boosted(ctx, a, uri)
	if err != nil {
		return err
	}
	published, _ := a.Time("published")
	id := a.ID
	if id == "" {
		id = a.by.URI + "#announces/" + ids.Format(st.ID)
	}
	to, cc := a.recipients("to"), a.recipients("cc")
	_, err = s.Statuses.Reblog(ctx, a.by, st.ID, visibility(to, cc, a.by), id, ap.NotAfter(published, s.Clock.Now()))
	return err
}

// recipients are addressees as they were sent, Public in any spelling.
func (a activity) recipients(key string) []string { return a.Strings(key) }

func (s *Server) boosted(ctx context.Context, a activity, uri string) (*statuses.Status, error) {
	if s.isOurs(uri) {
		return s.localStatus(ctx, uri)
	}
	followed, err := s.Relations.HasLocalFollower(ctx, s.DB, a.by.ID)
	if err != nil {
		return nil, err
	}
	if !followed {
		return nil, errs.Forbidden()
	}
	return s.FetchStatus(ctx, uri)
}

// announce is a boost of ours as it is sent.
func (s *Server) announce(ctx context.Context, p *post) (*ap.ActivityDoc, error) {
	author, err := s.Accounts.ByID(ctx, s.DB, p.boosted.AccountID)
	if err != nil {
		return nil, err
	}
	to, cc := audienceFor(p.status.Visibility, p.author.FollowersURL, []string{author.URI})
	return ap.Announce(p.status.URI, p.author.URI, ap.FormatTime(p.status.CreatedAt), to, cc, p.boosted.URI), nil
}

func (s *Server) sendAnnounce(ctx context.Context, id statuses.ID) error {
	p, err := s.post(ctx, id)
	if err != nil {
		return dropped(err)
	}
	doc, err := s.announce(ctx, p)
	if err != nil {
		return dropped(err)
	}
	inboxes, err := s.reach(ctx, p, false)
	if err != nil {
		return err
	}
	return s.fanOutPost(ctx, p, doc, inboxes)
}

func (s *Server) undoAnnounceOf(ctx context.Context, p *post) (*ap.ActivityDoc, error) {
	doc, err := s.announce(ctx, p)
	if err != nil {
		return nil, err
	}
	return ap.Undo(p.author.URI+"#announces/"+ids.Format(p.status.ID)+"/undo", doc, []string{ap.Public}), nil
}

// audienceFor is to and cc of what somebody publishes: everybody, the followers, or only those who are named.
func audienceFor(v statuses.Visibility, followers string, named []string) (to, cc []string) {
	switch v {
	case statuses.Public:
		return []string{ap.Public}, append([]string{followers}, named...)
	case statuses.Unlisted:
		return []string{followers}, append([]string{ap.Public}, named...)
	case statuses.Private:
		return []string{followers}, append([]string{}, named...)
	}
	return append([]string{}, named...), []string{}
}
