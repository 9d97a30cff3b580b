package activitypub

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/jobs"
)

const (
	// pushTimeout is how long an inbox has to answer (Mastodon: 10 s).
	pushTimeout = 10 * time.Second
	// pushAge is the age at which a delivery is given up, however often its host asked to wait.
	pushAge = 7 * 24 * time.Hour
)

// Delivery is one document on its way to one inbox. Body is the document as it is sent; At is when it was written.
type Delivery struct {
	FromID accounts.ID
	Inbox  string
	Body   string
	At     time.Time
}

// Kind names the command.
func (Delivery) Kind() string { return "activitypub.delivery" }

// Host is where the delivery goes; deliveries to one host share a lane.
func (d Delivery) Host() string { return weburl.Host(d.Inbox) }

// fanOut writes the deliveries of a document, in the transaction that ends the job which asked for them: all of them are there
// once, or none is.
func (s *Server) fanOut(ctx context.Context, from *accounts.Account, doc any, inboxes []string) error {
	return s.fanOutAnd(ctx, from, []any{doc}, inboxes, nil)
}

func (s *Server) fanOutAll(ctx context.Context, from *accounts.Account, docs []any, inboxes []string) error {
	return s.fanOutAnd(ctx, from, docs, inboxes, nil)
}

// fanOutAnd is fanOut with something more to write in the same transaction.
func (s *Server) fanOutAnd(ctx context.Context, from *accounts.Account, docs []any, inboxes []string, also func(*db.Tx) error) error {
	inboxes = s.deliverable(inboxes)
	now := s.Clock.Now()
	var list []jobs.Event
	for _, doc := range docs {
		body, err := ap.Document(doc)
		if err != nil {
			return jobs.Dead(err)
		}
		for _, inbox := range inboxes {
			list = append(list, Delivery{FromID: from.ID, Inbox: inbox, Body: string(body), At: now})
		}
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := jobs.Complete(ctx, tx); err != nil {
			return err
		}
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		return s.Jobs.Emit(ctx, tx, list...)
	})
}

// Push signs a document and posts it to its inbox. What the other server refuses for good is given up; what may succeed later is
// tried again by the queue, for days.
func (s *Server) Push(ctx context.Context, d Delivery) error {
	host := d.Host()
	if s.Clock.Now().Sub(d.At) > pushAge {
		return jobs.Dead(fmt.Errorf("delivering to %s: too old", host))
	}
	skip, err := s.unreachable(ctx, host)
	if err != nil || skip {
		return err
	}
	from, err := s.Accounts.ByID(ctx, s.DB, d.FromID)
	if err != nil {
		return dropped(err)
	}
	sign, err := s.signAs(ctx, from)
	if err != nil {
		return err
	}
	_, err = s.Fetch.Do(ctx, fetch.Request{
		Method: http.MethodPost, URL: d.Inbox, Body: []byte(d.Body), Header: http.Header{"Content-Type": {ap.ContentType}},
		Sign: sign, Timeout: pushTimeout, Redirects: -1,
	})
	return s.pushed(ctx, host, err)
}

// unreachable reports whether nothing is sent to a host: it is suspended, or has not answered for a week.
func (s *Server) unreachable(ctx context.Context, host string) (bool, error) {
	suspended, err := s.Instances.Suspended(ctx, s.DB, host)
	if err != nil || suspended {
		s.delivered.Inc("skipped")
		return true, err
	}
	gone, err := s.Instances.Unavailable(ctx, s.DB, host)
	if err == nil && gone {
		s.delivered.Inc("skipped")
	}
	return gone, err
}

// pushed notes how a delivery went and decides what becomes of it.
func (s *Server) pushed(ctx context.Context, host string, err error) error {
	switch {
	case err == nil:
		s.delivered.Inc("accepted")
		return s.Instances.Succeeded(ctx, host)
	case !fetch.IsTemporary(err):
		s.delivered.Inc("refused")
		return nil
	}
	s.delivered.Inc("failed")
	err = fmt.Errorf("delivering to %s: %w", host, err)
	if wait := fetch.RetryAfter(err); wait > 0 {
		return jobs.Later(wait, err)
	}
	if ctx.Err() != nil {
		return err // we were stopped; that says nothing about the host
	}
	if noted := s.Instances.Failed(ctx, host); noted != nil {
		return fmt.Errorf("noting a failure: %w", noted)
	}
	return err
}
