package picture

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// jpegSegment is one marker of a JPEG file with what it carries; scans go on to the next marker.
type jpegSegment struct {
	marker byte
	body   []byte // after the length
	raw    []byte // with the marker, and a scan's data
}

// Markers of JPEG (ITU T.81, table B.1).
const (
	markerSOI, markerEOI, markerSOS     = 0xd8, 0xd9, 0xda
	markerAPP0, markerAPP1, markerAPP2  = 0xe0, 0xe1, 0xe2
	markerAPP14, markerAPP15, markerCOM = 0xee, 0xef, 0xfe
	markerTEM, markerRST0, markerRST7   = 0x01, 0xd0, 0xd7
	maxSegments                         = 4096 // MED-04: no camera makes more scans and tables than a few dozen
	maxScans                            = 200  // MED-04: progressive files have about ten
)

// jpegSegments goes through a file's segments up to its end; what lies behind is nobody's. It ends early where the file is none.
func jpegSegments(b []byte) iter.Seq[jpegSegment] {
	return func(yield func(jpegSegment) bool) {
		at := 2
		for range maxSegments {
			for at < len(b) && b[at] == 0xff && at+1 < len(b) && b[at+1] == 0xff {
				at++ // fill bytes
			}
			if at+2 > len(b) || b[at] != 0xff {
				return
			}
			marker := b[at+1]
			if marker == markerEOI {
				yield(jpegSegment{marker: marker, raw: b[at : at+2]})
				return
			}
			if at+4 > len(b) || marker == markerTEM || marker >= markerRST0 && marker <= markerSOI {
				return
			}
			n := int(binary.BigEndian.Uint16(b[at+2:]))
			end := at + 2 + n
			if n < 2 || end > len(b) {
				return
			}
			body := b[at+4 : end]
			if marker == markerSOS {
				end = scanEnd(b, end)
			}
			if !yield(jpegSegment{marker, body, b[at:end]}) {
				return
			}
			at = end
		}
	}
}

// scanEnd finds the next marker that ends a scan.
func scanEnd(b []byte, at int) int {
	for {
		i := bytes.IndexByte(b[at:], 0xff)
		if i < 0 || at+i+1 >= len(b) {
			return len(b)
		}
		at += i
		if m := b[at+1]; m != 0 && m != 0xff && (m < markerRST0 || m > markerRST7) {
			return at
		}
		at++
	}
}

// chunk is a part of a PNG or RIFF file.
type chunk struct {
	kind string
	body []byte
	raw  []byte
}

// maxChunks bounds how many parts are looked at: a PNG of 33 megapixels in pieces of 8 kB has 16,000.
const maxChunks = 100_000

// pngChunks goes through a PNG's chunks up to its end.
func pngChunks(b []byte) iter.Seq[chunk] {
	return func(yield func(chunk) bool) {
		at := 8
		for range maxChunks {
			if at+12 > len(b) {
				return
			}
			n := int64(binary.BigEndian.Uint32(b[at:]))
			if n > int64(len(b)-at-12) {
				return
			}
			end := at + 12 + int(n)
			c := chunk{string(b[at+4 : at+8]), b[at+8 : end-4], b[at:end]}
			if !yield(c) || c.kind == "IEND" {
				return
			}
			at = end
		}
	}
}

// riffChunks goes through the chunks of a RIFF body, as WebP has them; raw has the padding too.
func riffChunks(b []byte) iter.Seq[chunk] {
	return func(yield func(chunk) bool) {
		at := 0
		for range maxChunks {
			if at+8 > len(b) {
				return
			}
			n := int64(binary.LittleEndian.Uint32(b[at+4:]))
			if n > int64(len(b)-at-8) {
				return
			}
			body := b[at+8 : at+8+int(n)]
			end := min(at+8+int(n+n&1), len(b))
			if !yield(chunk{string(b[at : at+4]), body, b[at:end]}) {
				return
			}
			at = end
		}
	}
}

// webpBody is what lies between a WebP file's first bytes and its declared end.
func webpBody(b []byte) []byte {
	n := int64(binary.LittleEndian.Uint32(b[4:8])) + 8
	return b[12:max(12, min(n, int64(len(b))))]
}

// exif finds a picture's Exif data, in TIFF's form.
func exif(format string, b []byte) []byte {
	switch format {
	case "image/jpeg":
		for s := range jpegSegments(b) {
			if s.marker == markerSOS {
				return nil
			}
			if t, ok := bytes.CutPrefix(s.body, []byte("Exif\x00\x00")); ok && s.marker == markerAPP1 {
				return t
			}
		}
	case "image/png":
		for c := range pngChunks(b) {
			if c.kind == "eXIf" {
				return c.body
			}
		}
	case "image/webp":
		for c := range riffChunks(webpBody(b)) {
			if c.kind == "EXIF" {
				t, _ := bytes.CutPrefix(c.body, []byte("Exif\x00\x00"))
				return t
			}
		}
	}
	return nil
}

const orientationTag = 0x0112

// orientation tells how a camera was held, 1 (upright) to 8.
func orientation(t []byte) int {
	if len(t) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(t[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
		order = binary.BigEndian
	default:
		return 1
	}
	dir := int64(order.Uint32(t[4:]))
	if dir < 8 || dir+2 > int64(len(t)) {
		return 1
	}
	for i := range int64(order.Uint16(t[dir:])) {
		entry := dir + 2 + i*12
		if entry+12 > int64(len(t)) {
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

// webpStill makes a still WebP of the first frame of one that moves, with where that frame lies; ok is false for stills.
func webpStill(b []byte) (still []byte, x, y int, ok bool) {
	for c := range riffChunks(webpBody(b)) {
		if c.kind != "ANMF" || len(c.body) < 16 {
			continue
		}
		u24 := func(at int) int { return int(c.body[at]) | int(c.body[at+1])<<8 | int(c.body[at+2])<<16 }
		var data, alpha []byte
		for part := range riffChunks(c.body[16:]) {
			switch part.kind {
			case "ALPH":
				alpha = part.raw
			case "VP8 ", "VP8L":
				data = part.raw
			}
		}
		if data == nil {
			return nil, 0, 0, false
		}
		var body []byte
		if alpha != nil {
			head := make([]byte, 10) // VP8X: has alpha, and the size
			head[0] = 0x10
			copy(head[4:7], c.body[6:9])
			copy(head[7:10], c.body[9:12])
			body = appendRIFF(body, "VP8X", head)
		}
		body = append(append(body, alpha...), data...)
		return webpFile(body), u24(0) * 2, u24(3) * 2, true
	}
	return nil, 0, 0, false
}

func appendRIFF(to []byte, kind string, body []byte) []byte {
	to = append(to, kind...)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(body))) //nolint:gosec // parts of a file of a few MB
	to = append(to, body...)
	if len(body)%2 == 1 {
		to = append(to, 0)
	}
	return to
}

func webpFile(body []byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4)) //nolint:gosec // a file of a few MB
	return append(append(out, "WEBP"...), body...)
}

// webpCanvas is the size of a WebP's canvas by its first chunk VP8X, and how many frames it has.
func webpCanvas(b []byte) (w, h, frames int) {
	for c := range riffChunks(webpBody(b)) {
		switch {
		case c.kind == "VP8X" && len(c.body) >= 10:
			w = 1 + (int(c.body[4]) | int(c.body[5])<<8 | int(c.body[6])<<16)
			h = 1 + (int(c.body[7]) | int(c.body[8])<<8 | int(c.body[9])<<16)
		case c.kind == "ANMF":
			frames++
		}
	}
	return w, h, frames
}
