package app

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/search"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/domain/trends"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/mail"
	"github.com/gomph/gomph/internal/kit/pubsub"
)

// New puts a process together, lower floors first. Nothing runs until Run; Close lets go of everything.
func New(ctx context.Context, c *config.Config, o Options) (*App, error) {
	if err := checkSeveral(c, o); err != nil {
		return nil, err
	}
	b, err := openBase(ctx, c, o.Roles, o.Migrate)
	if err != nil {
		return nil, err
	}
	a := &App{base: b}
	err = a.build()
	if err == nil {
		err = a.Media.FollowHosts(ctx)
	}
	if err == nil && o.FirstStart {
		err = a.firstStart(ctx, o.Out)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return a, nil
}

// Close lets go of everything.
func (a *App) Close() {
	a.flushUsage()
	a.close()
}

// checkSeveral refuses what only a single process can do.
func checkSeveral(c *config.Config, o Options) error {
	switch {
	case !o.Several:
		return nil
	case !c.Postgres():
		return fmt.Errorf("gomph %s is one of several processes, which need PostgreSQL: set DATABASE_URL, or run gomph serve, which does everything in one process", o.Roles)
	case c.RedisURL == "":
		return fmt.Errorf("gomph %s is one of several processes, which speak through Redis: set REDIS_URL, or run gomph serve, which does everything in one process", o.Roles)
	}
	return nil
}

// authorities are whom outgoing requests trust: the system's, and those in a file of certificates; nil is the system's alone.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("GOMPH_CA_FILE: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("GOMPH_CA_FILE: %s holds no certificate in PEM", file)
	}
	return roots, nil
}

func (a *App) build() error {
	c := a.Config
	a.Site = siteOf(c)
	private, err := config.Prefixes(c.AllowedPrivate)
	if err != nil {
		return err
	}
	roots, err := authorities(c.CAFile)
	if err != nil {
		return err
	}
	client := fetch.New(fetch.Options{
		RootCAs: roots, AllowPrivate: private, AllowHTTP: !c.HTTPS(), Clock: a.Clock,
		UserAgent: fmt.Sprintf("Gomph/%s (+%s/)", config.Version, a.Site.Base()),
	})
	a.fetch = client
	a.closers = append(a.closers, client.Close)
	if a.files, a.Places, err = a.openFiles(); err != nil {
		return err
	}
	if a.media {
		a.clips = clips(a.Log)
	}
	a.buildDomains()
	resolver := activitypub.NewResolver(activitypub.ResolverDeps{
		DB: a.DB, Clock: a.Clock, Site: a.Site, Accounts: a.Accounts, Instances: a.Instances, Fetch: client, Cache: a.Cache,
	})
	a.buildPosts(resolver)
	a.Federation = activitypub.New(activitypub.Deps{
		Resolver: resolver, Jobs: a.Jobs, IDs: a.IDs, Relations: a.Relations, Statuses: a.Statuses, Collections: a.Collections, Moderation: a.Moderation, Log: a.Log, Metrics: a.Metrics,
		MediaURL: a.mediaURL, FileURL: a.fileURL, About: a.about, Version: config.Version,
		SignedFetch: a.Config.SignedFetch(),
	})
	if err := a.buildDoors(); err != nil {
		return err
	}
	a.listable = a.Metrics.Gauge("media_listable", "1 when strangers can list the files, found by the daily probe (F5).")
	a.react()
	a.Jobs.Recurs(schedule)
	return nil
}

func (a *App) buildDomains() {
	registrations := settings.RegistrationsApproved
	if !a.Config.HTTPS() {
		registrations = settings.RegistrationsOpen
	}
	a.Settings = settings.New(settings.Deps{DB: a.DB, IDs: a.IDs, Clock: a.Clock, Site: a.Site, DefaultRegistrations: registrations, Jobs: a.Jobs})
	var limits []instances.Option
	if a.Config.Limited() {
		limits = append(limits, instances.Limited())
	}
	a.Instances = instances.New(a.DB, a.Clock, a.Jobs, limits...)
	a.Accounts = accounts.New(accounts.Deps{DB: a.DB, Jobs: a.Jobs, IDs: a.IDs, Clock: a.Clock, Site: a.Site})
	a.Access = access.New(access.Deps{
		DB: a.DB, Jobs: a.Jobs, IDs: a.IDs, Clock: a.Clock, Site: a.Site, Settings: a.Settings, Accounts: a.Accounts, Bus: a.Bus,
		AutoConfirm: a.Config.SMTPServer == "", KeepOpen: a.Config.KeepOpen == "true",
	})
	a.Relations = relations.New(relations.Deps{DB: a.DB, Jobs: a.Jobs, IDs: a.IDs, Clock: a.Clock, Accounts: a.Accounts, Changed: a.relationsChanged})
	a.Media = media.New(media.Deps{DB: a.DB, IDs: a.IDs, Clock: a.Clock, Jobs: a.Jobs, Files: a.files, Addresses: a.addresses(), Instances: a.Instances, Settings: a.Settings, Site: a.Site,
		Fetch: a.fetch, Clips: a.clips, Log: a.Log})
}

