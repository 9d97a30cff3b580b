package crowd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
)

// noticed is how far back notices go, and the days in which most of them are read.
const noticed = 60 * 24 * time.Hour

// talk is posts that are not written yet, since answers and boosts to come change their figures.
type talk struct {
	statuses, conversations, tags, mentions, media, favourites, notices *table
	posts                                                               []*said
}

// said is a post that can be answered.
type said struct {
	id, conversation int64
	by               int32
	at               time.Time
	row              []any
	boosts           map[int32]bool
	open             bool // public or unlisted
}

// Where the figures stand in a row of statuses.
const repliesAt, reblogsAt = 18, 19

func (f *filling) talk() *talk {
	return &talk{
		statuses: f.into("statuses", "id", "account_id", "uri", "url", "local", "text", "content", "spoiler_text", "sensitive", "visibility", "language", "in_reply_to_id",
			"in_reply_to_account_id", "conversation_id", "reblog_of_id", "parts", "created_at", "favourites_count", "replies_count", "reblogs_count"),
		conversations: f.into("conversations", "id", "uri", "created_at", "parent_status_id", "parent_account_id"),
		tags:          f.into("statuses_tags", "tag_id", "status_id"),
		mentions:      f.into("mentions", "status_id", "account_id", "silent"),
		media: f.into("media_attachments", "id", "account_id", "status_id", "kind", "content_type", "remote_url", "description", "blurhash", "meta", "created_at",
			"updated_at"),
		favourites: f.into("favourites", "id", "account_id", "status_id", "created_at"),
		notices:    f.notices(),
	}
}

func (f *filling) notices() *table {
	return f.into("notifications", "id", "account_id", "type", "from_account_id", "status_id", "subject", "group_key", "created_at")
}

// notice tells somebody here, if it is of late, in the form of domain/notifications.
func (f *filling) notice(t *table, kind string, to, from Account, status, subject int64, at time.Time) {
	if to.Host != "" || to.ID == from.ID || at.Before(f.now.Add(-noticed)) {
		return
	}
	group := ""
	switch kind {
	case "favourite", "reblog":
		group = fmt.Sprintf("%s-%d-%d", kind, status, at.Unix()/3600)
	case "follow":
		group = fmt.Sprintf("follow-%d", at.Unix()/3600)
	}
	t.add(f.id(at), to.ID, kind, from.ID, status, subject, group, db.Ms(at))
}

// id is an id of a moment. The lower bits count on, so that none is given twice.
func (f *filling) id(at time.Time) int64 {
	f.stage++
	return ids.First(at) | f.stage&0xffff
}

// makePosts writes them in their order, each batch after the next one was drawn, when nothing about it changes any more.
func (f *filling) makePosts(ctx context.Context) error {
	before, now := f.talk(), f.talk()
	for i := range f.authors {
		f.say(i, before, now)
		last := i == len(f.authors)-1
		if len(now.posts) < batch && !last {
			continue
		}
		for _, t := range []*talk{before, now} {
			if t == now && !last {
				break
			}
			if err := flush(ctx, f.db, t.statuses, t.conversations, t.tags, t.mentions, t.media, t.favourites, t.notices); err != nil {
				return err
			}
		}
		f.tell("posts", i+1, len(f.authors))
		before, now = now, f.talk()
	}
	return nil
}

// earlier is a recent post, mostly a very recent one; nil when there is none.
func (f *filling) earlier(before, now *talk) *said {
	back := 1 + int(f.chance.ExpFloat64()*50)
	for _, t := range []*talk{now, before} {
		if back <= len(t.posts) {
			return t.posts[len(t.posts)-back]
		}
		back -= len(t.posts)
	}
	return nil
}

// say makes one post: an eighth are boosts, a third answers.
func (f *filling) say(i int, before, t *talk) {
	by, at := f.authors[i], f.at(i)
	switch n := f.chance.IntN(24); {
	case n < 3:
		if one := f.earlier(before, t); one != nil && one.open && !one.boosts[by] {
			f.boost(t, one, by, at)
			return
		}
	case n < 10:
		if one := f.earlier(before, t); one != nil && one.open {
			f.write(t, by, at, one)
			return
		}
	}
	f.write(t, by, at, nil)
}

func (f *filling) boost(t *talk, one *said, by int32, at time.Time) {
	if one.boosts == nil {
		one.boosts = map[int32]bool{}
	}
	one.boosts[by] = true
	one.row[reblogsAt] = one.row[reblogsAt].(int) + 1
	id, who := f.id(at), f.people[by]
	t.statuses.add(id, who.ID, fmt.Sprintf("%s/statuses/%d/activity", who.URI, id), "", who.Host == "", "", "", "", false, 0, "", 0, 0, 0, one.id, 0, db.Ms(at), 0, 0, 0)
	f.notice(t.notices, "reblog", f.people[one.by], who, one.id, id, at)
}

