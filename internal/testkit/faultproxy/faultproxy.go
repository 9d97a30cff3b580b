// Package faultproxy owns lines between a test and a server on this machine that can be broken, as networks break.
package faultproxy

import (
	"fmt"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Line is a connection to a server that a test can break. Only one goroutine may break and mend it.
type Line struct {
	// Address is the host:port that leads to the server.
	Address string
	t       testing.TB
	proxy   *toxiproxy.Proxy
	faults  []string // what Swallow and CutAfter added
}

// Through puts a line before a server, named by its host:port.
func Through(t testing.TB, server string) *Line {
	t.Helper()
	proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop()), "line", "127.0.0.1:0", server)
	if err := proxy.Start(); err != nil {
		t.Fatalf("starting a line to %s: %v", server, err)
	}
	t.Cleanup(proxy.Stop)
	return &Line{Address: proxy.Listen, t: t, proxy: proxy}
}

// Cut ends every connection, and lets no new one in, until Mend.
func (l *Line) Cut() { l.proxy.Stop() }

// Swallow lets connections stand and new ones in, and carries nothing any more, until Mend.
func (l *Line) Swallow() {
	l.t.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		l.add(stream, "timeout", `{"timeout": 0}`)
	}
}

// CutAfter ends each connection after so many bytes came from the server on it, until Mend.
func (l *Line) CutAfter(bytes int64) {
	l.t.Helper()
	l.add("downstream", "limit_data", fmt.Sprintf(`{"bytes": %d}`, bytes))
}

func (l *Line) add(stream, kind, attributes string) {
	l.t.Helper()
	name := stream + kind
	toxic := fmt.Sprintf(`{"name": %q, "type": %q, "stream": %q, "attributes": %s}`, name, kind, stream, attributes)
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		l.t.Fatalf("breaking a line: %v", err)
	}
	l.faults = append(l.faults, name)
}

// Mend makes a line whole again. What stood on it is ended, as after a fault that took long.
func (l *Line) Mend() {
	l.t.Helper()
	l.proxy.Stop()
	for _, name := range l.faults {
		if err := l.proxy.Toxics.RemoveToxic(l.t.Context(), name); err != nil {
			l.t.Fatalf("mending a line: %v", err)
		}
	}
	l.faults = nil
	if err := l.proxy.Start(); err != nil {
		l.t.Fatalf("mending a line: %v", err)
	}
}
