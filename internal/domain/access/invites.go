package access

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// inviteLetters leaves out those that look alike, as Mastodon does; 57^8 codes cannot be tried through.
	inviteLetters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	inviteLength  = 8
	// maxInvites is how many invitations of one person may be open.
	maxInvites = 50
)

// InviteLives and InviteUses are what people choose among (Mastodon); 0 is for ever, and for as many as like.
var (
	InviteLives = []time.Duration{30 * time.Minute, time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 0}
	InviteUses  = []int64{1, 5, 10, 25, 50, 100, 0}
)

// Invite lets people in: at once, and even where the server takes nobody else.
type Invite struct {
	ID     int64
	UserID UserID
	Code   string
	// ExpiresAt is zero, and MaxUses 0, for none.
	ExpiresAt     time.Time
	MaxUses, Uses int64
	// Autofollow lets whoever comes follow the inviter.
	Autofollow bool
	CreatedAt  time.Time
}

// ErrInvite is why an invitation is of no use any more, in Mastodon's words.
var ErrInvite = errs.New(errs.UnauthorizedKind, "This invite is not valid")

// Invited says that somebody came by an invitation whose inviter is to be followed.
type Invited struct{ AccountID, InviterID accounts.ID }

// Kind names the event.
func (Invited) Kind() string { return "access.invited" }

const inviteColumns = "i.id, i.user_id, i.code, i.expires_at, i.max_uses, i.uses, i.autofollow, i.created_at"

func scanInvite(r db.Row) (*Invite, error) {
	var i Invite
	var expires, created int64
	err := r.Scan(&i.ID, &i.UserID, &i.Code, &expires, &i.MaxUses, &i.Uses, &i.Autofollow, &created)
	i.ExpiresAt, i.CreatedAt = db.At(expires), db.At(created)
	return &i, err
}

// usable is the rule of which invitations let people in: $2 is now. The inviter's own login must work.
const usable = ` FROM invites i JOIN users u ON u.id = i.user_id JOIN accounts a ON a.id = u.account_id
WHERE i.code = $1 AND (i.expires_at = 0 OR i.expires_at > $2) AND (i.max_uses = 0 OR i.uses < i.max_uses)
AND u.confirmed_at > 0 AND u.approved AND NOT u.disabled AND a.suspended_at = 0`

// InviteByCode finds an invitation: errs.NotFound for a code that is none, ErrInvite for one that lets nobody in any more.
func (s *Service) InviteByCode(ctx context.Context, q db.Q, code string) (*Invite, error) {
	if len(code) > maxSecret {
		return nil, errs.NotFound()
	}
	i, err := scanInvite(q.QueryRow(ctx, "SELECT "+inviteColumns+usable, code, db.Ms(s.Clock.Now())))
	if !errs.IsNotFound(err) {
		return i, err
	}
	if known, err := db.Exists(ctx, q, "SELECT 1 FROM invites WHERE code = $1", code); err != nil || known {
		if err == nil {
			err = ErrInvite
		}
		return nil, err
	}
	return nil, errs.NotFound()
}

// Invite makes an invitation of somebody's; life and uses are of InviteLives and InviteUses.
func (s *Service) Invite(ctx context.Context, id UserID, life time.Duration, uses int64, autofollow bool) (*Invite, error) {
	if !slices.Contains(InviteLives, life) || !slices.Contains(InviteUses, uses) {
		return nil, errs.Invalid("Choose one of the values.")
	}
	now := s.Clock.Now()
	i := &Invite{UserID: id, Code: inviteCode(), MaxUses: uses, Autofollow: autofollow, CreatedAt: now}
	if life > 0 {
		i.ExpiresAt = now.Add(life)
	}
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := db.Value[int64](ctx, tx, "SELECT id FROM users WHERE id = $1"+tx.ForUpdate(), id); err != nil {
			return err
		}
		open, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM invites WHERE user_id = $1 AND (expires_at = 0 OR expires_at > $2) AND (max_uses = 0 OR uses < max_uses)", id, db.Ms(now))
		if err != nil {
			return err
		}
		if open >= maxInvites {
			return errs.Invalid("You have too many open invitations. Take some back first.")
		}
		i.ID = s.IDs.Next()
		return tx.Do(ctx, "making an invitation", "INSERT INTO invites (id, user_id, code, expires_at, max_uses, autofollow, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			i.ID, id, i.Code, db.Ms(i.ExpiresAt), uses, autofollow, db.Ms(now))
	})
	if err != nil {
		return nil, fmt.Errorf("inviting: %w", err)
	}
	return i, nil
}

// inviteCode is a code that nobody can guess.
func inviteCode() string {
	out := make([]byte, 0, inviteLength)
	for len(out) < inviteLength {
		b := make([]byte, 1)
		_, _ = rand.Read(b) // never fails
		if n := int(b[0]) % 64; n < len(inviteLetters) {
			out = append(out, inviteLetters[n])
		}
	}
	return string(out)
}

// Invites lists somebody's invitations, the newest first.
func (s *Service) Invites(ctx context.Context, q db.Q, id UserID) ([]*Invite, error) {
	return db.All(ctx, q, scanInvite, "SELECT "+inviteColumns+" FROM invites i WHERE i.user_id = $1 ORDER BY i.id DESC LIMIT 200", id)
}

// Open reports whether an invitation may still let people in, as far as its own limits go.
func (i *Invite) Open(now time.Time) bool {
	return (i.ExpiresAt.IsZero() || now.Before(i.ExpiresAt)) && (i.MaxUses == 0 || i.Uses < i.MaxUses)
}

// RevokeInvite ends one of somebody's own invitations.
func (s *Service) RevokeInvite(ctx context.Context, id UserID, invite int64) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return only(tx.Exec(ctx, "UPDATE invites SET expires_at = $1 WHERE id = $2 AND user_id = $3", db.Ms(s.Clock.Now()), invite, id))
	})
}

// useInvite counts that an invitation let somebody in; one that others used up meanwhile is ErrInvite.
func (s *Service) useInvite(ctx context.Context, tx *db.Tx, i *Invite, newcomer accounts.ID) error {
	if i == nil {
		return nil
	}
	n, err := tx.Exec(ctx, "UPDATE invites SET uses = uses + 1 WHERE id = $1 AND (max_uses = 0 OR uses < max_uses) AND (expires_at = 0 OR expires_at > $2)", i.ID, db.Ms(s.Clock.Now()))
	if err == nil && n == 0 {
		err = ErrInvite
	}
	if err != nil || !i.Autofollow {
		return err
	}
	inviter, err := db.Value[accounts.ID](ctx, tx, "SELECT account_id FROM users WHERE id = $1", i.UserID)
	if err != nil {
		return err
	}
	return s.Jobs.Emit(ctx, tx, Invited{AccountID: newcomer, InviterID: inviter})
}
