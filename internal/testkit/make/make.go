// Package make owns factories for tests: a world of all domain services, and people and posts in it.
package make

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// World is every domain service on one database, with a clock that the test moves.
type World struct {
	T        testing.TB
	DB       *db.DB
	Clock    *clock.Fake
	IDs      *ids.Source
	Jobs     *jobs.Jobs
	Site     settings.Site
	Settings *settings.Service
	// Files has what Media stores.
	Files       *blob.Memory
	Instances   *instances.Service
	Accounts    *accounts.Service
	Relations   *relations.Service
	Media       *media.Service
	Statuses    *statuses.Service
	Collections *collections.Service
	// Links and Media ask this machine alone: they take every name for it.
	Links *links.Service
	// Changed lists the accounts whose relations changed.
	Changed []accounts.ID

	events *recorder
}

// New makes a world of a migrated, empty database. Events are recorded (see Events); no other reaction is registered, so that
// tests may register those that they are about on Jobs.
func New(t testing.TB, d *db.DB) *World {
	t.Helper()
	w := &World{T: t, DB: d, Clock: clock.NewFake(time.Now().Truncate(time.Millisecond))}
	w.IDs = ids.NewSource(w.Clock, 1)
	w.Site = settings.Site{LocalDomain: "local.example", WebDomain: "local.example", HTTPS: true}
	w.Jobs = jobs.New(jobs.Options{DB: d, IDs: w.IDs, Clock: w.Clock})
	w.events = record(w.Jobs)
	w.Instances = instances.New(d, w.Clock, w.Jobs)
	w.Accounts = accounts.New(accounts.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Site: w.Site})
	w.Relations = relations.New(relations.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Accounts: w.Accounts, Changed: func(list ...accounts.ID) { w.Changed = append(w.Changed, list...) }})
	client := fetch.New(fetch.Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Clock: w.Clock,
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}})
	t.Cleanup(client.Close)
	w.Settings = settings.New(settings.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Jobs: w.Jobs})
	w.Files = blob.NewMemory()
	w.Media = media.New(media.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Jobs: w.Jobs, Files: w.Files, Addresses: media.NewAddresses(w.Site, []byte("secret of tests"), media.AddressOptions{Alone: "media.example"}),
		Instances: w.Instances, Settings: w.Settings, Site: w.Site, Fetch: client, Log: slog.New(slog.DiscardHandler)})
	w.Statuses = statuses.New(statuses.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Accounts: w.Accounts, Relations: w.Relations, Media: w.Media})
	w.Collections = collections.New(collections.Deps{DB: d, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Accounts: w.Accounts, Relations: w.Relations})
	w.Links = links.New(links.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Instances: w.Instances, Accounts: w.Accounts, Statuses: w.Statuses, Media: w.Media, Fetch: client, Resolver: known{w}})
	return w
}

// known resolves handles of accounts that are here.
type known struct{ *World }

// Resolve implements statuses.Resolver.
func (k known) Resolve(ctx context.Context, handles []accounts.Handle) ([]*accounts.Account, error) {
	return k.Accounts.ByAccts(ctx, k.DB, handles)
}

var serial atomic.Int64

// testKey is a key pair that only tests use; making one for each account would take most of a test's time.
var testKey = accounts.Keys{Private: "test private key", Public: "test public key"}

// Account makes a local account.
func (w *World) Account(username string) *accounts.Account {
	w.T.Helper()
	var a *accounts.Account
	err := w.DB.Write(context.Background(), func(tx *db.Tx) (err error) {
		a, err = w.Accounts.CreateLocal(context.Background(), tx, username, "Person", testKey)
		return err
	})
	w.must(err)
	return a
}

// Remote makes an account of another server.
func (w *World) Remote(username, domain string) *accounts.Account {
	w.T.Helper()
	uri := "https://" + domain + "/users/" + username
	a, err := w.Accounts.Upsert(context.Background(), accounts.Remote{Account: accounts.Account{
		Username: username, Domain: domain, ActorType: "Person", URI: uri, URL: "https://" + domain + "/@" + username,
		InboxURL: uri + "/inbox", SharedInboxURL: "https://" + domain + "/inbox", FollowersURL: uri + "/followers",
		PublicKeyID: uri + "#main-key", PublicKey: "test public key",
	}})
	w.must(err)
	return a
}

// Post publishes a text as a local account; the draft's other fields are changed by edit.
func (w *World) Post(by *accounts.Account, text string, edit ...func(*statuses.Draft)) *statuses.Status {
	w.T.Helper()
	w.Clock.Advance(time.Second)
	d := statuses.Draft{Text: text}
	for _, e := range edit {
		e(&d)
	}
	st, err := w.Statuses.Post(context.Background(), by, d)
	w.must(err)
	return st
}

// File makes an attachment that waits for a post of an account; nothing is stored under its name.
func (w *World) File(by *accounts.Account, description string) media.Attachment {
	w.T.Helper()
	id := w.IDs.Next()
	w.must(w.DB.Write(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), "INSERT INTO media_attachments (id, account_id, kind, file, description, created_at, updated_at) VALUES ($1, $2, 'image', $3, $4, $5, $5)",
			id, by.ID, blob.Path("media_attachments/files", id, "original", ".png"), description, db.Ms(w.Clock.Now()))
		return err
	}))
	a, err := w.Media.ByID(context.Background(), w.DB, by.ID, id)
	w.must(err)
	return a
}

// Receive stores a post of a remote account; its other fields are changed by edit.
func (w *World) Receive(by *accounts.Account, html string, edit ...func(*statuses.Incoming)) *statuses.Status {
	w.T.Helper()
	w.Clock.Advance(time.Second)
	n := serial.Add(1)
	in := statuses.Incoming{URI: fmt.Sprintf("%s/statuses/%d", by.URI, n), Content: html, PublishedAt: w.Clock.Now()}
	in.URL = strings.Replace(in.URI, "/users/", "/@", 1)
	for _, e := range edit {
		e(&in)
	}
	st, err := w.Statuses.Receive(context.Background(), by, in)
	w.must(err)
	return st
}

// Follow makes one account follow another, granted at once.
func (w *World) Follow(by, target *accounts.Account) {
	w.T.Helper()
	w.must(w.Relations.Follow(context.Background(), by, target, relations.FollowOptions{}))
	if target.Locked || !target.Local() {
		w.must(w.Relations.Authorize(context.Background(), target, by))
	}
}

func (w *World) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// Ctx is the background, short.
func (w *World) Ctx() context.Context { return context.Background() }
