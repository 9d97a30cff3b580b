package access

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// maxWebSettings is how many bytes a web client may keep for a person.
const maxWebSettings = 64 << 10

// webScopes are what a browser that is signed in may do by its token: what Mastodon's own pages may.
var webScopes = Scopes{"read", "write", "follow", "push"}

// WebToken makes the token by which a browser's pages are told of notices, in place of the one that it had. It ends with the session.
func (s *Service) WebToken(ctx context.Context, v *Visit) (*NewToken, error) {
	var t *NewToken
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		old, err := db.Value[TokenID](ctx, tx, "SELECT access_token_id FROM sessions WHERE id = $1 AND user_id = $2"+tx.ForUpdate(), v.Session.ID, v.User.ID)
		if err != nil {
			return err
		}
		if err := s.revokeTokens(ctx, tx, "id = $2", db.Ms(s.Clock.Now()), old); err != nil {
			return err
		}
		if t, err = s.makeToken(ctx, tx, nil, v.User.ID, 0, webScopes); err != nil {
			return err
		}
		return tx.Do(ctx, "keeping a session's token", "UPDATE sessions SET access_token_id = $1 WHERE id = $2", t.ID, v.Session.ID)
	})
	if err != nil {
		return nil, fmt.Errorf("making a session's token: %w", err)
	}
	return t, nil
}

// WebTokenOf is the token that WebToken made for a session; errs.NotFound where there is none.
func (s *Service) WebTokenOf(ctx context.Context, q db.Q, id SessionID) (TokenID, error) {
	return db.Value[TokenID](ctx, q, "SELECT access_token_id FROM sessions WHERE id = $1 AND access_token_id <> 0", id)
}

// dropSessions ends sessions, with the tokens of their pages.
func (s *Service) dropSessions(ctx context.Context, tx *db.Tx, where string, args ...any) (int, error) {
	list, err := db.Column[TokenID](ctx, tx, "DELETE FROM sessions WHERE "+where+" RETURNING access_token_id", args...)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return len(list), s.revokeTokens(ctx, tx, "id <> 0 AND id = ANY($2)", db.Ms(s.Clock.Now()), db.Array(list))
}

// WebSettings is what web clients keep for a person, as JSON; an empty object where there is nothing.
func (s *Service) WebSettings(ctx context.Context, q db.Q, id UserID) (json.RawMessage, error) {
	text, err := db.Value[string](ctx, q, "SELECT data FROM web_settings WHERE user_id = $1", id)
	if errs.IsNotFound(err) {
		return json.RawMessage("{}"), nil
	}
	return json.RawMessage(text), err
}

// SetWebSettings keeps what a web client wants kept; it is looked at by web clients alone.
func (s *Service) SetWebSettings(ctx context.Context, id UserID, data map[string]any) error {
	text, err := json.Marshal(data)
	if err != nil || len(text) > maxWebSettings {
		return errs.Invalid("Validation failed: Data is too long")
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.Do(ctx, "keeping settings of web clients", "INSERT INTO web_settings (user_id, data, updated_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at",
			id, string(text), db.Ms(s.Clock.Now()))
	})
}
