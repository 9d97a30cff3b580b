package access

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

const userColumns = `u.id, u.account_id, u.email, u.unconfirmed_email, u.role, u.locale, u.time_zone, u.settings, u.sign_up_reason, u.sign_up_ip, u.created_by_app_id,
  u.confirmed_at, u.confirmation_sent_at, u.created_at, u.last_active_at, u.approved, u.disabled`

// userRow reads a user's columns among others.
type userRow struct {
	user                              User
	settings                          string
	confirmed, sent, created, lastUse int64
}

func (r *userRow) into() []any {
	u := &r.user
	return []any{&u.ID, &u.AccountID, &u.Email, &u.UnconfirmedEmail, &u.Role, &u.Locale, &u.TimeZone, &r.settings, &u.SignUpReason, &u.SignUpIP, &u.CreatedByAppID,
		&r.confirmed, &r.sent, &r.created, &r.lastUse, &u.Approved, &u.Disabled}
}

func (r *userRow) done() (*User, error) {
	u := &r.user
	u.ConfirmedAt, u.ConfirmationSentAt, u.CreatedAt, u.LastActiveAt = db.At(r.confirmed), db.At(r.sent), db.At(r.created), db.At(r.lastUse)
	var err error
	u.Settings, err = parsePreferences(r.settings)
	return u, err
}

func scanUser(r db.Row) (*User, error) {
	var row userRow
	if err := r.Scan(row.into()...); err != nil {
		return nil, err
	}
	return row.done()
}

func (s *Service) one(ctx context.Context, q db.Q, where string, args ...any) (*User, error) {
	return scanUser(q.QueryRow(ctx, "SELECT "+userColumns+" FROM users u WHERE "+where, args...))
}

// ByID finds a login.
func (s *Service) ByID(ctx context.Context, q db.Q, id UserID) (*User, error) {
	return s.one(ctx, q, "u.id = $1", id)
}

// ByAccount finds the login of a local account.
func (s *Service) ByAccount(ctx context.Context, q db.Q, id accounts.ID) (*User, error) {
	return s.one(ctx, q, "u.account_id = $1", id)
}

// ByAccounts finds the logins of local accounts, in one statement.
func (s *Service) ByAccounts(ctx context.Context, q db.Q, list []accounts.ID) (map[accounts.ID]*User, error) {
	out := make(map[accounts.ID]*User, len(list))
	if len(list) == 0 {
		return out, nil
	}
	found, err := db.All(ctx, q, scanUser, "SELECT "+userColumns+" FROM users u WHERE u.account_id = ANY($1)", db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("loading logins: %w", err)
	}
	for _, u := range found {
		out[u.AccountID] = u
	}
	return out, nil
}

// ByEmail finds a login by its address; case does not matter.
func (s *Service) ByEmail(ctx context.Context, q db.Q, email string) (*User, error) {
	address, err := parseEmail(email)
	if err != nil {
		return nil, errs.NotFound()
	}
	return s.one(ctx, q, "u.email_folded = $1", address.folded)
}

// Pending lists the confirmed logins that wait for a moderator, the oldest first.
func (s *Service) Pending(ctx context.Context, q db.Q, limit int) ([]*User, error) {
	out, err := db.All(ctx, q, scanUser, "SELECT "+userColumns+" FROM users u WHERE NOT u.approved AND NOT u.disabled AND u.confirmed_at > 0 ORDER BY u.id LIMIT $1", limit)
	if err != nil {
		return nil, fmt.Errorf("listing waiting sign-ups: %w", err)
	}
	return out, nil
}

// Active is how many logins were used since a moment, in milliseconds since 1970; 0 counts all that were confirmed and approved.
func (s *Service) Active(ctx context.Context, q db.Q, sinceMs int64) (int64, error) {
	return db.Value[int64](ctx, q, "SELECT COUNT(*) FROM users WHERE confirmed_at > 0 AND approved AND NOT disabled AND last_active_at >= $1", sinceMs)
}

// only makes an error of a change that touched nothing.
func only(n int64, err error) error {
	if err == nil && n == 0 {
		return errs.NotFound()
	}
	return err
}

// Any reports whether there is any login: whether this server has an owner.
func (s *Service) Any(ctx context.Context, q db.Q) (bool, error) {
	return db.Exists(ctx, q, "SELECT 1 FROM users")
}
