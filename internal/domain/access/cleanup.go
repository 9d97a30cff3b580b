package access

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
)

// How long things are kept.
const (
	// Codes are kept past their end, so that a stolen one that comes late is still known.
	keepGrants = 24 * time.Hour
	// Revoked tokens are kept for questions of what happened.
	keepRevoked = 30 * 24 * time.Hour
	// Applications that nobody ever used go after a day, as in Mastodon (OAU-11).
	keepUnusedApps = 24 * time.Hour
	// Sign-ups that were never confirmed go a week after the last mail, as in Mastodon: the name is free again.
	keepUnconfirmed = 7 * 24 * time.Hour
	// Addresses from which people signed up are kept a year, as in Mastodon.
	keepAddresses = 365 * 24 * time.Hour
	// cleanSlice bounds one transaction, so that nobody waits for it long.
	cleanSlice = 500
)

// CleanUp asks for CleanUp's work; it is scheduled.
type CleanUpDue struct{}

// Kind names the event.
func (CleanUpDue) Kind() string { return "access.clean_up_due" }

// CleanUp removes what is past its time: sessions, codes, tokens, applications, sign-ups, addresses.
func (s *Service) CleanUp(ctx context.Context, _ CleanUpDue) error {
	now := s.Clock.Now()
	before := func(d time.Duration) int64 { return db.Ms(now.Add(-d)) }
	for _, c := range []struct {
		sql    string
		before int64
	}{
		{"UPDATE /* reads all, daily */ oauth_access_tokens SET revoked_at = CAST($1 AS BIGINT) + 1 WHERE id IN (SELECT access_token_id FROM sessions WHERE used_at < $1 AND access_token_id <> 0 LIMIT $2) AND revoked_at = 0", before(SessionLife)},
		{"DELETE /* reads all, daily */ FROM sessions WHERE id IN (SELECT id FROM sessions WHERE used_at < $1 LIMIT $2)", before(SessionLife)},
		{"DELETE /* reads all, daily */ FROM oauth_access_grants WHERE id IN (SELECT id FROM oauth_access_grants WHERE expires_at < $1 LIMIT $2)", before(keepGrants)},
		{"DELETE /* reads all, daily */ FROM oauth_access_tokens WHERE id IN (SELECT id FROM oauth_access_tokens WHERE revoked_at > 0 AND revoked_at < $1 LIMIT $2)", before(keepRevoked)},
		{`DELETE /* reads all, daily */ FROM oauth_applications WHERE id IN (SELECT a.id FROM oauth_applications a WHERE a.created_at < $1
  AND NOT EXISTS (SELECT 1 FROM oauth_access_tokens t WHERE t.application_id = a.id)
  AND NOT EXISTS (SELECT 1 FROM oauth_access_grants g WHERE g.application_id = a.id) LIMIT $2)`, before(keepUnusedApps)},
		{"UPDATE /* reads all, daily */ users SET sign_up_ip = '' WHERE id IN (SELECT id FROM users WHERE sign_up_ip <> '' AND created_at < $1 LIMIT $2)", before(keepAddresses)},
	} {
		if err := s.inSlices(ctx, func(tx *db.Tx) (int64, error) { return tx.Exec(ctx, c.sql, c.before, cleanSlice) }); err != nil {
			return fmt.Errorf("cleaning up: %w", err)
		}
	}
	if err := s.inSlices(ctx, func(tx *db.Tx) (int64, error) { return s.undoUnconfirmed(ctx, tx, before(keepUnconfirmed)) }); err != nil {
		return fmt.Errorf("removing unconfirmed sign-ups: %w", err)
	}
	return nil
}

func (s *Service) inSlices(ctx context.Context, do func(*db.Tx) (int64, error)) error {
	for {
		var n int64
		err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
			n, err = do(tx)
			return err
		})
		if err != nil || n < cleanSlice {
			return err
		}
	}
}

func (s *Service) undoUnconfirmed(ctx context.Context, tx *db.Tx, before int64) (int64, error) {
	type pair struct {
		id      UserID
		account accounts.ID
	}
	list, err := db.All(ctx, tx, func(r db.Row) (p pair, err error) {
		err = r.Scan(&p.id, &p.account)
		return p, err
	}, "SELECT /* reads all, daily */ id, account_id FROM users WHERE confirmed_at = 0 AND created_at < $1 AND confirmation_sent_at < $1 ORDER BY id LIMIT $2", before, cleanSlice)
	if err != nil {
		return 0, err
	}
	for _, p := range list {
		if err := s.undo(ctx, tx, p.id, p.account); err != nil {
			return 0, err
		}
	}
	return int64(len(list)), nil
}
