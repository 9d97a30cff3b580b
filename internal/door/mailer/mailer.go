// Package mailer owns the mails that people get: what they say, and when they are sent.
//
// Each method is a reaction to an event. Tokens are made when a mail is written, so that they are never stored in a job; links
// come from the configuration alone, never from a request (SES-04).
package mailer

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/mail"
	"github.com/gomph/gomph/internal/kit/text"
)

// Deps is what the mailer stands on.
type Deps struct {
	DB            *db.DB
	Site          settings.Site
	Settings      *settings.Service
	Accounts      *accounts.Service
	Access        *access.Service
	Statuses      *statuses.Service
	Subscriptions *subscriptions.Service
	Sender        mail.Sender
}

// Mailer writes mails.
type Mailer struct{ Deps }

// New makes a mailer.
func New(d Deps) *Mailer { return &Mailer{d} }

// letter is a mail to be: paragraphs, of which a link stands alone.
type letter struct {
	to, subject string
	paragraphs  []string
}

// send writes the letter and hands it over. A mail that can never be delivered is not tried again.
func (m *Mailer) send(ctx context.Context, u *access.User, l letter) error {
	instance, err := m.Settings.Get(ctx, m.DB)
	if err != nil {
		return err
	}
	account, err := m.Accounts.ByID(ctx, m.DB, u.AccountID)
	if err != nil {
		return ignoreGone(err)
	}
	if l.to == "" {
		l.to = u.Email
	}
	title := oneLine(instance.Title)
	body := "Hello @" + account.Username + ",\n\n" + strings.Join(l.paragraphs, "\n\n") + "\n\n-- \n" + title + "\n" + m.Site.Base() + "/\n"
	err = m.Sender.Send(ctx, mail.Message{To: l.to, Subject: fmt.Sprintf(l.subject, title), Text: body})
	if err != nil && mail.IsPermanent(err) {
		return jobs.Dead(err)
	}
	return err
}

// maxName is how many characters of a name or a title a subject has. More would be cut by whoever shows it, and a mail of which the whole head is a
// name is refused (OPS-04).
const maxName = 100

// oneLine keeps a name or a title from breaking out of a subject, and from filling it.
func oneLine(s string) string {
	words := strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	s = text.Truncate(strings.Join(words, " "), maxName)
	if len(s) > maxName*utf8.UTFMax { // a character may have any number of marks
		s = strings.ToValidUTF8(s[:maxName*utf8.UTFMax], "")
	}
	return s
}

func (m *Mailer) link(path, param, token string) string {
	return m.Site.URL(path + "?" + url.Values{param: {token}}.Encode())
}

// ignoreGone: whoever the mail was for is no more.
func ignoreGone(err error) error {
	if errs.IsNotFound(err) {
		return nil
	}
	return err
}

// Welcome mails the link that confirms a new person's address.
func (m *Mailer) Welcome(ctx context.Context, e access.SignedUp) error {
	if e.Confirmed {
		return nil
	}
	return m.confirm(ctx, e.UserID)
}

// ConfirmAgain mails the link once more, to an address that may be nobody's.
func (m *Mailer) ConfirmAgain(ctx context.Context, e access.ConfirmationWanted) error {
	u, err := m.Access.ByEmail(ctx, m.DB, e.Email)
	if err != nil {
		return ignoreGone(err)
	}
	return m.confirm(ctx, u.ID)
}

func (m *Mailer) confirm(ctx context.Context, id access.UserID) error {
	token, address, err := m.Access.MintConfirmation(ctx, id)
	if err != nil {
		return ignoreGone(err)
	}
	u, err := m.Access.ByID(ctx, m.DB, id)
	if err != nil {
		return ignoreGone(err)
	}
	l := letter{to: address, subject: "Confirm your e-mail address for %s", paragraphs: []string{
		"you asked for an account on " + m.Site.LocalDomain + ". Follow this link to confirm that this address is yours:",
		m.link("/auth/confirmation", "confirmation_token", token),
	}}
	if !u.Approved {
		l.paragraphs = append(l.paragraphs, "After that a moderator looks at your request. We write to you when it is decided.")
	}
	if u.UnconfirmedEmail != "" {
		l.paragraphs[0] = "you asked to use this address for your account on " + m.Site.LocalDomain + ". Follow this link to confirm that it is yours:"
	}
	l.paragraphs = append(l.paragraphs, "The link works for two days. If it was not you who asked, do nothing: without the link nothing happens.")
	return m.send(ctx, u, l)
}

// NewAddress mails the link that confirms a person's new address.
func (m *Mailer) NewAddress(ctx context.Context, e access.EmailChangeAsked) error {
	return m.confirm(ctx, e.UserID)
}

