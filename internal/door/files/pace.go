package files

import (
	"io"
	"net/http"
	"time"
)

const (
	// mostAtOnce bounds the requests for files that are answered at once. They take no seat of those for pages (see app's gate), since their time is the
	// reader's line; each is a connection and some kilobytes.
	mostAtOnce = 4096
	// stall is how long a reader may take for a piece; a player that has enough stops reading, and asks for the rest with another request.
	stall = time.Minute
	// piece is how much is sent before the reader's time begins anew, in bytes: a line of 140 kbit/s is quick enough.
	piece = 1 << 20
)

// bounded answers so many requests at once, and cuts off who does not read.
func (s *Server) bounded(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.places <- struct{}{}:
			defer func() { <-s.places }()
		default:
			busy(w)
			return
		}
		p := &paced{w, http.NewResponseController(w)}
		defer func() { _ = p.control.SetWriteDeadline(time.Time{}) }() // the connection is used again
		h(p, r)
	})
}

// busy says to come back.
func busy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
}

// paced gives the reader a time for each piece.
type paced struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Unwrap lets others find what this writer is around.
func (p *paced) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// Write sends a piece.
func (p *paced) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(stall)) // a writer that has none, in tests, waits for ever
	return p.ResponseWriter.Write(b)
}

// ReadFrom sends a file piece by piece, by the kernel where it can.
func (p *paced) ReadFrom(from io.Reader) (sent int64, err error) {
	for {
		_ = p.control.SetWriteDeadline(time.Now().Add(stall))
		n, err := io.CopyN(p.ResponseWriter, from, piece)
		sent += n
		switch {
		case err == io.EOF: //nolint:errorlint // as CopyN gives it
			return sent, nil
		case err != nil:
			return sent, err
		}
	}
}
