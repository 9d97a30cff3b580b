package notifications

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// ignoreGone makes "no longer there" a success, as it is for work that follows from something since removed.
func ignoreGone(err error) error {
	if errs.IsNotFound(err) {
		return nil
	}
	return err
}

// Posted tells those here whom a post mentions, those who asked to be told of the author's posts, and whose post was boosted.
// What is old when it arrives is news to nobody.
func (s *Service) Posted(ctx context.Context, e statuses.Posted) error {
	if e.Old {
		return nil
	}
	st, err := s.Statuses.Any(ctx, s.DB, e.StatusID)
	if err != nil {
		return ignoreGone(err)
	}
	if !st.DeletedAt.IsZero() {
		return nil
	}
	if st.Reblog() {
		return s.boosted(ctx, st)
	}
	mentioned, err := s.mentioned(ctx, st)
	if err != nil {
		return err
	}
	return s.followers(ctx, st, mentioned)
}

func (s *Service) boosted(ctx context.Context, boost *statuses.Status) error {
	st, err := s.Statuses.Any(ctx, s.DB, boost.ReblogOfID)
	if err != nil {
		return ignoreGone(err)
	}
	n := notice{kind: Reblog, from: boost.AccountID, status: st.ID, subject: int64(boost.ID), at: boost.CreatedAt, conversation: st.ConversationID,
		cause: "SELECT id FROM statuses WHERE id = $1 AND deleted_at = 0"}
	return s.tell(ctx, n, []accounts.ID{st.AccountID})
}

// mentioned tells those whom a post names, and gives them.
func (s *Service) mentioned(ctx context.Context, st *statuses.Status) ([]accounts.ID, error) {
	if !st.Names() {
		return nil, nil
	}
	parts, err := s.Statuses.MentionsOf(ctx, s.DB, []statuses.ID{st.ID})
	if err != nil {
		return nil, err
	}
	var named []accounts.ID
	for _, m := range parts[st.ID] {
		if !m.Silent {
			named = append(named, m.AccountID)
		}
	}
	if len(named) == 0 {
		return nil, nil
	}
	local, err := db.Column[accounts.ID](ctx, s.DB, "SELECT a.id FROM accounts a WHERE a.id = ANY($1) AND a.domain = '' ORDER BY a.id LIMIT $2", db.Array(named), maxMentioned)
	if err != nil {
		return nil, fmt.Errorf("finding the mentioned: %w", err)
	}
	people := named
	if st.InReplyToAccountID != 0 {
		people = append(people, st.InReplyToAccountID)
	}
	n := notice{kind: Mention, from: st.AccountID, status: st.ID, subject: int64(st.ID), at: st.CreatedAt, conversation: st.ConversationID, people: people,
		private: st.Visibility == statuses.Direct, parent: st.InReplyToID}
	return local, s.tell(ctx, n, local)
}

// followers tells those who asked to be told of every post, boosts and answers to others excepted. Those whom the post
// mentions know already.
func (s *Service) followers(ctx context.Context, st *statuses.Status, known []accounts.ID) error {
	if st.Visibility == statuses.Direct || (st.Reply() && st.InReplyToAccountID != st.AccountID) {
		return nil
	}
	n := notice{kind: Status, from: st.AccountID, status: st.ID, subject: int64(st.ID), at: st.CreatedAt}
	for after := accounts.ID(0); ; {
		list, err := db.Column[accounts.ID](ctx, s.DB, `SELECT f.account_id FROM follows f JOIN accounts a ON a.id = f.account_id
WHERE f.target_account_id = $1 AND f.notify AND a.domain = '' AND f.account_id > $2 AND f.account_id <> ALL($3) ORDER BY f.account_id LIMIT $4`, st.AccountID, after, db.Array(known), batch)
		if err != nil {
			return fmt.Errorf("finding followers to notify: %w", err)
		}
		if err := s.tell(ctx, n, list); err != nil || len(list) < batch {
			return err
		}
		after = list[len(list)-1]
	}
}

