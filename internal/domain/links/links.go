// Package links owns previews of the pages that posts link to (Mastodon's PreviewCard): finding them out, keeping them, and who
// shows which.
//
// There is one preview for each page, shared by all posts that link to it, and looked at anew after two weeks when another post
// does. That a page has none is remembered too. Pictures are kept as other files of other servers are.
package links

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/metric"
	"github.com/gomph/gomph/internal/kit/preview"
)

// Deps is what the service stands on.
type Deps struct {
	DB        *db.DB
	IDs       *ids.Source
	Clock     clock.Clock
	Site      settings.Site
	Instances *instances.Service
	Accounts  *accounts.Service
	Statuses  *statuses.Service
	Media     *media.Service
	// Fetch asks for pages; Resolver finds their authors on the network. Both may be nil for a process that only reads.
	Fetch    *fetch.Client
	Resolver statuses.Resolver
	Metrics  *metric.Registry
}

// Service finds out and reads previews.
type Service struct {
	Deps
	looked *metric.Counter
}

// New makes the service.
func New(d Deps) *Service {
	looked := d.Metrics.Counter("previews_total", "Pages that were asked for to preview links, by what came of it: found, none, blocked, or the kind of failure.", "outcome")
	return &Service{d, looked}
}

// Card is the preview of a page.
type Card struct {
	preview.Page
	ID       int64
	Blurhash string
	// Link is the address as a post has it; the page's own where no post was asked about.
	Link string
	// AuthorID is who wrote the page, and UnverifiedID who is said to have written it but did not name its domain; 0 for nobody.
	AuthorID, UnverifiedID accounts.ID
	UpdatedAt              time.Time
}

// Columns are those that Into reads; the table preview_cards goes by c.
const Columns = `c.id, c.url, c.type, c.article, c.title, c.description, c.language, c.author_name, c.author_url, c.author_account_id, c.unverified_author_account_id,
  c.provider_name, c.provider_url, c.html, c.width, c.height, c.image, c.image_description, c.blurhash, c.embed_url, c.published_at, c.updated_at`

// Scan reads Columns, and what follows them into more.
func Scan(r db.Row, more ...any) (*Card, error) {
	var c Card
	var published, updated int64
	err := r.Scan(append([]any{&c.ID, &c.URL, &c.Kind, &c.Article, &c.Title, &c.Description, &c.Language, &c.AuthorName, &c.AuthorURL, &c.AuthorID, &c.UnverifiedID,
		&c.ProviderName, &c.ProviderURL, &c.HTML, &c.Width, &c.Height, &c.Image, &c.ImageDescription, &c.Blurhash, &c.EmbedURL, &published, &updated}, more...)...)
	c.PublishedAt, c.UpdatedAt, c.Link = db.At(published), db.At(updated), c.URL
	return &c, err
}

// OfStatuses reads the previews that posts show; one statement, none when nothing is asked for. Ask for those that are Carded.
func (s *Service) OfStatuses(ctx context.Context, q db.Q, list []statuses.ID) (map[statuses.ID]*Card, error) {
	out := make(map[statuses.ID]*Card, len(list))
	if len(list) == 0 {
		return out, nil
	}
	_, err := db.All(ctx, q, func(r db.Row) (none struct{}, err error) {
		var id statuses.ID
		var link string
		c, err := Scan(r, &id, &link)
		c.Link = link
		out[id] = c
		return none, err
	}, "SELECT "+Columns+", x.status_id, x.url FROM preview_cards_statuses x JOIN preview_cards c ON c.id = x.preview_card_id WHERE x.status_id = ANY($1)", db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("loading previews: %w", err)
	}
	return out, nil
}

// ByURL is the id of the preview of a page, by the address that it goes by.
func (s *Service) ByURL(ctx context.Context, q db.Q, url string) (int64, error) {
	return db.Value[int64](ctx, q, "SELECT id FROM preview_cards WHERE url = $1", normal(url))
}

// attributed reports whether an account may be named as the author of pages of a host: it named the host, or one above it.
func attributed(a *accounts.Account, host string) bool {
	return slices.ContainsFunc(a.AttributionDomains, func(domain string) bool { return instances.Within(host, domain) })
}

// maxReattributed bounds how many pages are attributed anew when somebody names a domain (Mastodon).
const maxReattributed = 1000

// Reattribute gives somebody who named another domain the pages there that named them.
func (s *Service) Reattribute(ctx context.Context, e accounts.ProfileUpdated) error {
	cards, err := db.All(ctx, s.DB, func(r db.Row) (*Card, error) { return Scan(r) },
		"SELECT "+Columns+" FROM preview_cards c WHERE c.unverified_author_account_id = $1 AND c.unverified_author_account_id <> 0 ORDER BY c.id DESC LIMIT $2", e.AccountID, maxReattributed)
	if err != nil || len(cards) == 0 {
		return err
	}
	a, err := s.Accounts.ByID(ctx, s.DB, e.AccountID)
	if err != nil {
		return err
	}
	var list []int64
	for _, c := range cards {
		if attributed(a, weburl.Host(c.URL)) {
			list = append(list, c.ID)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "attributing pages", "UPDATE preview_cards SET author_account_id = $1, unverified_author_account_id = 0 WHERE id = ANY($2) AND unverified_author_account_id = $1", e.AccountID, db.Array(list))
	})
}

// forgetAfter is how long what nobody uses any more is kept.
const forgetAfter = 28 * 24 * time.Hour

// ForgetDue asks for previews to be forgotten that no post shows.
type ForgetDue struct{}

// Kind names the event.
func (ForgetDue) Kind() string { return "links.forget_due" }

// Forget removes previews that no post shows any more, and what is remembered of addresses that nobody posted of late.
func (s *Service) Forget(ctx context.Context, _ ForgetDue) error {
	before := db.Ms(s.Clock.Now().Add(-forgetAfter))
	if err := s.DB.Sweep(ctx, "forgetting addresses", "DELETE FROM preview_card_lookups WHERE url IN (SELECT l.url FROM preview_card_lookups l WHERE l.expires_at < $1 AND l.claimed_until < $1 LIMIT $2)", before); err != nil {
		return err
	}
	return s.DB.Sweep(ctx, "forgetting previews", `DELETE FROM preview_cards WHERE id IN (SELECT c.id FROM preview_cards c WHERE c.updated_at < $1
  AND NOT EXISTS (SELECT 1 FROM preview_cards_statuses x WHERE x.preview_card_id = c.id) ORDER BY c.updated_at LIMIT $2)`, before)
}
