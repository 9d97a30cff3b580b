package activitypub

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/fetch"
)

const (
	// A delivery is slow when it takes slowFactor times as long as most do, within the bounds; to a host that answered before,
	// trusted times as long as that.
	slowFactor           = 4
	trusted              = 4
	minQuick, startQuick = 250 * time.Millisecond, 2 * time.Second
	maxQuick             = 3 * time.Second
	// slowShare is the part of the deliveries under way that may be slow: one in so many; slowLeast may be in any case.
	slowShare = 8
	slowLeast = 4
	// probeShare and probeLeast are the same for probes.
	probeShare = 4
	probeLeast = 8
	// learnRate is how much one answer changes what counts as usual: the mean of some fifty.
	learnRate = 0.02
	// maxAnswered bounds how many hosts are remembered that answered.
	maxAnswered = 20_000
)

// slow is the kind of failure of a delivery that had to make room for others.
const slow fetch.Kind = "slow"

// errHurried ends a delivery that is slow while too many others are.
var errHurried = errors.New("took long while many others did")

// patience keeps hosts that hang from holding the slots that deliveries to others need. Every delivery has the same long limit,
// as long as few need it; when too many are slow at once, the slowest end, and their hosts are tried again later.
type patience struct {
	mu sync.Mutex
	// flying is how many deliveries are under way here, probing how many of them are probes; slow are those that take long, the
	// longest first.
	flying, probing int
	slow            []*flight
	// usual is how long an answer takes; answered is how long each host took that answered.
	usual    time.Duration
	answered map[string]time.Duration
}

// flight is a delivery under way.
type flight struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
	over   bool
}

func newPatience() *patience {
	return &patience{usual: startQuick / slowFactor, answered: map[string]time.Duration{}}
}

// quick is the time after which a delivery to a host counts as slow; mu is held.
func (p *patience) quick(host string) time.Duration {
	limit := min(max(p.usual*slowFactor, minQuick), maxQuick)
	if took, ok := p.answered[host]; ok {
		return max(limit*trusted, took*2)
	}
	return limit
}

// begin counts a delivery until end is called, which is told whether the host answered. A probe does not begin while there are
// too many.
func (p *patience) begin(ctx context.Context, host string, probe bool) (sending context.Context, end func(answered bool), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if probe {
		if p.probing >= max(probeLeast, p.flying/probeShare) {
			return nil, nil, false
		}
		p.probing++
	}
	p.flying++
	sending, cancel := context.WithCancelCause(ctx)
	f, began := &flight{cancel: cancel}, time.Now()
	f.timer = time.AfterFunc(p.quick(host), func() { p.slower(f) })
	return sending, func(answered bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		f.over = true
		f.timer.Stop()
		f.cancel(nil)
		p.flying--
		if probe {
			p.probing--
		}
		p.slow = slices.DeleteFunc(p.slow, func(other *flight) bool { return other == f })
		p.learn(host, time.Since(began), answered)
	}, true
}

// slower counts a delivery as slow. When too many are, the one that takes longest ends.
func (p *patience) slower(f *flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.over {
		return
	}
	p.slow = append(p.slow, f)
	for len(p.slow) > max(slowLeast, p.flying/slowShare) {
		p.slow[0].cancel(errHurried)
		p.slow = p.slow[1:]
	}
}

// learn takes in how long a host took to answer, or that it did not; mu is held.
func (p *patience) learn(host string, took time.Duration, answered bool) {
	if !answered {
		delete(p.answered, host)
		return
	}
	if len(p.answered) >= maxAnswered {
		clear(p.answered)
	}
	p.answered[host] = took
	p.usual += time.Duration(learnRate * float64(min(took, maxQuick)-p.usual))
}
