package relations

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// maxTagFollows is how many hashtags somebody may follow: each is asked for when a home timeline is computed. (Mastodon has no limit of its own,
// but its rate limit of follows.)
const maxTagFollows = 1000

// TagFollowed says that somebody follows a hashtag, or does no more: the public posts with it are on the home timeline.
type TagFollowed struct {
	AccountID accounts.ID
	TagID     int64
}

// Kind names the event.
func (TagFollowed) Kind() string { return "relations.tag_followed" }

// TagFollow is a hashtag that somebody follows.
type TagFollow struct{ ID, TagID int64 }

// FollowTag lets somebody follow a hashtag; once more is fine.
func (s *Service) FollowTag(ctx context.Context, me accounts.ID, tag int64) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM tag_follows WHERE account_id = $1", me)
		if err != nil {
			return err
		}
		if n >= maxTagFollows {
			return errs.Invalid("Validation failed: You cannot follow more than %d hashtags", maxTagFollows)
		}
		if err := tx.Do(ctx, "following a hashtag", "INSERT INTO tag_follows (id, account_id, tag_id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", s.IDs.Next(), me, tag, db.Ms(s.Clock.Now())); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, TagFollowed{me, tag})
	})
	if err != nil {
		return fmt.Errorf("following a hashtag: %w", err)
	}
	return nil
}

// UnfollowTag ends that; once more is fine.
func (s *Service) UnfollowTag(ctx context.Context, me accounts.ID, tag int64) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Do(ctx, "unfollowing a hashtag", "DELETE FROM tag_follows WHERE account_id = $1 AND tag_id = $2", me, tag); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, TagFollowed{me, tag})
	})
	if err != nil {
		return fmt.Errorf("unfollowing a hashtag: %w", err)
	}
	return nil
}

// TagFollows gives a page of the hashtags that somebody follows, the last first.
func (s *Service) TagFollows(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]TagFollow, error) {
	end, args := p.Apply("x.id", []any{me})
	list, err := db.All(ctx, q, func(r db.Row) (t TagFollow, err error) { return t, r.Scan(&t.ID, &t.TagID) }, "SELECT x.id, x.tag_id FROM tag_follows x WHERE x.account_id = $1"+end, args...)
	if err != nil {
		return nil, fmt.Errorf("listing followed hashtags: %w", err)
	}
	return db.Newest(p, list), nil
}

// FollowedTags tells which of some hashtags somebody follows.
func (s *Service) FollowedTags(ctx context.Context, q db.Q, me accounts.ID, tags []int64) (map[int64]bool, error) {
	list, err := db.Column[int64](ctx, q, "SELECT x.tag_id FROM tag_follows x WHERE x.account_id = $1 AND x.tag_id = ANY($2)", me, db.Array(tags))
	if err != nil {
		return nil, fmt.Errorf("finding followed hashtags: %w", err)
	}
	out := make(map[int64]bool, len(list))
	for _, id := range list {
		out[id] = true
	}
	return out, nil
}
