package nginx_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/nginx"
	"github.com/gomph/gomph/internal/kit/blob/policy"
	"github.com/gomph/gomph/internal/kit/blob/probe"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/kit/checkup"
	"github.com/gomph/gomph/internal/testkit/s3test"
	"github.com/gomph/gomph/internal/testkit/services"
)

// setup is nginx in front of a proxy that counts, in front of MinIO.
type setup struct {
	t       *testing.T
	address string
	store   *s3.Store
	server  s3test.Server
	bucket  string
	root    string
	gets    atomic.Int64
	down    atomic.Bool
	asked   sync.Map
}

func start(t *testing.T, prefix string, local bool, fresh string) *setup {
	t.Helper()
	server := s3test.MinIO(t)
	s := &setup{t: t, server: server, bucket: server.Options.Bucket}
	if local {
		s.root = t.TempDir()
	}
	o := server.Options
	o.Prefix = prefix
	s.store = s3test.Open(t, o)
	text, err := policy.Anonymous(policy.Options{Bucket: o.Bucket, Prefix: prefix, Provider: policy.MinIO})
	if err != nil {
		t.Fatal(err)
	}
	server.Policy(t, o.Bucket, text)
	to, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }}
	counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.gets.Add(1)
		s.asked.Store(r.RequestURI, true)
		if s.down.Load() {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(counting.Close)
	s.address = services.Nginx(t, func(address, folder string) string {
		text, err := nginx.Config(nginx.Options{Host: "127.0.0.1", Origin: strings.TrimSuffix(counting.URL+"/"+o.Bucket+"/"+prefix, "/"), Root: s.root, Listen: address, Cache: folder + "/cache", Fresh: fresh})
		if err != nil {
			t.Fatal(err)
		}
		return text
	})
	return s
}

func (s *setup) put(name, body string) {
	s.t.Helper()
	if err := s.store.Put(s.t.Context(), name, strings.NewReader(body), int64(len(body))); err != nil {
		s.t.Fatal(err)
	}
}

func (s *setup) keep(name, body string) {
	s.t.Helper()
	at := filepath.Join(s.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(body), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *setup) ask(method, path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.address+path, strings.NewReader(""))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res, string(body)
}

// guarded looks at what every answer must have, and what none may.
func (s *setup) guarded(res *http.Response) {
	s.t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
		"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin",
	} {
		if got := res.Header.Values(name); len(got) != 1 || got[0] != want {
			s.t.Errorf("%s %d: %s is %q", res.Request.URL, res.StatusCode, name, got)
		}
	}
	for name := range res.Header {
		if name := strings.ToLower(name); strings.HasPrefix(name, "x-amz") || strings.HasPrefix(name, "x-minio") || name == "set-cookie" {
			s.t.Errorf("%s tells %s", res.Request.URL, name)
		}
	}
	if cached := strings.Contains(res.Header.Get("Cache-Control"), "immutable"); cached != (res.StatusCode < 300) {
		s.t.Errorf("%s %d: Cache-Control is %q", res.Request.URL, res.StatusCode, res.Header.Get("Cache-Control"))
	}
}

