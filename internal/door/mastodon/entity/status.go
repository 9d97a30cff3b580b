package entity

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
)

// Status is a post, or a boost of one, for one viewer.
type Status struct {
	Body
	Sensitive       bool    `json:"sensitive"`
	Text            *string `json:"text,omitempty"`
	RepliesCount    int64   `json:"replies_count"`
	ReblogsCount    int64   `json:"reblogs_count"`
	FavouritesCount int64   `json:"favourites_count"`
	QuotesCount     int64   `json:"quotes_count"`
	// Quote is a *Quote, within a quoted post a *ShallowQuote, or nil.
	Quote         any           `json:"quote"`
	QuoteApproval QuoteApproval `json:"quote_approval"`
	Reblog        *Status       `json:"reblog"`
	Account       *Account      `json:"account"`
	Poll          *Poll         `json:"poll"`
	Card          *PreviewCard  `json:"card"`
	// TaggedCollections are those of ours whose pages the post links to.
	TaggedCollections []Collection `json:"tagged_collections"`
	*Acts
	Pinned *bool `json:"pinned,omitempty"`
}

// Body is what of a post stays as it is until it is edited, and is the same for all who see it.
type Body struct {
	ID                 string            `json:"id"`
	CreatedAt          string            `json:"created_at"`
	InReplyToID        *string           `json:"in_reply_to_id"`
	InReplyToAccountID *string           `json:"in_reply_to_account_id"`
	SpoilerText        string            `json:"spoiler_text"`
	Visibility         string            `json:"visibility"`
	Language           *string           `json:"language"`
	URI                string            `json:"uri"`
	URL                *string           `json:"url"`
	EditedAt           *string           `json:"edited_at"`
	Content            *string           `json:"content,omitempty"`
	Application        *Application      `json:"application,omitempty"`
	MediaAttachments   []MediaAttachment `json:"media_attachments"`
	Mentions           []Mention         `json:"mentions"`
	Tags               []StatusTag       `json:"tags"`
	Emojis             []CustomEmoji     `json:"emojis"`
}

// Acts are what the viewer did with a post, and which of the viewer's filters it matches.
type Acts struct {
	Favourited bool           `json:"favourited"`
	Reblogged  bool           `json:"reblogged"`
	Muted      bool           `json:"muted"`
	Bookmarked bool           `json:"bookmarked"`
	Filtered   []FilterResult `json:"filtered"`
}

// Application is what a post was written with.
type Application struct {
	Name    string  `json:"name"`
	Website *string `json:"website"`
}

// Mention is an account that a post names.
type Mention struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	URL      string `json:"url"`
	Acct     string `json:"acct"`
}

// StatusTag is a hashtag of a post.
type StatusTag struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// StatusSource is a post as it was typed.
type StatusSource struct {
	ID          string `json:"id"`
	Text        string `json:"text"`
	SpoilerText string `json:"spoiler_text"`
}

// StatusEdit is a post as it was once.
type StatusEdit struct {
	Content          string            `json:"content"`
	SpoilerText      string            `json:"spoiler_text"`
	Sensitive        bool              `json:"sensitive"`
	CreatedAt        string            `json:"created_at"`
	Account          *Account          `json:"account"`
	Poll             *EditedPoll       `json:"poll,omitempty"`
	MediaAttachments []MediaAttachment `json:"media_attachments"`
	Emojis           []CustomEmoji     `json:"emojis"`
	// Quote is a *Quote, or nil.
	Quote any `json:"quote,omitempty"`
}

// EditedPoll is the options that a poll had.
type EditedPoll struct {
	Options []EditedOption `json:"options"`
}

// EditedOption is an option that a poll had.
type EditedOption struct {
	Title string `json:"title"`
}

