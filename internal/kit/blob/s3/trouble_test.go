package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

// each does something for every name, some at once.
func each(t *testing.T, atOnce int, names []string, do func(name string) error) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, name := range names {
		group.Go(func() error { return do(name) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestPingSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		if err := s3test.Open(t, server.Options).Ping(t.Context()); err != nil {
			t.Errorf("where all is well: %v", err)
		}
		for _, c := range []struct {
			change func(o *s3.Options)
			words  []string
		}{
			{func(o *s3.Options) { o.Bucket = "never-made" }, []string{"never-made", "S3_BUCKET"}},
			{func(o *s3.Options) { o.AccessKey = "NOBODY" }, []string{"NOBODY", "AWS_ACCESS_KEY_ID"}},
			{func(o *s3.Options) { o.SecretKey = "wrong" }, []string{"AWS_SECRET_ACCESS_KEY"}},
			{func(o *s3.Options) { o.Endpoint = "http://" + closed.Addr().String() }, []string{closed.Addr().String(), "reached", "S3_ENDPOINT"}},
			{func(o *s3.Options) { o.Endpoint, o.Protocol = server.Address, "https" }, []string{"https", "S3_ENDPOINT"}},
			{func(o *s3.Options) { o.Transport = lost }, []string{"no host s3.nowhere.test", "S3_ENDPOINT"}},
		} {
			o := server.Options
			c.change(&o)
			err := s3test.Open(t, o).Ping(t.Context())
			for _, word := range c.words {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("%q is missing in: %v", word, err)
				}
			}
			if err != nil && strings.Contains(err.Error(), o.SecretKey) {
				t.Errorf("the secret is told: %v", err)
			}
		}
	})
}

// lost is a network whose resolver knows no host.
var lost = through(func(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "s3.nowhere.test", IsNotFound: true}}
})

// refusing is a server that answers everything with a code.
func refusing(t *testing.T, status int, code string) s3.Options {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>no</Message><Region>eu-west-9</Region></Error>")
	}))
	t.Cleanup(server.Close)
	return s3.Options{Endpoint: server.URL, Bucket: "files", AccessKey: "KEY", SecretKey: "secret", PathStyle: true}
}

func TestWordsOfRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		word   string
	}{
		{403, "RequestTimeTooSkewed", "clock"},
		{403, "AccessDenied", "s3:ListBucket"},
		{403, "SomethingNew", "s3:ListBucket"},
		{400, "AuthorizationHeaderMalformed", "set S3_REGION to eu-west-9"},
		{301, "PermanentRedirect", "set S3_REGION to eu-west-9"},
		{404, "NoSuchBucket", "S3_BUCKET"},
		{418, "Teapot", "no"},
	} {
		if err := s3test.Open(t, refusing(t, c.status, c.code)).Ping(t.Context()); err == nil || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v", c.code, err)
		}
	}
	o := refusing(t, 400, "AccessControlListNotSupported")
	o.Permission = "public-read"
	if err := s3test.Open(t, o).Put(t.Context(), "x", strings.NewReader("x"), 1); err == nil || !strings.Contains(err.Error(), "S3_PERMISSION") {
		t.Errorf("a bucket without access lists: %v", err)
	}
}

// Servers refuse what is not there, instead of saying so, to a key that may not list.
func TestARefusalIsNoAbsence(t *testing.T) {
	t.Parallel()
	s := s3test.Open(t, refusing(t, 403, "AccessDenied"))
	_, statErr := s.Stat(t.Context(), "x")
	_, openErr := s.Open(t.Context(), "x")
	for _, err := range []error{statErr, openErr, s.Delete(t.Context(), "x"), s.Delete(t.Context(), "x", "y"), s.Put(t.Context(), "x", strings.NewReader("x"), 1)} {
		if err == nil || errs.IsNotFound(err) || !strings.Contains(err.Error(), "KEY") {
			t.Errorf("a refusal gave %v", err)
		}
	}
	if err := s.Walk(t.Context(), "", "", func(blob.Info) error { return nil }); err == nil || errs.IsNotFound(err) {
		t.Errorf("walking gave %v", err)
	}
}

// cut is an answer whose connection breaks after some bytes.
func cut(res *http.Response, after int64) *http.Response {
	broken := io.MultiReader(io.LimitReader(res.Body, after), failing{})
	res.Body = struct {
		io.Reader
		io.Closer
	}{broken, res.Body}
	return res
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestABrokenConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		want := strings.Repeat("0123456789", 100_000)
		o := server.Options
		put(t, s3test.Open(t, o), "x", want)
		var gets atomic.Int64
		o.Transport = through(func(r *http.Request) (*http.Response, error) {
			res, err := http.DefaultTransport.RoundTrip(r)
			if err == nil && r.Method == http.MethodGet && gets.Add(1) < 4 {
				return cut(res, 200_000), nil
			}
			return res, err
		})
		o.Retries = 1
		s := s3test.Open(t, o)
		if got := read(t, s, "x"); got != want {
			t.Errorf("read %d bytes", len(got))
		}
		if gets.Load() != 4 || s.Counts().Read != 5 {
			t.Errorf("asked %d times, counted %+v", gets.Load(), s.Counts())
		}
	})
}

