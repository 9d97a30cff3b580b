package accounts

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Columns are the columns that Scan reads, of table accounts under the alias a.
const Columns = `a.id, a.username, a.domain, a.actor_type, a.display_name, a.note, a.fields, a.emojis, a.uri, a.url,
  a.inbox_url, a.shared_inbox_url, a.outbox_url, a.followers_url, a.following_url, a.featured_url, a.public_key, a.public_key_id,
  a.avatar, a.avatar_description, a.header, a.header_description, a.locked, a.discoverable, a.indexable, a.hide_collections, a.memorial,
  a.moved_to_id, a.also_known_as, a.attribution_domains, a.suspended_at, a.silenced_at, a.sensitized_at, a.created_at, a.updated_at, a.fetched_at,
  a.statuses_count, a.following_count, a.followers_count, a.last_status_at, a.featured_tags_url, a.show_media, a.show_media_replies, a.show_featured, a.feature_approval_policy, a.collections_url, a.email_subscriptions`

// Scan reads one account.
func Scan(r db.Row) (*Account, error) {
	var a Account
	var fields, emojis, known, attribution string
	var suspended, silenced, sensitized, created, updated, fetched, last int64
	err := r.Scan(&a.ID, &a.Username, &a.Domain, &a.ActorType, &a.DisplayName, &a.Note, &fields, &emojis, &a.URI, &a.URL,
		&a.InboxURL, &a.SharedInboxURL, &a.OutboxURL, &a.FollowersURL, &a.FollowingURL, &a.FeaturedURL, &a.PublicKey, &a.PublicKeyID,
		&a.Avatar, &a.AvatarDescription, &a.Header, &a.HeaderDescription, &a.Locked, &a.Discoverable, &a.Indexable, &a.HideCollections, &a.Memorial,
		&a.MovedToID, &known, &attribution, &suspended, &silenced, &sensitized, &created, &updated, &fetched,
		&a.StatusesCount, &a.FollowingCount, &a.FollowersCount, &last, &a.FeaturedTagsURL, &a.ShowMedia, &a.ShowMediaReplies, &a.ShowFeatured, &a.FeaturePolicy, &a.CollectionsURL, &a.EmailSubscriptions)
	if err != nil {
		return nil, err
	}
	a.SuspendedAt, a.SilencedAt, a.SensitizedAt = db.At(suspended), db.At(silenced), db.At(sensitized)
	a.CreatedAt, a.UpdatedAt, a.FetchedAt, a.LastStatusAt = db.At(created), db.At(updated), db.At(fetched), db.At(last)
	for _, p := range []struct {
		text string
		into any
	}{{fields, &a.Fields}, {emojis, &a.Emojis}, {known, &a.AlsoKnownAs}, {attribution, &a.AttributionDomains}} {
		if p.text == "[]" || p.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(p.text), p.into); err != nil {
			return nil, fmt.Errorf("reading account %d: %w", a.ID, err)
		}
	}
	return &a, nil
}

func list(v any) string {
	b, err := json.Marshal(v)
	if err != nil || string(b) == "null" {
		return "[]"
	}
	return string(b)
}

func (s *Service) one(ctx context.Context, q db.Q, where string, args ...any) (*Account, error) {
	return Scan(q.QueryRow(ctx, "SELECT "+Columns+" FROM accounts a WHERE "+where, args...))
}

// ByID finds an account.
func (s *Service) ByID(ctx context.Context, q db.Q, id ID) (*Account, error) {
	return s.one(ctx, q, "a.id = $1", id)
}

// ByIDs finds accounts, in one statement; those that are not there are absent.
func (s *Service) ByIDs(ctx context.Context, q db.Q, list []ID) (map[ID]*Account, error) {
	out := make(map[ID]*Account, len(list))
	if len(list) == 0 {
		return out, nil
	}
	found, err := db.All(ctx, q, Scan, "SELECT "+Columns+" FROM accounts a WHERE a.id = ANY($1)", db.Array(list))
	if err != nil {
		return nil, fmt.Errorf("loading accounts: %w", err)
	}
	for _, a := range found {
		out[a.ID] = a
	}
	return out, nil
}

