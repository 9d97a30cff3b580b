package activitypub

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// maxInteracted bounds how many of those who liked or boosted a post are told that it changed.
const maxInteracted = 1000

// reach lists the inboxes that a post of ours, or a boost, goes to: never outside of its audience (VIS-06). Followers get what is
// not direct; those mentioned get everything; the authors of what is answered or boosted, and the
// followers of the former if it is one of ours, get what anybody may see. With changed,
// those who liked or boosted it hear of it too, for they may show it.
func (s *Server) reach(ctx context.Context, p *post, changed bool) ([]string, error) {
	st := p.status
	var inboxes []string
	if st.Visibility != statuses.Direct {
		followers, err := s.Relations.RemoteInboxes(ctx, s.DB, st.AccountID)
		if err != nil {
			return nil, err
		}
		inboxes = followers
	}
	relays, err := s.toRelays(ctx, st)
	if err != nil {
		return nil, err
	}
	inboxes = append(inboxes, relays...)
	var people []accounts.ID
	for _, m := range p.mentions {
		people = append(people, m.AccountID)
	}
	if st.Distributable() {
		// Who follows the one whose post is answered follows the conversation (Mastodon). Only our people's followers are known.
		if st.InReplyToAccountID != 0 && st.InReplyToAccountID != st.AccountID {
			thread, err := s.Relations.RemoteInboxes(ctx, s.DB, st.InReplyToAccountID)
			if err != nil {
				return nil, err
			}
			inboxes = append(inboxes, thread...)
		}
		people = append(people, st.InReplyToAccountID)
		if p.boosted != nil {
			people = append(people, p.boosted.AccountID)
		}
		if changed && !st.Reblog() {
			more, err := s.interacted(ctx, st)
			if err != nil {
				return nil, err
			}
			people = append(people, more...)
		}
	}
	named, err := s.inboxesOf(ctx, people)
	if err != nil {
		return nil, err
	}
	return s.deliverable(append(inboxes, named...)), nil
}

// reachOfStamp lists the inboxes that hear that a quote of a post of ours is not allowed any more: whom that post reached, and who may show
// the quote.
func (s *Server) reachOfStamp(ctx context.Context, quoted, quoting *post) ([]string, error) {
	inboxes, err := s.reach(ctx, quoted, true)
	if err != nil {
		return nil, err
	}
	var more []string
	if quoting.status.Local {
		more, err = s.reach(ctx, quoting, true)
	} else {
		more, err = s.inboxesOf(ctx, []accounts.ID{quoting.status.AccountID})
	}
	return s.deliverable(append(inboxes, more...)), err
}

// reachOfCollection lists the inboxes that hear of a collection of ours: those of its owner's followers, of who is in it, and of some more.
func (s *Server) reachOfCollection(ctx context.Context, c *collections.Collection, more ...accounts.ID) ([]string, error) {
	inboxes, err := s.Relations.RemoteInboxes(ctx, s.DB, c.AccountID)
	if err != nil {
		return nil, err
	}
	members, err := s.Collections.Members(ctx, s.DB, c.ID)
	if err != nil {
		return nil, err
	}
	named, err := s.inboxesOf(ctx, append(members, more...))
	return s.deliverable(append(inboxes, named...)), err
}

func (s *Server) interacted(ctx context.Context, st *statuses.Status) ([]accounts.ID, error) {
	people, err := s.Statuses.Boosters(ctx, s.DB, st.ID, maxInteracted)
	if err != nil {
		return nil, err
	}
	likes, err := s.Statuses.FavouritedBy(ctx, s.DB, st.AccountID, st.ID, db.Page{Limit: maxInteracted})
	if err != nil {
		return nil, err
	}
	for _, e := range likes {
		people = append(people, e.AccountID)
	}
	if st.PollID == 0 {
		return people, nil
	}
	voters, err := s.Statuses.Voters(ctx, s.DB, st.PollID, false)
	return append(people, voters...), err
}

// inboxesOf are the inboxes of those of the accounts that are elsewhere.
func (s *Server) inboxesOf(ctx context.Context, list []accounts.ID) ([]string, error) {
	found, err := s.Accounts.ByIDs(ctx, s.DB, list)
	if err != nil {
		return nil, err
	}
	var inboxes []string
	for _, id := range list {
		if a := found[id]; a != nil && !a.Local() && !a.Suspended() {
			inboxes = append(inboxes, a.BestInbox())
		}
	}
	return inboxes, nil
}

// deliverable keeps each inbox once, and none that cannot be one (ORG-10) or is our own.
func (s *Server) deliverable(inboxes []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, inbox := range inboxes {
		if !seen[inbox] && weburl.Valid(inbox) && !s.isOurs(inbox) {
			out = append(out, inbox)
		}
		seen[inbox] = true
	}
	return out
}
