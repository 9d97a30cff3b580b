package rest

import (
	"net/http"

	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/trends"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/text"
)

func (a *API) trendRoutes() []api.Route {
	// What trends depends on the language of whoever asks, so no proxy keeps it.
	anyone := func(pattern string, h api.Handler) api.Route {
		return api.Route{Method: get, Pattern: pattern, Auth: api.Optional, Handler: h}
	}
	old := anyone("/api/v1/trends", a.trendingTags)
	old.Deprecated = deprecatedIn3_5
	return []api.Route{
		old,
		anyone("/api/v1/trends/tags", a.trendingTags),
		anyone("/api/v1/trends/statuses", a.trendingStatuses),
		anyone("/api/v1/trends/links", a.trendingLinks),
		{Method: get, Pattern: "/api/v1/timelines/link", Auth: api.Optional, Scopes: scopes("read:statuses"), Handler: a.linkTimeline},
	}
}

// trending is a part of what trends for whoever asks; nothing where trends are not shown.
func trending[T any](a *API, w http.ResponseWriter, r *api.Request, standard, most int, list func(trends.Wanted) ([]T, error)) ([]T, error) {
	shown, err := a.Trends.Shown(r.Context(), a.DB)
	if err != nil || !shown {
		return nil, err
	}
	p := httpio.Paging(r.Params, standard, most)
	out, err := list(trends.Wanted{Viewer: r.Viewer(), Language: preferred(r), Limit: p.Limit, Offset: p.Offset})
	if err == nil {
		httpio.LinkOffsets(w, r.Request, a.Site.Base(), db.Page{Limit: p.Limit, Offset: p.Offset}, len(out) == p.Limit)
	}
	return out, err
}

// preferred is the language that whoever asks reads most: the one asked for, a person's own, or the client's.
func preferred(r *api.Request) string {
	own := ""
	if r.User != nil {
		own = r.User.Locale
	}
	return firstLanguage(r.Params.String("lang"), own, text.FirstLanguage(r.Header.Get("Accept-Language")))
}

func (a *API) trendingTags(w http.ResponseWriter, r *api.Request) error {
	list, err := trending(a, w, r, 10, 20, func(o trends.Wanted) ([]statuses.Tag, error) { return a.Trends.Tags(r.Context(), a.DB, o) })
	if err != nil {
		return err
	}
	of := make([]int64, len(list))
	for i, t := range list {
		of[i] = t.ID
	}
	history, err := a.Trends.History(r.Context(), a.DB, trends.Tag, of)
	if err != nil {
		return err
	}
	out, err := a.tagsUsed(r, list, history)
	if err != nil {
		return err
	}
	return ok(w, out)
}

func (a *API) trendingStatuses(w http.ResponseWriter, r *api.Request) error {
	list, err := trending(a, w, r, 20, 40, func(o trends.Wanted) ([]statuses.ID, error) { return a.Trends.Statuses(r.Context(), a.DB, o) })
	if err != nil {
		return err
	}
	return a.posts(w, r, list)
}

func (a *API) trendingLinks(w http.ResponseWriter, r *api.Request) error {
	list, err := trending(a, w, r, 10, 20, func(o trends.Wanted) ([]*links.Card, error) { return a.Trends.Links(r.Context(), a.DB, o) })
	if err != nil {
		return err
	}
	of := make([]int64, len(list))
	for i, c := range list {
		of[i] = c.ID
	}
	history, err := a.Trends.History(r.Context(), a.DB, trends.Link, of)
	if err != nil {
		return err
	}
	out, err := a.Render.TrendLinks(r.Context(), a.DB, r.Viewer(), list, history)
	if err != nil {
		return err
	}
	return ok(w, append([]entity.TrendLink{}, out...))
}

// linkTimeline lists posts that link to a page that trends.
func (a *API) linkTimeline(w http.ResponseWriter, r *api.Request) error {
	url := r.Params.String("url")
	shown, err := a.Trends.Shown(r.Context(), a.DB)
	if err != nil {
		return err
	}
	if url == "" || !shown {
		return errs.NotFound()
	}
	page, err := a.Trends.LinkTimeline(r.Context(), a.DB, r.Viewer(), url, httpio.Paging(r.Params, 20, 40))
	if err != nil {
		return err
	}
	return a.timeline(w, r, page, "url")
}
