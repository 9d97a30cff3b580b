package activitypub

import (
	"context"
	"fmt"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Two kinds of relay are known. Mastodon's is an inbox that the instance actor asks with a Follow of everybody; public posts go
// there as they are. LitePub's is an actor that the instance actor follows, and that follows it back; public posts are announced
// to it. Both bring posts of others by announcing them. What a relay announces is fetched; nobody boosted it.

// AddRelay enters a relay by the address of its inbox (Mastodon's kind) or of its actor (LitePub's).
func (s *Server) AddRelay(ctx context.Context, uri, kind string) (instances.Relay, error) {
	if err := s.mayAsk(ctx, uri); err != nil {
		return instances.Relay{}, err
	}
	if kind == "" && strings.HasSuffix(strings.TrimSuffix(uri, "/"), "/inbox") {
		kind = instances.MastodonRelay
	}
	r := instances.Relay{ID: s.IDs.Next(), Kind: kind, InboxURL: uri}
	if kind != instances.MastodonRelay {
		o, err := s.trusted(ctx, uri)
		if err != nil {
			return r, fmt.Errorf("reading the relay's actor: %w", err)
		}
		actor, err := ap.ReadActor(o)
		if err != nil {
			return r, fmt.Errorf("reading the relay's actor: %w", err)
		}
		if !ap.SameHost(actor.Inbox, actor.ID) {
			return r, errs.Invalid("The relay has no inbox on its own host")
		}
		r.Kind, r.ActorURI, r.InboxURL = instances.LitePubRelay, actor.ID, actor.Inbox
	}
	return s.Instances.AddRelay(ctx, r)
}

// EnableRelay asks a relay to take part.
func (s *Server) EnableRelay(ctx context.Context, r instances.Relay) error {
	me, err := s.EnsureInstanceActor(ctx)
	if err != nil {
		return err
	}
	follow := ap.Follow(me.URI+"#relays/"+ids.Format(s.IDs.Next()), me.URI, r.Object(ap.Public))
	d, err := s.letterTo(me, follow, r.InboxURL)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := s.Instances.SetRelay(ctx, tx, r.ID, instances.RelayPending, follow.ID); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, d)
	})
}

// DisableRelay leaves a relay; with forget it is removed.
func (s *Server) DisableRelay(ctx context.Context, r instances.Relay, forget bool) error {
	me, err := s.EnsureInstanceActor(ctx)
	if err != nil {
		return err
	}
	var told []jobs.Event
	if r.State == instances.RelayPending || r.State == instances.RelayAccepted {
		follow := ap.Follow(r.FollowURI, me.URI, r.Object(ap.Public))
		d, err := s.letterTo(me, ap.Undo(r.FollowURI+"/undo", follow, nil), r.InboxURL)
		if err != nil {
			return err
		}
		told = append(told, d)
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		change := s.Instances.SetRelay(ctx, tx, r.ID, instances.RelayIdle, "")
		if forget && change == nil {
			change = s.Instances.RemoveRelay(ctx, tx, r.ID)
		}
		if change != nil {
			return change
		}
		return s.Jobs.Emit(ctx, tx, told...)
	})
}

// letterTo is one document for one inbox.
func (s *Server) letterTo(from *accounts.Account, doc any, inbox string) (Delivery, error) {
	body, err := ap.Document(doc)
	return Delivery{subject: subjectOf(doc), Seq: s.IDs.Next(), FromID: from.ID, Inbox: inbox, Body: string(body), At: s.Clock.Now()}, err
}

// relayOf finds the relay that an account speaks for, or whose Follow it answers. Its own host must be the relay's.
func (s *Server) relayOf(ctx context.Context, by *accounts.Account, follow string) (instances.Relay, error) {
	r, err := s.Instances.RelayOf(ctx, s.DB, by.URI, by.InboxURL, follow)
	if err == nil && !ap.SameHost(r.InboxURL, by.URI) {
		err = errs.Forbidden()
	}
	return r, err
}

