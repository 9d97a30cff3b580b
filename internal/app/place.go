package app

import (
	"context"
	"fmt"
	"os"

	"github.com/gomph/gomph/internal/kit/jobs"
)

// placeMark names, among the marks of folders, where the database lies. A server whose database lies elsewhere than it did may be a copy made to try
// things out: it has the keys of everybody here, and must not speak in their names beside the real one (OPS-06).
const placeMark = "database"

// heldBack are the queues of what other servers are told and asked.
var heldBack = []jobs.Queue{jobs.Push, jobs.Pull}

// Confirm is the command by which an admin says that this is the server itself.
const Confirm = "gomph federation confirm"

// holdCopies keeps a copy of a server from federating until that is confirmed. The first server of a database is no copy.
func (b *base) holdCopies(ctx context.Context) error {
	known, here, err := b.place(ctx)
	if err != nil {
		return err
	}
	if known.Word == "" {
		known, err = jobs.ShareFolder(ctx, b.DB, b.Clock, here)
		if err != nil {
			return err
		}
	}
	if known.Word == here.Word {
		return nil
	}
	for _, queue := range heldBack {
		if err := b.Jobs.Pause(ctx, queue); err != nil {
			return fmt.Errorf("holding federation back: %w", err)
		}
	}
	b.Log.Warn("the database was restored or copied to here, so nothing is delivered to other servers. If no other server runs with the same names, confirm it with: "+Confirm,
		"attack", "OPS-06", "was on", known.Host, "is on", here.Host)
	return nil
}

// place is where the database was when it was last known, and where it is.
func (b *base) place(ctx context.Context) (known, here jobs.Mark, err error) {
	if known, err = jobs.SharedFolder(ctx, b.DB, placeMark); err != nil {
		return known, here, fmt.Errorf("looking where the database was: %w", err)
	}
	here = jobs.Mark{Folder: placeMark}
	here.Host, _ = os.Hostname()
	here.Word, err = b.DB.Place(ctx)
	return known, here, err
}

// held reports whether federation is held back.
func (b *base) held(ctx context.Context) (bool, error) {
	known, here, err := b.place(ctx)
	return known.Word != "" && known.Word != here.Word, err
}

// ConfirmPlace lets a server whose database was restored or copied federate again, and reports whether it was held back.
func (a *App) ConfirmPlace(ctx context.Context) (was bool, err error) {
	known, here, err := a.place(ctx)
	if err != nil || known.Word == here.Word {
		return false, err
	}
	if err := jobs.MoveFolder(ctx, a.DB, a.Clock, here); err != nil {
		return true, err
	}
	for _, queue := range heldBack {
		if err := a.Jobs.Resume(ctx, queue); err != nil {
			return true, fmt.Errorf("letting federation go on: %w", err)
		}
	}
	return true, nil
}
