package notifications

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
)

// AddedTo tells somebody here that they are in a collection.
func (s *Service) AddedTo(ctx context.Context, e collections.Added) error {
	c, err := s.Collections.ByID(ctx, s.DB, e.CollectionID)
	if err != nil {
		return ignoreGone(err)
	}
	n := notice{kind: AddedToCollection, from: c.AccountID, collection: c.ID, subject: int64(e.ItemID), at: s.Clock.Now(),
		cause: "SELECT id FROM collection_items WHERE id = $1 AND state = 1"}
	return s.tell(ctx, n, []accounts.ID{e.AccountID})
}

// CollectionChanged tells those here who are in a collection that it says something else now.
func (s *Service) CollectionChanged(ctx context.Context, e collections.Changed) error {
	c, err := s.Collections.ByID(ctx, s.DB, e.CollectionID)
	if err != nil {
		return ignoreGone(err)
	}
	people, err := s.Collections.MembersHere(ctx, s.DB, c.ID)
	if err != nil {
		return err
	}
	return s.tell(ctx, notice{kind: CollectionUpdate, from: c.AccountID, collection: c.ID, subject: e.At, at: s.Clock.Now()}, people)
}
