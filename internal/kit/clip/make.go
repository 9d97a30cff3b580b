package clip

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// bitsPerPixel is how many bits H.264 is given for a pixel of 30 frames a second (Mastodon, lib/paperclip/transcoder.rb).
	bitsPerPixel = 0.11
	// soundBits is how many bits a second sound is given in a video, and room is left for.
	soundBits = 192_000
	// leastBits keeps the bits of tiny videos at what the encoder can work with.
	leastBits = 64_000
	// leastSoundBits is the lowest rate at which sound is worth hearing; mp3Bits is about what q:a 2 takes.
	leastSoundBits = 32_000
	mp3Bits        = 220_000
	// decodedPixels bounds a frame while it is decoded: MaxVideoPixels, and what codecs add at the edges.
	decodedPixels = 9_000_000
)

// clean are the arguments that leave out all that is neither pictures nor sound, and what encoders say of themselves.
var clean = []string{"-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1", "-dn", "-sn",
	"-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"}

// withoutSEI drops from H.264 what cameras and encoders hide between frames: places, serial numbers, settings.
var withoutSEI = []string{"-bsf:v", "filter_units=remove_types=6"}

// Video makes an MP4 with H.264 and AAC in folder. Streams that are so already are copied, so that nothing is lost; a rotation then stays
// beside the frames, as players expect it. All else is drawn anew: turned, of even size, at a constant rate of at most 60 frames a second. So
// is what phones take with a high dynamic range (HLG, PQ), where ffmpeg can bring it to what every screen shows.
func (t *Tools) Video(ctx context.Context, in, folder string, info Info) (Result, error) {
	return t.film(ctx, in, folder, info, info.HasAudio())
}

// GIFV makes an MP4 without sound of an animated GIF or of a video, as Video does.
func (t *Tools) GIFV(ctx context.Context, in, folder string, info Info) (Result, error) {
	return t.film(ctx, in, folder, info, false)
}

func (t *Tools) film(ctx context.Context, in, folder string, info Info, sound bool) (Result, error) {
	if t == nil || !t.can[canVideo] || !t.Can(info.Kind) {
		return Result{}, ErrUnavailable
	}
	if !info.HasVideo() {
		return Result{}, fmt.Errorf("%w: no pictures", ErrFormat)
	}
	if err := info.check(); err != nil {
		return Result{}, err
	}
	streams := []string{"-map", "0:V:0", "-an"}
	if sound {
		streams = []string{"-map", "0:V:0", "-map", "0:a:0"}
	}
	end := []string{"-movflags", "+faststart", "-write_tmcd", "0", "-f", "mp4"}
	made := Result{Path: filepath.Join(folder, "video.mp4"), Type: "video/mp4", Ext: ".mp4"}
	tones := t.can[canTones] && info.light.high()
	if info.passes(sound) && !tones {
		args := slices.Concat(streams, []string{"-c", "copy"}, withoutSEI, end)
		result, err := t.make(ctx, in, info, made, args)
		if !errors.Is(err, ErrFormat) {
			return result, err
		}
		// What cannot be copied, with broken times perhaps, may still be drawn anew.
	}
	return t.make(ctx, in, info, made, slices.Concat(streams, encode(info, tones), withoutSEI, end))
}

// passes reports whether the streams are already what is wanted (VIDEO_PASSTHROUGH_OPTIONS).
func (i Info) passes(sound bool) bool {
	return (i.Kind == MOV || i.Kind == Matroska) && i.VideoCodec == "h264" && i.PixelFormat == "yuv420p" && (!sound || i.AudioCodec == "aac")
}

