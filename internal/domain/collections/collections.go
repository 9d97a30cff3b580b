// Package collections owns the lists of accounts that people recommend to others, with who agreed to be in them (FEP-7aa9).
package collections

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/text"
)

// Limits of collections, as Mastodon's.
const (
	// MaxItems is how many accounts one of ours has, and MaxCollections how many collections somebody here.
	MaxItems       = 25
	MaxCollections = 10
	maxName        = 40
	maxDescription = 100
)

// ID names a collection, ItemID an account's place in one.
type (
	ID     int64
	ItemID int64
)

// State is how far an account agreed to be in a collection; the numbers are stored.
type State int64

// The states.
const (
	Pending State = iota
	Accepted
	Rejected
	Revoked
)

// String is the API's name.
func (s State) String() string {
	return [...]string{"pending", "accepted", "rejected", "revoked"}[s&3]
}

// Collection is a list of accounts that somebody recommends.
type Collection struct {
	ID        ID
	AccountID accounts.ID
	Local     bool
	URI, URL  string
	Name      string
	// Description is what was typed here, or the cleaned HTML of another server.
	Description, Language   string
	Sensitive, Discoverable bool
	// Tag is a hashtag without its sign, as it was typed; empty for none.
	Tag                  string
	CreatedAt, UpdatedAt time.Time
}

// Item is an account's place in a collection.
type Item struct {
	ID           ItemID
	CollectionID ID
	// AccountID is 0 while the account is not known here; ObjectURI names it all the same.
	AccountID accounts.ID
	ObjectURI string
	// URI is the item's id where another server has the collection. ActivityURI is the FeatureRequest, ApprovalURI the stamp of an account of another server.
	URI, ActivityURI, ApprovalURI string
	State                         State
	CreatedAt                     time.Time
}

// Draft is what somebody says of a collection; nil leaves as it is.
type Draft struct {
	Name, Description, Language, Tag *string
	Sensitive, Discoverable          *bool
}

// Added says that an account was put into a collection of ours. Local says that the account is of this server, and so has agreed.
type Added struct {
	CollectionID ID
	ItemID       ItemID
	AccountID    accounts.ID
	Local        bool
	// Unheard says that other servers are told in another way: with the whole collection, or by the server that has it.
	Unheard bool
}

// Kind names the event.
func (Added) Kind() string { return "collections.added" }

// Made says that somebody here made a collection.
type Made struct{ CollectionID ID }

// Kind names the event.
func (Made) Kind() string { return "collections.made" }

// Joined says that an account of another server agreed to be in a collection of ours.
type Joined struct {
	CollectionID ID
	ItemID       ItemID
}

// Kind names the event.
func (Joined) Kind() string { return "collections.joined" }

// Taken says that somebody is in a collection of ours no more.
type Taken struct {
	CollectionID ID
	ItemID       ItemID
	AccountID    accounts.ID
}

// Kind names the event.
func (Taken) Kind() string { return "collections.taken" }

// Left says that somebody here took themselves out of a collection of another server.
type Left struct{ ItemID ItemID }

// Kind names the event.
func (Left) Kind() string { return "collections.left" }

// Deleted says that a collection of ours is gone.
type Deleted struct {
	AccountID accounts.ID
	URI       string
}

// Kind names the event.
func (Deleted) Kind() string { return "collections.deleted" }

// ItemReceived says that a collection of another server has an account whose agreement was not looked at yet; At is that account's address.
type ItemReceived struct {
	ItemID ItemID
	At     string
}

// Kind names the event.
func (ItemReceived) Kind() string { return "collections.item_received" }

// Key is the item's id: one look at a time.
func (e ItemReceived) Key() string { return ids.Format(e.ItemID) }

// Host is who is asked.
func (e ItemReceived) Host() string { return weburl.Host(e.At) }

// Changed says that a collection of ours is another now. Words says that its name or description is; At is when, in milliseconds.
type Changed struct {
	CollectionID ID
	Words        bool
	At           int64
}

// Kind names the event.
func (Changed) Kind() string { return "collections.changed" }

// Deps is what the service stands on.
type Deps struct {
	DB        *db.DB
	Jobs      *jobs.Jobs
	IDs       *ids.Source
	Clock     clock.Clock
	Site      settings.Site
	Accounts  *accounts.Service
	Relations *relations.Service
}

// Service reads and writes collections.
type Service struct{ Deps }

// New makes the service.
func New(d Deps) *Service { return &Service{d} }

