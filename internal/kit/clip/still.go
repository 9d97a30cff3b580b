package clip

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Still decodes an AVIF or HEIC into a PNG in folder, turned upright and without metadata, for the picture package to work on. How many
// pixels there are is known before any is decoded. Colours of Display P3, which phones write, are brought to sRGB where ffmpeg can,
// and so is light of a high dynamic range (PQ, HLG).
func (t *Tools) Still(ctx context.Context, in, folder string, kind Kind) (Result, error) {
	if kind != AVIF && kind != HEIC || !t.Can(kind) {
		return Result{}, ErrUnavailable
	}
	in, err := regular(in, MaxSize)
	if err != nil {
		return Result{}, err
	}
	found, err := readStill(in)
	if err != nil {
		return Result{}, err
	}
	made := Result{Path: filepath.Join(folder, "still.png"), Type: "image/png", Ext: ".png"}
	how := map[Kind][2]ability{AVIF: {canAVIF, heifAVIF}, HEIC: {canHEIC, heifHEIC}}[kind]
	with := how[0]
	if t.can[how[1]] {
		with = how[1]
	}
	if err := t.decodeStill(ctx, in, made.Path, with); err != nil {
		return Result{}, err
	}
	if err := t.narrow(ctx, made.Path, found); err != nil {
		return Result{}, err
	}
	return pictureMade(made)
}

// decodeStill draws a picture as a PNG, with the program that an ability stands for.
func (t *Tools) decodeStill(ctx context.Context, in, out string, how ability) error {
	if how == canAVIF || how == canHEIC {
		if t.ffmpeg == "" {
			return ErrUnavailable
		}
		return t.write(ctx, task{cpu: lookCPU, kind: AVIF, most: MaxStillPixels, pixels: MaxStillPixels}, in, out, []string{"-frames:v", "1", "-c:v", "png", "-f", "image2", "-update", "1"})
	}
	if t.heif == "" {
		return ErrUnavailable
	}
	// A file with several pictures becomes several files; they come into a folder of their own, and the first is kept.
	folder, err := os.MkdirTemp(filepath.Dir(out), "heif-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if _, err := t.run(ctx, folder, in, lookCPU, t.heif, "--quiet", in, filepath.Join(folder, "p.png")); err != nil {
		return err
	}
	for _, name := range []string{"p.png", "p-1.png"} {
		if err := os.Rename(filepath.Join(folder, name), out); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: no picture came out", ErrFormat)
}

// pictureMade cleans a PNG that was made, and reads its size. One that is not there is ErrFormat: nothing could be decoded.
func pictureMade(made Result) (Result, error) {
	width, height, err := pngSize(made.Path)
	switch {
	case err != nil:
		return Result{}, fmt.Errorf("%w: %w", ErrFormat, err)
	case !sane(width, height):
		_ = os.Remove(made.Path)
		return Result{}, ErrTooManyPixels
	}
	if err := strip(made.Path); err != nil {
		_ = os.Remove(made.Path)
		return Result{}, err
	}
	made.Info = Info{Format: "png", Width: width, Height: height}
	return made, nil
}

// pictorial are the parts of a PNG that are its pixels; all others go, for libheif's program writes EXIF there.
var pictorial = []string{"IHDR", "PLTE", "tRNS", "IDAT", "IEND"}

// strip rewrites a PNG without anything but its pixels. It may have as much as fileLimit, so that it is not held in memory.
func strip(path string) error {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading a picture: %w", err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(path + ".part")
	if err != nil {
		return fmt.Errorf("writing a picture: %w", err)
	}
	defer func() { _ = os.Remove(out.Name()) }() // gone already where all went well
	err = copyParts(out, in)
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(out.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("cleaning a picture: %w", err)
	}
	return nil
}

func copyParts(out io.Writer, in io.ReadSeeker) error {
	const signature, header, checksum = 8, 8, 4
	if _, err := io.CopyN(out, in, signature); err != nil {
		return err
	}
	for {
		var h [header]byte
		if _, err := io.ReadFull(in, h[:]); err != nil {
			return err
		}
		size, name := int64(binary.BigEndian.Uint32(h[:]))+checksum, string(h[4:])
		if !slices.Contains(pictorial, name) {
			if _, err := in.Seek(size, io.SeekCurrent); err != nil {
				return err
			}
			continue
		}
		if _, err := out.Write(h[:]); err != nil {
			return err
		}
		if _, err := io.CopyN(out, in, size); err != nil {
			return err
		}
		if name == "IEND" {
			return nil
		}
	}
}

func pngSize(path string) (width, height int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, fmt.Errorf("opening a picture: %w", err)
	}
	defer func() { _ = f.Close() }()
	c, err := png.DecodeConfig(f)
	if err != nil {
		return 0, 0, fmt.Errorf("reading a picture: %w", err)
	}
	return c.Width, c.Height, nil
}

