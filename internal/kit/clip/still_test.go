package clip_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomph/gomph/internal/kit/clip"
)

// file puts bytes into a file.
func file(t testing.TB, name string, body []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// halves is a PNG of which the left half is red and the right half blue.
func halves(t testing.TB, width, height int) string {
	t.Helper()
	return ffmpeg(t, "in.png", fmt.Sprintf("-f lavfi -i color=red:s=%dx%d,format=rgb24 -f lavfi -i color=blue:s=%dx%d,format=rgb24 -filter_complex hstack -frames:v 1",
		width/2, height, width/2, height))
}

func still(t testing.TB, path string) clip.Result {
	t.Helper()
	kind, _ := sniffed(t, path)
	made, err := tools(t).Still(t.Context(), path, t.TempDir(), kind)
	if err != nil {
		t.Fatal(err)
	}
	clean(t, made.Path)
	return made
}

func TestStillsOfOtherMakers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, mime string
		args       []string
	}{{"in.heic", "image/heic", nil}, {"in.avif", "image/avif", []string{"-A"}}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := filepath.Join(t.TempDir(), test.name)
			command(t, need(t, "heif-enc"), append(test.args, "-q", "90", "-o", in, halves(t, 200, 100))...)
			command(t, need(t, "exiftool"), "-q", "-overwrite_original", "-Artist=secret-artist", "-GPSLatitude=48.2", "-GPSLatitudeRef=N", in)
			if _, mime := sniffed(t, in); mime != test.mime {
				t.Errorf("sniffed as %s", mime)
			}
			if info := probed(t, in); info.Width != 200 || info.Height != 100 {
				t.Errorf("probed %+v", info)
			}
			made := still(t, in)
			img := decoded(t, made.Path)
			if size := img.Bounds().Size(); size.X != 200 || size.Y != 100 || made.Info.Width != 200 || made.Info.Height != 100 {
				t.Errorf("made %+v", made)
			}
			near(t, img, 20, 50, 254, 0, 0)
			near(t, img, 180, 50, 0, 0, 254)
		})
	}
	t.Run("ffmpeg's AVIF", func(t *testing.T) {
		t.Parallel()
		in := ffmpeg(t, "in.avif", "-f lavfi -i color=lime:s=100x60 -frames:v 1 -c:v libaom-av1 -still-picture 1 -cpu-used 8")
		near(t, decoded(t, still(t, in).Path), 50, 30, 0, 254, 0)
	})
}

// A phone's picture is of tiles, and turned by a property beside them.
func TestStillsOfPhones(t *testing.T) {
	t.Parallel()
	for quarters, want := range [][2]int{{192, 64}, {64, 192}, {192, 64}, {64, 192}} {
		t.Run(fmt.Sprint(quarters, " quarters"), func(t *testing.T) {
			t.Parallel()
			in := file(t, "in.heic", tiledHEIC(t, 64, quarters, nil, "red", "lime", "blue"))
			if kind, mime := sniffed(t, in); kind != clip.HEIC || mime != "image/heic" {
				t.Errorf("sniffed as %s, %s", kind, mime)
			}
			img := decoded(t, still(t, in).Path)
			if size := img.Bounds().Size(); size.X != want[0] || size.Y != want[1] {
				t.Fatalf("the picture has %v, want %v", size, want)
			}
			first, last := [2]int{32, 32}, [2]int{want[0] - 32, want[1] - 32}
			if quarters == 1 || quarters == 2 { // against the clock: what was left is below, then right
				first, last = last, first
			}
			near(t, img, first[0], first[1], 254, 0, 0)
			near(t, img, want[0]/2, want[1]/2, 0, 254, 0)
			near(t, img, last[0], last[1], 0, 0, 254)
		})
	}
}

func TestStillsInColoursOfPhones(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		space            []byte
		red, green, blue int
	}{
		"by number":    {slices.Concat([]byte("nclx"), u16(12, 13, 6), []byte{0}), 214, 93, 31},
		"by name":      {slices.Concat([]byte("prof"), profile("Display P3")), 214, 93, 31},
		"sRGB":         {slices.Concat([]byte("nclx"), u16(1, 13, 6), []byte{0}), 200, 100, 50},
		"another name": {slices.Concat([]byte("prof"), profile("Display X3")), 200, 100, 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := file(t, "in.heic", tiledHEIC(t, 64, 0, test.space, "0xc86432", "0xc86432"))
			near(t, decoded(t, still(t, in).Path), 96, 32, test.red, test.green, test.blue)
		})
	}
}

func TestStillsThatAreTooLarge(t *testing.T) {
	t.Parallel()
	declared := func(width, height uint32) []byte {
		return slices.Concat(mbox("ftyp", []byte("heic\x00\x00\x00\x00mif1heic")),
			mbox("meta", u32(0), mbox("iprp", mbox("ipco", mbox("ispe", u32(0, width, height))))))
	}
	for name, test := range map[string]struct {
		body []byte
		want error
	}{
		"50,000 wide and high": {declared(50_000, 50_000), clip.ErrTooManyPixels},
		"absurd":               {declared(1<<32-1, 1<<32-1), clip.ErrTooManyPixels},
		"long":                 {declared(40_000, 2), clip.ErrTooManyPixels},
		"no size":              {declared(0, 10), clip.ErrFormat},
		"nothing behind it":    {declared(100, 100), clip.ErrFormat},
		"only a beginning":     {declared(100, 100)[:30], clip.ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := file(t, "in.heic", test.body)
			if _, err := tools(t).Still(t.Context(), in, t.TempDir(), clip.HEIC); !errors.Is(err, test.want) {
				t.Errorf("the error is %v, want %v", err, test.want)
			}
		})
	}
}
