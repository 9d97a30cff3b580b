package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"golang.org/x/text/unicode/norm"
)

// maxWord is the most of a word that counts, in bytes: PostgreSQL takes 2046, and nobody types so many.
const maxWord = 96

// unspaced are the scripts that are written without spaces between words, or that glue small words to long ones.
var unspaced = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}

// Words cuts a text into the words under which it is found, at most limit of them: compatible forms, case and Latin accents are
// folded and English endings taken off, as Mastodon does for every language. Scripts without spaces become overlapping pairs of
// characters, and the last character of a run once more; symbols such as emojis are words of their own.
func Words(s string, limit int) []string {
	w := wordScan{limit: limit}
	w.scan(s)
	return w.words
}

// NameWords cuts a name into words as Words does, but leaves their endings: somebody who types a name types its beginning.
func NameWords(s string, limit int) []string {
	w := wordScan{limit: limit, whole: true}
	w.scan(s)
	return w.words
}

// Phrase cuts what somebody searches for, as it was typed in one piece, into the words that must follow each other in a text that is
// found. With prefix the last one is only the beginning of a word.
func Phrase(s string, limit int) (words []string, prefix bool) {
	w := wordScan{limit: limit}
	w.scan(s)
	switch {
	case w.lastRun > 1 && len(w.words) < limit: // pairs say it all; the text may go on behind
		return w.words[:len(w.words)-1], false
	case w.lastRun == 1:
		return w.words, true
	}
	return w.words, false
}

// wordScan collects words.
type wordScan struct {
	limit int
	words []string
	run   []rune // of one kind
	pairs bool   // that kind is an unspaced script
	whole bool   // endings stay
	// lastRun is the length of the unspaced run that the text ended with, 0 for another end.
	lastRun int
}

func (w *wordScan) scan(s string) {
	for _, r := range strings.ToLower(norm.NFKC.String(strings.ToValidUTF8(s, " "))) {
		if len(w.words) >= w.limit {
			return
		}
		r = foldLatin(r)
		switch {
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			// The sign that makes a vowel long is of no script.
			if pairs := unicode.In(r, unspaced...) || r == 'ー' && w.pairs; pairs != w.pairs {
				w.flush()
				w.pairs = pairs
			}
			w.run = append(w.run, r)
		case unicode.IsMark(r) && len(w.run) > 0:
			w.run = append(w.run, r)
		case unicode.IsMark(r) || r == '\u200D': // joins symbols
		default:
			w.flush()
			if unicode.Is(unicode.So, r) {
				w.add(string(r))
				w.lastRun = 0
			}
		}
	}
	w.flush()
}

func (w *wordScan) add(word string) {
	if len(w.words) < w.limit {
		w.words = append(w.words, word)
	}
}

// flush ends a run.
func (w *wordScan) flush() {
	if len(w.run) == 0 {
		return
	}
	if w.lastRun = 0; w.pairs {
		w.lastRun = len(w.run)
		for i := range w.run {
			w.add(string(w.run[i:min(i+2, len(w.run))]))
		}
	} else {
		word := cutWord(string(w.run))
		if !w.whole {
			word = stem(word)
		}
		w.add(word)
	}
	w.run = w.run[:0]
}

func cutWord(s string) string {
	if len(s) <= maxWord {
		return s
	}
	s = s[:maxWord]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// stem takes English endings off. Words with other than ASCII letters have none.
func stem(word string) string {
	for i := range len(word) {
		if c := word[i]; c < 'a' || c > 'z' {
			return word
		}
	}
	env := snowballstem.NewEnv(word)
	english.Stem(env)
	return env.Current()
}
