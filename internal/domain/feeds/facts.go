package feeds

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
)

// posts loads what decides who sees posts, in the order asked for; at most two statements. Those that are gone are absent, and with
// them boosts of what is gone, and all of somebody suspended. With deleted, posts are there although they were deleted.
func (s *Service) posts(ctx context.Context, q db.Q, list []statuses.ID, deleted bool) ([]*post, error) {
	gone := " AND s.deleted_at = 0 AND (o.id IS NULL OR (o.deleted_at = 0 AND b.suspended_at = 0))"
	if deleted {
		gone = ""
	}
	rows, err := db.All(ctx, q, scanPost, `SELECT s.id, s.account_id, s.visibility, s.language, s.in_reply_to_id <> 0 OR s.in_reply_to_account_id <> 0 OR s.in_reply_to_uri <> '', s.in_reply_to_account_id,
  s.reblog_of_id, s.edited_at, COALESCE(o.account_id, 0), COALESCE(b.domain, ''), COALESCE(o.parts, s.parts), a.domain, a.silenced_at <> 0
FROM statuses s JOIN accounts a ON a.id = s.account_id LEFT JOIN statuses o ON o.id = s.reblog_of_id AND s.reblog_of_id <> 0 LEFT JOIN accounts b ON b.id = o.account_id
WHERE s.id = ANY($1) AND a.suspended_at = 0`+gone, db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("loading posts for a feed: %w", err)
	}
	by := make(map[statuses.ID]*post, len(rows))
	texts := make([]statuses.ID, 0, len(rows))
	for _, p := range rows {
		if p.boost() && p.originalAuthor == 0 {
			continue
		}
		by[p.id] = p
		s.originals.put(p.id, p.original)
		switch {
		case p.parts&statuses.PartMentions == 0:
		case p.boost():
			texts = append(texts, p.original)
		default:
			texts = append(texts, p.id)
		}
	}
	out := make([]*post, 0, len(by))
	for _, id := range list {
		if p := by[id]; p != nil {
			out = append(out, p)
		}
	}
	return out, s.mentions(ctx, q, out, texts)
}

// withTags loads the hashtags of those posts that people who follow them may be shown; at most one statement.
func (s *Service) withTags(ctx context.Context, q db.Q, list []*post) error {
	by := map[statuses.ID]*post{}
	var tagged []statuses.ID
	for _, p := range list {
		if p.tagged() {
			by[p.id], tagged = p, append(tagged, p.id)
		}
	}
	if len(tagged) == 0 {
		return nil
	}
	tags, err := s.Statuses.TagsOf(ctx, q, tagged)
	for id, of := range tags {
		for _, t := range of[:min(len(of), maxTags)] {
			by[id].tags = append(by[id].tags, t.ID)
			by[id].names = append(by[id].names, t.Name)
		}
	}
	return err
}

func scanPost(r db.Row) (*post, error) {
	var p post
	err := r.Scan(&p.id, &p.author, &p.visibility, &p.language, &p.answers, &p.replyTo, &p.original, &p.edited, &p.originalAuthor, &p.originalDomain, &p.parts, &p.domain, &p.silenced)
	return &p, err
}

// mentions fills in who is mentioned in posts, or in those that they boost.
func (s *Service) mentions(ctx context.Context, q db.Q, list []*post, texts []statuses.ID) error {
	if len(texts) == 0 {
		return nil
	}
	type row struct {
		status statuses.ID
		who    accounts.ID
		silent bool
	}
	rows, err := db.All(ctx, q, func(r db.Row) (v row, err error) { return v, r.Scan(&v.status, &v.who, &v.silent) },
		"SELECT m.status_id, m.account_id, m.silent FROM mentions m WHERE m.status_id = ANY($1) ORDER BY m.status_id, m.account_id", db.Array(texts))
	if err != nil {
		return fmt.Errorf("loading mentions for a feed: %w", err)
	}
	by := map[statuses.ID][]row{}
	for _, v := range rows {
		by[v.status] = append(by[v.status], v)
	}
	for _, p := range list {
		text := p.id
		if p.boost() {
			text = p.original
		}
		for _, v := range by[text] {
			p.addressed = append(p.addressed, v.who)
			if !v.silent {
				p.named = append(p.named, v.who)
			}
		}
	}
	return nil
}

// Kinds of facts, as the statements number them.
const (
	hides = iota
	isBlockedBy
	hidesDomain
	isExclusive
	follows
	hasList
	hasListWithBoth
	followsTag
)

// newViewer knows nothing yet. Of most people there is little to know, so the sets are made when something goes into them.
func newViewer(id accounts.ID) *viewer { return &viewer{id: id} }

// put adds to a set, or to a map, that may not be there yet.
func put[K comparable, V any](into *map[K]V, k K, v V) {
	if *into == nil {
		*into = map[K]V{}
	}
	(*into)[k] = v
}

