package statuses

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/memo"
)

const (
	// maxCopies bounds the posts that are kept in memory, at about 3 kB each.
	maxCopies = 6000
	// maxViewers bounds the people of whom is kept what they did with posts and whose posts they may see.
	maxViewers = 2000
	// maxKnown bounds what is kept of one of them; then it begins anew.
	maxKnown = 400
)

// copy is a post with all that everybody is shown alike. It is never changed.
type copied struct {
	Status
	mentions []Mention
	tags     []Tag
	media    []media.Attachment
	app      *App
}

// copies is what is kept in memory to show posts without asking the database. Who may see a post is decided anew each time.
type copies struct {
	posts *memo.Map[ID, *copied]
	// acts is, by viewer, what they did with posts; access, by viewer, whether authors block them and are followed by them.
	acts   *memo.Map[accounts.ID, map[ID]Viewer]
	access *memo.Map[accounts.ID, map[accounts.ID]access]
}

// access is what an author and a viewer are to each other.
type access struct{ blocked, follows bool }

func newCopies(d *db.DB, c clock.Clock) *copies {
	k := &copies{
		posts:  memo.New[ID, *copied]("posts", maxCopies, c),
		acts:   memo.New[accounts.ID, map[ID]Viewer]("acts", maxViewers, c),
		access: memo.New[accounts.ID, map[accounts.ID]access]("access", maxViewers, c),
	}
	post := k.posts.Watch("statuses", "id")
	// New posts have no copies, and those marked as deleted lost theirs.
	post.Only = func(sql string) bool {
		return !strings.Contains(sql, "INSERT INTO statuses ") && !strings.Contains(sql, "deleted_at <> 0")
	}
	// The database takes posts along with their author.
	author := k.posts.Watch("accounts", "none")
	author.Only = func(sql string) bool { return strings.Contains(sql, "DELETE FROM accounts") }
	// A boost of one's own is an act, and so is taking it back; counts are not.
	boost := k.acts.Watch("statuses", "account_id")
	boost.Only = func(sql string) bool {
		return strings.Contains(sql, "INSERT INTO statuses ") || strings.Contains(sql, "SET deleted_at")
	}
	d.Watch(post, author, boost, k.posts.Watch("mentions", "status_id"), k.posts.Watch("statuses_tags", "status_id"), k.posts.Watch("media_attachments", "status_id"),
		k.acts.Watch("favourites", "account_id"), k.acts.Watch("bookmarks", "account_id"), k.acts.Watch("status_pins", "account_id"), k.acts.Watch("conversation_mutes", "account_id"),
		k.access.Watch("blocks", "target_account_id"), k.access.Watch("follows", "account_id"))
	return k
}

// Copies is where posts are kept in memory, to be connected with other processes.
func (s *Service) Copies() []memo.Table {
	return []memo.Table{s.copies.posts, s.copies.acts, s.copies.access}
}

// Recall is Load for showing posts to people: from memory, where nobody has written them since. What it gives is shared and
// must not be changed. Inside of a transaction it loads.
func (s *Service) Recall(ctx context.Context, q db.Q, viewer accounts.ID, list []ID) (*Parts, error) {
	if q != db.Q(s.DB) {
		return s.Load(ctx, q, viewer, list)
	}
	posts, people, acts, err := s.seen(ctx, viewer, list)
	if err != nil {
		return nil, err
	}
	p := &Parts{Statuses: make(map[ID]*Status, len(posts)), Accounts: map[accounts.ID]*accounts.Account{}, Mentions: map[ID][]Mention{}, Tags: map[ID][]Tag{},
		Media: map[ID][]media.Attachment{}, Apps: map[int64]App{}, Viewer: acts}
	var polls []int64
	for id, c := range posts {
		p.Statuses[id], p.Accounts[c.AccountID] = &c.Status, people[c.AccountID]
		put(p.Mentions, id, c.mentions)
		put(p.Tags, id, c.tags)
		put(p.Media, id, c.media)
		if c.app != nil {
			p.Apps[c.ApplicationID] = *c.app
		}
		if c.PollID != 0 {
			polls = append(polls, c.PollID)
		}
	}
	p.Polls, err = s.Polls(ctx, s.DB, viewer, polls)
	return p, err
}

