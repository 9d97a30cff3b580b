package clip

import (
	"bytes"
	"encoding/binary"
	"slices"
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

// A picture of the usual range that has a map of a higher one beside it is not of a higher one itself.
func TestLightBesideAPicture(t *testing.T) {
	t.Parallel()
	one := func(name string, parts ...[]byte) []byte {
		body := slices.Concat(parts...)
		return slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), []byte(name), body)
	}
	colours := func(primaries, transfer byte) []byte {
		return one("colr", []byte{'n', 'c', 'l', 'x', 0, primaries, 0, transfer, 0, 9, 0})
	}
	named := one("colr", []byte("prof Display P3"))
	for name, test := range map[string]struct {
		parts []byte
		item  string
		want  string
	}{
		"one":             {colours(9, 16), "hvc1", "smpte2084"},
		"all the same":    {slices.Concat(colours(9, 18), colours(9, 18)), "hvc1", "arib-std-b67"},
		"one of two":      {slices.Concat(colours(1, 13), colours(9, 16)), "hvc1", ""},
		"beside a name":   {slices.Concat(named, colours(12, 16)), "hvc1", ""},
		"the map's alone": {colours(9, 16), "tmap", ""},
		"none":            {nil, "hvc1", ""},
		"an early end":    {one("colr", []byte{'n', 'c', 'l', 'x', 0, 9, 0}), "hvc1", ""},
	} {
		size := one("ispe", []byte{0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 9})
		meta := slices.Concat(one("iinf", []byte{0, 0, 0, 0, 0, 1}, one("infe", []byte{2, 0, 0, 0, 0, 1, 0, 0}, []byte(test.item), []byte{0})), one("iprp", one("ipco", size, test.parts)))
		if got, err := describe(meta); err != nil || got.light.transfer != test.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
