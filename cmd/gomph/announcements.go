package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

type announcementsCmd struct {
	List      announcementsListCmd      `cmd:"" default:"withargs" help:"List the announcements, the newest first."`
	Create    announcementsCreateCmd    `cmd:"" help:"Tell everybody here something, now or later."`
	Edit      announcementsEditCmd      `cmd:"" help:"Change an announcement; everybody is told again."`
	Publish   announcementsPublishCmd   `cmd:"" help:"Show an announcement now."`
	Unpublish announcementsUnpublishCmd `cmd:"" help:"Take an announcement down, but keep it."`
	Delete    announcementsDeleteCmd    `cmd:"" help:"Remove an announcement for good."`
}

// times are when an announcement is shown, and what it is about.
type times struct {
	At     time.Time `format:"2006-01-02T15:04:05Z07:00" placeholder:"TIME" help:"Publish it then, as in 2027-01-31T08:00:00Z."`
	Starts time.Time `format:"2006-01-02T15:04:05Z07:00" placeholder:"TIME" help:"When what it is about begins."`
	Ends   time.Time `format:"2006-01-02T15:04:05Z07:00" placeholder:"TIME" help:"When that ends; it is taken down then."`
	AllDay bool      `help:"It is about whole days: no times are shown."`
}

func (t times) set(a *announcements.Announcement) {
	if !t.At.IsZero() {
		a.ScheduledAt = t.At
	}
	if !t.Starts.IsZero() {
		a.StartsAt = t.Starts
	}
	if !t.Ends.IsZero() {
		a.EndsAt = t.Ends
	}
	a.AllDay = a.AllDay || t.AllDay
}

// announcementInfo is an announcement as it is printed.
type announcementInfo struct {
	ID        string `json:"id"`
	State     string `json:"state"`
	Published string `json:"published,omitempty"`
	Scheduled string `json:"scheduled,omitempty"`
	Starts    string `json:"starts,omitempty"`
	Ends      string `json:"ends,omitempty"`
	Text      string `json:"text"`
}

type announcementsListCmd struct {
	JSON bool `name:"json" help:"Print JSON, one announcement a line."`
}

// Run lists the announcements.
func (c *announcementsListCmd) Run(e *env) error {
	return e.command(func(a *app.App) error { return listAnnouncements(e, a, c.JSON) })
}

// shownText is how much of an announcement a list shows.
const shownText = 60

func listAnnouncements(e *env, a *app.App, asJSON bool) error {
	list, err := a.Announcements.All(e.ctx, a.DB)
	if err != nil {
		return err
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format("2006-01-02 15:04:05")
	}
	w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
	if !asJSON {
		_, _ = fmt.Fprintln(w, "ID\tSTATE\tPUBLISHED\tSCHEDULED\tTEXT")
	}
	for _, n := range list {
		i := announcementInfo{ID: ids.Format(n.ID), State: "unpublished", Published: at(n.PublishedAt), Scheduled: at(n.ScheduledAt), Starts: at(n.StartsAt), Ends: at(n.EndsAt), Text: n.Text}
		if n.Published {
			i.State = "published"
		}
		if asJSON {
			err = json.NewEncoder(e.out).Encode(i)
		} else {
			_, err = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%q\n", i.ID, i.State, orDash(i.Published), orDash(i.Scheduled), text.Truncate(i.Text, shownText))
		}
		if err != nil {
			return err
		}
	}
	return w.Flush()
}

type announcementsCreateCmd struct {
	Text string `arg:"" help:"What is told; mentions, hashtags, links and custom emojis work."`
	times
}

// Run writes an announcement.
func (c *announcementsCreateCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		n := announcements.Announcement{Text: c.Text}
		c.set(&n)
		made, err := a.Announcements.Create(e.ctx, n)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(e.out, ids.Format(made.ID))
		return err
	})
}

// oneAnnouncement does something with an announcement.
func oneAnnouncement(e *env, id int64, do func(*app.App, announcements.ID) error) error {
	return e.command(func(a *app.App) error {
		err := do(a, announcements.ID(id))
		if errs.IsNotFound(err) {
			return fmt.Errorf("there is no announcement %d", id)
		}
		return err
	})
}

type announcementsEditCmd struct {
	ID   int64  `arg:"" help:"The announcement's number."`
	Text string `help:"What is told from now on."`
	times
}

// Run changes an announcement.
func (c *announcementsEditCmd) Run(e *env) error {
	return oneAnnouncement(e, c.ID, func(a *app.App, id announcements.ID) error {
		return a.Announcements.Change(e.ctx, id, func(n *announcements.Announcement) {
			if c.Text != "" {
				n.Text = c.Text
			}
			c.set(n)
		})
	})
}

type announcementsPublishCmd struct {
	ID int64 `arg:"" help:"The announcement's number."`
}

// Run shows an announcement.
func (c *announcementsPublishCmd) Run(e *env) error {
	return oneAnnouncement(e, c.ID, func(a *app.App, id announcements.ID) error { return a.Announcements.Publish(e.ctx, id, true) })
}

type announcementsUnpublishCmd struct {
	ID int64 `arg:"" help:"The announcement's number."`
}

// Run takes an announcement down.
func (c *announcementsUnpublishCmd) Run(e *env) error {
	return oneAnnouncement(e, c.ID, func(a *app.App, id announcements.ID) error { return a.Announcements.Publish(e.ctx, id, false) })
}

type announcementsDeleteCmd struct {
	ID int64 `arg:"" help:"The announcement's number."`
}

// Run removes an announcement.
func (c *announcementsDeleteCmd) Run(e *env) error {
	return oneAnnouncement(e, c.ID, func(a *app.App, id announcements.ID) error { return a.Announcements.Delete(e.ctx, id) })
}
