package statuses

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

// MaxPins is how many posts a profile may show first (Mastodon).
const MaxPins = 5

// errIDTaken says that a made-up id for something old was taken by chance; the work is to be tried again.
var errIDTaken = errors.New("the id is taken, try again")

func idAt(t time.Time) int64 { return ids.At(t) }

// Reblog boosts a post. Boosting a boost boosts the post in it; doing it again gives the first boost back. uri is the id of a
// remote Announce and at its time; both are empty for a local boost.
func (s *Service) Reblog(ctx context.Context, by *accounts.Account, id ID, v Visibility, uri string, at time.Time) (*Status, error) {
	target, err := s.target(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if target.Visibility == Direct || (target.Visibility == Private && target.AccountID != by.ID) {
		return nil, errs.Forbidden()
	}
	if target.Visibility == Private || v == Direct {
		v = Private
	}
	if by.Silenced() && v == Public {
		v = Unlisted
	}
	now := s.Clock.Now()
	if at.IsZero() || at.After(now) {
		at = now
	}
	st := &Status{ID: ID(s.IDs.Next()), AccountID: by.ID, Local: by.Local(), Visibility: v, ReblogOfID: target.ID, CreatedAt: at, URI: uri, URL: uri, Language: target.Language}
	if by.Local() {
		st.URI = s.Site.StatusURI(by.Username, int64(st.ID)) + "/activity"
		st.URL = st.URI
	} else if now.Sub(at) > time.Minute {
		st.ID = ID(idAt(at))
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if uri != "" {
			gone, err := s.Tombstoned(ctx, tx, uri, by.ID)
			if err != nil {
				return err
			}
			if gone {
				return errs.New(errs.GoneKind, "this boost was taken back")
			}
		}
		ok, err := s.add(ctx, tx, addition{Status: st})
		if err != nil || ok {
			return err
		}
		old, err := scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM statuses s WHERE s.reblog_of_id = $1 AND s.account_id = $2 AND s.reblog_of_id <> 0 AND s.deleted_at = 0", target.ID, by.ID))
		if errs.IsNotFound(err) {
			return errIDTaken
		}
		if err == nil {
			*st = *old
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("boosting: %w", err)
	}
	return st, nil
}

// target is the post that an act is about: visible to the one who acts, and the boosted post where a boost was named.
func (s *Service) target(ctx context.Context, by *accounts.Account, id ID) (*Status, error) {
	st, err := s.ByID(ctx, s.DB, by.ID, id)
	if err == nil && st.Reblog() {
		return s.ByID(ctx, s.DB, by.ID, st.ReblogOfID)
	}
	return st, err
}

// Unreblog takes a boost back, and gives the post that was boosted.
func (s *Service) Unreblog(ctx context.Context, by *accounts.Account, id ID) (*Status, error) {
	target, err := s.target(ctx, by, id)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		boost, err := scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM statuses s WHERE s.reblog_of_id = $1 AND s.account_id = $2 AND s.reblog_of_id <> 0 AND s.deleted_at = 0", target.ID, by.ID))
		if errs.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.remove(ctx, tx, boost)
	})
	if err != nil {
		return nil, fmt.Errorf("taking a boost back: %w", err)
	}
	return target, nil
}

func (s *Service) authorLocal(ctx context.Context, q db.Q, id accounts.ID) (bool, error) {
	a, err := s.Accounts.ByID(ctx, q, id)
	if err != nil {
		return false, err
	}
	return a.Local(), nil
}

// Favourite likes a post; doing it again changes nothing. uri is the id of a remote Like.
func (s *Service) Favourite(ctx context.Context, by *accounts.Account, id ID, uri string) (*Status, error) {
	target, err := s.target(ctx, by, id)
	if err != nil {
		return nil, err
	}
	local, err := s.authorLocal(ctx, s.DB, target.AccountID)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if uri != "" {
			gone, err := s.Tombstoned(ctx, tx, uri, by.ID)
			if err != nil || gone {
				return err
			}
		}
		_, err := s.like(ctx, tx, by, target.ID, like{uri: uri, plain: true, local: local})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("favouriting: %w", err)
	}
	return target, nil
}

