package activitypub

import (
	"crypto"
	"net/http"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap/httpsig"
)

const (
	// trustAge is how long a key that fitted is used without asking whether it is still its owner's. A key that another process
	// learned to be replaced is taken that much longer, and so is what an actor sent just before.
	trustAge = time.Minute
	// maxTrusted bounds the keys in memory, of some 1 KiB each.
	maxTrusted = 2000
)

// signatory is who signed something.
type signatory struct {
	id  accounts.ID
	uri string
}

type trustedKey struct {
	signatory
	key   crypto.PublicKey
	until time.Time
}

// trust remembers the keys that fitted of late, so that those who send much are not looked up for each delivery.
type trust struct {
	mu   sync.Mutex
	keys map[string]trustedKey
}

func (t *trust) get(keyID string, now time.Time) (trustedKey, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.keys[keyID]
	return k, ok && now.Before(k.until)
}

func (t *trust) put(keyID string, k trustedKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys == nil || len(t.keys) >= maxTrusted {
		t.keys = map[string]trustedKey{}
	}
	t.keys[keyID] = k
}

// forget is for an account whose key may be another now.
func (t *trust) forget(id accounts.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for keyID, k := range t.keys {
		if k.id == id {
			delete(t.keys, keyID)
		}
	}
}

// sender says who signed a delivery. Whether the account may do anything is for the one who performs it to find out.
func (r *Resolver) sender(req *http.Request, sig httpsig.Parsed, body []byte) (signatory, error) {
	now := r.Clock.Now()
	if k, ok := r.trust.get(sig.KeyID, now); ok && sig.Verify(req, body, k.key, now) == nil {
		return k.signatory, nil
	}
	a, err := r.signedBy(req, sig, body)
	if err != nil {
		return signatory{}, err
	}
	by := signatory{a.ID, a.URI}
	r.trust.put(sig.KeyID, trustedKey{by, a.key, now.Add(trustAge)})
	return by, nil
}
