package activitypub

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/fetch"
)

const (
	// versionAge is how long it is remembered which version of a document was read, shorter than what came of it; the cache bounds how
	// many there are.
	versionAge = 3 * 24 * time.Hour
	// maxValidator is the longest ETag or date that is remembered, in bytes; real ones stay under a hundred.
	maxValidator = 256
)

// version is which version of a document was read, as its server named it.
type version struct {
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
	// Next is where the page goes on.
	Next string `json:"next,omitempty"`
}

// header asks for a document unless it is still this version.
func (v version) header() http.Header {
	h := http.Header{}
	if v.ETag != "" {
		h.Set("If-None-Match", v.ETag)
	}
	if v.Modified != "" {
		h.Set("If-Modified-Since", v.Modified)
	}
	return h
}

// reading is a document that may have been read before.
type reading struct {
	doc *ap.Object
	// answered is the address that answered, empty when nothing changed: then there is no document, and Next is as it was.
	answered string
	version
}

// unchanged reports whether the server said that what was read before still holds.
func (r reading) unchanged() bool { return r.doc == nil }

// lastVersion is the version of a document that was read last; a cache that does not answer knows none.
func (r *Resolver) lastVersion(ctx context.Context, uri string) version {
	var v version
	if b, ok, err := r.Cache.Get(ctx, keyOf("version", uri)); err == nil && ok {
		_ = json.Unmarshal(b, &v) // what cannot be read is no version
	}
	return v
}

// remember notes that a version was read and all that follows from it done. Never before: what was not done would not be tried again.
func (r *Resolver) remember(ctx context.Context, uri string, v version) {
	if v.ETag == "" && v.Modified == "" {
		return
	}
	if b, err := json.Marshal(v); err == nil {
		_ = r.Cache.Set(ctx, keyOf("version", uri), b, versionAge)
	}
}

// newer asks for a document unless it is still the version that was read last; the zero version asks for it in any case. Whether the
// id is believed is for the caller.
func (r *Resolver) newer(ctx context.Context, uri string, last version) (reading, error) {
	res, err := r.get(ctx, uri, ap.AcceptHeader, last.header())
	if fetch.StatusOf(err) == http.StatusNotModified && last != (version{}) {
		return reading{version: last}, nil
	}
	if err != nil {
		return reading{}, err
	}
	o, err := parseDocument(res)
	if err != nil {
		return reading{}, err
	}
	out := reading{doc: o, answered: res.URL}
	if etag := res.Header.Get("ETag"); len(etag) <= maxValidator {
		out.ETag = etag
	}
	if at := res.Header.Get("Last-Modified"); len(at) <= maxValidator {
		out.Modified = at
	}
	return out, nil
}

// newerObject is object for what may have been read before: nil when it did not change.
func (r *Resolver) newerObject(ctx context.Context, uri string, last version) (*ap.Object, version, error) {
	if r.marked(ctx, "failed", uri) {
		return nil, version{}, errs.NotFound()
	}
	read, err := r.newer(ctx, uri, last)
	var o *ap.Object
	if err == nil && !read.unchanged() {
		o, err = r.settle(ctx, read.doc, uri, read.answered)
	}
	if err != nil && errs.KindOf(err) != errs.Internal {
		r.mark(ctx, "failed", uri, negativeAge(err))
	}
	if o != nil && (o != read.doc || read.answered != uri) { // the version is another document's
		read.version = version{}
	}
	return o, read.version, err
}

// negativeAge is how long what was refused is not asked for again.
func negativeAge(err error) time.Duration {
	if errs.KindOf(err) == errs.GoneKind {
		return goneAge
	}
	return failureAge
}
