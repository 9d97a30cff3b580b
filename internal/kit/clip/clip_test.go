package clip_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/clip"
)

// picture and sound are where the tests' clips come from.
const (
	picture = "-f lavfi -i testsrc=s=%dx%d:r=%d:d=%d "
	sound   = "-f lavfi -i sine=f=440:d=%d "
)

// secrets are the arguments of ffmpeg that write things which must not remain.
const secrets = "-metadata title=secret-title -metadata comment=secret-comment -metadata artist=secret-artist -metadata location=+48.2082+016.3738/ " +
	"-metadata com.apple.quicktime.location.ISO6709=+48.2082+016.3738/ -metadata com.apple.quicktime.make=secret-make -metadata creation_time=2024-05-06T07:08:09 " +
	"-metadata:s:0 title=secret-stream -metadata:s:0 handler_name=secret-handler -metadata:s:0 language=deu "

func src(w, h, rate, seconds int) string { return fmt.Sprintf(picture, w, h, rate, seconds) }
func hum(seconds int) string             { return fmt.Sprintf(sound, seconds) }

// videos are clips of many makes; all of them become an MP4.
var videos = []struct {
	name, args    string
	mime          string
	width, height int  // as made
	copied, mute  bool // copied: streams are left as they are
}{
	{"plain.mp4", src(320, 180, 25, 2) + hum(2) + secrets + "-c:v libx264 -pix_fmt yuv420p -c:a aac -movflags use_metadata_tags", "video/mp4", 320, 180, true, false},
	{"mute.mp4", src(320, 180, 25, 2) + secrets + "-c:v libx264 -pix_fmt yuv420p", "video/mp4", 320, 180, true, true},
	{"full.mp4", src(320, 180, 25, 1) + hum(1) + "-c:v libx264 -pix_fmt yuv444p -c:a aac", "video/mp4", 320, 180, false, false},
	{"mp3.mp4", src(320, 180, 25, 1) + hum(1) + "-c:v libx264 -pix_fmt yuv420p -c:a libmp3lame", "video/mp4", 320, 180, false, false},
	{"ten.mp4", src(320, 180, 25, 1) + "-c:v libx265 -x265-params log-level=none -tag:v hvc1 -pix_fmt yuv420p10le", "video/mp4", 320, 180, false, true},
	{"eight.webm", src(320, 180, 25, 1) + hum(1) + secrets + "-c:v libvpx -c:a libvorbis", "video/webm", 320, 180, false, false},
	{"nine.webm", src(320, 180, 25, 1) + hum(1) + secrets + "-c:v libvpx-vp9 -deadline realtime -c:a libopus", "video/webm", 320, 180, false, false},
	{"prores.mov", src(320, 180, 25, 1) + hum(1) + secrets + "-c:v prores_ks -c:a pcm_s16le -timecode 01:02:03:04", "video/quicktime", 320, 180, false, false},
	{"motion.mov", src(320, 180, 25, 1) + secrets + "-c:v mjpeg", "video/quicktime", 320, 180, false, true},
	{"theora.ogv", src(320, 176, 25, 1) + hum(1) + secrets + "-c:v libtheora -c:a libvorbis", "video/ogg", 320, 176, false, false},
	{"odd.webm", src(321, 181, 25, 1) + "-c:v libvpx", "video/webm", 320, 180, false, true},
	{"one.webm", src(320, 180, 25, 1) + "-frames:v 1 -c:v libvpx", "video/webm", 320, 180, false, true},
	{"fast.webm", src(320, 180, 100, 1) + "-c:v libvpx", "video/webm", 320, 180, false, true},
	{"chapters.mkv", src(320, 180, 25, 1) + hum(1) + secrets + "-c:v libx264 -pix_fmt yuv420p -c:a aac", "video/x-matroska", 320, 180, true, false},
	{"wide.mov", src(160, 180, 25, 1) + "-vf setsar=2 -c:v mpeg4", "video/quicktime", 320, 180, false, true},
}

