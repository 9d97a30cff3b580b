package relations

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// MaxLists is how many lists an account may have (Mastodon).
const MaxLists = 50

// Entry is a row of a list of accounts; ID is what it is paged by.
type Entry struct {
	ID        int64
	AccountID accounts.ID
	// ExpiresAt is set for mutes that end.
	ExpiresAt time.Time
}

func scanEntry(r db.Row) (Entry, error) {
	var e Entry
	var expires int64
	err := r.Scan(&e.ID, &e.AccountID, &expires)
	e.ExpiresAt = db.At(expires)
	return e, err
}

func entries(ctx context.Context, q db.Q, what, sql string, p db.Page, args ...any) ([]Entry, error) {
	end, args := p.Apply("r.id", args)
	rows, err := db.All(ctx, q, scanEntry, sql+end, args...)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", what, err)
	}
	return db.Newest(p, rows), nil
}

// Followers lists who follows an account; viewer does not see whom it blocks or who blocks it.
func (s *Service) Followers(ctx context.Context, q db.Q, id, viewer accounts.ID, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "followers", `SELECT r.id, r.account_id, 0 FROM follows r JOIN accounts a ON a.id = r.account_id
WHERE r.target_account_id = $1 AND a.suspended_at = 0 AND NOT EXISTS (SELECT 1 FROM blocks b WHERE (b.account_id = $2 AND b.target_account_id = r.account_id) OR (b.account_id = r.account_id AND b.target_account_id = $2))`,
		p, id, viewer)
}

// Following lists whom an account follows; viewer does not see whom it blocks or who blocks it.
func (s *Service) Following(ctx context.Context, q db.Q, id, viewer accounts.ID, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "followed accounts", `SELECT r.id, r.target_account_id, 0 FROM follows r JOIN accounts a ON a.id = r.target_account_id
WHERE r.account_id = $1 AND a.suspended_at = 0 AND NOT EXISTS (SELECT 1 FROM blocks b WHERE (b.account_id = $2 AND b.target_account_id = r.target_account_id) OR (b.account_id = r.target_account_id AND b.target_account_id = $2))`,
		p, id, viewer)
}

// FollowRequests lists who asks to follow an account.
func (s *Service) FollowRequests(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "follow requests", `SELECT r.id, r.account_id, 0 FROM follow_requests r JOIN accounts a ON a.id = r.account_id WHERE r.target_account_id = $1 AND a.suspended_at = 0`, p, me)
}

// FollowRequestCount is how many ask to follow an account.
func (s *Service) FollowRequestCount(ctx context.Context, q db.Q, me accounts.ID) (int64, error) {
	return db.Value[int64](ctx, q, "SELECT COUNT(*) FROM follow_requests WHERE target_account_id = $1", me)
}

// Blocks lists whom an account blocks.
func (s *Service) Blocks(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "blocks", `SELECT r.id, r.target_account_id, 0 FROM blocks r WHERE r.account_id = $1`, p, me)
}

// Mutes lists whom an account mutes.
func (s *Service) Mutes(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "mutes", `SELECT r.id, r.target_account_id, r.expires_at FROM mutes r WHERE r.account_id = $1 AND (r.expires_at = 0 OR r.expires_at > $2)`, p, me, db.Ms(s.Clock.Now()))
}

// DomainEntry is a blocked domain; ID is what it is paged by.
type DomainEntry struct {
	ID     int64
	Domain string
}

// DomainBlocks lists the domains that an account blocks.
func (s *Service) DomainBlocks(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]DomainEntry, error) {
	end, args := p.Apply("id", []any{me})
	rows, err := db.All(ctx, q, func(r db.Row) (d DomainEntry, err error) { return d, r.Scan(&d.ID, &d.Domain) },
		"SELECT id, domain FROM account_domain_blocks WHERE account_id = $1"+end, args...)
	if err != nil {
		return nil, fmt.Errorf("listing blocked domains: %w", err)
	}
	return db.Newest(p, rows), nil
}

// LocalFollowers lists the local accounts that follow one, by id after the given one; it is read in slices (requirement N7).
func (s *Service) LocalFollowers(ctx context.Context, q db.Q, id, after accounts.ID, limit int) ([]accounts.ID, error) {
	return db.Column[accounts.ID](ctx, q, `SELECT f.account_id FROM follows f JOIN accounts a ON a.id = f.account_id
WHERE f.target_account_id = $1 AND a.domain = '' AND a.suspended_at = 0 AND f.account_id > $2 ORDER BY f.account_id LIMIT $3`, id, after, limit)
}

// RemoteInboxes lists the inboxes, each once, through which the remote followers of an account are reached.
func (s *Service) RemoteInboxes(ctx context.Context, q db.Q, id accounts.ID) ([]string, error) {
	return db.Column[string](ctx, q, `SELECT DISTINCT CASE WHEN a.shared_inbox_url <> '' THEN a.shared_inbox_url ELSE a.inbox_url END
FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id = $1 AND a.domain <> '' AND a.suspended_at = 0 AND a.inbox_url <> ''`, id)
}

// HasLocalFollower reports whether anyone here follows an account.
func (s *Service) HasLocalFollower(ctx context.Context, q db.Q, id accounts.ID) (bool, error) {
	return db.Exists(ctx, q, "SELECT 1 FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id = $1 AND a.domain = ''", id)
}

