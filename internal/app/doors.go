package app

import (
	"context"
	"net/netip"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/files"
	"github.com/gomph/gomph/internal/door/mailer"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/door/mastodon/oauth"
	"github.com/gomph/gomph/internal/door/mastodon/push"
	"github.com/gomph/gomph/internal/door/mastodon/rest"
	"github.com/gomph/gomph/internal/door/mastodon/stream"
	"github.com/gomph/gomph/internal/door/site"
	"github.com/gomph/gomph/internal/kit/admit"
	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/limit"
	"github.com/gomph/gomph/internal/kit/text"
	"github.com/gomph/gomph/internal/kit/translate"
	"github.com/gomph/gomph/internal/kit/webpush"
	"github.com/gomph/gomph/web"
)

// doors are the ways in and out.
type doors struct {
	render *entity.Renderer
	rest   *rest.API
	files  *files.Server
	oauth  *oauth.Server
	site   *site.Server
	stream *stream.Server
	push   *push.Server
	mailer *mailer.Mailer
	api    api.Deps
	gate   *admit.Gate
}

func (a *App) buildDoors() error {
	addr, err := clientAddr(a.Config)
	if err != nil {
		return err
	}
	sender, err := sender(a.Config)
	if err != nil {
		return err
	}
	key, err := a.vapidKey()
	if err != nil {
		return err
	}
	d := &a.doors
	d.gate = a.gate()
	d.mailer = mailer.New(mailer.Deps{DB: a.DB, Site: a.Site, Settings: a.Settings, Accounts: a.Accounts, Access: a.Access, Statuses: a.Statuses,
		Subscriptions: a.Subscriptions, Sender: sender})
	d.render = entity.New(entity.Deps{
		Site: a.Site, Clock: a.Clock, Accounts: a.Accounts, Relations: a.Relations, Statuses: a.Statuses, Media: a.Media, Links: a.Links, Filters: a.Filters,
		Collections: a.Collections, Settings: a.Settings,
	})
	d.rest = rest.New(rest.Deps{
		DB: a.DB, Clock: a.Clock, Site: a.Site, Settings: a.Settings, Access: a.Access, Accounts: a.Accounts, Relations: a.Relations, Instances: a.Instances,
		Statuses: a.Statuses, Collections: a.Collections, Media: a.Media, Links: a.Links, Filters: a.Filters, Moderation: a.Moderation, Notifications: a.Notifications, Feeds: a.Feeds, Trends: a.Trends, Render: d.render,
		Finder: finder{a}, VAPIDKey: key.Public, Translator: a.translator(), Cache: a.Cache, Version: config.Version,
		Search: a.Search, Announcements: a.Announcements, Annual: a.Annual, Subscriptions: a.Subscriptions,
	})
	d.files = files.New(files.Deps{DB: a.DB, Settings: a.Settings, Media: a.Media, Files: a.files, Log: a.Log, Folder: fileFolder(a.Config)})
	d.push = push.New(push.Deps{DB: a.DB, Clock: a.Clock, Site: a.Site, Accounts: a.Accounts, Access: a.Access, Statuses: a.Statuses, Notifications: a.Notifications,
		Fetch: a.fetch, Key: key, Addresses: a.Media.Addresses})
	d.api = api.Deps{Auth: a.Access, Log: a.Log, ClientAddr: addr, Metrics: a.Metrics, Closed: a.Config.ClosedAPI == "true", Limited: a.Config.Limited()}
	if a.Config.RateLimits != "off" {
		failures := a.Metrics.Counter("limit_store_failures_total", "How often the shared counters of rate limits did not answer.")
		d.api.Limiter = limit.New(a.Cache, a.Clock, func(error) { failures.Inc() })
	}
	d.site, err = site.New(site.Deps{
		DB: a.DB, Clock: a.Clock, Site: a.Site, Settings: a.Settings, Instances: a.Instances, Accounts: a.Accounts, Access: a.Access, Relations: a.Relations,
		Statuses: a.Statuses, Collections: a.Collections, Archive: a.Archive, Files: a.files, Links: a.Links, Resolver: a.Federation, Finder: a.Federation, Log: a.Log, Limiter: d.api.Limiter, ClientAddr: addr, Addresses: a.Media.Addresses,
		Subscriptions: a.Subscriptions, Annual: a.Annual, Dist: web.Dist(), Version: config.Version,
	})
	if err != nil {
		return err
	}
	d.stream = stream.New(stream.Deps{
		DB: a.DB, Clock: a.Clock, Bus: a.Bus, Auth: a.Access, Relations: a.Relations, Filters: a.Filters, Log: a.Log, Metrics: a.Metrics,
		Renderer: &stream.Entities{DB: a.DB, Render: d.render, Statuses: a.Statuses, Notifications: a.Notifications, Feeds: a.Feeds, Announcements: a.Announcements},
	})
	d.oauth = oauth.New(oauth.Deps{Pages: d.site, DB: a.DB, Clock: a.Clock, Site: a.Site, Access: a.Access, Log: a.Log, ClientAddr: addr, VAPIDKey: key.Public, Addresses: a.Media.Addresses})
	return nil
}

