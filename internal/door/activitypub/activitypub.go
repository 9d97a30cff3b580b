// Package activitypub owns how this server speaks with others: their activities in, ours out, and the documents that they read.
//
// An activity is one small file with both directions. What comes in is verified and queued by the inbox, and performed by a worker
// (activities.go); what goes out follows from events of the domains, is written as deliveries in one transaction, and pushed by
// workers (deliver.go). Nothing is believed beyond the host that said it: see docs/federation.md.
package activitypub

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/metric"
)

// Deps is what the door stands on.
type Deps struct {
	Resolver    *Resolver
	Jobs        *jobs.Jobs
	IDs         *ids.Source
	Relations   *relations.Service
	Statuses    *statuses.Service
	Collections *collections.Service
	Moderation  *moderation.Service
	Log         *slog.Logger
	Metrics     *metric.Registry
	// MediaURL is the address of an attachment's file, and FileURL that of a stored file by its name: avatars, emojis, previews.
	MediaURL func(media.Attachment) string
	FileURL  func(name string) string
	// About tells what NodeInfo shows; nil shows what the domains know.
	About func(ctx context.Context) (About, error)
	// PushTimeout is how long an inbox has to answer; 0 is Mastodon's limit.
	PushTimeout time.Duration
	// SignedFetch shows documents only to those who sign that they ask (AUTHORIZED_FETCH).
	SignedFetch bool
	// Version is the software's.
	Version string
}

// Server is the door.
type Server struct {
	*Resolver
	Deps
	kinds     []string
	documents http.Handler

	counters
	patience *patience
	seals    seals
}

// New makes the door.
func New(d Deps) *Server {
	s := &Server{
		Resolver: d.Resolver, Deps: d, counters: newCounters(d.Metrics), patience: newPatience(),
	}
	s.Resolver.fetched = s.counters.fetched
	if s.PushTimeout == 0 {
		s.PushTimeout = pushTimeout
	}
	for _, state := range []instances.State{instances.Failing, instances.Recovering, instances.Unavailable} {
		d.Metrics.GaugeFunc("federation_hosts_"+string(state), "Hosts that are "+string(state)+", as far as this process knows.",
			func() float64 { return float64(s.Instances.Counts()[state]) })
	}
	for _, v := range s.verbs() {
		s.kinds = append(s.kinds, v.kind)
	}
	s.documents = s.negotiated()
	return s
}

// Mount serves what has no other form than that for servers. Where pages for people have the same address, Negotiate decides.
func (s *Server) Mount(r chi.Router) {
	for _, path := range []string{"/inbox", "/actor/inbox", "/users/{name}/inbox"} {
		r.Method(http.MethodPost, path, httpio.Serve(s.Log, s.inbox))
	}
	for path, h := range map[string]httpio.Handler{
		"/.well-known/webfinger": s.getWebfinger, "/.well-known/host-meta": s.getHostMeta, "/.well-known/host-meta.json": s.getHostMetaJSON,
		"/.well-known/nodeinfo": s.getNodeInfoLinks, "/nodeinfo/2.0": s.nodeInfo("2.0"), "/nodeinfo/2.1": s.nodeInfo("2.1"),
		"/actor": s.getInstanceActor, "/actor/outbox": s.getInstanceOutbox,
	} {
		get(r, path, httpio.Serve(s.Log, h))
	}
	for path, h := range map[string]httpio.Handler{
		"/users/{name}/outbox": s.getOutbox, "/users/{name}/followers": s.getFollowers, "/users/{name}/following": s.getFollowing,
		"/users/{name}/followers_synchronization": s.getFollowersSync,
		"/users/{name}/collections/featured":      s.getFeatured, "/users/{name}/collections/tags": s.getFeaturedTags,
		"/users/{name}/featured_collections": s.getFeaturedCollections, "/users/{name}/collections/{id}": s.getFeaturedCollection,
		"/users/{name}/collections/{id}/items/{item}": s.getFeaturedItem, "/users/{name}/feature_authorizations/{id}": s.getFeatureStamp,
		"/contexts/{id}": s.getContext, "/contexts/{id}/items": s.getContextItems,
		"/users/{name}/quote_authorizations/{id}": s.getStamp,
		"/users/{name}/statuses/{id}/activity":    s.getActivity, "/users/{name}/statuses/{id}/replies": s.getReplies,
		"/users/{name}/statuses/{id}/likes": s.getLikes, "/users/{name}/statuses/{id}/shares": s.getShares,
	} {
		get(r, path, httpio.Serve(s.Log, s.signedOnly(h)))
	}
	get(r, "/users/{name}", http.HandlerFunc(s.toProfile))
	get(r, "/users/{name}/statuses/{id}", http.HandlerFunc(s.toProfile))
}

