package accounts

import (
	"context"
	"fmt"
	"strings"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Limits of a profile, as Mastodon's.
const (
	MaxDisplayName = 30
	MaxNote        = 500
	MaxFields      = 4
	MaxFieldText   = 255
	// MaxImageDescription is how many characters describe an avatar or a header.
	MaxImageDescription = 150
)

// Keys are an account's signing keys, in PEM.
type Keys struct{ Private, Public string }

// InstanceActor is the username of the actor that signs for the server as a whole; it follows nobody and posts nothing.
const InstanceActor = "gomph.internal"

// CreateLocal makes an account of this server. The name was checked by the caller; one that is taken, or was, is refused
// (IDN-07).
func (s *Service) CreateLocal(ctx context.Context, tx *db.Tx, username, actorType string, keys Keys) (*Account, error) {
	now := s.Clock.Now()
	id := ID(s.IDs.Next())
	uri := s.Site.ActorURI(username)
	profile := s.Site.ProfileURL(username)
	if actorType == "Application" {
		uri = s.Site.URL("/actor")
		profile = s.Site.URL("/about")
	}
	n, err := tx.Exec(ctx, `INSERT INTO accounts (id, username, username_folded, actor_type, uri, url, inbox_url, outbox_url, shared_inbox_url, followers_url, following_url,
  featured_url, public_key, public_key_id, private_key, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16) ON CONFLICT DO NOTHING`,
		id, username, strings.ToLower(username), actorType, uri, profile, uri+"/inbox", uri+"/outbox", s.Site.InboxURL(), uri+"/followers", uri+"/following",
		uri+"/collections/featured", keys.Public, uri+"#main-key", keys.Private, db.Ms(now))
	if err != nil {
		return nil, fmt.Errorf("creating account %s: %w", username, err)
	}
	if n == 0 {
		e := errs.Invalid("Validation failed: Username has already been taken")
		e.Details = map[string][]errs.Detail{"username": {{Code: "ERR_TAKEN", Description: "has already been taken"}}}
		return nil, e
	}
	if err := s.enterWords(ctx, tx, id, username, ""); err != nil {
		return nil, err
	}
	return s.ByID(ctx, tx, id)
}

// Undo takes back a local account that never posted; the database takes what refers to it along.
func (s *Service) Undo(ctx context.Context, tx *db.Tx, id ID) error {
	if _, err := tx.Exec(ctx, "DELETE FROM accounts WHERE id = $1 AND domain = '' AND statuses_count = 0", id); err != nil {
		return fmt.Errorf("taking account %d back: %w", id, err)
	}
	return nil
}

// Profile is a change of a profile; nil leaves as it is.
type Profile struct {
	DisplayName, Note                                     *string
	Fields                                                *[]Field
	Locked, Bot, Discoverable, Indexable, HideCollections *bool
	ShowMedia, ShowMediaReplies, ShowFeatured             *bool
	EmailSubscriptions                                    *bool
	Avatar, AvatarDescription, Header, HeaderDescription  *string
	AttributionDomains                                    *[]string
	Emojis                                                *[]Emoji
}

func set[T any](into *T, v *T) {
	if v != nil {
		*into = *v
	}
}

// UpdateProfile changes a local account's profile. Lengths were checked by the caller's rules (CheckProfile).
func (s *Service) UpdateProfile(ctx context.Context, id ID, p Profile) (*Account, error) {
	var a *Account
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if a, err = s.one(ctx, tx, "a.id = $1 AND a.domain = ''"+tx.ForUpdate(), id); err != nil {
			return err
		}
		set(&a.DisplayName, p.DisplayName)
		set(&a.Note, p.Note)
		set(&a.Fields, p.Fields)
		set(&a.Locked, p.Locked)
		set(&a.Discoverable, p.Discoverable)
		consented := p.Indexable != nil && *p.Indexable && !a.Indexable
		set(&a.Indexable, p.Indexable)
		set(&a.HideCollections, p.HideCollections)
		set(&a.ShowMedia, p.ShowMedia)
		set(&a.ShowMediaReplies, p.ShowMediaReplies)
		set(&a.ShowFeatured, p.ShowFeatured)
		set(&a.EmailSubscriptions, p.EmailSubscriptions)
		set(&a.Avatar, p.Avatar)
		set(&a.AvatarDescription, p.AvatarDescription)
		set(&a.Header, p.Header)
		set(&a.HeaderDescription, p.HeaderDescription)
		set(&a.AttributionDomains, p.AttributionDomains)
		set(&a.Emojis, p.Emojis)
		if p.Bot != nil {
			a.ActorType = "Person"
			if *p.Bot {
				a.ActorType = "Service"
			}
		}
		a.UpdatedAt = s.Clock.Now()
		if _, err = tx.Exec(ctx, `UPDATE accounts SET display_name = $1, note = $2, fields = $3, locked = $4, discoverable = $5, indexable = $6, hide_collections = $7,
  avatar = $8, avatar_description = $9, header = $10, header_description = $11, attribution_domains = $12, emojis = $13, actor_type = $14, updated_at = $15,
  show_media = $17, show_media_replies = $18, show_featured = $19, email_subscriptions = $20 WHERE id = $16`,
			a.DisplayName, a.Note, list(a.Fields), a.Locked, a.Discoverable, a.Indexable, a.HideCollections, a.Avatar, a.AvatarDescription, a.Header, a.HeaderDescription,
			list(a.AttributionDomains), list(a.Emojis), a.ActorType, db.Ms(a.UpdatedAt), id, a.ShowMedia, a.ShowMediaReplies, a.ShowFeatured, a.EmailSubscriptions); err != nil {
			return err
		}
		if p.DisplayName != nil {
			if err := s.enterWords(ctx, tx, id, a.Username, a.DisplayName); err != nil {
				return err
			}
		}
		if consented {
			if err := s.Jobs.Emit(ctx, tx, Consented{AccountID: id}); err != nil {
				return err
			}
		}
		if p.Fields != nil && unverified(a.Fields, true) {
			if err := s.Jobs.Emit(ctx, tx, LinksGiven{id}); err != nil {
				return err
			}
		}
		return s.Jobs.Emit(ctx, tx, ProfileUpdated{AccountID: id, Local: true})
	})
	if err != nil {
		return nil, fmt.Errorf("updating profile: %w", err)
	}
	return a, nil
}

