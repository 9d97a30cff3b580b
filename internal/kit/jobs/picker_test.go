package jobs

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// pool is a world of queues and slots in memory, in which a picker gives slots away as a worker lets it.
type pool struct {
	p       *picker
	slots   int
	now     time.Time
	waiting map[Queue]int
	running map[Queue]int
	started map[Queue]int
}

func newPool(slots int, strict bool, shares ...Share) *pool {
	return &pool{p: newPicker(shares, strict), slots: slots, now: noon, waiting: map[Queue]int{}, running: map[Queue]int{}, started: map[Queue]int{}}
}

func (w *pool) busy() (n int) {
	for _, r := range w.running {
		n += r
	}
	return n
}

// round is what claims.fill does.
func (w *pool) round() (order []Queue) {
	t := turn{now: w.now, slots: w.slots, free: w.slots - w.busy(), running: w.running, ready: map[Queue]bool{}}
	for q, n := range w.waiting {
		t.ready[q] = n > 0
	}
	w.p.begin(t)
	for t.free > 0 {
		quotas := w.p.give(t)
		if len(quotas) == 0 {
			return order
		}
		for _, q := range quotas {
			n := min(q.n, w.waiting[q.queue])
			w.waiting[q.queue] -= n
			w.running[q.queue] += n
			w.started[q.queue] += n
			t.free -= n
			order = append(order, slices.Repeat([]Queue{q.queue}, n)...)
			if n < q.n {
				w.p.refund(q.queue, q.n-n)
				t.ready[q.queue] = false
			}
		}
	}
	return order
}

// finish ends jobs at random.
func (w *pool) finish(r *rand.Rand, most int) {
	for _, q := range Queues {
		w.running[q] -= r.IntN(min(w.running[q], most) + 1)
	}
}

func TestWeightsHoldOver100kPicks(t *testing.T) {
	t.Parallel()
	for seed, shares := range [][]Share{
		{{Queue: Default, Weight: 4}, {Queue: Ingress, Weight: 2}, {Queue: Push, Weight: 2}, {Queue: Pull, Weight: 1}, {Queue: Mailers, Weight: 1}},
		{{Queue: Default, Weight: 97}, {Queue: Pull, Weight: 3}}, {{Queue: Push}, {Queue: Pull, Weight: 1000}},
	} {
		r := rand.New(rand.NewPCG(uint64(seed), 7)) //nolint:gosec // to be repeated
		w := newPool(25, false, shares...)
		total, weights := 0, 0
		for _, s := range shares {
			weights += max(s.Weight, 1)
		}
		for total < 100_000 {
			for _, s := range shares { // always more than can be taken, now and then just enough
				w.waiting[s.Queue] += r.IntN(60)
				if w.waiting[s.Queue] < 25 {
					w.waiting[s.Queue] = 25
				}
			}
			total += len(w.round())
			w.finish(r, 10)
			w.now = w.now.Add(time.Millisecond)
		}
		for _, s := range shares {
			want := float64(max(s.Weight, 1)) / float64(weights)
			if got := float64(w.started[s.Queue]) / float64(total); math.Abs(got-want) > .02 || math.Abs(got-want) > .02*want+2.0/float64(total)*25 {
				t.Errorf("%s had %.4f of the picks, not %.4f", s.Queue, got, want)
			}
		}
	}
}

// A random world, strict: whatever starts, nothing that comes before it in the order could have started instead.
func TestStrictOrderAgainstAModel(t *testing.T) {
	t.Parallel()
	order := []Queue{Default, Ingress, Push, Pull, Mailers}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // to be repeated
		shares := make([]Share, len(order))
		caps := map[Queue]int{}
		for i, q := range order {
			shares[i] = Share{Queue: q, Weight: 1}
			if r.IntN(3) == 0 {
				caps[q] = 1 + r.IntN(6)
				shares[i].Cap = caps[q]
			}
		}
		w := newPool(1+r.IntN(12), true, shares...)
		in, out := 0, 0
		for range 100 {
			for _, q := range order {
				if r.IntN(3) == 0 {
					n := r.IntN(10)
					w.waiting[q] += n
					in += n
				}
			}
			// The model: slot by slot, the first queue that has work and room.
			want := []Queue{}
			waiting, running := map[Queue]int{}, map[Queue]int{}
			for _, q := range order {
				waiting[q], running[q] = w.waiting[q], w.running[q]
			}
			for free := w.slots - w.busy(); free > 0; free-- {
				at := slices.IndexFunc(order, func(q Queue) bool { return waiting[q] > 0 && (caps[q] == 0 || running[q] < caps[q]) })
				if at < 0 {
					break
				}
				waiting[order[at]]--
				running[order[at]]++
				want = append(want, order[at])
			}
			got := w.round()
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: started %v, not %v", seed, got, want)
			}
			out += len(got)
			w.now = w.now.Add(time.Hour) // nobody is helped for having waited
			w.finish(r, 5)
		}
		left := 0
		for _, n := range w.waiting {
			left += n
		}
		if in != out+left {
			t.Fatalf("seed %d: of %d jobs %d started and %d wait", seed, in, out, left)
		}
	}
}

