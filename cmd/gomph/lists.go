package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/archive"
)

type accountExportCmd struct {
	Name string `arg:"" help:"The username."`
	Type string `arg:"" enum:"following,blocking,muting,domain_blocking,bookmarks,lists" help:"following, blocking, muting, domain_blocking, bookmarks or lists."`
}

// Run writes a list of somebody's as CSV, as Mastodon does.
func (c *accountExportCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		u, err := user(e, a, c.Name)
		if err != nil {
			return err
		}
		return a.Archive.Export(e.ctx, e.out, u.AccountID, archive.Type(c.Type))
	})
}

// input opens a file, or standard input for "-".
func input(file string) (io.ReadCloser, error) {
	if file == "-" {
		return os.Stdin, nil
	}
	return os.Open(file)
}

type accountImportCmd struct {
	Name      string `arg:"" help:"The username."`
	Type      string `arg:"" enum:"following,blocking,muting,domain_blocking,bookmarks,lists" help:"following, blocking, muting, domain_blocking, bookmarks or lists."`
	File      string `arg:"" help:"A CSV file as Mastodon writes it, or - for standard input."`
	Overwrite bool   `help:"Take away what is not in the file."`
}

// Run hands a list over to the workers.
func (c *accountImportCmd) Run(e *env) error {
	in, err := input(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	return onUser(e, c.Name, "has a list that the workers go through now", func(a *app.App, u *access.User) error {
		i, err := a.Archive.Upload(e.ctx, u.AccountID, archive.Type(c.Type), c.Overwrite, filepath.Base(c.File), in)
		if err != nil {
			return fmt.Errorf("reading %s: %w", c.File, err)
		}
		return a.Archive.Confirm(e.ctx, u.AccountID, i.ID)
	})
}
