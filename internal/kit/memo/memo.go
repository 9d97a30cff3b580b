// Package memo owns copies of database rows in this process: each is kept until somebody writes the row, or for a short while.
//
// Writes of this process are learned of before they happen (db.Watch): from then until the transaction has ended the row is in
// doubt and is read from the database, so a reader that begins after a commit never sees what was before it. Writes of other
// processes arrive as messages, soon after their commit (Hub). The age of a copy bounds what neither finds: commands that run
// beside the server.
package memo

import (
	"maps"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
)

// Age is how long a copy is used at most.
const Age = 5 * time.Second

// Map holds copies by the whole-number key of their row. Nobody may change what is in it.
type Map[K ~int64, V any] struct {
	name  string
	clock clock.Clock
	half  int

	mu sync.Mutex
	// Two generations stand in for an order of use: what is used moves to the young one, and the old one goes as a whole.
	young, old map[K]entry[V]
	// seq counts ended writes. gone says after which one a key was last written; what was read before must not be kept.
	seq, floor uint64
	gone       map[K]uint64
	// doubt counts the transactions that write a row now.
	doubt    map[K]int
	doubtAll int
	// told is called with what was written here.
	told func(name string, keys []int64, whole bool)
}

type entry[V any] struct {
	val   V
	until time.Time
}

// Mark is a moment before which a reader began to read.
type Mark uint64

// New makes a map of at most about max copies. The name is the same in every process.
func New[K ~int64, V any](name string, max int, c clock.Clock) *Map[K, V] {
	return &Map[K, V]{name: name, clock: c, half: max / 2, young: map[K]entry[V]{}, old: map[K]entry[V]{}, gone: map[K]uint64{}, doubt: map[K]int{}}
}

// Get gives the copies that there are of some rows, and a mark for Put; take it before the rest is read.
func (m *Map[K, V]) Get(keys []K) (map[K]V, Mark) {
	out := make(map[K]V, len(keys))
	now := m.clock.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		e, ok := m.young[k]
		if !ok {
			if e, ok = m.old[k]; ok {
				m.keep(k, e)
			}
		}
		if ok && now.Before(e.until) {
			out[k] = e.val
		}
	}
	return out, Mark(m.seq)
}

// Put keeps what was read since a mark, except rows that were written meanwhile or are being written.
func (m *Map[K, V]) Put(since Mark, read map[K]V) {
	until := m.clock.Now().Add(Age)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.doubtAll > 0 || uint64(since) < m.floor {
		return
	}
	for k, v := range read {
		if m.doubt[k] == 0 && m.gone[k] <= uint64(since) {
			m.keep(k, entry[V]{v, until})
		}
	}
}

// keep puts a copy into the young generation; mu is held.
func (m *Map[K, V]) keep(k K, e entry[V]) {
	if len(m.young) >= m.half {
		m.old, m.young = m.young, map[K]entry[V]{}
	}
	m.young[k] = e
}

// Watch makes a watch of a table whose column names the rows that the copies are made of.
func (m *Map[K, V]) Watch(table, column string) db.Watch {
	return db.Watch{Table: table, Column: column, Begin: m.begin, End: m.end}
}

func (m *Map[K, V]) begin(keys []int64, whole bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if whole {
		m.doubtAll++
		m.empty()
		return
	}
	for _, key := range keys {
		k := K(key)
		m.doubt[k]++
		delete(m.young, k)
		delete(m.old, k)
	}
}

func (m *Map[K, V]) end(keys []int64, whole bool) {
	if told := m.finish(keys, whole); told != nil {
		told(m.name, keys, whole)
	}
}

// finish takes rows out of doubt; copies of them can only be made by readers that begin now.
func (m *Map[K, V]) finish(keys []int64, whole bool) func(string, []int64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq++
	if whole {
		m.doubtAll--
	}
	if whole || len(m.gone) > m.half {
		clear(m.gone)
		m.floor = m.seq
	}
	for _, key := range keys {
		k := K(key)
		if m.doubt[k]--; m.doubt[k] <= 0 {
			delete(m.doubt, k)
		}
		m.gone[k] = m.seq
	}
	return m.told
}

// forget is what another process's write does here; it is not told again.
func (m *Map[K, V]) forget(keys []int64, whole bool) {
	m.begin(keys, whole)
	m.finish(keys, whole)
}

func (m *Map[K, V]) title() string { return m.name }

func (m *Map[K, V]) tell(f func(name string, keys []int64, whole bool)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = f
}

func (m *Map[K, V]) empty() {
	clear(m.young)
	clear(m.old)
}

// Missing lists the keys of which there is no copy, each once.
func Missing[K ~int64, V any](keys []K, have map[K]V) []K {
	var out []K
	seen := map[K]bool{}
	for _, k := range keys {
		if _, ok := have[k]; !ok && !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}

// Read gives rows by key: the copies that there are, and the rest through load, of which copies are kept. Rows that load does
// not find are absent.
func (m *Map[K, V]) Read(keys []K, load func(missing []K) (map[K]V, error)) (map[K]V, error) {
	have, mark := m.Get(keys)
	missing := Missing(keys, have)
	if len(missing) == 0 {
		return have, nil
	}
	more, err := load(missing)
	if err != nil {
		return nil, err
	}
	m.Put(mark, more)
	maps.Copy(have, more)
	return have, nil
}
