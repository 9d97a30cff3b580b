package stream

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

// caller is who connects. Cookies mean nothing here, so that a page of another origin gains nothing by connecting (STR-02).
type caller struct {
	account accounts.ID
	token   access.TokenID
	user    access.UserID
	scopes  access.Scopes
	// since is when the token was looked up: a revocation heard of since then counts (OAU-09).
	since time.Time
}

// bearerOf finds the token: in the header, the query, or where browsers' sockets can carry one.
func bearerOf(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if t := r.URL.Query().Get("access_token"); t != "" {
		return t
	}
	return subprotocol(r)
}

func subprotocol(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("Sec-WebSocket-Protocol"), ",")
	return strings.TrimSpace(first)
}

func (s *Server) authenticate(r *http.Request) (caller, error) {
	bearer := bearerOf(r)
	if bearer == "" {
		return caller{}, unauthorized("Missing access token")
	}
	since := time.Now()
	token, user, account, err := s.Auth.Authenticate(r.Context(), bearer)
	if errs.KindOf(err) == errs.UnauthorizedKind {
		return caller{}, unauthorized("Invalid access token")
	}
	if err != nil {
		return caller{}, err
	}
	if user == nil || account == nil || access.Barred(user, account) != nil {
		return caller{}, unauthorized("Invalid access token")
	}
	return caller{account: account.ID, token: token.ID, user: user.ID, scopes: token.Scopes, since: since}, nil
}

// fail answers a request that becomes no stream.
func (s *Server) fail(w http.ResponseWriter, err error) {
	var f *failure
	if !errors.As(err, &f) {
		s.Log.Error("streaming failed", "error", err)
		f = &failure{http.StatusInternalServerError, "An unexpected error occurred"}
	}
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Cache-Control", "no-store")
	_ = httpio.JSON(w, f.status, httpio.ErrorBody{Error: f.message})
}
