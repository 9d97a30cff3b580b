package site

import (
	"cmp"
	"html"
	"html/template"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

// acct is a handle with its domain, also for people of this server.
func (s *Server) acct(a *accounts.Account) string {
	if a.Local() {
		return a.Username + "@" + s.Site.LocalDomain
	}
	return a.Acct()
}

// pageOf is where an account is to be read.
func (s *Server) pageOf(a *accounts.Account) string {
	switch {
	case a.Local():
		return s.Site.ProfileURL(a.Username)
	case a.URL != "":
		return a.URL
	}
	return a.URI
}

// showAccount makes an account ready for a page: as it stands beside a post. See fullAccount for a profile.
func (s *Server) showAccount(a *accounts.Account) view.Account {
	out := view.Account{
		ID: ids.Format(a.ID), Username: a.Username, Acct: s.acct(a), DisplayName: a.DisplayName, URL: s.pageOf(a), ActivityURL: a.URI,
		AvatarURL: s.Addresses.Of(media.Avatars, a.Avatar, false), Bot: a.Bot(), Locked: a.Locked, Group: a.Group(), Memorial: a.Memorial,
		Followers: a.FollowersCount, Following: a.FollowingCount, Posts: a.StatusesCount, HideCounts: a.HideCollections, CreatedAt: a.CreatedAt,
	}
	if len(a.Emojis) > 0 && a.DisplayName != "" {
		out.DisplayNameHTML = s.emojify(html.EscapeString(a.DisplayName), a.Emojis)
	}
	return out
}

// fullAccount is showAccount with the profile's texts.
func (s *Server) fullAccount(a *accounts.Account) view.Account {
	out := s.showAccount(a)
	out.HeaderURL, out.HideMedia = s.Addresses.Of(media.Headers, a.Header, false), !a.ShowMedia
	tag := func(name string) string { return s.Site.URL(text.TagPath(name)) }
	clean := func(src string, o text.FormatOptions) template.HTML {
		if a.Local() {
			src = text.Format(src, o)
		}
		return s.emojify(src, a.Emojis)
	}
	out.NoteHTML = clean(a.Note, text.FormatOptions{TagURL: tag})
	for _, f := range a.Fields {
		out.Fields = append(out.Fields, view.Field{Name: f.Name, ValueHTML: clean(f.Value, text.FormatOptions{TagURL: tag, RelMe: true, SingleLine: true}), VerifiedAt: f.VerifiedAt})
	}
	return out
}

// emojify puts pictures in the place of :shortcodes: in cleaned HTML, outside of its tags.
func (s *Server) emojify(src string, emojis []accounts.Emoji) template.HTML {
	if len(emojis) == 0 || !strings.Contains(src, ":") {
		return template.HTML(src) //nolint:gosec // cleaned by the domain
	}
	byCode := make(map[string]accounts.Emoji, len(emojis))
	for _, e := range emojis {
		byCode[e.Shortcode] = e
	}
	var b strings.Builder
	b.Grow(len(src) + 128)
	for len(src) > 0 {
		if src[0] == '<' {
			end := strings.IndexByte(src, '>') + 1
			if end == 0 {
				end = len(src)
			}
			b.WriteString(src[:end])
			src = src[end:]
			continue
		}
		words, rest := src, ""
		if i := strings.IndexByte(src, '<'); i > 0 {
			words, rest = src[:i], src[i:]
		}
		s.emojifyText(&b, words, byCode)
		src = rest
	}
	return template.HTML(b.String()) //nolint:gosec // cleaned by the domain, with pictures whose attributes are escaped
}

// emojifyText does it for text without tags. What stands between two colons is a shortcode if there is such an emoji.
func (s *Server) emojifyText(b *strings.Builder, words string, byCode map[string]accounts.Emoji) {
	for {
		open := strings.IndexByte(words, ':')
		if open < 0 {
			break
		}
		width := strings.IndexByte(words[open+1:], ':')
		if width < 0 {
			break
		}
		e, known := byCode[words[open+1:open+1+width]]
		if !known {
			b.WriteString(words[:open+1+width])
			words = words[open+1+width:]
			continue
		}
		b.WriteString(words[:open])
		code, url := html.EscapeString(":"+e.Shortcode+":"), html.EscapeString(s.Addresses.Of(media.Emojis, e.URL, false))
		b.WriteString(`<img class="emoji" src="` + url + `" alt="` + code + `" title="` + code + `" width="20" height="20" loading="lazy" decoding="async">`)
		words = words[open+1+width+1:]
	}
	b.WriteString(words)
}

// showPosts makes posts ready for a page, in the order given. What is not public or quietly public is never among them.
func (s *Server) showPosts(p *shown, list []statuses.ID) []view.Post {
	out := make([]view.Post, 0, len(list))
	for _, id := range list {
		st := p.Statuses[id]
		if st == nil || !st.Distributable() {
			continue
		}
		by := p.Accounts[st.AccountID]
		if st.Reblog() {
			if st = p.Statuses[st.ReblogOfID]; st == nil || !st.Distributable() || by == nil {
				continue
			}
			post, ok := s.showPost(p, st)
			if ok {
				booster := s.showAccount(by)
				post.BoostedBy = &booster
				out = append(out, post)
			}
			continue
		}
		if post, ok := s.showPost(p, st); ok {
			out = append(out, post)
		}
	}
	return out
}

func (s *Server) showPost(p *shown, st *statuses.Status) (view.Post, bool) {
	a := p.Accounts[st.AccountID]
	if a == nil || a.Suspended() {
		return view.Post{}, false
	}
	post := view.Post{
		ID: ids.Format(st.ID), URL: s.postURL(a, st), ActivityURL: st.URI, Account: s.showAccount(a), ContentHTML: s.emojify(st.Content, st.Emojis), SpoilerText: st.SpoilerText,
		Sensitive: st.Sensitive, Visibility: st.Visibility.String(), CreatedAt: st.CreatedAt, EditedAt: st.EditedAt, Language: st.Language,
		Replies: st.RepliesCount, Boosts: st.ReblogsCount, Favourites: st.FavouritesCount, FromHere: st.Local,
	}
	for _, m := range p.Media[st.ID] {
		post.Media = append(post.Media, s.showMedia(m))
	}
	if poll := p.Polls[st.PollID]; poll != nil {
		post.Poll = s.showPoll(poll)
	}
	if c := p.cards[st.ID]; c != nil {
		post.Card = s.showCard(c)
	}
	if app, ok := p.Apps[st.ApplicationID]; ok {
		post.AppName, post.AppURL = app.Name, app.Website
	}
	post.InReplyTo = s.showReply(p, a, st)
	post.Quote = s.showQuote(p, st)
	return post, true
}

func (s *Server) showCard(c *links.Card) *view.Card {
	return &view.Card{URL: c.Link, Title: cmp.Or(c.Title, c.Link), Description: c.Description, Provider: cmp.Or(c.ProviderName, weburl.Host(c.URL)), ImageURL: s.Addresses.Of(media.Cards, c.Image, false), ImageAlt: c.ImageDescription}
}

// withheld says why a quoted post is not shown.
var withheld = map[statuses.QuoteState]string{
	statuses.QuotePending: "The quoted post waits for its author's approval.", statuses.QuoteDeleted: "The quoted post was deleted.",
}

// showQuote shows what a post quotes, as far as everybody may see it. What that quotes in turn is not shown.
func (s *Server) showQuote(p *shown, st *statuses.Status) *view.Quote {
	u := p.Quotes[st.ID]
	if u == nil {
		return nil
	}
	if quoted := p.Statuses[u.QuotedStatusID]; u.State.Shows() && quoted != nil && quoted.Distributable() {
		alone := *p.Parts
		alone.Quotes = nil
		if post, ok := s.showPost(&shown{&alone, p.cards}, quoted); ok {
			return &view.Quote{Post: &post}
		}
	}
	return &view.Quote{Why: cmp.Or(withheld[u.State], "The quoted post cannot be shown.")}
}

func (s *Server) postURL(a *accounts.Account, st *statuses.Status) string {
	switch {
	case st.Local:
		return s.Site.StatusURL(a.Username, int64(st.ID))
	case st.URL != "":
		return st.URL
	}
	return st.URI
}

// showReply names whom a post answers, as far as that is known without another question.
func (s *Server) showReply(p *shown, by *accounts.Account, st *statuses.Status) *view.ReplyTo {
	if st.InReplyToAccountID == 0 {
		return nil
	}
	if st.InReplyToAccountID == by.ID {
		return &view.ReplyTo{Acct: s.acct(by), URL: s.pageOf(by)}
	}
	if a := p.Accounts[st.InReplyToAccountID]; a != nil {
		return &view.ReplyTo{Acct: s.acct(a), URL: s.pageOf(a)}
	}
	for _, m := range p.Mentions[st.ID] {
		if m.AccountID == st.InReplyToAccountID {
			acct := m.Acct
			if !strings.Contains(acct, "@") {
				acct += "@" + s.Site.LocalDomain
			}
			return &view.ReplyTo{Acct: acct, URL: m.URL}
		}
	}
	return nil
}

func (s *Server) showMedia(m media.Attachment) view.Media {
	out := view.Media{Kind: view.MediaKind(m.Kind), Description: m.Description, Blurhash: m.Blurhash}
	out.URL, out.PreviewURL = s.Addresses.Shown(m)
	size := m.Meta.Small
	if size == nil {
		size = m.Meta.Original
	}
	if size != nil {
		out.W, out.H = size.Width, size.Height
	}
	return out
}

func (s *Server) showPoll(p *statuses.Poll) *view.Poll {
	out := &view.Poll{Votes: p.VotesCount, Multiple: p.Multiple, ExpiresAt: p.ExpiresAt, Expired: p.Expired(s.Clock.Now())}
	for i, title := range p.Options {
		o := view.PollOption{Title: title, Votes: -1}
		if i < len(p.Tallies) && (!p.HideTotals || out.Expired) {
			o.Votes = p.Tallies[i]
		}
		out.Options = append(out.Options, o)
	}
	return out
}
