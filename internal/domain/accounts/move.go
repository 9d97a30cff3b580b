package accounts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// MoveCooldown is how long an account that moved cannot move again (Mastodon).
const MoveCooldown = 30 * 24 * time.Hour

// maxAliases bounds the other names of a local account; every one is sent with its profile.
const maxAliases = 20

// Moved says that a local account goes on as another one.
type Moved struct{ AccountID, TargetID ID }

// Kind names the event.
func (Moved) Kind() string { return "accounts.moved" }

// Move lets a local account go on as target, which must name it as one of its other names; target was read anew by the caller.
func (s *Service) Move(ctx context.Context, by ID, target *Account) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := s.one(ctx, tx, "a.id = $1 AND a.domain = ''"+tx.ForUpdate(), by)
		if err != nil {
			return err
		}
		if err := s.mayMove(ctx, tx, a, target); err != nil {
			return err
		}
		now := db.Ms(s.Clock.Now())
		if _, err := tx.Exec(ctx, "INSERT INTO account_moves (id, account_id, target_account_id, followers_count, created_at) VALUES ($1, $2, $3, $4, $5)",
			s.IDs.Next(), by, target.ID, a.FollowersCount, now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE accounts SET moved_to_id = $1, updated_at = $2 WHERE id = $3", target.ID, now, by); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Moved{AccountID: by, TargetID: target.ID}, ProfileUpdated{AccountID: by, Local: true})
	})
	if err != nil {
		return fmt.Errorf("moving an account: %w", err)
	}
	return nil
}

func (s *Service) mayMove(ctx context.Context, q db.Q, a, target *Account) error {
	switch {
	case target.ID == a.ID:
		return errs.Invalid("An account cannot move to itself")
	case target.Suspended() || target.MovedToID != 0:
		return errs.Invalid("Nobody can move to @%s: it is suspended, or has moved itself", target.Acct())
	case !slices.Contains(target.AlsoKnownAs, a.URI):
		return errs.Invalid("@%s does not name this account as its alias", target.Acct())
	}
	recent, err := db.Exists(ctx, q, "SELECT 1 FROM account_moves WHERE account_id = $1 AND created_at > $2", a.ID, db.Ms(s.Clock.Now().Add(-MoveCooldown)))
	if err != nil {
		return err
	}
	if recent {
		return errs.Invalid("This account moved within the last 30 days")
	}
	return nil
}

// ChangeAlias gives a local account another name under which it was known, or takes one away.
func (s *Service) ChangeAlias(ctx context.Context, id ID, uri string, on bool) error {
	a, err := s.ByID(ctx, s.DB, id)
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(a.AlsoKnownAs), func(known string) bool { return known == uri })
	switch {
	case on && uri == a.URI:
		return errs.Invalid("An account cannot be its own alias")
	case on && len(rest) >= maxAliases:
		return errs.Invalid("An account has at most %d aliases", maxAliases)
	case on:
		rest = append(rest, uri)
	}
	return s.SetAliases(ctx, id, rest)
}
