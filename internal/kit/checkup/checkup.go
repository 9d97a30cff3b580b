// Package checkup owns looking at whether a server is well: checks with what they found, and those of them that look at the machine alone.
package checkup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Level is how bad something is.
type Level string

// Levels, from good to bad.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Failure Level = "failure"
)

// Outcome is what a check found: how bad it is, and in one sentence what is so, with what to do about it.
type Outcome struct {
	Level Level
	Says  string
}

// Well says that nothing is wrong.
func Well(format string, args ...any) Outcome { return Outcome{OK, fmt.Sprintf(format, args...)} }

// Warn says that something could be better.
func Warn(format string, args ...any) Outcome { return Outcome{Warning, fmt.Sprintf(format, args...)} }

// Fail says that something is wrong.
func Fail(format string, args ...any) Outcome { return Outcome{Failure, fmt.Sprintf(format, args...)} }

// Check looks at one thing. Several may be about the same requirement.
type Check struct {
	// ID is the requirement's; it never changes.
	ID string
	// Name says in a few words what is looked at, Why in a sentence what is wrong when it is not well.
	Name, Why string
	Look      func(ctx context.Context) Outcome
}

// Finding is what a check found.
type Finding struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Level Level  `json:"level"`
	Says  string `json:"says"`
}

// checkLimit bounds one check: a database or server that hangs is a finding too.
const checkLimit = 2 * time.Minute

// Run looks at everything in turn, or only at what has one of the ids, in any case of letters; an id that no check has is an error. Tell is
// told of each finding when it is there.
func Run(ctx context.Context, checks []Check, only []string, tell func(Finding)) ([]Finding, error) {
	for _, id := range only {
		if !slices.ContainsFunc(checks, func(c Check) bool { return strings.EqualFold(c.ID, id) }) {
			return nil, fmt.Errorf("there is no check %q; there are %s", id, strings.Join(ids(checks), ", "))
		}
	}
	var found []Finding
	for _, c := range checks {
		if len(only) > 0 && !slices.ContainsFunc(only, func(id string) bool { return strings.EqualFold(c.ID, id) }) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return found, err
		}
		one := look(ctx, c)
		tell(one)
		found = append(found, one)
	}
	return found, nil
}

func look(ctx context.Context, c Check) Finding {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	o := c.Look(ctx)
	return Finding{c.ID, c.Name, o.Level, o.Says}
}

func ids(checks []Check) []string {
	var out []string
	for _, c := range checks {
		if !slices.Contains(out, c.ID) {
			out = append(out, c.ID)
		}
	}
	return out
}

// Failures counts what is wrong.
func Failures(found []Finding) int {
	n := 0
	for _, f := range found {
		if f.Level == Failure {
			n++
		}
	}
	return n
}

// Percentile is the least of some times that p percent of them do not exceed, p from 1 to 100; 0 of none.
func Percentile(times []time.Duration, p int) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

// Times calls something n times and tells how long each took; it stops at the first error.
func Times(n int, do func() error) ([]time.Duration, error) {
	times := make([]time.Duration, 0, n)
	for range n {
		began := time.Now()
		if err := do(); err != nil {
			return times, err
		}
		times = append(times, time.Since(began))
	}
	return times, nil
}
