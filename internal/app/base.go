package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/log"
	"github.com/gomph/gomph/internal/kit/metric"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/kit/redis"
	"github.com/gomph/gomph/internal/schema"
)

const (
	// localCache is the memory of the cache inside the process, when there is no Redis.
	localCache = 64 << 20
	// connectLimit is how long a database or Redis may take to answer at start.
	connectLimit = 10 * time.Second
	// ballast counts as memory in use but is never touched, so the system gives no pages for it: while little else is in use, the
	// collector then runs once per so many bytes of garbage and not once per four megabytes, which took a third of the CPU.
	ballast = 32 << 20
	// wakeChannel carries hints that there is work.
	wakeChannel = "jobs"
)

// base is what every process stands on: settings, log, database, messages, cache, its place among the processes.
type base struct {
	Config  *config.Config
	Log     *slog.Logger
	Clock   clock.Clock
	Metrics *metric.Registry
	DB      *db.DB
	Bus     pubsub.Bus
	Cache   cache.Cache
	Process *jobs.Process
	IDs     *ids.Source
	Jobs    *jobs.Jobs
	Secret  []byte
	// bucket is where files are on an S3 server; nil for none. usage counts what that is asked.
	bucket *s3.Store
	usage  usage

	redis   []*redis.Client
	closers []func()
	ballast []byte
	// command says that the process ends soon, media that it works on pictures, films and sounds.
	command, media bool
}

// openBase connects a process. roles is "command" for commands that end soon.
func openBase(ctx context.Context, c *config.Config, roles string, migrate bool) (_ *base, err error) {
	b := &base{Config: c, Clock: clock.Real{}, Metrics: metric.New(), command: roles == "command", media: roles == "all" || strings.Contains(roles, "web") || strings.Contains(roles, "worker")}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	logger, stop, err := log.New(log.Options{Level: c.LogLevel})
	if err != nil {
		return nil, err
	}
	b.Log = logger
	b.closers = append(b.closers, stop)
	if err := os.MkdirAll(c.Data, 0o750); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	watchMachine(b.Metrics)
	serving := roles != "command"
	if serving {
		b.ballast = make([]byte, ballast)
	}
	if serving && !c.Postgres() {
		if err := b.lock(); err != nil {
			return nil, err
		}
	}
	if b.Secret, err = secret(c); err != nil {
		return nil, err
	}
	if c.DBPool == 0 {
		c.DBPool = poolFor(roles)
	}
	if err := b.openDB(ctx, migrate); err != nil {
		return nil, err
	}
	if err := b.shareFiles(ctx, roles); err != nil {
		return nil, err
	}
	if err := b.openMessages(ctx); err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	b.Process, err = jobs.Join(ctx, b.DB, b.Clock, jobs.ProcessInfo{Host: host, PID: os.Getpid(), Roles: roles, Version: config.Version, Alone: serving && !c.Postgres()})
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectLimit)
		defer cancel()
		if err := b.Process.Leave(ctx); err != nil {
			b.Log.Error("leaving the process table", "error", err)
		}
	})
	if serving {
		if err := b.ledger(ctx); err != nil {
			return nil, err
		}
	}
	b.IDs = ids.NewSource(b.Clock, b.Process.Slot)
	b.Jobs = jobs.New(jobs.Options{DB: b.DB, IDs: b.IDs, Clock: b.Clock, Wake: b.wake, Metrics: b.Metrics})
	b.Process.OnBeat(b.Jobs.WriteCounts)
	if serving {
		if err := b.holdCopies(ctx); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *base) close() {
	for i := len(b.closers) - 1; i >= 0; i-- {
		b.closers[i]()
	}
	b.closers = nil
}

// lock keeps a second server process away from a SQLite database.
func (b *base) lock() error {
	f, err := os.OpenFile(filepath.Join(b.Config.Data, "gomph.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking the data folder: %w", err)
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("another gomph already serves from %s. With SQLite there can be one server process; several need DATABASE_URL (PostgreSQL) and REDIS_URL", b.Config.Data)
	}
	b.closers = append(b.closers, func() { _ = f.Close() })
	return nil
}

