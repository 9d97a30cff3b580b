// Package access owns who may come in: logins and their passwords, browser sessions, applications, tokens and what they allow.
//
// Secrets (passwords, cookies, codes, tokens) are never stored as they are, never logged, and told once: to whoever they are for.
package access

import (
	"sync"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

// UserID names a login.
type UserID int64

// Roles, the most powerful first.
const (
	Owner     = "owner"
	Admin     = "admin"
	Moderator = "moderator"
	Member    = "user"
)

// User is a person's login; the account is what others see of them.
type User struct {
	ID        UserID
	AccountID accounts.ID
	Email     string
	// UnconfirmedEmail is a new address that waits for its confirmation.
	UnconfirmedEmail string
	// Role is one of Owner, Admin, Moderator, Member.
	Role             string
	Locale, TimeZone string
	Settings         Preferences
	SignUpReason     string
	SignUpIP         string
	CreatedByAppID   AppID
	// ConfirmedAt is zero until the address was confirmed.
	ConfirmedAt, CreatedAt, LastActiveAt time.Time
	ConfirmationSentAt                   time.Time
	Approved, Disabled                   bool
}

// Confirmed reports whether the address is known to be the person's.
func (u *User) Confirmed() bool { return !u.ConfirmedAt.IsZero() }

// Functional reports whether the login may be used: confirmed, approved and not disabled.
func (u *User) Functional() bool { return u.Confirmed() && u.Approved && !u.Disabled }

// Staff reports whether the person may moderate.
func (u *User) Staff() bool { return u.Role == Owner || u.Role == Admin || u.Role == Moderator }

// Manages reports whether the person may change how the server is set up.
func (u *User) Manages() bool { return u.Role == Owner || u.Role == Admin }

// Barred says why a login may not be used now, in Mastodon's words; nil when it may.
func Barred(u *User, a *accounts.Account) error {
	switch {
	case !u.Confirmed():
		return errs.New(errs.ForbiddenKind, "Your login is missing a confirmed e-mail address")
	case !u.Approved:
		return errs.New(errs.ForbiddenKind, "Your login is currently pending approval")
	case u.Disabled || a != nil && a.Suspended():
		return errs.New(errs.ForbiddenKind, "Your login is currently disabled")
	}
	return nil
}

// Deps is what the service stands on.
type Deps struct {
	DB       *db.DB
	Jobs     *jobs.Jobs
	IDs      *ids.Source
	Clock    clock.Clock
	Site     settings.Site
	Settings *settings.Service
	Accounts *accounts.Service
	// Bus carries revocations to the other processes.
	Bus pubsub.Bus
	// AutoConfirm takes addresses as confirmed: for servers that cannot send mail.
	AutoConfirm bool
	// KeepOpen leaves open sign-ups open also when no moderator is there.
	KeepOpen bool
	// NewKeys makes an account's signing keys; nil makes RSA keys of the usual size. Tests share a pair.
	NewKeys func() (accounts.Keys, error)
}

// Service is the keeper of the door.
type Service struct {
	Deps
	hasher hasher
	tokens tokenCache
	// uses remembers when this process last wrote down that somebody was here.
	uses uses
}

// New makes the service.
func New(d Deps) *Service {
	if d.NewKeys == nil {
		d.NewKeys = newKeys
	}
	return &Service{Deps: d, hasher: newHasher(), tokens: tokenCache{entries: map[secretHash]*cachedToken{}}, uses: uses{seen: map[int64]time.Time{}}}
}

// SignedUp says that somebody asked for an account, or that one was made for them.
type SignedUp struct {
	UserID              UserID
	AccountID           accounts.ID
	Confirmed, Approved bool
}

// Kind names the event.
func (SignedUp) Kind() string { return "access.signed_up" }

// Confirmed says that an address was shown to be that of a person who signed up.
type Confirmed struct{ UserID UserID }

// Kind names the event.
func (Confirmed) Kind() string { return "access.confirmed" }

// ConfirmationWanted says that somebody asked to get the confirmation mail again. Whether the address is anybody's is found
// out later, so that asking takes as long and says as much for any address (SES-06).
type ConfirmationWanted struct{ Email string }

// Kind names the event.
func (ConfirmationWanted) Kind() string { return "access.confirmation_wanted" }

// ResetWanted says that somebody forgot a password; as with ConfirmationWanted, the address may be nobody's.
type ResetWanted struct{ Email string }

// Kind names the event.
func (ResetWanted) Kind() string { return "access.reset_wanted" }

// EmailChangeAsked says that a person wants another address; UnconfirmedEmail has it.
type EmailChangeAsked struct{ UserID UserID }

// Kind names the event.
func (EmailChangeAsked) Kind() string { return "access.email_change_asked" }

// EmailChanged says that a person has another address now.
type EmailChanged struct {
	UserID   UserID
	OldEmail string
}

// Kind names the event.
func (EmailChanged) Kind() string { return "access.email_changed" }

// PasswordChanged says that a person has another password.
type PasswordChanged struct{ UserID UserID }

// Kind names the event.
func (PasswordChanged) Kind() string { return "access.password_changed" }

// Approved says that a moderator let somebody in.
type Approved struct{ UserID UserID }

// Kind names the event.
func (Approved) Kind() string { return "access.approved" }

// uses keeps the writes of "was here" rare.
type uses struct {
	mu   sync.Mutex
	seen map[int64]time.Time
}

// maxUses bounds the memory; forgetting costs a write too many.
const maxUses = 50_000

// due reports whether a use of id should be written now, and remembers that it will be.
func (u *uses) due(id int64, now time.Time, every time.Duration) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, ok := u.seen[id]; ok && now.Sub(last) < every {
		return false
	}
	if len(u.seen) >= maxUses {
		clear(u.seen)
	}
	u.seen[id] = now
	return true
}
