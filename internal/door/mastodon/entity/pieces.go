package entity

import (
	"bytes"
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/text"
)

const (
	// roomForBodies and roomForPeople bound the renderings in memory: about 4,000 posts and 4,000 accounts.
	roomForBodies = 16 << 20
	roomForPeople = 8 << 20
	// roomForCards bounds the previews of links in memory: about 2,000.
	roomForCards = 4 << 20
	// pieceAge is how long a rendering may show names of others (who is mentioned, where someone moved) as they were.
	pieceAge = 10 * time.Minute
	// overhead is roughly what an entry takes besides its bytes.
	overhead = 300
)

// pieces are renderings that are the same for all viewers. They are found by id, and used when the version fits.
type pieces struct {
	bodies *shelf[statuses.ID, *bodyPiece]
	people *shelf[accounts.ID, *personPiece]
	cards  *shelf[statuses.ID, *cardPiece]
}

// bodyPiece is a post's Body as JSON without the last brace.
type bodyPiece struct {
	editedAt int64
	json     []byte
	reblogOf statuses.ID
	pollID   int64
	emojis   []accounts.Emoji
	text     *filters.Text
	// collections are those that the post links to.
	collections []collections.ID
}

type personPiece struct {
	version statuses.AuthorVersion
	json    []byte
}

func newPieces() *pieces {
	return &pieces{newShelf[statuses.ID, *bodyPiece](roomForBodies), newShelf[accounts.ID, *personPiece](roomForPeople), newShelf[statuses.ID, *cardPiece](roomForCards)}
}

func marshal(v any) (out []byte, err error) {
	err = httpio.Encode(v, func(b []byte) error {
		out = bytes.Clone(b)
		return nil
	})
	return out, err
}

// page is a list of posts on its way to one viewer, put together from pieces.
type page struct {
	*Renderer
	viewer      accounts.ID
	context     string
	glances     map[statuses.ID]*statuses.Glance
	bodies      map[statuses.ID]*bodyPiece
	people      map[accounts.ID]*personPiece
	polls       map[int64]*statuses.Poll
	filters     *filters.Set
	quotes      map[statuses.ID]*statuses.Quote
	cards       map[statuses.ID]*cardPiece
	collections map[statuses.ID][]Collection
}

// place is where on a page a post stands.
type place int

const (
	onPage place = iota
	inBoost
	inQuote
)

// List is Statuses as JSON, for the timelines that are asked for most: what is the same for all viewers is rendered once and
// kept, so that a page that was seen of late takes one statement.
func (r *Renderer) List(ctx context.Context, q db.Q, viewer accounts.ID, order []statuses.ID, filterContext string) ([]byte, error) {
	return r.AppendList(ctx, q, nil, viewer, order, filterContext)
}

// AppendList is List for a caller who has a buffer to write into.
func (r *Renderer) AppendList(ctx context.Context, q db.Q, out []byte, viewer accounts.ID, order []statuses.ID, filterContext string) ([]byte, error) {
	p := &page{Renderer: r, viewer: viewer, context: filterContext, bodies: make(map[statuses.ID]*bodyPiece, len(order)), people: make(map[accounts.ID]*personPiece, len(order)),
		polls: map[int64]*statuses.Poll{}}
	if err := p.look(ctx, q, order); err != nil {
		return nil, err
	}
	if err := p.fetch(ctx, q); err != nil {
		return nil, err
	}
	out = append(out, '[')
	start := len(out)
	for _, id := range order {
		before := len(out)
		if before > start {
			out = append(out, ',')
		}
		more, ok, err := p.status(out, id, onPage)
		if err != nil {
			return nil, err
		}
		if !ok {
			more = more[:before]
		}
		out = more
	}
	return append(out, ']'), nil
}

