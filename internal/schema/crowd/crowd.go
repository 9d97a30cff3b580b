// Package crowd owns databases to measure with: it makes many people and posts without the server's help, in the form that the server gives them.
package crowd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
)

const (
	// batch is how many rows are written in one transaction.
	batch = 5000
	// strangers and hosts are who wrote the posts that are there already.
	strangers, hosts = 1000, 200
	// feedPosts is how many posts the home timeline is made of.
	feedPosts = 400
)

// Maker fills a database without the server's help, in the form that the server gives it (internal/schema).
type Maker struct {
	db     *db.DB
	base   string
	now    time.Time
	chance *rand.Rand
	ids    *ids.Source

	people   []int64 // strangers
	tags     []int64
	tagNames []string
	stage    int64
}

// clockAt makes ids of a fixed moment on, far enough in the past to be out of the server's way.
type clockAt time.Time

func (c clockAt) Now() time.Time { return time.Time(c) }

func newSource(at time.Time) *ids.Source { return ids.NewSource(clockAt(at), 255) }

// New makes people and posts for the server with this address, https://example.com, in its database.
func New(d *db.DB, base string) *Maker {
	now := time.Now()
	return &Maker{db: d, base: base, now: now, chance: rand.New(rand.NewPCG(1, 2)), ids: newSource(now.AddDate(-1, 0, 0))} //nolint:gosec // the same chance each run
}

// table collects rows and writes them in large transactions.
type table struct {
	db   *db.DB
	sql  string
	rows [][]any
}

