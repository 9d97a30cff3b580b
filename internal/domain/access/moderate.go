package access

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Approve lets a person in who waits for it.
func (s *Service) Approve(ctx context.Context, id UserID) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE users SET approved = TRUE, updated_at = $1 WHERE id = $2 AND NOT approved", db.Ms(s.Clock.Now()), id)
		if err != nil {
			return err
		}
		if n == 0 { // approved before, or nobody
			_, err := s.ByID(ctx, tx, id)
			return err
		}
		s.userChanged(tx, id)
		return s.Jobs.Emit(ctx, tx, Approved{UserID: id})
	})
	if err != nil {
		return fmt.Errorf("approving: %w", err)
	}
	return nil
}

// Reject turns a person away who waits for approval, and forgets them; the name is free again.
func (s *Service) Reject(ctx context.Context, id UserID) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		u, err := s.one(ctx, tx, "u.id = $1"+tx.ForUpdate(), id)
		if err != nil {
			return err
		}
		if u.Approved {
			return errs.Forbidden()
		}
		return s.undo(ctx, tx, u.ID, u.AccountID)
	})
	if err != nil {
		return fmt.Errorf("rejecting: %w", err)
	}
	return nil
}

// undo takes back a sign-up that never became an account others could see: login and account go, with all that hangs on them.
func (s *Service) undo(ctx context.Context, tx *db.Tx, id UserID, account accounts.ID) error {
	if err := s.endAll(ctx, tx, id, 0); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM oauth_access_tokens WHERE user_id = $1", id); err != nil {
		return err
	}
	return s.Accounts.Undo(ctx, tx, account)
}

// SetRole changes what a person may do on this server. The last owner stays one.
func (s *Service) SetRole(ctx context.Context, id UserID, role string) error {
	switch role {
	case Owner, Admin, Moderator, Member:
	default:
		return errs.Invalid("Validation failed: Role is not included in the list")
	}
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		u, err := s.one(ctx, tx, "u.id = $1"+tx.ForUpdate(), id)
		if err != nil {
			return err
		}
		if u.Role == Owner && role != Owner {
			others, err := db.Exists(ctx, tx, "SELECT 1 FROM users WHERE role <> 'user' AND role = 'owner' AND id <> $1", id)
			if err != nil {
				return err
			}
			if !others {
				return errs.New(errs.ConflictKind, "This server would have no owner")
			}
		}
		s.userChanged(tx, id)
		_, err = tx.Exec(ctx, "UPDATE users SET role = $1, updated_at = $2 WHERE id = $3", role, db.Ms(s.Clock.Now()), id)
		return err
	})
	if err != nil {
		return fmt.Errorf("changing a role: %w", err)
	}
	return nil
}

// Disable keeps a person from using the login, or lets them again. Disabling ends the sessions; tokens only rest.
func (s *Service) Disable(ctx context.Context, id UserID, on bool) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := only(tx.Exec(ctx, "UPDATE users SET disabled = $1, updated_at = $2 WHERE id = $3", on, db.Ms(s.Clock.Now()), id)); err != nil {
			return err
		}
		s.tell(tx, Change{User: id, Revoked: on})
		if !on {
			return nil
		}
		_, err := s.dropSessions(ctx, tx, "user_id = $1", id)
		return err
	})
	if err != nil {
		return fmt.Errorf("disabling a login: %w", err)
	}
	return nil
}

// ConfirmByAdmin takes a person's address as confirmed.
func (s *Service) ConfirmByAdmin(ctx context.Context, id UserID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		s.userChanged(tx, id)
		return only(tx.Exec(ctx, "UPDATE users SET confirmed_at = CASE WHEN confirmed_at = 0 THEN $1 ELSE confirmed_at END, confirmation_hash = '' WHERE id = $2", db.Ms(s.Clock.Now()), id))
	})
}