func (v *viewer) learn(kind int64, id accounts.ID, text string, boosts bool) error {
	switch kind {
	case hides:
		put(&v.hidden, id, true)
	case isBlockedBy:
		put(&v.blockedBy, id, true)
	case hidesDomain:
		put(&v.domains, text, true)
	case isExclusive:
		put(&v.exclusive, id, true)
	case follows:
		f := follow{boosts: boosts}
		if text != "[]" && text != "" {
			if err := json.Unmarshal([]byte(text), &f.languages); err != nil {
				return fmt.Errorf("reading the languages of a follow: %w", err)
			}
		}
		put(&v.follows, id, f)
	case followsTag:
		put(&v.tags, int64(id), true)
	}
	return nil
}

// viewer loads all that decides what a person sees; one statement.
func (s *Service) viewer(ctx context.Context, q db.Q, me accounts.ID) (*viewer, error) {
	rows, err := q.Query(ctx, `SELECT 0, target_account_id, '', FALSE FROM blocks WHERE account_id = $1
UNION ALL SELECT 0, target_account_id, '', FALSE FROM mutes WHERE account_id = $1 AND (expires_at = 0 OR expires_at > $2)
UNION ALL SELECT 1, account_id, '', FALSE FROM blocks WHERE target_account_id = $1
UNION ALL SELECT 2, 0, domain, FALSE FROM account_domain_blocks WHERE account_id = $1
UNION ALL SELECT 3, m.account_id, '', FALSE FROM lists l JOIN list_accounts m ON m.list_id = l.id WHERE l.account_id = $1 AND l.exclusive
UNION ALL SELECT 7, tag_id, '', FALSE FROM tag_follows WHERE account_id = $1
UNION ALL SELECT 4, target_account_id, languages, show_reblogs FROM follows WHERE account_id = $1`, me, db.Ms(s.Clock.Now()))
	if err != nil {
		return nil, fmt.Errorf("loading what a person wants to see: %w", err)
	}
	defer rows.Close()
	v := newViewer(me)
	for rows.Next() {
		var kind int64
		var id accounts.ID
		var text string
		var boosts bool
		if err := rows.Scan(&kind, &id, &text, &boosts); err != nil {
			return nil, err
		}
		if err := v.learn(kind, id, text, boosts); err != nil {
			return nil, err
		}
	}
	return v, rows.Err()
}

// members loads who is on a list.
func (s *Service) members(ctx context.Context, q db.Q, id int64) (map[accounts.ID]bool, error) {
	rows, err := db.Column[accounts.ID](ctx, q, "SELECT m.account_id FROM list_accounts m WHERE m.list_id = $1", id)
	if err != nil {
		return nil, fmt.Errorf("loading the members of a list: %w", err)
	}
	out := make(map[accounts.ID]bool, len(rows))
	for _, id := range rows {
		out[id] = true
	}
	return out, nil
}

// audience is a slice of those here who may see a post, with what decides whether they do.
type audience struct {
	viewers []*viewer // by id
	lists   []ownedList
}

type ownedList struct {
	list
	owner *viewer
}

