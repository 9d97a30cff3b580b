package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/limit"
)

const (
	// maxForm bounds a form, in bytes; the longest has a biography in it.
	maxForm = 64 << 10
	// publicAge is for how long anybody's page may be shown again to somebody else, as in Mastodon.
	publicAge = 15 * time.Second
)

// visit is a request to a page: who asks, and the answer.
type visit struct {
	*access.Visit
	w http.ResponseWriter
	r *http.Request
	// secret is the cookie that the forms of this page are bound to.
	secret string
}

type handler func(ctx context.Context, v *visit) error

// page serves a page to look at.
func (s *Server) page(h handler) http.HandlerFunc {
	return s.guard(func(w http.ResponseWriter, r *http.Request) error {
		who, err := s.Visit(r)
		if err != nil {
			return err
		}
		return h(r.Context(), &visit{Visit: who, w: w, r: r})
	})
}

// form serves what a form sends: only from our own pages, and of bounded size (SES-11).
func (s *Server) form(h handler) http.HandlerFunc {
	return s.guard(func(w http.ResponseWriter, r *http.Request) error {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		err := r.ParseForm()
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return errs.New(errs.TooLargeKind, "The form is too large")
		}
		if err != nil {
			return errs.New(errs.MalformedKind, "The form cannot be read")
		}
		if !s.FormOK(r) {
			return errs.Invalid("") // the page's own words for it
		}
		for _, list := range r.PostForm {
			for i, value := range list {
				list[i] = strings.ToValidUTF8(strings.ReplaceAll(value, "\x00", ""), "\uFFFD")
			}
		}
		who, err := s.Visit(r)
		if err != nil {
			return err
		}
		w.Header().Set("Cache-Control", "private, no-store")
		return h(r.Context(), &visit{Visit: who, w: w, r: r})
	})
}

// mine is for people who are signed in; others are sent to do so, and back.
func (s *Server) mine(h handler) handler {
	return func(ctx context.Context, v *visit) error {
		if v.Visit == nil {
			next := view.PathAccount
			if v.r.Method == http.MethodGet {
				next = v.r.URL.RequestURI()
			}
			s.SignIn(v.w, v.r, next, false)
			return nil
		}
		v.w.Header().Set("Cache-Control", "private, no-store")
		return h(ctx, v)
	}
}

// guard gives every answer its headers, catches panics and shows failures.
func (s *Server) guard(h httpio.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.headers(w.Header(), "")
		// Apps on the web open the pages of signing in as a window of theirs, and must know it again when it comes back.
		if !strings.HasPrefix(r.URL.Path, "/auth/") {
			w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.Log.ErrorContext(r.Context(), "panic while answering", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				s.Fail(w, r, http.StatusInternalServerError, "")
			}
		}()
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// headers are those of every page (WEB-04). formTarget is where a form may lead beside this server.
func (s *Server) headers(h http.Header, formTarget string) {
	other := ""
	if s.DevURL != "" {
		other = " " + strings.TrimSuffix(s.DevURL, "/") + " " + strings.Replace(strings.TrimSuffix(s.DevURL, "/"), "http", "ws", 1)
	}
	media := s.mediaSources("'self'")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'"+formTarget+
		"; img-src "+media+"; media-src "+media+"; style-src 'self'"+other+"; script-src 'self'"+other+"; connect-src 'self'"+other+"; font-src 'self'; manifest-src 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-XSS-Protection", "0")
	h.Set("Permissions-Policy", "browsing-topics=()")
	if s.Site.HTTPS {
		h.Set("Strict-Transport-Security", "max-age=63072000")
	}
	h.Set("Vary", "Accept, Cookie")
}

// mediaSources are from where pages show pictures.
func (s *Server) mediaSources(own string) string {
	return strings.Join(append([]string{own, "data:", "blob:"}, s.Addresses.Origins()...), " ")
}