// Unfavourite takes a like back.
func (s *Service) Unfavourite(ctx context.Context, by *accounts.Account, id ID) (*Status, error) {
	target, err := s.target(ctx, by, id)
	if err != nil {
		return nil, err
	}
	local, err := s.authorLocal(ctx, s.DB, target.AccountID)
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if !by.Local() { // emojis, if there are any, stay
			if _, err := tx.Exec(ctx, "UPDATE favourites SET plain = FALSE, uri = '' WHERE status_id = $1 AND account_id = $2", target.ID, by.ID); err != nil {
				return err
			}
		}
		return s.unlike(ctx, tx, by, target.ID, local, "")
	})
	if err != nil {
		return nil, fmt.Errorf("taking a favourite back: %w", err)
	}
	return target, nil
}

// LikedPost finds what an account likes by the id of its Like.
func (s *Service) LikedPost(ctx context.Context, q db.Q, by accounts.ID, uri string) (ID, error) {
	return db.Value[ID](ctx, q, "SELECT status_id FROM favourites WHERE account_id = $1 AND uri = $2 AND uri <> '' LIMIT 1", by, uri)
}

// Bookmark keeps a post for later; nobody else learns of it.
func (s *Service) Bookmark(ctx context.Context, by *accounts.Account, id ID, on bool) (*Status, error) {
	target, err := s.target(ctx, by, id)
	if err != nil {
		return nil, err
	}
	return target, s.DB.Write(ctx, func(tx *db.Tx) error {
		if on {
			n, err := tx.Exec(ctx, "INSERT INTO bookmarks (id, account_id, status_id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", s.IDs.Next(), by.ID, target.ID, db.Ms(s.Clock.Now()))
			if err != nil || n == 0 || target.Local {
				return err
			}
			return s.Jobs.Emit(ctx, tx, Bookmarked{StatusID: target.ID, AccountID: by.ID})
		}
		_, err := tx.Exec(ctx, "DELETE FROM bookmarks WHERE status_id = $1 AND account_id = $2", target.ID, by.ID)
		return err
	})
}

// MuteConversation keeps notices of a thread away, or lets them come again.
func (s *Service) MuteConversation(ctx context.Context, by *accounts.Account, id ID, on bool) (*Status, error) {
	st, err := s.ByID(ctx, s.DB, by.ID, id)
	if err != nil {
		return nil, err
	}
	return st, s.DB.Write(ctx, func(tx *db.Tx) error {
		if on {
			_, err := tx.Exec(ctx, "INSERT INTO conversation_mutes (account_id, conversation_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", by.ID, st.ConversationID)
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM conversation_mutes WHERE account_id = $1 AND conversation_id = $2", by.ID, st.ConversationID)
		return err
	})
}

// Pin shows a post first on its author's profile, or no more. remote pins have no limit of ours.
func (s *Service) Pin(ctx context.Context, by *accounts.Account, id ID, on bool) (*Status, error) {
	st, err := s.ByID(ctx, s.DB, by.ID, id)
	if err != nil {
		return nil, err
	}
	if on {
		switch {
		case st.AccountID != by.ID:
			return nil, errs.Invalid("Validation failed: Someone else's post cannot be pinned")
		case st.Reblog():
			return nil, errs.Invalid("Validation failed: A boost cannot be pinned")
		case st.Visibility == Direct:
			return nil, errs.Invalid("Validation failed: Posts that are only visible to mentioned users cannot be pinned")
		}
	}
	return st, s.DB.Write(ctx, func(tx *db.Tx) error {
		var n int64
		if on {
			have, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM status_pins WHERE account_id = $1", by.ID)
			if err != nil {
				return err
			}
			if have >= MaxPins && by.Local() {
				return errs.Invalid("Validation failed: You have already pinned the maximum number of posts")
			}
			n, err = tx.Exec(ctx, "INSERT INTO status_pins (id, account_id, status_id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", s.IDs.Next(), by.ID, st.ID, db.Ms(s.Clock.Now()))
			if err != nil {
				return err
			}
		} else {
			if n, err = tx.Exec(ctx, "DELETE FROM status_pins WHERE account_id = $1 AND status_id = $2", by.ID, st.ID); err != nil {
				return err
			}
		}
		if n == 0 || !by.Local() {
			return nil
		}
		return s.Jobs.Emit(ctx, tx, Pinned{StatusID: st.ID, AccountID: by.ID, On: on})
	})
}