// seen gives the posts that a viewer may see, those boosted in them too, their authors, and what the viewer did with posts.
func (s *Service) seen(ctx context.Context, viewer accounts.ID, list []ID) (map[ID]*copied, map[accounts.ID]*accounts.Account, map[ID]Viewer, error) {
	posts, err := s.recallPosts(ctx, list)
	if err != nil {
		return nil, nil, nil, err
	}
	authors := make([]accounts.ID, 0, len(posts))
	for _, c := range posts {
		authors = append(authors, c.AccountID)
	}
	people, err := s.Accounts.Recall(ctx, s.DB, authors)
	if err != nil {
		return nil, nil, nil, err
	}
	between, acts, err := s.viewing(ctx, viewer, posts, people)
	if err != nil {
		return nil, nil, nil, err
	}
	for id, c := range posts {
		author := people[c.AccountID]
		if author == nil || author.Suspended() || !c.seenBy(viewer, between[c.AccountID]) {
			delete(posts, id)
		}
	}
	for id, c := range posts {
		if c.Reblog() && posts[c.ReblogOfID] == nil {
			delete(posts, id)
		}
	}
	return posts, people, acts, nil
}

// recallGlances is Glance from memory.
func (s *Service) recallGlances(ctx context.Context, viewer accounts.ID, list []ID) (map[ID]*Glance, error) {
	posts, people, acts, err := s.seen(ctx, viewer, list)
	if err != nil {
		return nil, err
	}
	all := make([]Glance, 0, len(posts))
	out := make(map[ID]*Glance, len(posts))
	for id, c := range posts {
		author := people[c.AccountID]
		all = append(all, Glance{
			ID: id, AccountID: c.AccountID, ReblogOfID: c.ReblogOfID, EditedAt: db.Ms(c.EditedAt), Sensitive: c.Sensitive, Visibility: c.Visibility,
			RepliesCount: c.RepliesCount, ReblogsCount: c.ReblogsCount, FavouritesCount: c.FavouritesCount, Viewer: acts[id],
			Author: VersionOf(author), Sensitized: !author.SensitizedAt.IsZero(),
		})
		out[id] = &all[len(all)-1]
	}
	return out, nil
}

func put[V any](into map[ID][]V, id ID, list []V) {
	if len(list) > 0 {
		into[id] = list
	}
}

// recallPosts gives posts and those boosted in them.
func (s *Service) recallPosts(ctx context.Context, list []ID) (map[ID]*copied, error) {
	load := func(missing []ID) (map[ID]*copied, error) { return s.copyPosts(ctx, missing) }
	found, err := s.copies.posts.Read(list, load)
	if err != nil {
		return nil, err
	}
	var boosted []ID
	for _, c := range found {
		if c.Reblog() && found[c.ReblogOfID] == nil {
			boosted = append(boosted, c.ReblogOfID)
		}
	}
	if len(boosted) == 0 {
		return found, nil
	}
	more, err := s.copies.posts.Read(boosted, load)
	maps.Copy(found, more)
	return found, err
}

// copyPosts reads posts with all their parts, whoever may see them, and the posts boosted in them.
func (s *Service) copyPosts(ctx context.Context, list []ID) (map[ID]*copied, error) {
	rows, err := db.All(ctx, s.DB, scan, "SELECT "+columns+` FROM statuses s
WHERE (s.id = ANY($1) OR s.id IN (SELECT x.reblog_of_id FROM statuses x WHERE x.id = ANY($1))) AND s.deleted_at = 0`, db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("loading posts: %w", err)
	}
	p := &Parts{Statuses: make(map[ID]*Status, len(rows))}
	for _, st := range rows {
		p.Statuses[st.ID] = st
	}
	if err := s.loadShown(ctx, s.DB, p); err != nil {
		return nil, err
	}
	out := make(map[ID]*copied, len(rows))
	for id, st := range p.Statuses {
		c := &copied{Status: *st, mentions: p.Mentions[id], tags: p.Tags[id], media: p.Media[id]}
		if app, ok := p.Apps[st.ApplicationID]; ok {
			c.app = &app
		}
		out[id] = c
	}
	return out, nil
}

