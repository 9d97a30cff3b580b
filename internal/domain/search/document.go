package search

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/text"
)

// maxWords is how many words of a post count: the longest that Mastodon's servers write is some 1500, and what others send may be a book.
const maxWords = 4000

// post is what the index needs to know of one.
type post struct {
	id                                statuses.ID
	author                            accounts.ID
	spoiler, content, language        string
	sensitive, reply, findable, quote bool
	pollID                            int64

	// kinds and texts are of its attachments; options of its poll.
	kinds, texts, options, tags []string
}

// document is the words of a post, its facts among them, in order.
type document struct{ words []string }

// in gives each part of a text its words, with a mark between, so that no phrase goes across.
func (p *post) document() document {
	d := document{words: []string{mark, markFrom + strconv.FormatInt(int64(p.author), 10)}}
	for _, property := range p.properties() {
		d.words = append(d.words, markProperty+property)
	}
	if p.language != "" {
		d.words = append(d.words, markLanguage+languageWord(p.language))
	}
	for _, tag := range p.tags {
		d.words = append(d.words, tagWord(tag))
	}
	parts := append([]string{p.spoiler, text.Plain(p.content)}, p.texts...)
	for _, part := range append(parts, p.options...) {
		if words := text.Words(part, maxWords-len(d.words)); len(words) > 0 {
			d.words = append(append(d.words, mark), words...)
		}
		if len(d.words) >= maxWords {
			break
		}
	}
	return d
}

// properties are what "has:" and "is:" ask for, by Mastodon's names.
func (p *post) properties() []string {
	var out []string
	seen := map[string]bool{}
	for _, kind := range p.kinds {
		if kind == "gifv" {
			kind = "video"
		}
		if !seen[kind] && kind != "unknown" {
			out = append(out, kind)
		}
		seen[kind] = true
	}
	for name, has := range map[string]bool{
		"media": len(p.kinds) > 0, "poll": p.pollID != 0, "link": len(text.Links(p.content)) > 0, "sensitive": p.sensitive, "reply": p.reply, "quote": p.quote,
	} {
		if has {
			out = append(out, name)
		}
	}
	return out
}

// languageWord is a language as a word: letters and digits alone, in lower case.
func languageWord(code string) string { return letters(code) }

// tagWord is a hashtag, by its normalized name, as a word.
func tagWord(name string) string {
	return markTag + strings.Map(func(r rune) rune {
		if r < 0x80 && !('a' <= r && r <= 'z' || '0' <= r && r <= '9') {
			return '\uE001' // the underscore; a tokenizer must not cut there
		}
		return r
	}, name)
}

// letters keeps ASCII letters and digits, in lower case.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// findable is who of a post's readers makes it one that may be found: see the package's comment. The table statuses goes by s, the author's row
// in accounts by a. One row of each is asked for, and not EXISTS: PostgreSQL would read the tables whole for each page of posts, to have all answers
// at hand (1.5 s for 500 posts of a million, instead of 44 ms).
const findable = `s.local OR (s.visibility = 0 AND a.indexable)
  OR (SELECT 1 FROM mentions m JOIN accounts l ON l.id = m.account_id WHERE m.status_id = s.id AND l.domain = '' LIMIT 1) IS NOT NULL
  OR (SELECT 1 FROM favourites f JOIN accounts l ON l.id = f.account_id WHERE f.status_id = s.id AND l.domain = '' LIMIT 1) IS NOT NULL
  OR (SELECT 1 FROM bookmarks b WHERE b.status_id = s.id LIMIT 1) IS NOT NULL
  OR (SELECT 1 FROM statuses r WHERE r.reblog_of_id = s.id AND r.reblog_of_id <> 0 AND r.local AND r.deleted_at = 0 LIMIT 1) IS NOT NULL
  OR (SELECT 1 FROM poll_votes v JOIN accounts l ON l.id = v.account_id WHERE v.poll_id = s.poll_id AND s.poll_id <> 0 AND l.domain = '' LIMIT 1) IS NOT NULL`

// load reads posts that a condition gives, newest first, those deleted and boosts left out, with all their parts: at most five statements.
func (s *Service) load(ctx context.Context, q db.Q, where string, args ...any) ([]*post, error) {
	posts, err := db.All(ctx, q, func(r db.Row) (*post, error) {
		var p post
		var replyTo int64
		var replyURI string
		err := r.Scan(&p.id, &p.author, &p.spoiler, &p.content, &p.language, &p.sensitive, &p.pollID, &replyTo, &replyURI, &p.quote, &p.findable)
		p.reply = replyTo != 0 || replyURI != ""
		return &p, err
	}, `SELECT s.id, s.account_id, s.spoiler_text, s.content, s.language, s.sensitive, s.poll_id, s.in_reply_to_id, s.in_reply_to_uri,
  (SELECT 1 FROM quotes q WHERE q.status_id = s.id LIMIT 1) IS NOT NULL, (`+findable+`)
FROM statuses s JOIN accounts a ON a.id = s.account_id WHERE s.deleted_at = 0 AND s.reblog_of_id = 0 AND `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("loading posts for the index: %w", err)
	}
	byID, byPoll := map[int64]*post{}, map[int64]*post{}
	var list, polls []int64
	for _, p := range posts {
		if !p.findable {
			continue
		}
		byID[int64(p.id)] = p
		list = append(list, int64(p.id))
		if p.pollID != 0 {
			byPoll[p.pollID] = p
			polls = append(polls, p.pollID)
		}
	}
	if len(list) == 0 {
		return posts, nil
	}
	return posts, s.loadParts(ctx, q, byID, byPoll, list, polls)
}

func (s *Service) loadParts(ctx context.Context, q db.Q, byID, byPoll map[int64]*post, list, polls []int64) error {
	type row struct {
		id   int64
		a, b string
	}
	two := func(r db.Row) (v row, err error) { return v, r.Scan(&v.id, &v.a, &v.b) }
	media, err := db.All(ctx, q, two, "SELECT status_id, kind, description FROM media_attachments WHERE status_id = ANY($1) AND status_id <> 0 ORDER BY status_id, position", db.Array(list))
	if err != nil {
		return fmt.Errorf("loading attachments for the index: %w", err)
	}
	for _, m := range media {
		p := byID[m.id]
		p.kinds, p.texts = append(p.kinds, m.a), append(p.texts, m.b)
	}
	tags, err := db.All(ctx, q, two, "SELECT st.status_id, t.name, '' FROM statuses_tags st JOIN tags t ON t.id = st.tag_id WHERE st.status_id = ANY($1)", db.Array(list))
	if err != nil {
		return fmt.Errorf("loading hashtags for the index: %w", err)
	}
	for _, t := range tags {
		p := byID[t.id]
		p.tags = append(p.tags, t.a)
	}
	if len(polls) == 0 {
		return nil
	}
	options, err := db.All(ctx, q, two, "SELECT id, options, '' FROM polls WHERE id = ANY($1)", db.Array(polls))
	if err != nil {
		return fmt.Errorf("loading polls for the index: %w", err)
	}
	for _, o := range options {
		if err := json.Unmarshal([]byte(o.a), &byPoll[o.id].options); err != nil {
			return fmt.Errorf("reading the options of poll %d: %w", o.id, err)
		}
	}
	return nil
}
