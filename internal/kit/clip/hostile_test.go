package clip_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/clip"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/sandbox"
)

// allKinds are those that a mistaken caller could name.
var allKinds = []clip.Kind{clip.MOV, clip.Matroska, clip.Ogg, clip.MP3, clip.WAV, clip.FLAC, clip.AAC, clip.ASF, clip.GIF, clip.AVIF, clip.HEIC}

// TestPlaylistsAreNothing has files that name others: they are not sniffed as anything, and even when a caller says that they are, neither a
// file nor an address in them is opened.
func TestPlaylistsAreNothing(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			_ = c.Close()
		}
	}()
	secret := ffmpeg(t, "secret.mp4", src(64, 64, 10, 1)+"-c:v libx264 -pix_fmt yuv420p")
	address := "http://" + l.Addr().String() + "/secret.mp4"
	for name, body := range map[string]string{
		"m3u8 of a file":      "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
		"m3u8 of a video":     "#EXTM3U\n#EXTINF:1,\nfile://" + secret + "\n#EXT-X-ENDLIST\n",
		"m3u8 of an address":  "#EXTM3U\n#EXTINF:10.0,\n" + address + "\n#EXT-X-ENDLIST\n",
		"concat script":       "ffconcat version 1.0\nfile " + secret + "\nfile " + address + "\n",
		"sdp":                 "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
		"svg":                 `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="` + address + `"/></svg>`,
		"xml":                 `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>`,
		"dash":                `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>` + address + `</BaseURL></MPD>`,
		"html":                "<!DOCTYPE html><html><script>alert(1)</script></html>",
		"text":                "moov is a word, and ftyp too.\n",
		"reference in an mp4": string(slices.Concat(mbox("ftyp", []byte("qt  \x00\x00\x00\x00qt  ")), mbox("moov", mbox("rmra", mbox("rmda", mbox("rdrf", u32(0), []byte("url "), u32(uint32(len(address)+1)), []byte(address+"\x00"))))))),
	} {
		t.Run(name, func(t *testing.T) {
			in := file(t, "in.mp4", []byte(body))
			if kind, _ := clip.Sniff([]byte(body)); kind != clip.None && !strings.HasPrefix(name, "reference") {
				t.Errorf("sniffed as %s", kind)
			}
			if _, err := tools(t).Probe(t.Context(), in, clip.None); !errors.Is(err, clip.ErrUnavailable) {
				t.Errorf("of no kind: %v", err)
			}
			kinds := []clip.Kind{clip.MOV}
			if name == "m3u8 of an address" {
				kinds = allKinds
			}
			for _, kind := range kinds {
				if info, err := tools(t).Probe(t.Context(), in, kind); errs.KindOf(err) != errs.InvalidKind {
					t.Errorf("as %s: %+v, %v", kind, info, err)
				}
				if made, err := tools(t).Video(t.Context(), in, t.TempDir(), clip.Info{Kind: kind, VideoCodec: "h264", Width: 10, Height: 10}); err == nil {
					t.Errorf("as %s: %+v", kind, made)
				}
			}
		})
	}
	if asked.Load() != 0 {
		t.Error("an address was asked")
	}
}

func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	whole := map[string]string{
		"in.mp4":  ffmpeg(t, "in.mp4", src(320, 180, 25, 2)+hum(2)+"-c:v libx264 -pix_fmt yuv420p -c:a aac -movflags +faststart"),
		"in.webm": ffmpeg(t, "in.webm", src(160, 90, 25, 1)+"-c:v libvpx"),
		"in.mp3":  ffmpeg(t, "in.mp3", hum(2)+"-c:a libmp3lame"),
		"in.gif":  ffmpeg(t, "in.gif", src(160, 90, 10, 1)),
	}
	chance := rand.New(rand.NewPCG(1, 2))
	for name, path := range whole {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		broken := slices.Clone(body)
		for range len(broken) / 100 {
			broken[100+chance.IntN(len(broken)-100)] = byte(chance.Uint32())
		}
		noise := slices.Clone(body)
		for i := 64; i < len(noise); i++ {
			noise[i] = byte(chance.Uint32())
		}
		for how, damaged := range map[string][]byte{"cut": body[:len(body)/2], "cut soon": body[:min(len(body), 700)], "broken": broken, "noise": noise} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				work(t, file(t, name, damaged))
			})
		}
	}
}

