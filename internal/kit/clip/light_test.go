package clip_test

import (
	"fmt"
	"image"
	"log/slog"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/gomph/gomph/internal/kit/clip"
)

// bright are the arguments that make a film of a high dynamic range of one of the usual range, whose white becomes the white of paper.
func bright(transfer, pixels string) string {
	return "-vf format=yuv444p,zscale=transferin=bt709:matrixin=smpte170m:primariesin=bt709:rangein=limited:npl=203:transfer=" + transfer + ":primaries=bt2020:matrix=bt2020nc:range=limited,format=" + pixels +
		" -color_trc " + transfer + " -color_primaries bt2020 -colorspace bt2020nc "
}

// looks is how bright and how colourful a picture is on average, from 0 to 1.
func looks(img image.Image) (brightness, saturation float64) {
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			most, least := max(r, g, bl), min(r, g, bl)
			brightness += float64(r+g+bl) / 3 / 0xffff
			saturation += float64(most-least) / 0xffff
		}
	}
	n := float64(b.Dx() * b.Dy())
	return brightness / n, saturation / n
}

// firstFrame is the first one of a film, as players that know of nothing but the usual range show it.
func firstFrame(t *testing.T, path string) image.Image {
	t.Helper()
	return decoded(t, ffmpeg(t, "frame.png", "-i "+path+" -frames:v 1 -vf scale=in_color_matrix=bt709,format=rgb24"))
}

// Films of phones come out as they are meant: not pale, which is what becomes of them where light is not brought down.
func TestLightOfFilms(t *testing.T) {
	t.Parallel()
	plain := decoded(t, ffmpeg(t, "plain.png", "-f lavfi -i testsrc=s=320x180:r=10:d=1 -frames:v 1"))
	brightness, saturation := looks(plain)
	for name, args := range map[string]string{
		"HLG":                     bright("arib-std-b67", "yuv420p10le") + "-c:v libx265 -x265-params log-level=none -tag:v hvc1",
		"PQ":                      bright("smpte2084", "yuv420p10le") + "-c:v libx265 -x265-params log-level=none -tag:v hvc1",
		"HLG, H.264 of 10 bits":   bright("arib-std-b67", "yuv420p10le") + "-c:v libx264",
		"HLG, as if it were done": bright("arib-std-b67", "yuv420p") + "-c:v libx264",
		"PQ, as if it were done":  bright("smpte2084", "yuv420p") + "-c:v libx264",
		"PQ, all colours":         bright("smpte2084", "yuv444p12le") + "-c:v libx265 -x265-params log-level=none -tag:v hvc1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := ffmpeg(t, "in.mp4", "-f lavfi -i testsrc=s=320x180:r=10:d=1 "+args)
			info := probed(t, in)
			made, err := tools(t).Video(t.Context(), in, t.TempDir(), info)
			if err != nil {
				t.Fatal(err)
			}
			checkFilm(t, made, 320, 180, true)
			if s := describe(t, made.Path).Streams[0]; s.Transfer != "bt709" || s.Primaries != "bt709" || s.Matrix != "bt709" || s.Range != "tv" {
				t.Errorf("the film says that it is %+v", s)
			}
			unconverted := firstFrame(t, in)
			b0, s0 := looks(unconverted)
			far := distance(unconverted, plain)
			still, err := tools(t).Poster(t.Context(), in, t.TempDir(), info)
			if err != nil {
				t.Fatal(err)
			}
			for what, img := range map[string]image.Image{"film": firstFrame(t, made.Path), "poster": decoded(t, still.Path)} {
				b, s := looks(img)
				t.Logf("%s: brightness %.3f, saturation %.3f; meant %.3f, %.3f; unconverted %.3f, %.3f", what, b, s, brightness, saturation, b0, s0)
				// Room for what is brighter than white costs some of both; unconverted, less than half of the colour is left.
				if math.Abs(s-saturation) > 0.5*math.Abs(s0-saturation) || math.Abs(b-brightness) > 0.1 || distance(img, plain) > 0.75*far {
					t.Errorf("the %s has brightness %.3f and saturation %.3f, meant are %.3f and %.3f; unconverted they were %.3f and %.3f", what, b, s, brightness, saturation, b0, s0)
				}
			}
		})
	}
}

