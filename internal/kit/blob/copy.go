package blob

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

const (
	// defaultParallel is how many files are copied at once: small files wait for answers, not for bytes.
	defaultParallel = 64
	// defaultPatience is how long nothing may get through: a restart of a server, not an afternoon.
	defaultPatience = 10 * time.Minute
	// defaultBackoff is the pause before a file is tried again, doubled each time.
	defaultBackoff = 200 * time.Millisecond
	// retries is how often a file is tried again before it is left for later.
	retries = 3
	// defaultProgress is how often whoever watches is told.
	defaultProgress = time.Second
	// mostNames bounds the names of files that failed.
	mostNames = 100
	// mostLater bounds the files that are tried once more at the end.
	mostLater = 10_000
	// leastBurst is how many bytes go at once when bytes are limited: more than a limiter would wake up for.
	leastBurst = 1 << 20
)

// CopyOptions say how to copy. The zero value copies all.
type CopyOptions struct {
	// Parallel is how many files are copied at once; 0 is 64.
	Parallel int
	// FilesPerSecond and BytesPerSecond bound the speed, on average; 0 does not.
	FilesPerSecond, BytesPerSecond float64
	// Dry only counts what would be copied.
	Dry bool
	// Verify reads every copy again, and compares SHA-256. What was there before is not read.
	Verify bool
	// Prefix begins the names of what is copied.
	Prefix string
	// Skip, when it is not nil, says which files to leave out.
	Skip func(name string) bool
	// Progress, when it is not nil, is told every ProgressEvery (0 is a second) how far it is, and at the end; never twice at once.
	Progress      func(CopyProgress)
	ProgressEvery time.Duration
	// Patience is how long nothing at all may get through before Copy gives up; 0 is 10 minutes.
	Patience time.Duration
	// Backoff is the pause before a file is tried again, doubled each time; 0 is 200 ms.
	Backoff time.Duration
}

func (o *CopyOptions) complete() error {
	if o.Parallel < 0 || o.FilesPerSecond < 0 || o.BytesPerSecond < 0 || o.Patience < 0 || o.Backoff < 0 || o.ProgressEvery < 0 {
		return fmt.Errorf("copying files: nothing can be less than nothing: %d at once, %g files and %g bytes a second", o.Parallel, o.FilesPerSecond, o.BytesPerSecond)
	}
	if o.Parallel == 0 {
		o.Parallel = defaultParallel
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Backoff == 0 {
		o.Backoff = defaultBackoff
	}
	if o.ProgressEvery == 0 {
		o.ProgressEvery = defaultProgress
	}
	if o.Skip == nil {
		o.Skip = func(string) bool { return false }
	}
	return nil
}

// limiters are those of files and of bytes, nil where there is no limit.
func (o *CopyOptions) limiters() (files, bytes *rate.Limiter) {
	if o.FilesPerSecond > 0 {
		files = rate.NewLimiter(rate.Limit(o.FilesPerSecond), 1)
	}
	if o.BytesPerSecond > 0 {
		bytes = rate.NewLimiter(rate.Limit(o.BytesPerSecond), max(leastBurst, int(o.BytesPerSecond/10)))
	}
	return files, bytes
}

// CopyProgress tells how far a copy is.
type CopyProgress struct {
	// Seen files are done with: Present were there, Copied were copied (or would be, when Dry), Failed could not be, and those that were
	// deleted meanwhile are no more.
	Seen, Copied, Present, Failed int64
	// Bytes are those of Copied.
	Bytes int64
	// Total and TotalBytes are what is to be seen, 0 until that is counted. Files that come or go meanwhile make them inexact.
	Total, TotalBytes int64
	// Last is the name that the listings have come to.
	Last string
	// Failures are the names of the first hundred that failed.
	Failures []string
	// Started is when it began.
	Started time.Time

	seenBytes          int64
	copying            time.Time // when the first file was copied, before which files pass quickly
	seenThen, byteThen int64     // what was seen by then
}

// ETA is how long the rest takes if it goes on like this: by files or by bytes, whichever takes longer. It is false while that cannot be told.
func (p CopyProgress) ETA(now time.Time) (time.Duration, bool) {
	if p.Total == 0 {
		return 0, false
	}
	since := p.copying
	if since.IsZero() {
		since = p.Started
	}
	took := now.Sub(since)
	files, bytes := p.Seen-p.seenThen, p.seenBytes-p.byteThen
	if took <= 0 || files <= 0 {
		return 0, false
	}
	left := took.Seconds() * float64(max(p.Total-p.Seen, 0)) / float64(files)
	if bytes > 0 {
		left = max(left, took.Seconds()*float64(max(p.TotalBytes-p.seenBytes, 0))/float64(bytes))
	}
	return time.Duration(left * float64(time.Second)), true
}

// Copy copies every file of from to another store that is not there yet, or has another size there. Both are listed side by side, so that
// what is there is not asked for file by file; memory does not grow with their number. Running it again after it was ended in any way copies
// nothing twice but what was on its way. It deletes nothing in to but a file that it copied and that was deleted from from meanwhile (which
// must then be deleted from from first, as Moving does).
//
// A file that fails is tried again, and once more at the end; then it is counted, and the others go on. When nothing gets through, it waits.
// It is an error when a listing failed, when the patience was at its end, or when ctx ended; not when files failed.
func Copy(ctx context.Context, from, to Store, o CopyOptions) (CopyProgress, error) {
	if err := o.complete(); err != nil {
		return CopyProgress{}, err
	}
	c := &copier{from: from, to: to, o: o, circuit: newCircuit(5*o.Backoff, o.Patience)}
	c.files, c.bytes = o.limiters()
	c.progress.Started = time.Now()
	err := c.run(ctx)
	done := c.now()
	if o.Progress != nil {
		o.Progress(done)
	}
	if err != nil {
		return done, fmt.Errorf("copying files: %w", err)
	}
	return done, nil
}
