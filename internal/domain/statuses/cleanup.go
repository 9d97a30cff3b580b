package statuses

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

const (
	// cleanAccounts and cleanPosts bound one run: deletions are sent to other servers, and nobody is in a hurry (Mastodon: 50 and 5).
	cleanAccounts, cleanPosts = 50, 5
	// cleanPause is when an account without old posts is looked at again, cleanAgain when posts that were to stay are.
	cleanPause, cleanAgain = time.Hour, 7 * day
)

// CleanupAges are the ages among which a person chooses, Mastodon's.
var CleanupAges = []time.Duration{7 * day, 14 * day, 30 * day, 61 * day, 91 * day, 182 * day, 365 * day, 730 * day}

// CleanupPolicy is a person's rule for posts of their own that are old. The names are Mastodon's.
type CleanupPolicy struct {
	Enabled                       bool
	MinAge                        time.Duration // one of CleanupAges
	KeepDirect, KeepPinned        bool
	KeepPolls, KeepMedia          bool
	KeepSelfFav, KeepSelfBookmark bool
	MinFavs, MinReblogs           int64 // posts with at least so many stay; 0 for no such rule
}

// standardCleanup is what a person finds who has chosen nothing.
var standardCleanup = CleanupPolicy{MinAge: 14 * day, KeepDirect: true, KeepPinned: true, KeepSelfFav: true, KeepSelfBookmark: true}

// CleanUpOldDue asks for CleanUpOld's work; it is scheduled.
type CleanUpOldDue struct{}

// Kind names the event.
func (CleanUpOldDue) Kind() string { return "statuses.clean_up_old_due" }

const cleanupColumns = "enabled, min_status_age, keep_direct, keep_pinned, keep_polls, keep_media, keep_self_fav, keep_self_bookmark, min_favs, min_reblogs"

func (p *CleanupPolicy) scan(r db.Row, more ...any) error {
	var age int64
	err := r.Scan(append([]any{&p.Enabled, &age, &p.KeepDirect, &p.KeepPinned, &p.KeepPolls, &p.KeepMedia, &p.KeepSelfFav, &p.KeepSelfBookmark, &p.MinFavs, &p.MinReblogs}, more...)...)
	p.MinAge = time.Duration(age) * time.Second
	return err
}

// CleanupOf is an account's rule.
func (s *Service) CleanupOf(ctx context.Context, q db.Q, id accounts.ID) (CleanupPolicy, error) {
	var p CleanupPolicy
	err := p.scan(q.QueryRow(ctx, "SELECT "+cleanupColumns+" FROM status_cleanup_policies WHERE account_id = $1", id))
	if errs.IsNotFound(err) {
		return standardCleanup, nil
	}
	return p, err
}

