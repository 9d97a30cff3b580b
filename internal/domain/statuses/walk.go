package statuses

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Bounds of filling a thread of another server; the first five are Mastodon's defaults.
const (
	// walkCooldown is how long after a thread was opened, or a run began, nothing of it is asked for again.
	walkCooldown = 15 * time.Minute
	// walkAfter is how old a post must be: younger ones have hardly any answers yet.
	walkAfter = 5 * time.Minute
	// WalkPosts, WalkPages and WalkSingle are how many posts and pages one run asks for, and how many answers of one post it takes.
	WalkPosts  = 1000
	WalkPages  = 500
	WalkSingle = 500
	// walkRuns is how many runs follow each other by themselves: enough for 40,000 answers to posts of one server, which take ten hours.
	walkRuns = 40
	// walkItems bounds what is remembered of one thread.
	walkItems = 50_000
	// walkMisses is how many addresses of one host may lead nowhere before no further ones are tried: nobody uses us against others.
	walkMisses = 10
	// walkQuiet is how long a post whose answers were all known, or that could not be had, is left alone.
	walkQuiet = 24 * time.Hour
	// walkAge is how long a thread that nobody opens is remembered, and walksAtOnce how many are forgotten at once.
	walkAge     = 7 * 24 * time.Hour
	walksAtOnce = 50
)

// The states of an item.
const (
	itemOpen = iota
	itemLater
	itemDone
	itemFailed
)

// ThreadWanted asks for a thread to be filled, from where it was left.
type ThreadWanted struct {
	Conversation int64
	// Host is that of the post that was opened; the work for one host shares a lane.
	Host string
	// Begin says that a run begins.
	Begin bool
}

// Kind names the command.
func (ThreadWanted) Kind() string { return "statuses.thread_wanted" }

// Key is what the command is unique by: a thread is walked once, however many of its posts are opened.
func (e ThreadWanted) Key() string { return strconv.FormatInt(e.Conversation, 10) }

// Walk is how far the filling of a thread is.
type Walk struct {
	ConversationID               int64
	OpenedAt, FinishedAt, resume time.Time
	Runs, Posts, Pages, Found    int64
}

// Running reports whether what somebody opened is still being filled.
func (w Walk) Running() bool { return w.FinishedAt.IsZero() }

// Spent reports whether a run has asked for all that it may.
func (w Walk) Spent() bool { return w.Posts >= WalkPosts || w.Pages >= WalkPages }

// ThreadItem is a post, or a collection of a whole thread, that a walk asks for.
type ThreadItem struct {
	ID  int64
	URI string
	// Collection is where its answers are and Page where to go on; with neither the post itself is asked.
	Collection, Page string
	// Taken is how many answers this run has taken of it.
	Taken int64
}

// Walk finds the walk of a conversation.
func (s *Service) Walk(ctx context.Context, q db.Q, conversation int64) (Walk, error) {
	w := Walk{ConversationID: conversation}
	var opened, finished, resumes int64
	err := q.QueryRow(ctx, "SELECT opened_at, finished_at, resumes_at, runs, posts, pages, found FROM thread_walks WHERE conversation_id = $1", conversation).
		Scan(&opened, &finished, &resumes, &w.Runs, &w.Posts, &w.Pages, &w.Found)
	w.OpenedAt, w.FinishedAt, w.resume = db.At(opened), db.At(finished), db.At(resumes)
	return w, err
}

// OpenThread has the thread of a post of another server filled, if that is worth while, and gives the walk that is under way; nil
// for none. root is the first post of the thread, 0 for none above. Whoever opens several posts of a thread starts one walk.
func (s *Service) OpenThread(ctx context.Context, st *Status, root ID) (*Walk, error) {
	now := s.Clock.Now()
	if st.Local || !st.Distributable() || st.Reblog() || st.ConversationID == 0 || now.Sub(st.CreatedAt) < walkAfter {
		return nil, nil
	}
	w, err := s.Walk(ctx, s.DB, st.ConversationID)
	if err != nil && !errs.IsNotFound(err) {
		return nil, err
	}
	if err == nil && (now.Sub(w.OpenedAt) < walkCooldown || now.Before(w.resume.Add(walkCooldown))) {
		if w.Running() {
			return &w, nil
		}
		return nil, nil
	}
	w = Walk{ConversationID: st.ConversationID, OpenedAt: now}
	began := false
	err = s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		began, err = s.beginWalk(ctx, tx, st, root, now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("opening a thread: %w", err)
	}
	if !began { // somebody else opened it at the same moment
		return nil, nil
	}
	return &w, nil
}

