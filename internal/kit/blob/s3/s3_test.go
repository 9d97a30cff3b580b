package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/blobtest"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

// through is a transport that a test puts between a store and its server.
type through func(r *http.Request) (*http.Response, error)

func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func put(t *testing.T, s *s3.Store, name, body string) {
	t.Helper()
	if err := s.Put(context.Background(), name, strings.NewReader(body), int64(len(body))); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s *s3.Store, name string) string {
	t.Helper()
	f, err := s.Open(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStore(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		blobtest.Run(t, func(t *testing.T) blob.Store { return s3test.Open(t, server.Bucket(t)) })
	})
}

func TestBelowAPrefix(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		blobtest.Run(t, func(t *testing.T) blob.Store {
			o := server.Bucket(t)
			whole := s3test.Open(t, o)
			put(t, whole, "a/b", "of somebody else")
			o.Prefix = "/one/server/"
			t.Cleanup(func() {
				if got := read(t, whole, "a/b"); got != "of somebody else" {
					t.Errorf("a file beside the prefix became %q", got)
				}
			})
			return s3test.Open(t, o)
		})
		s := s3test.Open(t, server.Options)
		o := server.Options
		o.Prefix = "p"
		put(t, s3test.Open(t, o), "x", "prefixed")
		if got := read(t, s, "p/x"); got != "prefixed" {
			t.Errorf("below the prefix is %q", got)
		}
	})
}

// toMinIO connects every host to a server.
func toMinIO(server s3test.Server) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server.Address)
	}}
}

func TestByHost(t *testing.T) {
	t.Parallel()
	server := s3test.MinIO(t)
	_, port, _ := net.SplitHostPort(server.Address)
	blobtest.Run(t, func(t *testing.T) blob.Store {
		o := server.Bucket(t)
		o.PathStyle, o.Endpoint = false, "http://"+s3test.Domain+":"+port
		next := toMinIO(server)
		t.Cleanup(next.CloseIdleConnections)
		o.Transport = through(func(r *http.Request) (*http.Response, error) {
			if !strings.HasPrefix(r.URL.Host, o.Bucket+".") || strings.Contains(r.URL.Path, o.Bucket) {
				t.Errorf("asked for %s", r.URL)
			}
			return next.RoundTrip(r)
		})
		return s3test.Open(t, o)
	})
}

// large is a file of 40 MB, more than two parts, and the same each time it is read.
const large = 40_000_000

func largeBody() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), large) }

func TestLargeFiles(t *testing.T) { // not parallel: it looks at the memory of the process
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		s := s3test.Open(t, server.Options)
		want := make([]byte, large)
		_, _ = io.ReadFull(largeBody(), want)
		if err := s.Put(t.Context(), "known.mp4", bytes.NewReader(want), large); err != nil {
			t.Fatal(err)
		}
		if c := s.Counts(); c.Write != 5 || c.Out < large {
			t.Errorf("three parts took %+v", c)
		}
		if err := s.Put(t.Context(), "unknown.mp4", iotest.OneByteReader(bytes.NewReader(want[:1_000_000])), -1); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(t.Context(), "unknown.mp4", largeBody(), -1); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"known.mp4", "unknown.mp4"} {
			f, err := s.Open(t.Context(), name)
			if err != nil || f.Size != large {
				t.Fatalf("%s: %v", name, err)
			}
			h := sha256.New()
			if n, err := io.Copy(h, f); err != nil || n != large || !bytes.Equal(h.Sum(nil), sum(want)) {
				t.Fatalf("%s: read %d bytes, %v", name, n, err)
			}
			for _, at := range []int64{0, 1, 16<<20 - 1, 16 << 20, 33_333_333, 33_334_000, 33_400_000, 5, large - 10} {
				if _, err := f.Seek(at, io.SeekStart); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, min(100_000, large-at))
				if _, err := io.ReadFull(f, got); err != nil || !bytes.Equal(got, want[at:at+int64(len(got))]) {
					t.Errorf("%s from %d: %v", name, at, err)
				}
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

func TestLargeFilesInOneRequest(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		o := server.Options
		o.SingleRequest, o.StorageClass = true, "STANDARD"
		classes := ""
		o.Transport = through(func(r *http.Request) (*http.Response, error) {
			classes += r.Header.Get("x-amz-storage-class") + "."
			return http.DefaultTransport.RoundTrip(r)
		})
		s := s3test.Open(t, o)
		if err := s.Put(t.Context(), "x.mp4", io.LimitReader(largeBody(), 20_000_000), -1); err != nil {
			t.Fatal(err)
		}
		if c := s.Counts(); c.Write != 1 || c.Out != 20_000_000 || classes != "STANDARD." {
			t.Errorf("took %+v, of the classes %s", c, classes)
		}
		if info, err := s.Stat(t.Context(), "x.mp4"); err != nil || info.Size != 20_000_000 {
			t.Errorf("%+v, %v", info, err)
		}
	})
}

