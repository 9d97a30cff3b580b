package app

import (
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/domain/links"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/search"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/domain/trends"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// ForgetKeysDue asks for idempotency keys to be forgotten that are no longer honoured.
type ForgetKeysDue struct{}

// Kind names the event.
func (ForgetKeysDue) Kind() string { return "app.forget_keys_due" }

// ForgetWalksDue asks for threads to be forgotten that nobody opened for long.
type ForgetWalksDue struct{}

// Kind names the event.
func (ForgetWalksDue) Kind() string { return "app.forget_walks_due" }

// ExpireMutesDue asks for mutes to be ended whose time is over.
type ExpireMutesDue struct{}

// Kind names the event.
func (ExpireMutesDue) Kind() string { return "app.expire_mutes_due" }

// ProbeFilesDue asks whether strangers can do with the files what they must not.
type ProbeFilesDue struct{}

// Kind names the event.
func (ProbeFilesDue) Kind() string { return "app.probe_files_due" }

// schedule is all that comes again and again.
var schedule = []jobs.Recurring{
	{Name: "access.clean_up", Every: 24 * time.Hour, Event: access.CleanUpDue{}},
	{Name: "access.limit_unattended", Every: time.Hour, Event: access.UnattendedDue{}},
	{Name: "accounts.fill_words", Every: time.Minute, Event: accounts.FillWordsDue{}},
	{Name: "activitypub.catch_up", Every: 5 * time.Minute, Event: activitypub.CatchUpDue{}},
	{Name: "announcements.due", Every: time.Minute, Event: announcements.DueDue{}},
	{Name: "archive.forget", Every: time.Hour, Event: archive.ForgetDue{}},
	{Name: "jobs.forget", Every: time.Hour, Event: jobs.ForgetDue{}},
	{Name: "links.forget", Every: 24 * time.Hour, Event: links.ForgetDue{}},
	{Name: "media.probe", Every: 24 * time.Hour, Event: ProbeFilesDue{}},
	{Name: "media.sweep", Every: time.Hour, Event: media.SweepDue{}},
	{Name: "media.prune", Every: time.Hour, Event: media.PruneDue{}},
	{Name: "relations.expire_mutes", Every: time.Minute, Event: ExpireMutesDue{}},
	{Name: "search.fill", Every: time.Minute, Event: search.FillDue{}},
	{Name: "statuses.clean_up_old", Every: time.Minute, Event: statuses.CleanUpOldDue{}},
	{Name: "statuses.count_weeks", Every: time.Hour, Event: statuses.CountWeeksDue{}},
	{Name: "statuses.forget_keys", Every: time.Hour, Event: ForgetKeysDue{}},
	{Name: "statuses.forget_walks", Every: time.Hour, Event: ForgetWalksDue{}},
	{Name: "subscriptions.forget", Every: 24 * time.Hour, Event: subscriptions.ForgetDue{}},
	{Name: "trends.refresh", Every: 5 * time.Minute, Event: trends.RefreshDue{}},
}
