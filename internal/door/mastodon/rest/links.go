package rest

import (
	"net/http"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// oembedShared is for how long a proxy may keep how a post is embedded.
const oembedShared = 15 * time.Second

func (a *API) linkRoutes() []api.Route {
	return []api.Route{
		{Method: get, Pattern: "/api/oembed", Auth: api.None, Shared: oembedShared, Handler: a.oembed},
		{Method: get, Pattern: "/api/web/embeds/{id}", Auth: api.Optional, Handler: a.webEmbed},
	}
}

// oembed tells other sites how a public or unlisted post of this server is shown in their pages.
func (a *API) oembed(w http.ResponseWriter, r *api.Request) error {
	u, err := weburl.Parse(r.Params.String("url"))
	if err != nil || !a.Site.IsLocalDomain(u.Host) {
		return errs.NotFound()
	}
	st, err := a.Statuses.ByURL(r.Context(), a.DB, a.Site.URL(u.Path))
	if err != nil {
		return err
	}
	return a.embed(w, r, st.ID)
}

// webEmbed is oembed by id. How a post of another server is embedded, that server is asked, for somebody who is signed in.
func (a *API) webEmbed(w http.ResponseWriter, r *api.Request) error {
	return a.embed(w, r, statuses.ID(r.ID("id")))
}

func (a *API) embed(w http.ResponseWriter, r *api.Request, id statuses.ID) error {
	// What is embedded is seen by everybody, whoever asks.
	st, err := a.Statuses.ByID(r.Context(), a.DB, 0, id)
	if err != nil {
		return err
	}
	if st.Reblog() || !st.Distributable() {
		return errs.NotFound()
	}
	if st.Local {
		by, err := a.Accounts.ByID(r.Context(), a.DB, st.AccountID)
		if err != nil {
			return err
		}
		return ok(w, a.Render.OEmbed(st, by, side(r.Params.Int("maxwidth", entity.OEmbedWidth), entity.OEmbedWidth), side(r.Params.Int("maxheight", 0), 0)))
	}
	if r.Account == nil {
		return errs.NotFound()
	}
	found, err := a.Links.Embed(r.Context(), st.URL)
	if err != nil {
		return err
	}
	return ok(w, a.Render.ForeignEmbed(found))
}

// side keeps a number of pixels that somebody asks for within reason.
func side(pixels, otherwise int) int {
	if pixels <= 0 || pixels > 10_000 {
		return otherwise
	}
	return pixels
}
