package access

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

// SessionID names a session; it is no secret.
type SessionID int64

const (
	// SessionLife is how long a session lasts that is not used.
	SessionLife = 365 * 24 * time.Hour
	// maxSessions is how many browsers a person is signed in with; the longest unused go first.
	maxSessions = 20
	// maxAgent is how much of a browser's name is kept, in characters.
	maxAgent = 300
	// usedEvery is how often a use is written down.
	usedEvery = time.Hour
)

// Session is a browser that is signed in.
type Session struct {
	ID                SessionID
	UserID            UserID
	Agent, IP         string
	CreatedAt, UsedAt time.Time
}

// Visit is a request by a browser that is signed in.
type Visit struct {
	Session Session
	User    *User
	Account *accounts.Account
}

func scanSession(r db.Row) (Session, error) {
	var x Session
	var created, used int64
	err := r.Scan(&x.ID, &x.UserID, &x.Agent, &x.IP, &created, &used)
	x.CreatedAt, x.UsedAt = db.At(created), db.At(used)
	return x, err
}

const sessionColumns = "id, user_id, user_agent, ip, created_at, used_at"

// beginSession makes a session with a secret that nobody has seen before, and ends the one that the browser had.
func (s *Service) beginSession(ctx context.Context, tx *db.Tx, id UserID, b Browser) (string, error) {
	if b.Old != "" && len(b.Old) <= maxSecret {
		if _, err := s.dropSessions(ctx, tx, "secret_hash = $1", hashSecret(b.Old)); err != nil {
			return "", err
		}
	}
	ip := ""
	if b.IP.IsValid() {
		ip = b.IP.Unmap().WithZone("").String()
	}
	secret, hash := newSecret()
	now := db.Ms(s.Clock.Now())
	if _, err := tx.Exec(ctx, "INSERT INTO sessions (id, user_id, secret_hash, user_agent, ip, created_at, used_at) VALUES ($1, $2, $3, $4, $5, $6, $6)",
		s.IDs.Next(), id, hash, text.Truncate(b.Agent, maxAgent), ip, now); err != nil {
		return "", err
	}
	_, err := s.dropSessions(ctx, tx, "user_id = $1 AND id NOT IN (SELECT id FROM sessions WHERE user_id = $1 ORDER BY used_at DESC, id DESC LIMIT $2)", id, maxSessions)
	return secret, err
}

// Visit finds whose session a cookie belongs to. Nobody's, or one of somebody who may not use the login, is errs.NotFound.
func (s *Service) Visit(ctx context.Context, secret string) (*Visit, error) {
	if secret == "" || len(secret) > maxSecret {
		return nil, errs.NotFound()
	}
	now := s.Clock.Now()
	session, err := scanSession(s.DB.QueryRow(ctx, "SELECT "+sessionColumns+" FROM sessions WHERE secret_hash = $1 AND used_at > $2", hashSecret(secret), db.Ms(now.Add(-SessionLife))))
	if err != nil {
		return nil, err
	}
	v := &Visit{Session: session}
	if v.User, err = s.ByID(ctx, s.DB, session.UserID); err != nil {
		return nil, err
	}
	if v.Account, err = s.Accounts.ByID(ctx, s.DB, v.User.AccountID); err != nil {
		return nil, err
	}
	if Barred(v.User, v.Account) != nil {
		return nil, errs.NotFound()
	}
	if now.Sub(session.UsedAt) >= usedEvery && s.uses.due(int64(session.ID), now, usedEvery) {
		if err := s.touch(ctx, "UPDATE sessions SET used_at = $1 WHERE id = $2", int64(session.ID)); err != nil {
			return nil, err
		}
	}
	s.active(ctx, v.User)
	return v, nil
}

// Sessions lists where a person is signed in, the last used first.
func (s *Service) Sessions(ctx context.Context, q db.Q, id UserID) ([]Session, error) {
	out, err := db.All(ctx, q, scanSession, "SELECT "+sessionColumns+" FROM sessions WHERE user_id = $1 ORDER BY used_at DESC, id DESC", id)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	return out, nil
}

// EndSession signs one of a person's browsers out.
func (s *Service) EndSession(ctx context.Context, id UserID, session SessionID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := s.dropSessions(ctx, tx, "user_id = $1 AND id = $2", id, session)
		return only(int64(n), err)
	})
}

// SignOut ends the session of a cookie.
func (s *Service) SignOut(ctx context.Context, secret string) error {
	if secret == "" || len(secret) > maxSecret {
		return nil
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := s.dropSessions(ctx, tx, "secret_hash = $1", hashSecret(secret))
		return err
	})
}

// touch writes down a use.
func (s *Service) touch(ctx context.Context, sql string, id int64) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, sql, db.Ms(s.Clock.Now()), id)
		return err
	})
}

// active writes down that a person was here, at most once an hour. That it fails is no reason to refuse a request.
func (s *Service) active(ctx context.Context, u *User) {
	now := s.Clock.Now()
	if now.Sub(u.LastActiveAt) < usedEvery || !s.uses.due(int64(u.ID), now, usedEvery) {
		return
	}
	_ = s.touch(ctx, "UPDATE users SET last_active_at = $1 WHERE id = $2", int64(u.ID))
}
