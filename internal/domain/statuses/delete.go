package statuses

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Delete removes one of the author's posts and gives it back as it was, for "delete and redraft".
func (s *Service) Delete(ctx context.Context, by *accounts.Account, id ID) (*Status, error) {
	var st *Status
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		st, err = scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM statuses s WHERE s.id = $1 AND s.account_id = $2 AND s.deleted_at = 0", id, by.ID))
		if err != nil {
			return err
		}
		return s.remove(ctx, tx, st)
	})
	if err != nil {
		return nil, fmt.Errorf("deleting: %w", err)
	}
	return st, nil
}

// ReceiveDelete removes a post or a boost of another server by its id, or ends what a stamp of its author allowed. One that was never seen is remembered as deleted, so
// that it stays away when it arrives later. Only the author's own is touched (AUZ-03).
func (s *Service) ReceiveDelete(ctx context.Context, by *accounts.Account, uri string) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		st, err := s.ByURI(ctx, tx, uri)
		if err == nil && st.AccountID != by.ID {
			return nil
		}
		if err != nil && !errs.IsNotFound(err) {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO tombstones (uri, account_id, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", uri, by.ID, db.Ms(s.Clock.Now())); err != nil {
			return err
		}
		if st == nil {
			return s.unstamp(ctx, tx, by.ID, uri)
		}
		return s.remove(ctx, tx, st)
	})
	if err != nil {
		return fmt.Errorf("deleting %s: %w", uri, err)
	}
	return nil
}

// remove marks a post as deleted, with the boosts of it, and takes it out of all counts.
func (s *Service) remove(ctx context.Context, tx *db.Tx, st *Status) error {
	now := db.Ms(s.Clock.Now())
	n, err := tx.Exec(ctx, "UPDATE statuses SET deleted_at = $1 WHERE id = $2 AND account_id = $3 AND deleted_at = 0", now, st.ID, st.AccountID)
	if err != nil || n == 0 {
		return err
	}
	if st.Visibility != Direct {
		if err := s.Accounts.AddCounts(ctx, tx, st.AccountID, -1, 0, 0); err != nil {
			return err
		}
	}
	switch {
	case st.Reblog():
		_, err = tx.Exec(ctx, "UPDATE statuses SET reblogs_count = CASE WHEN reblogs_count > 0 THEN reblogs_count - 1 ELSE 0 END WHERE id = $1", st.ReblogOfID)
	case st.InReplyToID != 0 && st.Distributable():
		_, err = tx.Exec(ctx, "UPDATE statuses SET replies_count = CASE WHEN replies_count > 0 THEN replies_count - 1 ELSE 0 END WHERE id = $1", st.InReplyToID)
	}
	if err != nil {
		return err
	}
	if st.Quotes() {
		u, err := s.QuoteOf(ctx, tx, st.ID)
		if err != nil && !errs.IsNotFound(err) {
			return err
		}
		if u != nil && u.State == QuoteAccepted {
			if err := s.countQuote(ctx, tx, st, u, -1); err != nil {
				return err
			}
		}
	}
	if !st.Reblog() {
		if err := s.orphan(ctx, tx, st.ID); err != nil {
			return err
		}
		boosters, err := s.removeBoosts(ctx, tx, st.ID, now)
		if err != nil {
			return err
		}
		for _, id := range boosters {
			if err := s.Accounts.AddCounts(ctx, tx, id, -1, 0, 0); err != nil {
				return err
			}
		}
	}
	return s.Jobs.Emit(ctx, tx, Deleted{StatusID: st.ID, AccountID: st.AccountID, Local: st.Local, URI: st.URI, ReblogOfID: st.ReblogOfID})
}

// orphan makes what answered a post answer nothing, as in Mastodon.
func (s *Service) orphan(ctx context.Context, tx *db.Tx, id ID) error {
	answers, err := db.Column[ID](ctx, tx, "SELECT id FROM statuses WHERE in_reply_to_id = $1 AND in_reply_to_id <> 0", id)
	if err != nil || len(answers) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE statuses SET in_reply_to_id = 0 WHERE id = ANY($1)", db.Array(answers))
	return err
}

// removeBoosts marks the boosts of a post as deleted and gives who made them.
func (s *Service) removeBoosts(ctx context.Context, tx *db.Tx, id ID, now int64) (boosters []accounts.ID, err error) {
	var boosts []ID
	rows, err := tx.Query(ctx, "SELECT id, account_id FROM statuses WHERE reblog_of_id = $1 AND reblog_of_id <> 0 AND deleted_at = 0"+tx.ForUpdate(), id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var boost ID
		var by accounts.ID
		if err := rows.Scan(&boost, &by); err != nil {
			return nil, err
		}
		boosts, boosters = append(boosts, boost), append(boosters, by)
	}
	if err := rows.Err(); err != nil || len(boosts) == 0 {
		return nil, err
	}
	rows.Close()
	_, err = tx.Exec(ctx, "UPDATE statuses SET deleted_at = $1 WHERE id = ANY($2) AND account_id = ANY($3)", now, db.Array(boosts), db.Array(boosters))
	return boosters, err
}

// Purge removes the rows of a post that was deleted, and of the boosts of it; the database takes what refers to them along.
// Its attachments become unattached and are cleaned up with those.
func (s *Service) Purge(ctx context.Context, id ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := s.Media.Detach(ctx, tx, int64(id), nil); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM statuses WHERE id IN (SELECT CAST($1 AS BIGINT) UNION ALL "+goneWith+") AND deleted_at <> 0", id)
		return err
	})
}

// removeAtOnce bounds how many posts one transaction removes.
const removeAtOnce = 100

// RemoveAll removes every post of an account that is gone. It is safe to repeat.
func (s *Service) RemoveAll(ctx context.Context, id accounts.ID) error {
	for {
		var n int
		err := s.DB.Write(ctx, func(tx *db.Tx) error {
			list, err := db.All(ctx, tx, scan, "SELECT "+columns+" FROM statuses s WHERE s.account_id = $1 AND s.deleted_at = 0 LIMIT $2", id, removeAtOnce)
			if err != nil {
				return err
			}
			n = len(list)
			for _, st := range list {
				if err := s.remove(ctx, tx, st); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || n < removeAtOnce {
			return err
		}
	}
}
