package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
)

// paint draws a frame where it belongs.
func paint(on *image.RGBA, frame image.Image) {
	draw.Draw(on, frame.Bounds(), frame, frame.Bounds().Min, draw.Over)
}

func paintAt(on *image.RGBA, frame image.Image, at image.Point) {
	b := frame.Bounds()
	draw.Draw(on, image.Rectangle{at, at.Add(b.Size())}, frame, b.Min, draw.Over)
}

// animate makes a moving picture anew, of at most the size of a rendition. Its frames keep their palettes: new pixels are those that lie nearest.
func (p *Picture) animate(r Rendition) (Encoded, error) {
	g := p.Animation
	whole := image.Rect(0, 0, g.Config.Width, g.Config.Height)
	from, w, h := r.place(whole.Dx(), whole.Dy())
	if w >= from.Dx() || h >= from.Dy() { // never larger: nothing would be gained
		w, h = from.Dx(), from.Dy()
	}
	out := gif.GIF{LoopCount: g.LoopCount, Delay: g.Delay, Disposal: g.Disposal, BackgroundIndex: g.BackgroundIndex, Config: image.Config{ColorModel: g.Config.ColorModel, Width: w, Height: h}}
	if from == whole && w == whole.Dx() && h == whole.Dy() {
		out.Image = g.Image
	} else {
		for _, frame := range g.Image {
			out.Image = append(out.Image, scaleFrame(frame, from, w, h))
		}
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &out); err != nil {
		return Encoded{}, fmt.Errorf("encoding an animation: %w", err)
	}
	return Encoded{Bytes: b.Bytes(), Type: "image/gif", Ext: ".gif", Width: w, Height: h}, nil
}

// scaleFrame shows the part of a frame that lies in from, as w×h pixels.
func scaleFrame(frame *image.Paletted, from image.Rectangle, w, h int) *image.Paletted {
	place := func(v, origin, size, to int) int { return ((v-origin)*to + size/2) / size }
	b := frame.Bounds().Intersect(from)
	at := image.Rect(place(b.Min.X, from.Min.X, from.Dx(), w), place(b.Min.Y, from.Min.Y, from.Dy(), h),
		place(b.Max.X, from.Min.X, from.Dx(), w), place(b.Max.Y, from.Min.Y, from.Dy(), h)).Intersect(image.Rect(0, 0, w, h))
	if b.Empty() || at.Empty() { // nothing of it is seen; a file needs a pixel all the same
		out := image.NewPaletted(image.Rect(0, 0, 1, 1), frame.Palette)
		out.Pix[0] = transparent(frame.Palette)
		return out
	}
	out := image.NewPaletted(at, frame.Palette)
	for y := at.Min.Y; y < at.Max.Y; y++ {
		sy := min(max(from.Min.Y+(2*y+1)*from.Dy()/(2*h), b.Min.Y), b.Max.Y-1)
		for x := at.Min.X; x < at.Max.X; x++ {
			sx := min(max(from.Min.X+(2*x+1)*from.Dx()/(2*w), b.Min.X), b.Max.X-1)
			out.SetColorIndex(x, y, frame.ColorIndexAt(sx, sy))
		}
	}
	return out
}

// transparent is the place of a colour that shows nothing, or the first.
func transparent(p color.Palette) uint8 {
	for i, c := range p {
		if _, _, _, a := c.RGBA(); a == 0 {
			return uint8(i) //nolint:gosec // a palette has at most 256
		}
	}
	return 0
}
