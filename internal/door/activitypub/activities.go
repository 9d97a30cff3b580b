package activitypub

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// undoneAge is how long it is remembered that a follow or block was undone before it came: deliveries overtake each other by
// minutes. Ids of follows are used again by some servers, so it must not be for ever.
const undoneAge = 6 * time.Hour

// activity is what somebody elsewhere does: verified, and about to be performed.
type activity struct {
	*ap.Object
	by *accounts.Account
	// text is the activity as it came, and via who delivered it, if it was somebody else.
	text string
	via  accounts.ID
}

// verb performs one type of activity.
type verb struct {
	kind    string
	perform func(ctx context.Context, a activity) error
	// evenGone is for what an account that is shut out may still do: leave, and take back.
	evenGone bool
}

// verbs lists the activities that mean something here. Of an activity with several types the first that is listed counts (AUZ-18).
func (s *Server) verbs() []verb {
	return []verb{
		{kind: "Follow", perform: s.performFollow},
		{kind: "Accept", perform: s.performAccept},
		{kind: "Reject", perform: s.performReject},
		{kind: "Undo", perform: s.performUndo, evenGone: true},
		{kind: "Create", perform: s.performCreate},
		{kind: "Update", perform: s.performUpdate},
		{kind: "Delete", perform: s.performDelete, evenGone: true},
		{kind: "Announce", perform: s.performAnnounce},
		{kind: "Like", perform: s.performLike},
		{kind: "EmojiReact", perform: s.performReact},
		{kind: "Flag", perform: s.performFlag},
		{kind: "QuoteRequest", perform: s.performQuoteRequest},
		{kind: "FeatureRequest", perform: s.performFeatureRequest},
		{kind: "Block", perform: s.performBlock},
		{kind: "Add", perform: s.performAdd},
		{kind: "Remove", perform: s.performRemove},
		{kind: "Move", perform: s.performMove},
	}
}

// Perform does what a verified activity asks for. What is refused is dropped: the sender gets no answer but by what it can see.
// Every verb may run twice.
func (s *Server) Perform(ctx context.Context, e Received) error {
	o, err := ap.Parse([]byte(e.Body))
	if err != nil {
		return jobs.Dead(fmt.Errorf("reading an activity: %w", err))
	}
	by, err := s.Accounts.ByID(ctx, s.DB, e.ActorID)
	if err != nil {
		return dropped(err)
	}
	if o.IDOf("actor") != by.URI {
		return nil
	}
	if shut, err := s.shut(ctx, by); err != nil || shut {
		return err
	}
	for _, v := range s.verbs() {
		if v.kind != o.Kind(s.kinds...) || by.Suspended() && !v.evenGone {
			continue
		}
		err := v.perform(ctx, activity{Object: o, by: by, text: e.Body, via: e.Via})
		s.performed.Inc(v.kind, outcome(err), reasonOf(err))
		if err = dropped(err); err != nil {
			return fmt.Errorf("performing %s: %w", v.kind, err)
		}
		return s.spoke(ctx, by)
	}
	return nil
}

// spoke notes that a host is there: deliveries to it, if they were given up, begin again; if they wait, one is tried soon.
func (s *Server) spoke(ctx context.Context, by *accounts.Account) error {
	if host := ap.HostOf(by.BestInbox()); host != "" {
		return s.Instances.Spoke(ctx, host)
	}
	return nil
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "done"
	case errs.KindOf(err) == errs.Internal:
		return "failed"
	}
	return "refused"
}

// dropped makes a refusal a success: trying again would change nothing. What is left is worth another attempt.
func dropped(err error) error {
	switch errs.KindOf(err) {
	case errs.Internal, errs.UnavailableKind, errs.TooManyKind:
		return err
	}
	return nil
}

// localActor finds the account of this server that an id names.
func (s *Server) localActor(ctx context.Context, uri string) (*accounts.Account, error) {
	if !s.isOurs(uri) {
		return nil, errs.NotFound()
	}
	a, err := s.Accounts.ByURI(ctx, s.DB, uri)
	if err != nil {
		return nil, err
	}
	if !a.Local() || a.Suspended() {
		return nil, errs.NotFound()
	}
	return a, nil
}

// embedded is the activity inside another one, as an object if it is there, and its id. One that names another actor than the
// given one, or another host's id, is refused.
func (a activity) embedded(key, actor string) (*ap.Object, string, error) {
	id := a.IDOf(key)
	inner := a.Object.Object(key)
	if inner != nil && inner.IDOf("actor") != "" && inner.IDOf("actor") != actor {
		return nil, "", errs.Forbidden()
	}
	if id != "" && actor != "" && !ap.SameHost(id, actor) {
		return nil, "", errs.Forbidden()
	}
	return inner, id, nil
}
