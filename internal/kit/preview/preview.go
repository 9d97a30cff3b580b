// Package preview owns reading what a web page says of itself for a link's preview: its title, picture, author and player, from
// JSON-LD, OpenGraph, plain HTML and oEmbed.
//
// Pages are hostile. They are read as tokens, since the tree of a page can be a thousand times larger than the page; every text is bounded, and
// every address is an absolute one of http or https. What is an embedded player is written anew here (see Frame).
package preview

import (
	"bytes"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"

	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/text"
)

// Kinds of previews, with the API's names.
const (
	Link  = "link"
	Photo = "photo"
	Video = "video"
)

const (
	// maxTitle, maxText and maxName bound texts, in characters: more than any client shows.
	maxTitle = 500
	maxText  = 1000
	maxName  = 200
	// maxSide bounds what a page may say of the size of a picture or player, in pixels.
	maxSide = 10_000
	// maxScripts bounds how many pieces of JSON-LD are looked at.
	maxScripts = 20
)

// Page is what a page says of itself. Texts are plain, without markup. Addresses are absolute.
type Page struct {
	// URL is the address that the page wants to be known by, on its own host: the one that it was read from if it names none.
	URL string
	// Kind is Link, Photo or Video.
	Kind                         string
	Title, Description, Language string
	AuthorName, AuthorURL        string
	ProviderName, ProviderURL    string
	PublishedAt                  time.Time
	Image, ImageDescription      string
	EmbedURL                     string
	// HTML is the player of a Video, made by Frame, and Player the address that it shows. Width and Height are its size, or the picture's, in pixels; 0 when not known.
	HTML, Player  string
	Width, Height int
	// Article says that it is one: a piece of news or the like.
	Article bool
	// Creator is the handle of the author on the network, as in "@ann@example.com", whether or not that is true.
	Creator string
	// OEmbed is where the page says that there is more to be known.
	OEmbed string
}

// Empty reports whether there is nothing to show.
func (p *Page) Empty() bool { return p.Title == "" && p.HTML == "" }

// Parse reads a page. contentType is the header's value, which may name a character set; address is where the page was found.
func Parse(body []byte, contentType, address string) *Page {
	base, err := weburl.Parse(address)
	if err != nil {
		return &Page{Kind: Link}
	}
	p := &parser{base: base, meta: map[string]string{}}
	if decoded, err := charset.NewReader(bytes.NewReader(body), contentType); err == nil {
		p.read(decoded)
	}
	return p.page()
}

// parser gathers what is of interest; of each thing the first counts.
type parser struct {
	base              *url.URL
	meta              map[string]string
	title, lang       string
	canonical, oembed string
	news              *news
	scripts           int
}

func (p *parser) read(r io.Reader) {
	z := html.NewTokenizer(r)
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			raw, more := z.TagName()
			switch atom.Lookup(raw) {
			case atom.Html:
				p.lang = first(p.lang, attributes(z, more)["lang"])
			case atom.Meta:
				p.addMeta(attributes(z, more))
			case atom.Link:
				p.addLink(attributes(z, more))
			case atom.Title:
				if p.title == "" && z.Next() == html.TextToken {
					p.title = string(z.Text())
				}
			case atom.Script:
				if a := attributes(z, more); strings.EqualFold(a["type"], "application/ld+json") && p.news == nil && p.scripts < maxScripts && z.Next() == html.TextToken {
					p.scripts++
					p.news = parseNews(z.Text())
				}
			}
		case html.TextToken, html.EndTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

func attributes(z *html.Tokenizer, more bool) map[string]string {
	out := map[string]string{}
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		if _, twice := out[string(key)]; !twice {
			out[string(key)] = string(value)
		}
	}
	return out
}

func (p *parser) addMeta(a map[string]string) {
	if strings.TrimSpace(a["content"]) == "" {
		return
	}
	for _, name := range []string{a["property"], a["name"]} {
		for name := range strings.FieldsSeq(strings.ToLower(name)) {
			if _, had := p.meta[name]; !had && wantedMeta[name] {
				p.meta[name] = a["content"]
			}
		}
	}
}

// wantedMeta are the names that are looked for; others are not kept.
var wantedMeta = map[string]bool{
	"og:title": true, "og:description": true, "og:type": true, "og:url": true, "og:image": true, "og:image:alt": true, "og:image:width": true, "og:image:height": true,
	"og:site_name": true, "og:site": true, "og:locale": true, "og:author": true, "og:author:username": true, "article:published_time": true,
	"twitter:player": true, "twitter:player:width": true, "twitter:player:height": true, "twitter:player:stream": true, "description": true, "fediverse:creator": true,
}

