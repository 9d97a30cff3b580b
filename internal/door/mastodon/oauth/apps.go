package oauth

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
)

// application is the entity Application; with a secret, CredentialApplication.
type application struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Website      *string  `json:"website"`
	Scopes       []string `json:"scopes"`
	RedirectURIs []string `json:"redirect_uris"`
	RedirectURI  string   `json:"redirect_uri"`
	VAPIDKey     string   `json:"vapid_key"`
}

type credentialApplication struct {
	application
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	ExpiresAt    int64  `json:"client_secret_expires_at"`
}

func (s *Server) renderApp(a *access.Application) application {
	e := application{VAPIDKey: s.VAPIDKey, ID: ids.Format(a.ID), Name: a.Name, Scopes: a.Scopes, RedirectURIs: a.RedirectURIs}
	if a.Website != "" {
		e.Website = &a.Website
	}
	for i, uri := range a.RedirectURIs {
		if i > 0 {
			e.RedirectURI += "\n"
		}
		e.RedirectURI += uri
	}
	return e
}

func (s *Server) register(w http.ResponseWriter, r *api.Request) error {
	p := r.Params
	app, secret, err := s.Access.Register(r.Context(), access.NewApp{Name: p.String("client_name"), Website: p.String("website"), RedirectURIs: p.List("redirect_uris"), Scopes: p.String("scopes")})
	if err != nil {
		return err
	}
	return httpio.JSON(w, http.StatusOK, credentialApplication{application: s.renderApp(app), ClientID: app.ClientID, ClientSecret: secret})
}

func (s *Server) verifyApp(w http.ResponseWriter, r *api.Request) error {
	if r.Token.App == nil {
		return errs.NotFound() // a token of the command line
	}
	return httpio.JSON(w, http.StatusOK, s.renderApp(r.Token.App))
}

// signUp makes an account for somebody who uses an app, and gives the app a token for it. The token works once the address is
// confirmed and, where that is asked for, a moderator said yes.
func (s *Server) signUp(w http.ResponseWriter, r *api.Request) error {
	if r.Token.App == nil {
		return errs.Forbidden()
	}
	p := r.Params
	n := access.NewUser{Username: p.String("username"), Email: p.String("email"), Password: p.String("password"), Agreement: p.Bool("agreement", false),
		Locale: p.String("locale"), TimeZone: p.String("time_zone"), Reason: p.String("reason"), Invite: p.String("invite_code"), AppID: r.Token.AppID, IP: s.addr(r.Request)}
	if day, err := time.Parse("2006-01-02", p.String("date_of_birth")); err == nil {
		n.DateOfBirth = day
	}
	u, err := s.Access.SignUp(r.Context(), n)
	if err != nil {
		return err
	}
	t, err := s.Access.IssueToken(r.Context(), r.Token.App, u.ID, r.Token.App.Scopes)
	if err != nil {
		return err
	}
	return writeToken(w, t)
}

func (s *Server) addr(r *http.Request) netip.Addr {
	if s.ClientAddr == nil {
		return netip.Addr{}
	}
	return s.ClientAddr(r)
}

// confirmAgain mails the confirmation once more, perhaps to another address.
func (s *Server) confirmAgain(w http.ResponseWriter, r *api.Request) error {
	u, err := s.person(r)
	if err != nil {
		return err
	}
	switch {
	case r.Token.AppID == 0 || u.CreatedByAppID != r.Token.AppID:
		return errs.New(errs.ForbiddenKind, "This method is only available to the application the user originally signed-up with")
	case u.Confirmed() && u.UnconfirmedEmail == "":
		return errs.New(errs.ForbiddenKind, "This method is only available while the e-mail is awaiting confirmation")
	}
	if address := r.Params.String("email"); address != "" && !u.Confirmed() {
		err = s.Access.CorrectEmail(r.Context(), u.ID, address)
	} else {
		err = s.Access.ResendConfirmation(r.Context(), u.Email)
	}
	if err != nil {
		return err
	}
	return httpio.JSON(w, http.StatusOK, struct{}{})
}

func (s *Server) checkConfirmation(w http.ResponseWriter, r *api.Request) error {
	u, err := s.person(r)
	if err != nil {
		return err
	}
	return httpio.JSON(w, http.StatusOK, u.Confirmed())
}

// person is whom a token stands for, also when the login may not be used yet.
func (s *Server) person(r *api.Request) (*access.User, error) {
	if r.Token.UserID == 0 {
		return nil, errs.Invalid("This method requires an authenticated user")
	}
	return s.Access.ByID(r.Context(), s.DB, r.Token.UserID)
}