// Statuses renders posts for a viewer (0 for anybody) in the order asked for. What the viewer may not see is left out. The
// viewer's filters for a place ("home", "public", …; "" asks all of them, as Mastodon's API does) are told with each post. The
// number of statements does not grow with the list.
func (r *Renderer) Statuses(ctx context.Context, q db.Q, viewer accounts.ID, order []statuses.ID, filterContext string) ([]*Status, error) {
	out := make([]*Status, 0, len(order))
	if len(order) == 0 {
		return out, nil
	}
	parts, err := r.Deps.Statuses.Load(ctx, q, viewer, order)
	if err != nil {
		return nil, err
	}
	people, err := r.renderAccounts(ctx, q, parts.Accounts)
	if err != nil {
		return nil, err
	}
	v := &view{Renderer: r, viewer: viewer, parts: parts, people: people, place: filterContext}
	var carded []statuses.ID
	for id, s := range parts.Statuses {
		if s.Carded() {
			carded = append(carded, id)
		}
	}
	if v.cards, err = r.cardsOf(ctx, q, carded); err != nil {
		return nil, err
	}
	linked := map[statuses.ID][]collections.ID{}
	for id, s := range parts.Statuses {
		if list := r.collectionsIn(s); list != nil {
			linked[id] = list
		}
	}
	if v.collections, err = r.taggedIn(ctx, q, viewer, linked); err != nil {
		return nil, err
	}
	if r.Filters != nil && viewer != 0 {
		if v.filters, err = r.Filters.For(ctx, q, viewer); err != nil {
			return nil, err
		}
	}
	for _, id := range order {
		if s := v.status(id); s != nil {
			out = append(out, s)
		}
	}
	return out, nil
}

// Status renders one post; nil when the viewer may not see it.
func (r *Renderer) Status(ctx context.Context, q db.Q, viewer accounts.ID, id statuses.ID) (*Status, error) {
	l, err := r.Statuses(ctx, q, viewer, []statuses.ID{id}, "")
	if err != nil || len(l) == 0 {
		return nil, err
	}
	return l[0], nil
}

// view is a list of posts on its way to one viewer.
type view struct {
	*Renderer
	viewer      accounts.ID
	parts       *statuses.Parts
	people      map[accounts.ID]*Account
	filters     *filters.Set
	place       string
	cards       map[statuses.ID]*cardPiece
	collections map[statuses.ID][]Collection
}

// status renders a post; nil for one that is absent or hidden.
func (v *view) status(id statuses.ID) *Status { return v.render(id, false) }

func (v *view) render(id statuses.ID, inQuote bool) *Status {
	s := v.parts.Statuses[id]
	if s == nil || v.people[s.AccountID] == nil || inQuote && s.Reblog() {
		return nil
	}
	e := v.plain(s)
	if c := v.cards[id]; c != nil {
		e.Card = c.forViewer(v.viewer)
	}
	e.TaggedCollections = list(v.collections[id])
	e.Quote = v.quote(s, inQuote)
	e.QuotesCount, e.QuoteApproval = s.QuotesCount, approval(s.QuotePolicy, s.QuotableBy(v.viewer, v.parts.Viewer[id]))
	if s.Reblog() {
		if e.Reblog = v.status(s.ReblogOfID); e.Reblog == nil {
			return nil
		}
		e.QuotesCount, e.QuoteApproval = e.Reblog.QuotesCount, e.Reblog.QuoteApproval
	}
	if v.viewer == 0 {
		return e
	}
	seen := v.parts.Viewer[id]
	e.Acts = &Acts{Favourited: seen.Favourited, Reblogged: seen.Reblogged, Muted: seen.Muted, Bookmarked: seen.Bookmarked}
	if s.AccountID == v.viewer && !s.Reblog() && s.Visibility <= statuses.Private {
		e.Pinned = new(seen.Pinned)
	}
	if e.Reblog != nil {
		e.Acts.Favourited, e.Acts.Reblogged, e.Acts.Bookmarked = e.Reblog.Acts.Favourited, e.Reblog.Acts.Reblogged, e.Reblog.Acts.Bookmarked
		e.Acts.Filtered = e.Reblog.Acts.Filtered
		return e
	}
	e.Acts.Filtered = v.filtered(s)
	return e
}

// plain renders what everybody sees alike.
func (v *view) plain(s *statuses.Status) *Status {
	e := &Status{
		Body: v.body(v.parts, s), Sensitive: s.Sensitive || s.AccountID != v.viewer && !v.parts.Accounts[s.AccountID].SensitizedAt.IsZero(),
		RepliesCount: s.RepliesCount, ReblogsCount: s.ReblogsCount, FavouritesCount: s.FavouritesCount, Account: v.people[s.AccountID],
	}
	if p := v.parts.Polls[s.PollID]; p != nil {
		e.Poll = v.poll(p, s.Emojis, v.viewer)
	}
	return e
}

