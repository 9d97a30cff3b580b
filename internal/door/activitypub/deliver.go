package activitypub

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Delivery is one document on its way to one inbox. Body is the document as it is sent; At is when it was written.
type Delivery struct {
	// The order of the first fields is part of how deliveries are found again; see order.go.
	subject
	Inbox string
	// Seq is made before the row's own id and after those of all that was written before.
	Seq    int64
	FromID accounts.ID
	Body   string
	At     time.Time
	// Public documents are signed in themselves when they are sent (see sealed).
	Public bool `json:",omitzero"`
	// Sync is what the delivery says about followers; see sync.go.
	Sync string `json:",omitzero"`
}

// Kind names the command.
func (Delivery) Kind() string { return "activitypub.delivery" }

// Host is where the delivery goes; deliveries to one host share a lane.
func (d Delivery) Host() string { return weburl.Host(d.Inbox) }

// fanOut writes the deliveries of a document, in the transaction that ends the job which asked for them: all of them are there
// once, or none is. Nothing is written for hosts that are suspended or were given up; what goes to a host that does not answer at
// present is due when it is tried again.
func (s *Server) fanOut(ctx context.Context, from *accounts.Account, doc any, inboxes []string) error {
	return s.dispatch(ctx, from, sending{docs: []any{doc}, inboxes: inboxes})
}

// errOutdated says that a post was edited or deleted while what is said of it was written.
var errOutdated = errors.New("the post has changed meanwhile")

func (s *Server) fanOutAll(ctx context.Context, from *accounts.Account, docs []any, inboxes []string) error {
	return s.dispatch(ctx, from, sending{docs: docs, inboxes: inboxes})
}

// fanOutPost is fanOut of what is said of a post of ours as it was read. If it was edited or deleted since, it is read again: otherwise old
// words could be written after, and be sent after, the new ones. What only followers may read says who of them is on each host.
func (s *Server) fanOutPost(ctx context.Context, p *post, doc any, inboxes []string, more ...jobs.Event) error {
	out := sending{docs: []any{doc}, inboxes: inboxes, also: func(tx *db.Tx) error {
		stands, err := s.Statuses.Stands(ctx, tx, p.status)
		if err == nil && !stands {
			err = errOutdated
		}
		if err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, more...)
	}}
	if p.status.Visibility == statuses.Private {
		var err error
		if out.sync, err = s.syncHeaders(ctx, p.author); err != nil {
			return err
		}
	}
	err := s.dispatch(ctx, p.author, out)
	if errors.Is(err, errOutdated) {
		return jobs.Later(0, err)
	}
	return err
}

// fanOutAnd is fanOut with something more to write in the same transaction.
func (s *Server) fanOutAnd(ctx context.Context, from *accounts.Account, docs []any, inboxes []string, also func(*db.Tx) error) error {
	return s.dispatch(ctx, from, sending{docs: docs, inboxes: inboxes, also: also})
}

// sending is what goes to some inboxes, with what it says about followers on each host, and what else to write with it.
type sending struct {
	docs    []any
	inboxes []string
	sync    map[string]string
	also    func(*db.Tx) error
}

func (s *Server) dispatch(ctx context.Context, from *accounts.Account, out sending) error {
	now, seq := s.Clock.Now(), s.IDs.Next()
	later := map[time.Duration][]jobs.Event{}
	for _, doc := range out.docs {
		body, err := bodyOf(doc)
		if err != nil {
			return jobs.Dead(err)
		}
		about := subjectOf(doc)
		open, err := s.open(ctx, about, s.deliverable(out.inboxes))
		if err != nil {
			return err
		}
		for _, o := range open {
			later[o.wait] = append(later[o.wait], Delivery{subject: about, Seq: seq, FromID: from.ID, Inbox: o.inbox, Body: string(body), At: now, Public: isPublic(doc), Sync: out.sync[weburl.Host(o.inbox)]})
		}
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := jobs.Complete(ctx, tx); err != nil {
			return err
		}
		if out.also != nil {
			if err := out.also(tx); err != nil {
				return err
			}
		}
		for wait, list := range later {
			if err := s.Jobs.EmitAt(ctx, tx, now.Add(wait), list...); err != nil {
				return err
			}
		}
		return nil
	})
}

// outlet is an inbox that something may be sent to, after a wait.
type outlet struct {
	inbox string
	wait  time.Duration
}

// open lists the inboxes that a delivery is written for.
func (s *Server) open(ctx context.Context, about subject, inboxes []string) ([]outlet, error) {
	var out []outlet
	var held []string // hosts
	began := time.Now()
	for _, inbox := range inboxes {
		host := weburl.Host(inbox)
		turn, wait, err := s.Instances.Turn(ctx, host, began)
		if err != nil {
			return nil, err
		}
		switch turn {
		case instances.Barred:
			s.delivered.Inc("skipped", "")
			continue
		case instances.Held:
			held = append(held, host)
		}
		out = append(out, outlet{inbox, wait})
	}
	unheard, err := s.unheard(ctx, about, held, inboxes)
	if err != nil || len(unheard) == 0 {
		return out, err
	}
	return slices.DeleteFunc(out, func(o outlet) bool { return unheard[o.inbox] }), nil
}
