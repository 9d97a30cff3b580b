package text

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mention is an account named in a text. Domain "" is this server. Start and End are byte offsets, the "@" included.
type Mention struct {
	Username, Domain string
	Start, End       int
}

// Acct is the mention as "bob" or "bob@host", in lower case, the host in ASCII. It is the key of FormatOptions.Mentions.
func (m Mention) Acct() string {
	user := FoldUsername(m.Username)
	if m.Domain == "" {
		return user
	}
	host, err := NormalizeDomain(m.Domain)
	if err != nil {
		host = strings.ToLower(m.Domain)
	}
	return user + "@" + host
}

// maxDomain is the longest host name, in characters, that a mention may have (RFC 1035).
const maxDomain = 253

type entityKind uint8

const (
	urlEntity entityKind = iota
	extraEntity
	mentionEntity
	tagEntity
)

// entity is something found in a text; text is the URL, or the name of the hashtag or of the account.
type entity struct {
	kind         entityKind
	start, end   int
	text, domain string
}

func (e entity) mention() Mention {
	return Mention{Username: e.text, Domain: e.domain, Start: e.start, End: e.end}
}

// entities finds everything that Format links, in order, without overlaps: whatever starts first wins.
func entities(s string) []entity {
	found := scanURLs(s)
	found = scanTags(s, found)
	found = scanMentions(s, found)
	found = scanExtraURIs(s, found)
	return withoutOverlaps(found)
}

func withoutOverlaps(found []entity) []entity {
	if len(found) < 2 {
		return found
	}
	slices.SortStableFunc(found, func(a, b entity) int { return cmp.Compare(a.start, b.start) })
	kept := found[:1]
	for _, e := range found[1:] {
		if e.start >= kept[len(kept)-1].end {
			kept = append(kept, e)
		}
	}
	return kept
}

// Mentions finds the accounts named in src, in order, repetitions included.
func Mentions(src string) []Mention {
	if strings.IndexByte(src, '@') < 0 {
		return nil
	}
	var out []Mention
	for _, e := range entities(src) {
		if e.kind == mentionEntity {
			out = append(out, e.mention())
		}
	}
	return out
}

// Hashtags finds the hashtags of src, without "#", as typed, each once (by NormalizeTag), in order of appearance.
func Hashtags(src string) []string {
	var out []string
	seen := map[string]bool{}
	for _, e := range entities(src) {
		if e.kind != tagEntity {
			continue
		}
		if n := NormalizeTag(e.text); !seen[n] {
			seen[n] = true
			out = append(out, e.text)
		}
	}
	return out
}

// Shortcodes finds the custom emoji of src, without colons, each once. A shortcode has two characters or more of
// [A-Za-z0-9_] and does not touch a letter, a digit or a colon.
func Shortcodes(src string) []string {
	var out []string
	for i := 0; i < len(src); {
		if src[i] != ':' {
			i++
			continue
		}
		end := i + 1
		for end < len(src) && isName(src[end]) {
			end++
		}
		if end == len(src) || src[end] != ':' || end-i < 3 || !emojiBoundary(utf8.DecodeLastRuneInString(src[:i])) ||
			!emojiBoundary(utf8.DecodeRuneInString(src[end+1:])) {
			i = end
			continue
		}
		if code := src[i+1 : end]; !slices.Contains(out, code) && len(out) < maxShortcodes {
			out = append(out, code)
		}
		i = end + 1
	}
	return out
}

// maxShortcodes bounds the different emoji of one text: more would only cost lookups.
const maxShortcodes = 200

func emojiBoundary(r rune, size int) bool { return size == 0 || r != ':' && !isAlnum(r) }

