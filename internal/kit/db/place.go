package db

import (
	"context"
	"fmt"
)

// Place is a word for where the database lies. It stays the same while it is there, whatever is written; a dump that is restored and a file that is
// copied have another one (OPS-06). A copy of a whole disk, or of the folder of a whole PostgreSQL server, cannot be told from what it was.
func (d *DB) Place(ctx context.Context) (string, error) {
	place, err := d.b.place(ctx)
	if err != nil {
		return "", fmt.Errorf("asking where the database lies: %w", err)
	}
	return place, nil
}

// place is the number of the cluster, made with it, and that of the database in it, which is never used again. A replica may have others.
func (d *postgresDB) place(ctx context.Context) (place string, err error) {
	err = d.write(ctx, func(c conn) error {
		// Some hosters keep the first number from those who use the database.
		var may bool
		if err := c.queryRow(ctx, "SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')", nil).Scan(&may); err != nil {
			return err
		}
		cluster := "''"
		if may {
			cluster = "(SELECT CAST(system_identifier AS TEXT) FROM pg_catalog.pg_control_system())"
		}
		return c.queryRow(ctx, "SELECT 'postgresql ' || "+cluster+" || ' ' || CAST(oid AS TEXT) FROM pg_catalog.pg_database WHERE datname = current_database()", nil).Scan(&place)
	})
	return place, err
}

// place is the file's number in its file system and the moment when it was made, where that is kept.
func (d *sqliteDB) place(context.Context) (string, error) { return placeOf(d.path) }