// encode are the arguments that draw a video anew, with its light brought to what screens show where tones says so.
func encode(info Info, tones bool) []string {
	width, height := max(2, info.Width&^1), max(2, info.Height&^1)
	filters := []string{"fps=" + strconv.FormatFloat(rate(info), 'f', 6, 64)}
	if info.square && info.Width > 1 && info.Height > 1 {
		filters = append(filters, "crop=trunc(iw/2)*2:trunc(ih/2)*2") // cut rather than scaled, which would blur
	}
	// Every frame is brought to the one size: a stream may change its own on the way.
	filters = append(filters, fmt.Sprintf("scale=%d:%d", width, height), "setsar=1")
	if tones {
		filters = append(filters, info.light.lower(floats), asVideo) // after the size: it costs as much as all the rest
	}
	filters = append(filters, "format=yuv420p")
	bits := int(float64(width) * float64(height) * 30 * bitsPerPixel)
	if info.Duration > 0 {
		bits = min(bits, int(MaxSize*8/max(info.Duration, 1))-soundBits)
	}
	bits = max(bits, leastBits)
	ahead := "10" // frames that are looked at in advance, as the preset has it
	if width*height > largeFrame {
		ahead = "5" // what memoryLimit has room for
	}
	return []string{"-vf", strings.Join(filters, ","), "-frames:v", strconv.Itoa(MaxFrames), "-c:v", "libx264", "-preset", "veryfast", "-rc-lookahead", ahead, "-crf", "18",
		"-maxrate", strconv.Itoa(bits + soundBits), "-bufsize", strconv.Itoa(bits * 5), "-c:a", "aac", "-b:a", strconv.Itoa(soundBits)}
}

// rate is how many frames a second are written: so many that each frame has its time, within what screens show and MaxFrames allows.
func rate(info Info) float64 {
	wanted := info.BaseRate
	if wanted <= 0 {
		wanted = info.FrameRate
	}
	if wanted <= 0 {
		wanted = 30
	}
	wanted = min(wanted, madeRate)
	if info.Duration > 0 {
		wanted = min(wanted, MaxFrames/info.Duration)
	}
	return max(wanted, 0.01)
}

// Audio makes an MP3 in folder, of at most two channels, without a cover.
func (t *Tools) Audio(ctx context.Context, in, folder string, info Info) (Result, error) {
	if t == nil || !t.can[canAudio] || !t.Can(info.Kind) {
		return Result{}, ErrUnavailable
	}
	if !info.HasAudio() {
		return Result{}, fmt.Errorf("%w: no sound", ErrFormat)
	}
	quality := []string{"-q:a", "2"}
	if bits := MaxSize * 8 / max(info.Duration, 1); bits < mp3Bits { // hours of it
		if bits < leastSoundBits {
			return Result{}, ErrTooLong
		}
		quality = []string{"-b:a", strconv.Itoa(int(bits * 0.9))}
	}
	hertz := "48000"
	if info.SampleRate > 0 && info.SampleRate%11025 == 0 {
		hertz = "44100"
	}
	args := slices.Concat([]string{"-map", "0:a:0", "-vn", "-c:a", "libmp3lame"}, quality, []string{"-ar", hertz, "-ac", strconv.Itoa(min(2, max(1, info.channels))),
		"-id3v2_version", "0", "-write_id3v1", "0", "-f", "mp3"})
	return t.make(ctx, in, info, Result{Path: filepath.Join(folder, "audio.mp3"), Type: "audio/mpeg", Ext: ".mp3"}, args)
}

// Poster draws the first frame of a video, or the cover of sound, as a PNG of at most 640×360 pixels in area. Sound without a cover is
// ErrFormat.
func (t *Tools) Poster(ctx context.Context, in, folder string, info Info) (Result, error) {
	if !t.Can(info.Kind) {
		return Result{}, ErrUnavailable
	}
	which := "0:V:0"
	switch {
	case info.HasVideo():
		if err := info.check(); err != nil {
			return Result{}, err
		}
	case info.HasArtwork:
		which = "0:v:0"
	default:
		return Result{}, fmt.Errorf("%w: no cover", ErrFormat)
	}
	side := func(of string) string {
		return fmt.Sprintf("max(1,trunc(%s*min(1,sqrt(%d/(iw*sar*ih)))))", of, posterPixels)
	}
	size := fmt.Sprintf("scale=w='%s':h='%s':flags=area,setsar=1,", side("iw*sar"), side("ih"))
	if t.can[canTones] && info.light.high() {
		size += "format=yuv444p10le," + info.light.lower(floats) + "," + asPicture + "," // colours for every pixel, for sides may be odd
	}
	size += "format=rgb24"
	made := Result{Path: filepath.Join(folder, "poster.png"), Type: "image/png", Ext: ".png"}
	args := []string{"-map", which, "-an", "-vf", size, "-frames:v", "1", "-c:v", "png", "-f", "image2", "-update", "1"}
	if err := t.write(ctx, task{cpu: lookCPU, kind: info.Kind, most: MaxStillPixels, pixels: info.Width * info.Height}, in, made.Path, args); err != nil {
		return Result{}, err
	}
	return pictureMade(made)
}

