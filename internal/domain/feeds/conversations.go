package feeds

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// maxParticipants bounds whose conversations one direct post changes.
	maxParticipants = 100
	// lookBack is how many direct posts are looked through for the last one of a conversation, when that was deleted.
	lookBack = 200
)

// Talk is a conversation of direct posts, as one of those who take part has it.
type Talk struct {
	ID             int64
	AccountID      accounts.ID
	ConversationID int64
	// Participants are the others.
	Participants []accounts.ID
	LastStatusID statuses.ID
	Unread       bool
}

const talkColumns = "t.id, t.account_id, t.conversation_id, t.participants, t.last_status_id, t.unread"

func scanTalk(r db.Row) (Talk, error) {
	var t Talk
	var who string
	if err := r.Scan(&t.ID, &t.AccountID, &t.ConversationID, &who, &t.LastStatusID, &t.Unread); err != nil {
		return t, err
	}
	return t, json.Unmarshal([]byte(who), &t.Participants)
}

// Conversations is a page of a person's conversations, paged by the last post of each (Mastodon).
func (s *Service) Conversations(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]Talk, error) {
	end, args := p.Apply("t.last_status_id", []any{me})
	list, err := db.All(ctx, q, scanTalk, "SELECT "+talkColumns+" FROM account_conversations t WHERE t.account_id = $1"+end, args...)
	if err != nil {
		return nil, fmt.Errorf("listing conversations: %w", err)
	}
	return db.Newest(p, list), nil
}

// Conversation is one of a person's own conversations.
func (s *Service) Conversation(ctx context.Context, q db.Q, me accounts.ID, id int64) (Talk, error) {
	return scanTalk(q.QueryRow(ctx, "SELECT "+talkColumns+" FROM account_conversations t WHERE t.id = $1 AND t.account_id = $2", id, me))
}

// MarkConversation marks one of a person's own conversations as read or not, and gives it.
func (s *Service) MarkConversation(ctx context.Context, me accounts.ID, id int64, unread bool) (t Talk, err error) {
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE account_conversations SET unread = $1 WHERE id = $2 AND account_id = $3", unread, id, me); err != nil {
			return err
		}
		t, err = s.Conversation(ctx, tx, me, id)
		return err
	})
	return t, err
}

// DeleteConversation removes one of a person's own conversations; the posts stay.
func (s *Service) DeleteConversation(ctx context.Context, me accounts.ID, id int64) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM account_conversations WHERE id = $1 AND account_id = $2", id, me)
		if err == nil && n == 0 {
			return errs.NotFound()
		}
		return err
	})
}

