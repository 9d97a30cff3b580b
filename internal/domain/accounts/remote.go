package accounts

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Remote is an actor as another server describes it, checked and cleaned by the door. Only the fields that Account has
// under the same name are kept; URI is the key.
type Remote struct {
	Account
	// MovedToURI is the actor that this one moved to; it is linked when it is known here.
	MovedToURI string
	// Keys are those that the actor lists besides PublicKey, as PEM.
	Keys []Key
}

// Upsert enters an actor, or brings a known one up to date. The id of an actor never changes hands: a handle that belongs to
// another id is taken over only when that other actor is of the same host (a deleted and re-made account, IDN-04); a local
// account is never touched.
func (s *Service) Upsert(ctx context.Context, r Remote) (*Account, error) {
	if r.Domain == "" || s.Site.IsLocalDomain(r.Domain) || s.Site.IsLocalURI(r.URI) {
		return nil, errs.Invalid("an actor of this server cannot come from elsewhere")
	}
	for attempt := 1; ; attempt++ {
		var out *Account
		err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
			out, err = s.upsert(ctx, tx, r)
			return err
		})
		if db.IsUnique(err) && attempt < maxUpserts { // it arrived twice at once; the other one won
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("entering actor %s: %w", r.URI, err)
		}
		return out, nil
	}
}

// maxUpserts bounds the tries of an upsert that others were faster than.
const maxUpserts = 3

func (s *Service) upsert(ctx context.Context, tx *db.Tx, r Remote) (*Account, error) {
	now := s.Clock.Now()
	old, err := s.ByURI(ctx, tx, r.URI)
	if errs.IsNotFound(err) {
		if err := s.freeHandle(ctx, tx, r); err != nil {
			return nil, err
		}
		return s.insertRemote(ctx, tx, r, now)
	}
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(old.Username, r.Username) || old.Domain != r.Domain {
		if err := s.freeHandle(ctx, tx, r); err != nil {
			return nil, err
		}
	}
	if r.Indexable && !old.Indexable {
		if err := s.Jobs.Emit(ctx, tx, Consented{AccountID: old.ID}); err != nil {
			return nil, err
		}
	}
	if old.DisplayName != r.DisplayName || old.Username != r.Username {
		if err := s.enterWords(ctx, tx, old.ID, r.Username, r.DisplayName); err != nil {
			return nil, err
		}
	}
	return s.updateRemote(ctx, tx, old.ID, r, old.Fields, now)
}

// sameHost reports whether two ids are of the same host, port included.
func sameHost(a, b string) bool {
	x, err := url.Parse(a)
	y, yerr := url.Parse(b)
	return err == nil && yerr == nil && x.Host != "" && strings.EqualFold(x.Host, y.Host)
}

// freeHandle gives the handle of an account that is no longer at its address to the one of the same host that is there now.
func (s *Service) freeHandle(ctx context.Context, tx *db.Tx, r Remote) error {
	other, err := s.ByAcct(ctx, tx, r.Username, r.Domain)
	if errs.IsNotFound(err) {
		return nil
	}
	if err != nil || other.URI == r.URI {
		return err
	}
	if !sameHost(other.URI, r.URI) {
		return errs.New(errs.ForbiddenKind, "this name belongs to another actor")
	}
	_, err = tx.Exec(ctx, "UPDATE accounts SET username_folded = username_folded || $1, updated_at = $2 WHERE id = $3 AND domain <> ''",
		fmt.Sprintf("#%d", other.ID), db.Ms(s.Clock.Now()), other.ID)
	return err
}

