// Package draw owns the pictures that tests make.
package draw

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
)

// Quarters is a picture whose upper left is red, upper right green, lower left blue, lower right white.
func Quarters(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{R: 255, A: 255}
			switch {
			case x >= w/2 && y >= h/2:
				c = color.NRGBA{R: 255, G: 255, B: 255, A: 255}
			case x >= w/2:
				c = color.NRGBA{G: 255, A: 255}
			case y >= h/2:
				c = color.NRGBA{B: 255, A: 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// Noise is a picture that cannot be made smaller: as a PNG it has at least three bytes a pixel. Each seed has its own, the same each time.
func Noise(w, h, seed int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	random := rand.NewPCG(uint64(seed), 0) //nolint:gosec // the same each time
	for i := range img.Pix {
		img.Pix[i] = uint8(random.Uint64())
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	return img
}

// encoded is what an encoder writes. None fails but for a size that no picture has, which is a mistake in the test.
func encoded(write func(*bytes.Buffer) error) []byte {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// PNG encodes a picture.
func PNG(img image.Image) []byte {
	return encoded(func(b *bytes.Buffer) error { return png.Encode(b, img) })
}

// JPEG encodes a picture, with a loss.
func JPEG(img image.Image) []byte {
	return encoded(func(b *bytes.Buffer) error { return jpeg.Encode(b, img, nil) })
}

// GIF is a picture of stripes that moves: each frame takes 0.1 s and covers all but some rows and columns of the one before. Its palette has four
// colours, one of which is transparent.
func GIF(w, h, frames int) []byte {
	g := gif.GIF{Config: image.Config{Width: w, Height: h}}
	for i := range frames {
		at := i % min(10, w, h)
		m := image.NewPaletted(image.Rect(at, at, w, h), color.Palette{color.Transparent, color.Black, color.White, color.RGBA{R: 255, A: 255}})
		for j := range m.Pix {
			m.Pix[j] = uint8(1 + (i+j)%3)
		}
		g.Image, g.Delay, g.Disposal = append(g.Image, m), append(g.Delay, 10), append(g.Disposal, gif.DisposalNone)
	}
	return encoded(func(b *bytes.Buffer) error { return gif.EncodeAll(b, &g) })
}

// Photo is a JPEG of quarters as a camera makes it, with Exif. The orientation is 1 to 8, of which those from 5 on swap width and height.
func Photo(w, h, orientation int) []byte {
	return Segment(JPEG(Quarters(w, h)), 0xe1, "Exif\x00\x00"+Exif(orientation))
}

// Huge is a small PNG that says that it has 50,000 × 50,000 pixels.
func Huge() []byte {
	b := PNG(Quarters(8, 8))
	binary.BigEndian.PutUint32(b[16:], 50_000)
	binary.BigEndian.PutUint32(b[20:], 50_000)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

// Exif is Exif data with an orientation (1 to 8), a place on earth and a serial number. "GPS" is found in its bytes.
func Exif(orientation int) string {
	b := []byte("II*\x00\x08\x00\x00\x00\x02\x00" + // the lowest byte first; two entries of twelve bytes
		"\x12\x01\x03\x00\x01\x00\x00\x00?\x00\x00\x00" + // the orientation
		"\x25\x88\x04\x00\x01\x00\x00\x00\x26\x00\x00\x00" + // the place is at 38
		"\x00\x00\x00\x00GPS-52.5200,13.4050 serial 12345678")
	b[18] = byte(orientation)
	return string(b)
}

// Segment puts a marker's segment at the beginning of a JPEG.
func Segment(jpeg []byte, marker byte, body string) []byte {
	s := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, marker}, uint16(len(body)+2))
	return append(append(s, body...), jpeg[2:]...)
}

// Chunk puts a chunk behind a PNG's first.
func Chunk(png []byte, kind, body string) []byte {
	c := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	c = append(append(c, kind...), body...)
	c = binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
	return append(append(bytes.Clone(png[:33]), c...), png[33:]...)
}
