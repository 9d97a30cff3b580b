package rest

import (
	"net/http"

	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/httpio"
)

func (a *API) lists(w http.ResponseWriter, r *api.Request) error {
	list, err := a.Relations.Lists(r.Context(), a.DB, r.Viewer())
	if err != nil {
		return err
	}
	return ok(w, entity.NewLists(list))
}

// list is one of the person's own lists.
func (a *API) list(r *api.Request) (relations.List, error) {
	return a.Relations.ListByID(r.Context(), a.DB, r.Viewer(), r.ID("id"))
}

func (a *API) showList(w http.ResponseWriter, r *api.Request) error {
	l, err := a.list(r)
	if err != nil {
		return err
	}
	return ok(w, entity.NewList(l))
}

func (a *API) createList(w http.ResponseWriter, r *api.Request) error {
	l, err := a.Relations.CreateList(r.Context(), relations.List{AccountID: r.Viewer(), Title: r.Params.String("title"),
		RepliesPolicy: r.Params.String("replies_policy"), Exclusive: r.Params.Bool("exclusive", false)})
	if err != nil {
		return err
	}
	return ok(w, entity.NewList(l))
}

func (a *API) updateList(w http.ResponseWriter, r *api.Request) error {
	l, err := a.list(r)
	if err != nil {
		return err
	}
	if r.Params.Has("title") {
		l.Title = r.Params.String("title")
	}
	if s := r.Params.String("replies_policy"); s != "" {
		l.RepliesPolicy = s
	}
	l.Exclusive = r.Params.Bool("exclusive", l.Exclusive)
	if err := a.Relations.UpdateList(r.Context(), l); err != nil {
		return err
	}
	return ok(w, entity.NewList(l))
}

func (a *API) deleteList(w http.ResponseWriter, r *api.Request) error {
	if err := a.Relations.DeleteList(r.Context(), r.Viewer(), r.ID("id")); err != nil {
		return err
	}
	return empty(w)
}

// maxWholeList is the most members that are given at once to who asks for all (limit=0).
const maxWholeList = 1000

func (a *API) listAccounts(w http.ResponseWriter, r *api.Request) error {
	l, err := a.list(r)
	if err != nil {
		return err
	}
	p := httpio.Paging(r.Params, 40, 80)
	if r.Params.String("limit") == "0" {
		p = db.Page{Limit: maxWholeList}
	}
	rows, err := a.Relations.ListAccounts(r.Context(), a.DB, l.ID, p)
	if err != nil {
		return err
	}
	return a.people(w, r, relationRows(rows), p)
}

func (a *API) addToList(w http.ResponseWriter, r *api.Request) error {
	l, err := a.list(r)
	if err != nil {
		return err
	}
	if err := a.Relations.AddToList(r.Context(), l, accountIDs(r.Params.IDs("account_ids"))); err != nil {
		return err
	}
	return empty(w)
}

func (a *API) removeFromList(w http.ResponseWriter, r *api.Request) error {
	l, err := a.list(r)
	if err != nil {
		return err
	}
	if err := a.Relations.RemoveFromList(r.Context(), l, accountIDs(r.Params.IDs("account_ids"))); err != nil {
		return err
	}
	return empty(w)
}
