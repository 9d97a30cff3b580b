package search

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

const (
	// maxClauses is how many words, phrases and operators of a search count (RAT-04); maxPhrase how many words of one.
	maxClauses, maxPhrase = 32, 32
	// maxAuthors is how many authors a search may name: each is looked up.
	maxAuthors = 4
)

// scope is where "in:" looks.
type scope int

const (
	everywhere scope = iota
	library
	public
)

// question is a search, understood.
type question struct {
	must, not []phrase
	scope     scope
	// The post's id lies above lo and below hi, and in none of the ranges of outside.
	lo, hi  int64
	outside [][2]int64
	// nothing says that no post can be an answer.
	nothing bool
	// where are further conditions on the post (s) that are asked of the tables.
	where []string
	// asked says that something was asked for, or against.
	asked   bool
	authors int
}

// clause is one piece of a search as it was typed: -from:"me".
type clause struct {
	negated bool
	prefix  string
	term    string
	quoted  bool
}

// prefixes are the operators; others are words.
var prefixes = map[string]bool{"has": true, "is": true, "language": true, "from": true, "before": true, "after": true, "during": true, "in": true}

// clauses cuts a search into its pieces. What makes no sense is taken as words: nothing is refused here.
func clauses(q string) []clause {
	var out []clause
	for q = trimSpace(q); q != "" && len(out) < maxClauses; q = trimSpace(q) {
		var c clause
		if q[0] == '-' || q[0] == '+' {
			c.negated, q = q[0] == '-', q[1:]
		}
		if name, rest, ok := strings.Cut(q, ":"); ok && prefixes[strings.ToLower(name)] {
			c.prefix, q = strings.ToLower(name), rest
		}
		if inside, ok := strings.CutPrefix(q, `"`); ok {
			c.term, q, _ = strings.Cut(inside, `"`)
			c.quoted = true
		} else {
			end := strings.IndexFunc(q, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
			if end < 0 {
				end = len(q)
			}
			c.term, q = q[:end], q[end:]
		}
		if c.term = strings.TrimSpace(c.term); c.term != "" {
			out = append(out, c)
		}
	}
	return out
}

func trimSpace(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }

// understand reads a search.
func (s *Service) understand(ctx context.Context, typed string, o Options) (*question, error) {
	q := &question{must: []phrase{{words: []string{mark}}}, lo: o.MinID, hi: 1<<63 - 1}
	if o.MaxID > 0 {
		q.hi = o.MaxID
	}
	if o.Author != 0 {
		q.add(false, authorWord(o.Author))
	}
	q.asked = false
	for _, c := range clauses(typed) {
		if err := s.take(ctx, q, c, o); err != nil {
			return nil, err
		}
	}
	q.nothing = q.nothing || !q.asked
	return q, nil
}

func authorWord(id accounts.ID) string { return markFrom + strconv.FormatInt(int64(id), 10) }

// add asks for words, or against them.
func (q *question) add(negated bool, words ...string) { q.addPhrase(negated, phrase{words: words}) }

func (q *question) addPhrase(negated bool, p phrase) {
	q.asked = true
	if negated {
		q.not = append(q.not, p)
	} else {
		q.must = append(q.must, p)
	}
}

func (s *Service) take(ctx context.Context, q *question, c clause, o Options) error {
	switch c.prefix {
	case "has", "is":
		if letters(c.term) == "embed" { // previews come later than posts, and change
			q.asked = true
			q.where = append(q.where, map[bool]string{true: "NOT "}[c.negated]+embeds)
			return nil
		}
		q.add(c.negated, markProperty+letters(c.term))
	case "language":
		q.add(c.negated, markLanguage+languageWord(c.term))
	case "in":
		q.scope = map[string]scope{"library": library, "public": public}[strings.ToLower(c.term)]
	case "from":
		return s.takeAuthor(ctx, q, c, o)
	case "before", "after", "during":
		return q.takeTime(c, o.Zone)
	default:
		q.takeWords(c)
	}
	return nil
}

func (q *question) takeWords(c clause) {
	if name, ok := strings.CutPrefix(c.term, "#"); ok && !c.quoted {
		if name = text.NormalizeTag(name); name != "" {
			q.add(c.negated, tagWord(name))
			return
		}
	}
	words, prefix := text.Phrase(c.term, maxPhrase)
	if len(words) > 0 {
		q.addPhrase(c.negated, phrase{words, prefix})
	} else if !c.negated {
		q.nothing = true
	}
}

// embeds asks for posts with a preview that plays in place.
const embeds = "EXISTS (SELECT 1 FROM preview_cards_statuses x JOIN preview_cards c ON c.id = x.preview_card_id WHERE x.status_id = s.id AND c.type = 'video')"

// takeAuthor looks an author up. One that is not known has written nothing.
func (s *Service) takeAuthor(ctx context.Context, q *question, c clause, o Options) error {
	if strings.EqualFold(c.term, "me") {
		q.add(c.negated, authorWord(o.Viewer))
		return nil
	}
	name, domain, _ := strings.Cut(strings.TrimPrefix(c.term, "@"), "@")
	if q.authors++; q.authors > maxAuthors {
		q.nothing = true
		return nil
	}
	a, err := s.Accounts.ByAcct(ctx, s.DB, name, domain)
	if errs.IsNotFound(err) {
		q.nothing = q.nothing || !c.negated
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking up an author: %w", err)
	}
	q.add(c.negated, authorWord(a.ID))
	return nil
}

// takeTime narrows the range of ids, which are ordered by time.
func (q *question) takeTime(c clause, zone *time.Location) error {
	from, to, err := period(c.term, zone)
	if err != nil {
		return err
	}
	q.asked = true
	lo, hi := int64(0), int64(1<<63-1)
	switch c.prefix {
	case "before":
		hi = firstID(from)
	case "after":
		lo = firstID(to) - 1
	case "during":
		lo, hi = firstID(from)-1, firstID(to)
	}
	if c.negated {
		q.outside = append(q.outside, [2]int64{lo, hi})
		return nil
	}
	q.lo, q.hi = max(q.lo, lo), min(q.hi, hi)
	return nil
}

// lastMoment is the last for which there are ids (the year 4199).
const lastMoment = 1 << 46

func firstID(t time.Time) int64 { return ids.First(time.UnixMilli(min(t.UnixMilli(), lastMoment))) }

// layouts are the forms of ISO 8601 in which a date may be given, with how long each lasts.
var layouts = []struct {
	layout              string
	years, months, days int
	lasts               time.Duration
}{
	{layout: "2006", years: 1}, {layout: "2006-01", months: 1}, {layout: "2006-01-02", days: 1}, {layout: "20060102", days: 1},
	{layout: "2006-01-02T15", lasts: time.Hour}, {layout: "2006-01-02T15:04", lasts: time.Minute}, {layout: "2006-01-02T15:04:05", lasts: time.Second},
	{layout: "2006-01-02T15:04Z07:00", lasts: time.Minute}, {layout: time.RFC3339, lasts: time.Second},
}

// period is the time that a date means, its end left out: a day lasts from midnight to midnight where the viewer is. Digits alone, more than a date
// has, are milliseconds since 1970. What is no date is refused with the words of Mastodon.
func period(term string, zone *time.Location) (from, to time.Time, err error) {
	if zone == nil {
		zone = time.UTC
	}
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l.layout, strings.ToUpper(term), zone); err == nil {
			return t, t.AddDate(l.years, l.months, l.days).Add(l.lasts), nil
		}
	}
	if ms, err := strconv.ParseInt(term, 10, 64); err == nil && ms >= 0 && ms < lastMoment {
		return time.UnixMilli(ms), time.UnixMilli(ms), nil
	}
	return from, to, errs.New(errs.InvalidKind, "Invalid date supplied")
}
