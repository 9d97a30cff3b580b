package rest

import (
	"net/http"
	"time"

	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/errs"
)

// dateLayout is a bare day.
const dateLayout = "2006-01-02"

func (a *API) paperRoutes() []api.Route {
	public := func(pattern string, h api.Handler) api.Route {
		return api.Route{Method: get, Pattern: pattern, Auth: api.None, Shared: shared, About: true, Handler: h}
	}
	return []api.Route{
		public("/api/v1/instance/terms_of_service", a.termsOfService),
		public("/api/v1/instance/terms_of_service/{date}", a.termsOfServiceOn),
		public("/api/v1/instance/activity", a.instanceActivity),
	}
}

func (a *API) termsOfService(w http.ResponseWriter, r *api.Request) error {
	t, err := a.Settings.CurrentTerms(r.Context(), a.DB)
	if err != nil {
		return err
	}
	return ok(w, a.terms(t))
}

func (a *API) termsOfServiceOn(w http.ResponseWriter, r *api.Request) error {
	from, err := time.Parse(dateLayout, r.Path("date"))
	if err != nil {
		return errs.NotFound()
	}
	t, err := a.Settings.TermsOn(r.Context(), a.DB, from)
	if err != nil {
		return err
	}
	return ok(w, a.terms(t))
}

func (a *API) terms(t settings.Terms) entity.TermsOfService {
	out := entity.TermsOfService{EffectiveDate: t.EffectiveOn.Format(dateLayout), Effective: t.Effective(a.Clock.Now()), Content: entity.LongText(t.Text)}
	if !t.SucceededOn.IsZero() {
		out.SucceededBy = new(t.SucceededOn.Format(dateLayout))
	}
	return out
}

func (a *API) instanceActivity(w http.ResponseWriter, r *api.Request) error {
	weeks, err := a.Statuses.Activity(r.Context(), a.DB)
	if err != nil {
		return err
	}
	out := make([]map[string]string, len(weeks))
	for i, x := range weeks {
		out[i] = map[string]string{"week": itoa(x.At.Unix()), "statuses": itoa(x.Statuses), "logins": itoa(x.Logins), "registrations": itoa(x.Registrations)}
	}
	return ok(w, out)
}