// audience loads a slice of the active local followers of a post's author, those after an id, and in the first slice the
// author; two statements, however many there are (requirement C3). full says that there may be more.
func (s *Service) audience(ctx context.Context, q db.Q, p *post, after accounts.ID, authorLocal bool) (out *audience, full bool, err error) {
	addressed := ""
	if p.visibility == statuses.Direct {
		addressed = " AND EXISTS (SELECT 1 FROM mentions m WHERE m.status_id = $5 AND m.account_id = f.account_id)"
	}
	args := []any{p.author, after, db.Ms(s.Clock.Now().Add(-activeFor)), slice}
	if addressed != "" {
		args = append(args, p.id)
	}
	// Whoever was never seen counts as active: pushing to a list that is not there does nothing.
	out = &audience{}
	by := map[accounts.ID]*viewer{}
	if after == 0 && authorLocal {
		by[p.author] = newViewer(p.author)
		out.viewers = append(out.viewers, by[p.author])
	}
	rows, err := q.Query(ctx, `SELECT f.account_id, f.show_reblogs, f.languages FROM follows f JOIN accounts a ON a.id = f.account_id LEFT JOIN users u ON u.account_id = a.id
WHERE f.target_account_id = $1 AND a.domain = '' AND a.suspended_at = 0 AND f.account_id > $2 AND (COALESCE(u.last_active_at, 0) = 0 OR u.last_active_at >= $3)`+addressed+`
ORDER BY f.account_id LIMIT $4`, args...)
	if err != nil {
		return nil, false, fmt.Errorf("loading followers: %w", err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var id accounts.ID
		var boosts bool
		var languages string
		if err := rows.Scan(&id, &boosts, &languages); err != nil {
			return nil, false, err
		}
		v := newViewer(id)
		if err := v.learn(follows, p.author, languages, boosts); err != nil {
			return nil, false, err
		}
		by[id] = v
		out.viewers = append(out.viewers, v)
		n++
	}
	if err := rows.Err(); err != nil {
		return nil, false, err
	}
	rows.Close()
	if len(by) == 0 {
		return out, false, nil
	}
	return out, n == slice, s.concerns(ctx, q, p, by, out)
}

// taggers loads a slice of the active people here who follow a hashtag of a post, but not its author, those after an id; two statements.
func (s *Service) taggers(ctx context.Context, q db.Q, p *post, after accounts.ID) (out *audience, full bool, err error) {
	who, err := db.Column[accounts.ID](ctx, q, `SELECT DISTINCT t.account_id FROM tag_follows t JOIN accounts a ON a.id = t.account_id LEFT JOIN users u ON u.account_id = a.id
WHERE t.tag_id = ANY($1) AND a.suspended_at = 0 AND t.account_id > $2 AND t.account_id <> $3 AND (COALESCE(u.last_active_at, 0) = 0 OR u.last_active_at >= $4)
AND NOT EXISTS (SELECT 1 FROM follows f WHERE f.account_id = t.account_id AND f.target_account_id = $3) ORDER BY t.account_id LIMIT $5`,
		db.Array(p.tags), after, p.author, db.Ms(s.Clock.Now().Add(-activeFor)), slice)
	if err != nil {
		return nil, false, fmt.Errorf("loading who follows hashtags: %w", err)
	}
	out = &audience{}
	by := map[accounts.ID]*viewer{}
	for _, id := range who {
		by[id] = newViewer(id)
		out.viewers = append(out.viewers, by[id])
	}
	if len(by) == 0 {
		return out, false, nil
	}
	err = s.concerns(ctx, q, p, by, out)
	out.lists = nil // who has the author on a list follows it, and is served as such
	return out, len(who) == slice, err
}

// concerns loads what people think of those whom a post is about, and on which of their lists its author is.
func (s *Service) concerns(ctx context.Context, q db.Q, p *post, by map[accounts.ID]*viewer, out *audience) error {
	who := make([]accounts.ID, 0, len(by))
	for id := range by {
		who = append(who, id)
	}
	rows, err := q.Query(ctx, `SELECT 0, account_id, target_account_id, '', FALSE FROM blocks WHERE account_id = ANY($1) AND target_account_id = ANY($2)
UNION ALL SELECT 0, account_id, target_account_id, '', FALSE FROM mutes WHERE account_id = ANY($1) AND target_account_id = ANY($2) AND (expires_at = 0 OR expires_at > $3)
UNION ALL SELECT 1, target_account_id, account_id, '', FALSE FROM blocks WHERE target_account_id = ANY($1) AND account_id = ANY($2)
UNION ALL SELECT 2, account_id, 0, domain, FALSE FROM account_domain_blocks WHERE account_id = ANY($1) AND domain = $4
UNION ALL SELECT 4, account_id, target_account_id, languages, show_reblogs FROM follows WHERE account_id = ANY($1) AND target_account_id = $5
UNION ALL SELECT 7, account_id, tag_id, '', FALSE FROM tag_follows WHERE account_id = ANY($1) AND tag_id = ANY($7)
UNION ALL SELECT CASE WHEN EXISTS (SELECT 1 FROM list_accounts x WHERE x.list_id = l.id AND x.account_id = $5) THEN 6 ELSE 5 END, l.account_id, l.id, l.replies_policy, l.exclusive
  FROM list_accounts m JOIN lists l ON l.id = m.list_id WHERE m.account_id = $6 AND m.owner_id = ANY($1)`,
		db.Array(who), db.Array(p.people()), db.Ms(s.Clock.Now()), p.shownDomain(), p.replyTo, p.author, db.Array(p.tags))
	if err != nil {
		return fmt.Errorf("loading what followers think: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind, id int64
		var me accounts.ID
		var text string
		var flag bool
		if err := rows.Scan(&kind, &me, &id, &text, &flag); err != nil {
			return err
		}
		switch kind {
		case hasList, hasListWithBoth:
			out.addList(p, by[me], list{id: id, policy: text}, flag, kind == hasListWithBoth)
		default:
			if err := by[me].learn(kind, accounts.ID(id), text, flag); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}

// addList adds a list that the author of a post is on, and with both whom the post answers.
func (a *audience) addList(p *post, owner *viewer, l list, exclusive, both bool) {
	l.members = map[accounts.ID]bool{p.author: true}
	if both {
		l.members[p.replyTo] = true
	}
	if exclusive {
		put(&owner.exclusive, p.author, true)
	}
	a.lists = append(a.lists, ownedList{l, owner})
}
