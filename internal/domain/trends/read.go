package trends

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

const (
	// settle is how old a post is before it is counted: by then its link was looked at, and the transactions that wrote older ones have ended. What
	// comes later than that, as posts that are fetched do, is not counted.
	settle = 5 * time.Minute
	// firstLook is how far back is read at first, or after a long pause.
	firstLook = day
	// atOnce is how many posts or favourites one step reads, and maxSteps how many steps a run takes of each; what is left waits for the next.
	atOnce   = 5000
	maxSteps = 150
	// maxLiked bounds how many posts one run looks at for their score.
	maxLiked = 100_000
)

// use is an object on a day.
type use struct {
	kind   Kind
	id     int64
	day    int64
	uses   int64
	people []accounts.ID
}

type useKey struct {
	kind    Kind
	id, day int64
}

// read counts what was posted and liked since the last time, and gives the posts that were boosted or liked.
func (s *Service) read(ctx context.Context) (map[statuses.ID]bool, error) {
	liked := map[statuses.ID]bool{}
	until := ids.First(s.Clock.Now().Add(-settle))
	for name, step := range map[string]func(context.Context, int64, int64) error{
		"statuses": func(ctx context.Context, from, to int64) error { return s.readPosts(ctx, from, to, liked) },
		"favourites": func(ctx context.Context, from, to int64) error {
			return s.addLiked(ctx, liked, "SELECT DISTINCT f.status_id FROM favourites f WHERE f.id > $1 AND f.id <= $2", from, to)
		},
	} {
		for range maxSteps {
			done, err := s.step(ctx, name, until, step)
			if err != nil {
				return nil, fmt.Errorf("reading %s for trends: %w", name, err)
			}
			if done {
				break
			}
		}
	}
	return liked, nil
}

// errOvertaken says that another run read on meanwhile.
var errOvertaken = errors.New("another run went on meanwhile")

// step reads the next part of a table, by its ids. What counts is written with how far it was read; done says that nothing is left.
func (s *Service) step(ctx context.Context, table string, until int64, read func(context.Context, int64, int64) error) (done bool, err error) {
	earliest := ids.First(s.Clock.Now().Add(-firstLook - settle))
	from, err := db.Value[int64](ctx, s.DB, "SELECT last_id FROM trend_cursors WHERE name = $1", table)
	if err != nil && !errs.IsNotFound(err) {
		return false, err
	}
	ctx = context.WithValue(ctx, cursorKey{}, cursor{table, from})
	from = max(from, earliest)
	to, err := db.Value[int64](ctx, s.DB, "SELECT COALESCE(MAX(x.id), 0) FROM (SELECT t.id FROM "+table+" t WHERE t.id > $1 AND t.id <= $2 ORDER BY t.id LIMIT $3) x", from, until, atOnce)
	if err != nil || to == 0 {
		return true, err
	}
	return false, read(ctx, from, to)
}

// cursor is how far a table was read when a step began.
type cursor struct {
	table string
	last  int64
}

type cursorKey struct{}

// advance writes how far a table was read, in the transaction that writes what was found there.
func advance(ctx context.Context, tx *db.Tx, to int64) error {
	c := ctx.Value(cursorKey{}).(cursor)
	n, err := tx.Exec(ctx, "INSERT INTO trend_cursors (name, last_id) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET last_id = excluded.last_id WHERE trend_cursors.last_id = $3", c.table, to, c.last)
	if err == nil && n == 0 {
		err = errOvertaken
	}
	return err
}

// addLiked notes the posts that a query names, and goes on.
func (s *Service) addLiked(ctx context.Context, into map[statuses.ID]bool, sql string, from, to int64) error {
	list, err := db.Column[statuses.ID](ctx, s.DB, sql, from, to)
	if err != nil {
		return err
	}
	for _, id := range list {
		if len(into) < maxLiked {
			into[id] = true
		}
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error { return advance(ctx, tx, to) })
}

