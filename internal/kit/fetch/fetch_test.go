package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T, o Options) *Client {
	t.Helper()
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

// local is a client that may reach the servers of the test.
func local(t *testing.T) *Client {
	return client(t, Options{AllowPrivate: loopback, AllowHTTP: true, UserAgent: "test"})
}

func TestDoGet(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Agent", r.UserAgent())
		fmt.Fprint(w, r.Header.Get("Accept"), " ", r.URL.RequestURI())
	})
	res, err := local(t).Do(t.Context(), Request{URL: s.URL + "/a?b=1#frag", Header: http.Header{"accept": {"x/y"}}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Status != 200 || string(res.Body) != "x/y /a?b=1" || res.Header.Get("X-Agent") != "test" || res.URL != s.URL+"/a?b=1" {
		t.Fatalf("%+v %q", res, res.Body)
	}
}

func TestDoTLSAndSink(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	c := client(t, Options{AllowPrivate: loopback, RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs})
	var sink bytes.Buffer
	if _, err := c.Do(t.Context(), Request{URL: s.URL, Sink: &sink}); err != nil {
		t.Fatal(err)
	}
	if sink.String() != "HTTP/2.0" {
		t.Fatalf("got %q", sink.String())
	}
	if _, err := client(t, Options{AllowPrivate: loopback}).Do(t.Context(), Request{URL: s.URL}); err == nil || !IsTemporary(err) {
		t.Fatalf("an unknown certificate must fail, temporarily: %v", err)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		code      int
		after     string
		temporary bool
		wait      time.Duration
	}{
		{http.StatusNotFound, "", false, 0},
		{http.StatusGone, "", false, 0},
		{http.StatusUnauthorized, "", true, 0},
		{http.StatusTooManyRequests, "120", true, 2 * time.Minute},
		{http.StatusServiceUnavailable, now.Add(time.Hour).Format(http.TimeFormat), true, time.Hour},
		{http.StatusServiceUnavailable, "99999999", true, 24 * time.Hour},
		{http.StatusServiceUnavailable, "-5", true, 0},
		{http.StatusServiceUnavailable, now.Add(-time.Hour).Format(http.TimeFormat), true, 0},
		{http.StatusNotImplemented, "", false, 0},
		{http.StatusNotModified, "", false, 0},
	} {
		t.Run(fmt.Sprint(c.code, " ", c.after), func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", c.after)
				w.WriteHeader(c.code)
				if c.code != http.StatusNotModified {
					fmt.Fprint(w, "why")
				}
			})
			cl := client(t, Options{AllowPrivate: loopback, Clock: clock.NewFake(now)})
			res, err := cl.Do(t.Context(), Request{URL: s.URL})
			if res == nil || StatusOf(err) != c.code || IsTemporary(err) != c.temporary || RetryAfter(err) != c.wait {
				t.Fatalf("%+v, %v, temporary %v, wait %v", res, err, IsTemporary(err), RetryAfter(err))
			}
		})
	}
}

// TestSignEveryHop: a signature is made for the address it is sent to, and secrets of the caller stay with the first host (SSRF-05).
func TestSignEveryHop(t *testing.T) {
	t.Parallel()
	var seen []string
	var mu sync.Mutex
	note := func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Get("Signature")+" "+r.Header.Get("Authorization"))
	}
	second := serve(t, func(_ http.ResponseWriter, r *http.Request) { note(r) })
	first := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note(r)
		http.Redirect(w, r, second.URL+"/end", http.StatusFound)
	})
	sign := func(r *http.Request, body []byte) error {
		if len(body) != 0 || r.Header.Get("User-Agent") == "" {
			t.Error("headers are not final")
		}
		r.Header.Set("Signature", r.URL.String())
		return nil
	}
	if _, err := local(t).Do(t.Context(), Request{URL: first.URL, Sign: sign, Header: http.Header{"Authorization": {"secret"}}}); err != nil {
		t.Fatal(err)
	}
	want := first.URL + "/ secret|" + second.URL + "/end "
	if got := strings.Join(seen, "|"); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestSignFailureSendsNothing(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	boom := errors.New("no key")
	_, err := local(t).Do(t.Context(), Request{URL: s.URL, Sign: func(*http.Request, []byte) error { return boom }})
	if !errors.Is(err, boom) || hits.Load() != 0 {
		t.Fatalf("%v, %d requests", err, hits.Load())
	}
}

