package picture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/picture"
	"github.com/gomph/gomph/internal/testkit/draw"
)

// corners names the colours of a picture's quarters, from the upper left on.
func corners(t *testing.T, b []byte) string {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	r := img.Bounds()
	name := ""
	for _, at := range [][2]int{{1, 1}, {3, 1}, {1, 3}, {3, 3}} {
		rr, g, b, _ := img.At(r.Min.X+r.Dx()*at[0]/4, r.Min.Y+r.Dy()*at[1]/4).RGBA()
		switch {
		case rr > 0xc000 && g > 0xc000 && b > 0xc000:
			name += "W"
		case rr > 0xc000 && g < 0x4000 && b < 0x4000:
			name += "R"
		case g > 0xc000 && rr < 0x4000:
			name += "G"
		case b > 0xc000 && rr < 0x4000:
			name += "B"
		default:
			name += "?"
		}
	}
	return name
}

func make1(t *testing.T, body []byte, r picture.Rendition) picture.Encoded {
	t.Helper()
	made, err := picture.Make(body, r)
	if err != nil {
		t.Fatal(err)
	}
	return made.Renditions[0]
}

func TestOrientation(t *testing.T) {
	t.Parallel()
	want := []string{"RGBW", "GRWB", "WBGR", "BWRG", "RBGW", "BRWG", "WGBR", "GWRB"}
	for i, name := range want {
		for _, r := range []picture.Rendition{{Pixels: 1 << 20}, {Pixels: 800, Untouched: true}, {Width: 20, Height: 20}, {Pixels: 1 << 20, PNG: true}} {
			body := draw.Photo(64, 48, i+1)
			e := make1(t, body, r)
			if got := corners(t, e.Bytes); got != name {
				t.Errorf("orientation %d as %+v shows %s, not %s", i+1, r, got, name)
			}
			if wide := e.Width > e.Height; r.Width == 0 && wide != (i < 4) {
				t.Errorf("orientation %d is %d×%d", i+1, e.Width, e.Height)
			}
			if bytes.Contains(e.Bytes, []byte("GPS")) || bytes.Contains(e.Bytes, []byte("Exif")) {
				t.Errorf("orientation %d: metadata is left", i+1)
			}
		}
	}
	turned := draw.Chunk(draw.PNG(draw.Quarters(64, 48)), "eXIf", draw.Exif(6))
	if got := corners(t, make1(t, turned, picture.Rendition{Pixels: 1 << 20}).Bytes); got != want[5] {
		t.Errorf("a turned PNG shows %s", got)
	}
}