// containers are those into which files of a kind are copied, by MIME type where a kind has several.
var containers = map[string]struct{ muxer, mime, ext string }{
	"mov": {"mp4", "video/mp4", ".mp4"}, "mov qt": {"mov", "video/quicktime", ".mov"}, "mov sound": {"mp4", "audio/mp4", ".m4a"},
	"matroska": {"webm", "video/webm", ".webm"}, "matroska sound": {"webm", "audio/webm", ".webm"},
	"ogg": {"ogg", "video/ogg", ".ogg"}, "ogg sound": {"ogg", "audio/ogg", ".ogg"},
	"mp3 sound": {"mp3", "audio/mpeg", ".mp3"}, "wav sound": {"wav", "audio/wav", ".wav"}, "flac sound": {"flac", "audio/flac", ".flac"},
	"aac sound": {"adts", "audio/aac", ".aac"},
}

// Remux copies the first pictures and the first sound of a file without anything else into a file of the same type; mime is what Sniff
// told. It is for files of other servers, which were made for players already. Kinds that nobody plays are ErrUnavailable.
func (t *Tools) Remux(ctx context.Context, in, folder string, info Info, mime string) (Result, error) {
	key := string(info.Kind)
	streams := []string{"-map", "0:V:0", "-map", "0:a:0?"}
	switch {
	case !info.HasVideo():
		key += " sound"
		streams = []string{"-map", "0:a:0", "-vn"}
	case mime == "video/quicktime":
		key += " qt"
	}
	into, known := containers[key]
	if !known || !t.Can(info.Kind) {
		return Result{}, ErrUnavailable
	}
	if err := info.check(); err != nil {
		return Result{}, err
	}
	args := slices.Concat(streams, []string{"-c", "copy"})
	if info.VideoCodec == "h264" {
		args = append(args, withoutSEI...)
	}
	switch into.muxer {
	case "mp4", "mov":
		args = append(args, "-movflags", "+faststart", "-write_tmcd", "0")
	case "mp3":
		args = append(args, "-id3v2_version", "0", "-write_id3v1", "0")
	}
	made := Result{Path: filepath.Join(folder, "copy"+into.ext), Type: into.mime, Ext: into.ext}
	return t.make(ctx, in, info, made, append(args, "-f", into.muxer))
}

// madeKinds are the kinds of files made, by the end of their names, where that may not be the kind of what they are made of.
var madeKinds = map[string]Kind{".mp4": MOV, ".mp3": MP3}

// make runs ffmpeg and looks at what came out.
func (t *Tools) make(ctx context.Context, in string, info Info, made Result, args []string) (Result, error) {
	if err := t.write(ctx, task{cpu: t.cpu, kind: info.Kind, most: decodedPixels, pixels: info.Width * info.Height}, in, made.Path, args); err != nil {
		return Result{}, err
	}
	becomes := info.Kind
	if into, ok := madeKinds[made.Ext]; ok {
		becomes = into
	}
	path, err := regular(made.Path, MaxSize)
	if err == nil {
		made.Info, err = t.look(ctx, path, becomes)
	}
	if err == nil {
		err = made.Info.check()
	}
	if err != nil {
		_ = os.Remove(made.Path)
		return Result{}, fmt.Errorf("looking at what was made: %w", err)
	}
	return made, nil
}

// task is how a run of ffmpeg is bounded: how long it computes, as which kind it reads the file, how many pixels a frame may turn out to
// have, and how many it is expected to have.
type task struct {
	cpu          time.Duration
	kind         Kind
	most, pixels int
}

// write runs ffmpeg on a file; args are those of the output, without its name. Nothing is left where it fails.
func (t *Tools) write(ctx context.Context, k task, in, out string, args []string) error {
	in, err := regular(in, fileLimit)
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return fmt.Errorf("finding a folder: %w", err)
	}
	n := threads(ctx, k.pixels)
	line := slices.Concat([]string{"-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-filter_threads", strconv.Itoa(n), "-max_pixels", strconv.Itoa(k.most)},
		input(in, k.kind, n), args, clean, []string{"-threads", strconv.Itoa(n), "file:" + out})
	_, err = t.run(ctx, filepath.Dir(out), in, k.cpu, t.ffmpeg, line...)
	if err != nil {
		_ = os.Remove(out)
	}
	return err
}
