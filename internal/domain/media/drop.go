package media

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// AccountRemoved deletes the files of an account that is gone: what it uploaded, its avatar and its header, and what was fetched of it. Its posts
// go by themselves.
func (s *Service) AccountRemoved(ctx context.Context, e accounts.Removed) error {
	for {
		list, err := db.All(ctx, s.DB, scan, "SELECT "+columns+" FROM media_attachments m WHERE m.account_id = $1 ORDER BY m.status_id, m.id LIMIT $2", e.AccountID, sweepAtOnce)
		if err != nil {
			return fmt.Errorf("looking for somebody's files: %w", err)
		}
		if err := s.dropAll(ctx, list); err != nil {
			return err
		}
		if len(list) < sweepAtOnce {
			return s.dropProfile(ctx, e.AccountID)
		}
	}
}

// dropAll deletes files, then the rows that speak of them.
func (s *Service) dropAll(ctx context.Context, list []Attachment) error {
	if len(list) == 0 {
		return nil
	}
	var names []string
	all := make([]int64, len(list))
	for i, a := range list {
		all[i], names = a.ID, append(names, a.files()...)
	}
	if err := errors.Join(s.forgetAttachments(ctx, all), s.Files.Delete(ctx, names...)); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "deleting somebody's files", "DELETE FROM media_attachments WHERE id = ANY($1)", db.Array(all))
	})
}

func (s *Service) dropProfile(ctx context.Context, id accounts.ID) error {
	var avatar, header string
	err := s.DB.QueryRow(ctx, "SELECT avatar, header FROM accounts WHERE id = $1", id).Scan(&avatar, &header)
	if errs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for somebody's pictures: %w", err)
	}
	return s.DropImages(ctx, avatar, header)
}
