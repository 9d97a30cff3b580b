package text

import (
	"strings"

	"github.com/rivo/uniseg"
)

// URLLength is what a URL counts, whatever its length.
const URLLength = 23

// Count is the length of a post in characters that people see (grapheme clusters), its content warning included. A URL counts
// URLLength, and a mention does not count its domain.
func Count(text, spoiler string) int {
	var b strings.Builder
	b.Grow(len(text) + len(spoiler))
	b.WriteString(spoiler)
	if !isBlank(text) {
		last := 0
		for _, e := range withoutOverlaps(scanMentions(text, scanURLs(text))) {
			b.WriteString(text[last:e.start])
			last = e.end
			if e.kind == urlEntity {
				b.WriteString(strings.Repeat("x", URLLength))
			} else {
				b.WriteString("@" + e.text)
			}
		}
		b.WriteString(text[last:])
	}
	return graphemes(b.String())
}

func graphemes(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 || s[i] == '\r' {
			return uniseg.GraphemeClusterCount(s)
		}
	}
	return len(s)
}

// Truncate gives the first n characters that people see of s.
func Truncate(s string, n int) string {
	if n <= 0 {
		return ""
	}
	if len(s) <= n {
		return s
	}
	end, state := 0, -1
	for rest := s; n > 0 && rest != ""; n-- {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		end += len(cluster)
	}
	return s[:end]
}