// apply changes a collection by what was said, and reports everything that is wrong with it.
func (c *Collection) apply(d Draft) error {
	for _, f := range []struct {
		into *string
		from *string
	}{{&c.Name, d.Name}, {&c.Description, d.Description}, {&c.Language, d.Language}} {
		if f.from != nil {
			*f.into = strings.TrimSpace(*f.from)
		}
	}
	if d.Sensitive != nil {
		c.Sensitive = *d.Sensitive
	}
	if d.Discoverable != nil {
		c.Discoverable = *d.Discoverable
	}
	var f errs.Faults
	if d.Tag != nil {
		if c.Tag = strings.TrimPrefix(strings.TrimSpace(*d.Tag), "#"); c.Tag != "" && (!text.ValidTag(c.Tag) || text.NormalizeTag(c.Tag) == "") {
			f.Add("tag_name", "ERR_INVALID", "Tag name", "is invalid")
		}
	}
	switch n := utf8.RuneCountInString(c.Name); {
	case n == 0:
		f.Add("name", "ERR_BLANK", "Name", "can't be blank")
	case n > maxName:
		f.TooLong("name", "Name", maxName)
	}
	if utf8.RuneCountInString(c.Description) > maxDescription {
		f.TooLong("description", "Description", maxDescription)
	}
	if c.Language != "" && !text.ValidLanguage(c.Language) {
		f.Add("language", "ERR_INVALID", "Language", "is invalid")
	}
	return f.Err()
}

// Approval is whether somebody may put an account into a collection; the words are the API's.
type Approval string

// The approvals: at once, after the account was asked, not at all, by rules that we do not know, and where nothing is said.
const (
	Automatic Approval = "automatic"
	Manual    Approval = "manual"
	Denied    Approval = "denied"
	Unknown   Approval = "unknown"
	Missing   Approval = "missing"
)

// The bits of each half of an account's policy, as Mastodon stores them: the upper 16 bits for those who may at once, the lower ones for those
// about whom the account is asked.
const (
	// ByUnknown is somebody whom we cannot tell.
	ByUnknown = 1 << iota
	ByEverybody
	ByFollowers
	ByFollowing
	// ByNobody says in so many words that nobody but the account itself may.
	ByNobody
)

const atOnce = 16

// PolicyOf is the policy with these bits in the two halves.
func PolicyOf(automatic, manual int64) int64 { return automatic<<atOnce | manual }

// Policy says who may feature an account: the bits of those who may at once, and of those about whom it is asked. Who is here agrees by being
// discoverable, and then for everybody; who chooses followers, for those alone (Mastodon).
func Policy(a *accounts.Account) (automatic, manual int64) {
	switch {
	case a.Suspended():
		return 0, 0
	case !a.Local():
		return a.FeaturePolicy >> atOnce, a.FeaturePolicy & (1<<atOnce - 1)
	case !a.Discoverable:
		return 0, 0
	case a.Locked:
		return ByFollowers, 0
	}
	return ByEverybody, 0
}

// Names are the API's names of the bits of one half.
func Names(bits int64) []string {
	out := []string{}
	for _, b := range []struct {
		bit  int64
		name string
	}{{ByEverybody, "public"}, {ByFollowers, "followers"}, {ByFollowing, "following"}, {ByUnknown, "unsupported_policy"}} {
		if bits&b.bit != 0 {
			out = append(out, b.name)
		}
	}
	return out
}

// Tie is what somebody is to an account: whether they follow it, and are followed by it.
type Tie struct{ Follows, Followed bool }

// ApprovalOf is what an account's policy says of somebody.
func ApprovalOf(a *accounts.Account, t Tie) Approval {
	automatic, manual := Policy(a)
	covers := func(bits int64) bool {
		return bits&ByEverybody != 0 || bits&ByFollowers != 0 && t.Follows || bits&ByFollowing != 0 && t.Followed
	}
	switch {
	case covers(automatic):
		return Automatic
	case covers(manual):
		return Manual
	case !a.Local() && a.FeaturePolicy == 0:
		return Missing
	case (automatic|manual)&ByUnknown != 0:
		return Unknown
	}
	return Denied
}

// Approvals says whether somebody may put accounts into a collection; one statement. Between those of whom one blocks the other nothing may, and
// whoever moved is found elsewhere.
func (s *Service) Approvals(ctx context.Context, q db.Q, by accounts.ID, targets []*accounts.Account) (map[accounts.ID]Approval, error) {
	list := make([]accounts.ID, len(targets))
	for i, t := range targets {
		list[i] = t.ID
	}
	ties, err := s.Relations.Relationships(ctx, q, by, list)
	if err != nil {
		return nil, err
	}
	of := make(map[accounts.ID]relations.Relationship, len(ties))
	for _, r := range ties {
		of[r.ID] = r
	}
	out := make(map[accounts.ID]Approval, len(targets))
	for _, t := range targets {
		r := of[t.ID]
		if out[t.ID] = ApprovalOf(t, Tie{Follows: r.Following, Followed: r.FollowedBy}); r.Blocking || r.BlockedBy || t.MovedToID != 0 || t.Local() && t.ActorType == "Application" {
			out[t.ID] = Denied
		}
	}
	return out, nil
}