// Files of both places are served; what is nowhere is not there (requirement F14).
func TestBothPlaces(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "one/two"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			t.Parallel()
			s := start(t, prefix, true, "")
			moved, left, gone := blob.Name("media_attachments/files", ".png"), blob.Name("accounts/avatars", ".avif"), blob.Name("media_attachments/files", ".png")
			another := blob.Name("media_attachments/files", ".png")
			s.put(moved, "moved")
			s.put(another, "another")
			s.keep(moved, "an old copy")
			s.keep(left, "left")
			for _, private := range []string{"archives/x.png", "incoming/x.png", "cache/x.png", "media_attachments/x.html", "x.png", ".folder_mark"} {
				s.put(strings.TrimPrefix(private, "."), "secret")
				s.keep(private, "secret")
			}
			for _, c := range []struct {
				method, path string
				status       int
				body, kind   string
			}{
				{"GET", "/" + moved, 200, "moved", "image/png"}, {"GET", "/" + left, 200, "left", "image/avif"}, {"GET", "/" + gone, 404, "", ""},
				{"HEAD", "/" + moved, 200, "", "image/png"}, {"HEAD", "/" + gone, 404, "", ""},
				{"GET", "/" + another + "?acl", 200, "another", "image/png"}, // the question gets nowhere
				{"GET", "/", 404, "", ""}, {"GET", "/?list-type=2", 404, "", ""}, {"GET", "/media_attachments/", 404, "", ""}, {"GET", "/media_attachments", 404, "", ""},
				{"GET", "/archives/x.png", 404, "", ""}, {"GET", "/incoming/x.png", 404, "", ""}, {"GET", "/cache/x.png", 404, "", ""}, {"GET", "/media_attachments/x.html", 404, "", ""},
				{"GET", "/x.png", 404, "", ""}, {"GET", "/.folder_mark", 404, "", ""}, {"GET", "/media_attachments/%2e%2e/archives/x.png", 404, "", ""},
				{"GET", "/archives/%2e%2e/" + moved, 200, "moved", "image/png"}, {"GET", "/media_attachments//../archives/x.png", 404, "", ""},
				{"PUT", "/" + moved, 405, "", ""}, {"DELETE", "/" + moved, 405, "", ""}, {"POST", "/" + left, 405, "", ""}, {"OPTIONS", "/" + moved, 405, "", ""},
			} {
				res, body := s.ask(c.method, c.path)
				if res.StatusCode != c.status || c.body != "" && body != c.body || c.kind != "" && res.Header.Get("Content-Type") != c.kind || strings.Contains(body, "secret") {
					t.Errorf("%s %s: %d %q %v", c.method, c.path, res.StatusCode, body, res.Header)
				}
				if c.status != 405 {
					s.guarded(res)
				}
			}
			if res, body := s.ask("GET", "/"+moved, "Range", "bytes=1-2"); res.StatusCode != 206 || body != "ov" {
				t.Errorf("a part: %d %q", res.StatusCode, body)
			}
			s.asked.Range(func(key, _ any) bool {
				if at := fmt.Sprint(key); strings.ContainsAny(at, "?%") || strings.Contains(at, "..") || !strings.HasPrefix(at, "/"+s.bucket) {
					t.Errorf("the bucket was asked for %s", at)
				}
				return true
			})
			if info, err := s.store.Stat(t.Context(), moved); err != nil || info.Size != 5 {
				t.Errorf("the file is %+v, %v", info, err)
			}
		})
	}
}

// Many who want a new file make one request of it (requirement F11).
func TestRequestsCollapse(t *testing.T) {
	t.Parallel()
	s := start(t, "", false, "")
	name := blob.Name("media_attachments/files", ".mp4")
	s.put(name, strings.Repeat("x", 1<<20))
	before := s.gets.Load()
	var wg sync.WaitGroup
	var good atomic.Int64
	for range 200 {
		wg.Go(func() {
			if res, body := s.ask("GET", "/"+name); res.StatusCode == 200 && len(body) == 1<<20 {
				good.Add(1)
			}
		})
	}
	wg.Wait()
	if n := s.gets.Load() - before; n != 1 || good.Load() != 200 {
		t.Errorf("%d requests to the bucket, %d good answers", n, good.Load())
	}
}

// What is no longer fresh is shown while the bucket is away, and gone when the bucket says so.
func TestStaleFiles(t *testing.T) {
	t.Parallel()
	s := start(t, "", false, "1s")
	name := blob.Name("media_attachments/files", ".png")
	s.put(name, "once")
	until := func(what string, ok func(status int, body, cache string) bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; { // only ends a test that would hang
			res, body := s.ask("GET", "/"+name)
			cache := res.Header.Get("X-Cache-Status")
			if ok(res.StatusCode, body, cache) {
				return
			}
			if res.StatusCode != 200 || body != "once" || time.Now().After(deadline) {
				t.Fatalf("before %s: %d %q %s", what, res.StatusCode, body, cache)
			}
		}
	}
	until("it is cached", func(status int, _, cache string) bool { return status == 200 && cache == "HIT" })
	s.down.Store(true)
	until("it is stale", func(status int, body, cache string) bool { return status == 200 && body == "once" && cache == "STALE" })
	s.down.Store(false)
	if err := s.store.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	until("it is gone", func(status int, _, _ string) bool { return status == 404 })
}

