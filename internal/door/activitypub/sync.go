package activitypub

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Followers are synchronized by FEP-8fcf: with what is for an account's followers alone goes a digest of those followers that are
// on the receiving host. A server that knows others asks for their list and follows it, so that no lost Undo or Reject lets posts
// reach people who may not read them any more.

const (
	// syncHeader names the header.
	syncHeader = "Collection-Synchronization"
	// maxSyncHeader bounds it: two addresses and a digest.
	maxSyncHeader = 3 * weburl.MaxLen
	// maxSyncPages is how many pages of a list of followers are read (Mastodon); one page may hold as much as a document.
	maxSyncPages = 10
	// maxStale bounds how many follows one comparison ends, and maxStrangers how many people a server is told that they do not
	// follow; the next comparison does the rest.
	maxStale     = 500
	maxStrangers = 100
	// syncPause is how long the list of one account is not asked for again, whatever is said meanwhile.
	syncPause = 10 * time.Minute
)

// FollowersDiffer asks for the list of an account's followers here to be compared with what the account's server has.
type FollowersDiffer struct {
	AccountID accounts.ID
	// Collection is the id of all followers, List the address of those here, and Digest that of the latter.
	Collection, List, Digest string
}

// Kind names the command.
func (FollowersDiffer) Kind() string { return "activitypub.followers_differ" }

// Key is what the command is unique by.
func (e FollowersDiffer) Key() string { return keyOf("followers", e.Collection) }

// Host is who is asked.
func (e FollowersDiffer) Host() string { return weburl.Host(e.List) }

// syncParam is one part of the header, in the syntax of signature parameters.
var syncParam = regexp.MustCompile(`^\s*([A-Za-z]+)="([^"\\]*)"\s*(?:,|$)`)

// followersSaid reads what a delivery says about its sender's followers here. What is not the sender's to say is not read.
func followersSaid(h http.Header, by signatory) (FollowersDiffer, bool) {
	rest := h.Get(syncHeader)
	if rest == "" || len(rest) > maxSyncHeader {
		return FollowersDiffer{}, false
	}
	said := map[string]string{}
	for rest != "" {
		m := syncParam.FindStringSubmatch(rest)
		if m == nil || said[m[1]] != "" {
			return FollowersDiffer{}, false
		}
		said[m[1]], rest = m[2], rest[len(m[0]):]
	}
	e := FollowersDiffer{AccountID: by.id, Collection: said["collectionId"], List: said["url"], Digest: said["digest"]}
	return e, len(e.Digest) == 2*len(relations.Digest{}) && ap.SameHost(e.Collection, by.uri) && ap.SameHost(e.List, by.uri)
}

// followersToCompare is what a delivery says about followers, as something to do, unless that was looked into just now.
func (s *Server) followersToCompare(ctx context.Context, h http.Header, by signatory) []jobs.Event {
	e, ok := followersSaid(h, by)
	if !ok || s.marked(ctx, "followers", e.Collection) || s.marked(ctx, "followers", e.Collection+" "+e.Digest) {
		return nil
	}
	return []jobs.Event{e}
}

// SyncFollowers compares who follows an account here with what the account's own server has, and follows the latter.
func (s *Server) SyncFollowers(ctx context.Context, e FollowersDiffer) error {
	target, err := s.Accounts.ByID(ctx, s.DB, e.AccountID)
	if err != nil {
		return dropped(err)
	}
	if target.Local() || target.Suspended() || target.FollowersURL != e.Collection {
		return nil
	}
	// Read before the list is asked for: who comes to follow meanwhile is on neither.
	here, err := s.Relations.FollowersHere(ctx, s.DB, target.ID)
	if err != nil {
		return err
	}
	var ours relations.Digest
	for uri := range here {
		ours.Add(uri)
	}
	if ours.String() == e.Digest {
		s.mark(ctx, "followers", e.Collection+" "+e.Digest, syncPause)
		return nil
	}
	s.mark(ctx, "followers", e.Collection, syncPause)
	listed, err := s.listed(ctx, e.List)
	if err != nil {
		return rested(dropped(err))
	}
	if err := s.unfollowUnlisted(ctx, target, here, listed); err != nil {
		return err
	}
	return s.strangers(ctx, target, here, listed)
}

