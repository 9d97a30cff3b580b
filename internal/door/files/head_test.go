package files_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/draw"
)

// headed is another server that writes down what it is asked.
type headed struct {
	*scene
	url  string
	mu   sync.Mutex
	said []string
}

func newHeaded(t *testing.T, mux *http.ServeMux) *headed {
	h := &headed{scene: newScene(t, dbtest.SQLite(t))}
	h.must(h.Settings.Set(h.Ctx(), "media_proxy", "pass"))
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.said = append(h.said, strings.TrimSpace(r.Method+" "+r.Header.Get("Range")))
		h.mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8") // nobody believes it (MED-05)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(far.Close)
	h.url = strings.Replace(far.URL, "127.0.0.1", "far.example", 1)
	return h
}

// head asks with HEAD for a file of the other server, and wants it to be asked so, and no more.
func (h *headed) head(path string, code int, length string, asked ...string) {
	h.t.Helper()
	h.mu.Lock()
	h.said = nil
	h.mu.Unlock()
	rec := h.ask(http.MethodHead, h.address(path), "Range", "bytes=5-9") // HEAD knows no parts
	if rec.Code != code || rec.Header().Get("Content-Length") != length || rec.Header().Get("Content-Range") != "" {
		h.t.Errorf("HEAD %s: %d, %v, want %d and a length of %q", path, rec.Code, rec.Header(), code, length)
	}
	if code == http.StatusOK && (rec.Body.Len() != 0 || rec.Header().Get("Content-Type") != "image/png" || !strings.Contains(rec.Header().Get("Content-Security-Policy"), "sandbox")) {
		h.t.Errorf("HEAD %s: %d bytes, %v", path, rec.Body.Len(), rec.Header())
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.said, asked) {
		h.t.Errorf("for HEAD %s the other server was asked %q, want %q", path, h.said, asked)
	}
}

func (h *headed) address(path string) string {
	return h.Media.Addresses.Of(media.Headers, h.url+path, false)
}

const beginning = "GET bytes=0-4095"

// TestHeadOfPassing: who asks with HEAD for a file that is passed through is told its type and length, and none of it comes but for the beginning
// of one that was never seen.
func TestHeadOfPassing(t *testing.T) {
	t.Parallel()
	body := draw.PNG(draw.Noise(300, 200, 1))
	length, refuses := strconv.Itoa(len(body)), http.StatusMethodNotAllowed
	file := func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/seen", file)
	mux.HandleFunc("/new", file)
	mux.HandleFunc("GET /headless", file)
	mux.HandleFunc("HEAD /headless", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(refuses) })
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html><script>alert(1)</script>") })
	h := newHeaded(t, mux)
	h.head("/new", 200, length, beginning)
	h.head("/new", 200, length, "HEAD")
	h.want(h.address("/seen"), 200)
	h.head("/seen", 200, length, "HEAD")
	h.want(h.address("/headless"), 200)
	for _, refuses = range []int{http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented} {
		h.head("/headless", 200, length, "HEAD", beginning)
	}
	refuses = http.StatusGone
	h.head("/headless", 404, "", "HEAD")
	h.head("/page", 404, "", beginning)
	h.head("/missing", 404, "", beginning)
}

// TestHeadOfWhatNeverEnds: of a server that does not know parts no more is read than the beginning.
func TestHeadOfWhatNeverEnds(t *testing.T) {
	t.Parallel()
	whole := append(draw.PNG(draw.Quarters(10, 10)), make([]byte, 1<<20)...)
	endless := func(length string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			for r.Method == http.MethodGet {
				if _, err := w.Write(whole); err != nil {
					return // the reader is gone
				}
			}
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/endless", endless(""))
	mux.HandleFunc("/fits", endless("8000000"))
	mux.HandleFunc("/large", endless("9000000000"))
	h := newHeaded(t, mux)
	for _, asked := range []string{beginning, "HEAD"} {
		h.head("/endless", 200, "", asked)
		h.head("/fits", 200, "8000000", asked)
		h.head("/large", 404, "", asked)
	}
}
