package s3

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// The classes of requests, as S3 is billed: those that write or list cost some ten times what those cost that read, deleting is free.
const (
	ClassWrite  = "write"  // PUT, COPY, POST, LIST
	ClassRead   = "read"   // GET, HEAD
	ClassDelete = "delete" // DELETE, and the POST that deletes many
)

// Counts is what a store asked of its server, requests that failed and were tried again among them.
type Counts struct {
	Write, Read, Delete int64 // requests
	In, Out             int64 // bytes of bodies, that came and that went
}

// Counts tells what was asked of the server since Open. A request counts when its answer was read.
func (s *Store) Counts() Counts {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	return s.counts.sum
}

// counter counts requests on their way. It is safe for concurrent use.
type counter struct {
	next    http.RoundTripper
	observe func(class string, in, out int64)
	mu      sync.Mutex
	sum     Counts
}

// RoundTrip sends a request.
func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	class, out := classOf(r), &atomic.Int64{}
	if r.Body != nil && r.Body != http.NoBody {
		own := *r // a request is not changed by who sends it
		own.Body = &counted{ReadCloser: r.Body, n: out}
		r = &own
	}
	res, err := c.next.RoundTrip(r)
	if err != nil {
		c.add(class, 0, out.Load())
		return nil, err
	}
	in := &atomic.Int64{}
	res.Body = &counted{ReadCloser: res.Body, n: in, done: sync.OnceFunc(func() { c.add(class, in.Load(), out.Load()) })}
	return res, nil
}

func (c *counter) add(class string, in, out int64) {
	c.mu.Lock()
	switch class {
	case ClassWrite:
		c.sum.Write++
	case ClassRead:
		c.sum.Read++
	default:
		c.sum.Delete++
	}
	c.sum.In += in
	c.sum.Out += out
	c.mu.Unlock()
	if c.observe != nil {
		c.observe(class, in, out)
	}
}

func classOf(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodDelete, r.Method == http.MethodPost && q.Has("delete"):
		return ClassDelete
	case r.Method == http.MethodHead, r.Method == http.MethodGet && !q.Has("list-type") && !q.Has("uploadId"):
		return ClassRead
	}
	return ClassWrite
}

// counted counts the bytes of a body.
type counted struct {
	io.ReadCloser
	n    *atomic.Int64
	done func()
}

// Read reads on.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// Close ends the body.
func (c *counted) Close() error {
	if c.done != nil {
		c.done()
	}
	return c.ReadCloser.Close()
}
