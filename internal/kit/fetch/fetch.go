// Package fetch owns every request that leaves the server: private addresses are refused, and size, time, redirects and requests a host are bounded.
//
// The address is checked on the socket, after name resolution and for every hop, so a name cannot answer one address to the check and another to
// the connection.
package fetch

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"golang.org/x/net/http/httpguts"
)

const (
	// DefaultMaxBody is enough for any ActivityPub document; Mastodon has the same limit.
	DefaultMaxBody = 1 << 20
	// DefaultTimeout covers one request from connecting to the last byte, all hops together.
	DefaultTimeout = 20 * time.Second
	// DefaultRedirects is how many hops a GET follows.
	DefaultRedirects = 3
	// maxRedirects bounds what a caller may ask for.
	maxRedirects = 5
	// perHost is how many requests to one host run at once: enough for a busy peer, few enough that a host that never answers holds few workers.
	perHost = 8
	// maxErrorBody is how much of an answer other than 2xx is kept, for the log.
	maxErrorBody = 16 << 10
)

// Options are the settings of a Client. The zero value refuses all private addresses and plain http.
type Options struct {
	// AllowPrivate are networks that may be reached although they are private or special; over plain http too.
	AllowPrivate []netip.Prefix
	// UserAgent is sent with every request that does not set its own.
	UserAgent string
	// Clock tells when a Retry-After date is; nil is the machine's.
	Clock clock.Clock
	// AllowHTTP permits plain http to public addresses: only for a server that is itself plain http.
	AllowHTTP bool
	// Lookup resolves names instead of the system; nil is the system. What it answers is checked like any address.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// RootCAs are trusted; nil is the system's.
	RootCAs *x509.CertPool
}

// Client sends requests. It is safe for concurrent use; make one and share it, since it keeps the connections.
type Client struct {
	options Options
	plain   *http.Transport
	secure  *http.Transport
	gates   *gates
	rests   *rests
}

// New makes a client.
func New(o Options) *Client {
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	private := make([]netip.Prefix, 0, len(o.AllowPrivate))
	for _, p := range o.AllowPrivate {
		private = append(private, p.Masked())
	}
	o.AllowPrivate = private
	g := newGuard(private)
	return &Client{
		options: o,
		plain:   o.transport(g, !o.AllowHTTP),
		secure:  o.transport(g, false),
		gates:   &gates{size: perHost, open: map[string]*gate{}},
		rests:   &rests{clock: o.Clock, hosts: map[string]*rest{}},
	}
}

// Close closes the connections that are idle.
func (c *Client) Close() {
	c.plain.CloseIdleConnections()
	c.secure.CloseIdleConnections()
}

// Request is one thing to ask.
type Request struct {
	// Method is GET when empty.
	Method string
	URL    string
	Header http.Header
	Body   []byte
	// MaxBody is the longest answer in bytes after decompression; 0 is DefaultMaxBody.
	MaxBody int64
	// Cut takes the beginning of an answer that is longer than MaxBody, which is an error otherwise.
	Cut bool
	// Sign is called on every hop when the headers are final; nil signs nothing.
	Sign func(r *http.Request, body []byte) error
	// Redirects is how many hops a GET or HEAD follows: 0 is DefaultRedirects, negative none, at most 5. Other methods never follow.
	Redirects int
	// Timeout covers everything from the first connection to the last byte; 0 is DefaultTimeout.
	Timeout time.Duration
	// Insist asks a host even if it did not answer others just now: the caller knows better when to ask it.
	Insist bool
	// Begin hears of a 2xx answer before its body is read; an error of it ends the request. nil hears nothing.
	Begin func(*Response) error
	// Sink receives the body of a 2xx answer piece by piece instead of Response.Body, for media. After an error it holds a part.
	Sink io.Writer
}

// Response is what came back.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	// URL is the address that answered, after redirects.
	URL string
}

// Do sends a request. An answer other than 2xx is returned together with a *StatusError; then Body is only its beginning.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.Timeout <= 0 {
		r.Timeout = DefaultTimeout
	}
	if r.MaxBody <= 0 {
		r.MaxBody = DefaultMaxBody
	}
	if err := checkHeader(r.Method, r.Header); err != nil {
		return nil, err
	}
	target, err := c.target(r.URL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	return c.follow(ctx, r, target)
}

// follow asks hop after hop until something other than a redirect answers.
func (c *Client) follow(ctx context.Context, r Request, target *url.URL) (*Response, error) {
	left := hops(r)
	visited := []string{target.String()}
	first := target.Host
	for {
		res, location, err := c.hop(ctx, r, target, target.Host != first)
		if location == "" || hops(r) == 0 {
			return res, err
		}
		if left--; left < 0 {
			return nil, fmt.Errorf("%w: too many", ErrRedirect)
		}
		next, err := c.redirect(target, location)
		if err != nil {
			return nil, err
		}
		if slices.Contains(visited, next.String()) {
			return nil, fmt.Errorf("%w: loop", ErrRedirect)
		}
		visited = append(visited, next.String())
		target = next
	}
}

