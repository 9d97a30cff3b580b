package activitypub

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const (
	// fetchTimeout is how long another server has to answer: Mastodon's limit for reading is as long.
	fetchTimeout = 10 * time.Second
	// failureAge is how long an address that failed is not asked again, so that nobody makes us ask it over and over.
	failureAge = 5 * time.Minute
	// goneAge is the same for what its server says is gone for ever.
	goneAge = 24 * time.Hour
	// maxHead bounds how much of a page is searched for a link to its ActivityPub form.
	maxHead = 256 << 10
)

// errDomain is the cause of errBlocked.
var errDomain = errors.New("by a decision about the domain")

// errBlocked is the refusal to exchange anything with a suspended domain.
func errBlocked() error { return errs.Wrap(errs.ForbiddenKind, errDomain, "The domain is blocked") }

// keyOf makes a cache key of what a stranger sent.
func keyOf(kind, s string) string {
	sum := sha256.Sum256([]byte(s))
	return "ap:" + kind + ":" + hex.EncodeToString(sum[:16])
}

// marked reports whether something was noted with mark and is not too old. A cache that does not answer notes nothing.
func (r *Resolver) marked(ctx context.Context, kind, s string) bool {
	_, ok, err := r.Cache.Get(ctx, keyOf(kind, s))
	return ok && err == nil
}

// mark notes something for a while. It is a hint: losing it costs a request more.
func (r *Resolver) mark(ctx context.Context, kind, s string, ttl time.Duration) {
	_ = r.Cache.Set(ctx, keyOf(kind, s), []byte{1}, ttl)
}

// mayAsk refuses addresses that are never asked: our own (ORG-08), those of suspended domains (AUZ-09), and what is no address.
func (r *Resolver) mayAsk(ctx context.Context, uri string) error {
	host := weburl.Host(uri)
	if host == "" {
		return errs.Invalid("The address is not valid")
	}
	if r.isOurs(uri) {
		return errs.NotFound()
	}
	blocked, err := r.Instances.Suspended(ctx, r.DB, host)
	if err != nil {
		return err
	}
	if blocked {
		return errBlocked()
	}
	return nil
}

// isOurs reports whether an address is of this server in any spelling of its host.
func (r *Resolver) isOurs(uri string) bool {
	u, err := weburl.Parse(uri)
	return err == nil && (r.Site.IsLocalDomain(u.Host) || r.Site.IsLocalDomain(u.Hostname()))
}

// get asks for a document, signed by the instance actor. The answer may be anything.
func (r *Resolver) get(ctx context.Context, uri, accept string, more ...http.Header) (*fetch.Response, error) {
	return r.getBy(ctx, r.askSigned, uri, accept, more...)
}

// getOpen asks for a document that everybody may have, like Mastodon without a signature: it is the dearest part of a request. Who
// refuses gets one.
func (r *Resolver) getOpen(ctx context.Context, uri, accept string) (*fetch.Response, error) {
	return r.getBy(ctx, func(ctx context.Context, req fetch.Request) (*fetch.Response, error) {
		res, err := r.askOpen(ctx, req)
		if refusesSignature(res, err) {
			return r.askSigned(ctx, req)
		}
		return res, err
	}, uri, accept)
}

