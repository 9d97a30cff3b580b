package clip

import (
	"fmt"
	"slices"
	"strings"
)

// light is how the pixels of a film of a high dynamic range are meant, in ffmpeg's names. Zero for all others.
type light struct {
	// transfer is smpte2084 (PQ) or arib-std-b67 (HLG), primaries and matrix are what the colours are made of.
	transfer, primaries, matrix string
}

const (
	// white is how bright, in cd/m², the white of paper is in such films (ITU-R BT.2408, 203 for PQ and HLG). It becomes the unit of light.
	white = 203
	// brightest is the brightest light, in the same, that is still told from others: what HLG is made for, and phones take.
	brightest = 1000
)

// What follows lower, for a film and for a picture of one.
const (
	floats    = "gbrpf32le"
	asVideo   = "zscale=transfer=bt709:primaries=bt709:matrix=bt709:range=limited"
	asPicture = "zscale=transfer=bt709:primaries=bt709:matrix=gbr:range=full,format=gbrp"
)

// light takes from a stream what a high dynamic range needs. What a file says of its colours beside that is believed only if it is
// something such films have: all else would have zscale give up.
func (s stream) light() light {
	// RGB and grey are left alone: no camera writes them so.
	if s.Transfer != "smpte2084" && s.Transfer != "arib-std-b67" || !strings.HasPrefix(s.PixelFormat, "yuv") {
		return light{}
	}
	l := light{transfer: s.Transfer, primaries: "bt2020", matrix: "bt2020nc"}
	if slices.Contains([]string{"bt709", "smpte432"}, s.Primaries) {
		l.primaries = s.Primaries
	}
	if slices.Contains([]string{"bt709", "smpte170m"}, s.Matrix) {
		l.matrix = s.Matrix
	}
	return l
}

// high reports whether there is more light than every screen shows.
func (l light) high() bool { return l.transfer != "" }

// lower are the filters that bring frames to the light of every screen and to its primaries, in a format of floats: up to a third of white it
// is left as it is, above that it is compressed more and more (mobius). How it is written for screens, as asVideo, is to follow.
func (l light) lower(format string) string {
	return fmt.Sprintf("zscale=transferin=%s:primariesin=%s:matrixin=%s:transfer=linear:npl=%d:primaries=bt709,format=%s,tonemap=mobius:peak=%.3f:desat=0",
		l.transfer, l.primaries, l.matrix, white, format, float64(brightest)/white)
}
