package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
	"golang.org/x/text/language"
)

const (
	// maxUsername is Mastodon's, for names chosen here.
	maxUsername = 30
	// maxReason is in characters.
	maxReason = 500
)

// NewUser is what somebody says who wants an account.
type NewUser struct {
	Username, Email, Password string
	// Agreement says that the rules were accepted.
	Agreement        bool
	Locale, TimeZone string
	// Reason is asked for where sign-ups wait for approval.
	Reason string
	IP     netip.Addr
	AppID  AppID
	// DateOfBirth is needed where there is a least age; it is looked at and not kept.
	DateOfBirth time.Time
	// Invite is the code of an invitation, or empty.
	Invite string
}

// NewByAdmin is an account that the server's admin makes.
type NewByAdmin struct {
	Username, Email, Password string
	// Role is empty for an ordinary person.
	Role      string
	Confirmed bool
}

// causes collects what is wrong with a sign-up, by attribute, in Mastodon's shape.
type causes struct {
	order   []string
	details map[string][]errs.Detail
}

func (c *causes) add(attribute string, list ...errs.Detail) {
	if len(list) == 0 {
		return
	}
	if c.details == nil {
		c.details = map[string][]errs.Detail{}
	}
	if !slices.Contains(c.order, attribute) {
		c.order = append(c.order, attribute)
	}
	c.details[attribute] = append(c.details[attribute], list...)
}

func (c *causes) put(attribute, code, description string) {
	c.add(attribute, errs.Detail{Code: code, Description: description})
}

// label is how an attribute is called in a sentence.
func label(attribute string) string {
	switch attribute {
	case "email":
		return "E-mail address"
	case "agreement":
		return "Service agreement"
	case "date_of_birth":
		return "Date of birth"
	}
	return strings.ToUpper(attribute[:1]) + attribute[1:]
}

func (c *causes) err() error {
	if c.details == nil {
		return nil
	}
	var words []string
	for _, a := range c.order {
		for _, d := range c.details[a] {
			words = append(words, label(a)+" "+d.Description)
		}
	}
	e := errs.Invalid("Validation failed: %s", strings.Join(words, ", "))
	e.Details = c.details
	return e
}

// reservedNames are names that belong to addresses of the server or its mail, beside those that pass for its staff.
var reservedNames = []string{"inbox", "outbox", "postmaster", "hostmaster", "noreply", "mailer_daemon", "gomph"}

// checkUsername says what is wrong with a name. Admins may give reserved ones.
func checkUsername(name string, byAdmin bool) []errs.Detail {
	switch {
	case name == "":
		return []errs.Detail{{Code: "ERR_BLANK", Description: "can't be blank"}}
	case len(name) > maxUsername:
		return []errs.Detail{{Code: "ERR_TOO_LONG", Description: fmt.Sprintf("is too long (maximum is %d characters)", maxUsername)}}
	case !text.ValidUsername(name):
		return []errs.Detail{{Code: "ERR_INVALID", Description: "must contain only letters, numbers and underscores"}}
	case !byAdmin && (text.ReservedUsername(name) || slices.Contains(reservedNames, strings.ToLower(name))):
		return []errs.Detail{{Code: "ERR_RESERVED", Description: "is reserved"}}
	}
	return nil
}

func checkEmail(s string) (email, []errs.Detail) {
	if strings.TrimSpace(s) == "" {
		return email{}, []errs.Detail{{Code: "ERR_BLANK", Description: "can't be blank"}}
	}
	address, err := parseEmail(s)
	if err != nil {
		return email{}, []errs.Detail{{Code: "ERR_INVALID", Description: "is invalid"}}
	}
	return address, nil
}

// CheckEmail reads an address, as it is written to and as it is compared. What is none is errs.Invalid with the reason.
func CheckEmail(typed string) (address, folded string, err error) {
	var c causes
	e, problems := checkEmail(typed)
	c.add("email", problems...)
	return e.address, e.folded, c.err()
}

