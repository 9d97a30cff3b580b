package gomph_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is what every import of ours starts with.
const module = "github.com/gomph/gomph/"

// domains is the order of the domains: each may import those before it. A new domain takes its place here.
var domains = []string{
	"settings", "instances", "accounts", "access", "relations", "media", "statuses", "collections", "links", "filters", "feeds", "notifications", "trends", "search", "announcements", "annual",
	"moderation", "archive", "subscriptions",
}

// source is one file of ours. Only Go files are parsed.
type source struct {
	path  string // from the root, with slashes
	lines int
	set   *token.FileSet
	tree  *ast.File // nil unless Go
}

func (s source) dir() string  { return path.Dir(s.path) }
func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s source) at(node ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.set.Position(node.Pos()).Line)
}

// within tells whether the file lies in one of the folders.
func (s source) within(folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return inFolder(s.dir(), folder) })
}

func inFolder(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

// imports yields what the file imports of ours, from the root.
func (s source) imports() []string {
	var found []string
	for _, spec := range s.tree.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil && strings.HasPrefix(name, module) {
			found = append(found, strings.TrimPrefix(name, module))
		}
	}
	return found
}

// TestHouse keeps the rules of the house. It reads the files itself: what asks the go command is answered from the test cache.
func TestHouse(t *testing.T) {
	t.Parallel()
	sources, err := readSources(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		for _, problem := range rule(sources) {
			t.Error(problem)
		}
	}
}

// rules is the list of what is kept. Each returns sentences that name the place, the reason and the remedy.
var rules = []func([]source) []string{
	floors, domainOrder, doors, appAndTestkit, sqlPlaces, oneWriter, length, packageComments, forbidden,
}

// counted are the endings of files that are read at all.
var counted = []string{".go", ".ts", ".svelte", ".js", ".py", ".css"}

func readSources(root fs.FS) ([]source, error) {
	var sources []source
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(name)
		}
		if !slices.Contains(counted, path.Ext(name)) {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		one, err := parse(name, text)
		if err != nil {
			return err
		}
		sources = append(sources, one)
		return nil
	})
	return sources, err
}

// skipFolder leaves out what is not written by us, or not part of the program: bench holds modules of their own that measure others.
func skipFolder(name string) error {
	base := path.Base(name)
	if name == "bench" {
		return fs.SkipDir
	}
	if name != "." && (strings.HasPrefix(base, ".") || slices.Contains([]string{"node_modules", "testdata", "dist", "data", "bin", "tmp"}, base)) {
		return fs.SkipDir
	}
	return nil
}

func parse(name string, text []byte) (source, error) {
	one := source{path: name, lines: strings.Count(string(text), "\n"), set: token.NewFileSet()}
	if path.Ext(name) != ".go" {
		return one, nil
	}
	tree, err := parser.ParseFile(one.set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return one, fmt.Errorf("parsing %s: %w", name, err)
	}
	one.tree = tree
	return one, nil
}

func goFiles(sources []source) []source {
	return slices.DeleteFunc(slices.Clone(sources), func(s source) bool { return s.tree == nil })
}

// floor returns the number of the floor on which a folder lies; false for what stands beside the house (testkit, test).
func floor(dir string) (int, bool) {
	for number, folders := range [][]string{
		{"internal/kit", "internal/schema", "web"}, {"internal/domain"}, {"internal/door"}, {"internal/app"}, {"cmd"},
	} {
		for _, folder := range folders {
			if inFolder(dir, folder) {
				return number, true
			}
		}
	}
	return 0, false
}

func floors(sources []source) []string {
	var problems []string
	for _, s := range goFiles(sources) {
		own, inside := floor(s.dir())
		for _, imported := range s.imports() {
			other, known := floor(imported)
			if inside && known && other > own {
				problems = append(problems, fmt.Sprintf("%s imports %s, which is a floor above it. Imports go down (kit, schema < domain < door < app < cmd), "+
					"so that the lower floors can be understood alone. To make something happen above, emit an event.", s.path, imported))
			}
		}
	}
	return problems
}

// domainOf returns the name of the domain that a folder belongs to, or "".
func domainOf(dir string) string {
	rest, found := strings.CutPrefix(dir, "internal/domain/")
	if !found {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func domainOrder(sources []source) []string {
	var problems []string
	for _, s := range goFiles(sources) {
		own := domainOf(s.dir())
		if own == "" {
			continue
		}
		place := slices.Index(domains, own)
		if place < 0 {
			problems = append(problems, fmt.Sprintf("%s: domain %q has no place in the order. Add it to domains in arch_test.go, after what it uses.", s.path, own))
			continue
		}
		for _, imported := range s.imports() {
			if other := domainOf(imported); other != "" && slices.Index(domains, other) > place {
				problems = append(problems, fmt.Sprintf("%s imports %s, but %s stands before %s. The order keeps domains free of cycles. Emit an event, declare the "+
					"one-method interface that you need here, or admit that both are one domain.", s.path, imported, own, other))
			}
		}
	}
	return problems
}

func doors(sources []source) []string {
	const folder, mastodon, entity = "internal/door/", "internal/door/mastodon", "internal/door/mastodon/entity"
	var problems []string
	for _, s := range goFiles(sources) {
		for _, imported := range s.imports() {
			if !strings.HasPrefix(s.dir(), folder) || !strings.HasPrefix(imported, folder) || (doorOf(s.dir()) == doorOf(imported) && !inFolder(s.dir(), entity)) {
				continue
			}
			if inFolder(s.dir(), entity) {
				if imported != entity {
					problems = append(problems, fmt.Sprintf("%s imports %s. Entities are the bottom of this door, so that every part of it can use them.", s.path, imported))
				}
				continue
			}
			problems = append(problems, fmt.Sprintf("%s imports %s. A door imports no other (only %s/* share theirs), since a protocol must not depend on another. "+
				"What both need belongs into a domain or into kit.", s.path, imported, mastodon))
		}
	}
	return problems
}

func doorOf(dir string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(dir, "internal/door/"), "/")
	return name
}

func appAndTestkit(sources []source) []string {
	var problems []string
	for _, s := range goFiles(sources) {
		for _, imported := range s.imports() {
			switch {
			case inFolder(imported, "internal/app") && !s.within("internal/app", "internal/testkit", "cmd", "test"):
				problems = append(problems, fmt.Sprintf("%s imports %s. Only cmd, testkit and test build the whole program; take what you need as a parameter.", s.path, imported))
			case inFolder(imported, "internal/testkit") && !s.isTest() && !s.within("internal/testkit", "test"):
				problems = append(problems, fmt.Sprintf("%s imports %s. Only tests may, so that nothing made for tests is in the binary.", s.path, imported))
			}
		}
	}
	return problems
}

func TestTheRulesCatchWhatTheyForbid(t *testing.T) {
	t.Parallel()
	for _, test := range archCases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var sources []source
			for name, text := range test.files {
				one, err := parse(name, []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				sources = append(sources, one)
			}
			problems := strings.Join(test.rule(sources), "\n")
			if test.want == "" && problems != "" {
				t.Errorf("complains: %s", problems)
			}
			if !strings.Contains(problems, test.want) {
				t.Errorf("says %q, want %q in it", problems, test.want)
			}
		})
	}
}
