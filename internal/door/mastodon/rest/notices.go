package rest

import (
	"context"
	"net/http"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

// noticeRoutes are grouped notices, policies and requests.
func (a *API) noticeRoutes() []api.Route {
	read := func(pattern string, h api.Handler) api.Route {
		return api.Route{Method: get, Pattern: pattern, Auth: api.User, Scopes: scopes("read:notifications"), Handler: h}
	}
	write := func(method, pattern string, h api.Handler) api.Route {
		return api.Route{Method: method, Pattern: pattern, Auth: api.User, Scopes: scopes("write:notifications"), Handler: h}
	}
	const v2, requests = "/api/v2/notifications", "/api/v1/notifications/requests"
	return []api.Route{
		read(v2, a.groupedNotifications),
		read(v2+"/unread_count", a.unreadGroups),
		read(v2+"/policy", a.policy),
		write(patch, v2+"/policy", a.setPolicy),
		read("/api/v1/notifications/policy", a.policyV1),
		write(patch, "/api/v1/notifications/policy", a.setPolicyV1),
		write(post, v2+"/clear", a.clearNotifications),
		read(v2+"/{group_key}", a.notificationGroup),
		read(v2+"/{group_key}/accounts", a.groupAccounts),
		write(post, v2+"/{group_key}/dismiss", a.dismissGroup),
		read(requests, a.notificationRequests),
		read(requests+"/merged", a.requestsMerged),
		write(post, requests+"/accept", a.decideRequests(a.Notifications.AcceptRequests)),
		write(post, requests+"/dismiss", a.decideRequests(a.Notifications.DismissRequests)),
		read(requests+"/{id}", a.notificationRequest),
		write(post, requests+"/{id}/accept", a.decideRequest(a.Notifications.AcceptRequests)),
		write(post, requests+"/{id}/dismiss", a.decideRequest(a.Notifications.DismissRequests)),
	}
}

func (a *API) groupedNotifications(w http.ResponseWriter, r *api.Request) error {
	o := entity.GroupOptions{Paged: true, Supported: r.Params.List("supported_types")}
	switch r.Params.String("expand_accounts") {
	case "", "full":
	case "partial_avatars":
		o.Partial = true
	default:
		return errs.New(errs.MalformedKind, "Invalid value for 'expand_accounts': allowed values are 'full' and 'partial_avatars'")
	}
	groups, err := a.Notifications.Groups(r.Context(), a.DB, r.Viewer(), noticeOptions(r.Params), r.Params.List("grouped_types"), httpio.Paging(r.Params, 40, 80))
	if err != nil {
		return err
	}
	out, err := a.Render.Groups(r.Context(), a.DB, r.Viewer(), groups, o)
	if err != nil {
		return err
	}
	if len(groups) > 0 {
		low, high := groups[0].PageMinID, groups[0].PageMaxID
		for _, g := range groups {
			low, high = min(low, g.PageMinID), max(high, g.PageMaxID)
		}
		httpio.Link(w, r.Request, a.Site.Base(), httpio.Cursors{NextMax: low, PrevMin: high}, "types", "exclude_types", "account_id", "include_filtered", "grouped_types", "expand_accounts", "supported_types")
	}
	return ok(w, out)
}

func (a *API) notificationGroup(w http.ResponseWriter, r *api.Request) error {
	g, err := a.Notifications.GroupByKey(r.Context(), a.DB, r.Viewer(), r.Path("group_key"))
	if err != nil {
		return err
	}
	out, err := a.Render.Groups(r.Context(), a.DB, r.Viewer(), []*notifications.Group{g}, entity.GroupOptions{Supported: r.Params.List("supported_types")})
	if err != nil {
		return err
	}
	return ok(w, out)
}

func (a *API) groupAccounts(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 40, 80)
	list, err := a.Notifications.GroupMembers(r.Context(), a.DB, r.Viewer(), r.Path("group_key"), p)
	if err != nil {
		return err
	}
	people := make([]accounts.ID, len(list))
	for i, n := range list {
		people[i] = n.FromAccountID
	}
	out, err := a.Render.AccountList(r.Context(), a.DB, people)
	if err != nil {
		return err
	}
	linkMin(a, w, r, list, p, func(n *notifications.Notification) int64 { return n.ID })
	return ok(w, out)
}

func (a *API) dismissGroup(w http.ResponseWriter, r *api.Request) error {
	if err := a.Notifications.DismissGroup(r.Context(), r.Viewer(), r.Path("group_key")); err != nil {
		return err
	}
	return empty(w)
}

func (a *API) unreadGroups(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 100, 1000)
	n, err := a.Notifications.UnreadGroups(r.Context(), a.DB, r.Viewer(), noticeOptions(r.Params), r.Params.List("grouped_types"), p.Limit)
	if err != nil {
		return err
	}
	return answerCount(w, n)
}

func (a *API) policySummary(r *api.Request) (entity.PolicySummary, error) {
	requests, notices, err := a.Notifications.Waiting(r.Context(), a.DB, r.Viewer())
	return entity.PolicySummary{Requests: requests, Notices: notices}, err
}

