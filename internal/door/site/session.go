package site

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Names of the cookies: who is signed in, and what the forms of those who are not are bound to. On https they carry the prefix
// by which browsers keep other hosts of the domain from setting them.
const (
	sessionCookie = "gomph_session"
	formCookie    = "gomph_form"
	// maxCookie bounds what is hashed.
	maxCookie = 512
)

func (s *Server) cookieName(name string) string {
	if s.Site.HTTPS {
		return "__Host-" + name
	}
	return name
}

func (s *Server) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil || len(c.Value) > maxCookie {
		return ""
	}
	return c.Value
}

// setCookie keeps a value in the browser, for a time or, with 0, until it closes; a negative time takes it away.
func (s *Server) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(life / time.Second), HttpOnly: true, Secure: s.Site.HTTPS, SameSite: http.SameSiteLaxMode})
}

// Visit is who the browser's session belongs to, nil for nobody.
func (s *Server) Visit(r *http.Request) (*access.Visit, error) {
	secret := s.cookie(r, sessionCookie)
	if secret == "" {
		return nil, nil
	}
	v, err := s.Access.Visit(r.Context(), secret)
	if errs.IsNotFound(err) {
		return nil, nil
	}
	return v, err
}

// formSecret is what this browser's forms are bound to: the session, or a cookie made for it.
func (s *Server) formSecret(r *http.Request) string {
	if secret := s.cookie(r, sessionCookie); secret != "" {
		return secret
	}
	return s.cookie(r, formCookie)
}

// csrf is the token of this browser's forms; a browser that has no cookie gets one.
func (s *Server) csrf(v *visit) string {
	if v.secret == "" {
		v.secret = s.formSecret(v.r)
	}
	if v.secret == "" {
		b := make([]byte, 32)
		_, _ = rand.Read(b) // never fails
		v.secret = base64.RawURLEncoding.EncodeToString(b)
		s.setCookie(v.w, formCookie, v.secret, 0)
	}
	v.w.Header().Set("Cache-Control", "private, no-store")
	return csrfToken(v.secret)
}

func csrfToken(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// FormOK reports whether a form comes from one of our own pages, shown to this browser. The form has been parsed.
func (s *Server) FormOK(r *http.Request) bool {
	secret := s.formSecret(r)
	if secret == "" || s.origin.Check(r) != nil {
		return false
	}
	token := r.PostForm.Get("_csrf")
	if token == "" {
		token = r.Header.Get("X-CSRF-Token")
	}
	return hmac.Equal([]byte(token), []byte(csrfToken(secret)))
}

// SignIn sends the browser to sign in, and then back to next, a path with its query. Anew asks even those signed in.
func (s *Server) SignIn(w http.ResponseWriter, _ *http.Request, next string, anew bool) {
	q := url.Values{"next": {next}}
	if anew {
		q.Set("anew", "1")
	}
	h := w.Header()
	h.Set("Cache-Control", "private, no-store")
	h.Set("Location", view.PathSignIn+"?"+q.Encode())
	w.WriteHeader(http.StatusFound)
}

// notices are what a page may say on top, by the word that the address carries.
var notices = map[string]string{
	"email":     "Follow the link that we mailed to the new address.",
	"address":   "Your e-mail address was changed.",
	"password":  "Your password was changed. All apps and other browsers are signed out.",
	"session":   "That browser is signed out.",
	"app":       "The app can no longer use your account.",
	"profile":   "Your profile was saved.",
	"cleanup":   "Saved. What is old by that is deleted in the next hours and days.",
	"archive":   "Your archive is being written. A mail tells you when it is there.",
	"out":       "You are signed out.",
	"again":     "If the address waits for confirmation, a new mail is on its way.",
	"approved":  "They are in, and were told so by mail.",
	"rejected":  "They were turned away.",
	"reset":     "Your password was changed. Sign in with the new one.",
	"following": "Done.",
}

// frame is what every page has. A page with a form asks for csrf itself.
func (s *Server) frame(ctx context.Context, v *visit) (view.Page, error) {
	instance, err := s.Settings.Get(ctx, s.DB)
	if err != nil {
		return view.Page{}, err
	}
	p := view.Page{Site: s.bare(), Notice: notices[v.r.URL.Query().Get("notice")]}
	p.Site.Name, p.Site.Description = instance.Title, instance.Description
	switch {
	case !instance.Open():
		p.Site.SignUps = view.SignUpsClosed
	case instance.Approval():
		p.Site.SignUps = view.SignUpsApproval
	default:
		p.Site.SignUps = view.SignUpsOpen
	}
	if v.Visit != nil {
		a := s.showAccount(v.Account)
		p.Viewer = &view.Viewer{DisplayName: a.Name(), Acct: a.Acct, URL: a.URL, AvatarURL: a.AvatarURL}
	}
	return p, nil
}

// formFrame is frame for a page with forms.
func (s *Server) formFrame(ctx context.Context, v *visit) (view.Page, error) {
	p, err := s.frame(ctx, v)
	p.CSRF = s.csrf(v)
	return p, err
}

// count gives the numbers of the first page, not older than sumsAge.
func (s *Server) count(ctx context.Context, p *view.Site) error {
	now := s.Clock.Now()
	s.sums.mu.Lock()
	defer s.sums.mu.Unlock()
	if !now.Before(s.sums.until) {
		var err error
		if s.sums.users, err = s.Accounts.LocalCount(ctx, s.DB); err != nil {
			return err
		}
		if s.sums.posts, err = s.Statuses.LocalCount(ctx, s.DB); err != nil {
			return err
		}
		if s.sums.peers, err = s.Instances.Count(ctx, s.DB); err != nil {
			return err
		}
		s.sums.until = now.Add(sumsAge)
	}
	p.Users, p.Posts, p.Peers = s.sums.users, s.sums.posts, s.sums.peers
	return nil
}

// contact is who runs the server, nil when nobody is named.
func (s *Server) contact(ctx context.Context) (*accounts.Account, error) {
	instance, err := s.Settings.Get(ctx, s.DB)
	if err != nil || instance.ContactUsername == "" {
		return nil, err
	}
	a, err := s.Accounts.ByAcct(ctx, s.DB, instance.ContactUsername, "")
	if errs.IsNotFound(err) || err == nil && a.Suspended() {
		return nil, nil
	}
	return a, err
}
