package clip_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// update makes the samples anew that Find reads.
var update = flag.Bool("update", false, "write the samples")

func TestSamples(t *testing.T) {
	t.Parallel()
	if !*update {
		t.Skip("only with -update")
	}
	if err := os.WriteFile("samples/tiles.heic", tiledHEIC(t, 64, 1, nil, "red", "blue"), 0o644); err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(t.TempDir(), "in.png")
	command(t, need(t, "ffmpeg"), "-loglevel", "error", "-f", "lavfi", "-i", "color=red:s=64x128,format=rgb24", "-frames:v", "1", in)
	command(t, need(t, "heif-enc"), "-A", "-o", "samples/still.avif", in)
}

// tile is one frame of HEVC of one colour: its parameters (a box hvcC) and its bytes.
func tile(t testing.TB, side int, colour string) (config, data []byte) {
	t.Helper()
	path := ffmpeg(t, "tile.mp4", fmt.Sprintf("-f lavfi -i color=%s:s=%dx%d -frames:v 1 -c:v libx265 -tag:v hvc1 -pix_fmt yuv420p -x265-params log-level=none:info=0", colour, side, side))
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(body, []byte("hvcC")) - 4
	config = body[at : at+int(binary.BigEndian.Uint32(body[at:]))]
	at = bytes.Index(body, []byte("mdat")) - 4
	return config, body[at+8 : at+int(binary.BigEndian.Uint32(body[at:]))]
}

// tiledHEIC is a picture as phones write them: a row of square tiles that are pictures of their own, and a grid that joins them, turned by
// some quarters against the clock. space is the body of the box colr, if any.
func tiledHEIC(t testing.TB, side, quarters int, space []byte, colours ...string) []byte {
	t.Helper()
	n := len(colours)
	width, height := n*side, side
	var data [][]byte
	properties := [][]byte{ // numbered from 1
		mbox("ispe", u32(0, uint32(side), uint32(side))), mbox("ispe", u32(0, uint32(width), uint32(height))), mbox("irot", []byte{byte(quarters)}), mbox("colr", space),
	}
	whole := []byte{2, 0x80 | 3, 4} // which belong to the grid
	if space == nil {
		properties[3], whole = mbox("free"), whole[:2:2]
	}
	entries, links, belong := [][]byte{}, u16(1, uint16(n)), [][]byte{}
	for i, colour := range colours {
		config, frame := tile(t, side, colour)
		properties, data = append(properties, config), append(data, frame)
		id := uint16(i + 2)
		entries = append(entries, mbox("infe", u32(2<<24|1), u16(id, 0), []byte("hvc1\x00"))) // hidden
		links = append(links, u16(id)...)
		belong = append(belong, slices.Concat(u16(id), []byte{2, 1, 0x80 | byte(5+i)}))
	}
	entries = append([][]byte{mbox("infe", u32(2<<24), u16(1, 0), []byte("grid\x00"))}, entries...)
	belong = append([][]byte{slices.Concat(u16(1), []byte{byte(len(whole))}, whole)}, belong...)
	data = append([][]byte{slices.Concat([]byte{0, 0, 0, byte(n - 1)}, u16(uint16(width), uint16(height)))}, data...)

	// The table of places has a fixed length, so that it may be made twice: first to see where the data will begin.
	ftyp := mbox("ftyp", []byte("heic\x00\x00\x00\x00mif1heic"))
	meta := func(start uint32) []byte {
		places := slices.Concat(u32(0), []byte{0x44, 0x00}, u16(uint16(n+1)))
		for i, d := range data {
			places = slices.Concat(places, u16(uint16(i+1), 0, 1), u32(start, uint32(len(d))))
			start += uint32(len(d))
		}
		return mbox("meta", u32(0),
			mbox("hdlr", u32(0, 0), []byte("pict"), u32(0, 0, 0), []byte{0}),
			mbox("pitm", u32(0), u16(1)),
			mbox("iloc", places),
			mbox("iinf", u32(0), u16(uint16(n+1)), slices.Concat(entries...)),
			mbox("iref", u32(0), mbox("dimg", links)),
			mbox("iprp", mbox("ipco", slices.Concat(properties...)), mbox("ipma", u32(0, uint32(n+1)), slices.Concat(belong...))))
	}
	start := uint32(len(ftyp) + len(meta(0)) + 8)
	return slices.Concat(ftyp, meta(start), mbox("mdat", slices.Concat(data...)))
}

// profile is as much of a colour profile (ICC.1) as programs look at before they pass it on: the header, and a name in UTF-16.
func profile(name string) []byte {
	text := u16()
	for _, c := range name {
		text = append(text, u16(uint16(c))...)
	}
	tag := slices.Concat([]byte("mluc"), u32(0, 1, 12), []byte("enUS"), u32(uint32(len(text)), 28), text)
	tag = append(tag, make([]byte, (4-len(tag)%4)%4)...)
	size := uint32(128 + 16 + len(tag))
	return slices.Concat(u32(size), []byte("appl"), u32(4<<24), []byte("mntrRGB XYZ "), make([]byte, 12), []byte("acspAPPL"), make([]byte, 24),
		u32(0xf6d6, 0x10000, 0xd32d), make([]byte, 48), u32(1), []byte("desc"), u32(144, uint32(len(tag))), tag)
}