// SetCleanup changes an account's rule. All old posts are looked at anew.
func (s *Service) SetCleanup(ctx context.Context, id accounts.ID, p CleanupPolicy) error {
	switch {
	case !slices.Contains(CleanupAges, p.MinAge):
		return errs.Invalid("Validation failed: Min status age is not included in the list")
	case p.MinFavs < 0 || p.MinReblogs < 0:
		return errs.Invalid("Validation failed: A number of favourites or boosts is less than 0")
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO status_cleanup_policies (account_id, `+cleanupColumns+`, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (account_id) DO UPDATE SET enabled = excluded.enabled, min_status_age = excluded.min_status_age, keep_direct = excluded.keep_direct, keep_pinned = excluded.keep_pinned,
  keep_polls = excluded.keep_polls, keep_media = excluded.keep_media, keep_self_fav = excluded.keep_self_fav, keep_self_bookmark = excluded.keep_self_bookmark,
  min_favs = excluded.min_favs, min_reblogs = excluded.min_reblogs, updated_at = excluded.updated_at, inspected_id = 0, again_at = 0, next_at = 0`,
			id, p.Enabled, int64(p.MinAge/time.Second), p.KeepDirect, p.KeepPinned, p.KeepPolls, p.KeepMedia, p.KeepSelfFav, p.KeepSelfBookmark, p.MinFavs, p.MinReblogs, db.Ms(s.Clock.Now()))
		if err != nil {
			return fmt.Errorf("changing the rule for old posts: %w", err)
		}
		return nil
	})
}

// cleaning is an account whose old posts are looked at.
type cleaning struct {
	CleanupPolicy
	account          accounts.ID
	inspected, again int64
}

// CleanUpOld deletes some old posts of those who asked for it. It is safe to repeat.
func (s *Service) CleanUpOld(ctx context.Context, _ CleanUpOldDue) error {
	list, err := db.All(ctx, s.DB, func(r db.Row) (c cleaning, err error) {
		err = c.scan(r, &c.account, &c.inspected, &c.again)
		return c, err
	}, "SELECT "+cleanupColumns+", account_id, inspected_id, again_at FROM status_cleanup_policies WHERE enabled AND next_at <= $1 ORDER BY next_at LIMIT $2",
		db.Ms(s.Clock.Now()), cleanAccounts)
	if err != nil {
		return fmt.Errorf("looking for old posts: %w", err)
	}
	for _, c := range list {
		if err := s.clean(ctx, c); err != nil {
			return fmt.Errorf("deleting old posts of account %d: %w", c.account, err)
		}
	}
	return nil
}

// clean deletes a few of an account's old posts, and notes how far it came.
func (s *Service) clean(ctx context.Context, c cleaning) error {
	now := s.Clock.Now()
	if c.again <= db.Ms(now) {
		c.inspected, c.again = 0, db.Ms(now.Add(cleanAgain))
	}
	newest := ids.At(now.Add(-c.MinAge))
	where, args := c.where()
	old, err := db.All(ctx, s.DB, scan, "SELECT "+columns+" FROM statuses s WHERE s.account_id = $1 AND s.deleted_at = 0 AND s.id > $2 AND s.id < $3"+where+" ORDER BY s.id LIMIT $4",
		append([]any{c.account, c.inspected, newest, cleanPosts}, args...)...)
	if err != nil {
		return err
	}
	next := now
	if len(old) < cleanPosts {
		c.inspected, next = newest-1, now.Add(cleanPause)
	} else {
		c.inspected = int64(old[len(old)-1].ID)
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, st := range old {
			if err := s.remove(ctx, tx, st); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "UPDATE status_cleanup_policies SET inspected_id = $1, again_at = $2, next_at = $3 WHERE account_id = $4 AND updated_at <= $5",
			c.inspected, c.again, db.Ms(next), c.account, db.Ms(now))
		return err
	})
}

// where are the conditions of posts that do not stay; arguments are counted from $5.
func (p *CleanupPolicy) where() (string, []any) {
	sql := ""
	var args []any
	for _, rule := range []struct {
		on  bool
		sql string
	}{
		{p.KeepDirect, " AND s.visibility <> 3"},
		{p.KeepPinned, " AND NOT EXISTS (SELECT 1 FROM status_pins p WHERE p.status_id = s.id AND p.account_id = s.account_id)"},
		{p.KeepPolls, " AND s.poll_id = 0"},
		{p.KeepMedia, " AND NOT EXISTS (SELECT 1 FROM media_attachments m WHERE m.status_id = s.id AND m.status_id <> 0)"},
		{p.KeepSelfFav, " AND NOT EXISTS (SELECT 1 FROM favourites f WHERE f.status_id = s.id AND f.account_id = s.account_id)"},
		{p.KeepSelfBookmark, " AND NOT EXISTS (SELECT 1 FROM bookmarks b WHERE b.status_id = s.id AND b.account_id = s.account_id)"},
	} {
		if rule.on {
			sql += rule.sql
		}
	}
	for _, rule := range []struct {
		least  int64
		column string
	}{{p.MinFavs, "favourites_count"}, {p.MinReblogs, "reblogs_count"}} {
		if rule.least > 0 {
			args = append(args, rule.least)
			sql += fmt.Sprintf(" AND s.%s < $%d", rule.column, 4+len(args))
		}
	}
	return sql, args
}
