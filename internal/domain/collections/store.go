package collections

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

const columns = "c.id, c.account_id, c.local, c.uri, c.url, c.name, c.description, c.language, c.sensitive, c.discoverable, c.tag, c.created_at, c.updated_at"

func scan(r db.Row) (*Collection, error) {
	var c Collection
	var created, updated int64
	err := r.Scan(&c.ID, &c.AccountID, &c.Local, &c.URI, &c.URL, &c.Name, &c.Description, &c.Language, &c.Sensitive, &c.Discoverable, &c.Tag, &created, &updated)
	c.CreatedAt, c.UpdatedAt = db.At(created), db.At(updated)
	return &c, err
}

const itemColumns = "i.id, i.collection_id, COALESCE(i.account_id, 0), i.object_uri, i.uri, i.activity_uri, i.approval_uri, i.state, i.created_at"

func scanItem(r db.Row) (Item, error) {
	var i Item
	var created int64
	err := r.Scan(&i.ID, &i.CollectionID, &i.AccountID, &i.ObjectURI, &i.URI, &i.ActivityURI, &i.ApprovalURI, &i.State, &created)
	i.CreatedAt = db.At(created)
	return i, err
}

// shown is for collections whose owner is not shut out.
const shown = " FROM collections c JOIN accounts o ON o.id = c.account_id AND o.suspended_at = 0 WHERE "

// ByID finds a collection whose owner is not shut out.
func (s *Service) ByID(ctx context.Context, q db.Q, id ID) (*Collection, error) {
	return scan(q.QueryRow(ctx, "SELECT "+columns+shown+"c.id = $1", id))
}

// ByIDs finds collections, in one statement; those that are not there are absent.
func (s *Service) ByIDs(ctx context.Context, q db.Q, list []ID) (map[ID]*Collection, error) {
	out := map[ID]*Collection{}
	if len(list) == 0 {
		return out, nil
	}
	found, err := db.All(ctx, q, scan, "SELECT "+columns+shown+"c.id = ANY($1)", db.Array(list))
	for _, c := range found {
		out[c.ID] = c
	}
	return out, err
}

// ByURL finds a collection by its id in ActivityPub or the address of its page.
func (s *Service) ByURL(ctx context.Context, q db.Q, url string) (*Collection, error) {
	if id := s.Site.CollectionID(url); id != 0 {
		return s.ByID(ctx, q, ID(id))
	}
	return scan(q.QueryRow(ctx, "SELECT "+columns+shown+"c.uri = $1", url))
}

// Of lists the collections of an account, the newest first; with all those too that are to be found by their address alone.
func (s *Service) Of(ctx context.Context, q db.Q, owner accounts.ID, all bool, p db.Page) ([]*Collection, error) {
	only := ""
	if !all {
		only = " AND c.discoverable"
	}
	out, err := db.All(ctx, q, scan, "SELECT "+columns+shown+"c.account_id = $1"+only+" ORDER BY c.id DESC LIMIT $2 OFFSET $3", owner, p.Limit, p.Offset)
	if err != nil {
		return nil, fmt.Errorf("listing collections: %w", err)
	}
	return out, nil
}

// In lists the collections that an account agreed to be in, the newest first.
func (s *Service) In(ctx context.Context, q db.Q, who accounts.ID, p db.Page) ([]*Collection, error) {
	out, err := db.All(ctx, q, scan, "SELECT "+columns+shown+`c.id IN (SELECT i.collection_id FROM collection_items i WHERE i.account_id = $1 AND i.state = 1)
ORDER BY c.id DESC LIMIT $2 OFFSET $3`, who, p.Limit, p.Offset)
	if err != nil {
		return nil, fmt.Errorf("listing collections of others: %w", err)
	}
	return out, nil
}

// Items are the places in some collections as a viewer sees them, in order; one statement. Who did not agree yet is seen by the owner alone,
// and nobody sees whom they block or who was shut out.
func (s *Service) Items(ctx context.Context, q db.Q, viewer accounts.ID, list []*Collection) (map[ID][]Item, error) {
	out := make(map[ID][]Item, len(list))
	if len(list) == 0 {
		return out, nil
	}
	named := make([]ID, len(list))
	for i, c := range list {
		named[i] = c.ID
	}
	found, err := db.All(ctx, q, scanItem, "SELECT "+itemColumns+` FROM collection_items i JOIN collections c ON c.id = i.collection_id LEFT JOIN accounts a ON a.id = i.account_id
WHERE i.collection_id = ANY($1) AND (i.state = 1 OR i.state = 0 AND c.account_id = $2) AND (a.id IS NULL OR a.suspended_at = 0)
AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = $2 AND b.target_account_id = i.account_id) ORDER BY i.collection_id, i.position, i.id`, db.Array(named), viewer)
	if err != nil {
		return nil, fmt.Errorf("listing collection items: %w", err)
	}
	for _, i := range found {
		out[i.CollectionID] = append(out[i.CollectionID], i)
	}
	return out, nil
}

// Item finds a place in a collection.
func (s *Service) Item(ctx context.Context, q db.Q, in ID, id ItemID) (Item, error) {
	return scanItem(q.QueryRow(ctx, "SELECT "+itemColumns+" FROM collection_items i WHERE i.id = $1 AND i.collection_id = $2", id, in))
}

// MembersHere are the accounts of this server that agreed to be in a collection.
func (s *Service) MembersHere(ctx context.Context, q db.Q, id ID) ([]accounts.ID, error) {
	return db.Column[accounts.ID](ctx, q, "SELECT i.account_id FROM collection_items i JOIN accounts a ON a.id = i.account_id AND a.domain = '' WHERE i.collection_id = $1 AND i.state = 1 ORDER BY i.id LIMIT $2",
		id, MaxItems)
}

// own is a collection of this server that somebody may change, locked.
func (s *Service) own(ctx context.Context, tx *db.Tx, owner accounts.ID, id ID) (*Collection, error) {
	c, err := scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM collections c WHERE c.id = $1"+tx.ForUpdate(), id))
	if err == nil && (c.AccountID != owner || !c.Local) {
		err = errs.Forbidden()
	}
	return c, err
}
