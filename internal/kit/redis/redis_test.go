package redis_test

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomph/gomph/internal/kit/redis"
	"github.com/gomph/gomph/internal/kit/redis/redistest"
	"github.com/gomph/gomph/internal/testkit/services"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpenForms(t *testing.T) {
	t.Parallel()
	sock := filepath.Join(t.TempDir(), "r.sock")
	s := redistest.Start(t, "--unixsocket", sock, "--user", "ann", "on", ">p%40ss", "~*", "+@all", "--requirepass", "word")
	host := "127.0.0.1:" + strconv.Itoa(s.Port)
	for _, address := range []string{
		"redis://:word@" + host,
		"redis://default:word@" + host + "/",
		"redis://:word@" + host + "/3",
		"redis://:word@" + host + "?db=3",
		"redis://ann:p%2540ss@" + host,
		"unix://:word@" + sock,
		"unix://:word@" + sock + "?db=2",
	} {
		c, err := redis.Open(t.Context(), address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		c.Close()
	}
}

func TestDatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	open := func(suffix string) *redis.Client {
		c, err := redis.Open(t.Context(), s.URL+suffix)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	zero, three := open(""), open("/3")
	if err := zero.Do(t.Context(), zero.B().Set().Key("k").Value("v").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if n, _ := three.Do(t.Context(), three.B().Exists().Key("k").Build()).AsInt64(); n != 0 {
		t.Error("database 3 sees a key of database 0")
	}
}

func TestErrorsNameTheHostAndKeepThePassword(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--requirepass", "right")
	host := "127.0.0.1:" + strconv.Itoa(s.Port)
	for address, want := range map[string]string{
		"redis://:hunter2@" + host:                      host,
		"redis://127.0.0.1:1/?db=hunter2":               "database",
		"redis://:hunter2@127.0.0.1:1":                  "127.0.0.1:1",
		"redis://:hunter2@127.0.0.1:99999":              "port",
		"redis://:hunter2%zz@127.0.0.1":                 "percent-encoded",
		"http://:hunter2@127.0.0.1":                     "scheme",
		"redis://:hunter2@127.0.0.1/x":                  "database",
		"redis://:hunter2@127.0.0.1?skip_verify=1":      "skip_verify",
		"rediss://:hunter2@127.0.0.1?ca=/nowhere":       "authorities",
		"rediss://:hunter2@127.0.0.1?cert=/nowhere":     "both",
		"rediss://:hunter2@127.0.0.1?cert=/no&key=/no":  "client certificate",
		"unix://:hunter2@":                              "socket",
		"":                                              "scheme",
		"rediss://:hunter2@127.0.0.1:1?ssl_verify=none": "ssl_verify",
	} {
		c, err := redis.Open(t.Context(), address)
		if err == nil {
			c.Close()
			t.Errorf("%s opened", address)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestOpenStopsWithItsContext(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, never answers
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := redis.Open(ctx, "redis://"+l.Addr().String()); err == nil {
		t.Error("opened on a mute server")
	}
	for range 2 { // end what was dialled, so that nothing outlives the test
		if tl := l.(*net.TCPListener); tl.SetDeadline(time.Now().Add(time.Second)) == nil {
			if conn, err := l.Accept(); err == nil {
				conn.Close()
			}
		}
	}
	l.Close()
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := services.NewAuthority(t, dir, "ca")
	ca.Issue(t, "server", "127.0.0.1")
	ca.Issue(t, "client", "")
	other := services.NewAuthority(t, dir, "other")
	other.Issue(t, "stranger", "")
	file := func(n string) string { return filepath.Join(dir, n+".pem") }
	tlsPort := freePort(t)
	redistest.Start(t, "--tls-port", tlsPort, "--tls-cert-file", file("server"), "--tls-key-file", file("server.key"),
		"--tls-ca-cert-file", file("ca"), "--tls-auth-clients", "yes")
	base := "rediss://127.0.0.1:" + tlsPort
	with := func(kv ...string) string {
		q := url.Values{}
		for i := 0; i < len(kv); i += 2 {
			q.Set(kv[i], kv[i+1])
		}
		return base + "?" + q.Encode()
	}
	for _, tc := range []struct {
		name, address string
		ok            bool
	}{
		{"right", with("ca", file("ca"), "cert", file("client"), "key", file("client.key")), true},
		{"unknown authority", with("ca", file("other"), "cert", file("client"), "key", file("client.key")), false},
		{"system authorities", with("cert", file("client"), "key", file("client.key")), false},
		{"wrong name", with("ca", file("ca"), "cert", file("client"), "key", file("client.key"), "server_name", "example.org"), false},
		{"no client certificate", with("ca", file("ca")), false},
		{"a stranger's certificate", with("ca", file("ca"), "cert", file("stranger"), "key", file("stranger.key")), false},
	} {
		c, err := redis.Open(t.Context(), tc.address)
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.name, err)
		}
		if err == nil {
			c.Close()
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
