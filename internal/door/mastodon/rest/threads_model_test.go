package rest_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// said is a post of a random thread, as the model knows it.
type said struct {
	id     statuses.ID
	by     accounts.ID
	v      statuses.Visibility
	named  []accounts.ID
	parent int // in the list; -1 for the root
}

// ties is what the model knows of people: who follows and who blocks whom.
type ties struct {
	follows, blocks map[[2]accounts.ID]bool
}

// sees is the rule, written down once more: one's own, what is for everybody unless its author blocks one, what names one, and what is for
// followers.
func (m ties) sees(viewer accounts.ID, p said) bool {
	switch {
	case viewer == p.by:
		return true
	case p.v <= statuses.Unlisted:
		return !m.blocks[[2]accounts.ID{p.by, viewer}]
	case viewer == 0:
		return false
	}
	return slices.Contains(p.named, viewer) || p.v == statuses.Private && m.follows[[2]accounts.ID{viewer, p.by}]
}

// threadModel is four people who answer each other at random.
type threadModel struct {
	ties
	*door
	r      *rand.Rand
	people []*who
	thread []said
}

// TestThreadsAreWhatTheModelSays: with all visibilities, follows and blocks, each of the people and a stranger see below the root what the rule
// lets them see, but for what they block, and see nothing else (VIS-02).
func TestThreadsAreWhatTheModelSays(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	seed := [2]uint64{rand.Uint64(), rand.Uint64()}
	t.Logf("seed %v", seed)
	m := &threadModel{door: d, r: rand.New(rand.NewPCG(seed[0], seed[1]))} //nolint:gosec // a test's choices
	for _, name := range []string{"ann", "bob", "cleo", "dave"} {
		m.people = append(m.people, d.person(name))
	}
	const runs = 100
	for range runs {
		m.tie()
		m.talk()
		m.part()
		for _, viewer := range append([]*who{nobody}, m.people...) {
			m.check(viewer)
		}
	}
}

func (m *threadModel) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *threadModel) any() *who { return m.people[m.r.IntN(len(m.people))] }

// tie ends all ties between the people and makes others.
func (m *threadModel) tie() {
	m.ties = ties{map[[2]accounts.ID]bool{}, map[[2]accounts.ID]bool{}}
	for _, a := range m.people {
		for _, b := range m.people {
			if a == b {
				continue
			}
			m.ok(m.Relations.Unblock(m.Ctx(), a.Account, b.Account))
			m.ok(m.Relations.Unfollow(m.Ctx(), a.Account, b.Account))
		}
	}
	for range 5 {
		if a, b := m.any(), m.any(); a != b {
			m.Follow(a.Account, b.Account)
			m.follows[[2]accounts.ID{a.ID, b.ID}] = true
		}
	}
}

// talk makes a thread: people answer what they see.
func (m *threadModel) talk() {
	m.thread = nil
	for range 8 {
		by, text := m.any(), "words"
		p := said{by: by.ID, v: statuses.Visibility(m.r.IntN(4)), parent: -1}
		if len(m.thread) > 0 {
			if p.parent = m.r.IntN(len(m.thread)); !m.sees(p.by, m.thread[p.parent]) {
				continue
			}
		}
		if other := m.any(); other != by && (p.v == statuses.Direct || m.r.IntN(4) == 0) {
			text += " @" + other.Username
			p.named = append(p.named, other.ID)
		}
		p.id = m.Post(by.Account, text, func(d *statuses.Draft) {
			d.Visibility = p.v
			if p.parent >= 0 {
				d.InReplyToID = m.thread[p.parent].id
			}
		}).ID
		m.thread = append(m.thread, p)
	}
}

// part lets some block others, which ends their ties.
func (m *threadModel) part() {
	for range 2 {
		a, b := m.any(), m.any()
		if a == b {
			continue
		}
		m.ok(m.Relations.Block(m.Ctx(), a.Account, b.Account, ""))
		m.blocks[[2]accounts.ID{a.ID, b.ID}] = true
		delete(m.follows, [2]accounts.ID{a.ID, b.ID})
		delete(m.follows, [2]accounts.ID{b.ID, a.ID})
	}
}

func (m *threadModel) check(as *who) {
	viewer := accounts.ID(0)
	if as.Account != nil {
		viewer = as.ID
	}
	root := m.thread[0]
	got := m.get(path("/api/v1/statuses/%d/context", root.id), as)
	if !m.sees(viewer, root) {
		got.want(404)
		return
	}
	var context struct{ Descendants []struct{ ID string } }
	got.want(200).decode(&context)
	for i, p := range m.thread[1:] {
		shown := slices.ContainsFunc(context.Descendants, func(s struct{ ID string }) bool { return s.ID == idsOf(p.id) })
		may := m.sees(viewer, p)
		hides := m.blocks[[2]accounts.ID{viewer, p.by}] // what one does not want to see
		if shown && !may || !shown && may && !hides && m.reached(viewer, p) {
			m.t.Errorf("post %d (%s by %d, naming %v), for %d: shown %v", i+1, p.v, p.by, p.named, viewer, shown)
		}
	}
}

// reached reports whether somebody sees, and wants to see, all that is between a post and the root.
func (m *threadModel) reached(viewer accounts.ID, p said) bool {
	for p.parent >= 0 {
		p = m.thread[p.parent]
		if !m.sees(viewer, p) || m.blocks[[2]accounts.ID{viewer, p.by}] {
			return false
		}
	}
	return true
}
