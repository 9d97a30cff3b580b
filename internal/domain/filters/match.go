package filters

import (
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/text"
)

// maxText bounds the text in bytes that keywords are looked for in.
const maxText = 128 << 10

// Result says that a post matches a filter.
type Result struct {
	// Filter is without its keywords and statuses.
	Filter *Filter
	// KeywordMatches is the first match as it stands in the text; StatusMatches are the posts named by the filter.
	KeywordMatches []string
	StatusMatches  []statuses.ID
}

// Text is what of a post is matched, prepared once for any number of people. It is safe for use by several goroutines.
type Text struct {
	load          func() string
	once          sync.Once
	plain, folded string
}

// NewText makes a text that is loaded when somebody has keywords at all.
func NewText(load func() string) *Text { return &Text{load: load} }

// TextOf is the text of a post that Load gave; of a boost, the boosted post's.
func TextOf(p *statuses.Parts, st *statuses.Status) *Text {
	if st.Reblog() && p.Statuses[st.ReblogOfID] != nil {
		st = p.Statuses[st.ReblogOfID]
	}
	return NewText(func() string {
		parts := []string{st.SpoilerText, text.Plain(st.Content)}
		if poll := p.Polls[st.PollID]; poll != nil {
			parts = append(parts, poll.Options...)
		}
		for _, m := range p.Media[st.ID] {
			parts = append(parts, m.Description)
		}
		return strings.Join(parts, "\n\n")
	})
}

// Plain is the text itself.
func (t *Text) Plain() string {
	plain, _ := t.get()
	return plain
}

func (t *Text) get() (plain, folded string) {
	t.once.Do(func() {
		t.plain = strings.ToValidUTF8(t.load(), "\uFFFD")
		if len(t.plain) > maxText {
			t.plain = strings.ToValidUTF8(t.plain[:maxText], "")
		}
		t.folded = fold(t.plain)
	})
	return t.plain, t.folded
}

// fold brings letters that differ in case alone to one form, rune by rune, so that the n-th rune stays the n-th.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			if 'A' <= r && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return r
		}
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		if 'A' <= least && least <= 'Z' {
			least += 'a' - 'A' // the Kelvin sign and its like
		}
		return least
	}, s)
}

// pattern is a keyword made ready. start and end say that the match must begin and end at the edge of a word.
type pattern struct {
	folded     string
	start, end bool
}

func newPattern(k Keyword) pattern {
	p := pattern{folded: fold(strings.ToValidUTF8(k.Keyword, "\uFFFD"))}
	if k.WholeWord {
		first, _ := utf8.DecodeRuneInString(k.Keyword)
		last, _ := utf8.DecodeLastRuneInString(k.Keyword)
		p.start, p.end = isWord(first), isWord(last)
	}
	return p
}

// isWord is what Mastodon's expressions call a word character: letters, marks, decimal digits, connectors.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Pc)
}

// find gives where in a folded text the keyword is first, or -1.
func (p pattern) find(folded string) int {
	for from := 0; p.folded != ""; {
		at := strings.Index(folded[from:], p.folded)
		if at < 0 {
			return -1
		}
		at += from
		if p.fits(folded, at) {
			return at
		}
		_, size := utf8.DecodeRuneInString(folded[at:])
		from = at + size
	}
	return -1
}

func (p pattern) fits(folded string, at int) bool {
	if p.start {
		if before, n := utf8.DecodeLastRuneInString(folded[:at]); n > 0 && isWord(before) {
			return false
		}
	}
	if p.end {
		if after, n := utf8.DecodeRuneInString(folded[at+len(p.folded):]); n > 0 && isWord(after) {
			return false
		}
	}
	return true
}

// asWritten is the part of plain that stands where the folded text has a match.
func asWritten(plain, folded string, at, size int) string {
	skip, take := utf8.RuneCountInString(folded[:at]), utf8.RuneCountInString(folded[at:at+size])
	from := advance(plain, skip)
	return plain[from : from+advance(plain[from:], take)]
}

// advance is where in s the n-th rune begins.
func advance(s string, n int) int {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return at
}

// Set is all the filters of a person, ready for matching. It is not changed once made.
type Set struct {
	rules []rule
	now   func() time.Time
}

type rule struct {
	filter   *Filter
	patterns []pattern
	statuses map[statuses.ID]bool
}

// Empty reports whether nothing can ever match.
func (s *Set) Empty() bool { return s == nil || len(s.rules) == 0 }

// Apply lists the filters that match a post, given its id and, for a boost, the boosted post's. With a context it asks only
// the filters for that; Mastodon's API asks all and leaves the choice to the client.
func (s *Set) Apply(context string, t *Text, list ...statuses.ID) []Result {
	if s.Empty() {
		return nil
	}
	var out []Result
	now := s.now()
	for _, r := range s.rules {
		if r.filter.Expired(now) || !r.filter.in(context) {
			continue
		}
		res := Result{Filter: r.filter}
		if m, ok := r.match(t); ok {
			res.KeywordMatches = []string{m}
		}
		for _, id := range list {
			if r.statuses[id] {
				res.StatusMatches = append(res.StatusMatches, id)
			}
		}
		if res.KeywordMatches != nil || res.StatusMatches != nil {
			out = append(out, res)
		}
	}
	return out
}

func (f *Filter) in(context string) bool {
	if context == "" {
		return true
	}
	for _, c := range f.Context {
		if c == context {
			return true
		}
	}
	return false
}

// match is the leftmost match of any keyword; of several there, the keyword that was added first.
func (r *rule) match(t *Text) (string, bool) {
	if len(r.patterns) == 0 {
		return "", false
	}
	plain, folded := t.get()
	best, size := -1, 0
	for _, p := range r.patterns {
		if at := p.find(folded); at >= 0 && (best < 0 || at < best) {
			best, size = at, len(p.folded)
		}
	}
	if best < 0 {
		return "", false
	}
	return asWritten(plain, folded, best, size), true
}
