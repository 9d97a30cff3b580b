// Package rest owns the endpoints of the Mastodon API: one table of routes, and a handler for each that decodes, calls one verb
// of a domain, and renders.
package rest

import (
	"context"
	"net/http"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/search"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/domain/trends"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/translate"
)

// Finder asks other servers for what an address or a handle names. It may take as long as a network does.
type Finder interface {
	// Find gives an account or a post, stored here by then; errs.NotFound when the words name neither.
	Find(ctx context.Context, query string) (*accounts.Account, *statuses.Status, error)
}

// Deps is what the endpoints stand on.
type Deps struct {
	DB            *db.DB
	Clock         clock.Clock
	Site          settings.Site
	Settings      *settings.Service
	Access        *access.Service
	Accounts      *accounts.Service
	Relations     *relations.Service
	Instances     *instances.Service
	Statuses      *statuses.Service
	Collections   *collections.Service
	Media         *media.Service
	Links         *links.Service
	Filters       *filters.Service
	Moderation    *moderation.Service
	Notifications *notifications.Service
	Feeds         *feeds.Service
	Search        *search.Service
	Trends        *trends.Service
	Announcements *announcements.Service
	Annual        *annual.Service
	Subscriptions *subscriptions.Service
	Render        *entity.Renderer
	// Finder is nil for a server that never looks elsewhere.
	Finder Finder
	// VAPIDKey is the public key by which push services know this server.
	VAPIDKey string
	// Translator is nil where nothing is translated; Cache keeps what was.
	Translator *translate.Translator
	Cache      cache.Cache
	// Version is this program's, as in "1.2.3".
	Version string
}

// API answers.
type API struct {
	Deps
}

// New makes the API.
func New(d Deps) *API { return &API{Deps: d} }

// maxLookups bounds how many accounts or posts one request names by id.
const maxLookups = 500

func ok(w http.ResponseWriter, v any) error { return httpio.JSON(w, http.StatusOK, v) }

// raw answers with JSON that is written already.
func raw(w http.ResponseWriter, b []byte) error {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", itoa(len(b)))
	_, _ = w.Write(b) // who went away is no failure
	return nil
}

// posts answers with posts as the viewer sees them.
func (a *API) posts(w http.ResponseWriter, r *api.Request, page []statuses.ID) error {
	return httpio.Buffered(func(buffer []byte) ([]byte, error) {
		list, err := a.Render.AppendList(r.Context(), a.DB, buffer, r.Viewer(), page, "")
		if err != nil {
			return buffer, err
		}
		return list, raw(w, list)
	})
}

// empty is the answer of acts that have nothing to show.
func empty(w http.ResponseWriter) error { return ok(w, struct{}{}) }

// missing is the answer when a parameter must be there and is not.
func missing(name string) error {
	return errs.New(errs.MalformedKind, "param is missing or the value is empty or invalid: %s", name)
}

// required is a parameter's text, which must be there.
func required(p *httpio.Params, name string) (string, error) {
	s := p.String(name)
	if s == "" {
		return "", missing(name)
	}
	return s, nil
}

// target is the account that a path names.
func (a *API) target(r *api.Request, name string) (*accounts.Account, error) {
	acct, err := a.Accounts.ByID(r.Context(), a.DB, accounts.ID(r.ID(name)))
	if err != nil {
		return nil, err
	}
	if acct.Local() && acct.ActorType == "Application" {
		return nil, errs.NotFound() // the server itself is nobody
	}
	return acct, nil
}

// showStatus answers with a post as the viewer sees it.
func (a *API) showStatus(w http.ResponseWriter, r *api.Request, id statuses.ID) error {
	s, err := a.Render.Status(r.Context(), a.DB, r.Viewer(), id)
	if err != nil {
		return err
	}
	if s == nil {
		return errs.NotFound()
	}
	return ok(w, s)
}

// timeline answers with a page of posts; any page that is not empty has a next one.
func (a *API) timeline(w http.ResponseWriter, r *api.Request, page []statuses.ID, keep ...string) error {
	if n := len(page); n > 0 {
		httpio.Link(w, r.Request, a.Site.Base(), httpio.Cursors{NextMax: int64(page[n-1]), PrevMin: int64(page[0])}, keep...)
	}
	return a.posts(w, r, page)
}

// entries answers with posts that are paged by the rows that name them; only a full page has a next one.
func (a *API) entries(w http.ResponseWriter, r *api.Request, rows []statuses.Entry, p db.Page) error {
	page := make([]statuses.ID, len(rows))
	for i, e := range rows {
		page[i] = e.StatusID
	}
	linkMin(a, w, r, rows, p, func(e statuses.Entry) int64 { return e.ID })
	return a.posts(w, r, page)
}

// row is a line of a list of accounts.
type row struct {
	id      int64
	account accounts.ID
}

func (e row) cursor() int64 { return e.id }

func relationRows(in []relations.Entry) []row {
	out := make([]row, len(in))
	for i, e := range in {
		out[i] = row{e.ID, e.AccountID}
	}
	return out
}

func statusRows(in []statuses.Entry) []row {
	out := make([]row, len(in))
	for i, e := range in {
		out[i] = row{e.ID, e.AccountID}
	}
	return out
}

// people answers with a page of accounts, paged by rows that clients never see.
func (a *API) people(w http.ResponseWriter, r *api.Request, rows []row, p db.Page) error {
	order := make([]accounts.ID, len(rows))
	for i, e := range rows {
		order[i] = e.account
	}
	list, err := a.Render.AccountList(r.Context(), a.DB, order)
	if err != nil {
		return err
	}
	linkSince(a, w, r, rows, p, row.cursor)
	return ok(w, list)
}

// linkMin names the pages around this one by the ids of its rows, the previous one by min_id; only a full page has a next one.
func linkMin[T any](a *API, w http.ResponseWriter, r *api.Request, rows []T, p db.Page, id func(T) int64) {
	if n := len(rows); n > 0 {
		httpio.Link(w, r.Request, a.Site.Base(), httpio.Cursors{NextMax: nextMax(rows, p, id), PrevMin: id(rows[0])})
	}
}

// linkSince is linkMin for lists whose previous page Mastodon names by since_id.
func linkSince[T any](a *API, w http.ResponseWriter, r *api.Request, rows []T, p db.Page, id func(T) int64) {
	if n := len(rows); n > 0 {
		httpio.Link(w, r.Request, a.Site.Base(), httpio.Cursors{NextMax: nextMax(rows, p, id), PrevSince: id(rows[0])})
	}
}

// nextMax is what the next page begins after; 0 when there is none.
func nextMax[T any](rows []T, p db.Page, id func(T) int64) int64 {
	if len(rows) < p.Limit {
		return 0
	}
	return id(rows[len(rows)-1])
}

// accountIDs makes ids of accounts of parameters, at most maxLookups.
func accountIDs(in []int64) []accounts.ID {
	in = in[:min(len(in), maxLookups)]
	out := make([]accounts.ID, len(in))
	for i, id := range in {
		out[i] = accounts.ID(id)
	}
	return out
}
