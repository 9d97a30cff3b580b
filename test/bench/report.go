package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// report collects what was measured.
type report struct {
	options
	cpu      string
	began    time.Time
	loads    [2]string
	sections []*section
}

// section is what was measured on one engine.
type section struct {
	engine string
	rows   []row
}

// row is one line of the table.
type row struct {
	what string
	// value is the measured figure, with its unit; goal the most it should be, "" for none.
	value, goal string
	met         bool
	// note is what else there is to say: times as seen by the client, ratios to the limits.
	note string
}

func (r *report) section(engine string) *section {
	s := &section{engine: engine}
	r.sections = append(r.sections, s)
	return s
}

// add enters a figure in a unit; goal 0 is none.
func (s *section) add(what string, value float64, unit string, goal float64, note string, args ...any) {
	one := row{what: what, value: figure(value) + " " + unit, met: goal == 0 || value <= goal, note: fmt.Sprintf(note, args...)}
	if goal != 0 {
		one.goal = "≤ " + figure(goal)
	}
	s.rows = append(s.rows, one)
	fmt.Fprintf(os.Stderr, "%-9s %-60s %s %s  %s\n", s.engine, one.what, one.value, one.goal, one.note)
}

// atLeast enters a figure that should be no less than its goal; goal 0 is none.
func (s *section) atLeast(what string, value float64, unit string, goal float64, note string, args ...any) {
	s.add(what, value, unit, 0, note, args...)
	if goal == 0 {
		return
	}
	one := &s.rows[len(s.rows)-1]
	one.goal, one.met = "≥ "+figure(goal), value >= goal
}

// figure writes a number with three digits that mean something.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func (r *report) machine() error {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return fmt.Errorf("reading which processor this is: %w", err)
	}
	r.cpu = "unknown processor"
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			r.cpu = strings.TrimSpace(value)
			break
		}
	}
	r.began, r.loads[0] = time.Now(), load()
	return nil
}

func (r *report) end() { r.loads[1] = load() }

// load is the machine's load over one, five and fifteen minutes.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "Measured %s on %s, %d cores, %s, %s/%s. Load of the machine before %s, after %s (the bench itself asks from the same cores).\n",
		r.began.UTC().Format("2006-01-02 15:04 MST"), r.cpu, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, r.loads[0], r.loads[1])
	if r.quick {
		fmt.Fprintln(w, "A quick run: few requests, small databases.")
	}
	for _, s := range r.sections {
		fmt.Fprintf(w, "\n### %s\n\n| What | Measured | Goal | | Remarks |\n|---|---:|---:|---|---|\n", map[string]string{"sqlite": "SQLite", "postgres": "PostgreSQL"}[s.engine])
		for _, one := range s.rows {
			verdict := ""
			if one.goal != "" {
				verdict = map[bool]string{true: "met", false: "**missed**"}[one.met]
			}
			fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", one.what, one.value, one.goal, verdict, one.note)
		}
	}
}

// The marks between which the tables stand in the document.
const (
	beginMark = "<!-- written by make bench -->"
	endMark   = "<!-- end of what make bench writes -->"
)

// save replaces the tables in a document and leaves its words alone.
func (r *report) save(path string) error {
	text, err := os.ReadFile(path) //nolint:gosec // our own document
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	before, rest, ok := bytes.Cut(text, []byte(beginMark))
	_, after, ok2 := bytes.Cut(rest, []byte(endMark))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no marks for the tables", path)
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(beginMark + "\n")
	r.print(&out)
	out.WriteString(endMark)
	out.Write(after)
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil { //nolint:gosec // a document for everyone
		return fmt.Errorf("writing the document: %w", err)
	}
	return nil
}
