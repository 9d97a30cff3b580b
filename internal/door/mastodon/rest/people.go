package rest

import (
	"net/http"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/text"
)

// maxOffset bounds how far a list without cursors is read: its cost grows with the distance.
const maxOffset = 10_000

func (a *API) peopleRoutes() []api.Route {
	const one = "/api/v1/accounts/{id}"
	write := func(method, pattern string, h api.Handler) api.Route {
		return api.Route{Method: method, Pattern: pattern, Auth: api.User, Scopes: scopes("write:accounts"), Handler: h}
	}
	read := func(pattern string, h api.Handler) api.Route {
		return api.Route{Method: get, Pattern: pattern, Auth: api.User, Scopes: scopes("read:accounts"), Handler: h}
	}
	old := read("/api/v1/suggestions", a.suggestionsV1)
	old.Deprecated = deprecatedIn3_4
	mails := api.Route{Method: post, Pattern: one + "/email_subscriptions", Auth: api.None, Limit: api.LimitMails, Handler: a.subscribeByMail}
	proofs := api.Route{Method: get, Pattern: one + "/identity_proofs", Auth: api.User, Handler: a.identityProofs, Deprecated: deprecatedIn3_5}
	return []api.Route{
		write(post, one+"/endorse", a.act(a.endorse)), write(post, one+"/unendorse", a.act(a.unendorse)),
		write(post, one+"/pin", a.act(a.endorse)), write(post, one+"/unpin", a.act(a.unendorse)),
		{Method: get, Pattern: one + "/endorsements", Auth: api.Optional, Scopes: scopes("read:accounts"), Handler: a.endorsementsOf},
		read("/api/v1/endorsements", a.endorsements),
		{Method: get, Pattern: "/api/v1/directory", Auth: api.Optional, Handler: a.directory},
		old, read("/api/v2/suggestions", a.suggestions), write(remove, "/api/v1/suggestions/{account_id}", a.dismissSuggestion), proofs, mails,
		{Method: get, Pattern: "/api/v1/domain_blocks/preview", Auth: api.User, Scopes: scopes("write:blocks"), Handler: a.domainBlockPreview},
		{Method: get, Pattern: "/api/v1/peers/search", Auth: api.None, Shared: shared, About: true, Handler: a.searchPeers},
		{Method: get, Pattern: "/api/v1/instance/languages", Auth: api.None, Shared: shared, About: true, Handler: a.languages},
	}
}

func (a *API) endorse(r *api.Request, target *accounts.Account) error {
	return a.Relations.Endorse(r.Context(), r.Viewer(), target.ID)
}

func (a *API) unendorse(r *api.Request, target *accounts.Account) error {
	return a.Relations.Unendorse(r.Context(), r.Viewer(), target.ID)
}

func (a *API) endorsementsOf(w http.ResponseWriter, r *api.Request) error {
	acct, err := a.target(r, "id")
	if err != nil {
		return err
	}
	if acct.Suspended() {
		return ok(w, []struct{}{})
	}
	return a.answerEndorsements(w, r, acct.ID)
}

func (a *API) endorsements(w http.ResponseWriter, r *api.Request) error {
	return a.answerEndorsements(w, r, r.Viewer())
}

func (a *API) answerEndorsements(w http.ResponseWriter, r *api.Request, of accounts.ID) error {
	p := httpio.Paging(r.Params, 40, 80)
	rows, err := a.Relations.Endorsements(r.Context(), a.DB, of, p)
	if err != nil {
		return err
	}
	return a.people(w, r, relationRows(rows), p)
}

func offset(p *httpio.Params) int { return min(max(p.Int("offset", 0), 0), maxOffset) }

func (a *API) directory(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 40, 80)
	list, err := a.Relations.Directory(r.Context(), a.DB, r.Viewer(), r.Params.Bool("local", false), r.Params.String("order") == "new", offset(r.Params), p.Limit)
	if err != nil {
		return err
	}
	out, err := a.Render.AccountList(r.Context(), a.DB, list)
	if err != nil {
		return err
	}
	return ok(w, out)
}

// suggested is a page of suggestions, with the accounts in their order.
func (a *API) suggested(r *api.Request) ([]relations.Suggestion, []*entity.Account, error) {
	list, err := a.Relations.Suggestions(r.Context(), a.DB, r.Viewer())
	if err != nil {
		return nil, nil, err
	}
	list = list[min(offset(r.Params), len(list)):]
	list = list[:min(httpio.Paging(r.Params, 40, 80).Limit, len(list))]
	order := make([]accounts.ID, len(list))
	for i, s := range list {
		order[i] = s.AccountID
	}
	found, err := a.Render.Accounts(r.Context(), a.DB, order)
	if err != nil {
		return nil, nil, err
	}
	kept, people := list[:0], []*entity.Account{}
	for _, s := range list {
		if e := found[s.AccountID]; e != nil {
			kept, people = append(kept, s), append(people, e)
		}
	}
	return kept, people, nil
}

func (a *API) suggestions(w http.ResponseWriter, r *api.Request) error {
	list, people, err := a.suggested(r)
	if err != nil {
		return err
	}
	out := make([]entity.Suggestion, len(list))
	for i, s := range list {
		out[i] = entity.Suggestion{Source: "past_interactions", Sources: s.Sources, Account: people[i]}
		if s.Sources[0] == "most_followed" {
			out[i].Source = "global"
		}
	}
	return ok(w, out)
}

func (a *API) suggestionsV1(w http.ResponseWriter, r *api.Request) error {
	_, people, err := a.suggested(r)
	if err != nil {
		return err
	}
	return ok(w, people)
}

func (a *API) dismissSuggestion(w http.ResponseWriter, r *api.Request) error {
	if acct, err := a.target(r, "account_id"); err == nil {
		if err := a.Relations.DismissSuggestion(r.Context(), r.Viewer(), acct.ID); err != nil {
			return err
		}
	} else if !errs.IsNotFound(err) {
		return err
	}
	return empty(w)
}

// identityProofs is empty for everybody: what it showed is gone from Mastodon since 3.5, the endpoint is not.
func (a *API) identityProofs(w http.ResponseWriter, r *api.Request) error {
	if _, err := a.target(r, "id"); err != nil {
		return err
	}
	return ok(w, []struct{}{})
}

func (a *API) domainBlockPreview(w http.ResponseWriter, r *api.Request) error {
	domain, err := text.NormalizeDomain(strings.TrimSpace(r.Params.String("domain")))
	if err != nil || domain == "" {
		return errs.Invalid("Validation failed: Domain is not a valid domain name")
	}
	following, followers, err := a.Relations.TiesWithDomain(r.Context(), a.DB, r.Viewer(), domain)
	if err != nil {
		return err
	}
	return ok(w, entity.DomainBlockPreview{Following: following, Followers: followers})
}

func (a *API) languages(w http.ResponseWriter, _ *api.Request) error {
	out := []entity.Language{}
	for _, l := range text.Languages() {
		out = append(out, entity.Language(l))
	}
	return ok(w, out)
}

// maxPeersFound is how many servers a search names (Mastodon).
const maxPeersFound = 10

func (a *API) searchPeers(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Instances.Search(r.Context(), a.DB, strings.ToLower(strings.TrimSpace(r.Params.String("q"))), maxPeersFound)
	if err != nil {
		return err
	}
	return ok(w, append([]string{}, list...))
}

func (a *API) subscribeByMail(w http.ResponseWriter, r *api.Request) error {
	if err := a.Subscriptions.Ask(r.Context(), accounts.ID(r.ID("id")), r.Params.String("email")); err != nil {
		return err
	}
	return empty(w)
}
