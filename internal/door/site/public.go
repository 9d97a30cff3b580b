package site

import (
	"context"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/text"
)

// Posts on a page.
const (
	onLanding = 10
	onPage    = 20
)

// shown is posts with all that pages show of them.
type shown struct {
	*statuses.Parts
	cards map[statuses.ID]*links.Card
}

func (s *Server) load(ctx context.Context, list []statuses.ID) (*shown, error) {
	p, err := s.Statuses.Load(ctx, s.DB, 0, list)
	if err != nil {
		return nil, err
	}
	var carded []statuses.ID
	for id, st := range p.Statuses {
		if st.Carded() {
			carded = append(carded, id)
		}
	}
	cards, err := s.Links.OfStatuses(ctx, s.DB, carded)
	return &shown{p, cards}, err
}

func (s *Server) posts(ctx context.Context, list []statuses.ID) ([]view.Post, error) {
	p, err := s.load(ctx, list)
	if err != nil {
		return nil, err
	}
	return s.showPosts(p, list), nil
}

func (s *Server) landing(ctx context.Context, v *visit) (err error) {
	p := view.Landing{}
	if p.Page, err = s.frame(ctx, v); err != nil {
		return err
	}
	if err := s.count(ctx, &p.Site); err != nil {
		return err
	}
	list, err := s.Statuses.Public(ctx, s.DB, 0, statuses.PublicOptions{Local: true}, db.Page{Limit: onLanding})
	if err != nil {
		return err
	}
	if p.LocalPosts, err = s.posts(ctx, list); err != nil {
		return err
	}
	who, err := s.contact(ctx)
	if err != nil {
		return err
	}
	if who != nil {
		a := s.showAccount(who)
		p.Contact = &a
	}
	v.shared()
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Landing(w, p) })
}

func (s *Server) about(ctx context.Context, v *visit) (err error) {
	p := view.About{}
	if p.Page, err = s.frame(ctx, v); err != nil {
		return err
	}
	if err := s.count(ctx, &p.Site); err != nil {
		return err
	}
	instance, err := s.Settings.Get(ctx, s.DB)
	if err != nil {
		return err
	}
	p.ContactEmail, p.ExtendedHTML = instance.ContactEmail, longText(instance.ExtendedDescription)
	if p.Rules, err = s.rules(ctx); err != nil {
		return err
	}
	who, err := s.contact(ctx)
	if err != nil {
		return err
	}
	if who != nil {
		a := s.showAccount(who)
		p.Contact = &a
	}
	v.shared()
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.About(w, p) })
}

// longText is an admin's text: HTML, cleaned, or plain text made into paragraphs.
func longText(src string) template.HTML {
	if strings.Contains(src, "<") {
		return template.HTML(text.Sanitize(src)) //nolint:gosec // just cleaned
	}
	return template.HTML(text.Format(src, text.FormatOptions{})) //nolint:gosec // escapes
}

// local finds an account of this server that has a page.
func (s *Server) local(ctx context.Context, name string) (*accounts.Account, error) {
	name, domain, _ := strings.Cut(name, "@")
	if !s.Site.IsLocalDomain(strings.ToLower(domain)) || !text.ValidUsername(name) {
		return nil, errs.NotFound()
	}
	a, err := s.Accounts.ByAcct(ctx, s.DB, name, "")
	if err != nil {
		return nil, err
	}
	if a.Suspended() {
		return nil, errs.New(errs.GoneKind, "")
	}
	u, err := s.Access.ByAccount(ctx, s.DB, a.ID)
	if errs.IsNotFound(err) {
		return a, nil // an account without a login, as seeds and tests make them
	}
	if err != nil {
		return nil, err
	}
	if !u.Confirmed() || !u.Approved {
		return nil, errs.NotFound() // nobody is shown before they are let in
	}
	return a, nil
}

// pageOfQuery reads where a list goes on.
func pageOfQuery(q url.Values) db.Page {
	return db.Page{MaxID: httpio.PathID(q.Get("max_id")), MinID: httpio.PathID(q.Get("min_id")), Limit: onPage}
}

