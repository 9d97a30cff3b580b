package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/testkit/draw"
)

// uploaded is an attachment as the API shows it.
type uploaded struct {
	ID          string  `json:"id"`
	Type        string  `json:"type"`
	URL         *string `json:"url"`
	PreviewURL  *string `json:"preview_url"`
	Description string  `json:"description"`
	Blurhash    string  `json:"blurhash"`
	Meta        struct {
		Original struct {
			Width, Height int
			Size          string
			FrameRate     string `json:"frame_rate"`
			Duration      float64
		}
		Small struct{ Width, Height int }
		Focus struct{ X, Y float64 }
	}
}

// workshop makes files with programs of others.
type workshop struct {
	t      *testing.T
	folder string
}

func newWorkshop(t *testing.T) workshop {
	t.Helper()
	for _, program := range []string{"ffmpeg", "ffprobe", "convert", "exiftool"} {
		if _, err := exec.LookPath(program); err != nil {
			lacks(t, program+" is not there: "+err.Error())
		}
	}
	return workshop{t, t.TempDir()}
}

// run runs a program in the folder, and gives the file that it made.
func (w workshop) run(name string, program string, args ...string) []byte {
	w.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = w.folder
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%s: %v: %s", program, err, out)
	}
	body, err := os.ReadFile(filepath.Join(w.folder, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return body
}

func (w workshop) ffmpeg(name string, args ...string) []byte {
	w.t.Helper()
	return w.run(name, "ffmpeg", append(append([]string{"-hide_banner", "-loglevel", "error", "-y"}, args...), name)...)
}

// clip has a picture, a tone and a place on earth.
func (w workshop) clip(name string, more ...string) []byte {
	w.t.Helper()
	return w.ffmpeg(name, append([]string{"-f", "lavfi", "-i", "testsrc=size=320x240:rate=10:duration=2", "-f", "lavfi", "-i", "sine=duration=2",
		"-metadata", "location=+52.5200+013.4050/", "-metadata", "title=SECRET", "-metadata:s:v", "title=SECRET"}, more...)...)
}

// tells is all that exiftool finds in a file.
func (w workshop) tells(body []byte) string {
	w.t.Helper()
	at := filepath.Join(w.folder, "served")
	if err := os.WriteFile(at, body, 0o600); err != nil {
		w.t.Fatal(err)
	}
	out, err := exec.Command("exiftool", "-a", "-u", "-G1", at).CombinedOutput()
	if err != nil {
		w.t.Fatalf("exiftool: %v: %s", err, out)
	}
	return string(out)
}

// upload sends a file the new way and waits until it can be seen.
func (p Person) upload(body []byte, more url.Values) uploaded {
	p.Server.t.Helper()
	var u uploaded
	answer := p.Do(http.MethodPost, "/api/v2/media", Multipart{Fields: more, Files: map[string][]byte{"file": body}})
	answer.Into(&u)
	if answer.Status == http.StatusOK {
		return u
	}
	answer.Want(http.StatusAccepted)
	if u.URL != nil {
		p.Server.t.Fatalf("it cannot be seen yet, and has the address %s", *u.URL)
	}
	Eventually(p.Server.t, "an upload can be seen", func() error {
		now := p.Do(http.MethodGet, "/api/v1/media/"+u.ID, nil)
		switch now.Status {
		case http.StatusPartialContent:
			return now
		case http.StatusOK:
			now.Into(&u)
			return nil
		}
		return fmt.Errorf("%w: %s", errHopeless, now)
	})
	return u
}

// shown gets a file as a stranger's browser does.
func (p Person) shown(address *string) []byte {
	p.Server.t.Helper()
	if address == nil {
		p.Server.t.Fatal("there is no address")
	}
	return p.Server.Do(http.MethodGet, *address, "", nil).Want(http.StatusOK).Body
}

// TestMedia uploads what people have on their phones and disks, and looks at what others get.
func TestMedia(t *testing.T) {
	t.Parallel()
	work := newWorkshop(t)
	films := map[string][]byte{
		"clip.mp4":  work.clip("clip.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"),
		"clip.webm": work.clip("clip.webm", "-c:v", "libvpx", "-c:a", "libopus"),
		"clip.mov":  work.clip("clip.mov", "-c:v", "mjpeg", "-c:a", "pcm_s16le"),
	}
	silent := work.ffmpeg("silent.mp4", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=10:duration=1", "-c:v", "libx264", "-pix_fmt", "yuv420p")
	animation := work.ffmpeg("moves.gif", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=5:duration=1")
	cover := work.run("cover.png", "convert", "-size", "300x300", "gradient:red-blue", "cover.png")
	sounds := map[string][]byte{
		"sound.wav":  work.ffmpeg("sound.wav", "-f", "lavfi", "-i", "sine=duration=2", "-metadata", "title=SECRET"),
		"sound.flac": work.ffmpeg("sound.flac", "-f", "lavfi", "-i", "sine=duration=2", "-metadata", "title=SECRET"),
		"sound.ogg":  work.ffmpeg("sound.ogg", "-f", "lavfi", "-i", "sine=duration=2", "-metadata", "title=SECRET"),
		"sound.m4a":  work.ffmpeg("sound.m4a", "-f", "lavfi", "-i", "sine=duration=2", "-metadata", "title=SECRET"),
		"sound.mp3":  work.ffmpeg("sound.mp3", "-f", "lavfi", "-i", "sine=duration=2", "-i", "cover.png", "-map", "0", "-map", "1", "-c:v", "copy", "-metadata", "title=SECRET"),
	}
	photo := work.run("photo.jpg", "convert", "-size", "640x480", "gradient:red-blue", "photo.jpg")
	photo = work.run("photo.jpg", "exiftool", "-q", "-overwrite_original", "-GPSLatitude=52.52", "-GPSLongitude=13.405", "-Make=SECRET", "-SerialNumber=SECRET", "-XMP-dc:Creator=SECRET",
		"-IPTC:By-line=SECRET", "-Comment=SECRET", "-Orientation#=6", "photo.jpg")
	Each(t, func(t *testing.T, s *Server) {
		ann := s.Person("ann")
		w := workshop{t, t.TempDir()}
		clean := func(t *testing.T, body []byte) {
			t.Helper()
			if told := w.tells(body); bytes.Contains(body, []byte("SECRET")) || strings.Contains(told, "GPS") || strings.Contains(told, "52.5") {
				t.Errorf("the file tells:\n%s", told)
			}
		}
		s.Step(t, "a photograph", func(t *testing.T) {
			u := ann.upload(photo, url.Values{"description": {"a wall"}, "focus": {"0.5,-0.5"}})
			if u.Type != "image" || u.Meta.Original.Width != 480 || u.Meta.Original.Height != 640 || u.Description != "a wall" || u.Meta.Focus.X != 0.5 || u.Blurhash == "" {
				t.Errorf("it is %+v", u)
			}
			clean(t, ann.shown(u.URL))
			clean(t, ann.shown(u.PreviewURL))
		})
		s.Step(t, "films", func(t *testing.T) {
			for name, body := range films {
				u := ann.upload(body, nil)
				if u.Type != "video" || u.Meta.Original.Size != "320x240" || u.Meta.Original.FrameRate != "10/1" || u.Meta.Original.Duration < 1.9 || u.Meta.Original.Duration > 2.2 || u.Meta.Small.Width != 320 || u.Blurhash == "" {
					t.Errorf("%s is %+v", name, u)
				}
				film := ann.shown(u.URL)
				clean(t, film)
				if !bytes.Contains(film[:12], []byte("ftyp")) {
					t.Errorf("%s is no MP4", name)
				}
				part := s.Do(http.MethodGet, *u.URL, "", nil)
				if part.Header.Get("Content-Type") != "video/mp4" || part.Header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%s is served as %v", name, part.Header)
				}
				clean(t, ann.shown(u.PreviewURL))
			}
		})
		s.Step(t, "what moves without sound", func(t *testing.T) {
			for name, body := range map[string][]byte{"silent.mp4": silent, "moves.gif": animation} {
				u := ann.upload(body, nil)
				if u.Type != "gifv" || u.Meta.Original.Duration < 0.9 || !strings.HasSuffix(*u.URL, ".mp4") {
					t.Errorf("%s is %+v", name, u)
				}
				clean(t, ann.shown(u.URL))
			}
		})
		s.Step(t, "sounds", func(t *testing.T) {
			for name, body := range sounds {
				u := ann.upload(body, nil)
				if u.Type != "audio" || u.Meta.Original.Duration < 1.9 || u.Meta.Original.Duration > 2.2 || !strings.HasSuffix(*u.URL, ".mp3") {
					t.Errorf("%s is %+v", name, u)
				}
				if (u.PreviewURL != nil) != (name == "sound.mp3") {
					t.Errorf("%s has the cover %v", name, u.PreviewURL)
				}
				clean(t, ann.shown(u.URL))
			}
		})
		s.Step(t, "a sound with a thumbnail, the older way, described later", func(t *testing.T) {
			var u uploaded
			ann.Do(http.MethodPost, "/api/v1/media", Multipart{Files: map[string][]byte{"file": sounds["sound.wav"], "thumbnail": cover}}).Want(http.StatusOK).Into(&u)
			if u.URL == nil || u.PreviewURL == nil || u.Meta.Small.Width != 300 {
				t.Errorf("it is %+v", u)
			}
			ann.Do(http.MethodPut, "/api/v1/media/"+u.ID, M{"description": "a tone"}).Want(http.StatusOK).Into(&u)
			post := ann.Write("listen", M{"media_ids": []string{u.ID}})
			var media []uploaded
			ann.Get("/api/v1/statuses/"+post.ID, &struct {
				Media *[]uploaded `json:"media_attachments"`
			}{&media})
			if len(media) != 1 || media[0].Type != "audio" || media[0].Description != "a tone" {
				t.Errorf("the post has %+v", media)
			}
		})
		s.Step(t, "what cannot be shown", func(t *testing.T) {
			cut := films["clip.webm"][:len(films["clip.webm"])/8]
			for name, body := range map[string][]byte{"a playlist": []byte("#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"), "ffconcat": []byte("ffconcat version 1.0\nfile /etc/passwd\n"),
				"SVG": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "HTML": []byte("<!doctype html>")} {
				ann.Do(http.MethodPost, "/api/v2/media", Multipart{Files: map[string][]byte{"file": body}}).Want(http.StatusUnprocessableEntity)
				if t.Failed() {
					t.Fatal(name)
				}
			}
			head := append([]byte{}, films["clip.mp4"][:64]...)
			for name, body := range map[string][]byte{"a head alone": head, "half a WebM's beginning": cut[:40]} {
				var u uploaded
				first := ann.Do(http.MethodPost, "/api/v2/media", Multipart{Files: map[string][]byte{"file": body}})
				if first.Status == http.StatusUnprocessableEntity {
					continue
				}
				first.Want(http.StatusAccepted).Into(&u)
				Eventually(t, name+" is given up", func() error {
					if now := ann.Do(http.MethodGet, "/api/v1/media/"+u.ID, nil); now.Status != http.StatusUnprocessableEntity {
						return now
					}
					return nil
				})
				ann.Do(http.MethodPost, "/api/v1/statuses", M{"status": "x", "media_ids": []string{u.ID}}).Want(http.StatusUnprocessableEntity)
			}
		})
		s.Step(t, "killed in the middle", func(t *testing.T) {
			var u uploaded
			ann.Do(http.MethodPost, "/api/v2/media", Multipart{Files: map[string][]byte{"file": films["clip.mov"]}}).Want(http.StatusAccepted).Into(&u)
			s.Kill9()
			s.Resume()
			Eventually(t, "the upload can be seen all the same", func() error {
				if now := ann.Do(http.MethodGet, "/api/v1/media/"+u.ID, nil); now.Status != http.StatusOK {
					return now
				}
				return nil
			})
		})
	})
}

// TestPicturesOfTheServer: what the admin uploads by command is what people see.
func TestPicturesOfTheServer(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		ann := s.Person("ann")
		folder := t.TempDir()
		save := func(name string, body []byte) string {
			t.Helper()
			at := filepath.Join(folder, name)
			if err := os.WriteFile(at, body, 0o600); err != nil {
				t.Fatal(err)
			}
			return at
		}
		s.Command("settings", "upload", "thumbnail", save("thumbnail.png", draw.PNG(draw.Quarters(43, 33))))
		s.Command("settings", "set", "thumbnail_description", "A pattern")
		var instance struct {
			Thumbnail struct {
				URL, Description, Blurhash string
				Versions                   map[string]string
			}
		}
		Eventually(t, "the server shows its picture", func() error { // settings are kept for some seconds
			ann.Get("/api/v2/instance", &instance)
			if instance.Thumbnail.Description != "A pattern" {
				return fmt.Errorf("it is %+v", instance.Thumbnail)
			}
			return nil
		})
		if instance.Thumbnail.Blurhash == "" || len(instance.Thumbnail.Versions) != 2 {
			t.Errorf("the picture is %+v", instance.Thumbnail)
		}
		for _, address := range append([]string{instance.Thumbnail.URL}, instance.Thumbnail.Versions["@1x"], instance.Thumbnail.Versions["@2x"]) {
			ann.shown(&address)
		}
		s.Command("emojis", "add", "cat", save("cat.gif", draw.GIF(20, 20, 2)), "--category", "Animals")
		if out, said, err := s.Run("emojis", "add", "../cat", filepath.Join(folder, "cat.gif")); err == nil {
			t.Errorf("a shortcode that is none: %s%s", out, said)
		}
		var emojis []struct {
			Shortcode, URL, Category string
			StaticURL                string `json:"static_url"`
		}
		ann.Get("/api/v1/custom_emojis", &emojis)
		if len(emojis) != 1 || emojis[0].Shortcode != "cat" || emojis[0].Category != "Animals" || !strings.HasSuffix(emojis[0].URL, ".gif") || !strings.HasSuffix(emojis[0].StaticURL, ".png") {
			t.Fatalf("the emojis are %+v", emojis)
		}
		ann.shown(&emojis[0].URL)
		ann.shown(&emojis[0].StaticURL)
		s.Command("emojis", "remove", "cat")
		ann.Get("/api/v1/custom_emojis", &emojis)
		if len(emojis) != 0 {
			t.Errorf("the emojis are %+v", emojis)
		}
	})
}
