package archive

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

const (
	// BackupEvery is how often somebody may ask for an archive (Mastodon), and for how long one is kept.
	BackupEvery = 7 * 24 * time.Hour
	// forgottenAtOnce is how many are forgotten in one run.
	forgottenAtOnce = 100
)

// Backup is an archive of all that somebody wrote.
type Backup struct {
	ID        int64
	AccountID accounts.ID
	Ready     bool
	// File is the stored file's name, which nobody can guess and no address serves.
	File                  string
	Size                  int64
	CreatedAt, FinishedAt time.Time
}

// BackupWanted asks for an archive to be written.
type BackupWanted struct{ BackupID int64 }

// Kind names the command.
func (BackupWanted) Kind() string { return "archive.backup_wanted" }

// Key is the archive's id: it is written once at a time.
func (e BackupWanted) Key() string { return ids.Format(e.BackupID) }

// BackupReady says that an archive can be fetched.
type BackupReady struct {
	BackupID  int64
	AccountID accounts.ID
}

// Kind names the event.
func (BackupReady) Kind() string { return "archive.backup_ready" }

// ForgetDue asks for old archives and imports to be forgotten.
type ForgetDue struct{}

// Kind names the command.
func (ForgetDue) Kind() string { return "archive.forget_due" }

const backupColumns = "b.id, b.account_id, b.state <> 0, b.file, b.size, b.created_at, b.finished_at"

func scanBackup(r db.Row) (*Backup, error) {
	var b Backup
	var created, finished int64
	err := r.Scan(&b.ID, &b.AccountID, &b.Ready, &b.File, &b.Size, &created, &finished)
	b.CreatedAt, b.FinishedAt = db.At(created), db.At(finished)
	return &b, err
}

// Backups lists somebody's archives, the newest first.
func (s *Service) Backups(ctx context.Context, q db.Q, me accounts.ID) ([]*Backup, error) {
	return db.All(ctx, q, scanBackup, "SELECT "+backupColumns+" FROM backups b WHERE b.account_id = $1 ORDER BY b.id DESC LIMIT 10", me)
}

// BackupOf finds an archive of somebody's own that is ready (VIS-10).
func (s *Service) BackupOf(ctx context.Context, q db.Q, me accounts.ID, id int64) (*Backup, error) {
	return scanBackup(q.QueryRow(ctx, "SELECT "+backupColumns+" FROM backups b WHERE b.id = $1 AND b.account_id = $2 AND b.state <> 0", id, me))
}

// WantBackup asks for an archive; once in BackupEvery.
func (s *Service) WantBackup(ctx context.Context, me accounts.ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := db.Value[int64](ctx, tx, "SELECT id FROM accounts WHERE id = $1"+tx.ForUpdate(), me); err != nil {
			return err
		}
		now := s.Clock.Now()
		recent, err := db.Exists(ctx, tx, "SELECT 1 FROM backups WHERE account_id = $1 AND created_at > $2", me, db.Ms(now.Add(-BackupEvery)))
		if err != nil {
			return err
		}
		if recent {
			return errs.Invalid("You can ask for an archive once in seven days")
		}
		id := s.IDs.Next()
		if err := tx.Do(ctx, "asking for an archive", "INSERT INTO backups (id, account_id, created_at) VALUES ($1, $2, $3)", id, me, db.Ms(now)); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, BackupWanted{BackupID: id})
	})
}

// BeginBackup names the file that an archive is written to, before it is: a run that breaks off leaves nothing that is not known. It gives the
// name that an earlier run used, too, and errs.NotFound when nothing is to do.
func (s *Service) BeginBackup(ctx context.Context, id int64) (b *Backup, old string, err error) {
	err = s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if b, err = scanBackup(tx.QueryRow(ctx, "SELECT "+backupColumns+" FROM backups b WHERE b.id = $1 AND b.state = 0"+tx.ForUpdate(), id)); err != nil {
			return err
		}
		old, b.File = b.File, blob.Name("archives", ".zip")
		return tx.Do(ctx, "naming an archive", "UPDATE backups SET file = $1 WHERE id = $2", b.File, id)
	})
	return b, old, err
}

// BackupDone tells that an archive was written, unless another run was faster.
func (s *Service) BackupDone(ctx context.Context, b *Backup, size int64) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE backups SET state = 1, size = $1, finished_at = $2 WHERE id = $3 AND state = 0 AND file = $4", size, db.Ms(s.Clock.Now()), b.ID, b.File)
		if err != nil || n == 0 {
			return err
		}
		return s.Jobs.Emit(ctx, tx, BackupReady{BackupID: b.ID, AccountID: b.AccountID})
	})
}

// Forget removes archives and imports whose time is over; files are deleted first, so that none is left behind.
func (s *Service) Forget(ctx context.Context, files blob.Store) error {
	now := s.Clock.Now()
	old, err := db.All(ctx, s.DB, scanBackup, "SELECT /* reads all, hourly */ "+backupColumns+" FROM backups b WHERE b.created_at < $1 ORDER BY b.id LIMIT $2", db.Ms(now.Add(-BackupEvery)), forgottenAtOnce)
	if err != nil {
		return fmt.Errorf("finding old archives: %w", err)
	}
	for _, b := range old {
		if b.File != "" {
			if err := files.Delete(ctx, b.File); err != nil {
				return err
			}
		}
		if err := s.DB.Write(ctx, func(tx *db.Tx) error {
			return tx.Do(ctx, "forgetting an archive", "DELETE FROM backups WHERE id = $1", b.ID)
		}); err != nil {
			return err
		}
	}
	// An import may have thousands of lines, which go with it.
	for {
		var n int64
		err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
			n, err = tx.Exec(ctx, "DELETE /* reads all, hourly */ FROM bulk_imports WHERE id IN (SELECT id FROM bulk_imports WHERE (state = $1 AND finished_at < $2) OR (state = $3 AND created_at < $4) LIMIT 1)",
				Finished, db.Ms(now.Add(-keptFor)), Unconfirmed, db.Ms(now.Add(-unconfirmedFor)))
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// URIs gives the ids of posts that somebody bookmarked or, with likes, favourited, page by page; the newest first.
func (s *Service) URIs(ctx context.Context, me accounts.ID, likes bool, use func([]string) error) error {
	table := "bookmarks"
	if likes {
		table = "favourites"
	}
	type entry struct {
		id  int64
		uri string
	}
	for after := int64(math.MaxInt64); ; {
		list, err := db.All(ctx, s.DB, func(r db.Row) (e entry, err error) { return e, r.Scan(&e.id, &e.uri) },
			"SELECT x.id, s.uri FROM "+table+" x JOIN statuses s ON s.id = x.status_id AND s.deleted_at = 0 WHERE x.account_id = $1 AND x.id < $2 ORDER BY x.id DESC LIMIT $3", me, after, exportPage)
		if err != nil {
			return err
		}
		page := make([]string, len(list))
		for i, e := range list {
			page[i], after = e.uri, e.id
		}
		if err := use(page); err != nil || len(list) < exportPage {
			return err
		}
	}
}
