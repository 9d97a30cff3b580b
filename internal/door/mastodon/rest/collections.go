package rest

import (
	"errors"
	"net/http"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

const (
	// standardCollections is how many collections a page has; an account's own may have more than those that it is in (Mastodon).
	standardCollections = 40
	maxCollections      = 100
	maxInCollections    = 80
)

// collectionRoutes are there twice: as Mastodon 4.6 has them, and as the versions before it did.
func (a *API) collectionRoutes() []api.Route {
	var all []api.Route
	for _, prefix := range []string{"/api/v1", "/api/v1_alpha"} {
		route := func(method, pattern string, auth api.Auth, h api.Handler) {
			r := api.Route{Method: method, Pattern: prefix + pattern, Auth: auth, Scopes: scopes("write:collections"), Handler: nested(h)}
			if method == get {
				r.Scopes = scopes("read:collections")
			}
			if prefix != "/api/v1" {
				r.Deprecated = deprecatedIn4_6
			}
			all = append(all, r)
		}
		route(get, "/accounts/{account_id}/collections", api.Optional, a.collectionsOf)
		route(get, "/accounts/{account_id}/in_collections", api.User, a.inCollections)
		route(post, "/collections", api.User, a.createCollection)
		route(get, "/collections/{id}", api.Optional, a.showCollection)
		route(patch, "/collections/{id}", api.User, a.updateCollection)
		route(remove, "/collections/{id}", api.User, a.deleteCollection)
		route(post, "/collections/{collection_id}/items", api.User, a.addToCollection)
		route(remove, "/collections/{collection_id}/items/{id}", api.User, a.removeFromCollection)
		route(post, "/collections/{collection_id}/items/{id}/revoke", api.User, a.leaveCollection)
	}
	return all
}

// nested puts what is wrong with the input inside of error, as Mastodon does here and nowhere else.
func nested(h api.Handler) api.Handler {
	return func(w http.ResponseWriter, r *api.Request) error {
		err := h(w, r)
		var e *errs.Error
		if errors.As(err, &e) && e.Kind == errs.InvalidKind && len(e.Details) > 0 {
			return httpio.JSON(w, http.StatusUnprocessableEntity, struct {
				Error httpio.ErrorBody `json:"error"`
			}{httpio.Body(err)})
		}
		return err
	}
}

// nothing is the answer of acts that have no body.
func nothing(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusOK)
	return nil
}

func collectionDraft(p *httpio.Params) collections.Draft {
	return collections.Draft{Name: p.Text("name"), Description: p.Text("description"), Language: p.Text("language"), Tag: p.Text("tag_name"),
		Sensitive: p.Flag("sensitive"), Discoverable: p.Flag("discoverable")}
}

func (a *API) answerCollection(w http.ResponseWriter, r *api.Request, c *collections.Collection) error {
	list, err := a.Render.CollectionList(r.Context(), a.DB, r.Viewer(), []*collections.Collection{c})
	if err != nil {
		return err
	}
	return ok(w, entity.WrappedCollection{Collection: list[0]})
}

func (a *API) createCollection(w http.ResponseWriter, r *api.Request) error {
	c, err := a.Collections.Create(r.Context(), r.Account, collectionDraft(r.Params), accountIDs(r.Params.IDs("account_ids")))
	if err != nil {
		return err
	}
	return a.answerCollection(w, r, c)
}

func (a *API) updateCollection(w http.ResponseWriter, r *api.Request) error {
	c, err := a.Collections.Update(r.Context(), r.Viewer(), collections.ID(r.ID("id")), collectionDraft(r.Params))
	if err != nil {
		return err
	}
	return a.answerCollection(w, r, c)
}

func (a *API) deleteCollection(w http.ResponseWriter, r *api.Request) error {
	if err := a.Collections.Delete(r.Context(), r.Viewer(), collections.ID(r.ID("id"))); err != nil {
		return err
	}
	return nothing(w)
}

// shunned reports whether an account wants nothing to do with whoever asks.
func (a *API) shunned(r *api.Request, owner accounts.ID) (bool, error) {
	if r.Viewer() == 0 {
		return false, nil
	}
	tie, err := a.Relations.Relationship(r.Context(), a.DB, r.Viewer(), owner)
	return tie.BlockedBy, err
}

// showCollection shows a collection with the accounts in it, to whoever knows its address.
func (a *API) showCollection(w http.ResponseWriter, r *api.Request) error {
	ctx := r.Context()
	c, err := a.Collections.ByID(ctx, a.DB, collections.ID(r.ID("id")))
	if err != nil {
		return err
	}
	if no, err := a.shunned(r, c.AccountID); err != nil {
		return err
	} else if no {
		return errs.Forbidden()
	}
	list, err := a.Render.CollectionList(ctx, a.DB, r.Viewer(), []*collections.Collection{c})
	if err != nil {
		return err
	}
	items, err := a.Collections.Items(ctx, a.DB, r.Viewer(), []*collections.Collection{c})
	if err != nil {
		return err
	}
	people := []accounts.ID{c.AccountID}
	for _, i := range items[c.ID] {
		if i.AccountID != 0 && i.AccountID != c.AccountID {
			people = append(people, i.AccountID)
		}
	}
	out := entity.CollectionWithAccounts{Collection: list[0]}
	if out.Accounts, err = a.Render.AccountList(ctx, a.DB, people); err != nil {
		return err
	}
	return ok(w, out)
}

