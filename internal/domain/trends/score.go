package trends

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/text"
)

// The numbers are Mastodon's (Trends::Tags, Trends::Links, Trends::Statuses).
const (
	// threshold is how many people must use something on a day, or how many must like or boost a post, before it has a score.
	threshold = 5
	// peakFor is how long the highest score counts.
	peakFor = 2 * day
	// Within a half-life a score loses half of it: of hashtags and links what their highest score was, of posts since they were written.
	tagHalfLife    = 4 * time.Hour
	linkHalfLife   = 8 * time.Hour
	statusHalfLife = time.Hour
	// What has less than the floor does not trend any more.
	floor       = 1.0
	statusFloor = 0.3
	// maxTrends bounds how many things of a kind trend, whether or not they are allowed.
	maxTrends = 1000
)

// RefreshDue asks for what is talked about to be found out again.
type RefreshDue struct{}

// Kind names the event.
func (RefreshDue) Kind() string { return "trends.refresh_due" }

// trend is something with a score.
type trend struct {
	id       int64
	score    float64
	language string
	// by is who decides on it where nothing was decided on itself: the author of a post, the publisher of a link.
	by string
}

// Refresh finds out what is talked about now.
func (s *Service) Refresh(ctx context.Context, _ RefreshDue) error {
	liked, err := s.read(ctx)
	if err != nil {
		return err
	}
	tags, err := s.score(ctx, Tag, tagHalfLife)
	if err != nil {
		return err
	}
	shared, err := s.score(ctx, Link, linkHalfLife)
	if err != nil {
		return err
	}
	if shared, err = s.describeLinks(ctx, shared); err != nil {
		return err
	}
	posts, err := s.scorePosts(ctx, liked)
	if err != nil {
		return err
	}
	for kind, list := range map[Kind][]trend{Tag: tags, Link: shared, Status: posts} {
		if err := s.replace(ctx, kind, list); err != nil {
			return err
		}
	}
	return s.forget(ctx)
}

// surprise is how far more was seen than was expected.
func surprise(expected, observed float64) float64 {
	if expected > observed || observed < threshold {
		return 0
	}
	return (observed - expected) * (observed - expected) / expected
}

// decay is what is left of a score after a time.
func decay(score float64, age, halfLife time.Duration) float64 {
	return score * math.Pow(0.5, age.Seconds()/halfLife.Seconds())
}

// peak is the highest score of something, and when it had it.
type peak struct {
	id    int64
	score float64
	at    int64
}

// score gives the hashtags or links with a score: what is used by more people today than yesterday, and what was so within two days.
func (s *Service) score(ctx context.Context, kind Kind, halfLife time.Duration) ([]trend, error) {
	now := s.Clock.Now()
	today := dayOf(now)
	old, err := db.All(ctx, s.DB, func(r db.Row) (p peak, err error) { return p, r.Scan(&p.id, &p.score, &p.at) },
		"SELECT object_id, score, at FROM trend_peaks WHERE kind = $1 AND at >= $2", string(kind), db.Ms(now.Add(-peakFor)))
	if err != nil {
		return nil, fmt.Errorf("reading scores: %w", err)
	}
	peaks := map[int64]peak{}
	for _, p := range old {
		peaks[p.id] = p
	}
	type busy struct{ id, today, yesterday int64 }
	used, err := db.All(ctx, s.DB, func(r db.Row) (b busy, err error) { return b, r.Scan(&b.id, &b.today, &b.yesterday) },
		`SELECT t.object_id, t.accounts, COALESCE(y.accounts, 0) FROM trend_days t LEFT JOIN trend_days y ON y.kind = t.kind AND y.object_id = t.object_id AND y.day = t.day - 1
WHERE t.kind = $1 AND t.day = $2 AND t.accounts >= $3`, string(kind), today, threshold)
	if err != nil {
		return nil, fmt.Errorf("reading what is used: %w", err)
	}
	var higher [][]any
	for _, b := range used {
		if score := surprise(math.Max(float64(b.yesterday), 1), float64(b.today)); score > peaks[b.id].score {
			peaks[b.id] = peak{b.id, score, db.Ms(now)}
			higher = append(higher, []any{string(kind), b.id, score, db.Ms(now)})
		}
	}
	slices.SortFunc(higher, func(a, b []any) int { return cmp.Compare(a[1].(int64), b[1].(int64)) })
	if err := s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.DoMany(ctx, "keeping scores", `INSERT INTO trend_peaks (kind, object_id, score, at) VALUES ($1, $2, $3, $4) ON CONFLICT (kind, object_id) DO UPDATE SET score = excluded.score, at = excluded.at`, higher)
	}); err != nil {
		return nil, err
	}
	var out []trend
	for _, p := range peaks {
		if left := decay(p.score, now.Sub(db.At(p.at)), halfLife); left >= floor {
			out = append(out, trend{id: p.id, score: left})
		}
	}
	return best(out), nil
}

// best keeps the highest scores.
func best(list []trend) []trend {
	slices.SortFunc(list, func(a, b trend) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.id, b.id)) })
	return list[:min(len(list), maxTrends)]
}

