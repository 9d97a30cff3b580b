package blob

import (
	"context"
	"time"
)

// ahead is how many names of a listing are known before they are needed.
const ahead = 64

// listing is a walk that is taken step by step, so that two can be compared. Stop it.
type listing struct {
	ctx    context.Context //nolint:containedctx // that of the walk, which lives as long
	cancel context.CancelFunc
	infos  chan Info
	err    error // set before infos is closed
}

// startListing begins a walk. One that fails goes on from the last name, when again says so after waiting; nil never does.
func startListing(ctx context.Context, s Store, prefix, after string, again func(ctx context.Context, progress bool, err error) bool) *listing {
	ctx, cancel := context.WithCancel(ctx)
	l := &listing{ctx: ctx, cancel: cancel, infos: make(chan Info, ahead)}
	go func() {
		defer close(l.infos)
		for {
			progress := false
			l.err = s.Walk(ctx, prefix, after, func(i Info) error {
				select {
				case l.infos <- i:
					progress, after = true, i.Name
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			if l.err == nil || ctx.Err() != nil || again == nil || !again(ctx, progress, l.err) {
				return
			}
		}
	}()
	return l
}

// next is the next file, nil after the last.
func (l *listing) next() (*Info, error) {
	i, ok := <-l.infos
	if !ok {
		return nil, l.err
	}
	return &i, nil
}

// stop ends the walk, and waits until it is over.
func (l *listing) stop() {
	l.cancel()
	for range l.infos { //nolint:revive // only until it is closed
	}
}

// pair walks two listings side by side, in the order of names: each gets what either knows of a name, and nil from the one that does not.
func pair(a, b *listing, each func(a, b *Info) error) error {
	defer a.stop()
	defer b.stop()
	x, err := a.next()
	if err != nil {
		return err
	}
	y, err := b.next()
	if err != nil {
		return err
	}
	for x != nil || y != nil {
		left, right := x, y
		switch {
		case x != nil && (y == nil || x.Name < y.Name):
			right = nil
		case y != nil && (x == nil || y.Name < x.Name):
			left = nil
		}
		if err := each(left, right); err != nil {
			return err
		}
		if left != nil {
			if x, err = a.next(); err != nil {
				return err
			}
		}
		if right != nil {
			if y, err = b.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// wait waits, and reports whether the context lasted.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
