package statuses

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
)

// Glance is what changes of a post without an edit, and what tells whether a rendering of it, or of its author, is still right.
type Glance struct {
	ID         ID
	AccountID  accounts.ID
	ReblogOfID ID
	// EditedAt is in milliseconds, 0 for never.
	EditedAt                                    int64
	Sensitive                                   bool
	Visibility                                  Visibility
	RepliesCount, ReblogsCount, FavouritesCount int64
	Viewer                                      Viewer
	Author                                      AuthorVersion
	// Sensitized says that all of the author's attachments are hidden behind a warning.
	Sensitized bool
}

// AuthorVersion changes whenever a rendering of an account does.
type AuthorVersion struct {
	UpdatedAt                                     int64
	StatusesCount, FollowingCount, FollowersCount int64
	LastStatusAt                                  int64
}

// VersionOf is the version of an account that is loaded.
func VersionOf(a *accounts.Account) AuthorVersion {
	return AuthorVersion{db.Ms(a.UpdatedAt), a.StatusesCount, a.FollowingCount, a.FollowersCount, db.Ms(a.LastStatusAt)}
}

// Glance looks at posts for a viewer (0 for anybody), in one statement, without their contents: those that the viewer may see,
// and with originals the posts that those among them that are boosts show. Boosts of posts that may not be seen are there; it
// is for the caller to leave them out.
func (s *Service) Glance(ctx context.Context, q db.Q, viewer accounts.ID, list []ID, originals bool) (map[ID]*Glance, error) {
	out := make(map[ID]*Glance, len(list))
	if len(list) == 0 {
		return out, nil
	}
	which := "s.id = ANY($2)"
	if originals {
		which = "(s.id = ANY($2) OR s.id IN (SELECT x.reblog_of_id FROM statuses x WHERE x.id = ANY($2)))"
	}
	rows, err := q.Query(ctx, `SELECT s.id, s.account_id, s.reblog_of_id, s.edited_at, s.sensitive, s.visibility, s.replies_count, s.reblogs_count, s.favourites_count,
  a.updated_at, a.statuses_count, a.following_count, a.followers_count, a.last_status_at, a.sensitized_at <> 0`+viewerFlags(viewer)+`
FROM statuses s JOIN accounts a ON a.id = s.account_id WHERE `+which+" AND "+visible("$1"), viewer, db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("glancing at statuses: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var g Glance
		v, a := &g.Viewer, &g.Author
		if err := rows.Scan(&g.ID, &g.AccountID, &g.ReblogOfID, &g.EditedAt, &g.Sensitive, &g.Visibility, &g.RepliesCount, &g.ReblogsCount, &g.FavouritesCount,
			&a.UpdatedAt, &a.StatusesCount, &a.FollowingCount, &a.FollowersCount, &a.LastStatusAt, &g.Sensitized,
			&v.Favourited, &v.Reblogged, &v.Bookmarked, &v.Muted, &v.Pinned); err != nil {
			return nil, err
		}
		out[g.ID] = &g
	}
	return out, rows.Err()
}
