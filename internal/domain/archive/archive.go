// Package archive owns what people bring along when they come, and take with them: lists in Mastodon's CSV formats, and archives of all they wrote.
package archive

import (
	"context"
	"log/slog"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Type says what a list is of; the words are Mastodon's.
type Type string

// The types.
const (
	Following      Type = "following"
	Blocking       Type = "blocking"
	Muting         Type = "muting"
	DomainBlocking Type = "domain_blocking"
	Bookmarks      Type = "bookmarks"
	Lists          Type = "lists"
)

// Finder finds an account by its handle, or a post by its address, on other servers too; it may take as long as a network does.
type Finder interface {
	Find(ctx context.Context, query string) (*accounts.Account, *statuses.Status, error)
}

// Deps is what the service stands on.
type Deps struct {
	DB        *db.DB
	Jobs      *jobs.Jobs
	IDs       *ids.Source
	Clock     clock.Clock
	Site      settings.Site
	Accounts  *accounts.Service
	Relations *relations.Service
	Statuses  *statuses.Service
	// Finder may be nil for a server that never looks elsewhere.
	Finder Finder
	Log    *slog.Logger
}

// Service reads and writes imports and archives.
type Service struct{ Deps }

// New makes the service.
func New(d Deps) *Service {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{d}
}
