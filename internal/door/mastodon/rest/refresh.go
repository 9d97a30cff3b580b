package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
)

const (
	// refreshRetry is after how many seconds an app asks how far a refresh is (Mastodon).
	refreshRetry = 3
	// reportRetry is that for an annual report (Mastodon).
	reportRetry = 2
	// threadRefresh begins the ids of refreshes that fill a thread.
	threadRefresh = "thread-"
	// reportRefresh begins the ids of refreshes that put a report of the viewer's together; the year follows.
	reportRefresh = "annual-report-"
)

// fillThread has the thread of a post of another server filled when somebody signed in opens it, and tells the app where to ask how
// far that is.
func (a *API) fillThread(w http.ResponseWriter, r *api.Request, st *statuses.Status, above []statuses.ID) error {
	if r.Viewer() == 0 {
		return nil
	}
	root := statuses.ID(0)
	if len(above) > 0 {
		root = above[0]
	}
	walk, err := a.Statuses.OpenThread(r.Context(), st, root)
	if err != nil || walk == nil {
		return err
	}
	w.Header().Set("Mastodon-Async-Refresh", fmt.Sprintf(`id="%s%s", retry=%d, result_count=%d`, threadRefresh, ids.Format(walk.ConversationID), refreshRetry, walk.Found))
	return nil
}

// announceReport tells the app where to ask whether the viewer's report is there.
func announceReport(w http.ResponseWriter, year int) {
	w.Header().Set("Mastodon-Async-Refresh", fmt.Sprintf(`id="%s%d", retry=%d`, reportRefresh, year, reportRetry))
}

// reportRefreshed tells how far the viewer's report of a year is.
func (a *API) reportRefreshed(w http.ResponseWriter, r *api.Request, text string) error {
	n := yearOf(text)
	state, err := a.Annual.State(r.Context(), r.Viewer(), n)
	if err != nil {
		return err
	}
	e := entity.AsyncRefresh{ID: reportRefresh + strconv.Itoa(n)}
	switch state {
	case annual.Generating:
		e.Status = "running"
	case annual.Available:
		e.Status = "finished"
	default:
		return errs.NotFound()
	}
	return ok(w, map[string]entity.AsyncRefresh{"async_refresh": e})
}

// asyncRefresh tells how far the filling of a thread is, or the putting together of a report.
func (a *API) asyncRefresh(w http.ResponseWriter, r *api.Request) error {
	if year, report := strings.CutPrefix(r.Path("id"), reportRefresh); report {
		return a.reportRefreshed(w, r, year)
	}
	id, thread := strings.CutPrefix(r.Path("id"), threadRefresh)
	if !thread {
		return errs.NotFound()
	}
	walk, err := a.Statuses.Walk(r.Context(), a.DB, httpio.PathID(id))
	if err != nil {
		return err
	}
	e := entity.AsyncRefresh{ID: threadRefresh + ids.Format(walk.ConversationID), Status: "finished", ResultCount: &walk.Found}
	if walk.Running() {
		e.Status = "running"
	}
	return ok(w, map[string]entity.AsyncRefresh{"async_refresh": e})
}
