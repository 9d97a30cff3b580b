package clip

// sniffID3 looks behind a tag of ID3, which may be before MP3, AAC and FLAC. A tag with a cover ends beyond what is seen; then it is taken for
// MP3's, and whoever reads the file finds out.
func sniffID3(head []byte) (Kind, string) {
	const header, footer = 10, 10
	if len(head) < header || head[3] < 2 || head[3] > 4 || head[4] == 0xff || head[5]&0x0f != 0 {
		return None, ""
	}
	size := 0
	for _, c := range head[6:10] {
		if c >= 0x80 {
			return None, ""
		}
		size = size<<7 | int(c)
	}
	end := header + size
	if head[5]&0x10 != 0 {
		end += footer
	}
	if end+4 > len(head) {
		if len(head) < SniffLength {
			return None, "" // nothing comes after the tag
		}
		return MP3, "audio/mpeg"
	}
	if has(head, end, "fLaC") {
		return FLAC, "audio/flac"
	}
	for end < len(head) && head[end] == 0 { // padding that some write outside of the tag
		end++
	}
	if kind, mime := sniffFrames(head[end:]); kind != None {
		return kind, mime
	}
	if end+maxFrame > SniffLength && len(head) == SniffLength {
		return MP3, "audio/mpeg" // the second frame is out of sight
	}
	return None, ""
}

// sniffFrames knows MPEG sound and AAC by two frames in a row: one alone is too likely in any other file.
func sniffFrames(b []byte) (Kind, string) {
	if first, ok := mpegFrame(b); ok && first < len(b) {
		if _, ok := mpegFrame(b[first:]); ok && sameStream(b, b[first:]) {
			return MP3, "audio/mpeg"
		}
	}
	if first, ok := adtsFrame(b); ok && first < len(b) {
		if _, ok := adtsFrame(b[first:]); ok && b[2]&0xfc == b[first+2]&0xfc {
			return AAC, "audio/aac"
		}
	}
	return None, ""
}

// maxFrame is the longest frame of MPEG sound in bytes.
const maxFrame = 2881

// bitrates of MPEG sound in kbit/s (ISO 11172-3, 13818-3), by version (1, then 2 and 2.5), layer and index.
var bitrates = [2][3][15]int{
	{
		{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
		{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
		{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	},
	{
		{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
	},
}

// rates of MPEG sound in Hz for version 1; those of 2 are a half and of 2.5 a quarter.
var rates = [3]int{44100, 48000, 32000}

// mpegFrame reads the header of a frame of MPEG sound and tells the frame's length in bytes.
func mpegFrame(b []byte) (length int, ok bool) {
	if len(b) < 4 || b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return 0, false
	}
	version, layer := b[1]>>3&3, 4-int(b[1]>>1&3) // version: 3 is 1, 2 is 2, 0 is 2.5
	bitrate, rate := int(b[2]>>4), int(b[2]>>2&3)
	if version == 1 || layer == 4 || bitrate == 0 || bitrate == 15 || rate == 3 || b[3]&3 == 2 {
		return 0, false
	}
	table, hertz := 0, rates[rate]
	if version != 3 {
		table, hertz = 1, hertz/2
	}
	if version == 0 {
		hertz /= 2
	}
	bits, padding := bitrates[table][layer-1][bitrate]*1000, int(b[2]>>1&1)
	switch {
	case layer == 1:
		return (12*bits/hertz + padding) * 4, true
	case layer == 3 && table == 1:
		return 72*bits/hertz + padding, true
	}
	return 144*bits/hertz + padding, true
}

// sameStream reports whether two headers agree in what does not change within a file: version, layer and rate.
func sameStream(a, b []byte) bool { return a[1]&0xfe == b[1]&0xfe && a[2]&0x0c == b[2]&0x0c }

// adtsFrame reads the header of a frame of AAC (ISO 13818-7) and tells the frame's length in bytes.
func adtsFrame(b []byte) (length int, ok bool) {
	const header = 7
	if len(b) < header || b[0] != 0xff || b[1]&0xf6 != 0xf0 || b[2]>>2&0xf > 12 {
		return 0, false
	}
	length = int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5]>>5)
	return length, length > header
}
