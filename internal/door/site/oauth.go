package site

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/door/site/view"
)

// Consent asks the person whether an application may act for them. The form may lead to where the application waits.
func (s *Server) Consent(w http.ResponseWriter, r *http.Request, who *access.Visit, app *access.Application, redirectURI string, scopes access.Scopes, hidden [][2]string) error {
	v := &visit{Visit: who, w: w, r: r}
	s.headers(w.Header(), formTarget(redirectURI))
	frame, err := s.formFrame(r.Context(), v)
	if err != nil {
		return err
	}
	p := view.Consent{Page: frame, AppName: app.Name, AppWebsite: app.Website, RedirectURI: redirectURI, Scopes: scopes, Account: s.showAccount(who.Account)}
	for _, h := range hidden {
		p.Hidden = append(p.Hidden, view.Hidden{Name: h[0], Value: h[1]})
	}
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Consent(w, p) })
}

// formTarget is the source of a policy for an address: its origin, or its scheme for an app's own.
func formTarget(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || uri == access.OutOfBand {
		return ""
	}
	source := u.Scheme + ":"
	if u.Scheme == "http" || u.Scheme == "https" {
		source = u.Scheme + "://" + u.Host
	}
	if strings.ContainsAny(source, " ;,'\"*\t\r\n") {
		return ""
	}
	return " " + source
}

// Code shows a code to copy into an application.
func (s *Server) Code(w http.ResponseWriter, r *http.Request, who *access.Visit, code string) error {
	v := &visit{Visit: who, w: w, r: r}
	s.headers(w.Header(), "")
	frame, err := s.frame(r.Context(), v)
	if err != nil {
		return err
	}
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.OutOfBand(w, view.OutOfBand{Page: frame, Code: code}) })
}
