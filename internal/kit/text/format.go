package text

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// MentionLink says where a mention leads. Domain "" is this server.
type MentionLink struct{ Username, Domain, URL string }

// FormatOptions says how Format links what it finds.
type FormatOptions struct {
	// Mentions has the known accounts by Mention.Acct of what was typed: an account of this server that was mentioned as
	// "@bob@this.server" is found under "bob@this.server". A mention that is not here stays plain text.
	Mentions map[string]MentionLink
	// TagURL gives the address of a hashtag, which it is handed as typed; TagPath makes a path of it. Without it, hashtags
	// stay plain text.
	TagURL func(name string) string
	// RelMe marks links as pages of the same person, for profile fields.
	RelMe bool
	// SingleLine leaves out paragraphs and shows mentions with their domain, for profile fields.
	SingleLine bool
}

// shownURL is how many characters of a link are shown.
const shownURL = 30

// Format turns plain text written here into HTML, as Mastodon does.
func Format(src string, o FormatOptions) string {
	src = clean(src)
	if isBlank(src) {
		return ""
	}
	var b strings.Builder
	b.Grow(len(src) + len(src)/2 + 64)
	last := 0
	for _, e := range entities(src) {
		escapeText(&b, src[last:e.start])
		last = e.end
		switch e.kind {
		case urlEntity, extraEntity:
			writeLink(&b, e.text, o.RelMe)
		case tagEntity:
			writeTag(&b, src[e.start:e.end], e.text, o.TagURL)
		case mentionEntity:
			writeMention(&b, src[e.start:e.end], e.mention(), o)
		}
	}
	escapeText(&b, src[last:])
	if o.SingleLine {
		return b.String()
	}
	return paragraphs(b.String())
}

// paragraphs makes paragraphs of what empty lines part, and breaks of the other line feeds.
func paragraphs(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 64)
	for len(s) > 0 {
		para := s
		if i := strings.Index(s, "\n\n"); i >= 0 {
			para, s = s[:i], strings.TrimLeft(s[i:], "\n")
		} else {
			s = ""
		}
		para = strings.TrimPrefix(strings.TrimSuffix(para, "\n"), "\n")
		b.WriteString("<p>")
		for i, line := range strings.Split(para, "\n") {
			if i > 0 {
				b.WriteString("<br />")
			}
			b.WriteString(line)
		}
		b.WriteString("</p>")
	}
	return b.String()
}

// ShortenedLink is the HTML of a link that shows the beginning of its address, as Format makes it.
func ShortenedLink(address string, relMe bool) string {
	var b strings.Builder
	writeLink(&b, address, relMe)
	return b.String()
}

func writeLink(b *strings.Builder, address string, relMe bool) {
	if !linkable(address) {
		escapeText(b, address)
		return
	}
	prefix := linkPrefix(address)
	shown, hidden, class := address[len(prefix):], "", ""
	if n := runeOffset(shown, shownURL); n < len(shown) {
		// One more character takes no more room than the ellipsis would.
		if _, size := utf8.DecodeRuneInString(shown[n:]); n+size < len(shown) {
			shown, hidden, class = shown[:n], shown[n:], "ellipsis"
		}
	}
	b.WriteString(`<a href="`)
	escapeText(b, address)
	b.WriteString(`" target="_blank" rel="nofollow noopener`)
	if relMe {
		b.WriteString(" me")
	}
	b.WriteString(`" translate="no"><span class="invisible">`)
	escapeText(b, prefix)
	b.WriteString(`</span><span class="` + class + `">`)
	escapeText(b, shown)
	b.WriteString(`</span><span class="invisible">`)
	escapeText(b, hidden)
	b.WriteString(`</span></a>`)
}

// linkable reports whether an address found in a text, or given by someone, may become a link.
func linkable(address string) bool {
	if linkScheme(address) == "" {
		return false
	}
	u, err := url.Parse(strings.ReplaceAll(address, "%", "%25"))
	if err != nil {
		return false
	}
	port := u.Port()
	return len(port) < 5 || len(port) == 5 && port <= "65535"
}

// linkPrefix is the part of an address that nobody needs to see.
func linkPrefix(address string) string {
	for _, p := range []string{"https://www.", "https://", "http://www.", "http://", "xmpp:"} {
		if strings.HasPrefix(address, p) {
			return p
		}
	}
	return ""
}

// runeOffset gives where the n-th character of s starts, or len(s).
func runeOffset(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func writeTag(b *strings.Builder, typed, name string, address func(string) string) {
	if address == nil {
		escapeText(b, typed)
		return
	}
	b.WriteString(`<a href="`)
	escapeText(b, address(name))
	b.WriteString(`" class="mention hashtag" rel="tag">#<span>`)
	escapeText(b, name)
	b.WriteString(`</span></a>`)
}

func writeMention(b *strings.Builder, typed string, m Mention, o FormatOptions) {
	var link MentionLink
	known := len(o.Mentions) > 0
	if known {
		link, known = o.Mentions[m.Acct()]
	}
	if !known {
		escapeText(b, typed)
		return
	}
	b.WriteString(`<span class="h-card" translate="no"><a href="`)
	escapeText(b, link.URL)
	b.WriteString(`" class="u-url mention">@<span>`)
	escapeText(b, link.Username)
	if link.Domain != "" && (o.SingleLine || sharesName(link, o.Mentions)) {
		escapeText(b, "@"+displayDomain(link.Domain))
	}
	b.WriteString(`</span></a></span>`)
}

// sharesName reports whether another known account has the same name on another server.
func sharesName(link MentionLink, all map[string]MentionLink) bool {
	for _, other := range all {
		if strings.EqualFold(other.Username, link.Username) && !strings.EqualFold(other.Domain, link.Domain) {
			return true
		}
	}
	return false
}

// displayDomain is a host name in Unicode, if it is safe to show so.
func displayDomain(domain string) string {
	if shown, err := idna.Display.ToUnicode(domain); err == nil {
		return shown
	}
	return domain
}
