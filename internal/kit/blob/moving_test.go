package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/blobtest"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

// moving is a Moving between two stores that are counted, and what it told.
type moving struct {
	*blob.Moving
	old, now *counted
	mu       sync.Mutex
	told     map[string]int
}

func newMoving(t testing.TB, both bool, old, now blob.Store) *moving {
	t.Helper()
	m := &moving{old: counting(old), now: counting(now), told: map[string]int{}}
	m.Moving = &blob.Moving{Old: m.old, New: m.now, Both: both, Observe: func(what string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.told[what]++
	}}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func (m *moving) saw(what string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.told[what]
}

func TestMoving(t *testing.T) {
	t.Parallel()
	for name, both := range map[string]bool{"both": true, "new": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blobtest.Run(t, func(t *testing.T) blob.Store { return newMoving(t, both, disk(t), blob.NewMemory()).Moving })
		})
		t.Run(name+", the new place is down", func(t *testing.T) { // nothing is found missing then, so that only a part of the suite can hold
			t.Parallel()
			m := newMoving(t, both, disk(t), blob.NewMemory())
			m.now.down.Store(true)
			put(t, m, "a/x", "one")
			put(t, m, "a/x", "another")
			if got := read(t, m, "a/x"); got != "another" {
				t.Errorf("read %q", got)
			}
		})
	}
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		blobtest.Run(t, func(t *testing.T) blob.Store {
			return newMoving(t, true, disk(t), s3test.Open(t, server.Bucket(t))).Moving
		})
	})
}

func TestWhereMovingPuts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		both, oldDown, newDown bool
		inOld, inNew, fails    bool
	}{
		{both: true, inOld: true, inNew: true},
		{both: true, newDown: true, inOld: true},
		{both: true, oldDown: true, fails: true},
		{inNew: true},
		{newDown: true, inOld: true},
		{oldDown: true, inNew: true},
		{oldDown: true, newDown: true, fails: true},
	} {
		for _, much := range []int{10, 200 << 10} { // in memory, and in a file
			body := strings.Repeat("x", much)
			for _, r := range []io.Reader{strings.NewReader(body), iotest.HalfReader(strings.NewReader(body)), struct{ io.ReadSeeker }{strings.NewReader(body)}} {
				m := newMoving(t, c.both, blob.NewMemory(), blob.NewMemory())
				m.old.down.Store(c.oldDown)
				m.now.down.Store(c.newDown)
				if err := m.Put(t.Context(), "a/x", r, int64(much)); (err != nil) != c.fails {
					t.Errorf("%+v: %v", c, err)
				}
				for _, in := range []struct {
					s    *counted
					want bool
				}{{m.old, c.inOld}, {m.now, c.inNew}} {
					got, err := tryRead(t.Context(), in.s.Store, "a/x")
					if (err == nil) != in.want || in.want && got != body {
						t.Errorf("%+v: %d bytes, %v", c, len(got), err)
					}
				}
				if want := c.newDown && !c.fails; (m.saw(blob.MovingNewFailed) == 1) != want {
					t.Errorf("%+v: told %v", c, m.told)
				}
			}
		}
	}
}

// F10: what exists is never said not to exist.
func TestWhatMovingFinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inOld, inNew, oldDown, newDown bool
		want                           string // "", or "absent", or "down"
	}{
		{want: "absent"},
		{inNew: true}, {inOld: true}, {inOld: true, inNew: true},
		{inNew: true, oldDown: true}, {inOld: true, newDown: true},
		{inNew: true, newDown: true, want: "down"}, {newDown: true, want: "down"}, // as far as anybody knows
		{inOld: true, oldDown: true, want: "down"}, {oldDown: true, want: "down"},
		{inOld: true, inNew: true, oldDown: true, newDown: true, want: "down"},
	} {
		m := newMoving(t, true, blob.NewMemory(), blob.NewMemory())
		if c.inOld {
			put(t, m.old, "a/x", "body")
		}
		if c.inNew {
			put(t, m.now, "a/x", "body")
		}
		m.old.down.Store(c.oldDown)
		m.now.down.Store(c.newDown)
		for range 3 { // the new place rests after it failed
			_, statErr := m.Stat(t.Context(), "a/x")
			_, openErr := tryRead(t.Context(), m, "a/x")
			for _, err := range []error{statErr, openErr} {
				got := ""
				if errs.IsNotFound(err) {
					got = "absent"
				} else if errors.Is(err, errDown) {
					got = "down"
				}
				if got != c.want || (err == nil) != (c.want == "") {
					t.Errorf("%+v: %v", c, err)
				}
			}
		}
	}
}

