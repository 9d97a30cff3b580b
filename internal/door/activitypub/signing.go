package activitypub

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// knockPause is how long a host that refused both kinds of signature is signed for once only: it refuses for another reason.
const knockPause = time.Hour

// ask sends a request signed by a local account, in the kind of signature that the host is known to take, at first
// draft-cavage. A host that refuses it is asked once more in the other kind; if it takes that, this is remembered. After a
// redirect each host gets its own kind.
func (r *Resolver) ask(ctx context.Context, by *accounts.Account, req fetch.Request) (*fetch.Response, error) {
	signer, err := r.signer(ctx, by)
	if err != nil {
		return nil, err
	}
	kinds := map[string]instances.Signatures{}
	req.Sign = func(out *http.Request, body []byte) error {
		host := weburl.Host(out.URL.String())
		if kinds[host] == "" {
			if kinds[host], err = r.Instances.SignaturesOf(ctx, host); err != nil {
				return err
			}
		}
		if kinds[host] == instances.RFC9421 {
			return signer.SignRFC9421(out, body, r.Clock.Now())
		}
		return signer.Sign(out, body, r.Clock.Now())
	}
	began := time.Now()
	res, err := r.Fetch.Do(ctx, req)
	explainFetch(ctx, req.URL, began, kinds[weburl.Host(req.URL)], res, err)
	if !refusesSignature(res, err) {
		return res, err
	}
	host := weburl.Host(res.URL)
	if r.marked(ctx, "knocked", host) {
		return res, err
	}
	kinds[host] = other(kinds[host])
	began = time.Now()
	again, failed := r.Fetch.Do(ctx, req)
	explainFetch(ctx, req.URL, began, kinds[host], again, failed)
	if failed != nil {
		if refusesSignature(again, failed) {
			r.mark(ctx, "knocked", host, knockPause)
		}
		return res, err
	}
	_ = r.Instances.TakesSignatures(ctx, host, kinds[host]) // a hint: without it the host is asked twice again
	return again, nil
}

// askSigned sends a request signed by the instance actor.
func (r *Resolver) askSigned(ctx context.Context, req fetch.Request) (*fetch.Response, error) {
	me, err := r.EnsureInstanceActor(ctx)
	if err != nil {
		return nil, err
	}
	return r.ask(ctx, me, req)
}

// askOpen sends a request without a signature.
func (r *Resolver) askOpen(ctx context.Context, req fetch.Request) (*fetch.Response, error) {
	began := time.Now()
	res, err := r.Fetch.Do(ctx, req)
	explainFetch(ctx, req.URL, began, "", res, err)
	return res, err
}

func other(kind instances.Signatures) instances.Signatures {
	if kind == instances.RFC9421 {
		return instances.Cavage
	}
	return instances.RFC9421
}

// refusesSignature reports whether an answer may be about the kind of signature. 400 has many reasons, so it must say so.
func refusesSignature(res *fetch.Response, err error) bool {
	if res == nil {
		return false
	}
	switch fetch.StatusOf(err) {
	case http.StatusUnauthorized, http.StatusForbidden:
		return true
	case http.StatusBadRequest:
		return strings.Contains(strings.ToLower(string(res.Body)), "signature")
	}
	return false
}
