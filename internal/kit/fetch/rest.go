package fetch

import (
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/clock"
)

const (
	// restAfter is how many requests in a row must find a host down until it rests.
	restAfter = 3
	// restFor is how long nothing is asked of it then; the first request after that is let through, and others when it is answered.
	restFor = time.Minute
	// maxResting bounds how many hosts that failed are remembered.
	maxResting = 10_000
)

// rests remembers which hosts did not answer, so that those that hang do not hold a worker for each thing that is wanted of them.
type rests struct {
	clock clock.Clock
	mu    sync.Mutex
	hosts map[string]*rest
}

type rest struct {
	failures int
	until    time.Time
}

// ask reports whether a host may be asked. Of a host that rested, one request is let through at a time.
func (r *rests) ask(host string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.hosts[host]
	if one == nil || one.failures < restAfter {
		return true
	}
	now := r.clock.Now()
	if now.Before(one.until) {
		return false
	}
	one.until = now.Add(restFor)
	return true
}

// heard notes how a request ended.
func (r *rests) heard(host string, kind Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !kind.Down() {
		delete(r.hosts, host)
		return
	}
	one := r.hosts[host]
	if one == nil {
		if len(r.hosts) >= maxResting {
			clear(r.hosts)
		}
		one = &rest{}
		r.hosts[host] = one
	}
	one.failures++
	one.until = r.clock.Now().Add(restFor)
}
