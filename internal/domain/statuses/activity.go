package statuses

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
)

// ActivityWeeks is how many weeks of public figures there are, with the one that runs (Mastodon).
const ActivityWeeks = 12

// Week is what happened here in a week.
type Week struct {
	// At is its beginning, a Monday at midnight UTC.
	At                              time.Time
	Statuses, Logins, Registrations int64
}

// week is the length of one.
const week = 7 * day

// weekOf is the beginning of the week of a moment. The first Monday after 1970 began was its fifth day.
func weekOf(t time.Time) time.Time {
	const monday = 4 * day
	return time.UnixMilli(0).UTC().Add(monday).Add((t.Sub(time.UnixMilli(0)) - monday) / week * week)
}

// Activity gives the figures of the last weeks, the one that runs first; weeks of which nothing is known have none. The posts are those that were public
// or unlisted when they were counted; a login is somebody who was here in that week.
func (s *Service) Activity(ctx context.Context, q db.Q) ([]Week, error) {
	first := weekOf(s.Clock.Now())
	known, err := db.All(ctx, q, func(r db.Row) (w Week, err error) {
		var at int64
		err = r.Scan(&at, &w.Statuses, &w.Logins, &w.Registrations)
		w.At = db.At(at)
		return w, err
	}, "SELECT week_at, statuses, logins, registrations FROM activity_weeks WHERE week_at > $1", db.Ms(first.Add(-ActivityWeeks*week)))
	if err != nil {
		return nil, fmt.Errorf("reading the activity: %w", err)
	}
	out := make([]Week, ActivityWeeks)
	for i := range out {
		out[i].At = first.Add(-time.Duration(i) * week)
		for _, w := range known {
			if w.At.Equal(out[i].At) {
				out[i] = w
			}
		}
	}
	return out, nil
}

// CountWeeksDue asks for the figures to be counted anew.
type CountWeeksDue struct{}

// Kind names the event.
func (CountWeeksDue) Kind() string { return "statuses.count_weeks_due" }

// CountWeeks counts the week that runs and the one before it, which nobody else will; at first, all of them. Who was here is known of the
// running week alone.
func (s *Service) CountWeeks(ctx context.Context, _ CountWeeksDue) error {
	first := weekOf(s.Clock.Now())
	weeks := 2
	begun, err := db.Exists(ctx, s.DB, "SELECT 1 FROM activity_weeks")
	if err != nil {
		return err
	}
	if !begun {
		weeks = ActivityWeeks
	}
	for i := range weeks {
		w := Week{At: first.Add(-time.Duration(i) * week)}
		end := w.At.Add(week)
		if w.Statuses, err = db.Value[int64](ctx, s.DB, "SELECT COUNT(*) FROM statuses WHERE id >= $1 AND id < $2 AND local AND deleted_at = 0 AND visibility <= 1", ids.First(w.At), ids.First(end)); err != nil {
			return fmt.Errorf("counting the posts of a week: %w", err)
		}
		if w.Registrations, err = db.Value[int64](ctx, s.DB, "SELECT COUNT(*) FROM users WHERE id >= $1 AND id < $2", ids.First(w.At), ids.First(end)); err != nil {
			return fmt.Errorf("counting the people of a week: %w", err)
		}
		if i == 0 {
			if w.Logins, err = db.Value[int64](ctx, s.DB, "SELECT COUNT(*) FROM users WHERE last_active_at >= $1", db.Ms(w.At)); err != nil {
				return fmt.Errorf("counting the logins of a week: %w", err)
			}
		}
		if err := s.keepWeek(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// keepWeek writes the figures of a week; logins never become fewer.
func (s *Service) keepWeek(ctx context.Context, w Week) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "keeping the figures of a week", `INSERT INTO activity_weeks (week_at, statuses, logins, registrations, updated_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (week_at) DO UPDATE SET statuses = excluded.statuses, registrations = excluded.registrations, updated_at = excluded.updated_at,
  logins = CASE WHEN excluded.logins > activity_weeks.logins THEN excluded.logins ELSE activity_weeks.logins END`,
			db.Ms(w.At), w.Statuses, w.Logins, w.Registrations, db.Ms(s.Clock.Now()))
	})
}
