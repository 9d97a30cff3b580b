package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

const (
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	headerTimeout    = 10 * time.Second
	idleTimeout      = 30 * time.Second
	// idlePerHost keeps a busy peer's connections warm; idleTotal bounds descriptors when thousands of hosts are written to.
	idlePerHost = 4
	idleTotal   = 512
	// maxHeaderBytes bounds an answer's headers; real ones stay under 8 KiB.
	maxHeaderBytes = 64 << 10
	// maxAddresses is how many addresses of one name are tried.
	maxAddresses = 4
)

// servicePorts are ports above 1023 where something other than HTTP listens that a request could command. Below 1024 only 80 and 443 are asked.
var servicePorts = map[uint64]bool{
	1433: true, 1521: true, 2049: true, 2375: true, 2379: true, 3306: true, 3389: true, 4369: true, 5432: true, 5433: true, 5672: true, 5900: true,
	6000: true, 6379: true, 6432: true, 6665: true, 6666: true, 6667: true, 6668: true, 6669: true, 6697: true, 9042: true, 9092: true, 11211: true, 27017: true,
}

func portAllowed(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return false
	}
	if n < 1024 {
		return n == 80 || n == 443
	}
	return !servicePorts[n]
}

// guard decides which addresses may be dialled. It runs after name resolution, on the very address that is connected to.
type guard struct {
	private  []netip.Prefix
	guardian *ssrf.Guardian
}

func newGuard(private []netip.Prefix) *guard {
	var v4, v6 []netip.Prefix
	for _, p := range private {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return &guard{
		private:  private,
		guardian: ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...)),
	}
}

// check refuses an address; with onlyPrivate nothing but the exempt networks passes.
func (g *guard) check(ip netip.Addr, onlyPrivate bool) error {
	ip = ip.Unmap()
	if onlyPrivate {
		for _, p := range g.private {
			if p.Contains(ip) {
				return nil
			}
		}
		return fmt.Errorf("%w: plain http", ErrURL)
	}
	if g.guardian.SafeAddr(ip) != nil {
		return ErrPrivate
	}
	return nil
}

// control is the hook of net.Dialer that sees the socket's address just before it connects.
func (g *guard) control(onlyPrivate bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return ErrPrivate
		}
		return g.check(at.Addr(), onlyPrivate)
	}
}

// transport makes the connections of one scheme. Proxies of the environment are not used: behind one, nobody could check the address.
func (o Options) transport(g *guard, onlyPrivate bool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: idleTimeout, Control: g.control(onlyPrivate)}
	dial := dialer.DialContext
	if o.Lookup != nil {
		dial = lookupDial(dialer, o.Lookup)
	}
	return &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    handshakeTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           idleTotal,
		MaxIdleConnsPerHost:    idlePerHost,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ForceAttemptHTTP2:      true,
	}
}

// lookupDial resolves with lookup instead of the system and dials what it says, in order.
func lookupDial(dialer *net.Dialer, lookup func(context.Context, string) ([]netip.Addr, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		ips := []netip.Addr{}
		if ip, err := netip.ParseAddr(host); err == nil {
			ips = append(ips, ip)
		} else if ips, err = lookup(ctx, host); err != nil {
			return nil, fmt.Errorf("%w: %w", errLookup, err)
		}
		var failures error
		for _, ip := range ips[:min(len(ips), maxAddresses)] {
			conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(ip.Unmap().String(), port))
			if err == nil {
				return conn, nil
			}
			failures = errors.Join(failures, err)
		}
		if failures == nil {
			failures = fmt.Errorf("%w: no address", errLookup)
		}
		return nil, failures
	}
}