// work does all that is done with a file, which may be refused for what it is but for nothing else; what comes out is clean.
func work(t *testing.T, in string) {
	t.Helper()
	kind, mime := sniffed(t, in)
	info, err := tools(t).Probe(t.Context(), in, kind)
	blamed(t, err)
	if err != nil {
		return
	}
	for _, do := range []func(context.Context, string, string, clip.Info) (clip.Result, error){
		tools(t).Video, tools(t).GIFV, tools(t).Audio, tools(t).Poster,
		func(ctx context.Context, in, folder string, info clip.Info) (clip.Result, error) {
			return tools(t).Remux(ctx, in, folder, info, mime)
		},
	} {
		folder := t.TempDir()
		made, err := do(t.Context(), in, folder, info)
		blamed(t, err)
		left, _ := os.ReadDir(folder)
		if err == nil && (len(left) != 1 || filepath.Join(folder, left[0].Name()) != made.Path) || err != nil && len(left) != 0 {
			t.Errorf("the error is %v, and in the folder is %v", err, left)
		}
	}
}

func blamed(t testing.TB, err error) {
	t.Helper()
	if kind := errs.KindOf(err); err != nil && kind != errs.InvalidKind && kind != errs.TooLargeKind {
		t.Errorf("the error is not the file's: %v", err)
	}
}

func TestFilesThatSayTooMuch(t *testing.T) {
	t.Parallel()
	film := ffmpeg(t, "in.mp4", src(64, 64, 10, 1)+"-c:v libx264 -pix_fmt yuv420p -movflags +faststart")
	body, err := os.ReadFile(film)
	if err != nil {
		t.Fatal(err)
	}
	patched := func(at string, skip int, value []byte) string {
		i := strings.Index(string(body), at)
		changed := slices.Clone(body)
		copy(changed[i+skip:], value)
		return file(t, "in.mp4", changed)
	}
	// giant is a GIF that says that it has so many pixels on each side.
	giant := func(side uint16) string {
		le := []byte{byte(side), byte(side >> 8)}
		return file(t, "in.gif", slices.Concat([]byte("GIF89a"), le, le, []byte("\x80\x00\x00\x00\x00\x00\xff\xff\xff\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x4c\x01\x00\x3b")))
	}
	many := []string{}
	for range 1000 {
		many = append(many, "-map", "0:a")
	}
	for name, test := range map[string]struct {
		path string
		want error // nil: whatever comes of it is fine, as long as it is clean or refused
	}{
		"15,000 wide and high": {giant(15_000), clip.ErrTooManyPixels},
		"50,000 wide and high": {giant(50_000), clip.ErrFormat}, // ffmpeg does not even tell how many
		"a film of the same":   {patched("avc1\x00\x00\x00\x00\x00\x00\x00\x01", 4+24, u16(50_000, 50_000)), nil},
		"too wide":             {ffmpeg(t, "in.mp4", "-f lavfi -i color=red:s=4096x2304:d=0.1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"), clip.ErrTooManyPixels},
		"5 hours of frames":    {ffmpeg(t, "in.mp4", "-f lavfi -i color=red:s=16x16:r=2:d=18010 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"), clip.ErrTooLong},
		"200 frames a second":  {ffmpeg(t, "in.mp4", src(64, 64, 200, 1)+"-c:v libx264 -pix_fmt yuv420p"), clip.ErrTooFast},
		"1,000 streams":        {ffmpeg(t, "in.mp4", "-i "+ffmpeg(t, "one.m4a", hum(1)+"-c:a aac")+" -c copy", many...), clip.ErrFormat},
		"of a folder":          {t.TempDir(), os.ErrInvalid},
		"of nothing":           {filepath.Join(t.TempDir(), "none"), os.ErrNotExist},
		"100 MiB":              {large(t), clip.ErrTooLarge},
		"10 hours of stills":   {ffmpeg(t, "in.mp4", "-f lavfi -i color=red:s=16x16:r=0.01:d=36000 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"), nil},
		"absurd time":          {patched("mvhd", 4+12, u32(1, 1<<31)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := clip.MOV
			if strings.HasSuffix(test.path, ".gif") {
				kind = clip.GIF
			}
			if test.want == nil {
				work(t, test.path)
			} else if _, err := tools(t).Probe(t.Context(), test.path, kind); !errors.Is(err, test.want) {
				t.Errorf("the error is %v, want %v", err, test.want)
			}
		})
	}
}

