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
