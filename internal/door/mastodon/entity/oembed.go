package entity

import (
	"html"
	"strconv"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/preview"
)

// OEmbed says how a post is shown within other pages (oembed.com).
type OEmbed struct {
	Type         string `json:"type"`
	Version      string `json:"version"`
	AuthorName   string `json:"author_name"`
	AuthorURL    string `json:"author_url"`
	ProviderName string `json:"provider_name"`
	ProviderURL  string `json:"provider_url"`
	CacheAge     int    `json:"cache_age"`
	HTML         string `json:"html"`
	Width        int    `json:"width"`
	Height       *int   `json:"height"`
}

const (
	// oembedAge is for how long the answer may be kept, in seconds (Mastodon).
	oembedAge = 86_400
	// OEmbedWidth is the width in pixels where nobody asks for another (Mastodon), frameHeight the height of the frame then.
	OEmbedWidth = 400
	frameHeight = 500
)

// OEmbed renders a post of this server for other pages: as a frame, without a script of ours in them. Height is in pixels, 0 for any.
func (r *Renderer) OEmbed(st *statuses.Status, by *accounts.Account, width, height int) OEmbed {
	e := OEmbed{Type: "rich", Version: "1.0", AuthorName: by.Name(), AuthorURL: by.URL, ProviderName: r.Site.LocalDomain, ProviderURL: r.Site.Base() + "/", CacheAge: oembedAge, Width: width}
	tall := frameHeight
	if height > 0 {
		tall, e.Height = height, &height
	}
	e.HTML = `<iframe src="` + html.EscapeString(r.Site.StatusURL(by.Username, int64(st.ID))+"/embed") + `" class="mastodon-embed" style="max-width: 100%; border: 0" width="` + strconv.Itoa(width) +
		`" height="` + strconv.Itoa(tall) + `" allowfullscreen="allowfullscreen" sandbox="allow-popups allow-popups-to-escape-sandbox" title="` + html.EscapeString("Post by "+by.Name()) + `"></iframe>`
	return e
}

// ForeignEmbed renders what another server says of how a post of it is shown.
func (r *Renderer) ForeignEmbed(in preview.Embed) OEmbed {
	e := OEmbed{Type: "rich", Version: "1.0", AuthorName: in.AuthorName, AuthorURL: in.AuthorURL, ProviderName: in.ProviderName, ProviderURL: in.ProviderURL, CacheAge: oembedAge, HTML: in.HTML, Width: in.Width}
	if in.Height > 0 {
		e.Height = &in.Height
	}
	return e
}
