package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/log"
	"github.com/gomph/gomph/internal/kit/metric"
)

// maxRequestID bounds an id that a proxy gave to a request.
const maxRequestID = 100

type server struct {
	Deps
	seconds *metric.Histogram
	answers *metric.Counter
}

// serve is what happens for a route: who asks, how often, with what, and only then the handler.
func (s *server) serve(route Route) http.Handler {
	closed := s.closed(route)
	if closed {
		route.Auth = Optional
	}
	return s.around(resource(route.Pattern), func(w http.ResponseWriter, hr *http.Request) error {
		if !route.Deprecated.IsZero() {
			w.Header().Set("Deprecation", "@"+strconv.FormatInt(route.Deprecated.Unix(), 10))
		}
		r := &Request{Request: hr}
		bearer := bearerOf(hr)
		maxFile := route.MaxFile
		if bearer == "" && route.Auth != None && hasBody(hr) {
			// The token may be among the parameters. Nobody uploads files before that is known.
			if err := s.read(w, r, 0); err != nil {
				return err
			}
			defer r.Params.Close()
			bearer = r.Params.String("access_token")
		}
		authErr := s.identify(r, route, bearer)
		if err := s.limit(w, r, route); err != nil {
			return err
		}
		if authErr != nil {
			return authErr
		}
		if err := allow(r, route); err != nil {
			return err
		}
		if closed && r.User == nil {
			return errs.New(errs.UnauthorizedKind, "This method requires an authenticated user")
		}
		if r.Params == nil {
			if err := s.read(w, r, maxFile); err != nil {
				return err
			}
			defer r.Params.Close()
		}
		h := w.Header()
		h.Set("Vary", "Authorization")
		if route.Shared > 0 && r.Token == nil && hr.Method != http.MethodPost {
			h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(route.Shared/time.Second)))
		} else {
			h.Set("Cache-Control", "private, no-store")
		}
		err := route.Handler(w, r)
		if err != nil {
			s.refund(r, route)
		}
		return err
	})
}

func (s *server) read(w http.ResponseWriter, r *Request, maxFile int64) (err error) {
	r.Params, err = httpio.Read(w, r.Request, maxFile)
	return err
}

func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

// bearerOf is the token of a request's header or address.
func bearerOf(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if r.URL.RawQuery == "" {
		return ""
	}
	return r.URL.Query().Get("access_token")
}

// identify finds out who asks. A route for everybody does not look.
func (s *server) identify(r *Request, route Route, bearer string) error {
	if route.Auth == None || (route.Auth == Optional && bearer == "") {
		return nil
	}
	if bearer == "" {
		return errs.New(errs.UnauthorizedKind, "The access token is invalid")
	}
	token, user, account, err := s.Auth.Authenticate(r.Context(), bearer)
	if err != nil {
		return err
	}
	r.Token, r.User, r.Account, r.Bearer = token, user, account, bearer
	if account != nil {
		log.Note(r.Context(), "account", account.ID)
	}
	return nil
}

// allow decides whether whoever asks may: the scope, then the login.
func allow(r *Request, route Route) error {
	if r.Token == nil {
		return nil // identify let nobody pass where a token is needed
	}
	if !r.Token.Scopes.Allows(route.Scopes...) {
		return errs.New(errs.ForbiddenKind, "This action is outside the authorized scopes")
	}
	if r.User == nil || r.Account == nil {
		if route.Auth == User {
			return errs.Invalid("This method requires an authenticated user")
		}
		return nil
	}
	if err := access.Barred(r.User, r.Account); err != nil {
		if route.Auth == User {
			return err
		}
		r.User, r.Account = nil, nil
	}
	return nil
}

// resource is the word of a path that says what it is about.
func resource(pattern string) string {
	parts := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	if len(parts) > 2 && parts[0] == "api" {
		return parts[2]
	}
	return parts[0]
}

// around gives every answer its headers, catches panics and writes failures.
func (s *server) around(name string, h httpio.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		rec := &recorder{ResponseWriter: w}
		setRequestID(rec, r)
		cors(rec, r)
		if r.Method == http.MethodOptions {
			rec.WriteHeader(http.StatusOK)
			return
		}
		rec.Header().Set("X-Content-Type-Options", "nosniff")
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.Log.ErrorContext(r.Context(), "panic while answering", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				if rec.code == 0 {
					httpio.Fail(rec, r, s.Log, errors.New("panic while answering"))
				}
			}
			s.seconds.Observe(time.Since(began).Seconds(), name)
			s.answers.Inc(strconv.Itoa(max(rec.code, http.StatusOK)))
		}()
		if err := h(rec, r); err != nil {
			httpio.Fail(rec, r, s.Log, err)
		}
	})
}

// setRequestID names the request as a proxy did, or anew.
func setRequestID(w http.ResponseWriter, r *http.Request) {
	if w.Header().Get("X-Request-Id") != "" {
		return
	}
	id := strings.Map(func(c rune) rune {
		if c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return c
		}
		return -1
	}, r.Header.Get("X-Request-Id"))
	if id == "" || len(id) > maxRequestID {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		id = hex.EncodeToString(b[:])
	}
	w.Header().Set("X-Request-Id", id)
}

const (
	corsMethods = "POST, PUT, DELETE, GET, PATCH, OPTIONS"
	corsExposed = "Link, X-RateLimit-Reset, X-RateLimit-Limit, X-RateLimit-Remaining, X-Request-Id, Mastodon-Async-Refresh"
	// corsAge is how long a browser need not ask again, in seconds.
	corsAge = "7200"
	// maxAsked bounds the header names that are repeated to a browser.
	maxAsked = 1000
)

// cors opens the API to pages of other origins, without credentials.
func cors(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", corsExposed)
	if r.Method != http.MethodOptions {
		return
	}
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Max-Age", corsAge)
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" && len(asked) < maxAsked {
		h.Set("Access-Control-Allow-Headers", asked)
		h.Set("Vary", "Access-Control-Request-Headers")
	}
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.code == 0 {
		r.code = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
