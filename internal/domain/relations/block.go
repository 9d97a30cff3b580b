package relations

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

// Block ends every tie between two accounts and keeps them from making new ones. uri is the id of a remote Block.
func (s *Service) Block(ctx context.Context, by, target *accounts.Account, uri string) error {
	if by.ID == target.ID {
		return errs.Forbidden()
	}
	id := s.IDs.Next()
	if by.Local() {
		uri = fmt.Sprintf("%s#blocks/%d", by.URI, id)
	}
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "INSERT INTO blocks (id, account_id, target_account_id, uri, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
			id, by.ID, target.ID, uri, db.Ms(s.Clock.Now()))
		if err != nil || n == 0 {
			return err
		}
		if err := s.unfollow(ctx, tx, by, target); err != nil {
			return err
		}
		if err := s.reject(ctx, tx, by, target); err != nil {
			return err
		}
		s.changed(tx, by.ID, target.ID)
		return s.Jobs.Emit(ctx, tx, Blocked{AccountID: by.ID, TargetID: target.ID, URI: uri, ByLocal: by.Local(), TargetLocal: target.Local()})
	})
	if err != nil {
		return fmt.Errorf("blocking: %w", err)
	}
	return nil
}

// BlockedByURI finds whom an account blocks by the id of its Block.
func (s *Service) BlockedByURI(ctx context.Context, q db.Q, by accounts.ID, uri string) (accounts.ID, error) {
	return db.Value[accounts.ID](ctx, q, "SELECT target_account_id FROM blocks WHERE account_id = $1 AND uri = $2 AND uri <> '' LIMIT 1", by, uri)
}

// Unblock takes a block back.
func (s *Service) Unblock(ctx context.Context, by, target *accounts.Account) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		uri, err := db.Value[string](ctx, tx, "DELETE FROM blocks WHERE account_id = $1 AND target_account_id = $2 RETURNING uri", by.ID, target.ID)
		if errs.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		s.changed(tx, by.ID, target.ID)
		return s.Jobs.Emit(ctx, tx, Unblocked{AccountID: by.ID, TargetID: target.ID, URI: uri, ByLocal: by.Local(), TargetLocal: target.Local()})
	})
	if err != nil {
		return fmt.Errorf("unblocking: %w", err)
	}
	return nil
}

// MuteOptions say how to mute: notices too, and for how long (0 for good).
type MuteOptions struct {
	Notifications bool
	Duration      time.Duration
}

// Mute hides an account from another. Muting again changes the options.
func (s *Service) Mute(ctx context.Context, by, target accounts.ID, o MuteOptions) error {
	if by == target {
		return errs.Forbidden()
	}
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		now := s.Clock.Now()
		expires := int64(0)
		if o.Duration > 0 {
			expires = db.Ms(now.Add(o.Duration))
		}
		if _, err := tx.Exec(ctx, `INSERT INTO mutes (id, account_id, target_account_id, hide_notifications, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account_id, target_account_id) DO UPDATE SET hide_notifications = excluded.hide_notifications, expires_at = excluded.expires_at`,
			s.IDs.Next(), by, target, o.Notifications, expires, db.Ms(now)); err != nil {
			return err
		}
		s.changed(tx, by)
		return s.Jobs.Emit(ctx, tx, Muted{AccountID: by, TargetID: target})
	})
	if err != nil {
		return fmt.Errorf("muting: %w", err)
	}
	return nil
}

// Unmute takes a mute back.
func (s *Service) Unmute(ctx context.Context, by, target accounts.ID) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM mutes WHERE account_id = $1 AND target_account_id = $2", by, target)
		if err != nil || n == 0 {
			return err
		}
		s.changed(tx, by)
		return s.Jobs.Emit(ctx, tx, Unmuted{AccountID: by, TargetID: target})
	})
	if err != nil {
		return fmt.Errorf("unmuting: %w", err)
	}
	return nil
}

// ExpireMutes ends mutes that were for a time; at most limit of them.
func (s *Service) ExpireMutes(ctx context.Context, limit int) error {
	type pair struct{ by, target accounts.ID }
	due, err := db.All(ctx, s.DB, func(r db.Row) (p pair, err error) { return p, r.Scan(&p.by, &p.target) },
		"SELECT account_id, target_account_id FROM mutes WHERE expires_at <> 0 AND expires_at <= $1 LIMIT $2", db.Ms(s.Clock.Now()), limit)
	if err != nil {
		return err
	}
	for _, p := range due {
		if err := s.Unmute(ctx, p.by, p.target); err != nil {
			return err
		}
	}
	return nil
}

