package collections

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

// Create makes a collection of somebody here, with accounts that may be in it; if one may not, nothing is made.
func (s *Service) Create(ctx context.Context, owner *accounts.Account, d Draft, members []accounts.ID) (*Collection, error) {
	now := s.Clock.Now()
	c := &Collection{ID: ID(s.IDs.Next()), AccountID: owner.ID, Local: true, CreatedAt: now, UpdatedAt: now}
	c.URI, c.URL = s.Site.CollectionURI(owner.Username, int64(c.ID)), s.Site.CollectionURL(int64(c.ID))
	if err := c.apply(d); err != nil {
		return nil, err
	}
	targets, err := s.targets(ctx, members)
	if err != nil {
		return nil, err
	}
	if len(targets) > MaxItems {
		return nil, tooMany("collection_items", "Collection items", "has too many elements", MaxItems)
	}
	if err := s.allowed(ctx, owner.ID, targets...); err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		// One after the other, so that the limit holds.
		if _, err := db.Value[int64](ctx, tx, "SELECT id FROM accounts WHERE id = $1"+tx.ForUpdate(), owner.ID); err != nil {
			return err
		}
		n, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM collections WHERE account_id = $1", owner.ID)
		if err != nil {
			return err
		}
		if n >= MaxCollections {
			return tooMany("base", "", "You can't make more collections", MaxCollections)
		}
		if err := tx.Do(ctx, "making a collection", `INSERT INTO collections (id, account_id, local, uri, url, name, description, language, sensitive, discoverable, tag, created_at, updated_at)
VALUES ($1, $2, TRUE, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`, c.ID, c.AccountID, c.URI, c.URL, c.Name, c.Description, c.Language, c.Sensitive, c.Discoverable, c.Tag, db.Ms(now)); err != nil {
			return err
		}
		for i, t := range targets {
			if _, err := s.add(ctx, tx, c, t, i+1, true); err != nil {
				return err
			}
		}
		return s.Jobs.Emit(ctx, tx, Made{CollectionID: c.ID})
	})
	if err != nil {
		return nil, fmt.Errorf("making a collection: %w", err)
	}
	return c, nil
}

func tooMany(attribute, label, description string, most int) error {
	var f errs.Faults
	f.Add(attribute, "ERR_TOO_MANY", label, fmt.Sprintf("%s (maximum is %d)", description, most))
	return f.Err()
}

// targets finds accounts by id, each once; one that is not there is errs.NotFound.
func (s *Service) targets(ctx context.Context, list []accounts.ID) ([]*accounts.Account, error) {
	found, err := s.Accounts.ByIDs(ctx, s.DB, list)
	if err != nil {
		return nil, err
	}
	var out []*accounts.Account
	seen := map[accounts.ID]bool{}
	for _, id := range list {
		if found[id] == nil {
			return nil, errs.NotFound()
		}
		if !seen[id] {
			out = append(out, found[id])
		}
		seen[id] = true
	}
	return out, nil
}

// allowed refuses what an account does not want.
func (s *Service) allowed(ctx context.Context, by accounts.ID, targets ...*accounts.Account) error {
	approvals, err := s.Approvals(ctx, s.DB, by, targets)
	if err != nil {
		return err
	}
	for _, a := range approvals {
		if a != Automatic && a != Manual {
			return errs.Forbidden()
		}
	}
	return nil
}

// add writes an account's place in a collection of ours. Who is of this server agreed by its policy; of others it is asked for.
func (s *Service) add(ctx context.Context, tx *db.Tx, c *Collection, t *accounts.Account, position int, fresh bool) (Item, error) {
	i := Item{ID: ItemID(s.IDs.Next()), CollectionID: c.ID, AccountID: t.ID, ObjectURI: t.URI, CreatedAt: s.Clock.Now()}
	if t.Local() {
		i.State = Accepted
	} else {
		i.ActivityURI = c.URI + "/feature_requests/" + ids.Format(i.ID)
	}
	if err := tx.Do(ctx, "adding to a collection", "INSERT INTO collection_items (id, collection_id, account_id, object_uri, activity_uri, state, position, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		i.ID, i.CollectionID, i.AccountID, i.ObjectURI, i.ActivityURI, i.State, position, db.Ms(i.CreatedAt)); err != nil {
		return i, err
	}
	return i, s.Jobs.Emit(ctx, tx, Added{CollectionID: c.ID, ItemID: i.ID, AccountID: t.ID, Local: t.Local(), Unheard: fresh && t.Local()})
}

