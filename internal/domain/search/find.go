package search

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// firstLook is how many of the newest posts with the words are looked at first, lastLook how many when those are not enough: what a
	// search costs at most, for every post is asked whether the viewer may find it.
	firstLook, lastLook = 400, 20_000
	// maxOffset bounds paging by number.
	maxOffset = 4000
)

// Options narrow a search.
type Options struct {
	// Viewer is who searches; nobody else's library is looked into.
	Viewer accounts.ID
	// Author is the only one whose posts are wanted, 0 for all.
	Author accounts.ID
	// Posts lie above MinID and below MaxID; 0 for no bound.
	MinID, MaxID  int64
	Limit, Offset int
	// Zone is where the viewer's days begin; nil is UTC.
	Zone *time.Location
}

// Find gives the posts that a search means and the viewer may find, newest first: public ones of people who consented, and those of the viewer's
// library. A date that is none is errs.InvalidKind; everything else is understood somehow.
func (s *Service) Find(ctx context.Context, typed string, o Options) ([]statuses.ID, error) {
	if o.Viewer == 0 || o.Limit <= 0 || o.Offset > maxOffset {
		return nil, nil
	}
	q, err := s.understand(ctx, typed, o)
	if err != nil || q.nothing || q.lo >= q.hi {
		return nil, err
	}
	match, ok := s.engine.match(q.must, q.not)
	if !ok {
		return nil, nil
	}
	sql := "SELECT s.id FROM (" + s.engine.hits() + ") h JOIN statuses s ON s.id = h.id JOIN accounts a ON a.id = s.account_id WHERE s.reblog_of_id = 0 AND " + mayFind(q.scope)
	args := []any{o.Viewer, match, q.lo, q.hi, firstLook, o.Limit, o.Offset}
	for _, condition := range q.where {
		sql += " AND " + condition
	}
	for _, r := range q.outside {
		args = append(args, r[0], r[1])
		sql += fmt.Sprintf(" AND NOT (s.id > $%d AND s.id < $%d)", len(args)-1, len(args))
	}
	sql += " ORDER BY s.id DESC LIMIT $6 OFFSET $7"
	for _, args[4] = range []any{firstLook, lastLook} {
		list, err := db.Column[statuses.ID](ctx, s.DB, sql, args...)
		if err != nil {
			return nil, fmt.Errorf("searching posts: %w", err)
		}
		if len(list) == o.Limit || args[4] == lastLook {
			return list, nil
		}
	}
	return nil, nil
}

// mayFind is the rule of who finds what: the viewer $1 may see the post, hides neither its author nor their server, and the post is public by
// somebody who consented, or the viewer had to do with it. Whoever was limited is found by followers alone (Mastodon's StatusFilter).
func mayFind(in scope) string {
	const (
		consented = "(s.visibility = 0 AND a.indexable)"
		ours      = `(s.account_id = $1
  OR EXISTS (SELECT 1 FROM mentions m WHERE m.status_id = s.id AND m.account_id = $1 AND NOT m.silent)
  OR EXISTS (SELECT 1 FROM favourites f WHERE f.status_id = s.id AND f.account_id = $1)
  OR EXISTS (SELECT 1 FROM bookmarks b WHERE b.status_id = s.id AND b.account_id = $1)
  OR EXISTS (SELECT 1 FROM statuses r WHERE r.reblog_of_id = s.id AND r.reblog_of_id <> 0 AND r.account_id = $1 AND r.deleted_at = 0)
  OR EXISTS (SELECT 1 FROM poll_votes v WHERE v.poll_id = s.poll_id AND s.poll_id <> 0 AND v.account_id = $1))`
		unlimited = ` AND (a.silenced_at = 0 OR s.account_id = $1 OR EXISTS (SELECT 1 FROM follows f WHERE f.account_id = $1 AND f.target_account_id = s.account_id))`
	)
	where := map[scope]string{everywhere: "(" + consented + " OR " + ours + ")", library: ours, public: consented}[in]
	return where + " AND " + statuses.VisibleTo("$1") + statuses.WantedBy("$1") + unlimited
}