// turns gives the addresses of the newer and the older page.
func turns(base string, p db.Page, list []statuses.ID) (newer, older string) {
	if len(list) == 0 {
		return "", ""
	}
	if p.MaxID != 0 || p.MinID != 0 && len(list) == p.Limit {
		newer = base + "?min_id=" + strconv.FormatInt(int64(list[0]), 10)
	}
	if len(list) == p.Limit || p.MinID != 0 {
		older = base + "?max_id=" + strconv.FormatInt(int64(list[len(list)-1]), 10)
	}
	return newer, older
}

// taggedBy is the hashtag that a profile's page is asked for with, "" for none.
func taggedBy(v *visit) (string, error) {
	raw := pathText(v.r, "hashtag")
	name := text.NormalizeTag(raw)
	if raw != "" && (!text.ValidTag(raw) || name == "") {
		return "", errs.NotFound()
	}
	return name, nil
}

func (s *Server) profile(ctx context.Context, v *visit) error {
	name, feed := strings.CutSuffix(chi.URLParam(v.r, "name"), ".rss")
	a, err := s.local(ctx, name)
	if err != nil {
		return err
	}
	if feed {
		return s.accountFeed(ctx, v, a)
	}
	p := view.Profile{Account: s.fullAccount(a), Tab: view.TabPosts, FeedURL: a.URL + ".rss"}
	if p.Page, err = s.frame(ctx, v); err != nil {
		return err
	}
	o := statuses.AccountOptions{ExcludeReplies: true}
	base := a.URL
	tag, err := taggedBy(v)
	if err != nil {
		return err
	}
	switch {
	case tag != "":
		p.Tab, p.Hashtag, o, base = "", tag, statuses.AccountOptions{Tagged: tag}, base+"/tagged/"+url.PathEscape(tag)
	case strings.HasSuffix(v.r.URL.Path, "/with_replies"):
		p.Tab, o, base = view.TabReplies, statuses.AccountOptions{}, base+"/with_replies"
	case strings.HasSuffix(v.r.URL.Path, "/media"):
		if !a.ShowMedia {
			return errs.NotFound()
		}
		p.Tab, o, base = view.TabMedia, statuses.AccountOptions{OnlyMedia: true, ExcludeReplies: !a.ShowMediaReplies}, base+"/media"
	}
	at := pageOfQuery(v.r.URL.Query())
	list, err := s.Statuses.OfAccount(ctx, s.DB, 0, a.ID, o, at)
	if err != nil {
		return err
	}
	var pinned []statuses.ID
	if p.Tab == view.TabPosts && at.MaxID == 0 && at.MinID == 0 {
		if pinned, err = s.Statuses.PinnedOf(ctx, s.DB, 0, a.ID); err != nil {
			return err
		}
	}
	parts, err := s.load(ctx, append(append([]statuses.ID{}, pinned...), list...))
	if err != nil {
		return err
	}
	p.Posts, p.Pinned = s.showPosts(parts, list), s.showPosts(parts, pinned)
	for i := range p.Pinned {
		p.Pinned[i].Pinned = true
	}
	p.PrevURL, p.NextURL = turns(base, at, list)
	if v.Visit == nil || v.Account.ID != a.ID {
		p.FollowURL = s.followURL(v, a)
		if p.SubscribeURL, err = s.subscribeURL(ctx, v, a); err != nil {
			return err
		}
	}
	if err := s.addMoved(ctx, a, &p.Account); err != nil {
		return err
	}
	v.w.Header().Set("Link", `<`+a.URI+`>; rel="alternate"; type="application/activity+json"`)
	v.shared()
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Profile(w, p) })
}

// followURL is where to go to follow: to decide here, or to name one's own server.
func (s *Server) followURL(v *visit, a *accounts.Account) string {
	if v.Visit != nil {
		return view.PathAuthorizeInteract + "?" + url.Values{"uri": {a.URI}}.Encode()
	}
	return view.PathRemoteFollow + "?" + url.Values{"acct": {a.Username}}.Encode()
}