func large(t testing.TB) string {
	path := file(t, "in.mp4", nil)
	if err := os.Truncate(path, 100<<20); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAttachmentsAndSubtitlesGo(t *testing.T) {
	t.Parallel()
	font := file(t, "font.ttf", []byte("secret-font"))
	text := file(t, "text.srt", []byte("1\n00:00:00,000 --> 00:00:01,000\nsecret-line\n"))
	marks := file(t, "marks.txt", []byte(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=secret-chapter\n"))
	in := ffmpeg(t, "in.mkv", src(320, 180, 25, 1)+hum(1)+"-i "+text+" -i "+marks+" -map 0 -map 1 -map 2 -map_chapters 3 -attach "+font+
		" -metadata:s:t mimetype=application/x-font-ttf -c:v libx264 -pix_fmt yuv420p -c:a aac -c:s srt")
	if d := describe(t, in); len(d.Streams) != 4 || len(d.Chapters) != 1 {
		t.Fatalf("the clip has %+v", d)
	}
	info := probed(t, in)
	for _, do := range []func(context.Context, string, string, clip.Info) (clip.Result, error){tools(t).Video, tools(t).GIFV, tools(t).Audio} {
		made, err := do(t.Context(), in, t.TempDir(), info)
		if err != nil {
			t.Fatal(err)
		}
		clean(t, made.Path)
	}
}

// TestWorkWithoutEnd has a limit of one second of computing, for what takes ten.
func TestWorkWithoutEnd(t *testing.T) {
	t.Parallel()
	tools(t) // or be skipped
	in := ffmpeg(t, "in.mkv", "-f lavfi -i color=red:s=3840x2160:r=60:d=2 -c:v mpeg4 -q:v 31 -g 600")
	impatient := clip.Find(t.Context(), slog.New(slog.DiscardHandler), clip.Options{CPU: time.Second})
	folder := t.TempDir()
	if _, err := impatient.Video(t.Context(), in, folder, probed(t, in)); !errors.Is(err, clip.ErrTooSlow) {
		t.Errorf("the error is %v", err)
	}
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

// TestTheLargestFrames is about memoryLimit, which has to suffice for what is allowed.
func TestTheLargestFrames(t *testing.T) {
	t.Parallel()
	for name, light := range map[string]string{"usual": "", "of a high dynamic range": " -color_trc arib-std-b67"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := ffmpeg(t, "in.mkv", "-f lavfi -i testsrc=s=3840x2160:r=60:d=0.2 -c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p10le"+light)
			made, err := tools(t).Video(t.Context(), in, t.TempDir(), probed(t, in))
			if err != nil {
				t.Fatal(err)
			}
			if made.Info.Width != 3840 || made.Info.Frames != 12 {
				t.Errorf("made %+v", made.Info)
			}
		})
	}
}

// TestEndOfContext starts a program that only waits, together with a child, and ends the context: both are gone, or reading their output
// would not come to an end.
func TestEndOfContext(t *testing.T) {
	t.Parallel()
	tools(t)
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{}, 1)
	waiting := func(ctx context.Context, l sandbox.Limits, name string, args ...string) *exec.Cmd {
		if !slices.Contains(args, "-show_entries") {
			return sandbox.Command(ctx, l, name, args...)
		}
		began <- struct{}{}
		return sandbox.Command(ctx, l, "sh", "-c", "tail -f /dev/null & wait")
	}
	w := clip.Find(t.Context(), slog.New(slog.DiscardHandler), clip.Options{Command: waiting})
	go func() { <-began; cancel() }()
	in := file(t, "in.mp4", []byte("anything"))
	if _, err := w.Probe(ctx, in, clip.MOV); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestNamesOfFilesAreNoArguments(t *testing.T) {
	t.Parallel()
	in := ffmpeg(t, "in.mp4", src(64, 64, 10, 1)+hum(1)+"-c:v libx264 -pix_fmt yuv420p -c:a aac")
	body, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"-i", "-version", "it's \"so\".mp4", "concat:a|b", "a%03d.mp4", "http:", "new\nline", "data:x,y;z[a]"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), name)
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(folder, name)
			if err := os.WriteFile(path, body, 0o600); err != nil {
				t.Fatal(err)
			}
			info := probed(t, path)
			for _, do := range []func(context.Context, string, string, clip.Info) (clip.Result, error){tools(t).Video, tools(t).Audio, tools(t).Poster} {
				if made, err := do(t.Context(), path, folder, info); err != nil {
					t.Error(err)
				} else if _, err := os.Stat(made.Path); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestWithoutPrograms(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	none := clip.Find(t.Context(), slog.New(slog.NewTextHandler(&said, nil)), clip.Options{FFmpeg: "/nowhere/ffmpeg", FFprobe: "/nowhere/ffprobe", HEIF: "/nowhere/heif"})
	if !strings.Contains(said.String(), "not found") {
		t.Errorf("said %q", said.String())
	}
	for _, tl := range []*clip.Tools{none, nil} {
		if types := tl.Types(); types != nil {
			t.Errorf("types are %v", types)
		}
		for _, kind := range allKinds {
			if tl.Can(kind) {
				t.Errorf("%s can be worked on", kind)
			}
			_, err1 := tl.Probe(t.Context(), "x", kind)
			_, err2 := tl.Video(t.Context(), "x", "y", clip.Info{Kind: kind, VideoCodec: "h264"})
			_, err3 := tl.Audio(t.Context(), "x", "y", clip.Info{Kind: kind, AudioCodec: "aac"})
			_, err4 := tl.Poster(t.Context(), "x", "y", clip.Info{Kind: kind})
			_, err5 := tl.Still(t.Context(), "x", "y", kind)
			_, err6 := tl.Remux(t.Context(), "x", "y", clip.Info{Kind: kind}, "")
			for i, err := range []error{err1, err2, err3, err4, err5, err6} {
				if !errors.Is(err, clip.ErrUnavailable) {
					t.Errorf("%s, %d: %v", kind, i, err)
				}
			}
		}
	}
}

func TestTypes(t *testing.T) {
	t.Parallel()
	const want = "image/heic image/heif image/avif video/webm video/mp4 video/quicktime video/ogg audio/wave audio/wav audio/x-wav audio/x-pn-wave audio/vnd.wave audio/ogg " +
		"audio/vorbis audio/mpeg audio/mp3 audio/webm audio/flac audio/aac audio/m4a audio/x-m4a audio/mp4 audio/3gpp video/x-ms-asf"
	need(t, "heif-dec", "heif-convert")
	if got := strings.Join(tools(t).Types(), " "); got != want {
		t.Errorf("types are %s", got)
	}
	for _, kind := range allKinds {
		if !tools(t).Can(kind) {
			t.Errorf("%s cannot be worked on", kind)
		}
	}
	// A program that cannot encode says so, and is believed; nor does one that answers with nothing do anything.
	old := file(t, "ffmpeg", fmt.Appendf(nil, "#!/bin/sh\n%s \"$@\" | grep -v -e libx264 -e libdav1d -e libaom\n", need(t, "ffmpeg")))
	dumb := file(t, "ffmpeg", []byte("#!/bin/sh\n"))
	for path, want := range map[string]bool{old: true, dumb: false} {
		if err := os.Chmod(path, 0o700); err != nil {
			t.Fatal(err)
		}
		tl := clip.Find(t.Context(), slog.New(slog.NewTextHandler(io.Discard, nil)), clip.Options{FFmpeg: path, HEIF: "/nowhere"})
		types := tl.Types()
		if slices.Contains(types, "video/mp4") || slices.Contains(types, "audio/mpeg") != want || slices.Contains(types, "image/heic") || tl.Can(clip.GIF) {
			t.Errorf("types are %v", types)
		}
	}
}
