package media

import (
	"context"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

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
