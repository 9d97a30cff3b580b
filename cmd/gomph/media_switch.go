package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/media"
)

type mediaSwitchCmd struct {
	Address   string `arg:"" optional:"" help:"How addresses of files shall begin: a host, or an address. Nothing tells how it is."`
	Force     bool   `help:"Do not wait for the week: some browsers do not show pictures until it is over."`
	Unchecked bool   `help:"Do not look first whether the files are there, for a host that cannot be reached from here."`
	Cancel    bool   `help:"Take an announcement back."`
}

// Run announces another host of files, and a week later changes to it.
func (c *mediaSwitchCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		if c.Address == "" {
			return c.tell(e, a)
		}
		root, err := app.ReadRoot(e.config, c.Address)
		if err != nil {
			return err
		}
		if c.Cancel {
			return a.Media.RetractOrigin(e.ctx, media.OriginOf(root))
		}
		known, err := media.ReadHosts(e.ctx, a.DB, a.Site)
		if err != nil {
			return err
		}
		origin, now := media.OriginOf(root), a.Clock.Now()
		if _, allowed := known.Ready(origin, now); !allowed && !c.Force {
			_, err := fmt.Fprintf(e.out, "From now on pages may show files from %s. Browsers learn of it within a week, in which nothing else changes.\nRun this again on %s.\n", origin, moment(now.Add(media.Announce)))
			return errors.Join(a.Media.AnnounceOrigin(e.ctx, origin), err)
		}
		if err := known.MaySwitch(a.Media.Addresses.Configured(), root, now, c.Force); err != nil {
			return fmt.Errorf("%w; --force does not wait", err)
		}
		return c.change(e, a, root)
	})
}

func (c *mediaSwitchCmd) change(e *env, a *app.App, root string) error {
	if !c.Unchecked {
		if err := a.CheckRoot(e.ctx, root); err != nil {
			return fmt.Errorf("%w\nNothing was changed. A host that cannot be reached from here, but by everybody else: --unchecked", err)
		}
	}
	before := a.Media.Addresses.Root()
	if err := a.Media.SwitchRoot(e.ctx, root, c.Force); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.out, "Addresses of files begin with %s/ in every process within seconds. Those that others know begin with %s and must go on working: keep that host.\n"+
		"Put the new one into the settings when it suits you (GOMPH_MEDIA_HOST for one that leads to this server, S3_ALIAS_HOST for one that leads elsewhere).\n", root, before)
	return err
}

// tell prints which hosts there are.
func (*mediaSwitchCmd) tell(e *env, a *app.App) error {
	known, err := media.ReadHosts(e.ctx, a.DB, a.Site)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "addresses of files begin with %s\n", a.Media.Addresses.Root())
	w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
	for _, o := range known.Origins {
		says := "not shown any more"
		switch ready, allowed := known.Ready(o.Origin, a.Clock.Now()); {
		case allowed && a.Clock.Now().Before(ready):
			says = "announced, ready on " + moment(ready)
		case allowed:
			says = "ready"
		}
		if !o.UsedAt.IsZero() {
			says += ", last used " + moment(o.UsedAt)
		}
		_, werr := fmt.Fprintf(w, "%s\t%s\n", o.Origin, says)
		err = errors.Join(err, werr)
	}
	return errors.Join(err, w.Flush())
}