func TestAFileThatWasReplacedIsNotMixed(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		s := s3test.Open(t, server.Options)
		put(t, s, "x", strings.Repeat("old", 1_000_000))
		f, err := s.Open(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := io.ReadFull(f, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		put(t, s, "x", strings.Repeat("new", 1_000_000))
		if _, err := f.Seek(2_000_000, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Read(make([]byte, 10)); n != 0 || err == nil || !strings.Contains(err.Error(), "replaced") {
			t.Errorf("read %d bytes of the new file, %v", n, err)
		}
	})
}

func TestASilentServer(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Length", "10")
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			<-stop
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(stop) })
	s := s3test.Open(t, s3.Options{Endpoint: server.URL, Bucket: "files", AccessKey: "KEY", SecretKey: "secret", PathStyle: true, ReadTimeout: 50 * time.Millisecond, Transport: server.Client().Transport})
	f, err := s.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if b, err := io.ReadAll(f); !strings.HasPrefix("half", string(b)) || err == nil || !strings.Contains(err.Error(), "no byte came") {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestAnInterruptedPutLeavesTheOldFile(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		whole := s3test.Open(t, server.Options)
		put(t, whole, "a/x", "old")
		body := bytes.Repeat([]byte("new."), 5<<20)
		for name, fail := range map[string]func(r *http.Request, cancel func()) bool{
			"the network fails": func(r *http.Request, _ func()) bool { return r.URL.Query().Get("partNumber") == "2" },
			"the caller is gone": func(r *http.Request, cancel func()) bool {
				if r.URL.Query().Get("partNumber") == "2" {
					cancel()
				}
				return false
			},
			"the end fails": func(r *http.Request, _ func()) bool {
				return r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
			},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			o := server.Options
			o.PartSize, o.MultipartAbove = 5<<20, 5<<20
			o.Transport = through(func(r *http.Request) (*http.Response, error) {
				if fail(r, cancel) {
					return nil, errors.New("connection reset")
				}
				return http.DefaultTransport.RoundTrip(r)
			})
			if err := s3test.Open(t, o).Put(ctx, "a/x", bytes.NewReader(body), int64(len(body))); err == nil {
				t.Errorf("%s: the file was stored", name)
			}
			cancel()
			if got := read(t, whole, "a/x"); got != "old" {
				t.Errorf("%s: read %d bytes", name, len(got))
			}
			left, err := server.Admin.ListMultipartUploads(t.Context(), o.Bucket, "a/x", "", "", "", 10)
			if err != nil || len(left.Uploads) != 0 {
				t.Errorf("%s: %d uploads are left, %v", name, len(left.Uploads), err)
			}
		}
	})
}

func TestWalkLeavesOutWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		for _, key := range []string{".folder_mark", "Upper.png", "a/.b", "a/b.png", "a c", "ü"} {
			if _, err := server.Admin.PutObject(t.Context(), server.Options.Bucket, key, strings.NewReader("x"), 1, "", "", minio.PutObjectOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		if err := s3test.Open(t, server.Options).Walk(t.Context(), "", "", func(i blob.Info) error { got = append(got, i.Name); return nil }); err != nil || len(got) != 1 || got[0] != "a/b.png" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// Whoever goes on after a name would miss files of a server that lists in another order.
func TestWalkRefusesAnotherOrder(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<ListBucketResult><Contents><Key>b</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>`+
			`<Contents><Key>a</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>`)
	}))
	t.Cleanup(server.Close)
	s := s3test.Open(t, s3.Options{Endpoint: server.URL, Bucket: "files", AccessKey: "KEY", SecretKey: "secret", PathStyle: true})
	if err := s.Walk(t.Context(), "", "", func(blob.Info) error { return nil }); err == nil || !strings.Contains(err.Error(), "order") {
		t.Errorf("b before a: %v", err)
	}
}

func TestServersThatDeleteOneByOne(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		for _, code := range []string{"NotImplemented", "MalformedXML"} {
			o := server.Options
			o.Transport = through(func(r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodPost {
					return http.DefaultTransport.RoundTrip(r)
				}
				return &http.Response{StatusCode: 400, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("<Error><Code>" + code + "</Code></Error>")), Request: r}, nil
			})
			s := s3test.Open(t, o)
			put(t, s, "x", "x")
			put(t, s, "y", "y")
			if err := s.Delete(t.Context(), "x", "never", "y"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Stat(t.Context(), "y"); !errs.IsNotFound(err) {
				t.Errorf("%s: one is left: %v", code, err)
			}
			if c := s.Counts(); c.Delete != 4 {
				t.Errorf("%s: deleting took %+v", code, c)
			}
		}
	})
}

func TestCountsAddUp(t *testing.T) {
	t.Parallel()
	s3test.Each(t, func(t *testing.T, server s3test.Server) {
		o := server.Options
		var told s3.Counts
		o.Observe = func(class string, in, out int64) {
			*map[string]*int64{s3.ClassWrite: &told.Write, s3.ClassRead: &told.Read, s3.ClassDelete: &told.Delete}[class]++
			told.In += in
			told.Out += out
		}
		s := s3test.Open(t, o)
		put(t, s, "x", "0123456789")
		if c := s.Counts(); c != (s3.Counts{Write: 1, In: c.In, Out: 10}) {
			t.Errorf("a file took %+v", c)
		}
		before := s.Counts()
		if got := read(t, s, "x"); got != "0123456789" {
			t.Errorf("read %q", got)
		}
		if c := s.Counts(); c != (s3.Counts{Write: 1, Read: 2, In: before.In + 10, Out: 10}) {
			t.Errorf("and reading it %+v after %+v", c, before)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Delete(t.Context(), "x"); err != nil {
			t.Error(err)
		}
		if c := s.Counts(); c.Write != 2 || c.Read != 2 || c.Delete != 1 || c != told {
			t.Errorf("all took %+v, told of %+v", c, told)
		}
	})
}

func TestOptionsThatCannotWork(t *testing.T) {
	t.Parallel()
	for word, change := range map[string]func(o *s3.Options){
		"S3_BUCKET":         func(o *s3.Options) { o.Bucket = "" },
		"AWS_ACCESS_KEY_ID": func(o *s3.Options) { o.SecretKey = "" },
		"S3_ENDPOINT":       func(o *s3.Options) { o.Endpoint = "https://s3.example.com/bucket" },
		"ftp":               func(o *s3.Options) { o.Endpoint = "ftp://s3.example.com" },
		"gopher":            func(o *s3.Options) { o.Protocol = "gopher" },
		"at least":          func(o *s3.Options) { o.PartSize = 1 << 20 },
		"less than nothing": func(o *s3.Options) { o.Retries = -1 },
	} {
		o := s3.Options{Bucket: "files", AccessKey: "KEY", SecretKey: "secret"}
		change(&o)
		if _, err := s3.Open(o); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
	for want, o := range map[string]s3.Options{
		"https://files.s3.":                   {Region: "eu-west-1"},
		"https://files.s3.example.com/":       {Endpoint: "https://s3.example.com/"},
		"http://s3.example.com:9000/files/":   {Endpoint: "s3.example.com:9000", Protocol: "http", PathStyle: true},
		"https://s3.example.com/files/pre/x?": {Endpoint: "s3.example.com", PathStyle: true, Prefix: "pre/"},
	} {
		o.Bucket, o.AccessKey, o.SecretKey = "files", "KEY", "secret"
		if got, err := s3test.Open(t, o).Presign(t.Context(), "x", time.Minute); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s, not %s: %v", got, want, err)
		}
	}
}

// A server that is not done with many files in time is asked to delete fewer, and that is not found out anew each time.
func TestSlowServersDeleteFewerAtOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []int
	gone := map[string]bool{}
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		keys := regexp.MustCompile(`<Key>([^<]*)</Key>`).FindAllSubmatch(body, -1)
		mu.Lock()
		asked = append(asked, len(keys))
		mu.Unlock()
		if len(keys) > 300 {
			<-stop
			return
		}
		mu.Lock()
		for _, key := range keys {
			gone[string(key[1])] = true
		}
		mu.Unlock()
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></DeleteResult>`)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(stop) })
	s := s3test.Open(t, s3.Options{Endpoint: server.URL, Bucket: "files", Region: "us-east-1", AccessKey: "KEY", SecretKey: "secret", PathStyle: true, ReadTimeout: 2 * time.Second})
	names := make([]string, 1100)
	for i := range names {
		names[i] = fmt.Sprintf("a/%04d.png", i)
	}
	for _, some := range [][]string{names[:1000], names[1000:], names[:1]} {
		if err := s.Delete(t.Context(), some...); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int{1000, 500, 250, 250, 250, 250, 100}; !slices.Equal(slices.DeleteFunc(asked, func(n int) bool { return n == 0 }), want) || len(gone) != len(names) {
		t.Errorf("%d are gone, asked to delete %v, not %v", len(gone), asked, want)
	}
}
