package site_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/statuses"
)

// preview does what follows from posts with links.
func (w *world) preview() {
	w.T.Helper()
	for _, e := range w.Events() {
		if l, ok := e.(statuses.LinkPosted); ok {
			w.ok(w.Links.Preview(w.Ctx(), l))
		}
	}
}

// TestPreviewsOnPages: a post shows the preview of its link, as text (PRE-01).
func TestPreviewsOnPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.Account("ann")
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		_, _ = rw.Write([]byte(`<title>&lt;script&gt;tusks</title><meta name=description content="four of them">`))
	}))
	defer web.Close()
	at := strings.Replace(web.URL, "127.0.0.1", "news.com", 1) + "/tusks?a=1&b=2"
	st := w.Post(ann, at)
	w.preview()
	for _, path := range []string{fmt.Sprintf("/@ann/%d", st.ID), "/@ann", "/"} {
		shown := w.browser().get(path, 200)
		has(t, shown, `<strong dir="auto">&lt;script&gt;tusks</strong>`, "four of them", strings.ReplaceAll(at, "&", "&amp;"), "news.com:")
		lacks(t, shown, "<script>tusks")
	}
}
