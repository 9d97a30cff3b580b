package statuses

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

const columns = `s.id, s.account_id, s.uri, s.url, s.local, s.text, s.content, s.spoiler_text, s.sensitive, s.visibility, s.language,
  s.in_reply_to_id, s.in_reply_to_account_id, s.in_reply_to_uri, s.conversation_id, s.reblog_of_id, s.poll_id, s.application_id, s.emojis, s.parts,
  s.created_at, s.edited_at, s.deleted_at, s.replies_count, s.reblogs_count, s.favourites_count, s.quote_approval_policy, s.quotes_count`

// into lists where a row's columns go; fill completes the status afterwards.
func (s *Status) into() (dest []any, fill func() error) {
	var emojis string
	var created, edited, deleted int64
	dest = []any{&s.ID, &s.AccountID, &s.URI, &s.URL, &s.Local, &s.Text, &s.Content, &s.SpoilerText, &s.Sensitive, &s.Visibility, &s.Language,
		&s.InReplyToID, &s.InReplyToAccountID, &s.InReplyToURI, &s.ConversationID, &s.ReblogOfID, &s.PollID, &s.ApplicationID, &emojis, &s.parts,
		&created, &edited, &deleted, &s.RepliesCount, &s.ReblogsCount, &s.FavouritesCount, &s.QuotePolicy, &s.QuotesCount}
	return dest, func() error {
		s.CreatedAt, s.EditedAt, s.DeletedAt = db.At(created), db.At(edited), db.At(deleted)
		if emojis == "[]" {
			return nil
		}
		return json.Unmarshal([]byte(emojis), &s.Emojis)
	}
}

func scan(r db.Row) (*Status, error) {
	var s Status
	dest, fill := s.into()
	if err := r.Scan(dest...); err != nil {
		return nil, err
	}
	return &s, fill()
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil || string(b) == "null" {
		return "[]"
	}
	return string(b)
}

// visible is the rule of who may see a post, for a viewer in the given argument (0 for anybody): Mastodon's StatusPolicy.
// The table statuses goes by s, the author's row in accounts by a.
func visible(arg string) string {
	return `s.deleted_at = 0 AND a.suspended_at = 0 AND (s.account_id = ` + arg + `
  OR (s.visibility <= 1 AND NOT (EXISTS (SELECT 1 FROM blocks b WHERE b.target_account_id = ` + arg + `) AND EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = s.account_id AND b.target_account_id = ` + arg + `)))
  OR (s.visibility = 2 AND EXISTS (SELECT 1 FROM follows f WHERE f.account_id = ` + arg + ` AND f.target_account_id = s.account_id))
  OR (s.visibility >= 2 AND EXISTS (SELECT 1 FROM mentions m WHERE m.status_id = s.id AND m.account_id = ` + arg + `)))`
}

// wanted is the rule of what a viewer in the given argument does not want to meet in a timeline.
func wanted(arg string) string {
	return ` AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = ` + arg + ` AND b.target_account_id = s.account_id)
AND NOT EXISTS (SELECT 1 FROM mutes m WHERE m.account_id = ` + arg + ` AND m.target_account_id = s.account_id AND (m.expires_at = 0 OR m.expires_at > s.created_at))
AND NOT EXISTS (SELECT 1 FROM account_domain_blocks d WHERE d.account_id = ` + arg + ` AND d.domain = a.domain AND a.domain <> '')`
}

// VisibleTo and WantedBy are those two rules for the packages that stand after this one and join the two tables.
func VisibleTo(arg string) string { return visible(arg) }

// WantedBy begins with AND; see VisibleTo.
func WantedBy(arg string) string { return wanted(arg) }

// ByID finds a post that viewer may see; any other is errs.NotFound, so that nobody learns that it exists (VIS-01).
func (s *Service) ByID(ctx context.Context, q db.Q, viewer accounts.ID, id ID) (*Status, error) {
	return scan(q.QueryRow(ctx, "SELECT "+columns+" FROM statuses s JOIN accounts a ON a.id = s.account_id WHERE s.id = $2 AND "+visible("$1"), viewer, id))
}

// Any finds a post whoever may see it, deleted ones too: for work inside the server.
func (s *Service) Any(ctx context.Context, q db.Q, id ID) (*Status, error) {
	return scan(q.QueryRow(ctx, "SELECT "+columns+" FROM statuses s WHERE s.id = $1", id))
}

// Stands reports whether a post is still there as it was read. Until the transaction ends nobody edits or deletes it.
func (s *Service) Stands(ctx context.Context, tx *db.Tx, st *Status) (bool, error) {
	edited, err := db.Value[int64](ctx, tx, "SELECT edited_at FROM statuses WHERE id = $1 AND deleted_at = 0"+tx.ForUpdate(), st.ID)
	if errs.IsNotFound(err) {
		return false, nil
	}
	return edited == db.Ms(st.EditedAt), err
}

