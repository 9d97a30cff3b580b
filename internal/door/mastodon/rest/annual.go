package rest

import (
	"net/http"
	"strconv"

	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

func (a *API) annualRoutes() []api.Route {
	const all, one = "/api/v1/annual_reports", "/api/v1/annual_reports/{year}"
	read, write := scopes("read:accounts"), scopes("write:accounts")
	return []api.Route{
		{Method: get, Pattern: all, Auth: api.User, Scopes: read, Handler: a.annualReports},
		{Method: get, Pattern: one, Auth: api.User, Scopes: read, Handler: a.annualReport},
		{Method: get, Pattern: one + "/state", Auth: api.User, Scopes: read, Handler: a.annualReportState},
		{Method: post, Pattern: one + "/generate", Auth: api.User, Scopes: write, Handler: a.generateAnnualReport},
		{Method: post, Pattern: one + "/read", Auth: api.User, Scopes: write, Handler: a.readAnnualReport},
	}
}

// year is the year in the path, as yearOf reads it.
func year(r *api.Request) int { return yearOf(r.Path("year")) }

// yearOf reads a year; 0, of which nobody has a report, for what is none.
func yearOf(text string) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 10_000 {
		return n
	}
	return 0
}

func (a *API) annualReports(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Annual.Unread(r.Context(), a.DB, r.Viewer())
	if err != nil {
		return err
	}
	out, err := a.Render.AnnualReports(r.Context(), a.DB, r.Viewer(), list)
	if err != nil {
		return err
	}
	return ok(w, out)
}

func (a *API) annualReport(w http.ResponseWriter, r *api.Request) error {
	report, err := a.Annual.Of(r.Context(), a.DB, r.Viewer(), year(r))
	if err != nil {
		return err
	}
	out, err := a.Render.AnnualReports(r.Context(), a.DB, r.Viewer(), []*annual.Report{report})
	if err != nil {
		return err
	}
	return ok(w, out)
}

func (a *API) annualReportState(w http.ResponseWriter, r *api.Request) error {
	state, err := a.Annual.State(r.Context(), r.Viewer(), year(r))
	if err != nil {
		return err
	}
	if state == annual.Generating {
		announceReport(w, year(r))
	}
	return ok(w, map[string]string{"state": state})
}

// generateAnnualReport answers with 202 while a report is put together; its state tells when it is there, and so does the refresh that is named.
func (a *API) generateAnnualReport(w http.ResponseWriter, r *api.Request) error {
	under, err := a.Annual.Ask(r.Context(), r.Viewer(), year(r))
	if err != nil {
		return err
	}
	if under {
		announceReport(w, year(r))
		return httpio.JSON(w, http.StatusAccepted, struct{}{})
	}
	return ok(w, struct{}{})
}

func (a *API) readAnnualReport(w http.ResponseWriter, r *api.Request) error {
	n := year(r)
	if n == 0 {
		return errs.NotFound()
	}
	if err := a.Annual.Read(r.Context(), r.Viewer(), n); err != nil {
		return err
	}
	return ok(w, struct{}{})
}
