// Package admit owns how many requests are worked on at once: a number of seats, a short queue before them, and a plain refusal beyond.
//
// A seat is held for work, not for waiting on the asker: a body of ordinary size is read before a seat is taken, and an answer that the asker
// does not read in time is cut off. Other servers' requests may hold half of the seats, so that a flood of theirs never keeps people out.
package admit

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gomph/gomph/internal/kit/metric"
)

const (
	// DefaultWait is how long a request waits for a seat (requirement G1).
	DefaultWait = time.Second
	// smallBody is what is read before a seat is taken: every request but an upload, and what an inbox takes at most.
	smallBody = 1 << 20
	// firstRead is the memory that a body gets before any of it has arrived.
	firstRead = 8 << 10
	// answerTime is how long an asker has to read an answer.
	answerTime = 30 * time.Second
	// queuePerSeat bounds those who wait: with more, none would be served within DefaultWait.
	queuePerSeat = 4
)

// Options say how much is let in. The zero value of every field but Seats is usable.
type Options struct {
	// Seats is how many requests are worked on at once.
	Seats int
	// Wait is how long one waits for a seat (default DefaultWait).
	Wait time.Duration
	// Foreign tells requests of other servers; nil when there are none.
	Foreign func(*http.Request) bool
	// Exempt tells requests that take no seat: those that last, and those that cost nothing.
	Exempt func(*http.Request) bool
	// Refuse answers a request that found no seat, after the headers are set; the code is 503.
	Refuse  func(w http.ResponseWriter, r *http.Request)
	Metrics *metric.Registry
}

// Gate lets requests in. Make one with New.
type Gate struct {
	Options
	seats, foreign, uploads chan struct{}
	waiting                 atomic.Int64
	refused                 *metric.Counter
}

// New makes a gate.
func New(o Options) *Gate {
	if o.Wait == 0 {
		o.Wait = DefaultWait
	}
	never := func(*http.Request) bool { return false }
	if o.Foreign == nil {
		o.Foreign = never
	}
	if o.Exempt == nil {
		o.Exempt = never
	}
	g := &Gate{Options: o, seats: make(chan struct{}, o.Seats), foreign: make(chan struct{}, max(1, o.Seats/2)), uploads: make(chan struct{}, o.Seats)}
	g.refused = o.Metrics.Counter("http_requests_refused_total", "Requests that were answered with 503 because too many were under way, by reason: full, the queue was full too; late, no seat came free in time.", "reason")
	o.Metrics.GaugeFunc("http_requests_busy", "Requests that are worked on.", func() float64 { return float64(len(g.seats) + len(g.uploads)) })
	o.Metrics.GaugeFunc("http_requests_waiting", "Requests that wait until others are done.", func() float64 { return float64(g.waiting.Load()) })
	return g
}

// Wrap lets only so many requests reach h at once.
func (g *Gate) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.Exempt(r) {
			h.ServeHTTP(w, r)
			return
		}
		seats := []chan struct{}{g.seats}
		if large := buffer(r); large {
			seats[0] = g.uploads
		}
		if g.Foreign(r) {
			seats = []chan struct{}{g.foreign, seats[0]}
		}
		taken, reason := g.take(r, seats)
		defer func() {
			for _, s := range taken {
				<-s
			}
		}()
		if reason != "" {
			g.refuse(w, r, reason)
			return
		}
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now().Add(g.Wait + answerTime))
		defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
		h.ServeHTTP(w, r)
	})
}

// buffer reads a request's body, so that whoever sends slowly holds no seat. It reports whether the body is larger than that; what
// comes after is read by the handler. A body that breaks off breaks off for the handler, too.
func buffer(r *http.Request) (large bool) {
	if r.Body == nil || r.Body == http.NoBody {
		return false
	}
	if r.ContentLength > smallBody {
		return true
	}
	// What is announced is not yet there: memory grows with what arrives.
	head := bytes.NewBuffer(make([]byte, 0, max(0, min(r.ContentLength, firstRead))+bytes.MinRead))
	_, err := io.CopyN(head, r.Body, smallBody)
	rest := r.Body
	switch {
	case errors.Is(err, io.EOF):
		r.Body = body{head, rest}
		return false
	case err != nil:
		r.Body = body{io.MultiReader(head, failing{err}), rest}
		return false
	}
	r.Body = body{io.MultiReader(head, rest), rest}
	return true
}

// body reads from one and closes the other.
type body struct {
	io.Reader
	io.Closer
}

// failing repeats an error that reading ran into.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// take takes one seat of each kind, or says why it could not. What it took is to be given back in either case.
func (g *Gate) take(r *http.Request, seats []chan struct{}) (taken []chan struct{}, reason string) {
	var late <-chan time.Time
	for _, s := range seats {
		select {
		case s <- struct{}{}:
			taken = append(taken, s)
			continue
		default:
		}
		if late == nil {
			if g.waiting.Add(1) > int64(queuePerSeat*cap(g.seats)) {
				g.waiting.Add(-1)
				return taken, "full"
			}
			defer g.waiting.Add(-1)
			timer := time.NewTimer(g.Wait)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case s <- struct{}{}:
			taken = append(taken, s)
		case <-late:
			return taken, "late"
		case <-r.Context().Done():
			return taken, "late"
		}
	}
	return taken, ""
}

// Retry-After of a refusal, in seconds: spread, so that those who were refused together do not come back together.
const minRetry, maxRetry = 1, 5

func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, reason string) {
	g.refused.Inc(reason)
	w.Header().Set("Retry-After", strconv.Itoa(minRetry+rand.IntN(maxRetry-minRetry+1))) //nolint:gosec // jitter, no secret
	w.Header().Set("Cache-Control", "no-store")
	g.Refuse(w, r)
}