// While the bucket is away, what is cached or local is served, and the rest is not said to be gone.
func TestTheBucketIsAway(t *testing.T) {
	t.Parallel()
	s := start(t, "", true, "")
	cached, local, other := blob.Name("media_attachments/files", ".png"), blob.Name("media_attachments/files", ".png"), blob.Name("media_attachments/files", ".png")
	s.put(cached, "cached")
	s.put(other, "other")
	s.keep(local, "local")
	if res, _ := s.ask("GET", "/"+cached); res.StatusCode != 200 {
		t.Fatal(res.StatusCode)
	}
	s.down.Store(true)
	for _, c := range []struct {
		name   string
		status int
		body   string
	}{{cached, 200, "cached"}, {local, 200, "local"}, {other, 503, ""}} {
		res, body := s.ask("GET", "/"+c.name)
		if res.StatusCode != c.status || c.body != "" && body != c.body {
			t.Errorf("%s: %d %q", c.name, res.StatusCode, body)
		}
		s.guarded(res)
	}
	s.down.Store(false)
	if res, body := s.ask("GET", "/"+other); res.StatusCode != 200 || body != "other" {
		t.Errorf("when it is back: %d %q", res.StatusCode, body)
	}
}

// The probe has nothing to complain of, but for the tests' key, which is the server's root's.
func TestTheProbeIsContent(t *testing.T) {
	t.Parallel()
	s := start(t, "", true, "")
	results, err := probe.Run(t.Context(), probe.Target{Files: s.store, Public: "http://" + s.address})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Level != checkup.OK && r.ID != "F7" {
			t.Errorf("%+v", r)
		}
	}
}

// Old objects carry headers of those who copied them.
func TestHeadersOfOthersAreHidden(t *testing.T) {
	t.Parallel()
	s := start(t, "", false, "")
	name := blob.Name("media_attachments/files", ".png")
	_, err := s.server.Admin.PutObject(t.Context(), s.bucket, name, bytes.NewReader([]byte("x")), 1, "", "", minio.PutObjectOptions{
		ContentType: "image/png", UserMetadata: map[string]string{"Mtime": "1"}, CacheControl: "no-cache", ContentDisposition: "attachment",
	})
	if err != nil {
		t.Fatal(err)
	}
	res, _ := s.ask("GET", "/"+name, "Origin", "https://elsewhere.example")
	s.guarded(res)
	if res.StatusCode != 200 || res.Header.Get("Content-Disposition") != "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

func TestWhatCannotBe(t *testing.T) {
	t.Parallel()
	good := nginx.Options{Host: "files.example", Origin: "https://s3.example/files"}
	if text, err := nginx.Config(good); err != nil || !strings.Contains(text, "proxy_ssl_name s3.example;") || !strings.Contains(text, "server s3.example:443 ") {
		t.Errorf("%s, %v", text, err)
	}
	for _, change := range []func(*nginx.Options){
		func(o *nginx.Options) { o.Host = "" }, func(o *nginx.Options) { o.Host = "a;b" }, func(o *nginx.Options) { o.Origin = "s3.example" },
		func(o *nginx.Options) { o.Root = "relative" }, func(o *nginx.Options) { o.Root = "/a b" }, func(o *nginx.Options) { o.Cache = "/$x" },
	} {
		o := good
		change(&o)
		if _, err := nginx.Config(o); err == nil {
			t.Errorf("%+v", o)
		}
	}
}
