package access

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
)

const (
	// confirmWithin is how long a link that confirms an address works, resetWithin one for a new password (Mastodon).
	confirmWithin = 48 * time.Hour
	resetWithin   = 6 * time.Hour
)

// errLink is the answer to every link that does not work, whatever the reason.
func errLink() error { return errs.Invalid("This link is invalid or has expired") }

// Confirm follows the link of a confirmation mail: the address, or the new one, becomes the person's. It works once.
func (s *Service) Confirm(ctx context.Context, token string) (*User, error) {
	if token == "" || len(token) > maxSecret {
		return nil, errLink()
	}
	var u *User
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		now := s.Clock.Now()
		u, err = s.one(ctx, tx, "u.confirmation_hash = $1 AND u.confirmation_hash <> ''"+tx.ForUpdate(), hashSecret(token))
		if errs.IsNotFound(err) || err == nil && now.Sub(u.ConfirmationSentAt) > confirmWithin {
			return errLink()
		}
		if err != nil {
			return err
		}
		s.userChanged(tx, u.ID)
		if u.UnconfirmedEmail != "" {
			return s.takeEmail(ctx, tx, u)
		}
		if err := only(tx.Exec(ctx, "UPDATE users SET confirmed_at = $1, confirmation_hash = '', updated_at = $1 WHERE id = $2", db.Ms(now), u.ID)); err != nil {
			return err
		}
		u.ConfirmedAt = now
		return s.Jobs.Emit(ctx, tx, Confirmed{u.ID})
	})
	if err != nil {
		return nil, fmt.Errorf("confirming an address: %w", err)
	}
	return u, nil
}

// takeEmail puts the new address in the old one's place. A reset mail that went to the old one loses its worth.
func (s *Service) takeEmail(ctx context.Context, tx *db.Tx, u *User) error {
	address, err := parseEmail(u.UnconfirmedEmail)
	if err != nil {
		return errLink()
	}
	taken, err := db.Exists(ctx, tx, "SELECT 1 FROM users WHERE email_folded = $1 AND id <> $2", address.folded, u.ID)
	if err != nil {
		return err
	}
	if taken {
		return errLink()
	}
	now := s.Clock.Now()
	_, err = tx.Exec(ctx, `UPDATE users SET email = $1, email_folded = $2, unconfirmed_email = '', confirmation_hash = '', reset_hash = '', updated_at = $3,
  confirmed_at = CASE WHEN confirmed_at = 0 THEN $3 ELSE confirmed_at END WHERE id = $4`, address.address, address.folded, db.Ms(now), u.ID)
	if err != nil {
		return err
	}
	old := u.Email
	u.Email, u.UnconfirmedEmail = address.address, ""
	if u.ConfirmedAt.IsZero() {
		u.ConfirmedAt = now
		return s.Jobs.Emit(ctx, tx, Confirmed{u.ID}) // nobody was known by the old address
	}
	return s.Jobs.Emit(ctx, tx, EmailChanged{UserID: u.ID, OldEmail: old})
}

// ResendConfirmation asks for the confirmation mail again. The answer is the same for every address.
func (s *Service) ResendConfirmation(ctx context.Context, address string) error {
	return s.emitFor(ctx, address, func(folded string) jobs.Event { return ConfirmationWanted{Email: folded} })
}

// RequestReset asks for a mail by which a new password can be set. The answer is the same for every address.
func (s *Service) RequestReset(ctx context.Context, address string) error {
	return s.emitFor(ctx, address, func(folded string) jobs.Event { return ResetWanted{Email: folded} })
}

func (s *Service) emitFor(ctx context.Context, address string, event func(string) jobs.Event) error {
	e, err := parseEmail(address)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error { return s.Jobs.Emit(ctx, tx, event(e.folded)) })
}

// MintConfirmation makes a token for the person whose address waits for confirmation, and says where it is to be sent. Tokens
// made before stop working. Nobody to confirm is errs.NotFound.
func (s *Service) MintConfirmation(ctx context.Context, id UserID) (token, address string, err error) {
	token, hash := newSecret()
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		u, err := s.one(ctx, tx, "u.id = $1"+tx.ForUpdate(), id)
		if err != nil {
			return err
		}
		if address = u.UnconfirmedEmail; address == "" {
			address = u.Email
			if u.Confirmed() {
				return errs.NotFound()
			}
		}
		_, err = tx.Exec(ctx, "UPDATE users SET confirmation_hash = $1, confirmation_sent_at = $2 WHERE id = $3", hash, db.Ms(s.Clock.Now()), id)
		return err
	})
	return token, address, err
}

// MintReset makes a token for a new password of whoever has the address. Tokens made before stop working. An address that is
// nobody's is errs.NotFound.
func (s *Service) MintReset(ctx context.Context, address string) (token string, u *User, err error) {
	e, err := parseEmail(address)
	if err != nil {
		return "", nil, errs.NotFound()
	}
	token, hash := newSecret()
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if u, err = s.one(ctx, tx, "u.email_folded = $1"+tx.ForUpdate(), e.folded); err != nil {
			return err
		}
		return only(tx.Exec(ctx, "UPDATE users SET reset_hash = $1, reset_sent_at = $2 WHERE id = $3", hash, db.Ms(s.Clock.Now()), u.ID))
	})
	return token, u, err
}

// ChangeEmail asks for another address; it counts once it is confirmed. The current password is asked for again.
func (s *Service) ChangeEmail(ctx context.Context, id UserID, password, address string) error {
	if err := s.checkCurrent(ctx, id, password); err != nil {
		return err
	}
	return s.wantEmail(ctx, id, address)
}

// CorrectEmail changes the address of somebody who could not confirm the one given at sign-up.
func (s *Service) CorrectEmail(ctx context.Context, id UserID, address string) error {
	u, err := s.ByID(ctx, s.DB, id)
	if err != nil {
		return err
	}
	if u.Confirmed() {
		return errs.Forbidden()
	}
	return s.wantEmail(ctx, id, address)
}

func (s *Service) wantEmail(ctx context.Context, id UserID, address string) error {
	var c causes
	e, problems := checkEmail(address)
	c.add("email", problems...)
	if err := c.err(); err != nil {
		return err
	}
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		taken, err := db.Exists(ctx, tx, "SELECT 1 FROM users WHERE email_folded = $1", e.folded)
		if err != nil {
			return err
		}
		if taken {
			c.put("email", "ERR_TAKEN", "has already been taken")
			return c.err()
		}
		s.userChanged(tx, id)
		// The old link must not confirm the new address.
		if err := only(tx.Exec(ctx, "UPDATE users SET unconfirmed_email = $1, confirmation_hash = '', updated_at = $2 WHERE id = $3", e.address, db.Ms(s.Clock.Now()), id)); err != nil {
			return err
		}
		if !s.AutoConfirm {
			return s.Jobs.Emit(ctx, tx, EmailChangeAsked{UserID: id})
		}
		u, err := s.ByID(ctx, tx, id)
		if err != nil {
			return err
		}
		return s.takeEmail(ctx, tx, u)
	})
	if err != nil {
		return fmt.Errorf("changing an address: %w", err)
	}
	return nil
}
