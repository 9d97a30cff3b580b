package activitypub

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

// Collections of accounts go by FEP-7aa9, as in Mastodon 4.6: who makes one asks each account by a FeatureRequest, and the answer names a stamp,
// a document on that account's server. Everybody else looks at the stamp. featurePath is below an account's id.
const (
	featuredPath = "/featured_collections"
	featurePath  = "/feature_authorizations/"
	askedPath    = "/feature_requests/"
)

func featureStampURI(of *accounts.Account, id collections.ItemID) string {
	return of.URI + featurePath + ids.Format(id)
}

func itemURI(c *collections.Collection, id collections.ItemID) string {
	return c.URI + "/items/" + ids.Format(id)
}

// featuring says who may put an account of ours into a collection: as with posts, those who need not ask.
func featuring(a *accounts.Account) *ap.InteractionDoc {
	list := []string{a.URI}
	switch may, _ := collections.Policy(a); {
	case may&collections.ByEverybody != 0:
		list = []string{ap.Public}
	case may&collections.ByFollowers != 0:
		list = []string{a.FollowersURL}
	}
	return &ap.InteractionDoc{CanFeature: &ap.ApprovalDoc{Automatic: list}}
}

// featurePolicy reads who may put an account of another server into a collection.
func featurePolicy(a ap.Actor) int64 {
	bits := func(list []string) (p int64) {
		for _, id := range list {
			switch id {
			case ap.Public:
				p |= collections.ByEverybody
			case a.Followers:
				p |= collections.ByFollowers
			case a.Following:
				p |= collections.ByFollowing
			case a.ID:
				p |= collections.ByNobody
			default:
				p |= collections.ByUnknown
			}
		}
		return p
	}
	return collections.PolicyOf(bits(a.FeaturableBy), bits(a.FeaturableOnRequestBy))
}

// collectionDocs are collections of ours as documents, with those who agreed to be in them.
func (s *Server) collectionDocs(ctx context.Context, owner *accounts.Account, list []*collections.Collection) ([]*ap.FeaturedCollectionDoc, error) {
	items, err := s.Collections.Items(ctx, s.DB, 0, list)
	if err != nil {
		return nil, err
	}
	var members []accounts.ID
	for _, c := range list {
		for _, i := range items[c.ID] {
			members = append(members, i.AccountID)
		}
	}
	found, err := s.Accounts.ByIDs(ctx, s.DB, members)
	if err != nil {
		return nil, err
	}
	var out []*ap.FeaturedCollectionDoc
	for _, c := range list {
		doc := &ap.FeaturedCollectionDoc{ID: c.URI, Type: "FeaturedCollection", Name: c.Name, AttributedTo: owner.URI, URL: c.URL, Sensitive: c.Sensitive, Discoverable: c.Discoverable,
			Published: ap.FormatTime(c.CreatedAt), Updated: ap.FormatTime(c.UpdatedAt), OrderedItems: []*ap.FeaturedItemDoc{}}
		if c.Language == "" {
			doc.Summary = c.Description
		} else {
			doc.SummaryMap = map[string]string{c.Language: c.Description}
		}
		if c.Tag != "" {
			tag := ap.Hashtag(s.Site.TagURL(c.Tag), c.Tag)
			doc.Topic = &tag
		}
		for _, i := range items[c.ID] {
			if a := found[i.AccountID]; a != nil {
				doc.OrderedItems = append(doc.OrderedItems, itemDoc(c, i, a))
			}
		}
		doc.TotalItems = len(doc.OrderedItems)
		out = append(out, doc)
	}
	return out, nil
}

func itemDoc(c *collections.Collection, i collections.Item, member *accounts.Account) *ap.FeaturedItemDoc {
	stamp := i.ApprovalURI
	if member.Local() {
		stamp = featureStampURI(member, i.ID)
	}
	return ap.FeaturedItemOf(itemURI(c, i.ID), member.URI, member.ActorType, stamp)
}

// getFeaturedCollections lists the collections of an account that are to be found.
func (s *Server) getFeaturedCollections(w http.ResponseWriter, req *http.Request) error {
	a, err := s.named(req)
	if err != nil {
		return err
	}
	if hidden, err := s.hides(req, a); err != nil {
		return err
	} else if hidden {
		return errs.NotFound()
	}
	list, err := s.Collections.Of(req.Context(), s.DB, a.ID, false, db.Page{Limit: collections.MaxCollections})
	if err != nil {
		return err
	}
	docs, err := s.collectionDocs(req.Context(), a, list)
	if err != nil {
		return err
	}
	out := ap.Collection(a.URI+featuredPath, int64(len(docs)), nil)
	for _, d := range docs {
		out.Items = append(out.Items, d)
	}
	return write(w, out)
}

