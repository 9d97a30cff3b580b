package oauth

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
)

func writeToken(w http.ResponseWriter, t *access.NewToken) error {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	return httpio.JSON(w, http.StatusOK, struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		Scope       string `json:"scope"`
		CreatedAt   int64  `json:"created_at"`
	}{t.Plain, "Bearer", t.Scopes.String(), t.CreatedAt.Unix()})
}

func (s *Server) token(w http.ResponseWriter, r *api.Request) error {
	switch r.Params.String("grant_type") {
	case "authorization_code":
		return s.tokenForCode(w, r)
	case "client_credentials":
		return s.tokenForApp(w, r)
	case "":
		return missing("grant_type").write(w)
	}
	return unsupportedGrant.write(w)
}

func (s *Server) tokenForCode(w http.ResponseWriter, r *api.Request) error {
	p := r.Params
	if p.String("code") == "" {
		return missing("code").write(w)
	}
	app, err := s.client(r)
	if errs.IsNotFound(err) {
		return invalidClient.write(w)
	}
	if err != nil {
		return err
	}
	if p.String("redirect_uri") == "" {
		return missing("redirect_uri").write(w)
	}
	t, err := s.Access.Exchange(r.Context(), app, p.String("code"), p.String("redirect_uri"), p.String("code_verifier"))
	if errors.Is(err, access.ErrGrant) {
		return invalidGrant.write(w)
	}
	if err != nil {
		return err
	}
	return writeToken(w, t)
}

func (s *Server) tokenForApp(w http.ResponseWriter, r *api.Request) error {
	app, err := s.client(r)
	if errs.IsNotFound(err) {
		return invalidClient.write(w)
	}
	if err != nil {
		return err
	}
	scopes, ok := wanted(app, r.Params.String("scope"))
	if !ok {
		return invalidScope.write(w)
	}
	t, err := s.Access.IssueToken(r.Context(), app, 0, scopes)
	if err != nil {
		return err
	}
	return writeToken(w, t)
}

// wanted reads the scopes asked for, all of which the application must have registered; whoever asks for nothing gets the
// default, or what there is.
func wanted(app *access.Application, asked string) (access.Scopes, bool) {
	scopes, err := access.ParseScopes(asked)
	switch {
	case err != nil || !scopes.Within(app.Scopes):
		return nil, false
	case len(scopes) > 0:
		return scopes, true
	case slices.Contains(app.Scopes, access.DefaultScope):
		return access.Scopes{access.DefaultScope}, true
	}
	return app.Scopes, true
}

func (s *Server) revoke(w http.ResponseWriter, r *api.Request) error {
	app, err := s.client(r)
	if errs.IsNotFound(err) {
		return unauthorizedToRevoke.write(w)
	}
	if err != nil {
		return err
	}
	err = s.Access.RevokeToken(r.Context(), app, strings.TrimSpace(r.Params.String("token")))
	if errs.KindOf(err) == errs.ForbiddenKind {
		return unauthorizedToRevoke.write(w)
	}
	// A token that is none is revoked already (RFC 7009, section 2.2).
	if err != nil && !errs.IsNotFound(err) {
		return err
	}
	return httpio.JSON(w, http.StatusOK, struct{}{})
}

// introspect tells an application about a token of its own (RFC 7662), as Doorkeeper does. It says who it is by its secret, or by
// another of its tokens; of any other token, and of those that are none, it learns only that they are not active.
func (s *Server) introspect(w http.ResponseWriter, r *api.Request) error {
	plain := strings.TrimSpace(r.Params.String("token"))
	app, err := s.client(r)
	switch {
	case errs.IsNotFound(err) && r.Token != nil && r.Token.App != nil && r.Bearer != plain:
		app = r.Token.App
	case errs.IsNotFound(err):
		return invalidClient.write(w)
	case err != nil:
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	t, err := s.Access.TokenOf(r.Context(), s.DB, app, plain)
	if errs.IsNotFound(err) {
		return httpio.JSON(w, http.StatusOK, struct {
			Active bool `json:"active"`
		}{})
	}
	if err != nil {
		return err
	}
	return httpio.JSON(w, http.StatusOK, struct {
		Active    bool   `json:"active"`
		Scope     string `json:"scope"`
		ClientID  string `json:"client_id"`
		TokenType string `json:"token_type"`
		IssuedAt  int64  `json:"iat"`
	}{true, t.Scopes.String(), app.ClientID, "Bearer", t.CreatedAt.Unix()})
}

func (s *Server) tokenInfo(w http.ResponseWriter, r *api.Request) error {
	type app struct {
		UID *string `json:"uid"`
	}
	info := struct {
		Owner     *string  `json:"resource_owner_id"`
		Scope     []string `json:"scope"`
		ExpiresIn *int64   `json:"expires_in"`
		App       app      `json:"application"`
		CreatedAt int64    `json:"created_at"`
	}{Scope: r.Token.Scopes, CreatedAt: r.Token.CreatedAt.Unix()}
	if r.Token.UserID != 0 {
		id := ids.Format(r.Token.UserID)
		info.Owner = &id
	}
	if r.Token.App != nil {
		info.App.UID = &r.Token.App.ClientID
	}
	return httpio.JSON(w, http.StatusOK, info)
}

func (s *Server) userInfo(w http.ResponseWriter, r *api.Request) error {
	a := r.Account
	picture := s.Site.URL("/avatars/original/missing.png")
	if a.Avatar != "" && s.Addresses != nil {
		picture = s.Addresses.Of(media.Avatars, a.Avatar, false)
	}
	return httpio.JSON(w, http.StatusOK, struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Name     string `json:"name"`
		Username string `json:"preferred_username"`
		Profile  string `json:"profile"`
		Picture  string `json:"picture"`
	}{s.Site.Base() + "/", a.URI, a.DisplayName, a.Username, a.URL, picture})
}

func (s *Server) metadata(w http.ResponseWriter, _ *api.Request) error {
	at := s.Site.URL
	return httpio.JSON(w, http.StatusOK, struct {
		Issuer               string   `json:"issuer"`
		Authorization        string   `json:"authorization_endpoint"`
		Token                string   `json:"token_endpoint"`
		Revocation           string   `json:"revocation_endpoint"`
		Introspection        string   `json:"introspection_endpoint"`
		UserInfo             string   `json:"userinfo_endpoint"`
		Scopes               []string `json:"scopes_supported"`
		ResponseTypes        []string `json:"response_types_supported"`
		ResponseModes        []string `json:"response_modes_supported"`
		GrantTypes           []string `json:"grant_types_supported"`
		AuthMethods          []string `json:"token_endpoint_auth_methods_supported"`
		ChallengeMethods     []string `json:"code_challenge_methods_supported"`
		ServiceDocumentation string   `json:"service_documentation"`
		AppRegistration      string   `json:"app_registration_endpoint"`
	}{at("/"), at("/oauth/authorize"), at("/oauth/token"), at("/oauth/revoke"), at("/oauth/introspect"), at("/oauth/userinfo"), access.KnownScopes(),
		[]string{"code"}, []string{"query"}, []string{"authorization_code", "client_credentials"},
		[]string{"client_secret_basic", "client_secret_post"}, []string{"S256"}, "https://docs.joinmastodon.org/", at("/api/v1/apps")})
}
