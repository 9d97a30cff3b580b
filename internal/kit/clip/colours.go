package clip

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"unicode/utf16"
)

// isP3 knows Display P3 by its number (ISO 23091-2) or by the name of a profile.
func isP3(colr []byte) bool {
	const name = "Display P3"
	switch {
	case has(colr, 0, "nclx") && len(colr) >= 6:
		return binary.BigEndian.Uint16(colr[4:]) == numberP3
	case has(colr, 0, "prof"):
		var wide []byte
		for _, c := range utf16.Encode([]rune(name)) {
			wide = binary.BigEndian.AppendUint16(wide, c)
		}
		return bytes.Contains(colr, []byte(name)) || bytes.Contains(colr, wide)
	}
	return false
}

// Numbers of ISO 23091-2 for primaries and for how light is written.
const (
	number709, numberP3 = 1, 12
	numberPQ, numberHLG = 16, 18
)

// lightOf reads a high dynamic range from a box of colours. It is of RGB: what is asked is the picture once decoded.
func lightOf(colr []byte) light {
	if !has(colr, 0, "nclx") || len(colr) < 8 {
		return light{}
	}
	l := light{primaries: "bt2020", matrix: "gbr"}
	switch binary.BigEndian.Uint16(colr[6:]) {
	case numberPQ:
		l.transfer = "smpte2084"
	case numberHLG:
		l.transfer = "arib-std-b67"
	default:
		return light{}
	}
	switch binary.BigEndian.Uint16(colr[4:]) {
	case number709:
		l.primaries = "bt709"
	case numberP3:
		l.primaries = "smpte432"
	}
	return l
}

// narrow brings the colours of a PNG to sRGB where a picture's boxes said that they are others, and where ffmpeg can.
func (t *Tools) narrow(ctx context.Context, path string, found still) error {
	const srgb = "primaries=bt709:transfer=iec61966-2-1:matrix=gbr:range=full,format=rgba"
	var filter string
	switch {
	case found.light.high() && t.can[canColours] && t.can[canTones]:
		// Smaller first, for floats of the largest pictures are beyond memoryLimit. No picture is kept with more.
		least := fmt.Sprintf("min(1,sqrt(%d/(iw*ih)))", MaxVideoPixels)
		filter = fmt.Sprintf("scale=w='max(1,trunc(iw*%[1]s))':h='max(1,trunc(ih*%[1]s))':flags=area,format=gbrap16le,%[2]s,zscale=", least, found.light.lower("gbrapf32le")) + srgb
	case found.wide && t.can[canColours]:
		filter = "format=gbrap,zscale=primariesin=smpte432:transferin=iec61966-2-1:matrixin=gbr:rangein=full:" + srgb
	default:
		return nil
	}
	out := path + ".srgb.png"
	err := t.write(ctx, task{cpu: lookCPU, kind: "png_pipe", most: MaxStillPixels, pixels: MaxStillPixels}, path, out, []string{"-vf", filter, "-frames:v", "1", "-c:v", "png", "-f", "image2", "-update", "1"})
	if err != nil {
		return err
	}
	if err := os.Rename(out, path); err != nil {
		return fmt.Errorf("replacing a picture: %w", err)
	}
	return nil
}
