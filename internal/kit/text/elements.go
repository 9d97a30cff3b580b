package text

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// isAllowed is the list of elements that stay; headings stay as <p><strong>.
func isAllowed(a atom.Atom) bool {
	switch a {
	case atom.P, atom.Span, atom.A, atom.Del, atom.S, atom.Pre, atom.Blockquote, atom.Code, atom.B, atom.Strong, atom.U,
		atom.I, atom.Em, atom.Ul, atom.Ol, atom.Li, atom.Ruby, atom.Rt, atom.Rp:
		return true
	}
	return isHeading(a)
}

func isHeading(a atom.Atom) bool {
	switch a {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		return true
	}
	return false
}

// isRaw are the elements that go with all that is in them, and that a browser does not read as HTML.
func isRaw(a atom.Atom) bool {
	switch a {
	case atom.Iframe, atom.Noembed, atom.Noframes, atom.Noscript, atom.Plaintext, atom.Script, atom.Style, atom.Xmp:
		return true
	}
	return false
}

func isVoid(a atom.Atom) bool {
	switch a {
	case atom.Area, atom.Base, atom.Br, atom.Col, atom.Embed, atom.Hr, atom.Img, atom.Input, atom.Link, atom.Meta, atom.Param,
		atom.Source, atom.Track, atom.Wbr:
		return true
	}
	return false
}

// isSpaced are the elements that leave a space where they were.
func isSpaced(a atom.Atom) bool {
	switch a {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Dd, atom.Div, atom.Dl, atom.Dt, atom.Footer,
		atom.Header, atom.Hgroup, atom.Li, atom.Nav, atom.Ol, atom.P, atom.Pre, atom.Section, atom.Ul:
		return true
	}
	return isHeading(a)
}

// isSpecial are the elements across which an inline element's end tag does not reach.
func isSpecial(a atom.Atom) bool {
	switch a {
	case atom.Button, atom.Caption, atom.Center, atom.Details, atom.Fieldset, atom.Figcaption, atom.Figure, atom.Form,
		atom.Main, atom.Marquee, atom.Menu, atom.Object, atom.Select, atom.Summary, atom.Table, atom.Tbody, atom.Td,
		atom.Template, atom.Tfoot, atom.Th, atom.Thead, atom.Tr:
		return true
	}
	return isSpaced(a)
}

// endsP are the elements whose start ends an open paragraph.
func endsP(a atom.Atom) bool {
	switch a {
	case atom.Center, atom.Details, atom.Fieldset, atom.Figcaption, atom.Figure, atom.Form, atom.Main, atom.Menu,
		atom.Summary, atom.Table:
		return true
	}
	return isSpaced(a)
}

// closeImplied ends what the start of an element ends.
func (c *cleaner) closeImplied(name atom.Atom) {
	if endsP(name) {
		c.closeNearest(atom.P)
	}
	switch {
	case name == atom.A:
		c.closeNearest(atom.A)
	case name == atom.Li:
		c.closeItem()
	case name == atom.Rt || name == atom.Rp:
		for n := len(c.stack); n > 0 && (c.stack[n-1].name == atom.Rt || c.stack[n-1].name == atom.Rp || c.stack[n-1].name == atom.P); n-- {
			c.closeTo(n - 1)
		}
	case isHeading(name):
		if n := len(c.stack); n > 0 && isHeading(c.stack[n-1].name) {
			c.closeTo(n - 1)
		}
	}
}

func (c *cleaner) closeNearest(name atom.Atom) {
	for i := len(c.stack) - 1; i >= 0; i-- {
		if c.stack[i].name == name {
			c.closeTo(i)
			return
		}
	}
}

// closeItem ends the list item that the start of another one ends.
func (c *cleaner) closeItem() {
	for i := len(c.stack) - 1; i >= 0; i-- {
		switch name := c.stack[i].name; {
		case name == atom.Li:
			c.closeTo(i)
			return
		case isSpecial(name) && name != atom.P && name != atom.Div && name != atom.Address:
			return
		}
	}
}

// fits reports whether an element may stand here in the output. Where not, a browser would end another element first, and
// the tree would not be the one that was written.
func (c *cleaner) fits(name atom.Atom) bool {
	if c.depth+levels(name) > maxDepth {
		return false
	}
	top, item := atom.Atom(0), atom.Atom(0) // the innermost kept element; the innermost one that matters to list items
	for i := len(c.stack) - 1; i >= 0; i-- {
		e := c.stack[i]
		if !e.kept {
			continue
		}
		if top == 0 {
			top = e.name
		}
		paragraph := e.name == atom.P || isHeading(e.name)
		if paragraph && isSpaced(name) || e.name == atom.A && name == atom.A {
			return false
		}
		if item == 0 && isSpaced(e.name) && !paragraph {
			item = e.name
		}
	}
	switch name {
	case atom.Li:
		return item != atom.Li
	case atom.Rt, atom.Rp:
		return top == atom.Ruby
	}
	return true
}

// levels is how many elements one becomes.
func levels(name atom.Atom) int {
	if isHeading(name) {
		return 2
	}
	return 1
}

func endTag(name atom.Atom) string {
	if isHeading(name) {
		return "</strong></p>"
	}
	switch name { // the usual ones without an allocation
	case atom.P:
		return "</p>"
	case atom.A:
		return "</a>"
	case atom.Span:
		return "</span>"
	}
	return "</" + name.String() + ">"
}

