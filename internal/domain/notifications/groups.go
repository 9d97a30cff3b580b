package notifications

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Groupable are the types of notices that are shown together (Mastodon).
var Groupable = []string{Favourite, Reblog, Follow, SignUp}

const (
	// sampled is how many people of a group are named (Mastodon).
	sampled = 8
	// maxReads is how many reads a page of groups may take: a group of thousands of notices must not make it read them all.
	maxReads = 4
	// ungrouped begins the key of a notice that is alone; its id follows.
	ungrouped = "ungrouped-"
)

// Group is what happened several times: notices of a type about the same thing within some hours, or a single one.
type Group struct {
	Key, Type string
	StatusID  statuses.ID
	// CollectionID is the collection that it is about, 0 for none.
	CollectionID collections.ID
	// Year is the one that a report is about, 0 for none.
	Year int
	// SeveranceID is what was lost, 0 for nothing.
	SeveranceID int64
	// Count is how many notices it has.
	Count int64
	// MostRecentID is the newest of all, Page… are those within the page.
	MostRecentID, PageMinID, PageMaxID int64
	LatestAt                           time.Time
	// Sample are the last who did it, at most eight.
	Sample []accounts.ID
}

// KeyOf is under which key a notice is shown, where these types are grouped.
func (n *Notification) KeyOf(grouped []string) string {
	if n.GroupKey != "" && slices.Contains(grouped, n.Type) {
		return n.GroupKey
	}
	return ungrouped + strconv.FormatInt(n.ID, 10)
}

// Groups gives a page of an account's notices in groups, the newest first. A group that goes on below the page comes again on the next
// one, with what is there of it.
func (s *Service) Groups(ctx context.Context, q db.Q, me accounts.ID, o Options, grouped []string, p db.Page) ([]*Group, error) {
	if len(grouped) == 0 {
		grouped = Groupable
	}
	rows, err := s.heads(ctx, q, me, o, grouped, p)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if p.MinID > 0 {
		slices.Reverse(rows)
	}
	return s.groups(ctx, q, me, o, grouped, rows)
}

// heads are the notices that stand for the groups of a page, in the order in which they are read: the first of each key.
func (s *Service) heads(ctx context.Context, q db.Q, me accounts.ID, o Options, grouped []string, p db.Page) ([]*Notification, error) {
	var heads []*Notification
	var seen []string
	limit := p.Limit
	p.Limit = 4 * limit
	for range maxReads {
		where, args := o.where([]any{me, db.Ms(s.Clock.Now())})
		if len(seen) > 0 {
			args = append(args, db.Texts(seen))
			where += fmt.Sprintf(" AND n.group_key <> ALL($%d)", len(args))
		}
		end, args := p.Apply("n.id", args)
		rows, err := db.All(ctx, q, scan, "SELECT "+columns+shown+where+end, args...)
		if err != nil {
			return nil, fmt.Errorf("listing notifications: %w", err)
		}
		for _, n := range rows {
			key := n.KeyOf(grouped)
			if slices.Contains(seen, key) {
				continue
			}
			if heads = append(heads, n); key == n.GroupKey {
				seen = append(seen, key)
			}
			if len(heads) == limit {
				return heads, nil
			}
		}
		if len(rows) < p.Limit {
			break
		}
		if last := rows[len(rows)-1].ID; p.MinID > 0 {
			p.MinID = last
		} else {
			p.MaxID = last
		}
	}
	return heads, nil
}

