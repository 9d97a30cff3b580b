package instances

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// The kinds of relay.
const (
	// MastodonRelay takes public posts in its inbox and passes them on as they are, or announces them.
	MastodonRelay = "mastodon"
	// LitePubRelay is an actor that is followed; posts are announced to it, and by it.
	LitePubRelay = "litepub"
)

// The states of a relay.
const (
	RelayIdle     = "idle"
	RelayPending  = "pending"
	RelayAccepted = "accepted"
	RelayRejected = "rejected"
)

// maxRelays bounds how many relays a server may have: each gets every public post.
const maxRelays = 50

// Relay passes public posts on.
type Relay struct {
	ID                                  int64
	Kind, ActorURI, InboxURL, FollowURI string
	State                               string
	CreatedAt, UpdatedAt                time.Time
}

// Object is what the Follow of a relay names; public is ActivityStreams' name for everybody.
func (r Relay) Object(public string) string {
	if r.Kind == LitePubRelay {
		return r.ActorURI
	}
	return public
}

const relayColumns = "id, kind, actor_uri, inbox_url, follow_uri, state, created_at, updated_at"

func scanRelay(r db.Row) (Relay, error) {
	var v Relay
	var created, updated int64
	err := r.Scan(&v.ID, &v.Kind, &v.ActorURI, &v.InboxURL, &v.FollowURI, &v.State, &created, &updated)
	v.CreatedAt, v.UpdatedAt = db.At(created), db.At(updated)
	return v, err
}

// Relays lists the relays.
func (s *Service) Relays(ctx context.Context, q db.Q) ([]Relay, error) {
	return db.All(ctx, q, scanRelay, "SELECT "+relayColumns+" FROM relays ORDER BY id")
}

// RelayAt finds a relay by its inbox or actor.
func (s *Service) RelayAt(ctx context.Context, q db.Q, uri string) (Relay, error) {
	v, err := scanRelay(q.QueryRow(ctx, "SELECT "+relayColumns+" FROM relays WHERE inbox_url = $1 OR (actor_uri = $1 AND actor_uri <> '') LIMIT 1", uri))
	if err != nil {
		return v, fmt.Errorf("looking for a relay: %w", err)
	}
	return v, nil
}

// RelayOf finds the relay that an actor speaks for: by its address, its own inbox, or the id of the Follow that it answers.
func (s *Service) RelayOf(ctx context.Context, q db.Q, actor, inbox, follow string) (Relay, error) {
	return scanRelay(q.QueryRow(ctx, "SELECT "+relayColumns+` FROM relays
WHERE (actor_uri = $1 AND actor_uri <> '') OR inbox_url = $2 OR (follow_uri = $3 AND follow_uri <> '') ORDER BY id LIMIT 1`, actor, inbox, follow))
}

// ActiveRelays lists the relays that take posts.
func (s *Service) ActiveRelays(ctx context.Context, q db.Q) ([]Relay, error) {
	return db.All(ctx, q, scanRelay, "SELECT "+relayColumns+" FROM relays WHERE state = $1 ORDER BY id", RelayAccepted)
}

// AddRelay enters a relay; nothing is asked of it yet. One that is known is given back.
func (s *Service) AddRelay(ctx context.Context, r Relay) (Relay, error) {
	now := db.Ms(s.clock.Now())
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		n, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM relays")
		if err != nil {
			return err
		}
		if n >= maxRelays {
			return errs.Invalid("There are %d relays already", n)
		}
		_, err = tx.Exec(ctx, `INSERT INTO relays (id, kind, actor_uri, inbox_url, state, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (inbox_url) DO NOTHING`,
			r.ID, r.Kind, r.ActorURI, r.InboxURL, RelayIdle, now)
		return err
	})
	if err != nil {
		return r, fmt.Errorf("adding a relay: %w", err)
	}
	return s.RelayAt(ctx, s.db, r.InboxURL)
}

// SetRelay changes the state of a relay, and with follow the id of the Follow that it waits for.
func (s *Service) SetRelay(ctx context.Context, tx *db.Tx, id int64, state, follow string) error {
	_, err := tx.Exec(ctx, "UPDATE relays SET state = $1, follow_uri = CASE WHEN $2 = '' THEN follow_uri ELSE $2 END, updated_at = $3 WHERE id = $4", state, follow, db.Ms(s.clock.Now()), id)
	if err != nil {
		return fmt.Errorf("changing a relay: %w", err)
	}
	return nil
}

// RemoveRelay forgets a relay.
func (s *Service) RemoveRelay(ctx context.Context, tx *db.Tx, id int64) error {
	_, err := tx.Exec(ctx, "DELETE FROM relays WHERE id = $1", id)
	if err != nil {
		return fmt.Errorf("removing a relay: %w", err)
	}
	return nil
}
