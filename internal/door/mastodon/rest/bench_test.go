package rest_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// BenchmarkHome is a home timeline of 20 posts by several people, as a server that runs for a while answers it.
func BenchmarkHome(b *testing.B) {
	d := openWith(b, dbtest.SQLite(b))
	ann := d.person("ann")
	for i := range 40 {
		by := d.Account(fmt.Sprintf("friend%d", i%10+i/10*100))
		d.Follow(ann.Account, by)
		d.Post(by, fmt.Sprintf("Post %d with some words in it, a #tag%d, and https://example.com/a/link", i, i))
	}
	mux := chi.NewRouter()
	api.Mount(mux, d.routes, api.Deps{Auth: d, Log: slog.New(slog.DiscardHandler)})
	req := httptest.NewRequest(http.MethodGet, "/api/v1/timelines/home", nil)
	req.Header.Set("Authorization", "Bearer "+ann.bearer)
	b.ReportAllocs()
	for b.Loop() {
		mux.ServeHTTP(discard{http.Header{}, io.Discard}, req)
	}
}

type discard struct {
	h http.Header
	io.Writer
}

func (d discard) Header() http.Header { return d.h }
func (d discard) WriteHeader(code int) {
	if code != http.StatusOK {
		panic(code)
	}
}