func TestVideosAreMadeClean(t *testing.T) {
	t.Parallel()
	for _, test := range videos {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := ffmpeg(t, test.name, test.args)
			if _, mime := sniffed(t, in); mime != test.mime {
				t.Errorf("sniffed as %s, want %s", mime, test.mime)
			}
			info := probed(t, in)
			made, err := tools(t).Video(t.Context(), in, t.TempDir(), info)
			if err != nil {
				t.Fatal(err)
			}
			checkFilm(t, made, test.width, test.height, test.mute)
			if before, after := describe(t, in), describe(t, made.Path); !strings.HasPrefix(test.name, "fast") && before.Streams[0].Read != after.Streams[0].Read {
				t.Errorf("there are %s frames, there were %s", after.Streams[0].Read, before.Streams[0].Read)
			}
			same := string(frames(t, in)) == string(frames(t, made.Path))
			if same != test.copied {
				t.Errorf("copied without loss: %v, want %v", same, test.copied)
			}
			poster(t, in, info)
		})
	}
}

// frames are the checksums of a clip's decoded frames.
func frames(t testing.TB, path string) []byte {
	t.Helper()
	return command(t, need(t, "ffmpeg"), "-v", "error", "-i", path, "-map", "0:v:0", "-f", "streamhash", "-hash", "md5", "-")
}

// checkFilm looks at a video that was made.
func checkFilm(t testing.TB, made clip.Result, width, height int, mute bool) {
	t.Helper()
	if made.Type != "video/mp4" || made.Ext != ".mp4" || made.Info.Width != width || made.Info.Height != height || made.Info.HasAudio() == mute {
		t.Errorf("made %+v", made)
	}
	clean(t, made.Path)
	d := describe(t, made.Path)
	want := 2
	if mute {
		want = 1
	}
	if len(d.Streams) != want || d.Streams[0].Codec != "h264" || d.Streams[0].Pixels != "yuv420p" || !mute && d.Streams[1].Codec != "aac" {
		t.Errorf("the streams are %+v", d.Streams)
	}
	body, _ := os.ReadFile(made.Path)
	if moov, mdat := strings.Index(string(body), "moov"), strings.Index(string(body), "mdat"); moov > mdat {
		t.Error("what players need first comes last")
	}
	if made.Info.FrameRate > 60 {
		t.Errorf("there are %v frames a second", made.Info.FrameRate)
	}
}

// poster makes a poster and holds it to the shape of the video.
func poster(t testing.TB, in string, info clip.Info) {
	t.Helper()
	made, err := tools(t).Poster(t.Context(), in, t.TempDir(), info)
	if err != nil {
		t.Fatal(err)
	}
	size := decoded(t, made.Path).Bounds().Size()
	want, got := float64(info.Width)/float64(info.Height), float64(size.X)/float64(size.Y)
	if size.X*size.Y > 640*360 || math.Abs(want-got) > 0.02*want || made.Info.Width != size.X || made.Type != "image/png" {
		t.Errorf("the poster has %v for %d×%d", size, info.Width, info.Height)
	}
}

func TestRotationIsKept(t *testing.T) {
	t.Parallel()
	upright := ffmpeg(t, "up.mov", src(320, 180, 25, 1)+secrets+"-c:v libx264 -pix_fmt yuv420p -movflags use_metadata_tags")
	for _, codec := range []string{"copy", "mpeg4"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			plain := upright
			if codec != "copy" {
				plain = ffmpeg(t, "plain.mov", "-i "+upright+" -c:v "+codec)
			}
			in := filepath.Join(t.TempDir(), "in.mov")
			body, err := os.ReadFile(plain)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(in, turn(t, body), 0o600); err != nil {
				t.Fatal(err)
			}
			info := probed(t, in)
			if info.Rotation != 90 || info.Width != 180 || info.Height != 320 {
				t.Fatalf("probed %+v", info)
			}
			made, err := tools(t).Video(t.Context(), in, t.TempDir(), info)
			if err != nil {
				t.Fatal(err)
			}
			checkFilm(t, made, 180, 320, true)
			poster(t, in, info)
			poster(t, made.Path, made.Info)
			clean(t, made.Path, "48.2082")
		})
	}
}

