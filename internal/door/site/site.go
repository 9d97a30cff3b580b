// Package site owns what browsers get: public pages, sign-in and sign-up, settings, feeds, and the files that pages load.
//
// Pages work without JavaScript. What a page looks like is in view; what it is about is in the domains.
package site

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/limit"
)

// Finder finds an account by its id, asking the server it belongs to when it is not known here.
type Finder interface {
	AccountByURI(ctx context.Context, uri string, refresh bool) (*accounts.Account, error)
}

// Deps is what the door stands on.
type Deps struct {
	DB          *db.DB
	Clock       clock.Clock
	Site        settings.Site
	Settings    *settings.Service
	Instances   *instances.Service
	Accounts    *accounts.Service
	Access      *access.Service
	Relations   *relations.Service
	Statuses    *statuses.Service
	Links       *links.Service
	Collections *collections.Service
	Archive     *archive.Service
	// Files has the archives that people asked for.
	Files blob.Store
	// Resolver finds accounts by handle, Finder by id, elsewhere too; nil finds those known here.
	Resolver statuses.Resolver
	Finder   Finder
	Log      *slog.Logger
	// Limiter counts tries to sign in and the like; nil for no limits.
	Limiter *limit.Limiter
	// Annual has the reports of the year; nil for none.
	Annual *annual.Service
	// Subscriptions are by mail; nil for none.
	Subscriptions *subscriptions.Service
	// ClientAddr is where a request came from, past the proxies that are trusted; nil for the connection's own.
	ClientAddr func(*http.Request) netip.Addr
	// Addresses are those of pictures, films and sounds.
	Addresses *media.Addresses
	// Dist is the built client, the content of web/dist. DevURL is Vite's development server instead.
	Dist   fs.FS
	DevURL string
	// Version and SourceURL are told at the foot of pages, as the licence asks.
	Version, SourceURL string
}

// Server answers browsers.
type Server struct {
	Deps
	pages  *view.Renderer
	origin *http.CrossOriginProtection
	files  map[string]file
	sums   sums
}

// sums are the numbers of the first page, counted now and then.
type sums struct {
	mu                  sync.Mutex
	users, posts, peers int64
	until               time.Time
}

// sumsAge is how old the numbers may be: to count posts takes long on a large server.
const sumsAge = 5 * time.Minute

// New makes the door.
func New(d Deps) (*Server, error) {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.ClientAddr == nil {
		d.ClientAddr = peer
	}
	pages, err := view.New(d.Dist, d.DevURL)
	if err != nil {
		return nil, err
	}
	s := &Server{Deps: d, pages: pages, origin: http.NewCrossOriginProtection()}
	if err := s.origin.AddTrustedOrigin(d.Site.Base()); err != nil {
		return nil, err
	}
	s.files, err = loadFiles(d.Dist)
	return s, err
}

func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr()
}

// Mount puts the pages on the router, and takes what nobody else answers.
func (s *Server) Mount(mux chi.Router) {
	mux.NotFound(s.notFound)
	mux.MethodNotAllowed(s.methodNotAllowed)
	s.mountFiles(mux)

	public := func(path string, h handler) {
		mux.Get(path, s.page(h))
		mux.Head(path, s.page(h))
	}
	public(view.PathLanding, s.landing)
	public(view.PathAbout, s.about)
	public(view.PathPrivacy, s.privacyPolicy)
	public(view.PathTerms, s.terms)
	public(view.PathTerms+"/{date}", s.terms)
	public("/@{name}", s.profile)
	public("/@{name}/with_replies", s.profile)
	public("/@{name}/tagged/{hashtag}", s.profile)
	public("/@{name}/media", s.profile)
	public("/@{name}/{id}", s.thread)
	public("/@{name}/wrapstodon/{year}/{key}", s.report)
	public("/@{name}/{id}/embed", s.embed)
	public("/tags/{name}", s.tag)
	public("/collections/{id}", s.collection)

	form := func(path string, show, do handler) {
		if show != nil {
			mux.Get(path, s.page(show))
		}
		if do != nil {
			mux.Post(path, s.form(do))
		}
	}
	form(view.PathSignIn, s.showSignIn, s.signIn)
	form(view.PathSignUp, s.showSignUp, s.signUp)
	form(view.PathSignOut, nil, s.signOut)
	form(view.PathConfirmation, s.confirm, s.confirmAgain)
	form(view.PathForgotPassword, s.showForgot, s.forgot)
	form(view.PathResetPassword, s.showReset, s.reset)

	form(view.PathAccount, s.mine(s.account), nil)
	form(view.PathChangeEmail, nil, s.mine(s.changeEmail))
	form(view.PathChangePassword, nil, s.mine(s.changePassword))
	form(view.PathSessions+"/{id}/revoke", nil, s.mine(s.endSession))
	form(view.PathApps, s.mine(s.apps), nil)
	form(view.PathApps+"/{id}/revoke", nil, s.mine(s.revokeApp))
	mux.Delete(view.PathApps+"/{id}", s.form(s.mine(s.revokeApp))) // as Mastodon's own pages do, with X-CSRF-Token
	form(view.PathProfileSettings, s.mine(s.profileSettings), s.mine(s.saveProfile))
	form(view.PathCleanup, s.mine(s.cleanup), s.mine(s.saveCleanup))
	form("/settings", s.mine(s.settings), nil)
	s.mountExports(mux)
	public("/invite/{code}", s.acceptInvite)
	form(view.PathInvites, s.mine(s.invites), s.mine(s.makeInvite))
	form(view.PathInvites+"/{id}/revoke", nil, s.mine(s.revokeInvite))
	form(view.PathPending, s.mine(s.pending), nil)
	form(view.PathPending+"/{id}/{decision}", nil, s.mine(s.decidePending))
	form(view.PathAuthorizeInteract, s.mine(s.interact), s.mine(s.follow))
	form(view.PathRemoteFollow, s.remoteFollow, s.sendToOwnServer)
	form(view.PathSubscribe, s.showSubscribe, s.subscribe)
	form(view.PathSubscribed, s.confirmSubscription, nil)
	form(view.PathUnsubscribe, s.showUnsubscribe, nil)
	mux.Post(view.PathUnsubscribe, s.page(s.unsubscribe))
	mux.Get("/.well-known/change-password", redirect(func(*http.Request) string { return view.PathAccount }))
	mux.Get("/.well-known/proxy", redirect(func(r *http.Request) string { return view.PathAuthorizeInteract + "?" + r.URL.Query().Encode() }))
}

// redirect leads from an address that is known everywhere to the page of ours.
func redirect(to func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to(r), http.StatusMovedPermanently) }
}
