package clip_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/clip"
)

func ftyp(brands ...string) []byte {
	return mbox("ftyp", []byte(brands[0]), u32(0), []byte(strings.Join(brands[1:], "")))
}

// frame of MPEG sound: version 1, layer 3, 128 kbit/s, 44.1 kHz.
var frame = append([]byte{0xff, 0xfb, 0x90, 0x00}, make([]byte, 413)...)

// adts is a frame of AAC of 16 bytes.
var adts = append([]byte{0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc}, make([]byte, 9)...)

func id3(size int) []byte {
	return append([]byte{'I', 'D', '3', 4, 0, 0, byte(size >> 21), byte(size >> 14 & 127), byte(size >> 7 & 127), byte(size & 127)}, make([]byte, size)...)
}

func TestSniff(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		head []byte
		kind clip.Kind
		mime string
	}{
		"empty":                        {nil, clip.None, ""},
		"mp4":                          {ftyp("isom", "iso2", "avc1", "mp41"), clip.MOV, "video/mp4"},
		"mov":                          {ftyp("qt  ", "qt  "), clip.MOV, "video/quicktime"},
		"m4a":                          {ftyp("M4A ", "isom"), clip.MOV, "audio/mp4"},
		"a brand that nobody knows":    {ftyp("zzzz", "mp42"), clip.MOV, "video/mp4"},
		"brands that nobody knows":     {ftyp("zzzz", "yyyy"), clip.None, ""},
		"heic":                         {ftyp("heic", "mif1", "heic"), clip.HEIC, "image/heic"},
		"heic by its other brands":     {ftyp("mif1", "mif1", "heic"), clip.HEIC, "image/heic"},
		"heif":                         {ftyp("mif1", "miaf"), clip.HEIC, "image/heif"},
		"avif":                         {ftyp("avif", "mif1"), clip.AVIF, "image/avif"},
		"avif by its other brands":     {ftyp("mif1", "miaf", "avif"), clip.AVIF, "image/avif"},
		"avif that moves":              {ftyp("avis", "isom"), clip.AVIF, "image/avif"},
		"a picture that names films":   {ftyp("mif1", "isom"), clip.HEIC, "image/heif"},
		"no room for a brand":          {[]byte("\x00\x00\x00\x08ftyp"), clip.None, ""},
		"old mov":                      {mbox("wide"), clip.MOV, "video/quicktime"},
		"a text":                       {[]byte("the moov box"), clip.None, ""},
		"webm":                         {[]byte("\x1a\x45\xdf\xa3\x87\x42\x82\x84webm"), clip.Matroska, "video/webm"},
		"matroska":                     {[]byte("\x1a\x45\xdf\xa3\x8f\x42\x86\x81\x01\x42\x82\x88matroska"), clip.Matroska, "video/x-matroska"},
		"ebml of something else":       {[]byte("\x1a\x45\xdf\xa3\x87\x42\x82\x84mesh"), clip.None, ""},
		"ebml that ends":               {[]byte("\x1a\x45\xdf\xa3\x87\x42\x82\x84we"), clip.None, ""},
		"wav":                          {[]byte("RIFF\x00\x00\x00\x00WAVEfmt "), clip.WAV, "audio/wav"},
		"avi":                          {[]byte("RIFF\x00\x00\x00\x00AVI LIST"), clip.None, ""},
		"webp":                         {[]byte("RIFF\x00\x00\x00\x00WEBPVP8 "), clip.None, ""},
		"flac":                         {[]byte("fLaC\x00\x00\x00\x22"), clip.FLAC, "audio/flac"},
		"gif":                          {[]byte("GIF89a"), clip.GIF, "image/gif"},
		"one frame":                    {frame, clip.None, ""},
		"two frames":                   {slices.Concat(frame, frame), clip.MP3, "audio/mpeg"},
		"two frames of unlike streams": {slices.Concat(frame, []byte{0xff, 0xfb, 0x94, 0x00}), clip.None, ""},
		"one frame of aac":             {adts, clip.None, ""},
		"two frames of aac":            {slices.Concat(adts, adts), clip.AAC, "audio/aac"},
		"a tag and frames":             {slices.Concat(id3(100), frame, frame), clip.MP3, "audio/mpeg"},
		"a tag and aac":                {slices.Concat(id3(100), adts, adts), clip.AAC, "audio/aac"},
		"a tag and flac":               {slices.Concat(id3(100), []byte("fLaC\x00\x00\x00\x22")), clip.FLAC, "audio/flac"},
		"a tag and text":               {slices.Concat(id3(100), []byte("#EXTM3U\nfile:///etc/passwd"), make([]byte, 4096)), clip.None, ""},
		"a tag with a cover":           {id3(5000), clip.MP3, "audio/mpeg"},
		"nothing but a tag":            {id3(100), clip.None, ""},
		"theora behind sound":          {slices.Concat(oggPage("\x01vorbis"), oggPage("\x80theora")), clip.Ogg, "video/ogg"},
		"ogg of sound":                 {oggPage("OpusHead"), clip.Ogg, "audio/ogg"},
		"ogg of something":             {oggPage("fishead\x00"), clip.None, ""},
		"png":                          {[]byte("\x89PNG\r\n\x1a\n"), clip.None, ""},
		"jpeg":                         {[]byte("\xff\xd8\xff\xe0\x00\x10JFIF"), clip.None, ""},
		"ones":                         {bytes.Repeat([]byte{0xff}, 4096), clip.None, ""},
		"mpeg-ts":                      {bytes.Repeat(append([]byte{0x47}, make([]byte, 187)...), 20), clip.None, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if kind, mime := clip.Sniff(test.head); kind != test.kind || mime != test.mime {
				t.Errorf("sniffed as %q, %q; want %q, %q", kind, mime, test.kind, test.mime)
			}
		})
	}
}

func oggPage(body string) []byte {
	return slices.Concat([]byte("OggS\x00\x02"), make([]byte, 20), []byte{1, byte(len(body))}, []byte(body))
}

// FuzzSniff looks for what makes Sniff fall over, or say half of an answer.
func FuzzSniff(f *testing.F) {
	for _, seed := range [][]byte{ftyp("isom", "avif"), slices.Concat(frame, frame), slices.Concat(adts, adts), slices.Concat(id3(20), frame, frame), oggPage("\x80theora"),
		[]byte("\x1a\x45\xdf\xa3\x8f\x42\x86\x81\x01\x42\x82\x88matroska"), []byte("RIFF\x00\x00\x00\x00WAVE"), []byte("fLaC\x00\x00\x00\x22")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		kind, mime := clip.Sniff(head)
		if (kind == clip.None) != (mime == "") {
			t.Errorf("sniffed as %q, %q", kind, mime)
		}
		if text := bytes.TrimLeft(head, " \t\r\n\ufeff"); kind != clip.None && (bytes.HasPrefix(text, []byte("#EXTM3U")) || bytes.HasPrefix(text, []byte("<")) && !bytes.Contains(head[:min(8, len(head))], []byte("m"))) {
			t.Errorf("a text is sniffed as %q", kind)
		}
	})
}
