package rest

import (
	"net/http"

	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/door/mastodon/api"
)

func (a *API) announcementRoutes() []api.Route {
	const one = "/api/v1/announcements/{id}"
	return []api.Route{
		{Method: get, Pattern: "/api/v1/announcements", Auth: api.User, Handler: a.announcements},
		{Method: post, Pattern: one + "/dismiss", Auth: api.User, Scopes: scopes("write:accounts"), Handler: a.dismissAnnouncement},
		{Method: put, Pattern: one + "/reactions/{name}", Auth: api.User, Scopes: scopes("write:favourites"), Handler: a.reactToAnnouncement},
		{Method: remove, Pattern: one + "/reactions/{name}", Auth: api.User, Scopes: scopes("write:favourites"), Handler: a.unreactToAnnouncement},
	}
}

func (a *API) announcements(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Announcements.List(r.Context(), a.DB)
	if err != nil {
		return err
	}
	out, err := a.Render.Announcements(r.Context(), a.DB, a.Announcements, r.Viewer(), list)
	if err != nil {
		return err
	}
	return ok(w, out)
}

func (a *API) dismissAnnouncement(w http.ResponseWriter, r *api.Request) error {
	if err := a.Announcements.Dismiss(r.Context(), r.Viewer(), announcements.ID(r.ID("id"))); err != nil {
		return err
	}
	return ok(w, struct{}{})
}

func (a *API) reactToAnnouncement(w http.ResponseWriter, r *api.Request) error {
	if err := a.Announcements.React(r.Context(), r.Viewer(), announcements.ID(r.ID("id")), r.Path("name")); err != nil {
		return err
	}
	return ok(w, struct{}{})
}

func (a *API) unreactToAnnouncement(w http.ResponseWriter, r *api.Request) error {
	if err := a.Announcements.Unreact(r.Context(), r.Viewer(), announcements.ID(r.ID("id")), r.Path("name")); err != nil {
		return err
	}
	return ok(w, struct{}{})
}
