package db

import (
	"context"
	"fmt"
)

// Limits is what the server grants.
type Limits struct {
	// Connections is how many connections all clients together may open; 0 when nothing is known (SQLite).
	Connections int
	// Pooled says that a pooler stands between, which shares connections: then its own limits count.
	Pooled bool
}

// Limits asks the server for its limits.
func (d *DB) Limits(ctx context.Context) (Limits, error) {
	p, ok := d.b.(*postgresDB)
	if !ok {
		return Limits{}, nil
	}
	l := Limits{Pooled: p.pooled}
	err := d.QueryRow(ctx, "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int").Scan(&l.Connections)
	if err != nil {
		return l, fmt.Errorf("asking how many connections the database takes: %w", err)
	}
	return l, nil
}

// Resize changes how many connections are opened at most. It is for the start of a process, before anybody uses the database.
func (d *DB) Resize(ctx context.Context, pool int) error {
	p, ok := d.b.(*postgresDB)
	if !ok {
		return nil
	}
	p.close()
	return p.openPools(ctx, pool)
}