// Edited tells those here who boosted a post that it is another now, and those whom it mentions newly.
func (s *Service) Edited(ctx context.Context, e statuses.Edited) error {
	st, err := s.Statuses.Any(ctx, s.DB, e.StatusID)
	if err != nil {
		return ignoreGone(err)
	}
	if !st.DeletedAt.IsZero() {
		return nil
	}
	mentioned, err := s.mentioned(ctx, st)
	if err != nil {
		return err
	}
	s.publish(ctx, mentioned, func(accounts.ID) Message {
		return Message{Event: "status.update", ID: int64(st.ID), At: db.Ms(st.EditedAt)}
	})
	n := notice{kind: Update, from: st.AccountID, status: st.ID, subject: db.Ms(st.EditedAt), at: st.EditedAt, conversation: st.ConversationID}
	for after := accounts.ID(0); ; {
		list, err := db.Column[accounts.ID](ctx, s.DB, `SELECT s.account_id FROM statuses s JOIN accounts a ON a.id = s.account_id
WHERE s.reblog_of_id = $1 AND s.reblog_of_id <> 0 AND s.deleted_at = 0 AND a.domain = '' AND s.account_id > $2 ORDER BY s.account_id LIMIT $3`, st.ID, after, batch)
		if err != nil {
			return fmt.Errorf("finding boosters: %w", err)
		}
		if err := s.tell(ctx, n, list); err != nil {
			return err
		}
		if len(list) < batch {
			break
		}
		after = list[len(list)-1]
	}
	if err := s.quoters(ctx, st); err != nil {
		return err
	}
	// The notice of the last edit replaces those of earlier ones.
	return s.remove(ctx, `DELETE FROM notifications WHERE status_id <> 0 AND subject < $2
AND status_id IN (SELECT CAST($1 AS BIGINT) UNION ALL SELECT u.status_id FROM quotes u WHERE u.quoted_status_id = $1 AND u.quoted_status_id <> 0)
AND (type = 'quoted_update' OR (type = 'update' AND status_id = $1))`, st.ID, db.Ms(st.EditedAt))
}

// quoters tells those here who quote a post that it is another now; who quotes it more than once, of the last time.
func (s *Service) quoters(ctx context.Context, st *statuses.Status) error {
	if st.QuotesCount == 0 {
		return nil
	}
	for after := accounts.ID(0); ; {
		n := notice{kind: QuotedUpdate, from: st.AccountID, of: map[accounts.ID]statuses.ID{}, subject: db.Ms(st.EditedAt), at: st.EditedAt}
		var people []accounts.ID
		rows, err := s.DB.Query(ctx, `SELECT u.account_id, MAX(u.status_id) FROM quotes u JOIN statuses s ON s.id = u.status_id JOIN accounts a ON a.id = u.account_id
WHERE u.quoted_status_id = $1 AND u.quoted_status_id <> 0 AND u.state = 1 AND s.deleted_at = 0 AND a.domain = '' AND u.account_id > $2 GROUP BY u.account_id ORDER BY u.account_id LIMIT $3`, st.ID, after, batch)
		if err != nil {
			return fmt.Errorf("finding who quotes a post: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			var who accounts.ID
			var quoting statuses.ID
			if err := rows.Scan(&who, &quoting); err != nil {
				return err
			}
			people, n.of[who] = append(people, who), quoting
		}
		if err := rows.Err(); err != nil {
			return err
		}
		rows.Close()
		if err := s.tell(ctx, n, people); err != nil || len(people) < batch {
			return err
		}
		after = people[len(people)-1]
	}
}

// Quoted tells somebody here whose post was quoted.
func (s *Service) Quoted(ctx context.Context, e statuses.Quoted) error {
	st, err := s.Statuses.Any(ctx, s.DB, e.StatusID)
	if err != nil || !st.DeletedAt.IsZero() {
		return ignoreGone(err)
	}
	n := notice{kind: Quote, from: e.AccountID, status: st.ID, subject: e.QuoteID, at: st.CreatedAt, conversation: st.ConversationID, cause: "SELECT id FROM quotes WHERE id = $1 AND state = 1"}
	return s.tell(ctx, n, []accounts.ID{e.QuotedAccountID})
}

// Deleted takes back what was told of a post, or of a boost.
func (s *Service) Deleted(ctx context.Context, e statuses.Deleted) error {
	if e.ReblogOfID != 0 {
		return s.remove(ctx, "DELETE FROM notifications WHERE status_id = $1 AND status_id <> 0 AND type = 'reblog' AND from_account_id = $2", e.ReblogOfID, e.AccountID)
	}
	mentioned, err := db.Column[accounts.ID](ctx, s.DB, "SELECT m.account_id FROM mentions m JOIN accounts a ON a.id = m.account_id WHERE m.status_id = $1 AND a.domain = '' LIMIT $2", e.StatusID, maxMentioned)
	if err != nil {
		return err
	}
	s.publish(ctx, mentioned, func(accounts.ID) Message { return Message{Event: "delete", ID: int64(e.StatusID)} })
	return s.remove(ctx, "DELETE FROM notifications WHERE status_id = $1 AND status_id <> 0", e.StatusID)
}

func (s *Service) remove(ctx context.Context, sql string, args ...any) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error { return tx.Do(ctx, "taking notifications back", sql, args...) })
}

// Favourited tells the author of a post that somebody likes it.
func (s *Service) Favourited(ctx context.Context, e statuses.Favourited) error {
	if !e.AuthorLocal {
		return nil
	}
	st, err := s.Statuses.Any(ctx, s.DB, e.StatusID)
	if err != nil {
		return ignoreGone(err)
	}
	n := notice{kind: Favourite, from: e.AccountID, status: st.ID, subject: e.FavouriteID, at: s.Clock.Now(), conversation: st.ConversationID, cause: "SELECT id FROM favourites WHERE id = $1"}
	return s.tell(ctx, n, []accounts.ID{st.AccountID})
}

