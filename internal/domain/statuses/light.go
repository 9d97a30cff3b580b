package statuses

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

// TagUse is how often a hashtag was used in public on one day, and by how many.
type TagUse struct{ Uses, Accounts int64 }

const day = 24 * time.Hour

// TagNamed finds a hashtag by its normalized name.
func (s *Service) TagNamed(ctx context.Context, q db.Q, name string) (Tag, error) {
	return scanTag(q.QueryRow(ctx, "SELECT id, name, display_name FROM tags WHERE name = $1", name))
}

// EnsureTag finds a hashtag by its name as typed, or makes it.
func (s *Service) EnsureTag(ctx context.Context, typed string) (t Tag, err error) {
	name := text.NormalizeTag(typed)
	if name == "" || !text.ValidTag(name) {
		return t, errs.NotFound()
	}
	if t, err = s.TagNamed(ctx, s.DB, name); !errs.IsNotFound(err) {
		return t, err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Do(ctx, "writing a tag", "INSERT INTO tags (id, name, display_name, created_at, last_status_at) VALUES ($1, $2, $3, $4, 0) ON CONFLICT DO NOTHING", s.IDs.Next(), name, typed, db.Ms(s.Clock.Now())); err != nil {
			return err
		}
		t, err = s.TagNamed(ctx, tx, name)
		return err
	})
	return t, err
}

// TagsByID finds hashtags.
func (s *Service) TagsByID(ctx context.Context, q db.Q, list []int64) (map[int64]Tag, error) {
	rows, err := db.All(ctx, q, scanTag, "SELECT id, name, display_name FROM tags WHERE id = ANY($1)", db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("loading tags: %w", err)
	}
	out := make(map[int64]Tag, len(rows))
	for _, t := range rows {
		out[t.ID] = t
	}
	return out, nil
}

func scanTag(r db.Row) (t Tag, err error) { return t, r.Scan(&t.ID, &t.Name, &t.DisplayName) }

// SearchTags finds hashtags whose normalized name begins with a text, those used last first. One that no public post has is not found: its name would
// tell what private ones are about (VIS-03).
func (s *Service) SearchTags(ctx context.Context, q db.Q, prefix string, limit, offset int) ([]Tag, error) {
	if prefix == "" {
		return nil, nil
	}
	name := "t.name" // SQLite orders by bytes anyway
	if q.Engine() == db.Postgres {
		name = `t.name COLLATE "C"`
	}
	out, err := db.All(ctx, q, scanTag, `SELECT t.id, t.name, t.display_name FROM tags t WHERE `+name+` >= $2 AND `+name+` < $1
AND EXISTS (SELECT 1 FROM statuses_tags st JOIN statuses s ON s.id = st.status_id WHERE st.tag_id = t.id AND s.deleted_at = 0 AND s.visibility = 0)
ORDER BY t.name = $2 DESC, t.last_status_at DESC, t.id LIMIT $3 OFFSET $4`, prefix+db.Beyond, prefix, limit, offset)
	if err != nil {
		return nil, fmt.Errorf("searching hashtags: %w", err)
	}
	return out, nil
}

// TagHistory counts the public use of hashtags on each of the last days, by the day's beginning in Unix seconds; days
// without use are absent. One statement.
func (s *Service) TagHistory(ctx context.Context, q db.Q, tags []Tag, days int) (map[int64]map[int64]TagUse, error) {
	out := map[int64]map[int64]TagUse{}
	var list []int64
	for _, t := range tags {
		if t.ID != 0 {
			list = append(list, t.ID)
		}
	}
	if len(list) == 0 {
		return out, nil
	}
	since := s.Clock.Now().Truncate(day).Add(-time.Duration(days-1) * day)
	rows, err := q.Query(ctx, `SELECT st.tag_id, s.created_at / 86400000, COUNT(*), COUNT(DISTINCT s.account_id) FROM statuses_tags st JOIN statuses s ON s.id = st.status_id
WHERE st.tag_id = ANY($1) AND s.created_at >= $2 AND s.deleted_at = 0 AND s.visibility = 0 GROUP BY st.tag_id, s.created_at / 86400000`, db.Array(list), db.Ms(since))
	if err != nil {
		return nil, fmt.Errorf("counting the use of hashtags: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var tag, at int64
		var use TagUse
		if err := rows.Scan(&tag, &at, &use.Uses, &use.Accounts); err != nil {
			return nil, err
		}
		if out[tag] == nil {
			out[tag] = map[int64]TagUse{}
		}
		out[tag][at*86400] = use
	}
	return out, rows.Err()
}
