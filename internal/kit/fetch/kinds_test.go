package fetch_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/fetch"
)

// Each way to fail has its name.
func TestKinds(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			<-r.Context().Done()
		case "/break":
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = c.Close()
			}
		default:
			status := 0
			for _, digit := range strings.TrimPrefix(r.URL.Path, "/") {
				status = status*10 + int(digit-'0')
			}
			w.WriteHeader(status)
		}
	}))
	t.Cleanup(web.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := "http://" + closed.Addr().String()
	_ = closed.Close()
	c := fetch.New(fetch.Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowHTTP: true,
		Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such name") }})
	t.Cleanup(c.Close)
	for url, want := range map[string]struct {
		kind fetch.Kind
		down bool
	}{
		web.URL + "/200": {"", false}, web.URL + "/401": {fetch.KindDenied, false}, web.URL + "/403": {fetch.KindDenied, false}, web.URL + "/404": {fetch.KindGone, false},
		web.URL + "/410": {fetch.KindGone, false}, web.URL + "/422": {fetch.KindClient, false}, web.URL + "/429": {fetch.KindLimited, false},
		web.URL + "/500": {fetch.KindServer, false}, web.URL + "/502": {fetch.KindGateway, true}, web.URL + "/503": {fetch.KindGateway, true},
		web.URL + "/hang": {fetch.KindTimeout, true}, web.URL + "/break": {fetch.KindNetwork, true}, secure.URL: {fetch.KindTLS, true}, refusing: {fetch.KindRefused, true},
		"https://nowhere.example/": {fetch.KindDNS, true}, "https://192.168.0.1/": {fetch.KindAddress, false}, "ftp://far.example/": {fetch.KindAddress, false},
	} {
		limit := time.Minute
		if strings.HasSuffix(url, "/hang") {
			limit = 100 * time.Millisecond
		}
		_, err := c.Do(t.Context(), fetch.Request{URL: url, Timeout: limit, Insist: true})
		if got := fetch.KindOf(err); got != want.kind || got.Down() != want.down {
			t.Errorf("%s: %q (down: %v), not %q: %v", url, got, got.Down(), want.kind, err)
		}
	}
}

// A host that does not answer three times in a row is not asked for a minute, unless the caller insists; then one request is let
// through, and an answer makes all well.
func TestHostsRest(t *testing.T) {
	t.Parallel()
	var asked, status atomic.Int64
	status.Store(http.StatusBadGateway)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(int(status.Load()))
	}))
	t.Cleanup(web.Close)
	now := clock.NewFake(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	c := fetch.New(fetch.Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowHTTP: true, Clock: now})
	t.Cleanup(c.Close)
	ask := func(insist bool) error {
		_, err := c.Do(t.Context(), fetch.Request{URL: web.URL, Insist: insist})
		return err
	}
	for range 10 {
		if err := ask(false); !fetch.IsTemporary(err) {
			t.Fatal(err)
		}
	}
	if asked.Load() != 3 || !errors.Is(ask(false), fetch.ErrResting) {
		t.Fatalf("asked %d times", asked.Load())
	}
	if err := ask(true); errors.Is(err, fetch.ErrResting) || asked.Load() != 4 {
		t.Errorf("who insists gets %v", err)
	}
	now.Advance(time.Minute)
	status.Store(http.StatusOK)
	for range 3 {
		if err := ask(false); err != nil {
			t.Error(err)
		}
	}
}