func (s *Maker) into(name string, columns ...string) *table {
	marks := make([]string, len(columns))
	for i := range columns {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	return &table{db: s.db, sql: fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", name, strings.Join(columns, ", "), strings.Join(marks, ", "))}
}

func (t *table) add(values ...any) { t.rows = append(t.rows, values) }

// flush writes what was collected, in the order of the tables.
func flush(ctx context.Context, d *db.DB, tables ...*table) error {
	return d.Write(ctx, func(tx *db.Tx) error {
		for _, t := range tables {
			if _, err := tx.ExecMany(ctx, t.sql, t.rows); err != nil {
				return fmt.Errorf("seeding: %w\n%s", err, t.sql)
			}
			t.rows = t.rows[:0]
		}
		return nil
	})
}

// Account is somebody who was made. Host and Token are empty for those who are not from elsewhere, or not from here.
type Account struct {
	ID                     int64
	Name, URI, Host, Token string
}

// AccountTables are rows of people that are not written yet.
type AccountTables struct{ accounts, users, tokens *table }

// AccountTables begins with no rows.
func (s *Maker) AccountTables() AccountTables {
	return AccountTables{
		s.into("accounts", "id", "username", "username_folded", "domain", "display_name", "note", "fields", "uri", "url", "inbox_url", "shared_inbox_url", "outbox_url",
			"followers_url", "public_key", "public_key_id", "discoverable", "indexable", "created_at", "updated_at", "fetched_at",
			"statuses_count", "following_count", "followers_count", "last_status_at"),
		s.into("users", "id", "account_id", "email", "email_folded", "password_hash", "locale", "confirmed_at", "approved", "last_active_at", "created_at", "updated_at"),
		s.into("oauth_access_tokens", "id", "token_hash", "application_id", "user_id", "scopes", "created_at"),
	}
}

// Full tells that there are enough for one transaction.
func (t AccountTables) Full() bool { return len(t.accounts.rows) >= batch }

// Flush writes the rows, in one transaction.
func (t AccountTables) Flush(ctx context.Context, d *db.DB) error {
	return flush(ctx, d, t.accounts, t.users, t.tokens)
}

const aboutMe = `<p>Gardener, reader, keeper of two cats. I write about <a href="https://far.example/tags/soil" class="mention hashtag" rel="tag">#<span>soil</span></a> and bread.</p>`

// counts are the figures of an account, and whether its posts may be found by words.
type counts struct {
	statuses, following, followers, last int64
	consents                             bool
}

// Local adds somebody of this server who was here today, with an access token, bench-NAME, that may do everything.
func (s *Maker) Local(t AccountTables, name string) Account {
	return s.local(t, name, "none", counts{})
}

func (s *Maker) local(t AccountTables, name, password string, n counts) Account {
	a := Account{ID: s.ids.Next(), Name: name, URI: s.base + "/users/" + name, Token: "bench-" + name}
	now := db.Ms(s.now)
	t.accounts.add(a.ID, name, name, "", "The person "+name, "Gardener, reader, keeper of two cats.", "[]", a.URI, "", "", "", "", "", "", "", true, n.consents, now, now, 0,
		n.statuses, n.following, n.followers, n.last)
	user, hash := s.ids.Next(), sha256.Sum256([]byte(a.Token))
	t.users.add(user, a.ID, name+"@people.example", name+"@people.example", password, "en", now, true, now, now, now)
	t.tokens.add(s.ids.Next(), hex.EncodeToString(hash[:]), 0, user, "read write follow push", now)
	return a
}

// Remote adds somebody of another server; key may be empty.
func (s *Maker) Remote(t AccountTables, name, scheme, host, key string) Account {
	return s.remote(t, name, scheme, host, key, counts{})
}

func (s *Maker) remote(t AccountTables, name, scheme, host, key string, n counts) Account {
	base := scheme + "://" + host
	a := Account{ID: s.ids.Next(), Name: name, Host: host, URI: base + "/users/" + name}
	keyID := ""
	if key != "" {
		keyID = a.URI + "#main-key"
	}
	now := db.Ms(s.now)
	fields := `[{"name":"Home","value":"<a href=\"https://` + host + `\">` + host + `</a>"},{"name":"Pronouns","value":"they"}]`
	t.accounts.add(a.ID, name, name, host, "Somebody "+name, aboutMe, fields, a.URI, base+"/@"+name, a.URI+"/inbox", base+"/inbox", a.URI+"/outbox", a.URI+"/followers",
		key, keyID, true, n.consents, now, now, now, n.statuses, n.following, n.followers, n.last)
	return a
}

// Neighbours adds the people and hashtags that seeded posts are by and about.
func (s *Maker) Neighbours(ctx context.Context) error {
	t := s.AccountTables()
	for i := range strangers {
		a := s.Remote(t, fmt.Sprintf("stranger%d", i), "https", fmt.Sprintf("host%d.example", i%hosts), "")
		s.people = append(s.people, a.ID)
	}
	tags := s.into("tags", "id", "name", "created_at")
	for i := range 300 {
		name := fmt.Sprintf("topic%d", i)
		s.tags, s.tagNames = append(s.tags, s.ids.Next()), append(s.tagNames, name)
		tags.add(s.tags[i], name, db.Ms(s.now))
	}
	return flush(ctx, s.db, t.accounts, t.users, t.tokens, tags)
}

type postTables struct{ statuses, tags, mentions, media, favourites *table }

func (s *Maker) postTables() postTables {
	return postTables{
		s.into("statuses", "id", "account_id", "uri", "url", "local", "text", "content", "visibility", "language", "in_reply_to_id", "in_reply_to_account_id",
			"conversation_id", "reblog_of_id", "parts", "created_at", "replies_count", "reblogs_count", "favourites_count"),
		s.into("statuses_tags", "tag_id", "status_id"),
		s.into("mentions", "status_id", "account_id", "silent"),
		s.into("media_attachments", "id", "account_id", "status_id", "kind", "content_type", "remote_url", "description", "blurhash", "meta", "created_at", "updated_at"),
		s.into("favourites", "id", "account_id", "status_id", "created_at"),
	}
}

func (t postTables) Flush(ctx context.Context, d *db.DB) error {
	return flush(ctx, d, t.statuses, t.tags, t.mentions, t.media, t.favourites)
}

// Words are what a post says.
const Words = `The soil here is heavy and wet in November, so the beds wait under straw until the frost has broken it up; then it takes compost gladly, and in
May nobody would believe what it was.`

// bits of statuses.parts.
const hasMedia, hasMentions, hasTags = 1, 2, 4

// written is a seeded post and its author.
type written struct{ id, by int64 }

// post adds a post of somebody at a moment, with the mixture of parts that home timelines have.
func (s *Maker) post(t postTables, by Account, at time.Time, reblogOf int64, replyTo written) int64 {
	id := ids.First(at) | s.stage<<8 | s.chance.Int64N(256)
	uri, url := fmt.Sprintf("%s/statuses/%d", by.URI, id), fmt.Sprintf("%s/@%s/%d", strings.TrimSuffix(by.URI, "/users/"+by.Name), by.Name, id)
	if reblogOf != 0 {
		t.statuses.add(id, by.ID, uri+"/activity", "", by.Host == "", "", "", 0, "", 0, 0, 0, reblogOf, 0, db.Ms(at), 0, 0, 0)
		return id
	}
	parts, content := 0, "<p>"+Words+"</p>"
	if s.chance.IntN(10) < 4 {
		parts |= hasTags
		n := s.chance.IntN(len(s.tags))
		t.tags.add(s.tags[n], id)
		content += `<p><a href="https://far.example/tags/` + s.tagNames[n] + `" class="mention hashtag" rel="tag">#<span>` + s.tagNames[n] + `</span></a></p>`
	}
	if s.chance.IntN(10) < 3 {
		parts |= hasMentions
		n := s.chance.IntN(len(s.people))
		t.mentions.add(id, s.people[n], false)
		content = fmt.Sprintf(`<p><span class="h-card"><a href="https://host%d.example/@stranger%d" class="u-url mention">@<span>stranger%d</span></a></span> `, n%hosts, n, n) + content[3:]
	}
	if s.chance.IntN(10) < 2 {
		parts |= hasMedia
		t.media.add(s.ids.Next(), by.ID, id, "image", "image/jpeg", "https://files.example/"+fmt.Sprint(id)+".jpg", "A bed under straw.", "UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH",
			`{"original":{"width":1600,"height":1200,"size":"1600x1200","aspect":1.333},"small":{"width":640,"height":480,"size":"640x480","aspect":1.333}}`, db.Ms(at), db.Ms(at))
	}
	t.statuses.add(id, by.ID, uri, url, by.Host == "", Words, content, 0, "en", replyTo.id, replyTo.by, id, 0, parts, db.Ms(at), 0, s.chance.IntN(5), s.chance.IntN(20))
	return id
}

// Posts adds n posts by the strangers over the last ten months.
func (s *Maker) Posts(ctx context.Context, n int) error {
	s.stage++
	t := s.postTables()
	step := 300 * 24 * time.Hour / time.Duration(max(n, 1))
	at := s.now.Add(-301 * 24 * time.Hour)
	for i := range n {
		at = at.Add(step)
		who := s.chance.IntN(len(s.people))
		host := fmt.Sprintf("host%d.example", who%hosts)
		name := fmt.Sprintf("stranger%d", who)
		s.post(t, Account{ID: s.people[who], Name: name, Host: host, URI: "https://" + host + "/users/" + name}, at, 0, written{})
		if len(t.statuses.rows) == batch || i == n-1 {
			if err := t.Flush(ctx, s.db); err != nil {
				return err
			}
		}
	}
	return s.Analyze(ctx)
}

// Analyze gives PostgreSQL the figures that autovacuum would bring soon. SQLite is left as the server leaves it.
func (s *Maker) Analyze(ctx context.Context) error {
	if s.db.Engine() != db.Postgres {
		return nil
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "ANALYZE")
		return err
	})
}