// Direct puts a direct post into the conversations of its author and of those here whom it mentions, unless they do not want
// to hear of the author.
func (s *Service) Direct(ctx context.Context, e statuses.Posted) error {
	if e.Visibility != statuses.Direct || e.Reblog {
		return nil
	}
	st, err := s.Statuses.Any(ctx, s.DB, e.StatusID)
	if err != nil || !st.DeletedAt.IsZero() {
		return ignoreGone(err)
	}
	everyone, err := s.participants(ctx, s.DB, st.ID, st.AccountID)
	if err != nil {
		return err
	}
	mine, err := db.Column[accounts.ID](ctx, s.DB, `SELECT a.id FROM accounts a JOIN accounts c ON c.id = $2 WHERE a.id = ANY($1) AND a.domain = '' AND a.suspended_at = 0
AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = a.id AND b.target_account_id = $2)
AND NOT EXISTS (SELECT 1 FROM mutes m WHERE m.account_id = a.id AND m.target_account_id = $2 AND m.hide_notifications AND (m.expires_at = 0 OR m.expires_at > $3))
AND (a.id = $2 OR NOT EXISTS (SELECT 1 FROM account_domain_blocks d WHERE d.account_id = a.id AND d.domain = c.domain AND c.domain <> ''))
ORDER BY a.id LIMIT $4`, db.Array(everyone), st.AccountID, db.Ms(s.Clock.Now()), maxParticipants)
	if err != nil {
		return fmt.Errorf("finding who takes part: %w", err)
	}
	rows := map[accounts.ID]int64{}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		clear(rows)
		for _, me := range mine {
			id, err := s.addDirect(ctx, tx, me, st, without(everyone, me))
			if err != nil {
				return err
			}
			if id != 0 {
				rows[me] = id
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping conversations: %w", err)
	}
	if e.Old {
		return nil
	}
	for me, id := range rows {
		s.publish(ctx, Message{Event: Conversation, ID: id}.on(DirectChannel(me)))
	}
	return nil
}

// addDirect gives the row's id, or 0 when the conversation has that post, or a later one, already.
func (s *Service) addDirect(ctx context.Context, tx *db.Tx, me accounts.ID, st *statuses.Status, others []accounts.ID) (int64, error) {
	id, err := db.Column[int64](ctx, tx, `INSERT INTO account_conversations (id, account_id, conversation_id, participants, last_status_id, unread) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account_id, conversation_id, participants) DO UPDATE SET last_status_id = excluded.last_status_id, unread = excluded.unread
WHERE account_conversations.last_status_id < excluded.last_status_id RETURNING id`, s.IDs.Next(), me, st.ConversationID, participants(others), st.ID, st.AccountID != me)
	if err != nil || len(id) == 0 {
		return 0, err
	}
	return id[0], nil
}

// participants is the stored form: sorted, so that equal sets are equal texts.
func participants(list []accounts.ID) string {
	slices.Sort(list)
	b, _ := json.Marshal(list) // numbers always encode
	return string(b)
}

func without(list []accounts.ID, me accounts.ID) []accounts.ID {
	return slices.DeleteFunc(slices.Clone(list), func(id accounts.ID) bool { return id == me })
}

// participants are all who may see a direct post.
func (s *Service) participants(ctx context.Context, q db.Q, id statuses.ID, author accounts.ID) ([]accounts.ID, error) {
	list, err := db.Column[accounts.ID](ctx, q, "SELECT m.account_id FROM mentions m WHERE m.status_id = $1 ORDER BY m.account_id LIMIT $2", id, maxParticipants)
	if err != nil {
		return nil, fmt.Errorf("loading participants: %w", err)
	}
	return append(without(list, author), author), nil
}

// conversationsWithout lets conversations that end with a deleted post end with the one before it, or be gone.
func (s *Service) conversationsWithout(ctx context.Context, id statuses.ID) error {
	st, err := s.Statuses.Any(ctx, s.DB, id)
	if err != nil || st.Visibility != statuses.Direct {
		return ignoreGone(err)
	}
	who, err := s.participants(ctx, s.DB, st.ID, st.AccountID)
	if err != nil {
		return err
	}
	list, err := db.All(ctx, s.DB, scanTalk, "SELECT "+talkColumns+" FROM account_conversations t WHERE t.conversation_id = $1 AND t.last_status_id = $2 AND t.account_id = ANY($3)",
		st.ConversationID, id, db.Array(who))
	if err != nil {
		return fmt.Errorf("finding conversations: %w", err)
	}
	for _, t := range list {
		last, err := s.lastOf(ctx, s.DB, t)
		if err != nil {
			return err
		}
		err = s.DB.Write(ctx, func(tx *db.Tx) (err error) {
			if last == 0 {
				_, err = tx.Exec(ctx, "DELETE FROM account_conversations WHERE id = $1 AND last_status_id = $2", t.ID, id)
			} else {
				_, err = tx.Exec(ctx, "UPDATE account_conversations SET last_status_id = $1 WHERE id = $2 AND last_status_id = $3", last, t.ID, id)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("changing a conversation: %w", err)
		}
	}
	return nil
}

// lastOf finds the newest post of a conversation that the same people see; 0 for none.
func (s *Service) lastOf(ctx context.Context, q db.Q, t Talk) (statuses.ID, error) {
	type row struct {
		id     statuses.ID
		author accounts.ID
	}
	list, err := db.All(ctx, q, func(r db.Row) (v row, err error) { return v, r.Scan(&v.id, &v.author) }, `SELECT s.id, s.account_id FROM statuses s
WHERE s.id IN (SELECT x.id FROM statuses x WHERE x.account_id = $1 AND x.deleted_at = 0 UNION ALL SELECT m.status_id FROM mentions m WHERE m.account_id = $1)
AND s.conversation_id = $2 AND s.visibility = 3 AND s.deleted_at = 0 ORDER BY s.id DESC LIMIT $3`, t.AccountID, t.ConversationID, lookBack)
	if err != nil {
		return 0, fmt.Errorf("finding the last post of a conversation: %w", err)
	}
	want := participants(t.Participants)
	for _, v := range list {
		who, err := s.participants(ctx, q, v.id, v.author)
		if err != nil {
			return 0, err
		}
		if participants(without(who, t.AccountID)) == want {
			return v.id, nil
		}
	}
	return 0, nil
}

// endConversations removes the conversations of a person in which another takes part.
func (s *Service) endConversations(ctx context.Context, me, other accounts.ID) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM account_conversations WHERE account_id = $1 AND REPLACE(REPLACE(participants, '[', ','), ']', ',') LIKE $2", me, fmt.Sprintf("%%,%d,%%", other))
		return err
	})
	if err != nil {
		return fmt.Errorf("ending conversations: %w", err)
	}
	return nil
}

// ignoreGone makes "no longer there" a success, as it is for work that follows from something since removed.
func ignoreGone(err error) error {
	if errs.IsNotFound(err) {
		return nil
	}
	return err
}