// allocated is how many bytes the process asked for while f ran.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestMemoryIsFlat(t *testing.T) { // not parallel: it looks at the memory of the process
	server := s3test.MinIO(t)
	s := s3test.Open(t, server.Options)
	put(t, s, "warm", "up")
	if n := allocated(func() {
		if err := s.Put(context.Background(), "x", largeBody(), -1); err != nil {
			t.Error(err)
		}
	}); n > large/4 {
		t.Errorf("%d bytes of memory were taken for a file of %d", n, large)
	}
	if n := allocated(func() {
		f, err := s.Open(context.Background(), "x")
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if n, err := io.Copy(io.Discard, f); err != nil || n != large {
			t.Errorf("read %d, %v", n, err)
		}
	}); n > large/4 {
		t.Errorf("%d bytes of memory were taken for reading a file of %d", n, large)
	}
}

func TestHowFilesAreStored(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		for _, c := range []struct{ permission, name, kind, list string }{
			{"public-read", "media_attachments/files/1/original/x.png", "image/png", "public-read"},
			{"public-read", "backups/1/x.zip", "application/zip", "private"},
			{"", "a/x.mp4", "video/mp4", ""},
			{"", "backups/1/y", "application/octet-stream", ""},
		} {
			o := server.Options
			o.Permission = c.permission
			lists := []string{}
			o.Transport = through(func(r *http.Request) (*http.Response, error) {
				lists = append(lists, r.Header.Get("x-amz-acl"))
				for name := range r.Header {
					if n := strings.ToLower(name); strings.HasPrefix(n, "x-amz-checksum") || strings.HasPrefix(n, "x-amz-sdk-checksum") || n == "x-amz-trailer" {
						t.Errorf("%s is sent, which not every server takes", name)
					}
				}
				return http.DefaultTransport.RoundTrip(r)
			})
			put(t, s3test.Open(t, o), c.name, "x")
			if len(lists) != 1 || lists[0] != c.list {
				t.Errorf("%s was sent with the access list %q", c.name, lists)
			}
			info, err := server.Admin.StatObject(t.Context(), o.Bucket, c.name, minio.StatObjectOptions{})
			if err != nil || info.ContentType != c.kind || info.Metadata.Get("Cache-Control") != "public, max-age=315576000, immutable" {
				t.Errorf("%s is stored as %s, %q: %v", c.name, info.ContentType, info.Metadata, err)
			}
		}
	})
}

func TestPresign(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		s := s3test.Open(t, server.Options)
		put(t, s, "backups/x.zip", "secret")
		get := func(address string) (int, string) {
			res, err := http.Get(address) //nolint:gosec // on loopback
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			return res.StatusCode, string(b)
		}
		address, err := s.Presign(t.Context(), "backups/x.zip", time.Hour)
		if err != nil || !strings.Contains(address, "X-Amz-Expires=3600") {
			t.Fatalf("%s, %v", address, err)
		}
		if status, body := get(address); status != 200 || body != "secret" {
			t.Errorf("%d, %s", status, body)
		}
		plain, _, _ := strings.Cut(address, "?")
		if status, _ := get(plain); status != 403 {
			t.Errorf("without the signature: %d", status)
		}
		if address, err = s.Presign(t.Context(), "backups/x.zip", time.Second); err != nil {
			t.Fatal(err)
		}
		for status := 200; status != 403; status, _ = get(address) { // until it is refused
			if status != 200 {
				t.Fatalf("before it is over: %d", status)
			}
		}
		if _, err := s.Presign(t.Context(), "../x", time.Hour); !errs.IsNotFound(err) {
			t.Errorf("for a name that cannot be: %v", err)
		}
	})
}

func TestManyFiles(t *testing.T) {
	t.Parallel()
	const files = 2500
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		o := server.Options
		o.ReadTimeout, o.Retries = time.Hour, 5 // how long a server takes is not what this is about, nor what it stumbles over
		s := s3test.Open(t, o)
		names := make([]string, files)
		for i := range names {
			names[i] = fmt.Sprintf("a/%02d/%04d.png", i/100, i)
		}
		each(t, 8, names, func(name string) error { return s.Put(context.Background(), name, strings.NewReader("x"), 1) })
		walk := func(after string) (got []string) {
			if err := s.Walk(t.Context(), "a/", after, func(i blob.Info) error { got = append(got, i.Name); return nil }); err != nil {
				t.Fatal(err)
			}
			return got
		}
		before := s.Counts()
		if got := walk(""); strings.Join(got, " ") != strings.Join(names, " ") {
			t.Errorf("walked over %d", len(got))
		}
		if c := s.Counts(); c.Write-before.Write != 3 || c.Read != before.Read {
			t.Errorf("walking took %+v after %+v", c, before)
		}
		if got := walk("a/12/1234.png"); len(got) != files-1235 || got[0] != "a/12/1235.png" {
			t.Errorf("walked over %d after one in the middle", len(got))
		}
		before = s.Counts()
		if err := s.Delete(t.Context(), names...); err != nil {
			t.Fatal(err)
		}
		if c := s.Counts(); c.Delete-before.Delete != 3 || c.Write != before.Write {
			t.Errorf("deleting took %+v after %+v", c, before)
		}
		if got := walk(""); len(got) != 0 {
			t.Errorf("%d are left", len(got))
		}
	})
}