// look glances at the posts. Which posts the boosts among them show is known for those whose rendering is kept.
func (p *page) look(ctx context.Context, q db.Q, order []statuses.ID) (err error) {
	now := p.Clock.Now()
	all, unknown := append(make([]statuses.ID, 0, len(order)*2), order...), false
	for _, id := range order {
		b, ok := p.cache.bodies.get(id, now)
		if !ok {
			unknown = true
			continue
		}
		if b.reblogOf != 0 {
			all = append(all, b.reblogOf)
		}
	}
	if p.glances, err = p.Deps.Statuses.Glance(ctx, q, p.viewer, all, unknown); err != nil {
		return err
	}
	if err = p.lookAtQuotes(ctx, q); err != nil || p.Filters == nil || p.viewer == 0 {
		return err
	}
	p.filters, err = p.Filters.For(ctx, q, p.viewer)
	return err
}

// fetch finds the pieces of all posts, and makes those that are not kept or not right any more.
func (p *page) fetch(ctx context.Context, q db.Q) error {
	now := p.Clock.Now()
	var posts []statuses.ID
	for id, g := range p.glances {
		if b, ok := p.cache.bodies.get(id, now); ok && b.editedAt == g.EditedAt {
			p.bodies[id] = b
		} else {
			posts = append(posts, id)
		}
		if a, ok := p.cache.people.get(g.AccountID, now); ok && a.version == g.Author {
			p.people[g.AccountID] = a
		}
	}
	if err := p.makeBodies(ctx, q, posts, now); err != nil {
		return err
	}
	if err := p.makePeople(ctx, q, now); err != nil {
		return err
	}
	if err := p.makeCards(ctx, q, now); err != nil {
		return err
	}
	linked := map[statuses.ID][]collections.ID{}
	for id, b := range p.bodies {
		if b.collections != nil {
			linked[id] = b.collections
		}
	}
	var err error
	if p.collections, err = p.taggedIn(ctx, q, p.viewer, linked); err != nil {
		return err
	}
	var polls []int64
	for _, b := range p.bodies {
		if b.pollID != 0 && p.polls[b.pollID] == nil {
			polls = append(polls, b.pollID)
		}
	}
	more, err := p.Deps.Statuses.Polls(ctx, q, p.viewer, polls)
	maps.Copy(p.polls, more)
	return err
}

func (p *page) makeBodies(ctx context.Context, q db.Q, list []statuses.ID, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	parts, err := p.Deps.Statuses.LoadAlone(ctx, q, p.viewer, list)
	if err != nil {
		return err
	}
	maps.Copy(p.polls, parts.Polls)
	for id, s := range parts.Statuses {
		b, err := marshal(p.body(parts, s))
		if err != nil {
			return err
		}
		piece := &bodyPiece{db.Ms(s.EditedAt), b[:len(b)-1], s.ReblogOfID, s.PollID, s.Emojis, textOf(parts, s), p.collectionsIn(s)}
		p.bodies[id] = piece
		p.cache.bodies.put(id, piece, 2*len(b)+overhead, now.Add(pieceAge))
	}
	return p.keepPeople(ctx, q, parts.Accounts, now)
}

// makePeople renders the authors that are not there yet.
func (p *page) makePeople(ctx context.Context, q db.Q, now time.Time) error {
	var list []accounts.ID
	for _, g := range p.glances {
		if p.people[g.AccountID] == nil {
			list = append(list, g.AccountID)
		}
	}
	found, err := p.Deps.Accounts.ByIDs(ctx, q, list)
	if err != nil {
		return err
	}
	return p.keepPeople(ctx, q, found, now)
}

func (p *page) keepPeople(ctx context.Context, q db.Q, found map[accounts.ID]*accounts.Account, now time.Time) error {
	people, err := p.renderAccounts(ctx, q, found)
	if err != nil {
		return err
	}
	for id, a := range people {
		b, err := marshal(a)
		if err != nil {
			return err
		}
		piece := &personPiece{statuses.VersionOf(found[id]), b}
		p.people[id] = piece
		p.cache.people.put(id, piece, len(b)+overhead, now.Add(pieceAge))
	}
	return nil
}

