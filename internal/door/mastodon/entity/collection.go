package entity

import (
	"context"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

// Collection is a list of accounts that somebody recommends.
type Collection struct {
	ID           string           `json:"id"`
	AccountID    string           `json:"account_id"`
	URI          string           `json:"uri"`
	URL          *string          `json:"url"`
	Name         string           `json:"name"`
	Description  *string          `json:"description"`
	Language     *string          `json:"language"`
	Local        bool             `json:"local"`
	Sensitive    bool             `json:"sensitive"`
	Discoverable bool             `json:"discoverable"`
	Tag          *StatusTag       `json:"tag"`
	ItemCount    int              `json:"item_count"`
	Items        []CollectionItem `json:"items"`
	CreatedAt    string           `json:"created_at"`
	UpdatedAt    string           `json:"updated_at"`
}

// CollectionItem is an account's place in a collection.
type CollectionItem struct {
	ID        string `json:"id"`
	AccountID string `json:"account_id,omitempty"`
	State     string `json:"state"`
	CreatedAt string `json:"created_at"`
}

// Collections is a page of them.
type Collections struct {
	Collections []Collection `json:"collections"`
}

// WrappedCollection and WrappedCollectionItem are one, in an object that may grow.
type WrappedCollection struct {
	Collection Collection `json:"collection"`
}

// WrappedCollectionItem is one place.
type WrappedCollectionItem struct {
	Item CollectionItem `json:"collection_item"`
}

// CollectionWithAccounts is a collection with its owner and everybody in it.
type CollectionWithAccounts struct {
	Accounts   []*Account `json:"accounts"`
	Collection Collection `json:"collection"`
}

// CollectionItemOf renders a place in a collection.
func CollectionItemOf(i collections.Item) CollectionItem {
	e := CollectionItem{ID: ids.Format(i.ID), State: i.State.String(), CreatedAt: stamp(i.CreatedAt)}
	if i.AccountID != 0 {
		e.AccountID = ids.Format(i.AccountID)
	}
	return e
}

// CollectionList renders collections as a viewer sees them, in their order; one statement.
func (r *Renderer) CollectionList(ctx context.Context, q db.Q, viewer accounts.ID, in []*collections.Collection) ([]Collection, error) {
	out := make([]Collection, len(in))
	if len(in) == 0 {
		return out, nil
	}
	items, err := r.Deps.Collections.Items(ctx, q, viewer, in)
	if err != nil {
		return nil, err
	}
	for i, c := range in {
		e := Collection{ID: ids.Format(c.ID), AccountID: ids.Format(c.AccountID), URI: c.URI, URL: textOrNil(c.URL), Name: c.Name, Description: textOrNil(c.Description),
			Language: textOrNil(c.Language), Local: c.Local, Sensitive: c.Sensitive, Discoverable: c.Discoverable, ItemCount: len(items[c.ID]), Items: []CollectionItem{},
			CreatedAt: stamp(c.CreatedAt), UpdatedAt: stamp(c.UpdatedAt)}
		if c.Tag != "" {
			e.Tag = &StatusTag{Name: c.Tag, URL: r.Site.TagURL(c.Tag)}
		}
		for _, item := range items[c.ID] {
			e.Items = append(e.Items, CollectionItemOf(item))
		}
		out[i] = e
	}
	return out, nil
}

// collectionsOf renders the collections that some notices are about; those that a viewer cannot see are absent.
func (r *Renderer) collectionsOf(ctx context.Context, q db.Q, viewer accounts.ID, list []collections.ID) (map[collections.ID]*Collection, error) {
	if len(list) == 0 {
		return nil, nil
	}
	found, err := r.Deps.Collections.ByIDs(ctx, q, list)
	if err != nil {
		return nil, err
	}
	return r.collectionMap(ctx, q, viewer, found)
}

// collectionMap renders collections that are loaded already.
func (r *Renderer) collectionMap(ctx context.Context, q db.Q, viewer accounts.ID, found map[collections.ID]*collections.Collection) (map[collections.ID]*Collection, error) {
	out := make(map[collections.ID]*Collection, len(found))
	var in []*collections.Collection
	for _, c := range found {
		in = append(in, c)
	}
	shown, err := r.CollectionList(ctx, q, viewer, in)
	for i, c := range in {
		if err == nil {
			out[c.ID] = &shown[i]
		}
	}
	return out, err
}

// maxTagged bounds how many collections of one post are shown.
const maxTagged = 4

// collectionsIn are the collections of ours whose pages a post links to; nil for none.
func (r *Renderer) collectionsIn(s *statuses.Status) (out []collections.ID) {
	if r.Deps.Collections == nil || s.Reblog() || !strings.Contains(s.Content, "/collections/") {
		return nil
	}
	for _, link := range text.Links(s.Content) {
		if id := r.Site.CollectionID(link); id != 0 && len(out) < maxTagged && !slices.Contains(out, collections.ID(id)) {
			out = append(out, collections.ID(id))
		}
	}
	return out
}

// taggedIn renders the collections that posts link to, as a viewer sees them: not those of somebody who wants nothing to do with the viewer.
// Where no post links to any, it asks nothing.
func (r *Renderer) taggedIn(ctx context.Context, q db.Q, viewer accounts.ID, linked map[statuses.ID][]collections.ID) (map[statuses.ID][]Collection, error) {
	if len(linked) == 0 {
		return nil, nil
	}
	var all []collections.ID
	for _, list := range linked {
		all = append(all, list...)
	}
	found, err := r.Deps.Collections.ByIDs(ctx, q, all)
	if err != nil {
		return nil, err
	}
	if err := r.dropShunned(ctx, q, viewer, found); err != nil {
		return nil, err
	}
	byID, err := r.collectionMap(ctx, q, viewer, found)
	if err != nil {
		return nil, err
	}
	out := map[statuses.ID][]Collection{}
	for id, list := range linked {
		for _, c := range list {
			if e := byID[c]; e != nil {
				out[id] = append(out[id], *e)
			}
		}
	}
	return out, nil
}

// dropShunned leaves out the collections of those who block a viewer.
func (r *Renderer) dropShunned(ctx context.Context, q db.Q, viewer accounts.ID, found map[collections.ID]*collections.Collection) error {
	if viewer == 0 || len(found) == 0 {
		return nil
	}
	var owners []accounts.ID
	for _, c := range found {
		owners = append(owners, c.AccountID)
	}
	ties, err := r.Relations.Relationships(ctx, q, viewer, owners)
	for _, t := range ties {
		for id, c := range found {
			if c.AccountID == t.ID && t.BlockedBy {
				delete(found, id)
			}
		}
	}
	return err
}

// featureApproval says who may put an account into a collection, and what that means for somebody without ties to it.
func featureApproval(a *accounts.Account) FeatureApproval {
	automatic, manual := collections.Policy(a)
	return FeatureApproval{Automatic: collections.Names(automatic), Manual: collections.Names(manual), CurrentUser: string(collections.ApprovalOf(a, collections.Tie{}))}
}
