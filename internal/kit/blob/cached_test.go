package blob_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/blobtest"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

func cached(t testing.TB, origin blob.Store, dir string, o blob.CacheOptions) *blob.Cached {
	t.Helper()
	c, err := blob.OpenCached(origin, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestCached(t *testing.T) {
	t.Parallel()
	for _, o := range []blob.CacheOptions{{MaxBytes: 1 << 20}, {MaxBytes: 4}, {MaxBytes: 1 << 20, MaxFile: 4}} {
		t.Run(fmt.Sprint(o.MaxBytes, o.MaxFile), func(t *testing.T) {
			t.Parallel()
			blobtest.Run(t, func(t *testing.T) blob.Store { return cached(t, blob.NewMemory(), t.TempDir(), o) })
		})
	}
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		blobtest.Run(t, func(t *testing.T) blob.Store {
			return cached(t, s3test.Open(t, server.Bucket(t)), t.TempDir(), blob.CacheOptions{MaxBytes: 1 << 20})
		})
	})
}

// F11: a thousand readers of one file that is not there yet are one request to the origin.
func TestAThousandReadersAreOneDownload(t *testing.T) {
	t.Parallel()
	server := s3test.MinIO(t)
	put(t, s3test.Open(t, server.Options), "a/x", strings.Repeat("x", 100<<10))
	var bytes, requests atomic.Int64
	server.Options.Observe = func(class string, in, _ int64) {
		if class == s3.ClassRead {
			requests.Add(1)
			bytes.Add(in)
		}
	}
	var hits, misses atomic.Int64
	c := cached(t, s3test.Open(t, server.Options), t.TempDir(), blob.CacheOptions{MaxBytes: 1 << 20, Observe: func(hit bool, n int64) {
		if n != 100<<10 {
			t.Errorf("told of %d bytes", n)
		}
		if hit {
			hits.Add(1)
		} else {
			misses.Add(1)
		}
	}})
	start := make(chan struct{})
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			<-start
			if b, err := tryRead(context.Background(), c, "a/x"); err != nil || len(b) != 100<<10 {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
	close(start)
	all.Wait()
	if requests.Load() != 2 || bytes.Load() != 100<<10 { // a HEAD and a GET
		t.Errorf("%d requests for %d bytes", requests.Load(), bytes.Load())
	}
	if hits.Load() != 999 || misses.Load() != 1 {
		t.Errorf("%d hits, %d misses", hits.Load(), misses.Load())
	}
}

func TestADownloadOutlivesWhoAskedFirst(t *testing.T) {
	t.Parallel()
	origin := counting(blob.NewMemory())
	put(t, origin.Store, "a/x", "whole")
	asked, go1 := make(chan struct{}), make(chan struct{})
	count := origin.Before
	origin.Before = func(ctx context.Context, op, name string) error {
		if op == blobtest.Open {
			close(asked)
			<-go1
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return count(ctx, op, name)
	}
	c := cached(t, origin, t.TempDir(), blob.CacheOptions{MaxBytes: 100})
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error), make(chan error)
	go func() {
		_, err := c.Open(ctx, "a/x")
		first <- err
	}()
	<-asked
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first got %v", err)
	}
	go func() {
		b, err := tryRead(context.Background(), c, "a/x")
		if err == nil && b != "whole" {
			err = fmt.Errorf("read %q", b)
		}
		second <- err
	}()
	close(go1)
	if err := <-second; err != nil {
		t.Errorf("the second got %v", err)
	}
	if n := origin.count(blobtest.Open); n != 1 {
		t.Errorf("%d downloads", n)
	}
}