func (r *Resolver) getBy(ctx context.Context, ask func(context.Context, fetch.Request) (*fetch.Response, error), uri, accept string, more ...http.Header) (*fetch.Response, error) {
	if err := r.mayAsk(ctx, uri); err != nil {
		return nil, err
	}
	header := http.Header{"Accept": {accept}}
	for _, h := range more {
		maps.Copy(header, h)
	}
	res, err := ask(ctx, fetch.Request{URL: uri, Header: header, Timeout: fetchTimeout, MaxBody: ap.MaxDocument})
	r.countFetch(accept, err)
	if err != nil {
		return nil, fetchError(uri, err)
	}
	// A redirect may have led to a host that we would not have asked.
	if res.URL != uri {
		if err := r.mayAsk(ctx, res.URL); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// fetchError gives a refusal that will not change a kind, so that nobody tries again.
func fetchError(uri string, err error) error {
	switch {
	case fetch.StatusOf(err) == http.StatusGone:
		return errs.Wrap(errs.GoneKind, err, "The document is gone")
	case !fetch.IsTemporary(err):
		return errs.Wrap(errs.NotFoundKind, err, "The document cannot be fetched")
	}
	return fmt.Errorf("fetching %s: %w", uri, err)
}

// document asks for an ActivityPub document and gives it with the address that answered. Whether the id is believed is for the caller.
func (r *Resolver) document(ctx context.Context, uri string) (*ap.Object, string, error) {
	res, err := r.get(ctx, uri, ap.AcceptHeader)
	if err != nil {
		return nil, "", err
	}
	o, err := parseDocument(res)
	return o, res.URL, err
}

func parseDocument(res *fetch.Response) (*ap.Object, error) {
	if !ap.IsActivityJSON(res.Header.Get("Content-Type")) {
		return nil, errs.Invalid("The answer is not an ActivityPub document")
	}
	return ap.Parse(res.Body)
}

// object fetches what an address names. The document counts only when its own origin answered it under its own id; one that
// claims another id is asked for once more, there (ORG-01).
func (r *Resolver) object(ctx context.Context, uri string) (*ap.Object, error) {
	uri = withoutFragment(uri)
	if r.marked(ctx, "failed", uri) {
		return nil, errs.NotFound()
	}
	o, err := r.trusted(ctx, uri)
	if err != nil && errs.KindOf(err) != errs.Internal {
		r.mark(ctx, "failed", uri, negativeAge(err))
	}
	return o, err
}

func (r *Resolver) trusted(ctx context.Context, uri string) (*ap.Object, error) {
	o, answered, err := r.document(ctx, uri)
	if err != nil {
		return nil, err
	}
	return r.settle(ctx, o, uri, answered)
}

// settle decides what a document that came from answered, when uri was asked for, is worth.
func (r *Resolver) settle(ctx context.Context, o *ap.Object, uri, answered string) (*ap.Object, error) {
	if o.ID == "" {
		return nil, errs.Invalid("The document has no id")
	}
	if ap.SameHost(o.ID, answered) && (o.ID == uri || o.ID == answered) {
		explain(ctx, "origin", Fine, "%s, a %s, comes from its own origin", o.ID, o.Type())
		return o, nil
	}
	claimed := withoutFragment(o.ID)
	if claimed != o.ID {
		return nil, errs.Invalid("The document is a part of another one")
	}
	explain(ctx, "origin", Noted, "the document says that it is %s, so it is asked for there", claimed)
	o, answered, err := r.document(ctx, claimed)
	if err != nil {
		return nil, err
	}
	if o.ID != claimed || !ap.SameHost(o.ID, answered) {
		return nil, errs.Invalid("The document claims an id that is not its own")
	}
	return o, nil
}

// discover fetches what is behind an address that a person typed: a document, or a page that links to one.
func (r *Resolver) discover(ctx context.Context, uri string) (*ap.Object, error) {
	res, err := r.get(ctx, uri, ap.AcceptHeader+", text/html;q=0.1")
	if err != nil {
		return nil, err
	}
	if ap.IsActivityJSON(res.Header.Get("Content-Type")) {
		o, err := ap.Parse(res.Body)
		if err != nil {
			return nil, err
		}
		return r.settle(ctx, o, uri, res.URL)
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if kind != "text/html" && kind != "application/xhtml+xml" {
		return nil, errs.NotFound()
	}
	link := alternate(res.Body[:min(len(res.Body), maxHead)])
	if !weburl.Valid(link) {
		return nil, errs.NotFound()
	}
	return r.trusted(ctx, withoutFragment(link))
}

// alternate finds the address of a page's ActivityPub form in its head.
func alternate(page []byte) string {
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return ""
		}
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		token := z.Token()
		if token.DataAtom == atom.Body {
			return ""
		}
		if token.DataAtom != atom.Link {
			continue
		}
		attrs := map[string]string{}
		for _, a := range token.Attr {
			attrs[a.Key] = a.Val
		}
		if strings.EqualFold(attrs["rel"], "alternate") && ap.IsActivityJSON(attrs["type"]) {
			return attrs["href"]
		}
	}
}

func withoutFragment(uri string) string {
	base, _, _ := strings.Cut(uri, "#")
	return base
}