// ByURI finds a post by its ActivityPub id, whoever may see it; deleted ones are errs.NotFound.
func (s *Service) ByURI(ctx context.Context, q db.Q, uri string) (*Status, error) {
	return scan(q.QueryRow(ctx, "SELECT "+columns+" FROM statuses s WHERE s.uri = $1 AND s.deleted_at = 0", uri))
}

// URIs are the ActivityPub ids of posts that are there, the oldest first.
func (s *Service) URIs(ctx context.Context, q db.Q, list []ID) ([]string, error) {
	return db.Column[string](ctx, q, "SELECT uri FROM statuses WHERE id = ANY($1) AND deleted_at = 0 ORDER BY id", db.Array(list))
}

// ByURL finds a post by its id or the address of its page, whoever may see it.
func (s *Service) ByURL(ctx context.Context, q db.Q, url string) (*Status, error) {
	st, err := s.ByURI(ctx, q, url)
	if errs.IsNotFound(err) {
		return scan(q.QueryRow(ctx, "SELECT "+columns+" FROM statuses s WHERE s.url = $1 AND s.url <> '' AND s.deleted_at = 0 ORDER BY s.id LIMIT 1", url))
	}
	return st, err
}

// Tombstoned reports whether its author deleted a post, a boost or a like, which must not come back. Author 0 asks for anybody's
// word: enough for not fetching it.
func (s *Service) Tombstoned(ctx context.Context, q db.Q, uri string, author accounts.ID) (bool, error) {
	return db.Exists(ctx, q, "SELECT 1 FROM tombstones WHERE uri = $1 AND (CAST($2 AS BIGINT) = 0 OR account_id = $2)", uri, author)
}

// goneWith are the boosts that went with post $1: at the same moment, for which there is an index.
const goneWith = "SELECT b.id FROM statuses b WHERE b.deleted_at = (SELECT o.deleted_at FROM statuses o WHERE o.id = $1) AND b.deleted_at <> 0 AND b.reblog_of_id = $1"

// Boosters lists who boosted a post, whether or not the boosts went with it since; at most limit.
func (s *Service) Boosters(ctx context.Context, q db.Q, id ID, limit int) ([]accounts.ID, error) {
	return db.Column[accounts.ID](ctx, q, `SELECT b.account_id FROM (
  SELECT s.id, s.account_id FROM statuses s WHERE s.reblog_of_id = $1 AND s.reblog_of_id <> 0 AND s.deleted_at = 0
  UNION ALL SELECT s.id, s.account_id FROM statuses s WHERE s.id IN (`+goneWith+`)) b ORDER BY b.id LIMIT $2`, id, limit)
}

// MentionsOf loads whom posts mention, silent ones too; one statement.
func (s *Service) MentionsOf(ctx context.Context, q db.Q, list []ID) (map[ID][]Mention, error) {
	type row struct {
		status ID
		Mention
	}
	out := map[ID][]Mention{}
	if len(list) == 0 {
		return out, nil
	}
	rows, err := db.All(ctx, q, func(r db.Row) (v row, err error) {
		var domain string
		err = r.Scan(&v.status, &v.AccountID, &v.Username, &domain, &v.URL, &v.URI, &v.Silent)
		if v.Acct = v.Username; domain != "" {
			v.Acct += "@" + domain
		}
		return v, err
	}, `SELECT m.status_id, m.account_id, a.username, a.domain, CASE WHEN a.url = '' THEN a.uri ELSE a.url END, a.uri, m.silent
FROM mentions m JOIN accounts a ON a.id = m.account_id WHERE m.status_id = ANY($1) ORDER BY m.status_id, m.account_id`, db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("loading mentions: %w", err)
	}
	for _, v := range rows {
		out[v.status] = append(out[v.status], v.Mention)
	}
	return out, nil
}

// TagsOf loads the hashtags of posts; one statement.
func (s *Service) TagsOf(ctx context.Context, q db.Q, list []ID) (map[ID][]Tag, error) {
	type row struct {
		status ID
		Tag
	}
	out := map[ID][]Tag{}
	if len(list) == 0 {
		return out, nil
	}
	rows, err := db.All(ctx, q, func(r db.Row) (v row, err error) {
		return v, r.Scan(&v.status, &v.ID, &v.Name, &v.DisplayName)
	}, "SELECT st.status_id, t.id, t.name, t.display_name FROM statuses_tags st JOIN tags t ON t.id = st.tag_id WHERE st.status_id = ANY($1) ORDER BY st.status_id, t.id", db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("loading tags: %w", err)
	}
	for _, v := range rows {
		out[v.status] = append(out[v.status], v.Tag)
	}
	return out, nil
}

// LocalCount is how many posts were made here, boosts not counted.
func (s *Service) LocalCount(ctx context.Context, q db.Q) (int64, error) {
	return db.Value[int64](ctx, q, "SELECT COALESCE(SUM(statuses_count), 0) FROM accounts WHERE domain = ''")
}