func (s *Service) beginWalk(ctx context.Context, tx *db.Tx, st *Status, root ID, now time.Time) (bool, error) {
	n, err := tx.Exec(ctx, `INSERT INTO thread_walks (conversation_id, opened_at) VALUES ($1, $2)
ON CONFLICT (conversation_id) DO UPDATE SET opened_at = excluded.opened_at, finished_at = 0, resumes_at = 0, runs = 0, posts = 0, pages = 0, found = 0 WHERE thread_walks.opened_at <= $3`,
		st.ConversationID, db.Ms(now), db.Ms(now.Add(-walkCooldown)))
	if err != nil || n == 0 {
		return false, err
	}
	uris := []string{st.URI}
	if root != 0 {
		more, err := db.Column[string](ctx, tx, "SELECT uri FROM statuses WHERE id = $1 AND NOT local AND visibility <= 1 AND deleted_at = 0", root)
		if err != nil {
			return false, err
		}
		uris = append(uris, more...)
	}
	rows := s.itemRows(st.ConversationID, uris)
	if err := tx.DoMany(ctx, "opening posts of a thread", insertItem+" DO UPDATE SET state = 0, taken = 0, page = thread_items.collection", rows); err != nil {
		return false, err
	}
	return true, s.Jobs.Emit(ctx, tx, ThreadWanted{Conversation: st.ConversationID, Host: weburl.Host(st.URI), Begin: true})
}

const insertItem = `INSERT INTO thread_items (id, conversation_id, uri, host, collection, page) VALUES ($1, $2, $3, $4, '', '') ON CONFLICT (conversation_id, uri)`

func (s *Service) itemRows(conversation int64, uris []string) [][]any {
	var rows [][]any
	for _, uri := range uris {
		if host := weburl.Host(uri); host != "" && !s.Site.IsLocalURI(uri) {
			rows = append(rows, []any{s.IDs.Next(), conversation, uri, host})
		}
	}
	return rows
}

// BeginRun starts a run of a walk: what was put off, and what is due again, is asked for. It may be repeated.
func (s *Service) BeginRun(ctx context.Context, conversation int64) error {
	now := db.Ms(s.Clock.Now())
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		// What was read to its end is read again only when the thread was opened anew; the first run knows by its number.
		if err := tx.Do(ctx, "reading answers again", `UPDATE thread_items SET state = 0, taken = 0, page = collection, due_at = 0 WHERE conversation_id = $1 AND state >= 2 AND due_at <= $2
AND EXISTS (SELECT 1 FROM thread_walks w WHERE w.conversation_id = $1 AND w.runs = 0)`, conversation, now); err != nil {
			return err
		}
		if err := tx.Do(ctx, "going on with answers", "UPDATE thread_items SET state = 0, taken = 0 WHERE conversation_id = $1 AND state = 1", conversation); err != nil {
			return err
		}
		return tx.Do(ctx, "beginning a run", "UPDATE thread_walks SET posts = 0, pages = 0, resumes_at = 0 WHERE conversation_id = $1", conversation)
	})
}

// OpenItems lists what a walk asks for next, at most limit; hosts whose addresses lead nowhere are left out.
func (s *Service) OpenItems(ctx context.Context, q db.Q, conversation int64, limit int) ([]ThreadItem, error) {
	return db.All(ctx, q, func(r db.Row) (i ThreadItem, err error) {
		return i, r.Scan(&i.ID, &i.URI, &i.Collection, &i.Page, &i.Taken)
	},
		`SELECT id, uri, collection, page, taken FROM thread_items WHERE conversation_id = $1 AND state = 0
AND host NOT IN (SELECT f.host FROM thread_items f WHERE f.conversation_id = $1 AND f.state = 3 GROUP BY f.host HAVING COUNT(*) >= $2) ORDER BY id LIMIT $3`,
		conversation, walkMisses, limit)
}

// Visit is what came of asking for an item.
type Visit struct {
	ThreadItem
	// Answers are posts that are said to be of the thread, and Context a collection of all of it.
	Answers []string
	Context string
	// Post and Read say that a post, or a page, was asked for; Found that a post is new here.
	Post, Read, Found bool
	// Failed says that there was nothing to be had, and Later that it is to be tried in the next run.
	Failed, Later bool
}

