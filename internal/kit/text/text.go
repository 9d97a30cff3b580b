// Package text owns what happens to the words of people: finding mentions, hashtags and links in them, turning them into
// HTML, cleaning the HTML of others, and counting, cutting and folding text as Mastodon does.
//
// Everything here runs in time linear in its input and uses no regular expressions: the text is hostile.
package text

import "strings"

// MaxHTML is the size in bytes that Sanitize and Plain read, and the most that Sanitize gives. It is far above the longest
// articles that are federated, and keeps a stored post, and a timeline of forty of them, small enough to send.
const MaxHTML = 128 << 10

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// clean makes s valid UTF-8 without NUL, which no database takes, and with plain line feeds.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(s, "\r\n", "\n")
		s = strings.ReplaceAll(s, "\r", "\n")
	}
	return s
}

// escapeText adds s to b, safe both between tags and in a quoted attribute.
func escapeText(b *strings.Builder, s string) {
	last := 0
	for i := 0; i < len(s); i++ {
		var esc string
		switch s[i] {
		case '&':
			esc = "&amp;"
		case '<':
			esc = "&lt;"
		case '>':
			esc = "&gt;"
		case '"':
			esc = "&quot;"
		case '\'':
			esc = "&#39;"
		default:
			continue
		}
		b.WriteString(s[last:i])
		b.WriteString(esc)
		last = i + 1
	}
	b.WriteString(s[last:])
}