const (
	// maxAttr is the longest value in bytes of an attribute other than href.
	maxAttr = 256
	// maxAttrs is how many attributes of a tag are read.
	maxAttrs = 32
)

// attr is an attribute; attrs are those of one tag, each name once.
type (
	attr  struct{ name, value string }
	attrs []attr
)

func (a attrs) get(name string) string {
	for _, at := range a {
		if at.name == name {
			return at.value
		}
	}
	return ""
}

// attributes reads what may matter of the current tag's attributes.
func attributes(z *html.Tokenizer, more bool) attrs {
	var out attrs
	for n := 0; more && n < maxAttrs; n++ {
		var key, value []byte
		key, value, more = z.TagAttr()
		name := attrName(key)
		if name == "" {
			continue
		}
		known := false
		for _, at := range out {
			known = known || at.name == name
		}
		if !known {
			out = append(out, attr{name, string(value)})
		}
	}
	return out
}

// attrName gives an attribute's name if anything asks for it.
func attrName(key []byte) string {
	switch string(key) {
	case "href":
		return "href"
	case "class":
		return "class"
	case "rel":
		return "rel"
	case "lang":
		return "lang"
	case "translate":
		return "translate"
	case "start":
		return "start"
	case "reversed":
		return "reversed"
	case "value":
		return "value"
	case "encoding":
		return "encoding"
	case "display":
		return "display"
	}
	return ""
}

// appendTag adds an element's start, with the attributes that it may have, to b.
func appendTag(b []byte, name atom.Atom, attrs attrs) []byte {
	if isHeading(name) {
		b = append(b, "<p"...)
		if lang, ok := keptAttr(atom.P, attr{"lang", attrs.get("lang")}); ok && lang != "" {
			b = appendAttr(b, "lang", lang)
		}
		return append(b, "><strong>"...)
	}
	b = append(append(b, '<'), name.String()...)
	rel := false
	for _, at := range attrs {
		value, ok := keptAttr(name, at)
		if !ok {
			continue
		}
		rel = rel || at.name == "rel"
		b = appendAttr(b, at.name, value)
	}
	if name == atom.A {
		if !rel {
			b = appendAttr(b, "rel", linkRel)
		}
		b = appendAttr(b, "target", "_blank")
	}
	return append(b, '>')
}

// linkRel is the rel of all links of others: no credit to where they lead, and no handle on our page.
const linkRel = "nofollow noopener"

// keptAttr gives the value with which an attribute stays.
func keptAttr(name atom.Atom, at attr) (string, bool) {
	if at.name != "href" && len(at.value) > maxAttr {
		return "", false
	}
	switch at.name {
	case "lang":
		return printable(at.value), true
	case "class":
		return keptClasses(at.value), name == atom.A || name == atom.Span || name == atom.P
	case "translate":
		return at.value, at.value == "no" && (name == atom.A || name == atom.Span)
	case "href":
		return oneLine(at.value), name == atom.A
	case "rel":
		return linkRel, name == atom.A
	case "start":
		return at.value, name == atom.Ol && isInteger(at.value)
	case "reversed":
		return "", name == atom.Ol
	case "value":
		return at.value, name == atom.Li && isInteger(at.value)
	}
	return "", false
}

// oneLine drops all control characters; browsers skip tabs and line feeds in an address, people should not have to.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || 0x7F <= r && r < 0xA0 {
			return -1
		}
		return r
	}, s)
}

// keptClasses leaves microformats, the marks of mentions and hashtags, and those of shortened links and quotes.
func keptClasses(value string) string {
	var kept []string
	for _, class := range strings.Fields(value) {
		prefix, _, dashed := strings.Cut(class, "-")
		switch class {
		case "mention", "hashtag", "ellipsis", "invisible", "quote-inline":
			kept = append(kept, class)
			continue
		}
		switch prefix {
		case "h", "p", "u", "dt", "e":
			if dashed {
				kept = append(kept, printable(class))
			}
		}
	}
	return strings.Join(kept, " ")
}

func hasClass(value, class string) bool {
	for have := range strings.FieldsSeq(value) {
		if have == class {
			return true
		}
	}
	return false
}

// isInteger takes what fits an int32, which is what browsers take.
func isInteger(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits != "" && len(digits) < 10 && strings.Trim(digits, "0123456789") == ""
}

func appendAttr(b []byte, name, value string) []byte {
	b = append(append(append(b, ' '), name...), `="`...)
	return append(appendEscaped(b, value, true), '"')
}

// appendEscaped adds s to b as HTML writes text, or an attribute's value.
func appendEscaped(b []byte, s string, quotes bool) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '&':
			b = append(b, "&amp;"...)
		case c == '<':
			b = append(b, "&lt;"...)
		case c == '>':
			b = append(b, "&gt;"...)
		case c == '"' && quotes:
			b = append(b, "&quot;"...)
		case c == 0xC2 && i+1 < len(s) && s[i+1] == 0xA0:
			b = append(b, "&nbsp;"...)
			i++
		default:
			b = append(b, c)
		}
	}
	return b
}

// linkScheme gives the scheme of an address if posts may link to it, or "". The address starts with it, to the letter.
func linkScheme(address string) string {
	if len(address) > maxURL {
		return ""
	}
	scheme, _, ok := strings.Cut(address, ":")
	if !ok {
		return ""
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "http", "https", "dat", "dweb", "ipfs", "ipns", "ssb", "gopher", "xmpp", "magnet", "gemini":
		return scheme
	}
	return ""
}
