package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/config"
)

const (
	// headerLimit ends connections that never finish their request's head (INB-05).
	headerLimit = 10 * time.Second
	// bodyLimit bounds the time a request's body may take; uploads over slow lines fit.
	bodyLimit = 2 * time.Minute
	// idleLimit ends connections that ask nothing.
	idleLimit = 90 * time.Second
	// maxHeader bounds a request's head.
	maxHeader = 64 << 10
	// drainLimit is how long a stopping server lets requests finish.
	drainLimit = 20 * time.Second
)

// serve answers on the configured address until ctx ends, then stops accepting and lets running requests finish.
func (b *base) serve(ctx context.Context, h http.Handler, drain func(context.Context)) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", b.Config.Address())
	if err != nil {
		return fmt.Errorf("listening on %s: %w", b.Config.Address(), err)
	}
	srv := &http.Server{
		Handler: framed(h), ReadHeaderTimeout: headerLimit, ReadTimeout: bodyLimit, IdleTimeout: idleLimit, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		TLSConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
	}
	failed := make(chan error, 1)
	go func() {
		if b.Config.TLSCert != "" {
			failed <- srv.ServeTLS(ln, b.Config.TLSCert, b.Config.TLSKey)
			return
		}
		failed <- srv.Serve(ln)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if drain != nil {
			drain(own)
		}
	}()
	err = srv.Shutdown(own)
	<-stopped
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	return err
}

// framed ends the connection after a request of HTTP/1 whose body came in chunks. If a length was given besides, it is gone by now, and a proxy
// may have believed it: what follows could be a request that nobody sent (RFC 9112, section 6.3; INB-08).
func framed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// serveMetrics answers /metrics on an address of its own until ctx ends.
func (b *base) serveMetrics(ctx context.Context) error {
	if b.Config.MetricsBind == "" {
		<-ctx.Done()
		return nil
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", b.Config.MetricsBind)
	if err != nil {
		return fmt.Errorf("listening for metrics on %s: %w", b.Config.MetricsBind, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", b.Metrics.Handler())
	mux.HandleFunc("GET /health", health)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: headerLimit}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving metrics: %w", err)
	case <-ctx.Done():
		return srv.Close()
	}
}

func health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("OK"))
}

// ready reports whether the process can work: database, its schema, Redis.
func (b *base) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	var problems []string
	if err := b.DB.Ping(ctx); err != nil {
		problems = append(problems, "database")
	} else if err := b.schemaReady(ctx); err != nil {
		problems = append(problems, "migrations")
	}
	for _, c := range b.redis {
		if err := c.Ping(ctx); err != nil {
			problems = append(problems, "redis")
			break
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if len(problems) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("not ready: " + strings.Join(problems, ", ")))
		return
	}
	if held, err := b.held(ctx); err == nil && held {
		_, _ = w.Write([]byte("OK, but federation is held back. Run: " + Confirm))
		return
	}
	_, _ = w.Write([]byte("OK"))
}

// privateNetworks are believed as proxies when no others are named, as in Mastodon.
var privateNetworks = []string{"127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}

// clientAddr finds where a request came from: the last address in X-Forwarded-For that is no trusted proxy, when the
// connection itself comes from one (G6, RAT-01).
func clientAddr(c *config.Config) (func(*http.Request) netip.Addr, error) {
	list := c.TrustedProxies
	if len(list) == 0 {
		list = privateNetworks
	}
	trusted, err := config.Prefixes(list)
	if err != nil {
		return nil, err
	}
	is := func(a netip.Addr) bool {
		for _, p := range trusted {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}
	return func(r *http.Request) netip.Addr {
		ap, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			return netip.Addr{}
		}
		addr := ap.Addr().Unmap()
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; i >= 0 && is(addr); i-- {
			hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
			if err != nil {
				break
			}
			addr = hop.Unmap()
		}
		return addr
	}, nil
}
