package access

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// errSignIn is the answer to every sign-in that fails, whatever the reason (SES-06).
func errSignIn() error { return errs.New(errs.UnauthorizedKind, "Invalid e-mail address or password.") }

// Browser is where a session lives.
type Browser struct {
	Agent string
	IP    netip.Addr
	// Old is the cookie that the browser had before; its session ends (SES-01).
	Old string
}

// SignIn checks a password and begins a session; secret is for the browser's cookie. Whoever is not confirmed, approved or
// enabled gets errs.ForbiddenKind with the reason, after the password was found right.
func (s *Service) SignIn(ctx context.Context, address, password string, b Browser) (secret string, u *User, err error) {
	u, hash, err := s.byLogin(ctx, address)
	if err != nil {
		return "", nil, err
	}
	ok, old, err := s.hasher.verify(ctx, hash, password)
	if err != nil {
		return "", nil, err
	}
	if !ok {
		return "", nil, errSignIn()
	}
	account, err := s.Accounts.ByID(ctx, s.DB, u.AccountID)
	if err != nil {
		return "", nil, fmt.Errorf("signing in: %w", err)
	}
	if err := Barred(u, account); err != nil {
		return "", u, err
	}
	renewed := ""
	if old {
		if renewed, err = s.hasher.hash(ctx, password); err != nil {
			return "", nil, err
		}
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if renewed != "" {
			// Only if nobody changed the password meanwhile.
			if _, err := tx.Exec(ctx, "UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3", renewed, u.ID, hash); err != nil {
				return err
			}
		}
		secret, err = s.beginSession(ctx, tx, u.ID, b)
		return err
	})
	if err != nil {
		return "", nil, fmt.Errorf("signing in: %w", err)
	}
	return secret, u, nil
}

// byLogin finds who signs in; nobody has an empty hash.
func (s *Service) byLogin(ctx context.Context, address string) (*User, string, error) {
	e, err := parseEmail(address)
	if err != nil {
		e.folded = "" // nobody's: the same question is asked all the same
	}
	var row userRow
	var hash string
	err = s.DB.QueryRow(ctx, "SELECT "+userColumns+", u.password_hash FROM users u WHERE u.email_folded = $1", e.folded).Scan(append(row.into(), &hash)...)
	if errs.IsNotFound(err) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("finding a login: %w", err)
	}
	u, err := row.done()
	return u, hash, err
}

func (s *Service) checkCurrent(ctx context.Context, id UserID, password string) error {
	hash, err := db.Value[string](ctx, s.DB, "SELECT password_hash FROM users WHERE id = $1", id)
	if err != nil {
		return err
	}
	ok, _, err := s.hasher.verify(ctx, hash, password)
	if err != nil {
		return err
	}
	if !ok {
		var c causes
		c.put("current_password", "ERR_INVALID", "is incorrect")
		return c.err()
	}
	return nil
}

// ResetPassword follows the link of a reset mail. It works once, and ends every session and token the person had (SES-02).
func (s *Service) ResetPassword(ctx context.Context, token, password string) (*User, error) {
	if err := newPassword(password); err != nil {
		return nil, err
	}
	if token == "" || len(token) > maxSecret {
		return nil, errLink()
	}
	fresh := s.Clock.Now().Add(-resetWithin)
	const where = "u.reset_hash = $1 AND u.reset_hash <> '' AND u.reset_sent_at > $2"
	if _, err := s.one(ctx, s.DB, where, hashSecret(token), db.Ms(fresh)); err != nil {
		return nil, linkError(err) // before the costly part
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	var u *User
	err = s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if u, err = s.one(ctx, tx, where+tx.ForUpdate(), hashSecret(token), db.Ms(fresh)); err != nil {
			return linkError(err)
		}
		return s.setPassword(ctx, tx, u.ID, hash, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("resetting a password: %w", err)
	}
	return u, nil
}

func linkError(err error) error {
	if errs.IsNotFound(err) {
		return errLink()
	}
	return err
}

// CheckReset reports whether a link for a new password still works, for the page that asks for it.
func (s *Service) CheckReset(ctx context.Context, token string) error {
	if token == "" || len(token) > maxSecret {
		return errLink()
	}
	_, err := s.one(ctx, s.DB, "u.reset_hash = $1 AND u.reset_hash <> '' AND u.reset_sent_at > $2", hashSecret(token), db.Ms(s.Clock.Now().Add(-resetWithin)))
	return linkError(err)
}

func newPassword(password string) error {
	var c causes
	c.add("password", checkPassword(password)...)
	return c.err()
}

// ChangePassword sets another password for a person who knows the present one. Every other session and every token ends (SES-02).
func (s *Service) ChangePassword(ctx context.Context, id UserID, current, password string, keep SessionID) error {
	if err := newPassword(password); err != nil {
		return err
	}
	if err := s.checkCurrent(ctx, id, current); err != nil {
		return err
	}
	return s.putPassword(ctx, id, password, keep)
}

// SetPassword sets a password in the name of the server's admin.
func (s *Service) SetPassword(ctx context.Context, id UserID, password string) error {
	if err := newPassword(password); err != nil {
		return err
	}
	return s.putPassword(ctx, id, password, 0)
}

func (s *Service) putPassword(ctx context.Context, id UserID, password string, keep SessionID) error {
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	if err := s.DB.Write(ctx, func(tx *db.Tx) error { return s.setPassword(ctx, tx, id, hash, keep) }); err != nil {
		return fmt.Errorf("changing a password: %w", err)
	}
	return nil
}

func (s *Service) setPassword(ctx context.Context, tx *db.Tx, id UserID, hash string, keep SessionID) error {
	now := db.Ms(s.Clock.Now())
	if err := only(tx.Exec(ctx, "UPDATE users SET password_hash = $1, reset_hash = '', updated_at = $2 WHERE id = $3", hash, now, id)); err != nil {
		return err
	}
	if err := s.endAll(ctx, tx, id, keep); err != nil {
		return err
	}
	return s.Jobs.Emit(ctx, tx, PasswordChanged{UserID: id})
}

// endAll ends a person's sessions but one, tokens, and codes that could become tokens.
func (s *Service) endAll(ctx context.Context, tx *db.Tx, id UserID, keep SessionID) error {
	now := db.Ms(s.Clock.Now())
	if _, err := s.dropSessions(ctx, tx, "user_id = $1 AND id <> $2", id, keep); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE oauth_access_tokens SET revoked_at = $1 WHERE user_id = $2 AND revoked_at = 0", now, id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE /* reads all, which are those of some days */ oauth_access_grants SET used_at = $1 WHERE user_id = $2 AND used_at = 0", now, id); err != nil {
		return err
	}
	s.userRevoked(tx, id)
	return nil
}
