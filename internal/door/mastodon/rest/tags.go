package rest

import (
	"context"
	"net/http"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/httpio"
)

func (a *API) tagRoutes() []api.Route {
	return []api.Route{
		{Method: get, Pattern: "/api/v1/followed_tags", Auth: api.User, Scopes: scopes("read:follows"), Handler: a.followedTags},
		{Method: post, Pattern: "/api/v1/tags/{name}/follow", Auth: api.User, Scopes: scopes("write:follows"), Limit: api.LimitFollows, Handler: a.onTag(a.Relations.FollowTag)},
		{Method: post, Pattern: "/api/v1/tags/{name}/unfollow", Auth: api.User, Scopes: scopes("write:follows"), Handler: a.onTag(a.Relations.UnfollowTag)},
	}
}

// tagTies says what whoever asks has to do with some hashtags; nil for nobody.
func (a *API) tagTies(r *api.Request, in []statuses.Tag) (func(statuses.Tag) *entity.TagTies, error) {
	if r.Account == nil {
		return func(statuses.Tag) *entity.TagTies { return nil }, nil
	}
	var list []int64
	for _, t := range in {
		list = append(list, t.ID)
	}
	followed, err := a.Relations.FollowedTags(r.Context(), a.DB, r.Viewer(), list)
	if err != nil {
		return nil, err
	}
	featured, err := a.Statuses.Features(r.Context(), a.DB, r.Viewer(), list)
	return func(t statuses.Tag) *entity.TagTies {
		return &entity.TagTies{Following: followed[t.ID], Featuring: featured[t.ID]}
	}, err
}

func (a *API) followedTags(w http.ResponseWriter, r *api.Request) error {
	p := httpio.Paging(r.Params, 100, 200)
	rows, err := a.Relations.TagFollows(r.Context(), a.DB, r.Viewer(), p)
	if err != nil {
		return err
	}
	var list []int64
	for _, f := range rows {
		list = append(list, f.TagID)
	}
	found, err := a.Statuses.TagsByID(r.Context(), a.DB, list)
	if err != nil {
		return err
	}
	tags := make([]statuses.Tag, 0, len(rows))
	for _, f := range rows {
		if t, ok := found[f.TagID]; ok {
			tags = append(tags, t)
		}
	}
	out, err := a.tags(r, tags)
	if err != nil {
		return err
	}
	linkSince(a, w, r, rows, p, func(f relations.TagFollow) int64 { return f.ID })
	return ok(w, out)
}

// onTag does something with a hashtag, which is made when nobody used it yet, and answers with it.
func (a *API) onTag(do func(ctx context.Context, me accounts.ID, tag int64) error) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		t, err := a.Statuses.EnsureTag(r.Context(), r.Path("name"))
		if err != nil {
			return err
		}
		if err := do(r.Context(), r.Viewer(), t.ID); err != nil {
			return err
		}
		out, err := a.tags(r, []statuses.Tag{t})
		if err != nil {
			return err
		}
		return ok(w, out[0])
	}
}
