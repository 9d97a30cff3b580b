package relations

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// MaxFollowing is how many accounts a local one may follow (Mastodon), unless it has as many followers.
const MaxFollowing = 7500

// FollowOptions say how to follow. nil leaves as it is, and for a new follow means: with boosts, without notices, all languages.
type FollowOptions struct {
	Reblogs, Notify *bool
	Languages       []string
	// URI is the id of a remote Follow.
	URI string
}

type follow struct {
	ID              int64
	Account, Target accounts.ID
	Reblogs, Notify bool
	Languages, URI  string
}

func scanFollow(r db.Row) (follow, error) {
	var f follow
	err := r.Scan(&f.ID, &f.Account, &f.Target, &f.Reblogs, &f.Notify, &f.Languages, &f.URI)
	return f, err
}

const followColumns = "id, account_id, target_account_id, show_reblogs, notify, languages, uri"

func findFollow(ctx context.Context, q db.Q, table string, by, target accounts.ID) (follow, error) {
	return scanFollow(q.QueryRow(ctx, "SELECT "+followColumns+" FROM "+table+" WHERE account_id = $1 AND target_account_id = $2", by, target))
}

// apply takes over what was asked for. The id of a local follow stays what it was.
func (f *follow) apply(o FollowOptions) {
	if o.Reblogs != nil {
		f.Reblogs = *o.Reblogs
	}
	if o.Notify != nil {
		f.Notify = *o.Notify
	}
	if o.Languages != nil {
		b, _ := json.Marshal(o.Languages) // strings always encode
		f.Languages = string(b)
	}
	if o.URI != "" {
		f.URI = o.URI
	}
}

// Follow makes by follow target, or ask to: where the target approves its followers, and where it is on another server,
// which has to accept. Following again changes the options alone. Blocks in either direction forbid it.
func (s *Service) Follow(ctx context.Context, by, target *accounts.Account, o FollowOptions) error {
	if by.ID == target.ID || target.Suspended() || target.MovedToID != 0 && by.Local() {
		return errs.Forbidden()
	}
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, table := range []string{"follows", "follow_requests"} {
			f, err := findFollow(ctx, tx, table, by.ID, target.ID)
			if err == nil {
				return s.changeFollow(ctx, tx, table, f, o, by, target)
			}
			if !errs.IsNotFound(err) {
				return err
			}
		}
		if err := s.mayFollow(ctx, tx, by, target); err != nil {
			return err
		}
		f := follow{ID: s.IDs.Next(), Account: by.ID, Target: target.ID, Reblogs: true, Languages: "[]"}
		f.apply(o)
		if by.Local() {
			f.URI = fmt.Sprintf("%s#follows/%d", by.URI, f.ID)
		}
		request := target.Locked || !target.Local() || by.Silenced()
		return s.addFollow(ctx, tx, f, by, target, request)
	})
	if err != nil {
		return fmt.Errorf("following: %w", err)
	}
	return nil
}

func (s *Service) mayFollow(ctx context.Context, tx *db.Tx, by, target *accounts.Account) error {
	blocked, err := db.Exists(ctx, tx, `SELECT 1 FROM blocks WHERE (account_id = $1 AND target_account_id = $2) OR (account_id = $2 AND target_account_id = $1)
UNION ALL SELECT 1 FROM account_domain_blocks WHERE (account_id = $2 AND domain = $3) OR (account_id = $1 AND domain = $4)`, by.ID, target.ID, by.Domain, target.Domain)
	if err != nil {
		return err
	}
	if blocked {
		return errs.Forbidden()
	}
	if by.Local() && by.FollowingCount >= MaxFollowing && by.FollowingCount >= by.FollowersCount {
		return errs.Invalid("Validation failed: You cannot follow more than %d people", MaxFollowing)
	}
	return nil
}

func (s *Service) addFollow(ctx context.Context, tx *db.Tx, f follow, by, target *accounts.Account, request bool) error {
	table := "follows"
	if request {
		table = "follow_requests"
	}
	n, err := tx.Exec(ctx, "INSERT INTO "+table+" (id, account_id, target_account_id, show_reblogs, notify, languages, uri, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
		f.ID, f.Account, f.Target, f.Reblogs, f.Notify, f.Languages, f.URI, db.Ms(s.Clock.Now()))
	if err != nil || n == 0 {
		return err
	}
	if !request {
		if err := s.count(ctx, tx, by.ID, target.ID, 1); err != nil {
			return err
		}
	}
	s.changed(tx, by.ID, target.ID)
	return s.Jobs.Emit(ctx, tx, Followed{FollowID: f.ID, AccountID: by.ID, TargetID: target.ID, URI: f.URI, ByLocal: by.Local(), TargetLocal: target.Local(), Request: request})
}

func (s *Service) count(ctx context.Context, tx *db.Tx, by, target accounts.ID, d int) error {
	if err := s.Accounts.AddCounts(ctx, tx, by, 0, d, 0); err != nil {
		return err
	}
	return s.Accounts.AddCounts(ctx, tx, target, 0, 0, d)
}

// changeFollow keeps new options. A Follow of a remote account that arrives again is answered again: its server may have
// missed the first answer.
func (s *Service) changeFollow(ctx context.Context, tx *db.Tx, table string, f follow, o FollowOptions, by, target *accounts.Account) error {
	f.apply(o)
	if _, err := tx.Exec(ctx, "UPDATE "+table+" SET show_reblogs = $1, notify = $2, languages = $3, uri = $4 WHERE id = $5", f.Reblogs, f.Notify, f.Languages, f.URI, f.ID); err != nil {
		return err
	}
	s.changed(tx, by.ID)
	if by.Local() {
		return nil
	}
	if table == "follows" {
		return s.Jobs.Emit(ctx, tx, Accepted{FollowID: f.ID, AccountID: by.ID, TargetID: target.ID, URI: f.URI, FollowerLocal: false, TargetLocal: true})
	}
	return nil
}