func TestReadersPromote(t *testing.T) {
	t.Parallel()
	m := newMoving(t, true, blob.NewMemory(), blob.NewMemory())
	put(t, m.old, "a/x", "body")
	for range 5 {
		if got := read(t, m, "a/x"); got != "body" {
			t.Fatal(got)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, m.now, "a/x"); got != "body" || m.saw(blob.MovingPromoted) < 1 {
		t.Errorf("read %q, told %v", got, m.told)
	}
	before := m.old.count(blobtest.Open)
	_ = read(t, m, "a/x")
	if m.old.count(blobtest.Open) != before {
		t.Error("the old place was asked for what the new one has")
	}
	put(t, m.old, "a/y", "body")
	_ = read(t, m, "a/y")
	if _, err := m.now.Stat(t.Context(), "a/y"); !errs.IsNotFound(err) {
		t.Errorf("promoted after Close: %v", err)
	}
}

func TestPromotionsAreBoundedAndOneAName(t *testing.T) {
	t.Parallel()
	m := newMoving(t, true, blob.NewMemory(), blob.NewMemory())
	names := fill(t, m.old, 20)
	arrived, go1 := make(chan string, 100), make(chan struct{})
	count := m.now.Before
	m.now.Before = func(ctx context.Context, op, name string) error {
		if op == blobtest.Put {
			arrived <- name
			<-go1
		}
		return count(ctx, op, name)
	}
	for _, name := range slices.Concat(names, names) {
		_ = read(t, m, name)
	}
	for range 8 {
		<-arrived
	}
	close(go1)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if len(arrived) != 0 || len(walk(t, m.now, "", "")) != 8 || m.saw(blob.MovingPromoted) != 8 || m.saw(blob.MovingPromotionBusy) != 24 {
		t.Errorf("%d more promotions; told %v", len(arrived), m.told)
	}
}

// A file that is deleted while it is promoted does not come back.
func TestDeletedWhileItIsPromoted(t *testing.T) {
	t.Parallel()
	for _, lost := range []error{nil, errDown} { // also when the answer to the promotion is lost
		m := newMoving(t, true, blob.NewMemory(), blob.NewMemory())
		put(t, m.old, "a/x", "body")
		m.now.After = func(ctx context.Context, op, name string) error {
			if op != blobtest.Put {
				return nil
			}
			if err := m.Old.Delete(ctx, name); err != nil { // as m.Delete does first
				t.Error(err)
			}
			return lost
		}
		_ = read(t, m, "a/x")
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if got := walk(t, m, "", ""); len(got) != 0 {
			t.Errorf("%v came back", got)
		}
	}
}

func TestMovingDeletesFromBoth(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{true, false} {
		m := newMoving(t, true, blob.NewMemory(), blob.NewMemory())
		names := fill(t, m, 3)
		for _, one := range []*counted{m.old, m.now} {
			other := m.now
			if one == m.now {
				other = m.old
			}
			one.down.Store(down)
			if err := m.Delete(t.Context(), names...); errors.Is(err, errDown) != down {
				t.Errorf("one being down is %v: %v", down, err)
			}
			if got := walk(t, other.Store, "", ""); len(got) != 0 {
				t.Errorf("%v stayed in the other", got)
			}
			one.down.Store(false)
		}
	}
}

func TestMovingWalksBoth(t *testing.T) {
	t.Parallel()
	m := newMoving(t, true, blob.NewMemory(), disk(t))
	for _, name := range []string{"a/1", "a/2", "a/3", "c/1"} {
		put(t, m.old, name, "x")
	}
	for _, name := range []string{"a-/1", "a/2", "b/1", "d/1"} {
		put(t, m.now, name, "xx")
	}
	for _, c := range [][3]string{
		{"", "", "a-/1 a/1 a/2 a/3 b/1 c/1 d/1"}, {"a/", "", "a/1 a/2 a/3"}, {"", "a/2", "a/3 b/1 c/1 d/1"},
	} {
		if got := strings.Join(walk(t, m, c[0], c[1]), " "); got != c[2] {
			t.Errorf("%q after %q: %s", c[0], c[1], got)
		}
	}
	if err := m.Walk(t.Context(), "a/2", "", func(i blob.Info) error {
		if i.Size != 2 {
			t.Errorf("%+v is not the new place's", i)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	m.now.down.Store(true)
	if err := m.Walk(t.Context(), "", "", func(blob.Info) error { return nil }); !errors.Is(err, errDown) {
		t.Errorf("half a listing: %v", err)
	}
}

// A file whose reading the new place breaks off is read on in the old one.
func TestReadingGoesOnInTheOldPlace(t *testing.T) {
	t.Parallel()
	whole := bytes.Repeat([]byte("0123456789"), 10_000)
	for _, inOld := range []bool{true, false} {
		m := newMoving(t, inOld, blob.NewMemory(), blob.NewMemory())
		put(t, m, "a/x", string(whole))
		reads := 0
		m.now.Before = func(_ context.Context, op, _ string) error {
			if op == blobtest.Read {
				if reads++; reads > 2 {
					return errDown
				}
			}
			return nil
		}
		f, err := m.Open(t.Context(), "a/x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(7, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if inOld && (err != nil || !bytes.Equal(got, whole[7:])) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if !inOld && !errors.Is(err, errDown) {
			t.Errorf("nothing to go on with: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
