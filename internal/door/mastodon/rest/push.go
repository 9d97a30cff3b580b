package rest

import (
	"net/http"

	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/webpush"
)

func (a *API) pushRoutes() []api.Route {
	const pattern = "/api/v1/push/subscription"
	route := func(method string, h api.Handler) api.Route {
		return api.Route{Method: method, Pattern: pattern, Auth: api.User, Scopes: scopes("push"), Handler: h}
	}
	return []api.Route{route(get, a.pushSubscription), route(post, a.subscribe), route(put, a.changeSubscription), route(remove, a.unsubscribe)}
}

func (a *API) pushSubscription(w http.ResponseWriter, r *api.Request) error {
	v, err := a.Notifications.SubscriptionOf(r.Context(), a.DB, r.Token.ID)
	if err != nil {
		return err
	}
	return a.answerSubscription(w, v)
}

func (a *API) answerSubscription(w http.ResponseWriter, v *notifications.Subscription) error {
	return ok(w, entity.WebPushSubscription{ID: v.ID, Endpoint: v.Endpoint, Standard: v.Standard, ServerKey: a.VAPIDKey, Alerts: entity.Alerts(v.Alerts), Policy: v.Policy})
}

func (a *API) subscribe(w http.ResponseWriter, r *api.Request) error {
	in := r.Params.Map("subscription")
	if !in.Has("endpoint") || in.String("endpoint") == "" {
		return missing("subscription")
	}
	v := subscriptionIn(r.Params)
	v.TokenID, v.AccountID, v.Token = r.Token.ID, r.Viewer(), r.Bearer
	made, err := a.Notifications.Subscribe(r.Context(), v)
	if err != nil {
		return err
	}
	return a.answerSubscription(w, made)
}

// subscriptionIn reads where notices are to be sent, and which.
func subscriptionIn(p *httpio.Params) (v notifications.Subscription) {
	in := p.Map("subscription")
	keys := in.Map("keys")
	v.Endpoint, v.Standard = in.String("endpoint"), in.Bool("standard", false)
	v.P256dh, _ = webpush.DecodeKey(keys.String("p256dh")) // what is no key is refused as one
	v.Auth, _ = webpush.DecodeKey(keys.String("auth"))
	v.Alerts, v.Policy = wishes(p)
	return v
}

// wishes reads which notices, and whose, are wanted; the policy stands inside data, or beside it.
func wishes(p *httpio.Params) (alerts map[string]bool, policy string) {
	data := p.Map("data")
	alerts = map[string]bool{}
	in := data.Map("alerts")
	for _, kind := range notifications.Types {
		if in.Bool(kind, false) {
			alerts[kind] = true
		}
	}
	if policy = data.String("policy"); policy == "" {
		policy = p.String("policy")
	}
	return alerts, policy
}

func (a *API) changeSubscription(w http.ResponseWriter, r *api.Request) error {
	alerts, policy := wishes(r.Params)
	v, err := a.Notifications.SetWishes(r.Context(), r.Token.ID, alerts, policy)
	if err != nil {
		return err
	}
	return a.answerSubscription(w, v)
}

func (a *API) unsubscribe(w http.ResponseWriter, r *api.Request) error {
	if err := a.Notifications.Unsubscribe(r.Context(), r.Token.ID); err != nil {
		return err
	}
	return empty(w)
}
