package picture

import (
	"bytes"
	"encoding/binary"
)

// Strip copies a picture without touching a pixel, and without anything but its pixels and what their colours mean: no metadata, no comments,
// no thumbnails, nothing behind its end (MED-03, MED-06). The picture must have been decoded before; ErrFormat says that its parts are not what
// they should be.
func Strip(b []byte) ([]byte, error) {
	format, _, err := config(b)
	if err != nil {
		return nil, err
	}
	var out []byte
	switch format {
	case "image/jpeg":
		out = stripJPEG(b)
	case "image/png":
		out = stripPNG(b)
	case "image/gif":
		out = stripGIF(b)
	case "image/webp":
		out = stripWebP(b)
	}
	if out == nil {
		return nil, ErrFormat
	}
	return out, nil
}

func stripJPEG(b []byte) []byte {
	out := []byte{0xff, markerSOI}
	scans, ended, gray := 0, false, false
	for s := range jpegSegments(b) {
		switch {
		case s.marker >= markerAPP0 && s.marker <= markerAPP15 && s.marker != markerAPP14, s.marker == markerCOM:
			continue
		case s.marker == markerAPP14 && (len(s.body) < 12 || !bytes.HasPrefix(s.body, []byte("Adobe"))):
			continue
		case s.marker == markerSOS:
			scans++
		case s.marker >= 0xc0 && s.marker <= 0xc2 && len(s.body) > 5:
			gray = s.body[5] == 1
		case s.marker == markerEOI:
			ended = true
		}
		out = append(out, s.raw...)
	}
	if scans == 0 || scans > maxScans {
		return nil
	}
	if !ended {
		out = append(out, 0xff, markerEOI)
	}
	return profileOf("image/jpeg", b, gray).intoJPEG(out)
}

// pngKept are the chunks that have pixels, or say how they are shown; acTL, fcTL and fdAT are frames of those that move.
var pngKept = map[string]bool{"IHDR": true, "PLTE": true, "tRNS": true, "IDAT": true, "IEND": true, "sRGB": true, "sBIT": true, "acTL": true, "fcTL": true, "fdAT": true}

func stripPNG(b []byte) []byte {
	out := bytes.Clone(b[:8])
	frames, ended := 0, false
	p := pngProfile(b, len(b) > 25 && b[25]&2 == 0)
	for c := range pngChunks(b) {
		if c.kind == "fcTL" {
			frames++
		}
		if pngKept[c.kind] {
			out = append(out, c.raw...)
		}
		if c.kind == "IHDR" {
			out = append(out, p.pngBytes()...)
		}
		ended = c.kind == "IEND"
	}
	if !ended || frames > maxFrames {
		return nil
	}
	return out
}

// stripGIF leaves out comments, texts and what applications put in, but for how often an animation is played.
func stripGIF(b []byte) []byte {
	if len(b) < 13 {
		return nil
	}
	at := 13 + colorTable(b[10])
	if at > len(b) {
		return nil
	}
	out := bytes.Clone(b[:at])
	for at < len(b) {
		from, keep := at, true
		switch b[at] {
		case 0x21:
			if at+2 > len(b) {
				return nil
			}
			label := b[at+1]
			at = skipBlocks(b, at+2)
			keep = label == 0xf9 || label == 0xff && at > 0 && bytes.HasPrefix(b[from+2:at], []byte("\x0bNETSCAPE2.0"))
		case 0x2c:
			if at+10 > len(b) {
				return nil
			}
			at = skipBlocks(b, at+10+colorTable(b[at+9])+1)
		case 0x3b:
			return append(out, 0x3b)
		default:
			return nil
		}
		if at < 0 {
			return nil
		}
		if keep {
			out = append(out, b[from:at]...)
		}
	}
	return append(out, 0x3b)
}

// Flags of WebP's first chunk, VP8X.
const (
	webpHasICC  = 0x20
	webpHasEXIF = 0x08
	webpHasXMP  = 0x04
)

func stripWebP(b []byte) []byte {
	var body []byte
	icc := profileOf("image/webp", b, false).icc
	frames, pixels := 0, false
	for c := range riffChunks(webpBody(b)) {
		switch c.kind {
		case "VP8X":
			if len(c.body) != 10 {
				return nil
			}
			head := bytes.Clone(c.body)
			head[0] &^= webpHasICC | webpHasEXIF | webpHasXMP
			if icc != nil {
				head[0] |= webpHasICC
			}
			body = appendRIFF(body, c.kind, head)
			if icc != nil {
				body = appendRIFF(body, "ICCP", icc)
			}
		case "VP8 ", "VP8L":
			pixels = true
			body = appendRIFF(body, c.kind, c.body)
		case "ALPH", "ANIM":
			body = appendRIFF(body, c.kind, c.body)
		case "ANMF":
			if frames++; len(c.body) < 16 || frames > maxFrames {
				return nil
			}
			frame := bytes.Clone(c.body[:16])
			for part := range riffChunks(c.body[16:]) {
				if part.kind == "ALPH" || part.kind == "VP8 " || part.kind == "VP8L" {
					pixels = true
					frame = appendRIFF(frame, part.kind, part.body)
				}
			}
			body = appendRIFF(body, c.kind, frame)
		}
	}
	if !pixels {
		return nil
	}
	return webpFile(body)
}

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

// jpegScans counts a JPEG's scans, and pngFrames an animated PNG's frames.
func jpegScans(b []byte) int {
	n := 0
	for s := range jpegSegments(b) {
		if s.marker == markerSOS {
			n++
		}
	}
	return n
}

func pngFrames(b []byte) int {
	for c := range pngChunks(b) {
		switch {
		case c.kind == "acTL" && len(c.body) >= 4:
			return int(binary.BigEndian.Uint32(c.body))
		case c.kind == "IDAT":
			return 1
		}
	}
	return 1
}