// TestRedirects covers FET-04 and SSRF-05.
func TestRedirects(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	mux := http.NewServeMux()
	to := func(from, location string) {
		mux.HandleFunc(from, func(w http.ResponseWriter, _ *http.Request) {
			hits.Add(1)
			w.Header().Set("Location", location)
			w.Header().Set("Set-Cookie", "a=b")
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
	}
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	to("/one", "/ok")
	to("/self", "/self")
	to("/ping", "/pong")
	to("/pong", "/ping")
	to("/file", "file:///etc/passwd")
	to("/gopher", "gopher://127.0.0.1:70/")
	to("/data", "data:text/plain,x")
	to("/user", "//good@127.0.0.1/")
	to("/port", "//127.0.0.1:22/")
	to("/private", "http://10.0.0.1/")
	to("/long", "/"+strings.Repeat("x", 5000))
	to("/crlf", "/ok%0d%0aX: y")
	for i := range 100 {
		to(fmt.Sprintf("/hop/%d", i), fmt.Sprintf("/hop/%d", i+1))
	}
	s := serve(t, mux.ServeHTTP)
	c := local(t)
	for path, want := range map[string]error{
		"/one": nil, "/self": ErrRedirect, "/ping": ErrRedirect, "/hop/0": ErrRedirect, "/file": ErrRedirect, "/gopher": ErrRedirect, "/data": ErrRedirect,
		"/user": ErrRedirect, "/port": ErrRedirect, "/private": ErrPrivate, "/long": ErrRedirect, "/crlf": ErrRedirect,
	} {
		hits.Store(0)
		_, err := c.Do(t.Context(), Request{URL: s.URL + path, Redirects: 99})
		if !errors.Is(err, want) || (want != nil && IsTemporary(err)) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if hits.Load() > maxRedirects+1 {
			t.Errorf("%s: %d requests", path, hits.Load())
		}
	}
	if _, err := c.Do(t.Context(), Request{URL: s.URL + "/one", Redirects: -1}); StatusOf(err) != http.StatusTemporaryRedirect {
		t.Errorf("no hop allowed: %v", err)
	}
	if _, err := c.Do(t.Context(), Request{Method: "POST", URL: s.URL + "/one"}); StatusOf(err) != http.StatusTemporaryRedirect {
		t.Errorf("a POST does not follow: %v", err)
	}
}

func TestRedirectDowngrade(t *testing.T) {
	t.Parallel()
	plain := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("reached over plain http") })
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	t.Cleanup(secure.Close)
	c := client(t, Options{AllowPrivate: loopback, AllowHTTP: true, RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs})
	if _, err := c.Do(t.Context(), Request{URL: secure.URL}); !errors.Is(err, ErrRedirect) {
		t.Fatal(err)
	}
}

func gzipped(n int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.CopyN(w, zeros{}, int64(n))
	_ = w.Close()
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestBodyBounds covers FET-01: what is counted is the size after decompression, and no length header is believed.
func TestBodyBounds(t *testing.T) {
	t.Parallel()
	bomb, small := gzipped(64<<20), gzipped(1000)
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    error
		size    int
	}{
		"exact":        {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 4096)) }, nil, 4096},
		"one over":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 4097)) }, ErrTooLarge, 0},
		"chunked":      {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, 1<<30) }, ErrTooLarge, 0},
		"gzip":         {encoded("gzip", small), nil, 1000},
		"gzip bomb":    {encoded("gzip", bomb), ErrTooLarge, 0},
		"stacked gzip": {encoded("gzip, gzip", bomb), ErrEncoding, 0},
		"br":           {encoded("br", small), ErrEncoding, 0},
		"identity":     {encoded("identity", make([]byte, 10)), nil, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.handler)
			cl := local(t)
			res, err := cl.Do(t.Context(), Request{URL: s.URL, MaxBody: 4096})
			if !errors.Is(err, c.want) || err == nil && len(res.Body) != c.size {
				t.Fatalf("%v, want %v", err, c.want)
			}
			var sink bytes.Buffer
			if _, err = cl.Do(t.Context(), Request{URL: s.URL, MaxBody: 4096, Sink: &sink}); !errors.Is(err, c.want) || sink.Len() > 4097 {
				t.Fatalf("sink: %v, %d bytes", err, sink.Len())
			}
		})
	}
}

