package feeds

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/cache"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

const (
	// removeAtOnce is how many lists are changed side by side when a post is taken out; the cache pipelines them.
	removeAtOnce = 32
	// maxPeople and maxTags bound a live message.
	maxPeople = 200
	maxTags   = 100
)

// Spread is the command to bring news of a post to a slice of the local followers of its author: those after an id.
type Spread struct {
	StatusID statuses.ID
	After    accounts.ID
	// Event is Update, StatusUpdate or Delete.
	Event string
	// Quiet says that the news is none, because the post was old when it arrived: it is in the feeds, but nobody is told.
	Quiet bool
	// Tagged means those who follow a hashtag of the post, but not its author, instead.
	Tagged bool
	// At, when not 0, is when the post became another without an edit, in milliseconds.
	At int64
}

// Kind names the command.
func (Spread) Kind() string { return "feeds.spread" }

// Key keeps the same command from waiting twice.
func (e Spread) Key() string {
	if e.Tagged {
		return fmt.Sprint("tagged ", e.StatusID, e.After, e.Event)
	}
	return fmt.Sprint(e.StatusID, e.After, e.Event, e.At)
}

// Insert brings a new post, or boost, to the feeds of those who see it, and to the public streams.
func (s *Service) Insert(ctx context.Context, e statuses.Posted) error {
	return s.begin(ctx, Spread{StatusID: e.StatusID, Event: Update, Quiet: e.Old})
}

// Edited tells those who see a post that it is another now. Feeds do not change by an edit.
func (s *Service) Edited(ctx context.Context, e statuses.Edited) error {
	return s.begin(ctx, Spread{StatusID: e.StatusID, Event: StatusUpdate})
}

// Refreshed is Edited for what is no edit: what became of a quote, or who may quote.
func (s *Service) Refreshed(ctx context.Context, e statuses.Refreshed) error {
	return s.begin(ctx, Spread{StatusID: e.StatusID, Event: StatusUpdate, At: e.At})
}

// Deleted takes a post out of feeds, and tells those who may have it before them. Boosts of it are left out when feeds are
// shown, and clients drop them with the post.
func (s *Service) Deleted(ctx context.Context, e statuses.Deleted) error {
	if err := s.conversationsWithout(ctx, e.StatusID); err != nil {
		return err
	}
	return s.begin(ctx, Spread{StatusID: e.StatusID, Event: Delete})
}

// begin serves the first slice, and leaves the others to jobs.
func (s *Service) begin(ctx context.Context, e Spread) error {
	p, local, err := s.subject(ctx, e)
	if err != nil || p == nil {
		return err
	}
	if !e.Quiet {
		s.tellPublic(ctx, p, local, e)
	}
	next, err := s.serve(ctx, e, p, local)
	if err != nil {
		return err
	}
	if next > 0 {
		if err := s.others(ctx, e, p); err != nil {
			return err
		}
	}
	if len(p.tags) == 0 {
		return nil
	}
	e.Tagged = true
	return s.tagged(ctx, e, p, local)
}

// tagged serves a slice of those who follow a hashtag of a post; they come slice after slice, for they are seldom many.
func (s *Service) tagged(ctx context.Context, e Spread, p *post, local bool) error {
	next, err := s.serve(ctx, e, p, local)
	if err != nil || next == 0 {
		return err
	}
	e.After = next
	return s.DB.Write(ctx, func(tx *db.Tx) error { return s.Jobs.Emit(ctx, tx, e) })
}

