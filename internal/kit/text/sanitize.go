package text

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	// maxDepth bounds how deep the elements of cleaned HTML nest. Browsers and clients have limits too, and posts need ten.
	maxDepth = 64
	// maxOpen bounds the elements of the input that are open at once, kept or not; deeper tags are dropped, their text stays.
	maxOpen = 128
)

// Sanitize cleans the HTML of others by the rules of Mastodon 4.6: a list of harmless elements, classes and attributes stays, of
// the rest only the text. It reads MaxHTML bytes. What it gives is well nested, nests in no way that a browser would
// change while parsing, and does not change when it is cleaned again.
//
// It makes tokens of the input and keeps its own stack, rather than building the tree that a browser would: that tree can be
// a thousand times larger than its input.
func Sanitize(src string) string {
	c := cleaner{z: html.NewTokenizer(strings.NewReader(strings.ToValidUTF8(cut(src, MaxHTML), "\uFFFD")))}
	c.out = make([]byte, 0, min(len(src)+len(src)/4+64, MaxHTML))
	for !c.full {
		switch c.z.Next() {
		case html.ErrorToken:
			c.finish()
			return string(c.out)
		case html.TextToken:
			c.textToken(c.z.Text())
		case html.StartTagToken:
			c.startTag(false)
		case html.SelfClosingTagToken:
			c.startTag(true)
		case html.EndTagToken:
			name, _ := c.z.TagName()
			c.endTag(name)
		case html.CommentToken, html.DoctypeToken:
			c.fresh = false
		}
	}
	c.finish()
	return string(c.out)
}

// element is an open element of the input.
type element struct {
	name  atom.Atom
	kept  bool
	flat  bool // only the text of what is inside stays
	space bool // a space stands in for its end
	mark  int  // how much output there was at its start
}

type cleaner struct {
	z       *html.Tokenizer
	out     []byte
	stack   []element
	depth   int // of the output
	closers int // the bytes that the end tags of all kept elements need
	flat    int
	raw     atom.Atom // the element whose content is being skipped
	foreign *foreign
	link    *anchor
	buf     []byte
	pre     int  // the output's length behind a <pre> that is still empty
	fresh   bool // the last token was <pre>
	full    bool
}

func (c *cleaner) startTag(selfClosing bool) {
	raw, hasAttr := c.z.TagName()
	name := atom.Lookup(raw)
	if c.raw != 0 {
		return
	}
	c.fresh = false
	if c.foreign != nil {
		if !c.foreign.breaksOut(name) {
			c.foreign.start(raw, attributes(c.z, hasAttr), selfClosing)
			return
		}
		c.endForeign()
	}
	switch {
	case name == 0:
		return
	case isRaw(name):
		c.raw = name
		return
	case name == atom.Math || name == atom.Svg:
		if !selfClosing {
			c.foreign = newForeign(raw, attributes(c.z, hasAttr))
		}
		return
	case name == atom.Br:
		c.br()
		return
	case name == atom.Hr:
		c.closeNearest(atom.P)
		c.text(" ")
		return
	case isVoid(name):
		return
	}
	c.closeImplied(name)
	if len(c.stack) < maxOpen {
		c.open(name, hasAttr)
	}
}

// open starts an element, kept or not.
func (c *cleaner) open(name atom.Atom, hasAttr bool) {
	e := element{name: name}
	switch {
	case c.flat > 0:
	case isAllowed(name) && c.fits(name):
		attrs := attributes(c.z, hasAttr)
		if name == atom.A && linkScheme(attrs.get("href")) == "" {
			e.flat = true
			c.flat++
			break
		}
		c.buf = appendTag(c.buf[:0], name, attrs)
		e.kept = c.write(c.buf, len(endTag(name)))
		if e.kept {
			c.started(name, attrs)
		}
	case isSpaced(name):
		c.text(" ")
		e.space = true
	}
	e.mark = len(c.out)
	c.stack = append(c.stack, e)
}

// started notes what a kept element changes for its content.
func (c *cleaner) started(name atom.Atom, attrs attrs) {
	c.depth += levels(name)
	switch name {
	case atom.Pre:
		c.pre, c.fresh = len(c.out), true
	case atom.A:
		c.link = newAnchor(attrs, len(c.out))
	case atom.Span:
		c.link.enter(attrs)
	}
}

func (c *cleaner) endTag(raw []byte) {
	name := atom.Lookup(raw)
	if c.raw != 0 {
		if name == c.raw {
			c.raw = 0
		}
		return
	}
	c.fresh = false
	if c.foreign != nil {
		if c.foreign.end(raw) {
			c.endForeign()
		}
		return
	}
	if name == atom.Br {
		c.br()
		return
	}
	for i := len(c.stack) - 1; i >= 0; i-- {
		open := c.stack[i].name
		switch {
		case open == name, isHeading(open) && isHeading(name):
			c.closeTo(i)
			return
		case !isSpecial(name) && isSpecial(open), name == atom.Li && (open == atom.Ul || open == atom.Ol):
			return
		}
	}
}

func (c *cleaner) br() {
	if c.flat == 0 {
		c.write([]byte("<br>"), 0)
	}
}

