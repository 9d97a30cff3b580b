package clip_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomph/gomph/internal/kit/clip"
)

// need finds a program; without it the test is skipped, but fails in CI (scripts/install-deps installs all).
func need(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("none of %v is installed", names)
	}
	t.Skipf("none of %v is installed", names)
	return ""
}

var found = sync.OnceValue(func() *clip.Tools {
	return clip.Find(context.Background(), slog.New(slog.NewTextHandler(io.Discard, nil)), clip.Options{})
})

// tools are those of this machine, all of which the tests need.
func tools(t testing.TB) *clip.Tools {
	t.Helper()
	need(t, "ffmpeg")
	need(t, "ffprobe")
	return found()
}

// command runs a program and gives what it writes.
func command(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		said := ""
		if exit, ok := err.(*exec.ExitError); ok {
			said = string(exit.Stderr)
		}
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, said)
	}
	return out
}

// ffmpeg makes a file by the arguments, in which words stand as in a shell without quotes.
func ffmpeg(t testing.TB, name, args string, more ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	line := append([]string{"-hide_banner", "-loglevel", "error", "-y"}, strings.Fields(args)...)
	command(t, need(t, "ffmpeg"), append(append(line, more...), path)...)
	return path
}

// sniffed is what Sniff says of a file.
func sniffed(t testing.TB, path string) (clip.Kind, string) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return clip.Sniff(body)
}

// probed is what Probe says of a file that has to be fine.
func probed(t testing.TB, path string) clip.Info {
	t.Helper()
	kind, _ := sniffed(t, path)
	info, err := tools(t).Probe(t.Context(), path, kind)
	if err != nil {
		t.Fatalf("probing %s: %v", filepath.Base(path), err)
	}
	return info
}

// stream is what the tests ask ffprobe for by themselves, so that Probe is not its own witness.
type stream struct {
	Type      string            `json:"codec_type"`
	Codec     string            `json:"codec_name"`
	Pixels    string            `json:"pix_fmt"`
	Range     string            `json:"color_range"`
	Matrix    string            `json:"color_space"`
	Transfer  string            `json:"color_transfer"`
	Primaries string            `json:"color_primaries"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Rate      string            `json:"r_frame_rate"`
	Read      string            `json:"nb_read_frames"`
	Tags      map[string]string `json:"tags"`
}

type described struct {
	Streams  []stream          `json:"streams"`
	Chapters []json.RawMessage `json:"chapters"`
	Format   struct {
		Duration string            `json:"duration"`
		Tags     map[string]string `json:"tags"`
	} `json:"format"`
}

// describe decodes a file to its end and tells what was there.
func describe(t testing.TB, path string) described {
	t.Helper()
	var d described
	out := command(t, need(t, "ffprobe"), "-v", "error", "-count_frames", "-show_streams", "-show_format", "-show_chapters", "-of", "json", path)
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// withoutVersion is what ffmpeg says of itself even when it is asked not to.
var withoutVersion = regexp.MustCompile(`^(Lav[fc]( \w+)?|LAME3\.\d+)$`)

// technical are the groups and words of exiftool that say how a file is built and nothing about who made it.
var technical = []string{"SourceFile", "ExifTool:", "File:", "System:", "Composite:"}

// clean fails the test if a secret is anywhere in a file, or a tag that tells anything.
func clean(t testing.TB, path string, secrets ...string) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(secrets, "x264 - core", "secret", "iTunSMPB") {
		if strings.Contains(string(body), s) {
			t.Errorf("%s holds %q", filepath.Base(path), s)
		}
	}
	d := describe(t, path)
	tags := []map[string]string{d.Format.Tags}
	for _, s := range d.Streams {
		tags = append(tags, s.Tags)
	}
	for _, all := range tags {
		for name := range all {
			if !slices.Contains([]string{"major_brand", "minor_version", "compatible_brands", "handler_name", "vendor_id"}, name) && !strings.HasPrefix(name, "DURATION") {
				if !(strings.EqualFold(name, "encoder") && withoutVersion.MatchString(all[name]) || name == "language" && all[name] == "und") {
					t.Errorf("%s has a tag %s=%q", filepath.Base(path), name, all[name])
				}
			}
		}
	}
	if len(d.Chapters) != 0 {
		t.Errorf("%s has chapters", filepath.Base(path))
	}
	if filepath.Ext(path) == ".aac" { // nothing but frames; exiftool does not know it
		return
	}
	var list []map[string]any
	if err := json.Unmarshal(command(t, need(t, "exiftool"), "-j", "-G", "-ee", "-a", "-n", path), &list); err != nil {
		t.Fatal(err)
	}
	for name, value := range list[0] {
		if slices.ContainsFunc(technical, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		for _, bad := range []string{"GPS", "Serial", "Comment", "Title", "Artist", "Encoder", "Make", "Model", "Software", "Location", "Author", "Copyright", "Warning", "CreationDate", "Picture"} {
			if strings.Contains(name, bad) && name != "MPEG:CopyrightFlag" && !withoutVersion.MatchString(fmt.Sprint(value)) {
				t.Errorf("%s says %s: %v", filepath.Base(path), name, value)
			}
		}
	}
}

// decoded is a picture.
func decoded(t testing.TB, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// near fails the test unless a pixel has about a colour.
func near(t testing.TB, img image.Image, x, y int, red, green, blue int) {
	t.Helper()
	const most = 12
	r, g, b, _ := img.At(x, y).RGBA()
	for i, pair := range [][2]int{{int(r >> 8), red}, {int(g >> 8), green}, {int(b >> 8), blue}} {
		if pair[0]-pair[1] > most || pair[1]-pair[0] > most {
			t.Errorf("the pixel at %d,%d has %d in channel %d, want about %d", x, y, pair[0], i, pair[1])
		}
	}
}

// mbox is a box of an ISO file.
func mbox(name string, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	return slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), []byte(name), body)
}

func u32(numbers ...uint32) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

func u16(numbers ...uint16) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}
