package stream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"time"
)

const kindEvents = "sse"

// maxRetry bounds the wait, in milliseconds, that is asked of clients that are sent away.
const maxRetry = 10_000

// events serves one stream of server-sent events until it ends. An error it gives is still to be answered.
func (s *Server) events(w http.ResponseWriter, r *http.Request, path string) error {
	who, err := s.authenticate(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	want, err := s.want(r.Context(), who, nameOfPath(path, truthy(q.Get("only_media"))), q.Get("tag"), q.Get("list"))
	if err != nil {
		return err
	}
	c, err := s.hub.join(r.Context(), who, kindEvents)
	if err != nil {
		return err
	}
	defer s.hub.leave(c)
	if err := s.hub.subscribe(r.Context(), c, want); err != nil {
		return err
	}
	rc := http.NewResponseController(w)
	// The server's limit is for reading requests; this one was read.
	if err := rc.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	s.tell(r, c, func(b []byte) error {
		if err := rc.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		return rc.Flush()
	})
	return nil
}

// tell writes events and heartbeats until the client is to end.
func (s *Server) tell(r *http.Request, c *client, write func([]byte) error) {
	thump := time.NewTicker(thumpEvery)
	defer thump.Stop()
	woken := make(chan struct{}, 1)
	c.begin(func() { woken <- struct{}{} }) // it has room: only a writer that has ceased is woken
	err := write([]byte(":)\n"))
	for err == nil {
		select {
		case <-woken:
			var ended bool
			if ended, err = c.drain(write); ended {
				return
			}
		case <-thump.C:
			err = write([]byte(":thump\n"))
		case <-r.Context().Done():
			c.end(reasonGone)
			return
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.end(reasonStalled)
	}
	c.end(reasonGone)
}

// drain writes what waits for a client of events, and reports whether that was the last.
func (c *client) drain(write func([]byte) error) (ended bool, err error) {
	for {
		list, why := c.next()
		if why != "" {
			_ = write(fmt.Appendf(nil, "retry: %d\n\n", 1000+rand.N(maxRetry))) // not all at once
			return true, nil
		}
		if len(list) == 0 {
			return false, nil
		}
		for _, f := range list {
			if err := write(f.text); err != nil {
				return false, err
			}
		}
	}
}

// truthy reads a flag as Mastodon does.
func truthy(s string) bool {
	switch s {
	case "", "0", "f", "F", "false", "FALSE", "off", "OFF":
		return false
	}
	return true
}