func (s *Server) addMoved(ctx context.Context, a *accounts.Account, into *view.Account) error {
	if a.MovedToID == 0 {
		return nil
	}
	to, err := s.Accounts.ByID(ctx, s.DB, a.MovedToID)
	if errs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	shown := s.showAccount(to)
	into.MovedTo = &shown
	return nil
}

// localPost is the post that a path names, and its author.
func (s *Server) localPost(ctx context.Context, v *visit) (*accounts.Account, *statuses.Status, error) {
	a, err := s.local(ctx, chi.URLParam(v.r, "name"))
	if err != nil {
		return nil, nil, err
	}
	st, err := s.Statuses.ByID(ctx, s.DB, 0, statuses.ID(pathID(v)))
	if err == nil && (st.AccountID != a.ID || st.Reblog() || !st.Distributable()) {
		err = errs.NotFound()
	}
	return a, st, err
}

// embed shows a post for a frame within anybody's page. It runs no script, and knows nobody who is signed in.
func (s *Server) embed(ctx context.Context, v *visit) error {
	v.Visit = nil
	_, st, err := s.localPost(ctx, v)
	if err != nil {
		return err
	}
	list, err := s.posts(ctx, []statuses.ID{st.ID})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errs.NotFound()
	}
	p := view.Embed{Post: list[0]}
	if p.Page, err = s.frame(ctx, v); err != nil {
		return err
	}
	s.framed(v.w.Header())
	v.shared()
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Embed(w, p) })
}

func (s *Server) thread(ctx context.Context, v *visit) error {
	a, st, err := s.localPost(ctx, v)
	if err != nil {
		return err
	}
	up, down, err := s.Statuses.Context(ctx, s.DB, 0, st)
	if err != nil {
		return err
	}
	all := append(append([]statuses.ID{st.ID}, up...), down...)
	parts, err := s.load(ctx, all)
	if err != nil {
		return err
	}
	own := s.showPosts(parts, all[:1])
	if len(own) == 0 {
		return errs.NotFound()
	}
	p := view.Thread{OEmbedURL: s.Site.URL("/api/oembed?" + url.Values{"url": {st.URL}}.Encode()), Post: own[0], Ancestors: s.showPosts(parts, up), Descendants: s.showPosts(parts, down)}
	if p.Page, err = s.frame(ctx, v); err != nil {
		return err
	}
	if v.Visit == nil {
		p.ReplyURL = s.followURL(v, a)
	}
	v.w.Header().Set("Link", `<`+st.URI+`>; rel="alternate"; type="application/activity+json", <`+p.OEmbedURL+`>; rel="alternate"; type="application/json+oembed"`)
	v.shared()
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Thread(w, p) })
}

func (s *Server) tag(ctx context.Context, v *visit) error {
	raw, feed := strings.CutSuffix(pathText(v.r, "name"), ".rss")
	name := text.NormalizeTag(raw)
	if !text.ValidTag(raw) || name == "" {
		return errs.NotFound()
	}
	at := pageOfQuery(v.r.URL.Query())
	list, err := s.Statuses.Tagged(ctx, s.DB, 0, statuses.TagOptions{Any: []string{name}}, at)
	if err != nil {
		return err
	}
	posts, err := s.posts(ctx, list)
	if err != nil {
		return err
	}
	base := s.Site.TagURL(name)
	if feed {
		return s.feed(v, channel{Title: "#" + raw, Link: base, Description: "Public posts about #" + raw}, posts)
	}
	p := view.Tag{Name: raw, URL: base, Posts: posts, FeedURL: base + ".rss"}
	if p.Page, err = s.frame(ctx, v); err != nil {
		return err
	}
	p.PrevURL, p.NextURL = turns(base, at, list)
	v.shared()
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Tag(w, p) })
}

// pathText is a part of the path, unescaped.
func pathText(r *http.Request, name string) string {
	raw := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return raw
	}
	if s, err := url.PathUnescape(raw); err == nil {
		return s
	}
	return raw
}
