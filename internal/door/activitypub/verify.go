package activitypub

import (
	"context"
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

// signedBy says who made a request, from its signature over the body that was received. A key that is not known is fetched; one
// that does not fit is fetched once more, for its owner may have changed it.
func (r *Resolver) signedBy(req *http.Request, sig httpsig.Parsed, body []byte) (*accounts.Account, error) {
	ctx := req.Context()
	fits := func(a *accounts.Account) bool {
		key, err := httpsig.ParsePublicPEM(a.PublicKey)
		return err == nil && sig.Verify(req, body, key, r.Clock.Now()) == nil
	}
	known, err := r.Accounts.ByKeyID(ctx, r.DB, sig.KeyID)
	if err != nil && !errs.IsNotFound(err) {
		return nil, err
	}
	if known != nil && fits(known) {
		return known, nil
	}
	if known != nil && (known.Local() || r.Clock.Now().Sub(known.FetchedAt) < keyPause) {
		return nil, errSignature()
	}
	fresh, err := r.refetchKey(ctx, sig.KeyID)
	if err != nil {
		return nil, err
	}
	if fresh.PublicKeyID != sig.KeyID || !fits(fresh) {
		r.countKeyFailure(ctx, sig.KeyID)
		return nil, errSignature()
	}
	return fresh, nil
}

// refetchKey fetches the actor that a key belongs to, unless that was tried just now.
func (r *Resolver) refetchKey(ctx context.Context, keyID string) (*accounts.Account, error) {
	failures, err := r.Cache.Incr(ctx, keyOf("keyfailures", weburl.Host(keyID)), 0, keyPause)
	if err == nil && failures >= maxKeyFailures || r.marked(ctx, "key", keyID) {
		return nil, errSignature()
	}
	r.mark(ctx, "key", keyID, keyPause)
	a, err := r.keyOwner(ctx, keyID)
	if err != nil {
		r.countKeyFailure(ctx, keyID)
		if errs.KindOf(err) == errs.ForbiddenKind {
			return nil, err
		}
		return nil, errs.Wrap(errs.UnauthorizedKind, err, "The key of the signature cannot be fetched")
	}
	return a, nil
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
