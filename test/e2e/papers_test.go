package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// papers lets an operator write rules and terms at the command line, which everybody reads from the running server, and asks for reports
// of a year that is over.
func papers(t *testing.T, s *Server, ann Person) {
	if got := s.Command("rules", "add", "Be kind", "--hint", "always"); !strings.Contains(got, "Be kind") {
		t.Errorf("rules: %s", got)
	}
	type rule struct {
		ID, Text, Hint string
		Translations   map[string]struct{ Text, Hint string }
	}
	var rules []rule
	reads := func(what string, fits func() bool) {
		t.Helper()
		Eventually(t, what, func() error {
			got := s.Do("GET", "/api/v1/instance/rules", "", nil)
			if rules = nil; json.Unmarshal(got.Body, &rules) != nil || !fits() {
				return fmt.Errorf("%d %s", got.Status, got.Body)
			}
			return nil
		})
	}
	reads("the rule is read", func() bool { return len(rules) == 1 && rules[0].Text == "Be kind" && rules[0].Hint == "always" })
	id := rules[0].ID
	s.Command("rules", "translate", id, "de", "Sei freundlich")
	s.Command("rules", "edit", id, "Be kinder")
	reads("the rule is another, in two languages", func() bool {
		return len(rules) == 1 && rules[0].ID == id && rules[0].Text == "Be kinder" && rules[0].Translations["de"].Text == "Sei freundlich"
	})

	const terms = "/api/v1/instance/terms_of_service"
	file := filepath.Join(t.TempDir(), "terms.html")
	if err := os.WriteFile(file, []byte("<p>Our terms</p><script>1</script>"), 0o600); err != nil {
		t.Fatal(err)
	}
	from := time.Now().AddDate(0, 0, 3).UTC().Format("2006-01-02")
	if got := s.Command("terms", "draft", file, "--changelog", "all of it"); !strings.Contains(got, "draft") {
		t.Errorf("terms: %s", got)
	}
	s.Do("GET", terms, "", nil).Want(404)
	if got := s.Command("terms", "publish", from); !strings.Contains(got, "published") || !strings.Contains(got, from) {
		t.Errorf("terms: %s", got)
	}
	Eventually(t, "the terms are read", func() error {
		got := s.Do("GET", terms+"/"+from, "", nil)
		if got.Status != http.StatusOK || !strings.Contains(string(got.Body), "Our terms") || strings.Contains(string(got.Body), "script") {
			return fmt.Errorf("%d %s", got.Status, got.Body)
		}
		return nil
	})
	for _, args := range [][]string{
		{"terms", "publish", from}, {"terms", "publish", "soon"}, {"terms", "show", "1"}, {"terms", "draft", filepath.Join(t.TempDir(), "none")},
		{"rules", "edit", "1", "x"}, {"rules", "remove", "1"}, {"rules", "translate", id, "klingon!", "x"},
	} {
		if stdout, stderr, err := s.Run(args...); err == nil || strings.TrimSpace(stderr) == "" || strings.Contains(stderr, "goroutine ") {
			t.Errorf("gomph %v: %v %s%s", args, err, stdout, stderr)
		}
	}
	s.Command("rules", "remove", id)
	reads("the rule is gone", func() bool { return rules != nil && len(rules) == 0 })

	const report = "/api/v1/annual_reports/2020"
	var state struct{ State string }
	if ann.Get(report+"/state", &state); state.State != "ineligible" {
		t.Errorf("the report of a year that is over is %s", state.State)
	}
	ann.Do("POST", report+"/generate", nil).Want(200)
	ann.Do("GET", report, nil).Want(404)
	ann.Do("POST", report+"/read", nil).Want(404)
	ann.Do("GET", "/api/v1_alpha/async_refreshes/annual-report-2020", nil).Want(404)
	s.Do("GET", report+"/state", "", nil).Want(401)
}