// List is a named group of followed accounts.
type List struct {
	ID            int64
	AccountID     accounts.ID
	Title         string
	RepliesPolicy string
	Exclusive     bool
}

func scanList(r db.Row) (List, error) {
	var l List
	err := r.Scan(&l.ID, &l.AccountID, &l.Title, &l.RepliesPolicy, &l.Exclusive)
	return l, err
}

const listColumns = "l.id, l.account_id, l.title, l.replies_policy, l.exclusive"

// Lists are an account's lists.
func (s *Service) Lists(ctx context.Context, q db.Q, me accounts.ID) ([]List, error) {
	return db.All(ctx, q, scanList, "SELECT "+listColumns+" FROM lists l WHERE l.account_id = $1 ORDER BY l.id", me)
}

// ListByID is one of an account's own lists.
func (s *Service) ListByID(ctx context.Context, q db.Q, me accounts.ID, id int64) (List, error) {
	return scanList(q.QueryRow(ctx, "SELECT "+listColumns+" FROM lists l WHERE l.id = $1 AND l.account_id = $2", id, me))
}

// ListsWith are the lists of me that target is on.
func (s *Service) ListsWith(ctx context.Context, q db.Q, me, target accounts.ID) ([]List, error) {
	return db.All(ctx, q, scanList, "SELECT "+listColumns+" FROM lists l JOIN list_accounts m ON m.list_id = l.id WHERE l.account_id = $1 AND m.account_id = $2 ORDER BY l.id", me, target)
}

func checkList(l *List) error {
	if l.Title == "" {
		return errs.Invalid("Validation failed: Title can't be blank")
	}
	if l.RepliesPolicy == "" {
		l.RepliesPolicy = "list"
	}
	if l.RepliesPolicy != "none" && l.RepliesPolicy != "list" && l.RepliesPolicy != "followed" {
		return errs.Invalid("'%s' is not a valid replies_policy", l.RepliesPolicy)
	}
	return nil
}

// CreateList makes a list.
func (s *Service) CreateList(ctx context.Context, l List) (List, error) {
	if err := checkList(&l); err != nil {
		return l, err
	}
	l.ID = s.IDs.Next()
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO lists (id, account_id, title, replies_policy, exclusive, created_at)
SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT COUNT(*) FROM lists WHERE account_id = $2) < $7`,
			l.ID, l.AccountID, l.Title, l.RepliesPolicy, l.Exclusive, db.Ms(s.Clock.Now()), MaxLists)
		if err == nil && n == 0 {
			return errs.Invalid("Validation failed: You have reached the maximum number of lists")
		}
		return err
	})
	return l, err
}

// UpdateList changes a list's title and rules.
func (s *Service) UpdateList(ctx context.Context, l List) error {
	if err := checkList(&l); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE lists SET title = $1, replies_policy = $2, exclusive = $3 WHERE id = $4 AND account_id = $5", l.Title, l.RepliesPolicy, l.Exclusive, l.ID, l.AccountID)
		if err == nil && n == 0 {
			return errs.NotFound()
		}
		if err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, ListChanged{AccountID: l.AccountID, ListID: l.ID})
	})
}

// DeleteList removes a list.
func (s *Service) DeleteList(ctx context.Context, me accounts.ID, id int64) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM lists WHERE id = $1 AND account_id = $2", id, me)
		if err == nil && n == 0 {
			return errs.NotFound()
		}
		if err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, ListChanged{AccountID: me, ListID: id})
	})
}

// ListAccounts lists who is on a list.
func (s *Service) ListAccounts(ctx context.Context, q db.Q, list int64, p db.Page) ([]Entry, error) {
	return entries(ctx, q, "list members", "SELECT r.id, r.account_id, 0 FROM list_accounts r WHERE r.list_id = $1", p, list)
}

// AddToList puts accounts on a list: those that its owner follows, or the owner.
func (s *Service) AddToList(ctx context.Context, l List, members []accounts.ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, id := range members {
			ok := id == l.AccountID
			if !ok {
				var err error
				if ok, err = s.Follows(ctx, tx, l.AccountID, id); err != nil {
					return err
				}
			}
			if !ok {
				return errs.NotFound()
			}
			n, err := tx.Exec(ctx, "INSERT INTO list_accounts (id, list_id, owner_id, account_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", s.IDs.Next(), l.ID, l.AccountID, id)
			if err != nil {
				return err
			}
			if n == 0 {
				return errs.Invalid("Validation failed: Account has already been taken")
			}
		}
		s.changed(tx, l.AccountID)
		return s.Jobs.Emit(ctx, tx, ListChanged{AccountID: l.AccountID, ListID: l.ID})
	})
}

// RemoveFromList takes accounts off a list.
func (s *Service) RemoveFromList(ctx context.Context, l List, members []accounts.ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM list_accounts WHERE list_id = $1 AND account_id = ANY($2)", l.ID, db.Array(members)); err != nil {
			return err
		}
		s.changed(tx, l.AccountID)
		return s.Jobs.Emit(ctx, tx, ListChanged{AccountID: l.AccountID, ListID: l.ID})
	})
}
