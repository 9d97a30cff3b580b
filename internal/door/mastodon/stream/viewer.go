package stream

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/ids"
)

// relationsPrefix begins the channels on which changes of an account's relations are told.
const relationsPrefix = "relations:"

// RelationsChannel is where relations.Deps.Changed tells that an account's relations changed.
func RelationsChannel(id accounts.ID) string { return relationsPrefix + ids.Format(id) }

// viewer is a person who is connected, once or more often, and what it does not want to see.
type viewer struct {
	id      accounts.ID
	clients map[*client]struct{} // guarded by the hub
	loading sync.Mutex
	taste   atomic.Pointer[taste]
}

// taste is what decides in memory. It is not changed once made.
type taste struct {
	sets    *relations.Sets
	filters *filters.Set
}

func (v *viewer) channels() []string {
	return []string{RelationsChannel(v.id), filters.Channel(v.id)}
}

// load reads a person's taste: three statements. Loads happen one after the other, so that the last to begin is the one that counts.
func (v *viewer) load(ctx context.Context, d *Deps) error {
	v.loading.Lock()
	defer v.loading.Unlock()
	var t taste
	var err error
	if t.sets, err = d.Relations.Sets(ctx, d.DB, v.id); err != nil {
		return err
	}
	if t.filters, err = d.Filters.Load(ctx, d.DB, v.id); err != nil {
		return err
	}
	v.taste.Store(&t)
	return nil
}

// public reports whether a person wants to meet a post on a public stream: not of, and not about, anybody blocked or muted.
func (t *taste) public(m *feeds.Message) bool {
	if t.sets.BlockedBy[m.Author] || (m.Domain != "" && t.sets.DomainBlocks[m.Domain]) {
		return false
	}
	unwanted := func(id accounts.ID) bool {
		_, muted := t.sets.Muting[id]
		return muted || t.sets.Blocking[id]
	}
	return !unwanted(m.Author) && !slices.ContainsFunc(m.People, unwanted)
}

// hides reports whether a person does not want to meet an account, or is not wanted by it.
func (t *taste) hides(id accounts.ID) bool {
	_, muted := t.sets.Muting[id]
	return muted || t.sets.Blocking[id] || t.sets.BlockedBy[id]
}

// viewerOf is whom a message about relations or filters is about; 0 for other channels.
func viewerOf(channel string) accounts.ID {
	for _, prefix := range []string{relationsPrefix, "filters:"} {
		if rest, ok := strings.CutPrefix(channel, prefix); ok {
			id, _ := ids.Parse(rest)
			return accounts.ID(id)
		}
	}
	return 0
}
