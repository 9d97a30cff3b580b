package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/trends"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/text"
)

type trendsCmd struct {
	List    trendsListCmd    `cmd:"" default:"withargs" help:"List what is talked about, whether or not it is shown."`
	Approve trendsApproveCmd `cmd:"" help:"Let something be shown among what is talked about."`
	Reject  trendsRejectCmd  `cmd:"" help:"Keep something out of what is shown as talked about."`
}

// trendInfo is something that trends as it is printed.
type trendInfo struct {
	Kind     string  `json:"kind"`
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Title    string  `json:"title,omitempty"`
	Language string  `json:"language,omitempty"`
	Score    float64 `json:"score"`
	Shown    bool    `json:"shown"`
	Reviewed bool    `json:"reviewed"`
}

type trendsListCmd struct {
	Kind string `arg:"" optional:"" enum:"tag,link,status," default:"" help:"tag, link or status; all where none is named."`
	JSON bool   `name:"json" help:"Print JSON, one a line."`
}

// Run lists what trends.
func (c *trendsListCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
		if !c.JSON {
			_, _ = fmt.Fprintln(w, "KIND\tSCORE\tSHOWN\tREVIEWED\tLANGUAGE\tNAME")
		}
		for _, kind := range []trends.Kind{trends.Tag, trends.Link, trends.Status} {
			if c.Kind != "" && c.Kind != string(kind) {
				continue
			}
			list, err := a.Trends.Items(e.ctx, a.DB, kind)
			if err != nil {
				return err
			}
			for _, i := range list {
				info := trendInfo{string(i.Kind), strconv.FormatInt(i.ID, 10), i.Name, i.Title, i.Language, i.Score, i.Allowed, i.Reviewed}
				if c.JSON {
					err = json.NewEncoder(e.out).Encode(info)
				} else {
					_, err = fmt.Fprintf(w, "%s\t%.1f\t%s\t%s\t%s\t%s\n", info.Kind, info.Score, yesNo(info.Shown), yesNo(info.Reviewed), orDash(info.Language), info.Name)
				}
				if err != nil {
					return err
				}
			}
		}
		return w.Flush()
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// trendSubject names what is decided on.
type trendSubject struct {
	Kind string `arg:"" enum:"tag,link,publisher,status,account" help:"tag, link, publisher (all links to a domain), status or account (all posts of an author)."`
	Name string `arg:"" help:"A hashtag, the address of a page or post, a domain, or a handle."`
}

// decide finds what is named and decides on it.
func (c trendSubject) decide(e *env, trendable bool) error {
	return e.command(func(a *app.App) error {
		subject, err := c.subject(e, a)
		if err != nil {
			return fmt.Errorf("%s %s: %w", c.Kind, c.Name, err)
		}
		return a.Trends.Review(e.ctx, trends.Kind(c.Kind), subject, trendable)
	})
}

func (c trendSubject) subject(e *env, a *app.App) (string, error) {
	id := func(n int64, err error) (string, error) { return strconv.FormatInt(n, 10), err }
	switch trends.Kind(c.Kind) {
	case trends.Tag:
		t, err := a.Statuses.TagNamed(e.ctx, a.DB, text.NormalizeTag(strings.TrimPrefix(c.Name, "#")))
		return id(t.ID, err)
	case trends.Link:
		return id(a.Links.ByURL(e.ctx, a.DB, c.Name))
	case trends.Status:
		st, err := a.Statuses.ByURL(e.ctx, a.DB, c.Name)
		if err != nil {
			return "", err
		}
		return id(int64(st.ID), nil)
	case trends.Author:
		name, domain, _ := strings.Cut(strings.TrimPrefix(c.Name, "@"), "@")
		if a.Site.IsLocalDomain(strings.ToLower(domain)) {
			domain = ""
		}
		who, err := a.Accounts.ByAcct(e.ctx, a.DB, name, domain)
		if err != nil {
			return "", err
		}
		return id(int64(who.ID), nil)
	default:
		if host := weburl.Host("https://" + c.Name); host != "" {
			return host, nil
		}
		return "", fmt.Errorf("not a domain")
	}
}

type trendsApproveCmd struct {
	trendSubject
}

// Run lets something be shown.
func (c *trendsApproveCmd) Run(e *env) error { return c.decide(e, true) }

type trendsRejectCmd struct {
	trendSubject
}

// Run keeps something out.
func (c *trendsRejectCmd) Run(e *env) error { return c.decide(e, false) }