// groups describes the groups that some notices stand for, the newest first; two statements.
func (s *Service) groups(ctx context.Context, q db.Q, me accounts.ID, o Options, grouped []string, heads []*Notification) ([]*Group, error) {
	out := make([]*Group, 0, len(heads))
	byKey := map[string]*Group{}
	var keys []string
	for _, n := range heads {
		g := &Group{Key: n.KeyOf(grouped), Type: n.Type, StatusID: n.StatusID, CollectionID: n.CollectionID, Year: n.Year, SeveranceID: n.SeveranceID, Count: 1, MostRecentID: n.ID, PageMinID: n.ID, PageMaxID: n.ID, LatestAt: n.CreatedAt, Sample: []accounts.ID{n.FromAccountID}}
		out = append(out, g)
		if g.Key == n.GroupKey {
			byKey[g.Key], keys = g, append(keys, g.Key)
		}
	}
	if len(keys) == 0 {
		return out, nil
	}
	where, args := o.where([]any{me, db.Ms(s.Clock.Now()), db.Texts(keys), heads[len(heads)-1].ID, heads[0].ID})
	where += " AND n.group_key = ANY($3) AND n.id <= $5"
	_, err := db.All(ctx, q, func(r db.Row) (struct{}, error) {
		var key string
		var count, recent, low, at int64
		err := r.Scan(&key, &count, &recent, &low, &at)
		if g := byKey[key]; g != nil && err == nil {
			g.Count, g.MostRecentID, g.PageMinID, g.PageMaxID, g.LatestAt = count, recent, low, recent, db.At(at)
		}
		return struct{}{}, err
	}, `SELECT n.group_key, COUNT(*), MAX(n.id), MIN(CASE WHEN n.id >= $4 THEN n.id END), MAX(n.created_at)`+shown+where+" GROUP BY n.group_key", args...)
	if err != nil {
		return nil, fmt.Errorf("counting notifications of groups: %w", err)
	}
	for _, g := range byKey {
		g.Sample = nil
	}
	args[3] = sampled
	_, err = db.All(ctx, q, func(r db.Row) (struct{}, error) {
		var key string
		var from accounts.ID
		err := r.Scan(&key, &from)
		if g := byKey[key]; g != nil && err == nil {
			g.Sample = append(g.Sample, from)
		}
		return struct{}{}, err
	}, `SELECT s.group_key, s.from_account_id FROM (SELECT n.id, n.group_key, n.from_account_id, ROW_NUMBER() OVER (PARTITION BY n.group_key ORDER BY n.id DESC) AS nth`+shown+where+`) s
WHERE s.nth <= $4 ORDER BY s.id DESC`, args...)
	if err != nil {
		return nil, fmt.Errorf("sampling notifications of groups: %w", err)
	}
	return out, nil
}

// GroupByKey is one group of an account's.
func (s *Service) GroupByKey(ctx context.Context, q db.Q, me accounts.ID, key string) (*Group, error) {
	o, err := keyed(key)
	if err != nil {
		return nil, err
	}
	rows, err := s.List(ctx, q, me, o, db.Page{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errs.NotFound()
	}
	groups, err := s.groups(ctx, q, me, o, []string{rows[0].Type}, rows)
	if err != nil {
		return nil, err
	}
	groups[0].Key = key
	return groups[0], nil
}

// GroupMembers gives a page of the notices of a group.
func (s *Service) GroupMembers(ctx context.Context, q db.Q, me accounts.ID, key string, p db.Page) ([]*Notification, error) {
	o, err := keyed(key)
	if err != nil {
		return nil, err
	}
	return s.List(ctx, q, me, o, p)
}

// DismissGroup removes the notices of a group; one that is not there is fine.
func (s *Service) DismissGroup(ctx context.Context, me accounts.ID, key string) error {
	if id, ok := strings.CutPrefix(key, ungrouped); ok {
		n, _ := strconv.ParseInt(id, 10, 64) // 0, which is none, for what is no number
		return s.Dismiss(ctx, me, n)
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "dismissing a group", "DELETE FROM notifications WHERE account_id = $1 AND group_key = $2 AND group_key <> ''", me, key)
	})
}

// keyed are the options that find the notices under a key.
func keyed(key string) (Options, error) {
	o := Options{IncludeFiltered: true}
	if id, ok := strings.CutPrefix(key, ungrouped); ok {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n <= 0 {
			return o, errs.NotFound()
		}
		o.ID = n
		return o, nil
	}
	if key == "" {
		return o, errs.NotFound()
	}
	o.GroupKey = key
	return o, nil
}

// UnreadGroups is UnreadCount of groups.
func (s *Service) UnreadGroups(ctx context.Context, q db.Q, me accounts.ID, o Options, grouped []string, limit int) (int64, error) {
	if len(grouped) == 0 {
		grouped = Groupable
	}
	where, args := o.where([]any{me, db.Ms(s.Clock.Now()), db.Texts(grouped)})
	args = append(args, limit)
	return db.Value[int64](ctx, q, "SELECT COUNT(*) FROM (SELECT DISTINCT CASE WHEN n.group_key <> '' AND n.type = ANY($3) THEN n.group_key ELSE CAST(n.id AS TEXT) END"+shown+where+fmt.Sprintf(` AND n.id > `+marker+` LIMIT $%d) unread`, len(args)), args...)
}
