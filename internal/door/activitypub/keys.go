package activitypub

import (
	"context"
	"fmt"
	"sync"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap/httpsig"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// maxSigners bounds the parsed keys that are kept in memory: a key is some 3 KiB, and parsing one costs 0.1 ms.
const maxSigners = 1000

// signers keeps the parsed private keys of local accounts. They never change.
type signers struct {
	mu   sync.Mutex
	byID map[accounts.ID]httpsig.Signer
}

// NewKeys makes the signing keys of an account. It costs about 0.1 s of CPU, so it is done before a transaction begins.
func NewKeys() (accounts.Keys, error) {
	key, err := httpsig.GenerateKey(httpsig.DefaultBits)
	if err != nil {
		return accounts.Keys{}, fmt.Errorf("generating keys: %w", err)
	}
	public, err := httpsig.EncodePublicPEM(&key.PublicKey)
	if err != nil {
		return accounts.Keys{}, err
	}
	return accounts.Keys{Private: httpsig.EncodePrivatePEM(key), Public: public}, nil
}

// EnsureInstanceActor gives the actor that signs for the server as a whole, and makes it when the server starts for the first time.
func (r *Resolver) EnsureInstanceActor(ctx context.Context) (*accounts.Account, error) {
	r.instanceMu.Lock()
	defer r.instanceMu.Unlock()
	if r.instance != nil {
		return r.instance, nil
	}
	a, err := r.Accounts.ByAcct(ctx, r.DB, accounts.InstanceActor, "")
	if errs.IsNotFound(err) {
		a, err = r.makeInstanceActor(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the instance actor: %w", err)
	}
	r.instance = a
	return a, nil
}

func (r *Resolver) makeInstanceActor(ctx context.Context) (*accounts.Account, error) {
	keys, err := NewKeys()
	if err != nil {
		return nil, err
	}
	var a *accounts.Account
	err = r.DB.Write(ctx, func(tx *db.Tx) (err error) {
		a, err = r.Accounts.CreateLocal(ctx, tx, accounts.InstanceActor, "Application", keys)
		return err
	})
	if errs.KindOf(err) == errs.InvalidKind { // another process was first
		return r.Accounts.ByAcct(ctx, r.DB, accounts.InstanceActor, "")
	}
	return a, err
}

// signer is the parsed key of a local account.
func (r *Resolver) signer(ctx context.Context, a *accounts.Account) (httpsig.Signer, error) {
	r.keys.mu.Lock()
	s, ok := r.keys.byID[a.ID]
	r.keys.mu.Unlock()
	if ok {
		return s, nil
	}
	pem, err := r.Accounts.PrivateKey(ctx, r.DB, a.ID)
	if err != nil {
		return s, fmt.Errorf("loading the key of %s: %w", a.Username, err)
	}
	key, err := httpsig.ParsePrivatePEM(pem)
	if err != nil {
		return s, fmt.Errorf("reading the key of %s: %w", a.Username, err)
	}
	s = httpsig.Signer{KeyID: a.PublicKeyID, Private: key}
	r.keys.mu.Lock()
	defer r.keys.mu.Unlock()
	for id := range r.keys.byID {
		if len(r.keys.byID) < maxSigners {
			break
		}
		delete(r.keys.byID, id)
	}
	r.keys.byID[a.ID] = s
	return s, nil
}
