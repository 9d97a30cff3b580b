// Package announcements owns what the people who run the server tell everybody here: publishing it, at once or later, and what readers do with it.
package announcements

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

// ID names an announcement.
type ID int64

const (
	// maxText is in characters: an announcement is shown above everything else.
	maxText = 10_000
	// maxShown bounds how many are shown at once, the newest of them.
	maxShown = 50
)

// Announcement is what is told.
type Announcement struct {
	ID   ID
	Text string
	// Published says that people see it; ScheduledAt is when that begins by itself, zero for never.
	Published   bool
	ScheduledAt time.Time
	// What it is about lasts from StartsAt to EndsAt, whole days with AllDay; both are zero for nothing of the kind. It is taken down at its end.
	StartsAt, EndsAt time.Time
	AllDay           bool
	// PublishedAt is zero until it is published.
	PublishedAt, CreatedAt, UpdatedAt time.Time
}

// Reaction is an emoji that people put on an announcement, and how many did.
type Reaction struct {
	Name  string
	Count int64
	// Mine says that the viewer is one of them.
	Mine bool
}

// Changed says that everybody here is to be told of an announcement, or that it is gone.
type Changed struct {
	AnnouncementID ID
	Gone           bool
}

// Kind names the event.
func (Changed) Kind() string { return "announcements.changed" }

// DueDue asks for announcements to be published whose time came, and for those to be taken down that are over.
type DueDue struct{}

// Kind names the event.
func (DueDue) Kind() string { return "announcements.due" }

// Deps is what the service stands on.
type Deps struct {
	DB    *db.DB
	Jobs  *jobs.Jobs
	IDs   *ids.Source
	Clock clock.Clock
	Media *media.Service
	// Bus carries live messages; nil for none.
	Bus pubsub.Bus
}

// Service reads and writes announcements.
type Service struct{ Deps }

// New makes the service.
func New(d Deps) *Service { return &Service{d} }

const columns = "n.id, n.text, n.published, n.all_day, n.scheduled_at, n.starts_at, n.ends_at, n.published_at, n.created_at, n.updated_at"

func scan(r db.Row) (*Announcement, error) {
	var a Announcement
	var scheduled, starts, ends, published, created, updated int64
	err := r.Scan(&a.ID, &a.Text, &a.Published, &a.AllDay, &scheduled, &starts, &ends, &published, &created, &updated)
	a.ScheduledAt, a.StartsAt, a.EndsAt = db.At(scheduled), db.At(starts), db.At(ends)
	a.PublishedAt, a.CreatedAt, a.UpdatedAt = db.At(published), db.At(created), db.At(updated)
	return &a, err
}

// ByID finds an announcement, published or not.
func (s *Service) ByID(ctx context.Context, q db.Q, id ID) (*Announcement, error) {
	return scan(q.QueryRow(ctx, "SELECT "+columns+" FROM announcements n WHERE n.id = $1", id))
}

// Published finds one that people see.
func (s *Service) Published(ctx context.Context, q db.Q, id ID) (*Announcement, error) {
	return scan(q.QueryRow(ctx, "SELECT "+columns+" FROM announcements n WHERE n.id = $1 AND n.published", id))
}

// List gives all that people see, by the time that they are about, the earliest first.
func (s *Service) List(ctx context.Context, q db.Q) ([]*Announcement, error) {
	return db.All(ctx, q, scan, "SELECT "+columns+` FROM (SELECT * FROM announcements WHERE published ORDER BY id DESC LIMIT $1) n
ORDER BY CASE WHEN n.starts_at <> 0 THEN n.starts_at WHEN n.scheduled_at <> 0 THEN n.scheduled_at ELSE n.published_at END, n.id`, maxShown)
}

// All lists every announcement, the newest first.
func (s *Service) All(ctx context.Context, q db.Q) ([]*Announcement, error) {
	return db.All(ctx, q, scan, "SELECT "+columns+" FROM announcements n ORDER BY n.id DESC")
}

func (a *Announcement) check() error {
	a.Text = strings.TrimSpace(a.Text)
	switch {
	case a.Text == "" || !utf8.ValidString(a.Text):
		return errs.Invalid("Validation failed: Text can't be blank")
	case utf8.RuneCountInString(a.Text) > maxText:
		return errs.Invalid("Validation failed: Text is too long (maximum is %d characters)", maxText)
	case a.StartsAt.IsZero() != a.EndsAt.IsZero():
		return errs.Invalid("Validation failed: A beginning needs an end, and an end a beginning")
	case !a.EndsAt.IsZero() && !a.EndsAt.After(a.StartsAt):
		return errs.Invalid("Validation failed: The end must come after the beginning")
	}
	return nil
}