func TestRenditions(t *testing.T) {
	t.Parallel()
	clear := draw.Quarters(64, 48)
	clear.SetNRGBA(40, 30, color.NRGBA{})
	gray := image.NewGray(image.Rect(0, 0, 64, 48))
	deep := image.NewNRGBA64(image.Rect(0, 0, 64, 48))
	few := image.NewPaletted(image.Rect(0, 0, 64, 48), color.Palette{color.Black, color.White})
	for name, c := range map[string]struct {
		body []byte
		r    picture.Rendition
		kind string
		w, h int
	}{
		"a photograph stays one":           {draw.JPEG(draw.Quarters(64, 48)), picture.Rendition{Pixels: 1 << 20}, "image/jpeg", 64, 48},
		"a drawing stays one":              {draw.PNG(draw.Quarters(64, 48)), picture.Rendition{Pixels: 1 << 20}, "image/png", 64, 48},
		"transparent parts stay":           {draw.PNG(clear), picture.Rendition{Pixels: 1 << 20}, "image/png", 64, 48},
		"scaled down":                      {draw.JPEG(draw.Quarters(64, 48)), picture.Rendition{Pixels: 48}, "image/jpeg", 8, 6},
		"scaled down, with transparency":   {draw.PNG(clear), picture.Rendition{Pixels: 48}, "image/png", 8, 6},
		"the middle, smaller":              {draw.JPEG(draw.Quarters(64, 48)), picture.Rendition{Width: 10, Height: 30}, "image/jpeg", 10, 30},
		"the middle, larger":               {draw.JPEG(draw.Quarters(64, 48)), picture.Rendition{Width: 100, Height: 100}, "image/jpeg", 100, 100},
		"gray":                             {draw.JPEG(gray), picture.Rendition{Pixels: 48}, "image/jpeg", 8, 6},
		"sixteen bits":                     {draw.PNG(deep), picture.Rendition{Pixels: 48}, "image/png", 8, 6},
		"a palette":                        {draw.PNG(few), picture.Rendition{Pixels: 1 << 20}, "image/png", 64, 48},
		"a palette, scaled":                {draw.PNG(few), picture.Rendition{Pixels: 48}, "image/png", 8, 6},
		"one pixel":                        {draw.JPEG(draw.Quarters(1, 1)), picture.Rendition{Pixels: 1}, "image/jpeg", 1, 1},
		"one pixel of a long one":          {draw.JPEG(draw.Quarters(300, 1)), picture.Rendition{Pixels: 1}, "image/jpeg", 17, 1},
		"another format where it is due":   {draw.JPEG(draw.Quarters(64, 48)), picture.Rendition{Width: 4, Height: 4, PNG: true}, "image/png", 4, 4},
		"untouched":                        {draw.JPEG(draw.Quarters(64, 48)), picture.Rendition{Pixels: 1 << 20, Untouched: true}, "image/jpeg", 64, 48},
		"untouched, where it is too large": {draw.PNG(draw.Quarters(64, 48)), picture.Rendition{Pixels: 48, Untouched: true}, "image/png", 8, 6},
	} {
		e := make1(t, c.body, c.r)
		cfg, format, err := image.DecodeConfig(bytes.NewReader(e.Bytes))
		if err != nil || e.Type != c.kind || "image/"+format != c.kind || e.Width != c.w || e.Height != c.h || cfg.Width != c.w || cfg.Height != c.h {
			t.Errorf("%s: %s of %d×%d, really %s of %d×%d, %v", name, e.Type, e.Width, e.Height, format, cfg.Width, cfg.Height, err)
		}
	}
	two, err := picture.Make(draw.JPEG(draw.Quarters(640, 480)), picture.Rendition{Pixels: 320 * 240}, picture.Rendition{Pixels: 160 * 120})
	if err != nil || len(two.Renditions) != 2 || corners(t, two.Renditions[1].Bytes) != "RGBW" || two.Renditions[1].Width != 160 || len(two.Blurhash) < 20 {
		t.Errorf("two renditions: %+v, %v", two, err)
	}
}

