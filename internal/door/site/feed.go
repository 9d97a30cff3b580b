package site

import (
	"context"
	"encoding/xml"
	"net/http"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/db"
)

// rss is a feed in RSS 2.0.
type rss struct {
	XMLName xml.Name `xml:"rss"`
	Version string   `xml:"version,attr"`
	Media   string   `xml:"xmlns:media,attr"`
	Channel channel  `xml:"channel"`
}

type channel struct {
	Title       string   `xml:"title"`
	Description string   `xml:"description"`
	Link        string   `xml:"link"`
	Image       *picture `xml:"image"`
	Built       string   `xml:"lastBuildDate,omitempty"`
	Generator   string   `xml:"generator"`
	Items       []item   `xml:"item"`
}

type picture struct {
	URL   string `xml:"url"`
	Title string `xml:"title"`
	Link  string `xml:"link"`
}

type item struct {
	GUID        guid      `xml:"guid"`
	Link        string    `xml:"link"`
	Published   string    `xml:"pubDate"`
	Description string    `xml:"description"`
	Files       []content `xml:"media:content"`
	Categories  []string  `xml:"category"`
}

type guid struct {
	Permanent bool   `xml:"isPermaLink,attr"`
	Value     string `xml:",chardata"`
}

type content struct {
	URL    string `xml:"url,attr"`
	Medium string `xml:"medium,attr"`
}

// accountFeed is an account's own posts, without answers to others and boosts, as in Mastodon.
func (s *Server) accountFeed(ctx context.Context, v *visit, a *accounts.Account) error {
	list, err := s.Statuses.OfAccount(ctx, s.DB, 0, a.ID, statuses.AccountOptions{ExcludeReplies: true, ExcludeReblogs: true}, db.Page{Limit: onPage})
	if err != nil {
		return err
	}
	posts, err := s.posts(ctx, list)
	if err != nil {
		return err
	}
	shown := s.showAccount(a)
	c := channel{Title: shown.Name(), Link: a.URL, Description: "Public posts from @" + shown.Acct}
	if shown.AvatarURL != "" {
		c.Image = &picture{URL: shown.AvatarURL, Title: shown.Name(), Link: a.URL}
	}
	return s.feed(v, c, posts)
}

func (s *Server) feed(v *visit, c channel, posts []view.Post) error {
	c.Generator = "Gomph " + s.Version
	for i, p := range posts {
		if i == 0 {
			c.Built = p.CreatedAt.UTC().Format(time.RFC1123Z)
		}
		c.Items = append(c.Items, feedItem(p))
	}
	b, err := xml.Marshal(rss{Version: "2.0", Media: "http://search.yahoo.com/mrss/", Channel: c})
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/rss+xml; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=60") // the same for everybody, signed in or not
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write(append([]byte(xml.Header), b...)) // a reader who went away is no failure
	return nil
}

// feedItem is a post in a feed. Behind a warning, readers see the warning alone.
func feedItem(p view.Post) item {
	it := item{GUID: guid{true, p.URL}, Link: p.URL, Published: p.CreatedAt.UTC().Format(time.RFC1123Z), Description: string(p.ContentHTML)}
	if p.SpoilerText != "" {
		it.Description = p.Summary()
		return it
	}
	if !p.Sensitive {
		for _, m := range p.Media {
			medium := string(m.Kind)
			if m.Kind == view.MediaGIFV {
				medium = "video"
			}
			it.Files = append(it.Files, content{URL: m.URL, Medium: medium})
		}
	}
	return it
}
