package jobs

import "time"

// starveAfter is when a queue that has work and was passed over goes first for once, unless order is strict (E12).
const starveAfter = 20 * time.Second

// picker decides which queue the next free slot is for. It knows no database: what it is asked and what it answers are plain
// values. In weighted order each queue has a virtual time that a pick moves on by 1/weight, and the one that is furthest
// behind is next; so shares are exact over any stretch, and not just likely. It is used by one goroutine.
type picker struct {
	shares []Share
	strict bool

	// virtual is the time of the last pick, at which a queue that had no work joins again.
	virtual float64
	times   map[Queue]float64
	// since is when each queue with work was last served, or got work.
	since map[Queue]time.Time
}

func newPicker(shares []Share, strict bool) *picker {
	return &picker{shares: shares, strict: strict, times: map[Queue]float64{}, since: map[Queue]time.Time{}}
}

// turn is what is known when slots are to be given away.
type turn struct {
	now time.Time
	// slots is how many there are, free how many may be given away now.
	slots, free int
	running     map[Queue]int
	ready       map[Queue]bool
	// spare says that queue pull gets only what nobody else wants, and its turn when it starves (A3).
	spare bool
}

// quota is how many jobs of a queue are to be taken.
type quota struct {
	queue Queue
	n     int
}

// begin notes which queues have work.
func (p *picker) begin(t turn) {
	for _, s := range p.shares {
		_, waits := p.since[s.Queue]
		switch {
		case !t.ready[s.Queue]:
			delete(p.since, s.Queue)
		case !waits:
			p.since[s.Queue] = t.now
			p.times[s.Queue] = max(p.times[s.Queue], p.virtual)
		}
	}
}

// give shares out the free slots. A queue may have less work than it is given; the caller then takes it out of ready, says
// so with refund, and asks again.
func (p *picker) give(t turn) []quota {
	var out []quota
	got := map[Queue]int{}
	for free := t.free; free > 0; free-- {
		s, ok := p.next(t, got, free)
		if !ok {
			break
		}
		if got[s.Queue]++; got[s.Queue] == 1 {
			out = append(out, quota{queue: s.Queue})
		}
		p.virtual = max(p.virtual, p.times[s.Queue])
		p.times[s.Queue] += 1 / float64(max(s.Weight, 1))
		p.since[s.Queue] = t.now
	}
	for i := range out {
		out[i].n = got[out[i].queue]
	}
	return out
}

// refund takes back picks for which there was no work.
func (p *picker) refund(q Queue, n int) {
	for _, s := range p.shares {
		if s.Queue == q {
			p.times[q] -= float64(n) / float64(max(s.Weight, 1))
		}
	}
}

// next picks the queue for one slot.
func (p *picker) next(t turn, got map[Queue]int, free int) (best Share, ok bool) {
	if t.spare {
		if best, ok = p.best(t, got, free, true); ok {
			return best, ok
		}
	}
	return p.best(t, got, free, false)
}

// best is the queue that is next; with spare, pull is none unless it starves.
func (p *picker) best(t turn, got map[Queue]int, free int, spare bool) (best Share, ok bool) {
	var starved time.Time
	for _, s := range p.shares {
		if !t.ready[s.Queue] || s.Cap > 0 && t.running[s.Queue]+got[s.Queue] >= s.Cap || free <= p.kept(t, got, s.Queue) {
			continue
		}
		since, late := p.since[s.Queue], false
		if !p.strict && t.now.Sub(since) >= starveAfter {
			late = starved.IsZero() || since.Before(starved)
		}
		switch {
		case spare && s.Queue == Pull && !late:
			continue
		case late:
			starved = since
		case ok && (p.strict || !starved.IsZero() || p.times[s.Queue] >= p.times[best.Queue]):
			continue
		}
		best, ok = s, true
	}
	return best, ok
}

// kept is how many slots must stay free for other queues than q. One slot at least is for anybody.
func (p *picker) kept(t turn, got map[Queue]int, q Queue) int {
	left, n := t.slots-1, 0
	for _, s := range p.shares {
		least := min(s.Min, max(left, 0))
		left -= least
		if s.Queue != q {
			n += max(0, least-t.running[s.Queue]-got[s.Queue])
		}
	}
	return n
}
