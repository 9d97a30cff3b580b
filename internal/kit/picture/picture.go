// Package picture owns reading pictures of strangers and making clean ones of them: what comes out was drawn anew from the pixels, or copied
// without anything but them; metadata, scripts and whatever else hid in the file stay behind (MED-03, MED-06).
//
// It knows JPEG, PNG, GIF and WebP, with no help. What strangers sent is decoded in a process of its own: see MakeApart.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

const (
	// MaxPixels is how many pixels a picture may have (Mastodon's matrix limit).
	MaxPixels = 33_177_600
	// maxFrames is how many frames an animation may have, and maxFramePixels how many pixels they may have together (MED-04).
	maxFrames      = 1000
	maxFramePixels = 64_000_000
	// maxSide keeps a picture of few pixels from being absurdly long.
	maxSide = 16_384
	// quality of JPEG files made here.
	quality = 88
)

// Formats are the types of pictures that are read, in the order in which they are told to clients.
var Formats = []string{"image/jpeg", "image/png", "image/gif", "image/webp"}

// ErrFormat says that the bytes are no picture that is read here; ErrTooLarge that it has too many pixels or frames.
var (
	ErrFormat   = errors.New("not a picture of a known format")
	ErrTooLarge = errors.New("the picture has too many pixels or frames")
)

// Picture is a decoded picture, as its file has it: whoever held the camera may have turned it.
type Picture struct {
	// Image is the picture, or the first frame of one that moves.
	Image image.Image
	// Animation is set for those that move.
	Animation *gif.GIF
	format    string
	turned    int
	profile   profile
}

// lossless says that it came in a format for drawings and screenshots.
func (p *Picture) lossless() bool { return p.format == "image/png" || p.format == "image/gif" }

// Decode reads a picture. The format is what the bytes are, whatever anybody says that they are (MED-01, MED-05).
func Decode(body []byte) (*Picture, error) {
	format, cfg, err := config(body)
	if err != nil {
		return nil, err
	}
	if !sane(cfg) {
		return nil, ErrTooLarge
	}
	p := &Picture{format: format, turned: orientation(exif(format, body))}
	switch format {
	case "image/gif":
		err = p.decodeGIF(body, cfg)
	case "image/png":
		if n := pngFrames(body); n > maxFrames || n*cfg.Width*cfg.Height > maxFramePixels && n > 1 {
			return nil, ErrTooLarge
		}
		p.Image, err = png.Decode(bytes.NewReader(body))
	case "image/webp":
		p.Image, err = decodeWebP(body)
	case "image/jpeg":
		if jpegScans(body) > maxScans {
			return nil, ErrTooLarge
		}
		p.Image, err = jpeg.Decode(bytes.NewReader(body))
	}
	switch {
	case errors.Is(err, ErrTooLarge):
		return nil, ErrTooLarge
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	_, gray := p.Image.(*image.Gray)
	p.profile = profileOf(format, body, gray)
	return p, nil
}

// Size tells a picture's width and height in pixels, as they are stored, without decoding it. Too large ones are an error as with Decode.
func Size(body []byte) (width, height int, err error) {
	_, cfg, err := config(body)
	if err == nil && !sane(cfg) {
		err = ErrTooLarge
	}
	return cfg.Width, cfg.Height, err
}

// Format tells a picture's type by its first bytes; empty for what is none that is read here.
func Format(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case bytes.HasPrefix(head, []byte("GIF87a")), bytes.HasPrefix(head, []byte("GIF89a")):
		return "image/gif"
	case len(head) > 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return "image/webp"
	}
	return ""
}

func sane(cfg image.Config) bool {
	return cfg.Width > 0 && cfg.Height > 0 && cfg.Width <= maxSide && cfg.Height <= maxSide && cfg.Width*cfg.Height <= MaxPixels
}

// config tells a picture's format and dimensions by its first bytes.
func config(body []byte) (string, image.Config, error) {
	readers := map[string]func(io.Reader) (image.Config, error){"image/jpeg": jpeg.DecodeConfig, "image/png": png.DecodeConfig, "image/gif": gif.DecodeConfig, "image/webp": webp.DecodeConfig}
	format := Format(body)
	read, known := readers[format]
	if !known {
		return "", image.Config{}, ErrFormat
	}
	cfg, err := read(bytes.NewReader(body))
	if err != nil {
		return "", cfg, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return format, cfg, nil
}

func (p *Picture) decodeGIF(body []byte, cfg image.Config) error {
	frames, err := gifFrames(body)
	if err != nil {
		return err
	}
	if frames > maxFrames || frames*cfg.Width*cfg.Height > maxFramePixels {
		return ErrTooLarge
	}
	if frames == 1 {
		p.Image, err = gif.Decode(bytes.NewReader(body))
		return err
	}
	all, err := gif.DecodeAll(bytes.NewReader(body))
	if err != nil || len(all.Image) == 0 {
		return errors.Join(ErrFormat, err)
	}
	p.Animation = all
	first := image.NewRGBA(image.Rect(0, 0, all.Config.Width, all.Config.Height))
	paint(first, all.Image[0])
	p.Image = first
	return nil
}

// decodeWebP reads a WebP file, or the first frame of one that moves.
func decodeWebP(body []byte) (image.Image, error) {
	still, x, y, moves := webpStill(body)
	if !moves {
		return webp.Decode(bytes.NewReader(body))
	}
	w, h, frames := webpCanvas(body)
	if frames > maxFrames || frames*w*h > maxFramePixels {
		return nil, ErrTooLarge
	}
	cfg, err := webp.DecodeConfig(bytes.NewReader(still))
	if err != nil {
		return nil, err
	}
	if !sane(cfg) || !sane(image.Config{Width: w, Height: h}) {
		return nil, ErrTooLarge
	}
	frame, err := webp.Decode(bytes.NewReader(still))
	if err != nil || x == 0 && y == 0 && frame.Bounds().Dx() == w && frame.Bounds().Dy() == h {
		return frame, err
	}
	canvas := image.NewRGBA(image.Rect(0, 0, w, h))
	paintAt(canvas, frame, image.Pt(x, y))
	return canvas, nil
}
