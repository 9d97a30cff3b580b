package activitypub

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/jobs"
)

const (
	// maxParents is how far up a thread is fetched from the post that arrived.
	maxParents = 20
	// maxReplies is how many answers to a fetched post are fetched (Mastodon: 5).
	maxReplies = 5
	// restWait is the least that a pull waits whose host does not answer.
	restWait = time.Minute
)

// ParentWanted asks for the post that another one answers. Depth says how many were followed already.
type ParentWanted struct {
	URI   string
	Depth int
}

// Kind names the command.
func (ParentWanted) Kind() string { return "activitypub.parent_wanted" }

// Key is what the command is unique by.
func (e ParentWanted) Key() string { return keyOf("parent", e.URI) }

// Host is who is asked; what is wanted of one host shares a lane.
func (e ParentWanted) Host() string { return weburl.Host(e.URI) }

// RepliesWanted asks for some answers to a post that was fetched.
type RepliesWanted struct{ Post, Collection string }

// Kind names the command.
func (RepliesWanted) Kind() string { return "activitypub.replies_wanted" }

// Key is what the command is unique by.
func (e RepliesWanted) Key() string { return keyOf("replies", e.Post) }

// Host is who is asked.
func (e RepliesWanted) Host() string { return weburl.Host(e.Collection) }

// fetchParent asks for an unknown parent to be fetched, up to a bound (FET-08).
func (s *Server) fetchParent(ctx context.Context, uri string, depth int) error {
	if uri == "" || depth >= maxParents || s.isOurs(uri) {
		return nil
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return s.Jobs.Emit(ctx, tx, ParentWanted{URI: uri, Depth: depth + 1})
	})
}

// FetchParent fetches the post that another one answers; its own parent is asked for in turn.
func (s *Server) FetchParent(ctx context.Context, e ParentWanted) error {
	_, err := s.fetchStatus(ctx, e.URI, e.Depth, nil)
	return rested(dropped(err))
}

// rested makes a pull wait, without counting it as tried, while its host is not asked by anybody.
func rested(err error) error {
	if errors.Is(err, fetch.ErrResting) {
		return jobs.Later(restWait+rand.N(restWait), err)
	}
	return err
}

// FetchStatus finds a post by its id, fetching it and its author when it is not known.
func (s *Server) FetchStatus(ctx context.Context, uri string) (*statuses.Status, error) {
	return s.fetchStatus(ctx, uri, 0, nil)
}

// fetchStatus fetches a post unless it is known; o is its trusted document when that is there already.
func (s *Server) fetchStatus(ctx context.Context, uri string, depth int, o *ap.Object) (*statuses.Status, error) {
	st, err := s.Statuses.ByURI(ctx, s.DB, uri)
	if s.isOurs(uri) {
		return st, err
	}
	if blocked := s.mayAsk(ctx, uri); blocked != nil || !errs.IsNotFound(err) {
		return st, firstError(blocked, err)
	}
	if gone, err := s.Statuses.Tombstoned(ctx, s.DB, uri, 0); err != nil || gone {
		return nil, firstError(err, errs.NotFound())
	}
	if o == nil {
		if o, err = s.object(ctx, uri); err != nil {
			return nil, err
		}
	}
	if o.Is("Create") && ap.SameHost(o.IDOf("object"), o.ID) {
		if o, err = s.object(ctx, o.IDOf("object")); err != nil {
			return nil, err
		}
	}
	n, err := ap.ReadNote(o)
	if err != nil {
		return nil, err
	}
	if !ap.SameHost(n.ID, n.AttributedTo) {
		return nil, errs.Invalid("The post is attributed to another host")
	}
	by, err := s.AccountByURI(ctx, n.AttributedTo, false)
	if err != nil {
		return nil, err
	}
	if by.URI != n.AttributedTo {
		return nil, errs.Forbidden()
	}
	st, err = s.receive(ctx, arrival{Note: n, by: by, asked: true, depth: depth})
	if err != nil {
		return nil, err
	}
	if depth > 0 || n.Replies == "" {
		return st, nil
	}
	return st, s.DB.Write(ctx, func(tx *db.Tx) error {
		return s.Jobs.Emit(ctx, tx, RepliesWanted{Post: n.ID, Collection: n.Replies})
	})
}

// FetchReplies fetches the first answers that a post's own server lists. Answers on other hosts are left to their arrival:
// otherwise a collection could make us ask anybody.
func (s *Server) FetchReplies(ctx context.Context, e RepliesWanted) error {
	uris, err := s.replies(ctx, e)
	if err != nil {
		return rested(dropped(err))
	}
	for _, uri := range uris[:min(len(uris), maxReplies)] {
		// Depth 1: the answers to answers are not fetched. What cannot be fetched is left out.
		if _, err := s.fetchStatus(ctx, uri, 1, nil); err != nil && errs.KindOf(err) == errs.Internal && ctx.Err() != nil {
			return err
		}
	}
	return nil
}

func (s *Server) replies(ctx context.Context, e RepliesWanted) ([]string, error) {
	page, err := s.object(ctx, e.Collection)
	if err != nil {
		return nil, err
	}
	for range 2 { // from the collection to its first page, and from an empty one to the next
		if items := page.Items(); len(items) > 0 {
			var uris []string
			for _, item := range items {
				if ap.SameHost(item.ID, e.Post) && !slices.Contains(uris, item.ID) {
					uris = append(uris, item.ID)
				}
			}
			return uris, nil
		}
		next := page.Object("first")
		if next == nil {
			link := page.IDOf("first")
			if link == "" {
				link = page.IDOf("next")
			}
			if !ap.SameHost(link, e.Post) {
				return nil, nil
			}
			if next, _, err = s.document(ctx, link); err != nil {
				return nil, err
			}
		}
		page = next
	}
	return nil, nil
}

// Found is what an address that a person typed leads to: one of the two.
type Found struct {
	Account    *accounts.Account
	Status     *statuses.Status
	Collection *collections.Collection
}

// ResolveURL finds the account, post or collection that an address leads to, fetching it when it is not known.
func (s *Server) ResolveURL(ctx context.Context, uri string) (Found, error) {
	if !s.isOurs(uri) {
		if err := s.mayAsk(ctx, uri); err != nil {
			return Found{}, err
		}
	}
	if a, err := s.Accounts.ByURL(ctx, s.DB, uri); !errs.IsNotFound(err) {
		return Found{Account: a}, err
	}
	if st, err := s.Statuses.ByURL(ctx, s.DB, uri); !errs.IsNotFound(err) {
		return Found{Status: st}, err
	}
	if s.isOurs(uri) {
		return s.ours(ctx, uri)
	}
	o, err := s.discover(ctx, withoutFragment(uri))
	if err != nil {
		return Found{}, err
	}
	if o.Is(ap.ActorTypes...) {
		a, err := s.enter(ctx, o, nil)
		return Found{Account: a}, err
	}
	if o.Is("FeaturedCollection") {
		c, err := s.enterCollection(ctx, o)
		return Found{Collection: c}, err
	}
	st, err := s.fetchStatus(ctx, o.ID, 0, o)
	return Found{Status: st}, err
}
