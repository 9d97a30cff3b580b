package statuses

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

const (
	// MaxFeaturedTags is how many hashtags somebody here may show on the profile (Mastodon).
	MaxFeaturedTags = 10
	// maxRemoteTags is how many are taken of somebody elsewhere.
	maxRemoteTags = 40
	// suggestedFrom is in how many of somebody's newest posts hashtags are looked for that could be shown, and suggestedTags how many
	// of them are named (Mastodon).
	suggestedFrom = 1000
	suggestedTags = 10
)

// FeaturedTag is a hashtag on a profile.
type FeaturedTag struct {
	ID        int64
	AccountID accounts.ID
	// TagID is the hashtag's, Name what it is found by, DisplayName how it was typed.
	TagID             int64
	Name, DisplayName string
	// Posts is how many public and unlisted posts of the account have it, LastAt when the last of them was written.
	Posts  int64
	LastAt time.Time
}

// TagFeatured says that somebody here put a hashtag on the profile, or took it off.
type TagFeatured struct {
	AccountID accounts.ID
	Name      string
	On        bool
}

// Kind names the event.
func (TagFeatured) Kind() string { return "statuses.tag_featured" }

// FeaturedTags lists the hashtags on a profile, the most used first.
func (s *Service) FeaturedTags(ctx context.Context, q db.Q, id accounts.ID) ([]FeaturedTag, error) {
	list, err := db.All(ctx, q, func(r db.Row) (f FeaturedTag, err error) {
		var last int64
		err = r.Scan(&f.ID, &f.AccountID, &f.TagID, &f.Name, &f.DisplayName, &f.Posts, &last)
		f.LastAt = db.At(last)
		return f, err
	}, `SELECT f.id, f.account_id, f.tag_id, t.name, f.name, COUNT(s.id), COALESCE(MAX(s.created_at), 0) FROM featured_tags f JOIN tags t ON t.id = f.tag_id
LEFT JOIN statuses_tags st ON st.tag_id = f.tag_id
LEFT JOIN statuses s ON s.id = st.status_id AND s.account_id = f.account_id AND s.deleted_at = 0 AND s.visibility <= 1
WHERE f.account_id = $1 GROUP BY f.id, f.account_id, f.tag_id, t.name, f.name ORDER BY COUNT(s.id) DESC, f.id`, id)
	if err != nil {
		return nil, fmt.Errorf("listing featured hashtags: %w", err)
	}
	return list, nil
}

// Features tells which of some hashtags are on a profile.
func (s *Service) Features(ctx context.Context, q db.Q, id accounts.ID, tags []int64) (map[int64]bool, error) {
	list, err := db.Column[int64](ctx, q, "SELECT tag_id FROM featured_tags WHERE account_id = $1 AND tag_id = ANY($2)", id, db.Array(tags))
	out := map[int64]bool{}
	for _, t := range list {
		out[t] = true
	}
	return out, err
}

// Feature puts a hashtag on somebody's profile. One that is there already is given back; beyond the limit, and what is no hashtag, is refused.
func (s *Service) Feature(ctx context.Context, by *accounts.Account, name string) (FeaturedTag, error) {
	if !text.ValidTag(name) || text.NormalizeTag(name) == "" {
		return FeaturedTag{}, errs.Invalid("Validation failed: Tag is invalid")
	}
	most := MaxFeaturedTags
	if !by.Local() {
		most = maxRemoteTags
	}
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		fresh, err := s.feature(ctx, tx, by.ID, name, most)
		if err != nil || !fresh || !by.Local() {
			return err
		}
		return s.Jobs.Emit(ctx, tx, TagFeatured{AccountID: by.ID, Name: name, On: true})
	})
	if err != nil {
		return FeaturedTag{}, fmt.Errorf("featuring a hashtag: %w", err)
	}
	list, err := s.FeaturedTags(ctx, s.DB, by.ID)
	if err != nil {
		return FeaturedTag{}, err
	}
	i := slices.IndexFunc(list, func(f FeaturedTag) bool { return f.Name == text.NormalizeTag(name) })
	if i < 0 {
		return FeaturedTag{}, errs.NotFound()
	}
	return list[i], nil
}

// feature writes a hashtag of a profile and reports whether it is new there.
func (s *Service) feature(ctx context.Context, tx *db.Tx, id accounts.ID, name string, most int) (bool, error) {
	now := db.Ms(s.Clock.Now())
	tag, err := db.Value[int64](ctx, tx, `INSERT INTO tags (id, name, display_name, created_at, last_status_at) VALUES ($1, $2, $3, $4, 0)
ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id`, s.IDs.Next(), text.NormalizeTag(name), name, now)
	if err != nil {
		return false, err
	}
	others, err := db.Column[int64](ctx, tx, "SELECT tag_id FROM featured_tags WHERE account_id = $1", id)
	if err != nil || slices.Contains(others, tag) {
		return false, err
	}
	if len(others) >= most {
		return false, errs.Invalid("Validation failed: You have already featured the maximum number of hashtags")
	}
	n, err := tx.Exec(ctx, "INSERT INTO featured_tags (id, account_id, tag_id, name, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING", s.IDs.Next(), id, tag, name, now)
	return n == 1, err
}

// Unfeature takes a hashtag off somebody's profile, by its normalized name. One that is not there is errs.NotFound.
func (s *Service) Unfeature(ctx context.Context, by *accounts.Account, name string) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		typed, err := db.Value[string](ctx, tx, "DELETE FROM featured_tags WHERE account_id = $1 AND tag_id IN (SELECT id FROM tags WHERE name = $2) RETURNING name", by.ID, name)
		if err != nil || !by.Local() {
			return err
		}
		return s.Jobs.Emit(ctx, tx, TagFeatured{AccountID: by.ID, Name: typed})
	})
	if err != nil {
		return fmt.Errorf("taking a hashtag off a profile: %w", err)
	}
	return nil
}

// SetFeatured makes the hashtags on the profile of somebody elsewhere those that their server lists.
func (s *Service) SetFeatured(ctx context.Context, of accounts.ID, names []string) error {
	names = names[:min(len(names), maxRemoteTags)]
	var keep []string
	for _, name := range names {
		keep = append(keep, text.NormalizeTag(name))
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Do(ctx, "taking hashtags off a profile", "DELETE FROM featured_tags WHERE account_id = $1 AND tag_id NOT IN (SELECT id FROM tags WHERE name = ANY($2))", of, db.Texts(keep)); err != nil {
			return err
		}
		for _, name := range names {
			if _, err := s.feature(ctx, tx, of, name, maxRemoteTags); err != nil {
				return err
			}
		}
		return nil
	})
}

// SuggestedTags are the hashtags that somebody used most of late and does not show yet.
func (s *Service) SuggestedTags(ctx context.Context, q db.Q, id accounts.ID) ([]Tag, error) {
	return db.All(ctx, q, scanTag, `SELECT t.id, t.name, t.display_name FROM (SELECT s.id FROM statuses s WHERE s.account_id = $1 AND s.deleted_at = 0 AND s.visibility <= 1 ORDER BY s.id DESC LIMIT $2) p
JOIN statuses_tags st ON st.status_id = p.id JOIN tags t ON t.id = st.tag_id
WHERE NOT EXISTS (SELECT 1 FROM featured_tags f WHERE f.account_id = $1 AND f.tag_id = t.id) GROUP BY t.id, t.name, t.display_name ORDER BY COUNT(*) DESC, t.id LIMIT $3`,
		id, suggestedFrom, suggestedTags)
}
