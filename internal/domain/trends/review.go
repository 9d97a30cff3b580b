package trends

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// Subjects of decisions beside the kinds of what trends: an author of posts, and a publisher of links, whose things are allowed or not as long as
// nothing was decided on one of them.
const (
	Author    Kind = "account"
	Publisher Kind = "publisher"
)

// decider is who decides on things of a kind where nothing was decided on themselves.
var decider = map[Kind]Kind{Link: Publisher, Status: Author}

// publisher is the host that publishes a page.
func publisher(url string) string { return weburl.Host(url) }

// deciding are the subjects whose word counts for what somebody wrote or published, the nearest first: of a host also the domains above it.
func deciding(by string) []string {
	var out []string
	for by != "" {
		out = append(out, by)
		_, by, _ = strings.Cut(by, ".")
	}
	return out
}

// decided is the nearest decision on one of some subjects.
func decided(reviews map[string]bool, subjects []string) (trendable, found bool) {
	for _, s := range subjects {
		if trendable, found = reviews[s]; found {
			return trendable, true
		}
	}
	return false, false
}

// allowed tells which of some trends may be shown.
func (s *Service) allowed(ctx context.Context, q db.Q, kind Kind, list []trend) (map[int64]bool, error) {
	i, err := s.Settings.Get(ctx, q)
	if err != nil {
		return nil, err
	}
	var own, others []string
	for _, t := range list {
		own = append(own, strconv.FormatInt(t.id, 10))
		others = append(others, deciding(t.by)...)
	}
	reviews, err := s.reviews(ctx, q, kind, own)
	if err != nil {
		return nil, err
	}
	byOthers, err := s.reviews(ctx, q, decider[kind], others)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]bool, len(list))
	for n, t := range list {
		ok, found := reviews[own[n]]
		if !found {
			ok, found = decided(byOthers, deciding(t.by))
		}
		out[t.id] = ok || !found && i.TrendableByDefault
	}
	return out, nil
}

// reviews reads what was decided on subjects of a kind.
func (s *Service) reviews(ctx context.Context, q db.Q, kind Kind, subjects []string) (map[string]bool, error) {
	out := map[string]bool{}
	if len(subjects) == 0 {
		return out, nil
	}
	_, err := db.All(ctx, q, func(r db.Row) (none struct{}, err error) {
		var subject string
		var ok bool
		err = r.Scan(&subject, &ok)
		out[subject] = ok
		return none, err
	}, "SELECT subject, trendable FROM trend_reviews WHERE kind = $1 AND subject = ANY($2)", string(kind), db.Texts(subjects))
	if err != nil {
		return nil, fmt.Errorf("reading decisions about trends: %w", err)
	}
	return out, nil
}

// Review decides whether something may be shown among what trends: a hashtag, link or post by its id, an author by the account's id, a publisher by its domain.
// What trends by now is shown, or not any more, at once.
func (s *Service) Review(ctx context.Context, kind Kind, subject string, trendable bool) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Do(ctx, "deciding on a trend", `INSERT INTO trend_reviews (kind, subject, trendable, reviewed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, subject) DO UPDATE SET trendable = excluded.trendable, reviewed_at = excluded.reviewed_at`, string(kind), subject, trendable, db.Ms(s.Clock.Now())); err != nil {
			return err
		}
		for _, of := range []Kind{Tag, Link, Status} {
			if of == kind || decider[of] == kind {
				return s.renew(ctx, tx, of)
			}
		}
		return errs.Invalid("Validation failed: nothing is decided on %q", kind)
	})
}

// renew brings up to date which trends of a kind are shown.
func (s *Service) renew(ctx context.Context, tx *db.Tx, kind Kind) error {
	list, err := s.now(ctx, tx, kind)
	if err != nil {
		return err
	}
	bare := make([]trend, len(list))
	for i, t := range list {
		bare[i] = trend{id: t.ID, by: t.by}
	}
	allowed, err := s.allowed(ctx, tx, kind, bare)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, t := range list {
		if allowed[t.ID] != t.Allowed {
			rows = append(rows, []any{allowed[t.ID], string(kind), t.ID})
		}
	}
	return tx.DoMany(ctx, "showing what trends", "UPDATE trends SET allowed = $1 WHERE kind = $2 AND object_id = $3", rows)
}

// Item is something that trends, for whoever decides.
type Item struct {
	Kind Kind
	ID   int64
	// Name is a hashtag's name, a page's or post's address. Title is a page's.
	Name, Title, Language string
	Score                 float64
	Allowed               bool
	// Reviewed says that somebody decided on it, or on its author or publisher.
	Reviewed bool

	by string
}

// items are the questions for what trends of a kind: id, name, title, and who else decides.
var items = map[Kind]string{
	Tag:    "SELECT x.object_id, g.name, '', '', x.language, x.score, x.allowed FROM trends x JOIN tags g ON g.id = x.object_id WHERE x.kind = 'tag'",
	Link:   "SELECT x.object_id, c.url, c.title, '', x.language, x.score, x.allowed FROM trends x JOIN preview_cards c ON c.id = x.object_id WHERE x.kind = 'link'",
	Status: "SELECT x.object_id, CASE WHEN s.url = '' THEN s.uri ELSE s.url END, '', CAST(s.account_id AS TEXT), x.language, x.score, x.allowed FROM trends x JOIN statuses s ON s.id = x.object_id WHERE x.kind = 'status'",
}

func (s *Service) now(ctx context.Context, q db.Q, kind Kind) ([]Item, error) {
	out, err := db.All(ctx, q, func(r db.Row) (i Item, err error) {
		i.Kind = kind
		err = r.Scan(&i.ID, &i.Name, &i.Title, &i.by, &i.Language, &i.Score, &i.Allowed)
		if kind == Link {
			i.by = publisher(i.Name)
		}
		return i, err
	}, items[kind]+" ORDER BY x.score DESC, x.object_id")
	if err != nil {
		return nil, fmt.Errorf("listing what trends: %w", err)
	}
	return out, nil
}

// Items lists all that trends of a kind, allowed or not, the most first.
func (s *Service) Items(ctx context.Context, q db.Q, kind Kind) ([]Item, error) {
	list, err := s.now(ctx, q, kind)
	if err != nil {
		return nil, err
	}
	var own, others []string
	for _, i := range list {
		own, others = append(own, strconv.FormatInt(i.ID, 10)), append(others, deciding(i.by)...)
	}
	reviews, err := s.reviews(ctx, q, kind, own)
	if err != nil {
		return nil, err
	}
	byOthers, err := s.reviews(ctx, q, decider[kind], others)
	if err != nil {
		return nil, err
	}
	for n := range list {
		_, direct := reviews[own[n]]
		_, indirect := decided(byOthers, deciding(list[n].by))
		list[n].Reviewed = direct || indirect
	}
	return list, nil
}
