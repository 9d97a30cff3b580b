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

// AuthorVersion changes whenever a rendering of an account does. Counts are the three counts packed (see packed).
type AuthorVersion struct{ UpdatedAt, Counts, LastStatusAt int64 }

// packing is 2²¹: three counts of 21 bits fit into a BIGINT. Larger counts wrap, which only matters to who compares two
// versions that are a multiple of two million apart.
const packing = 2097152

// VersionOf is the version of an account that is loaded.
func VersionOf(a *accounts.Account) AuthorVersion {
	counts := a.StatusesCount%packing + a.FollowingCount%packing*packing + a.FollowersCount%packing*packing*packing
	return AuthorVersion{db.Ms(a.UpdatedAt), counts, db.Ms(a.LastStatusAt)}
}

// The bits of a glance; the two above them are the visibility.
const (
	isSensitive = 1 << iota
	isSensitized
	isFavourited
	isReblogged
	isBookmarked
	isMuted
	isPinned
	visibilityBit
)

// glanceBits asks as little as it can: nobody likes what has no likes, and who keeps nothing keeps not this either. One
// column is a fifth of the cost of five.
func glanceBits(signedIn bool) string {
	bits := fmt.Sprintf("s.visibility * %d + CASE WHEN s.sensitive THEN %d ELSE 0 END + CASE WHEN a.sensitized_at <> 0 THEN %d ELSE 0 END", visibilityBit, isSensitive, isSensitized)
	if !signedIn {
		return bits
	}
	for _, x := range []struct {
		bit  int
		when string
	}{
		{isFavourited, "s.favourites_count > 0 AND EXISTS (SELECT 1 FROM favourites x WHERE x.account_id = $1) AND EXISTS (SELECT 1 FROM favourites x WHERE x.status_id = s.id AND x.account_id = $1)"},
		{isReblogged, "s.reblogs_count > 0 AND EXISTS (SELECT 1 FROM statuses x WHERE x.reblog_of_id = s.id AND x.account_id = $1 AND x.reblog_of_id <> 0 AND x.deleted_at = 0)"},
		{isBookmarked, "EXISTS (SELECT 1 FROM bookmarks x WHERE x.account_id = $1) AND EXISTS (SELECT 1 FROM bookmarks x WHERE x.status_id = s.id AND x.account_id = $1)"},
		{isMuted, "EXISTS (SELECT 1 FROM conversation_mutes x WHERE x.account_id = $1) AND EXISTS (SELECT 1 FROM conversation_mutes x WHERE x.account_id = $1 AND x.conversation_id = s.conversation_id)"},
		{isPinned, "s.account_id = $1 AND EXISTS (SELECT 1 FROM status_pins x WHERE x.account_id = $1 AND x.status_id = s.id)"},
	} {
		bits += fmt.Sprintf("\n  + CASE WHEN %s THEN %d ELSE 0 END", x.when, x.bit)
	}
	return bits
}

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
	return fmt.Sprintf(`SELECT s.id, s.account_id, s.reblog_of_id, s.edited_at, s.replies_count, s.reblogs_count, s.favourites_count,
  a.updated_at, a.statuses_count %% %[1]d + a.following_count %% %[1]d * %[1]d + a.followers_count %% %[1]d * %[1]d * %[1]d, a.last_status_at, %[2]s
FROM statuses s JOIN accounts a ON a.id = s.account_id WHERE `, packing, glanceBits(signedIn)) + which + " AND " + visible("$1")
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
	for rows.Next() {
		rowsOf = append(rowsOf, Glance{})
		g := &rowsOf[len(rowsOf)-1]
		var bits int64
		if err := rows.Scan(&g.ID, &g.AccountID, &g.ReblogOfID, &g.EditedAt, &g.RepliesCount, &g.ReblogsCount, &g.FavouritesCount,
			&g.Author.UpdatedAt, &g.Author.Counts, &g.Author.LastStatusAt, &bits); err != nil {
			return nil, err
		}
		g.Visibility, g.Sensitive, g.Sensitized = Visibility(bits/visibilityBit), bits&isSensitive != 0, bits&isSensitized != 0
		g.Viewer = Viewer{Favourited: bits&isFavourited != 0, Reblogged: bits&isReblogged != 0, Bookmarked: bits&isBookmarked != 0, Muted: bits&isMuted != 0, Pinned: bits&isPinned != 0}
		out[g.ID] = g
	}
	return out, rows.Err()
}
