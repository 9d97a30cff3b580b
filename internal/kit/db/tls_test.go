package db_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/services"
)

// A link over a public network needs no tunnel: the server proves who it is, and so does the client, as the address asks (requirement E18).
func TestPostgresOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, other := services.NewAuthority(t, dir, "ca"), services.NewAuthority(t, dir, "other")
	ca.Issue(t, "server", "127.0.0.1")
	ca.Issue(t, "elsewhere", "db.example")
	ca.Issue(t, "gomph", "") // a client's certificate carries the user's name
	other.Issue(t, "stranger", "")
	file := func(name string) string { return filepath.Join(dir, name+".pem") }
	start := func(method, certificate string) *services.Own {
		return services.OwnPostgres(t, "hostssl all all 127.0.0.1/32 "+method+"\n", func(to string) []string {
			for _, name := range []string{certificate, certificate + ".key", "ca"} {
				text, err := os.ReadFile(file(name))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(to, name+".pem"), text, 0o600); err != nil {
					t.Fatal(err)
				}
				services.Hand(t, filepath.Join(to, name+".pem"))
			}
			return []string{
				"ssl=on", "ssl_cert_file=" + filepath.Join(to, certificate+".pem"), "ssl_key_file=" + filepath.Join(to, certificate+".key.pem"),
				"ssl_ca_file=" + filepath.Join(to, "ca.pem"),
			}
		})
	}
	trusting, elsewhere, asking := start("trust", "server"), start("trust", "elsewhere"), start("cert", "server")
	for _, tc := range []struct {
		name   string
		server *services.Own
		params []string
		ok     bool
	}{
		{"no TLS where it is asked for", trusting, []string{"sslmode", "disable"}, false},
		{"encrypted, whoever it is", trusting, []string{"sslmode", "require"}, true},
		{"the right authority", trusting, []string{"sslmode", "verify-ca", "sslrootcert", file("ca")}, true},
		{"another authority", trusting, []string{"sslmode", "verify-ca", "sslrootcert", file("other")}, false},
		{"the right name", trusting, []string{"sslmode", "verify-full", "sslrootcert", file("ca")}, true},
		{"an authority that the system does not know", trusting, []string{"sslmode", "verify-full"}, false},
		{"another name, not asked for", elsewhere, []string{"sslmode", "verify-ca", "sslrootcert", file("ca")}, true},
		{"another name", elsewhere, []string{"sslmode", "verify-full", "sslrootcert", file("ca")}, false},
		{"a client that shows its certificate", asking, []string{"sslmode", "verify-full", "sslrootcert", file("ca"), "sslcert", file("gomph"), "sslkey", file("gomph.key")}, true},
		{"a client that has none", asking, []string{"sslmode", "verify-full", "sslrootcert", file("ca")}, false},
		{"a stranger's certificate", asking, []string{"sslmode", "verify-full", "sslrootcert", file("ca"), "sslcert", file("stranger"), "sslkey", file("stranger.key")}, false},
	} {
		q := url.Values{}
		for i := 0; i < len(tc.params); i += 2 {
			q.Set(tc.params[i], tc.params[i+1])
		}
		d, err := db.Open(t.Context(), db.Options{URL: fmt.Sprintf("postgres://gomph@127.0.0.1:%d/postgres?%s", tc.server.Port, q.Encode()), Pool: 2})
		if (err == nil) != tc.ok {
			t.Errorf("%s: opened %v, wanted %v: %v", tc.name, err == nil, tc.ok, err)
		}
		if err != nil {
			continue
		}
		encrypted, err := db.Value[bool](t.Context(), d, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
		if err != nil || !encrypted {
			t.Errorf("%s: encrypted %v, %v", tc.name, encrypted, err)
		}
		d.Close()
	}
}
