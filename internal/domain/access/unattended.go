package access

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// unattendedAfter is how long no moderator has been there when open sign-ups begin to wait for approval: Mastodon's week, and the day within
// which a visit may not have been noted yet (requirement L7).
const unattendedAfter = 8 * 24 * time.Hour

// UnattendedDue asks for LimitUnattended's work; it is scheduled.
type UnattendedDue struct{}

// Kind names the event.
func (UnattendedDue) Kind() string { return "access.unattended_due" }

// RegistrationsLimited tells one of those who run the server that sign-ups wait for approval now.
type RegistrationsLimited struct{ UserID UserID }

// Kind names the event.
func (RegistrationsLimited) Kind() string { return "access.registrations_limited" }

// LimitUnattended lets open sign-ups wait for approval when nobody who may moderate was there for a week. A person who was made
// moderator of late counts as there.
func (s *Service) LimitUnattended(ctx context.Context, _ UnattendedDue) error {
	if s.KeepOpen {
		return nil
	}
	i, err := s.Settings.Get(ctx, s.DB)
	since := s.Clock.Now().Add(-unattendedAfter)
	if err != nil || i.RegistrationsMode != settings.RegistrationsOpen || i.UpdatedAt.After(since) {
		return err // not open, or somebody chose so of late
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		attended, err := db.Exists(ctx, tx, `SELECT 1 FROM users WHERE role <> 'user' AND role IN ('owner', 'admin', 'moderator') AND confirmed_at > 0 AND approved AND NOT disabled
AND (last_active_at >= $1 OR updated_at >= $1)`, db.Ms(since))
		if err != nil || attended {
			return err
		}
		changed, err := s.Settings.LimitRegistrations(ctx, tx)
		if err != nil || !changed {
			return err
		}
		list, err := db.Column[UserID](ctx, tx, "SELECT id FROM users WHERE role <> 'user' AND role IN ('owner', 'admin') AND confirmed_at > 0 AND NOT disabled")
		if err != nil {
			return err
		}
		events := make([]jobs.Event, len(list))
		for i, id := range list {
			events[i] = RegistrationsLimited{id}
		}
		return s.Jobs.Emit(ctx, tx, events...)
	})
	if err != nil {
		return fmt.Errorf("limiting unattended sign-ups: %w", err)
	}
	return nil
}
