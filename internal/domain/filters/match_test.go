package filters

import (
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
)

func setOf(list ...Keyword) *Set {
	r := rule{filter: &Filter{ID: 1, Context: []string{"home"}}, statuses: map[statuses.ID]bool{7: true}}
	for _, k := range list {
		r.patterns = append(r.patterns, newPattern(k))
	}
	return &Set{rules: []rule{r}, now: time.Now}
}

func TestMatching(t *testing.T) {
	t.Parallel()
	word := func(k string) Keyword { return Keyword{Keyword: k, WholeWord: true} }
	part := func(k string) Keyword { return Keyword{Keyword: k} }
	for name, c := range map[string]struct {
		keywords []Keyword
		text     string
		want     string
	}{
		"a word":                            {[]Keyword{word("cat")}, "The cat sat", "cat"},
		"not inside of another":             {[]Keyword{word("cat")}, "concatenate", ""},
		"inside, when parts are meant":      {[]Keyword{part("cat")}, "conCATenate", "CAT"},
		"a later place fits":                {[]Keyword{word("cat")}, "cats, a catcat and a Cat.", "Cat"},
		"underscore is part of a word":      {[]Keyword{word("cat")}, "cat_food", ""},
		"digits are part of a word":         {[]Keyword{word("cat")}, "cat9", ""},
		"a hashtag":                         {[]Keyword{word("#cat")}, "so #Cat!", "#Cat"},
		"no edge before a sign":             {[]Keyword{word("#cat")}, "so#cat", "#cat"},
		"an edge after it":                  {[]Keyword{word("#cat")}, "#cats", ""},
		"signs alone":                       {[]Keyword{word("!!!")}, "what!!!!now", "!!!"},
		"letters beyond ASCII":              {[]Keyword{word("ÄRGER")}, "nur Ärger hier", "Ärger"},
		"an accent is part of a word":       {[]Keyword{word("caf")}, "café", ""},
		"a combining mark too":              {[]Keyword{word("cafe")}, "cafe\u0301", ""},
		"Greek with its two small sigmas":   {[]Keyword{word("ΟΔΟΣ")}, "η οδος εδώ", "οδος"},
		"a Kelvin sign":                     {[]Keyword{word("kelvin")}, "300 \u212Aelvin", "\u212Aelvin"},
		"no edges in Chinese":               {[]Keyword{part("天气")}, "今天天气好", "天气"},
		"the leftmost of several":           {[]Keyword{word("sat"), word("cat")}, "the cat sat", "cat"},
		"the first added at one place":      {[]Keyword{part("ca"), part("cat")}, "cat", "ca"},
		"special characters are plain":      {[]Keyword{part("a.*b(")}, "xa.*b(", "a.*b("},
		"invalid bytes harm nobody":         {[]Keyword{part("b")}, "a\xffb", "b"},
		"longer than the text":              {[]Keyword{part("abcd")}, "abc", ""},
		"case that changes a letter's size": {[]Keyword{word("end")}, "ȺȾȺȾ end", "end"},
		"none":                              {nil, "text", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := setOf(c.keywords...).Apply("", NewText(func() string { return c.text }))
			switch {
			case c.want == "" && len(got) != 0:
				t.Errorf("matched %q", got[0].KeywordMatches)
			case c.want != "" && (len(got) != 1 || len(got[0].KeywordMatches) != 1 || got[0].KeywordMatches[0] != c.want):
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}

func TestApplyAsksForContextTimeAndPosts(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := setOf(Keyword{Keyword: "cat"})
	s.now = func() time.Time { return now }
	cat := func() *Text { return NewText(func() string { return "cat" }) }
	none := func() *Text { return NewText(func() string { return "" }) }
	if s.Apply("home", cat()) == nil || s.Apply("public", cat()) != nil || s.Apply("", cat()) == nil {
		t.Error("context is not respected")
	}
	if got := s.Apply("", none(), 6, 7); len(got) != 1 || len(got[0].StatusMatches) != 1 || got[0].StatusMatches[0] != 7 || got[0].KeywordMatches != nil {
		t.Errorf("post by id: %v", got)
	}
	s.rules[0].filter.ExpiresAt = now
	if s.Apply("", cat(), 7) != nil {
		t.Error("an expired filter matches")
	}
	var empty *Set
	if !empty.Empty() || empty.Apply("", cat()) != nil {
		t.Error("no set must match nothing")
	}
}

func TestTextOfIsAllThatIsRead(t *testing.T) {
	t.Parallel()
	st := &statuses.Status{ID: 1, PollID: 9, SpoilerText: "warned", Content: "<p>one<br>t<b>w</b>o &amp; more</p><p>three</p>"}
	boost := &statuses.Status{ID: 2, ReblogOfID: 1}
	p := &statuses.Parts{
		Statuses: map[statuses.ID]*statuses.Status{1: st, 2: boost}, Accounts: map[accounts.ID]*accounts.Account{},
		Polls: map[int64]*statuses.Poll{9: {Options: []string{"yes", "nope"}}},
		Media: map[statuses.ID][]media.Attachment{1: {{Description: "a drawing"}}},
	}
	for _, word := range []string{"warned", "two & more", "three", "nope", "drawing"} {
		if setOf(Keyword{Keyword: word, WholeWord: true}).Apply("", TextOf(p, boost)) == nil {
			t.Errorf("%q is not looked at", word)
		}
	}
	if setOf(Keyword{Keyword: "br"}).Apply("", TextOf(p, st)) != nil {
		t.Error("markup is looked at")
	}
}

func BenchmarkApply(b *testing.B) {
	var list []Keyword
	for i := range 50 {
		list = append(list, Keyword{Keyword: strings.Repeat("x", i%5+3) + "yz", WholeWord: true})
	}
	s := setOf(list...)
	post := strings.Repeat("A post of five hundred letters, more or less. ", 11)
	for b.Loop() {
		s.Apply("", NewText(func() string { return post }))
	}
}