func (r *Renderer) body(parts *statuses.Parts, s *statuses.Status) Body {
	content := s.Content
	b := Body{
		ID: ids.Format(s.ID), CreatedAt: stamp(s.CreatedAt), InReplyToID: idOrNil(s.InReplyToID), InReplyToAccountID: idOrNil(s.InReplyToAccountID),
		SpoilerText: s.SpoilerText, Visibility: s.Visibility.String(), Language: textOrNil(s.Language),
		URI: s.URI, URL: textOrNil(s.URL), EditedAt: stampOrNil(s.EditedAt), Content: &content,
		MediaAttachments: r.mediaList(parts.Media[s.ID]), Mentions: mentionsOf(parts.Mentions[s.ID]),
		Tags: r.tags(parts.Tags[s.ID]), Emojis: r.emojis(s.Emojis),
	}
	if s.URL == "" && !s.Reblog() {
		b.URL = textOrNil(s.URI)
	}
	if app, ok := parts.Apps[s.ApplicationID]; ok {
		b.Application = &Application{app.Name, textOrNil(app.Website)}
	}
	return b
}

func mentionsOf(in []statuses.Mention) []Mention {
	out := make([]Mention, 0, len(in))
	for _, m := range in {
		if !m.Silent {
			out = append(out, Mention{ids.Format(m.AccountID), m.Username, m.URL, m.Acct})
		}
	}
	return out
}

func (r *Renderer) tags(in []statuses.Tag) []StatusTag {
	out := make([]StatusTag, 0, len(in))
	for _, t := range in {
		out = append(out, StatusTag{t.Name, r.Site.TagURL(t.Name)})
	}
	return out
}

// Poll is a poll with its results.
type Poll struct {
	ID          string        `json:"id"`
	ExpiresAt   *string       `json:"expires_at"`
	Expired     bool          `json:"expired"`
	Multiple    bool          `json:"multiple"`
	VotesCount  int64         `json:"votes_count"`
	VotersCount *int64        `json:"voters_count"`
	Options     []PollOption  `json:"options"`
	Emojis      []CustomEmoji `json:"emojis"`
	*Votes
}

// Votes is what the viewer chose.
type Votes struct {
	Voted    bool  `json:"voted"`
	OwnVotes []int `json:"own_votes"`
}

// PollOption is a choice; its count is null while results are hidden.
type PollOption struct {
	Title      string `json:"title"`
	VotesCount *int64 `json:"votes_count"`
}

// Poll renders a poll for a viewer (0 for anybody), with the emojis of its post.
func (r *Renderer) Poll(p *statuses.Poll, emojis []accounts.Emoji, viewer accounts.ID) *Poll {
	return r.poll(p, emojis, viewer)
}

func (r *Renderer) poll(p *statuses.Poll, emojis []accounts.Emoji, viewer accounts.ID) *Poll {
	expired := p.Expired(r.Clock.Now())
	hide := p.HideTotals && !expired
	e := &Poll{ID: ids.Format(p.ID), ExpiresAt: stampOrNil(p.ExpiresAt), Expired: expired, Multiple: p.Multiple, VotesCount: p.VotesCount, Emojis: r.emojis(emojis), Options: []PollOption{}}
	if p.VotersCount > 0 || p.VotesCount == 0 {
		e.VotersCount = new(p.VotersCount)
	}
	for i, title := range p.Options {
		o := PollOption{Title: title}
		if !hide && i < len(p.Tallies) {
			o.VotesCount = new(p.Tallies[i])
		}
		e.Options = append(e.Options, o)
	}
	if viewer != 0 {
		e.Votes = &Votes{Voted: p.Voted, OwnVotes: list(p.Own)}
	}
	return e
}

// Versions renders what a post was and is, the oldest first; all with what it quotes now, for what is quoted is not kept of each.
func (r *Renderer) Versions(author *Account, in []statuses.Version, quote any) []StatusEdit {
	out := make([]StatusEdit, 0, len(in))
	for _, v := range in {
		e := StatusEdit{Content: v.Content, SpoilerText: v.SpoilerText, Sensitive: v.Sensitive, CreatedAt: stamp(v.CreatedAt), Account: author,
			MediaAttachments: r.mediaList(v.Media), Emojis: r.emojis(v.Emojis), Quote: quote}
		if len(v.PollOptions) > 0 {
			e.Poll = &EditedPoll{}
			for _, o := range v.PollOptions {
				e.Poll.Options = append(e.Poll.Options, EditedOption{o})
			}
		}
		out = append(out, e)
	}
	return out
}
