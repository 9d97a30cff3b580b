package blob

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gomph/gomph/internal/kit/errs"
)

// comparedAtOnce is how many files are read from both stores at once.
const comparedAtOnce = 16

// Difference is how two stores differ in a file.
type Difference string

// The differences.
const (
	MissingInA Difference = "missing in the first"
	MissingInB Difference = "missing in the second"
	OtherSize  Difference = "of another size"
	OtherBytes Difference = "of other bytes"
)

// Compare tells of every file in which two stores differ, never of two at once, and stops at the first error. Deep reads what is in both, and
// compares SHA-256: then it does not tell in the order of names. A file that comes or goes meanwhile may be told of or not.
func Compare(ctx context.Context, a, b Store, each func(name string, kind Difference) error, deep bool) error {
	var mu sync.Mutex
	tell := func(name string, kind Difference) error {
		mu.Lock()
		defer mu.Unlock()
		return each(name, kind)
	}
	group, own := errgroup.WithContext(ctx)
	group.SetLimit(comparedAtOnce)
	walked := pair(startListing(own, a, "", "", nil), startListing(own, b, "", "", nil), func(x, y *Info) error {
		switch {
		case x == nil:
			return tell(y.Name, MissingInA)
		case y == nil:
			return tell(x.Name, MissingInB)
		case x.Size != y.Size:
			return tell(x.Name, OtherSize)
		case deep:
			group.Go(func() error { return compareBytes(own, a, b, x.Name, tell) })
		}
		return own.Err()
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return walked
}

func compareBytes(ctx context.Context, a, b Store, name string, tell func(string, Difference) error) error {
	var sums [2][]byte
	for i, s := range []Store{a, b} {
		sum, err := sumOf(ctx, s, name)
		if errs.IsNotFound(err) {
			return tell(name, []Difference{MissingInA, MissingInB}[i])
		}
		if err != nil {
			return fmt.Errorf("comparing %s: %w", name, err)
		}
		sums[i] = sum
	}
	if !bytes.Equal(sums[0], sums[1]) {
		return tell(name, OtherBytes)
	}
	return nil
}
