package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/kit/checkup"
)

type doctorCmd struct {
	JSON bool     `name:"json" help:"Print JSON, one check a line."`
	Only []string `placeholder:"IDS" help:"Look only at what has one of these ids, as in F4,F5 (see docs/doctor.md)."`
}

// Run looks at everything and prints what it finds; it is an error when something is wrong.
func (c *doctorCmd) Run(e *env) error {
	var printing error
	found, err := app.Doctor(e.ctx, e.config, c.Only, func(f checkup.Finding) {
		if err := printFinding(e, f, c.JSON); err != nil && printing == nil {
			printing = err
		}
	})
	if err == nil {
		err = printing
	}
	if err == nil {
		if n := checkup.Failures(found); n > 0 {
			err = fmt.Errorf("%d of %d checks failed", n, len(found))
		}
	}
	return err
}

// The columns of findings: ids, names and levels are no longer than that. What is said comes last, and is printed as soon as it is known.
const findingColumns = "%-8s %-26s %-8s %s\n"

func printFinding(e *env, f checkup.Finding, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(e.out).Encode(f)
	}
	level := string(f.Level)
	if f.Level != checkup.OK {
		level = strings.ToUpper(level)
	}
	_, err := fmt.Fprintf(e.out, findingColumns, f.ID, f.Name, level, f.Says)
	return err
}
