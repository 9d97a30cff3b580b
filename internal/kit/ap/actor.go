package ap

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/gomph/gomph/internal/kit/errs"
)

// Actor is someone elsewhere, as their server describes them. Empty means missing or refused.
type Actor struct {
	ID, Type          string
	PreferredUsername string
	// Name is plain text and Summary is HTML, neither cleaned.
	Name, Summary string
	// Inbox may be on any host; SharedInbox and the collections are on the actor's own, since another's would be made a target.
	Inbox, SharedInbox, Outbox, Followers, Following, Featured, FeaturedTags string
	// FeaturableBy lists who may put it into a collection at once, FeaturableOnRequestBy about whom it is asked: actors, collections and Public.
	// FeaturedCollections is where its own collections are listed.
	FeaturableBy, FeaturableOnRequestBy []string
	FeaturedCollections                 string
	// URL is for people: on the actor's own host, else the id.
	URL               string
	IconURL, ImageURL string
	// IconAlt and ImageAlt say in plain text what the pictures show.
	IconAlt, ImageAlt string
	// ShowMedia, ShowRepliesInMedia and ShowFeatured are the profile's tabs; they are there unless it says otherwise.
	ShowMedia, ShowRepliesInMedia, ShowFeatured bool
	// PublicKeyID is on the actor's own host; KeyOwner is what the key says of its owner, for the caller to compare.
	PublicKeyID, PublicKeyPEM, KeyOwner                  string
	Locked, Discoverable, Indexable, Memorial, Suspended bool
	MovedTo                                              string
	AlsoKnownAs                                          []string
	Fields                                               []Field
	// Multikeys are the keys that it lists as assertionMethod, all on its own host and controlled by itself (FEP-521a).
	Multikeys []Multikey
	// Tags are hashtags and emoji of name and summary.
	Tags               []Tag
	Published          time.Time
	AttributionDomains []string
}

// Multikey is a public key in multibase.
type Multikey struct{ ID, Multibase string }

// Field is a row of the profile; Value is HTML, not cleaned.
type Field struct{ Name, Value string }

// ReadActor reads an actor. It fails only without what makes one: a valid id, a known type, a name to be mentioned by.
func ReadActor(o *Object) (Actor, error) {
	if o.ID == "" || !o.Is(ActorTypes...) {
		return Actor{}, errs.Invalid("The document is not an actor")
	}
	name, _ := o.text("name")
	summary, _ := o.text("summary")
	a := Actor{
		ID: o.ID, Type: o.Kind(ActorTypes...), PreferredUsername: line(o.String("preferredUsername"), maxUsername),
		Name: line(name, maxName), Summary: cut(summary, maxBio),
		Inbox: o.IDOf("inbox"), Outbox: o.own("outbox"), Followers: o.own("followers"), Following: o.own("following"),
		Featured: o.own("featured"), FeaturedTags: o.own("featuredTags"),
		URL:       o.displayURL(),
		ShowMedia: o.boolOr("showMedia", true), ShowRepliesInMedia: o.boolOr("showRepliesInMedia", true), ShowFeatured: o.boolOr("showFeatured", true),
		Locked: o.Bool("manuallyApprovesFollowers"), Discoverable: o.Bool("discoverable"), Indexable: o.Bool("indexable"),
		Memorial: o.Bool("memorial"), Suspended: o.Bool("suspended"),
		MovedTo: o.IDOf("movedTo"), Fields: o.fields(), Tags: o.Tags(),
	}
	a.FeaturedCollections = o.own("featuredCollections")
	if policy := o.Object("interactionPolicy"); policy != nil {
		if may := policy.Object("canFeature"); may != nil {
			a.FeaturableBy, a.FeaturableOnRequestBy = may.recipients("automaticApproval"), may.recipients("manualApproval")
		}
	}
	a.IconURL, a.IconAlt = o.picture("icon")
	a.ImageURL, a.ImageAlt = o.picture("image")
	if a.PreferredUsername == "" {
		return Actor{}, errs.Invalid("The actor has no preferredUsername")
	}
	if endpoints := o.Object("endpoints"); endpoints != nil {
		if shared := endpoints.IDOf("sharedInbox"); SameHost(shared, o.ID) {
			a.SharedInbox = shared
		}
	}
	a.PublicKeyID, a.PublicKeyPEM, a.KeyOwner = o.publicKey()
	a.Multikeys = o.multikeys()
	if t, ok := o.Time("published"); ok {
		a.Published = t
	}
	aliases := o.IDs("alsoKnownAs")
	a.AlsoKnownAs = aliases[:min(len(aliases), maxAliases)]
	a.AttributionDomains = o.domains()
	return a, nil
}

// publicKey is the first key on the actor's own host; a key that is only linked gives its id alone.
func (o *Object) publicKey() (id, pem, owner string) {
	for _, v := range many(o.Raw["publicKey"], maxTypes) {
		id := idOf(v)
		if !SameHost(id, o.ID) {
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return id, "", ""
		}
		k := newObject(m)
		if pem := k.String("publicKeyPem"); len(pem) <= maxPEM {
			return id, pem, k.IDOf("owner")
		}
	}
	return "", "", ""
}

func (o *Object) multikeys() []Multikey {
	var list []Multikey
	for _, k := range o.Objects("assertionMethod") {
		text := k.String("publicKeyMultibase")
		if len(list) == maxKeys {
			break
		}
		if k.Is("Multikey") && SameHost(k.ID, o.ID) && k.ID != o.ID && k.IDOf("controller") == o.ID && text != "" && len(text) <= maxShort {
			list = append(list, Multikey{k.ID, text})
		}
	}
	return list
}

// picture is the address of an icon or image, and what it shows, which Mastodon says in summary and others in name; of several, the first.
func (o *Object) picture(key string) (address, alt string) {
	for _, v := range many(o.Raw[key], maxTypes) {
		switch v := v.(type) {
		case string:
			if id := idOf(v); id != "" {
				return id, ""
			}
		case map[string]any:
			p := newObject(v)
			u := cmp.Or(p.URL("image/webp", "image/png", "image/jpeg"), p.href("href"))
			if u == "" {
				continue
			}
			summary, _ := p.text("summary")
			name, _ := p.text("name")
			return u, cut(cmp.Or(summary, name), maxImageAlt)
		}
	}
	return "", ""
}

func (o *Object) fields() []Field {
	var fields []Field
	for _, a := range o.Objects("attachment") {
		if len(fields) == maxFields {
			break
		}
		name, _ := a.text("name")
		f := Field{Name: line(name, maxFieldText), Value: cut(a.String("value"), maxFieldText)}
		if a.Is("PropertyValue") && f.Name != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

// isSuffix reports whether a host is one below which anybody may have a name, as co.uk, or none at all: nobody writes for all of those.
func isSuffix(host string) bool {
	suffix, _ := publicsuffix.PublicSuffix(host)
	return suffix == host
}

// domains are host names that may name the actor as author of their pages: plain ones, that somebody can own (IDN-09).
func (o *Object) domains() []string {
	var list []string
	for _, s := range o.Strings("attributionDomains") {
		host := HostOf("https://" + s)
		if host == "" || strings.ContainsAny(s, "/?#:@") || slices.Contains(list, host) || isSuffix(host) {
			continue
		}
		if list = append(list, host); len(list) == maxDomains {
			break
		}
	}
	return list
}