func (p *parser) addLink(a map[string]string) {
	for rel := range strings.FieldsSeq(strings.ToLower(a["rel"])) {
		switch {
		case rel == "canonical":
			p.canonical = first(p.canonical, a["href"])
		case rel == "alternate" && strings.EqualFold(a["type"], "application/json+oembed"):
			p.oembed = first(p.oembed, a["href"])
		}
	}
}

// page puts together what was found. JSON-LD is the most precise, then OpenGraph, then HTML: Mastodon's order.
func (p *parser) page() *Page {
	n := p.news
	if n == nil {
		n = &news{}
	}
	m := p.meta
	out := &Page{
		URL: p.sameHost(first(p.canonical, m["og:url"])), Kind: Link,
		Title:       plain(first(n.Headline, m["og:title"], p.title), maxTitle),
		Description: plain(first(n.Description, m["og:description"], m["description"]), maxText),
		Language:    text.FirstLanguage(first(n.Language, m["og:locale"], p.lang)),
		AuthorName:  plain(first(n.AuthorName, m["og:author"], m["og:author:username"]), maxName), AuthorURL: p.address(n.AuthorURL),
		ProviderName: plain(first(n.PublisherName, m["og:site_name"]), maxName), ProviderURL: p.address(withScheme(m["og:site"])),
		PublishedAt: moment(first(n.Published, m["article:published_time"])),
		Image:       p.address(first(m["og:image"], n.Image)), ImageDescription: plain(m["og:image:alt"], maxText),
		EmbedURL: p.address(m["twitter:player:stream"]),
		Width:    side(m["og:image:width"]), Height: side(m["og:image:height"]),
		Article: n.Type == "NewsArticle" || strings.EqualFold(m["og:type"], "article"),
		Creator: plain(m["fediverse:creator"], maxName), OEmbed: p.endpoint(),
	}
	width, height := side(m["twitter:player:width"]), side(m["twitter:player:height"])
	if frame, player := frameOf(p.address(m["twitter:player"]), width, height); frame != "" {
		out.Kind, out.HTML, out.Player, out.Width, out.Height = Video, frame, player, width, height
	}
	return out
}

// address makes an address absolute; "" for one that is none of the web.
func (p *parser) address(ref string) string { return absolute(p.base, ref) }

func absolute(base *url.URL, ref string) string {
	ref = strings.TrimSpace(ref)
	if ref == "" || ref == "null" || len(ref) > weburl.MaxLen {
		return ""
	}
	u, err := url.Parse(ref)
	if err != nil {
		return ""
	}
	checked, err := weburl.Parse(base.ResolveReference(u).String())
	if err != nil {
		return ""
	}
	return checked.String()
}

// sameHost is an address that a page names itself by: nobody may speak for another host.
func (p *parser) sameHost(ref string) string {
	if u, err := weburl.Parse(p.address(ref)); err == nil && u.Host == p.base.Host && (u.Scheme == p.base.Scheme || u.Scheme == "https") {
		u.Fragment, u.RawFragment = "", ""
		return u.String()
	}
	own := *p.base
	own.Fragment, own.RawFragment = "", ""
	return own.String()
}

// endpoint is where oEmbed is asked. A page read by https may name it by http, and then means https too.
func (p *parser) endpoint() string {
	at := p.address(p.oembed)
	if rest, plain := strings.CutPrefix(at, "http://"); plain && p.base.Scheme == "https" {
		return "https://" + rest
	}
	return at
}

func withScheme(host string) string {
	if host == "" || strings.HasPrefix(host, "http://") || strings.HasPrefix(host, "https://") {
		return host
	}
	return "https://" + host
}

func first(list ...string) string {
	for _, s := range list {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// plain makes one line of at most so many characters of a text. Many pages escape twice.
func plain(s string, most int) string {
	s = html.UnescapeString(strings.ToValidUTF8(s[:min(len(s), 16*most)], ""))
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	for i := range s {
		if most == 0 {
			return strings.TrimSpace(s[:i]) + "…"
		}
		most--
	}
	return s
}

// side reads a number of pixels; 0 for none.
func side(s string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(s), "px"))
	if err != nil || n < 0 || n > maxSide {
		return 0
	}
	return n
}

// moment reads when something was published, in one of the forms that pages use; zero for none.
func moment(s string) time.Time {
	s = strings.TrimSpace(s)
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999Z0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02", time.RFC1123Z, time.RFC1123} {
		if t, err := time.Parse(form, s); err == nil && t.Year() > 0 && t.Year() < 10_000 {
			return t.UTC()
		}
	}
	return time.Time{}
}
