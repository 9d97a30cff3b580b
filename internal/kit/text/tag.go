package text

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// tagEnd finds the end of the hashtag name at i, or -1. A name is either three characters or more of words and separators
// that starts and ends with a word character and has a letter or separator between, or a word with a letter in it.
func tagEnd(s string, i int) int {
	var (
		runes, joined int  // characters seen; how many of them up to joinedEnd
		joinedEnd     = -1 // behind the last word character
		inner         = -1 // index of the first letter or separator that is not the first character
		wordEnd       = i  // end of the run without separators
		plain         = true
		letter        bool
	)
	for j := i; j < len(s); {
		r, n := utf8.DecodeRuneInString(s[j:])
		word, sep := isWord(r), isTagSeparator(r)
		if !word && (!sep || runes == 0) {
			break
		}
		alpha := isAlpha(r)
		if runes > 0 && inner < 0 && (alpha || sep) {
			inner = runes
		}
		if plain = plain && word; plain {
			wordEnd, letter = j+n, letter || alpha
		}
		j += n
		runes++
		if word {
			joined, joinedEnd = runes, j
		}
	}
	switch {
	case joined >= 3 && inner > 0 && inner <= joined-2:
		return joinedEnd
	case letter:
		return wordEnd
	}
	return -1
}

// ValidTag reports whether name, without "#", can be a hashtag.
func ValidTag(name string) bool { return name != "" && tagEnd(name, 0) == len(name) }

// NormalizeTag gives the one name of all spellings of a hashtag: compatible forms, case and the accents of Latin letters
// are folded, and what cannot be in a hashtag is dropped.
func NormalizeTag(name string) string {
	name = strings.ToLower(norm.NFKC.String(name))
	var b strings.Builder
	b.Grow(len(name))
	for _, r := range name {
		r = foldLatin(r)
		if isAlnum(r) || isTagSeparator(r) || 0x0E47 <= r && r <= 0x0E4E {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// foldLatin gives the ASCII letter behind an accented one of Latin-1 or Latin Extended-A. Ligatures and letters of their
// own right (ß, æ, œ, þ) stay, and so does all beyond, as on Mastodon.
func foldLatin(r rune) rune {
	if r < 0xC0 || r > 0x17F {
		return r
	}
	switch r {
	case 'ð', 'đ':
		return 'd'
	case 'ħ':
		return 'h'
	case 'ı':
		return 'i'
	case 'ĸ':
		return 'k'
	case 'ł':
		return 'l'
	case 'ŋ':
		return 'n'
	case 'ø':
		return 'o'
	case 'ŧ':
		return 't'
	}
	if d := norm.NFD.PropertiesString(string(r)).Decomposition(); len(d) > 0 && isASCIIAlnum(d[0]) {
		return rune(d[0])
	}
	return r
}

// TagPath is the path of a hashtag's page: "/tags/" and the normalized name, escaped.
func TagPath(name string) string { return "/tags/" + url.PathEscape(NormalizeTag(name)) }
