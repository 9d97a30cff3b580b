package filters

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

const (
	// maxSets bounds the sets kept in this process; most people have a few keywords, or none.
	maxSets = 10_000
	// readyWithin bounds the wait for the bus before a set is kept: without the bus it is loaded each time.
	readyWithin = 100 * time.Millisecond
)

// Load reads all filters of a person for matching; two statements. For and the caller's own cache build on it.
func (s *Service) Load(ctx context.Context, q db.Q, me accounts.ID) (*Set, error) {
	set := &Set{now: s.Clock.Now}
	rows, err := q.Query(ctx, `SELECT f.id, f.title, f.context, f.action, f.expires_at, COALESCE(k.keyword, ''), COALESCE(k.whole_word, FALSE)
FROM custom_filters f LEFT JOIN custom_filter_keywords k ON k.custom_filter_id = f.id
WHERE f.account_id = $1 AND (f.expires_at = 0 OR f.expires_at > $2) ORDER BY f.id, k.id`, me, db.Ms(s.Clock.Now()))
	if err != nil {
		return nil, fmt.Errorf("loading filters: %w", err)
	}
	defer rows.Close()
	at := map[int64]int{}
	for rows.Next() {
		f := &Filter{AccountID: me}
		var k Keyword
		var contexts string
		var expires int64
		if err := rows.Scan(&f.ID, &f.Title, &contexts, &f.Action, &expires, &k.Keyword, &k.WholeWord); err != nil {
			return nil, err
		}
		i, known := at[f.ID]
		if !known {
			f.ExpiresAt = db.At(expires)
			if f.Context, err = decode(contexts); err != nil {
				return nil, err
			}
			i = len(set.rules)
			at[f.ID] = i
			set.rules = append(set.rules, rule{filter: f, statuses: map[statuses.ID]bool{}})
		}
		if k.Keyword != "" {
			set.rules[i].patterns = append(set.rules[i].patterns, newPattern(k))
		}
	}
	if err := rows.Err(); err != nil || len(set.rules) == 0 {
		return set, err
	}
	rows.Close()
	return set, s.loadStatuses(ctx, q, me, set, at)
}

func (s *Service) loadStatuses(ctx context.Context, q db.Q, me accounts.ID, set *Set, at map[int64]int) error {
	rows, err := q.Query(ctx, `SELECT f.id, x.status_id FROM custom_filters f JOIN custom_filter_statuses x ON x.custom_filter_id = f.id WHERE f.account_id = $1`, me)
	if err != nil {
		return fmt.Errorf("loading filtered posts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var status statuses.ID
		if err := rows.Scan(&id, &status); err != nil {
			return err
		}
		if i, ok := at[id]; ok {
			set.rules[i].statuses[status] = true
		}
	}
	return rows.Err()
}

// For gives all filters of a person, from this process's memory where they are there. Changes made by any process are seen as
// soon as the bus tells of them; those made by this one, at once.
func (s *Service) For(ctx context.Context, q db.Q, me accounts.ID) (*Set, error) {
	if me == 0 {
		return &Set{now: s.Clock.Now}, nil
	}
	if set := s.cache.get(me); set != nil {
		return set, nil
	}
	began, ok := s.cache.begin(ctx, me)
	set, err := s.Load(ctx, q, me)
	if err == nil && ok {
		s.cache.put(me, set, began)
	}
	return set, err
}

// sets keeps sets until the bus says that they changed. It needs no goroutine: what the bus has told is read before each look.
type sets struct {
	bus     pubsub.Bus
	mu      sync.Mutex
	sub     *pubsub.Subscription
	entries map[accounts.ID]*Set
	changes uint64 // grows with every change heard of
}

func (c *sets) get(id accounts.ID) *Set {
	if c.bus == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listen()
	return c.entries[id]
}

// listen takes in what the bus has told since; mu is held.
func (c *sets) listen() {
	for c.sub != nil {
		select {
		case m, open := <-c.sub.C:
			switch {
			case !open: // too slow or closed: what was told may be lost
				c.sub = nil
				c.clear()
			case m.Gap():
				c.clear()
			default:
				if id, err := strconv.ParseInt(strings.TrimPrefix(m.Channel, "filters:"), 10, 64); err == nil {
					c.forget(accounts.ID(id))
				}
			}
		default:
			return
		}
	}
}

func (c *sets) forget(id accounts.ID) {
	c.changes++
	delete(c.entries, id)
}

func (c *sets) clear() {
	c.changes++
	clear(c.entries)
	if c.sub != nil {
		c.sub.Close()
		c.sub = nil
	}
}

// begin makes sure that changes of an account will be heard of, and gives the state to hand to put.
func (c *sets) begin(ctx context.Context, id accounts.ID) (uint64, bool) {
	if c.bus == nil {
		return 0, false
	}
	c.mu.Lock()
	if len(c.entries) >= maxSets {
		c.clear()
	}
	if c.sub == nil {
		c.sub = c.bus.Subscribe(Channel(id))
	} else {
		c.sub.Add(Channel(id))
	}
	sub, changes := c.sub, c.changes
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	return changes, sub.Ready(ctx) == nil
}

func (c *sets) put(id accounts.ID, set *Set, began uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listen()
	if c.sub != nil && c.changes == began {
		c.entries[id] = set
	}
}

// changed is called after the commit of a change made by this process.
func (s *Service) changed(tx *db.Tx, me accounts.ID) {
	tx.AfterCommit(func() {
		s.cache.mu.Lock()
		s.cache.forget(me)
		s.cache.mu.Unlock()
		if s.Bus != nil {
			// Best effort, as all live messages are: whoever misses it learns of a gap.
			_ = s.Bus.Publish(context.Background(), pubsub.Message{Channel: Channel(me), Payload: []byte("{}")})
		}
	})
}