// answerCollections answers with a page of collections, of which one more was asked for than is shown.
func (a *API) answerCollections(w http.ResponseWriter, r *api.Request, list []*collections.Collection, p db.Page) error {
	more := len(list) > p.Limit
	out, err := a.Render.CollectionList(r.Context(), a.DB, r.Viewer(), list[:min(len(list), p.Limit)])
	if err != nil {
		return err
	}
	httpio.LinkOffsets(w, r.Request, a.Site.Base(), p, more)
	return ok(w, entity.Collections{Collections: out})
}

// oneMore is a page with one row more, which tells whether there is another page.
func oneMore(p db.Page) db.Page {
	p.Limit++
	return p
}

func (a *API) collectionsOf(w http.ResponseWriter, r *api.Request) error {
	owner, err := a.target(r, "account_id")
	if err != nil {
		return err
	}
	if no, err := a.shunned(r, owner.ID); err != nil {
		return err
	} else if no || owner.Suspended() {
		return ok(w, entity.Collections{Collections: []entity.Collection{}})
	}
	p := httpio.Paging(r.Params, standardCollections, maxCollections)
	list, err := a.Collections.Of(r.Context(), a.DB, owner.ID, owner.ID == r.Viewer(), oneMore(p))
	if err != nil {
		return err
	}
	return a.answerCollections(w, r, list, p)
}

// inCollections lists who recommends oneself; nobody else is told.
func (a *API) inCollections(w http.ResponseWriter, r *api.Request) error {
	who, err := a.target(r, "account_id")
	if err != nil {
		return err
	}
	if who.ID != r.Viewer() {
		return errs.Forbidden()
	}
	p := httpio.Paging(r.Params, standardCollections, maxInCollections)
	list, err := a.Collections.In(r.Context(), a.DB, who.ID, oneMore(p))
	if err != nil {
		return err
	}
	return a.answerCollections(w, r, list, p)
}

func (a *API) addToCollection(w http.ResponseWriter, r *api.Request) error {
	if !r.Params.Given("account_id") {
		return errs.Invalid("`account_id` parameter is missing")
	}
	i, err := a.Collections.Add(r.Context(), r.Viewer(), collections.ID(r.ID("collection_id")), accounts.ID(r.Params.ID("account_id")))
	if err != nil {
		return err
	}
	return ok(w, entity.WrappedCollectionItem{Item: entity.CollectionItemOf(i)})
}

func (a *API) removeFromCollection(w http.ResponseWriter, r *api.Request) error {
	if err := a.Collections.Remove(r.Context(), r.Viewer(), collections.ID(r.ID("collection_id")), collections.ItemID(r.ID("id"))); err != nil {
		return err
	}
	return nothing(w)
}

func (a *API) leaveCollection(w http.ResponseWriter, r *api.Request) error {
	if err := a.Collections.Revoke(r.Context(), r.Viewer(), collections.ID(r.ID("collection_id")), collections.ItemID(r.ID("id"))); err != nil {
		return err
	}
	return nothing(w)
}

// searchCollection finds a collection by its address, and reports whether there is one.
func (a *API) searchCollection(r *api.Request, q string, wants func(string) bool, offset int, out *entity.Search) (bool, error) {
	c, err := a.Collections.ByURL(r.Context(), a.DB, q)
	if errs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if no, err := a.shunned(r, c.AccountID); err != nil || no || offset > 0 || !wants("collections") {
		return true, err
	}
	out.Collections, err = a.Render.CollectionList(r.Context(), a.DB, r.Viewer(), []*collections.Collection{c})
	return true, err
}

// approved renders accounts with whether the one who asks may put them into a collection.
func (a *API) approved(r *api.Request, list []*accounts.Account) ([]*entity.Account, error) {
	out, err := a.Render.Known(r.Context(), a.DB, list)
	if err != nil || len(list) == 0 {
		return out, err
	}
	if r.Viewer() == 0 {
		for _, e := range out {
			e.FeatureApproval.CurrentUser = string(collections.Denied)
		}
		return out, nil
	}
	approvals, err := a.Collections.Approvals(r.Context(), a.DB, r.Viewer(), list)
	for i, e := range out {
		e.FeatureApproval.CurrentUser = string(approvals[list[i].ID])
	}
	return out, err
}
