package app

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/config"
)

var update = flag.Bool("update", false, "write the generated docs anew")

// generated compares a list in docs/ with what the program says of itself.
func generated(t *testing.T, name, title, intro, body string) {
	t.Helper()
	text := "# " + title + "\n\n" + intro + " This list is printed from the program by `make docs`.\n\n" + body
	path := filepath.Join("..", "..", "docs", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // docs are for everybody
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != text {
		t.Errorf("docs/%s is not what the program says; run: make docs", name)
	}
}

func TestDocsListSettings(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	group := ""
	for _, s := range config.Settings() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "\n## %s\n\n| name | flag | default | meaning |\n|---|---|---|---|\n", group)
		}
		help := s.Help
		if s.Secret {
			help += " (secret)"
		}
		fmt.Fprintf(&b, "| %s | `--%s` | %s | %s |\n", strings.Join(s.Env, ", "), s.Flag, s.Default, strings.ReplaceAll(help, "|", "\\|"))
	}
	generated(t, "config.md", "Settings", "Every setting of a process: a flag, an environment variable, or a line of `--env-file`; a flag wins over the environment, the environment over the file.", strings.TrimPrefix(b.String(), "\n"))
}

// open puts a process together on a new SQLite database.
func open(t *testing.T) *App {
	t.Helper()
	c := &config.Config{Data: t.TempDir(), LogLevel: "error", DBPool: 4, RateLimits: "on"}
	if err := c.Check(false); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), c, Options{Roles: "command", Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func TestDocsListEvents(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("| event | reaction | queue | attempts | deadline | delay | statements | one at a time | lane |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range open(t).Jobs.Describe() {
		p, unique, lane := r.Policy, "", ""
		if r.Unique {
			unique = fmt.Sprintf("a key, for %s", p.UniqueFor)
		}
		if r.Lane {
			lane = "host"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %s | %d | %s | %s |\n", r.Event, r.Name, p.Queue, p.Attempts, p.Deadline, p.Delay, p.Statements, unique, lane)
	}
	b.WriteString("\nAfter the n-th failed attempt a job waits for n⁴ + 5 seconds and a part more by chance, which takes 16 attempts over some two days. A job that failed at its last attempt is dead: " +
		"it is kept with its error for 30 days, the newest 20,000 of each queue (`gomph queues list --state dead`). Statements is the budget of one run; one that makes more is counted " +
		"(job_over_budget_total) and logged. A job that goes on ten seconds after its deadline loses its slot (job_abandoned_total).\n")
	b.WriteString("\n## What comes again and again\n\n| name | every | event |\n|---|---|---|\n")
	for _, r := range schedule {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.Name, r.Every, r.Event.Kind())
	}
	generated(t, "events.md", "Events, and what follows from them", "Every row is written in the transaction of the event, and run at least once.", b.String())
}

func TestDocsListMetrics(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("| metric | kind | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range open(t).Metrics.Describe() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.Name, m.Type, strings.Join(m.Labels, ", "), m.Help)
	}
	generated(t, "metrics.md", "Metrics", "What each process tells Prometheus at METRICS_BIND, beside Go's and the process's own.", b.String())
}

func TestNoEventIsWithoutAReaction(t *testing.T) {
	t.Parallel()
	a := open(t)
	emitted := map[string]bool{}
	for _, r := range a.Jobs.Describe() {
		emitted[r.Event] = true
	}
	for _, r := range schedule {
		if !emitted[r.Event.Kind()] {
			t.Errorf("%s is scheduled, but nothing follows from it", r.Event.Kind())
		}
	}
}