// Follow makes all of some follow one, or one follow all of some.
func (s *Maker) Follow(ctx context.Context, by, target []Account) error {
	t := s.into("follows", "id", "account_id", "target_account_id", "created_at")
	now := db.Ms(s.now)
	for _, a := range by {
		for _, b := range target {
			t.add(s.ids.Next(), a.ID, b.ID, now)
			if len(t.rows) == batch {
				if err := flush(ctx, s.db, t); err != nil {
					return err
				}
			}
		}
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.ExecMany(ctx, t.sql, t.rows); err != nil {
			return fmt.Errorf("seeding follows: %w", err)
		}
		for _, sql := range []string{
			"UPDATE accounts SET followers_count = (SELECT COUNT(*) FROM follows f WHERE f.target_account_id = accounts.id) WHERE id = $1",
			"UPDATE accounts SET following_count = (SELECT COUNT(*) FROM follows f WHERE f.account_id = accounts.id) WHERE id = $1",
		} {
			list := target
			if strings.Contains(sql, "following_count") {
				list = by
			}
			rows := make([][]any, len(list))
			for i, a := range list {
				rows[i] = []any{a.ID}
			}
			if _, err := tx.ExecMany(ctx, sql, rows); err != nil {
				return fmt.Errorf("counting follows: %w", err)
			}
		}
		return nil
	})
}

// Timeline adds the recent posts that a home timeline shows: by all of these people, every fifth a boost, every fourth an answer.
func (s *Maker) Timeline(ctx context.Context, by []Account) error {
	s.stage++
	t := s.postTables()
	at := s.now.Add(-48 * time.Hour)
	var last []written
	boosted := map[int64]bool{}
	for i := range feedPosts {
		at = at.Add(6 * time.Minute)
		who := by[(i*7)%len(by)]
		var reblog int64
		var reply written
		switch n := s.chance.IntN(20); {
		case n < 4 && len(last) > 10:
			if one := last[len(last)-1-i%8]; !boosted[one.id] {
				reblog, boosted[one.id] = one.id, true
			}
		case n < 9 && len(last) > 10:
			reply = last[len(last)-1-s.chance.IntN(10)]
		}
		id := s.post(t, who, at, reblog, reply)
		if reblog == 0 {
			last = append(last, written{id, who.ID})
		}
	}
	return t.Flush(ctx, s.db)
}
