package notifications

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
)

// batch is how many people one transaction tells, and maxMentioned how many people here a post may tell by naming them: who
// names more means nobody in particular (FET-07).
const (
	batch        = 500
	maxMentioned = 100
)

// notice is something to tell several people.
type notice struct {
	kind string
	from accounts.ID
	// status is the post it is about, and subject what makes the notice unique among those of its type and sender.
	status  statuses.ID
	subject int64
	// collection is the one that it is about, 0 for none.
	collection collections.ID
	at         time.Time
	// private says that the post is a direct one that answers parent, 0 for none.
	private bool
	parent  statuses.ID
	// conversation, when not 0, keeps it from those who muted the thread. people are others in the text, who must not be blocked.
	conversation int64
	people       []accounts.ID
	// toSelf lets the sender be told too: of the own poll.
	toSelf bool
	// of, where not nil, is the post that each of the people is told about, rather than status.
	of map[accounts.ID]statuses.ID
	// cause, when not "", is a query with a row while that which the notice is about is still so; its argument is subject.
	cause string
}

// willing is Mastodon's rule of who wants a notice of whom: $1 the people, $2 the sender, $3 now, $4 a conversation, $5 others
// in the text, $6 whether to tell the sender too. Further columns are what a policy asks, and the policy.
const willing = `SELECT a.id, f.id IS NOT NULL OR a.id = c.id, COALESCE(b.created_at, 0), c.created_at, c.silenced_at <> 0, c.actor_type, g.account_id IS NOT NULL,
COALESCE(p.for_not_following, ''), COALESCE(p.for_not_followers, ''), COALESCE(p.for_new_accounts, ''), COALESCE(p.for_private_mentions, ''), COALESCE(p.for_limited_accounts, ''), COALESCE(p.for_bots, '')
FROM accounts a JOIN accounts c ON c.id = $2 LEFT JOIN follows f ON f.account_id = a.id AND f.target_account_id = c.id
LEFT JOIN follows b ON b.account_id = c.id AND b.target_account_id = a.id LEFT JOIN notification_policies p ON p.account_id = a.id
LEFT JOIN notification_permissions g ON g.account_id = a.id AND g.from_account_id = c.id
WHERE a.id = ANY($1) AND a.domain = '' AND a.suspended_at = 0 AND c.suspended_at = 0 AND (a.id <> c.id OR $6 = 1)
AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = a.id AND (b.target_account_id = c.id OR b.target_account_id = ANY($5)))
AND NOT EXISTS (SELECT 1 FROM mutes m WHERE m.account_id = a.id AND m.hide_notifications AND (m.expires_at = 0 OR m.expires_at > $3) AND (m.target_account_id = c.id OR m.target_account_id = ANY($5)))
AND (f.id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM account_domain_blocks d WHERE d.account_id = a.id AND d.domain = c.domain AND c.domain <> ''))
AND NOT EXISTS (SELECT 1 FROM conversation_mutes v WHERE v.account_id = a.id AND v.conversation_id = $4)`

type recipient struct {
	id       accounts.ID
	sender   sender
	policy   Policy
	filtered bool
}

func scanRecipient(r db.Row) (v recipient, err error) {
	var actor string
	var follows, since int64
	to := append([]any{&v.id, &v.sender.followed, &follows, &since, &v.sender.limited, &actor, &v.sender.permitted}, v.policy.fields()...)
	if err := r.Scan(to...); err != nil {
		return v, err
	}
	if follows > 0 {
		v.sender.followsSince = db.At(follows)
	}
	v.sender.since, v.sender.bot = db.At(since), (&accounts.Account{ActorType: actor}).Bot()
	if v.policy.Bots == "" {
		v.policy = defaultPolicy
	}
	return v, nil
}