// Unfavourited takes the notice of a like back.
func (s *Service) Unfavourited(ctx context.Context, e statuses.Unfavourited) error {
	return s.remove(ctx, "DELETE FROM notifications WHERE status_id = $1 AND status_id <> 0 AND type = 'favourite' AND from_account_id = $2 AND subject = $3", e.StatusID, e.AccountID, e.FavouriteID)
}

// Followed tells someone of a follower, or of who asks to be one.
func (s *Service) Followed(ctx context.Context, e relations.Followed) error {
	if !e.TargetLocal {
		return nil
	}
	n := notice{kind: Follow, from: e.AccountID, subject: e.FollowID, at: s.Clock.Now(), cause: "SELECT id FROM follows WHERE id = $1"}
	if e.Request {
		n.kind, n.cause = FollowRequest, "SELECT id FROM follow_requests WHERE id = $1"
	}
	return s.tell(ctx, n, []accounts.ID{e.TargetID})
}

// unfollowed takes back what was told of a follow, or a request, that is no more.
func (s *Service) unfollowed(ctx context.Context, by, target accounts.ID) error {
	return s.remove(ctx, `DELETE FROM notifications WHERE account_id = $1 AND from_account_id = $2 AND ((type = 'follow' AND NOT EXISTS (SELECT 1 FROM follows f WHERE f.id = subject))
OR (type = 'follow_request' AND NOT EXISTS (SELECT 1 FROM follow_requests f WHERE f.id = subject)))`, target, by)
}

// Unfollowed takes the notice of a follow or a request back.
func (s *Service) Unfollowed(ctx context.Context, e relations.Unfollowed) error {
	return s.unfollowed(ctx, e.AccountID, e.TargetID)
}

// Accepted takes the notice of the request back that was granted.
func (s *Service) Accepted(ctx context.Context, e relations.Accepted) error {
	return s.unfollowed(ctx, e.AccountID, e.TargetID)
}

// Rejected takes the notice of the request back that was refused, or of the follower that was removed.
func (s *Service) Rejected(ctx context.Context, e relations.Rejected) error {
	return s.unfollowed(ctx, e.AccountID, e.TargetID)
}

// Blocked removes what the one who blocks was told of the blocked. (Until it ran, and for mutes, List leaves it out.)
func (s *Service) Blocked(ctx context.Context, e relations.Blocked) error {
	return s.remove(ctx, "DELETE FROM notifications WHERE account_id = $1 AND from_account_id = $2", e.AccountID, e.TargetID)
}

// PollEnded tells the author and those here who voted.
func (s *Service) PollEnded(ctx context.Context, e statuses.PollEnded) error {
	polls, err := s.Statuses.Polls(ctx, s.DB, 0, []int64{e.PollID})
	if err != nil {
		return err
	}
	p := polls[e.PollID]
	if p == nil || !p.Expired(s.Clock.Now()) {
		return nil // replaced, or ends later by now
	}
	st, err := s.Statuses.Any(ctx, s.DB, e.StatusID)
	if err != nil || !st.DeletedAt.IsZero() {
		return ignoreGone(err)
	}
	voters, err := s.Statuses.Voters(ctx, s.DB, p.ID, true)
	if err != nil {
		return err
	}
	n := notice{kind: Poll, from: st.AccountID, status: st.ID, subject: p.ID, at: p.ExpiresAt, toSelf: true}
	people := append(voters, st.AccountID)
	for len(people) > 0 {
		part := people[:min(batch, len(people))]
		if err := s.tell(ctx, n, part); err != nil {
			return err
		}
		people = people[len(part):]
	}
	return nil
}

// SignedUp tells those who look after the accounts of a new one.
func (s *Service) SignedUp(ctx context.Context, id accounts.ID) error {
	staff, err := db.Column[accounts.ID](ctx, s.DB, "SELECT u.account_id FROM users u WHERE u.role <> 'user' AND u.role IN ('owner', 'admin', 'moderator') AND NOT u.disabled ORDER BY u.account_id LIMIT $1", batch)
	if err != nil {
		return fmt.Errorf("finding the staff: %w", err)
	}
	return s.tell(ctx, notice{kind: SignUp, from: id, subject: int64(id), at: s.Clock.Now()}, staff)
}

// Reported tells somebody that the report of their year is there. As no account is behind that, the notice is from themselves (Mastodon).
func (s *Service) Reported(ctx context.Context, me accounts.ID, year int) error {
	return s.tell(ctx, notice{kind: AnnualReport, from: me, subject: int64(year), at: s.Clock.Now(), toSelf: true}, []accounts.ID{me})
}

// Severed tells somebody of ties that are no more.
func (s *Service) Severed(ctx context.Context, e relations.Severed) error {
	return s.tell(ctx, notice{kind: SeveredRelationships, from: e.AccountID, subject: e.SeveranceID, at: s.Clock.Now(), toSelf: true}, []accounts.ID{e.AccountID})
}
