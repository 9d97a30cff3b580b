package clip

import (
	"bytes"
	"testing"
)

// FuzzBoxes: what boxes say never makes us fail, and what is believed of them is within the limits.
func FuzzBoxes(f *testing.F) {
	entries, err := samples.ReadDir("samples")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		body, err := samples.ReadFile("samples/" + e.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		meta, err := findMeta(bytes.NewReader(b))
		if err != nil {
			return
		}
		if s, err := describe(meta); err == nil && !sane(s.width, s.height) {
			t.Errorf("believed that it is %d×%d", s.width, s.height)
		}
	})
}
