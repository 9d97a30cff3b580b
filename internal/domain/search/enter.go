package search

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// batch is how many posts one transaction enters: some hundred kilobytes of words.
	batch = 200
	// fillBatches bounds one run of the job that enters what was there before; the next run goes on.
	fillBatches = 150
)

// Enter brings the index up to date with one post, whatever happened to it. It is safe to repeat.
func (s *Service) Enter(ctx context.Context, id statuses.ID) error {
	posts, err := s.load(ctx, s.DB, "s.id = $1", id)
	if err != nil {
		return err
	}
	if len(posts) == 0 {
		return s.write(ctx, nil, []statuses.ID{id})
	}
	return s.writePosts(ctx, posts)
}

// EnterBoosted enters the post that somebody here boosted.
func (s *Service) EnterBoosted(ctx context.Context, boost statuses.ID) error {
	id, err := db.Value[statuses.ID](ctx, s.DB, "SELECT reblog_of_id FROM statuses WHERE id = $1", boost)
	if errs.IsNotFound(err) || err == nil && id == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Enter(ctx, id)
}

// Drop forgets the words of a post.
func (s *Service) Drop(ctx context.Context, id statuses.ID) error {
	return s.write(ctx, nil, []statuses.ID{id})
}

// EnterAll enters all public posts of somebody who consents now, newest first.
func (s *Service) EnterAll(ctx context.Context, by accounts.ID) error {
	for before := int64(1<<63 - 1); ; {
		posts, err := s.load(ctx, s.DB, "s.account_id = $1 AND s.id < $2 ORDER BY s.id DESC LIMIT $3", by, before, batch)
		if err != nil || len(posts) == 0 {
			return err
		}
		if err := s.writePosts(ctx, posts); err != nil {
			return err
		}
		before = int64(posts[len(posts)-1].id)
	}
}

// writePosts enters those posts that may be found, and forgets the others.
func (s *Service) writePosts(ctx context.Context, posts []*post) error {
	var puts [][]any
	var drops []statuses.ID
	for _, p := range posts {
		if p.findable {
			puts = append(puts, []any{p.id, s.engine.value(p.document())})
		} else {
			drops = append(drops, p.id)
		}
	}
	return s.write(ctx, puts, drops)
}

func (s *Service) write(ctx context.Context, puts [][]any, drops []statuses.ID) error {
	rows := make([][]any, len(drops))
	for i, id := range drops {
		rows[i] = []any{id}
	}
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.ExecMany(ctx, s.engine.put(), puts); err != nil {
			return err
		}
		_, err := tx.ExecMany(ctx, s.engine.drop(), rows)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing the index of posts: %w", err)
	}
	return nil
}

// Progress is how far the posts that were there before are entered.
type Progress struct {
	// Top and Cursor are the newest post of this round, and the one down to which all are entered. They are 0 before the first round.
	Top, Cursor statuses.ID
	Done        bool
}

// Progress tells how far the filling is.
func (s *Service) Progress(ctx context.Context, q db.Q) (p Progress, err error) {
	err = q.QueryRow(ctx, "SELECT top_id, cursor_id, done FROM search_progress WHERE id = 1").Scan(&p.Top, &p.Cursor, &p.Done)
	if errs.IsNotFound(err) {
		err = nil
	}
	return p, err
}

// Rebuild begins a new round over all posts.
func (s *Service) Rebuild(ctx context.Context) error {
	top := s.IDs.Next()
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "beginning the index anew", `INSERT INTO search_progress (id, top_id, cursor_id, done, updated_at) VALUES (1, $1, $1, FALSE, $2)
ON CONFLICT (id) DO UPDATE SET top_id = excluded.top_id, cursor_id = excluded.cursor_id, done = FALSE, updated_at = excluded.updated_at`, top, db.Ms(s.Clock.Now()))
	})
}

// FillDue asks for posts to be entered that were there before the index, or that a process of the version before wrote.
type FillDue struct{}

// Kind names the event.
func (FillDue) Kind() string { return "search.fill_due" }

// Fill goes on with the round, or begins the first, and stops after some thousand posts.
func (s *Service) Fill(ctx context.Context, _ FillDue) error {
	for range fillBatches {
		p, err := s.Step(ctx)
		if err != nil || p.Done {
			return err
		}
	}
	return nil
}

// Step enters the next posts, newest first, and tells how far that brought it. When all are, it looks once more at those that were written
// since the round began: a process of the version before may have written some without entering them.
func (s *Service) Step(ctx context.Context) (Progress, error) {
	p, err := s.Progress(ctx, s.DB)
	if err != nil || p.Done {
		return p, err
	}
	if p.Top == 0 {
		if err := s.Rebuild(ctx); err != nil {
			return p, err
		}
		return s.Progress(ctx, s.DB)
	}
	posts, err := s.load(ctx, s.DB, "s.id < $1 ORDER BY s.id DESC LIMIT $2", p.Cursor, batch)
	if err != nil {
		return p, err
	}
	next := p
	if len(posts) > 0 {
		next.Cursor = posts[len(posts)-1].id
		err = s.writePosts(ctx, posts)
	} else {
		next.Done = true
		err = s.catchUp(ctx, p.Top)
	}
	if err != nil {
		return p, err
	}
	return next, s.DB.Write(ctx, func(tx *db.Tx) error { // unless another process was here, or began anew
		return tx.Do(ctx, "noting how far the index is", "UPDATE search_progress SET cursor_id = $1, done = $2, updated_at = $3 WHERE id = 1 AND top_id = $4 AND cursor_id = $5",
			next.Cursor, next.Done, db.Ms(s.Clock.Now()), p.Top, p.Cursor)
	})
}

// catchUp enters what was written above an id.
func (s *Service) catchUp(ctx context.Context, above statuses.ID) error {
	for {
		posts, err := s.load(ctx, s.DB, "s.id >= $1 ORDER BY s.id LIMIT $2", above, batch)
		if err != nil || len(posts) == 0 {
			return err
		}
		if err := s.writePosts(ctx, posts); err != nil {
			return err
		}
		above = posts[len(posts)-1].id + 1
	}
}
