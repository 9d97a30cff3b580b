package statuses

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
)

// Conversation is a thread by its names: URI is what its own server calls it, empty for one that began here; that goes by the post that
// began it and its author, which are 0 where they were not written down.
type Conversation struct {
	ID              int64
	URI             string
	ParentStatusID  ID
	ParentAccountID accounts.ID
}

// ConversationByID is a thread.
func (s *Service) ConversationByID(ctx context.Context, q db.Q, id int64) (c Conversation, err error) {
	c.ID = id
	return c, q.QueryRow(ctx, "SELECT uri, parent_status_id, parent_account_id FROM conversations WHERE id = $1", id).Scan(&c.URI, &c.ParentStatusID, &c.ParentAccountID)
}

type threadPost struct {
	id  ID
	uri string
}

// Thread lists what everybody may see of the thread that a post of ours began, the oldest first, from after a post on: at most limit
// addresses, and the last one's id. What answers a post that is gone is not found any more.
func (s *Service) Thread(ctx context.Context, q db.Q, root, after ID, limit int) (uris []string, last ID, err error) {
	rows, err := db.All(ctx, q, func(r db.Row) (v threadPost, err error) { return v, r.Scan(&v.id, &v.uri) }, `WITH RECURSIVE down(id, n) AS (
  SELECT s.id, 0 FROM statuses s WHERE s.id = $1
  UNION ALL SELECT s.id, down.n + 1 FROM down JOIN statuses s ON s.in_reply_to_id = down.id WHERE s.in_reply_to_id <> 0 AND s.deleted_at = 0 AND down.n < $2)
SELECT s.id, s.uri FROM (SELECT id FROM down LIMIT $3) d JOIN statuses s ON s.id = d.id JOIN accounts a ON a.id = s.account_id
WHERE s.deleted_at = 0 AND s.visibility <= 1 AND a.suspended_at = 0 AND s.id > $4 ORDER BY s.id LIMIT $5`, root, contextLimit, contextLimit, after, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("loading a thread: %w", err)
	}
	for _, v := range rows {
		uris, last = append(uris, v.uri), v.id
	}
	return uris, last, nil
}
