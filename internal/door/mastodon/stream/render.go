package stream

import (
	"bytes"
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
)

// Entities is the Renderer that shows things as the rest of the API does.
type Entities struct {
	DB            *db.DB
	Render        *entity.Renderer
	Statuses      *statuses.Service
	Notifications *notifications.Service
	Feeds         *feeds.Service
	Announcements *announcements.Service
}

var _ Renderer = (*Entities)(nil)

func ignoreGone(err error) error {
	if errs.IsNotFound(err) {
		return nil
	}
	return err
}

func encoded(v any) (out []byte, err error) {
	err = httpio.Encode(v, func(b []byte) error {
		out = bytes.Clone(b)
		return nil
	})
	return out, err
}

// Status implements Renderer. What only some may see is rendered as its author sees it, and then stripped of what is the
// author's alone: who gets it was decided before.
func (e *Entities) Status(ctx context.Context, id statuses.ID) (*Post, error) {
	st, err := e.Statuses.Any(ctx, e.DB, id)
	if err != nil {
		return nil, ignoreGone(err)
	}
	viewer := accounts.ID(0)
	if !st.Distributable() {
		viewer = st.AccountID
	}
	shown, err := e.Render.Status(ctx, e.DB, viewer, id)
	if err != nil || shown == nil {
		return nil, err
	}
	strip(shown)
	json, err := encoded(shown)
	if err != nil {
		return nil, err
	}
	out := &Post{JSON: json, IDs: []statuses.ID{id}}
	if out.Quoted = shown.Withhold(); out.Quoted != 0 {
		if out.Without, err = encoded(shown); err != nil {
			return nil, err
		}
	}
	if st.Reblog() {
		out.IDs = append(out.IDs, st.ReblogOfID)
	}
	out.Text = filters.NewText(func() string {
		// Only where somebody has keywords; once for all of them.
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), renderLimit)
		defer cancel()
		parts, err := e.Statuses.Load(own, e.DB, viewer, []statuses.ID{id})
		if err != nil || parts.Statuses[id] == nil {
			return ""
		}
		return filters.TextOf(parts, parts.Statuses[id]).Plain()
	})
	return out, nil
}

func strip(s *entity.Status) {
	s.Acts, s.Pinned = nil, nil
	if s.Card != nil {
		s.Card.MissingAttribution = nil
	}
	if s.Poll != nil {
		s.Poll.Votes = nil
	}
	s.QuoteApproval.CurrentUser = statuses.QuoteDenied
	if s.Reblog != nil {
		strip(s.Reblog)
	}
	if u, ok := s.Quote.(*entity.Quote); ok && u.QuotedStatus != nil {
		if strip(u.QuotedStatus); u.QuotedStatus.Visibility != statuses.Public.String() && u.QuotedStatus.Visibility != statuses.Unlisted.String() {
			s.Withhold() // who may see this may not see that for certain
		}
	}
}

// Notification implements Renderer.
func (e *Entities) Notification(ctx context.Context, me accounts.ID, id int64) ([]byte, error) {
	n, err := e.Notifications.ByID(ctx, e.DB, me, id)
	if err != nil {
		return nil, ignoreGone(err)
	}
	list, err := e.Render.Notifications(ctx, e.DB, me, []*notifications.Notification{n})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return encoded(list[0])
}

// Conversation implements Renderer.
func (e *Entities) Conversation(ctx context.Context, me accounts.ID, id int64) ([]byte, error) {
	t, err := e.Feeds.Conversation(ctx, e.DB, me, id)
	if err != nil {
		return nil, ignoreGone(err)
	}
	people, err := e.Render.AccountList(ctx, e.DB, t.Participants)
	if err != nil {
		return nil, err
	}
	last, err := e.Render.Status(ctx, e.DB, me, t.LastStatusID)
	if err != nil {
		return nil, err
	}
	if people == nil {
		people = []*entity.Account{}
	}
	return encoded(entity.Conversation{ID: ids.Format(t.ID), Unread: t.Unread, Accounts: people, LastStatus: last})
}

// Announcement implements Renderer.
func (e *Entities) Announcement(ctx context.Context, id announcements.ID) ([]byte, error) {
	a, err := e.Announcements.Published(ctx, e.DB, id)
	if err != nil {
		return nil, ignoreGone(err)
	}
	shown, err := e.Render.Announcements(ctx, e.DB, e.Announcements, 0, []*announcements.Announcement{a})
	if err != nil {
		return nil, err
	}
	for _, st := range shown[0].Statuses {
		strip(st)
	}
	return encoded(shown[0])
}

// Reaction implements Renderer.
func (e *Entities) Reaction(ctx context.Context, id announcements.ID, name string) ([]byte, error) {
	all, err := e.Announcements.Reactions(ctx, e.DB, 0, []announcements.ID{id})
	if err != nil {
		return nil, err
	}
	found := announcements.Reaction{Name: name}
	for _, r := range all[id] {
		if r.Name == name {
			found = r
		}
	}
	custom, err := e.Render.Deps.Media.EmojisNamed(ctx, e.DB, []string{name})
	if err != nil {
		return nil, err
	}
	shown := e.Render.Reaction(found, custom)
	if shown == nil {
		return nil, nil
	}
	shown.AnnouncementID = ids.Format(id)
	return encoded(shown)
}
