// Package picture owns reading pictures of strangers and making clean ones of them: what comes out was drawn anew from the
// pixels, without metadata, scripts or anything else that hid in the file (MED-03, MED-06).
package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"

	"github.com/buckket/go-blurhash"
	"golang.org/x/image/draw"
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
	// AtOnce is how many pictures are worked on at the same time; each may need 150 MB.
	AtOnce = 2
)

// Formats are the types of pictures that are read, in the order in which they are told to clients.
var Formats = []string{"image/jpeg", "image/png", "image/gif", "image/webp"}

// ErrFormat says that the bytes are no picture that is read here; ErrTooLarge that it has too many pixels or frames.
var (
	ErrFormat   = errors.New("not a picture of a known format")
	ErrTooLarge = errors.New("the picture has too many pixels or frames")
)

// Picture is a decoded picture, upright. Animation is set for those that move; Image is then the first frame.
type Picture struct {
	Image     image.Image
	Animation *gif.GIF
	// lossless says that it came in a format for drawings and screenshots.
	lossless bool
}

// Encoded is a finished file.
type Encoded struct {
	Bytes         []byte
	Type, Ext     string
	Width, Height int
}

// Studio works on pictures, a few at a time.
type Studio struct{ slots chan struct{} }

// NewStudio opens a studio.
func NewStudio() *Studio { return &Studio{make(chan struct{}, AtOnce)} }

// Do runs work in one of the slots; it waits for a free one as long as ctx lasts.
func (s *Studio) Do(ctx context.Context, work func() error) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.slots }()
	return work()
}

// Decode reads a picture. The format is what the bytes are, whatever anybody says that they are (MED-01, MED-05).
func Decode(body []byte) (*Picture, error) {
	format, cfg, err := config(body)
	if err != nil {
		return nil, err
	}
	if !sane(cfg) {
		return nil, ErrTooLarge
	}
	p := &Picture{}
	switch format {
	case "image/gif":
		return decodeGIF(body, cfg)
	case "image/png":
		p.lossless = true
		p.Image, err = png.Decode(bytes.NewReader(body))
	case "image/webp":
		p.Image, err = webp.Decode(bytes.NewReader(body))
	case "image/jpeg":
		if p.Image, err = jpeg.Decode(bytes.NewReader(body)); err == nil {
			p.Image = upright(p.Image, orientation(body))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
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

func sane(cfg image.Config) bool {
	return cfg.Width > 0 && cfg.Height > 0 && cfg.Width <= maxSide && cfg.Height <= maxSide && cfg.Width*cfg.Height <= MaxPixels
}

// config tells a picture's format and dimensions by its first bytes.
func config(body []byte) (string, image.Config, error) {
	type reader = func(io.Reader) (image.Config, error)
	var format string
	var read reader
	switch {
	case bytes.HasPrefix(body, []byte("\xff\xd8\xff")):
		format, read = "image/jpeg", jpeg.DecodeConfig
	case bytes.HasPrefix(body, []byte("\x89PNG\r\n\x1a\n")):
		format, read = "image/png", png.DecodeConfig
	case bytes.HasPrefix(body, []byte("GIF87a")), bytes.HasPrefix(body, []byte("GIF89a")):
		format, read = "image/gif", gif.DecodeConfig
	case len(body) > 12 && string(body[:4]) == "RIFF" && string(body[8:12]) == "WEBP":
		format, read = "image/webp", webp.DecodeConfig
	default:
		return "", image.Config{}, ErrFormat
	}
	cfg, err := read(bytes.NewReader(body))
	if err != nil {
		return "", cfg, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return format, cfg, nil
}

func decodeGIF(body []byte, cfg image.Config) (*Picture, error) {
	frames, err := gifFrames(body)
	if err != nil {
		return nil, err
	}
	if frames > maxFrames || frames*cfg.Width*cfg.Height > maxFramePixels {
		return nil, ErrTooLarge
	}
	if frames == 1 {
		img, err := gif.Decode(bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		return &Picture{Image: img, lossless: true}, nil
	}
	all, err := gif.DecodeAll(bytes.NewReader(body))
	if err != nil || len(all.Image) == 0 {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return &Picture{Image: all.Image[0], Animation: all, lossless: true}, nil
}

// Fit scales a picture down to at most so many pixels; smaller ones stay.
func Fit(img image.Image, pixels int) image.Image {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if w*h <= pixels {
		return img
	}
	scale := math.Sqrt(float64(pixels) / float64(w*h))
	return resize(img, b, max(int(float64(w)*scale), 1), max(int(float64(h)*scale), 1))
}

// Fill cuts the middle out of a picture and scales it to exactly w×h.
func Fill(img image.Image, w, h int) image.Image {
	b := img.Bounds()
	cut := b
	if b.Dx()*h > b.Dy()*w {
		width := max(b.Dy()*w/h, 1)
		cut.Min.X += (b.Dx() - width) / 2
		cut.Max.X = cut.Min.X + width
	} else {
		height := max(b.Dx()*h/w, 1)
		cut.Min.Y += (b.Dy() - height) / 2
		cut.Max.Y = cut.Min.Y + height
	}
	return resize(img, cut, w, h)
}

// slowPixels is from where on the quick scaler is used.
const slowPixels = 4_000_000

func resize(img image.Image, from image.Rectangle, w, h int) image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	scaler := draw.Interpolator(draw.CatmullRom)
	if from.Dx()*from.Dy() > slowPixels {
		scaler = draw.BiLinear
	}
	scaler.Scale(out, out.Bounds(), img, from, draw.Src, nil)
	return out
}

// Encode writes a still picture: as PNG where it has transparent parts or came without loss, as JPEG otherwise.
func (p *Picture) Encode(img image.Image) (Encoded, error) {
	out := Encoded{Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}
	var b bytes.Buffer
	var err error
	if p.lossless || !opaque(img) {
		out.Type, out.Ext = "image/png", ".png"
		err = png.Encode(&b, img)
	} else {
		out.Type, out.Ext = "image/jpeg", ".jpg"
		err = jpeg.Encode(&b, img, &jpeg.Options{Quality: quality})
	}
	if err != nil {
		return out, fmt.Errorf("encoding a picture: %w", err)
	}
	out.Bytes = b.Bytes()
	return out, nil
}

// EncodeAnimation writes a moving picture, frame by frame.
func (p *Picture) EncodeAnimation() (Encoded, error) {
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, p.Animation); err != nil {
		return Encoded{}, fmt.Errorf("encoding an animation: %w", err)
	}
	return Encoded{b.Bytes(), "image/gif", ".gif", p.Animation.Config.Width, p.Animation.Config.Height}, nil
}

func opaque(img image.Image) bool {
	o, ok := img.(interface{ Opaque() bool })
	return ok && o.Opaque()
}

// hashPixels is the size of the picture that a blurhash is made of; more changes nothing that one could see.
const hashPixels = 64 * 64

// Blurhash describes a picture's colours in a few characters.
func Blurhash(img image.Image) (string, error) {
	small := Fit(img, hashPixels)
	flat := image.NewNRGBA(small.Bounds())
	draw.Draw(flat, flat.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), small, small.Bounds().Min, draw.Over)
	s, err := blurhash.Encode(4, 4, flat)
	if err != nil {
		return "", fmt.Errorf("hashing a picture: %w", err)
	}
	return s, nil
}
