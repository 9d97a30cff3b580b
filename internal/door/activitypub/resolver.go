package activitypub

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/ap/httpsig"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/metric"
	"github.com/gomph/gomph/internal/kit/text"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
)

const (
	// maxUsername is the longest name of a remote actor that is taken; Mastodon's own names have 30 characters, real ones stay under 64.
	maxUsername = 255
	// maxRemoteName and maxRemoteField bound what a profile shows, in characters; ten times what Mastodon lets its own people write.
	maxRemoteName  = 255
	maxRemoteField = 2047
	// staleAfter is the age at which an actor is fetched again when it is met (Mastodon: a day).
	staleAfter = 24 * time.Hour
	// refreshPause is how long a fetched actor is not fetched again, whoever asks.
	refreshPause = 5 * time.Minute
	// resolveAtOnce, maxResolved and resolveTime bound the looking up of mentions while a person waits (FET-07).
	resolveAtOnce = 4
	maxResolved   = 20
	resolveTime   = 10 * time.Second
)

// ResolverDeps is what the resolver stands on.
type ResolverDeps struct {
	DB        *db.DB
	Clock     clock.Clock
	Site      settings.Site
	Accounts  *accounts.Service
	Instances *instances.Service
	Fetch     *fetch.Client
	Cache     cache.Cache
}

// Resolver finds actors on other servers and enters them. It is made before statuses.Service, which asks it for those that a
// post mentions.
type Resolver struct {
	ResolverDeps
	keys       signers
	trust      trust
	flights    singleflight.Group
	fetched    *metric.Counter // nil before the server is made
	instanceMu sync.Mutex
	instance   *accounts.Account
}

// NewResolver makes a resolver.
func NewResolver(d ResolverDeps) *Resolver {
	return &Resolver{ResolverDeps: d, keys: signers{byID: map[accounts.ID]httpsig.Signer{}}}
}

// Resolve finds the accounts of handles, asking their domains. Those that cannot be found are left out.
func (r *Resolver) Resolve(ctx context.Context, handles []accounts.Handle) ([]*accounts.Account, error) {
	handles = handles[:min(len(handles), maxResolved)]
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	found := make([]*accounts.Account, len(handles))
	var g errgroup.Group
	g.SetLimit(resolveAtOnce)
	for i, h := range handles {
		g.Go(func() error {
			if a, err := r.ByHandle(ctx, h); err == nil {
				found[i] = a
			}
			return nil
		})
	}
	_ = g.Wait() // nothing in it fails
	seen := map[accounts.ID]bool{}
	return slices.DeleteFunc(found, func(a *accounts.Account) bool {
		if a == nil || seen[a.ID] {
			return true
		}
		seen[a.ID] = true
		return false
	}), nil
}

// ByHandle finds the account of a handle, here or by asking its domain.
func (r *Resolver) ByHandle(ctx context.Context, h accounts.Handle) (*accounts.Account, error) {
	if h.Domain != "" {
		var err error
		if h, err = parseAcct(h.Username + "@" + h.Domain); err != nil {
			return nil, err
		}
	}
	a, err := r.Accounts.ByAcct(ctx, r.DB, h.Username, h.Domain)
	if err == nil && (a.Local() || !r.stale(a)) || !errs.IsNotFound(err) && err != nil || r.Site.IsLocalDomain(h.Domain) {
		return a, err
	}
	if a != nil {
		return r.refreshed(ctx, a), nil
	}
	told, err := r.finger(ctx, h)
	if err != nil {
		return nil, err
	}
	if told.handle.Domain != h.Domain {
		if told, err = r.finger(ctx, told.handle); err != nil {
			return nil, err
		}
	}
	return r.fetchAccount(ctx, told.self, &told.handle)
}

func (r *Resolver) stale(a *accounts.Account) bool {
	return r.Clock.Now().Sub(a.FetchedAt) > staleAfter
}

