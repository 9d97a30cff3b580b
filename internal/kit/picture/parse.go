package picture

import (
	"encoding/binary"
	"image"
)

// gifFrames counts an animation's frames without decoding one.
func gifFrames(b []byte) (int, error) {
	if len(b) < 13 {
		return 0, ErrFormat
	}
	at := 13 + colorTable(b[10])
	frames := 0
	for at < len(b) {
		switch b[at] {
		case 0x21: // an extension
			at = skipBlocks(b, at+2)
		case 0x2c: // a frame
			frames++
			if frames > maxFrames {
				return frames, nil
			}
			if at+10 > len(b) {
				return 0, ErrFormat
			}
			at = skipBlocks(b, at+10+colorTable(b[at+9])+1)
		case 0x3b: // the end
			at = len(b)
		default:
			return 0, ErrFormat
		}
		if at < 0 {
			return 0, ErrFormat
		}
	}
	if frames == 0 {
		return 0, ErrFormat
	}
	return frames, nil
}

// colorTable is the size in bytes of the table that a flags byte announces.
func colorTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// skipBlocks gives the place after a chain of blocks, -1 when it has no end.
func skipBlocks(b []byte, at int) int {
	for at < len(b) {
		n := int(b[at])
		at += n + 1
		if n == 0 {
			return at
		}
	}
	return -1
}

const orientationTag = 0x0112

// orientation finds how a camera was held, 1 (upright) to 8, in a JPEG's first Exif segment.
func orientation(b []byte) int {
	at := 2
	for at+4 <= len(b) && b[at] == 0xff {
		marker, n := b[at+1], int(binary.BigEndian.Uint16(b[at+2:]))
		if marker == 0xda || n < 2 || at+2+n > len(b) {
			return 1
		}
		seg := b[at+4 : at+2+n]
		if marker == 0xe1 && len(seg) > 14 && string(seg[:6]) == "Exif\x00\x00" {
			return tiffOrientation(seg[6:])
		}
		at += 2 + n
	}
	return 1
}

func tiffOrientation(t []byte) int {
	var order binary.ByteOrder
	switch string(t[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
		order = binary.BigEndian
	default:
		return 1
	}
	dir := int(order.Uint32(t[4:]))
	if dir < 8 || dir+2 > len(t) {
		return 1
	}
	for i := range int(order.Uint16(t[dir:])) {
		entry := dir + 2 + i*12
		if entry+12 > len(t) {
			return 1
		}
		if order.Uint16(t[entry:]) == orientationTag {
			if v := int(order.Uint16(t[entry+8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
	}
	return 1
}

// upright turns and mirrors a picture as its orientation says.
func upright(img image.Image, o int) image.Image {
	if o <= 1 {
		return img
	}
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	size := image.Rect(0, 0, w, h)
	if o >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewNRGBA(size)
	for y := range h {
		for x := range w {
			nx, ny := x, y
			switch o {
			case 2:
				nx = w - 1 - x
			case 3:
				nx, ny = w-1-x, h-1-y
			case 4:
				ny = h - 1 - y
			case 5:
				nx, ny = y, x
			case 6:
				nx, ny = h-1-y, x
			case 7:
				nx, ny = h-1-y, w-1-x
			case 8:
				nx, ny = y, w-1-x
			}
			out.Set(nx, ny, img.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	return out
}
