package blob_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/blobtest"
)

var errDown = errors.New("the server is down")

func disk(t testing.TB) *blob.Disk {
	t.Helper()
	d, err := blob.OpenDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func put(t testing.TB, s blob.Store, name, body string) {
	t.Helper()
	if err := s.Put(context.Background(), name, strings.NewReader(body), int64(len(body))); err != nil {
		t.Fatal(err)
	}
}

func tryRead(ctx context.Context, s blob.Store, name string) (string, error) {
	f, err := s.Open(ctx, name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

func read(t testing.TB, s blob.Store, name string) string {
	t.Helper()
	b, err := tryRead(context.Background(), s, name)
	if err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
	return b
}

// body is what a file of a name has in these tests: other bytes, and another length, for each.
func body(name string) string {
	return strings.Repeat(name+"\n", 1+len(name)%7)
}

// fill puts n files, and returns their names in order.
func fill(t testing.TB, s blob.Store, n int) []string {
	t.Helper()
	names := make([]string, n)
	for i := range n {
		names[i] = fmt.Sprintf("media/%03d/%06d.png", i/100, i)
		put(t, s, names[i], body(names[i]))
	}
	return names
}

// walk is what a store tells of, in order.
func walk(t testing.TB, s blob.Store, prefix, after string) []string {
	t.Helper()
	var names []string
	if err := s.Walk(context.Background(), prefix, after, func(i blob.Info) error {
		names = append(names, i.Name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// same fails when two stores differ in anything.
func same(t testing.TB, a, b blob.Store) {
	t.Helper()
	if err := blob.Compare(context.Background(), a, b, func(name string, kind blob.Difference) error {
		t.Errorf("%s is %s", name, kind)
		return nil
	}, true); err != nil {
		t.Fatal(err)
	}
}

// counted is a store that counts what it is asked for, by "op" and by "op name".
type counted struct {
	*blobtest.Faulty
	down  atomic.Bool // everything fails
	mu    sync.Mutex
	asked map[string]int
}

func counting(s blob.Store) *counted {
	c := &counted{asked: map[string]int{}}
	c.Faulty = &blobtest.Faulty{Store: s, Before: func(_ context.Context, op, name string) error {
		if c.down.Load() {
			return errDown
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.asked[op]++
		c.asked[op+" "+name]++
		return nil
	}}
	return c
}

func (c *counted) count(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[what]
}

// sometimes is a plan by which one in so many requests fails.
func sometimes(oneIn int) func(context.Context, string, string) error {
	return func(context.Context, string, string) error {
		if rand.N(oneIn) == 0 {
			return errDown
		}
		return nil
	}
}
