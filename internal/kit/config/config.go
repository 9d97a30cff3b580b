// Package config owns the settings of a process: what can be set, by flag, environment or file, what is in force, and from where.
//
// Names are Mastodon's where the meaning is the same. A setting works when it is absent.
package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
)

// Version is stamped by the build.
var Version = "0.1.0-dev"

// Config is every setting. The tags are read by the command line and by the docs.
type Config struct {
	LocalDomain   string `name:"local-domain" env:"LOCAL_DOMAIN" group:"Names" placeholder:"DOMAIN" help:"The domain in people's handles. It can never change later. Default: localhost:PORT, for trying things out."`
	WebDomain     string `name:"web-domain" env:"WEB_DOMAIN" group:"Names" placeholder:"DOMAIN" help:"The host that serves, when it is not LOCAL_DOMAIN."`
	LocalHTTPS    string `name:"local-https" env:"LOCAL_HTTPS" group:"Names" enum:",true,false" default:"" placeholder:"BOOL" help:"Whether people reach the server by https (a proxy in front counts). Default: true, but false while LOCAL_DOMAIN is not set."`
	StreamingBase string `name:"streaming-api-base-url" env:"STREAMING_API_BASE_URL" group:"Names" placeholder:"URL" help:"Where apps find the streaming API, when not at the web's own address."`

	Bind           string   `name:"bind" env:"BIND" group:"Listening" default:"127.0.0.1" placeholder:"ADDRESS" help:"The address to listen on."`
	Port           int      `name:"port" env:"PORT" group:"Listening" default:"0" placeholder:"PORT" help:"The port to listen on. Default: 3000; 4000 for a process that only streams."`
	TLSCert        string   `name:"tls-cert" env:"GOMPH_TLS_CERT" group:"Listening" placeholder:"FILE" help:"A certificate: the listener then speaks https and HTTP/2 itself."`
	TLSKey         string   `name:"tls-key" env:"GOMPH_TLS_KEY" group:"Listening" placeholder:"FILE" help:"The certificate's key."`
	TrustedProxies []string `name:"trusted-proxy-ip" env:"TRUSTED_PROXY_IP" group:"Listening" sep:"," placeholder:"NETWORKS" help:"Proxies whose forwarded headers are believed. Default: loopback and private networks, as in Mastodon."`
	MaxRequests    int      `name:"max-requests" env:"GOMPH_MAX_REQUESTS" group:"Listening" default:"0" placeholder:"N" help:"How many requests are worked on at once; others wait a second, then are told to come back. Default: 200, and 50 a core where that is more."`
	MetricsBind    string   `name:"metrics-bind" env:"METRICS_BIND" group:"Listening" placeholder:"HOST:PORT" help:"Where this process serves Prometheus metrics at /metrics. Default: nowhere."`

	Data          string `name:"data" env:"GOMPH_DATA" group:"Storage" default:"./data" placeholder:"FOLDER" help:"Where files, the SQLite database and generated keys are kept."`
	DatabaseURL   string `name:"database-url" env:"DATABASE_URL" group:"Storage" secret:"" placeholder:"URL" help:"postgres://… (13 or newer; PgBouncer in transaction mode works too). Empty: SQLite in GOMPH_DATA."`
	ReplicaURL    string `name:"database-replica-url" env:"DATABASE_REPLICA_URL,REPLICA_DATABASE_URL" group:"Storage" secret:"" placeholder:"URL" help:"A PostgreSQL replica that is read from."`
	DirectURL     string `name:"database-direct-url" env:"GOMPH_DATABASE_DIRECT_URL" group:"Storage" secret:"" placeholder:"URL" help:"Where migrations connect, past a pooler. Default: DATABASE_URL."`
	DBPool        int    `name:"db-pool" env:"DB_POOL" group:"Storage" default:"0" placeholder:"N" help:"The most database connections of this process; it does not limit how much runs at once. All processes together stay below what the database allows. Default: by the process's roles, at most 30."`
	PreparedStmts string `name:"prepared-statements" env:"PREPARED_STATEMENTS" group:"Storage" enum:",true,false" default:"" placeholder:"BOOL" help:"false keeps named prepared statements off. A pooler in between is noticed without this."`
	DBHost        string `name:"db-host" env:"DB_HOST" group:"Mastodon's way to name a database" placeholder:"HOST" help:"With DB_NAME, DB_USER, DB_PASS, DB_PORT, DB_SSLMODE: what DATABASE_URL says in one."`
	DBPort        string `name:"db-port" env:"DB_PORT" group:"Mastodon's way to name a database" placeholder:"PORT" help:"See DB_HOST."`
	DBName        string `name:"db-name" env:"DB_NAME" group:"Mastodon's way to name a database" placeholder:"NAME" help:"See DB_HOST."`
	DBUser        string `name:"db-user" env:"DB_USER" group:"Mastodon's way to name a database" placeholder:"NAME" help:"See DB_HOST."`
	DBPass        string `name:"db-pass" env:"DB_PASS" group:"Mastodon's way to name a database" secret:"" placeholder:"SECRET" help:"See DB_HOST."`
	DBSSLMode     string `name:"db-sslmode" env:"DB_SSLMODE" group:"Mastodon's way to name a database" placeholder:"MODE" help:"See DB_HOST; disable to verify-full."`

	Files

	RedisURL      string `name:"redis-url" env:"REDIS_URL" group:"Messages and cache" secret:"" placeholder:"URL" help:"redis:// or rediss:// (Redis or Valkey), for live messages, feeds and limits. Empty: inside the process, for a single process."`
	CacheRedisURL string `name:"cache-redis-url" env:"CACHE_REDIS_URL" group:"Messages and cache" secret:"" placeholder:"URL" help:"Another one for the cache. Default: REDIS_URL."`
	RedisHost     string `name:"redis-host" env:"REDIS_HOST" group:"Messages and cache" placeholder:"HOST" help:"With REDIS_PORT, REDIS_USER, REDIS_PASSWORD, REDIS_DB: what REDIS_URL says in one."`
	RedisPort     string `name:"redis-port" env:"REDIS_PORT" group:"Messages and cache" placeholder:"PORT" help:"See REDIS_HOST."`
	RedisUser     string `name:"redis-user" env:"REDIS_USER" group:"Messages and cache" placeholder:"NAME" help:"See REDIS_HOST."`
	RedisPassword string `name:"redis-password" env:"REDIS_PASSWORD" group:"Messages and cache" secret:"" placeholder:"SECRET" help:"See REDIS_HOST."`
	RedisDB       string `name:"redis-db" env:"REDIS_DB" group:"Messages and cache" placeholder:"N" help:"See REDIS_HOST."`

	AuthorizedFetch string `name:"authorized-fetch" env:"AUTHORIZED_FETCH" group:"Federation" enum:",true,false" default:"" placeholder:"BOOL" help:"true shows profiles and posts as documents only to servers that sign that they ask, and lets nobody pass on what is posted."`
	LimitedMode     string `name:"limited-federation-mode" env:"LIMITED_FEDERATION_MODE,WHITELIST_MODE" group:"Federation" enum:",true,false" default:"" placeholder:"BOOL" help:"true exchanges anything only with the domains of gomph domains allow. It implies AUTHORIZED_FETCH."`

	ClosedAPI      string   `name:"disallow-unauthenticated-api-access" env:"DISALLOW_UNAUTHENTICATED_API_ACCESS" group:"Safety" enum:",true,false" default:"" placeholder:"BOOL" help:"true answers the API to those alone who are signed in, but for what the server says of itself. LIMITED_FEDERATION_MODE implies it, and closes that too."`
	AllowedPrivate []string `name:"allowed-private-addresses" env:"ALLOWED_PRIVATE_ADDRESSES" group:"Safety" sep:"," placeholder:"NETWORKS" help:"Private networks that outgoing requests may reach: for tests."`
	CAFile         string   `name:"ca-file" env:"GOMPH_CA_FILE" group:"Safety" placeholder:"FILE" help:"Certificates, as PEM, that requests to other servers trust besides the system's: for a private authority."`
	SecretKeyBase  string   `name:"secret-key-base" env:"SECRET_KEY_BASE" group:"Safety" secret:"" placeholder:"SECRET" help:"Signs what the server hands out and reads again. Default: generated once and kept in GOMPH_DATA."`
	VAPIDPrivate   string   `name:"vapid-private-key" env:"VAPID_PRIVATE_KEY" group:"Safety" secret:"" placeholder:"KEY" help:"The key by which push services know this server, as Mastodon has it; VAPID_PUBLIC_KEY follows from it. Default: one that follows from SECRET_KEY_BASE."`
	RateLimits     string   `name:"rate-limits" env:"GOMPH_RATE_LIMITS" group:"Safety" enum:"on,off" default:"on" placeholder:"on|off" help:"off only for load tests."`
	KeepOpen       string   `name:"disable-automatic-switching-to-approved-registrations" env:"DISABLE_AUTOMATIC_SWITCHING_TO_APPROVED_REGISTRATIONS" group:"Safety" enum:",true,false" default:"" placeholder:"BOOL" help:"true leaves open sign-ups open when no moderator was there for a week. Otherwise they then wait for approval."`
	LogLevel       string   `name:"log-level" env:"GOMPH_LOG_LEVEL,RAILS_LOG_LEVEL" group:"Safety" default:"warn" placeholder:"LEVEL" help:"debug, info, warn or error."`

	TranslateURL string `name:"libre-translate-endpoint" env:"LIBRE_TRANSLATE_ENDPOINT" group:"Translation" placeholder:"URL" help:"A LibreTranslate server, which may be on a private address."`
	TranslateKey string `name:"libre-translate-api-key" env:"LIBRE_TRANSLATE_API_KEY" group:"Translation" secret:"" placeholder:"KEY" help:"Its key, if it wants one."`
	DeepLKey     string `name:"deepl-api-key" env:"DEEPL_API_KEY" group:"Translation" secret:"" placeholder:"KEY" help:"Translates by DeepL instead."`
	DeepLPlan    string `name:"deepl-plan" env:"DEEPL_PLAN" group:"Translation" enum:",free,pro" default:"" placeholder:"PLAN" help:"free or pro. Default: free."`

	SMTPServer   string `name:"smtp-server" env:"SMTP_SERVER" group:"Mail" placeholder:"HOST" help:"The mail server. Empty: mails are written to GOMPH_DATA/mails, and new accounts need no confirmation."`
	SMTPPort     int    `name:"smtp-port" env:"SMTP_PORT" group:"Mail" default:"587" placeholder:"PORT" help:"Its port."`
	SMTPLogin    string `name:"smtp-login" env:"SMTP_LOGIN" group:"Mail" placeholder:"NAME" help:"Who signs in to it."`
	SMTPPassword string `name:"smtp-password" env:"SMTP_PASSWORD" group:"Mail" secret:"" placeholder:"SECRET" help:"With what."`
	SMTPFrom     string `name:"smtp-from-address" env:"SMTP_FROM_ADDRESS" group:"Mail" placeholder:"ADDRESS" help:"The sender. Default: notifications@LOCAL_DOMAIN."`
	SMTPAuth     string `name:"smtp-auth-method" env:"SMTP_AUTH_METHOD" group:"Mail" placeholder:"METHOD" help:"plain, login, cram_md5 or none. Default: plain."`
	SMTPVerify   string `name:"smtp-openssl-verify-mode" env:"SMTP_OPENSSL_VERIFY_MODE" group:"Mail" placeholder:"MODE" help:"none accepts any certificate; anything else verifies."`
	SMTPStartTLS string `name:"smtp-enable-starttls" env:"SMTP_ENABLE_STARTTLS" group:"Mail" placeholder:"MODE" help:"auto, always or never. Default: auto."`
	SMTPTLS      string `name:"smtp-tls" env:"SMTP_TLS,SMTP_SSL" group:"Mail" placeholder:"BOOL" help:"true speaks TLS from the first byte, as on port 465."`
	SMTPCAFile   string `name:"smtp-ca-file" env:"SMTP_CA_FILE" group:"Mail" placeholder:"FILE" help:"Certificates to trust."`
	SMTPDomain   string `name:"smtp-domain" env:"SMTP_DOMAIN" group:"Mail" placeholder:"DOMAIN" help:"How this server greets. Default: LOCAL_DOMAIN."`
}

