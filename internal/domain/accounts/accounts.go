// Package accounts owns who someone is, here or on another server: name, profile, addresses, keys, counts.
package accounts

import (
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// ID names an account.
type ID int64

// Field is a line of a profile. VerifiedAt is set when the page linked to was seen to link back.
type Field struct {
	Name, Value string
	VerifiedAt  time.Time
}

// Emoji is a custom emoji as it was when a text used it.
type Emoji struct {
	Shortcode, URL, StaticURL string
}

// Handle is a name as people write it; Domain is empty for this server.
type Handle struct{ Username, Domain string }

// Account is someone, here or elsewhere.
type Account struct {
	ID ID
	// Domain is empty for local accounts, otherwise lower case and in ASCII.
	Username, Domain string
	// ActorType is Person, Service, Application, Group or Organization.
	ActorType   string
	DisplayName string
	// Note is what a local person typed, or the cleaned HTML of a remote one; the same holds for the values of Fields.
	Note   string
	Fields []Field
	Emojis []Emoji

	URI, URL                                                                     string
	InboxURL, SharedInboxURL, OutboxURL, FollowersURL, FollowingURL, FeaturedURL string
	// CollectionsURL is where another server lists the account's collections; FeaturePolicy says in bits who may put it into one (see collections.Policy).
	CollectionsURL string
	FeaturePolicy  int64
	// FeaturedTagsURL is set of accounts of other servers alone.
	FeaturedTagsURL        string
	PublicKey, PublicKeyID string

	// Avatar and Header are stored files' names of local accounts, addresses of remote ones; empty for none.
	Avatar, AvatarDescription, Header, HeaderDescription       string
	Locked, Discoverable, Indexable, HideCollections, Memorial bool
	// ShowMedia, ShowMediaReplies and ShowFeatured say which tabs the profile has, and whether answers count for the one of media.
	ShowMedia, ShowMediaReplies, ShowFeatured bool
	// EmailSubscriptions says that people may have public posts sent to them by mail.
	EmailSubscriptions              bool
	MovedToID                       ID
	AlsoKnownAs, AttributionDomains []string

	SuspendedAt, SilencedAt, SensitizedAt         time.Time
	CreatedAt, UpdatedAt, FetchedAt               time.Time
	StatusesCount, FollowingCount, FollowersCount int64
	LastStatusAt                                  time.Time
}

// Local reports whether the account is of this server.
func (a *Account) Local() bool { return a.Domain == "" }

// Acct is the handle without the first @: "bob", or "bob@elsewhere".
func (a *Account) Acct() string {
	if a.Domain == "" {
		return a.Username
	}
	return a.Username + "@" + a.Domain
}

// Bot reports whether the account says that it is a machine.
func (a *Account) Bot() bool { return a.ActorType == "Service" || a.ActorType == "Application" }

// Group reports whether the account stands for several people.
func (a *Account) Group() bool { return a.ActorType == "Group" }

// Suspended reports whether the account was shut out.
func (a *Account) Suspended() bool { return !a.SuspendedAt.IsZero() }

// Silenced reports whether the account is hidden from those who do not follow it.
func (a *Account) Silenced() bool { return !a.SilencedAt.IsZero() }

// Name is the display name, or the username where there is none.
func (a *Account) Name() string {
	if strings.TrimSpace(a.DisplayName) == "" {
		return a.Username
	}
	return a.DisplayName
}

// BestInbox is where deliveries go that need not be personal: the shared inbox, if there is one.
func (a *Account) BestInbox() string {
	if a.SharedInboxURL != "" {
		return a.SharedInboxURL
	}
	return a.InboxURL
}

// Deps is what the service stands on.
type Deps struct {
	DB    *db.DB
	Jobs  *jobs.Jobs
	IDs   *ids.Source
	Clock clock.Clock
	Site  settings.Site
}

// Service reads and writes accounts.
type Service struct{ Deps }

// New makes the service.
func New(d Deps) *Service { return &Service{d} }

// ProfileUpdated says that an account's profile or keys changed.
type ProfileUpdated struct {
	AccountID ID
	Local     bool
}

// Kind names the event.
func (ProfileUpdated) Kind() string { return "accounts.profile_updated" }

// Consented says that somebody lets their public posts be found by everybody, from now on.
type Consented struct{ AccountID ID }

// Kind names the event.
func (Consented) Kind() string { return "accounts.consented" }

// Removed says that an account is gone. Its rows are still there for the reactions; Purge removes them.
type Removed struct {
	AccountID ID
	Local     bool
}

// Kind names the event.
func (Removed) Kind() string { return "accounts.removed" }
