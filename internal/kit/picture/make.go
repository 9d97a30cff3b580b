package picture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/buckket/go-blurhash"

	"github.com/gomph/gomph/internal/kit/sandbox"
)

// Rendition is one way in which a picture is wanted.
type Rendition struct {
	// Pixels is how many it may have: larger ones are scaled down.
	Pixels int
	// Width and Height, where set, are what it has exactly: the middle is cut out, and scaled up or down.
	Width, Height int
	// Moving keeps an animation; otherwise it shows the first frame.
	Moving bool
	// Untouched copies the picture without decoding loss where neither size nor orientation have to change.
	Untouched bool
	// PNG wants that format, whatever the picture is; Photo wants JPEG of what came without loss, where nothing is transparent.
	PNG, Photo bool
}

// place is the part of a picture that is shown, and as how many pixels.
func (r Rendition) place(w, h int) (image.Rectangle, int, int) {
	if r.Width > 0 {
		return middle(w, h, r.Width, r.Height), r.Width, r.Height
	}
	tw, th := fit(w, h, max(r.Pixels, 1))
	return image.Rect(0, 0, w, h), tw, th
}

// Encoded is a finished file.
type Encoded struct {
	Bytes         []byte `json:"-"`
	Path          string // where it lies, when it was made in a process of its own
	Size          int64  // bytes
	Type, Ext     string
	Width, Height int
	Moves         bool
}

// Made is what came of a picture.
type Made struct {
	Renditions []Encoded
	// Blurhash describes its colours in a few characters.
	Blurhash string
	// Colors go with it.
	Colors Colors
	// Moves says that the picture itself does.
	Moves bool
}

// Make draws a picture in the ways wanted, here and now: for pictures that are ours. Those of strangers are for MakeApart.
func Make(body []byte, wanted ...Rendition) (Made, error) {
	var out Made
	p, err := Decode(body)
	if err != nil {
		return out, err
	}
	out.Moves = p.Animation != nil
	last := rasterOf(p.Image)
	for _, r := range wanted {
		e, scaled, err := p.make(body, r, last)
		if err != nil {
			return out, err
		}
		e.Size = int64(len(e.Bytes))
		out.Renditions = append(out.Renditions, e)
		if r.Width == 0 && scaled.planes != nil {
			last = scaled // smaller ones are made of it, which is quicker and looks the same
		}
	}
	out.Colors = colorsOf(last)
	out.Blurhash, err = hashOf(last.upright(p.turned))
	return out, err
}

func (p *Picture) make(body []byte, r Rendition, from raster) (Encoded, raster, error) {
	if r.Moving && p.Animation != nil {
		e, err := p.animate(r)
		e.Moves = true
		return e, raster{}, err
	}
	wanted := r
	if p.turned >= 5 {
		wanted.Width, wanted.Height = r.Height, r.Width
	}
	part, w, h := wanted.place(from.w, from.h)
	if r.Untouched && p.turned == 1 && w == from.w && h == from.h && w == p.Image.Bounds().Dx() {
		e, err := p.copy(body, w, h)
		return e, raster{}, err
	}
	scaled := from.cut(part).resize(w, h)
	e, err := p.encode(scaled.upright(p.turned), r)
	return e, scaled, err
}

// copy gives the picture as it came, without what is not the picture.
func (p *Picture) copy(body []byte, w, h int) (Encoded, error) {
	ext := map[string]string{"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp"}[p.format]
	b, err := Strip(body)
	return Encoded{Bytes: b, Type: p.format, Ext: ext, Width: w, Height: h, Moves: p.Animation != nil}, err
}

