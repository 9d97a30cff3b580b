package activitypub

import (
	"context"
	"strconv"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/jobs"
)

const (
	// backfill is how many posts of an account are fetched that is followed for the first time here: a page of Mastodon's outbox.
	backfill = 20
	// maxMissed is how many posts of one account are caught up with; maxOutboxPages how many pages are read for either.
	maxMissed      = 100
	maxOutboxPages = 12
	// absence is for how long nobody must have been here for anything to be caught up with: others try again by themselves for longer.
	absence = 15 * time.Minute
	// overlap is how far before an absence posts are looked at: clocks differ, and what was under way when we went was not taken.
	overlap = 10 * time.Minute
	// maxAbsence is how far back is looked.
	maxAbsence = 7 * 24 * time.Hour
	// catchUpAfter lets other servers try again by themselves before their outboxes are read, and catchUpEvery and catchUpAtOnce spread
	// the reading: two hundred accounts a minute.
	catchUpAfter  = 10 * time.Minute
	catchUpEvery  = 15 * time.Second
	catchUpAtOnce = 50
)

// OutboxWanted asks for posts of an account from its outbox, the newest first, a page at a time.
type OutboxWanted struct {
	AccountID accounts.ID
	// Address is the account's outbox, and Page the page to go on with.
	Address, Page string
	// Taken and Read are how many posts and pages were had already, and Max how many posts are wanted.
	Taken, Read, Max int
	// Since and Before bound when the posts were published, in milliseconds since 1970; 0 is no bound.
	Since, Before int64
	// Old says that the posts are news to nobody: they are stored and shown, but not announced. Boosts are left out then.
	Old bool
}

// Kind names the command.
func (OutboxWanted) Kind() string { return "activitypub.outbox_wanted" }

// Key is what the command is unique by.
func (e OutboxWanted) Key() string { return strconv.FormatInt(int64(e.AccountID), 10) }

// Host is who is asked.
func (e OutboxWanted) Host() string { return weburl.Host(e.Address) }

// CatchUpDue asks whether anything was missed.
type CatchUpDue struct{}

// Kind names the event.
func (CatchUpDue) Kind() string { return "activitypub.catch_up_due" }

// Missed says that others could not reach us since a time; it is about those accounts after an id, of a domain or of all.
type Missed struct {
	Since  int64
	Domain string
	After  accounts.ID
}

// Kind names the command.
func (Missed) Kind() string { return "activitypub.missed" }

// Backfill asks for the newest posts of an account that is followed by somebody here for the first time.
func (s *Server) Backfill(ctx context.Context, e relations.Accepted) error {
	a, err := s.Accounts.ByID(ctx, s.DB, e.TargetID)
	if err != nil {
		return dropped(err)
	}
	first, err := s.Relations.OnlyFollower(ctx, s.DB, e.AccountID, a.ID)
	if err != nil || !first || a.Suspended() || a.OutboxURL == "" {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return s.Jobs.Emit(ctx, tx, OutboxWanted{AccountID: a.ID, Address: a.OutboxURL, Max: backfill, Before: db.Ms(s.Clock.Now()), Old: true})
	})
}

// CatchUp notes that this server is there. If it was not for some time, what the accounts that people here follow published meanwhile
// is looked for.
func (s *Server) CatchUp(ctx context.Context, _ CatchUpDue) error {
	now := s.Clock.Now()
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		last, err := s.Statuses.Present(ctx, tx)
		if err != nil || last.IsZero() || now.Sub(last) < absence {
			return err
		}
		return s.Jobs.EmitAt(ctx, tx, now.Add(catchUpAfter), Missed{Since: db.Ms(last)})
	})
}

// HostReturned looks for what a host that failed for long published meanwhile: whom we could not reach may not have reached us.
func (s *Server) HostReturned(ctx context.Context, e instances.Returned) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return s.Jobs.EmitAt(ctx, tx, s.Clock.Now().Add(catchUpAfter), Missed{Since: e.Since, Domain: e.Domain})
	})
}

// SpreadMissed has the outboxes of some accounts read, and leaves the next ones for a little later.
func (s *Server) SpreadMissed(ctx context.Context, e Missed) error {
	list, err := s.Relations.FollowedElsewhere(ctx, s.DB, e.Domain, e.After, catchUpAtOnce)
	if err != nil || len(list) == 0 {
		return err
	}
	now := s.Clock.Now()
	since := db.Ms(db.At(e.Since).Add(-overlap))
	since = max(since, db.Ms(now.Add(-maxAbsence)))
	var wanted []jobs.Event
	for _, a := range list {
		if s.mayAsk(ctx, a.OutboxURL) == nil {
			wanted = append(wanted, OutboxWanted{AccountID: a.ID, Address: a.OutboxURL, Max: maxMissed, Since: since})
		}
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := jobs.Complete(ctx, tx); err != nil {
			return err
		}
		if err := s.Jobs.Emit(ctx, tx, wanted...); err != nil || len(list) < catchUpAtOnce {
			return err
		}
		e.After = list[len(list)-1].ID
		return s.Jobs.EmitAt(ctx, tx, now.Add(catchUpEvery), e)
	})
}

