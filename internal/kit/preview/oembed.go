package preview

import (
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// AddOEmbed adds what an oEmbed endpoint answered (oembed.com, version 1.0, in JSON). It reports whether the answer was of use: kinds that need
// scripts are not, as in Mastodon.
func (p *Page) AddOEmbed(body []byte, endpoint string) bool {
	base, err := weburl.Parse(endpoint)
	var o map[string]any
	if err != nil || json.Unmarshal(body, &o) != nil || number(o["version"]) != 1 {
		return false
	}
	at := func(name string) string { return absolute(base, word(o, name)) }
	next := *p
	next.Title, next.AuthorName, next.AuthorURL = plain(first(word(o, "title"), p.Title), maxTitle), plain(first(word(o, "author_name"), p.AuthorName), maxName), first(at("author_url"), p.AuthorURL)
	next.ProviderName, next.ProviderURL = plain(first(word(o, "provider_name"), p.ProviderName), maxName), first(at("provider_url"), p.ProviderURL)
	width, height := number(o["width"]), number(o["height"])
	switch word(o, "type") {
	case Link:
		next.Kind, next.HTML, next.Player = Link, "", ""
		next.setImage(at("thumbnail_url"), number(o["thumbnail_width"]), number(o["thumbnail_height"]))
	case Photo:
		picture := at("url")
		if picture == "" {
			return false
		}
		next.Kind, next.HTML, next.Player, next.EmbedURL = Photo, "", "", picture
		next.setImage(picture, width, height)
		next.Width, next.Height = width, height
	case Video:
		next.setImage(at("thumbnail_url"), 0, 0)
		if frame, player := Frame(word(o, "html")); frame != "" {
			next.Kind, next.HTML, next.Player, next.Width, next.Height = Video, frame, player, width, height
		}
	default:
		return false
	}
	*p = next
	return true
}

func (p *Page) setImage(at string, width, height int) {
	if at != "" && at != p.Image {
		p.Image, p.ImageDescription, p.Width, p.Height = at, "", width, height
	}
}

// number reads a number of pixels, or a version, which some write as text; 0 for none.
func number(v any) int {
	switch n := v.(type) {
	case float64:
		if n >= 0 && n <= maxSide {
			return int(n)
		}
	case string:
		return side(strings.TrimSuffix(n, ".0"))
	}
	return 0
}

// Frame gives the first player that foreign HTML embeds, written anew: an iframe with an address of https, bounded, without scripts of its own here, and the
// address that it shows; "" when there is none. Everything else in the HTML goes.
func Frame(src string) (frame, player string) {
	z := html.NewTokenizer(strings.NewReader(src[:min(len(src), 64<<10)]))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return "", ""
		case html.StartTagToken, html.SelfClosingTagToken:
			raw, more := z.TagName()
			if atom.Lookup(raw) != atom.Iframe {
				continue
			}
			a := attributes(z, more)
			if strings.HasPrefix(a["src"], "//") {
				a["src"] = "https:" + a["src"]
			}
			return frameOf(a["src"], side(a["width"]), side(a["height"]))
		case html.TextToken, html.EndTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

// sandbox is what an embedded player may do (Mastodon).
const sandbox = "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-forms"

func frameOf(at string, width, height int) (frame, player string) {
	u, err := weburl.Parse(at)
	if err != nil || u.Scheme != "https" {
		return "", ""
	}
	size := ""
	if width > 0 && height > 0 {
		size = fmt.Sprintf(` width="%d" height="%d"`, width, height)
	}
	return `<iframe src="` + html.EscapeString(u.String()) + `"` + size + ` allowfullscreen="true" frameborder="0" scrolling="no" sandbox="` + sandbox + `"></iframe>`, u.String()
}

// Embed is how another site wants something of it to be shown, as far as that is an embedded page.
type Embed struct {
	Title, AuthorName, AuthorURL, ProviderName, ProviderURL string
	// HTML is made by Frame. Width and Height are in pixels, 0 when not known.
	HTML          string
	Width, Height int
}

// ParseEmbed reads what an oEmbed endpoint answered about something that it lets others show, of whatever type. It reports false where nothing
// of use is left of its HTML.
func ParseEmbed(body []byte, endpoint string) (e Embed, ok bool) {
	base, err := weburl.Parse(endpoint)
	var o map[string]any
	if err != nil || json.Unmarshal(body, &o) != nil || number(o["version"]) != 1 {
		return e, false
	}
	at := func(name string) string { return absolute(base, word(o, name)) }
	e = Embed{Title: plain(word(o, "title"), maxTitle), AuthorName: plain(word(o, "author_name"), maxName), AuthorURL: at("author_url"), ProviderName: plain(word(o, "provider_name"), maxName),
		ProviderURL: at("provider_url"), Width: number(o["width"]), Height: number(o["height"])}
	e.HTML, _ = Frame(word(o, "html"))
	return e, e.HTML != ""
}
