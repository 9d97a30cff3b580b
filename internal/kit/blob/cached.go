package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

const (
	// defaultMaxFile is the size in bytes of the largest file that is cached: pictures and short clips. Of longer ones people read parts.
	defaultMaxFile = 16 << 20
	// downloadFor bounds one download into the cache, which goes on when whoever asked is gone: 16 MiB over a bad line.
	downloadFor = 5 * time.Minute
	// touchEvery is how exactly the last use of a file is written down: often enough for an order, rarely enough to cost nothing.
	touchEvery = time.Hour
	// leftAfter is the age from which a half-written file is one that a crash left.
	leftAfter = 24 * time.Hour
	// mostLarge bounds the names of files that are known to be too large for the cache.
	mostLarge = 10_000
)

// CacheOptions bound a cache.
type CacheOptions struct {
	// MaxBytes is how many bytes of files the folder may hold, at least 1. What was used longest ago goes first.
	MaxBytes int64
	// MaxFile is the size in bytes of the largest file that is cached; larger ones are read from the origin, in ranges. 0 is 16 MiB.
	MaxFile int64
	// Observe, when it is not nil, is told of every file that was opened: whether the origin was spared, and the file's size in bytes.
	// Several goroutines may call it at once.
	Observe func(hit bool, bytes int64)
	// Log is told when the folder cannot be written, which nobody else notices; nil for nowhere.
	Log *slog.Logger
}

// Cached is a folder in front of a store that is far away or costs. A name is never given to other bytes, so that what is there is served
// without asking the origin, also while the origin is down. Another process with a folder of its own does not hear of a Delete; what it has,
// it serves until that makes place for something else.
type Cached struct {
	origin Store
	disk   *Disk
	o      CacheOptions
	recent *recent

	mu        sync.Mutex
	closed    bool
	downloads map[string]*download
	large     map[string]bool
	running   sync.WaitGroup
}

// download is a file on its way from the origin, for all who ask for it meanwhile.
type download struct {
	done   chan struct{}
	cancel context.CancelFunc
	stale  bool // was deleted or replaced meanwhile: not to be kept

	// What follows is set before done is closed.
	size    int64
	outcome outcome
	err     error // of the origin
}

// outcome is what became of a download.
type outcome int

const (
	failedThere outcome = iota // the origin gave an error
	arrived                    // it is in the folder
	tooLarge                   // it is not for the cache
	failedHere                 // the folder cannot be written
)

