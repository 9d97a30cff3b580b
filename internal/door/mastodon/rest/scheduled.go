package rest

import (
	"net/http"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

func (a *API) scheduledRoutes() []api.Route {
	const all, one = "/api/v1/scheduled_statuses", "/api/v1/scheduled_statuses/{id}"
	return []api.Route{
		{Method: get, Pattern: all, Auth: api.User, Scopes: scopes("read:statuses"), Handler: a.scheduled},
		{Method: get, Pattern: one, Auth: api.User, Scopes: scopes("read:statuses"), Handler: a.showScheduled},
		{Method: put, Pattern: one, Auth: api.User, Scopes: scopes("write:statuses"), Handler: a.reschedule},
		{Method: remove, Pattern: one, Auth: api.User, Scopes: scopes("write:statuses"), Handler: a.unschedule},
	}
}

// scheduleForms are how clients write a time: with a zone, or without one for UTC.
var scheduleForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"}

// scheduledAt is when a post is to be made; zero when it does not say, or is over.
func (a *API) scheduledAt(p *httpio.Params) (time.Time, error) {
	text := p.String("scheduled_at")
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range scheduleForms {
		at, err := time.Parse(form, text)
		if err != nil {
			continue
		}
		if !at.After(a.Clock.Now()) {
			return time.Time{}, nil
		}
		if at.Year() > maxYear {
			break
		}
		return at, nil
	}
	return time.Time{}, errs.Invalid("Validation failed: Scheduled at is invalid")
}

// maxYear keeps times within what JSON and the database can say.
const maxYear = 9999

func (a *API) schedule(w http.ResponseWriter, r *api.Request, d statuses.Draft, at time.Time) error {
	s, err := a.Statuses.Schedule(r.Context(), r.Account, d, at)
	return a.oneScheduled(w, s, err)
}

func (a *API) oneScheduled(w http.ResponseWriter, s *statuses.Scheduled, err error) error {
	if err != nil {
		return err
	}
	return ok(w, a.Render.Scheduled([]*statuses.Scheduled{s})[0])
}

func (a *API) scheduled(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 20, 40)
	list, err := a.Statuses.ScheduledBy(r.Context(), a.DB, r.Viewer(), p)
	if err != nil {
		return err
	}
	linkMin(a, w, r, list, p, func(s *statuses.Scheduled) int64 { return s.ID })
	return ok(w, a.Render.Scheduled(list))
}

func (a *API) showScheduled(w http.ResponseWriter, r *api.Request) error {
	s, err := a.Statuses.ScheduledByID(r.Context(), a.DB, r.Viewer(), r.ID("id"))
	return a.oneScheduled(w, s, err)
}

func (a *API) reschedule(w http.ResponseWriter, r *api.Request) error {
	at, err := a.scheduledAt(r.Params)
	if err != nil {
		return err
	}
	if !r.Params.Given("scheduled_at") { // nothing is changed
		return a.showScheduled(w, r)
	}
	s, err := a.Statuses.Reschedule(r.Context(), r.Viewer(), r.ID("id"), at)
	return a.oneScheduled(w, s, err)
}

func (a *API) unschedule(w http.ResponseWriter, r *api.Request) error {
	if err := a.Statuses.Unschedule(r.Context(), r.Viewer(), r.ID("id")); err != nil {
		return err
	}
	return empty(w)
}
