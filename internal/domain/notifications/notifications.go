// Package notifications owns what a person is told of: who mentioned, followed, liked, boosted, and what became of posts and polls.
package notifications

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

// Types of notices; the names are the API's.
const (
	Mention       = "mention"
	Status        = "status"
	Reblog        = "reblog"
	Follow        = "follow"
	FollowRequest = "follow_request"
	Favourite     = "favourite"
	Poll          = "poll"
	Update        = "update"
	SignUp        = "admin.sign_up"
	Quote         = "quote"
	QuotedUpdate  = "quoted_update"
	// AddedToCollection and CollectionUpdate are of the collection that the account is in.
	AddedToCollection = "added_to_collection"
	CollectionUpdate  = "collection_update"
	// AnnualReport is from the account itself: a report of its year is there.
	AnnualReport = "annual_report"
	// SeveredRelationships is from the account itself: it lost ties to a server.
	SeveredRelationships = "severed_relationships"
)

// Types are all that there are.
var Types = []string{Mention, Status, Reblog, Follow, FollowRequest, Favourite, Poll, Update, SignUp, Quote, QuotedUpdate, AddedToCollection, CollectionUpdate, AnnualReport, SeveredRelationships}

// groupSpan is how much time notices of one group may span (Mastodon).
const groupSpan = 12 * time.Hour

// Notification is one notice.
type Notification struct {
	ID            int64
	AccountID     accounts.ID
	Type          string
	FromAccountID accounts.ID
	// StatusID is the post that it is about; for a boost, the boosted one. 0 for none.
	StatusID statuses.ID
	// CollectionID is the collection that it is about, 0 for none.
	CollectionID collections.ID
	// Year is the one that a report is about, 0 for none.
	Year int
	// SeveranceID is what was lost, 0 for nothing.
	SeveranceID int64
	GroupKey    string
	Filtered    bool
	CreatedAt   time.Time
}

// Deps is what the service stands on.
type Deps struct {
	DB        *db.DB
	IDs       *ids.Source
	Clock     clock.Clock
	Accounts  *accounts.Service
	Relations *relations.Service
	Statuses  *statuses.Service
	// Collections may be nil where nobody tells of them.
	Collections *collections.Service
	// Jobs carries what is sent to apps that are closed; Secret encrypts what is kept for that; HTTPS says that this server is reached by it.
	Jobs   *jobs.Jobs
	Secret []byte
	HTTPS  bool
	// Bus carries "user:ACCOUNT"; may be nil.
	Bus pubsub.Bus
}

// Service reads and writes notices.
type Service struct{ Deps }

// New makes the service.
func New(d Deps) *Service { return &Service{d} }

// Channel is where an account's notices are told, as Message.
func Channel(id accounts.ID) string { return "user:" + ids.Format(id) }

// Message is what is told: Event "notification" with the id of the notice, or "status.update" and "delete" with that of a
// post that mentions the account.
type Message struct {
	Event string
	ID    int64
	// At is when the post was edited, in milliseconds.
	At int64
}

const columns = "n.id, n.account_id, n.type, n.from_account_id, n.status_id, n.collection_id, n.subject, n.group_key, n.filtered, n.created_at"

func scan(r db.Row) (*Notification, error) {
	var n Notification
	var created, subject int64
	err := r.Scan(&n.ID, &n.AccountID, &n.Type, &n.FromAccountID, &n.StatusID, &n.CollectionID, &subject, &n.GroupKey, &n.Filtered, &created)
	n.CreatedAt = db.At(created)
	switch n.Type {
	case AnnualReport:
		n.Year = int(subject)
	case SeveredRelationships:
		n.SeveranceID = subject
	}
	return &n, err
}

// shown is the rule of which notices an account sees: of posts that are there, from nobody suspended, blocked or, with
// notices, muted since. $1 is the account, $2 the time. Whoever is of a blocked domain is not seen either.
const shown = ` FROM notifications n JOIN accounts a ON a.id = n.from_account_id WHERE n.account_id = $1 AND a.suspended_at = 0
AND (n.status_id = 0 OR EXISTS (SELECT 1 FROM statuses s WHERE s.id = n.status_id AND s.deleted_at = 0))
AND (n.collection_id = 0 OR EXISTS (SELECT 1 FROM collections c WHERE c.id = n.collection_id))
AND NOT EXISTS (SELECT 1 FROM blocks b WHERE (b.account_id = $1 AND b.target_account_id = a.id) OR (b.account_id = a.id AND b.target_account_id = $1))
AND NOT EXISTS (SELECT 1 FROM mutes m WHERE m.account_id = $1 AND m.target_account_id = a.id AND m.hide_notifications AND (m.expires_at = 0 OR m.expires_at > $2))
AND NOT EXISTS (SELECT 1 FROM account_domain_blocks d WHERE d.account_id = $1 AND d.domain = a.domain AND a.domain <> ''
  AND NOT EXISTS (SELECT 1 FROM follows f WHERE f.account_id = $1 AND f.target_account_id = a.id))`

