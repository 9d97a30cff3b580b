package media

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// shortcode is what may stand between the colons (Mastodon; at least two characters), MED-08.
var shortcode = regexp.MustCompile(`^[a-zA-Z0-9_]{2,128}$`)

// AddEmoji makes a picture one of this server's custom emojis, or the new picture of one.
func (s *Service) AddEmoji(ctx context.Context, e CustomEmoji, file io.Reader, size int64) error {
	if !shortcode.MatchString(e.Shortcode) {
		return errs.Invalid("Validation failed: Shortcode must be 2 to 128 letters, digits and underscores")
	}
	// Posts and profiles name the picture that they were written with, so that the one before stays.
	image, err := s.PutImage(ctx, Emojis, s.IDs.Next(), file, size)
	if err != nil {
		return err
	}
	e.Domain, e.Image = "", image
	if err := s.PutEmoji(ctx, e); err != nil {
		return fmt.Errorf("adding an emoji: %w", err)
	}
	return nil
}

// RemoveEmoji takes one of this server's custom emojis away. Posts that have it keep its picture.
func (s *Service) RemoveEmoji(ctx context.Context, shortcode string) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM custom_emojis WHERE domain = '' AND shortcode = $1", shortcode)
		if err == nil && n == 0 {
			return errs.NotFound()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("removing an emoji: %w", err)
	}
	return nil
}

// CustomEmoji is a picture that stands for :shortcode: in texts.
type CustomEmoji struct {
	ID                            int64
	Shortcode, Domain, Image, URI string
	VisibleInPicker, Disabled     bool
	Category                      string
	CreatedAt, UpdatedAt          time.Time
}

func scanEmoji(r db.Row) (CustomEmoji, error) {
	var e CustomEmoji
	var created, updated int64
	err := r.Scan(&e.ID, &e.Shortcode, &e.Domain, &e.Image, &e.URI, &e.VisibleInPicker, &e.Disabled, &e.Category, &created, &updated)
	e.CreatedAt, e.UpdatedAt = db.At(created), db.At(updated)
	return e, err
}

const emojiColumns = "id, shortcode, domain, image, uri, visible_in_picker, disabled, category, created_at, updated_at"

// Emojis lists this server's custom emojis.
func (s *Service) Emojis(ctx context.Context, q db.Q) ([]CustomEmoji, error) {
	return db.All(ctx, q, scanEmoji, "SELECT "+emojiColumns+" FROM custom_emojis WHERE domain = '' AND NOT disabled ORDER BY shortcode")
}

// EmojisNamed finds this server's custom emojis by shortcode, one statement, none when nothing is asked for.
func (s *Service) EmojisNamed(ctx context.Context, q db.Q, shortcodes []string) ([]CustomEmoji, error) {
	if len(shortcodes) == 0 {
		return nil, nil
	}
	return db.All(ctx, q, scanEmoji, "SELECT "+emojiColumns+" FROM custom_emojis WHERE domain = '' AND NOT disabled AND shortcode = ANY($1)", db.Texts(shortcodes))
}

// PutEmoji adds or replaces a custom emoji; image is a stored file's name, or the address of a remote one.
func (s *Service) PutEmoji(ctx context.Context, e CustomEmoji) error {
	now := db.Ms(s.Clock.Now())
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO custom_emojis (id, shortcode, domain, image, uri, visible_in_picker, category, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT (domain, shortcode) DO UPDATE SET image = excluded.image, uri = excluded.uri, category = excluded.category, updated_at = excluded.updated_at`,
			s.IDs.Next(), e.Shortcode, e.Domain, e.Image, e.URI, e.VisibleInPicker, e.Category, now)
		return err
	})
}
