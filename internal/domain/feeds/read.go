package feeds

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
)

// slack is how many entries more than needed are read, for boosts that are hidden.
const slack = 10

// Home is a page of a person's home feed, newest first.
func (s *Service) Home(ctx context.Context, q db.Q, me accounts.ID, p db.Page) ([]statuses.ID, error) {
	return s.read(ctx, q, feed{me: me}, p)
}

// List is a page of the feed of one of a person's own lists; another's is errs.NotFound (VIS-10).
func (s *Service) List(ctx context.Context, q db.Q, me accounts.ID, id int64, p db.Page) ([]statuses.ID, error) {
	l, err := s.Relations.ListByID(ctx, q, me, id)
	if err != nil {
		return nil, err
	}
	return s.read(ctx, q, feed{me: me, list: &l}, p)
}

func (s *Service) read(ctx context.Context, q db.Q, f feed, p db.Page) (out []statuses.ID, err error) {
	if p.Limit <= 0 {
		return nil, nil
	}
	if p.MinID > 0 {
		out, err = s.above(ctx, q, f, p)
	} else {
		out, err = s.from(ctx, q, f, p)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a feed: %w", err)
	}
	return out, nil
}

// from reads downward from MaxID, or from the top.
func (s *Service) from(ctx context.Context, q db.Q, f feed, p db.Page) ([]statuses.ID, error) {
	var out []statuses.ID
	for at := p.MaxID; ; {
		n := p.Limit + falloff + slack
		raw, end, err := s.older(ctx, q, f, at, n)
		if err != nil {
			return nil, err
		}
		end = end || len(raw) < n // what lies further below costs too much to find
		of, err := s.originalsOf(ctx, q, raw)
		if err != nil {
			return nil, err
		}
		ready := len(raw)
		if !end {
			ready -= falloff // what is below the others is not known yet
		}
		for i := 0; i < ready; i++ {
			if raw[i] <= p.SinceID || len(out) == p.Limit {
				return out, nil
			}
			at = raw[i]
			if !hidden(of, i) {
				out = append(out, statuses.ID(raw[i]))
			}
		}
		if end || len(out) == p.Limit {
			return out, nil
		}
	}
}

// above reads upward from MinID: the entries right above it, newest first.
func (s *Service) above(ctx context.Context, q db.Q, f feed, p db.Page) ([]statuses.ID, error) {
	context, _, err := s.older(ctx, q, f, p.MinID+1, falloff)
	if err != nil {
		return nil, err
	}
	var out []statuses.ID // oldest first
	for at := p.MinID; len(out) < p.Limit; {
		part, end, err := s.newer(ctx, q, f, at, p.MaxID, p.Limit+slack)
		if err != nil {
			return nil, err
		}
		raw := slices.Concat(part, context)
		of, err := s.originalsOf(ctx, q, raw)
		if err != nil {
			return nil, err
		}
		for i := len(part) - 1; i >= 0 && len(out) < p.Limit; i-- {
			if !hidden(of, i) {
				out = append(out, statuses.ID(raw[i]))
			}
		}
		if end || len(part) == 0 {
			break
		}
		at, context = part[0], raw[:min(falloff, len(raw))]
	}
	slices.Reverse(out)
	return out, nil
}

// entry says which post an entry of a feed shows, and whether as a boost.
type entry struct {
	shows statuses.ID
	boost bool
}

// hidden reports whether an entry is a boost of what one of the entries right below it shows.
func hidden(list []entry, i int) bool {
	if !list[i].boost {
		return false
	}
	for _, e := range list[i+1 : min(i+1+falloff, len(list))] {
		if e.shows == list[i].shows {
			return true
		}
	}
	return false
}

// originalsOf says what entries show, from memory as far as it goes; a post never becomes a boost, nor one of something else.
func (s *Service) originalsOf(ctx context.Context, q db.Q, list []int64) ([]entry, error) {
	out := make([]entry, len(list))
	var missing []int64
	for i, id := range list {
		of, known := s.originals.get(statuses.ID(id))
		if !known {
			missing = append(missing, id)
		}
		out[i] = shows(statuses.ID(id), of)
	}
	if len(missing) == 0 {
		return out, nil
	}
	type row struct{ id, of statuses.ID }
	rows, err := db.All(ctx, q, func(r db.Row) (v row, err error) { return v, r.Scan(&v.id, &v.of) }, "SELECT s.id, s.reblog_of_id FROM statuses s WHERE s.id = ANY($1)", db.Array(missing))
	if err != nil {
		return nil, fmt.Errorf("loading what boosts are of: %w", err)
	}
	found := make(map[statuses.ID]statuses.ID, len(rows))
	for _, v := range rows {
		found[v.id] = v.of
		s.originals.put(v.id, v.of)
	}
	for i, id := range list {
		if of, ok := found[statuses.ID(id)]; ok {
			out[i] = shows(statuses.ID(id), of)
		}
	}
	return out, nil
}

func shows(id, of statuses.ID) entry {
	if of == 0 {
		return entry{shows: id}
	}
	return entry{shows: of, boost: true}
}

// maxOriginals bounds each of the two generations of originals: together some 10 MB.
const maxOriginals = 100_000

// originals remembers which post a boost is of (0 for a post), of those that were in use lately.
type originals struct {
	mu         sync.Mutex
	young, old map[statuses.ID]statuses.ID
}

func (o *originals) get(id statuses.ID) (of statuses.ID, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if of, known = o.young[id]; known {
		return of, true
	}
	if of, known = o.old[id]; known {
		o.add(id, of)
	}
	return of, known
}

func (o *originals) put(id, of statuses.ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(id, of)
}

func (o *originals) add(id, of statuses.ID) {
	if len(o.young) >= maxOriginals {
		o.old, o.young = o.young, make(map[statuses.ID]statuses.ID, maxOriginals/4)
	}
	o.young[id] = of
}
