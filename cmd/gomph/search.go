package main

import (
	"fmt"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/search"
	"github.com/gomph/gomph/internal/kit/ids"
)

type searchCmd struct {
	Status  searchStatusCmd  `cmd:"" default:"1" help:"Tell how far the index of posts is."`
	Rebuild searchRebuildCmd `cmd:"" help:"Enter all posts anew. It may be stopped: the server goes on with it."`
}

type searchStatusCmd struct{}

// Run tells how far the index is.
func (*searchStatusCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		p, err := a.Search.Progress(e.ctx, a.DB)
		if err == nil {
			_, err = fmt.Fprintln(e.out, progress(p))
		}
		return err
	})
}

func progress(p search.Progress) string {
	switch {
	case p.Done:
		return "all posts are entered"
	case p.Top == 0:
		return "no post from before the index is entered yet"
	}
	return "all posts since " + ids.Time(int64(p.Cursor)).Format("2006-01-02 15:04:05") + " are entered"
}

type searchRebuildCmd struct{}

// stepsALine is how many steps, of some hundred posts each, are told of at once.
const stepsALine = 50

// Run enters all posts anew, and tells how far it is.
func (*searchRebuildCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		if err := a.Accounts.FillAllWords(e.ctx); err != nil {
			return err
		}
		if err := a.Search.Rebuild(e.ctx); err != nil {
			return err
		}
		for n := 1; ; n++ {
			p, err := a.Search.Step(e.ctx)
			if err != nil {
				return err
			}
			if p.Done || n%stepsALine == 0 {
				if _, err := fmt.Fprintln(e.out, progress(p)); err != nil {
					return err
				}
			}
			if p.Done {
				return nil
			}
		}
	})
}