// listed reads the ids of this server in a list of followers. A list that is not whole is an error: nobody is taken for missing.
func (s *Server) listed(ctx context.Context, uri string) (map[string]bool, error) {
	out, host := map[string]bool{}, weburl.Host(uri)
	page, _, err := s.document(ctx, uri)
	for n := 0; err == nil; n++ {
		for _, key := range []string{"items", "orderedItems"} {
			for _, item := range all(page.Raw[key]) {
				if id, ok := item.(string); ok && s.isOurs(id) {
					out[id] = true
				}
			}
		}
		next := page.IDOf("next")
		if first := page.Object("first"); first != nil && n == 0 {
			page = first
			continue
		} else if n == 0 && page.IDOf("first") != "" {
			next = page.IDOf("first")
		}
		switch {
		case next == "":
			return out, nil
		case n >= maxSyncPages || weburl.Host(next) != host:
			return nil, errs.Invalid("The list of followers has no end")
		}
		page, _, err = s.document(ctx, next)
	}
	return nil, err
}

// all is a value as a list; how long it may be is bounded by the document.
func all(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// unfollowUnlisted ends the follows that the other server does not have.
func (s *Server) unfollowUnlisted(ctx context.Context, target *accounts.Account, here map[string]accounts.ID, listed map[string]bool) error {
	var gone []accounts.ID
	for uri, id := range here {
		if !listed[uri] {
			gone = append(gone, id)
		}
	}
	for gone = gone[:min(len(gone), maxStale)]; len(gone) > 0; {
		slice := gone[:min(len(gone), moveAtOnce)]
		gone = gone[len(slice):]
		found, err := s.Accounts.ByIDs(ctx, s.DB, slice)
		if err != nil {
			return err
		}
		for _, a := range found {
			if err := s.Relations.Unfollow(ctx, a, target); err != nil {
				return err
			}
		}
	}
	return nil
}

// strangers settles what the other server takes for followers and is none: a request of theirs was granted, and else it is told
// that they do not follow.
func (s *Server) strangers(ctx context.Context, target *accounts.Account, here map[string]accounts.ID, listed map[string]bool) error {
	var uris []string
	for uri := range listed {
		if _, known := here[uri]; !known && len(uris) < maxStrangers {
			uris = append(uris, uri)
		}
	}
	found, err := s.Accounts.ByURIs(ctx, s.DB, uris)
	if err != nil {
		return err
	}
	var told []jobs.Event
	for _, a := range found {
		if !a.Local() {
			continue
		}
		is, err := s.Relations.Relationship(ctx, s.DB, a.ID, target.ID)
		switch {
		case err != nil:
			return err
		case is.Requested:
			err = s.Relations.Authorize(ctx, target, a)
		case !is.Following:
			var d Delivery
			d, err = s.undoStrange(a, target)
			told = append(told, d)
		}
		if err = dropped(err); err != nil {
			return fmt.Errorf("settling who follows: %w", err)
		}
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error { return s.Jobs.Emit(ctx, tx, told...) })
}

// undoStrange takes back a follow that only the other server knows of.
func (s *Server) undoStrange(by, target *accounts.Account) (Delivery, error) {
	id := followID(by, "", s.IDs.Next())
	return s.letterTo(by, ap.Undo(id+"/undo", ap.Follow(id, by.URI, target.URI), nil), target.InboxURL)
}

// syncHeaders are what deliveries to each host say about a local account's followers there.
func (s *Server) syncHeaders(ctx context.Context, a *accounts.Account) (map[string]string, error) {
	digests, err := s.Relations.DigestsByHost(ctx, s.DB, a.ID)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(digests))
	for host, d := range digests {
		out[host] = fmt.Sprintf(`collectionId="%s", digest="%s", url="%s"`, a.FollowersURL, d, a.URI+"/followers_synchronization")
	}
	return out, nil
}

// getFollowersSync lists an account's followers on one host, to that host alone.
func (s *Server) getFollowersSync(w http.ResponseWriter, req *http.Request) error {
	w.Header().Set("Cache-Control", "private, no-store")
	a, err := s.named(req)
	if err != nil {
		return err
	}
	ctx := req.Context()
	viewer := s.viewer(req)
	if viewer == 0 {
		return errSignature()
	}
	asker, err := s.Accounts.ByID(ctx, s.DB, viewer)
	if err != nil {
		return err
	}
	if asker.Local() {
		return errs.Forbidden()
	}
	uris, err := s.Relations.FollowersAt(ctx, s.DB, a.ID, weburl.Origin(asker.URI))
	if err != nil {
		return err
	}
	return write(w, ap.OrderedItems(a.URI+"/followers_synchronization", anys(uris)))
}
