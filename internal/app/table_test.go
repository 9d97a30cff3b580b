package app

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/door/mastodon/api"
)

// row is a line of testdata/mastodon-api/endpoints.tsv.
type row struct {
	method, path, group, auth, scope, since, state, params, returns, paging string
}

func endpoints(t *testing.T) []row {
	t.Helper()
	var out []row
	for _, c := range rows(t, filepath.Join("mastodon-api", "endpoints.tsv"), 11) {
		out = append(out, row{c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]})
	}
	return out
}

// later tells which part of the table comes with the tools of moderation.
func (r row) later() bool {
	return r.group == "fasp" || strings.HasPrefix(r.group, "admin/")
}

func (r row) removed() bool { return strings.HasPrefix(r.state, "removed") }

var parameter = regexp.MustCompile(`\{[^}]+\}|:[a-z_]+`)

// name is a route without the names of its parameters. PUT and PATCH are one, and a socket begins as GET.
func name(method, path string) string {
	switch method {
	case http.MethodPut:
		method = http.MethodPatch
	case "WS":
		method = http.MethodGet
	}
	return method + " " + parameter.ReplaceAllString(path, "*")
}

// answered is every route of a whole server, with the door that answers it.
func answered(t *testing.T, a *App) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := chi.Walk(a.router(Plan{Roles: Roles}), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		out[name(method, path)] = "pages"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, r := range api.Describe(a.routes()) {
		out[name(r.Method, r.Pattern)] = "API"
	}
	for r := range out {
		if strings.Contains(r, " /api/v1/streaming") {
			out[r] = "streaming"
		}
	}
	return out
}

// door is who answers a row; "" for nobody.
func (r row) door(routes map[string]string) string {
	if r.path == "/metrics" {
		return "metrics" // at an address of its own: METRICS_BIND
	}
	if d := routes[name(r.method, r.path)]; d != "" {
		return d
	}
	if strings.HasPrefix(r.path, "/api/v1/streaming/") {
		return routes["GET /api/v1/streaming/*"]
	}
	return ""
}

// TestEveryRowIsAnswered holds the server against Mastodon's endpoints: each one is there, and those that Mastodon removed are not.
func TestEveryRowIsAnswered(t *testing.T) {
	t.Parallel()
	routes := answered(t, open(t))
	for _, r := range endpoints(t) {
		door := r.door(routes)
		switch {
		case r.later():
		case r.removed() && door != "":
			t.Errorf("%s %s was %s and is answered", r.method, r.path, r.state)
		case !r.removed() && door == "":
			t.Errorf("%s %s is missing", r.method, r.path)
		}
	}
}

func TestDocsListRoutes(t *testing.T) {
	t.Parallel()
	a := open(t)
	routes := answered(t, a)
	limits := map[string]string{}
	for _, r := range api.Describe(a.routes()) {
		limits[name(r.Method, r.Pattern)] = r.Limit
	}
	var b strings.Builder
	b.WriteString("| method | path | answered by | who | scopes (one of) | limit | parameters | returns | pages |\n|---|---|---|---|---|---|---|---|---|\n")
	list := endpoints(t)
	slices.SortStableFunc(list, func(x, y row) int { return strings.Compare(x.path, y.path) })
	cell := func(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
	for _, r := range list {
		state := r.door(routes)
		switch {
		case r.removed():
			state = "404 (" + r.state + ")"
		case r.later():
			state = "not yet"
		case state == "":
			state = "**nobody**"
		case r.state != "":
			state += " (" + r.state + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.method, r.path, state, r.auth, strings.ReplaceAll(r.scope, "|", ", "), limits[name(r.method, r.path)],
			cell(r.params), cell(r.returns), strings.TrimPrefix(r.paging, "none"))
	}
	generated(t, "api.md", "The Mastodon API, row by row", "Every endpoint of Mastodon 4.6.5 and who answers it here: the API, its streaming part, pages, or metrics at an address of their own. "+
		"Tests hold each row to its column: who may ask and with which scopes, what is refused, what is returned, and that pages come to an end without gap or double (`internal/door/mastodon/rest`). "+
		"PUT and PATCH are one. Other paths under /api are 404.", b.String())
}