// AccountByURI finds the account of an actor, fetching it when it is unknown, stale, or, with refresh, not just fetched.
func (r *Resolver) AccountByURI(ctx context.Context, uri string, refresh bool) (*accounts.Account, error) {
	uri = withoutFragment(uri)
	a, err := r.Accounts.ByURI(ctx, r.DB, uri)
	if errs.IsNotFound(err) {
		return r.fetchAccount(ctx, uri, nil)
	}
	if err != nil || a.Local() || a.Suspended() {
		return a, err
	}
	if refresh && r.Clock.Now().Sub(a.FetchedAt) > refreshPause || r.stale(a) {
		return r.refreshed(ctx, a), nil
	}
	return a, nil
}

// refreshed fetches a known actor again; when that fails, what is known stays.
func (r *Resolver) refreshed(ctx context.Context, a *accounts.Account) *accounts.Account {
	last := r.lastVersion(ctx, a.URI)
	if a.Avatar == "" || a.PublicKey == "" { // something may have been left out, for reasons that no longer hold
		last = version{}
	}
	fresh, err := r.fetchActor(ctx, a.URI, nil, last)
	if err != nil {
		return a
	}
	if fresh == nil {
		if err := r.Accounts.Checked(ctx, a.ID); err == nil {
			a.FetchedAt = r.Clock.Now()
		}
		return a
	}
	return fresh
}

// fetchAccount fetches an actor by its id and enters it (an id that leads to another actor is refused, IDN-04); several who want the same one at once share the answer. told is a handle under
// which the actor was just found by asking the handle's domain.
func (r *Resolver) fetchAccount(ctx context.Context, uri string, told *accounts.Handle) (*accounts.Account, error) {
	return r.fetchActor(ctx, uri, told, version{})
}

// fetchActor is fetchAccount for an actor of which a version may be known: nil when that is still the newest.
func (r *Resolver) fetchActor(ctx context.Context, uri string, told *accounts.Handle, last version) (*accounts.Account, error) {
	v, err, _ := r.flights.Do(uri+" "+last.ETag+last.Modified, func() (any, error) {
		o, read, err := r.newerObject(ctx, withoutFragment(uri), last)
		if err != nil || o == nil {
			return (*accounts.Account)(nil), err
		}
		if o.ID != uri {
			return nil, errs.Invalid("The address is not that of an actor")
		}
		a, err := r.enter(ctx, o, told)
		if err == nil {
			r.remember(ctx, uri, read)
		}
		return a, err
	})
	if err != nil {
		return nil, err
	}
	return v.(*accounts.Account), nil
}

// enter stores a trusted actor document.
func (r *Resolver) enter(ctx context.Context, o *ap.Object, told *accounts.Handle) (*accounts.Account, error) {
	actor, err := ap.ReadActor(o)
	if err != nil {
		return nil, err
	}
	if !text.ValidRemoteUsername(actor.PreferredUsername) || len(actor.PreferredUsername) > maxUsername {
		return nil, errs.Invalid("The actor's name is not valid")
	}
	known, err := r.Accounts.ByURI(ctx, r.DB, actor.ID)
	if err != nil && !errs.IsNotFound(err) {
		return nil, err
	}
	if known != nil && (known.Local() || known.Suspended()) {
		return known, nil
	}
	handle, err := r.nameOf(ctx, actor, known, told)
	if err != nil {
		return nil, err
	}
	remote := remoteActor(actor, handle)
	remote.PublicKey, remote.PublicKeyID = usableKey(actor)
	remote.Keys = furtherKeys(actor)
	if r.isOurs(remote.InboxURL) {
		remote.InboxURL, remote.SharedInboxURL = "", ""
	}
	if err := r.obey(ctx, &remote); err != nil {
		return nil, err
	}
	a, err := r.Accounts.Upsert(ctx, remote)
	if err == nil {
		r.trust.forget(a.ID)
	}
	if err != nil || known != nil {
		return a, err
	}
	return a, r.DB.Write(ctx, func(tx *db.Tx) error { return r.Instances.Seen(ctx, tx, handle.Domain) })
}

// nameOf decides the handle: that of a known actor stays while it calls itself the same; a new one is confirmed.
func (r *Resolver) nameOf(ctx context.Context, actor ap.Actor, known *accounts.Account, told *accounts.Handle) (accounts.Handle, error) {
	if known != nil && strings.EqualFold(known.Username, actor.PreferredUsername) {
		return accounts.Handle{Username: actor.PreferredUsername, Domain: known.Domain}, nil
	}
	if told != nil && told.Domain == ap.HostOf(actor.ID) {
		return accounts.Handle{Username: actor.PreferredUsername, Domain: told.Domain}, sameName(*told, actor)
	}
	return r.handleOf(ctx, actor)
}

