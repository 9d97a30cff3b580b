package gomph_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mostLines is the length up to which a file is one idea that can be read at once.
const mostLines = 500

// sqlText recognizes a statement by its beginning, since SQL words are written in upper case here.
var sqlText = regexp.MustCompile(`^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+[a-z_]+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(UNIQUE\s+)?(TABLE|INDEX)\s|ALTER\s+TABLE\s)`)

// writing finds the tables that a statement writes. "DO UPDATE SET" and "FOR UPDATE" have no name in lower case after them.
var writing = regexp.MustCompile(`\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+([a-z][a-z0-9_]*)`)

// sqlFolders may hold SQL. Tests, testkit and the end-to-end tests may too: they look at what was written.
var sqlFolders = []string{"internal/domain", "internal/schema", "internal/kit/db", "internal/kit/jobs"}

// texts calls see with each string of the file.
func (s source) texts(see func(node ast.Node, text string)) {
	ast.Inspect(s.tree, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil {
				see(node, text)
			}
		}
		return true
	})
}

func sqlPlaces(sources []source) []string {
	var problems []string
	for _, s := range goFiles(sources) {
		if s.isTest() || s.within(sqlFolders...) || s.within("internal/testkit", "test") {
			continue
		}
		s.texts(func(node ast.Node, text string) {
			if sqlText.MatchString(text) {
				problems = append(problems, fmt.Sprintf("%s holds SQL. It belongs to the domain that owns the table (or to %s), beside the rules that it must keep. "+
					"Call a method of the domain.", s.at(node), strings.Join(sqlFolders[1:], ", ")))
			}
		})
	}
	return problems
}

func oneWriter(sources []source) []string {
	writers := map[string]map[string]string{} // table, package, place
	for _, s := range goFiles(sources) {
		if s.isTest() || !s.within(sqlFolders...) || s.within("internal/schema") {
			continue
		}
		s.texts(func(node ast.Node, text string) {
			for _, match := range writing.FindAllStringSubmatch(text, -1) {
				if writers[match[1]] == nil {
					writers[match[1]] = map[string]string{}
				}
				writers[match[1]][s.dir()] = s.at(node)
			}
		})
	}
	var problems []string
	for _, table := range slices.Sorted(maps.Keys(writers)) {
		if len(writers[table]) > 1 {
			problems = append(problems, fmt.Sprintf("table %s is written by several packages: %s. One package owns a table and keeps its rules; the others call it "+
				"with their transaction.", table, strings.Join(slices.Sorted(maps.Values(writers[table])), ", ")))
		}
	}
	return problems
}

func length(sources []source) []string {
	var problems []string
	for _, s := range sources {
		if s.lines > mostLines {
			problems = append(problems, fmt.Sprintf("%s has %d lines, more than %d. A file is one idea; find the second one in it and give it a file.", s.path, s.lines, mostLines))
		}
	}
	return problems
}

// packageComments wants one sentence about what a package owns, where one looks for it. Folders with tests only need none.
func packageComments(sources []source) []string {
	type pack struct {
		name   string
		stated bool
	}
	packs := map[string]*pack{}
	for _, s := range goFiles(sources) {
		if s.isTest() || ignored(s) {
			continue
		}
		if packs[s.dir()] == nil {
			packs[s.dir()] = &pack{name: s.tree.Name.Name}
		}
		found := packs[s.dir()]
		if file := path.Base(s.path); file == found.name+".go" || file == "doc.go" {
			found.stated = found.stated || states(s.tree)
		}
	}
	var problems []string
	for _, dir := range slices.Sorted(maps.Keys(packs)) {
		if one := packs[dir]; !one.stated {
			problems = append(problems, fmt.Sprintf("%s: no package comment in %s.go (or doc.go) starts with %q. Say in one sentence what is here and nowhere else.",
				dir, one.name, statement(one.name)))
		}
	}
	return problems
}

func statement(name string) string {
	if name == "main" {
		return "Command "
	}
	return "Package " + name + " owns"
}

func states(tree *ast.File) bool {
	return tree.Doc != nil && strings.HasPrefix(tree.Doc.Text(), statement(tree.Name.Name))
}

// ignored tells of files that are never built: they only hold the versions of dependencies.
func ignored(s source) bool {
	for _, group := range s.tree.Comments {
		for _, comment := range group.List {
			if comment.Text == "//go:build never" {
				return true
			}
		}
	}
	return false
}

// unfinished finds notes about work not done.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

// forbidden looks for what is never right here.
func forbidden(sources []source) []string {
	var problems []string
	complain := func(s source, node ast.Node, sentence string) { problems = append(problems, s.at(node)+" "+sentence) }
	for _, s := range goFiles(sources) {
		for _, group := range s.tree.Comments {
			if unfinished.MatchString(group.Text()) {
				complain(s, group, "notes unfinished work. Finish it, or open an issue and leave the note out.")
			}
		}
		ast.Inspect(s.tree, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.FuncDecl:
				// A process that is started anew as a part of itself must never come to main, in no program that has the part (ADR 0010).
				if node.Recv == nil && node.Name.Name == "init" && !s.within("internal/kit/sandbox", "internal/kit/picture") {
					complain(s, node, "declares init, which runs before anybody asked and in an order that nobody sees. Call a function from app.go.")
				}
			case *ast.SelectorExpr:
				if (s.isTest() || s.within("internal/testkit", "test") && !s.within("test/bench")) && isSleep(node) && !fakesTime(s) {
					complain(s, node, "sleeps: too short on a busy machine, too long on any other. Wait for a signal, or ask again until a deadline.")
				}
			case *ast.Field:
				if node.Tag != nil && s.within("internal/domain") && strings.Contains(node.Tag.Value, `json:"`) {
					complain(s, node, "has a json tag in a domain. How things look outside is the doors' business; shapes live in door/mastodon/entity.")
				}
			}
			return true
		})
	}
	return problems
}

func isSleep(node *ast.SelectorExpr) bool {
	pack, ok := node.X.(*ast.Ident)
	return ok && pack.Name == "time" && node.Sel.Name == "Sleep"
}

// fakesTime tells whether a test runs on a clock that does not wait.
func fakesTime(s source) bool {
	return slices.ContainsFunc(s.tree.Imports, func(spec *ast.ImportSpec) bool { return spec.Path.Value == `"testing/synctest"` })
}