func (a *API) policy(w http.ResponseWriter, r *api.Request) error {
	p, err := a.Notifications.Policy(r.Context(), a.DB, r.Viewer())
	if err != nil {
		return err
	}
	return a.answerPolicy(w, r, p)
}

func (a *API) answerPolicy(w http.ResponseWriter, r *api.Request, p notifications.Policy) error {
	sum, err := a.policySummary(r)
	if err != nil {
		return err
	}
	return ok(w, entity.NotificationPolicy{NotFollowing: p.NotFollowing, NotFollowers: p.NotFollowers, NewAccounts: p.NewAccounts, PrivateMentions: p.PrivateMentions,
		LimitedAccounts: p.LimitedAccounts, Bots: p.Bots, Summary: sum})
}

func (a *API) setPolicy(w http.ResponseWriter, r *api.Request) error {
	p, err := a.Notifications.SetPolicy(r.Context(), r.Viewer(), func(p *notifications.Policy) error {
		for name, v := range map[string]*notifications.Verdict{"for_not_following": &p.NotFollowing, "for_not_followers": &p.NotFollowers, "for_new_accounts": &p.NewAccounts,
			"for_private_mentions": &p.PrivateMentions, "for_limited_accounts": &p.LimitedAccounts, "for_bots": &p.Bots} {
			if r.Params.Has(name) {
				*v = notifications.Verdict(r.Params.String(name))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.answerPolicy(w, r, p)
}

func (a *API) policyV1(w http.ResponseWriter, r *api.Request) error {
	p, err := a.Notifications.Policy(r.Context(), a.DB, r.Viewer())
	if err != nil {
		return err
	}
	return a.answerPolicyV1(w, r, p)
}

func (a *API) answerPolicyV1(w http.ResponseWriter, r *api.Request, p notifications.Policy) error {
	sum, err := a.policySummary(r)
	if err != nil {
		return err
	}
	on := func(v notifications.Verdict) bool { return v != notifications.Accept }
	return ok(w, entity.V1NotificationPolicy{NotFollowing: on(p.NotFollowing), NotFollowers: on(p.NotFollowers), NewAccounts: on(p.NewAccounts),
		PrivateMentions: on(p.PrivateMentions), Bots: on(p.Bots), Summary: sum})
}

func (a *API) setPolicyV1(w http.ResponseWriter, r *api.Request) error {
	p, err := a.Notifications.SetPolicy(r.Context(), r.Viewer(), func(p *notifications.Policy) error {
		for name, v := range map[string]*notifications.Verdict{"filter_not_following": &p.NotFollowing, "filter_not_followers": &p.NotFollowers, "filter_new_accounts": &p.NewAccounts,
			"filter_private_mentions": &p.PrivateMentions, "filter_bots": &p.Bots} {
			switch flag := r.Params.Flag(name); {
			case flag == nil:
			case *flag:
				*v = notifications.Filter
			default:
				*v = notifications.Accept
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.answerPolicyV1(w, r, p)
}

func (a *API) notificationRequests(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 40, 80)
	list, err := a.Notifications.Requests(r.Context(), a.DB, r.Viewer(), p)
	if err != nil {
		return err
	}
	out, err := a.Render.Requests(r.Context(), a.DB, r.Viewer(), list)
	if err != nil {
		return err
	}
	linkMin(a, w, r, list, p, func(q *notifications.Request) int64 { return q.ID })
	return ok(w, out)
}

func (a *API) notificationRequest(w http.ResponseWriter, r *api.Request) error {
	q, err := a.Notifications.RequestByID(r.Context(), a.DB, r.Viewer(), r.ID("id"))
	if err != nil {
		return err
	}
	out, err := a.Render.Requests(r.Context(), a.DB, r.Viewer(), []*notifications.Request{q})
	if err != nil {
		return err
	}
	if len(out) == 0 {
		return errs.NotFound()
	}
	return ok(w, out[0])
}

// requestsMerged tells whether what was let in is in the list. It is as soon as a request was accepted: both are one transaction.
func (a *API) requestsMerged(w http.ResponseWriter, _ *api.Request) error {
	return ok(w, struct {
		Merged bool `json:"merged"`
	}{true})
}

// decide is a decision about some of an account's requests.
type decide func(ctx context.Context, me accounts.ID, ids []int64) error

func (a *API) decideRequests(do decide) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		ids := r.Params.IDs("id")
		if len(ids) == 0 {
			return missing("id")
		}
		if err := do(r.Context(), r.Viewer(), ids); err != nil {
			return err
		}
		return empty(w)
	}
}

func (a *API) decideRequest(do decide) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		q, err := a.Notifications.RequestByID(r.Context(), a.DB, r.Viewer(), r.ID("id"))
		if err != nil {
			return err
		}
		if err := do(r.Context(), r.Viewer(), []int64{q.ID}); err != nil {
			return err
		}
		return empty(w)
	}
}

func answerCount(w http.ResponseWriter, n int64) error {
	return ok(w, struct {
		Count int64 `json:"count"`
	}{n})
}
