package activitypub

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

// maxBioMentions bounds the accounts that a profile's text names.
const maxBioMentions = 20

// actor is a local account as a document.
func (s *Server) actor(ctx context.Context, a *accounts.Account) (*ap.ActorDoc, error) {
	doc := &ap.ActorDoc{
		ID: a.URI, Type: a.ActorType, Following: a.FollowingURL, Followers: a.FollowersURL, Inbox: a.InboxURL, Outbox: a.OutboxURL,
		Featured: a.FeaturedURL, FeaturedTags: a.URI + "/collections/tags", PreferredUsername: a.Username, Name: a.DisplayName, URL: a.URL,
		ManuallyApprovesFollowers: a.Locked, Discoverable: a.Discoverable, Indexable: a.Indexable, Published: ap.FormatTime(a.CreatedAt),
		Memorial: a.Memorial, AlsoKnownAs: a.AlsoKnownAs, Suspended: a.Suspended(), AttributionDomains: a.AttributionDomains,
		PublicKey:    ap.PublicKeyDoc{ID: a.PublicKeyID, Owner: a.URI, PublicKeyPEM: a.PublicKey},
		ShowFeatured: new(a.ShowFeatured), ShowMedia: new(a.ShowMedia), ShowRepliesInMedia: new(a.ShowMediaReplies),
		Tag: s.emojiTags(a.Emojis), Attachment: []ap.FieldDoc{}, Endpoints: ap.EndpointsDoc{SharedInbox: a.SharedInboxURL},
	}
	doc.InteractionPolicy, doc.FeaturedCollections = featuring(a), a.URI+featuredPath
	doc.Webfinger = a.Username + "@" + s.Site.LocalDomain
	if a.Suspended() {
		return doc, nil
	}
	if url := s.fileURL(a.Avatar); url != "" {
		doc.Icon = ap.Image(mediaTypeOf(url), url)
		doc.Icon.Summary = a.AvatarDescription
	}
	if url := s.fileURL(a.Header); url != "" {
		doc.Image = ap.Image(mediaTypeOf(url), url)
		doc.Image.Summary = a.HeaderDescription
	}
	if a.MovedToID != 0 {
		if to, err := s.Accounts.ByID(ctx, s.DB, a.MovedToID); err == nil {
			doc.MovedTo = to.URI
		} else if !errs.IsNotFound(err) {
			return nil, err
		}
	}
	return doc, s.describe(ctx, a, doc)
}

// describe turns what was typed into a profile into HTML.
func (s *Server) describe(ctx context.Context, a *accounts.Account, doc *ap.ActorDoc) error {
	all := []string{a.Note}
	for _, f := range a.Fields {
		all = append(all, f.Value)
	}
	mentions, err := s.mentionsIn(ctx, strings.Join(all, "\n"))
	if err != nil {
		return err
	}
	doc.Summary = text.Format(a.Note, text.FormatOptions{Mentions: mentions, TagURL: s.Site.TagURL})
	for _, f := range a.Fields {
		value := text.Format(f.Value, text.FormatOptions{Mentions: mentions, TagURL: s.Site.TagURL, RelMe: true, SingleLine: true})
		doc.Attachment = append(doc.Attachment, ap.Field{Name: f.Name, Value: value}.Doc())
	}
	for _, tag := range text.Hashtags(a.Note) {
		doc.Tag = append(doc.Tag, ap.Hashtag(s.Site.TagURL(text.NormalizeTag(tag)), text.NormalizeTag(tag)))
	}
	return nil
}

func (s *Server) mentionsIn(ctx context.Context, src string) (map[string]text.MentionLink, error) {
	var handles []accounts.Handle
	for _, m := range text.Mentions(src) {
		if len(handles) < maxBioMentions {
			handles = append(handles, accounts.Handle{Username: m.Username, Domain: m.Domain})
		}
	}
	found, err := s.Accounts.ByAccts(ctx, s.DB, handles)
	if err != nil {
		return nil, err
	}
	links := map[string]text.MentionLink{}
	for _, a := range found {
		link := text.MentionLink{Username: a.Username, Domain: a.Domain, URL: a.URL}
		links[strings.ToLower(a.Acct())] = link
		if a.Local() {
			links[strings.ToLower(a.Username)+"@"+s.Site.LocalDomain] = link
		}
	}
	return links, nil
}

// named is the local account of a path. One that was shut out or removed is gone.
func (s *Server) named(req *http.Request) (*accounts.Account, error) {
	a, err := s.Accounts.ByAcct(req.Context(), s.DB, chi.URLParam(req, "name"), "")
	if err != nil {
		return nil, err
	}
	if a.Username == accounts.InstanceActor {
		return nil, errs.NotFound()
	}
	if a.Suspended() {
		return nil, errGone()
	}
	return a, nil
}

func errGone() error { return errs.New(errs.GoneKind, "This resource is gone") }

func (s *Server) getActor(w http.ResponseWriter, req *http.Request) error {
	a, err := s.named(req)
	if err != nil {
		return err
	}
	if hidden, err := s.hides(req, a); err != nil || hidden {
		if err != nil {
			return err
		}
		return write(w, minimalActor(a))
	}
	doc, err := s.actor(req.Context(), a)
	if err != nil {
		return err
	}
	return write(w, doc)
}

// serverName is what the instance actor goes by: the domain, without a port, which no name may have.
func (s *Server) serverName() string {
	name, _, _ := strings.Cut(s.Site.LocalDomain, ":")
	return name
}

// getInstanceActor shows the actor that signs for the server as a whole. It is named as the domain, as Mastodon's is.
func (s *Server) getInstanceActor(w http.ResponseWriter, req *http.Request) error {
	a, err := s.EnsureInstanceActor(req.Context())
	if err != nil {
		return err
	}
	return write(w, &ap.ActorDoc{
		ID: a.URI, Type: "Application", Inbox: a.InboxURL, Outbox: a.OutboxURL, PreferredUsername: s.serverName(), URL: a.URL,
		ManuallyApprovesFollowers: true, Published: ap.FormatTime(a.CreatedAt), Tag: []ap.TagDoc{}, Attachment: []ap.FieldDoc{},
		PublicKey: ap.PublicKeyDoc{ID: a.PublicKeyID, Owner: a.URI, PublicKeyPEM: a.PublicKey}, Endpoints: ap.EndpointsDoc{SharedInbox: a.SharedInboxURL},
	})
}