// turn writes into a film that it is to be turned a quarter clockwise, as phones do (the matrix in tkhd).
func turn(t testing.TB, body []byte) []byte {
	t.Helper()
	at := strings.Index(string(body), "tkhd")
	if at < 0 {
		t.Fatal("no track")
	}
	matrix := body[at+4+40:][:36]
	if string(matrix[:4]) != "\x00\x01\x00\x00" {
		t.Fatalf("no matrix: % x", matrix)
	}
	body = slices.Clone(body)
	copy(body[at+44:], u32(0, 1<<16, 0, 0xffff0000, 0, 0, 180<<16, 0, 1<<30))
	return body
}

func TestVariableRatesBecomeConstant(t *testing.T) {
	t.Parallel()
	in := ffmpeg(t, "in.webm", src(320, 180, 30, 4), "-vf", "select='if(lt(t,2),1,not(mod(n,10)))'", "-vsync", "vfr", "-c:v", "libvpx")
	made, err := tools(t).Video(t.Context(), in, t.TempDir(), probed(t, in))
	if err != nil {
		t.Fatal(err)
	}
	if made.Info.FrameRate != made.Info.BaseRate || made.Info.FrameRate < 29 || made.Info.FrameRate > 60 || math.Abs(made.Info.Duration-4) > 0.4 {
		t.Errorf("made %+v", made.Info)
	}
}

func TestAnimationsBecomeVideos(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]string{"in.gif": src(161, 91, 10, 2), "in.mp4": src(160, 90, 10, 2) + hum(2) + "-c:v libx264 -pix_fmt yuv420p -c:a aac"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := ffmpeg(t, name, args)
			info := probed(t, in)
			made, err := tools(t).GIFV(t.Context(), in, t.TempDir(), info)
			if err != nil {
				t.Fatal(err)
			}
			checkFilm(t, made, 160, 90, true)
			if made.Info.Frames != 20 || math.Abs(made.Info.Duration-2) > 0.1 {
				t.Errorf("made %+v", made.Info)
			}
		})
	}
	t.Run("ImageMagick's, with transparent parts and uneven times", func(t *testing.T) {
		t.Parallel()
		in := filepath.Join(t.TempDir(), "in.gif")
		command(t, need(t, "convert-im6.q16", "convert-im6", "magick"), "-size", "64x64", "-dispose", "background", "-delay", "20", "xc:none", "-delay", "100", "xc:red", "-loop", "0", in)
		made, err := tools(t).GIFV(t.Context(), in, t.TempDir(), probed(t, in))
		if err != nil {
			t.Fatal(err)
		}
		checkFilm(t, made, 64, 64, true)
		if math.Abs(made.Info.Duration-1.2) > 0.25 {
			t.Errorf("made %+v", made.Info)
		}
	})
}

var sounds = []struct {
	name, args, mime string
	rate             int
	channels         string
}{
	{"in.opus", hum(1) + secrets + "-c:a libopus", "audio/ogg", 48000, "mono"},
	{"in.ogg", hum(1) + secrets + "-c:a libvorbis -ar 44100", "audio/ogg", 44100, "mono"},
	{"in.oga", hum(1) + secrets + "-c:a flac", "audio/ogg", 44100, "mono"},
	{"in.mp3", hum(1) + secrets + "-c:a libmp3lame -ac 2", "audio/mpeg", 44100, "stereo"},
	{"bare.mp3", hum(1) + "-c:a libmp3lame -id3v2_version 0 -write_xing 0 -ar 22050", "audio/mpeg", 44100, "mono"},
	{"in.wav", hum(1) + secrets + "-ar 96000 -ac 2", "audio/wav", 48000, "stereo"},
	{"in.flac", hum(1) + secrets, "audio/flac", 44100, "mono"},
	{"in.aac", hum(1) + secrets, "audio/aac", 44100, "mono"},
	{"in.m4a", hum(1) + secrets + "-c:a aac", "audio/mp4", 44100, "mono"},
	{"in.3gp", hum(1) + secrets + "-c:a aac -ac 1", "audio/3gpp", 44100, "mono"},
	{"in.wma", hum(1) + secrets + "-c:a wmav2", "video/x-ms-asf", 44100, "mono"},
	{"in.webm", hum(1) + secrets + "-c:a libopus -ac 6", "video/webm", 48000, "stereo"},
}

