// Package schema owns the shape of the database: numbered steps, one history for both engines.
//
// A step never changes once released. It must be safe while processes of the version before still run: add tables, columns
// with defaults and indexes first, stop using them later. Rewriting data is a job, not a step. Times are BIGINT
// milliseconds, booleans BOOLEAN, absent references and times 0, absent texts ”.
package schema

import (
	"embed"

	"github.com/gomph/gomph/internal/kit/db"
)

//go:embed *.sql
var files embed.FS

// Migrations lists the steps for an engine.
func Migrations(engine db.Engine) ([]db.Migration, error) { return db.Migrations(files, engine) }
