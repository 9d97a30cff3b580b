package config_test

import (
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gomph/gomph/internal/kit/config"
)

func file(t *testing.T, text string) (map[string]string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env.production")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.ReadFile(path)
}

// What setup writes is read again as it was, and a setting that is there with nothing in it is nothing, not its default.
func TestLinesAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"", "plain", "https://x.example/a?b=c&d", `two "words"`, "it's $5", `back\slash\n`, "two\nlines", "a #b", " space "} {
		got, err := file(t, config.Line("A", v))
		if err != nil || got["A"] != v {
			t.Errorf("%q is %q in a file, and then %q, %v", v, config.Line("A", v), got["A"], err)
		}
	}
	c, err := config.Read(map[string]string{"S3_ENABLED": "true", "S3_BUCKET": "b", "AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "s", "S3_PERMISSION": "", "PORT": "4001", "TRUSTED_PROXY_IP": "10.0.0.0/8,::1"})
	if err != nil || c.S3Permission != "" || c.Port != 4001 || !slices.Equal(c.TrustedProxies, []string{"10.0.0.0/8", "::1"}) || c.Data != "./data" || c.WebDomain != "localhost:4001" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, wrong := range []map[string]string{{"PORT": "many"}, {"S3_ENABLED": "true"}, {"LOCAL_DOMAIN": "x/y"}} {
		if c, err := config.Read(wrong); err == nil {
			t.Errorf("%v is %+v", wrong, c)
		}
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	got, err := file(t, strings.Join([]string{
		"# a comment", "", "  # another", "LOCAL_DOMAIN=social.example", "export WEB_DOMAIN=web.example", "  PORT = 3000  ", "EMPTY=",
		`DOUBLE="two words # no comment"`, `SINGLE='it costs $5 \n "x"'`, `ESCAPED="a\"b\\c\nd\$e"`, "COMMENTED=value # why", "HASH=pass#word", "EQUALS=a=b==", `QUOTED_COMMENT="x" # why`,
		`HALF="x`, "WINDOWS=yes\r", `LITERAL="\\n"`, "LOCAL_DOMAIN=last.example",
	}, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"LOCAL_DOMAIN": "last.example", "WEB_DOMAIN": "web.example", "PORT": "3000", "EMPTY": "", "DOUBLE": "two words # no comment", "SINGLE": `it costs $5 \n "x"`,
		"ESCAPED": "a\"b\\c\nd$e", "COMMENTED": "value", "HASH": "pass#word", "EQUALS": "a=b==", "QUOTED_COMMENT": "x", "HALF": `"x`, "WINDOWS": "yes", "LITERAL": `\n`,
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s is %q, not %q", k, got[k], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("read %q", got)
	}
	if _, err := file(t, "A=1\n\nnonsense"); err == nil || !strings.Contains(err.Error(), ":3: expected NAME=value") {
		t.Errorf("nonsense gave %v", err)
	}
	if _, err := file(t, "=1"); err == nil {
		t.Error("a nameless setting was read")
	}
	if got, err := file(t, "KEY="+strings.Repeat("x", 100_000)); err != nil || len(got["KEY"]) != 100_000 {
		t.Errorf("a long value: %d, %v", len(got["KEY"]), err)
	}
	if got, err := file(t, "\ufeffA=1"); err != nil || got["A"] != "1" {
		t.Errorf("with a byte order mark: %q, %v", got, err)
	}
	if _, err := config.ReadFile(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "reading the settings file") {
		t.Errorf("no file gave %v", err)
	}
}

// with is a configuration as the command line makes it: defaults, then changes.
func with(change func(*config.Config)) *config.Config {
	c := &config.Config{DBPool: 30, Bind: "127.0.0.1", Data: "data", LogLevel: "warn"}
	change(c)
	return c
}

func TestWhatFollowsFromOtherSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		change    func(*config.Config)
		streaming bool
		want      string
	}{
		{"nothing", func(*config.Config) {}, false, "localhost:3000 localhost:3000 false 127.0.0.1:3000 notifications@localhost"},
		{"streaming", func(*config.Config) {}, true, "localhost:4000 localhost:4000 false 127.0.0.1:4000 notifications@localhost"},
		{"a domain", func(c *config.Config) { c.LocalDomain = "Social.Example" }, false, "social.example social.example true 127.0.0.1:3000 notifications@social.example"},
		{"two domains", func(c *config.Config) {
			c.LocalDomain, c.WebDomain, c.Bind, c.Port = "example.com", "Web.example.com", "::", 80
		}, false, "example.com web.example.com true [::]:80 notifications@example.com"},
		{"no https", func(c *config.Config) { c.LocalDomain, c.LocalHTTPS = "example.com", "false" }, false, "example.com example.com false 127.0.0.1:3000 notifications@example.com"},
	} {
		cfg := with(c.change)
		if err := cfg.Check(c.streaming); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		https := "false"
		if cfg.HTTPS() {
			https = "true"
		}
		if got := strings.Join([]string{cfg.LocalDomain, cfg.WebDomain, https, cfg.Address(), cfg.SMTPFrom}, " "); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
		if cfg.Postgres() || cfg.SQLitePath() != filepath.Join("data", "gomph.sqlite3") || cfg.RedisURL != "" || cfg.CacheRedisURL != "" {
			t.Errorf("%s: the defaults need other servers", c.name)
		}
	}
	c := with(func(c *config.Config) { c.RedisURL = "redis://a" })
	if err := c.Check(false); err != nil || c.CacheRedisURL != "redis://a" {
		t.Errorf("the cache is at %q, %v", c.CacheRedisURL, err)
	}
}

func TestWhatCannotWork(t *testing.T) {
	t.Parallel()
	for word, change := range map[string]func(*config.Config){
		"LOCAL_DOMAIN":   func(c *config.Config) { c.LocalDomain = "https://social.example" },
		"WEB_DOMAIN":     func(c *config.Config) { c.WebDomain = "social.example/" },
		"GOMPH_TLS_CERT": func(c *config.Config) { c.TLSCert = "x.pem" },
		"GOMPH_TLS_KEY":  func(c *config.Config) { c.TLSKey = "x.pem" },
		"DB_POOL":        func(c *config.Config) { c.DBPool = 1 },
		"1000":           func(c *config.Config) { c.DBPool = 1001 },
		"DATABASE_URL":   func(c *config.Config) { c.DatabaseURL = "mysql://x" },
		"10.0.0.0/99":    func(c *config.Config) { c.AllowedPrivate = []string{"10.0.0.0/8", "10.0.0.0/99"} },
		"proxy.example":  func(c *config.Config) { c.TrustedProxies = []string{"proxy.example"} },
	} {
		if err := with(change).Check(false); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	got, err := config.Prefixes([]string{" 10.0.0.0/8", "192.0.2.1", "", "::1", "fd00::/8"})
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fd00::/8")}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

const odd = `p@ss:w/o?r#d%41 é&=+`

func TestMastodonsWayToNameADatabase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change               func(*config.Config)
		host, user, pass, db string
		port                 uint16
	}{
		{func(c *config.Config) { c.DBName = "m" }, "localhost", "", "", "m", 5432},
		{func(c *config.Config) {
			c.DBName, c.DBHost, c.DBPort, c.DBUser, c.DBPass = "m", "db.example", "6432", "mast@don", odd
		}, "db.example", "mast@don", odd, "m", 6432},
		{func(c *config.Config) { c.DBName, c.DBHost, c.DBUser, c.DBPass = "m", "::1", "u", odd }, "::1", "u", odd, "m", 5432},
		{func(c *config.Config) { c.DBName, c.DBHost, c.DBUser, c.DBPass = "m", "/var/run/postgresql", "u", odd }, "/var/run/postgresql", "u", odd, "m", 5432},
		{func(c *config.Config) { c.DBName, c.DBHost, c.DBUser = "od/d?n#me", "h", "u" }, "h", "u", "", "od/d?n#me", 5432},
	} {
		cfg := with(c.change)
		if err := cfg.Check(false); err != nil {
			t.Fatal(err)
		}
		pg, err := pgx.ParseConfig(cfg.DatabaseURL + map[bool]string{true: "&", false: "?"}[strings.Contains(cfg.DatabaseURL, "?")] + "passfile=/none")
		if err != nil {
			t.Errorf("%s: %v", cfg.DatabaseURL, err)
			continue
		}
		if pg.Host != c.host || pg.Port != c.port || (c.user != "" && pg.User != c.user) || pg.Password != c.pass || pg.Database != c.db {
			t.Errorf("%s: %s %d %s %q %s", cfg.DatabaseURL, pg.Host, pg.Port, pg.User, pg.Password, pg.Database)
		}
	}
	cfg := with(func(c *config.Config) {
		c.DBName, c.DBSSLMode, c.DatabaseURL = "m", "verify-full", "postgres://other/x"
	})
	if err := cfg.Check(false); err != nil || cfg.DatabaseURL != "postgres://other/x" {
		t.Errorf("DATABASE_URL became %s, %v", cfg.DatabaseURL, err)
	}
	cfg = with(func(c *config.Config) { c.DBName, c.DBSSLMode = "m", "verify-full" })
	if err := cfg.Check(false); err != nil || !strings.HasSuffix(cfg.DatabaseURL, "?sslmode=verify-full") {
		t.Errorf("DATABASE_URL became %s, %v", cfg.DatabaseURL, err)
	}
}

func TestMastodonsWayToNameRedis(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change                 func(*config.Config)
		host, user, pass, path string
	}{
		{func(c *config.Config) { c.RedisHost, c.RedisDB = "/run/redis.sock", "" }, "", "", "", "/run/redis.sock"},
		{func(c *config.Config) { c.RedisHost = "r" }, "r:6379", "", "", "/"},
		{func(c *config.Config) { c.RedisHost, c.RedisPort, c.RedisPassword, c.RedisDB = "::1", "7000", odd, "3" }, "[::1]:7000", "", odd, "/3"},
		{func(c *config.Config) { c.RedisHost, c.RedisUser, c.RedisPassword = "r", "u:x", odd }, "r:6379", "u:x", odd, "/"},
		{func(c *config.Config) { c.RedisHost, c.RedisPassword, c.RedisDB = "/run/redis.sock", odd, "2" }, "", "", odd, "/run/redis.sock"},
	} {
		cfg := with(c.change)
		if err := cfg.Check(false); err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(cfg.RedisURL)
		if err != nil {
			t.Errorf("%s: %v", cfg.RedisURL, err)
			continue
		}
		pass, _ := u.User.Password()
		if u.Host != c.host || u.User.Username() != c.user || pass != c.pass || u.Path != c.path || (u.Scheme == "unix") != (c.host == "") || u.Scheme == "unix" && u.Query().Get("db") != cfg.RedisDB {
			t.Errorf("%s: host %s, path %s", cfg.RedisURL, u.Host, u.Path)
		}
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	c := with(func(c *config.Config) {
		c.DatabaseURL = "postgres://me:se@same@db.example:5432/x?password=sesame&sslmode=require"
		c.RedisURL, c.SecretKeyBase, c.SMTPPassword, c.DBPass = "redis://:sesame@r:6379/0", "sesame", "sesame", "sesame"
		c.DirectURL = "host=x password=sesame"
		c.TrustedProxies = []string{"10.0.0.1", "10.0.0.2"}
		c.LocalDomain = "social.example"
	})
	shown := map[string]string{}
	for _, s := range config.Settings() {
		v := s.Value(c)
		shown[s.Flag] = v
		if strings.Contains(v, "same") {
			t.Errorf("%s is shown as %s", s.Flag, v)
		}
	}
	for flag, want := range map[string]string{
		"database-url": "postgres://********@db.example:5432/x", "redis-url": "redis://********@r:6379/0", "secret-key-base": "********", "database-replica-url": "",
		"trusted-proxy-ip": "10.0.0.1,10.0.0.2", "local-domain": "social.example", "db-pool": "30",
	} {
		if shown[flag] != want {
			t.Errorf("%s is shown as %q", flag, shown[flag])
		}
	}
}

func TestSettingsAreDescribed(t *testing.T) {
	t.Parallel()
	flags, envs := map[string]bool{}, map[string]bool{}
	for _, s := range config.Settings() {
		if s.Flag == "" || s.Group == "" || !strings.HasSuffix(s.Help, ".") || flags[s.Flag] {
			t.Errorf("%+v is not described, or twice", s)
		}
		flags[s.Flag] = true
		for _, e := range s.Env {
			if e == "" || envs[e] {
				t.Errorf("%s has no name in the environment, or one that is taken", s.Flag)
			}
			envs[e] = true
		}
		if secretive := strings.Contains(s.Flag, "pass") || strings.Contains(s.Flag, "secret"); secretive && !s.Secret {
			t.Errorf("%s would be shown", s.Flag)
		}
		if reflect.TypeFor[config.Config]().FieldByIndex(s.Index).Tag.Get("name") != s.Flag {
			t.Errorf("%s has another field", s.Flag)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	t.Parallel()
	got := config.Unknown(map[string]string{"LOCAL_DOMAIN": "", "SMTP_SSL": "", "SIDEKIQ_CONCURRENCY": "", "RAILS_ENV": "", "LOCL_DOMAIN": ""})
	if want := []string{"LOCL_DOMAIN", "RAILS_ENV", "SIDEKIQ_CONCURRENCY (use gomph worker --slots)"}; !slices.Equal(got, want) {
		t.Errorf("unknown are %q", got)
	}
}
