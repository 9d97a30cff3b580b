package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
)

// profile is what says which colours a picture's numbers mean: an ICC profile of ours, or what a PNG says in chunks of its own.
type profile struct {
	icc    []byte
	chunks []byte // gAMA and cHRM, or cICP, whole
}

const (
	// maxProfile bounds an ICC profile that is read, in bytes; those for screens and cameras have a few hundred to a few thousand.
	maxProfile = 1 << 20
	// maxTag bounds each part that is kept of it: a curve of 4096 points has 8 kB.
	maxTag = 16 << 10
)

// kept are the parts of a profile that say what colours are. Names, owners, dates and devices are not among them.
var kept = []string{"rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC", "kTRC", "wtpt", "chad", "cicp"}

// cleanICC makes a profile anew that says the same of colours and nothing else (ICC.1:2022); nil where it is no plain profile of three colours or
// of gray: those of printers, and those by tables, are rare, and a picture without one is taken as sRGB.
func cleanICC(b []byte, gray bool) []byte {
	if len(b) < 132 || len(b) > maxProfile || string(b[36:40]) != "acsp" || string(b[20:24]) != "XYZ " {
		return nil
	}
	space := string(b[16:20])
	if gray && space != "GRAY" || !gray && space != "RGB " {
		return nil
	}
	type tag struct {
		name string
		body []byte
	}
	var tags []tag
	for i := range min(int(binary.BigEndian.Uint32(b[128:])), 100) {
		at := 132 + i*12
		if at+12 > len(b) {
			return nil
		}
		name, from, n := string(b[at:at+4]), int64(binary.BigEndian.Uint32(b[at+4:])), int64(binary.BigEndian.Uint32(b[at+8:]))
		if from < 128 || n < 8 || n > maxTag || from+n > int64(len(b)) {
			continue
		}
		if slices.Contains(kept, name) && !slices.ContainsFunc(tags, func(t tag) bool { return t.name == name }) {
			tags = append(tags, tag{name, b[from : from+n]})
		}
	}
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !slices.ContainsFunc(tags, func(t tag) bool { return t.name == name }) })
	}
	if gray && !has("kTRC", "wtpt") || !gray && !has("rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC", "wtpt") {
		return nil
	}
	// A description and a copyright are required; version 2's are plain texts.
	tags = append(tags, tag{"desc", append([]byte("desc\x00\x00\x00\x00\x00\x00\x00\x02c\x00"), make([]byte, 78)...)}, tag{"cprt", []byte("text\x00\x00\x00\x00\x00")})
	head := slices.Clone(b[:128])
	clear(head[4:8])    // who made it
	clear(head[24:36])  // when
	clear(head[40:64])  // on what machine, for what device
	clear(head[80:128]) // by whom, and a checksum
	out := binary.BigEndian.AppendUint32(head, uint32(len(tags)))
	at := 132 + 12*len(tags)
	var data []byte
	for _, t := range tags {
		out = append(out, t.name...)
		out = binary.BigEndian.AppendUint32(out, uint32(at+len(data)))
		out = binary.BigEndian.AppendUint32(out, uint32(len(t.body)))
		data = append(data, t.body...)
		for len(data)%4 != 0 {
			data = append(data, 0)
		}
	}
	out = append(out, data...)
	binary.BigEndian.PutUint32(out, uint32(len(out)))
	return out
}

// profileOf finds out what a picture's colours mean; empty for sRGB.
func profileOf(format string, b []byte, gray bool) profile {
	switch format {
	case "image/jpeg":
		return profile{icc: cleanICC(jpegICC(b), gray)}
	case "image/webp":
		for c := range riffChunks(webpBody(b)) {
			if c.kind == "ICCP" {
				return profile{icc: cleanICC(c.body, gray)}
			}
		}
	case "image/png":
		return pngProfile(b, gray)
	}
	return profile{}
}

// jpegICC puts the parts of a JPEG's profile together.
func jpegICC(b []byte) []byte {
	parts := map[byte][]byte{}
	count := byte(0)
	for s := range jpegSegments(b) {
		if s.marker == markerSOS {
			break
		}
		rest, ok := bytes.CutPrefix(s.body, []byte("ICC_PROFILE\x00"))
		if s.marker == markerAPP2 && ok && len(rest) > 2 {
			count = rest[1]
			parts[rest[0]] = rest[2:]
		}
	}
	var out []byte
	for i := range int(count) {
		part, ok := parts[byte(i+1)] //nolint:gosec // at most 255
		if !ok {
			return nil
		}
		if out = append(out, part...); len(out) > maxProfile {
			return nil
		}
	}
	return out
}

func pngProfile(b []byte, gray bool) profile {
	var p profile
	for c := range pngChunks(b) {
		switch c.kind {
		case "IDAT":
			return p
		case "iCCP":
			name := bytes.IndexByte(c.body, 0)
			if name < 0 || name+2 > len(c.body) {
				continue
			}
			z, err := zlib.NewReader(bytes.NewReader(c.body[name+2:]))
			if err != nil {
				continue
			}
			icc, err := io.ReadAll(io.LimitReader(z, maxProfile+1))
			if err == nil {
				p.icc = cleanICC(icc, gray)
			}
		case "gAMA", "cHRM", "cICP":
			if len(c.body) <= 32 {
				p.chunks = append(p.chunks, c.raw...)
			}
		}
	}
	return p
}

// intoJPEG puts a profile into a finished JPEG file. What PNG alone can say is lost: those files are kept as PNG.
func (p profile) intoJPEG(b []byte) []byte {
	if len(p.icc) == 0 || len(p.icc) > 65_000 {
		return b
	}
	segment := []byte{0xff, markerAPP2}
	segment = binary.BigEndian.AppendUint16(segment, uint16(len(p.icc)+16)) //nolint:gosec // at most 65,016
	segment = append(append(segment, "ICC_PROFILE\x00\x01\x01"...), p.icc...)
	at := 2
	if len(b) > 4 && b[3] == markerAPP0 {
		at = 4 + int(binary.BigEndian.Uint16(b[4:]))
	}
	return slices.Insert(b, at, segment...)
}

// pngBytes are the chunks that say the same in a PNG file.
func (p profile) pngBytes() []byte {
	if len(p.icc) == 0 {
		return p.chunks
	}
	var z bytes.Buffer
	z.WriteString("ICC\x00\x00")
	w := zlib.NewWriter(&z)
	_, _ = w.Write(p.icc)
	_ = w.Close()
	return pngChunk("iCCP", z.Bytes())
}

func pngChunk(kind string, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body))) //nolint:gosec // a profile
	out = append(append(out, kind...), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// intoPNG puts a profile into a finished PNG file, after its first chunk.
func (p profile) intoPNG(b []byte) []byte {
	const head = 8 + 12 + 13
	if more := p.pngBytes(); len(more) > 0 && len(b) > head {
		return slices.Insert(b, head, more...)
	}
	return b
}
