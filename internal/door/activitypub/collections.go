package activitypub

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
)

// The sizes of pages. Outbox as Mastodon's; the others hold addresses only.
const (
	outboxPage  = 20
	peoplePage  = 50
	repliesPage = 50
)

// paged reports whether a page is wanted rather than the collection, and from where on.
func paged(req *http.Request) (page bool, maxID, minID int64) {
	q := req.URL.Query()
	return q.Get("page") != "" && q.Get("page") != "false", httpio.PathID(q.Get("max_id")), httpio.PathID(q.Get("min_id"))
}

func (s *Server) getOutbox(w http.ResponseWriter, req *http.Request) error {
	a, err := s.named(req)
	if err != nil {
		return err
	}
	page, maxID, minID := paged(req)
	if hidden, err := s.hides(req, a); err != nil || hidden {
		if err != nil {
			return err
		}
		return write(w, ap.OrderedCollection(a.OutboxURL, 0, "", ""))
	}
	if !page {
		return write(w, ap.OrderedCollection(a.OutboxURL, a.StatusesCount, a.OutboxURL+"?page=true", a.OutboxURL+"?min_id=0&page=true"))
	}
	ctx := req.Context()
	at := db.Page{MaxID: maxID, MinID: minID, Limit: outboxPage}
	list, err := s.Statuses.OfAccount(ctx, s.DB, 0, a.ID, statuses.AccountOptions{ExcludeDirect: true}, at)
	if err != nil {
		return err
	}
	posts, err := s.posts(ctx, 0, list)
	if err != nil {
		return err
	}
	var items []any
	for _, p := range posts {
		item, err := s.published(ctx, p)
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	next, prev := "", ""
	if len(list) > 0 {
		prev = a.OutboxURL + "?min_id=" + ids.Format(list[0]) + "&page=true"
	}
	if len(list) == outboxPage {
		next = a.OutboxURL + "?max_id=" + ids.Format(list[len(list)-1]) + "&page=true"
	}
	return write(w, ap.OrderedPage(s.Site.URL(req.URL.RequestURI()), a.OutboxURL, next, prev, items))
}

// published is the activity that brought a post, or a boost, to the world.
func (s *Server) published(ctx context.Context, p *post) (any, error) {
	if p.boosted != nil {
		return s.announce(ctx, p)
	}
	doc, err := s.note(ctx, p)
	if err != nil {
		return nil, err
	}
	return ap.Create(doc), nil
}

func (s *Server) getFollowers(w http.ResponseWriter, req *http.Request) error {
	return s.people(w, req, func(a *accounts.Account) (string, int64) { return a.FollowersURL, a.FollowersCount }, s.Relations.Followers)
}

func (s *Server) getFollowing(w http.ResponseWriter, req *http.Request) error {
	return s.people(w, req, func(a *accounts.Account) (string, int64) { return a.FollowingURL, a.FollowingCount }, s.Relations.Following)
}

type lister func(ctx context.Context, q db.Q, id, viewer accounts.ID, p db.Page) ([]relations.Entry, error)

// people serves who follows or is followed. One who hides it tells the number alone.
func (s *Server) people(w http.ResponseWriter, req *http.Request, of func(*accounts.Account) (string, int64), list lister) error {
	a, err := s.named(req)
	if err != nil {
		return err
	}
	id, total := of(a)
	page, maxID, _ := paged(req)
	if a.HideCollections {
		if page {
			return errs.Forbidden()
		}
		return write(w, ap.OrderedCollection(id, total, "", ""))
	}
	if !page {
		return write(w, ap.OrderedCollection(id, total, id+"?page=true", ""))
	}
	ctx := req.Context()
	rows, err := list(ctx, s.DB, a.ID, 0, db.Page{MaxID: maxID, Limit: peoplePage})
	if err != nil {
		return err
	}
	who := make([]accounts.ID, len(rows))
	for i, r := range rows {
		who[i] = r.AccountID
	}
	found, err := s.Accounts.ByIDs(ctx, s.DB, who)
	if err != nil {
		return err
	}
	var items []any
	for _, r := range rows {
		if other := found[r.AccountID]; other != nil {
			items = append(items, other.URI)
		}
	}
	next := ""
	if len(rows) == peoplePage {
		next = id + "?max_id=" + strconv.FormatInt(rows[len(rows)-1].ID, 10) + "&page=true"
	}
	doc := ap.OrderedPage(s.Site.URL(req.URL.RequestURI()), id, next, "", items)
	doc.TotalItems = &total
	return write(w, doc)
}

func (s *Server) getFeatured(w http.ResponseWriter, req *http.Request) error {
	a, err := s.named(req)
	if err != nil {
		return err
	}
	if hidden, err := s.hides(req, a); err != nil || hidden {
		if err != nil {
			return err
		}
		return write(w, ap.OrderedItems(a.FeaturedURL, nil))
	}
	ctx := req.Context()
	list, err := s.Statuses.PinnedOf(ctx, s.DB, 0, a.ID)
	if err != nil {
		return err
	}
	posts, err := s.posts(ctx, 0, list)
	if err != nil {
		return err
	}
	var items []any
	for _, p := range posts {
		doc, err := s.note(ctx, p)
		if err != nil {
			return err
		}
		items = append(items, doc)
	}
	return write(w, ap.OrderedItems(a.FeaturedURL, items))
}

// shownPost is the post of a path, if whoever asks may see it. That there is one is not told to anybody else, neither by the
// answer nor by what is done to find it (VIS-01).
func (s *Server) shownPost(w http.ResponseWriter, req *http.Request) (*post, error) {
	w.Header().Set("Vary", "Accept, Signature")
	a, err := s.named(req)
	if err != nil {
		return nil, err
	}
	ctx := req.Context()
	id := statuses.ID(httpio.PathID(chi.URLParam(req, "id")))
	st, err := s.Statuses.Any(ctx, s.DB, id)
	if err != nil && !errs.IsNotFound(err) {
		return nil, err
	}
	ours := st != nil && st.Local && st.AccountID == a.ID
	viewer := accounts.ID(0)
	if !ours || !st.Distributable() {
		viewer = s.viewer(req)
		w.Header().Set("Cache-Control", "private, no-store")
	}
	if !ours {
		return nil, errs.NotFound()
	}
	list, err := s.posts(ctx, viewer, []statuses.ID{id})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errs.NotFound()
	}
	return list[0], nil
}

