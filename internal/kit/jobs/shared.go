package jobs

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Mark is what makes a folder of files known: a name for what it holds, and a random word that lies in it.
type Mark struct{ Folder, Word, Host string }

// SharedFolder is the mark of the folder of files that all processes of this server must see; its word is "" when none was entered.
func SharedFolder(ctx context.Context, q db.Q, folder string) (Mark, error) {
	m := Mark{Folder: folder}
	err := q.QueryRow(ctx, "SELECT mark, host FROM shared_folders WHERE name = $1", folder).Scan(&m.Word, &m.Host)
	if errs.IsNotFound(err) {
		return m, nil
	}
	return m, err
}

// ShareFolder enters the mark of a folder, unless another was faster, and gives the one that counts.
func ShareFolder(ctx context.Context, d *db.DB, c clock.Clock, m Mark) (known Mark, err error) {
	err = d.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO shared_folders (name, mark, host, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING",
			m.Folder, m.Word, m.Host, db.Ms(c.Now())); err != nil {
			return err
		}
		known, err = SharedFolder(ctx, tx, m.Folder)
		return err
	})
	if err != nil {
		return known, fmt.Errorf("entering the folder of files: %w", err)
	}
	return known, nil
}

// MoveFolder enters the mark of a folder in place of the one that was known.
func MoveFolder(ctx context.Context, d *db.DB, c clock.Clock, m Mark) error {
	err := d.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO shared_folders (name, mark, host, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET mark = excluded.mark, host = excluded.host, created_at = excluded.created_at`, m.Folder, m.Word, m.Host, db.Ms(c.Now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("entering where a folder is now: %w", err)
	}
	return nil
}