// SetAliases changes the other names under which a local account was known.
func (s *Service) SetAliases(ctx context.Context, id ID, uris []string) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE accounts SET also_known_as = $1, updated_at = $2 WHERE id = $3 AND domain = ''", list(uris), db.Ms(s.Clock.Now()), id); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, ProfileUpdated{AccountID: id, Local: true})
	})
}

// AddCounts changes the counts of an account by differences.
func (s *Service) AddCounts(ctx context.Context, tx *db.Tx, id ID, statuses, following, followers int) error {
	return tx.Do(ctx, "counting for an account", `UPDATE accounts SET statuses_count = CASE WHEN statuses_count + $1 < 0 THEN 0 ELSE statuses_count + $1 END,
  following_count = CASE WHEN following_count + $2 < 0 THEN 0 ELSE following_count + $2 END,
  followers_count = CASE WHEN followers_count + $3 < 0 THEN 0 ELSE followers_count + $3 END WHERE id = $4`, statuses, following, followers, id)
}

// Posted counts a post of an account.
func (s *Service) Posted(ctx context.Context, tx *db.Tx, id ID, at int64) error {
	return tx.Do(ctx, "counting a post of an account", `UPDATE accounts SET statuses_count = statuses_count + 1, last_status_at = CASE WHEN last_status_at < $1 THEN $1 ELSE last_status_at END WHERE id = $2`, at, id)
}

// Suspend shuts an account out, or lets it back in.
func (s *Service) Suspend(ctx context.Context, id ID, on bool) error {
	now := db.Ms(s.Clock.Now())
	at := int64(0)
	if on {
		at = now
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		domain, err := db.Value[string](ctx, tx, "UPDATE accounts SET suspended_at = $1, updated_at = $2 WHERE id = $3 RETURNING domain", at, now, id)
		if err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, ProfileUpdated{AccountID: id, Local: domain == ""})
	})
}
