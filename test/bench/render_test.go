package main

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/schema"
	"github.com/gomph/gomph/internal/schema/crowd"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

// world is a seeded database with the domain services on it, and the newest posts of the timeline.
func world(b *testing.B, engine string) (*make.World, account, []statuses.ID) {
	b.Helper()
	ctx := context.Background()
	url := filepath.Join(b.TempDir(), "gomph.sqlite3")
	if engine == "postgres" {
		url = dbtest.PostgresURL(b)
	}
	d, err := db.Open(ctx, db.Options{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(d.Close)
	steps, err := schema.Migrations(d.Engine())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := d.Migrate(ctx, steps); err != nil {
		b.Fatal(err)
	}
	one := &bench{db: d, seed: crowd.New(d, "http://local.example"), sender: &sender{host: "far.example"}}
	if err := one.people(ctx); err != nil {
		b.Fatal(err)
	}
	list, err := db.Column[statuses.ID](ctx, d, "SELECT s.id FROM statuses s JOIN follows f ON f.target_account_id = s.account_id WHERE f.account_id = $1 ORDER BY s.id DESC LIMIT 20", one.reader.ID)
	if err != nil {
		b.Fatal(err)
	}
	return make.New(b, d), one.reader, list
}

func BenchmarkHomeRender(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			w, reader, list := world(b, engine)
			r := entity.New(entity.Deps{Site: w.Site, Clock: clock.Real{}, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses, Media: w.Media})
			ctx, cancel := context.WithCancel(context.Background()) // as a request's is
			defer cancel()
			var out []*entity.Status
			var err error
			b.Run("load", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err = w.Statuses.Load(ctx, w.DB, accounts.ID(reader.ID), list); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("render", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if out, err = r.Statuses(ctx, w.DB, accounts.ID(reader.ID), list, "home"); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("glance", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := w.Statuses.Glance(ctx, w.DB, accounts.ID(reader.ID), list, false); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("list", func(b *testing.B) {
				b.ReportAllocs()
				var buffer []byte
				for b.Loop() {
					if buffer, err = r.AppendList(ctx, w.DB, buffer[:0], accounts.ID(reader.ID), list, ""); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("encode", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := httpio.JSON(httptest.NewRecorder(), 200, out); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
