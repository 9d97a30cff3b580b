package view

import (
	"html/template"
	"strconv"
	"time"
)

// Account is a person, bot or group as pages show it. Fields that end in HTML were cleaned by the caller; all else is text.
type Account struct {
	ID              string
	Username        string
	Acct            string // user@domain, with the domain for local accounts too
	DisplayName     string
	DisplayNameHTML template.HTML // the same with custom emoji as pictures; empty: DisplayName is shown
	URL             string
	ActivityURL     string // the actor's id
	AvatarURL       string // empty: a coloured initial is drawn
	HeaderURL       string
	NoteHTML        template.HTML
	Fields          []Field
	Roles           []string // "Admin"
	Bot             bool
	Locked          bool
	Group           bool
	Memorial        bool
	MovedTo         *Account
	Followers       int64
	Following       int64
	Posts           int64
	HideMedia       bool // the profile has no page of media
	HideCounts      bool // the person hides whom they follow and who follows them
	CreatedAt       time.Time
}

// Field is a row of a profile. VerifiedAt is when the link was last found to lead back here; zero: not verified.
type Field struct {
	Name       string
	ValueHTML  template.HTML
	VerifiedAt time.Time
}

// Name is the display name, or the user name where there is none.
func (a *Account) Name() string { return firstOf(a.DisplayName, a.Username, a.Acct) }

// Title names the account in titles: "Ann (@ann@gomph.example)".
func (a *Account) Title() string { return a.Name() + " (@" + a.Acct + ")" }

// Post is a public or unlisted post; the caller sees to it that no other post gets here.
type Post struct {
	ID           string
	URL          string // the permalink for people
	ActivityURL  string // the object's id
	Account      Account
	ContentHTML  template.HTML // cleaned
	SpoilerText  string
	Sensitive    bool
	Visibility   string // "public" or "unlisted"
	CreatedAt    time.Time
	EditedAt     time.Time // zero: never edited
	Language     string    // BCP 47, may be empty
	Media        []Media
	Poll         *Poll
	Card         *Card
	Tags         []TagLink // tags that the text does not show
	InReplyTo    *ReplyTo
	Quote        *Quote
	BoostedBy    *Account
	Pinned       bool
	Replies      int64
	Boosts       int64
	Favourites   int64
	AppName      string // what it was written with
	AppURL       string
	FromHere     bool // written on this server; links to other servers' posts get rel=nofollow
	LastInThread bool // no connecting line below
}

// Quote is what a post quotes. Without a Post, Why says why it is not shown.
type Quote struct {
	Post *Post
	Why  string
}

// ReplyTo names the one a post answers.
type ReplyTo struct{ Acct, URL string }

// TagLink is a hashtag and its page.
type TagLink struct{ Name, URL string }

// MediaKind says how an attachment is shown.
type MediaKind string

// The kinds of attachment; anything else is shown as a link.
const (
	MediaImage MediaKind = "image"
	MediaGIFV  MediaKind = "gifv"
	MediaVideo MediaKind = "video"
	MediaAudio MediaKind = "audio"
)

// Media is an attachment. W and H are pixels of the preview, 0 when not known.
type Media struct {
	Kind        MediaKind
	URL         string
	PreviewURL  string
	Description string
	Blurhash    string
	W, H        int
}

// Poll is a poll with its result so far.
type Poll struct {
	Options   []PollOption
	Votes     int64
	Multiple  bool
	ExpiresAt time.Time // zero: never
	Expired   bool
}

// PollOption is one answer. Votes is -1 while the result is hidden.
type PollOption struct {
	Title string
	Votes int64
}

// Percent of all votes for an option, rounded, 0 to 100.
func (p *Poll) Percent(o PollOption) int {
	if p.Votes <= 0 || o.Votes <= 0 {
		return 0
	}
	return int(min(100, (o.Votes*100+p.Votes/2)/p.Votes))
}

// Leads reports whether no other option has more votes.
func (p *Poll) Leads(o PollOption) bool {
	for _, other := range p.Options {
		if other.Votes > o.Votes {
			return false
		}
	}
	return o.Votes > 0
}

// Card is a preview of the first link in a post.
type Card struct {
	URL         string
	Title       string
	Description string
	Provider    string
	ImageURL    string
	ImageAlt    string
}

// Veiled reports whether the post's media are hidden until asked for.
func (p *Post) Veiled() bool { return p.Sensitive && p.SpoilerText == "" && len(p.Media) > 0 }

// Columns says how many attachments are laid out together, 1 to 4.
func (p *Post) Columns() string { return strconv.Itoa(min(max(len(p.Media), 1), 4)) }

// Summary is the text that a preview of a link may show: the warning alone where there is one.
func (p *Post) Summary() string {
	switch {
	case p.SpoilerText != "":
		return "Content warning: " + p.SpoilerText
	case p.Sensitive:
		return "This post is marked as sensitive."
	}
	return firstOf(plain(p.ContentHTML), mediaSummary(p.Media), "A post by "+p.Account.Title())
}

// cover is the picture for a preview of a link: never one that is sensitive.
func (p *Post) cover() (url, alt string) {
	if p.Sensitive || p.SpoilerText != "" {
		return "", ""
	}
	for _, m := range p.Media {
		if m.Kind == MediaImage {
			return m.URL, m.Description
		}
		if m.Kind != MediaAudio && m.PreviewURL != "" {
			return m.PreviewURL, m.Description
		}
	}
	return "", ""
}

func mediaSummary(media []Media) string {
	for _, m := range media {
		if m.Description != "" {
			return m.Description
		}
	}
	return ""
}
