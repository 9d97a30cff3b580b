package text

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Plain gives the text of HTML: breaks and the ends of paragraphs become line feeds, one for several that touch. It is for
// search, mails and previews; to show it on a page it must be escaped again.
func Plain(src string) string {
	z := html.NewTokenizer(strings.NewReader(strings.ToValidUTF8(cut(src, MaxHTML), "\uFFFD")))
	var b strings.Builder
	b.Grow(min(len(src), MaxHTML))
	var skip atom.Atom // the element whose content is being dropped
	depth := 0         // of elements of that name
	breaks := false
	flush := func() {
		if breaks {
			b.WriteByte('\n')
			breaks = false
		}
	}
	for {
		kind := z.Next()
		switch kind {
		case html.ErrorToken:
			return b.String() // a break at the very end is none
		case html.TextToken:
			if skip == 0 {
				if s := printable(string(z.Text())); s != "" {
					flush()
					b.WriteString(s)
				}
			}
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			raw, _ := z.TagName()
			name := atom.Lookup(raw)
			switch {
			case skip != 0:
				if name != skip {
					continue
				}
				switch kind {
				case html.StartTagToken:
					depth++
				case html.EndTagToken:
					if depth--; depth == 0 {
						skip = 0
					}
				}
			case name == atom.Br, name == atom.P && kind == html.EndTagToken:
				breaks = true
			case kind == html.StartTagToken && (isRaw(name) || name == atom.Math || name == atom.Svg):
				skip, depth = name, 1
			default:
				flush()
			}
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

// maxLinks bounds what Links gives: each link may cause a request.
const maxLinks = 100

// Links gives the addresses, http or https, that cleaned HTML links to, each once, in order. Mentions, hashtags and the
// address of a quoted post are left out.
func Links(src string) []string {
	z := html.NewTokenizer(strings.NewReader(cut(src, MaxHTML)))
	var out []string
	quote, depth := 0, 0 // the depth of the element that holds the address of a quoted post, or 0
	for len(out) < maxLinks {
		switch z.Next() {
		case html.ErrorToken:
			return out
		case html.StartTagToken:
			raw, more := z.TagName()
			name := atom.Lookup(raw)
			if isVoid(name) {
				continue
			}
			depth++
			attrs := attributes(z, more)
			if quote == 0 && hasClass(attrs.get("class"), "quote-inline") {
				quote = depth
			}
			if href := attrs.get("href"); name == atom.A && quote == 0 && isPlainLink(attrs) && !slices.Contains(out, href) {
				out = append(out, href)
			}
		case html.EndTagToken:
			if depth == quote {
				quote = 0
			}
			depth = max(depth-1, 0)
		case html.TextToken, html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
	return out
}

// isPlainLink reports whether a link leads to a page, and is neither a mention nor a hashtag.
func isPlainLink(a attrs) bool {
	if scheme := linkScheme(a.get("href")); scheme != "http" && scheme != "https" {
		return false
	}
	class := a.get("class")
	for _, c := range []string{"mention", "hashtag", "u-url", "h-card"} {
		if hasClass(class, c) {
			return false
		}
	}
	return !hasClass(a.get("rel"), "tag")
}