func hops(r Request) int {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead, r.Redirects < 0:
		return 0
	case r.Redirects == 0:
		return DefaultRedirects
	}
	return min(r.Redirects, maxRedirects)
}

// redirect resolves where a hop leads. The scheme may only get better.
func (c *Client) redirect(from *url.URL, location string) (*url.URL, error) {
	if len(location) > weburl.MaxLen {
		return nil, fmt.Errorf("%w: too long", ErrRedirect)
	}
	ref, err := url.Parse(location)
	if err != nil || strings.Contains(location, "\\") {
		return nil, fmt.Errorf("%w: unreadable", ErrRedirect)
	}
	next, err := c.target(from.ResolveReference(ref).String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRedirect, err)
	}
	if from.Scheme == "https" && next.Scheme != "https" {
		return nil, fmt.Errorf("%w: from https to http", ErrRedirect)
	}
	return next, nil
}

// target reads an address and refuses what is never asked. The fragment is not sent, so it goes.
func (c *Client) target(raw string) (*url.URL, error) {
	u, err := weburl.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	if u.Scheme == "http" && !c.options.AllowHTTP && len(c.options.AllowPrivate) == 0 {
		return nil, fmt.Errorf("%w: plain http", ErrURL)
	}
	if !portAllowed(u.Port()) {
		return nil, fmt.Errorf("%w: port", ErrURL)
	}
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// hop asks one address once. location is set when the answer is a redirect.
func (c *Client) hop(ctx context.Context, r Request, target *url.URL, foreign bool) (res *Response, location string, err error) {
	host := target.Scheme + "://" + target.Host
	if !r.Insist && !c.rests.ask(host) {
		return nil, "", fmt.Errorf("asking %s: %w", target.Host, ErrResting)
	}
	defer func() {
		if caller := context.Cause(ctx); err == nil || caller == nil || errors.Is(caller, context.DeadlineExceeded) {
			c.rests.heard(host, KindOf(err))
		}
	}()
	leave, err := c.gates.enter(ctx, host)
	if err != nil {
		return nil, "", fmt.Errorf("waiting for a place: %w", err)
	}
	defer leave()
	req, err := c.request(ctx, r, target, foreign)
	if err != nil {
		return nil, "", err
	}
	transport := c.secure
	if target.Scheme == "http" {
		transport = c.plain
	}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return nil, "", fmt.Errorf("asking %s: %w", target.Host, plainCause(ctx, err))
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		location = answer.Header.Get("Location")
	}
	res = &Response{Status: answer.StatusCode, Header: answer.Header, URL: target.String()}
	if answer.StatusCode/100 != 2 {
		// The beginning is for the log only, so it does not matter whether all of it came.
		res.Body, _ = io.ReadAll(io.LimitReader(answer.Body, min(maxErrorBody, r.MaxBody)))
		wait := parseRetryAfter(answer.Header.Get("Retry-After"), c.options.Clock.Now())
		return res, location, &StatusError{Code: answer.StatusCode, RetryAfter: wait}
	}
	if r.Begin != nil {
		if err := r.Begin(res); err != nil {
			return nil, "", err
		}
	}
	if err := readBody(answer, r, res); err != nil {
		return nil, "", fmt.Errorf("reading the answer of %s: %w", target.Host, plainCause(ctx, err))
	}
	return res, "", nil
}

// request builds the request of one hop. Secrets that the caller gave for one host are not shown to another.
func (c *Client) request(ctx context.Context, r Request, target *url.URL, foreign bool) (*http.Request, error) {
	var body io.Reader
	if len(r.Body) > 0 {
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	if foreign {
		for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization", "Signature", "Signature-Input"} {
			req.Header.Del(name)
		}
	}
	// With a choice of its own the caller would get the bytes undecoded, past the limit on decompressed size.
	req.Header.Del("Accept-Encoding")
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.options.UserAgent)
	}
	if r.Sign == nil {
		return req, nil
	}
	if err := r.Sign(req, r.Body); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return req, nil
}

// readBody reads a 2xx answer, counting what comes out of decompression.
func readBody(answer *http.Response, r Request, into *Response) error {
	if e := answer.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return ErrEncoding
	}
	if answer.ContentLength > r.MaxBody && !r.Cut {
		return ErrTooLarge
	}
	var body bytes.Buffer
	sink := r.Sink
	if sink == nil {
		sink = &body
	}
	most := r.MaxBody + 1
	if r.Cut {
		most = r.MaxBody
	}
	n, err := io.Copy(sink, io.LimitReader(answer.Body, most))
	if err != nil {
		return err
	}
	if n > r.MaxBody {
		return ErrTooLarge
	}
	into.Body = body.Bytes()
	return nil
}

// plainCause says "deadline" when the deadline was the reason, whatever the transport called it.
func plainCause(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

func checkHeader(method string, header http.Header) error {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete:
	default:
		return fmt.Errorf("%w: method", ErrHeader)
	}
	for name, values := range header {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("%w: name", ErrHeader)
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return fmt.Errorf("%w: value of %s", ErrHeader, http.CanonicalHeaderKey(name))
			}
		}
	}
	return nil
}