func (a *App) buildPosts(resolver statuses.Resolver) {
	a.Statuses = statuses.New(statuses.Deps{
		DB: a.DB, Jobs: a.Jobs, IDs: a.IDs, Clock: a.Clock, Site: a.Site, Accounts: a.Accounts, Relations: a.Relations, Media: a.Media, Resolver: resolver,
	})
	a.Links = links.New(links.Deps{DB: a.DB, IDs: a.IDs, Clock: a.Clock, Site: a.Site, Instances: a.Instances, Accounts: a.Accounts, Statuses: a.Statuses, Media: a.Media, Fetch: a.fetch, Resolver: resolver, Metrics: a.Metrics})
	a.Collections = collections.New(collections.Deps{DB: a.DB, Jobs: a.Jobs, IDs: a.IDs, Clock: a.Clock, Site: a.Site, Accounts: a.Accounts, Relations: a.Relations})
	a.Annual = annual.New(annual.Deps{DB: a.DB, Jobs: a.Jobs, IDs: a.IDs, Clock: a.Clock, Settings: a.Settings})
	a.Subscriptions = subscriptions.New(subscriptions.Deps{DB: a.DB, Jobs: a.Jobs, IDs: a.IDs, Clock: a.Clock, Settings: a.Settings, Accounts: a.Accounts, Access: a.Access,
		Relations: a.Relations, Statuses: a.Statuses})
	a.Announcements = announcements.New(announcements.Deps{DB: a.DB, Jobs: a.Jobs, IDs: a.IDs, Clock: a.Clock, Media: a.Media, Bus: a.Bus})
	a.Search = search.New(search.Deps{DB: a.DB, IDs: a.IDs, Clock: a.Clock, Accounts: a.Accounts})
	a.Trends = trends.New(trends.Deps{DB: a.DB, Clock: a.Clock, Settings: a.Settings})
	a.Archive = archive.New(archive.Deps{DB: a.DB, Jobs: a.Jobs, IDs: a.IDs, Clock: a.Clock, Site: a.Site, Accounts: a.Accounts, Relations: a.Relations, Statuses: a.Statuses, Finder: finder{a}, Log: a.Log})
	a.Moderation = moderation.New(moderation.Deps{DB: a.DB, Jobs: a.Jobs, IDs: a.IDs, Clock: a.Clock, Accounts: a.Accounts, Statuses: a.Statuses})
	a.Filters = filters.New(filters.Deps{DB: a.DB, IDs: a.IDs, Clock: a.Clock, Statuses: a.Statuses, Bus: a.Bus})
	a.Notifications = notifications.New(notifications.Deps{
		DB: a.DB, Jobs: a.Jobs, Secret: a.Secret, HTTPS: a.Config.HTTPS(), IDs: a.IDs, Clock: a.Clock, Accounts: a.Accounts, Relations: a.Relations, Statuses: a.Statuses, Collections: a.Collections, Bus: a.Bus,
	})
	a.Feeds = feeds.New(feeds.Deps{
		DB: a.DB, IDs: a.IDs, Jobs: a.Jobs, Clock: a.Clock, Accounts: a.Accounts, Relations: a.Relations, Statuses: a.Statuses, Cache: a.Cache, Bus: a.Bus, Log: a.Log,
	})
}

// relationsChanged tells every process that what these accounts want to see is another set now.
func (a *App) relationsChanged(list ...accounts.ID) {
	msgs := make([]pubsub.Message, len(list))
	for i, id := range list {
		msgs[i] = pubsub.Message{Channel: fmt.Sprintf("relations:%d", id)}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := a.Bus.Publish(ctx, msgs...); err != nil {
		a.Log.Debug("telling of changed relations", "error", err)
	}
}

// sender sends mails as the settings say.
func sender(c *config.Config) (mail.Sender, error) {
	return mail.Open(mail.Config{
		Server: c.SMTPServer, Port: c.SMTPPort, Login: c.SMTPLogin, Password: c.SMTPPassword, AuthMethod: c.SMTPAuth, From: c.SMTPFrom, Domain: c.SMTPDomain,
		TLS: c.SMTPTLS == "true", StartTLS: c.SMTPStartTLS, VerifyMode: c.SMTPVerify, CAFile: c.SMTPCAFile, LocalDomain: c.LocalDomain,
		Folder: filepath.Join(c.Data, "mails"),
	})
}

// about is what this server tells others of itself.
func (a *App) about(ctx context.Context) (activitypub.About, error) {
	i, err := a.Settings.Get(ctx, a.DB)
	if err != nil {
		return activitypub.About{}, err
	}
	out := activitypub.About{Name: i.Title, Description: i.Description, OpenRegistrations: i.Open() && !i.Approval()}
	if out.Users, err = a.Accounts.LocalCount(ctx, a.DB); err != nil {
		return out, err
	}
	if out.Posts, err = a.Statuses.LocalCount(ctx, a.DB); err != nil {
		return out, err
	}
	now := a.Clock.Now()
	if out.ActiveMonth, err = a.Access.Active(ctx, a.DB, now.AddDate(0, 0, -30).UnixMilli()); err != nil {
		return out, err
	}
	out.ActiveHalfyear, err = a.Access.Active(ctx, a.DB, now.AddDate(0, 0, -180).UnixMilli())
	return out, err
}

// jobDone tells of a job that failed.
func (a *App) jobDone(d jobs.Done) {
	if a.onJob != nil {
		a.onJob(d)
	}
	if d.Err != nil && !jobs.IsLater(d.Err) {
		a.Log.Debug("job failed", "job", d.Name, "error", d.Err)
	}
}