// Visited writes down what came of an item; its Page is where to go on, empty at the end.
func (s *Service) Visited(ctx context.Context, conversation int64, v Visit) error {
	now := s.Clock.Now()
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		fresh, err := s.addItems(ctx, tx, conversation, v)
		if err != nil {
			return err
		}
		state, due := itemOpen, now.Add(walkQuiet)
		switch {
		case v.Failed:
			state = itemFailed
		case v.Later || v.Page != "" && v.Taken >= WalkSingle:
			state = itemLater
		case v.Page == "":
			state = itemDone
		}
		if fresh > 0 && state == itemDone { // where something new is, there will be more
			due = now.Add(walkCooldown)
		}
		if err := tx.Do(ctx, "writing down an item", "UPDATE thread_items SET state = $1, due_at = $2, collection = $3, page = $4, taken = $5 WHERE id = $6",
			state, db.Ms(due), v.Collection, v.Page, v.Taken, v.ID); err != nil {
			return err
		}
		return tx.Do(ctx, "counting a walk", "UPDATE thread_walks SET posts = posts + $1, pages = pages + $2, found = found + $3 WHERE conversation_id = $4",
			count(v.Post), count(v.Read), count(v.Found), conversation)
	})
}

func count(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// addItems remembers what is to be asked for, and gives how much of it was not known yet.
func (s *Service) addItems(ctx context.Context, tx *db.Tx, conversation int64, v Visit) (fresh int64, err error) {
	rows := s.itemRows(conversation, v.Answers)
	if len(rows) == 0 && v.Context == "" {
		return 0, nil
	}
	have, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM thread_items WHERE conversation_id = $1", conversation)
	if err != nil {
		return 0, err
	}
	rows = rows[:min(int64(len(rows)), max(walkItems-have, 0))]
	if len(rows) > 0 {
		if fresh, err = tx.ExecMany(ctx, insertItem+" DO NOTHING", rows); err != nil {
			return 0, err
		}
	}
	if v.Context == "" || weburl.Host(v.Context) == "" || s.Site.IsLocalURI(v.Context) {
		return fresh, nil
	}
	return fresh, tx.Do(ctx, "noting a context", `INSERT INTO thread_items (id, conversation_id, uri, host, collection, page) VALUES ($1, $2, $3, $4, $3, $3) ON CONFLICT (conversation_id, uri) DO NOTHING`,
		s.IDs.Next(), conversation, v.Context, weburl.Host(v.Context))
}

// EndRun ends a run. What is left is gone on with after the cooldown, a bounded number of times.
func (s *Service) EndRun(ctx context.Context, e ThreadWanted) error {
	now := s.Clock.Now()
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := jobs.Complete(ctx, tx); err != nil {
			return err
		}
		w, err := s.Walk(ctx, tx, e.Conversation)
		if errs.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		left, err := s.OpenItems(ctx, tx, e.Conversation, 1)
		if err != nil {
			return err
		}
		put, err := db.Exists(ctx, tx, "SELECT 1 FROM thread_items WHERE conversation_id = $1 AND state = 1", e.Conversation)
		if err != nil {
			return err
		}
		resumes := time.Time{}
		if more := len(left) > 0 || put; more && w.Runs+1 < walkRuns {
			resumes = now.Add(walkCooldown)
			if err := s.Jobs.EmitAt(ctx, tx, resumes, ThreadWanted{Conversation: e.Conversation, Host: e.Host, Begin: true}); err != nil {
				return err
			}
		}
		return tx.Do(ctx, "ending a run", "UPDATE thread_walks SET runs = runs + 1, resumes_at = $1, finished_at = CASE WHEN finished_at = 0 THEN $2 ELSE finished_at END WHERE conversation_id = $3",
			db.Ms(resumes), db.Ms(now), e.Conversation)
	})
}

// GoOn ends the running job and has the run continued by another one, so that each is short.
func (s *Service) GoOn(ctx context.Context, e ThreadWanted) error {
	e.Begin = false
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := jobs.Complete(ctx, tx); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, e)
	})
}

// InThread reports whether an address is one of those that a walk has met.
func (s *Service) InThread(ctx context.Context, q db.Q, conversation int64, uri string) (bool, error) {
	return db.Exists(ctx, q, "SELECT 1 FROM thread_items WHERE conversation_id = $1 AND uri = $2", conversation, uri)
}

// ForgetWalks forgets threads that nobody opened for a week.
func (s *Service) ForgetWalks(ctx context.Context) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "forgetting threads", `DELETE FROM thread_walks WHERE conversation_id IN (SELECT conversation_id FROM thread_walks WHERE opened_at < $1 ORDER BY opened_at LIMIT $2)`,
			db.Ms(s.Clock.Now().Add(-walkAge)), walksAtOnce)
	})
}