func sane(width, height int) bool {
	return width > 0 && height > 0 && width <= maxSide && height <= maxSide && width*height <= MaxStillPixels
}

// still is what the boxes of an AVIF or HEIC say: how large the largest picture in it is, before it is turned, and whether its colours are
// those of Display P3, or of a high dynamic range.
type still struct {
	width, height int
	wide          bool
	light         light
}

// metaLimit is how many bytes the box that describes the pictures may have; with a thousand tiles it has 50 kB, and a colour profile more.
const metaLimit = 4 << 20

// readStill looks at a picture's boxes (ISO 23008-12). One that says of no picture how large it is is ErrFormat; too many pixels are
// ErrTooManyPixels.
func readStill(path string) (still, error) {
	f, err := os.Open(path)
	if err != nil {
		return still{}, fmt.Errorf("opening a picture: %w", err)
	}
	defer func() { _ = f.Close() }()
	meta, err := findMeta(f)
	if err != nil {
		return still{}, err
	}
	return describe(meta)
}

// findMeta reads the body of the box "meta", wherever it is among the outermost ones.
func findMeta(r io.ReaderAt) ([]byte, error) {
	const most = 1000 // boxes; files have three or four
	at := int64(0)
	for range most {
		var h [16]byte
		if n, _ := r.ReadAt(h[:], at); n < 8 {
			break
		}
		size, header := int64(binary.BigEndian.Uint32(h[:])), int64(8)
		if size == 1 {
			size, header = int64(binary.BigEndian.Uint64(h[8:])), 16
		}
		if string(h[4:8]) == "meta" && size-header <= metaLimit && size > header+4 {
			body := make([]byte, size-header)
			if _, err := r.ReadAt(body, at+header); err != nil {
				return nil, fmt.Errorf("%w: the file ends early", ErrFormat)
			}
			return body[4:], nil // version and flags
		}
		if size < header || at > 1<<40 {
			break
		}
		at += size
	}
	return nil, fmt.Errorf("%w: nothing is said of the pictures", ErrFormat)
}

// describe reads the properties of pictures: meta, iprp, ipco.
func describe(meta []byte) (still, error) {
	var found still
	var lights []light
	for property := range boxes(inside(inside(meta, "iprp"), "ipco")) {
		body := property.body
		switch {
		case property.name == "ispe" && len(body) >= 12:
			width, height := int64(binary.BigEndian.Uint32(body[4:])), int64(binary.BigEndian.Uint32(body[8:]))
			if width > maxSide || height > maxSide || width*height > MaxStillPixels {
				return still{}, ErrTooManyPixels
			}
			if int(width*height) > found.width*found.height {
				found.width, found.height = int(width), int(height)
			}
		case property.name == "colr":
			found.wide = found.wide || isP3(body)
			lights = append(lights, lightOf(body))
		}
	}
	if !sane(found.width, found.height) {
		return still{}, fmt.Errorf("%w: no picture has a size", ErrFormat)
	}
	// A picture of the usual range may have a map beside it that makes it brighter, and says how: then not all say the same.
	if mapped := bytes.Contains(inside(meta, "iinf"), []byte("tmap")); len(lights) > 0 && !mapped && !slices.ContainsFunc(lights, func(l light) bool { return l != lights[0] }) {
		found.light = lights[0]
	}
	return found, nil
}

type box struct {
	name string
	body []byte
}

// boxes goes through the boxes in b; it stops where one does not fit.
func boxes(b []byte) func(yield func(box) bool) {
	return func(yield func(box) bool) {
		for len(b) >= 8 {
			size := int64(binary.BigEndian.Uint32(b))
			if size < 8 || size > int64(len(b)) || !yield(box{string(b[4:8]), b[8:size]}) {
				return
			}
			b = b[size:]
		}
	}
}

// inside is the body of the first box of a name.
func inside(b []byte, name string) []byte {
	for one := range boxes(b) {
		if one.name == name {
			return one.body
		}
	}
	return nil
}
