package media

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// keepUnattached is how long a file waits for its post.
	keepUnattached = 24 * time.Hour
	// keepIncoming is how long an upload is kept that no row speaks of: its request or its job ended in the middle.
	keepIncoming = 48 * time.Hour
	// sweepAtOnce bounds how many files one sweep looks at.
	sweepAtOnce = 500
)

// SweepDue asks for files to be removed that belong to nothing.
type SweepDue struct{}

// Kind names the event. It is the name that it was stored under before it moved here.
func (SweepDue) Kind() string { return "app.sweep_media_due" }

// drop removes rows that no post uses, then their files; those that a post took meanwhile stay.
func (s *Service) drop(ctx context.Context, list []Attachment) error {
	if len(list) == 0 {
		return nil
	}
	all := make([]int64, len(list))
	for i, a := range list {
		all[i] = a.ID
	}
	var gone []int64
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		gone, err = db.Column[int64](ctx, tx, "DELETE FROM media_attachments WHERE id = ANY($1) AND status_id = 0 AND scheduled_status_id = 0 RETURNING id", db.Array(all))
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting unattached files: %w", err)
	}
	var names []string
	for _, a := range list {
		if slices.Contains(gone, a.ID) {
			names = append(names, a.files()...)
		}
	}
	return errors.Join(s.Files.Delete(ctx, names...), s.forgetAttachments(ctx, gone))
}

// Sweep deletes files that waited for a post for more than a day, with those of posts that were deleted. It is safe to repeat.
func (s *Service) Sweep(ctx context.Context, _ SweepDue) error {
	now := s.Clock.Now()
	due, err := db.All(ctx, s.DB, scan, "SELECT "+columns+" FROM media_attachments m WHERE m.status_id = 0 AND m.scheduled_status_id = 0 AND m.created_at < $1 ORDER BY m.created_at LIMIT $2",
		db.Ms(now.Add(-keepUnattached)), sweepAtOnce)
	if err != nil {
		return fmt.Errorf("looking for unattached files: %w", err)
	}
	if err := s.drop(ctx, due); err != nil {
		return err
	}
	var stale []string
	err = s.Files.Walk(ctx, incomingFolder+"/", "", func(i blob.Info) error {
		if i.ModTime.Before(now.Add(-keepIncoming)) && len(stale) < sweepAtOnce {
			stale = append(stale, i.Name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for uploads of nobody: %w", err)
	}
	return s.Files.Delete(ctx, stale...)
}
