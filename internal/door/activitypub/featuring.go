package activitypub

import (
	"context"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

// performFeatureRequest answers who asks to put one of ours into a collection of theirs: by the policy of the one who is asked, at once (AUZ-12).
func (s *Server) performFeatureRequest(ctx context.Context, a activity) error {
	who, err := s.localActor(ctx, a.IDOf("object"))
	if err != nil {
		return err
	}
	uri := a.IDOf("instrument")
	if a.ID == "" || !ap.SameHost(a.ID, a.by.URI) || !ap.SameHost(uri, a.by.URI) {
		return errs.Forbidden()
	}
	request := ap.FeatureRequest(a.ID, a.by.URI, who.URI, uri)
	i, err := s.agree(ctx, a.by, who, uri, a.ID)
	if errs.KindOf(err) == errs.ForbiddenKind {
		return s.fanOut(ctx, who, ap.Reject(who.URI+"#rejects"+askedPath+ids.Format(s.IDs.Next()), who.URI, request), []string{a.by.BestInbox()})
	}
	if err != nil {
		return err
	}
	yes := ap.Accept(who.URI+"#accepts"+askedPath+ids.Format(i.ID), who.URI, request)
	yes.Result = featureStampURI(who, i.ID)
	return s.fanOut(ctx, who, yes, []string{a.by.BestInbox()})
}

// agree enters that one of ours is in a collection, if its policy says so; errs.ForbiddenKind if not.
func (s *Server) agree(ctx context.Context, by, who *accounts.Account, uri, request string) (collections.Item, error) {
	var none collections.Item
	approvals, err := s.Collections.Approvals(ctx, s.DB, by.ID, []*accounts.Account{who})
	if err != nil {
		return none, err
	}
	shunned, err := s.Relations.BlocksOrDomain(ctx, s.DB, who.ID, by)
	if err != nil {
		return none, err
	}
	if approvals[who.ID] != collections.Automatic || shunned {
		return none, errs.Forbidden()
	}
	c, err := s.Collections.ByURL(ctx, s.DB, uri)
	if errs.IsNotFound(err) {
		c, err = s.fetchCollection(ctx, by, uri)
	}
	if err != nil {
		return none, err
	}
	if c.AccountID != by.ID {
		return none, errs.Forbidden()
	}
	return s.Collections.Admit(ctx, c, who, request)
}

// fetchCollection reads a collection from its own server.
func (s *Server) fetchCollection(ctx context.Context, by *accounts.Account, uri string) (*collections.Collection, error) {
	o, err := s.object(ctx, uri)
	if err != nil {
		return nil, err
	}
	if o.ID != uri || o.IDOf("attributedTo") != by.URI {
		return nil, errs.Forbidden()
	}
	return s.receiveCollection(ctx, by, o)
}

// receiveCollection enters what an account's own server says of a collection of it.
func (s *Server) receiveCollection(ctx context.Context, by *accounts.Account, o *ap.Object) (*collections.Collection, error) {
	in, err := s.incomingCollection(o, by)
	if err != nil {
		return nil, err
	}
	return s.Collections.Receive(ctx, by, in)
}

// enterCollection enters a collection of another server that somebody here looks for.
func (s *Server) enterCollection(ctx context.Context, o *ap.Object) (*collections.Collection, error) {
	owner := o.IDOf("attributedTo")
	if !ap.SameHost(owner, o.ID) {
		return nil, errs.Forbidden()
	}
	by, err := s.AccountByURI(ctx, owner, false)
	if err != nil {
		return nil, err
	}
	return s.receiveCollection(ctx, by, o)
}

// askedToFeature is the place in a collection of ours about which the sender was asked and now answers; nil for the answer to something else.
// Nobody else's answer counts (AUZ-05).
func (s *Server) askedToFeature(ctx context.Context, a activity) (*collections.Item, error) {
	id := a.IDOf("object")
	if !s.isOurs(id) || !strings.Contains(id, askedPath) {
		return nil, nil
	}
	i, err := s.Collections.ByRequest(ctx, s.DB, id)
	if err == nil && i.AccountID != a.by.ID {
		err = errs.Forbidden()
	}
	return &i, err
}

// featureAccepted takes a yes with the stamp that it grants.
func (s *Server) featureAccepted(ctx context.Context, a activity, i *collections.Item) error {
	c, err := s.Collections.ByID(ctx, s.DB, i.CollectionID)
	if err != nil {
		return err
	}
	stamp := a.IDOf("result")
	if ok, err := s.featureStamped(ctx, c, a.by.URI, stamp); err != nil || !ok {
		return err
	}
	return s.Collections.Join(ctx, i.ID, a.by.ID, stamp)
}

// featureStamped reports whether an address holds the agreement of an account of another server to be in this very collection: on that account's
// own server, and about itself (AUZ-13).
func (s *Server) featureStamped(ctx context.Context, c *collections.Collection, member, stamp string) (bool, error) {
	if s.isOurs(stamp) || s.isOurs(member) || !ap.SameHost(stamp, member) {
		return false, nil
	}
	o, err := s.object(ctx, stamp)
	if err != nil {
		return false, err
	}
	return o.ID == stamp && o.Is("FeatureAuthorization") && o.IDOf("interactingObject") == c.URI && o.IDOf("interactionTarget") == member, nil
}

// CheckFeatured finds out who is in a collection of another server, and whether they agreed.
func (s *Server) CheckFeatured(ctx context.Context, e collections.ItemReceived) error {
	i, err := s.Collections.ItemByID(ctx, s.DB, e.ItemID)
	if err != nil || i.State != collections.Pending {
		return dropped(err)
	}
	c, err := s.Collections.ByID(ctx, s.DB, i.CollectionID)
	if err != nil {
		return dropped(err)
	}
	ok, err := s.featureStamped(ctx, c, i.ObjectURI, i.ApprovalURI)
	if kind := errs.KindOf(err); err == nil && !ok || kind == errs.NotFoundKind || kind == errs.GoneKind {
		return dropped(s.Collections.Refuse(ctx, i.ID))
	}
	if err != nil {
		return rested(dropped(err))
	}
	who, err := s.AccountByURI(ctx, i.ObjectURI, false)
	if err != nil {
		return rested(dropped(err))
	}
	return dropped(s.Collections.Join(ctx, i.ID, who.ID, i.ApprovalURI))
}

// featured takes what another server says of its people's own collections, and of who is in them (AUZ-10). It reports whether that is what the
// activity is about.
func (s *Server) featured(ctx context.Context, a activity, on bool) (bool, error) {
	target, o := a.IDOf("target"), a.Object.Object("object")
	id := a.IDOf("object")
	if target != "" && target == a.by.CollectionsURL {
		if !on {
			return true, s.Collections.ReceiveDelete(ctx, a.by.ID, id)
		}
		return true, s.takeCollection(ctx, a.by, o, id)
	}
	c, err := s.Collections.ByURL(ctx, s.DB, target)
	if errs.IsNotFound(err) || err == nil && c.Local {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch {
	case c.AccountID != a.by.ID || !ap.SameHost(id, a.by.URI):
		return true, errs.Forbidden()
	case !on:
		return true, s.Collections.ReceiveRemove(ctx, a.by.ID, c.URI, id)
	}
	if o == nil || o.IsLink() {
		if o, err = s.object(ctx, id); err != nil {
			return true, err
		}
	}
	i, ok := ap.ReadFeaturedItem(o)
	in, believed := s.incomingItem(i)
	if !ok || !believed {
		return true, errs.Forbidden()
	}
	return true, s.Collections.ReceiveItem(ctx, a.by.ID, c.URI, in)
}

// takeCollection enters a collection of the sender's if somebody here follows the sender, or if it is known already.
func (s *Server) takeCollection(ctx context.Context, by *accounts.Account, o *ap.Object, id string) error {
	followed, err := s.Relations.HasLocalFollower(ctx, s.DB, by.ID)
	if err != nil {
		return err
	}
	if !followed {
		if _, err := s.Collections.ByURL(ctx, s.DB, id); err != nil {
			return err
		}
	}
	if o == nil || o.IsLink() {
		_, err = s.fetchCollection(ctx, by, id)
		return err
	}
	_, err = s.receiveCollection(ctx, by, o)
	return err
}

// ofOurs is a collection of ours with its owner.
func (s *Server) ofOurs(ctx context.Context, id collections.ID) (*collections.Collection, *accounts.Account, error) {
	c, err := s.Collections.ByID(ctx, s.DB, id)
	if err != nil {
		return nil, nil, err
	}
	owner, err := s.Accounts.ByID(ctx, s.DB, c.AccountID)
	if err == nil && !c.Local {
		err = errs.NotFound()
	}
	return c, owner, err
}

// sendCollection tells whoever must hear of a collection of ours what is said of it.
func (s *Server) sendCollection(ctx context.Context, id collections.ID, say func(owner *accounts.Account, doc *ap.FeaturedCollectionDoc) *ap.ActivityDoc) error {
	c, owner, err := s.ofOurs(ctx, id)
	if err != nil {
		return dropped(err)
	}
	docs, err := s.collectionDocs(ctx, owner, []*collections.Collection{c})
	if err != nil {
		return err
	}
	inboxes, err := s.reachOfCollection(ctx, c)
	if err != nil {
		return err
	}
	return s.fanOut(ctx, owner, say(owner, docs[0]), inboxes)
}

// SendCollection tells of a new collection of ours.
func (s *Server) SendCollection(ctx context.Context, e collections.Made) error {
	return s.sendCollection(ctx, e.CollectionID, func(owner *accounts.Account, doc *ap.FeaturedCollectionDoc) *ap.ActivityDoc {
		return ap.Add(owner.URI, doc, owner.URI+featuredPath)
	})
}

// SendCollectionUpdate tells of a collection of ours that is another now.
func (s *Server) SendCollectionUpdate(ctx context.Context, e collections.Changed) error {
	return s.sendCollection(ctx, e.CollectionID, func(_ *accounts.Account, doc *ap.FeaturedCollectionDoc) *ap.ActivityDoc {
		return ap.UpdateCollection(doc.ID+"#updates/"+ids.Format(e.At), doc)
	})
}

// SendCollectionDelete tells that a collection of ours is gone.
func (s *Server) SendCollectionDelete(ctx context.Context, e collections.Deleted) error {
	owner, err := s.Accounts.ByID(ctx, s.DB, e.AccountID)
	if err != nil {
		return dropped(err)
	}
	inboxes, err := s.Relations.RemoteInboxes(ctx, s.DB, owner.ID)
	if err != nil {
		return err
	}
	return s.fanOut(ctx, owner, ap.Remove(owner.URI, e.URI, owner.URI+featuredPath), inboxes)
}

// SendFeatured tells that somebody here is in a collection of ours, or asks somebody elsewhere.
func (s *Server) SendFeatured(ctx context.Context, e collections.Added) error {
	if e.Local {
		return s.sendItem(ctx, e.CollectionID, e.ItemID)
	}
	c, owner, err := s.ofOurs(ctx, e.CollectionID)
	if err != nil {
		return dropped(err)
	}
	i, err := s.Collections.ItemByID(ctx, s.DB, e.ItemID)
	if err != nil {
		return dropped(err)
	}
	inboxes, err := s.inboxesOf(ctx, []accounts.ID{e.AccountID})
	if err != nil {
		return err
	}
	return s.fanOut(ctx, owner, ap.FeatureRequest(i.ActivityURI, owner.URI, i.ObjectURI, c.URI), inboxes)
}

// SendJoined tells that somebody elsewhere agreed to be in a collection of ours.
func (s *Server) SendJoined(ctx context.Context, e collections.Joined) error {
	return s.sendItem(ctx, e.CollectionID, e.ItemID)
}

func (s *Server) sendItem(ctx context.Context, id collections.ID, item collections.ItemID) error {
	c, owner, err := s.ofOurs(ctx, id)
	if err != nil {
		return dropped(err)
	}
	i, err := s.Collections.ItemByID(ctx, s.DB, item)
	if err != nil || i.State != collections.Accepted {
		return dropped(err)
	}
	member, err := s.Accounts.ByID(ctx, s.DB, i.AccountID)
	if err != nil {
		return dropped(err)
	}
	inboxes, err := s.reachOfCollection(ctx, c)
	if err != nil {
		return err
	}
	return s.fanOut(ctx, owner, ap.Add(owner.URI, itemDoc(c, i, member), c.URI), inboxes)
}

// SendTaken tells that somebody is in a collection of ours no more.
func (s *Server) SendTaken(ctx context.Context, e collections.Taken) error {
	c, owner, err := s.ofOurs(ctx, e.CollectionID)
	if err != nil {
		return dropped(err)
	}
	inboxes, err := s.reachOfCollection(ctx, c, e.AccountID)
	if err != nil {
		return err
	}
	return s.fanOut(ctx, owner, ap.Remove(owner.URI, itemURI(c, e.ItemID), c.URI), inboxes)
}

// SendLeft tells the owner of a collection elsewhere that one of ours does not agree any more to be in it.
func (s *Server) SendLeft(ctx context.Context, e collections.Left) error {
	i, err := s.Collections.ItemByID(ctx, s.DB, e.ItemID)
	if err != nil {
		return dropped(err)
	}
	c, err := s.Collections.ByID(ctx, s.DB, i.CollectionID)
	if err != nil {
		return dropped(err)
	}
	who, err := s.Accounts.ByID(ctx, s.DB, i.AccountID)
	if err != nil {
		return dropped(err)
	}
	inboxes, err := s.inboxesOf(ctx, []accounts.ID{c.AccountID})
	if err != nil {
		return err
	}
	return s.fanOut(ctx, who, ap.DeleteStamp(s.featureStamp(c, i, who)), inboxes)
}
