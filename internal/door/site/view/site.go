package view

import (
	"strings"

	"golang.org/x/text/language"
)

// Site is this server as its pages present it. It comes from settings and counters; the page of a failure may fill only
// Name, Domain and URL.
type Site struct {
	Name        string // what the server calls itself
	Domain      string // "gomph.example"
	URL         string // origin without a slash at the end: "https://gomph.example"
	Description string // one or two plain sentences
	ImageURL    string // absolute; shown when a link is shared. Empty: Gomph's own picture.
	Version     string // of Gomph
	SourceURL   string // where the running source code is to be had, as the licence asks
	SignUps     SignUpMode
	Users       int64
	Posts       int64
	Peers       int64 // servers this one knows
}

// SignUpMode says who may make an account.
type SignUpMode string

// The three modes; the empty string counts as closed.
const (
	SignUpsOpen     SignUpMode = "open"
	SignUpsApproval SignUpMode = "approval"
	SignUpsClosed   SignUpMode = "closed"
)

// Takes reports whether new accounts are possible at all.
func (m SignUpMode) Takes() bool { return m == SignUpsOpen || m == SignUpsApproval }

// Viewer is the person signed in.
type Viewer struct {
	DisplayName string
	Acct        string // user@domain
	URL         string
	AvatarURL   string
}

// Page is what every page has; page structs embed it.
type Page struct {
	Site    Site
	Viewer  *Viewer // nil: nobody is signed in
	CSRF    string  // token put in every form
	Lang    string  // BCP 47 tag of the page's own words; empty is "en"
	Notice  string  // one sentence shown once on top: "Your password was changed."
	NoIndex bool    // asks search engines to stay away
}

func (p *Page) base() *Page { return p }

// Language is the page's language tag, never empty.
func (p *Page) Language() string {
	if p.Lang == "" {
		return "en"
	}
	return p.Lang
}

// Dir is the direction that the page's language is written in: "ltr" or "rtl".
func (p *Page) Dir() string {
	tag, err := language.Parse(p.Language())
	if err != nil {
		return "ltr"
	}
	script, _ := tag.Script()
	switch script.String() {
	case "Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg":
		return "rtl"
	}
	return "ltr"
}

// head is what a page says about itself to browsers, search engines and whoever shows a preview of a link.
type head struct {
	Title       string
	ShareTitle  string // for previews of links, where Title would repeat the description
	Description string
	Type        string // OpenGraph type
	URL         string // canonical
	Image       string // absolute
	ImageAlt    string
	LargeImage  bool
	Published   string // RFC 3339, for articles
	Username    string // for profiles
	ActivityURL string // the same thing as ActivityPub
	FeedURL     string // the same thing as RSS
	Prev, Next  string
	NoIndex     bool
	OEmbedURL   string // how it is shown within pages of others
	Framed      bool   // it is shown within pages of others: without frame and script of its own
	Card        bool   // a narrow page with one card, as sign-in is
	Bare        bool   // no "— site name" after the title
}

// maxDescription in characters: what previews of links show before they cut.
const maxDescription = 240

func (h head) withDefaults(p *Page) head {
	if h.Type == "" {
		h.Type = "website"
	}
	if h.Description == "" {
		h.Description = p.Site.Description
	}
	if h.Description == "" {
		h.Description = p.Site.Name + " is a server of the open social web."
	}
	h.Description = shorten(h.Description, maxDescription)
	if h.Image == "" {
		h.Image = p.Site.ImageURL
		h.LargeImage = true
	}
	if h.Image == "" {
		h.Image = p.Site.URL + "/card.png"
		h.ImageAlt = "A gomphothere, an elephant with four tusks, walking through green hills"
	}
	if h.URL == "" {
		h.URL = p.Site.URL + "/"
	}
	h.NoIndex = h.NoIndex || p.NoIndex
	return h
}

// Share is the title in previews of links.
func (d document) Share() string { return firstOf(d.Head.ShareTitle, d.Head.Title, d.Page.Site.Name) }

// Full is the text of <title>.
func (d document) Full() string {
	if d.Head.Bare || d.Head.Title == "" {
		return firstOf(d.Head.Title, d.Page.Site.Name)
	}
	return d.Head.Title + " · " + d.Page.Site.Name
}

func firstOf(values ...string) string {
	for _, v := range values {
		if strings.TrimSpace(v) != "" {
			return v
		}
	}
	return ""
}
