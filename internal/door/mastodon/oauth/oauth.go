// Package oauth owns how applications get to act for people: registration, consent, codes, tokens, and signing up through an app.
//
// Shapes and sentences of failures are those of Mastodon's OAuth server (Doorkeeper), which apps compare against.
package oauth

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

// Pages is what the door for browsers does for this one: it knows cookies and draws pages.
type Pages interface {
	// Visit is who the browser's session belongs to, nil for nobody.
	Visit(r *http.Request) (*access.Visit, error)
	// SignIn sends the browser to sign in, and then back to next, a path with its query. Anew asks even those signed in.
	SignIn(w http.ResponseWriter, r *http.Request, next string, anew bool)
	// FormOK reports whether a form comes from one of our own pages, shown to this browser.
	FormOK(r *http.Request) bool
	// Consent asks the person whether the application may; hidden are names and values that the form sends back.
	Consent(w http.ResponseWriter, r *http.Request, v *access.Visit, app *access.Application, redirectURI string, scopes access.Scopes, hidden [][2]string) error
	// Code shows a code to copy.
	Code(w http.ResponseWriter, r *http.Request, v *access.Visit, code string) error
	// Fail shows why a request cannot be answered.
	Fail(w http.ResponseWriter, r *http.Request, status int, message string)
}

// Deps is what the door stands on.
type Deps struct {
	DB     *db.DB
	Clock  clock.Clock
	Site   settings.Site
	Access *access.Service
	Pages  Pages
	Log    *slog.Logger
	// ClientAddr is where a request came from, past the proxies that are trusted; nil keeps no addresses.
	ClientAddr func(*http.Request) netip.Addr
	// VAPIDKey is the public key by which push services know this server.
	VAPIDKey string
	// Addresses are those of pictures; nil shows none.
	Addresses *media.Addresses
}

// Server answers.
type Server struct{ Deps }

// New makes the door.
func New(d Deps) *Server {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{d}
}

// Routes are the endpoints without cookies; api.Mount puts them on the router.
func (s *Server) Routes() []api.Route {
	// The metadata changes with releases alone.
	const metadataAge = time.Hour
	return []api.Route{
		{Method: http.MethodPost, Pattern: "/api/v1/apps", Open: true, Limit: api.LimitApps, Handler: s.register},
		{Method: http.MethodGet, Pattern: "/api/v1/apps/verify_credentials", Auth: api.App, Handler: s.verifyApp},
		{Method: http.MethodPost, Pattern: "/api/v1/accounts", Auth: api.App, Scopes: []string{"write:accounts"}, Limit: api.LimitSignUp, Handler: s.signUp},
		{Method: http.MethodPost, Pattern: "/api/v1/emails/confirmations", Auth: api.App, Scopes: []string{"write:accounts"}, Limit: api.LimitSignUp, Handler: s.confirmAgain},
		{Method: http.MethodGet, Pattern: "/api/v1/emails/check_confirmation", Auth: api.App, Scopes: []string{"read:accounts"}, Handler: s.checkConfirmation},
		{Method: http.MethodPost, Pattern: "/oauth/token", Open: true, Handler: s.token},
		{Method: http.MethodPost, Pattern: "/oauth/revoke", Open: true, Handler: s.revoke},
		{Method: http.MethodPost, Pattern: "/oauth/introspect", Auth: api.Optional, Open: true, Handler: s.introspect},
		{Method: http.MethodGet, Pattern: "/oauth/token/info", Auth: api.App, Handler: s.tokenInfo},
		{Method: http.MethodGet, Pattern: "/oauth/userinfo", Auth: api.User, Scopes: []string{"profile"}, Handler: s.userInfo},
		{Method: http.MethodPost, Pattern: "/oauth/userinfo", Auth: api.User, Scopes: []string{"profile"}, Handler: s.userInfo},
		{Method: http.MethodGet, Pattern: "/.well-known/oauth-authorization-server", Open: true, Shared: metadataAge, Handler: s.metadata},
	}
}

// Mount puts the pages, which know people by their cookie, on the router.
func (s *Server) Mount(mux chi.Router) {
	page := func(h httpio.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "private, no-store")
			if err := h(w, r); err != nil {
				s.failPage(w, r, err)
			}
		}
	}
	mux.Get("/oauth/authorize", page(s.ask))
	mux.Post("/oauth/authorize", page(s.decide))
	mux.Delete("/oauth/authorize", page(s.refuse))
	mux.Get("/oauth/authorize/native", page(s.native))
}

func (s *Server) failPage(w http.ResponseWriter, r *http.Request, err error) {
	status := httpio.Status(err)
	message := ""
	if status == http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	} else {
		message = httpio.Body(err).Error
	}
	s.Pages.Fail(w, r, status, message)
}

// problem is a failure in OAuth's shape.
type problem struct {
	status            int
	code, description string
}

var (
	invalidClient = problem{http.StatusUnauthorized, "invalid_client",
		"Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method."}
	invalidGrant         = problem{http.StatusBadRequest, "invalid_grant", access.ErrGrant.Message}
	invalidScope         = problem{http.StatusBadRequest, "invalid_scope", "The requested scope is invalid, unknown, or malformed."}
	invalidRedirect      = problem{http.StatusBadRequest, "invalid_redirect_uri", "The requested redirect uri is malformed or doesn't match client redirect URI."}
	invalidMethod        = problem{http.StatusBadRequest, "invalid_code_challenge_method", "The code challenge method must be S256."}
	unsupportedGrant     = problem{http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server."}
	unsupportedResponse  = problem{http.StatusBadRequest, "unsupported_response_type", "The authorization server does not support this response type."}
	unauthorizedToRevoke = problem{http.StatusForbidden, "unauthorized_client", "You are not authorized to revoke this token"}
	accessDenied         = problem{http.StatusUnauthorized, "access_denied", "The resource owner or authorization server denied the request."}
)

func missing(param string) problem {
	return problem{http.StatusBadRequest, "invalid_request", "Missing required parameter: " + param + "."}
}

func (p problem) write(w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="Doorkeeper", error="`+p.code+`", error_description="`+p.description+`"`)
	}
	return httpio.JSON(w, p.status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{p.code, p.description})
}

// client finds the application that a request comes from: by Basic authentication or by parameters; errs.NotFound for none.
func (s *Server) client(r *api.Request) (*access.Application, error) {
	id, secret := r.Params.String("client_id"), r.Params.String("client_secret")
	if scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Basic") {
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		user, pass, ok := strings.Cut(string(b), ":")
		if err != nil || !ok {
			return nil, errs.NotFound()
		}
		id, secret = formDecode(user), formDecode(pass)
	}
	return s.Access.AuthenticateApp(r.Context(), s.DB, id, secret)
}

// formDecode reads what RFC 6749, section 2.3.1, has encoded; our own names need no encoding.
func formDecode(v string) string {
	if d, err := url.QueryUnescape(v); err == nil {
		return d
	}
	return v
}
