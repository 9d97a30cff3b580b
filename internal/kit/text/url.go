package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	// maxURL is the longest URL, in bytes, that is linked: twitter-text's limit.
	maxURL = 4096
	// maxHostRun bounds in how many bytes of a run of host characters a top-level domain is looked for. A host in Unicode
	// has 253 characters at most.
	maxHostRun = 1 << 10
	// maxLabels bounds the labels of a host; DNS cannot have more.
	maxLabels = 127
	// maxSlug is the longest path of a t.co link.
	maxSlug = 40
)

// scanURLs finds URLs as twitter-text does with Mastodon's settings: a scheme, a host under a known top-level domain, a port,
// a path, a query. A host without a scheme is not linked, but takes its path with it, and any URL in there.
func scanURLs(s string) []entity {
	if !strings.Contains(s, "://") {
		return nil
	}
	var found []entity
	noHost := 0 // up to here no host without a scheme can start
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !isDomain(r) || !mayPrecedeURL(s, i) {
			i += n
			continue
		}
		if host := schemeEnd(s, i); host > 0 {
			if end, _ := scanFromHost(s, host); end > 0 {
				if end = shortLink(s, host, end); end > 0 && end-i <= maxURL && validHost(s[host:end]) {
					found = append(found, entity{kind: urlEntity, start: i, end: end, text: s[i:end]})
				}
				i = max(end, host)
				continue
			}
		}
		if i >= noHost {
			end, run := scanFromHost(s, i)
			if end > 0 {
				i = end
				continue
			}
			noHost = run
		}
		i += n
	}
	return found
}

// mayPrecedeURL reports whether a URL may start at i.
func mayPrecedeURL(s string, i int) bool {
	if i == 0 {
		return true
	}
	if c := s[i-1]; c < utf8.RuneSelf {
		return !isASCIIAlnum(c) && c != '@' && c != '$' && c != '#'
	}
	switch r, _ := utf8.DecodeLastRuneInString(s[:i]); r {
	case '＠', '＃', 0xFFFE, 0xFEFF, 0xFFFF:
		return false
	}
	return true
}

// schemeEnd gives where the host starts if there is a linked scheme at i, or -1.
func schemeEnd(s string, i int) int {
	switch s[i] | 0x20 {
	case 'h', 'd', 'i', 's', 'g':
	default:
		return -1
	}
	for _, scheme := range []string{"https://", "http://", "dat://", "dweb://", "ipfs://", "ipns://", "ssb://", "gopher://", "gemini://"} {
		if hasPrefixFold(s[i:], scheme) {
			return i + len(scheme)
		}
	}
	return -1
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// scanFromHost finds the end of host, port, path and query at i, or -1, and the end of the run of host characters there.
func scanFromHost(s string, i int) (end, run int) {
	end, run = scanHost(s, i)
	if end < 0 {
		return -1, run
	}
	if end < len(s) && s[end] == ':' {
		p := end + 1
		for p < len(s) && '0' <= s[p] && s[p] <= '9' {
			p++
		}
		if p > end+1 {
			end = p
		}
	}
	if end < len(s) && s[end] == '/' {
		end = scanPath(s, end)
	}
	return scanQuery(s, end), run
}

// scanHost finds the end of the longest host name at i that ends in a top-level domain, or -1, and the end of the run of
// characters that hosts have.
func scanHost(s string, i int) (end, run int) {
	var (
		dots   [maxLabels]int // behind which dots a top-level domain may stand
		n      int
		valid  = true
		start  = i // of the label
		under  bool
		hyphen bool // the label ends in a hyphen or underscore so far
	)
	for run = i; run < len(s); {
		r, size := utf8.DecodeRuneInString(s[run:])
		switch {
		case r == '.':
			if valid = valid && run > start && !hyphen && run-i < maxHostRun; valid && !under && n < maxLabels {
				dots[n] = run + 1
				n++
			}
			start, under, hyphen = run+1, false, false
		case r == '-' || r == '_':
			valid = valid && run > start
			under, hyphen = under || r == '_', true
		case isDomain(r):
			hyphen = false
		default:
			size = 0
		}
		if size == 0 {
			break
		}
		run += size
	}
	for n--; n >= 0; n-- {
		if end = scanTLD(s, dots[n]); end > 0 {
			return end, run
		}
	}
	return -1, run
}

// validHost reports whether the host that starts rest can be written in ASCII, with labels no longer than DNS takes.
func validHost(rest string) bool {
	if i := strings.IndexAny(rest, ":/?"); i >= 0 {
		rest = rest[:i]
	}
	for label := range strings.SplitSeq(rest, ".") {
		ascii, err := idna.Punycode.ToASCII(label)
		if err != nil || len(ascii) > 63 {
			return false
		}
	}
	return true
}

// shortLink cuts a t.co link behind its first word, and gives 0 for one that is too long to be true.
func shortLink(s string, host, end int) int {
	rest := s[host:end]
	if !hasPrefixFold(rest, "t.co/") || !strings.EqualFold(s[max(0, host-7):host], "http://") && !strings.EqualFold(s[max(0, host-8):host], "https://") {
		return end
	}
	n := len("t.co/")
	for n < len(rest) && isASCIIAlnum(rest[n]) {
		n++
	}
	switch slug := n - len("t.co/"); {
	case slug == 0:
		return end
	case slug > maxSlug:
		return 0
	}
	return host + n
}

// scanPath finds the end of the path at i, where there is a slash: anything but white space, angle brackets, parentheses that
// are not in pairs, question marks, and punctuation at the end.
func scanPath(s string, i int) int {
	end := i + 1
	for j := end; j < len(s); {
		if s[j] == '(' {
			if j = scanParens(s, j); j < 0 {
				return end
			}
			end = j
			continue
		}
		r, n := utf8.DecodeRuneInString(s[j:])
		if !isPath(r) {
			return end
		}
		j += n
		if !strings.ContainsRune("!*\"'「」;:=,.$%[]~&|@", r) {
			end = j
		}
	}
	return end
}

func isPath(r rune) bool {
	switch r {
	case '<', '>', '(', ')', '?':
		return false
	}
	return !unicode.IsSpace(r)
}

// scanParens finds the end of the parentheses at i, or -1. They are not empty and may hold one other pair.
func scanParens(s string, i int) int {
	j, inner := scanInParens(s, i+1), false
	if j < len(s) && s[j] == '(' {
		k := scanInParens(s, j+1)
		if k == j+1 || k >= len(s) || s[k] != ')' {
			return -1
		}
		j, inner = scanInParens(s, k+1), true
	}
	if j >= len(s) || s[j] != ')' || j == i+1 && !inner {
		return -1
	}
	return j + 1
}

func scanInParens(s string, i int) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !isPath(r) {
			break
		}
		i += n
	}
	return i
}