// textOf is the text of a post that filters are asked about. It holds on to nothing else.
func textOf(parts *statuses.Parts, s *statuses.Status) *filters.Text {
	spoiler, content := s.SpoilerText, s.Content
	var more []string
	if poll := parts.Polls[s.PollID]; poll != nil {
		more = append(more, poll.Options...)
	}
	for _, m := range parts.Media[s.ID] {
		more = append(more, m.Description)
	}
	return filters.NewText(func() string { return strings.Join(append([]string{spoiler, text.Plain(content)}, more...), "\n\n") })
}

// status appends a post, and reports false for one that is not to be seen.
func (p *page) status(out []byte, id statuses.ID, in place) ([]byte, bool, error) {
	g, b := p.glances[id], p.bodies[id]
	if g == nil || b == nil || p.people[g.AccountID] == nil || in != onPage && g.ReblogOfID != 0 {
		return out, false, nil
	}
	out = append(out, b.json...)
	out = append(out, `,"sensitive":`...)
	out = strconv.AppendBool(out, g.Sensitive || g.Sensitized && g.AccountID != p.viewer)
	out = strconv.AppendInt(append(out, `,"replies_count":`...), g.RepliesCount, 10)
	out = strconv.AppendInt(append(out, `,"reblogs_count":`...), g.ReblogsCount, 10)
	out = strconv.AppendInt(append(out, `,"favourites_count":`...), g.FavouritesCount, 10)
	out = append(append(out, `,"account":`...), p.people[g.AccountID].json...)
	acts := g
	if g.ReblogOfID != 0 {
		var ok bool
		var err error
		out = append(out, `,"reblog":`...)
		if out, ok, err = p.status(out, g.ReblogOfID, inBoost); err != nil || !ok {
			return out, false, err
		}
		acts = p.glances[g.ReblogOfID]
	} else {
		out = append(out, `,"reblog":null`...)
	}
	out, err := p.appendQuote(out, g, acts, in)
	if err != nil {
		return out, false, err
	}
	out, err = p.extras(out, b, acts, g)
	return append(out, '}'), true, err
}

// extras appends what the viewer did with a post, the viewer's filters, and the poll.
func (p *page) extras(out []byte, b *bodyPiece, acts, g *statuses.Glance) ([]byte, error) {
	if poll := p.polls[b.pollID]; poll != nil {
		j, err := marshal(p.poll(poll, b.emojis, p.viewer))
		if err != nil {
			return out, err
		}
		out = append(append(out, `,"poll":`...), j...)
	} else {
		out = append(out, `,"poll":null`...)
	}
	out = p.appendCard(out, g.ID)
	if tagged := p.collections[g.ID]; len(tagged) > 0 {
		j, err := marshal(tagged)
		if err != nil {
			return out, err
		}
		out = append(append(out, `,"tagged_collections":`...), j...)
	} else {
		out = append(out, `,"tagged_collections":[]`...)
	}
	if p.viewer == 0 {
		return out, nil
	}
	out = strconv.AppendBool(append(out, `,"favourited":`...), acts.Viewer.Favourited)
	out = strconv.AppendBool(append(out, `,"reblogged":`...), acts.Viewer.Reblogged)
	out = strconv.AppendBool(append(out, `,"bookmarked":`...), acts.Viewer.Bookmarked)
	out = strconv.AppendBool(append(out, `,"muted":`...), g.Viewer.Muted)
	if g.AccountID == p.viewer && g.ReblogOfID == 0 && g.Visibility <= statuses.Private {
		out = strconv.AppendBool(append(out, `,"pinned":`...), g.Viewer.Pinned)
	}
	if p.filters.Empty() {
		return append(out, `,"filtered":[]`...), nil
	}
	j, err := marshal(results(p.filters, p.context, p.bodies[acts.ID].text, acts.ID))
	return append(append(out, `,"filtered":`...), j...), err
}
