package links

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/jobs"
)

const (
	// goodFor is how long a preview holds (Mastodon).
	goodFor = 14 * 24 * time.Hour
	// noneFor is how long it holds that a page has no preview, failedFor that it could not be had.
	noneFor   = 24 * time.Hour
	failedFor = time.Hour
	// claimFor is how long one job may take to find a preview out; others wait and ask again after claimWait.
	claimFor  = 2 * time.Minute
	claimWait = 5 * time.Second
)

var errBusy = errors.New("somebody else looks at the page just now")

// Preview lets a post show the preview of its link, which is found out unless it is known.
func (s *Service) Preview(ctx context.Context, e statuses.LinkPosted) error {
	key := normal(e.URL)
	st, err := s.Statuses.Any(ctx, s.DB, e.StatusID)
	if errs.IsNotFound(err) || err == nil && (!st.DeletedAt.IsZero() || db.Ms(st.EditedAt) != e.EditedAt) || key == "" {
		return nil
	}
	if err != nil {
		return err
	}
	card, err := s.find(ctx, key)
	if err != nil || card == 0 {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		shows, err := s.Statuses.SetCard(ctx, tx, e.StatusID, e.EditedAt)
		if err != nil || !shows {
			return err
		}
		return tx.Do(ctx, "giving a post its preview", `INSERT INTO preview_cards_statuses (status_id, preview_card_id, url) SELECT $1, c.id, $3 FROM preview_cards c WHERE c.id = $2
ON CONFLICT (status_id) DO UPDATE SET preview_card_id = excluded.preview_card_id, url = excluded.url`, e.StatusID, card, e.URL)
	})
}

// normal is the one spelling of an address under which its preview is kept; "" for one that is never asked.
func normal(address string) string {
	u, err := weburl.Parse(address)
	if err != nil {
		return ""
	}
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	if key := u.String(); len(key) <= weburl.MaxLen { // escaped it may be longer, which no index takes
		return key
	}
	return ""
}

// lookup is what is known of an address.
type lookup struct{ card, expires, claimed int64 }

// find gives the preview of an address, 0 for none. One job at a time finds out, whoever else waits for it.
func (s *Service) find(ctx context.Context, key string) (int64, error) {
	known, err := s.known(ctx, s.DB, key)
	now := db.Ms(s.Clock.Now())
	if err != nil || known.expires > now {
		return known.card, err
	}
	claimed := int64(0)
	err = s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		claimed, err = tx.Exec(ctx, `INSERT INTO preview_card_lookups (url, claimed_until) VALUES ($1, $2) ON CONFLICT (url) DO UPDATE SET claimed_until = excluded.claimed_until
WHERE preview_card_lookups.claimed_until <= $3 AND preview_card_lookups.expires_at <= $3`, key, now+claimFor.Milliseconds(), now)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("claiming an address: %w", err)
	}
	if claimed == 0 {
		return 0, jobs.Later(claimWait, errBusy)
	}
	card, keep, err := s.look(ctx, key)
	if err != nil {
		return 0, err
	}
	return s.store(ctx, key, known.card, card, keep)
}

func (s *Service) known(ctx context.Context, q db.Q, key string) (lookup, error) {
	var l lookup
	err := q.QueryRow(ctx, "SELECT preview_card_id, expires_at, claimed_until FROM preview_card_lookups WHERE url = $1", key).Scan(&l.card, &l.expires, &l.claimed)
	if errs.IsNotFound(err) {
		return l, nil
	}
	if err != nil {
		return l, fmt.Errorf("looking an address up: %w", err)
	}
	return l, nil
}

// store writes what was found out: a preview, or that there is none, for which an older one stays.
func (s *Service) store(ctx context.Context, key string, old int64, c *Card, keep time.Duration) (int64, error) {
	now := s.Clock.Now()
	id := old
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		keys := []string{key}
		if c != nil {
			if id, err = s.put(ctx, tx, c, db.Ms(now)); err != nil {
				return err
			}
			if c.URL != key {
				keys = append(keys, c.URL)
			}
		}
		for _, k := range keys {
			if err := tx.Do(ctx, "remembering an address", `INSERT INTO preview_card_lookups (url, preview_card_id, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (url) DO UPDATE SET preview_card_id = excluded.preview_card_id, expires_at = excluded.expires_at, claimed_until = 0`, k, id, db.Ms(now.Add(keep))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("keeping a preview: %w", err)
	}
	return id, nil
}

func (s *Service) put(ctx context.Context, tx *db.Tx, c *Card, now int64) (int64, error) {
	return db.Value[int64](ctx, tx, `INSERT INTO preview_cards (id, url, type, article, title, description, language, author_name, author_url, author_account_id,
  unverified_author_account_id, provider_name, provider_url, html, width, height, image, image_description, blurhash, embed_url, published_at, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $22)
ON CONFLICT (url) DO UPDATE SET type = excluded.type, article = excluded.article, title = excluded.title, description = excluded.description, language = excluded.language,
  author_name = excluded.author_name, author_url = excluded.author_url, author_account_id = excluded.author_account_id, unverified_author_account_id = excluded.unverified_author_account_id,
  provider_name = excluded.provider_name, provider_url = excluded.provider_url, html = excluded.html, width = excluded.width, height = excluded.height, image = excluded.image,
  image_description = excluded.image_description, blurhash = excluded.blurhash, embed_url = excluded.embed_url, published_at = excluded.published_at, updated_at = excluded.updated_at
RETURNING id`,
		s.IDs.Next(), c.URL, c.Kind, c.Article, c.Title, c.Description, c.Language, c.AuthorName, c.AuthorURL, c.AuthorID, c.UnverifiedID, c.ProviderName, c.ProviderURL, c.HTML,
		c.Width, c.Height, c.Image, c.ImageDescription, c.Blurhash, c.EmbedURL, db.Ms(c.PublishedAt), now)
}
