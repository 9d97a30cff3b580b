package text

import "unicode"

// The classes of characters below are those of Ruby's regular expressions, which decide what Mastodon sees in a text.

// isAlpha is [[:alpha:]]: the Unicode property Alphabetic.
func isAlpha(r rune) bool {
	if r < 0x80 {
		return 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	return unicode.IsLetter(r) ||
		unicode.In(r, unicode.Nl, unicode.Other_Alphabetic, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

// isAlnum is [[:alnum:]]: Alphabetic and decimal digits.
func isAlnum(r rune) bool { return isAlpha(r) || unicode.IsDigit(r) }

// isWord is [[:word:]]: Alphabetic, marks, decimal digits and connector punctuation.
func isWord(r rune) bool {
	if r < 0x80 {
		return isASCIIAlnum(byte(r)) || r == '_'
	}
	return isAlnum(r) || unicode.In(r, unicode.M, unicode.Pc)
}

func isASCIIAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// isName is a character of a user name.
func isName(c byte) bool { return isASCIIAlnum(c) || c == '_' }

// isTagSeparator is a character that may join the parts of a hashtag: underscore, middle dots, zero-width non-joiner.
func isTagSeparator(r rune) bool {
	return r == '_' || r == '\u00B7' || r == '\u30FB' || r == '\u200C'
}

// isDirectional is an invisible character that changes the direction of text.
func isDirectional(r rune) bool {
	switch {
	case r == 0x061C, r == 0x200E, r == 0x200F, 0x202A <= r && r <= 0x202E, 0x2066 <= r && r <= 0x2069:
		return true
	}
	return false
}

// isDomain is a character that twitter-text takes in a label of a host name, at its ends too.
func isDomain(r rune) bool {
	if r < 0x80 {
		return isASCIIAlnum(byte(r))
	}
	switch r {
	case 0x180E, 0xFFFE, 0xFEFF, 0xFFFF:
		return false
	}
	return !isDirectional(r) && !unicode.IsSpace(r)
}

// isLatinAccent is a letter that, right behind a mention, shows that it was none.
func isLatinAccent(r rune) bool {
	switch {
	case 0xC0 <= r && r <= 0x24F:
		return r != 0xD7 && r != 0xF7
	case 0x300 <= r && r <= 0x36F, 0x1E00 <= r && r <= 0x1EFF:
		return true
	}
	switch r {
	case 0x253, 0x254, 0x256, 0x257, 0x259, 0x25B, 0x263, 0x268, 0x26F, 0x272, 0x289, 0x28B, 0x2BB:
		return true
	}
	return false
}

// isBlank reports whether s has nothing but white space.
func isBlank(s string) bool {
	for _, r := range s {
		if !unicode.IsSpace(r) {
			return false
		}
	}
	return true
}
