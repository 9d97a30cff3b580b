// Package view owns how the pages that people see without the client look: public pages, sign-in and consent, failures.
// It turns plain structs into HTML and knows no store, no request and no session.
package view

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
)

//go:embed templates
var templateFiles embed.FS

// Entry of the client in Vite's manifest.
const entry = "src/main.ts"

// Renderer writes pages. It is safe for use by many goroutines.
type Renderer struct {
	pages     map[string]*template.Template
	assets    assets
	buffers   sync.Pool
	fragments fragments
}

// assets are the addresses a page loads its styles and script from.
type assets struct {
	Styles  []string
	Scripts []string
}

// New parses the templates and finds the built client's file names in dist, the content of web/dist.
// With devURL ("http://localhost:5173") pages load from Vite's development server instead. Without either,
// pages are complete but unstyled, so a binary built without the client still serves readable pages.
func New(dist fs.FS, devURL string) (*Renderer, error) {
	a, err := findAssets(dist, devURL)
	if err != nil {
		return nil, err
	}
	r := &Renderer{assets: a}
	if r.pages, err = r.parse(); err != nil {
		return nil, err
	}
	r.buffers.New = func() any { return new(bytes.Buffer) }
	return r, nil
}

// parse makes one template set a page: the layout, the shared parts and the page's own "main".
func (r *Renderer) parse() (map[string]*template.Template, error) {
	shared, err := template.New("layout.html").Funcs(funcs()).Funcs(template.FuncMap{"post": r.post}).
		ParseFS(templateFiles, "templates/layout.html", "templates/parts/*.html")
	if err != nil {
		return nil, fmt.Errorf("parsing shared templates: %w", err)
	}
	files, err := fs.Glob(templateFiles, "templates/pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("listing page templates: %w", err)
	}
	pages := make(map[string]*template.Template, len(files))
	for _, file := range files {
		set, err := shared.Clone()
		if err != nil {
			return nil, fmt.Errorf("cloning shared templates: %w", err)
		}
		if _, err := set.ParseFS(templateFiles, file); err != nil {
			return nil, fmt.Errorf("parsing %s: %w", file, err)
		}
		pages[strings.TrimSuffix(path.Base(file), ".html")] = set
	}
	return pages, nil
}

// findAssets reads Vite's manifest. A missing manifest is not a failure: the client was not built in.
func findAssets(dist fs.FS, devURL string) (assets, error) {
	if devURL != "" {
		base := strings.TrimSuffix(devURL, "/")
		return assets{
			Styles:  []string{base + "/src/style.css"},
			Scripts: []string{base + "/@vite/client", base + "/" + entry},
		}, nil
	}
	if dist == nil {
		return assets{}, nil
	}
	raw, err := fs.ReadFile(dist, ".vite/manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return assets{}, nil
	}
	if err != nil {
		return assets{}, fmt.Errorf("reading the client's manifest: %w", err)
	}
	var manifest map[string]struct {
		File string   `json:"file"`
		CSS  []string `json:"css"`
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return assets{}, fmt.Errorf("reading the client's manifest: %w", err)
	}
	chunk, ok := manifest[entry]
	if !ok {
		return assets{}, fmt.Errorf("the client's manifest does not name %s", entry)
	}
	a := assets{Scripts: []string{"/" + chunk.File}}
	for _, css := range chunk.CSS {
		a.Styles = append(a.Styles, "/"+css)
	}
	return a, nil
}

// page is what every page struct can do.
type page interface {
	base() *Page
	head() head
}

// document is what the layout sees.
type document struct {
	Page   *Page
	Head   head
	Assets assets
	Main   any
}

// render writes a whole page or, when a template fails, nothing.
func (r *Renderer) render(w io.Writer, name string, p page) error {
	buf := r.buffers.Get().(*bytes.Buffer)
	buf.Reset()
	defer r.buffers.Put(buf)
	doc := document{Page: p.base(), Head: p.head().withDefaults(p.base()), Assets: r.assets, Main: p}
	if err := r.pages[name].ExecuteTemplate(buf, "layout.html", doc); err != nil {
		return fmt.Errorf("rendering page %s: %w", name, err)
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("writing page %s: %w", name, err)
	}
	return nil
}