func scanMentions(s string, found []entity) []entity {
	for i := 0; i < len(s); {
		at := strings.IndexByte(s[i:], '@')
		if at < 0 {
			break
		}
		start := i + at
		i = start + 1
		if r, n := utf8.DecodeLastRuneInString(s[:start]); n > 0 && (r == '=' || r == '/' || isWord(r)) {
			continue
		}
		nameEnd := scanUsername(s, start+1)
		if nameEnd < 0 {
			continue
		}
		e := entity{kind: mentionEntity, start: start, end: nameEnd, text: s[start+1 : nameEnd]}
		if end := scanMentionHost(s, nameEnd); end > 0 {
			e.domain, e.end = s[nameEnd+1:end], end
		}
		i = e.end
		if endsMention(s[i:]) && utf8.RuneCountInString(e.domain) <= maxDomain {
			found = append(found, e)
		}
	}
	return found
}

// endsMention reports whether rest, which follows a mention, lets it be one.
func endsMention(rest string) bool {
	r, n := utf8.DecodeRuneInString(rest)
	return n == 0 || r != '@' && r != '＠' && !isLatinAccent(r) && !strings.HasPrefix(rest, "://")
}

// scanUsername finds the end of the user name at i, or -1: runs of [A-Za-z0-9_] joined by dots and hyphens.
func scanUsername(s string, i int) int {
	end := -1
	for i < len(s) {
		switch {
		case isName(s[i]):
			end = i + 1
		case end < 0 || s[i] != '.' && s[i] != '-':
			return end
		}
		i++
	}
	return end
}

// scanMentionHost finds the end of the "@host" at i, or -1: runs of word characters joined by dots and hyphens, and a port
// where the host is one of a private network.
func scanMentionHost(s string, i int) int {
	if i >= len(s) || s[i] != '@' {
		return -1
	}
	end := -1
	for j := i + 1; j < len(s); {
		r, n := utf8.DecodeRuneInString(s[j:])
		switch {
		case isWord(r):
			end = j + n
		case end < 0 || r != '.' && r != '-':
			return withPort(s, i+1, end)
		}
		j += n
	}
	return withPort(s, i+1, end)
}

// withPort extends the host s[start:end] by a port. Mastodon takes none; servers on one machine need it. In "@a@b.org:80"
// the host is public and what follows is punctuation.
func withPort(s string, start, end int) int {
	if end < 0 || end >= len(s) || s[end] != ':' || !privateHost(s[start:end]) {
		return end
	}
	p := end + 1
	for p < len(s) && '0' <= s[p] && s[p] <= '9' {
		p++
	}
	if p == end+1 || p > end+6 {
		return end
	}
	if r, n := utf8.DecodeRuneInString(s[p:]); n > 0 && isWord(r) {
		return end
	}
	return p
}

// privateHost reports whether a host is a single label, an IPv4 address, or under a name that is never public.
func privateHost(host string) bool {
	dot := strings.LastIndexByte(host, '.')
	if dot < 0 {
		return true
	}
	switch last := strings.ToLower(host[dot+1:]); last {
	case "localhost", "test", "local", "internal":
		return true
	default:
		return strings.Trim(last, "0123456789") == ""
	}
}

func scanTags(s string, found []entity) []entity {
	for i := 0; i < len(s); {
		hash := strings.IndexAny(s[i:], "#＃")
		if hash < 0 {
			break
		}
		start := i + hash
		_, n := utf8.DecodeRuneInString(s[start:])
		i = start + n
		if r, n := utf8.DecodeLastRuneInString(s[:start]); n > 0 && !unicode.IsSpace(r) {
			continue
		}
		end := tagEnd(s, i)
		if end < 0 {
			continue
		}
		name := s[i:end]
		i = end
		if strings.HasPrefix(s[end:], "://") {
			name = withoutScheme(name)
		}
		found = append(found, entity{kind: tagEntity, start: start, end: start + n + len(name), text: name})
	}
	return found
}

// withoutScheme takes "http" or "https" from the end of a hashtag that a URL follows without a space.
func withoutScheme(name string) string {
	for _, scheme := range []string{"https", "http"} {
		if rest, ok := strings.CutSuffix(name, scheme); ok && rest != "" {
			return rest
		}
	}
	return name
}
