package statuses

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Limits of posts in waiting, Mastodon's.
const (
	// MinSchedule is how far ahead a post can be scheduled at least.
	MinSchedule = 5 * time.Minute
	// maxScheduled is how many posts one person can have waiting, maxScheduledDaily how many of them for one day (UTC).
	maxScheduled, maxScheduledDaily = 300, 25
)

// Scheduled is a post that waits for its time.
type Scheduled struct {
	ID        int64
	AccountID accounts.ID
	At        time.Time
	Draft     Draft
	Media     []media.Attachment
}

// ScheduledDue says that the time of a post has come. Whether it still has is asked then.
type ScheduledDue struct{ ScheduledID int64 }

// Kind names the event.
func (ScheduledDue) Kind() string { return "statuses.scheduled_due" }

const scheduledColumns = "id, account_id, scheduled_at, draft"

func scanScheduled(r db.Row) (*Scheduled, error) {
	var s Scheduled
	var at int64
	var draft string
	if err := r.Scan(&s.ID, &s.AccountID, &at, &draft); err != nil {
		return nil, err
	}
	s.At = db.At(at)
	return &s, json.Unmarshal([]byte(draft), &s.Draft)
}

// Schedule keeps a draft until its time. A repeated IdempotencyKey gives the first one back.
func (s *Service) Schedule(ctx context.Context, by *accounts.Account, d Draft, at time.Time) (*Scheduled, error) {
	key := ""
	if d.IdempotencyKey != "" {
		key = keyHash("scheduled\x00" + d.IdempotencyKey)
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	if err := s.future(at); err != nil {
		return nil, err
	}
	if _, err := s.parent(ctx, by, d.InReplyToID); err != nil {
		return nil, err
	}
	if _, err := s.quotable(ctx, by, d.QuotedStatusID); err != nil {
		return nil, err
	}
	out := &Scheduled{ID: s.IDs.Next(), AccountID: by.ID, At: at, Draft: d}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("keeping a draft: %w", err)
	}
	var first *Scheduled
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		first = nil
		now := s.Clock.Now()
		if key != "" {
			fresh, err := s.claimKey(ctx, tx, by.ID, key, out.ID, now)
			if err != nil {
				return err
			}
			if !fresh {
				first, err = scanScheduled(tx.QueryRow(ctx, `SELECT `+scheduledColumns+` FROM scheduled_statuses WHERE account_id = $1
AND id = (SELECT status_id FROM idempotency_keys WHERE account_id = $1 AND key_hash = $2)`, by.ID, key))
				return err
			}
		}
		if err := s.roomFor(ctx, tx, by.ID, at, 0); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO scheduled_statuses (id, account_id, scheduled_at, draft, created_at) VALUES ($1, $2, $3, $4, $5)", out.ID, by.ID, db.Ms(at), string(text), db.Ms(now))
		if err != nil {
			return err
		}
		if err := s.Media.Reserve(ctx, tx, by.ID, out.ID, d.MediaIDs); err != nil {
			return err
		}
		return s.Jobs.EmitAt(ctx, tx, at, ScheduledDue{out.ID})
	})
	if err != nil {
		return nil, fmt.Errorf("scheduling: %w", err)
	}
	if first != nil {
		out = first
	}
	return out, s.loadReserved(ctx, s.DB, out)
}

func (s *Service) future(at time.Time) error {
	if !at.After(s.Clock.Now().Add(MinSchedule)) {
		return errs.Invalid("Validation failed: Scheduled at date must be in the future")
	}
	return nil
}

// roomFor refuses what would be over the limits. except is one that does not count, since it is moved.
func (s *Service) roomFor(ctx context.Context, tx *db.Tx, by accounts.ID, at time.Time, except int64) error {
	day := at.UTC().Truncate(24 * time.Hour)
	var all, daily int64
	err := tx.QueryRow(ctx, `SELECT COUNT(*), COUNT(*) FILTER (WHERE scheduled_at >= $1 AND scheduled_at < $2) FROM scheduled_statuses WHERE account_id = $3 AND id <> $4`,
		db.Ms(day), db.Ms(day.Add(24*time.Hour)), by, except).Scan(&all, &daily)
	switch {
	case err != nil:
		return err
	case all >= maxScheduled:
		return errs.Invalid("Validation failed: You have exceeded the limit of %d scheduled posts", maxScheduled)
	case daily >= maxScheduledDaily:
		return errs.Invalid("Validation failed: You have exceeded the limit of %d scheduled posts for today", maxScheduledDaily)
	}
	return nil
}

// ScheduledBy is a page of an account's posts in waiting.
func (s *Service) ScheduledBy(ctx context.Context, q db.Q, by accounts.ID, p db.Page) ([]*Scheduled, error) {
	where, args := p.Apply("id", []any{by})
	list, err := db.All(ctx, q, scanScheduled, "SELECT "+scheduledColumns+" FROM scheduled_statuses WHERE account_id = $1"+where, args...)
	if err != nil {
		return nil, fmt.Errorf("listing scheduled posts: %w", err)
	}
	return db.Newest(p, list), s.loadReserved(ctx, q, list...)
}

// ScheduledByID is one of an account's own posts in waiting.
func (s *Service) ScheduledByID(ctx context.Context, q db.Q, by accounts.ID, id int64) (*Scheduled, error) {
	one, err := scanScheduled(q.QueryRow(ctx, "SELECT "+scheduledColumns+" FROM scheduled_statuses WHERE id = $1 AND account_id = $2", id, by))
	if err != nil {
		return nil, err
	}
	return one, s.loadReserved(ctx, q, one)
}

func (s *Service) loadReserved(ctx context.Context, q db.Q, list ...*Scheduled) error {
	ids := make([]int64, len(list))
	for i, one := range list {
		ids[i] = one.ID
	}
	files, err := s.Media.Reserved(ctx, q, ids)
	for _, one := range list {
		one.Media = files[one.ID]
	}
	return err
}

// Reschedule moves a post in waiting to another time.
func (s *Service) Reschedule(ctx context.Context, by accounts.ID, id int64, at time.Time) (*Scheduled, error) {
	if err := s.future(at); err != nil {
		return nil, err
	}
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := s.roomFor(ctx, tx, by, at, id); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "UPDATE scheduled_statuses SET scheduled_at = $1 WHERE id = $2 AND account_id = $3", db.Ms(at), id, by)
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.NotFound()
		}
		return s.Jobs.EmitAt(ctx, tx, at, ScheduledDue{id})
	})
	if err != nil {
		return nil, fmt.Errorf("rescheduling: %w", err)
	}
	return s.ScheduledByID(ctx, s.DB, by, id)
}

// Unschedule forgets a post in waiting. Its files are free again.
func (s *Service) Unschedule(ctx context.Context, by accounts.ID, id int64) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM scheduled_statuses WHERE id = $1 AND account_id = $2", id, by)
		if err != nil {
			return fmt.Errorf("unscheduling: %w", err)
		}
		if n == 0 {
			return errs.NotFound()
		}
		return s.Media.Release(ctx, tx, id)
	})
}

// errTaken says that a post in waiting was published or forgotten meanwhile.
var errTaken = errors.New("the post does not wait any more")

// PublishScheduled posts what waited, once: the post is written in the transaction that takes it out of the waiting. One that was moved
// or forgotten is left alone. One that cannot be posted stays in its author's list.
func (s *Service) PublishScheduled(ctx context.Context, e ScheduledDue) error {
	one, err := scanScheduled(s.DB.QueryRow(ctx, "SELECT "+scheduledColumns+" FROM scheduled_statuses WHERE id = $1", e.ScheduledID))
	if errs.IsNotFound(err) || (err == nil && one.At.After(s.Clock.Now())) {
		return nil
	}
	if err != nil {
		return err
	}
	by, err := s.Accounts.ByID(ctx, s.DB, one.AccountID)
	if errs.IsNotFound(err) || (err == nil && by.Suspended()) {
		return nil
	}
	if err != nil {
		return err
	}
	d := one.Draft
	d.IdempotencyKey = ""
	if _, err := s.parent(ctx, by, d.InReplyToID); errs.IsNotFound(err) {
		d.InReplyToID = 0 // what it answered is gone: it is posted by itself, as in Mastodon
	}
	if _, err := s.quotable(ctx, by, d.QuotedStatusID); errs.IsNotFound(err) {
		d.QuotedStatusID = 0 // likewise, if there are words to it
	}
	_, err = s.post(ctx, by, d, func(tx *db.Tx) error {
		if err := jobs.Complete(ctx, tx); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "DELETE FROM scheduled_statuses WHERE id = $1 AND scheduled_at <= $2", one.ID, db.Ms(s.Clock.Now()))
		if err != nil {
			return err
		}
		if n == 0 {
			return errTaken
		}
		return s.Media.Release(ctx, tx, one.ID)
	})
	switch {
	case errors.Is(err, errTaken):
		return nil
	case errs.KindOf(err) == errs.InvalidKind:
		return jobs.Dead(fmt.Errorf("publishing a scheduled post: %w", err))
	}
	return err
}