// SetNote keeps a private note about an account; an empty one removes it.
func (s *Service) SetNote(ctx context.Context, me, target accounts.ID, comment string) error {
	return s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if comment == "" {
			_, err = tx.Exec(ctx, "DELETE FROM account_notes WHERE account_id = $1 AND target_account_id = $2", me, target)
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO account_notes (account_id, target_account_id, comment, updated_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, target_account_id) DO UPDATE SET comment = excluded.comment, updated_at = excluded.updated_at`, me, target, comment, db.Ms(s.Clock.Now()))
		return err
	})
}

// BlockDomain hides everything of a domain from an account, and ends the ties with its people.
func (s *Service) BlockDomain(ctx context.Context, me *accounts.Account, domain string) error {
	domain, err := text.NormalizeDomain(domain)
	if err != nil || s.Accounts.Site.IsLocalDomain(domain) {
		return errs.Invalid("Validation failed: Domain is not a valid domain name")
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "INSERT INTO account_domain_blocks (id, account_id, domain, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
			s.IDs.Next(), me.ID, domain, db.Ms(s.Clock.Now()))
		if err != nil || n == 0 {
			return err
		}
		s.changed(tx, me.ID)
		return s.Jobs.Emit(ctx, tx, DomainBlocked{AccountID: me.ID, Domain: domain})
	})
	if err != nil {
		return fmt.Errorf("blocking a domain: %w", err)
	}
	return nil
}

// severAtOnce bounds how many ties one transaction ends.
const severAtOnce = 100

// SeverDomain ends the ties between an account and the people of a domain that it blocked.
func (s *Service) SeverDomain(ctx context.Context, e DomainBlocked) error {
	me, err := s.Accounts.ByID(ctx, s.DB, e.AccountID)
	if err != nil {
		return ignoreGone(err)
	}
	// The block's own row tells it from the next one; without it, it was taken back meanwhile, and there is nothing to tell.
	why := Cause{Type: BySelf, TargetName: e.Domain}
	if why.Number, err = db.Value[int64](ctx, s.DB, "SELECT id FROM account_domain_blocks WHERE account_id = $1 AND domain = $2", e.AccountID, e.Domain); err != nil && !errs.IsNotFound(err) {
		return err
	}
	for {
		tied, err := db.All(ctx, s.DB, accounts.Scan, "SELECT "+accounts.Columns+` FROM accounts a WHERE a.domain = $1 AND a.domain <> '' AND (
  EXISTS (SELECT 1 FROM follows f WHERE f.account_id = a.id AND f.target_account_id = $2) OR EXISTS (SELECT 1 FROM follows f WHERE f.account_id = $2 AND f.target_account_id = a.id)
  OR EXISTS (SELECT 1 FROM follow_requests f WHERE f.account_id = a.id AND f.target_account_id = $2)) LIMIT $3`, e.Domain, e.AccountID, severAtOnce)
		if err != nil || len(tied) == 0 {
			return err
		}
		err = s.DB.Write(ctx, func(tx *db.Tx) error { return s.sever(ctx, tx, []*accounts.Account{me}, tied, why) })
		if err != nil {
			return err
		}
	}
}

// Sever ends all ties between an account elsewhere and those here, both ways, a slice at a time, and keeps what those here lost by it.
func (s *Service) Sever(ctx context.Context, other *accounts.Account, why Cause) error {
	for {
		tied, err := db.All(ctx, s.DB, accounts.Scan, "SELECT "+accounts.Columns+` FROM accounts a WHERE a.domain = '' AND a.id IN (
  SELECT target_account_id FROM follows WHERE account_id = $1 UNION SELECT account_id FROM follows WHERE target_account_id = $1
  UNION SELECT target_account_id FROM follow_requests WHERE account_id = $1 UNION SELECT account_id FROM follow_requests WHERE target_account_id = $1) LIMIT $2`, other.ID, severAtOnce)
		if err != nil || len(tied) == 0 {
			return err
		}
		err = s.DB.Write(ctx, func(tx *db.Tx) error { return s.sever(ctx, tx, tied, []*accounts.Account{other}, why) })
		if err != nil {
			return err
		}
	}
}

// UnblockDomain takes a domain block back.
func (s *Service) UnblockDomain(ctx context.Context, me accounts.ID, domain string) error {
	domain, err := text.NormalizeDomain(domain)
	if err != nil {
		return nil // what has no such name is not blocked
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM account_domain_blocks WHERE account_id = $1 AND domain = $2", me, domain)
		s.changed(tx, me)
		return err
	})
}

// ignoreGone makes "no longer there" a success, as it is for work that follows from something since removed.
func ignoreGone(err error) error {
	if errs.IsNotFound(err) {
		return nil
	}
	return err
}
