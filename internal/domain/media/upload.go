package media

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// MaxDescription is how many characters describe a file (Mastodon).
	MaxDescription = 1500
	// keepUnattached is how long a file waits for its post.
	keepUnattached = 24 * time.Hour
	// sweepAtOnce bounds how many files one sweep looks at.
	sweepAtOnce = 500
)

// Add enters a file that an account uploaded, whose bytes are stored already. The id is new.
func (s *Service) Add(ctx context.Context, a Attachment) (Attachment, error) {
	a.ID, a.CreatedAt, a.Processing = s.ids.Next(), s.clock.Now(), "complete"
	meta, err := json.Marshal(a.Meta)
	if err != nil {
		return a, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO media_attachments (id, account_id, kind, content_type, file, thumbnail, description, blurhash, meta, file_size, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`,
			a.ID, a.AccountID, a.Kind, a.ContentType, a.File, a.Thumbnail, a.Description, a.Blurhash, string(meta), a.FileSize, db.Ms(a.CreatedAt))
		return err
	})
	if err != nil {
		return a, fmt.Errorf("entering an attachment: %w", err)
	}
	return a, nil
}

// Change is what may be changed of a file; nil leaves as it is.
type Change struct {
	Description *string
	Focus       *Point
}

// Clamp keeps a focal point within the picture; what is no number is the middle (MED-13).
func (p Point) Clamp() Point {
	in := func(v float64) float64 {
		if math.IsNaN(v) {
			return 0
		}
		return max(-1, min(1, v))
	}
	return Point{in(p.X), in(p.Y)}
}

// Describe changes one of an account's own files: one that waits for a post when status is 0, otherwise one of that post.
func (s *Service) Describe(ctx context.Context, owner accounts.ID, status, id int64, c Change) (Attachment, error) {
	var a Attachment
	err := s.db.Write(ctx, func(tx *db.Tx) (err error) {
		a, err = scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM media_attachments m WHERE m.id = $1 AND m.account_id = $2 AND m.status_id = $3"+tx.ForUpdate(), id, owner, status))
		if err != nil {
			return err
		}
		if c.Description != nil {
			a.Description = *c.Description
		}
		if c.Focus != nil {
			p := c.Focus.Clamp()
			a.Meta.Focus = &p
		}
		meta, err := json.Marshal(a.Meta)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE media_attachments SET description = $1, meta = $2, updated_at = $3 WHERE id = $4", a.Description, string(meta), db.Ms(s.clock.Now()), id)
		return err
	})
	if err != nil {
		return a, fmt.Errorf("describing an attachment: %w", err)
	}
	return a, nil
}

// Remove deletes one of an account's own files that belongs to no post.
func (s *Service) Remove(ctx context.Context, files blob.Store, owner accounts.ID, id int64) error {
	a, err := s.ByID(ctx, s.db, owner, id)
	if err != nil {
		return err
	}
	if a.StatusID != 0 {
		return errs.Invalid("Media attachment is currently used by a status")
	}
	return s.drop(ctx, files, a)
}

// drop removes a row that no post uses, then its files.
func (s *Service) drop(ctx context.Context, files blob.Store, a Attachment) error {
	gone := false
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM media_attachments WHERE id = $1 AND status_id = 0 AND scheduled_status_id = 0", a.ID)
		gone = n == 1
		return err
	})
	if err != nil || !gone {
		return err
	}
	return files.Delete(ctx, a.File, a.Thumbnail)
}

// Sweep deletes files that waited for a post for more than a day, with those of posts that were deleted. It is safe to repeat.
func (s *Service) Sweep(ctx context.Context, files blob.Store) error {
	due, err := db.All(ctx, s.db, scan, "SELECT "+columns+" FROM media_attachments m WHERE m.status_id = 0 AND m.scheduled_status_id = 0 AND m.created_at < $1 ORDER BY m.created_at LIMIT $2",
		db.Ms(s.clock.Now().Add(-keepUnattached)), sweepAtOnce)
	if err != nil {
		return fmt.Errorf("looking for unattached files: %w", err)
	}
	for _, a := range due {
		if err := s.drop(ctx, files, a); err != nil {
			return fmt.Errorf("deleting unattached file %d: %w", a.ID, err)
		}
	}
	return nil
}
