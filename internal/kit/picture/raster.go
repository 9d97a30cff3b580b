package picture

import (
	"image"
	"image/draw"
	"math"

	xdraw "golang.org/x/image/draw"
)

// plane is one channel of a picture, or four that lie side by side.
type plane struct {
	pix      []uint8
	stride   int
	w, h     int
	channels int
}

func newPlane(w, h, channels int) plane {
	return plane{make([]uint8, w*h*channels), w * channels, w, h, channels}
}

// cut is a part of a plane; the pixels are shared.
func (p plane) cut(r image.Rectangle) plane {
	return plane{p.pix[r.Min.Y*p.stride+r.Min.X*p.channels:], p.stride, r.Dx(), r.Dy(), p.channels}
}

// raster is a picture as it is worked on: brightness and two planes of colour as JPEG keeps them, brightness alone, or red, green, blue and
// alpha, multiplied, in one plane.
type raster struct {
	w, h   int
	planes []plane
	// flat says that nothing is transparent.
	flat bool
}

// rasterOf takes a decoded picture over. The pixels may be shared with it.
func rasterOf(img image.Image) raster {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	switch m := img.(type) {
	case *image.YCbCr:
		sx, sy := subsampling(m)
		cw, ch := (w+sx-1)/sx, (h+sy-1)/sy
		y, c := m.YOffset(b.Min.X, b.Min.Y), m.COffset(b.Min.X, b.Min.Y)
		return raster{w, h, []plane{{m.Y[y:], m.YStride, w, h, 1}, {m.Cb[c:], m.CStride, cw, ch, 1}, {m.Cr[c:], m.CStride, cw, ch, 1}}, true}
	case *image.Gray:
		return raster{w, h, []plane{{m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, w, h, 1}}, true}
	case *image.RGBA:
		return raster{w, h, []plane{{m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, w, h, 4}}, m.Opaque()}
	case *image.NRGBA:
		if m.Opaque() {
			return raster{w, h, []plane{{m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, w, h, 4}}, true}
		}
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Bounds(), img, b.Min, draw.Src)
	return raster{w, h, []plane{{out.Pix, out.Stride, w, h, 4}}, out.Opaque()}
}

// subsampling is how many pixels across and down share a value of colour.
func subsampling(m *image.YCbCr) (int, int) {
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	return 1, 1
}

// image gives the picture back as one that the encoders know.
func (r raster) image() image.Image {
	rect := image.Rect(0, 0, r.w, r.h)
	switch {
	case len(r.planes) == 3:
		y, cb, cr := r.planes[0], r.planes[1], r.planes[2]
		ratio := image.YCbCrSubsampleRatio444
		switch {
		case cb.w < r.w && cb.h < r.h:
			ratio = image.YCbCrSubsampleRatio420
		case cb.w < r.w:
			ratio = image.YCbCrSubsampleRatio422
		case cb.h < r.h:
			ratio = image.YCbCrSubsampleRatio440
		}
		return &image.YCbCr{Y: y.pix, Cb: cb.pix, Cr: cr.pix, YStride: y.stride, CStride: cb.stride, SubsampleRatio: ratio, Rect: rect}
	case r.planes[0].channels == 1:
		return &image.Gray{Pix: r.planes[0].pix, Stride: r.planes[0].stride, Rect: rect}
	}
	return &image.RGBA{Pix: r.planes[0].pix, Stride: r.planes[0].stride, Rect: rect}
}

// fit is the size of a picture of at most so many pixels, in the same proportions.
func fit(w, h, pixels int) (int, int) {
	if w*h <= pixels {
		return w, h
	}
	scale := math.Sqrt(float64(pixels) / float64(w*h))
	return max(int(float64(w)*scale), 1), max(int(float64(h)*scale), 1)
}

// middle is the largest part of w×h in the proportions of tw×th, from its middle, at even places so that planes of colour can be cut too.
func middle(w, h, tw, th int) image.Rectangle {
	cw, ch := w, h
	if w*th > h*tw {
		cw = max(h*tw/th, 1)
	} else {
		ch = max(w*th/tw, 1)
	}
	at := image.Pt((w-cw)/2&^1, (h-ch)/2&^1)
	return image.Rectangle{at, at.Add(image.Pt(cw, ch))}
}

// cut is a part of a picture, beginning at even places.
func (r raster) cut(c image.Rectangle) raster {
	out := raster{c.Dx(), c.Dy(), make([]plane, len(r.planes)), r.flat}
	for i, p := range r.planes {
		sx, sy := (r.w+p.w-1)/p.w, (r.h+p.h-1)/p.h
		part := image.Rect(c.Min.X/sx, c.Min.Y/sy, (c.Max.X+sx-1)/sx, (c.Max.Y+sy-1)/sy)
		out.planes[i] = p.cut(part.Intersect(image.Rect(0, 0, p.w, p.h)))
	}
	return out
}

// resize scales a picture to w×h: each new pixel is the mean of what it covers, and larger ones are interpolated.
func (r raster) resize(w, h int) raster {
	if w == r.w && h == r.h {
		return r
	}
	if w > r.w || h > r.h {
		out := image.NewRGBA(image.Rect(0, 0, w, h))
		from := r.image()
		xdraw.CatmullRom.Scale(out, out.Bounds(), from, from.Bounds(), xdraw.Src, nil)
		return raster{w, h, []plane{{out.Pix, out.Stride, w, h, 4}}, r.flat}
	}
	out := raster{w, h, make([]plane, len(r.planes)), r.flat}
	for i, p := range r.planes {
		pw, ph := w, h
		if i > 0 { // colour at half the resolution, as JPEG files have it
			pw, ph = (w+1)/2, (h+1)/2
		}
		out.planes[i] = p.shrink(min(pw, p.w), min(ph, p.h))
	}
	return out
}

// upright turns and mirrors a picture as its orientation says, 1 to 8.
func (r raster) upright(o int) raster {
	if o <= 1 {
		return r
	}
	out := raster{r.w, r.h, make([]plane, len(r.planes)), r.flat}
	if o >= 5 {
		out.w, out.h = r.h, r.w
	}
	for i, p := range r.planes {
		out.planes[i] = p.upright(o)
	}
	return out
}

func (p plane) upright(o int) plane {
	w, h := p.w, p.h
	if o >= 5 {
		w, h = h, w
	}
	out := newPlane(w, h, p.channels)
	for y := range p.h {
		line := p.pix[y*p.stride:][:p.w*p.channels]
		for x := range p.w {
			nx, ny := x, y
			switch o {
			case 2:
				nx = p.w - 1 - x
			case 3:
				nx, ny = p.w-1-x, p.h-1-y
			case 4:
				ny = p.h - 1 - y
			case 5:
				nx, ny = y, x
			case 6:
				nx, ny = p.h-1-y, x
			case 7:
				nx, ny = p.h-1-y, p.w-1-x
			case 8:
				nx, ny = y, p.w-1-x
			}
			at := ny*out.stride + nx*p.channels
			if p.channels == 1 {
				out.pix[at] = line[x]
			} else {
				copy(out.pix[at:at+4], line[x*4:])
			}
		}
	}
	return out
}