func TestSoundsAreMadeClean(t *testing.T) {
	t.Parallel()
	for _, test := range sounds {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := ffmpeg(t, test.name, test.args)
			if _, mime := sniffed(t, in); mime != test.mime {
				t.Errorf("sniffed as %s, want %s", mime, test.mime)
			}
			info := probed(t, in)
			if info.HasVideo() || !info.HasAudio() {
				t.Errorf("probed %+v", info)
			}
			made, err := tools(t).Audio(t.Context(), in, t.TempDir(), info)
			if err != nil {
				t.Fatal(err)
			}
			clean(t, made.Path)
			d := describe(t, made.Path)
			if made.Type != "audio/mpeg" || len(d.Streams) != 1 || d.Streams[0].Codec != "mp3" || made.Info.SampleRate != test.rate || made.Info.Channels != test.channels ||
				math.Abs(made.Info.Duration-1) > 0.1 {
				t.Errorf("made %+v of %+v", made, info)
			}
			if _, err := tools(t).Poster(t.Context(), in, t.TempDir(), info); err == nil {
				t.Error("there is a poster of nothing")
			}
		})
	}
}

func TestCoversAreTakenOut(t *testing.T) {
	t.Parallel()
	cover := ffmpeg(t, "cover.jpg", "-f lavfi -i testsrc=s=1000x1000 -frames:v 1")
	for _, name := range []string{"in.mp3", "in.m4a", "in.flac"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := ffmpeg(t, name, hum(1)+"-i "+cover+" -map 0:a -map 1:v -c:v copy -disposition:v attached_pic "+secrets)
			info := probed(t, in)
			if !info.HasArtwork || info.HasVideo() {
				t.Fatalf("probed %+v", info)
			}
			made, err := tools(t).Audio(t.Context(), in, t.TempDir(), info)
			if err != nil {
				t.Fatal(err)
			}
			clean(t, made.Path)
			if d := describe(t, made.Path); len(d.Streams) != 1 {
				t.Errorf("the streams are %+v", d.Streams)
			}
			art, err := tools(t).Poster(t.Context(), in, t.TempDir(), info)
			if err != nil {
				t.Fatal(err)
			}
			if size := decoded(t, art.Path).Bounds().Size(); size.X != 480 || size.Y != 480 {
				t.Errorf("the cover has %v", size)
			}
		})
	}
}

func TestCopiesForFilesOfOthers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain.mp4", "prores.mov", "nine.webm", "theora.ogv"} {
		i := slices.IndexFunc(videos, func(v struct {
			name, args    string
			mime          string
			width, height int
			copied, mute  bool
		}) bool {
			return v.name == name
		})
		remux(t, name, videos[i].args, videos[i].mime)
	}
	for _, test := range sounds {
		if test.name != "in.wma" {
			remux(t, test.name, test.args, map[string]string{"audio/3gpp": "audio/mp4", "video/webm": "audio/webm"}[test.mime])
		}
	}
}

func remux(t *testing.T, name, args, want string) {
	t.Run("copied "+name, func(t *testing.T) {
		t.Parallel()
		in := ffmpeg(t, name, args)
		_, mime := sniffed(t, in)
		if want == "" {
			want = mime
		}
		made, err := tools(t).Remux(t.Context(), in, t.TempDir(), probed(t, in), mime)
		if err != nil {
			t.Fatal(err)
		}
		if made.Type != want {
			t.Errorf("made %s, want %s", made.Type, want)
		}
		clean(t, made.Path)
		before, after := describe(t, in), describe(t, made.Path)
		if before.Streams[0].Codec != after.Streams[0].Codec {
			t.Errorf("%s became %s", before.Streams[0].Codec, after.Streams[0].Codec)
		}
		if kind, _ := sniffed(t, made.Path); kind != made.Info.Kind {
			t.Errorf("what was made is sniffed as %s, want %s", kind, made.Info.Kind)
		}
	})
}
