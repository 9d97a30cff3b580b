package blob

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/gomph/gomph/internal/kit/errs"
)

// lately is how long before the start a file is so new that it may come to lie in the other place while that is listed.
const lately = time.Minute

// copier is one run of Copy.
type copier struct {
	from, to     Store
	o            CopyOptions
	files, bytes *rate.Limiter // nil without a limit
	circuit      *circuit

	mu       sync.Mutex
	progress CopyProgress
	later    []Info // failed, to be tried once more
	last     bool   // that is now
}

func (c *copier) now() CopyProgress {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.progress
	p.Failures = slices.Clone(p.Failures)
	return p
}

// run copies, while it counts and tells.
func (c *copier) run(ctx context.Context) error {
	beside, cancel := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer others.Wait()
	defer cancel()
	others.Go(func() { c.count(beside) })
	if c.o.Progress != nil {
		others.Go(func() { c.tell(beside) })
	}
	if err := c.all(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	later := c.later
	c.later, c.last = nil, true
	c.mu.Unlock()
	return c.each(ctx, func(copy func(Info) error) error {
		for _, info := range later {
			if err := copy(info); err != nil {
				return err
			}
		}
		return nil
	})
}

// all copies what the listings show to be missing.
func (c *copier) all(ctx context.Context) error {
	return c.each(ctx, func(copy func(Info) error) error {
		again := (&patience{most: c.o.Patience, first: 5 * c.o.Backoff}).again
		there := (&patience{most: c.o.Patience, first: 5 * c.o.Backoff}).again
		return pair(startListing(ctx, c.from, c.o.Prefix, "", again), startListing(ctx, c.to, c.o.Prefix, "", there), func(a, b *Info) error {
			if a == nil || c.o.Skip(a.Name) {
				return nil
			}
			c.mu.Lock()
			c.progress.Last = a.Name
			c.mu.Unlock()
			if b != nil && b.Size == a.Size {
				c.done(*a, func(p *CopyProgress) { p.Present++ })
				return nil
			}
			return copy(*a)
		})
	})
}

// each copies what files gives it, Parallel at once.
func (c *copier) each(ctx context.Context, files func(copy func(Info) error) error) error {
	group, own := errgroup.WithContext(ctx)
	group.SetLimit(c.o.Parallel)
	walked := files(func(info Info) error {
		if own.Err() != nil {
			return own.Err()
		}
		if c.files != nil && !c.o.Dry {
			if err := c.files.Wait(own); err != nil {
				return err
			}
		}
		group.Go(func() error { return c.file(own, info) })
		return nil
	})
	if err := group.Wait(); err != nil {
		return err // the reason why the walk ended too
	}
	return walked
}

// file copies one file, as often as needed. It is an error when the run is over.
func (c *copier) file(ctx context.Context, info Info) error {
	if c.o.Dry {
		c.copied(info, info.Size)
		return nil
	}
	for try := 0; ; try++ {
		if err := c.pace(ctx, info.Size); err != nil {
			return err
		}
		trying, err := c.circuit.enter(ctx)
		if err != nil {
			return err
		}
		size, present, err := c.once(ctx, info, try > 0)
		if ctx.Err() != nil {
			_ = c.circuit.leave(trying, err)
			return ctx.Err()
		}
		absent := errs.IsNotFound(err)
		if absent {
			err = nil
		}
		if over := c.circuit.leave(trying, err); over != nil {
			return over
		}
		switch {
		case absent:
			c.done(info, func(*CopyProgress) {})
		case err == nil && present:
			c.done(info, func(p *CopyProgress) { p.Present++ })
		case err == nil:
			c.copied(info, size)
		case try == retries:
			c.failed(info)
		default:
			if !wait(ctx, jitter(c.o.Backoff, try)) {
				return ctx.Err()
			}
			continue
		}
		return nil
	}
}

// once tries to copy a file, unless it came there by itself.
func (c *copier) once(ctx context.Context, info Info, again bool) (size int64, present bool, err error) {
	if c.mayHaveCome(info, again) {
		there, err := c.to.Stat(ctx, info.Name)
		if err == nil && there.Size == info.Size {
			if again {
				err = c.still(ctx, info.Name)
			}
			return there.Size, true, err
		}
		if err != nil && !errs.IsNotFound(err) {
			return 0, false, err
		}
	}
	size, err = copyFile(ctx, c.from, c.to, info.Name, c.o.Verify, again)
	return size, false, err
}

// still makes sure that a file whose copy came there late was not deleted meanwhile.
func (c *copier) still(ctx context.Context, name string) error {
	_, err := c.from.Stat(ctx, name)
	if errs.IsNotFound(err) {
		return gone(ctx, c.to, name, err)
	}
	return err
}

// mayHaveCome reports whether the listings cannot be relied on for a file: it is so new that it was perhaps stored in both places while they
// were listed, or a try failed, of which the other side may know more. A copy that is to be verified is made again then.
func (c *copier) mayHaveCome(info Info, again bool) bool {
	return again && !c.o.Verify || info.ModTime.After(c.progress.Started.Add(-lately))
}

// pace waits until some bytes may go.
func (c *copier) pace(ctx context.Context, size int64) error {
	if c.bytes == nil {
		return nil
	}
	for most := int64(c.bytes.Burst()); size > 0; size -= most {
		if err := c.bytes.WaitN(ctx, int(min(size, most))); err != nil {
			return err
		}
	}
	return nil
}

// done notes that a file needs nothing more.
func (c *copier) done(info Info, note func(p *CopyProgress)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.Seen++
	c.progress.seenBytes += info.Size
	note(&c.progress)
}

func (c *copier) copied(info Info, size int64) {
	c.done(info, func(p *CopyProgress) {
		p.Copied++
		p.Bytes += size
		if p.copying.IsZero() {
			p.copying, p.seenThen, p.byteThen = time.Now(), p.Seen, p.seenBytes
		}
	})
}

// failed leaves a file for the end, or gives it up.
func (c *copier) failed(info Info) {
	c.mu.Lock()
	if !c.last && len(c.later) < mostLater {
		c.later = append(c.later, info)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.done(info, func(p *CopyProgress) {
		p.Failed++
		if len(p.Failures) < mostNames {
			p.Failures = append(p.Failures, info.Name)
		}
	})
}

// count counts what is to be copied, beside the copying. When that fails, nobody knows how long it takes, and all else goes on.
func (c *copier) count(ctx context.Context) {
	var files, bytes int64
	err := c.from.Walk(ctx, c.o.Prefix, "", func(i Info) error {
		if !c.o.Skip(i.Name) {
			files++
			bytes += i.Size
		}
		return nil
	})
	if err == nil {
		c.mu.Lock()
		c.progress.Total, c.progress.TotalBytes = files, bytes
		c.mu.Unlock()
	}
}

// tell tells how far it is, again and again.
func (c *copier) tell(ctx context.Context) {
	for wait(ctx, c.o.ProgressEvery) {
		c.o.Progress(c.now())
	}
}

// patience lets a listing be tried again, with growing pauses, until nothing came for too long.
type patience struct {
	most, first time.Duration
	since       time.Time
	try         int
}

func (p *patience) again(ctx context.Context, progress bool, _ error) bool {
	if p.since.IsZero() || progress {
		p.since, p.try = time.Now(), 0
	}
	if time.Since(p.since) >= p.most {
		return false
	}
	p.try++
	return wait(ctx, jitter(p.first, p.try))
}
