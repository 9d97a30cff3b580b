// Package trends owns what is being talked about: hashtags, links and posts that more people use or like than usual.
//
// Nothing is written when somebody posts. Every five minutes a job reads what was posted and liked since it last did, counts it by day, and computes
// scores as Mastodon does. What trends is shown once a moderator allowed it, or at once if the setting trendable_by_default says so.
package trends

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
)

// Kind is what trends.
type Kind string

// The kinds.
const (
	Tag    Kind = "tag"
	Link   Kind = "link"
	Status Kind = "status"
)

// Days is how many days a history has, with today.
const Days = 7

const day = 24 * time.Hour

// Deps is what the service stands on.
type Deps struct {
	DB       *db.DB
	Clock    clock.Clock
	Settings *settings.Service
}

// Service finds out and reads what is talked about.
type Service struct{ Deps }

// New makes the service.
func New(d Deps) *Service { return &Service{d} }

// dayOf is the day of a moment, since 1970.
func dayOf(t time.Time) int64 { return t.UnixMilli() / day.Milliseconds() }

// Wanted says which part of a list is asked for, and for whom.
type Wanted struct {
	// Viewer is 0 for nobody. Language is the one that comes first, "" for none.
	Viewer        accounts.ID
	Language      string
	Limit, Offset int
}

// Shown reports whether trends are shown at all.
func (s *Service) Shown(ctx context.Context, q db.Q) (bool, error) {
	i, err := s.Settings.Get(ctx, q)
	return i.Trends, err
}

// Tags lists the hashtags that are talked about and allowed, the most first.
func (s *Service) Tags(ctx context.Context, q db.Q, w Wanted) ([]statuses.Tag, error) {
	out, err := db.All(ctx, q, func(r db.Row) (t statuses.Tag, err error) { return t, r.Scan(&t.ID, &t.Name, &t.DisplayName) },
		`SELECT g.id, g.name, g.display_name FROM trends x JOIN tags g ON g.id = x.object_id WHERE x.kind = 'tag' AND x.allowed ORDER BY x.score DESC, x.object_id LIMIT $1 OFFSET $2`, w.Limit, w.Offset)
	if err != nil {
		return nil, fmt.Errorf("listing trends: %w", err)
	}
	return out, nil
}

// byLanguage puts what is in the language of $1 first.
const byLanguage = " ORDER BY CASE WHEN x.language = $1 THEN 0 ELSE 1 END, x.score DESC, x.object_id LIMIT $2 OFFSET $3"

// Links lists the pages that are talked about and allowed.
func (s *Service) Links(ctx context.Context, q db.Q, w Wanted) ([]*links.Card, error) {
	out, err := db.All(ctx, q, func(r db.Row) (*links.Card, error) { return links.Scan(r) },
		"SELECT "+links.Columns+" FROM trends x JOIN preview_cards c ON c.id = x.object_id WHERE x.kind = 'link' AND x.allowed"+byLanguage, w.Language, w.Limit, w.Offset)
	if err != nil {
		return nil, fmt.Errorf("listing trends: %w", err)
	}
	return out, nil
}

// wanted leaves out, for the viewer in the given argument, those who block or are blocked, and whom the viewer mutes. The post goes by s, its author by a.
func wanted(arg string) string {
	return ` AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = ` + arg + ` AND b.target_account_id = s.account_id)
  AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.account_id = s.account_id AND b.target_account_id = ` + arg + `)
  AND NOT EXISTS (SELECT 1 FROM mutes m WHERE m.account_id = ` + arg + ` AND m.target_account_id = s.account_id AND (m.expires_at = 0 OR m.expires_at > s.created_at))
  AND NOT EXISTS (SELECT 1 FROM account_domain_blocks d WHERE d.account_id = ` + arg + ` AND d.domain = a.domain AND a.domain <> '')`
}

// visiblePublic is what of a post and its author must hold for everybody to see it. The post goes by s, its author by a.
const visiblePublic = " s.deleted_at = 0 AND s.visibility = 0 AND a.suspended_at = 0 AND a.silenced_at = 0"

// Statuses lists the posts that are talked about and allowed, without those of whom the viewer does not want to see.
func (s *Service) Statuses(ctx context.Context, q db.Q, w Wanted) ([]statuses.ID, error) {
	out, err := db.Column[statuses.ID](ctx, q, "SELECT s.id FROM trends x JOIN statuses s ON s.id = x.object_id JOIN accounts a ON a.id = s.account_id WHERE x.kind = 'status' AND x.allowed AND"+
		visiblePublic+wanted("$4")+byLanguage, w.Language, w.Limit, w.Offset, w.Viewer)
	if err != nil {
		return nil, fmt.Errorf("listing trends: %w", err)
	}
	return out, nil
}

// LinkTimeline lists the public posts of discoverable people that link to a page, which must be one that trends and is allowed: errs.NotFound else.
func (s *Service) LinkTimeline(ctx context.Context, q db.Q, viewer accounts.ID, url string, p db.Page) ([]statuses.ID, error) {
	card, err := db.Value[int64](ctx, q, "SELECT c.id FROM preview_cards c JOIN trends x ON x.kind = 'link' AND x.object_id = c.id WHERE c.url = $1 AND x.allowed", url)
	if err != nil {
		return nil, err
	}
	end, args := p.Apply("y.status_id", []any{card, viewer})
	out, err := db.Column[statuses.ID](ctx, q, "SELECT y.status_id FROM preview_cards_statuses y JOIN statuses s ON s.id = y.status_id JOIN accounts a ON a.id = s.account_id WHERE y.preview_card_id = $1 AND"+
		visiblePublic+fmt.Sprintf(" AND a.discoverable AND (s.parts & %d) <> 0", statuses.PartCard)+wanted("$2")+end, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the timeline of a link: %w", err)
	}
	return db.Newest(p, out), nil
}

// History tells of each object on how many of the last days it was used how often, and by how many, by the day's beginning in Unix seconds; days without
// use are absent. One statement.
func (s *Service) History(ctx context.Context, q db.Q, kind Kind, list []int64) (map[int64]map[int64]statuses.TagUse, error) {
	out := map[int64]map[int64]statuses.TagUse{}
	if len(list) == 0 {
		return out, nil
	}
	rows, err := q.Query(ctx, "SELECT object_id, day, uses, accounts FROM trend_days WHERE kind = $1 AND object_id = ANY($2) AND day > $3", string(kind), db.Array(list), dayOf(s.Clock.Now())-Days)
	if err != nil {
		return nil, fmt.Errorf("reading the use of what trends: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, at int64
		var use statuses.TagUse
		if err := rows.Scan(&id, &at, &use.Uses, &use.Accounts); err != nil {
			return nil, err
		}
		if out[id] == nil {
			out[id] = map[int64]statuses.TagUse{}
		}
		out[id][at*int64(day/time.Second)] = use
	}
	return out, rows.Err()
}