const (
	// tagUses are the hashtags of public posts, boosts left out, by people who are not limited (Mastodon's Trends::Tags).
	tagUses = `SELECT 'tag', g.tag_id, s.account_id, s.created_at FROM statuses s JOIN statuses_tags g ON g.status_id = s.id JOIN accounts a ON a.id = s.account_id
WHERE s.id > $1 AND s.id <= $2 AND s.reblog_of_id = 0 AND` + visiblePublic
	// linkUses are the previews of public posts and of those boosted, that are articles with all that belongs to one (Mastodon's Trends::Links).
	linkUses = `SELECT 'link', c.id, s.account_id, s.created_at FROM statuses s JOIN accounts a ON a.id = s.account_id
JOIN statuses o ON o.id = CASE WHEN s.reblog_of_id = 0 THEN s.id ELSE s.reblog_of_id END JOIN accounts oa ON oa.id = o.account_id
JOIN preview_cards_statuses y ON y.status_id = o.id JOIN preview_cards c ON c.id = y.preview_card_id
WHERE s.id > $1 AND s.id <= $2 AND` + visiblePublic + ` AND o.deleted_at = 0 AND o.visibility = 0 AND oa.suspended_at = 0 AND oa.silenced_at = 0 AND o.spoiler_text = '' AND NOT o.sensitive
  AND c.type = 'link' AND c.article AND c.title <> '' AND c.description <> '' AND c.image <> '' AND c.provider_name <> ''`
)

// readPosts counts the hashtags and links of posts, and notes what they boost.
func (s *Service) readPosts(ctx context.Context, from, to int64, liked map[statuses.ID]bool) error {
	found := map[useKey]*use{}
	for _, sql := range []string{tagUses, linkUses + fmt.Sprintf(" AND (o.parts & %d) <> 0", statuses.PartCard)} {
		if err := s.gather(ctx, found, sql, from, to); err != nil {
			return err
		}
	}
	boosted, err := db.Column[statuses.ID](ctx, s.DB, "SELECT DISTINCT s.reblog_of_id FROM statuses s WHERE s.id > $1 AND s.id <= $2 AND s.reblog_of_id <> 0 AND s.deleted_at = 0", from, to)
	if err != nil {
		return err
	}
	for _, id := range boosted {
		if len(liked) < maxLiked {
			liked[id] = true
		}
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := advance(ctx, tx, to); err != nil {
			return err
		}
		return s.count(ctx, tx, found)
	})
}

func (s *Service) gather(ctx context.Context, into map[useKey]*use, sql string, from, to int64) error {
	rows, err := s.DB.Query(ctx, sql, from, to)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var u use
		var by accounts.ID
		var at int64
		if err := rows.Scan((*string)(&u.kind), &u.id, &by, &at); err != nil {
			return err
		}
		u.day = at / day.Milliseconds()
		key := useKey{u.kind, u.id, u.day}
		if into[key] == nil {
			into[key] = &u
		}
		into[key].uses++
		into[key].people = append(into[key].people, by)
	}
	return rows.Err()
}

// count adds uses to those of their days.
func (s *Service) count(ctx context.Context, tx *db.Tx, found map[useKey]*use) error {
	known, err := s.sketches(ctx, tx, found)
	if err != nil {
		return err
	}
	list := slices.SortedFunc(maps.Values(found), func(a, b *use) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id), cmp.Compare(a.day, b.day))
	})
	rows := make([][]any, len(list))
	for i, u := range list {
		people := known[useKey{u.kind, u.id, u.day}].add(u.people...)
		rows[i] = []any{string(u.kind), u.id, u.day, u.uses, people.count(), people.encode()}
	}
	return tx.DoMany(ctx, "counting what is talked about", `INSERT INTO trend_days (kind, object_id, day, uses, accounts, sketch) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (kind, object_id, day) DO UPDATE SET uses = trend_days.uses + excluded.uses, accounts = excluded.accounts, sketch = excluded.sketch`, rows)
}

// sketches reads who was counted for these objects on these days.
func (s *Service) sketches(ctx context.Context, tx *db.Tx, found map[useKey]*use) (map[useKey]sketch, error) {
	out := map[useKey]sketch{}
	byKind, earliest := map[Kind][]int64{}, dayOf(s.Clock.Now())
	for key := range found {
		byKind[key.kind] = append(byKind[key.kind], key.id)
		earliest = min(earliest, key.day)
	}
	for kind, list := range byKind {
		_, err := db.All(ctx, tx, func(r db.Row) (none struct{}, err error) {
			key := useKey{kind: kind}
			var text string
			err = r.Scan(&key.id, &key.day, &text)
			out[key] = decodeSketch(text)
			return none, err
		}, "SELECT object_id, day, sketch FROM trend_days WHERE kind = $1 AND object_id = ANY($2) AND day >= $3", string(kind), db.Array(list), earliest)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
