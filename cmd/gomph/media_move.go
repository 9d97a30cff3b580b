package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/ids"
)

type mediaMigrateCmd struct {
	DryRun         bool          `help:"Only count what would be copied."`
	Parallel       int           `default:"64" help:"How many files are copied at once."`
	FilesPerSecond float64       `help:"The most files a second; 0 is any number."`
	Rate           string        `placeholder:"SIZE" help:"The most bytes a second, like 20MB."`
	Verify         bool          `help:"Read every copy again and compare."`
	Only           string        `placeholder:"FOLDER" help:"Copy only files whose names begin so, like media_attachments/."`
	WithoutRemote  bool          `help:"Leave out what is kept of other servers: it is fetched again when somebody looks."`
	Patience       time.Duration `default:"10m" help:"How long nothing may get through before it gives up."`
}

// Run copies all files from where they were to where they belong, while the server serves. It may be stopped and run again at any time.
func (c *mediaMigrateCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		if a.Places.Old == nil {
			return errors.New("nothing is moving. Set where files are to go (S3_ENABLED=true and the rest, or false for this disk) and GOMPH_MOVE_FILES_FROM to where they are, " +
				"restart the server with both, and run this again")
		}
		o := blob.CopyOptions{Parallel: c.Parallel, FilesPerSecond: c.FilesPerSecond, Dry: c.DryRun, Verify: c.Verify, Prefix: c.Only, Patience: c.Patience}
		if c.Rate != "" {
			n, err := humanize.ParseBytes(c.Rate)
			if err != nil {
				return fmt.Errorf("--rate must be a size like 20MB, not %q", c.Rate)
			}
			o.BytesPerSecond = float64(n)
		}
		if c.WithoutRemote {
			o.Skip = func(name string) bool { return strings.HasPrefix(name, media.CacheFolder) }
		}
		bar := newBar(e.err, a.Clock.Now)
		o.Progress = func(p blob.CopyProgress) { bar.tell(p) }
		p, err := blob.Copy(e.ctx, a.Places.Old, a.Places.Now, o)
		bar.end()
		if err != nil {
			return fmt.Errorf("%d files are done, of which %d were copied; run it again to go on: %w", p.Seen, p.Copied, err)
		}
		return c.sum(e, p)
	})
}

func (c *mediaMigrateCmd) sum(e *env, p blob.CopyProgress) error {
	if c.DryRun {
		_, _ = fmt.Fprintf(e.out, "%d files (%s) would be copied, %d are there\n", p.Copied, size(p.Bytes), p.Present)
		return nil
	}
	_, _ = fmt.Fprintf(e.out, "%d files (%s) were copied, %d were there\n", p.Copied, size(p.Bytes), p.Present)
	if p.Failed > 0 {
		for _, name := range p.Failures {
			_, _ = fmt.Fprintln(e.err, name)
		}
		return fmt.Errorf("%d files could not be copied; run it again", p.Failed)
	}
	if c.Only == "" {
		_, _ = fmt.Fprintln(e.out, "Everything is where it belongs. Take GOMPH_MOVE_FILES_FROM out of the settings, restart the server, and have gomph media verify look at it all.")
	}
	return nil
}

func size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) } //nolint:gosec // not negative

type mediaVerifyCmd struct {
	Quiet bool `help:"Only count."`
}

// Run compares what is stored with what is spoken of.
func (c *mediaVerifyCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		tell := teller{out: e.err, now: a.Clock.Now}
		v, err := a.Media.Verify(e.ctx, a.Files(), func(what, name string) error {
			if !c.Quiet {
				_, _ = fmt.Fprintf(e.out, "%s\t%s\n", what, name)
			}
			return nil
		}, func(v media.Verified) { tell.count("looking at files", int(v.Rows+v.Files)) })
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(e.err, "%d files, %d spoken of: %d missing, %d orphaned, %d changed\n", v.Files, v.Rows, v.Missing, v.Orphaned, v.Changed)
		if v.Missing+v.Changed > 0 {
			return fmt.Errorf("%d files are not what they should be; what is kept of other servers is fetched again when somebody looks at it, the rest has to come from a backup", v.Missing+v.Changed)
		}
		return nil
	})
}

// addUp adds up what is stored, and tells how far it is.
func addUp(e *env, a *app.App) ([]media.Use, media.Use, error) {
	tell := teller{out: e.err, now: a.Clock.Now}
	return media.Stored(e.ctx, a.Files(), func(files int) { tell.count("adding up files", files) })
}

type mediaUsageCmd struct{}

// Run tells how much is stored, by what it is.
func (*mediaUsageCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		all, _, err := addUp(e, a)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
		var sum [2]media.Use
		_, _ = fmt.Fprintln(w, "WHAT\tWHOSE\tFILES\tSIZE")
		for _, u := range all {
			whose := 0
			if u.Remote {
				whose = 1
			}
			sum[whose].Files, sum[whose].Bytes = sum[whose].Files+u.Files, sum[whose].Bytes+u.Bytes
			_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", u.What, []string{"own", "remote"}[whose], u.Files, size(u.Bytes))
		}
		for whose, name := range []string{"own", "remote"} {
			_, _ = fmt.Fprintf(w, "all\t%s\t%d\t%s\n", name, sum[whose].Files, size(sum[whose].Bytes))
		}
		return w.Flush()
	})
}

