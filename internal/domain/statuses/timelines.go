package statuses

import (
	"context"
	"fmt"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
)

// Entry is a post in a list that is paged by something else: a favourite, a bookmark, an act of somebody.
type Entry struct {
	ID        int64
	StatusID  ID
	AccountID accounts.ID
}

func (s *Service) timeline(ctx context.Context, q db.Q, what, sql string, p db.Page, args ...any) ([]ID, error) {
	return s.timelineBy(ctx, q, "s.id", what, sql, p, args...)
}

// timelineBy pages by a column that holds the post's id: the one whose index is to be walked.
func (s *Service) timelineBy(ctx context.Context, q db.Q, col, what, sql string, p db.Page, args ...any) ([]ID, error) {
	end, args := p.Apply(col, args)
	list, err := db.Column[ID](ctx, q, sql+end, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the %s timeline: %w", what, err)
	}
	return db.Newest(p, list), nil
}

// PublicOptions narrow the public timeline.
type PublicOptions struct{ Local, Remote, OnlyMedia bool }

// publicRule is what every public timeline shows: public posts, no boosts, nobody silenced whom the viewer does not follow.
const publicRule = ` s.deleted_at = 0 AND s.visibility = 0 AND s.reblog_of_id = 0 AND a.suspended_at = 0
AND (a.silenced_at = 0 OR s.account_id = $1 OR EXISTS (SELECT 1 FROM follows f WHERE f.account_id = $1 AND f.target_account_id = s.account_id))
AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = s.account_id AND b.target_account_id = $1)`

func (o PublicOptions) where() string {
	sql := ""
	if o.Local {
		sql += " AND s.local"
	}
	if o.Remote {
		sql += " AND NOT s.local"
	}
	if o.OnlyMedia {
		sql += fmt.Sprintf(" AND (s.parts & %d) <> 0", hasMedia)
	}
	return sql
}

// Public is the timeline of all public posts known here; answers to others are left out, as Mastodon does.
func (s *Service) Public(ctx context.Context, q db.Q, viewer accounts.ID, o PublicOptions, p db.Page) ([]ID, error) {
	return s.timeline(ctx, q, "public", "SELECT s.id FROM statuses s JOIN accounts a ON a.id = s.account_id WHERE"+publicRule+o.where()+
		" AND ((s.in_reply_to_id = 0 AND s.in_reply_to_uri = '') OR s.in_reply_to_account_id = s.account_id)"+wanted("$1"), p, viewer)
}

// TagOptions say which hashtags: one of Any (with the main one), all of All, none of None; normalized names.
type TagOptions struct {
	Any, All, None []string
	PublicOptions
}

// Tagged is the timeline of public posts with a hashtag.
func (s *Service) Tagged(ctx context.Context, q db.Q, viewer accounts.ID, o TagOptions, p db.Page) ([]ID, error) {
	args, col := []any{viewer, db.Texts(o.Any)}, "s.id"
	sql := "SELECT s.id FROM statuses s JOIN accounts a ON a.id = s.account_id WHERE" + publicRule + o.where()
	if len(o.Any) == 1 { // the usual case walks the tag's own index, newest first
		args[1], col = o.Any[0], "x.status_id"
		sql = "SELECT s.id FROM statuses_tags x JOIN statuses s ON s.id = x.status_id JOIN accounts a ON a.id = s.account_id WHERE x.tag_id = (SELECT t.id FROM tags t WHERE t.name = $2) AND" + publicRule + o.where()
	} else {
		sql += " AND s.id IN (SELECT st.status_id FROM statuses_tags st JOIN tags t ON t.id = st.tag_id WHERE t.name = ANY($2))"
	}
	for _, name := range o.All {
		args = append(args, name)
		sql += fmt.Sprintf(" AND EXISTS (SELECT 1 FROM statuses_tags st JOIN tags t ON t.id = st.tag_id WHERE st.status_id = s.id AND t.name = $%d)", len(args))
	}
	if len(o.None) > 0 {
		args = append(args, db.Texts(o.None))
		sql += fmt.Sprintf(" AND NOT EXISTS (SELECT 1 FROM statuses_tags st JOIN tags t ON t.id = st.tag_id WHERE st.status_id = s.id AND t.name = ANY($%d))", len(args))
	}
	return s.timelineBy(ctx, q, col, "tag", sql+wanted("$1"), p, args...)
}