// Create writes an announcement. It is published at once, unless it has a time for that in the future.
func (s *Service) Create(ctx context.Context, a Announcement) (*Announcement, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	a.ID, a.CreatedAt = ID(s.IDs.Next()), s.Clock.Now()
	a.UpdatedAt = a.CreatedAt
	if a.Published = !a.ScheduledAt.After(a.CreatedAt); a.Published {
		a.PublishedAt, a.ScheduledAt = a.CreatedAt, time.Time{}
	}
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO announcements (id, text, published, all_day, scheduled_at, starts_at, ends_at, published_at, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`, a.ID, a.Text, a.Published, a.AllDay, db.Ms(a.ScheduledAt), db.Ms(a.StartsAt), db.Ms(a.EndsAt), db.Ms(a.PublishedAt), db.Ms(a.CreatedAt))
		if err != nil || !a.Published {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Changed{AnnouncementID: a.ID})
	})
	if err != nil {
		return nil, fmt.Errorf("writing an announcement: %w", err)
	}
	return &a, nil
}

// Change writes an announcement anew as change leaves it: its text and times. Whether it is published stays.
func (s *Service) Change(ctx context.Context, id ID, change func(*Announcement)) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM announcements n WHERE n.id = $1"+tx.ForUpdate(), id))
		if err != nil {
			return err
		}
		change(a)
		if err := a.check(); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE announcements SET text = $1, all_day = $2, scheduled_at = $3, starts_at = $4, ends_at = $5, updated_at = $6 WHERE id = $7",
			a.Text, a.AllDay, db.Ms(a.ScheduledAt), db.Ms(a.StartsAt), db.Ms(a.EndsAt), db.Ms(s.Clock.Now()), id); err != nil || !a.Published {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Changed{AnnouncementID: id})
	})
}

// Publish shows an announcement now, or takes it down.
func (s *Service) Publish(ctx context.Context, id ID, on bool) error {
	now := db.Ms(s.Clock.Now())
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM announcements n WHERE n.id = $1"+tx.ForUpdate(), id))
		if err != nil || a.Published == on {
			return err
		}
		return s.publish(ctx, tx, id, on, now)
	})
}

func (s *Service) publish(ctx context.Context, tx *db.Tx, id ID, on bool, now int64) error {
	sql := "UPDATE announcements SET published = FALSE, scheduled_at = 0, updated_at = $1 WHERE id = $2"
	if on {
		sql = "UPDATE announcements SET published = TRUE, scheduled_at = 0, published_at = $1, updated_at = $1 WHERE id = $2"
	}
	if _, err := tx.Exec(ctx, sql, now, id); err != nil {
		return err
	}
	return s.Jobs.Emit(ctx, tx, Changed{AnnouncementID: id, Gone: !on})
}

// Delete removes an announcement with all that readers did with it.
func (s *Service) Delete(ctx context.Context, id ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		shown, err := db.Value[bool](ctx, tx, "DELETE FROM announcements WHERE id = $1 RETURNING published", id)
		if err != nil || !shown {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Changed{AnnouncementID: id, Gone: true})
	})
}

// Due publishes what its time came for, and takes down what is over.
func (s *Service) Due(ctx context.Context, _ DueDue) error {
	now := db.Ms(s.Clock.Now())
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, due := range []struct {
			on    bool
			where string
		}{{true, "NOT published AND scheduled_at <> 0 AND scheduled_at <= $1"}, {false, "published AND ends_at <> 0 AND ends_at <= $1"}} {
			list, err := db.Column[ID](ctx, tx, "SELECT id FROM announcements WHERE "+due.where, now)
			if err != nil {
				return fmt.Errorf("finding announcements that are due: %w", err)
			}
			for _, id := range list {
				if err := s.publish(ctx, tx, id, due.on, now); err != nil {
					return fmt.Errorf("publishing an announcement: %w", err)
				}
			}
		}
		return nil
	})
}

// Dismiss notes that somebody read an announcement.
func (s *Service) Dismiss(ctx context.Context, me accounts.ID, id ID) error {
	if _, err := s.Published(ctx, s.DB, id); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO announcement_mutes (account_id, announcement_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", me, id)
		return err
	})
}

// ReadBy tells which announcements somebody read.
func (s *Service) ReadBy(ctx context.Context, q db.Q, me accounts.ID, list []ID) (map[ID]bool, error) {
	read, err := db.Column[ID](ctx, q, "SELECT announcement_id FROM announcement_mutes WHERE account_id = $1 AND announcement_id = ANY($2)", me, db.Array(list))
	out := make(map[ID]bool, len(read))
	for _, id := range read {
		out[id] = true
	}
	return out, err
}