// shownCollection is the collection that an address names, as far as whoever signed the request may see it.
func (s *Server) shownCollection(req *http.Request) (*accounts.Account, *collections.Collection, error) {
	a, err := s.named(req)
	if err != nil {
		return nil, nil, err
	}
	c, err := s.Collections.ByID(req.Context(), s.DB, collections.ID(httpio.PathID(chi.URLParam(req, "id"))))
	if err != nil {
		return nil, nil, err
	}
	hidden, err := s.hides(req, a)
	if err == nil && (hidden || c.AccountID != a.ID || !c.Local) {
		err = errs.NotFound()
	}
	return a, c, err
}

func (s *Server) getFeaturedCollection(w http.ResponseWriter, req *http.Request) error {
	a, c, err := s.shownCollection(req)
	if err != nil {
		return err
	}
	docs, err := s.collectionDocs(req.Context(), a, []*collections.Collection{c})
	if err != nil {
		return err
	}
	return write(w, docs[0])
}

func (s *Server) getFeaturedItem(w http.ResponseWriter, req *http.Request) error {
	_, c, err := s.shownCollection(req)
	if err != nil {
		return err
	}
	i, err := s.Collections.Item(req.Context(), s.DB, c.ID, collections.ItemID(httpio.PathID(chi.URLParam(req, "item"))))
	if err != nil {
		return err
	}
	if i.State != collections.Accepted {
		return errs.NotFound()
	}
	member, err := s.Accounts.ByID(req.Context(), s.DB, i.AccountID)
	if err != nil {
		return err
	}
	return write(w, itemDoc(c, i, member))
}

// featureStamp is the agreement of one of ours to be in a collection.
func (s *Server) featureStamp(c *collections.Collection, i collections.Item, who *accounts.Account) *ap.StampDoc {
	return &ap.StampDoc{ID: featureStampURI(who, i.ID), Type: "FeatureAuthorization", AttributedTo: who.URI, InteractingObject: c.URI, InteractionTarget: who.URI}
}

// getFeatureStamp serves the agreement of one of ours to be in a collection, as long as it holds.
func (s *Server) getFeatureStamp(w http.ResponseWriter, req *http.Request) error {
	who, err := s.named(req)
	if err != nil {
		return err
	}
	i, err := s.Collections.Stamp(req.Context(), s.DB, who.ID, collections.ItemID(httpio.PathID(chi.URLParam(req, "id"))))
	if err != nil {
		return err
	}
	c, err := s.Collections.ByID(req.Context(), s.DB, i.CollectionID)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=30")
	return write(w, s.featureStamp(c, i, who))
}

// incomingCollection cleans what another server says of a collection of an account; only what is on that account's host, and its own, is believed.
func (s *Server) incomingCollection(o *ap.Object, by *accounts.Account) (collections.Incoming, error) {
	c, err := ap.ReadFeaturedCollection(o)
	if err != nil {
		return collections.Incoming{}, err
	}
	if !ap.SameHost(c.ID, by.URI) || c.AttributedTo != "" && c.AttributedTo != by.URI || c.ID == by.URI {
		return collections.Incoming{}, errs.Forbidden()
	}
	in := collections.Incoming{URI: c.ID, URL: c.URL, Name: text.Truncate(text.SanitizeName(c.Name), maxCollectionName), Description: text.Sanitize(text.Truncate(c.Summary, maxCollectionText)),
		Sensitive: c.Sensitive, Discoverable: c.Discoverable, CreatedAt: c.Published}
	if text.ValidLanguage(c.Language) {
		in.Language = c.Language
	}
	if text.ValidTag(c.Tag) && text.NormalizeTag(c.Tag) != "" {
		in.Tag = c.Tag
	}
	for _, i := range c.Items {
		if one, ok := s.incomingItem(i); ok {
			in.Items = append(in.Items, one)
		}
	}
	return in, nil
}

// The lengths of what other servers say of a collection, in characters (Mastodon).
const (
	maxCollectionName = 256
	maxCollectionText = 2048
)

// incomingItem takes an account in a collection whose agreement is where it can be believed: on that account's own host.
func (s *Server) incomingItem(i ap.FeaturedItem) (collections.IncomingItem, bool) {
	in := collections.IncomingItem{URI: i.ID, ObjectURI: i.Object, ApprovalURI: i.Authorization}
	return in, s.isOurs(i.Object) || ap.SameHost(i.Object, i.Authorization)
}
