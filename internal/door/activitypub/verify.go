package activitypub

import (
	"context"
	"crypto"
	"net/http"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/ap/httpsig"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

const (
	// keyPause is how long a key that did not fit is not fetched again (SIG-16).
	keyPause = 5 * time.Minute
	// maxKeyFailures is how many keys of one host may turn out useless within keyPause before no further one is fetched there.
	maxKeyFailures = 10
)

func errSignature() error {
	return errs.New(errs.UnauthorizedKind, "The signature cannot be verified")
}

// checkHost refuses a request that was signed for another server: the signature covers the host, so ours must be in it.
func (r *Resolver) checkHost(req *http.Request) error {
	if !r.isOurs(r.schemeOf() + "://" + req.Host) {
		return errs.New(errs.UnauthorizedKind, "The request is for another host")
	}
	return nil
}

func (r *Resolver) schemeOf() string {
	scheme, _, _ := strings.Cut(r.Site.Base(), "://")
	return scheme
}

// keyed is an account and the key of it that something was signed with.
type keyed struct {
	*accounts.Account
	key crypto.PublicKey
}

// signedBy says who made a request, from its signature over the body that was received.
func (r *Resolver) signedBy(req *http.Request, sig httpsig.Parsed, body []byte) (keyed, error) {
	return r.ownerOf(req.Context(), sig.KeyID, func(key crypto.PublicKey) bool {
		return sig.Verify(req, body, key, r.Clock.Now()) == nil
	})
}

// ownerOf says whose key fits. A key that is not known is fetched; one that does not fit is fetched once more, for its owner may
// have changed it.
func (r *Resolver) ownerOf(ctx context.Context, keyID string, fits func(crypto.PublicKey) bool) (keyed, error) {
	known, err := r.key(ctx, keyID)
	if err != nil && !errs.IsNotFound(err) {
		return keyed{}, err
	}
	if known.Account != nil {
		if known.key != nil && fits(known.key) {
			return known, nil
		}
		if known.Local() || r.Clock.Now().Sub(known.FetchedAt) < keyPause {
			return keyed{}, errSignature()
		}
	}
	if err := r.refetchKey(ctx, keyID); err != nil {
		return keyed{}, err
	}
	fresh, err := r.key(ctx, keyID)
	if err != nil && !errs.IsNotFound(err) {
		return keyed{}, err
	}
	if fresh.key == nil || !fits(fresh.key) {
		r.countKeyFailure(ctx, keyID)
		return keyed{}, errSignature()
	}
	return fresh, nil
}

// key is the account that has a key, and the key if it can be used.
func (r *Resolver) key(ctx context.Context, keyID string) (keyed, error) {
	a, pem, err := r.Accounts.Key(ctx, r.DB, keyID)
	if err != nil {
		return keyed{}, err
	}
	key, err := httpsig.ParsePublicPEM(pem)
	if err != nil {
		key = nil
	}
	return keyed{a, key}, nil
}

// refetchKey fetches the actor that a key belongs to, unless that was tried just now.
func (r *Resolver) refetchKey(ctx context.Context, keyID string) error {
	failures, err := r.Cache.Incr(ctx, keyOf("keyfailures", weburl.Host(keyID)), 0, keyPause)
	if err == nil && failures >= maxKeyFailures || r.marked(ctx, "key", keyID) {
		return errSignature()
	}
	r.mark(ctx, "key", keyID, keyPause)
	if _, err := r.keyOwner(ctx, keyID); err != nil {
		r.countKeyFailure(ctx, keyID)
		if errs.KindOf(err) == errs.ForbiddenKind {
			return err
		}
		return errs.Wrap(errs.UnauthorizedKind, err, "The key of the signature cannot be fetched")
	}
	return nil
}

func (r *Resolver) countKeyFailure(ctx context.Context, keyID string) {
	_, _ = r.Cache.Incr(ctx, keyOf("keyfailures", weburl.Host(keyID)), 1, keyPause) // a hint, like every mark
}

// keyOwner fetches the actor of a key: the document that the key is a part of, or, for a key with an address of its own, the
// owner that this names on the same host. That the actor lists the key is for the caller to check (SIG-03).
func (r *Resolver) keyOwner(ctx context.Context, keyID string) (*accounts.Account, error) {
	owner := withoutFragment(keyID)
	if owner == keyID {
		o, _, err := r.document(ctx, keyID)
		if err != nil {
			return nil, err
		}
		if owner = o.IDOf("owner"); owner == "" && o.Is(ap.ActorTypes...) {
			owner = o.ID
		}
		if !ap.SameHost(owner, keyID) {
			return nil, errs.Invalid("The key belongs to another host")
		}
	}
	return r.AccountByURI(ctx, owner, true)
}

// viewer is who asks for a document with a valid signature, or nobody. A signature that does not hold is like none: whoever may
// not see a post learns nothing else from it (VIS-01).
func (r *Resolver) viewer(req *http.Request) accounts.ID {
	if id, ok := req.Context().Value(viewerKey{}).(accounts.ID); ok {
		return id
	}
	sig, err := httpsig.Parse(req)
	if err != nil || r.checkHost(req) != nil {
		return 0
	}
	blocked, err := r.Instances.Suspended(req.Context(), r.DB, weburl.Host(sig.KeyID))
	if err != nil || blocked {
		return 0
	}
	a, err := r.signedBy(req, sig, nil)
	if err != nil || a.Suspended() {
		return 0
	}
	return a.ID
}