// AccountOptions narrow an account's timeline. Tagged is a normalized name.
type AccountOptions struct {
	OnlyMedia, ExcludeReplies, ExcludeReblogs, ExcludeDirect bool
	Tagged                                                   string
}

// OfAccount is the timeline of an account, as far as viewer may see it.
func (s *Service) OfAccount(ctx context.Context, q db.Q, viewer, account accounts.ID, o AccountOptions, p db.Page) ([]ID, error) {
	var sql strings.Builder
	sql.WriteString("SELECT s.id FROM statuses s JOIN accounts a ON a.id = s.account_id WHERE s.account_id = $2 AND " + visible("$1"))
	args := []any{viewer, account}
	if o.OnlyMedia {
		fmt.Fprintf(&sql, " AND s.reblog_of_id = 0 AND (s.parts & %d) <> 0", hasMedia)
	}
	if o.ExcludeReplies {
		sql.WriteString(" AND ((s.in_reply_to_id = 0 AND s.in_reply_to_uri = '') OR s.in_reply_to_account_id = s.account_id)")
	}
	if o.ExcludeReblogs {
		sql.WriteString(" AND s.reblog_of_id = 0")
	}
	if o.ExcludeDirect {
		sql.WriteString(" AND s.visibility <> 3")
	}
	if o.Tagged != "" {
		args = append(args, o.Tagged)
		sql.WriteString(" AND EXISTS (SELECT 1 FROM statuses_tags st JOIN tags t ON t.id = st.tag_id WHERE st.status_id = s.id AND t.name = $3)")
	}
	return s.timeline(ctx, q, "account", sql.String(), p, args...)
}

// PinnedOf lists the posts that a profile shows first, the last pinned first.
func (s *Service) PinnedOf(ctx context.Context, q db.Q, viewer, account accounts.ID) ([]ID, error) {
	return db.Column[ID](ctx, q, "SELECT s.id FROM status_pins p JOIN statuses s ON s.id = p.status_id JOIN accounts a ON a.id = s.account_id WHERE p.account_id = $2 AND "+visible("$1")+" ORDER BY p.id DESC", viewer, account)
}

func entries(ctx context.Context, q db.Q, what, sql string, p db.Page, args ...any) ([]Entry, error) {
	end, args := p.Apply("x.id", args)
	list, err := db.All(ctx, q, func(r db.Row) (e Entry, err error) { return e, r.Scan(&e.ID, &e.StatusID, &e.AccountID) }, sql+end, args...)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", what, err)
	}
	return db.Newest(p, list), nil
}

// Favourites lists the posts that an account likes.
func (s *Service) Favourites(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "favourites", "SELECT x.id, x.status_id, x.account_id FROM favourites x WHERE x.account_id = $1", p, me)
}

// Bookmarks lists the posts that an account keeps.
func (s *Service) Bookmarks(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "bookmarks", "SELECT x.id, x.status_id, x.account_id FROM bookmarks x WHERE x.account_id = $1", p, me)
}

const notBlocked = ` AND a.suspended_at = 0 AND NOT EXISTS (SELECT 1 FROM blocks b WHERE (b.account_id = $2 AND b.target_account_id = x.account_id) OR (b.account_id = x.account_id AND b.target_account_id = $2))`

// FavouritedBy lists who likes a post, as far as viewer wants to know.
func (s *Service) FavouritedBy(ctx context.Context, q db.Q, viewer accounts.ID, id ID, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "likes", "SELECT x.id, x.status_id, x.account_id FROM favourites x JOIN accounts a ON a.id = x.account_id WHERE x.status_id = $1"+notBlocked, p, id, viewer)
}

// RebloggedBy lists who boosted a post, as far as viewer wants to know.
func (s *Service) RebloggedBy(ctx context.Context, q db.Q, viewer accounts.ID, id ID, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "boosts", "SELECT x.id, x.reblog_of_id, x.account_id FROM statuses x JOIN accounts a ON a.id = x.account_id WHERE x.reblog_of_id = $1 AND x.reblog_of_id <> 0 AND x.deleted_at = 0"+notBlocked, p, id, viewer)
}

