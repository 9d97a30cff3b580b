package activitypub

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"golang.org/x/sync/errgroup"
)

const (
	// fillAtOnce is how many addresses of a thread are asked for side by side, and fillStep how many by one job, so that each is short.
	fillAtOnce = 4
	fillStep   = 24
	// fillTime ends a job before its deadline, with what is under way.
	fillTime = 45 * time.Second
)

// FillThread asks for the posts of a thread that are not here: each post's own server for its collection of replies, and that of the
// thread for its context (FEP-7888). A collection counts on its own host alone; what it names is fetched from where that is, and kept
// if it belongs to the thread. All that is remembered is in the database, so that it may be gone on with at any time.
func (s *Server) FillThread(ctx context.Context, e statuses.ThreadWanted) error {
	if e.Begin {
		if err := s.Statuses.BeginRun(ctx, e.Conversation); err != nil {
			return err
		}
	}
	until := s.Clock.Now().Add(fillTime)
	for asked := 0; asked < fillStep && s.Clock.Now().Before(until); {
		walk, err := s.Statuses.Walk(ctx, s.DB, e.Conversation)
		if err != nil {
			return dropped(err)
		}
		items, err := s.Statuses.OpenItems(ctx, s.DB, e.Conversation, fillAtOnce)
		if err != nil {
			return err
		}
		if len(items) == 0 || walk.Spent() {
			return s.Statuses.EndRun(ctx, e)
		}
		g, each := errgroup.WithContext(ctx)
		for _, item := range items {
			g.Go(func() error { return s.visit(each, e.Conversation, item) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		asked += len(items)
	}
	return s.Statuses.GoOn(ctx, e)
}

// visit asks for one item of a thread, and writes down what came of it.
func (s *Server) visit(ctx context.Context, conversation int64, item statuses.ThreadItem) error {
	v := statuses.Visit{ThreadItem: item}
	var read version
	var err error
	if item.Page != "" {
		v.Read = true
		read, err = s.readAnswers(ctx, &v)
	} else {
		v.Post = true
		err = s.readPost(ctx, conversation, &v)
	}
	if err != nil {
		v.Later = errors.Is(err, fetch.ErrResting) || dropped(err) != nil
		v.Failed = !v.Later
	}
	if err := s.Statuses.Visited(ctx, conversation, v); err != nil {
		return err
	}
	s.remember(ctx, item.Page, read)
	return nil
}

// readPost fetches a post of a thread. Even of one that is known its server alone knows where the answers are.
func (s *Server) readPost(ctx context.Context, conversation int64, v *statuses.Visit) error {
	o, err := s.object(ctx, v.URI)
	if err != nil {
		return err
	}
	n, err := ap.ReadNote(o)
	if err != nil {
		return err
	}
	_, err = s.Statuses.ByURI(ctx, s.DB, n.ID)
	if errs.IsNotFound(err) {
		if err := s.belongs(ctx, conversation, n); err != nil {
			return err
		}
		v.Found = true
		// Depth 1: the answers are asked for by the walk.
		_, err = s.fetchStatus(ctx, n.ID, 1, o)
	}
	if err != nil {
		return err
	}
	v.Answers, v.Context, v.Collection, v.Page = n.RepliesItems, n.Context, n.Replies, n.RepliesNext
	if v.Page == "" && len(v.Answers) == 0 {
		v.Page = n.Replies
	}
	v.Answers = v.Answers[:min(len(v.Answers), statuses.WalkSingle)]
	v.Taken = int64(len(v.Answers))
	return nil
}

// belongs refuses a post that is no answer to anything that is here or in the thread: a collection could make us take what it likes.
func (s *Server) belongs(ctx context.Context, conversation int64, n ap.Note) error {
	for _, uri := range []string{n.InReplyTo, n.Context} {
		if uri == "" {
			continue
		}
		in, err := s.Statuses.InThread(ctx, s.DB, conversation, uri)
		if err != nil || in {
			return err
		}
	}
	if n.InReplyTo == "" {
		return errs.Forbidden()
	}
	_, err := s.Statuses.ByURI(ctx, s.DB, n.InReplyTo)
	return err
}

// readAnswers reads a page of a collection, and the first page with the collection itself; the version is empty unless all of it was taken.
func (s *Server) readAnswers(ctx context.Context, v *statuses.Visit) (version, error) {
	read, err := s.newer(ctx, v.Page, s.lastVersion(ctx, v.Page))
	if err != nil {
		return version{}, err
	}
	if read.unchanged() {
		v.Page = read.Next
		return read.version, nil
	}
	if !ap.SameHost(read.answered, v.Collection) {
		return version{}, errs.Forbidden()
	}
	page := read.doc
	items := page.Items()
	next := page.IDOf("next")
	if first := page.Object("first"); first != nil && !first.IsLink() {
		items = append(items, first.Items()...)
		next = first.IDOf("next")
	} else if id := page.IDOf("first"); id != "" && len(items) == 0 {
		next = id
	}
	for _, item := range items {
		if v.Taken >= statuses.WalkSingle {
			break
		}
		if item.ID != "" && !slices.Contains(v.Answers, item.ID) {
			v.Answers = append(v.Answers, item.ID)
			v.Taken++
		}
	}
	if next == v.Page || !ap.SameHost(next, v.Collection) {
		next = ""
	}
	v.Page, read.Next = next, next
	if v.Taken >= statuses.WalkSingle { // some of it may have been left out
		return version{}, nil
	}
	return read.version, nil
}
