package app

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// attack is a row of testdata/attacks.tsv.
type attack struct{ id, area, what, source string }

// federation are the areas that must have a test, or a written reason, for each row.
var federation = []string{"origin", "signature", "ld-signature", "activity-authz", "identity", "ssrf", "fetch-dos", "inbox-dos", "parsing", "html", "visibility", "moderation"}

var attackID = regexp.MustCompile(`\b[A-Z]{3,4}-[0-9]{2}\b`)

// rows reads a table of testdata with so many columns, without its first line.
func rows(t *testing.T, name string, columns int) [][]string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for i, line := range strings.Split(strings.TrimRight(string(body), "\n"), "\n") {
		row := strings.Split(line, "\t")
		if len(row) != columns {
			t.Fatalf("testdata/%s:%d has %d columns, not %d", name, i+1, len(row), columns)
		}
		out = append(out, row)
	}
	return out[1:]
}

// testsOf gives the tests that name each attack in their text or in the comment above them.
func testsOf(t *testing.T) map[string][]string {
	t.Helper()
	root := filepath.Join("..", "..")
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (slices.Contains([]string{"node_modules", "testdata", "web", "bin", "dist", "data"}, d.Name()) || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "attacks_test.go":
			return nil
		}
		name, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		return namesIn(path, filepath.ToSlash(name), found)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// namesIn adds what the functions of a test file name.
func namesIn(path, folder string, found map[string][]string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		from := f.Pos()
		if f.Doc != nil {
			from = f.Doc.Pos()
		}
		test := f.Name.Name
		if f.Recv != nil || !strings.HasPrefix(test, "Test") && !strings.HasPrefix(test, "Fuzz") {
			test = filepath.Base(path) // a part of some test of this file
		}
		test = folder + " " + test
		for _, id := range attackID.FindAllString(string(text[files.Position(from).Offset:files.Position(f.End()).Offset]), -1) {
			if !slices.Contains(found[id], test) {
				found[id] = append(found[id], test)
			}
		}
	}
	return nil
}

// TestDocsListAttacks: each row about federation has a test or a reason why it has none, and docs/attacks.md says which.
func TestDocsListAttacks(t *testing.T) {
	t.Parallel()
	tests, reasons := testsOf(t), map[string]string{}
	for _, row := range rows(t, "attacks-elsewhere.tsv", 2) {
		reasons[row[0]] = row[1]
	}
	var b strings.Builder
	known, area := map[string]bool{}, ""
	for _, row := range rows(t, "attacks.tsv", 6) {
		a := attack{row[0], row[1], row[2], row[3]}
		known[a.id] = true
		if a.area != area {
			area = a.area
			fmt.Fprintf(&b, "\n## %s\n\n| row | attack | tests |\n|---|---|---|\n", area)
		}
		slices.Sort(tests[a.id])
		covered := strings.Join(tests[a.id], "; ")
		if covered == "" {
			covered = reasons[a.id]
		}
		if covered == "" && slices.Contains(federation, a.area) {
			t.Errorf("%s (%s) has neither a test that names it nor a reason in testdata/attacks-elsewhere.tsv", a.id, a.what)
		}
		if covered == "" {
			covered = "no test names it yet"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", a.id, strings.ReplaceAll(a.what, "|", "\\|"), covered)
	}
	for id := range reasons {
		if !known[id] {
			t.Errorf("testdata/attacks-elsewhere.tsv: there is no row %s", id)
		}
	}
	generated(t, "attacks.md", "Attacks, and the tests that try them", "Every row of `testdata/attacks.tsv`, which also says what is expected, and the tests that name it. "+
		"A row about federation without a test says why; that reason is kept in `testdata/attacks-elsewhere.tsv`.", strings.TrimPrefix(b.String(), "\n"))
}