// fewPosts is how many posts of some accounts are rather sorted than looked for among all posts, newest first: with so few of
// them, the newest lie far apart.
const fewPosts = 20_000

// ofAccounts lists the posts of accounts that a query gives: their ids, for the argument arg. Where they wrote little, their own
// posts are sorted; otherwise all posts are walked until enough are theirs. Adding 0 keeps an engine from choosing the other way: it does not know
// how many are theirs.
func (s *Service) ofAccounts(ctx context.Context, q db.Q, what, who string, arg any, p db.Page) ([]ID, error) {
	n, err := db.Value[int64](ctx, q, "SELECT COALESCE(SUM(a.statuses_count), 0) FROM accounts a WHERE a.id IN ("+who+")", arg)
	if err != nil {
		return nil, fmt.Errorf("reading the %s timeline: %w", what, err)
	}
	if n > fewPosts {
		return s.timeline(ctx, q, what, "SELECT /* reads all, newest first, until there is enough */ s.id FROM statuses s WHERE s.deleted_at = 0 AND (s.account_id + 0) IN ("+who+")", p, arg)
	}
	return s.timelineBy(ctx, q, "(s.id + 0)", what, "SELECT s.id FROM statuses s WHERE s.deleted_at = 0 AND s.account_id IN ("+who+")", p, arg)
}

// HomeOf computes a home timeline from SQL: the posts of those whom an account follows and its own, before the finer rules
// (lists, languages, mutes), which the feed applies.
func (s *Service) HomeOf(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]ID, error) {
	return s.ofAccounts(ctx, q, "home", "SELECT f.target_account_id FROM follows f WHERE f.account_id = $1 UNION SELECT CAST($1 AS BIGINT)", me, p)
}

// WithTagsOf lists public posts with the hashtags that an account follows, before the finer rules.
func (s *Service) WithTagsOf(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]ID, error) {
	return s.timelineBy(ctx, q, "x.status_id", "followed tags", `SELECT DISTINCT x.status_id FROM statuses_tags x JOIN statuses s ON s.id = x.status_id
WHERE x.tag_id IN (SELECT f.tag_id FROM tag_follows f WHERE f.account_id = $1) AND s.deleted_at = 0 AND s.visibility = 0 AND s.reblog_of_id = 0`, p, me)
}

// ListOf computes a list's timeline from SQL, before the finer rules.
func (s *Service) ListOf(ctx context.Context, q db.Q, list int64, p db.Page) ([]ID, error) {
	return s.ofAccounts(ctx, q, "list", "SELECT l.account_id FROM list_accounts l WHERE l.list_id = $1", list, p)
}

// ToMail lists public posts of an account that are neither answers nor boosts, above one and up to another, newest first: what is sent to those who have
// them mailed.
func (s *Service) ToMail(ctx context.Context, q db.Q, by accounts.ID, after, upTo ID, limit int) ([]ID, error) {
	list, err := db.Column[ID](ctx, q, `SELECT s.id FROM statuses s WHERE s.account_id = $1 AND s.deleted_at = 0 AND s.visibility = 0 AND s.reblog_of_id = 0 AND s.in_reply_to_id = 0
AND s.id > $2 AND s.id <= $3 ORDER BY s.id DESC LIMIT $4`, by, after, upTo, limit)
	if err != nil {
		return nil, fmt.Errorf("looking for posts to mail: %w", err)
	}
	return list, nil
}

// DirectOf lists the direct posts that an account wrote or is mentioned in (the old direct timeline).
func (s *Service) DirectOf(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]ID, error) {
	return s.timeline(ctx, q, "direct", `SELECT s.id FROM statuses s WHERE s.deleted_at = 0 AND s.visibility = 3
AND s.id IN (SELECT o.id FROM statuses o WHERE o.account_id = $1 AND o.deleted_at = 0 AND o.visibility = 3 UNION ALL SELECT m.status_id FROM mentions m WHERE m.account_id = $1)`, p, me)
}