// closeTo ends all elements from the i-th on.
func (c *cleaner) closeTo(i int) {
	for len(c.stack) > i {
		e := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		if e.flat {
			c.flat--
		}
		if e.kept {
			if e.name == atom.A {
				c.out = c.link.close(c.out)
				c.link, c.pre = nil, 0 // what pre points to may have moved
			}
			end := endTag(e.name)
			c.closers -= len(end)
			c.depth -= levels(e.name)
			c.out = append(c.out, end...)
			if e.name == atom.Span {
				c.link.leave()
			}
		}
		if e.space && len(c.out) > e.mark {
			c.text(" ")
		}
	}
}

func (c *cleaner) finish() {
	if c.foreign != nil {
		c.endForeign()
	}
	c.full = true
	c.closeTo(0)
}

func (c *cleaner) endForeign() {
	s := c.foreign.text()
	c.foreign = nil
	c.text(s)
}

func (c *cleaner) textToken(b []byte) {
	fresh := c.fresh
	c.fresh = false
	switch {
	case c.raw != 0:
		return
	case c.foreign != nil:
		c.foreign.add(b)
		return
	case fresh:
		// A browser drops the line feed behind <pre>.
		b = bytes.TrimPrefix(b, []byte("\n"))
	}
	c.text(string(b))
}

// text writes what is to be read.
func (c *cleaner) text(s string) {
	s = printable(s)
	if s == "" || c.full {
		return
	}
	c.link.read(s)
	c.buf = c.buf[:0]
	if c.pre == len(c.out) && c.pre > 0 && s[0] == '\n' {
		c.buf = append(c.buf, '\n')
	}
	c.buf = appendEscaped(c.buf, s, false)
	if free := MaxHTML - len(c.out) - c.closers; len(c.buf) > free {
		c.buf = cutEscaped(c.buf, free)
		c.full = true
	}
	c.out = append(c.out, c.buf...)
}

// write adds a tag if there is room for it and for its end.
func (c *cleaner) write(tag []byte, closer int) bool {
	if c.full || len(c.out)+len(tag)+c.closers+closer > MaxHTML {
		c.full = true
		return false
	}
	c.out = append(c.out, tag...)
	c.closers += closer
	return true
}

// printable drops control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r == '\t', r == '\n':
			return r
		case r < 0x20, 0x7F <= r && r < 0xA0:
			return -1
		}
		return r
	}, s)
}

// cutEscaped shortens escaped text without breaking a character.
func cutEscaped(b []byte, n int) []byte {
	n = max(n, 0)
	for n > 0 && b[n]&0xC0 == 0x80 {
		n--
	}
	b = b[:n]
	if i := bytes.LastIndexByte(b, '&'); i >= 0 && bytes.IndexByte(b[i:], ';') < 0 {
		b = b[:i]
	}
	return b
}

// anchor follows what is shown of a kept link, so that it cannot hide where it leads.
type anchor struct {
	attrs  attrs
	start  int
	depth  int // of spans
	hidden int // the depth of the outermost invisible span, or 0
	ever   bool
	shown  strings.Builder
	all    strings.Builder
}

func newAnchor(a attrs, start int) *anchor { return &anchor{attrs: a, start: start} }

func (a *anchor) enter(attrs attrs) {
	if a == nil {
		return
	}
	a.depth++
	if a.hidden == 0 && hasClass(attrs.get("class"), "invisible") {
		a.hidden, a.ever = a.depth, true
	}
}

func (a *anchor) leave() {
	if a == nil {
		return
	}
	if a.hidden == a.depth {
		a.hidden = 0
	}
	a.depth--
}

func (a *anchor) read(s string) {
	if a == nil {
		return
	}
	a.all.WriteString(s)
	if a.hidden == 0 {
		a.shown.WriteString(s)
	}
}

// close takes the class invisible from the content of a link, the end of out, whose visible part does not start with its host.
func (a *anchor) close(out []byte) []byte {
	if !a.ever || a.honest() {
		return out
	}
	content := string(out[a.start:])
	out = out[:a.start]
	for content != "" {
		i := strings.Index(content, `<span`)
		if i < 0 {
			break
		}
		n := i + strings.IndexByte(content[i:], '>') + 1
		out = append(append(out, content[:i]...), visible(content[i:n])...)
		content = content[n:]
	}
	return append(out, content...)
}

// visible is a start tag without the class invisible.
func visible(tag string) string {
	before, rest, ok := strings.Cut(tag, ` class="`)
	if !ok {
		return tag
	}
	value, after, _ := strings.Cut(rest, `"`)
	kept := strings.Fields(value)
	for i := len(kept) - 1; i >= 0; i-- {
		if kept[i] == "invisible" {
			kept = append(kept[:i], kept[i+1:]...)
		}
	}
	return before + ` class="` + strings.Join(kept, " ") + `"` + after
}

func (a *anchor) honest() bool {
	href := a.attrs.get("href")
	_, rest, ok := strings.Cut(href, "://")
	if !ok {
		return true // no host to hide
	}
	host := rest
	if i := strings.IndexAny(host, "/?#\\"); i >= 0 {
		host = host[:i]
	}
	if strings.Contains(host, "@") {
		return false
	}
	if a.all.String() == href && utf8.RuneCountInString(host) > shownURL {
		return true
	}
	shown := strings.TrimPrefix(strings.ToLower(a.shown.String()), "www.")
	host = strings.TrimPrefix(strings.ToLower(host), "www.")
	return startsWithHost(shown, host) || startsWithHost(shown, displayDomain(host))
}

func startsWithHost(shown, host string) bool {
	rest, ok := strings.CutPrefix(shown, host)
	return ok && (rest == "" || strings.ContainsRune("/?# ", rune(rest[0])))
}
