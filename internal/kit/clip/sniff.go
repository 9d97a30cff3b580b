package clip

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Kind is what a file is built as, which says how it is read. The zero value is nothing that is read here.
type Kind string

// The kinds that are read. A kind is the name of ffmpeg's demuxer, except for pictures.
const (
	None     Kind = ""
	MOV      Kind = "mov" // MP4, QuickTime, 3GPP and what else is built of the same boxes
	Matroska Kind = "matroska"
	Ogg      Kind = "ogg"
	MP3      Kind = "mp3"
	WAV      Kind = "wav"
	FLAC     Kind = "flac"
	AAC      Kind = "aac"
	ASF      Kind = "asf"
	GIF      Kind = "gif"
	AVIF     Kind = "avif"
	HEIC     Kind = "heic"
)

// SniffLength is how many bytes Sniff looks at.
const SniffLength = 4096

// Sniff tells what a file is by its first bytes, never by a name: its kind and MIME type, or None. Whether what may hold both has moving
// pictures or only sound is told by Probe. Playlists, drawings, pages and texts are never anything.
func Sniff(head []byte) (kind Kind, mime string) {
	head = head[:min(len(head), SniffLength)]
	switch {
	case has(head, 4, "ftyp"):
		return sniffBrands(head)
	case isBareMOV(head):
		return MOV, "video/quicktime"
	case has(head, 0, "\x1a\x45\xdf\xa3"):
		return sniffEBML(head)
	case has(head, 0, "OggS\x00\x02"):
		return sniffOgg(head)
	case has(head, 0, "RIFF") && has(head, 8, "WAVE"):
		return WAV, "audio/wav"
	case has(head, 0, "fLaC\x00\x00\x00\x22") || has(head, 0, "fLaC\x80\x00\x00\x22"): // the first block is of 34 bytes, and maybe the only one
		return FLAC, "audio/flac"
	case has(head, 0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"):
		return ASF, "video/x-ms-asf"
	case has(head, 0, "GIF87a") || has(head, 0, "GIF89a"):
		return GIF, "image/gif"
	case has(head, 0, "ID3"):
		return sniffID3(head)
	}
	return sniffFrames(head)
}

// has reports whether text stands at a place.
func has(b []byte, at int, text string) bool {
	return at >= 0 && len(b) >= at+len(text) && string(b[at:at+len(text)]) == text
}

// brands are those of the ftyp box (mp4ra.org), with what each stands for. Those of pictures come first: their files name brands of films too.
var brands = []struct {
	names []string
	kind  Kind
	mime  string
}{
	{[]string{"avif", "avis"}, AVIF, "image/avif"},
	{[]string{"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"}, HEIC, "image/heic"},
	{[]string{"mif1", "msf1"}, HEIC, "image/heif"},
	{[]string{"qt  "}, MOV, "video/quicktime"},
	{[]string{"M4A ", "M4B ", "M4P ", "F4A ", "F4B "}, MOV, "audio/mp4"},
	{[]string{"3gp4", "3gp5", "3gp6", "3gp7", "3gp8", "3gp9", "3gr6", "3gs6", "3ge6", "3gg6", "3g2a", "3g2b", "3g2c"}, MOV, "audio/3gpp"},
	{[]string{"isom", "iso2", "iso3", "iso4", "iso5", "iso6", "iso7", "iso8", "iso9", "mp41", "mp42", "avc1", "hvc1", "av01", "dash", "cmfc", "mmp4", "MSNV",
		"M4V ", "M4VH", "M4VP", "F4V ", "XAVC", "mp71"}, MOV, "video/mp4"},
}

// maxBrands is how many brands of a file are looked at; files name a handful.
const maxBrands = 32

// sniffBrands reads an ftyp box: the brand that a file is made for counts, unless that is unknown or the general one of pictures.
func sniffBrands(head []byte) (Kind, string) {
	size := int(binary.BigEndian.Uint32(head))
	if size < 16 || len(head) < 16 {
		return None, ""
	}
	end := min(size, len(head), 16+4*maxBrands)
	named := []string{string(head[8:12])}
	for at := 16; at+4 <= end; at += 4 {
		named = append(named, string(head[at:at+4]))
	}
	picture := named[0] == "mif1" || named[0] == "msf1"
	for i, one := range named {
		if picture && i == 0 && len(named) > 1 {
			continue // the others say more
		}
		for _, b := range brands {
			if slices.Contains(b.names, one) && (!picture || b.kind == AVIF || b.kind == HEIC && b.mime == "image/heic") {
				return b.kind, b.mime
			}
		}
	}
	if picture {
		return HEIC, "image/heif"
	}
	return None, ""
}

// isBareMOV knows films of old QuickTime, which begin without an ftyp box.
func isBareMOV(head []byte) bool {
	if !has(head, 4, "moov") && !has(head, 4, "mdat") && !has(head, 4, "wide") {
		return false
	}
	size := binary.BigEndian.Uint32(head)
	return size == 1 || size >= 8 && size <= MaxSize // 1: the size is told in eight bytes that follow; four letters are more than MaxSize
}

// sniffEBML reads the header of a file of EBML, which names its type in the element 0x4282.
func sniffEBML(head []byte) (Kind, string) {
	size, n := vint(head[4:])
	if n == 0 {
		return None, ""
	}
	header := head[4+n:]
	if size < uint64(len(header)) {
		header = header[:size]
	}
	for len(header) > 2 {
		_, idLength := vint(header)
		if idLength == 0 {
			return None, ""
		}
		id := header[:idLength]
		length, n := vint(header[idLength:])
		body := header[idLength+n:]
		if n == 0 || length > uint64(len(body)) {
			return None, ""
		}
		if string(id) == "\x42\x82" {
			switch string(bytes.TrimRight(body[:length], "\x00")) {
			case "webm":
				return Matroska, "video/webm"
			case "matroska":
				return Matroska, "video/x-matroska"
			}
			return None, ""
		}
		header = body[length:]
	}
	return None, ""
}

// vint reads a number of EBML and tells how many bytes it took; 0 when there is none.
func vint(b []byte) (value uint64, length int) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0
	}
	length = 1
	for mask := byte(0x80); b[0]&mask == 0; mask >>= 1 {
		length++
	}
	if len(b) < length {
		return 0, 0
	}
	value = uint64(b[0]) &^ (0x80 >> (length - 1))
	for _, c := range b[1:length] {
		value = value<<8 | uint64(c)
	}
	return value, length
}

// sniffOgg looks at the first page of each stream; these come before all others.
func sniffOgg(head []byte) (Kind, string) {
	found := ""
	for at := 0; has(head, at, "OggS\x00") && len(head) >= at+27 && head[at+5]&2 != 0; {
		segments := int(head[at+26])
		if len(head) < at+27+segments {
			break
		}
		size := 0
		for _, s := range head[at+27 : at+27+segments] {
			size += int(s)
		}
		body := at + 27 + segments
		switch {
		case has(head, body, "\x80theora"):
			return Ogg, "video/ogg"
		case has(head, body, "\x01vorbis"), has(head, body, "OpusHead"), has(head, body, "\x7fFLAC"), has(head, body, "Speex   "):
			found = "audio/ogg"
		}
		at = body + size
	}
	if found == "" {
		return None, ""
	}
	return Ogg, found
}