// framed lets a page be shown within those of others. There it is nobody's: it has no cookies, no scripts and no forms, and its links open
// by themselves. Its origin is none, so that its own files are named by address.
func (s *Server) framed(h http.Header) {
	media := s.mediaSources(s.Site.Base())
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors *; sandbox allow-popups allow-popups-to-escape-sandbox; img-src "+media+
		"; media-src "+media+"; style-src "+s.Site.Base()+"; font-src "+s.Site.Base())
	h.Del("X-Frame-Options")
	h.Del("Cross-Origin-Opener-Policy")
}

// show writes a page of ours. Anybody's page may be kept for a moment by proxies, a person's never.
func (s *Server) show(v *visit, status int, draw func(io.Writer) error) error {
	var b bytes.Buffer
	if err := draw(&b); err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, no-store")
	}
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	v.w.WriteHeader(status)
	_, _ = v.w.Write(b.Bytes()) // a reader who went away is no failure
	return nil
}

// shared lets proxies keep a page that everybody sees alike.
func (v *visit) shared() {
	if v.Visit == nil {
		v.w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d, stale-while-revalidate=30", int(publicAge/time.Second)))
	}
}

// see sends the browser to another page of ours.
func (v *visit) see(path string) error {
	if v.w.Header().Get("Cache-Control") == "" {
		v.w.Header().Set("Cache-Control", "private, no-store")
	}
	v.w.Header().Set("Location", path)
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := httpio.Status(err)
	if status == http.StatusInternalServerError {
		if r.Context().Err() != nil {
			return // whoever asked is gone
		}
		s.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "request_id", w.Header().Get("X-Request-Id"), "error", err)
		s.Fail(w, r, status, "")
		return
	}
	message := httpio.Body(err).Error
	if status == http.StatusNotFound || status == http.StatusGone {
		message = ""
	}
	s.Fail(w, r, status, message)
}

// Fail shows why a request cannot be answered: a page to browsers, JSON to those who ask for it. It asks no store, so that it
// also works when that is what failed.
func (s *Server) Fail(w http.ResponseWriter, r *http.Request, status int, message string) {
	h := w.Header()
	s.headers(h, "")
	h.Set("Cache-Control", "private, no-store")
	if wantsJSON(r) {
		if message == "" {
			message = http.StatusText(status)
		}
		_ = httpio.JSON(w, status, httpio.ErrorBody{Error: message})
		return
	}
	var b bytes.Buffer
	p := view.Failure{Page: view.Page{Site: s.bare()}, Status: status, Message: message, RequestID: h.Get("X-Request-Id")}
	if err := s.pages.Failure(&b, p); err != nil {
		s.Log.ErrorContext(r.Context(), "drawing the page of a failure", "error", err)
		http.Error(w, http.StatusText(status), status)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.HasPrefix(r.URL.Path, "/api/") || strings.Contains(accept, "json") && !strings.Contains(accept, "text/html")
}

// bare is the server as a page shows it that can ask for nothing.
func (s *Server) bare() view.Site {
	return view.Site{Name: s.Site.LocalDomain, Domain: s.Site.LocalDomain, URL: s.Site.Base(), Version: s.Version, SourceURL: s.SourceURL}
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	s.Fail(w, r, http.StatusNotFound, "")
}

func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	s.Fail(w, r, http.StatusMethodNotAllowed, "")
}

// ownPath gives a path on this server to go to, or the fallback for everything else (SES-12).
func ownPath(next, fallback string) string {
	if len(next) > 8<<10 || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return fallback
	}
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\") {
		return fallback
	}
	return u.String()
}

// within counts a try and reports whether it is allowed.
func (s *Server) within(ctx context.Context, rule limit.Rule, key string) error {
	if s.Limiter == nil {
		return nil
	}
	res, err := s.Limiter.Allow(ctx, rule, key)
	if err == nil && !res.OK {
		err = errs.New(errs.TooManyKind, "")
	}
	return err
}
