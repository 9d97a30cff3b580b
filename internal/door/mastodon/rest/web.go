package rest

import (
	"log/slog"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

// Sessions is what the door for browsers does for this one: it knows cookies.
type Sessions interface {
	// Visit is who the browser's session belongs to, nil for nobody.
	Visit(r *http.Request) (*access.Visit, error)
	// FormOK reports whether a request comes from one of our own pages, shown to this browser.
	FormOK(r *http.Request) bool
}

// donationCampaigns has nothing to tell: this server asks nobody for campaigns, which Mastodon says so too where no source of them is set.
func (a *API) donationCampaigns(w http.ResponseWriter, _ *api.Request) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// MountWeb puts on the router what the pages of a web client ask by cookie rather than by token.
func (a *API) MountWeb(mux chi.Router, sessions Sessions, log *slog.Logger) {
	mine := func(h func(w http.ResponseWriter, r *http.Request, v *access.Visit, p *httpio.Params) error) http.Handler {
		return httpio.Serve(log, func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Cache-Control", "private, no-store")
			v, err := sessions.Visit(r)
			if err != nil {
				return err
			}
			if v == nil {
				return errs.Invalid("This method requires an authenticated user")
			}
			if !sessions.FormOK(r) {
				return errs.Invalid("Can't verify CSRF token authenticity.") // SES-11
			}
			p, err := httpio.Read(w, r, 0)
			if err != nil {
				return err
			}
			defer p.Close()
			return h(w, r, v, p)
		})
	}
	const subscriptions = "/api/web/push_subscriptions"
	mux.Method(post, subscriptions, mine(a.subscribeWeb))
	mux.Method(put, subscriptions+"/{id}", mine(a.changeWebSubscription))
	mux.Method(patch, subscriptions+"/{id}", mine(a.changeWebSubscription))
	mux.Method(remove, subscriptions+"/{id}", mine(a.unsubscribeWeb))
	mux.Method(put, "/api/web/settings", mine(a.setWebSettings))
	mux.Method(patch, "/api/web/settings", mine(a.setWebSettings))
}

// subscribeWeb lets a browser be told of notices while no page is open. It gets a token for that, which ends with the session.
func (a *API) subscribeWeb(w http.ResponseWriter, r *http.Request, v *access.Visit, p *httpio.Params) error {
	if p.Map("subscription").String("endpoint") == "" {
		return missing("subscription")
	}
	t, err := a.Access.WebToken(r.Context(), v)
	if err != nil {
		return err
	}
	sub := subscriptionIn(p)
	sub.TokenID, sub.AccountID, sub.Token = t.ID, v.Account.ID, t.Plain
	made, err := a.Notifications.Subscribe(r.Context(), sub)
	if err != nil {
		return err
	}
	return a.answerSubscription(w, made)
}

// webSubscription is the subscription of a browser, by the id that a path names; any other is errs.NotFound (VIS-10).
func (a *API) webSubscription(r *http.Request, v *access.Visit) (*notifications.Subscription, error) {
	token, err := a.Access.WebTokenOf(r.Context(), a.DB, v.Session.ID)
	if err != nil {
		return nil, err
	}
	s, err := a.Notifications.SubscriptionOf(r.Context(), a.DB, token)
	if err == nil && s.ID != httpio.PathID(chi.URLParam(r, "id")) {
		err = errs.NotFound()
	}
	return s, err
}

func (a *API) changeWebSubscription(w http.ResponseWriter, r *http.Request, v *access.Visit, p *httpio.Params) error {
	s, err := a.webSubscription(r, v)
	if err != nil {
		return err
	}
	alerts, policy := wishes(p)
	if s, err = a.Notifications.SetWishes(r.Context(), s.TokenID, alerts, policy); err != nil {
		return err
	}
	return a.answerSubscription(w, s)
}

func (a *API) unsubscribeWeb(w http.ResponseWriter, r *http.Request, v *access.Visit, _ *httpio.Params) error {
	s, err := a.webSubscription(r, v)
	if err == nil {
		err = a.Notifications.Unsubscribe(r.Context(), s.TokenID)
	}
	if err != nil && !errs.IsNotFound(err) {
		return err
	}
	return nothing(w)
}

// setWebSettings keeps what a web client wants to find again.
func (a *API) setWebSettings(w http.ResponseWriter, r *http.Request, v *access.Visit, p *httpio.Params) error {
	data, ok := p.Value("data").(map[string]any)
	if !ok {
		return missing("data")
	}
	if err := a.Access.SetWebSettings(r.Context(), v.User.ID, data); err != nil {
		return err
	}
	return empty(w)
}
