package make

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// recorder keeps a row for each event of the domains, so that Emit accepts them and tests can ask for them.
type recorder struct {
	mu   sync.Mutex
	read map[string]func([]byte) (jobs.Event, error)
}

func record(j *jobs.Jobs) *recorder {
	r := &recorder{read: map[string]func([]byte) (jobs.Event, error){}}
	on[instances.BlockChanged](j, r)
	on[instances.Returned](j, r)
	on[accounts.ProfileUpdated](j, r)
	on[settings.TermsPublished](j, r)
	on[announcements.Changed](j, r)
	on[annual.Wanted](j, r)
	on[media.Uploaded](j, r)
	on[annual.Generated](j, r)
	on[accounts.Consented](j, r)
	on[accounts.LinksGiven](j, r)
	on[accounts.Removed](j, r)
	on[accounts.Moved](j, r)
	on[moderation.Reported](j, r)
	on[relations.Followed](j, r)
	on[relations.Accepted](j, r)
	on[relations.Rejected](j, r)
	on[relations.Unfollowed](j, r)
	on[relations.Blocked](j, r)
	on[relations.Unblocked](j, r)
	on[relations.Muted](j, r)
	on[relations.Unmuted](j, r)
	on[relations.DomainBlocked](j, r)
	on[relations.Severed](j, r)
	on[relations.ListChanged](j, r)
	on[relations.TagFollowed](j, r)
	on[statuses.Posted](j, r)
	on[statuses.Edited](j, r)
	on[statuses.Deleted](j, r)
	on[statuses.Favourited](j, r)
	on[statuses.Unfavourited](j, r)
	on[statuses.Bookmarked](j, r)
	on[statuses.Pinned](j, r)
	on[statuses.TagFeatured](j, r)
	on[statuses.Voted](j, r)
	on[statuses.PollEnded](j, r)
	on[statuses.ScheduledDue](j, r)
	on[statuses.ThreadWanted](j, r)
	on[notifications.Push](j, r)
	on[archive.Confirmed](j, r)
	on[archive.BackupWanted](j, r)
	on[archive.BackupReady](j, r)
	on[collections.Added](j, r)
	on[collections.Changed](j, r)
	on[collections.Made](j, r)
	on[collections.Joined](j, r)
	on[collections.Taken](j, r)
	on[collections.Left](j, r)
	on[collections.Deleted](j, r)
	on[collections.ItemReceived](j, r)
	on[statuses.Quoted](j, r)
	on[statuses.QuoteRequested](j, r)
	on[statuses.QuoteReceived](j, r)
	on[statuses.ApprovalRevoked](j, r)
	on[statuses.Refreshed](j, r)
	on[statuses.LinkPosted](j, r)
	return r
}

func on[E jobs.Event](j *jobs.Jobs, r *recorder) {
	var zero E
	name := "test." + zero.Kind()
	jobs.On(j, name, jobs.Policy{Queue: jobs.Default}, func(context.Context, E) error { return nil })
	r.read[name] = func(b []byte) (jobs.Event, error) {
		var e E
		err := json.Unmarshal(b, &e)
		return e, err
	}
}

// Events lists what was emitted since the last call, in order.
func (w *World) Events() []jobs.Event {
	w.T.Helper()
	w.events.mu.Lock()
	defer w.events.mu.Unlock()
	var out []jobs.Event
	err := w.DB.Write(context.Background(), func(tx *db.Tx) error {
		rows, err := tx.Query(context.Background(), "SELECT kind, args FROM jobs WHERE kind LIKE 'test.%' ORDER BY id")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var kind, args string
			if err := rows.Scan(&kind, &args); err != nil {
				return err
			}
			e, err := w.events.read[kind]([]byte(args))
			if err != nil {
				return err
			}
			out = append(out, e)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		rows.Close()
		_, err = tx.Exec(context.Background(), "DELETE FROM jobs WHERE kind LIKE 'test.%'")
		return err
	})
	w.must(err)
	return out
}