func encoded(encoding string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", encoding)
		_, _ = w.Write(body)
	}
}

// raw is a server that answers every connection with bytes of its own and, with hold, keeps the connection open.
func raw(t *testing.T, answer string, hold bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				if answer != "" {
					_, _ = conn.Read(make([]byte, 4096))
				}
				_, _ = io.WriteString(conn, answer)
				if hold {
					<-done
				}
			})
		}
	})
	t.Cleanup(func() { close(done); l.Close(); wg.Wait() })
	return l.Addr().String()
}

// TestSlowPeers covers FET-02 and FET-03: one deadline covers handshake, headers and body.
func TestSlowPeers(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"no TLS reply":    "https://" + raw(t, "", true),
		"no answer":       "http://" + raw(t, "", true),
		"half a header":   "http://" + raw(t, "HTTP/1.1 200 OK\r\nX-A: ", true),
		"body stops":      "http://" + raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", true),
		"chunk never end": "http://" + raw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := local(t).Do(t.Context(), Request{URL: url, Timeout: 50 * time.Millisecond})
			if !errors.Is(err, context.DeadlineExceeded) || !IsTimeout(err) || !IsTemporary(err) {
				t.Fatalf("%v", err)
			}
		})
	}
}

func TestBrokenPeers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"short body":      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
		"huge headers":    "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 100) + "\r\n",
		"not http":        "SSH-2.0-OpenSSH_9.9\r\n",
		"two lengths":     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"negative length": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab",
		"broken gzip":     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := local(t).Do(t.Context(), Request{URL: "http://" + raw(t, answer, false)}); err == nil {
				t.Fatal("accepted")
			}
		})
	}
}

// TestPerHost: a host that answers nothing holds a fixed number of requests, others are not touched (SSRF-06).
func TestPerHost(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, perHost*2), make(chan struct{})
	slow := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	honest := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := local(t)
	var wg sync.WaitGroup
	for range perHost {
		wg.Go(func() { _, _ = c.Do(t.Context(), Request{URL: slow.URL}) })
	}
	for range perHost {
		<-arrived
	}
	if _, err := c.Do(t.Context(), Request{URL: slow.URL, Timeout: 20 * time.Millisecond}); !errors.Is(err, context.DeadlineExceeded) || len(arrived) != 0 {
		t.Errorf("one more passed: %v", err)
	}
	if _, err := c.Do(t.Context(), Request{URL: honest.URL}); err != nil {
		t.Error(err)
	}
	close(release)
	wg.Wait()
	if len(c.gates.open) != 0 {
		t.Errorf("%d gates left behind", len(c.gates.open))
	}
}

// TestHeaderInjection covers SSRF-10: refused before anything is dialled.
func TestHeaderInjection(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	for _, r := range []Request{
		{URL: s.URL, Header: http.Header{"X-A": {"a\r\nX-B: b"}}},
		{URL: s.URL, Header: http.Header{"X-A\r\nX-B": {"b"}}},
		{URL: s.URL, Header: http.Header{"Host:": {"b"}}},
		{URL: s.URL, Method: "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"},
		{URL: s.URL, Method: "CONNECT"},
	} {
		if _, err := local(t).Do(t.Context(), r); !errors.Is(err, ErrHeader) {
			t.Errorf("%q %v: %v", r.Method, r.Header, err)
		}
	}
	for _, path := range []string{"/a b", "/a\r\nX: y", "/a%0d%0aX:y", "/é\n"} {
		if _, err := local(t).Do(t.Context(), Request{URL: s.URL + path}); !errors.Is(err, ErrURL) {
			t.Errorf("%q: %v", path, err)
		}
	}
}
