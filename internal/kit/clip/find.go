package clip

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomph/gomph/internal/kit/sandbox"
)

// ability is one thing that the programs found can do, or not.
type ability int

const (
	canVideo     ability = iota // make H.264 with AAC
	canAudio                    // make MP3
	canAVIF                     // read AVIF, whole ones
	canHEIC                     // read HEIC, those of tiles too
	heifAVIF                    // as canAVIF, with libheif's program
	heifHEIC                    // as canHEIC, with libheif's program
	canColours                  // bring colours to sRGB
	canTones                    // bring films of a high dynamic range to what screens show
	readMatroska                // read each kind of file
	readOgg
	readMP3
	readWAV
	readFLAC
	readAAC
	readASF
	readMOV
	readGIF
)

// needs are the parts of ffmpeg that each ability needs: all of them, each as its list and its name. Native decoders of AV1 need a graphics
// card, so that they are not looked at.
var needs = map[ability][]string{
	canVideo: {"encoders libx264", "encoders aac", "encoders png", "muxers mp4", "muxers image2", "decoders h264", "decoders aac", "filters scale", "filters crop",
		"filters fps", "filters format", "filters setsar", "filters transpose", "filters aresample", "bsfs filter_units"},
	canAudio:     {"encoders libmp3lame", "encoders png", "muxers mp3", "muxers image2", "filters aresample"},
	canColours:   {"filters zscale", "filters format", "demuxers png_pipe", "decoders png", "encoders png"},
	canTones:     {"filters zscale", "filters tonemap", "filters format"},
	readMatroska: {"demuxers matroska", "decoders vp8", "decoders vp9", "decoders opus", "decoders vorbis"},
	readOgg:      {"demuxers ogg", "decoders vorbis", "decoders opus"},
	readMP3:      {"demuxers mp3", "decoders mp3float"},
	readWAV:      {"demuxers wav", "decoders pcm_s16le"},
	readFLAC:     {"demuxers flac", "decoders flac"},
	readAAC:      {"demuxers aac", "decoders aac"},
	readASF:      {"demuxers asf", "decoders wmav2"},
	readMOV:      {"demuxers mov", "decoders h264", "decoders aac"},
	readGIF:      {"demuxers gif", "decoders gif"},
}

// samples are small pictures that are read once to see whether it works: that a decoder is there does not mean that pictures of tiles come
// out whole (ffmpeg before 8 gives the first tile).
//
//go:embed samples
var samples embed.FS

// sampleWidth and sampleHeight are those of both samples, upright.
const sampleWidth, sampleHeight = 64, 128

// Find looks for the programs and asks them what they can do. What is missing is logged, and is then not among what can be done.
func Find(ctx context.Context, log *slog.Logger, o Options) *Tools {
	t := &Tools{
		ffmpeg: locate(o.FFmpeg, "ffmpeg"), ffprobe: locate(o.FFprobe, "ffprobe"), heif: locate(o.HEIF, "heif-dec", "heif-convert"),
		command: o.Command, cpu: o.CPU, can: map[ability]bool{}, log: log,
	}
	if t.command == nil {
		t.command = sandbox.Command
	}
	if t.cpu == 0 {
		t.cpu = convertCPU
	}
	if t.ffmpeg == "" || t.ffprobe == "" {
		log.InfoContext(ctx, "ffmpeg and ffprobe are not found: no videos, no sound", "ffmpeg", t.ffmpeg, "ffprobe", t.ffprobe)
	} else {
		t.ask(ctx)
	}
	t.tryStills(ctx)
	log.InfoContext(ctx, "programs for media", "ffmpeg", t.ffmpeg, "heif", t.heif, "video", t.can[canVideo], "audio", t.can[canAudio],
		"avif", t.can[canAVIF], "heic", t.can[canHEIC])
	return t
}

// locate finds a program: the one that was asked for, or the first of the names in PATH; "" when there is none.
func locate(wanted string, names ...string) string {
	if wanted != "" {
		names = []string{wanted}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	return ""
}

// ask learns from ffmpeg which of its parts were built in.
func (t *Tools) ask(ctx context.Context) {
	parts := map[string]bool{}
	for _, list := range []string{"encoders", "decoders", "muxers", "demuxers", "filters", "bsfs"} {
		out, err := t.run(ctx, "", "", lookCPU, t.ffmpeg, "-hide_banner", "-loglevel", "error", "-"+list)
		if err != nil {
			t.log.WarnContext(ctx, "ffmpeg does not tell what it can do", "list", list, "err", err)
			return
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line)
			if len(fields) == 1 { // filters of bits have no other column
				fields = []string{"", fields[0]}
			}
			if len(fields) < 2 {
				continue
			}
			for name := range strings.SplitSeq(fields[1], ",") {
				parts[list+" "+name] = true
			}
		}
	}
	for what, all := range needs {
		t.can[what] = !slices.ContainsFunc(all, func(part string) bool { return !parts[part] })
	}
}

