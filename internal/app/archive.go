package app

import (
	"context"
	"io"

	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/kit/errs"
)

// writeBackup writes an archive that somebody asked for, as a stream from the database and the store into the store.
func (a *App) writeBackup(ctx context.Context, e archive.BackupWanted) error {
	b, old, err := a.Archive.BeginBackup(ctx, e.BackupID)
	if errs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if old != "" {
		if err := a.files.Delete(ctx, old); err != nil {
			return err
		}
	}
	account, err := a.Accounts.ByID(ctx, a.DB, b.AccountID)
	if err != nil {
		return err
	}
	from, to := io.Pipe()
	counted := &counter{Reader: from}
	go func() {
		to.CloseWithError(a.Federation.WriteArchive(ctx, account, to, func(ctx context.Context, name string) (io.ReadCloser, error) { return a.files.Open(ctx, name) }, a.Archive.URIs))
	}()
	err = a.files.Put(ctx, b.File, counted, -1)
	_ = from.Close() // lets the writer end where the store failed
	if err != nil {
		return err
	}
	return a.Archive.BackupDone(ctx, b, counted.n)
}

// counter counts what was read.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
