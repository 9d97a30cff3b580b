package feeds

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// A round of computing a feed looks at a few posts more than are wanted, within these bounds, and maxRounds bounds the rounds: whoever
	// follows accounts that mostly answer strangers sees a shorter feed rather than a slow one.
	fewCandidates, candidates = 100, 400
	maxRounds                 = 10
	// rebuilt is how many posts a list has that is computed anew, since most are read to their third page at most: what lies below is computed when
	// somebody comes to it, and what is posted from then on grows the list to Length.
	rebuilt = 240
)

// feed is a home feed, or with list set that of a list.
type feed struct {
	me   accounts.ID
	list *relations.List
}

func (f feed) key() string {
	if f.list != nil {
		return listKey(f.list.ID)
	}
	return homeKey(f.me)
}

// compute gives a page of a feed from SQL, newest first, boosts not yet thinned out; end says that nothing lies beyond.
func (s *Service) compute(ctx context.Context, q db.Q, f feed, p db.Page) (out []int64, end bool, err error) {
	v, err := s.viewer(ctx, q, f.me)
	if err != nil {
		return nil, false, err
	}
	sees := v.home
	if f.list != nil {
		l := &list{id: f.list.ID, policy: f.list.RepliesPolicy}
		if l.members, err = s.members(ctx, q, l.id); err != nil {
			return nil, false, err
		}
		sees = func(p *post) bool { return v.list(l, p) }
	}
	want := p.Limit
	p.Limit = min(max(want*5/4, fewCandidates), candidates)
	for range maxRounds {
		found, err := s.candidates(ctx, q, f, p, len(v.tags) > 0)
		if err != nil {
			return nil, false, err
		}
		list, err := s.posts(ctx, q, found, false)
		if err != nil {
			return nil, false, err
		}
		if f.list == nil && len(v.tags) > 0 {
			if err := s.withTags(ctx, q, list); err != nil {
				return nil, false, err
			}
		}
		var part []int64
		for _, p := range list {
			if sees(p) {
				part = append(part, int64(p.id))
			}
		}
		if p.MinID > 0 {
			out = append(part, out...)
		} else {
			out = append(out, part...)
		}
		end = len(found) < p.Limit
		if end || len(out) >= want {
			break
		}
		if p.MinID > 0 {
			p.MinID = int64(found[0])
		} else {
			p.MaxID = int64(found[len(found)-1])
		}
	}
	if over := len(out) - want; over > 0 {
		end = false
		if p.MinID > 0 {
			out = out[over:]
		} else {
			out = out[:want]
		}
	}
	return out, end, nil
}

// candidates are the posts of which some are in a feed; tagged says that the person follows hashtags.
func (s *Service) candidates(ctx context.Context, q db.Q, f feed, p db.Page, tagged bool) ([]statuses.ID, error) {
	if f.list != nil {
		return s.Statuses.ListOf(ctx, q, f.list.ID, p)
	}
	out, err := s.Statuses.HomeOf(ctx, q, f.me, p)
	if err != nil || !tagged {
		return out, err
	}
	more, err := s.Statuses.WithTagsOf(ctx, q, f.me, p)
	if err != nil || len(more) == 0 {
		return out, err
	}
	out = append(out, more...)
	slices.SortFunc(out, func(a, b statuses.ID) int { return cmp.Compare(b, a) })
	out = slices.Compact(out)
	if over := len(out) - p.Limit; over > 0 && p.MinID > 0 {
		return out[over:], nil
	}
	return out[:min(len(out), p.Limit)], nil
}

// rebuild computes a feed and keeps it. What it gives ends with bottom when it is complete.
func (s *Service) rebuild(ctx context.Context, q db.Q, f feed) ([]int64, error) {
	return cache.Rebuild(ctx, s.Cache, f.key(), Length, keepFor, func(ctx context.Context) ([]int64, error) {
		list, end, err := s.compute(ctx, q, f, db.Page{Limit: rebuilt})
		if end {
			list = append(list, bottom)
		}
		return list, err
	})
}

// older gives up to n entries of a feed below max (0 for the newest), newest first; end says that there are no more.
func (s *Service) older(ctx context.Context, q db.Q, f feed, max int64, n int) (list []int64, end bool, err error) {
	list, exists, err := s.Cache.ListRange(ctx, f.key(), max, 0, 0, n)
	if err != nil {
		s.Log.WarnContext(ctx, "a feed is computed because the cache fails", "error", err)
		return s.compute(ctx, q, f, db.Page{MaxID: max, Limit: n})
	}
	if !exists {
		if list, err = s.rebuild(ctx, q, f); err != nil {
			return s.compute(ctx, q, f, db.Page{MaxID: max, Limit: n})
		}
		list = below(list, max)
		list = list[:min(n, len(list))]
	}
	if len(list) > 0 && list[len(list)-1] == bottom {
		return list[:len(list)-1], true, nil
	}
	if len(list) == n {
		return list, false, nil
	}
	if len(list) > 0 {
		max = list[len(list)-1]
	}
	more, end, err := s.compute(ctx, q, f, db.Page{MaxID: max, Limit: n - len(list)})
	return append(list, more...), end, err
}

func below(list []int64, max int64) []int64 {
	if max == 0 {
		return list
	}
	for i, id := range list {
		if id < max {
			return list[i:]
		}
	}
	return nil
}

// newer gives up to n entries right above min and below max (0 for none), newest first.
func (s *Service) newer(ctx context.Context, q db.Q, f feed, min, max int64, n int) (list []int64, end bool, err error) {
	page := db.Page{MinID: min, MaxID: max, Limit: n}
	// Only where an entry at or below min is on the list, nothing is missing between min and the list.
	low, exists, err := s.Cache.ListRange(ctx, f.key(), min+1, 0, 0, 1)
	if err == nil && !exists {
		if _, err = s.rebuild(ctx, q, f); err == nil {
			low, exists, err = s.Cache.ListRange(ctx, f.key(), min+1, 0, 0, 1)
		}
	}
	if err != nil || !exists || len(low) == 0 {
		return s.compute(ctx, q, f, page)
	}
	list, _, err = s.Cache.ListRange(ctx, f.key(), max, 0, min, n)
	if err != nil {
		return nil, false, fmt.Errorf("reading a feed: %w", err)
	}
	return list, len(list) < n, nil
}