// Check fills in what follows from other settings and refuses what cannot work, with words that say what to do.
func (c *Config) Check(onlyStreaming bool) error {
	if c.Port == 0 {
		c.Port = 3000
		if onlyStreaming {
			c.Port = 4000
		}
	}
	if c.LocalHTTPS == "" {
		c.LocalHTTPS = "true"
		if c.LocalDomain == "" {
			c.LocalHTTPS = "false"
		}
	}
	if c.LocalDomain == "" {
		c.LocalDomain = fmt.Sprintf("localhost:%d", c.Port)
	}
	c.LocalDomain, c.WebDomain = strings.ToLower(c.LocalDomain), strings.ToLower(c.WebDomain)
	if c.WebDomain == "" {
		c.WebDomain = c.LocalDomain
	}
	for _, d := range []struct{ name, value string }{{"LOCAL_DOMAIN", c.LocalDomain}, {"WEB_DOMAIN", c.WebDomain}} {
		if strings.ContainsAny(d.value, "/@? ") {
			return fmt.Errorf("%s must be a domain alone, like social.example, not %q", d.name, d.value)
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("GOMPH_TLS_CERT and GOMPH_TLS_KEY go together")
	}
	if c.MaxRequests < 0 || c.MaxRequests > 100_000 {
		return fmt.Errorf("GOMPH_MAX_REQUESTS must be from 1 to 100000, or 0 for the default, not %d", c.MaxRequests)
	}
	if c.DBPool != 0 && (c.DBPool < 2 || c.DBPool > 1000) {
		return fmt.Errorf("DB_POOL must be from 2 to 1000, or 0 for the default, not %d", c.DBPool)
	}
	if c.DatabaseURL == "" && c.DBName != "" {
		c.DatabaseURL = c.mastodonDatabase()
	}
	if c.DatabaseURL != "" && !c.Postgres() {
		return fmt.Errorf("DATABASE_URL must begin with postgres://, or be empty for SQLite")
	}
	if c.RedisURL == "" && c.RedisHost != "" {
		c.RedisURL = c.mastodonRedis()
	}
	if c.CacheRedisURL == "" {
		c.CacheRedisURL = c.RedisURL
	}
	if c.SMTPFrom == "" {
		host, _, _ := strings.Cut(c.LocalDomain, ":")
		c.SMTPFrom = "notifications@" + host
	}
	if err := c.checkFiles(); err != nil {
		return err
	}
	for _, list := range [][]string{c.AllowedPrivate, c.TrustedProxies} {
		if _, err := Prefixes(list); err != nil {
			return err
		}
	}
	return nil
}

// HTTPS reports whether people reach the server by https.
func (c *Config) HTTPS() bool { return c.LocalHTTPS == "true" }

// Limited reports whether anything is exchanged with allowed domains alone.
func (c *Config) Limited() bool { return c.LimitedMode == "true" }

// SignedFetch reports whether documents are shown only to those who sign that they ask.
func (c *Config) SignedFetch() bool { return c.AuthorizedFetch == "true" || c.Limited() }

// Postgres reports whether the database is PostgreSQL.
func (c *Config) Postgres() bool {
	return strings.HasPrefix(c.DatabaseURL, "postgres://") || strings.HasPrefix(c.DatabaseURL, "postgresql://")
}

// Address is where to listen.
func (c *Config) Address() string { return net.JoinHostPort(c.Bind, fmt.Sprint(c.Port)) }

// SQLitePath is the database file.
func (c *Config) SQLitePath() string { return filepath.Join(c.Data, "gomph.sqlite3") }

func (c *Config) mastodonDatabase() string {
	u := url.URL{Scheme: "postgres", Path: "/" + c.DBName}
	q := url.Values{}
	host := c.DBHost
	if host == "" {
		host = "localhost"
	}
	port := c.DBPort
	if port == "" {
		port = "5432"
	}
	if strings.HasPrefix(host, "/") {
		q.Set("host", host)
		q.Set("port", port)
	} else {
		u.Host = net.JoinHostPort(host, port)
	}
	if c.DBUser != "" {
		u.User = url.UserPassword(c.DBUser, c.DBPass)
	}
	if c.DBSSLMode != "" {
		q.Set("sslmode", c.DBSSLMode)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func (c *Config) mastodonRedis() string {
	port := c.RedisPort
	if port == "" {
		port = "6379"
	}
	u := url.URL{Scheme: "redis", Host: net.JoinHostPort(c.RedisHost, port), Path: "/" + c.RedisDB}
	if strings.HasPrefix(c.RedisHost, "/") {
		u = url.URL{Scheme: "unix", Path: c.RedisHost}
		if c.RedisDB != "" {
			u.RawQuery = url.Values{"db": {c.RedisDB}}.Encode()
		}
	}
	if c.RedisPassword != "" || c.RedisUser != "" {
		u.User = url.UserPassword(c.RedisUser, c.RedisPassword)
	}
	return u.String()
}

// Prefixes reads a list of networks and single addresses.
func Prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%q is no network: write it like 10.0.0.0/8 or 192.0.2.1", s)
		}
		out = append(out, p)
	}
	return out, nil
}