// tryStills reads the samples, with libheif's program and with ffmpeg.
func (t *Tools) tryStills(ctx context.Context) {
	folder, err := os.MkdirTemp("", "gomph-clip-")
	if err != nil {
		t.log.WarnContext(ctx, "pictures of phones cannot be tried", "err", err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()
	for _, one := range []struct {
		name       string
		kind       Kind
		with, heif ability
	}{{"still.avif", AVIF, canAVIF, heifAVIF}, {"tiles.heic", HEIC, canHEIC, heifHEIC}} {
		in := filepath.Join(folder, one.name)
		body, err := samples.ReadFile("samples/" + one.name)
		if err == nil {
			err = os.WriteFile(in, body, 0o600)
		}
		if err != nil {
			t.log.WarnContext(ctx, "pictures of phones cannot be tried", "err", err)
			return
		}
		for _, how := range []ability{one.heif, one.with} {
			if err := t.tryStill(ctx, in, folder, how); err != nil {
				t.log.DebugContext(ctx, "a picture of phones cannot be read", "picture", one.name, "err", err)
				continue
			}
			t.can[how], t.can[one.with] = true, true
			break
		}
	}
}

func (t *Tools) tryStill(ctx context.Context, in, folder string, how ability) error {
	out := filepath.Join(folder, "tried.png")
	if err := t.decodeStill(ctx, in, out, how); err != nil {
		return err
	}
	if width, height, err := pngSize(out); err != nil || width != sampleWidth || height != sampleHeight {
		return fmt.Errorf("%w: the sample comes out as %d×%d: %w", ErrFormat, width, height, err)
	}
	return nil
}

// typed are the MIME types that clients may send, in the order of Mastodon (supported_mime_types), with what each needs.
var typed = []struct {
	mime string
	all  []ability
}{
	{"image/heic", []ability{canHEIC}}, {"image/heif", []ability{canHEIC}}, {"image/avif", []ability{canAVIF}},
	{"video/webm", []ability{canVideo, readMatroska}}, {"video/mp4", []ability{canVideo, readMOV}}, {"video/quicktime", []ability{canVideo, readMOV}},
	{"video/ogg", []ability{canVideo, readOgg}},
	{"audio/wave", []ability{canAudio, readWAV}}, {"audio/wav", []ability{canAudio, readWAV}}, {"audio/x-wav", []ability{canAudio, readWAV}},
	{"audio/x-pn-wave", []ability{canAudio, readWAV}}, {"audio/vnd.wave", []ability{canAudio, readWAV}}, {"audio/ogg", []ability{canAudio, readOgg}},
	{"audio/vorbis", []ability{canAudio, readOgg}}, {"audio/mpeg", []ability{canAudio, readMP3}}, {"audio/mp3", []ability{canAudio, readMP3}},
	{"audio/webm", []ability{canAudio, readMatroska}}, {"audio/flac", []ability{canAudio, readFLAC}}, {"audio/aac", []ability{canAudio, readAAC}},
	{"audio/m4a", []ability{canAudio, readMOV}}, {"audio/x-m4a", []ability{canAudio, readMOV}}, {"audio/mp4", []ability{canAudio, readMOV}},
	{"audio/3gpp", []ability{canAudio, readMOV}}, {"video/x-ms-asf", []ability{canAudio, readASF}},
}

// kinds says which abilities reading a kind needs; video or sound must be there too (Can).
var kinds = map[Kind]ability{
	MOV: readMOV, Matroska: readMatroska, Ogg: readOgg, MP3: readMP3, WAV: readWAV, FLAC: readFLAC, AAC: readAAC, ASF: readASF, GIF: readGIF, AVIF: canAVIF, HEIC: canHEIC,
}

// Types are the MIME types of files that can be worked on, in Mastodon's order: pictures beyond those of the picture package, then videos,
// then sound.
func (t *Tools) Types() []string {
	if t == nil {
		return nil
	}
	var found []string
	for _, one := range typed {
		if !slices.ContainsFunc(one.all, func(what ability) bool { return !t.can[what] }) {
			found = append(found, one.mime)
		}
	}
	return found
}

// Missing are the MIME types of files that could be worked on if the programs could, in the same order.
func (t *Tools) Missing() []string {
	can := t.Types()
	var missing []string
	for _, one := range typed {
		if !slices.Contains(can, one.mime) {
			missing = append(missing, one.mime)
		}
	}
	return missing
}

// Programs are where the programs are; "" for each that was not found.
func (t *Tools) Programs() (ffmpeg, ffprobe, heif string) {
	if t == nil {
		return "", "", ""
	}
	return t.ffmpeg, t.ffprobe, t.heif
}

// Can reports whether files of a kind can be worked on. What may hold both can be refused by Video or Audio when only the other is possible.
func (t *Tools) Can(kind Kind) bool {
	if t == nil {
		return false
	}
	what, known := kinds[kind]
	if !known || !t.can[what] {
		return false
	}
	switch kind {
	case AVIF, HEIC:
		return true
	case GIF:
		return t.can[canVideo]
	case MP3, WAV, FLAC, AAC, ASF:
		return t.can[canAudio]
	}
	return t.can[canVideo] || t.can[canAudio]
}