// secret is the configured key, or one that is made once and kept in the data folder.
func secret(c *config.Config) ([]byte, error) {
	if c.SecretKeyBase != "" {
		return []byte(c.SecretKeyBase), nil
	}
	path := filepath.Join(c.Data, "secret_key_base")
	for range 2 {
		key, err := os.ReadFile(path) //nolint:gosec // in the admin's own folder
		if err == nil && len(strings.TrimSpace(string(key))) >= 64 {
			return []byte(strings.TrimSpace(string(key))), nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("reading the key: %w", err)
		}
		raw := make([]byte, 64)
		_, _ = rand.Read(raw) // never fails
		if err := putOnce(path, hex.EncodeToString(raw)+"\n"); err != nil {
			return nil, fmt.Errorf("keeping the key: %w", err)
		}
	}
	return nil, fmt.Errorf("the key in %s is damaged: restore it, or set SECRET_KEY_BASE", path)
}

// putOnce writes a file that nobody else has written yet, whole: of several processes that start at once one is first, and none reads half of it.
func putOnce(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // readable by its owner alone
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func (b *base) openDB(ctx context.Context, migrate bool) (err error) {
	b.DB, err = openDatabase(ctx, b.Config, b.Config.DatabaseURL, b.Metrics)
	if err != nil {
		return err
	}
	b.closers = append(b.closers, b.DB.Close)
	steps, err := schema.Migrations(b.DB.Engine())
	if err != nil {
		return err
	}
	if migrate {
		_, err = b.DB.Migrate(ctx, steps)
		return err
	}
	return b.schemaReady(ctx)
}

// schemaReady reports whether the database has all that this program needs; one that is newer is fine.
func (b *base) schemaReady(ctx context.Context) error {
	steps, err := schema.Migrations(b.DB.Engine())
	if err != nil {
		return err
	}
	pending, err := b.DB.Pending(ctx, steps)
	if err != nil || pending > 0 {
		return errors.New("the database is older than this program. Run: gomph migrate")
	}
	return nil
}

func openDatabase(ctx context.Context, c *config.Config, url string, m *metric.Registry) (*db.DB, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	o := db.Options{URL: url, ReplicaURL: c.ReplicaURL, Pool: c.DBPool, NoPreparedStatements: c.PreparedStmts == "false"}
	if m != nil {
		retries := m.Counter("db_connect_retries_total", "How often the database was out of connections or not ready, and was asked again.")
		o.OnRetry = func() { retries.Inc() }
	}
	if url == "" {
		o.URL = c.SQLitePath()
	}
	d, err := db.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	if m != nil {
		m.GaugeFunc("db_connections_open", "Connections to the database that are open.", func() float64 { return float64(d.Stats().Open) })
		m.GaugeFunc("db_connections_busy", "Connections to the database that are in use.", func() float64 { return float64(d.Stats().Busy) })
		m.GaugeFunc("db_connection_wait_seconds", "Time spent waiting for a connection, all together.", func() float64 { return d.Stats().WaitTime.Seconds() })
	}
	return d, nil
}

func (b *base) openMessages(ctx context.Context) error {
	if b.Config.RedisURL == "" {
		bus := pubsub.NewLocal()
		b.Bus, b.Cache = bus, cache.NewLocal(localCache)
		b.closers = append(b.closers, func() { _ = bus.Close() })
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	live, err := redis.Open(ctx, b.Config.RedisURL)
	if err != nil {
		return err
	}
	b.redis = append(b.redis, live)
	store := live
	if b.Config.CacheRedisURL != b.Config.RedisURL {
		if store, err = redis.Open(ctx, b.Config.CacheRedisURL); err != nil {
			live.Close()
			return err
		}
		b.redis = append(b.redis, store)
	}
	bus := pubsub.NewRedis(live, "gomph:")
	b.Bus, b.Cache = bus, cache.NewRedis(store, "gomph:")
	b.closers = append(b.closers, func() {
		_ = bus.Close()
		for _, r := range b.redis {
			r.Close()
		}
	})
	return nil
}

// wake tells the workers of other processes that there is work.
func (b *base) wake([]jobs.Queue) {
	if b.Config.RedisURL == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := b.Bus.Publish(ctx, pubsub.Message{Channel: wakeChannel}); err != nil {
		b.Log.Debug("waking workers", "error", err)
	}
}

// listen nudges this process's workers when another process has work for them.
func (b *base) listen(ctx context.Context) {
	if b.Config.RedisURL == "" {
		return
	}
	sub := b.Bus.Subscribe(wakeChannel)
	defer sub.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-sub.C:
			if !ok {
				return
			}
			b.Jobs.Nudge()
		}
	}
}
