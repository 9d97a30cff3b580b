package collections

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// maxRemote is how many collections of one account of another server are kept, ten times what people here may have, and maxRemoteItems how many
// accounts of each (Mastodon).
const (
	maxRemote      = 100
	maxRemoteItems = 150
)

// Incoming is a collection as its server tells of it, checked and cleaned by the door.
type Incoming struct {
	URI, URL, Name, Description, Language, Tag string
	Sensitive, Discoverable                    bool
	CreatedAt                                  time.Time
	Items                                      []IncomingItem
}

// IncomingItem is an account in it, with the address of its agreement.
type IncomingItem struct{ URI, ObjectURI, ApprovalURI string }

// Receive enters a collection of another server, or brings it up to date. An account of ours is in it only if it was asked, and agreed; the
// agreement of every other account is looked at before it counts.
func (s *Service) Receive(ctx context.Context, owner *accounts.Account, in Incoming) (*Collection, error) {
	if owner.Local() || s.Site.IsLocalURI(in.URI) {
		return nil, errs.Forbidden()
	}
	var c *Collection
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		now := s.Clock.Now()
		created := in.CreatedAt
		if created.IsZero() || created.After(now) {
			created = now
		}
		n, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM collections WHERE account_id = $1 AND uri <> $2", owner.ID, in.URI)
		if err != nil || n >= maxRemote {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO collections (id, account_id, local, uri, url, name, description, language, sensitive, discoverable, tag, created_at, updated_at)
VALUES ($1, $2, FALSE, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (uri) DO UPDATE SET url = $4, name = $5, description = $6, language = $7, sensitive = $8,
discoverable = $9, tag = $10, updated_at = $12 WHERE collections.account_id = $2 AND NOT collections.local`,
			s.IDs.Next(), owner.ID, in.URI, in.URL, in.Name, in.Description, in.Language, in.Sensitive, in.Discoverable, in.Tag, db.Ms(created), db.Ms(now)); err != nil {
			return err
		}
		if c, err = scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM collections c WHERE c.uri = $1", in.URI)); err != nil {
			return err
		}
		if c.AccountID != owner.ID {
			return errs.Forbidden()
		}
		return s.receiveItems(ctx, tx, c, in.Items, true)
	})
	if err != nil {
		return nil, fmt.Errorf("entering a collection: %w", err)
	}
	if c == nil {
		return nil, errs.Forbidden()
	}
	return c, nil
}

// ReceiveItem enters an account in a collection of another server that is known here.
func (s *Service) ReceiveItem(ctx context.Context, owner accounts.ID, collectionURI string, in IncomingItem) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		c, err := s.theirs(ctx, tx, owner, collectionURI)
		if err != nil {
			return err
		}
		return s.receiveItems(ctx, tx, c, []IncomingItem{in}, false)
	})
}

// theirs is a collection of another server's account, locked.
func (s *Service) theirs(ctx context.Context, tx *db.Tx, owner accounts.ID, uri string) (*Collection, error) {
	return scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM collections c WHERE c.uri = $1 AND c.account_id = $2 AND NOT c.local"+tx.ForUpdate(), uri, owner))
}

// receiveItems writes who is in a collection of another server; with all, those who are not named are no more.
func (s *Service) receiveItems(ctx context.Context, tx *db.Tx, c *Collection, in []IncomingItem, all bool) error {
	known, err := db.All(ctx, tx, scanItem, "SELECT "+itemColumns+" FROM collection_items i WHERE i.collection_id = $1", c.ID)
	if err != nil {
		return err
	}
	byURI, unnamed := map[string]Item{}, map[string]Item{}
	for _, i := range known {
		if i.URI != "" {
			byURI[i.URI] = i
		} else {
			unnamed[i.ObjectURI] = i
		}
	}
	in = in[:min(len(in), maxRemoteItems)]
	var rows, named [][]any
	var fresh []jobs.Event
	var gone []ItemID
	for n, i := range in {
		old, ok := byURI[i.URI]
		ours, asked := unnamed[i.ObjectURI]
		switch {
		case ok && old.ObjectURI == i.ObjectURI && (old.ApprovalURI == i.ApprovalURI || s.Site.IsLocalURI(i.ObjectURI)):
			delete(byURI, i.URI)
		case asked:
			named = append(named, []any{i.URI, n + 1, ours.ID})
			delete(unnamed, i.ObjectURI)
		case s.Site.IsLocalURI(i.ObjectURI), len(known)+len(rows) >= maxRemoteItems:
			// Nobody here agreed to that.
		default:
			if ok {
				gone = append(gone, old.ID)
				delete(byURI, i.URI)
			}
			id := ItemID(s.IDs.Next())
			rows = append(rows, []any{id, c.ID, i.ObjectURI, i.URI, i.ApprovalURI, n + 1, db.Ms(s.Clock.Now())})
			fresh = append(fresh, ItemReceived{ItemID: id, At: i.ObjectURI})
		}
	}
	if all {
		for _, i := range byURI {
			gone = append(gone, i.ID)
		}
	}
	slices.Sort(gone)
	if len(gone) > 0 {
		if err := tx.Do(ctx, "leaving out of a collection", "DELETE FROM collection_items WHERE id = ANY($1)", db.Array(gone)); err != nil {
			return err
		}
	}
	if err := tx.DoMany(ctx, "naming an item", "UPDATE collection_items SET uri = $1, position = $2 WHERE id = $3", named); err != nil {
		return err
	}
	if err := tx.DoMany(ctx, "entering an item", `INSERT INTO collection_items (id, collection_id, object_uri, uri, approval_uri, position, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`, rows); err != nil {
		return err
	}
	return s.Jobs.Emit(ctx, tx, fresh...)
}

// Admit enters that somebody here agreed to be in a collection of another server. Whoever left it does not come back by being asked again.
func (s *Service) Admit(ctx context.Context, c *Collection, who *accounts.Account, request string) (Item, error) {
	var out Item
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO collection_items (id, collection_id, account_id, object_uri, activity_uri, state, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
			s.IDs.Next(), c.ID, who.ID, who.URI, request, Accepted, db.Ms(s.Clock.Now()))
		if err != nil {
			return err
		}
		if out, err = scanItem(tx.QueryRow(ctx, "SELECT "+itemColumns+" FROM collection_items i WHERE i.collection_id = $1 AND i.account_id = $2", c.ID, who.ID)); err != nil {
			return err
		}
		if out.State != Accepted {
			return errs.Forbidden()
		}
		return s.Jobs.Emit(ctx, tx, Added{CollectionID: c.ID, ItemID: out.ID, AccountID: who.ID, Local: true, Unheard: true})
	})
	if err != nil {
		return out, fmt.Errorf("agreeing to be in a collection: %w", err)
	}
	return out, nil
}

// ItemByID finds an item.
func (s *Service) ItemByID(ctx context.Context, q db.Q, id ItemID) (Item, error) {
	return scanItem(q.QueryRow(ctx, "SELECT "+itemColumns+" FROM collection_items i WHERE i.id = $1", id))
}

// ByRequest finds an item by the id of the FeatureRequest that asked for it.
func (s *Service) ByRequest(ctx context.Context, q db.Q, request string) (Item, error) {
	return scanItem(q.QueryRow(ctx, "SELECT "+itemColumns+" FROM collection_items i WHERE i.activity_uri = $1 AND i.activity_uri <> ''", request))
}

// Stamp finds an item to which somebody here agreed, as long as that holds.
func (s *Service) Stamp(ctx context.Context, q db.Q, who accounts.ID, id ItemID) (Item, error) {
	return scanItem(q.QueryRow(ctx, "SELECT "+itemColumns+" FROM collection_items i WHERE i.id = $1 AND i.account_id = $2 AND i.state = 1", id, who))
}

// Join enters that an account of another server agreed to be in a collection.
func (s *Service) Join(ctx context.Context, id ItemID, who accounts.ID, stamp string) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		i, err := s.ItemByID(ctx, tx, id)
		if err != nil || i.State == Revoked || i.State == Accepted && i.ApprovalURI == stamp {
			return err
		}
		there, err := db.Exists(ctx, tx, "SELECT 1 FROM collection_items WHERE collection_id = $1 AND account_id = $2 AND id <> $3", i.CollectionID, who, id)
		if err != nil {
			return err
		}
		if there {
			return tx.Do(ctx, "dropping an item", "DELETE FROM collection_items WHERE id = $1", id)
		}
		local, err := db.Value[bool](ctx, tx, "UPDATE collection_items SET account_id = $1, state = $2, approval_uri = $3 WHERE id = $4 RETURNING (SELECT c.local FROM collections c WHERE c.id = collection_id)",
			who, Accepted, stamp, id)
		if err != nil || !local {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Joined{CollectionID: i.CollectionID, ItemID: id})
	})
}

// Refuse enters that an account did not agree, or does so no more.
func (s *Service) Refuse(ctx context.Context, id ItemID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		i, err := s.ItemByID(ctx, tx, id)
		if err != nil {
			return err
		}
		return s.out(ctx, tx, i, Rejected)
	})
}

// out ends an item, and tells of it where the collection is ours.
func (s *Service) out(ctx context.Context, tx *db.Tx, i Item, state State) error {
	local, err := db.Value[bool](ctx, tx, "UPDATE collection_items SET state = $1 WHERE id = $2 RETURNING (SELECT c.local FROM collections c WHERE c.id = collection_id)", state, i.ID)
	if err != nil || !local || i.State != Accepted {
		return err
	}
	return s.Jobs.Emit(ctx, tx, Taken{CollectionID: i.CollectionID, ItemID: i.ID, AccountID: i.AccountID})
}

// StampDeleted enters that an account of another server agrees no more; the stamp must be its own.
func (s *Service) StampDeleted(ctx context.Context, by accounts.ID, stamp string) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		list, err := db.All(ctx, tx, scanItem, "SELECT "+itemColumns+" FROM collection_items i WHERE i.approval_uri = $1 AND i.approval_uri <> '' AND i.account_id = $2 AND i.state <= 1", stamp, by)
		if err != nil {
			return err
		}
		for _, i := range list {
			if err := s.out(ctx, tx, i, Revoked); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReceiveDelete removes a collection of another server's account.
func (s *Service) ReceiveDelete(ctx context.Context, owner accounts.ID, uri string) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "deleting a collection", "DELETE FROM collections WHERE uri = $1 AND account_id = $2 AND NOT local", uri, owner)
	})
}

// ReceiveRemove takes an account out of a collection of another server.
func (s *Service) ReceiveRemove(ctx context.Context, owner accounts.ID, collectionURI, item string) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		c, err := s.theirs(ctx, tx, owner, collectionURI)
		if err != nil {
			return err
		}
		return tx.Do(ctx, "leaving out of a collection", "DELETE FROM collection_items WHERE collection_id = $1 AND uri = $2", c.ID, item)
	})
}

// Members are the accounts of other servers that agreed to be in a collection.
func (s *Service) Members(ctx context.Context, q db.Q, id ID) ([]accounts.ID, error) {
	return db.Column[accounts.ID](ctx, q, "SELECT i.account_id FROM collection_items i JOIN accounts a ON a.id = i.account_id AND a.domain <> '' WHERE i.collection_id = $1 AND i.state = 1 LIMIT $2", id, maxRemoteItems)
}
