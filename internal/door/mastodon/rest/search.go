package rest

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/search"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/text"
)

// maxQuery bounds what is searched for, in bytes.
const maxQuery = 2048

// query is what a request searches for.
func query(r *api.Request) (string, error) {
	q, err := required(r.Params, "q")
	if err != nil {
		return "", err
	}
	if q = strings.TrimSpace(q); len(q) > maxQuery {
		return "", errs.Invalid("Validation failed: The search is too long")
	}
	return q, nil
}

// handleIn reads a full handle, as in "@bob@far.example".
func handleIn(q string) (accounts.Handle, bool) {
	name, domain, two := strings.Cut(strings.TrimPrefix(q, "@"), "@")
	if !two || name == "" || strings.ContainsAny(q, " /") {
		return accounts.Handle{}, false
	}
	domain, err := text.NormalizeDomain(domain)
	return accounts.Handle{Username: name, Domain: domain}, err == nil
}

func isURL(q string) bool {
	u, err := url.Parse(q)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// named is what a query names exactly: an account or a post, known here or, with resolve, found elsewhere.
func (a *API) named(r *api.Request, q string, resolve bool) (*accounts.Account, *statuses.Status, error) {
	handle, full := handleIn(q)
	var acct *accounts.Account
	var st *statuses.Status
	var err error
	switch {
	case full:
		acct, err = a.Accounts.ByAcct(r.Context(), a.DB, handle.Username, handle.Domain)
	case isURL(q):
		if st, err = a.Statuses.ByURL(r.Context(), a.DB, q); errs.IsNotFound(err) {
			acct, err = a.Accounts.ByURL(r.Context(), a.DB, q)
		}
	default:
		return nil, nil, nil
	}
	local := full && a.Site.IsLocalDomain(handle.Domain) || !full && a.Site.IsLocalURI(q)
	if errs.IsNotFound(err) && resolve && !local && a.Finder != nil {
		acct, st, err = a.Finder.Find(r.Context(), q)
		// Whatever is wrong over there, the answer here is that nothing was found.
		if kind := errs.KindOf(err); kind != errs.Internal && kind != errs.UnavailableKind {
			return nil, nil, nil
		}
	}
	if errs.IsNotFound(err) {
		return nil, nil, nil
	}
	return acct, st, err
}

func (a *API) searchAccounts(w http.ResponseWriter, r *api.Request) error {
	q, err := query(r)
	if err != nil {
		return err
	}
	p := httpio.Paging(r.Params, 40, 80)
	found, err := a.findAccounts(r, q, accounts.SearchOptions{Limit: p.Limit, Offset: p.Offset})
	if err != nil {
		return err
	}
	out, err := a.approved(r, found)
	if err != nil {
		return err
	}
	return ok(w, out)
}

// findAccounts finds the account that a query names, then those whose name is like it.
func (a *API) findAccounts(r *api.Request, q string, o accounts.SearchOptions) ([]*accounts.Account, error) {
	resolve := r.Params.Bool("resolve", false) && r.Account != nil && o.Offset == 0
	exact, _, err := a.named(r, q, resolve)
	if err != nil {
		return nil, err
	}
	var out []*accounts.Account
	if exact != nil && !exact.Suspended() && o.Offset == 0 {
		out = append(out, exact)
	}
	if isURL(q) {
		return out, nil
	}
	o.Viewer = r.Viewer()
	if r.Params.Bool("following", false) {
		o.FollowedBy = r.Viewer()
		out = nil
	}
	more, err := a.Accounts.Search(r.Context(), a.DB, q, o)
	for _, acct := range more {
		if (exact == nil || acct.ID != exact.ID || len(out) == 0) && len(out) < o.Limit {
			out = append(out, acct)
		}
	}
	return out, err
}

// What one search can find, as the parameter type names it.
const (
	ofAccounts = "accounts"
	ofHashtags = "hashtags"
	ofStatuses = "statuses"
)

// sought is a search as it was asked for.
type sought struct {
	q string
	// kind is the only one that is wanted, "" for all.
	kind string
	db.Page
}

func (s *sought) wants(kind string) bool { return s.kind == "" || s.kind == kind }

func readSearch(r *api.Request) (*sought, error) {
	q, err := query(r)
	if err != nil {
		return nil, err
	}
	s := &sought{q: q, kind: r.Params.String("type"), Page: httpio.Paging(r.Params, 20, 40)}
	if r.Account == nil {
		switch {
		case s.Offset > 0:
			return nil, errs.New(errs.UnauthorizedKind, "Search queries pagination is not supported without authentication")
		case r.Params.Bool("resolve", false):
			return nil, errs.New(errs.UnauthorizedKind, "Search queries that resolve remote resources are not supported without authentication")
		}
	}
	if s.kind == "" { // one number for several lists says nothing (Mastodon)
		s.Offset = 0
	}
	return s, nil
}

func (a *API) search(w http.ResponseWriter, r *api.Request) error {
	s, err := readSearch(r)
	if err != nil {
		return err
	}
	out := entity.Search{Accounts: []*entity.Account{}, Statuses: []*entity.Status{}, Hashtags: []entity.Tag{}, Collections: []entity.Collection{}}
	tag, isTag := strings.CutPrefix(s.q, "#")
	if s.wants(ofHashtags) && !isURL(s.q) && !strings.HasPrefix(s.q, "@") {
		if out.Hashtags, err = a.searchTags(r, tag, s.Limit, s.Offset); err != nil {
			return err
		}
	}
	if !isTag {
		if err := a.searchNamed(r, s.q, s.wants, s.Limit, s.Offset, &out); err != nil {
			return err
		}
	}
	if s.wants(ofStatuses) && r.Account != nil && !isURL(s.q) {
		if out.Statuses, err = a.searchStatuses(r, s); err != nil {
			return err
		}
	}
	return ok(w, out)
}

// searchStatuses finds posts by their words.
func (a *API) searchStatuses(r *api.Request, s *sought) ([]*entity.Status, error) {
	o := search.Options{Viewer: r.Viewer(), MinID: s.MinID, MaxID: s.MaxID, Limit: s.Limit, Offset: s.Offset}
	if id := r.Params.ID("account_id"); id != 0 {
		author, err := a.Accounts.ByID(r.Context(), a.DB, accounts.ID(id))
		if err != nil {
			return nil, err
		}
		o.Author = author.ID
	}
	if r.User != nil && r.User.TimeZone != "" {
		if zone, err := time.LoadLocation(r.User.TimeZone); err == nil {
			o.Zone = zone
		}
	}
	list, err := a.Search.Find(r.Context(), s.q, o)
	if err != nil || len(list) == 0 {
		return []*entity.Status{}, err
	}
	return a.Render.Statuses(r.Context(), a.DB, r.Viewer(), list, "")
}

func (a *API) searchTags(r *api.Request, tag string, limit, offset int) ([]entity.Tag, error) {
	name := text.NormalizeTag(tag)
	if name == "" || strings.ContainsAny(tag, " \t\n") {
		return []entity.Tag{}, nil
	}
	found, err := a.Statuses.SearchTags(r.Context(), a.DB, name, limit, offset)
	if err != nil {
		return nil, err
	}
	return a.tags(r, found)
}

// searchNamed finds accounts, and posts by their address.
func (a *API) searchNamed(r *api.Request, q string, wants func(string) bool, limit, offset int, out *entity.Search) error {
	if isURL(q) {
		if found, err := a.searchCollection(r, q, wants, offset, out); found || err != nil {
			return err
		}
		acct, st, err := a.named(r, q, r.Params.Bool("resolve", false) && r.Account != nil)
		if err != nil || offset > 0 {
			return err
		}
		if acct == nil && st == nil { // perhaps it was a collection, which is here now
			_, err := a.searchCollection(r, q, wants, offset, out)
			return err
		}
		if st != nil && wants(ofStatuses) {
			out.Statuses, err = a.Render.Statuses(r.Context(), a.DB, r.Viewer(), []statuses.ID{st.ID}, "")
		}
		if err == nil && acct != nil && !acct.Suspended() && wants(ofAccounts) {
			out.Accounts, err = a.approved(r, []*accounts.Account{acct})
		}
		return err
	}
	if !wants(ofAccounts) {
		return nil
	}
	found, err := a.findAccounts(r, q, accounts.SearchOptions{Limit: limit, Offset: offset})
	if err != nil {
		return err
	}
	out.Accounts, err = a.approved(r, found)
	return err
}
