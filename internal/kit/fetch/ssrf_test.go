package fetch

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
)

// special holds one address of every row of the IANA special-purpose registries that is not globally reachable, and of multicast, NAT64 and 6to4.
var special = []string{
	"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254", "172.16.0.1",
	"172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
	"203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1",
	"2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd00::1", "fe80::1", "fec0::1", "ff02::1",
}

// TestGuardTable covers SSRF-01 to SSRF-03 row by row.
func TestGuardTable(t *testing.T) {
	t.Parallel()
	g := newGuard(nil)
	for _, s := range special {
		if err := g.check(netip.MustParseAddr(s), false); !errors.Is(err, ErrPrivate) {
			t.Errorf("%s passes: %v", s, err)
		}
	}
	for _, s := range []string{"1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::1"} {
		if err := g.check(netip.MustParseAddr(s), false); err != nil {
			t.Errorf("%s refused: %v", s, err)
		}
	}
}

func TestGuardExceptions(t *testing.T) {
	t.Parallel()
	g := newGuard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")})
	for s, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "fd00:1::5": true, "fd00:2::5": false, "127.0.0.1": false, "1.1.1.1": true,
	} {
		if got := g.check(netip.MustParseAddr(s), false) == nil; got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
	if err := g.check(netip.MustParseAddr("1.1.1.1"), true); !errors.Is(err, ErrURL) {
		t.Errorf("plain http to a public address: %v", err)
	}
}

// counted is a listener on loopback that counts connections.
func counted(t *testing.T) (port string, hits *atomic.Int32) {
	t.Helper()
	hits = &atomic.Int32{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			hits.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port(), hits
}

// TestPrivateTargets covers SSRF-01, SSRF-02 and SSRF-07: names, literals and odd spellings of this machine see no connection.
func TestPrivateTargets(t *testing.T) {
	t.Parallel()
	port, hits := counted(t)
	c := client(t, Options{AllowHTTP: true})
	for _, host := range []string{
		"127.0.0.1", "localhost", "LOCALHOST.", "127.1", "0177.0.0.1", "2130706433", "0x7f000001", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
		"[64:ff9b::7f00:1]", "[2002:7f00:1::]", "127.0.0.2",
	} {
		for _, scheme := range []string{"http", "https"} {
			_, err := c.Do(t.Context(), Request{URL: scheme + "://" + host + ":" + port + "/x"})
			if !errors.Is(err, ErrPrivate) && !errors.Is(err, ErrURL) || IsTemporary(err) {
				t.Errorf("%s: %v", host, err)
			}
		}
	}
	for _, u := range []string{"data:application/json,{}", "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:70/_x", "http://127.0.0.1@localhost:" + port + "/"} {
		if _, err := c.Do(t.Context(), Request{URL: u}); !errors.Is(err, ErrURL) {
			t.Errorf("%s: %v", u, err)
		}
	}
	if hits.Load() != 0 {
		t.Fatalf("%d connections", hits.Load())
	}
}

// TestRebinding covers SSRF-04: the address that is dialled is the one that is checked, however often the name changes its mind.
func TestRebinding(t *testing.T) {
	t.Parallel()
	port, hits := counted(t)
	var turn atomic.Int32
	answers := [][]string{{"0.0.0.0"}, {"127.0.0.1"}, {"::1"}, {"::ffff:127.0.0.1"}, {"169.254.169.254", "127.0.0.1"}, {"64:ff9b::7f00:1", "10.0.0.1", "127.0.0.1", "::1", "127.0.0.1"}}
	c := client(t, Options{AllowHTTP: true, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		var ips []netip.Addr
		for _, s := range answers[int(turn.Add(1))%len(answers)] {
			ips = append(ips, netip.MustParseAddr(s))
		}
		return ips, nil
	}})
	for range 300 {
		if _, err := c.Do(t.Context(), Request{URL: "http://rebind.example:" + port + "/"}); !errors.Is(err, ErrPrivate) {
			t.Fatal(err)
		}
	}
	if hits.Load() != 0 {
		t.Fatalf("%d connections", hits.Load())
	}
}

// TestRedirectToPrivateName covers SSRF-05: a hop's name is resolved and checked like the first.
func TestRedirectToPrivateName(t *testing.T) {
	t.Parallel()
	port, hits := counted(t)
	front := httptest.NewServer(http.RedirectHandler("http://inside.example:"+port+"/", http.StatusPermanentRedirect))
	t.Cleanup(front.Close)
	u, err := url.Parse(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	// Only 127.0.0.1 is exempt, so the front is reached and 127.0.0.2 is not.
	c := client(t, Options{AllowHTTP: true, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "inside.example" {
			return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}})
	if _, err := c.Do(t.Context(), Request{URL: "http://front.example:" + u.Port() + "/"}); !errors.Is(err, ErrPrivate) {
		t.Fatal(err)
	}
	if hits.Load() != 0 {
		t.Fatalf("%d connections", hits.Load())
	}
}

// TestPlainHTTP: without AllowHTTP only exempt networks are asked over plain http.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	port, hits := counted(t)
	if _, err := client(t, Options{}).Do(t.Context(), Request{URL: "http://example.com/"}); !errors.Is(err, ErrURL) {
		t.Error(err)
	}
	other := client(t, Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if _, err := other.Do(t.Context(), Request{URL: "http://127.0.0.1:" + port}); !errors.Is(err, ErrURL) || hits.Load() != 0 {
		t.Error(err, hits.Load())
	}
	if _, err := client(t, Options{AllowPrivate: loopback}).Do(t.Context(), Request{URL: "http://127.0.0.1:" + port}); err != nil || hits.Load() != 1 {
		t.Error(err, hits.Load())
	}
}

// TestServicePorts covers SSRF-06: ports of well-known other services are not asked, even of exempt networks.
func TestServicePorts(t *testing.T) {
	t.Parallel()
	for _, port := range []string{"21", "22", "25", "53", "143", "389", "445", "587", "5432", "6379", "11211", "27017"} {
		if _, err := local(t).Do(t.Context(), Request{URL: "http://127.0.0.1:" + port + "/"}); !errors.Is(err, ErrURL) {
			t.Errorf("port %s: %v", port, err)
		}
	}
}