func (s *Service) insertRemote(ctx context.Context, tx *db.Tx, r Remote, now time.Time) (*Account, error) {
	id := ID(s.IDs.Next())
	created := r.CreatedAt
	if created.IsZero() || created.After(now) {
		created = now
	}
	_, err := tx.Exec(ctx, `INSERT INTO accounts (id, username, username_folded, domain, uri, created_at, updated_at, silenced_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		id, r.Username, strings.ToLower(r.Username), r.Domain, r.URI, db.Ms(created), db.Ms(now), db.Ms(r.SilencedAt))
	if err != nil {
		return nil, err
	}
	if err := s.enterWords(ctx, tx, id, r.Username, r.DisplayName); err != nil {
		return nil, err
	}
	return s.updateRemote(ctx, tx, id, r, nil, now)
}

func (s *Service) updateRemote(ctx context.Context, tx *db.Tx, id ID, r Remote, old []Field, now time.Time) (*Account, error) {
	r.Fields = slices.Clone(r.Fields)
	keepVerified(r.Fields, old)
	moved := ID(0)
	if r.MovedToURI != "" {
		if to, err := s.ByURI(ctx, tx, r.MovedToURI); err == nil && to.ID != id {
			moved = to.ID
		} else if err != nil && !errs.IsNotFound(err) {
			return nil, err
		}
	}
	_, err := tx.Exec(ctx, `UPDATE accounts SET username = $1, username_folded = $2, domain = $3, actor_type = $4, display_name = $5, note = $6, fields = $7, emojis = $8, url = $9,
  inbox_url = $10, shared_inbox_url = $11, outbox_url = $12, followers_url = $13, following_url = $14, featured_url = $15, public_key = $16, public_key_id = $17,
  avatar = $18, avatar_description = $19, header = $20, header_description = $21, locked = $22, discoverable = $23, indexable = $24, hide_collections = $25, memorial = $26,
  moved_to_id = $27, also_known_as = $28, attribution_domains = $29, updated_at = $30, fetched_at = $30, featured_tags_url = $32, show_media = $33, show_media_replies = $34,
  show_featured = $35, feature_approval_policy = $36, collections_url = $37 WHERE id = $31`,
		r.Username, strings.ToLower(r.Username), r.Domain, r.ActorType, r.DisplayName, r.Note, list(r.Fields), list(r.Emojis), r.URL,
		r.InboxURL, r.SharedInboxURL, r.OutboxURL, r.FollowersURL, r.FollowingURL, r.FeaturedURL, r.PublicKey, r.PublicKeyID,
		r.Avatar, r.AvatarDescription, r.Header, r.HeaderDescription, r.Locked, r.Discoverable, r.Indexable, r.HideCollections, r.Memorial,
		moved, list(r.AlsoKnownAs), list(r.AttributionDomains), db.Ms(now), id, r.FeaturedTagsURL, r.ShowMedia, r.ShowMediaReplies,
		r.ShowFeatured, r.FeaturePolicy, r.CollectionsURL)
	if err != nil {
		return nil, err
	}
	if err := s.replaceKeys(ctx, tx, id, r.Keys); err != nil {
		return nil, err
	}
	if !slices.Equal(r.Fields, old) && unverified(r.Fields, false) {
		if err := s.Jobs.EmitAt(ctx, tx, now.Add(rand.N(verifySpread)), LinksGiven{id}); err != nil { //nolint:gosec // no secret
			return nil, err
		}
	}
	return s.ByID(ctx, tx, id)
}

// At lists the accounts elsewhere whose handle or id may be of a domain or one below it, by id, after one and at most limit. It
// finds too many; whoever asks looks closer.
func (s *Service) At(ctx context.Context, q db.Q, domain string, after ID, limit int) ([]*Account, error) {
	return db.All(ctx, q, Scan, "SELECT "+Columns+` FROM accounts a WHERE a.id > $1 AND a.domain <> '' AND (a.domain LIKE $2 OR a.uri LIKE $2) ORDER BY a.id LIMIT $3`,
		after, "%"+domain+"%", limit)
}

// Limit shuts an account of another server out, or hides it, each since a time; zero is not at all.
func (s *Service) Limit(ctx context.Context, tx *db.Tx, id ID, suspended, silenced time.Time) error {
	return tx.Do(ctx, "limiting an account", "UPDATE accounts SET suspended_at = $1, silenced_at = $2, updated_at = $3 WHERE id = $4 AND domain <> ''",
		db.Ms(suspended), db.Ms(silenced), db.Ms(s.Clock.Now()), id)
}

// Remove marks an account as gone and lets everything that follows happen: its posts, relations and notices go with it.
func (s *Service) Remove(ctx context.Context, id ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := s.ByID(ctx, tx, id)
		if err != nil {
			return err
		}
		if a.Suspended() && !a.Local() {
			return nil
		}
		if _, err := tx.Exec(ctx, "UPDATE accounts SET suspended_at = $1, updated_at = $1 WHERE id = $2", db.Ms(s.Clock.Now()), id); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Removed{AccountID: id, Local: a.Local()})
	})
}

// Purge deletes the row of an account that was removed; the database takes what refers to it along. A local name stays
// taken: its row is emptied, not deleted (IDN-07).
func (s *Service) Purge(ctx context.Context, id ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := s.ByID(ctx, tx, id)
		if errs.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if a.Local() {
			_, err = tx.Exec(ctx, `UPDATE accounts SET display_name = '', note = '', fields = '[]', emojis = '[]', avatar = '', avatar_description = '',
  header = '', header_description = '', also_known_as = '[]', attribution_domains = '[]',
  statuses_count = 0, following_count = 0, followers_count = 0, updated_at = $1 WHERE id = $2`, db.Ms(s.Clock.Now()), id)
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM accounts WHERE id = $1", id)
		return err
	})
}

// Checked notes that an account of another server is still as it was fetched.
func (s *Service) Checked(ctx context.Context, id ID) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "noting an unchanged account", "UPDATE accounts SET fetched_at = $1 WHERE id = $2 AND domain <> ''", db.Ms(s.Clock.Now()), id)
	})
}