// relays reports whether an account is a relay that takes part: what it passes on is wanted.
func (s *Server) relays(ctx context.Context, by *accounts.Account) (bool, error) {
	r, err := s.relayOf(ctx, by, "")
	if errs.KindOf(err) != errs.Internal {
		return false, nil
	}
	return r.State == instances.RelayAccepted, err
}

// viaRelay reports whether a relay that takes part passed an activity on, which its author signed.
func (s *Server) viaRelay(ctx context.Context, a activity) (bool, error) {
	if a.via == 0 {
		return false, nil
	}
	by, err := s.Accounts.ByID(ctx, s.DB, a.via)
	if err != nil {
		return false, dropped(err)
	}
	return s.relays(ctx, by)
}

// answersRelay takes the answer to the Follow of a relay. It reports whether the answer was one.
func (s *Server) answersRelay(ctx context.Context, a activity, state string) (bool, error) {
	id, by := a.IDOf("object"), ""
	if follow := a.Object.Object("object"); follow != nil {
		by = follow.IDOf("actor")
	}
	me, err := s.EnsureInstanceActor(ctx)
	if err != nil || by != me.URI && !strings.HasPrefix(id, me.URI+"#relays/") {
		return false, err
	}
	r, err := s.relayOf(ctx, a.by, id)
	if err != nil {
		return true, err
	}
	if r.State == instances.RelayIdle || id != "" && s.isOurs(id) && id != r.FollowURI {
		return true, errs.Forbidden() // it was not asked, or asked again since
	}
	return true, s.DB.Write(ctx, func(tx *db.Tx) error { return s.Instances.SetRelay(ctx, tx, r.ID, state, "") })
}

// followedByRelay lets a LitePub relay follow the instance actor back.
func (s *Server) followedByRelay(ctx context.Context, a activity, me *accounts.Account) error {
	r, err := s.relayOf(ctx, a.by, "")
	if err != nil {
		return err
	}
	if r.Kind != instances.LitePubRelay || r.State != instances.RelayPending && r.State != instances.RelayAccepted {
		return errs.Forbidden()
	}
	return s.fanOut(ctx, me, acceptOf(me, a.by, a.ID, s.IDs.Next()), []string{a.by.InboxURL})
}

// relayed fetches what a relay announces.
func (s *Server) relayed(ctx context.Context, uri string) error {
	st, err := s.fetchStatus(ctx, uri, 1, nil)
	if err == nil && !st.Distributable() {
		err = errs.Forbidden()
	}
	return err
}

// toRelays are the inboxes of the relays that get a public post, or boost, as it is.
func (s *Server) toRelays(ctx context.Context, st *statuses.Status) ([]string, error) {
	if st.Visibility != statuses.Public {
		return nil, nil
	}
	list, err := s.Instances.ActiveRelays(ctx, s.DB)
	var inboxes []string
	for _, r := range list {
		if r.Kind == instances.MastodonRelay {
			inboxes = append(inboxes, r.InboxURL)
		}
	}
	return inboxes, err
}

// announcedToRelays tells the relays that want to be told of a new public post by an Announce of the instance actor.
func (s *Server) announcedToRelays(ctx context.Context, p *post) ([]jobs.Event, error) {
	if p.status.Visibility != statuses.Public || p.status.Reblog() {
		return nil, nil
	}
	list, err := s.Instances.ActiveRelays(ctx, s.DB)
	if err != nil {
		return nil, err
	}
	var out []jobs.Event
	for _, r := range list {
		if r.Kind != instances.LitePubRelay {
			continue
		}
		me, err := s.EnsureInstanceActor(ctx)
		if err != nil {
			return nil, err
		}
		doc := ap.Announce(me.URI+"#announces/"+ids.Format(p.status.ID), me.URI, ap.FormatTime(p.status.CreatedAt), []string{r.ActorURI}, []string{ap.Public}, p.status.URI)
		d, err := s.letterTo(me, doc, r.InboxURL)
		if err != nil {
			return nil, err
		}
		d.subject = subject{} // it is no post of its own that could be withdrawn
		out = append(out, d)
	}
	return out, nil
}
