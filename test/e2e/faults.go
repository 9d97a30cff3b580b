package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Line is a connection between two processes that a test can break.
type Line struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
}

// Through puts a line before the server that an address names, and returns the address of the line.
func Through(t testing.TB, address string) (*Line, string) {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "line", "127.0.0.1:0", parsed.Host)
	if err := proxy.Start(); err != nil {
		t.Fatalf("starting a line to %s: %v", parsed.Host, err)
	}
	t.Cleanup(proxy.Stop)
	parsed.Host = proxy.Listen // the port that it got, also for the next start
	return &Line{t, proxy}, parsed.String()
}

// Cut ends every connection, and lets no new one in.
func (l *Line) Cut() { l.proxy.Stop() }

// Mend makes a line that was cut whole again.
func (l *Line) Mend() {
	l.t.Helper()
	if err := l.proxy.Start(); err != nil {
		l.t.Fatalf("mending a line: %v", err)
	}
}

// Swallow lets connections stand and new ones in, and carries nothing any more, until Carry.
func (l *Line) Swallow() {
	l.t.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name": %q, "type": "timeout", "stream": %q, "attributes": {"timeout": 0}}`, stream, stream)
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			l.t.Fatalf("breaking a line: %v", err)
		}
	}
}

// Carry ends Swallow. What stood is ended, as after a fault in a network that took long.
func (l *Line) Carry() {
	l.t.Helper()
	l.proxy.Stop()
	for _, stream := range []string{"upstream", "downstream"} {
		if err := l.proxy.Toxics.RemoveToxic(l.t.Context(), stream); err != nil {
			l.t.Fatalf("mending a line: %v", err)
		}
	}
	l.Mend()
}
