package accounts

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Key is a public key of a remote actor: its address, and itself as PEM.
type Key struct{ ID, PEM string }

// replaceKeys makes the further keys of an actor those that it lists now. One that another account has stays there (SIG-18).
func (s *Service) replaceKeys(ctx context.Context, tx *db.Tx, id ID, keys []Key) error {
	had, err := db.Exists(ctx, tx, "SELECT 1 FROM account_keys WHERE account_id = $1", id)
	if err != nil {
		return err
	}
	if had {
		if _, err := tx.Exec(ctx, "DELETE FROM account_keys WHERE account_id = $1", id); err != nil {
			return err
		}
	}
	for _, k := range keys {
		if _, err := tx.Exec(ctx, "INSERT INTO account_keys (key_id, account_id, public_key) VALUES ($1, $2, $3) ON CONFLICT (key_id) DO NOTHING", k.ID, id, k.PEM); err != nil {
			return fmt.Errorf("entering a key: %w", err)
		}
	}
	return nil
}

// Key finds the account that a key belongs to, and the key as PEM.
func (s *Service) Key(ctx context.Context, q db.Q, keyID string) (*Account, string, error) {
	a, err := s.ByKeyID(ctx, q, keyID)
	if err == nil {
		return a, a.PublicKey, nil
	}
	if !errs.IsNotFound(err) {
		return nil, "", err
	}
	if a, err = s.one(ctx, q, "a.id = (SELECT k.account_id FROM account_keys k WHERE k.key_id = $1)", keyID); err != nil {
		return nil, "", err
	}
	pem, err := db.Value[string](ctx, q, "SELECT public_key FROM account_keys WHERE key_id = $1 AND account_id = $2", keyID, a.ID)
	return a, pem, err
}