// tell writes a notice for those of the people who want it and do not have it yet, and publishes it. At most batch people.
func (s *Service) tell(ctx context.Context, n notice, people []accounts.ID) error {
	if len(people) == 0 {
		return nil
	}
	var told []accounts.ID
	var rows map[accounts.ID]int64
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		told, rows = nil, map[accounts.ID]int64{}
		if n.cause != "" {
			// Locked, so that the notice is not written after the reaction that takes it back.
			if ok, err := db.Column[int64](ctx, tx, n.cause+tx.ForUpdate(), n.subject); err != nil || len(ok) == 0 {
				return err
			}
		}
		toSelf := 0
		if n.toSelf {
			toSelf = 1
		}
		list, err := db.All(ctx, tx, scanRecipient, willing+`
AND NOT EXISTS (SELECT 1 FROM notifications o WHERE o.account_id = a.id AND o.type = $7 AND o.from_account_id = $2 AND o.subject = $8)`,
			db.Array(people), n.from, db.Ms(s.Clock.Now()), n.conversation, db.Array(n.people), toSelf, n.kind, n.subject)
		if err != nil {
			return err
		}
		if list, err = s.sift(ctx, tx, n, list); err != nil {
			return err
		}
		args := make([][]any, 0, len(list))
		for _, r := range list {
			group, err := s.group(ctx, tx, n, r)
			if err != nil {
				return err
			}
			id, about := s.IDs.Next(), n.status
			if n.of != nil {
				about = n.of[r.id]
			}
			args = append(args, []any{id, r.id, n.kind, n.from, about, n.subject, group, r.filtered, db.Ms(s.Clock.Now()), n.collection})
			if r.filtered && asks(n.kind) {
				if err := s.asked(ctx, tx, r.id, n); err != nil {
					return err
				}
			}
			if !r.filtered {
				told, rows[r.id] = append(told, r.id), id
			}
		}
		err = tx.DoMany(ctx, "writing notices", `INSERT INTO notifications (id, account_id, type, from_account_id, status_id, subject, group_key, filtered, created_at, collection_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`, args)
		if err != nil {
			return err
		}
		return s.pushes(ctx, tx, n.kind, rows, told)
	})
	if err != nil {
		return fmt.Errorf("notifying of a %s: %w", n.kind, err)
	}
	s.publish(ctx, told, func(id accounts.ID) Message { return Message{Event: "notification", ID: rows[id]} })
	return nil
}

// sift applies the recipients' policies: those who want no notice are left out, and those who keep it apart are marked.
func (s *Service) sift(ctx context.Context, tx *db.Tx, n notice, list []recipient) ([]recipient, error) {
	if unfilterable(n.kind) {
		return list, nil
	}
	now := s.Clock.Now()
	out := list[:0]
	for _, r := range list {
		if n.private && !r.sender.followed && !r.sender.permitted && r.policy.PrivateMentions != Accept {
			answers, err := s.answers(ctx, tx, n, r.id)
			if err != nil {
				return nil, err
			}
			r.sender.private = !answers
		}
		verdict := r.policy.of(r.sender, now)
		if r.filtered = verdict == Filter; verdict != Drop {
			out = append(out, r)
		}
	}
	return out, nil
}

// answers reports whether a private mention is in a thread in which the recipient wrote privately to its sender.
func (s *Service) answers(ctx context.Context, tx *db.Tx, n notice, to accounts.ID) (bool, error) {
	if n.parent == 0 {
		return false, nil
	}
	found, err := db.Column[int64](ctx, tx, `WITH RECURSIVE above (id, parent, account_id, visibility, depth) AS (
SELECT s.id, s.in_reply_to_id, s.account_id, s.visibility, 1 FROM statuses s WHERE s.id = $1
UNION ALL SELECT s.id, s.in_reply_to_id, s.account_id, s.visibility, a.depth + 1 FROM above a JOIN statuses s ON s.id = a.parent WHERE a.depth < $2)
SELECT a.id FROM above a JOIN mentions m ON m.status_id = a.id AND m.account_id = $3 AND NOT m.silent WHERE a.account_id = $4 AND a.visibility = $5 LIMIT 1`,
		n.parent, maxThread, n.from, to, statuses.Direct)
	return len(found) > 0, err
}

// asks reports whether a notice that is kept apart makes a request: what somebody wrote does.
func asks(kind string) bool { return kind == Mention || kind == Quote }

// group is the key under which a notice is shown together with others of its kind: those of the same post, or follows, within
// a span of hours that the first one began (Mastodon).
func (s *Service) group(ctx context.Context, tx *db.Tx, n notice, r recipient) (string, error) {
	var prefix string
	switch n.kind {
	case Favourite, Reblog:
		prefix = n.kind + "-" + strconv.FormatInt(int64(n.status), 10)
	case Follow, SignUp:
		prefix = n.kind
	default:
		return "", nil
	}
	if r.filtered {
		return "", nil
	}
	bucket := n.at.Unix() / 3600
	key := func(bucket int64) string { return prefix + "-" + strconv.FormatInt(bucket, 10) }
	span := int64(groupSpan / time.Hour)
	// Keys of the same thing have as many digits, so that they sort by their hour; a popular post has one probe of the index, too.
	last, err := db.Column[string](ctx, tx, `SELECT n.group_key FROM notifications n WHERE n.account_id = $1 AND n.group_key > $2 AND n.group_key < $3 AND n.group_key <> ''
		AND n.type = $4 AND n.status_id = $5 ORDER BY n.group_key DESC LIMIT 1`, r.id, key(bucket-span), key(bucket+span), n.kind, n.status)
	if err != nil {
		return "", err
	}
	if len(last) == 1 {
		if before, err := strconv.ParseInt(strings.TrimPrefix(last[0], prefix+"-"), 10, 64); err == nil && bucket < before+span {
			bucket = before
		}
	}
	return key(bucket), nil
}
