package oauth

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// maxState bounds what an app may have us carry for it, in bytes.
	maxState = 4 << 10
	// maxForm bounds the consent form.
	maxForm = 64 << 10
)

// params are those of an authorization request, in the order in which the form carries them.
var params = []string{"client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method"}

// request is a checked authorization request.
type request struct {
	app         *access.Application
	redirectURI string
	scopes      access.Scopes
	challenge   string
	values      url.Values
}

// check reads an authorization request. What is wrong is shown here and never sent to an address that was not registered
// (OAU-01).
func (s *Server) check(r *http.Request, v url.Values) (*request, *problem, error) {
	for _, name := range params {
		if len(v[name]) > 1 {
			return nil, &problem{http.StatusBadRequest, "invalid_request", "The parameter " + name + " is given more than once."}, nil
		}
	}
	for _, name := range []string{"client_id", "redirect_uri", "response_type"} {
		if v.Get(name) == "" {
			p := missing(name)
			return nil, &p, nil
		}
	}
	app, err := s.Access.AppByClientID(r.Context(), s.DB, v.Get("client_id"))
	if errs.IsNotFound(err) {
		return nil, &invalidClient, nil
	}
	if err != nil {
		return nil, nil, err
	}
	q := &request{app: app, redirectURI: v.Get("redirect_uri"), challenge: v.Get("code_challenge"), values: v}
	var ok bool
	switch method := v.Get("code_challenge_method"); {
	case !app.Redirects(q.redirectURI):
		return nil, &invalidRedirect, nil
	case v.Get("response_type") != "code":
		return nil, &unsupportedResponse, nil
	case q.challenge != "" && (method != "S256" || !access.ValidChallenge(q.challenge)), q.challenge == "" && method != "":
		return nil, &invalidMethod, nil
	case len(v.Get("state")) > maxState:
		return nil, &problem{http.StatusBadRequest, "invalid_request", "The state is too long."}, nil
	}
	if q.scopes, ok = wanted(app, v.Get("scope")); !ok {
		return nil, &invalidScope, nil
	}
	return q, nil, nil
}

// ask shows the page on which a person decides.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	q, p, err := s.check(r, v)
	if err != nil {
		return err
	}
	if p != nil {
		s.Pages.Fail(w, r, http.StatusBadRequest, p.description)
		return nil
	}
	visit, err := s.Pages.Visit(r)
	if err != nil {
		return err
	}
	if anew := truthy(v.Get("force_login")); visit == nil || anew {
		next := url.Values{}
		for _, name := range params {
			if v.Has(name) {
				next.Set(name, v.Get(name))
			}
		}
		s.Pages.SignIn(w, r, "/oauth/authorize?"+next.Encode(), anew)
		return nil
	}
	if q.scopes.Admin() && !visit.User.Staff() {
		s.Pages.Fail(w, r, http.StatusBadRequest, invalidScope.description)
		return nil
	}
	var hidden [][2]string
	for _, name := range params {
		if v.Has(name) {
			hidden = append(hidden, [2]string{name, v.Get(name)})
		}
	}
	return s.Pages.Consent(w, r, visit, q.app, q.redirectURI, q.scopes, hidden)
}

func truthy(s string) bool {
	switch strings.ToLower(s) {
	case "", "0", "f", "false", "off":
		return false
	}
	return true
}

// answer is what both answers to the page have in common: the form is ours, the person is signed in, the request is checked
// again (OAU-06).
func (s *Server) answer(w http.ResponseWriter, r *http.Request) (*request, *access.Visit, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, nil, errs.New(errs.MalformedKind, "The form cannot be read")
	}
	visit, err := s.Pages.Visit(r)
	if err != nil {
		return nil, nil, err
	}
	if visit == nil {
		return nil, nil, errs.New(errs.UnauthorizedKind, "You need to sign in before continuing.")
	}
	if !s.Pages.FormOK(r) {
		return nil, nil, errs.Invalid("The form may have been open for too long. Go back, load it again and send it once more.")
	}
	values := r.PostForm
	if r.Method == http.MethodDelete {
		values = r.URL.Query()
		values.Set("response_type", "code")
	}
	q, p, err := s.check(r, values)
	if err != nil {
		return nil, nil, err
	}
	if p != nil {
		return nil, nil, errs.New(errs.MalformedKind, "%s", p.description)
	}
	return q, visit, nil
}

func (s *Server) decide(w http.ResponseWriter, r *http.Request) error {
	q, visit, err := s.answer(w, r)
	if err != nil {
		return err
	}
	if r.PostForm.Get("decision") != "allow" {
		return q.denied(w)
	}
	code, err := s.Access.Authorize(r.Context(), access.Grant{App: q.app, User: visit.User, RedirectURI: q.redirectURI, Scopes: q.scopes, Challenge: q.challenge})
	if err != nil {
		return err
	}
	if q.redirectURI == access.OutOfBand {
		redirect(w, "/oauth/authorize/native?"+url.Values{"code": {code}}.Encode())
		return nil
	}
	return q.back(w, url.Values{"code": {code}})
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request) error {
	q, _, err := s.answer(w, r)
	if err != nil {
		return err
	}
	return q.denied(w)
}

func (q *request) denied(w http.ResponseWriter) error {
	if q.redirectURI == access.OutOfBand {
		redirect(w, "/")
		return nil
	}
	return q.back(w, url.Values{"error": {accessDenied.code}, "error_description": {accessDenied.description}})
}

// back sends the browser to the application, with the state it gave us.
func (q *request) back(w http.ResponseWriter, with url.Values) error {
	u, err := url.Parse(q.redirectURI)
	if err != nil {
		return err // it was registered, so it can be read
	}
	if state := q.values.Get("state"); state != "" {
		with.Set("state", state)
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += with.Encode()
	redirect(w, u.String())
	return nil
}

func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

var codeShape = regexp.MustCompile(`^[A-Za-z0-9_-]{20,128}$`)

// native shows a code to copy. Only what looks like one is shown: the page puts our name to it.
func (s *Server) native(w http.ResponseWriter, r *http.Request) error {
	visit, err := s.Pages.Visit(r)
	if err != nil {
		return err
	}
	code := r.URL.Query().Get("code")
	switch {
	case visit == nil:
		return errs.New(errs.UnauthorizedKind, "You need to sign in before continuing.")
	case !codeShape.MatchString(code):
		return errs.New(errs.MalformedKind, "This is not a code")
	}
	return s.Pages.Code(w, r, visit, code)
}
