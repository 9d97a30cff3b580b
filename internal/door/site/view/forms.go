package view

import (
	"io"
	"net/url"
	"time"
)

// Form is what a form says after it was sent and refused. Errors are sentences by field name; Message is about the whole.
type Form struct {
	Message string
	Errors  map[string]string
}

// SignIn asks for e-mail and password.
type SignIn struct {
	Page
	Form
	Email string
	Next  string // where to go afterwards, a path on this server
}

func (p SignIn) head() head { return card(p.Site, "Sign in", PathSignIn) }

// SignIn writes the sign-in page.
func (r *Renderer) SignIn(w io.Writer, p SignIn) error { return r.render(w, "sign_in", &p) }

// SignUp asks for what an account needs. Site.SignUps decides what is shown.
type SignUp struct {
	Page
	Form
	Rules       []Rule
	Username    string
	Email       string
	Reason      string
	Next        string
	Invite      string // the code of an invitation, by which people come in whatever SignUps says
	MinPassword int    // characters
	MinAge      int    // years; 0 asks nobody for a date of birth
	DateOfBirth string // as it was typed
}

func (p SignUp) head() head {
	h := card(p.Site, "Create account", PathSignUp)
	h.NoIndex = false
	return h
}

// SignUp writes the sign-up page.
func (r *Renderer) SignUp(w io.Writer, p SignUp) error { return r.render(w, "sign_up", &p) }

// SignedUp tells what is still needed: the confirmation of Email, and with Approval a moderator's yes.
type SignedUp struct {
	Page
	Email    string // empty: confirmed already
	Approval bool
}

func (p SignedUp) head() head { return card(p.Site, "Almost there", PathSignUp) }

// SignedUp writes the page after signing up.
func (r *Renderer) SignedUp(w io.Writer, p SignedUp) error { return r.render(w, "signed_up", &p) }

// Confirmed follows the link in the confirmation mail. Waiting: a moderator has to say yes first. Failed: the link was wrong or old.
type Confirmed struct {
	Page
	Waiting bool
	Failed  bool
}

func (p Confirmed) head() head { return card(p.Site, "Confirm your e-mail", PathConfirmation) }

// Confirmed writes the page behind the link in the confirmation mail.
func (r *Renderer) Confirmed(w io.Writer, p Confirmed) error { return r.render(w, "confirmed", &p) }

// ForgotPassword asks for the address to mail to; Sent tells that it was done, the same for addresses nobody has.
type ForgotPassword struct {
	Page
	Form
	Email string
	Sent  bool
}

func (p ForgotPassword) head() head { return card(p.Site, "Forgotten password", PathForgotPassword) }

// ForgotPassword writes the page that starts a new password.
func (r *Renderer) ForgotPassword(w io.Writer, p ForgotPassword) error {
	return r.render(w, "forgot_password", &p)
}

// ResetPassword asks for the new password.
type ResetPassword struct {
	Page
	Form
	Token       string
	MinPassword int
}

func (p ResetPassword) head() head { return card(p.Site, "New password", PathResetPassword) }

// ResetPassword writes the page behind the link in the password mail.
func (r *Renderer) ResetPassword(w io.Writer, p ResetPassword) error {
	return r.render(w, "reset_password", &p)
}

// Hidden is a field that a form sends back as it got it.
type Hidden struct{ Name, Value string }

// Consent asks whether an app may act for the person signed in.
type Consent struct {
	Page
	AppName     string
	AppWebsite  string
	RedirectURI string
	Scopes      []string
	Account     Account
	Hidden      []Hidden
}

// Groups explains the scopes asked for.
func (p *Consent) Groups() []ScopeGroup { return Explain(p.Scopes) }

// Destination is the host the person is sent to afterwards; empty where the code is shown here.
func (p *Consent) Destination() string {
	u, err := url.Parse(p.RedirectURI)
	if err != nil {
		return ""
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		return u.Host
	}
	return ""
}

func (p Consent) head() head { return card(p.Site, "Authorize "+p.AppName, PathConsent) }

// Consent writes the page on which an app is allowed or refused.
func (r *Renderer) Consent(w io.Writer, p Consent) error { return r.render(w, "consent", &p) }

// OutOfBand shows an authorization code to copy into an app that cannot be sent back to.
type OutOfBand struct {
	Page
	AppName string
	Code    string
}

func (p OutOfBand) head() head { return card(p.Site, "Authorization code", PathConsent) }

// OutOfBand writes the page with the code.
func (r *Renderer) OutOfBand(w io.Writer, p OutOfBand) error { return r.render(w, "out_of_band", &p) }

// Apps lists the apps that may act for the person signed in.
type Apps struct {
	Page
	Apps []AuthorizedApp
}

// AuthorizedApp is one of them. LastUsedAt is zero if it never was.
type AuthorizedApp struct {
	ID         string
	Name       string
	Website    string
	Scopes     []string
	CreatedAt  time.Time
	LastUsedAt time.Time
}

// Groups explains the scopes given.
func (a AuthorizedApp) Groups() []ScopeGroup { return Explain(a.Scopes) }

func (p Apps) head() head {
	h := card(p.Site, "Authorized apps", PathApps)
	h.Card = false
	return h
}

// Apps writes the list of authorized apps.
func (r *Renderer) Apps(w io.Writer, p Apps) error { return r.render(w, "apps", &p) }

// AccountSettings is the page for e-mail, password and sessions. Errors of the two forms are kept apart.
type AccountSettings struct {
	Page
	Email        string
	PendingEmail string // a new address that waits for its confirmation
	EmailForm    Form
	PasswordForm Form
	MinPassword  int
	Sessions     []Session
}

// Session is a browser that is signed in.
type Session struct {
	ID         string
	Agent      string // "Firefox on Linux"
	IP         string
	CreatedAt  time.Time
	LastUsedAt time.Time
	Current    bool
}

func (p AccountSettings) head() head {
	h := card(p.Site, "Account", PathAccount)
	h.Card = false
	return h
}

// AccountSettings writes the page for e-mail, password and sessions.
func (r *Renderer) AccountSettings(w io.Writer, p AccountSettings) error {
	return r.render(w, "account", &p)
}

// AuthorizeInteraction asks the person signed in to follow an account, found by an address that another server gave.
type AuthorizeInteraction struct {
	Page
	Form
	Account   Account
	URI       string
	Following bool
	Requested bool
	Self      bool
}

func (p AuthorizeInteraction) head() head {
	return card(p.Site, "Follow "+p.Account.Name(), PathAuthorizeInteract)
}

// AuthorizeInteraction writes the page with the account and its follow button.
func (r *Renderer) AuthorizeInteraction(w io.Writer, p AuthorizeInteraction) error {
	return r.render(w, "authorize_interaction", &p)
}

// RemoteFollow asks a visitor for their handle, so that they can follow from their own server.
type RemoteFollow struct {
	Page
	Form
	Account Account
	Handle  string
}

func (p RemoteFollow) head() head {
	return card(p.Site, "Follow "+p.Account.Name(), PathRemoteFollow)
}

// RemoteFollow writes the page that asks for a handle.
func (r *Renderer) RemoteFollow(w io.Writer, p RemoteFollow) error {
	return r.render(w, "remote_follow", &p)
}

// card is the head of a small page that search engines have no use for.
func card(s Site, title, path string) head {
	return head{Title: title, URL: s.URL + path, NoIndex: true, Card: true}
}