// distance is how far two pictures of a size are from each other on average, from 0 to 1.
func distance(a, b image.Image) float64 {
	var sum float64
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r, g, bl, _ := a.At(x, y).RGBA()
			r2, g2, bl2, _ := b.At(x, y).RGBA()
			sum += math.Abs(float64(r)-float64(r2)) + math.Abs(float64(g)-float64(g2)) + math.Abs(float64(bl)-float64(bl2))
		}
	}
	return sum / 3 / 0xffff / float64(a.Bounds().Dx()*a.Bounds().Dy())
}

// What a file says of its colours may be nonsense, or of a kind that nothing converts.
func TestLightThatIsNonsense(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]string{
		"no matrix":        "libx264 -color_trc smpte2084",
		"an odd matrix":    "libx264 -color_trc smpte2084 -colorspace ycgco -color_primaries film",
		"another odd one":  "libx264 -color_trc arib-std-b67 -colorspace fcc -color_primaries jedec-p22",
		"full range":       "libx264 -color_trc arib-std-b67 -color_range pc",
		"of odd size":      "libx264 -vf scale=321:181,format=yuv444p10le -pix_fmt yuv444p10le -color_trc arib-std-b67",
		"of another shape": "libx264 -vf setsar=3/2 -color_trc arib-std-b67",
		"RGB":              "libx265 -x265-params log-level=none -tag:v hvc1 -pix_fmt gbrp10le -color_trc smpte2084",
		"grey":             "libx265 -x265-params log-level=none -tag:v hvc1 -pix_fmt gray10le -color_trc smpte2084",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := ffmpeg(t, "in.mov", "-f lavfi -i testsrc=s=320x180:r=10:d=1 -pix_fmt yuv420p10le -c:v "+args)
			info := probed(t, in)
			made, err := tools(t).Video(t.Context(), in, t.TempDir(), info)
			if err != nil {
				t.Fatal(err)
			}
			checkFilm(t, made, info.Width&^1, info.Height&^1, true)
			poster(t, in, info)
		})
	}
}

// Without the filters films are what they were; the stub is an ffmpeg that knows of none of them.
func TestLightWithoutFilters(t *testing.T) {
	t.Parallel()
	tools(t) // or be skipped
	stub := file(t, "ffmpeg", fmt.Appendf(nil, "#!/bin/sh\ncase \"$*\" in *-filters) %[1]s \"$@\" | grep -v zscale;; *) exec %[1]s \"$@\";; esac\n", need(t, "ffmpeg")))
	if err := os.Chmod(stub, 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	less := clip.Find(t.Context(), slog.New(slog.DiscardHandler), clip.Options{FFmpeg: stub})
	in := ffmpeg(t, "in.mp4", "-f lavfi -i testsrc=s=320x180:r=10:d=1 "+bright("arib-std-b67", "yuv420p10le")+"-c:v libx265 -x265-params log-level=none -tag:v hvc1")
	made, err := less.Video(t.Context(), in, t.TempDir(), probed(t, in))
	if err != nil {
		t.Fatal(err)
	}
	checkFilm(t, made, 320, 180, true)
	if s := describe(t, made.Path).Streams[0]; s.Transfer != "arib-std-b67" {
		t.Errorf("the film says that it is %+v, so that no player shows it as meant", s)
	}
}

// Pictures of the same light, which only some cameras write. The white of paper is left a light grey.
func TestLightOfStills(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		space  []byte
		colour string
		want   int
	}{
		"PQ":        {slices.Concat([]byte("nclx"), u16(9, 16, 9), []byte{0}), "0x949494", 215},
		"HLG":       {slices.Concat([]byte("nclx"), u16(9, 18, 9), []byte{0}), "0xbfbfbf", 215},
		"PQ of P3":  {slices.Concat([]byte("nclx"), u16(12, 16, 6), []byte{0}), "0x949494", 215},
		"the usual": {slices.Concat([]byte("nclx"), u16(9, 1, 9), []byte{0}), "0x949494", 148},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := file(t, "in.heic", tiledHEIC(t, 64, 0, test.space, test.colour, test.colour))
			near(t, decoded(t, still(t, in).Path), 96, 32, test.want, test.want, test.want)
		})
	}
	t.Run("AVIF", func(t *testing.T) {
		t.Parallel()
		in := ffmpeg(t, "in.avif", "-f lavfi -i color=white:s=100x60 "+bright("smpte2084", "yuv420p10le")+"-frames:v 1 -c:v libaom-av1 -still-picture 1 -cpu-used 8")
		near(t, decoded(t, still(t, in).Path), 50, 30, 215, 215, 215)
	})
}
