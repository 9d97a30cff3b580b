package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

const (
	// smallFiles of smallFile bytes, and largeFiles of largeFile, are moved, copyParallel at once.
	smallFiles, smallFile = 10_000, 10_000
	largeFiles, largeFile = 200, 1_000_000
	copyParallel          = 64
	// movingGoal is how many files a second that should be (the issue that these measurements answer to).
	movingGoal = 300
	// listingGoal goes through 2.4 million files in an hour (requirement F9), deletingGoal is requirement N9's; deletedAtOnce is S3's limit.
	listingGoal, deletingGoal, deletedAtOnce = 667, 500, 1000
	// cacheReaders read a file at once that the cache does not have.
	cacheReaders = 1000
)

// moving measures copying files from a folder to a MinIO on this machine, going through them there and deleting them, and what a crowd costs the
// origin behind a cache.
func (b *bench) moving(ctx context.Context) error {
	if b.engine != "sqlite" { // which has no part in it
		return nil
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	server, stop, err := s3test.Start(os.Stderr, port)
	if err != nil {
		return err
	}
	defer stop()
	origin, err := s3.Open(server.Options)
	if err != nil {
		return err
	}
	defer func() { _ = origin.Close() }()
	old, err := blob.OpenDisk(filepath.Join(b.dir, "files"))
	if err != nil {
		return err
	}
	defer func() { _ = old.Close() }()
	if err := b.copying(ctx, old, origin); err != nil {
		return err
	}
	if err := b.clearing(ctx, origin); err != nil {
		return err
	}
	return b.stampede(ctx, origin)
}

// clearing lists what is in a bucket, as gomph media verify does, and deletes it, as gomph media prune --orphans does.
func (b *bench) clearing(ctx context.Context, files blob.Store) error {
	var names []string
	began := time.Now()
	if err := files.Walk(ctx, "", "", func(i blob.Info) error { names = append(names, i.Name); return nil }); err != nil {
		return err
	}
	listed := time.Since(began)
	began = time.Now()
	for batch := range slices.Chunk(names, deletedAtOnce) {
		if err := files.Delete(ctx, batch...); err != nil {
			return err
		}
	}
	deleted := time.Since(began)
	n := float64(len(names))
	b.report.atLeast(fmt.Sprintf("listing %d files in a MinIO here", len(names)), n/listed.Seconds(), "files/s", listingGoal, "%s s", figure(listed.Seconds()))
	b.report.atLeast(fmt.Sprintf("deleting them, %d in a request", deletedAtOnce), n/deleted.Seconds(), "files/s", deletingGoal, "%s s", figure(deleted.Seconds()))
	return nil
}

func (b *bench) copying(ctx context.Context, from *blob.Disk, to blob.Store) error {
	small, large := b.times(smallFiles), b.times(largeFiles)
	random := rand.NewChaCha8([32]byte{1})
	for i := range small + large {
		body := make([]byte, smallFile)
		if i%(1+small/large) == 0 && i/(1+small/large) < large { // among the small ones, as on real servers
			body = make([]byte, largeFile)
		}
		_, _ = random.Read(body) // never fails
		at := filepath.Join(b.dir, "files", filepath.FromSlash(blob.Path("media_attachments/files", int64(i), "original", ".jpg")))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil { //nolint:gosec // nothing secret
			return err
		}
		if err := os.WriteFile(at, body, 0o600); err != nil { // not by Put, whose syncs would take most of the time
			return err
		}
	}
	var took time.Duration
	var done blob.CopyProgress
	var failed error
	each := own(1, func() {
		began := time.Now()
		done, failed = blob.Copy(ctx, from, to, blob.CopyOptions{Parallel: copyParallel})
		took = time.Since(began)
	})
	if failed != nil {
		return failed
	}
	if done.Copied != int64(small+large) || done.Failed != 0 {
		return fmt.Errorf("copying files: %d of %d were copied, %d failed", done.Copied, small+large, done.Failed)
	}
	b.report.atLeast(fmt.Sprintf("moving %d files of 10 kB and %d of 1 MB to a MinIO here, %d at once", small, large, copyParallel), float64(done.Copied)/took.Seconds(), "files/s", movingGoal,
		"%s s, %s MB/s; ours %s ms CPU a file, the rest is MinIO's", figure(took.Seconds()), figure(float64(done.Bytes)/1e6/took.Seconds()), figure(ms(each)/float64(done.Copied)))
	return nil
}

// counted counts how often files are asked for.
type counted struct {
	blob.Store
	opened atomic.Int64
}

// Open finds a file.
func (c *counted) Open(ctx context.Context, name string) (*blob.File, error) {
	c.opened.Add(1)
	return c.Store.Open(ctx, name)
}

// stampede lets many read one file at once that the cache does not have.
func (b *bench) stampede(ctx context.Context, origin blob.Store) error {
	body := bytes.Repeat([]byte("a picture that everybody wants "), largeFile/31)
	name := blob.Path("cache/media_attachments/files", 1, "original", ".jpg")
	if err := origin.Put(ctx, name, bytes.NewReader(body), int64(len(body))); err != nil {
		return err
	}
	asked := &counted{Store: origin}
	cache, err := blob.OpenCached(asked, filepath.Join(b.dir, "cache"), blob.CacheOptions{MaxBytes: 100 << 20})
	if err != nil {
		return err
	}
	defer func() { _ = cache.Close() }()
	read := func() error {
		f, err := cache.Open(ctx, name)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, f)
		_ = f.Close()
		if err == nil && n != int64(len(body)) {
			err = fmt.Errorf("%d bytes came instead of %d", n, len(body))
		}
		return err
	}
	took, failed := make([]time.Duration, cacheReaders), make([]error, cacheReaders)
	start := make(chan struct{})
	var all sync.WaitGroup
	var began time.Time
	for i := range cacheReaders {
		all.Go(func() {
			<-start
			failed[i] = read()
			took[i] = time.Since(began)
		})
	}
	began = time.Now()
	close(start)
	all.Wait()
	if i := slices.IndexFunc(failed, func(err error) bool { return err != nil }); i >= 0 {
		return fmt.Errorf("reading through the cache: %w", failed[i])
	}
	b.report.add(fmt.Sprintf("%d read a file of 1 MB at once that the cache does not have: asked of the origin", cacheReaders), float64(asked.opened.Load()), "times", 1,
		"half have all of it after %s ms, all after %s ms", figure(ms(median(took))), figure(ms(slices.Max(took))))
	return nil
}
