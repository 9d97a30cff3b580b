package db

import (
	"context"
	"fmt"
)

// Commit makes a transaction that changes nothing and lasts all the same, to see how long that takes (requirement A2).
func (d *DB) Commit(ctx context.Context) error {
	err := d.Write(ctx, func(tx *Tx) error {
		if d.engine == Postgres {
			_, err := tx.Exec(ctx, "SELECT pg_logical_emit_message(true, 'gomph', ''::text)") // a line in the log, which no table sees
			return err
		}
		var version int64
		if err := tx.QueryRow(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)) // the same again, which is written
		return err
	})
	if err != nil {
		return fmt.Errorf("committing to see how long that takes: %w", err)
	}
	return nil
}

// RoundTrip asks the database for nothing, over the pool that reads.
func (d *DB) RoundTrip(ctx context.Context) error {
	var one int64
	return d.QueryRow(ctx, "SELECT 1").Scan(&one)
}