func (f *filling) write(t *talk, by int32, at time.Time, to *said) {
	who := f.people[by]
	s := &said{id: f.id(at), by: by, at: at, open: true}
	var answered, answeredBy int64
	text, parts, visibility := f.sentence(), 0, 0
	content := "<p>" + text
	if to != nil {
		s.conversation, answered, answeredBy = to.conversation, to.id, f.people[to.by].ID
		to.row[repliesAt] = to.row[repliesAt].(int) + 1
		parts |= hasMentions
		text, content = f.mention(t, s, f.people[to.by], text, content)
	} else {
		s.conversation = f.ids.Next()
		uri := ""
		if who.Host != "" {
			uri = fmt.Sprintf("%s/contexts/%d", who.URI, s.conversation)
		}
		t.conversations.add(s.conversation, uri, db.Ms(at), s.id, who.ID)
	}
	if n := f.chance.IntN(20); n < 3 {
		visibility, s.open = 1+n/2, n < 2 // unlisted, unlisted, private
	}
	if f.chance.IntN(10) < 4 {
		parts |= hasTags
		n := int(f.popular.Uint64() % topics) //nolint:gosec // small
		t.tags.add(f.tags[n], s.id)
		text += " #" + f.tagNames[n]
		content += ` <a href="` + f.base + `/tags/` + f.tagNames[n] + `" class="mention hashtag" rel="tag">#<span>` + f.tagNames[n] + `</span></a>`
	}
	if f.chance.IntN(5) == 0 {
		parts |= hasMedia
		f.picture(t, s.id, who, at)
	}
	warning := ""
	if f.chance.IntN(20) == 0 {
		warning = "a longer text"
	}
	url := fmt.Sprintf("%s/@%s/%d", strings.TrimSuffix(who.URI, "/users/"+who.Name), who.Name, s.id)
	t.statuses.add(s.id, who.ID, fmt.Sprintf("%s/statuses/%d", who.URI, s.id), url, who.Host == "", text, content+"</p>", warning, warning != "", visibility, "en",
		answered, answeredBy, s.conversation, 0, parts, db.Ms(at), f.like(t, s), 0, 0)
	s.row = t.statuses.rows[len(t.statuses.rows)-1]
	t.posts = append(t.posts, s)
}

// mention names somebody at the beginning.
func (f *filling) mention(t *talk, s *said, whom Account, text, content string) (string, string) {
	t.mentions.add(s.id, whom.ID, false)
	f.notice(t.notices, "mention", whom, f.people[s.by], s.id, s.id, s.at)
	acct := "@" + whom.Name
	if whom.Host != "" {
		acct += "@" + whom.Host
	}
	link := `<span class="h-card"><a href="` + strings.Replace(whom.URI, "/users/", "/@", 1) + `" class="u-url mention">@<span>` + whom.Name + `</span></a></span> `
	return acct + " " + text, "<p>" + link + content[len("<p>"):]
}

func (f *filling) picture(t *talk, status int64, by Account, at time.Time) {
	t.media.add(f.ids.Next(), by.ID, status, "image", "image/jpeg", fmt.Sprintf("https://files.example/%d.jpg", status), "A bed under straw.", "UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH",
		`{"original":{"width":1600,"height":1200,"size":"1600x1200","aspect":1.333},"small":{"width":640,"height":480,"size":"640x480","aspect":1.333}}`, db.Ms(at), db.Ms(at))
}

// like has some people like a post: most posts have none or few, some have many.
func (f *filling) like(t *talk, s *said) int {
	x := f.chance.ExpFloat64()
	seen := map[int32]bool{s.by: true}
	for range int(x * x * 0.75) {
		who := f.anybody()
		if seen[who] {
			continue
		}
		seen[who] = true
		at := s.at.Add(time.Duration(f.chance.Int64N(int64(time.Hour))))
		if at.After(f.now) {
			at = f.now
		}
		id := f.ids.Next()
		t.favourites.add(id, f.people[who].ID, s.id, db.Ms(at))
		f.notice(t.notices, "favourite", f.people[s.by], f.people[who], s.id, id, at)
	}
	return len(seen) - 1
}

var vocabulary = strings.Fields(`autumn bread garden kettle ladder meadow needle orchard pencil quilt river saddle thunder umbrella village walnut yarn acorn basket candle
dandelion engine ferry glacier harbour island juniper kitchen lantern marble nettle oven paper quarry rowan stone tractor valley window yellow zebra apron bicycle cellar drawer
evening feather granite hammer iron jacket kiln lemon mirror north owl plum quiet rain soup tunnel under velvet wool after before slowly again never almost because while
between through against without every another morning winter summer spring station market library bridge tower castle forest field road letter number story question answer`)

// sentence is some words: mostly few, sometimes many.
func (f *filling) sentence() string {
	var b strings.Builder
	for i := range 6 + int(f.chance.ExpFloat64()*18)%80 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(vocabulary[f.chance.IntN(len(vocabulary))])
	}
	return b.String()
}