// Options narrow a list. IncludeFiltered adds those kept apart because of who they are from.
type Options struct {
	Types, ExcludeTypes []string
	From                accounts.ID
	IncludeFiltered     bool
	// ID and GroupKey find one notice, and those of one group.
	ID       int64
	GroupKey string
}

func (o Options) where(args []any) (string, []any) {
	sql := ""
	if !o.IncludeFiltered && o.From == 0 {
		sql += " AND NOT n.filtered"
	}
	if len(o.Types) > 0 {
		args = append(args, db.Texts(o.Types))
		sql += fmt.Sprintf(" AND n.type = ANY($%d)", len(args))
	}
	if len(o.ExcludeTypes) > 0 {
		args = append(args, db.Texts(o.ExcludeTypes))
		sql += fmt.Sprintf(" AND n.type <> ALL($%d)", len(args))
	}
	if o.ID != 0 {
		args = append(args, o.ID)
		sql += fmt.Sprintf(" AND n.id = $%d", len(args))
	}
	if o.GroupKey != "" {
		args = append(args, o.GroupKey)
		sql += fmt.Sprintf(" AND n.group_key = $%d AND n.group_key <> ''", len(args))
	}
	if o.From != 0 {
		args = append(args, o.From)
		sql += fmt.Sprintf(" AND n.from_account_id = $%d", len(args))
	}
	return sql, args
}

// List gives a page of an account's notices, the newest first; one statement.
func (s *Service) List(ctx context.Context, q db.Q, me accounts.ID, o Options, p db.Page) ([]*Notification, error) {
	where, args := o.where([]any{me, db.Ms(s.Clock.Now())})
	end, args := p.Apply("n.id", args)
	list, err := db.All(ctx, q, scan, "SELECT "+columns+shown+where+end, args...)
	if err != nil {
		return nil, fmt.Errorf("listing notifications: %w", err)
	}
	return db.Newest(p, list), nil
}

// ByID is one of an account's own notices.
func (s *Service) ByID(ctx context.Context, q db.Q, me accounts.ID, id int64) (*Notification, error) {
	return scan(q.QueryRow(ctx, "SELECT "+columns+shown+" AND n.id = $3", me, db.Ms(s.Clock.Now()), id))
}

// Dismiss removes one of an account's own notices; one that is not there is fine.
func (s *Service) Dismiss(ctx context.Context, me accounts.ID, id int64) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM notifications WHERE id = $1 AND account_id = $2", id, me)
		return err
	})
}

// Clear removes all of an account's notices.
func (s *Service) Clear(ctx context.Context, me accounts.ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Do(ctx, "forgetting requests", "DELETE FROM notification_requests WHERE account_id = $1", me); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM notifications WHERE account_id = $1", me)
		return err
	})
}

// marker is the id up to which the account $1 has read.
const marker = `COALESCE((SELECT m.last_read_id FROM markers m JOIN users u ON u.id = m.user_id WHERE u.account_id = $1 AND m.timeline = 'notifications'), 0)`

// UnreadCount is how many notices came after the account's marker, at most limit.
func (s *Service) UnreadCount(ctx context.Context, q db.Q, me accounts.ID, o Options, limit int) (int64, error) {
	where, args := o.where([]any{me, db.Ms(s.Clock.Now())})
	args = append(args, limit)
	return db.Value[int64](ctx, q, "SELECT COUNT(*) FROM (SELECT n.id"+shown+where+fmt.Sprintf(" AND n.id > "+marker+" LIMIT $%d) unread", len(args)), args...)
}

// publish tells accounts of something; best effort, as all live messages are.
func (s *Service) publish(ctx context.Context, to []accounts.ID, m func(accounts.ID) Message) {
	if s.Bus == nil || len(to) == 0 {
		return
	}
	list := make([]pubsub.Message, len(to))
	for i, id := range to {
		b, _ := json.Marshal(m(id)) // a string and a number always encode
		list[i] = pubsub.Message{Channel: Channel(id), Payload: b}
	}
	_ = s.Bus.Publish(ctx, list...)
}
