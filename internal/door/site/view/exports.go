package view

import (
	"io"
	"time"
)

// Where the pages of this file live; those of exports are Mastodon's.
const (
	PathExport  = "/settings/export"  // GET; POST: asks for an archive
	PathExports = "/settings/exports" // GET {name}.csv
	PathBackups = "/settings/backups" // GET {id}.zip
	PathImports = "/settings/imports" // GET; POST: data (file), type, mode; {id} GET; {id}/confirm, {id}/cancel POST; {id}/failures.csv GET
)

// Export is the page from which a person takes lists and archives along.
type Export struct {
	Page
	Form
	Lists   []ExportList
	Backups []Backup
	MayAsk  bool // for another archive
}

// ExportList is a list to take along.
type ExportList struct {
	Label, URL string
	Count      int64
}

// Backup is an archive; URL is empty while it is written.
type Backup struct {
	URL       string
	Size      int64 // bytes
	CreatedAt time.Time
}

func (p Export) head() head {
	h := card(p.Site, "Take your data along", PathExport)
	h.Card = false
	return h
}

// Export writes the page of what can be taken along.
func (r *Renderer) Export(w io.Writer, p Export) error { return r.render(w, "export", &p) }

// Imports is the page on which a person brings lists along.
type Imports struct {
	Page
	Form
	Types   []Option
	Imports []Import
}

// Option is one of several words.
type Option struct{ Value, Label string }

// Import is a list that was brought along.
type Import struct {
	ID, Label, Filename                string
	Overwrite, Mismatched              bool
	Waiting, Finished                  bool // for confirmation; with all lines
	Total, Processed, Imported, Failed int64
	CreatedAt                          time.Time
}

func (p Imports) head() head {
	h := card(p.Site, "Bring your data along", PathImports)
	h.Card = false
	return h
}

// Imports writes the page of what was brought along.
func (r *Renderer) Imports(w io.Writer, p Imports) error { return r.render(w, "imports", &p) }

// ImportPage shows one of them, and asks whether it may begin.
type ImportPage struct {
	Page
	Import Import
}

func (p ImportPage) head() head {
	h := card(p.Site, "Bring your data along", PathImports)
	h.Card = false
	return h
}

// ImportPage writes the page of one import.
func (r *Renderer) ImportPage(w io.Writer, p ImportPage) error { return r.render(w, "import", &p) }