// A random world, weighted: caps and least parts hold exactly, no slot stays free that somebody may have, nothing is lost, and
// no queue with work waits for a minute while slots are given away.
func TestWeightedOrderAgainstAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // to be repeated
		var shares []Share
		for _, q := range Queues {
			s := Share{Queue: q, Weight: 1 + r.IntN(3)*r.IntN(500)}
			if r.IntN(4) == 0 {
				s.Cap = 1 + r.IntN(4)
			}
			if r.IntN(6) == 0 {
				s.Min = 1 + r.IntN(2)
			}
			shares = append(shares, s)
		}
		w := newPool(1+r.IntN(12), false, shares...)
		since := map[Queue]time.Time{}
		for range 300 {
			for _, q := range Queues {
				if r.IntN(2) == 0 {
					w.waiting[q] += r.IntN(20)
				}
			}
			w.round()
			checkPool(t, fmt.Sprint("seed ", seed), w, shares)
			for _, s := range shares {
				if w.waiting[s.Queue] == 0 || w.running[s.Queue] > 0 {
					since[s.Queue] = w.now
				}
				if since[s.Queue].IsZero() {
					since[s.Queue] = w.now
				}
				if w.now.Sub(since[s.Queue]) > time.Minute {
					t.Fatalf("seed %d: %s waits since %v with none running: %+v", seed, s.Queue, w.now.Sub(since[s.Queue]), w)
				}
			}
			w.now = w.now.Add(2 * time.Second)
			if w.finish(r, 5); w.slots < 4 { // the few slots are given away anew; what holds them all for a minute starves everybody
				clear(w.running)
			}
		}
	}
}

func checkPool(t *testing.T, when string, w *pool, shares []Share) {
	t.Helper()
	if w.busy() > w.slots {
		t.Fatalf("%s: %d run in %d slots", when, w.busy(), w.slots)
	}
	tn := turn{slots: w.slots, running: w.running}
	for _, s := range shares {
		if s.Cap > 0 && w.running[s.Queue] > s.Cap {
			t.Fatalf("%s: %d of %s run, the cap is %d", when, w.running[s.Queue], s.Queue, s.Cap)
		}
		free := w.slots - w.busy()
		if w.waiting[s.Queue] > 0 && (s.Cap == 0 || w.running[s.Queue] < s.Cap) && free > w.p.kept(tn, nil, s.Queue) {
			t.Fatalf("%s: %s has work and %d slots are free", when, s.Queue, free)
		}
	}
}

// What must be there at once finds a slot, however full the others would like to be.
func TestSlotsAreKeptForAQueue(t *testing.T) {
	t.Parallel()
	w := newPool(8, false, Share{Queue: Default, Min: 2}, Share{Queue: Push, Weight: 100})
	w.waiting[Push] = 100
	w.round()
	if w.running[Push] != 6 {
		t.Errorf("%d run beside the slots that are kept", w.running[Push])
	}
	w.waiting[Default] = 5
	w.round()
	if w.running[Default] != 2 || w.running[Push] != 6 {
		t.Errorf("running are %v", w.running)
	}
	one := newPool(1, false, Share{Queue: Default, Min: 2}, Share{Queue: Push})
	one.waiting[Push] = 1
	if one.round(); one.running[Push] != 1 {
		t.Error("the only slot is kept for a queue without work")
	}
}

func TestParseShares(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, out string }{
		{"default,ingress,push,pull,mailers", "strict default,ingress,push,pull,mailers"},
		{"default,4 ingress,2 push,2 pull", "default,4 ingress,2 push,2 pull,1"},
		{"push,4,cap=25 default,8,min=4", "push,4,cap=25 default,8,min=4"},
		{"default,min=2,push,cap=3", "strict default,min=2,push,cap=3"},
		{"mailers", "strict mailers"}, {"push,200", "push,200"}, {"push pull", "push,1 pull,1"}, {"push,cap=25", "strict push,cap=25"},
		{"", "error"}, {"others", "error"}, {"push,push", "error"}, {"push,2 push,3", "error"}, {"push,0", "error"}, {"push,1001", "error"}, {"push,-1", "error"},
		{"push,cap=0", "error"}, {"push,cap=x", "error"}, {"push,size=3", "error"}, {"4,push", "error"}, {"cap=3", "error"}, {"default,push,2", "error"},
		{"default,push pull,2", "error"}, {"default,,push", "error"},
	} {
		shares, strict, err := ParseShares(strings.Fields(c.in))
		got := FormatShares(shares, strict)
		if strict {
			got = "strict " + got
		}
		if err != nil {
			got = "error"
		}
		if got != c.out {
			t.Errorf("%q is %q, %v", c.in, got, err)
		}
	}
}