type mediaPruneCmd struct {
	Days    int      `help:"Forget files of other servers that nobody looked at for so many days."`
	Room    string   `placeholder:"SIZE" help:"Forget what was looked at least lately until all that is kept of other servers takes no more than this, like 50GB."`
	Kinds   []string `placeholder:"KIND" help:"Only of these kinds: attachments, avatars, headers, emojis, cards (the pictures of previews)."`
	Orphans bool     `help:"Delete files that nothing speaks of, older than a day."`
	DryRun  bool     `help:"Only count."`
}

// Run forgets files of other servers, and deletes orphans.
func (c *mediaPruneCmd) Run(e *env) error {
	if c.Days == 0 && c.Room == "" && !c.Orphans {
		return errors.New("say what to prune: --days, --room or --orphans; gomph settings set media_cache_retention_period and media_cache_size do it every hour")
	}
	return e.command(func(a *app.App) error {
		b := media.Bounds{Unseen: time.Duration(c.Days) * 24 * time.Hour, Kinds: c.Kinds}
		if c.Room != "" {
			n, err := humanize.ParseBytes(c.Room)
			if err != nil || n == 0 {
				return fmt.Errorf("--room must be a size like 50GB, not %q", c.Room)
			}
			b.Bytes = int64(n) //nolint:gosec // far below
		}
		verb := "forgot"
		if c.DryRun {
			verb = "would forget"
		}
		if c.Days > 0 || c.Room != "" {
			tell := teller{out: e.err, now: a.Clock.Now}
			done, err := a.Media.PruneTo(e.ctx, b, c.DryRun, func(p media.Pruned) { tell.count("forgetting files", int(p.Files)) })
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(e.out, "%s %d files of other servers (%s)\n", verb, done.Files, size(done.Bytes))
		}
		if c.Orphans {
			return c.orphans(e, a)
		}
		return nil
	})
}

// orphansAtOnce is how many files are deleted in one request (S3's limit).
const orphansAtOnce = 1000

func (c *mediaPruneCmd) orphans(e *env, a *app.App) error {
	var batch []string
	deleted := 0
	tell := teller{out: e.err, now: a.Clock.Now}
	flush := func() error {
		deleted += len(batch)
		tell.count("deleting orphans", deleted)
		names := batch
		batch = nil
		if c.DryRun {
			return nil
		}
		return a.Files().Delete(e.ctx, names...)
	}
	_, err := a.Media.Verify(e.ctx, a.Files(), func(what, name string) error {
		if what != media.Orphaned {
			return nil
		}
		if batch = append(batch, name); len(batch) < orphansAtOnce {
			return nil
		}
		return flush()
	}, nil)
	if err == nil {
		err = flush()
	}
	verb := "deleted"
	if c.DryRun {
		verb = "would delete"
	}
	_, _ = fmt.Fprintf(e.out, "%s %d orphans\n", verb, deleted)
	return err
}

type mediaRefreshCmd struct {
	Status  string `xor:"of" placeholder:"ID" help:"The files of one post, by its id here."`
	Account string `xor:"of" placeholder:"ACCT" help:"Those of one account of another server, as name@domain."`
	Domain  string `xor:"of" placeholder:"DOMAIN" help:"Those of all accounts of another server."`
	Days    int    `help:"Only of posts of the last so many days."`
	Force   bool   `help:"Fetch also what is here."`
}

// Run fetches files of other servers.
func (c *mediaRefreshCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		of, err := c.of(e, a)
		if err != nil {
			return err
		}
		tell := teller{out: e.err, now: a.Clock.Now}
		r, err := a.Media.Refresh(e.ctx, of, func(r media.Refreshed) { tell.count("fetching files", int(r.Fetched+r.Failed)) })
		_, _ = fmt.Fprintf(e.out, "fetched %d files, %d were here, %d cannot be had\n", r.Fetched, r.Present, r.Failed)
		return err
	})
}

func (c *mediaRefreshCmd) of(e *env, a *app.App) (media.RefreshOf, error) {
	of := media.RefreshOf{Force: c.Force, Domain: strings.ToLower(c.Domain)}
	if c.Days > 0 {
		of.Since = a.Clock.Now().AddDate(0, 0, -c.Days)
	}
	switch {
	case c.Status != "":
		id, err := ids.Parse(c.Status)
		if err != nil {
			return of, fmt.Errorf("--status must be the id of a post here, not %q", c.Status)
		}
		of.StatusID = id
	case c.Account != "":
		name, domain, ok := strings.Cut(strings.TrimPrefix(c.Account, "@"), "@")
		if !ok {
			return of, fmt.Errorf("--account must be somebody of another server, as name@domain, not %q", c.Account)
		}
		who, err := a.Accounts.ByAcct(e.ctx, a.DB, name, strings.ToLower(domain))
		if err != nil {
			return of, fmt.Errorf("nobody here knows %s: %w", c.Account, err)
		}
		of.Account = who.ID
	case c.Domain == "":
		return of, errors.New("say of what: --status, --account or --domain")
	}
	return of, nil
}