// OpenCached puts a folder before an origin. The folder is made when it is missing, and holds nothing but the cache: it may be deleted at any
// time. Its files are looked through, which takes a second or so for each hundred thousand. Closing the origin stays the caller's.
func OpenCached(origin Store, dir string, o CacheOptions) (*Cached, error) {
	if o.MaxBytes < 1 || o.MaxFile < 0 {
		return nil, fmt.Errorf("opening the cache of files: it cannot have %d bytes, and %d a file", o.MaxBytes, o.MaxFile)
	}
	if o.MaxFile == 0 {
		o.MaxFile = defaultMaxFile
	}
	o.MaxFile = min(o.MaxFile, o.MaxBytes)
	if o.Observe == nil {
		o.Observe = func(bool, int64) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	disk, err := OpenDisk(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the cache of files: %w", err)
	}
	c := &Cached{origin: origin, disk: disk, o: o, downloads: map[string]*download{}, large: map[string]bool{}}
	if c.recent, err = openRecent(disk, o.MaxBytes); err != nil {
		_ = disk.Close()
		return nil, fmt.Errorf("opening the cache of files: %w", err)
	}
	return c, nil
}

// Close ends downloads and lets go of the folder.
func (c *Cached) Close() error {
	c.mu.Lock()
	c.closed = true
	for _, d := range c.downloads {
		d.cancel()
	}
	c.mu.Unlock()
	c.running.Wait()
	return c.disk.Close()
}

// Open finds a file, in the folder or at the origin. A small one is in the folder before the first byte is read. Errors of the origin are
// passed on as they are.
func (c *Cached) Open(ctx context.Context, name string) (*File, error) {
	if f, err := c.here(name); err == nil {
		c.o.Observe(true, f.Size)
		return f, nil
	}
	if !ValidName(name) {
		return nil, notFound()
	}
	d, first := c.download(ctx, name)
	if d == nil {
		return c.direct(ctx, name)
	}
	select {
	case <-d.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if d.outcome == failedThere {
		return nil, d.err
	}
	if d.outcome == arrived {
		if f, err := c.here(name); err == nil {
			c.o.Observe(!first, f.Size)
			return f, nil
		}
	}
	return c.direct(ctx, name) // also when it had to go again meanwhile
}

// place is the name of a file in the folder. Names as such would leave a few empty folders behind each file that had to go.
func place(name string) string {
	sum := sha256.Sum256([]byte(name))
	at := hex.EncodeToString(sum[:])
	return at[:2] + "/" + at[2:]
}

// here opens a file in the folder.
func (c *Cached) here(name string) (*File, error) {
	f, err := c.disk.Open(context.Background(), place(name)) // a disk does not wait
	if err != nil {
		return nil, err
	}
	c.recent.use(place(name), f.Size)
	return f, nil
}

// direct opens a file at the origin.
func (c *Cached) direct(ctx context.Context, name string) (*File, error) {
	f, err := c.origin.Open(ctx, name)
	if err == nil {
		c.o.Observe(false, f.Size)
	}
	return f, err
}

// download starts a download, or joins the one that is on its way. It is nil when the file is not for the cache.
func (c *Cached) download(ctx context.Context, name string) (d *download, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.large[name] {
		return nil, false
	}
	if d, ok := c.downloads[name]; ok {
		return d, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), downloadFor)
	d = &download{done: make(chan struct{}), cancel: cancel}
	c.downloads[name] = d
	c.running.Go(func() {
		defer cancel()
		c.fetch(ctx, name, d)
		c.arrive(name, d)
	})
	return d, true
}

// fetch brings a file into the folder.
func (c *Cached) fetch(ctx context.Context, name string, d *download) {
	if f, err := c.disk.Open(ctx, place(name)); err == nil { // it came between the look and the download
		_ = f.Close()
		d.size, d.outcome = f.Size, arrived
		return
	}
	f, err := c.origin.Open(ctx, name)
	if err != nil {
		d.err = err
		return
	}
	defer func() { _ = f.Close() }()
	d.size = f.Size
	if d.size > c.o.MaxFile {
		d.outcome = tooLarge
		return
	}
	body := &noted{r: f}
	err = c.disk.Put(ctx, place(name), body, f.Size)
	if err == nil {
		if err := c.disk.root.Chtimes(filepath.FromSlash(place(name)), time.Now(), f.ModTime); err == nil {
			d.outcome = arrived
			return
		}
	}
	if body.err != nil || errors.Is(err, io.ErrUnexpectedEOF) || ctx.Err() != nil {
		d.err = err
		return
	}
	d.outcome = failedHere
	c.o.Log.Warn("the cache of files cannot be written", "error", err)
}

// arrive ends a download for those who wait.
func (c *Cached) arrive(name string, d *download) {
	c.mu.Lock()
	delete(c.downloads, name)
	if d.outcome == tooLarge && !d.stale {
		if len(c.large) >= mostLarge {
			clear(c.large)
		}
		c.large[name] = true
	}
	if d.outcome == arrived {
		if d.stale {
			_ = c.disk.Delete(context.Background(), place(name))
		} else {
			c.recent.use(place(name), d.size)
		}
	}
	c.mu.Unlock()
	close(d.done)
}

// drop makes the cache know nothing of a file any more, not even when it is just coming.
func (c *Cached) drop(names ...string) error {
	c.mu.Lock()
	places := make([]string, 0, len(names))
	for _, name := range names {
		places = append(places, place(name))
		if d, ok := c.downloads[name]; ok {
			d.stale = true
		}
		delete(c.large, name)
	}
	c.mu.Unlock()
	c.recent.forget(places...)
	return c.disk.Delete(context.Background(), places...) // whatever became of who asked
}

// Put keeps a file at the origin, and then in the folder when it is small.
func (c *Cached) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	if size > c.o.MaxFile {
		if err := c.origin.Put(ctx, name, body, size); err != nil {
			return err
		}
		return c.dropped(name)
	}
	twice, err := NewBody(ctx, body, size)
	if err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	defer twice.Close()
	if err := c.origin.Put(ctx, name, twice.All(), twice.Size); err != nil {
		return err
	}
	if err := c.dropped(name); err != nil {
		return err
	}
	c.keep(ctx, twice, name)
	return nil
}

func (c *Cached) dropped(name string) error {
	if err := c.drop(name); err != nil {
		return fmt.Errorf("forgetting an older %s: %w", name, err)
	}
	return nil
}

// keep writes a file that the origin has into the folder. When that fails, it is fetched once it is asked for.
func (c *Cached) keep(ctx context.Context, body *Body, name string) {
	if body.Size > c.o.MaxFile {
		return
	}
	if err := c.disk.Put(ctx, place(name), body.All(), body.Size); err != nil {
		c.o.Log.Warn("the cache of files cannot be written", "error", err)
		return
	}
	c.recent.use(place(name), body.Size)
}

// Stat tells of a file, from the folder when it is there.
func (c *Cached) Stat(ctx context.Context, name string) (Info, error) {
	if info, err := c.disk.Stat(ctx, place(name)); err == nil {
		return Info{name, info.Size, info.ModTime}, nil
	}
	return c.origin.Stat(ctx, name)
}

// Delete removes files from the folder and from the origin. One that is coming at the time is not kept.
func (c *Cached) Delete(ctx context.Context, names ...string) error {
	before := c.drop(names...)
	there := c.origin.Delete(ctx, names...)
	return errors.Join(before, there, c.drop(names...)) // it may have come meanwhile
}

// Walk tells of the origin's files.
func (c *Cached) Walk(ctx context.Context, prefix, after string, each func(Info) error) error {
	return c.origin.Walk(ctx, prefix, after, each)
}

// noted remembers the error that ended a body.
type noted struct {
	r   io.Reader
	err error
}

// Read reads on.
func (n *noted) Read(p []byte) (int, error) {
	c, err := n.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return c, err
}
