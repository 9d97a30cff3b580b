package notifications

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
)

// Request is a sender whose mentions of an account are kept apart.
type Request struct {
	ID            int64
	FromAccountID accounts.ID
	// LastStatusID is the newest post of the sender in it.
	LastStatusID statuses.ID
	// Count is how many notices wait, at most 100.
	Count                int64
	CreatedAt, UpdatedAt time.Time
}

// Merged tells an account's apps that notices were let in, so that they read the list anew.
const Merged = "notifications_merged"

// openRequests are an account's requests, $1, of which something is left, from nobody suspended.
const openRequests = ` FROM notification_requests r JOIN accounts a ON a.id = r.from_account_id WHERE r.account_id = $1 AND a.suspended_at = 0
AND EXISTS (SELECT 1 FROM notifications n WHERE n.account_id = $1 AND n.from_account_id = r.from_account_id AND n.filtered)`

const requestColumns = `SELECT r.id, r.from_account_id, r.last_status_id, r.created_at, r.updated_at,
(SELECT COUNT(*) FROM (SELECT n.id FROM notifications n WHERE n.account_id = $1 AND n.from_account_id = r.from_account_id AND n.filtered AND n.type IN ('mention', 'quote') LIMIT $2) n)`

func scanRequest(r db.Row) (*Request, error) {
	var q Request
	var created, updated int64
	err := r.Scan(&q.ID, &q.FromAccountID, &q.LastStatusID, &created, &updated, &q.Count)
	q.CreatedAt, q.UpdatedAt = db.At(created), db.At(updated)
	return &q, err
}

// Requests gives a page of an account's requests, the newest first; one statement.
func (s *Service) Requests(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]*Request, error) {
	end, args := p.Apply("r.id", []any{me, maxCounted})
	list, err := db.All(ctx, q, scanRequest, requestColumns+openRequests+end, args...)
	if err != nil {
		return nil, fmt.Errorf("listing notification requests: %w", err)
	}
	return db.Newest(p, list), nil
}

// RequestByID is one of an account's own requests.
func (s *Service) RequestByID(ctx context.Context, q db.Q, me accounts.ID, id int64) (*Request, error) {
	return scanRequest(q.QueryRow(ctx, requestColumns+openRequests+" AND r.id = $3", me, maxCounted, id))
}

// asked notes in the transaction of a notice that is kept apart that its sender asks to be heard.
func (s *Service) asked(ctx context.Context, tx *db.Tx, me accounts.ID, n notice) error {
	now := db.Ms(s.Clock.Now())
	return tx.Do(ctx, "noting a request", `INSERT INTO notification_requests (id, account_id, from_account_id, last_status_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT (account_id, from_account_id) DO UPDATE SET last_status_id = excluded.last_status_id, updated_at = excluded.updated_at`, s.IDs.Next(), me, n.from, n.status, now)
}

// AcceptRequests lets the senders of some of an account's requests in: what waits is shown, and no policy holds for them any more. Ids that
// are not the account's own are passed over.
func (s *Service) AcceptRequests(ctx context.Context, me accounts.ID, ids []int64) error {
	return s.decide(ctx, me, ids, func(tx *db.Tx, from []accounts.ID) error {
		var rows [][]any
		for _, id := range from {
			rows = append(rows, []any{me, id, db.Ms(s.Clock.Now())})
		}
		if err := tx.DoMany(ctx, "letting senders in", "INSERT INTO notification_permissions (account_id, from_account_id, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", rows); err != nil {
			return err
		}
		return tx.Do(ctx, "showing what waited", "UPDATE notifications SET filtered = FALSE WHERE account_id = $1 AND from_account_id = ANY($2) AND filtered", me, db.Array(from))
	})
}

// DismissRequests forgets some of an account's requests, and what waits in them. A further notice makes a new one.
func (s *Service) DismissRequests(ctx context.Context, me accounts.ID, ids []int64) error {
	return s.decide(ctx, me, ids, func(tx *db.Tx, from []accounts.ID) error {
		return tx.Do(ctx, "removing what waited", "DELETE FROM notifications WHERE account_id = $1 AND from_account_id = ANY($2) AND filtered", me, db.Array(from))
	})
}

// decide ends some requests in one transaction, with what the decision means for their senders, and tells the account's apps.
func (s *Service) decide(ctx context.Context, me accounts.ID, ids []int64, do func(*db.Tx, []accounts.ID) error) error {
	var from []accounts.ID
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		from, err = db.Column[accounts.ID](ctx, tx, "SELECT r.from_account_id FROM notification_requests r WHERE r.account_id = $1 AND r.id = ANY($2) ORDER BY r.from_account_id"+tx.ForUpdate(), me, db.Array(ids))
		if err != nil || len(from) == 0 {
			return err
		}
		if err := do(tx, from); err != nil {
			return err
		}
		return tx.Do(ctx, "ending requests", "DELETE FROM notification_requests WHERE account_id = $1 AND from_account_id = ANY($2)", me, db.Array(from))
	})
	if err != nil {
		return fmt.Errorf("deciding about notification requests: %w", err)
	}
	if len(from) > 0 {
		s.publish(ctx, []accounts.ID{me}, func(accounts.ID) Message { return Message{Event: Merged} })
	}
	return nil
}
