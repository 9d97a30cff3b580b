package text

import (
	"strings"

	"golang.org/x/net/html/atom"
)

// foreign follows a formula or drawing that is being dropped. Of a formula stays what it says as text (FEP-dc88): its first
// child is <semantics>, with an <annotation> in TeX, or else in plain text.
type foreign struct {
	path     []string
	block    bool
	children int // elements directly in <math> so far
	encoding string
	tex      *strings.Builder
	plain    *strings.Builder
}

func newForeign(name []byte, attrs attrs) *foreign {
	return &foreign{path: []string{string(name)}, block: attrs.get("display") == "block"}
}

// breaksOut reports whether the start of an HTML element ends the drawing or formula.
func (f *foreign) breaksOut(name atom.Atom) bool {
	switch f.path[len(f.path)-1] {
	case "mi", "mo", "mn", "ms", "mtext", "annotation", "annotation-xml", "foreignobject", "desc", "title":
		return false // HTML may stand here
	}
	switch name {
	case atom.P, atom.Div, atom.Blockquote, atom.Pre, atom.Ul, atom.Ol, atom.Li, atom.Br, atom.Table, atom.Span:
		return true
	}
	return isHeading(name)
}

func (f *foreign) start(name []byte, attrs attrs, selfClosing bool) {
	if len(f.path) == 1 {
		f.children++
	}
	if selfClosing || len(f.path) >= maxOpen {
		return
	}
	f.path = append(f.path, string(name))
	if !f.inAnnotation() {
		return
	}
	switch f.encoding = attrs.get("encoding"); {
	case f.encoding == "application/x-tex" && f.tex == nil:
		f.tex = &strings.Builder{}
	case f.encoding == "text/plain" && f.plain == nil:
		f.plain = &strings.Builder{}
	default:
		f.encoding = ""
	}
}

func (f *foreign) inAnnotation() bool {
	return len(f.path) == 3 && f.path[0] == "math" && f.path[1] == "semantics" && f.path[2] == "annotation" && f.children == 1
}

// end takes an end tag and reports whether it ends the whole.
func (f *foreign) end(name []byte) bool {
	for i := len(f.path) - 1; i >= 0; i-- {
		if f.path[i] == string(name) {
			f.path = f.path[:i]
			return i == 0
		}
	}
	return false
}

func (f *foreign) add(text []byte) {
	if !f.inAnnotation() {
		return
	}
	switch f.encoding {
	case "application/x-tex":
		f.tex.Write(text)
	case "text/plain":
		f.plain.Write(text)
	}
}

// text is what stays.
func (f *foreign) text() string {
	switch {
	case f.tex != nil && f.block:
		return "$$" + f.tex.String() + "$$"
	case f.tex != nil:
		return "$" + f.tex.String() + "$"
	case f.plain != nil:
		return f.plain.String()
	}
	return ""
}
