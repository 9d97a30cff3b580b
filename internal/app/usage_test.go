package app

import (
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

// bill is what a proxy in front of the S3 server saw.
type bill struct {
	mu            sync.Mutex
	writes, reads float64
	out           float64 // bytes of answers
}

// see counts a request as S3 is billed, in words of its own.
func (b *bill) see(r *http.Request, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := r.URL.Query()
	switch {
	case r.Method == "DELETE", r.Method == "POST" && q.Has("delete"):
	case r.Method == "PUT", r.Method == "POST", r.Method == "GET" && q.Has("list-type"):
		b.writes++
	default:
		b.reads++
	}
	b.out += float64(n)
}

type measured struct {
	http.ResponseWriter
	n int
}

func (m *measured) Write(p []byte) (int, error) {
	n, err := m.ResponseWriter.Write(p)
	m.n += n
	return n, err
}

// The estimate is within a tenth of what was seen on the way (requirement F3).
func TestTheCostIsWhatWasAsked(t *testing.T) {
	t.Parallel()
	server := s3test.MinIO(t)
	to, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	seen := &bill{}
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }}
	counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := &measured{ResponseWriter: w}
		through.ServeHTTP(m, r)
		seen.see(r, m.n)
	}))
	t.Cleanup(counting.Close)
	o := server.Options
	c := func() *config.Config {
		c := &config.Config{Data: t.TempDir(), LogLevel: "error", RateLimits: "on", DBPool: 4, Files: config.Files{
			S3Enabled: "true", S3Bucket: o.Bucket, S3Endpoint: counting.URL, S3Key: o.AccessKey, S3Secret: o.SecretKey, S3Threshold: 6 << 20,
		}}
		if err := c.Check(false); err != nil {
			t.Fatal(err)
		}
		return c
	}()
	start := func() *App {
		a, err := New(t.Context(), c, Options{Roles: "command", Migrate: true})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := start()
	ctx := context.Background()
	var names []string
	for i := range 60 {
		name := blob.Name("media_attachments/files", ".png")
		names = append(names, name)
		if err := a.files.Put(ctx, name, strings.NewReader(strings.Repeat("x", i*1000)), int64(i*1000)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			f, err := a.files.Open(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, f)
			_ = f.Close()
		}
	}
	if err := a.files.Put(ctx, blob.Name("media_attachments/files", ".mp4"), strings.NewReader(strings.Repeat("x", 12<<20)), 12<<20); err != nil {
		t.Fatal(err)
	}
	if err := a.files.Delete(ctx, names[:20]...); err != nil {
		t.Fatal(err)
	}
	a.Close() // what was counted is kept
	a = start()
	t.Cleanup(a.Close)
	_, sum, err := media.Stored(ctx, a.files, nil)
	stored := sum.Bytes
	if err != nil || stored < 12<<20 {
		t.Fatalf("%d bytes are stored, %v", stored, err)
	}
	p := Prices{Write: 5, Read: 0.4, Out: 90, Stored: 23}
	cost, err := a.Cost(ctx, p, stored)
	if err != nil {
		t.Fatal(err)
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	want := p.Write*seen.writes/1000 + p.Read*seen.reads/1000 + p.Out*seen.out/1e9
	if seen.writes < 60 || seen.reads < 180 || math.Abs(cost.Counted-want) > 0.1*want {
		t.Errorf("%.4f is reckoned, %.4f was seen: %+v", cost.Counted, want, cost)
	}
	if month := cost.Counted*30/cost.Days + p.Stored*float64(stored)/1e9; math.Abs(cost.Month-month) > 1e-6*month || len(cost.Lines) != 5 {
		t.Errorf("a month is %.4f, not %.4f: %+v", cost.Month, month, cost)
	}
}