// Unfollow ends a follow or takes a request back. Neither being there is fine.
func (s *Service) Unfollow(ctx context.Context, by, target *accounts.Account) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error { return s.unfollow(ctx, tx, by, target) })
	if err != nil {
		return fmt.Errorf("unfollowing: %w", err)
	}
	return nil
}

func (s *Service) unfollow(ctx context.Context, tx *db.Tx, by, target *accounts.Account) error {
	f, request, err := s.dropFollow(ctx, tx, by.ID, target.ID)
	if errs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Jobs.Emit(ctx, tx, Unfollowed{AccountID: by.ID, TargetID: target.ID, URI: f.URI, ByLocal: by.Local(), TargetLocal: target.Local(), Request: request})
}

// dropFollow removes a follow or a request, whichever there is.
func (s *Service) dropFollow(ctx context.Context, tx *db.Tx, by, target accounts.ID) (f follow, request bool, err error) {
	const where = " WHERE account_id = $1 AND target_account_id = $2 RETURNING " + followColumns
	f, err = scanFollow(tx.QueryRow(ctx, "DELETE FROM follows"+where, by, target))
	if err == nil {
		s.changed(tx, by, target)
		if err := tx.Do(ctx, "taking somebody off lists", "DELETE FROM list_accounts WHERE owner_id = $1 AND account_id = $2", by, target); err != nil {
			return f, false, err
		}
		if err := tx.Do(ctx, "taking an endorsement back", "DELETE FROM endorsements WHERE account_id = $1 AND target_account_id = $2", by, target); err != nil {
			return f, false, err
		}
		return f, false, s.count(ctx, tx, by, target, -1)
	}
	if !errs.IsNotFound(err) {
		return f, false, err
	}
	f, err = scanFollow(tx.QueryRow(ctx, "DELETE FROM follow_requests"+where, by, target))
	s.changed(tx, by, target)
	return f, true, err
}

// Authorize grants the request of by to follow target. A request that was never made is errs.NotFound (AUZ-06), and a grant
// that comes twice changes nothing.
func (s *Service) Authorize(ctx context.Context, target, by *accounts.Account) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		f, err := scanFollow(tx.QueryRow(ctx, "DELETE FROM follow_requests WHERE account_id = $1 AND target_account_id = $2 RETURNING "+followColumns, by.ID, target.ID))
		if errs.IsNotFound(err) {
			if _, ferr := findFollow(ctx, tx, "follows", by.ID, target.ID); ferr == nil {
				return nil
			}
			return err
		}
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `INSERT INTO follows (id, account_id, target_account_id, show_reblogs, notify, languages, uri, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING`, f.ID, f.Account, f.Target, f.Reblogs, f.Notify, f.Languages, f.URI, db.Ms(s.Clock.Now()))
		if err != nil || n == 0 {
			return err
		}
		if err := s.count(ctx, tx, by.ID, target.ID, 1); err != nil {
			return err
		}
		s.changed(tx, by.ID, target.ID)
		return s.Jobs.Emit(ctx, tx, Accepted{FollowID: f.ID, AccountID: by.ID, TargetID: target.ID, URI: f.URI, FollowerLocal: by.Local(), TargetLocal: target.Local()})
	})
	if err != nil {
		return fmt.Errorf("authorizing a follow request: %w", err)
	}
	return nil
}

// Reject refuses the request of by to follow target, or removes by from target's followers.
func (s *Service) Reject(ctx context.Context, target, by *accounts.Account) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error { return s.reject(ctx, tx, target, by) })
	if err != nil {
		return fmt.Errorf("rejecting a follow: %w", err)
	}
	return nil
}

func (s *Service) reject(ctx context.Context, tx *db.Tx, target, by *accounts.Account) error {
	f, _, err := s.dropFollow(ctx, tx, by.ID, target.ID)
	if errs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Jobs.Emit(ctx, tx, Rejected{AccountID: by.ID, TargetID: target.ID, URI: f.URI, FollowerLocal: by.Local(), TargetLocal: target.Local()})
}

// FollowByURI finds the two ends of a follow, or of a request, by the id of its activity.
func (s *Service) FollowByURI(ctx context.Context, q db.Q, uri string) (by, target accounts.ID, err error) {
	if uri == "" {
		return 0, 0, errs.NotFound()
	}
	for _, table := range []string{"follow_requests", "follows"} {
		f, err := scanFollow(q.QueryRow(ctx, "SELECT "+followColumns+" FROM "+table+" WHERE uri = $1 AND uri <> '' LIMIT 1", uri))
		if err == nil {
			return f.Account, f.Target, nil
		}
		if !errs.IsNotFound(err) {
			return 0, 0, err
		}
	}
	return 0, 0, errs.NotFound()
}

// Follows reports whether by follows target.
func (s *Service) Follows(ctx context.Context, q db.Q, by, target accounts.ID) (bool, error) {
	return db.Exists(ctx, q, "SELECT 1 FROM follows WHERE account_id = $1 AND target_account_id = $2", by, target)
}

// BlocksOrDomain reports whether an account has blocked somebody, or the domain that they are of.
func (s *Service) BlocksOrDomain(ctx context.Context, q db.Q, by accounts.ID, who *accounts.Account) (bool, error) {
	return db.Exists(ctx, q, `SELECT 1 FROM blocks WHERE account_id = $1 AND target_account_id = $2
UNION ALL SELECT 1 FROM account_domain_blocks WHERE account_id = $1 AND domain = $3 AND domain <> ''`, by, who.ID, who.Domain)
}
