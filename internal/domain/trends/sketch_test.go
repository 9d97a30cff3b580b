package trends

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
)

// TestSketch: up to its size a sketch is exact, beyond it nearly so, whatever order and how often; what is stored is read back.
func TestSketch(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 5, sketchSize - 1, sketchSize, 5000, 100_000} {
		var s sketch
		for _, i := range append(r.Perm(n), r.Perm(n/2)...) {
			s = s.add(accounts.ID(1_000_000 + 256*i)) // ids are close together
		}
		got := decodeSketch(s.encode()).count()
		if off := math.Abs(float64(got) - float64(n)); n < sketchSize && off != 0 || off > 0.15*float64(n) {
			t.Errorf("of %d accounts %d are counted", n, got)
		}
		if len(s) > sketchSize {
			t.Errorf("%d hashes are kept", len(s))
		}
	}
	for _, bad := range []string{"?", "AAAA", string(make([]byte, 9000))} {
		if s := decodeSketch(bad); s != nil {
			t.Errorf("%q is read as %v", bad, s)
		}
	}
}
