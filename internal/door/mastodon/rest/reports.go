package rest

import (
	"net/http"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/errs"
)

func (a *API) moderationRoutes() []api.Route {
	return []api.Route{
		{Method: post, Pattern: "/api/v1/reports", Auth: api.User, Scopes: scopes("write:reports"), Limit: api.LimitReports, Handler: a.report},
	}
}

func (a *API) report(w http.ResponseWriter, r *api.Request) error {
	p := r.Params
	target, err := a.Accounts.ByID(r.Context(), a.DB, accounts.ID(p.ID("account_id")))
	if err != nil {
		return err
	}
	if target.Local() && target.ActorType == "Application" {
		return errs.NotFound()
	}
	d := moderation.Draft{By: r.Account, Target: target, Comment: p.String("comment"), Category: p.String("category"), Forward: p.Bool("forward", false),
		Domains: p.List("forward_to_domains"), RuleIDs: p.IDs("rule_ids"), ApplicationID: int64(r.Token.AppID)}
	for _, id := range p.IDs("status_ids") {
		d.StatusIDs = append(d.StatusIDs, statuses.ID(id))
	}
	for _, id := range p.IDs("collection_ids") {
		d.CollectionIDs = append(d.CollectionIDs, collections.ID(id))
	}
	made, err := a.Moderation.Report(r.Context(), d)
	if err != nil {
		return err
	}
	shown, err := a.Render.Account(r.Context(), a.DB, target)
	if err != nil {
		return err
	}
	return ok(w, entity.NewReport(made, shown))
}