// others writes one job for each further slice.
func (s *Service) others(ctx context.Context, e Spread, p *post) error {
	ends, err := db.Column[accounts.ID](ctx, s.DB, `SELECT x.account_id FROM (SELECT f.account_id, ROW_NUMBER() OVER (ORDER BY f.account_id) AS n
FROM follows f JOIN accounts a ON a.id = f.account_id LEFT JOIN users u ON u.account_id = a.id
WHERE f.target_account_id = $1 AND a.domain = '' AND a.suspended_at = 0 AND (COALESCE(u.last_active_at, 0) = 0 OR u.last_active_at >= $2)) x WHERE x.n % $3 = 0 ORDER BY x.account_id`,
		p.author, db.Ms(s.Clock.Now().Add(-activeFor)), slice)
	if err != nil {
		return fmt.Errorf("slicing followers: %w", err)
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, end := range ends {
			if err := s.Jobs.Emit(ctx, tx, Spread{StatusID: e.StatusID, After: end, Event: e.Event, Quiet: e.Quiet, At: e.At}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Batch serves one slice.
func (s *Service) Batch(ctx context.Context, e Spread) error {
	p, local, err := s.subject(ctx, e)
	if err != nil || p == nil {
		return err
	}
	if e.Tagged {
		return s.tagged(ctx, e, p, local)
	}
	_, err = s.serve(ctx, e, p, local)
	return err
}

// subject loads what a command is about; nil when there is nothing to do any more.
func (s *Service) subject(ctx context.Context, e Spread) (*post, bool, error) {
	list, err := s.posts(ctx, s.DB, []statuses.ID{e.StatusID}, e.Event == Delete)
	if err != nil || len(list) == 0 {
		return nil, false, err
	}
	return list[0], list[0].domain == "", s.withTags(ctx, s.DB, list)
}

// serve brings news of a post to a slice; next is the last of it when there may be more, else 0.
func (s *Service) serve(ctx context.Context, e Spread, p *post, local bool) (next accounts.ID, err error) {
	who, full := (*audience)(nil), false
	if e.Tagged {
		who, full, err = s.taggers(ctx, s.DB, p, e.After)
	} else {
		who, full, err = s.audience(ctx, s.DB, p, e.After, local)
	}
	if err != nil || len(who.viewers) == 0 {
		return 0, err
	}
	if full {
		next = who.viewers[len(who.viewers)-1].id
	}
	var entries []cache.ListEntry
	var news []pubsub.Message
	m := Message{Event: e.Event, ID: int64(p.id), Of: int64(p.original), At: max(p.edited, e.At)}
	add := func(key, channel string, told bool) {
		entries = append(entries, cache.ListEntry{Key: key, ID: int64(p.id)})
		if told && !e.Quiet {
			news = append(news, m.on(channel))
		}
	}
	for _, v := range who.viewers {
		if e.Event == Delete || v.home(p) {
			// Those who are mentioned hear of changes by their notices' channel.
			told := e.Event == Update || !slices.Contains(p.named, v.id) || v.id == p.author
			add(homeKey(v.id), HomeChannel(v.id), told)
		}
	}
	for _, l := range who.lists {
		if e.Event == Delete || l.owner.list(&l.list, p) {
			add(listKey(l.id), ListChannel(l.id), true)
		}
	}
	switch e.Event {
	case Update:
		err = s.Cache.ListPush(ctx, entries, Length)
	case Delete:
		err = s.removeFrom(ctx, entries)
	}
	if err != nil {
		return 0, fmt.Errorf("changing feeds: %w", err)
	}
	s.publish(ctx, news...)
	return next, nil
}

func (s *Service) removeFrom(ctx context.Context, entries []cache.ListEntry) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(removeAtOnce)
	for _, en := range entries {
		g.Go(func() error { return s.Cache.ListRemove(ctx, en.Key, en.ID) })
	}
	return g.Wait()
}

// Own puts a person's new post on its own home feed, before the answer to its request: the job that serves all others does it
// again. It fails never, for a feed can always be computed.
func (s *Service) Own(ctx context.Context, st *statuses.Status) {
	if err := s.Cache.ListPush(ctx, []cache.ListEntry{{Key: homeKey(st.AccountID), ID: int64(st.ID)}}, Length); err != nil {
		s.Log.WarnContext(ctx, "a feed misses a post until it is computed", "error", err)
	}
	s.originals.put(st.ID, st.ReblogOfID)
	s.publish(ctx, Message{Event: Update, ID: int64(st.ID), Of: int64(st.ReblogOfID)}.on(HomeChannel(st.AccountID)))
}

// tellPublic publishes what public timelines and those of hashtags show: public posts, no boosts, of nobody silenced.
func (s *Service) tellPublic(ctx context.Context, p *post, local bool, e Spread) {
	if p.visibility != statuses.Public || p.boost() {
		return
	}
	m := Message{Event: e.Event, ID: int64(p.id), At: max(p.edited, e.At), Author: p.author, Local: local, Language: p.language, Reply: p.answers && p.replyTo != p.author}
	m.People = p.named[:min(len(p.named), maxPeople)]
	m.Domain, m.Media = p.domain, p.parts&statuses.PartMedia != 0
	if p.silenced {
		return
	}
	m.Tags = p.names
	s.publish(ctx, m.on(PublicChannel))
}