// usableKey is the actor's key when it can verify anything and names the actor as its owner.
func usableKey(actor ap.Actor) (pem, id string) {
	if actor.KeyOwner != "" && actor.KeyOwner != actor.ID {
		return "", ""
	}
	if _, err := httpsig.ParsePublicPEM(actor.PublicKeyPEM); err != nil {
		return "", ""
	}
	return actor.PublicKeyPEM, actor.PublicKeyID
}

// furtherKeys are the Ed25519 keys that an actor lists besides.
func furtherKeys(actor ap.Actor) []accounts.Key {
	var list []accounts.Key
	for _, m := range actor.Multikeys {
		key, err := httpsig.ParseMultikey(m.Multibase)
		if err != nil || m.ID == actor.PublicKeyID {
			continue
		}
		if pem, err := httpsig.EncodePublicPEM(key); err == nil {
			list = append(list, accounts.Key{ID: m.ID, PEM: pem})
		}
	}
	return list
}

// remoteActor cleans what an actor says about itself; the key is left to the caller.
func remoteActor(actor ap.Actor, h accounts.Handle) accounts.Remote {
	a := accounts.Account{
		Username: h.Username, Domain: h.Domain, ActorType: actor.Type, URI: actor.ID, URL: actor.URL,
		DisplayName: text.Truncate(text.SanitizeName(actor.Name), maxRemoteName), Note: text.Sanitize(actor.Summary), Emojis: emojisOf(actor.Tags),
		InboxURL: actor.Inbox, SharedInboxURL: actor.SharedInbox, OutboxURL: actor.Outbox, FollowersURL: actor.Followers, FollowingURL: actor.Following,
		FeaturedURL: actor.Featured, FeaturedTagsURL: actor.FeaturedTags, Avatar: actor.IconURL, Header: actor.ImageURL, Locked: actor.Locked, Discoverable: actor.Discoverable,
		Indexable: actor.Indexable, Memorial: actor.Memorial, AlsoKnownAs: actor.AlsoKnownAs, AttributionDomains: actor.AttributionDomains,
		CreatedAt: actor.Published, ShowMedia: actor.ShowMedia, ShowMediaReplies: actor.ShowRepliesInMedia, ShowFeatured: actor.ShowFeatured,
		FeaturePolicy: featurePolicy(actor), CollectionsURL: actor.FeaturedCollections,
		AvatarDescription: describes(actor.IconAlt), HeaderDescription: describes(actor.ImageAlt),
	}
	for _, f := range actor.Fields {
		a.Fields = append(a.Fields, accounts.Field{Name: text.Truncate(text.SanitizeName(f.Name), maxRemoteName), Value: text.Sanitize(text.Truncate(f.Value, maxRemoteField))})
	}
	if a.InboxURL == "" {
		a.SharedInboxURL = ""
	}
	return accounts.Remote{Account: a, MovedToURI: actor.MovedTo}
}

// describes is the text for a picture of a profile, cut to what people here may write.
func describes(alt string) string {
	return text.Truncate(text.SanitizeName(alt), accounts.MaxImageDescription)
}

// enterUpdate brings a known actor up to date from a document that it signed itself. Its key is read from its own address
// only, so the known one stays (SIG-17); an actor with a new name or key is fetched instead.
func (r *Resolver) enterUpdate(ctx context.Context, known *accounts.Account, o *ap.Object) error {
	actor, err := ap.ReadActor(o)
	if err != nil {
		return err
	}
	if !strings.EqualFold(actor.PreferredUsername, known.Username) || actor.PublicKeyID != known.PublicKeyID || strings.TrimSpace(actor.PublicKeyPEM) != strings.TrimSpace(known.PublicKey) {
		_, err := r.AccountByURI(ctx, known.URI, true)
		return err
	}
	if _, err := r.enter(ctx, o, nil); err != nil {
		return fmt.Errorf("updating actor: %w", err)
	}
	return nil
}
