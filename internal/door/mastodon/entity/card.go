package entity

import (
	"context"
	"strconv"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
)

// PreviewCard is what is shown of a page that a post links to.
type PreviewCard struct {
	URL              string              `json:"url"`
	Title            string              `json:"title"`
	Description      string              `json:"description"`
	Language         *string             `json:"language"`
	Type             string              `json:"type"`
	AuthorName       string              `json:"author_name"`
	AuthorURL        string              `json:"author_url"`
	ProviderName     string              `json:"provider_name"`
	ProviderURL      string              `json:"provider_url"`
	HTML             string              `json:"html"`
	Width            int                 `json:"width"`
	Height           int                 `json:"height"`
	Image            *string             `json:"image"`
	ImageDescription string              `json:"image_description"`
	EmbedURL         string              `json:"embed_url"`
	Blurhash         *string             `json:"blurhash"`
	PublishedAt      *string             `json:"published_at"`
	Authors          []PreviewCardAuthor `json:"authors"`
	// MissingAttribution says to a viewer that the page names them as its author, and that they did not name its domain.
	MissingAttribution *bool `json:"missing_attribution,omitempty"`
}

// PreviewCardAuthor is who wrote a page; Account is set if that is somebody on the network.
type PreviewCardAuthor struct {
	Name    string   `json:"name"`
	URL     string   `json:"url"`
	Account *Account `json:"account"`
}

// cardPiece is a rendered preview, the same for all viewers but for who is told that an attribution is missing.
type cardPiece struct {
	entity     PreviewCard
	unverified accounts.ID
	// editedAt is the state of the post, and json the preview without the last brace; both are for pages.
	editedAt int64
	json     []byte
}

func (c *cardPiece) forViewer(viewer accounts.ID) *PreviewCard {
	e := c.entity
	if viewer != 0 {
		e.MissingAttribution = new(c.unverified == viewer)
	}
	return &e
}

// cardsOf renders the previews that posts show. Authors on the network take a further statement.
func (r *Renderer) cardsOf(ctx context.Context, q db.Q, list []statuses.ID) (map[statuses.ID]*cardPiece, error) {
	if r.Links == nil || len(list) == 0 {
		return nil, nil
	}
	found, err := r.Links.OfStatuses(ctx, q, list)
	if err != nil {
		return nil, err
	}
	all := make([]*links.Card, 0, len(found))
	for _, c := range found {
		all = append(all, c)
	}
	people, err := r.authorsOf(ctx, q, all)
	if err != nil {
		return nil, err
	}
	out := make(map[statuses.ID]*cardPiece, len(found))
	for id, c := range found {
		out[id] = &cardPiece{entity: r.card(c, people[c.AuthorID]), unverified: c.UnverifiedID}
	}
	return out, nil
}

func (r *Renderer) authorsOf(ctx context.Context, q db.Q, list []*links.Card) (map[accounts.ID]*Account, error) {
	var authors []accounts.ID
	for _, c := range list {
		if c.AuthorID != 0 {
			authors = append(authors, c.AuthorID)
		}
	}
	if len(authors) == 0 {
		return nil, nil
	}
	return r.Accounts(ctx, q, authors)
}

func (r *Renderer) card(c *links.Card, author *Account) PreviewCard {
	e := PreviewCard{
		URL: c.Link, Title: c.Title, Description: c.Description, Language: textOrNil(c.Language), Type: c.Kind, AuthorName: c.AuthorName, AuthorURL: c.AuthorURL,
		ProviderName: c.ProviderName, ProviderURL: c.ProviderURL, HTML: c.HTML, Width: c.Width, Height: c.Height, Image: textOrNil(r.Deps.Media.Addresses.Of(media.Cards, c.Image, false)), ImageDescription: c.ImageDescription,
		EmbedURL: c.EmbedURL, Blurhash: textOrNil(c.Blurhash), PublishedAt: stampOrNil(c.PublishedAt), Authors: []PreviewCardAuthor{},
	}
	if author != nil && author.Suspended {
		author = nil
	}
	if c.AuthorName != "" || c.AuthorURL != "" || author != nil {
		e.Authors = append(e.Authors, PreviewCardAuthor{c.AuthorName, c.AuthorURL, author})
	}
	return e
}

// makeCards finds the previews of a page's posts, and renders those that are not kept.
func (p *page) makeCards(ctx context.Context, q db.Q, now time.Time) error {
	p.cards = map[statuses.ID]*cardPiece{}
	var list []statuses.ID
	for id, g := range p.glances {
		if !g.Carded {
			continue
		}
		if c, ok := p.cache.cards.get(id, now); ok && c.editedAt == g.EditedAt {
			p.cards[id] = c
		} else {
			list = append(list, id)
		}
	}
	found, err := p.cardsOf(ctx, q, list)
	if err != nil {
		return err
	}
	for id, c := range found {
		b, err := marshal(c.entity)
		if err != nil {
			return err
		}
		c.editedAt, c.json = p.glances[id].EditedAt, b[:len(b)-1]
		p.cards[id] = c
		p.cache.cards.put(id, c, 2*len(b)+overhead, now.Add(pieceAge))
	}
	return nil
}

// appendCard appends the preview of a post's link.
func (p *page) appendCard(out []byte, id statuses.ID) []byte {
	out = append(out, `,"card":`...)
	c := p.cards[id]
	if c == nil {
		return append(out, "null"...)
	}
	out = append(out, c.json...)
	if p.viewer != 0 {
		out = strconv.AppendBool(append(out, `,"missing_attribution":`...), c.unverified == p.viewer)
	}
	return append(out, '}')
}

// TrendLink is a page that is talked about.
type TrendLink struct {
	*PreviewCard
	History []TagDay `json:"history"`
}

// TrendLinks renders pages that are talked about, with their use by id and day.
func (r *Renderer) TrendLinks(ctx context.Context, q db.Q, viewer accounts.ID, list []*links.Card, history map[int64]map[int64]statuses.TagUse) ([]TrendLink, error) {
	people, err := r.authorsOf(ctx, q, list)
	if err != nil {
		return nil, err
	}
	out := make([]TrendLink, 0, len(list))
	for _, c := range list {
		piece := cardPiece{entity: r.card(c, people[c.AuthorID]), unverified: c.UnverifiedID}
		out = append(out, TrendLink{piece.forViewer(viewer), r.history(history[c.ID])})
	}
	return out, nil
}
