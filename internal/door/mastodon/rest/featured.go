package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/errs"
)

func (a *API) featuredRoutes() []api.Route {
	user := func(method, pattern, scope string, h api.Handler) api.Route {
		return api.Route{Method: method, Pattern: pattern, Auth: api.User, Scopes: scopes(scope), Handler: h}
	}
	return []api.Route{
		{Method: get, Pattern: "/api/v1/accounts/{id}/featured_tags", Auth: api.None, Handler: a.accountFeaturedTags},
		user(get, "/api/v1/featured_tags", "read:accounts", a.featuredTags),
		user(post, "/api/v1/featured_tags", "write:accounts", a.featureTag),
		user(remove, "/api/v1/featured_tags/{id}", "write:accounts", a.deleteFeaturedTag),
		user(get, "/api/v1/featured_tags/suggestions", "read:accounts", a.suggestedTags),
		user(post, "/api/v1/tags/{id}/feature", "write:accounts", a.tagOnProfile(true)),
		user(post, "/api/v1/tags/{id}/unfeature", "write:accounts", a.tagOnProfile(false)),
	}
}

// accountFeaturedTags shows the hashtags of anybody's profile; of one that was shut out there are none.
func (a *API) accountFeaturedTags(w http.ResponseWriter, r *api.Request) error {
	of, err := a.target(r, "id")
	if err != nil {
		return err
	}
	if of.Suspended() {
		return ok(w, []entity.FeaturedTag{})
	}
	list, err := a.Statuses.FeaturedTags(r.Context(), a.DB, of.ID)
	if err != nil {
		return err
	}
	return ok(w, a.Render.FeaturedTags(of, list))
}

func (a *API) featuredTags(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Statuses.FeaturedTags(r.Context(), a.DB, r.Viewer())
	if err != nil {
		return err
	}
	return ok(w, a.Render.FeaturedTags(r.Account, list))
}

func (a *API) featureTag(w http.ResponseWriter, r *api.Request) error {
	name, err := required(r.Params, "name")
	if err != nil {
		return err
	}
	f, err := a.Statuses.Feature(r.Context(), r.Account, strings.TrimPrefix(strings.TrimSpace(name), "#"))
	if err != nil {
		return err
	}
	return ok(w, a.Render.FeaturedTags(r.Account, []statuses.FeaturedTag{f})[0])
}

func (a *API) deleteFeaturedTag(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Statuses.FeaturedTags(r.Context(), a.DB, r.Viewer())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(f statuses.FeaturedTag) bool { return f.ID == r.ID("id") })
	if i < 0 {
		return errs.NotFound()
	}
	if err := a.Statuses.Unfeature(r.Context(), r.Account, list[i].Name); err != nil {
		return err
	}
	return empty(w)
}

func (a *API) suggestedTags(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Statuses.SuggestedTags(r.Context(), a.DB, r.Viewer())
	if err != nil {
		return err
	}
	out, err := a.tags(r, list)
	if err != nil {
		return err
	}
	return ok(w, out)
}

// tagOnProfile puts a hashtag on the profile, or takes it off; a tag that is there, or is not, stays so.
func (a *API) tagOnProfile(on bool) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		found, err := a.Statuses.TagsByID(r.Context(), a.DB, []int64{r.ID("id")})
		if err != nil {
			return err
		}
		t, known := found[r.ID("id")]
		if !known {
			return errs.NotFound()
		}
		if on {
			_, err = a.Statuses.Feature(r.Context(), r.Account, t.DisplayName)
		} else if err = a.Statuses.Unfeature(r.Context(), r.Account, t.Name); errs.IsNotFound(err) {
			err = nil
		}
		if err != nil {
			return err
		}
		list, err := a.tags(r, []statuses.Tag{t})
		if err != nil {
			return err
		}
		return ok(w, list[0])
	}
}
