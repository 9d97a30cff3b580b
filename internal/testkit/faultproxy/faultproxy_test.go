package faultproxy_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/testkit/faultproxy"
)

// get reads a page over a connection of its own.
func get(ctx context.Context, address string) (string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

func TestLine(t *testing.T) {
	t.Parallel()
	page := strings.Repeat("x", 64<<10)
	arrived := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		_, _ = io.WriteString(w, page)
	}))
	t.Cleanup(server.Close)
	line := faultproxy.Through(t, strings.TrimPrefix(server.URL, "http://"))
	whole := func() {
		t.Helper()
		if got, err := get(t.Context(), line.Address); err != nil || got != page {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		<-arrived
	}
	whole()
	line.Cut()
	if _, err := get(t.Context(), line.Address); err == nil {
		t.Error("got a page over a line that was cut")
	}
	line.Mend()
	whole()
	line.CutAfter(1000)
	if got, err := get(t.Context(), line.Address); err == nil || len(got) > 1000 {
		t.Errorf("%d bytes, %v, over a line that is cut after 1000", len(got), err)
	}
	<-arrived
	line.Mend()
	whole()
	line.Swallow()
	failed := make(chan error)
	go func() {
		_, err := get(t.Context(), line.Address)
		failed <- err
	}()
	line.Mend() // whenever that is: the request either failed by it or came after it
	<-failed
	whole()
}
