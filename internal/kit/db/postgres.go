package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// idleTime is when an idle connection is given back; idle ones cost the server throughput (N18).
	idleTime = 2 * time.Minute
	// maxAttempts bounds the repeats of a transaction that lost a deadlock.
	maxAttempts = 3
)

// postgresDB is a pool that reads and a pool that writes.
type postgresDB struct {
	texts    texts
	read, wr *pgxpool.Pool
	// readCfg and writeCfg are what the pools are opened by.
	readCfg, writeCfg *pgxpool.Config
	pooled            bool
	onRetry           func()
	readSession       bool // the server itself refuses writes on the reading pool
}

func openPostgres(ctx context.Context, o Options) (*postgresDB, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, err
	}
	d := &postgresDB{onRetry: o.OnRetry}
	if d.onRetry == nil {
		d.onRetry = func() {}
	}
	if d.pooled, err = behindPooler(ctx, cfg.ConnConfig.Copy()); err != nil {
		return nil, err
	}
	rcfg := cfg.Copy()
	if o.ReplicaURL != "" {
		if rcfg, err = pgxpool.ParseConfig(o.ReplicaURL); err != nil {
			return nil, fmt.Errorf("reading the replica's address: %w", err)
		}
	}
	rpooled, err := behindPooler(ctx, rcfg.ConnConfig.Copy())
	if err != nil {
		return nil, err
	}
	if !rpooled {
		// A pooler would refuse or share this session setting; there the check is in Go (texts.reads).
		rcfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
		d.readSession = true
	}
	steady(cfg, d.pooled)
	steady(rcfg, rpooled)
	d.readCfg, d.writeCfg = unnamed(rcfg, rpooled || o.NoPreparedStatements), unnamed(cfg, d.pooled || o.NoPreparedStatements)
	if err := d.openPools(ctx, o.Pool); err != nil {
		return nil, err
	}
	return d, nil
}

// openPools opens the pools, half of the connections for each.
func (d *postgresDB) openPools(ctx context.Context, size int) (err error) {
	reads := max(1, size/2)
	if d.wr, err = newPool(ctx, d.writeCfg, max(1, size-reads)); err != nil {
		return err
	}
	if d.read, err = newPool(ctx, d.readCfg, reads); err != nil {
		d.wr.Close()
	}
	return err
}

// behindPooler finds out whether a transaction pooler stands between: the process id in the greeting is then not the one of
// the server process that answers. Named prepared statements must be off behind one.
func behindPooler(ctx context.Context, cfg *pgx.ConnConfig) (bool, error) {
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return false, err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	var pid uint32
	if err := c.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return false, err
	}
	return pid != c.PgConn().PID(), nil
}

// steady has each statement planned once for a connection, whatever its arguments are: every one of them finds its rows by an index, and
// planning anew what has a list among its arguments takes longer than running it. Nothing here runs long enough for a compiler, either.
// A pooler would refuse or share these settings of a session.
func steady(cfg *pgxpool.Config, pooled bool) {
	if !pooled {
		cfg.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
		cfg.ConnConfig.RuntimeParams["jit"] = "off"
	}
}

// unnamed keeps named prepared statements off, if asked to.
func unnamed(cfg *pgxpool.Config, off bool) *pgxpool.Config {
	if off {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
		cfg.ConnConfig.StatementCacheCapacity = 0
		cfg.ConnConfig.DescriptionCacheCapacity = 0
	}
	return cfg
}

func newPool(ctx context.Context, cfg *pgxpool.Config, size int) (*pgxpool.Pool, error) {
	cfg = cfg.Copy()
	cfg.MaxConns = int32(size) //nolint:gosec // bounded by the setting's range
	cfg.MinConns = 0
	cfg.MaxConnIdleTime = idleTime
	cfg.HealthCheckPeriod = 30 * time.Second
	return pgxpool.NewWithConfig(ctx, cfg)
}

func (d *postgresDB) close() {
	d.read.Close()
	d.wr.Close()
}

func (d *postgresDB) ping(ctx context.Context) error {
	return errors.Join(d.read.Ping(ctx), d.wr.Ping(ctx))
}

func (d *postgresDB) stats() Stats {
	r, w := d.read.Stat(), d.wr.Stat()
	return Stats{
		Open: int(r.TotalConns() + w.TotalConns()), Busy: int(r.AcquiredConns() + w.AcquiredConns()), Max: int(r.MaxConns() + w.MaxConns()),
		Waited: r.EmptyAcquireCount() + w.EmptyAcquireCount(), WaitTime: r.EmptyAcquireWaitTime() + w.EmptyAcquireWaitTime(),
	}
}

func (d *postgresDB) queryRow(ctx context.Context, q string, args []any) Row {
	rows, err := d.query(ctx, q, args)
	return firstRow{rows, err}
}

func (d *postgresDB) exec(context.Context, string, []any) (int64, error) {
	return 0, errors.New("writing outside of a transaction")
}

func (d *postgresDB) later(context.Context, string, string, []any) error {
	return errors.New("writing outside of a transaction")
}

func (d *postgresDB) execMany(context.Context, string, [][]any) (int64, error) {
	return 0, errors.New("writing outside of a transaction")
}

func errReadOnly(q string) error { return fmt.Errorf("the reading pool refuses to write: %.60q", q) }

func pgArgs(args []any) []any {
	copied := false
	for i, a := range args {
		if arr, ok := a.(array); ok {
			if !copied {
				args, copied = append([]any(nil), args...), true
			}
			args[i] = arr.v
		}
	}
	return args
}

func (r *pgRows) Scan(dest ...any) error {
	if err := r.Rows.Scan(dest...); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return errs.NotFound()
		}
		return err
	}
	return nil
}