// AddressChanged tells the old address that it is no longer used, in case it was somebody else who changed it.
func (m *Mailer) AddressChanged(ctx context.Context, e access.EmailChanged) error {
	u, err := m.Access.ByID(ctx, m.DB, e.UserID)
	if err != nil {
		return ignoreGone(err)
	}
	return m.send(ctx, u, letter{to: e.OldEmail, subject: "Your e-mail address on %s was changed", paragraphs: []string{
		"the address of your account on " + m.Site.LocalDomain + " is now:",
		u.Email,
		"If it was not you who changed it, somebody else knows your password. Write to whoever runs the server at once:",
		m.Site.URL("/about"),
	}})
}

// Reset mails the link for a new password, to an address that may be nobody's.
func (m *Mailer) Reset(ctx context.Context, e access.ResetWanted) error {
	token, u, err := m.Access.MintReset(ctx, e.Email)
	if err != nil {
		return ignoreGone(err)
	}
	return m.send(ctx, u, letter{subject: "A new password for %s", paragraphs: []string{
		"somebody, you we hope, asked for a new password on " + m.Site.LocalDomain + ". Choose it here:",
		m.link("/auth/password/edit", "reset_password_token", token),
		"The link works once, for six hours. If it was not you who asked, do nothing: your password stays as it is.",
	}})
}

// PasswordChanged tells a person that the password is another one now.
func (m *Mailer) PasswordChanged(ctx context.Context, e access.PasswordChanged) error {
	u, err := m.Access.ByID(ctx, m.DB, e.UserID)
	if err != nil {
		return ignoreGone(err)
	}
	return m.send(ctx, u, letter{subject: "Your password on %s was changed", paragraphs: []string{
		"the password of your account on " + m.Site.LocalDomain + " was changed, and all apps and other browsers were signed out.",
		"If it was not you, choose a new one now:",
		m.Site.URL("/auth/password/new"),
	}})
}

// ArchiveReady tells a person that the archive they asked for can be fetched. Its address asks them to sign in.
func (m *Mailer) ArchiveReady(ctx context.Context, e archive.BackupReady) error {
	u, err := m.Access.ByAccount(ctx, m.DB, e.AccountID)
	if err != nil {
		return ignoreGone(err)
	}
	return m.send(ctx, u, letter{subject: "Your archive of %s is ready", paragraphs: []string{
		"the archive of all that you wrote on " + m.Site.LocalDomain + " is there. Fetch it within seven days:",
		m.Site.URL("/settings/export"),
		"If it was not you who asked for it, change your password now: " + m.Site.URL("/auth/edit"),
	}})
}

// Approved tells a person that they are let in.
func (m *Mailer) Approved(ctx context.Context, e access.Approved) error {
	u, err := m.Access.ByID(ctx, m.DB, e.UserID)
	if err != nil {
		return ignoreGone(err)
	}
	l := letter{subject: "Welcome to %s", paragraphs: []string{
		"your request was approved: you have an account on " + m.Site.LocalDomain + ".",
		"Sign in here, or in any Mastodon app with " + m.Site.LocalDomain + " as the server:",
		m.Site.URL("/auth/sign_in"),
	}}
	if !u.Confirmed() {
		l.paragraphs = append(l.paragraphs, "One thing is left: confirm your address with the link in our first mail.")
	}
	return m.send(ctx, u, l)
}

// RegistrationsLimited tells an admin that sign-ups wait for approval, since no moderator was there.
func (m *Mailer) RegistrationsLimited(ctx context.Context, e access.RegistrationsLimited) error {
	u, err := m.Access.ByID(ctx, m.DB, e.UserID)
	if err != nil {
		return ignoreGone(err)
	}
	return m.send(ctx, u, letter{subject: "Sign-ups on %s now wait for approval", paragraphs: []string{
		"nobody who may moderate " + m.Site.LocalDomain + " was there for a week, so new accounts now wait until somebody approves them.",
		"To let everybody in again, sign in and change it in the settings, or run: gomph settings set registrations_mode open",
		m.Site.URL("/auth/sign_in"),
	}})
}

// Terms tells a person that there are new terms of service, and from when.
func (m *Mailer) Terms(ctx context.Context, e access.TermsTold) error {
	u, err := m.Access.ByID(ctx, m.DB, e.UserID)
	if err != nil {
		return ignoreGone(err)
	}
	t, err := m.Settings.TermsByID(ctx, m.DB, e.TermsID)
	if err != nil {
		return ignoreGone(err)
	}
	from := t.EffectiveOn.Format("2006-01-02")
	l := letter{subject: "New terms of service on %s", paragraphs: []string{
		"the terms of service of " + m.Site.LocalDomain + " change. The new ones hold from " + from + " on; read them here:",
		m.Site.URL("/terms-of-service/" + from),
	}}
	if t.Changelog != "" {
		l.paragraphs = append(l.paragraphs, "What is new:", text.Plain(t.Changelog))
	}
	l.paragraphs = append(l.paragraphs, "If you go on using the server from that day on, you agree to them.")
	return m.send(ctx, u, l)
}
