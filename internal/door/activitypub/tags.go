package activitypub

import (
	"context"
	"net/http"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

// maxFeatured is how many pinned posts of somebody elsewhere are fetched: twice what Mastodon lets its people pin.
const maxFeatured = 10

// featuredTag is a hashtag on a profile of ours as it is sent.
func (s *Server) featuredTag(a *accounts.Account, name string) ap.TagDoc {
	return ap.Hashtag(s.Site.TaggedURL(a.Username, text.NormalizeTag(name)), name)
}

// getFeaturedTags serves the hashtags that a profile shows.
func (s *Server) getFeaturedTags(w http.ResponseWriter, req *http.Request) error {
	a, err := s.named(req)
	if err != nil {
		return err
	}
	id := a.URI + "/collections/tags"
	if hidden, err := s.hides(req, a); err != nil || hidden {
		if err != nil {
			return err
		}
		return write(w, ap.Collection(id, 0, nil))
	}
	list, err := s.Statuses.FeaturedTags(req.Context(), s.DB, a.ID)
	if err != nil {
		return err
	}
	doc := ap.Collection(id, int64(len(list)), nil)
	for _, f := range list {
		doc.Items = append(doc.Items, s.featuredTag(a, f.DisplayName))
	}
	return write(w, doc)
}

// SendFeaturedTag tells the followers which hashtags a profile shows. As Mastodon does, and expects, it names the collection of what
// is featured, not that of the tags.
func (s *Server) SendFeaturedTag(ctx context.Context, e statuses.TagFeatured) error {
	a, err := s.Accounts.ByID(ctx, s.DB, e.AccountID)
	if err != nil {
		return dropped(err)
	}
	tag := s.featuredTag(a, e.Name)
	doc := ap.Add(a.URI, &tag, a.FeaturedURL)
	if !e.On {
		doc = ap.Remove(a.URI, &tag, a.FeaturedURL)
	}
	inboxes, err := s.Relations.RemoteInboxes(ctx, s.DB, a.ID)
	if err != nil {
		return err
	}
	return s.fanOut(ctx, a, doc, inboxes)
}

// tagOf is the name of a hashtag that is put on a profile; empty for anything else.
func tagOf(o *ap.Object) string {
	if o == nil || !o.Is("Hashtag") {
		return ""
	}
	name := strings.TrimPrefix(o.String("name"), "#")
	if !text.ValidTag(name) || text.NormalizeTag(name) == "" {
		return ""
	}
	return name
}

// featureTag puts a hashtag on the sender's own profile, or takes it off (AUZ-10).
func (s *Server) featureTag(ctx context.Context, a activity, name string, on bool) error {
	target := a.IDOf("target")
	if target == "" || target != a.by.FeaturedURL && target != a.by.FeaturedTagsURL {
		return errs.Forbidden()
	}
	if on {
		_, err := s.Statuses.Feature(ctx, a.by, name)
		return err
	}
	return s.Statuses.Unfeature(ctx, a.by, text.NormalizeTag(name))
}

// ReadFeatured fetches what the profile of somebody shows whom somebody here follows for the first time: pinned posts, hashtags and collections of accounts.
// From then on they are told.
func (s *Server) ReadFeatured(ctx context.Context, e relations.Accepted) error {
	a, err := s.Accounts.ByID(ctx, s.DB, e.TargetID)
	if err != nil {
		return dropped(err)
	}
	first, err := s.Relations.OnlyFollower(ctx, s.DB, e.AccountID, a.ID)
	if err != nil || !first || a.Suspended() {
		return err
	}
	if err := s.readTags(ctx, a); err != nil {
		return rested(dropped(err))
	}
	if err := s.readCollections(ctx, a); err != nil {
		return rested(dropped(err))
	}
	return rested(dropped(s.readPins(ctx, a)))
}

// readCollections takes the collections of accounts that an account's own server lists.
func (s *Server) readCollections(ctx context.Context, a *accounts.Account) error {
	if a.CollectionsURL == "" {
		return nil
	}
	items, err := s.featuredItems(ctx, a.CollectionsURL)
	if err != nil {
		return dropped(err)
	}
	for _, o := range items[:min(len(items), maxFeatured)] {
		if in, err := s.incomingCollection(o, a); err == nil {
			if _, err := s.Collections.Receive(ctx, a, in); dropped(err) != nil {
				return err
			}
		}
	}
	return nil
}

// readTags takes the hashtags that an account's own server lists.
func (s *Server) readTags(ctx context.Context, a *accounts.Account) error {
	if a.FeaturedTagsURL == "" {
		return nil
	}
	items, err := s.featuredItems(ctx, a.FeaturedTagsURL)
	if err != nil {
		return dropped(err)
	}
	var names []string
	for _, o := range items {
		if name := tagOf(o); name != "" {
			names = append(names, name)
		}
	}
	return s.Statuses.SetFeatured(ctx, a.ID, names)
}

// readPins pins the posts that an account's own server lists, as far as anybody may see them.
func (s *Server) readPins(ctx context.Context, a *accounts.Account) error {
	if a.FeaturedURL == "" {
		return nil
	}
	items, err := s.featuredItems(ctx, a.FeaturedURL)
	if err != nil {
		return err
	}
	for _, o := range items[:min(len(items), maxFeatured)] {
		if !ap.SameHost(o.ID, a.URI) {
			continue
		}
		if !o.IsLink() && visibility(o.Strings("to"), o.Strings("cc"), a) > statuses.Unlisted {
			continue
		}
		st, err := s.fetchStatus(ctx, o.ID, 1, nil)
		if err == nil && st.AccountID == a.ID && st.Distributable() {
			_, err = s.Statuses.Pin(ctx, a, st.ID, true)
		}
		if err = dropped(err); err != nil {
			return err
		}
	}
	return nil
}

// featuredItems fetches a small collection of an account's, of which the first page counts.
func (s *Server) featuredItems(ctx context.Context, uri string) ([]*ap.Object, error) {
	o, err := s.object(ctx, uri)
	if err != nil {
		return nil, err
	}
	if first := o.Object("first"); first != nil && len(o.Items()) == 0 {
		o = first
		if first.IsLink() {
			if !ap.SameHost(first.ID, uri) {
				return nil, errs.Forbidden()
			}
			if o, _, err = s.document(ctx, first.ID); err != nil {
				return nil, err
			}
		}
	}
	return o.Items(), nil
}