func TestCachedFilesAreServedWhileTheOriginIsDown(t *testing.T) {
	t.Parallel()
	origin, dir := counting(blob.NewMemory()), t.TempDir()
	put(t, origin, "a/read", "one")
	c := cached(t, origin, dir, blob.CacheOptions{MaxBytes: 100})
	put(t, c, "a/put", "two")
	_ = read(t, c, "a/read")
	before, err := c.Stat(t.Context(), "a/read")
	if err != nil {
		t.Fatal(err)
	}
	origin.down.Store(true)
	for _, again := range []*blob.Cached{c, cached(t, origin, dir, blob.CacheOptions{MaxBytes: 100})} { // and after a start
		for name, want := range map[string]string{"a/read": "one", "a/put": "two"} {
			if got := read(t, again, name); got != want {
				t.Errorf("read %q as %q", name, got)
			}
		}
		if info, err := again.Stat(t.Context(), "a/read"); err != nil || info != before {
			t.Errorf("%+v, %v", info, err)
		}
		for _, err := range []error{c.Put(t.Context(), "a/new", strings.NewReader("x"), 1), c.Delete(t.Context(), "a/never")} {
			if !errors.Is(err, errDown) {
				t.Errorf("an outage gave %v", err)
			}
		}
		if _, err := c.Open(t.Context(), "a/never"); err != errDown { //nolint:errorlint // as it is
			t.Errorf("an outage gave %v", err)
		}
	}
	origin.down.Store(false)
	info, err := origin.Stat(t.Context(), "a/read")
	if err != nil || !info.ModTime.Equal(before.ModTime) {
		t.Errorf("the cache says %v, the origin %v", before.ModTime, info.ModTime)
	}
	for range 2 { // that it is missing is not remembered
		if _, err := c.Open(t.Context(), "a/late"); !errs.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	put(t, origin, "a/late", "three")
	if got := read(t, c, "a/late"); got != "three" {
		t.Error(got)
	}
}

// size is how many bytes of files a folder has.
func size(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		bytes += info.Size()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return bytes
}

func TestWhatWasUsedLongestAgoGoes(t *testing.T) {
	t.Parallel()
	origin, dir := counting(blob.NewMemory()), t.TempDir()
	c := cached(t, origin, dir, blob.CacheOptions{MaxBytes: 30})
	opened := func(s blob.Store, name string) bool { // whether the origin was asked
		before := origin.count(blobtest.Open)
		_ = read(t, s, name)
		return origin.count(blobtest.Open) > before
	}
	for _, name := range []string{"a/1", "a/2", "a/3"} {
		put(t, c, name, strings.Repeat(name[2:], 10))
	}
	f, err := c.Open(t.Context(), "a/2")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if opened(c, "a/1") {
		t.Error("the first was not there")
	}
	put(t, c, "a/4", strings.Repeat("4", 10)) // so that 2 goes, and then 3
	put(t, c, "a/5", strings.Repeat("5", 10))
	if b, err := io.ReadAll(f); err != nil || string(b) != "2222222222" {
		t.Errorf("an open file was cut off: %q, %v", b, err)
	}
	if n := size(t, dir); n != 30 {
		t.Errorf("%d bytes in the folder", n)
	}
	if opened(c, "a/1") || opened(c, "a/4") || opened(c, "a/5") {
		t.Error("what was used is gone")
	}
	if !opened(c, "a/2") || !opened(c, "a/3") {
		t.Error("what was not used is there")
	}
	// 5, 2 and 3 are there. A smaller cache keeps what was used last by the times that are written down.
	old := time.Now().Add(-48 * time.Hour)
	if err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err == nil && b[0] != '2' {
			err = os.Chtimes(name, old, time.Time{})
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = cached(t, origin, dir, blob.CacheOptions{MaxBytes: 10})
	if n := size(t, dir); n != 10 || opened(c, "a/2") {
		t.Errorf("%d bytes stayed, and not the last", n)
	}
}

func TestLargeFilesAreReadFromTheOrigin(t *testing.T) {
	t.Parallel()
	origin, dir := counting(blob.NewMemory()), t.TempDir()
	c := cached(t, origin, dir, blob.CacheOptions{MaxBytes: 1000, MaxFile: 10})
	if err := c.Put(t.Context(), "a/unknown", io.MultiReader(strings.NewReader("0123456789a")), -1); err != nil {
		t.Fatal(err)
	}
	put(t, origin, "a/there", "0123456789a")
	for range 3 {
		if read(t, c, "a/unknown") != "0123456789a" || read(t, c, "a/there") != "0123456789a" {
			t.Error("other bytes")
		}
	}
	if n := size(t, dir); n != 0 {
		t.Errorf("%d bytes in the folder", n)
	}
	if n := origin.count("open a/there"); n > 4 { // one to see how large it is
		t.Errorf("opened %d times", n)
	}
}

// A file that is deleted while it comes is not kept.
func TestDeletedWhileItComes(t *testing.T) {
	t.Parallel()
	origin := counting(blob.NewMemory())
	put(t, origin.Store, "a/x", "gone")
	reading, go1 := make(chan struct{}), make(chan struct{})
	var once sync.Once
	origin.Before = func(_ context.Context, op, _ string) error {
		if op == blobtest.Read {
			once.Do(func() {
				close(reading)
				<-go1
			})
		}
		return nil
	}
	dir := t.TempDir()
	c := cached(t, origin, dir, blob.CacheOptions{MaxBytes: 100})
	done := make(chan error)
	go func() {
		_, err := tryRead(context.Background(), c, "a/x")
		done <- err
	}()
	<-reading
	if err := c.Delete(t.Context(), "a/x"); err != nil {
		t.Fatal(err)
	}
	close(go1)
	if err := <-done; !errs.IsNotFound(err) {
		t.Errorf("whoever waited got %v", err)
	}
	if n := size(t, dir); n != 0 {
		t.Errorf("%d bytes stayed", n)
	}
	if _, err := c.Open(t.Context(), "a/x"); !errs.IsNotFound(err) {
		t.Errorf("afterwards: %v", err)
	}
}

// What a crash left half-written is never served, and removed when it is old.
func TestHalfWrittenFiles(t *testing.T) {
	t.Parallel()
	origin, dir := counting(blob.NewMemory()), t.TempDir()
	put(t, origin, "a/x", "whole")
	cut := true
	origin.Before = func(_ context.Context, op, _ string) error {
		if op == blobtest.Read && cut {
			return errDown
		}
		return nil
	}
	c := cached(t, origin, dir, blob.CacheOptions{MaxBytes: 100})
	if _, err := c.Open(t.Context(), "a/x"); !errors.Is(err, errDown) {
		t.Errorf("half a download gave %v", err)
	}
	cut = false
	if got := read(t, c, "a/x"); got != "whole" {
		t.Errorf("read %q", got)
	}
	for name, at := range map[string]time.Time{"old": time.Now().Add(-48 * time.Hour), "new": time.Now()} {
		file := filepath.Join(dir, ".incoming", name)
		if err := os.WriteFile(file, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	_ = cached(t, origin, dir, blob.CacheOptions{MaxBytes: 100})
	if n := size(t, dir); n != int64(len("whole")+len("half")) {
		t.Errorf("%d bytes in the folder", n)
	}
}

// A folder that cannot be written costs speed, nothing else.
func TestWithoutAFolder(t *testing.T) {
	t.Parallel()
	origin := counting(blob.NewMemory())
	put(t, origin, "a/x", "whole")
	dir := t.TempDir()
	c := cached(t, origin, dir, blob.CacheOptions{MaxBytes: 100})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c, "a/x"); got != "whole" {
		t.Errorf("read %q", got)
	}
	put(t, c, "a/y", "also")
	if got := read(t, c, "a/y"); got != "also" {
		t.Errorf("read %q", got)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c, "a/x"); got != "whole" {
		t.Errorf("read %q from what was closed", got)
	}
}
