package site

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/limit"
	"github.com/gomph/gomph/internal/kit/text"
)

// lookUpByUser bounds how often a person makes this server ask others.
var lookUpByUser = limit.Rule{Name: "look_up_user", Limit: 30, Window: 5 * time.Minute}

// maxURI bounds an address that another server gave.
const maxURI = 2000

// find finds the account that an address or a handle names; of a post, its author.
func (s *Server) find(ctx context.Context, v *visit, uri string) (*accounts.Account, error) {
	uri = strings.TrimSpace(uri)
	if uri == "" || len(uri) > maxURI {
		return nil, errs.NotFound()
	}
	uri = strings.TrimPrefix(uri, "acct:")
	if !strings.HasPrefix(uri, "https://") && !strings.HasPrefix(uri, "http://") {
		return s.findHandle(ctx, v, uri)
	}
	a, err := s.Accounts.ByURL(ctx, s.DB, uri)
	if !errs.IsNotFound(err) {
		return a, err
	}
	st, err := s.Statuses.ByURL(ctx, s.DB, uri)
	if err == nil && st.Distributable() {
		return s.Accounts.ByID(ctx, s.DB, st.AccountID)
	}
	if err != nil && !errs.IsNotFound(err) {
		return nil, err
	}
	if s.Finder == nil || s.Site.IsLocalURI(uri) {
		return nil, errs.NotFound()
	}
	if err := s.within(ctx, lookUpByUser, ids.Format(v.User.ID)); err != nil {
		return nil, err
	}
	return s.Finder.AccountByURI(ctx, uri, false)
}

func (s *Server) findHandle(ctx context.Context, v *visit, handle string) (*accounts.Account, error) {
	h, err := parseHandle(handle)
	if err != nil {
		return nil, err
	}
	a, err := s.Accounts.ByAcct(ctx, s.DB, h.Username, h.Domain)
	if !errs.IsNotFound(err) || s.Resolver == nil || s.Site.IsLocalDomain(h.Domain) {
		return a, err
	}
	if err := s.within(ctx, lookUpByUser, ids.Format(v.User.ID)); err != nil {
		return nil, err
	}
	found, err := s.Resolver.Resolve(ctx, []accounts.Handle{h})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errs.NotFound()
	}
	return found[0], nil
}

// parseHandle reads "@ann@elsewhere" or "ann@elsewhere".
func parseHandle(s string) (accounts.Handle, error) {
	name, domain, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(s), "@"), "@")
	if !text.ValidRemoteUsername(name) {
		return accounts.Handle{}, errs.NotFound()
	}
	if domain == "" {
		return accounts.Handle{Username: name}, nil
	}
	host, err := text.NormalizeDomain(domain)
	if err != nil {
		return accounts.Handle{}, errs.NotFound()
	}
	return accounts.Handle{Username: name, Domain: host}, nil
}

func (s *Server) interact(ctx context.Context, v *visit) error {
	uri := v.r.URL.Query().Get("uri")
	if uri == "" {
		uri = v.r.URL.Query().Get("acct")
	}
	a, err := s.find(ctx, v, uri)
	if err != nil {
		return err
	}
	if st, err := s.Statuses.ByURL(ctx, s.DB, uri); err == nil && st.Local && st.Distributable() {
		return v.see(ownPath("/@"+a.Username+"/"+ids.Format(st.ID), view.PathLanding))
	}
	return s.interactPage(ctx, v, a, uri)
}

func (s *Server) interactPage(ctx context.Context, v *visit, a *accounts.Account, uri string) error {
	if a.Suspended() {
		return errs.NotFound()
	}
	frame, err := s.formFrame(ctx, v)
	if err != nil {
		return err
	}
	rel, err := s.Relations.Relationship(ctx, s.DB, v.Account.ID, a.ID)
	if err != nil {
		return err
	}
	p := view.AuthorizeInteraction{Page: frame, Account: s.fullAccount(a), URI: uri, Following: rel.Following, Requested: rel.Requested, Self: a.ID == v.Account.ID}
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.AuthorizeInteraction(w, p) })
}

func (s *Server) follow(ctx context.Context, v *visit) error {
	uri := v.r.PostForm.Get("uri")
	a, err := s.find(ctx, v, uri)
	if err != nil {
		return err
	}
	if a.ID == v.Account.ID {
		return errs.Forbidden()
	}
	if err := s.Relations.Follow(ctx, v.Account, a, relations.FollowOptions{}); err != nil {
		return err
	}
	return v.see(view.PathAuthorizeInteract + "?" + url.Values{"uri": {uri}, "notice": {"following"}}.Encode())
}

// remoteFollow asks a visitor for their handle.
func (s *Server) remoteFollow(ctx context.Context, v *visit) error {
	return s.remotePage(ctx, v, http.StatusOK, v.r.URL.Query().Get("acct"), view.RemoteFollow{})
}

func (s *Server) remotePage(ctx context.Context, v *visit, status int, acct string, p view.RemoteFollow) error {
	a, err := s.local(ctx, strings.TrimPrefix(acct, "@"))
	if err != nil {
		return err
	}
	if v.Visit != nil {
		return v.see(s.followURL(v, a))
	}
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	p.Account = s.showAccount(a)
	// The form leads to a server that nobody knows before it was typed.
	target := " https:"
	if !s.Site.HTTPS {
		target += " http:"
	}
	s.headers(v.w.Header(), target)
	return s.show(v, status, func(w io.Writer) error { return s.pages.RemoteFollow(w, p) })
}

// sendToOwnServer sends a visitor to the server that they named, to the page that servers of the network have for it.
func (s *Server) sendToOwnServer(ctx context.Context, v *visit) error {
	f := v.r.PostForm
	a, err := s.local(ctx, strings.TrimPrefix(f.Get("acct"), "@"))
	if err != nil {
		return err
	}
	h, err := parseHandle(f.Get("handle"))
	if err != nil || h.Domain == "" {
		return s.remotePage(ctx, v, http.StatusUnprocessableEntity, a.Username, view.RemoteFollow{Handle: f.Get("handle"),
			Form: view.Form{Errors: map[string]string{"handle": "Write it with your server, as in @you@mastodon.social."}}})
	}
	if s.Site.IsLocalDomain(h.Domain) {
		return v.see(view.PathAuthorizeInteract + "?" + url.Values{"uri": {a.URI}}.Encode())
	}
	scheme := "https"
	if !s.Site.HTTPS {
		scheme = "http" // a network of servers for tests
	}
	v.w.Header().Set("Location", scheme+"://"+h.Domain+"/authorize_interaction?"+url.Values{"uri": {a.URI}}.Encode())
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}