// SignUp makes an account for somebody who asks for one. Depending on the settings it is closed (errs.ForbiddenKind), waits for a
// moderator, or only for the confirmation of the address.
func (s *Service) SignUp(ctx context.Context, n NewUser) (*User, error) {
	instance, err := s.Settings.Load(ctx, s.DB)
	if err != nil {
		return nil, err
	}
	invite, err := s.invited(ctx, n.Invite)
	if err != nil {
		return nil, err
	}
	if !instance.Open() && invite == nil {
		return nil, errs.Forbidden()
	}
	if invite != nil {
		instance.RequireReason = false // somebody here vouches
	}
	var c causes
	address := s.checkLogin(&c, n.Username, n.Email, n.Password, false)
	s.checkTerms(&c, n, instance)
	if err := s.checkTaken(ctx, &c, n.Username, address); err != nil {
		return nil, err
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	ip := ""
	if n.IP.IsValid() {
		ip = n.IP.Unmap().WithZone("").String()
	}
	return s.create(ctx, n.Username, address, n.Password, User{Role: Member, Locale: knownLocale(n.Locale), TimeZone: knownZone(n.TimeZone), SignUpReason: strings.TrimSpace(n.Reason),
		SignUpIP: ip, CreatedByAppID: n.AppID}, s.AutoConfirm, invite, func(i settings.Instance) (bool, error) {
		if !i.Open() && invite == nil {
			return false, errs.Forbidden()
		}
		return !i.Approval() || invite != nil, nil
	})
}

// invited is the invitation of a code, nil for none. A code that is of no use counts as none, as in Mastodon: where everybody may sign up it is
// not needed.
func (s *Service) invited(ctx context.Context, code string) (*Invite, error) {
	if code == "" {
		return nil, nil
	}
	i, err := s.InviteByCode(ctx, s.DB, code)
	if errs.IsNotFound(err) || errors.Is(err, ErrInvite) {
		return nil, nil
	}
	return i, err
}

// CreateByAdmin makes an account that is approved at once.
func (s *Service) CreateByAdmin(ctx context.Context, n NewByAdmin) (*User, error) {
	var c causes
	address := s.checkLogin(&c, n.Username, n.Email, n.Password, true)
	switch n.Role {
	case "":
		n.Role = Member
	case Owner, Admin, Moderator, Member:
	default:
		c.put("role", "ERR_INCLUSION", "is not included in the list")
	}
	if err := s.checkTaken(ctx, &c, n.Username, address); err != nil {
		return nil, err
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return s.create(ctx, n.Username, address, n.Password, User{Role: n.Role}, n.Confirmed || s.AutoConfirm, nil, func(settings.Instance) (bool, error) { return true, nil })
}

func (s *Service) checkLogin(c *causes, username, address, password string, byAdmin bool) email {
	c.add("username", checkUsername(username, byAdmin)...)
	e, problems := checkEmail(address)
	c.add("email", problems...)
	c.add("password", checkPassword(password)...)
	return e
}

func (s *Service) checkTerms(c *causes, n NewUser, i settings.Instance) {
	if !n.Agreement {
		c.put("agreement", "ERR_ACCEPTED", "must be accepted")
	}
	switch reason := strings.TrimSpace(n.Reason); {
	case reason == "" && i.Approval() && i.RequireReason:
		c.put("reason", "ERR_BLANK", "can't be blank")
	case utf8.RuneCountInString(reason) > maxReason:
		c.put("reason", "ERR_TOO_LONG", fmt.Sprintf("is too long (maximum is %d characters)", maxReason))
	}
	if i.MinAge > 0 {
		switch {
		case n.DateOfBirth.IsZero():
			c.put("date_of_birth", "ERR_BLANK", "can't be blank")
		case n.DateOfBirth.AddDate(i.MinAge, 0, 0).After(s.Clock.Now()):
			c.put("date_of_birth", "ERR_BELOW_LIMIT", "is below the age limit")
		}
	}
}

func (s *Service) checkTaken(ctx context.Context, c *causes, username string, address email) error {
	if c.details["username"] == nil {
		taken, err := db.Exists(ctx, s.DB, "SELECT 1 FROM accounts WHERE username_folded = $1 AND domain = ''", text.FoldUsername(username))
		if err != nil {
			return fmt.Errorf("looking for the name: %w", err)
		}
		if taken {
			c.put("username", "ERR_TAKEN", "has already been taken")
		}
	}
	if c.details["email"] == nil {
		taken, err := db.Exists(ctx, s.DB, "SELECT 1 FROM users WHERE email_folded = $1", address.folded)
		if err != nil {
			return fmt.Errorf("looking for the address: %w", err)
		}
		if taken {
			c.put("email", "ERR_TAKEN", "has already been taken")
		}
	}
	return nil
}

// create makes account and login in one transaction. The slow parts, keys and hash, come before it. approve decides with the
// settings as the transaction sees them, so that a door that was closed meanwhile is closed (SES-10).
func (s *Service) create(ctx context.Context, username string, address email, password string, u User, confirmed bool, invite *Invite, approve func(settings.Instance) (bool, error)) (*User, error) {
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	keys, err := s.NewKeys()
	if err != nil {
		return nil, fmt.Errorf("making keys: %w", err)
	}
	var made *User
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		instance, err := s.Settings.Load(ctx, tx)
		if err != nil {
			return err
		}
		approved, err := approve(instance)
		if err != nil {
			return err
		}
		account, err := s.Accounts.CreateLocal(ctx, tx, username, "Person", keys)
		if err != nil {
			return err
		}
		id, now := UserID(s.IDs.Next()), s.Clock.Now()
		confirmedAt := int64(0)
		if confirmed {
			confirmedAt = db.Ms(now)
		}
		n, err := tx.Exec(ctx, `INSERT INTO users (id, account_id, email, email_folded, password_hash, role, locale, time_zone, sign_up_reason, sign_up_ip, created_by_app_id,
  confirmed_at, confirmation_sent_at, approved, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $13, $13) ON CONFLICT (email_folded) DO NOTHING`,
			id, account.ID, address.address, address.folded, hash, u.Role, u.Locale, u.TimeZone, u.SignUpReason, u.SignUpIP, u.CreatedByAppID, confirmedAt, db.Ms(now), approved)
		if err != nil {
			return err
		}
		if n == 0 {
			var c causes
			c.put("email", "ERR_TAKEN", "has already been taken")
			return c.err()
		}
		if err := s.useInvite(ctx, tx, invite, account.ID); err != nil {
			return err
		}
		if invite != nil {
			if err := tx.Do(ctx, "noting an invitation", "UPDATE users SET invite_id = $1 WHERE id = $2", invite.ID, id); err != nil {
				return err
			}
		}
		if made, err = s.ByID(ctx, tx, id); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, SignedUp{UserID: id, AccountID: account.ID, Confirmed: confirmed, Approved: approved})
	})
	if err != nil {
		return nil, fmt.Errorf("signing up %s: %w", username, err)
	}
	return made, nil
}

// knownLocale keeps a language tag that can be read, in its usual form; others are dropped, as Mastodon does.
func knownLocale(s string) string {
	if s == "" || len(s) > 35 {
		return ""
	}
	tag, err := language.Parse(s)
	if err != nil {
		return ""
	}
	base, _ := tag.Base()
	if !text.ValidLanguage(base.String()) {
		return ""
	}
	return tag.String()
}

var zoneShape = regexp.MustCompile(`^[A-Za-z_]{1,20}(/[A-Za-z0-9_+-]{1,30}){0,2}$`)

// knownZone keeps a name of the time zone database; others are dropped, as Mastodon does.
func knownZone(s string) string {
	if !zoneShape.MatchString(s) || s == "Local" {
		return ""
	}
	if _, err := time.LoadLocation(s); err != nil {
		return ""
	}
	return s
}
