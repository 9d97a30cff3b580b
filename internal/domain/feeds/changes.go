package feeds

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/db"
)

// Forget drops all feeds of people: the next reader computes them.
func (s *Service) Forget(ctx context.Context, people ...accounts.ID) error {
	if len(people) == 0 {
		return nil
	}
	lists, err := db.Column[int64](ctx, s.DB, "SELECT l.id FROM lists l WHERE l.account_id = ANY($1)", db.Array(people))
	if err != nil {
		return fmt.Errorf("finding the lists of people: %w", err)
	}
	keys := make([]string, 0, len(people)+len(lists))
	for _, id := range people {
		keys = append(keys, homeKey(id))
	}
	for _, id := range lists {
		keys = append(keys, listKey(id))
	}
	if err := s.Cache.ListDrop(ctx, keys...); err != nil {
		return fmt.Errorf("dropping feeds: %w", err)
	}
	return nil
}

// Followed lets the feeds of a new follower be computed, with the posts that are there already.
func (s *Service) Followed(ctx context.Context, e relations.Followed) error {
	if !e.ByLocal || e.Request {
		return nil
	}
	return s.Forget(ctx, e.AccountID)
}

// Accepted is Followed for a request that was granted.
func (s *Service) Accepted(ctx context.Context, e relations.Accepted) error {
	if !e.FollowerLocal {
		return nil
	}
	return s.Forget(ctx, e.AccountID)
}

// Rejected lets the feeds of a removed follower be computed.
func (s *Service) Rejected(ctx context.Context, e relations.Rejected) error {
	if !e.FollowerLocal {
		return nil
	}
	return s.Forget(ctx, e.AccountID)
}

// Unfollowed lets the feeds of who follows no more be computed.
func (s *Service) Unfollowed(ctx context.Context, e relations.Unfollowed) error {
	if !e.ByLocal || e.Request {
		return nil
	}
	return s.Forget(ctx, e.AccountID)
}

// Blocked lets the feeds on both sides be computed, and ends what conversations the blocking side has with the other.
func (s *Service) Blocked(ctx context.Context, e relations.Blocked) error {
	if e.ByLocal {
		if err := s.endConversations(ctx, e.AccountID, e.TargetID); err != nil {
			return err
		}
	}
	return s.Forget(ctx, sides(e.AccountID, e.ByLocal, e.TargetID, e.TargetLocal)...)
}

// Unblocked lets the feeds on both sides be computed.
func (s *Service) Unblocked(ctx context.Context, e relations.Unblocked) error {
	return s.Forget(ctx, sides(e.AccountID, e.ByLocal, e.TargetID, e.TargetLocal)...)
}

func sides(a accounts.ID, aLocal bool, b accounts.ID, bLocal bool) (out []accounts.ID) {
	if aLocal {
		out = append(out, a)
	}
	if bLocal {
		out = append(out, b)
	}
	return out
}

// Muted lets the feeds of who mutes be computed.
func (s *Service) Muted(ctx context.Context, e relations.Muted) error {
	return s.Forget(ctx, e.AccountID)
}

// Unmuted lets the feeds of who mutes no more be computed.
func (s *Service) Unmuted(ctx context.Context, e relations.Unmuted) error {
	return s.Forget(ctx, e.AccountID)
}

// DomainBlocked lets the feeds of who blocks a domain be computed.
func (s *Service) DomainBlocked(ctx context.Context, e relations.DomainBlocked) error {
	return s.Forget(ctx, e.AccountID)
}

// ListChanged drops the feed of a list, there or not any more, and the owner's: a list may keep posts away from home.
func (s *Service) ListChanged(ctx context.Context, e relations.ListChanged) error {
	if err := s.Cache.ListDrop(ctx, listKey(e.ListID), homeKey(e.AccountID)); err != nil {
		return fmt.Errorf("dropping feeds: %w", err)
	}
	return nil
}

// TagFollowed lets the home feed be computed of who follows a hashtag, or does no more.
func (s *Service) TagFollowed(ctx context.Context, e relations.TagFollowed) error {
	return s.Forget(ctx, e.AccountID)
}