func get(r chi.Router, path string, h http.Handler) {
	r.Method(http.MethodGet, path, h)
	r.Method(http.MethodHead, path, h)
}

// toProfile sends a person who opened a document's id to the page for people.
func (s *Server) toProfile(w http.ResponseWriter, req *http.Request) {
	to := "/@" + chi.URLParam(req, "name")
	if id := chi.URLParam(req, "id"); id != "" {
		to += "/" + strconv.FormatInt(httpio.PathID(id), 10)
	}
	http.Redirect(w, req, to, http.StatusFound)
}

// negotiated serves the documents that share their address with a page.
func (s *Server) negotiated() http.Handler {
	r := chi.NewRouter()
	for _, prefix := range []string{"/users/{name}", "/@{name}"} {
		get(r, prefix, httpio.Serve(s.Log, s.signedOnly(s.getActor)))
	}
	get(r, "/users/{name}/statuses/{id}", httpio.Serve(s.Log, s.signedOnly(s.getStatus)))
	get(r, "/@{name}/{id:[0-9]+}", httpio.Serve(s.Log, s.signedOnly(s.getStatus)))
	return r
}

// Negotiate serves a document where the request asks for one and there is one at the address, and passes on everything else. It
// goes before the router, with Use.
func (s *Server) Negotiate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !twoForms(req.URL.Path) || req.Method != http.MethodGet && req.Method != http.MethodHead {
			next.ServeHTTP(w, req)
			return
		}
		w.Header().Add("Vary", "Accept")
		if !Negotiated(req) {
			next.ServeHTTP(w, req)
			return
		}
		s.documents.ServeHTTP(w, req)
	})
}

// twoForms reports whether a path has a page for people and a document: /@bob, /@bob/1, /users/bob and /users/bob/statuses/1.
func twoForms(path string) bool {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case strings.HasPrefix(path, "/@") && !strings.Contains(path[2:], "@"):
		return len(parts) == 1 || len(parts) == 2 && httpio.PathID(parts[1]) != 0
	case parts[0] == "users":
		return len(parts) == 2 || len(parts) == 4 && parts[2] == "statuses"
	}
	return false
}

// Negotiated reports whether a request wants the document rather than the page: it names a JSON type, and HTML not before that.
func Negotiated(req *http.Request) bool {
	best, document := 0.0, false
	for part := range strings.SplitSeq(strings.Join(req.Header.Values("Accept"), ","), ",") {
		kind, params, _ := strings.Cut(part, ";")
		isDocument := slices.Contains([]string{"application/activity+json", "application/ld+json", "application/json"}, strings.ToLower(strings.TrimSpace(kind)))
		isPage := slices.Contains([]string{"text/html", "application/xhtml+xml"}, strings.ToLower(strings.TrimSpace(kind)))
		if q := weight(params); q > best && (isDocument || isPage) {
			best, document = q, isDocument
		}
	}
	return document
}

// weight is the q of a part of an Accept header.
func weight(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || q < 0 || q > 1 {
				return 0
			}
			return q
		}
	}
	return 1
}

// write answers with a document. What anybody may read may be kept for three minutes, as Mastodon says.
func write(w http.ResponseWriter, doc any) error {
	body, err := ap.Document(doc)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", ap.ContentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "public, max-age=180")
	}
	if h.Get("Vary") == "" {
		h.Set("Vary", "Accept")
	}
	_, _ = w.Write(body) // a reader who went away is no failure
	return nil
}

// ours finds what an address of this server's names: an account or a post.
func (s *Server) ours(ctx context.Context, uri string) (Found, error) {
	path := strings.TrimPrefix(withoutFragment(uri), s.Site.Base())
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	name, id := "", int64(0)
	switch {
	case strings.HasPrefix(parts[0], "@"):
		name = parts[0][1:]
		if len(parts) == 2 {
			id = httpio.PathID(parts[1])
		}
	case parts[0] == "users" && len(parts) > 1:
		name = parts[1]
		if len(parts) == 4 && parts[2] == "statuses" {
			id = httpio.PathID(parts[3])
		}
	}
	if id != 0 {
		st, err := s.Statuses.Any(ctx, s.DB, statuses.ID(id))
		if err == nil && (!st.Local || !st.DeletedAt.IsZero()) {
			err = errGone()
		}
		return Found{Status: st}, err
	}
	handle, domain, _ := strings.Cut(name, "@")
	a, err := s.Accounts.ByAcct(ctx, s.DB, handle, domain)
	return Found{Account: a}, err
}
