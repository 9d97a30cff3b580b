package db

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	sqlite3 "modernc.org/sqlite/lib"
)

// IsUnique reports whether err says that a row with the same key is there already.
func IsUnique(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code == "23505"
	}
	var se *sqliteError
	return errors.As(err, &se) && (se.code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || se.code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// IsForeign reports whether err says that the row referred to is not, or no longer, there.
func IsForeign(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code == "23503"
	}
	var se *sqliteError
	return errors.As(err, &se) && se.code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}
