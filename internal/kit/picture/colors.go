package picture

import (
	"fmt"
	"image"
	"image/color"
	"math"
)

// Colors are what goes with a picture, as #rrggbb: what its edges mostly are, what can be read on that, and what stands out.
type Colors struct{ Background, Foreground, Accent string }

const (
	// colorPixels is the size of the picture that colours are counted in.
	colorPixels = 64 * 64
	// legible is how much text must stand out (WCAG 2, level AA for large text).
	legible = 3.0
)

// bucket is a number of pixels of nearly the same colour.
type bucket struct{ n, edge, r, g, b int }

func (c bucket) color() color.RGBA {
	n := max(c.n, 1)
	return color.RGBA{uint8(c.r / n), uint8(c.g / n), uint8(c.b / n), 255} //nolint:gosec // means of bytes
}

// colorsOf counts a picture's colours, in sixteen steps of each of red, green and blue.
func colorsOf(r raster) Colors {
	w, h := fit(r.w, r.h, colorPixels)
	buckets := map[int]*bucket{}
	img := r.resize(w, h).image()
	at := img.Bounds().Min
	for y := range h {
		for x := range w {
			c, _ := color.RGBAModel.Convert(img.At(at.X+x, at.Y+y)).(color.RGBA)
			key := int(c.R>>4)<<8 | int(c.G>>4)<<4 | int(c.B>>4)
			b := buckets[key]
			if b == nil {
				b = &bucket{}
				buckets[key] = b
			}
			b.n, b.r, b.g, b.b = b.n+1, b.r+int(c.R), b.g+int(c.G), b.b+int(c.B)
			if onEdge(image.Pt(x, y), w, h) {
				b.edge++
			}
		}
	}
	back := best(buckets, func(b *bucket) float64 { return float64(b.edge) }).color()
	front := best(buckets, func(b *bucket) float64 {
		if contrast(b.color(), back) < legible {
			return 0
		}
		return float64(b.n)
	}).color()
	if contrast(front, back) < legible {
		front = color.RGBA{A: 255}
		if white := (color.RGBA{255, 255, 255, 255}); contrast(white, back) > contrast(front, back) {
			front = white
		}
	}
	accent := best(buckets, func(b *bucket) float64 {
		c := b.color()
		lively := float64(max(c.R, c.G, c.B) - min(c.R, c.G, c.B))
		return lively * math.Sqrt(float64(b.n)) * math.Min(contrast(c, back), 4)
	}).color()
	return Colors{hexOf(back), hexOf(front), hexOf(accent)}
}

func onEdge(p image.Point, w, h int) bool {
	return p.X < (w+7)/8 || p.Y < (h+7)/8 || p.X >= w-(w+7)/8 || p.Y >= h-(h+7)/8
}

// best is the bucket that counts most; among equals the one with more pixels, then the darker one, so that the answer is always the same.
func best(buckets map[int]*bucket, worth func(*bucket) float64) bucket {
	var top bucket
	most := math.Inf(-1)
	for _, b := range buckets {
		v := worth(b)
		if v > most || v == most && (b.n > top.n || b.n == top.n && b.r+b.g+b.b < top.r+top.g+top.b) {
			most, top = v, *b
		}
	}
	return top
}

// contrast is how much two colours stand out from each other, 1 to 21 (WCAG 2).
func contrast(a, b color.RGBA) float64 {
	la, lb := luminance(a), luminance(b)
	if la < lb {
		la, lb = lb, la
	}
	return (la + 0.05) / (lb + 0.05)
}

func luminance(c color.RGBA) float64 {
	part := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*part(c.R) + 0.7152*part(c.G) + 0.0722*part(c.B)
}

func hexOf(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }
