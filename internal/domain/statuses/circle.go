package statuses

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
)

// smallCircle is how many followers are looked through before a post is written. With more, the jobs that follow find out for
// themselves: the one who posts does not wait for it.
const smallCircle = 100

// wantsNotices asks for a follower here who wants to be told of every post of the author in an argument.
func wantsNotices(author string) string {
	return "EXISTS (SELECT 1 FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id = " + author + " AND f.notify AND a.domain = '')"
}

// relayed asks for a relay that is to hear of a post of the visibility in an argument.
func relayed(visibility string) string {
	return "(" + visibility + " = CAST(0 AS BIGINT) AND EXISTS (SELECT 1 FROM relays WHERE state = 'accepted'))"
}

// circle looks whether a new post of somebody here is quiet, and whether it is unheard elsewhere: most posts of a small server
// are, and then nothing need follow.
func (s *Service) circle(ctx context.Context, by *accounts.Account, st, parent *Status, mentioned []*accounts.Account) (quiet, unheard bool, err error) {
	if by.FollowersCount > smallCircle {
		return false, false, nil
	}
	notices, elsewhere := false, false
	answered := by.ID // the followers of whoever is answered hear of it too, where it is for all to see
	if st.Distributable() && st.InReplyToAccountID != 0 {
		answered = st.InReplyToAccountID
	}
	if st.Visibility != Direct {
		err = s.DB.QueryRow(ctx, "SELECT "+wantsNotices("$1")+", EXISTS (SELECT 1 FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id IN ($1, CAST($3 AS BIGINT)) AND a.domain <> '') OR "+relayed("$2"), by.ID, int64(st.Visibility), answered).
			Scan(&notices, &elsewhere)
		if err != nil {
			return false, false, fmt.Errorf("looking at followers: %w", err)
		}
	}
	local := func(a *accounts.Account) bool { return a.Local() }
	quiet = !notices && !slices.ContainsFunc(mentioned, local)
	unheard = !elsewhere && (parent == nil || parent.Local && st.InReplyToAccountID == parent.AccountID) && !slices.ContainsFunc(mentioned, func(a *accounts.Account) bool { return !local(a) })
	return quiet, unheard, nil
}

// Standing is what is known of a post of another server before it is taken.
type Standing struct {
	// ID is its id here, 0 when it is not here, or not any more.
	ID ID
	// Followed says that somebody here follows its author, Notices that one of them wants to be told of every post.
	Followed, Notices bool
}

// Standing looks at a post by its id on the network, and at its author; one statement.
func (s *Service) Standing(ctx context.Context, q db.Q, uri string, author accounts.ID) (Standing, error) {
	var v Standing
	err := q.QueryRow(ctx, `SELECT COALESCE((SELECT s.id FROM statuses s WHERE s.uri = $1 AND s.deleted_at = 0), 0),
  EXISTS (SELECT 1 FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id = $2 AND a.domain = ''), `+wantsNotices("$2"), uri, author).Scan(&v.ID, &v.Followed, &v.Notices)
	if err != nil {
		return v, fmt.Errorf("looking for %s: %w", uri, err)
	}
	return v, nil
}
