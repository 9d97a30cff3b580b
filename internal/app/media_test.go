package app

import (
	"context"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/db"
)

// sound enters an upload that waits: a second of silence.
func (s *server) sound(by *accounts.Account) {
	s.t.Helper()
	ctx, id := context.Background(), s.IDs.Next()
	head := "RIFF\xa4\x3e\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x80\x3e\x00\x00"
	raw := blob.Name("incoming", "")
	s.must(s.files.Put(ctx, raw, strings.NewReader(head+strings.Repeat("\x00", 16_000)), -1))
	s.must(s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO media_attachments (id, account_id, kind, processing, raw, created_at, updated_at) VALUES ($1, $2, 'audio', 'queued', $3, $4, $4)",
			id, by.ID, raw, db.Ms(s.Clock.Now())); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, media.Uploaded{ID: id})
	}))
}