// ByAcct finds an account by its handle; case does not matter. The domain may be this server's own.
func (s *Service) ByAcct(ctx context.Context, q db.Q, username, domain string) (*Account, error) {
	domain = strings.ToLower(domain)
	if s.Site.IsLocalDomain(domain) {
		domain = ""
	}
	return s.one(ctx, q, "a.username_folded = $1 AND a.domain = $2", strings.ToLower(username), domain)
}

// ByAccts finds the accounts of handles, in one statement.
func (s *Service) ByAccts(ctx context.Context, q db.Q, handles []Handle) ([]*Account, error) {
	if len(handles) == 0 {
		return nil, nil
	}
	names := make([]string, len(handles))
	want := map[Handle]bool{}
	for i, h := range handles {
		h.Username, h.Domain = strings.ToLower(h.Username), strings.ToLower(h.Domain)
		if s.Site.IsLocalDomain(h.Domain) {
			h.Domain = ""
		}
		names[i] = h.Username
		want[h] = true
	}
	found, err := db.All(ctx, q, Scan, "SELECT "+Columns+" FROM accounts a WHERE a.username_folded = ANY($1)", db.Texts(names))
	if err != nil {
		return nil, fmt.Errorf("finding accounts by handle: %w", err)
	}
	out := found[:0]
	for _, a := range found {
		if want[Handle{strings.ToLower(a.Username), a.Domain}] {
			out = append(out, a)
		}
	}
	return out, nil
}

// ByURI finds an account by its ActivityPub id.
func (s *Service) ByURI(ctx context.Context, q db.Q, uri string) (*Account, error) {
	return s.one(ctx, q, "a.uri = $1", uri)
}

// ByURIs finds accounts by their ActivityPub ids, in one statement.
func (s *Service) ByURIs(ctx context.Context, q db.Q, uris []string) (map[string]*Account, error) {
	out := make(map[string]*Account, len(uris))
	if len(uris) == 0 {
		return out, nil
	}
	found, err := db.All(ctx, q, Scan, "SELECT "+Columns+" FROM accounts a WHERE a.uri = ANY($1)", db.Texts(uris))
	if err != nil {
		return nil, fmt.Errorf("finding accounts by id: %w", err)
	}
	for _, a := range found {
		out[a.URI] = a
	}
	return out, nil
}

// ByKeyID finds the account that a key belongs to.
func (s *Service) ByKeyID(ctx context.Context, q db.Q, keyID string) (*Account, error) {
	return s.one(ctx, q, "a.public_key_id = $1 AND a.public_key_id <> ''", keyID)
}

// ByURL finds an account by its id or the address of its page.
func (s *Service) ByURL(ctx context.Context, q db.Q, url string) (*Account, error) {
	a, err := s.ByURI(ctx, q, url)
	if errs.IsNotFound(err) {
		return s.one(ctx, q, "a.url = $1 AND a.url <> '' ORDER BY a.id LIMIT 1", url)
	}
	return a, err
}

// PrivateKey is a local account's signing key, in PEM.
func (s *Service) PrivateKey(ctx context.Context, q db.Q, id ID) (string, error) {
	return db.Value[string](ctx, q, "SELECT private_key FROM accounts WHERE id = $1 AND private_key <> ''", id)
}

// LocalCount is how many local accounts there are that are not suspended.
func (s *Service) LocalCount(ctx context.Context, q db.Q) (int64, error) {
	return db.Value[int64](ctx, q, "SELECT COUNT(*) FROM accounts WHERE domain = '' AND suspended_at = 0 AND actor_type <> 'Application'")
}

// InboxesOf are inboxes of a server, those of accounts that were met last; at most limit.
func (s *Service) InboxesOf(ctx context.Context, q db.Q, domain string, limit int) ([]string, error) {
	return db.Column[string](ctx, q, `SELECT CASE WHEN shared_inbox_url <> '' THEN shared_inbox_url ELSE inbox_url END FROM accounts
WHERE domain = $1 AND domain <> '' AND suspended_at = 0 AND inbox_url <> '' ORDER BY id DESC LIMIT $2`, domain, limit)
}