func (s *Server) getStatus(w http.ResponseWriter, req *http.Request) error {
	p, err := s.shownPost(w, req)
	if err != nil {
		return err
	}
	if p.boosted != nil {
		doc, err := s.announce(req.Context(), p)
		if err != nil {
			return err
		}
		return write(w, doc)
	}
	doc, err := s.note(req.Context(), p)
	if err != nil {
		return err
	}
	return write(w, doc)
}

func (s *Server) getActivity(w http.ResponseWriter, req *http.Request) error {
	p, err := s.shownPost(w, req)
	if err != nil {
		return err
	}
	doc, err := s.published(req.Context(), p)
	if err != nil {
		return err
	}
	return write(w, doc)
}

func (s *Server) getLikes(w http.ResponseWriter, req *http.Request) error {
	p, err := s.shownPost(w, req)
	if err != nil {
		return err
	}
	return write(w, ap.Collection(p.status.URI+"/likes", p.status.FavouritesCount, nil))
}

func (s *Server) getShares(w http.ResponseWriter, req *http.Request) error {
	p, err := s.shownPost(w, req)
	if err != nil {
		return err
	}
	return write(w, ap.Collection(p.status.URI+"/shares", p.status.ReblogsCount, nil))
}

// getReplies serves the public answers to a post: first those of its author, then those of others.
func (s *Server) getReplies(w http.ResponseWriter, req *http.Request) error {
	p, err := s.shownPost(w, req)
	if err != nil {
		return err
	}
	ctx := req.Context()
	page, _, after := paged(req)
	if !page {
		var doc ap.NoteDoc
		if err := s.inlineReplies(ctx, p.status, &doc); err != nil {
			return err
		}
		return write(w, doc.Replies)
	}
	base := p.status.URI + "/replies"
	others := req.URL.Query().Get("only_other_accounts") == "true"
	var list []string
	if p.status.Distributable() {
		if list, err = s.Statuses.PublicReplies(ctx, s.DB, p.status, statuses.ID(after), !others, repliesPage); err != nil {
			return err
		}
	}
	next := ""
	if len(list) == repliesPage {
		last, err := s.Statuses.ByURI(ctx, s.DB, list[len(list)-1])
		if err != nil {
			return err
		}
		next = repliesURL(base, last.ID, others)
	} else if !others {
		next = repliesURL(base, 0, true)
	}
	return write(w, ap.Page(s.Site.URL(req.URL.RequestURI()), base, next, anys(list)))
}

func repliesURL(base string, after statuses.ID, others bool) string {
	q := url.Values{"page": {"true"}}
	if after != 0 {
		q.Set("min_id", ids.Format(after))
	}
	if others {
		q.Set("only_other_accounts", "true")
	}
	return base + "?" + q.Encode()
}
