package activitypub

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

const (
	// moveCooldown is how long an account that moved does not move again, so that moves are no follow bomb (IDN-06; Mastodon: a week
	// for remote accounts).
	moveCooldown = 7 * 24 * time.Hour
	// moveAtOnce is how many followers one job moves.
	moveAtOnce = 100
)

// FollowersMove takes the local followers of an account that moved along, a slice at a time: those with larger ids than After.
type FollowersMove struct{ FromID, ToID, After accounts.ID }

// Kind names the command.
func (FollowersMove) Kind() string { return "activitypub.followers_move" }

// performMove lets the sender's followers here follow its new account, if that account, as its own server tells it now, names the
// old one (IDN-05).
func (s *Server) performMove(ctx context.Context, a activity) error {
	if a.IDOf("object") != a.by.URI {
		return errs.Forbidden()
	}
	uri := a.IDOf("target")
	if uri == "" || uri == a.by.URI || s.marked(ctx, "moved", a.by.URI) {
		return nil
	}
	target, err := s.freshTarget(ctx, uri)
	if err != nil {
		return err
	}
	if target.Suspended() || target.MovedToID != 0 || !slices.Contains(target.AlsoKnownAs, a.by.URI) {
		return errs.Forbidden()
	}
	if _, err := s.fetchAccount(ctx, a.by.URI, nil); err != nil && errs.KindOf(err) == errs.Internal {
		return err // its document links the new account
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		return s.Jobs.Emit(ctx, tx, FollowersMove{FromID: a.by.ID, ToID: target.ID})
	})
	if err == nil {
		s.mark(ctx, "moved", a.by.URI, moveCooldown)
	}
	return err
}

// freshTarget is the new account: our own as it is, another server's as that server tells it now, never as it was known.
func (s *Server) freshTarget(ctx context.Context, uri string) (*accounts.Account, error) {
	if s.isOurs(uri) {
		return s.localActor(ctx, uri)
	}
	return s.fetchAccount(ctx, uri, nil)
}

// MoveFollowers lets a slice of followers follow the new account and not the old one, and asks for the next slice.
func (s *Server) MoveFollowers(ctx context.Context, e FollowersMove) error {
	both, err := s.Accounts.ByIDs(ctx, s.DB, []accounts.ID{e.FromID, e.ToID})
	if err != nil || both[e.FromID] == nil || both[e.ToID] == nil {
		return err
	}
	list, err := s.Relations.LocalFollowers(ctx, s.DB, e.FromID, e.After, moveAtOnce)
	if err != nil || len(list) == 0 {
		return err
	}
	followers, err := s.Accounts.ByIDs(ctx, s.DB, list)
	if err != nil {
		return err
	}
	var failed error
	for _, f := range followers {
		err := s.Relations.Follow(ctx, f, both[e.ToID], relations.FollowOptions{})
		if errs.KindOf(err) == errs.Internal && err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		// One who may not follow the new account stays with the old one.
		if err == nil {
			failed = errors.Join(failed, s.Relations.Unfollow(ctx, f, both[e.FromID]))
		}
	}
	if failed != nil || len(list) < moveAtOnce {
		return failed
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return s.Jobs.Emit(ctx, tx, FollowersMove{FromID: e.FromID, ToID: e.ToID, After: list[len(list)-1]})
	})
}

// Move lets a local account go on as the account of a handle, which its server is asked for anew: it must name the old one as its alias.
func (s *Server) Move(ctx context.Context, by *accounts.Account, handle string) error {
	target, err := s.handled(ctx, handle)
	if err != nil {
		return err
	}
	if target, err = s.freshTarget(ctx, target.URI); err != nil {
		return err
	}
	return s.Accounts.Move(ctx, by.ID, target)
}

// Alias gives a local account another name, that of the account of a handle, or takes it away.
func (s *Server) Alias(ctx context.Context, by *accounts.Account, handle string, on bool) error {
	other, err := s.handled(ctx, handle)
	if err != nil {
		return err
	}
	return s.Accounts.ChangeAlias(ctx, by.ID, other.URI, on)
}

func (s *Server) handled(ctx context.Context, handle string) (*accounts.Account, error) {
	h, err := parseAcct(strings.TrimPrefix(handle, "@"))
	if err != nil {
		return nil, err
	}
	if s.Site.IsLocalDomain(h.Domain) {
		h.Domain = ""
	}
	return s.ByHandle(ctx, h)
}

// SendMove tells the followers of a local account where it went on, and lets those here follow along.
func (s *Server) SendMove(ctx context.Context, e accounts.Moved) error {
	both, err := s.Accounts.ByIDs(ctx, s.DB, []accounts.ID{e.AccountID, e.TargetID})
	if err != nil {
		return err
	}
	by, target := both[e.AccountID], both[e.TargetID]
	if by == nil || target == nil || by.MovedToID != target.ID {
		return nil
	}
	inboxes, err := s.Relations.RemoteInboxes(ctx, s.DB, by.ID)
	if err != nil {
		return err
	}
	doc := ap.Move(by.URI+"#moves/"+ids.Format(target.ID)+"/"+ids.Format(by.UpdatedAt.UnixMilli()), by.URI, target.URI)
	return s.fanOutAnd(ctx, by, []any{doc}, inboxes, func(tx *db.Tx) error {
		return s.Jobs.Emit(ctx, tx, FollowersMove{FromID: by.ID, ToID: target.ID})
	})
}