// scanQuery finds the end of the query at i; it is i if there is none.
func scanQuery(s string, i int) int {
	if i >= len(s) || s[i] != '?' {
		return i
	}
	end := i
	for j := i + 1; j < len(s); {
		r, n := utf8.DecodeRuneInString(s[j:])
		last := r >= 0xA0 && r != utf8.RuneError && !unicode.IsSpace(r) && !isDirectional(r) ||
			r < utf8.RuneSelf && (isASCIIAlnum(byte(r)) || strings.ContainsRune("_&=#/-", r))
		if !last && !strings.ContainsRune("!?*'();:+$%[].,~|@^", r) {
			break
		}
		j += n
		if last {
			end = j
		}
	}
	return end
}

// scanExtraURIs adds the xmpp: and magnet: URIs of s.
func scanExtraURIs(s string, found []entity) []entity {
	for i := 0; i < len(s); {
		colon := strings.IndexByte(s[i:], ':')
		if colon < 0 {
			break
		}
		colon += i
		i = colon + 1
		var start, end int
		switch {
		case colon >= 4 && strings.EqualFold(s[colon-4:colon], "xmpp") && mayPrecedeURL(s, colon-4):
			start, end = colon-4, scanXMPP(s, i)
		case colon >= 6 && strings.EqualFold(s[colon-6:colon], "magnet") && mayPrecedeURL(s, colon-6):
			start, end = colon-6, scanQuery(s, i)
		}
		if end <= i {
			continue
		}
		i = end
		if end-start <= maxURL {
			found = append(found, entity{kind: extraEntity, start: start, end: end, text: s[start:end]})
		}
	}
	return found
}

// scanXMPP finds the end of what follows "xmpp:" at i, or -1: an authority, a node, a host, a resource, a query.
func scanXMPP(s string, i int) int {
	if strings.HasPrefix(s[i:], "//") {
		host := skipNode(s, i+2)
		end, _ := scanHost(s, host)
		if host == i+2 || end < 0 || end >= len(s) || s[end] != '/' {
			return -1
		}
		i = end + 1
	}
	end, _ := scanHost(s, skipNode(s, i))
	if end < 0 {
		return -1
	}
	if end < len(s) && s[end] == '/' {
		if j := scanURIChars(s, end+1, "!$&'()*+,;="); j > end+1 {
			end = j
		}
	}
	return scanQuery(s, end)
}

// skipNode gives what is behind the "node@" at i, or i if there is none.
func skipNode(s string, i int) int {
	if j := scanURIChars(s, i, "!$()*+,;="); j > i && j < len(s) && s[j] == '@' {
		return j + 1
	}
	return i
}

func scanURIChars(s string, i int, more string) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r < utf8.RuneSelf && (isASCIIAlnum(byte(r)) || strings.ContainsRune("-._~", r) || strings.ContainsRune(more, r)):
		case r >= utf8.RuneSelf && unicode.In(r, unicode.Cyrillic, unicode.Pd):
		case r == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			n = 3
		default:
			return i
		}
		i += n
	}
	return i
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }
