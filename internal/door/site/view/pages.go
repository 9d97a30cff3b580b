package view

import (
	"html/template"
	"io"
	"time"
)

// Landing is the first page a newcomer sees.
type Landing struct {
	Page
	LocalPosts []Post
	Contact    *Account // who runs the server
}

func (p Landing) head() head {
	return head{Title: p.Site.Name, Bare: true, URL: p.Site.URL + PathLanding}
}

// Landing writes the first page.
func (r *Renderer) Landing(w io.Writer, p Landing) error { return r.render(w, "landing", &p) }

// About tells who runs the server and by which rules.
type About struct {
	Page
	Rules        []Rule
	Contact      *Account
	ContactEmail string
	ExtendedHTML template.HTML // the admin's own long text, cleaned
}

// Paper is a long text by whoever runs the server: the terms of service, the privacy policy.
type Paper struct {
	Page
	Title, Path string
	HTML        template.HTML // cleaned
	// From and Until are the days from which it holds and no longer holds; NextURL is what holds then.
	From, Until, NextURL string
}

func (p Paper) head() head { return head{Title: p.Title, URL: p.Site.URL + p.Path} }

// Paper writes a long text.
func (r *Renderer) Paper(w io.Writer, p Paper) error { return r.render(w, "paper", &p) }

// Rule is one rule of the server; Hint explains it.
type Rule struct{ Text, Hint string }

func (p About) head() head { return head{Title: "About", URL: p.Site.URL + PathAbout} }

// About writes the about page.
func (r *Renderer) About(w io.Writer, p About) error { return r.render(w, "about", &p) }

// Tab is a list on a profile.
type Tab string

// The lists of a profile; the empty string counts as TabPosts.
const (
	TabPosts   Tab = "posts"
	TabReplies Tab = "with_replies"
	TabMedia   Tab = "media"
)

// Profile is an account with its posts. PrevURL leads to newer posts, NextURL to older ones; either may be empty.
type Profile struct {
	Page
	Account   Account
	Tab       Tab
	Hashtag   string // its posts alone are shown, whatever Tab says; without #, empty: none
	Pinned    []Post // on the first page of TabPosts
	Posts     []Post
	PrevURL   string
	NextURL   string
	FeedURL   string // RSS; empty: none
	FollowURL string // where a visitor goes to follow; empty: no button
	// SubscribeURL is where a visitor has the posts sent by mail; empty: nowhere.
	SubscribeURL string
}

// Current is the tab shown, of a hashtag none of the usual ones.
func (p *Profile) Current() Tab {
	if p.Hashtag != "" {
		return "tagged/" + Tab(p.Hashtag)
	}
	if p.Tab == "" {
		return TabPosts
	}
	return p.Tab
}

func (p Profile) head() head {
	h := head{
		Title: p.Account.Title(), Description: plain(p.Account.NoteHTML), Type: "profile", URL: p.Account.URL,
		Image: p.Account.AvatarURL, ImageAlt: "Profile picture of " + p.Account.Name(), Username: p.Account.Acct,
		ActivityURL: p.Account.ActivityURL, FeedURL: p.FeedURL, Prev: p.PrevURL, Next: p.NextURL,
	}
	if p.Current() != TabPosts {
		h.URL += "/" + string(p.Current())
	}
	if p.Hashtag != "" {
		h.Title = "#" + p.Hashtag + " by " + h.Title
	}
	if h.Description == "" {
		h.Description = "Posts of " + p.Account.Title() + "."
	}
	return h
}

// Profile writes an account's page.
func (r *Renderer) Profile(w io.Writer, p Profile) error { return r.render(w, "profile", &p) }

// Thread is a post between what it answers and what answers it.
type Thread struct {
	Page
	Ancestors   []Post
	Post        Post
	Descendants []Post
	ReplyURL    string // where a visitor goes to answer from their own server; empty: no button
	OEmbedURL   string // where others learn how to show the post within their pages
}

func (p Thread) head() head {
	h := head{
		Title: p.Post.Account.Name() + ": “" + shorten(p.Post.Summary(), maxTitle) + "”", Description: p.Post.Summary(),
		Type: "article", URL: p.Post.URL, ActivityURL: p.Post.ActivityURL, Username: p.Post.Account.Acct,
		ShareTitle: p.Post.Account.Title(), OEmbedURL: p.OEmbedURL,
		Published: p.Post.CreatedAt.UTC().Format(time.RFC3339),
	}
	if h.Image, h.ImageAlt = p.Post.cover(); h.Image != "" {
		h.LargeImage = true
		return h
	}
	h.Image, h.ImageAlt = p.Post.Account.AvatarURL, "Profile picture of "+p.Post.Account.Name()
	return h
}

// maxTitle in characters: browsers and search results show little more.
const maxTitle = 70

// Thread writes a post's page.
func (r *Renderer) Thread(w io.Writer, p Thread) error { return r.render(w, "thread", &p) }

// Embed is a post as it is shown within pages of others.
type Embed struct {
	Page
	Post Post
}

func (p Embed) head() head {
	return head{Title: "Post by " + p.Post.Account.Title(), Description: p.Post.Summary(), Type: "article", URL: p.Post.URL, NoIndex: true, Framed: true}
}

// Embed writes a post for a frame.
func (r *Renderer) Embed(w io.Writer, p Embed) error { return r.render(w, "embed", &p) }

// Tag is a hashtag's page.
type Tag struct {
	Page
	Name    string // without the sign
	URL     string
	Posts   []Post
	Uses    int64 // posts in the last seven days; 0: not shown
	People  int64 // who wrote them
	PrevURL string
	NextURL string
	FeedURL string
}

func (p Tag) head() head {
	return head{
		Title: "#" + p.Name, Description: "Public posts about #" + p.Name + " on " + p.Site.Name + ".", URL: p.URL,
		FeedURL: p.FeedURL, Prev: p.PrevURL, Next: p.NextURL,
	}
}

// Tag writes a hashtag's page.
func (r *Renderer) Tag(w io.Writer, p Tag) error { return r.render(w, "tag", &p) }