// describeLinks adds languages and publishers; pages in no language that is known do not trend.
func (s *Service) describeLinks(ctx context.Context, list []trend) ([]trend, error) {
	byID := map[int64]trend{}
	for _, t := range list {
		byID[t.id] = t
	}
	var out []trend
	_, err := db.All(ctx, s.DB, func(r db.Row) (none struct{}, err error) {
		var id int64
		var url, language string
		err = r.Scan(&id, &url, &language)
		if t := byID[id]; text.ValidLanguage(language) {
			t.language, t.by = language, publisher(url)
			out = append(out, t)
		}
		return none, err
	}, "SELECT id, url, language FROM preview_cards WHERE id = ANY($1)", db.Array(slices.Collect(maps.Keys(byID))))
	return out, err
}

// eligiblePost is what a post must be, under the given names of post and author, to be shown to everybody unasked.
func eligiblePost(s, a string) string {
	return s + ".deleted_at = 0 AND " + s + ".visibility = 0 AND " + s + ".reblog_of_id = 0 AND " + s + ".spoiler_text = '' AND NOT " + s + ".sensitive AND " +
		a + ".discoverable AND " + a + ".silenced_at = 0 AND " + a + ".suspended_at = 0 AND " + a + ".sensitized_at = 0"
}

// likedPosts are the posts of $1 that may trend: no answers, and what they quote may be shown as well.
var likedPosts = `SELECT s.id, s.account_id, s.language, s.created_at, s.reblogs_count + s.favourites_count FROM statuses s JOIN accounts a ON a.id = s.account_id
WHERE s.id = ANY($1) AND s.reblogs_count + s.favourites_count >= $2 AND s.in_reply_to_id = 0 AND s.in_reply_to_uri = '' AND ` + eligiblePost("s", "a") + `
  AND NOT EXISTS (SELECT 1 FROM quotes u WHERE u.status_id = s.id AND NOT (u.state = 1 AND EXISTS (SELECT 1 FROM statuses o JOIN accounts b ON b.id = o.account_id WHERE o.id = u.quoted_status_id AND ` + eligiblePost("o", "b") + `)))`

// scorePosts gives the posts with a score, of those just liked or boosted and those that trend by now.
func (s *Service) scorePosts(ctx context.Context, liked map[statuses.ID]bool) ([]trend, error) {
	before, err := db.Column[statuses.ID](ctx, s.DB, "SELECT object_id FROM trends WHERE kind = 'status'")
	if err != nil {
		return nil, err
	}
	for _, id := range before {
		liked[id] = true
	}
	now := s.Clock.Now()
	var out []trend
	for list := range slices.Chunk(slices.Sorted(maps.Keys(liked)), atOnce) {
		_, err := db.All(ctx, s.DB, func(r db.Row) (none struct{}, err error) {
			var t trend
			var by, at, observed int64
			if err := r.Scan(&t.id, &by, &t.language, &at, &observed); err != nil {
				return none, err
			}
			t.by = strconv.FormatInt(by, 10)
			t.score = decay(surprise(1, float64(observed)), max(now.Sub(db.At(at)), 0), statusHalfLife)
			if t.score >= statusFloor && text.ValidLanguage(t.language) {
				out = append(out, t)
			}
			return none, nil
		}, likedPosts, db.Array(list), threshold)
		if err != nil {
			return nil, fmt.Errorf("scoring posts: %w", err)
		}
	}
	return best(out), nil
}

// replace writes what trends of a kind.
func (s *Service) replace(ctx context.Context, kind Kind, list []trend) error {
	slices.SortFunc(list, func(a, b trend) int { return cmp.Compare(a.id, b.id) })
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		allowed, err := s.allowed(ctx, tx, kind, list)
		if err != nil {
			return err
		}
		if err := tx.Do(ctx, "forgetting what trended", "DELETE FROM trends WHERE kind = $1", string(kind)); err != nil {
			return err
		}
		rows := make([][]any, len(list))
		for i, t := range list {
			rows[i] = []any{string(kind), t.id, t.score, t.language, allowed[t.id]}
		}
		return tx.DoMany(ctx, "writing what trends", "INSERT INTO trends (kind, object_id, score, language, allowed) VALUES ($1, $2, $3, $4, $5)", rows)
	})
}

// forget removes days that no history shows any more, and scores that count no more.
func (s *Service) forget(ctx context.Context) error {
	now := s.Clock.Now()
	if err := s.DB.Sweep(ctx, "forgetting days", "DELETE FROM trend_days WHERE day < $1 AND (kind, object_id, day) IN (SELECT t.kind, t.object_id, t.day FROM trend_days t WHERE t.day < $1 ORDER BY t.day LIMIT $2)", dayOf(now)-Days); err != nil {
		return err
	}
	return s.DB.Sweep(ctx, "forgetting scores", "DELETE /* reads all, which are those of some days */ FROM trend_peaks WHERE at < $1 AND (kind, object_id) IN (SELECT t.kind, t.object_id FROM trend_peaks t WHERE t.at < $1 LIMIT $2)", db.Ms(now.Add(-peakFor)))
}
