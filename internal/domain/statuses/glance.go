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
	QuotesCount                                 int64
	QuotePolicy                                 QuotePolicy
	// Quotes says that the post quotes another one, whatever became of it.
	Quotes bool
	// Carded says that the post has a link with a preview.
	Carded bool
	Viewer Viewer
	Author AuthorVersion
	// Sensitized says that all of the author's attachments are hidden behind a warning.
	Sensitized bool
}

// AuthorVersion changes whenever a rendering of an account does.
type AuthorVersion struct{ UpdatedAt, Statuses, Following, Followers, LastStatusAt int64 }

// VersionOf is the version of an account that is loaded.
func VersionOf(a *accounts.Account) AuthorVersion {
	return AuthorVersion{db.Ms(a.UpdatedAt), a.StatusesCount, a.FollowingCount, a.FollowersCount, db.Ms(a.LastStatusAt)}
}

// glanceActs are the columns of a Viewer. They ask as little as they can: nobody likes what has no likes, and who keeps nothing
// keeps not this either.
var glanceActs = `,
  s.favourites_count > 0 AND EXISTS (SELECT 1 FROM favourites x WHERE x.account_id = $1) AND EXISTS (SELECT 1 FROM favourites x WHERE x.status_id = s.id AND x.account_id = $1),
  s.reblogs_count > 0 AND EXISTS (SELECT 1 FROM statuses x WHERE x.reblog_of_id = s.id AND x.account_id = $1 AND x.reblog_of_id <> 0 AND x.deleted_at = 0),
  EXISTS (SELECT 1 FROM bookmarks x WHERE x.account_id = $1) AND EXISTS (SELECT 1 FROM bookmarks x WHERE x.status_id = s.id AND x.account_id = $1),
  EXISTS (SELECT 1 FROM conversation_mutes x WHERE x.account_id = $1) AND EXISTS (SELECT 1 FROM conversation_mutes x WHERE x.account_id = $1 AND x.conversation_id = s.conversation_id),
  s.account_id = $1 AND EXISTS (SELECT 1 FROM status_pins x WHERE x.account_id = $1 AND x.status_id = s.id)` + viewerTies

// glanceKind says for whom a glance is, and whether originals are wanted.
type glanceKind struct{ signedIn, originals bool }

// glances are the statements of Glance: putting them together took as long as a table's look-up.
var glances = map[glanceKind]string{
	{false, false}: glanceText(false, false), {false, true}: glanceText(false, true), {true, false}: glanceText(true, false), {true, true}: glanceText(true, true),
}

func glanceText(signedIn, originals bool) string {
	which := "s.id = ANY($2)"
	if originals {
		which = "s.id IN (SELECT x.id FROM statuses x WHERE x.id = ANY($2) UNION SELECT x.reblog_of_id FROM statuses x WHERE x.id = ANY($2))"
	}
	acts := ""
	if signedIn {
		acts = glanceActs
	}
	return `SELECT s.id, s.account_id, s.reblog_of_id, s.edited_at, s.sensitive, s.visibility, s.replies_count, s.reblogs_count, s.favourites_count, s.quotes_count, s.quote_approval_policy, s.parts,
  a.updated_at, a.statuses_count, a.following_count, a.followers_count, a.last_status_at, a.sensitized_at` + acts + `
FROM statuses s JOIN accounts a ON a.id = s.account_id WHERE ` + which + " AND " + visible("$1")
}

// Glance looks at posts for a viewer (0 for anybody), in one statement, without their contents: those that the viewer may see,
// and with originals the posts that those among them that are boosts show. Boosts of posts that may not be seen are there; it
// is for the caller to leave them out.
func (s *Service) Glance(ctx context.Context, q db.Q, viewer accounts.ID, list []ID, originals bool) (map[ID]*Glance, error) {
	out := make(map[ID]*Glance, len(list))
	if len(list) == 0 {
		return out, nil
	}
	rows, err := q.Query(ctx, glances[glanceKind{viewer != 0, originals}], viewer, db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("glancing at statuses: %w", err)
	}
	defer rows.Close()
	rowsOf := make([]Glance, 0, 2*len(list))
	var g Glance
	var visibility, sensitized, parts int64
	into := []any{(*int64)(&g.ID), (*int64)(&g.AccountID), (*int64)(&g.ReblogOfID), &g.EditedAt, &g.Sensitive, &visibility, &g.RepliesCount, &g.ReblogsCount, &g.FavouritesCount,
		&g.QuotesCount, (*int64)(&g.QuotePolicy), &parts,
		&g.Author.UpdatedAt, &g.Author.Statuses, &g.Author.Following, &g.Author.Followers, &g.Author.LastStatusAt, &sensitized,
		&g.Viewer.Favourited, &g.Viewer.Reblogged, &g.Viewer.Bookmarked, &g.Viewer.Muted, &g.Viewer.Pinned, &g.Viewer.Follows, &g.Viewer.FollowedBy}
	if viewer == 0 {
		into = into[:len(into)-7]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		g.Visibility, g.Sensitized, g.Quotes, g.Carded = Visibility(visibility), sensitized != 0, parts&hasQuote != 0, parts&hasCard != 0
		rowsOf = append(rowsOf, g)
		out[g.ID] = &rowsOf[len(rowsOf)-1]
	}
	return out, rows.Err()
}
