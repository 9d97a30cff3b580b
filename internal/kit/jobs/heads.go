package jobs

import "time"

const (
	// headMargin is how much older than the last row a row may be that is committed after it, and still be found at once.
	headMargin = time.Second
	// wholeEvery is how often a queue is looked at from its very beginning: for rows that were given back, and for late commits.
	wholeEvery = time.Second
)

// heads remember where in the index of each queue the next work is. What was done lies before that, and PostgreSQL keeps it there
// until it is vacuumed: a search from the beginning would walk over all of it, again and again. It is used by one goroutine.
type heads struct {
	from  map[Queue]int64 // milliseconds; absent for the beginning
	whole time.Time       // when all queues were last looked at from the beginning
}

// look gives where to search now, in the order of Queues.
func (h *heads) look(now time.Time) []int64 {
	if now.Sub(h.whole) >= wholeEvery {
		h.whole, h.from = now, map[Queue]int64{}
	}
	out := make([]int64, len(Queues))
	for i, q := range Queues {
		out[i] = h.from[q]
	}
	return out
}

// of is where to search in a queue.
func (h *heads) of(q Queue) int64 { return h.from[q] }

// moved notes up to where rows were met.
func (h *heads) moved(seen map[Queue]int64) {
	if h.from == nil {
		h.from = map[Queue]int64{}
	}
	for q, due := range seen {
		h.from[q] = max(h.from[q], due-headMargin.Milliseconds())
	}
}
