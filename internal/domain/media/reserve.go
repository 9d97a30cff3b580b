package media

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Reserve keeps an account's waiting attachments for a post that will be made later: nobody sweeps them, no other post gets them.
func (s *Service) Reserve(ctx context.Context, tx *db.Tx, owner accounts.ID, scheduled int64, list []int64) error {
	if len(list) == 0 {
		return nil
	}
	if err := aloneIfFilm(ctx, tx, list); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `UPDATE media_attachments SET scheduled_status_id = $1, updated_at = $2
WHERE id = ANY($3) AND account_id = $4 AND status_id = 0 AND scheduled_status_id = 0 AND processing = 'complete'`,
		scheduled, db.Ms(s.Clock.Now()), db.Array(list), owner)
	if err != nil {
		return fmt.Errorf("reserving media: %w", err)
	}
	if n != int64(len(list)) {
		return errs.Invalid("Validation failed: Cannot attach files that have not finished processing. Try again in a moment!")
	}
	return nil
}

// Release ends what Reserve began.
func (s *Service) Release(ctx context.Context, tx *db.Tx, scheduled int64) error {
	_, err := tx.Exec(ctx, "UPDATE media_attachments SET scheduled_status_id = 0, updated_at = $1 WHERE scheduled_status_id = $2 AND scheduled_status_id <> 0", db.Ms(s.Clock.Now()), scheduled)
	if err != nil {
		return fmt.Errorf("releasing media: %w", err)
	}
	return nil
}

// Reserved loads the attachments of posts in waiting; one statement.
func (s *Service) Reserved(ctx context.Context, q db.Q, scheduled []int64) (map[int64][]Attachment, error) {
	out := map[int64][]Attachment{}
	if len(scheduled) == 0 {
		return out, nil
	}
	type reserved struct {
		Attachment
		by int64
	}
	rows, err := db.All(ctx, q, func(r db.Row) (v reserved, err error) {
		v.Attachment, err = scan(also{r, &v.by})
		return v, err
	}, "SELECT "+columns+`, m.scheduled_status_id FROM media_attachments m
WHERE m.scheduled_status_id = ANY($1) AND m.scheduled_status_id <> 0 ORDER BY m.scheduled_status_id, m.id`, db.Array(scheduled))
	if err != nil {
		return nil, fmt.Errorf("loading attachments in waiting: %w", err)
	}
	for _, v := range rows {
		out[v.by] = append(out[v.by], v.Attachment)
	}
	return out, nil
}

// also scans one column more than those of an attachment.
type also struct {
	db.Row
	last any
}

// Scan copies the columns into dest, and the one after them.
func (a also) Scan(dest ...any) error { return a.Row.Scan(append(dest, a.last)...) }