// ReadOutbox reads a page of an outbox, and leaves the next one to another job. Nothing is read twice within an hour.
func (s *Server) ReadOutbox(ctx context.Context, e OutboxWanted) error {
	if e.Page == "" && jobs.Attempt(ctx) <= 1 {
		claimed := false
		err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
			claimed, err = s.Statuses.ClaimOutbox(ctx, tx, e.AccountID)
			return err
		})
		if err != nil || !claimed {
			return err
		}
	}
	by, err := s.Accounts.ByID(ctx, s.DB, e.AccountID)
	if err != nil {
		return dropped(err)
	}
	if by.Suspended() || by.OutboxURL != e.Address {
		return nil
	}
	items, next, err := s.outboxPage(ctx, e)
	if err != nil {
		return rested(dropped(err))
	}
	more, err := s.takeItems(ctx, by, &e, items)
	if err != nil || !more || next == "" || e.Read+1 >= maxOutboxPages {
		return err
	}
	e.Page, e.Read = next, e.Read+1
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if err := jobs.Complete(ctx, tx); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, e)
	})
}

// outboxPage fetches a page, at first the one that the outbox begins with; all on the outbox's own host.
func (s *Server) outboxPage(ctx context.Context, e OutboxWanted) (items []*ap.Object, next string, err error) {
	at := e.Page
	if at == "" {
		at = e.Address
	}
	for range 2 {
		page, answered, err := s.document(ctx, at)
		if err != nil {
			return nil, "", err
		}
		if !ap.SameHost(answered, e.Address) {
			return nil, "", errs.Forbidden()
		}
		if first := page.Object("first"); first != nil && !first.IsLink() {
			page = first
		}
		items, next = page.Items(), page.IDOf("next")
		if next == at || !ap.SameHost(next, e.Address) {
			next = ""
		}
		first := page.IDOf("first")
		if len(items) > 0 || e.Page != "" || first == at || !ap.SameHost(first, e.Address) {
			break
		}
		at = first
	}
	return items, next, nil
}

// takeItems stores what is new on a page, and reports whether to go on with the next.
func (s *Server) takeItems(ctx context.Context, by *accounts.Account, e *OutboxWanted, items []*ap.Object) (more bool, err error) {
	var uris []string
	for _, o := range items {
		uris = append(uris, postedID(o))
	}
	known, err := s.Statuses.Known(ctx, s.DB, uris)
	if err != nil {
		return false, err
	}
	for i, o := range items {
		at, dated := o.Time("published")
		if e.Since != 0 && (dated && db.Ms(at) < e.Since || !dated && known[uris[i]]) {
			return false, nil
		}
		if e.Taken >= e.Max {
			return false, nil
		}
		if known[uris[i]] || uris[i] == "" || e.Before != 0 && dated && db.Ms(at) > e.Before {
			continue
		}
		took, err := s.takeItem(ctx, by, e.Old, o)
		if err = dropped(err); err != nil {
			return false, rested(err)
		}
		if took {
			e.Taken++
		}
	}
	return len(items) > 0, nil
}

// postedID is the id of the post, or boost, that an item of an outbox brought; empty for anything else.
func postedID(o *ap.Object) string {
	switch {
	case o.Is("Create"):
		return o.IDOf("object")
	case o.Is("Announce"), o.Is(ap.NoteTypes...), o.IsLink():
		return o.ID
	}
	return ""
}

// takeItem stores what an item of an account's own outbox brought, if anybody may see it.
func (s *Server) takeItem(ctx context.Context, by *accounts.Account, old bool, o *ap.Object) (bool, error) {
	if o.Is("Announce") {
		if old || !ap.SameHost(o.ID, by.URI) || o.IDOf("actor") != by.URI {
			return false, nil
		}
		return true, s.performAnnounce(ctx, activity{Object: o, by: by})
	}
	note := o
	if o.Is("Create") {
		if note = o.Object("object"); note == nil {
			return false, nil
		}
	}
	if note.IsLink() {
		if !ap.SameHost(note.ID, by.URI) {
			return false, nil
		}
		var err error
		if note, err = s.object(ctx, note.ID); err != nil {
			return false, err
		}
	}
	n, err := owned(note, by)
	if err != nil {
		return false, err
	}
	if visibilityOf(n, by) > statuses.Unlisted {
		return false, nil
	}
	a := arrival{Note: n, by: by, asked: true, old: old}
	if old {
		a.depth = maxParents // what they answer is fetched when somebody opens the thread
	}
	_, err = s.receive(ctx, a)
	return err == nil, err
}
