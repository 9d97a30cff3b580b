package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/ids"
)

// performBlock lets somebody elsewhere block an account of ours: the ties between them end.
func (s *Server) performBlock(ctx context.Context, a activity) error {
	target, err := s.localActor(ctx, a.IDOf("object"))
	if err != nil {
		return err
	}
	if s.undone(ctx, a) {
		return nil
	}
	return s.Relations.Block(ctx, a.by, target, a.ID)
}

func blockOf(by, target *accounts.Account, uri string) *ap.ActivityDoc {
	if uri == "" {
		uri = by.URI + "#blocks/" + ids.Format(target.ID)
	}
	return ap.Block(uri, by.URI, target.URI)
}

// SendBlock tells a remote account's server that its posts are not wanted, so that it shows ours no more.
func (s *Server) SendBlock(ctx context.Context, e relations.Blocked) error {
	return s.tell(ctx, e.AccountID, e.TargetID, func(by, target *accounts.Account) *ap.ActivityDoc { return blockOf(by, target, e.URI) })
}

// SendUndoBlock takes a block back.
func (s *Server) SendUndoBlock(ctx context.Context, e relations.Unblocked) error {
	return s.tell(ctx, e.AccountID, e.TargetID, func(by, target *accounts.Account) *ap.ActivityDoc {
		block := blockOf(by, target, e.URI)
		return ap.Undo(block.ID+"/undo", block, nil)
	})
}
