// Package app owns how the program is put together: what stands on what, what follows from what, what runs where.
package app

import (
	"io"

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
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/metric"
)

// Options say how a process is opened.
type Options struct {
	// Roles names what the process is for, "command" for one that ends soon.
	Roles string
	// Migrate brings the schema up to date first.
	Migrate bool
	// Several says that other processes do the rest of the work: they need a database and messages that can be shared.
	Several bool
	// FirstStart makes the owner's login on an empty server and prints it to Out.
	FirstStart bool
	Out        io.Writer
}

// App is every service of a process, put together; nothing runs before Run.
type App struct {
	*base
	Site          settings.Site
	Settings      *settings.Service
	Instances     *instances.Service
	Accounts      *accounts.Service
	Access        *access.Service
	Relations     *relations.Service
	Media         *media.Service
	Statuses      *statuses.Service
	Links         *links.Service
	Collections   *collections.Service
	Archive       *archive.Service
	Filters       *filters.Service
	Moderation    *moderation.Service
	Feeds         *feeds.Service
	Search        *search.Service
	Announcements *announcements.Service
	Annual        *annual.Service
	Subscriptions *subscriptions.Service
	Notifications *notifications.Service
	Trends        *trends.Service
	Federation    *activitypub.Server
	// Places are where files are kept, for those who move them.
	Places   Places
	files    blob.Store
	clips    *clip.Tools
	listable *metric.Gauge
	fetch    *fetch.Client
	doors    doors
	// onJob is told of each run of a job; nil but in tests.
	onJob func(jobs.Done)
}
