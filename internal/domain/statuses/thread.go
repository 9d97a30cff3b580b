package statuses

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
)

// Limits of a thread, Mastodon's: what somebody signed in sees, and what anybody sees.
const (
	contextLimit       = 4096
	anonymousAncestors = 40
	anonymousReplies   = 60
	anonymousDepth     = 20
)

// Context lists the posts that a post answers, the first of the thread first, and those that answer it, each followed by its
// own answers; the author's own continuation comes before other people's answers. Two statements. Posts that the viewer may
// not see are in it and are left out by Load.
func (s *Service) Context(ctx context.Context, q db.Q, viewer accounts.ID, st *Status) (ancestors, descendants []ID, err error) {
	up, down, depth := contextLimit, contextLimit, contextLimit
	if viewer == 0 {
		up, down, depth = anonymousAncestors, anonymousReplies, anonymousDepth
	}
	ancestors, err = db.Column[ID](ctx, q, `WITH RECURSIVE up(id, parent, n) AS (
  SELECT s.id, s.in_reply_to_id, 0 FROM statuses s WHERE s.id = $1
  UNION ALL SELECT s.id, s.in_reply_to_id, up.n + 1 FROM up JOIN statuses s ON s.id = up.parent WHERE up.parent <> 0 AND up.n < $2)
SELECT id FROM up WHERE n > 0 ORDER BY n DESC`, st.ID, up)
	if err != nil {
		return nil, nil, fmt.Errorf("loading ancestors: %w", err)
	}
	type row struct {
		id, parent ID
		author     accounts.ID
	}
	rows, err := db.All(ctx, q, func(r db.Row) (v row, err error) { return v, r.Scan(&v.id, &v.parent, &v.author) },
		`WITH RECURSIVE down(id, parent, author, n) AS (
  SELECT s.id, s.in_reply_to_id, s.account_id, 1 FROM statuses s WHERE s.in_reply_to_id = $1 AND s.in_reply_to_id <> 0 AND s.deleted_at = 0
  UNION ALL SELECT s.id, s.in_reply_to_id, s.account_id, down.n + 1 FROM down JOIN statuses s ON s.in_reply_to_id = down.id WHERE s.in_reply_to_id <> 0 AND s.deleted_at = 0 AND down.n < $2)
SELECT id, parent, author FROM down LIMIT $3`, st.ID, depth, down)
	if err != nil {
		return nil, nil, fmt.Errorf("loading descendants: %w", err)
	}
	ancestors = once(st.ID, ancestors)
	children, seen := map[ID][]row{}, map[ID]bool{st.ID: true}
	for _, r := range rows {
		if !seen[r.id] {
			seen[r.id] = true
			children[r.parent] = append(children[r.parent], r)
		}
	}
	var walk func(parent ID)
	walk = func(parent ID) {
		list := children[parent]
		slices.SortFunc(list, func(a, b row) int {
			if own, other := a.author == st.AccountID, b.author == st.AccountID; own != other {
				if own {
					return -1
				}
				return 1
			}
			return int(min(max(a.id-b.id, -1), 1))
		})
		for _, r := range list {
			descendants = append(descendants, r.id)
			walk(r.id)
		}
	}
	walk(st.ID)
	return ancestors, descendants, nil
}

// once leaves each post of a chain where it is nearest to its end, and the one below the end out: another server can make
// posts answer each other in a circle.
func once(end ID, chain []ID) []ID {
	seen := map[ID]bool{end: true}
	var out []ID
	for _, id := range slices.Backward(chain) {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	slices.Reverse(out)
	return out
}

// PublicReplies lists what answers a post for all to see, as its collection of replies shows it: first the author's own.
func (s *Service) PublicReplies(ctx context.Context, q db.Q, st *Status, after ID, own bool, limit int) ([]string, error) {
	cmp := "<>"
	if own {
		cmp = "="
	}
	return db.Column[string](ctx, q, "SELECT s.uri FROM statuses s WHERE s.in_reply_to_id = $1 AND s.in_reply_to_id <> 0 AND s.deleted_at = 0 AND s.visibility <= 1 AND s.account_id "+cmp+" $2 AND s.id > $3 ORDER BY s.id LIMIT $4",
		st.ID, st.AccountID, after, limit)
}

// HeardElsewhere reports whether a post, or boost, may concern anybody on another server: a follower, somebody who is named, or
// the author of what is answered or boosted. Most posts of a small server do not, and then nothing need be made of them.
func (s *Service) HeardElsewhere(ctx context.Context, q db.Q, id ID) (bool, error) {
	return db.Exists(ctx, q, `SELECT 1 FROM statuses s LEFT JOIN statuses o ON o.id = s.reblog_of_id AND s.reblog_of_id <> 0 WHERE s.id = $1 AND (
  EXISTS (SELECT 1 FROM mentions m JOIN accounts a ON a.id = m.account_id WHERE m.status_id = s.id AND a.domain <> '')
  OR EXISTS (SELECT 1 FROM accounts a WHERE a.id = s.in_reply_to_account_id AND a.domain <> '')
  OR EXISTS (SELECT 1 FROM accounts a WHERE a.id = o.account_id AND a.domain <> '')
  OR (s.visibility <= 1 AND EXISTS (SELECT 1 FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id = s.in_reply_to_account_id AND s.in_reply_to_account_id <> 0 AND a.domain <> ''))
  OR `+relayed("s.visibility")+` OR (s.visibility < 3 AND EXISTS (SELECT 1 FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id = s.account_id AND a.domain <> '')))`, id)
}