// Add puts an account into a collection of ours. One that is in it, or once took itself out, is refused.
func (s *Service) Add(ctx context.Context, owner accounts.ID, id ID, who accounts.ID) (Item, error) {
	var i Item
	target, err := s.Accounts.ByID(ctx, s.DB, who)
	if err != nil {
		return i, err
	}
	if err := s.allowed(ctx, owner, target); err != nil {
		return i, err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		c, err := s.own(ctx, tx, owner, id)
		if err != nil {
			return err
		}
		var there, count, last int64
		if err := tx.QueryRow(ctx, `SELECT COALESCE(SUM(CASE WHEN account_id = $2 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN state <= 1 THEN 1 ELSE 0 END), 0), COALESCE(MAX(position), 0)
FROM collection_items WHERE collection_id = $1`, id, who).Scan(&there, &count, &last); err != nil {
			return err
		}
		switch {
		case there > 0:
			var f errs.Faults
			f.Add("account", "ERR_TAKEN", "Account", "has already been taken")
			return f.Err()
		case count >= MaxItems:
			return tooMany("collection_items", "Collection items", "has too many elements", MaxItems)
		}
		if i, err = s.add(ctx, tx, c, target, int(last)+1, false); err != nil {
			return err
		}
		return s.touch(ctx, tx, id)
	})
	if err != nil {
		return i, fmt.Errorf("adding to a collection: %w", err)
	}
	return i, nil
}

func (s *Service) touch(ctx context.Context, tx *db.Tx, id ID) error {
	return tx.Do(ctx, "noting a changed collection", "UPDATE collections SET updated_at = $1 WHERE id = $2", db.Ms(s.Clock.Now()), id)
}

// Update changes what somebody here says of a collection.
func (s *Service) Update(ctx context.Context, owner accounts.ID, id ID, d Draft) (*Collection, error) {
	var c *Collection
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if c, err = s.own(ctx, tx, owner, id); err != nil {
			return err
		}
		before := *c
		if err := c.apply(d); err != nil || *c == before {
			return err
		}
		c.UpdatedAt = s.Clock.Now()
		if err := tx.Do(ctx, "changing a collection", "UPDATE collections SET name = $1, description = $2, language = $3, sensitive = $4, discoverable = $5, tag = $6, updated_at = $7 WHERE id = $8",
			c.Name, c.Description, c.Language, c.Sensitive, c.Discoverable, c.Tag, db.Ms(c.UpdatedAt), id); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Changed{CollectionID: id, Words: c.Name != before.Name || c.Description != before.Description, At: db.Ms(c.UpdatedAt)})
	})
	if err != nil {
		return nil, fmt.Errorf("changing a collection: %w", err)
	}
	return c, nil
}

// Delete removes a collection of somebody here.
func (s *Service) Delete(ctx context.Context, owner accounts.ID, id ID) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		c, err := s.own(ctx, tx, owner, id)
		if err != nil {
			return err
		}
		if err := tx.Do(ctx, "deleting a collection", "DELETE FROM collections WHERE id = $1", id); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Deleted{AccountID: owner, URI: c.URI})
	})
	if err != nil {
		return fmt.Errorf("deleting a collection: %w", err)
	}
	return nil
}

// Remove takes an account out of a collection of somebody here.
func (s *Service) Remove(ctx context.Context, owner accounts.ID, id ID, item ItemID) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := s.own(ctx, tx, owner, id); err != nil {
			return err
		}
		i, err := s.Item(ctx, tx, id, item)
		if err != nil {
			return err
		}
		if i.State == Accepted {
			if err := s.Jobs.Emit(ctx, tx, Taken{CollectionID: id, ItemID: i.ID, AccountID: i.AccountID}); err != nil {
				return err
			}
		}
		if err := tx.Do(ctx, "taking out of a collection", "DELETE FROM collection_items WHERE id = $1", item); err != nil {
			return err
		}
		return s.touch(ctx, tx, id)
	})
	if err != nil {
		return fmt.Errorf("taking out of a collection: %w", err)
	}
	return nil
}

// Revoke takes oneself out of a collection, for good.
func (s *Service) Revoke(ctx context.Context, me accounts.ID, id ID, item ItemID) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		i, err := s.Item(ctx, tx, id, item)
		if err != nil {
			return err
		}
		if i.AccountID != me {
			return errs.Forbidden()
		}
		if i.State != Accepted {
			return nil
		}
		local, err := db.Value[bool](ctx, tx, "SELECT local FROM collections WHERE id = $1", id)
		if err != nil {
			return err
		}
		if err := tx.Do(ctx, "leaving a collection", "UPDATE collection_items SET state = $1 WHERE id = $2", Revoked, item); err != nil {
			return err
		}
		if !local {
			return s.Jobs.Emit(ctx, tx, Left{ItemID: i.ID})
		}
		if err := s.touch(ctx, tx, id); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Taken{CollectionID: id, ItemID: i.ID, AccountID: i.AccountID})
	})
	if err != nil {
		return fmt.Errorf("leaving a collection: %w", err)
	}
	return nil
}

// RemoveAll deletes the collections of an account that is gone, and its places in those of others.
func (s *Service) RemoveAll(ctx context.Context, id accounts.ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Do(ctx, "deleting collections", "DELETE FROM collections WHERE account_id = $1", id); err != nil {
			return err
		}
		return tx.Do(ctx, "leaving all collections", "DELETE FROM collection_items WHERE account_id = $1", id)
	})
}
