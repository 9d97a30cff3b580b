package rest

import (
	"net/http"
	"time"

	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

// expiry reads expires_in: set says that it was sent, and a nil duration that the filter is for good.
func expiry(p *httpio.Params) (set bool, in *time.Duration) {
	if !p.Has("expires_in") {
		return false, nil
	}
	if p.String("expires_in") == "" {
		return true, nil
	}
	return true, new(seconds(p.Int("expires_in", 0)))
}

func contexts(p *httpio.Params) []string {
	if !p.Has("context") {
		return nil
	}
	return append([]string{}, p.List("context")...)
}

func keywordChange(p *httpio.Params) filters.KeywordChange {
	return filters.KeywordChange{ID: p.ID("id"), Keyword: p.Text("keyword"), WholeWord: p.Flag("whole_word"), Destroy: p.Bool("_destroy", false)}
}

func filterChange(p *httpio.Params) filters.Change {
	c := filters.Change{Title: p.Text("title"), Context: contexts(p)}
	if s := p.String("filter_action"); s != "" {
		c.Action = &s
	}
	c.SetExpiry, c.ExpiresIn = expiry(p)
	for _, k := range p.Maps("keywords_attributes") {
		c.Keywords = append(c.Keywords, keywordChange(k))
	}
	return c
}

func (a *API) filters(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Filters.List(r.Context(), a.DB, r.Viewer())
	if err != nil {
		return err
	}
	out := make([]entity.Filter, 0, len(list))
	for _, f := range list {
		out = append(out, entity.NewFilter(f))
	}
	return ok(w, out)
}

// filterDone answers with a filter after something was done.
func filterDone(w http.ResponseWriter, f *filters.Filter, err error) error {
	if err != nil {
		return err
	}
	return ok(w, entity.NewFilter(f))
}

func (a *API) createFilter(w http.ResponseWriter, r *api.Request) error {
	f, err := a.Filters.Create(r.Context(), r.Viewer(), filterChange(r.Params))
	return filterDone(w, f, err)
}

func (a *API) showFilter(w http.ResponseWriter, r *api.Request) error {
	f, err := a.Filters.ByID(r.Context(), a.DB, r.Viewer(), r.ID("id"))
	return filterDone(w, f, err)
}

func (a *API) updateFilter(w http.ResponseWriter, r *api.Request) error {
	f, err := a.Filters.Update(r.Context(), r.Viewer(), r.ID("id"), filterChange(r.Params))
	return filterDone(w, f, err)
}

func (a *API) deleteFilter(w http.ResponseWriter, r *api.Request) error {
	if err := a.Filters.Delete(r.Context(), r.Viewer(), r.ID("id")); err != nil {
		return err
	}
	return empty(w)
}

func (a *API) filterKeywords(w http.ResponseWriter, r *api.Request) error {
	f, err := a.Filters.ByID(r.Context(), a.DB, r.Viewer(), r.ID("filter_id"))
	if err != nil {
		return err
	}
	return ok(w, *entity.NewFilter(f).Keywords)
}

func keywordDone(w http.ResponseWriter, k filters.Keyword, err error) error {
	if err != nil {
		return err
	}
	return ok(w, entity.NewFilterKeyword(k))
}

func (a *API) addFilterKeyword(w http.ResponseWriter, r *api.Request) error {
	c := keywordChange(r.Params)
	c.ID = 0
	k, err := a.Filters.AddKeyword(r.Context(), r.Viewer(), r.ID("filter_id"), c)
	return keywordDone(w, k, err)
}

func (a *API) showFilterKeyword(w http.ResponseWriter, r *api.Request) error {
	k, err := a.Filters.KeywordByID(r.Context(), a.DB, r.Viewer(), r.ID("id"))
	return keywordDone(w, k, err)
}

func (a *API) updateFilterKeyword(w http.ResponseWriter, r *api.Request) error {
	k, err := a.Filters.UpdateKeyword(r.Context(), r.Viewer(), r.ID("id"), keywordChange(r.Params))
	return keywordDone(w, k, err)
}

func (a *API) deleteFilterKeyword(w http.ResponseWriter, r *api.Request) error {
	if err := a.Filters.DeleteKeyword(r.Context(), r.Viewer(), r.ID("id")); err != nil {
		return err
	}
	return empty(w)
}

func (a *API) filterStatuses(w http.ResponseWriter, r *api.Request) error {
	f, err := a.Filters.ByID(r.Context(), a.DB, r.Viewer(), r.ID("filter_id"))
	if err != nil {
		return err
	}
	return ok(w, *entity.NewFilter(f).Statuses)
}

func filterStatusDone(w http.ResponseWriter, s filters.Status, err error) error {
	if err != nil {
		return err
	}
	return ok(w, entity.NewFilterStatus(s))
}

func (a *API) addFilterStatus(w http.ResponseWriter, r *api.Request) error {
	s, err := a.Filters.AddStatus(r.Context(), r.Viewer(), r.ID("filter_id"), statuses.ID(r.Params.ID("status_id")))
	return filterStatusDone(w, s, err)
}

func (a *API) showFilterStatus(w http.ResponseWriter, r *api.Request) error {
	s, err := a.Filters.StatusByID(r.Context(), a.DB, r.Viewer(), r.ID("id"))
	return filterStatusDone(w, s, err)
}

func (a *API) deleteFilterStatus(w http.ResponseWriter, r *api.Request) error {
	s, err := a.Filters.DeleteStatus(r.Context(), r.Viewer(), r.ID("id"))
	return filterStatusDone(w, s, err)
}

func v1Change(p *httpio.Params) filters.V1Change {
	c := filters.V1Change{Phrase: p.Text("phrase"), Context: contexts(p), Irreversible: p.Flag("irreversible"), WholeWord: p.Flag("whole_word")}
	c.SetExpiry, c.ExpiresIn = expiry(p)
	return c
}

func v1Done(w http.ResponseWriter, f filters.V1, err error) error {
	if err != nil {
		return err
	}
	return ok(w, entity.NewV1Filter(f))
}

func (a *API) v1Filters(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Filters.ListV1(r.Context(), a.DB, r.Viewer())
	if err != nil {
		return err
	}
	out := make([]entity.V1Filter, 0, len(list))
	for _, f := range list {
		out = append(out, entity.NewV1Filter(f))
	}
	return ok(w, out)
}

func (a *API) createV1Filter(w http.ResponseWriter, r *api.Request) error {
	c := v1Change(r.Params)
	if c.Context == nil {
		return errs.Invalid("Validation failed: Context can't be blank")
	}
	f, err := a.Filters.CreateV1(r.Context(), r.Viewer(), c)
	return v1Done(w, f, err)
}

func (a *API) showV1Filter(w http.ResponseWriter, r *api.Request) error {
	f, err := a.Filters.ByIDV1(r.Context(), a.DB, r.Viewer(), r.ID("id"))
	return v1Done(w, f, err)
}

func (a *API) updateV1Filter(w http.ResponseWriter, r *api.Request) error {
	f, err := a.Filters.UpdateV1(r.Context(), r.Viewer(), r.ID("id"), v1Change(r.Params))
	return v1Done(w, f, err)
}

func (a *API) deleteV1Filter(w http.ResponseWriter, r *api.Request) error {
	if err := a.Filters.DeleteV1(r.Context(), r.Viewer(), r.ID("id")); err != nil {
		return err
	}
	return empty(w)
}
