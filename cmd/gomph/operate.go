package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/kit/config"
)

type migrateCmd struct{}

// Run brings the schema up to date. It is safe while the version before still runs.
func (*migrateCmd) Run(e *env) error {
	done, err := app.Migrate(e.ctx, e.config)
	for _, name := range done {
		_, _ = fmt.Fprintln(e.out, "migrated to", name)
	}
	if err == nil && len(done) == 0 {
		_, _ = fmt.Fprintln(e.out, "the database is up to date")
	}
	return err
}

type versionCmd struct{}

// Run prints the version.
func (*versionCmd) Run(e *env) error {
	_, err := fmt.Fprintln(e.out, "gomph", config.Version)
	return err
}

type configCmd struct{}

// Run shows the settings.
func (*configCmd) Run(e *env) error {
	w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
	for _, s := range config.Settings() {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", s.Env[0], s.Value(e.config), e.sources[s.Flag])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(e.unknown) > 0 {
		_, _ = fmt.Fprintln(e.out, "\nIn the file, but without meaning here:", strings.Join(e.unknown, ", "))
	}
	return nil
}