// translator is what the operator set for translating posts; nil for none. Its address is the operator's own word, so it may be a private one.
func (a *App) translator() *translate.Translator {
	everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	client := fetch.New(fetch.Options{AllowPrivate: everywhere, AllowHTTP: true, Clock: a.Clock, UserAgent: "Gomph/" + config.Version})
	a.closers = append(a.closers, client.Close)
	c := a.Config
	return translate.New(translate.Options{Fetch: client, Endpoint: c.TranslateURL, EndpointKey: c.TranslateKey, DeepLKey: c.DeepLKey, DeepLPro: c.DeepLPlan == "pro"})
}

// vapidKey is the key by which push services know this server: the one that is set, or one that follows from the secret that all processes share.
func (a *App) vapidKey() (*webpush.Key, error) {
	if a.Config.VAPIDPrivate != "" {
		return webpush.ParseKey(a.Config.VAPIDPrivate)
	}
	return webpush.KeyFrom(a.Secret)
}

// routes is every endpoint of the Mastodon API.
func (a *App) routes() []api.Route {
	return append(a.doors.rest.Routes(), a.doors.oauth.Routes()...)
}

// serveHTTP answers with the doors that a plan's roles open.
func (a *App) serveHTTP(ctx context.Context, p Plan) error {
	var drain func(context.Context)
	if p.has("streaming") {
		// The hub outlives ctx, so that a drain can spread its goodbyes.
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- a.doors.stream.Run(own) }()
		drain = func(ctx context.Context) {
			a.doors.stream.Drain(ctx)
			stop()
			<-ended
		}
	}
	return a.serve(ctx, a.router(p), drain)
}

// router is every address that a plan's roles answer.
func (a *App) router(p Plan) chi.Router {
	r := chi.NewRouter()
	if p.has("web") {
		r.Use(a.doors.files.Apart)
	}
	r.Use(a.doors.gate.Wrap)
	r.Use(middleware.StripSlashes) // apps end paths with a slash, which Mastodon takes
	r.Use(middleware.GetHead)      // whatever can be read can be asked about
	if p.has("web") {
		r.Use(a.Federation.Negotiate)
	}
	r.Get("/health", health)
	r.Get("/health/ready", a.ready)
	if p.has("streaming") {
		r.Handle("/api/v1/streaming", a.doors.stream)
		r.Handle("/api/v1/streaming/*", a.doors.stream)
	}
	if p.has("web") {
		a.Federation.Mount(r)
		a.doors.files.Mount(r)
		a.doors.rest.MountWeb(r, a.doors.site, a.Log)
		api.Mount(r, a.routes(), a.doors.api)
		a.doors.oauth.Mount(r)
		a.doors.site.Mount(r)
	}
	return r
}

// fileURL is the address of a stored file.
func (a *App) fileURL(name string) string { return a.Media.Addresses.File(name) }

// mediaURL is the address of an attachment's file, where others fetch it.
func (a *App) mediaURL(m media.Attachment) string {
	if m.File == "" {
		return m.RemoteURL
	}
	return a.Media.Addresses.File(m.File)
}

// mailDomain is the local domain as mail addresses have it, or a stand-in where that is none.
func (a *App) mailDomain() string {
	host, _, _ := strings.Cut(a.Config.LocalDomain, ":")
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return "localhost.localdomain"
	}
	return host
}

// finder asks other servers for what somebody searches.
type finder struct{ *App }

// Find resolves an address or a handle.
func (f finder) Find(ctx context.Context, query string) (*accounts.Account, *statuses.Status, error) {
	query = strings.TrimSpace(query)
	if strings.HasPrefix(query, "http://") || strings.HasPrefix(query, "https://") {
		found, err := f.Federation.ResolveURL(ctx, query)
		return found.Account, found.Status, err
	}
	name, domain, ok := strings.Cut(strings.TrimPrefix(query, "@"), "@")
	if !ok || !text.ValidRemoteUsername(name) {
		return nil, nil, errs.NotFound()
	}
	domain, err := text.NormalizeDomain(domain)
	if err != nil {
		return nil, nil, errs.NotFound()
	}
	found, err := f.Federation.ByHandle(ctx, accounts.Handle{Username: name, Domain: domain})
	return found, nil, err
}