// encode writes a still picture: as PNG where it has transparent parts or came without loss, as JPEG otherwise.
func (p *Picture) encode(r raster, wanted Rendition) (Encoded, error) {
	out := Encoded{Width: r.w, Height: r.h, Type: "image/jpeg", Ext: ".jpg"}
	var b bytes.Buffer
	if !wanted.PNG && r.flat && (wanted.Photo || !p.lossless()) {
		if err := jpeg.Encode(&b, r.image(), &jpeg.Options{Quality: quality}); err != nil {
			return out, fmt.Errorf("encoding a picture: %w", err)
		}
		out.Bytes = p.profile.intoJPEG(b.Bytes())
		return out, nil
	}
	out.Type, out.Ext = "image/png", ".png"
	img := r.image()
	if few, ok := p.Image.(*image.Paletted); ok && p.turned == 1 && few.Bounds().Dx() == r.w && few.Bounds().Dy() == r.h {
		img = few // its palette makes for a smaller file
	} else if m, ok := img.(*image.RGBA); ok && !r.flat {
		plain := image.NewNRGBA(m.Rect) // as the encoder wants it
		draw.Draw(plain, plain.Rect, m, m.Rect.Min, draw.Src)
		img = plain
	}
	if err := png.Encode(&b, img); err != nil {
		return out, fmt.Errorf("encoding a picture: %w", err)
	}
	out.Bytes = p.profile.intoPNG(b.Bytes())
	return out, nil
}

// hashPixels is the size of the picture that a blurhash is made of; more changes nothing that one could see.
const hashPixels = 64 * 64

func hashOf(r raster) (string, error) {
	w, h := fit(r.w, r.h, hashPixels)
	small := r.resize(w, h).image()
	flat := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.Draw(flat, flat.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), small, small.Bounds().Min, draw.Over)
	s, err := blurhash.Encode(4, 4, flat)
	if err != nil {
		return "", fmt.Errorf("hashing a picture: %w", err)
	}
	return s, nil
}

// The part of this program that works on pictures of strangers (requirement B3, MED-01).
const part = "picture"

// Limits of that part: a picture of MaxPixels needs about 300 MB when it is decoded and drawn anew.
const (
	partMemory = 640 << 20
	partTime   = 25 * time.Second // MED-04: each job below 30 s
	partFile   = 200 << 20
)

// refusals are the errors that cross from that process to this one.
var refusals = []error{ErrFormat, ErrTooLarge}

func init() {
	sandbox.Part(part, func(args []string, in io.Reader, out io.Writer) error {
		var wanted []Rendition
		if err := json.Unmarshal([]byte(args[0]), &wanted); err != nil {
			return err
		}
		body, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		made, err := Make(body, wanted...)
		for _, known := range refusals {
			if errors.Is(err, known) {
				return known
			}
		}
		if err != nil {
			return err
		}
		for i := range made.Renditions {
			e := &made.Renditions[i]
			e.Path = fmt.Sprintf("rendition-%d%s", i, e.Ext)
			if err := os.WriteFile(e.Path, e.Bytes, 0o600); err != nil {
				return err
			}
		}
		return json.NewEncoder(out).Encode(made)
	})
}

// MakeApart draws a picture of strangers in the ways wanted, in a process of its own with bounds; the files lie in a folder, which is there already.
// Pictures that cannot be read, or not within the limits, are ErrFormat or ErrTooLarge.
func MakeApart(ctx context.Context, in io.Reader, folder string, wanted ...Rendition) (Made, error) {
	var made Made
	recipe, err := json.Marshal(wanted)
	if err != nil {
		return made, err
	}
	var out bytes.Buffer
	err = sandbox.Do(ctx, sandbox.Limits{CPU: partTime, Memory: partMemory, FileSize: partFile, Files: 64, Folder: folder}, part, []string{string(recipe)}, in, &out)
	if failure := sandbox.Failure(""); errors.As(err, &failure) {
		if i := slices.IndexFunc(refusals, func(known error) bool { return known.Error() == failure.Error() }); i >= 0 {
			return made, refusals[i]
		}
	}
	var crashed *exec.ExitError
	switch {
	case errors.Is(err, sandbox.ErrLimit):
		return made, fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.As(err, &crashed): // a decoder gave up on it in a way that nobody foresaw
		return made, fmt.Errorf("%w: %w: %s", ErrFormat, err, crashed.Stderr)
	case err != nil:
		return made, fmt.Errorf("working on a picture: %w", err)
	}
	if err := json.Unmarshal(out.Bytes(), &made); err != nil {
		return made, fmt.Errorf("working on a picture: %w", err)
	}
	for i := range made.Renditions {
		made.Renditions[i].Path = filepath.Join(folder, filepath.Base(made.Renditions[i].Path))
	}
	return made, nil
}