// TestMeans compares the scaler with means that are computed the slow way.
func TestMeans(t *testing.T) {
	t.Parallel()
	const w, h = 61, 43
	src := draw.Noise(w, h, 7)
	for _, pixels := range []int{w*h - 1, w * h / 2, 100, 7} {
		e := make1(t, draw.PNG(src), picture.Rendition{Pixels: pixels})
		got, err := png.Decode(bytes.NewReader(e.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		for y := range e.Height {
			for x := range e.Width {
				r, _, b, _ := got.At(x, y).RGBA()
				wr, wb := mean(src, x, y, e.Width, e.Height)
				if math.Abs(float64(r>>8)-wr) > 1.5 || math.Abs(float64(b>>8)-wb) > 1.5 {
					t.Fatalf("%d×%d at %d,%d: %d,%d instead of %.1f,%.1f", e.Width, e.Height, x, y, r>>8, b>>8, wr, wb)
				}
			}
		}
	}
}

func mean(src *image.NRGBA, x, y, tw, th int) (r, b float64) {
	w, h := float64(src.Rect.Dx()), float64(src.Rect.Dy())
	x0, x1, y0, y1 := float64(x)*w/float64(tw), float64(x+1)*w/float64(tw), float64(y)*h/float64(th), float64(y+1)*h/float64(th)
	area := 0.0
	for py := int(y0); py < src.Rect.Dy() && float64(py) < y1; py++ {
		for px := int(x0); px < src.Rect.Dx() && float64(px) < x1; px++ {
			part := (math.Min(float64(px+1), x1) - math.Max(float64(px), x0)) * (math.Min(float64(py+1), y1) - math.Max(float64(py), y0))
			c := src.NRGBAAt(px, py)
			r, b, area = r+part*float64(c.R), b+part*float64(c.B), area+part
		}
	}
	return r / area, b / area
}

func TestAnimations(t *testing.T) {
	t.Parallel()
	body := draw.GIF(60, 40, 12)
	made, err := picture.Make(body, picture.Rendition{Width: 20, Height: 20, Moving: true}, picture.Rendition{Width: 20, Height: 20, PNG: true}, picture.Rendition{Pixels: 1 << 20, Moving: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ w, h int }{{20, 20}, {20, 20}, {60, 40}} {
		e := made.Renditions[i]
		if i == 1 {
			if e.Type != "image/png" || e.Moves {
				t.Errorf("the still is %+v", e)
			}
			continue
		}
		g, err := gif.DecodeAll(bytes.NewReader(e.Bytes))
		if err != nil || len(g.Image) != 12 || g.Config.Width != want.w || g.Config.Height != want.h || !e.Moves || !made.Moves {
			t.Errorf("%d: %d×%d, %v", i, e.Width, e.Height, err)
		}
	}
	// A WebP that moves gives its first frame; Debian's tools made it, blue then red, 16×16.
	moving, err := os.ReadFile("testdata/moving.webp")
	if err != nil {
		t.Fatal(err)
	}
	e := make1(t, moving, picture.Rendition{Pixels: 1 << 20})
	if got := corners(t, e.Bytes); got != "BBBB" || e.Width != 16 {
		t.Errorf("the first frame is %s, %d wide", got, e.Width)
	}
	if kept := make1(t, moving, picture.Rendition{Pixels: 1 << 20, Untouched: true}); bytes.Count(kept.Bytes, []byte("ANMF")) != 2 || kept.Type != "image/webp" {
		t.Error("the frames were not kept")
	}
}

func TestStrip(t *testing.T) {
	t.Parallel()
	const secret = "SECRET-52.5"
	photo := draw.JPEG(draw.Quarters(64, 48))
	for _, marker := range []byte{0xe1, 0xed, 0xe2, 0xfe, 0xe0, 0xef} {
		photo = draw.Segment(photo, marker, "Photoshop "+secret)
	}
	drawing := draw.Chunk(draw.PNG(draw.Quarters(64, 48)), "tEXt", "Comment\x00"+secret)
	drawing = draw.Chunk(draw.Chunk(drawing, "eXIf", draw.Exif(1)+secret), "iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+secret)
	moves := draw.GIF(60, 40, 3)
	moves = append(append(bytes.Clone(moves[:len(moves)-1]), "\x21\xfe\x0b"+secret+"\x00\x21\xff\x0bXMP DataXMP\x0b"+secret+"\x00\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"...), 0x3b)
	webp, err := os.ReadFile("testdata/moving.webp")
	if err != nil {
		t.Fatal(err)
	}
	chunk := binary.LittleEndian.AppendUint32([]byte("EXIF"), uint32(len(secret)+1))
	webp = append(append(append(webp, chunk...), secret...), 'x')
	binary.LittleEndian.PutUint32(webp[4:], uint32(len(webp)-8))
	for name, body := range map[string][]byte{"jpeg": photo, "png": drawing, "gif": moves, "webp": webp} {
		behind := append(bytes.Clone(body), "<script>"+secret+"</script>PK\x03\x04"...)
		got, err := picture.Strip(behind)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if bytes.Contains(got, []byte(secret)) || bytes.Contains(got, []byte("<script>")) {
			t.Errorf("%s: something is left", name)
		}
		before, err := picture.Make(body, picture.Rendition{Pixels: 1 << 20})
		after, err2 := picture.Make(got, picture.Rendition{Pixels: 1 << 20})
		if err != nil || err2 != nil || before.Blurhash != after.Blurhash || before.Renditions[0].Width != after.Renditions[0].Width {
			t.Errorf("%s: %v, %v: it is another picture", name, err, err2)
		}
	}
}

// iccOf is a profile as a camera has it: with its maker, its device and a serial number.
func iccOf(space string) string {
	tags := []string{"rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC", "wtpt", "desc", "mmod", "kTRC"}
	head := make([]byte, 128)
	copy(head[12:], "mntr"+space+"XYZ ")
	copy(head[36:], "acsp")
	copy(head[80:], "SERIAL")
	out := binary.BigEndian.AppendUint32(head, uint32(len(tags)))
	at := 132 + 12*len(tags)
	var data []byte
	for i, tag := range tags {
		out = append(out, tag...)
		out = binary.BigEndian.AppendUint32(out, uint32(at+len(data)))
		out = binary.BigEndian.AppendUint32(out, 20)
		data = append(data, fmt.Sprintf("XYZ \x00\x00\x00\x00%s-%04d...", map[bool]string{true: "SER", false: "num"}[tag == "mmod" || tag == "desc"], i)...)
	}
	out = append(out, data...)
	binary.BigEndian.PutUint32(out, uint32(len(out)))
	return string(out)
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	photo := draw.Segment(draw.JPEG(draw.Quarters(64, 48)), 0xe2, "ICC_PROFILE\x00\x01\x01"+iccOf("RGB "))
	wrong := draw.Segment(draw.JPEG(draw.Quarters(64, 48)), 0xe2, "ICC_PROFILE\x00\x01\x01"+iccOf("CMYK"))
	gamma := draw.Chunk(draw.PNG(draw.Quarters(64, 48)), "gAMA", "\x00\x00\xb1\x8f")
	for _, r := range []picture.Rendition{{Pixels: 1 << 20}, {Pixels: 100}, {Pixels: 1 << 20, Untouched: true}} {
		e := make1(t, photo, r)
		if !bytes.Contains(e.Bytes, []byte("ICC_PROFILE")) || !bytes.Contains(e.Bytes, []byte("num-0000")) {
			t.Errorf("%+v: the colours have lost their meaning", r)
		}
		if bytes.Contains(e.Bytes, []byte("SER")) {
			t.Errorf("%+v: the device is told", r)
		}
		if _, err := jpeg.Decode(bytes.NewReader(e.Bytes)); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
		if bytes.Contains(make1(t, wrong, r).Bytes, []byte("ICC_PROFILE")) {
			t.Errorf("%+v: a profile of other colours was kept", r)
		}
		if e := make1(t, gamma, r); !bytes.Contains(e.Bytes, []byte("gAMA")) {
			t.Errorf("%+v: what a PNG says of its colours is lost", r)
		}
	}
	if e := make1(t, photo, picture.Rendition{Width: 4, Height: 4, PNG: true}); !bytes.Contains(e.Bytes, []byte("iCCP")) {
		t.Error("a PNG of a photograph has no profile")
	} else if again := make1(t, e.Bytes, picture.Rendition{Pixels: 100}); !bytes.Contains(again.Bytes, []byte("iCCP")) {
		t.Error("the profile of a PNG is lost")
	}
}

// bombs are pictures that want more than they may have, and things that are no pictures (MED-01 to MED-05).
func bombs() map[string][]byte {
	frame := draw.GIF(60, 40, 1)
	head, one := frame[:13+12], frame[13+12:len(frame)-1]
	many := bytes.Clone(head)
	for range 10_000 {
		many = append(many, one...)
	}
	photo := draw.JPEG(draw.Quarters(64, 48))
	scan := photo[bytes.Index(photo, []byte("\xff\xda")) : len(photo)-2]
	scans := bytes.Clone(photo[:len(photo)-2])
	for range 1000 {
		scans = append(scans, scan...)
	}
	return map[string][]byte{
		"a PNG of 50,000 × 50,000":      draw.Huge(),
		"a GIF of 10,000 frames":        append(many, 0x3b),
		"an APNG of a million frames":   draw.Chunk(draw.PNG(draw.Quarters(64, 48)), "acTL", "\x00\x0f\x42\x40\x00\x00\x00\x00"),
		"a JPEG of a thousand scans":    append(scans, 0xff, 0xd9),
		"SVG":                           []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
		"HTML":                          []byte("<!doctype html><script>alert(1)</script>"),
		"PostScript":                    []byte("%!PS-Adobe-3.0 EPSF-3.0\n"),
		"PDF":                           []byte("%PDF-1.4\n"),
		"MVG":                           []byte("push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://127.0.0.1/x)'\npop graphic-context"),
		"XML":                           []byte(`<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><image>&y;</image>`),
		"TIFF":                          []byte("II*\x00\x08\x00\x00\x00"),
		"nothing":                       {},
		"the first bytes of a JPEG":     []byte("\xff\xd8\xff\xe0"),
		"the first bytes of a PNG":      []byte("\x89PNG\r\n\x1a\n"),
		"the first bytes of a WebP":     []byte("RIFF\x10\x00\x00\x00WEBPVP8X"),
		"half a photograph's head":      photo[:100],
		"an archive":                    []byte("PK\x03\x04"),
		"a playlist":                    []byte("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
		"a JPEG with a profile of lies": draw.Segment(photo[:20], 0xe2, "ICC_PROFILE\x00\x01\xff"),
	}
}

func TestBombs(t *testing.T) {
	t.Parallel()
	for name, body := range bombs() {
		for _, r := range []picture.Rendition{{Pixels: 1 << 20, Moving: true}, {Pixels: 1 << 20, Untouched: true}} {
			_, err := picture.Make(body, r)
			if !errors.Is(err, picture.ErrFormat) && !errors.Is(err, picture.ErrTooLarge) {
				t.Errorf("%s: %v", name, err)
			}
			_, inside := picture.MakeApart(t.Context(), bytes.NewReader(body), t.TempDir(), r)
			if errors.Is(err, picture.ErrFormat) != errors.Is(inside, picture.ErrFormat) || errors.Is(err, picture.ErrTooLarge) != errors.Is(inside, picture.ErrTooLarge) {
				t.Errorf("%s: %v, and in a process of its own %v", name, err, inside)
			}
		}
	}
}

func TestMakeApart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	made, err := picture.MakeApart(t.Context(), bytes.NewReader(draw.JPEG(draw.Quarters(64, 48))), folder, picture.Rendition{Pixels: 1 << 20}, picture.Rendition{Pixels: 48, PNG: true})
	if err != nil || len(made.Renditions) != 2 || made.Blurhash == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	for i, e := range made.Renditions {
		body, err := os.ReadFile(e.Path)
		if err != nil || int64(len(body)) != e.Size || !strings.HasPrefix(e.Path, folder) || corners(t, body) != "RGBW" || (e.Type == "image/png") != (i == 1) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

func FuzzMake(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00II*\x00\x08\x00\x00\x00"))
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"))
	f.Add([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"))
	if moving, err := os.ReadFile("testdata/moving.webp"); err == nil {
		f.Add(moving)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if w, h, err := picture.Size(b); err == nil && w*h > 1<<20 {
			t.Skip("large pictures take long")
		}
		made, err := picture.Make(b, picture.Rendition{Pixels: 1 << 20, Untouched: true}, picture.Rendition{Width: 8, Height: 6, Moving: true})
		if err != nil {
			return
		}
		for _, e := range made.Renditions {
			if _, _, err := picture.Size(e.Bytes); err != nil {
				t.Errorf("what was made is no picture: %v", err)
			}
		}
		stripped, err := picture.Strip(b)
		if err != nil {
			return
		}
		again, err := picture.Strip(stripped)
		if err != nil || !bytes.Equal(again, stripped) {
			t.Errorf("stripping twice gives another file, %v", err)
		}
	})
}
