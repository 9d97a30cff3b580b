// Package push owns what apps are told while they are closed: notices in words, encrypted for each subscription and posted to its push service.
package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/notifications"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/text"
	"github.com/gomph/gomph/internal/kit/webpush"
)

const (
	// sendLimit is how long a push service has to answer.
	sendLimit = 10 * time.Second
	// maxTitle and maxBody are how much a message shows, in characters (Mastodon: 140).
	maxTitle = 140
	maxBody  = 140
)

// Deps is what the door stands on.
type Deps struct {
	DB            *db.DB
	Clock         clock.Clock
	Site          settings.Site
	Accounts      *accounts.Service
	Access        *access.Service
	Statuses      *statuses.Service
	Notifications *notifications.Service
	Fetch         *fetch.Client
	Key           *webpush.Key
	// Addresses are those of pictures.
	Addresses *media.Addresses
}

// Server sends.
type Server struct{ Deps }

// New makes the door.
func New(d Deps) *Server { return &Server{d} }

// message is what an app gets: Mastodon's shape.
type message struct {
	AccessToken string `json:"access_token"`
	Locale      string `json:"preferred_locale"`
	ID          int64  `json:"notification_id"`
	Type        string `json:"notification_type"`
	Icon        string `json:"icon"`
	Title       string `json:"title"`
	Body        string `json:"body"`
}

// Send posts a notice to a subscription. One that the push service does not know any more ends.
func (s *Server) Send(ctx context.Context, e notifications.Push) error {
	v, n, err := s.Notifications.ToPush(ctx, s.DB, e)
	if err != nil || v == nil || n.Old(s.Clock.Now()) {
		return err
	}
	m, err := s.message(ctx, v, n)
	if err != nil || m == nil {
		return err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return jobs.Dead(err)
	}
	body, header, err := s.Key.Request(v.Subscription, text, s.Site.Base()+"/", s.Clock.Now())
	if err != nil {
		return jobs.Dead(fmt.Errorf("encrypting a notice: %w", err))
	}
	_, err = s.Fetch.Do(ctx, fetch.Request{Method: http.MethodPost, URL: v.Endpoint, Header: header, Body: body, Timeout: sendLimit})
	return s.answered(ctx, v, err)
}

// answered decides by the answer of a push service (Mastodon): whatever will not change ends the subscription.
func (s *Server) answered(ctx context.Context, v *notifications.Subscription, err error) error {
	switch code := fetch.StatusOf(err); {
	case err == nil:
		return nil
	case code == http.StatusRequestEntityTooLarge:
		return jobs.Dead(err)
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests:
		if wait := fetch.RetryAfter(err); wait > 0 {
			return jobs.Later(wait, err)
		}
		return err
	case code >= 400 && code < 500, errors.Is(err, fetch.ErrPrivate), errors.Is(err, fetch.ErrURL):
		return s.Notifications.Expired(ctx, v.ID)
	}
	return err
}

// message puts a notice into words; nil when what it is about is gone.
func (s *Server) message(ctx context.Context, v *notifications.Subscription, n *notifications.Notification) (*message, error) {
	from, err := s.Accounts.ByID(ctx, s.DB, n.FromAccountID)
	if err != nil {
		return nil, ignoreGone(err)
	}
	me, err := s.Access.ByAccount(ctx, s.DB, v.AccountID)
	if err != nil {
		return nil, ignoreGone(err)
	}
	m := &message{AccessToken: v.Token, Locale: me.Locale, ID: n.ID, Type: n.Type, Icon: s.icon(from), Title: text.Truncate(entity.Told(n.Type, from.DisplayName, from.Username, 1), maxTitle)}
	if m.Locale == "" {
		m.Locale = "en"
	}
	m.Body = text.Plain(from.Note)
	if n.StatusID != 0 {
		st, err := s.Statuses.ByID(ctx, s.DB, v.AccountID, n.StatusID)
		if err != nil {
			return nil, ignoreGone(err)
		}
		if m.Body = st.SpoilerText; m.Body == "" {
			m.Body = text.Plain(st.Content)
		}
	}
	m.Body = text.Truncate(m.Body, maxBody)
	return m, nil
}

func (s *Server) icon(a *accounts.Account) string {
	if u := s.Addresses.Of(media.Avatars, a.Avatar, false); u != "" {
		return u
	}
	return s.Site.Base() + entity.MissingAvatar
}

// ignoreGone makes "no longer there" a success, as it is for work that follows from something since removed.
func ignoreGone(err error) error {
	if errs.IsNotFound(err) {
		return nil
	}
	return err
}
