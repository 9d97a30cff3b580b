package memo

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
)

type id int64

func table(t *testing.T) (*Map[id, string], *clock.Fake) {
	t.Helper()
	c := clock.NewFake(time.Unix(1_700_000_000, 0))
	return New[id, string]("things", 100, c), c
}

// read reads some rows as they are in rows, with something done between reading them and keeping them.
func read(t *testing.T, m *Map[id, string], rows map[id]string, meanwhile func(), keys ...id) (got map[id]string, asked []id) {
	t.Helper()
	got, err := m.Read(keys, func(missing []id) (map[id]string, error) {
		asked = missing
		out := map[id]string{}
		for _, k := range missing {
			if v, ok := rows[k]; ok {
				out[k] = v
			}
		}
		if meanwhile != nil {
			meanwhile()
		}
		return out, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, asked
}

func TestReadKeepsWhatItFound(t *testing.T) {
	t.Parallel()
	m, c := table(t)
	rows := map[id]string{1: "a", 2: "b"}
	if got, asked := read(t, m, rows, nil, 1, 2, 2, 3); !maps.Equal(got, rows) || !slices.Equal(asked, []id{1, 2, 3}) {
		t.Fatalf("got %v, asked for %v", got, asked)
	}
	if got, asked := read(t, m, rows, nil, 1, 2, 3); !maps.Equal(got, rows) || !slices.Equal(asked, []id{3}) {
		t.Fatalf("again: got %v, asked for %v", got, asked)
	}
	c.Advance(Age)
	if _, asked := read(t, m, rows, nil, 1); !slices.Equal(asked, []id{1}) {
		t.Fatal("a copy is used after its time")
	}
}

func TestNoStaleCopies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// while happens between reading and keeping, after happens then.
		before, while, after func(w *Map[id, string])
		kept                 bool
	}{
		{name: "nothing happens", kept: true},
		{name: "another row is written", while: func(m *Map[id, string]) { m.begin([]int64{2}, false); m.end([]int64{2}, false) }, kept: true},
		{name: "written while read", while: func(m *Map[id, string]) { m.begin([]int64{1}, false); m.end([]int64{1}, false) }},
		{name: "a write begins while read", while: func(m *Map[id, string]) { m.begin([]int64{1}, false) }},
		{name: "a write ends while read", before: func(m *Map[id, string]) { m.begin([]int64{1}, false) }, while: func(m *Map[id, string]) { m.end([]int64{1}, false) }},
		{name: "a write runs", before: func(m *Map[id, string]) { m.begin([]int64{1}, false) }},
		{name: "one of two writes ends", before: func(m *Map[id, string]) {
			m.begin([]int64{1}, false)
			m.begin([]int64{1}, false)
			m.end([]int64{1}, false)
		}},
		{name: "written afterwards", after: func(m *Map[id, string]) { m.begin([]int64{1}, false) }},
		{name: "any row is written while read", while: func(m *Map[id, string]) { m.begin(nil, true); m.end(nil, true) }},
		{name: "a write of any row runs", before: func(m *Map[id, string]) { m.begin(nil, true) }},
		{name: "any row is written afterwards", after: func(m *Map[id, string]) { m.begin(nil, true); m.end(nil, true) }},
		{name: "written elsewhere", after: func(m *Map[id, string]) { m.forget([]int64{1}, false) }},
		{name: "so many writes that they are not remembered", while: func(m *Map[id, string]) {
			for k := range int64(200) {
				m.begin([]int64{k}, false)
				m.end([]int64{k}, false)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m, _ := table(t)
			do := func(f func(*Map[id, string])) func() {
				return func() {
					if f != nil {
						f(m)
					}
				}
			}
			do(test.before)()
			read(t, m, map[id]string{1: "a"}, do(test.while), 1)
			do(test.after)()
			if have, _ := m.Get([]id{1}); (len(have) == 1) != test.kept {
				t.Errorf("copies %v, want kept %t", have, test.kept)
			}
		})
	}
}

func TestKeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	m, _ := table(t)
	m.Put(0, map[id]string{1: "a"})
	for k := range id(1000) {
		m.Put(0, map[id]string{k + 10: "x"})
		if have, _ := m.Get([]id{1}); len(have) == 0 {
			t.Fatalf("what is used went after %d others", k)
		}
	}
	if n := len(m.young) + len(m.old); n > 100 {
		t.Errorf("%d copies are kept, more than was allowed", n)
	}
}

func TestHub(t *testing.T) {
	t.Parallel()
	here, _ := table(t)
	there, _ := table(t)
	var sent [][]byte
	publish := func(b []byte) { sent = append(sent, b) }
	a, b := NewHub("a", publish, here), NewHub("b", publish, there)
	for _, m := range []*Map[id, string]{here, there} {
		m.Put(0, map[id]string{1: "a", 2: "b"})
	}
	here.begin([]int64{1}, false)
	here.end([]int64{1}, false)
	if len(sent) != 1 {
		t.Fatalf("%d messages, want 1", len(sent))
	}
	here.Put(Mark(here.seq), map[id]string{1: "new"})
	for _, h := range []*Hub{a, b} {
		if err := h.Receive(sent[0]); err != nil {
			t.Fatal(err)
		}
	}
	if have, _ := here.Get([]id{1}); have[1] != "new" {
		t.Error("its own message made a process forget")
	}
	if have, _ := there.Get([]id{1, 2}); len(have) != 1 || have[2] != "b" {
		t.Errorf("the other process has %v, want row 2 alone", have)
	}
	if len(sent) != 1 {
		t.Error("a message was passed on")
	}
	b.Clear()
	if have, _ := there.Get([]id{2}); len(have) != 0 {
		t.Error("something is left after Clear")
	}
	if err := b.Receive([]byte("{")); err == nil {
		t.Error("a broken message was taken")
	}
}