// seenBy reports whether a viewer may see a post that is not deleted, of an author who is not suspended.
func (c *copied) seenBy(viewer accounts.ID, between access) bool {
	if viewer != 0 && c.AccountID == viewer || c.Visibility <= Unlisted && !between.blocked || c.Visibility == Private && between.follows {
		return true
	}
	return viewer != 0 && slices.ContainsFunc(c.mentions, func(m Mention) bool { return m.AccountID == viewer })
}

// viewing gives what authors and a viewer are to each other, and what the viewer did with posts: from memory, and the rest in one
// statement.
func (s *Service) viewing(ctx context.Context, viewer accounts.ID, posts map[ID]*copied, people map[accounts.ID]*accounts.Account) (map[accounts.ID]access, map[ID]Viewer, error) {
	if viewer == 0 {
		return nil, map[ID]Viewer{}, nil
	}
	between, noAuthors, keepBetween := known(s.copies.access, viewer, people)
	acts, noPosts, keepActs := known(s.copies.acts, viewer, posts)
	if len(noAuthors)+len(noPosts) == 0 {
		return between, acts, nil
	}
	rows, err := s.DB.Query(ctx, `SELECT 0, status_id FROM favourites WHERE account_id = $1 AND status_id = ANY($2)
UNION ALL SELECT 1, reblog_of_id FROM statuses WHERE reblog_of_id = ANY($2) AND reblog_of_id <> 0 AND account_id = $1 AND deleted_at = 0
UNION ALL SELECT 2, status_id FROM bookmarks WHERE account_id = $1 AND status_id = ANY($2)
UNION ALL SELECT 3, s.id FROM conversation_mutes m JOIN statuses s ON s.conversation_id = m.conversation_id WHERE m.account_id = $1 AND s.id = ANY($2)
UNION ALL SELECT 4, status_id FROM status_pins WHERE account_id = $1 AND status_id = ANY($2)
UNION ALL SELECT 5, account_id FROM blocks WHERE target_account_id = $1 AND account_id = ANY($3)
UNION ALL SELECT 6, target_account_id FROM follows WHERE account_id = $1 AND target_account_id = ANY($3)`, viewer, db.Array(noPosts), db.Array(noAuthors))
	if err != nil {
		return nil, nil, fmt.Errorf("loading what the viewer did: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var what, id int64
		if err := rows.Scan(&what, &id); err != nil {
			return nil, nil, err
		}
		if what >= 5 {
			a := between[accounts.ID(id)]
			a.blocked, a.follows = a.blocked || what == 5, a.follows || what == 6
			between[accounts.ID(id)] = a
			continue
		}
		v := acts[ID(id)]
		*[]*bool{&v.Favourited, &v.Reblogged, &v.Bookmarked, &v.Muted, &v.Pinned}[what] = true
		acts[ID(id)] = v
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("loading what the viewer did: %w", err)
	}
	keepBetween()
	keepActs()
	return between, acts, nil
}

// known gives what is kept of a viewer by key. When something of what is asked for is missing, it gives a new map in which that
// is to be entered, the keys that are missing, and what keeps the map then.
func known[K ~int64, V, A any](m *memo.Map[accounts.ID, map[K]V], viewer accounts.ID, asked map[K]A) (have map[K]V, missing []K, keep func()) {
	all, mark := m.Get([]accounts.ID{viewer})
	have = all[viewer]
	for k := range asked {
		if _, ok := have[k]; !ok {
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return have, nil, func() {}
	}
	next := make(map[K]V, len(asked)+len(have))
	for k, v := range have {
		if _, ok := asked[k]; ok || len(have) < maxKnown {
			next[k] = v
		}
	}
	for _, k := range missing {
		var none V
		next[k] = none
	}
	return next, missing, func() { m.Put(mark, map[accounts.ID]map[K]V{viewer: next}) }
}
