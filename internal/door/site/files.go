package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/door/site/view"
)

// file is one that pages load: its content, ready to be sent.
type file struct {
	content []byte
	kind    string
	etag    string
	// forever says that the name changes with the content.
	forever bool
}

// maxFile bounds a file of the client that is kept in memory; the client is small, and a mistake should be seen at start.
const maxFile = 16 << 20

// kinds are the types of files, written here so that they do not depend on the machine.
var kinds = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp",
	".ico": "image/x-icon", ".woff2": "font/woff2", ".json": "application/json", ".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8",
	".html": "text/html; charset=utf-8", ".map": "application/json", ".wasm": "application/wasm", ".mp3": "audio/mpeg", ".ogg": "audio/ogg",
}

// loadFiles reads the built client. Hidden files, and types that are not known, are not served.
func loadFiles(dist fs.FS) (map[string]file, error) {
	files := map[string]file{}
	for name, draw := range map[string]func() ([]byte, error){"/avatars/original/missing.png": drawMissingAvatar, "/headers/original/missing.png": drawMissingHeader} {
		b, err := draw()
		if err != nil {
			return nil, fmt.Errorf("drawing %s: %w", name, err)
		}
		files[name] = newFile(name, b)
	}
	if dist == nil {
		return files, nil
	}
	err := fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == "." {
			return fs.SkipAll
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(path.Base(name), ".") && name != "." {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || kinds[path.Ext(name)] == "" {
			return nil
		}
		b, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		if len(b) > maxFile {
			return fmt.Errorf("%s is larger than %d bytes", name, maxFile)
		}
		files["/"+name] = newFile(name, b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the client: %w", err)
	}
	return files, nil
}

func newFile(name string, content []byte) file {
	sum := sha256.Sum256(content)
	return file{content: content, kind: kinds[path.Ext(name)], etag: `"` + hex.EncodeToString(sum[:8]) + `"`, forever: strings.HasPrefix(name, "assets/")}
}

// drawMissingAvatar draws who has no picture: head and shoulders, 120 pixels a side.
func drawMissingAvatar() ([]byte, error) {
	const side = 120
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.NRGBA{0x8f, 0xae, 0xa3, 0xff}, color.NRGBA{0xdd, 0xe8, 0xe3, 0xff}})
	for y := range side {
		for x := range side {
			dx, head, body := x-side/2, y-46, y-124
			if dx*dx+head*head < 24*24 || dx*dx+body*body*3/4 < 46*46 {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	return encodePNG(img)
}

// drawMissingHeader draws a plain banner.
func drawMissingHeader() ([]byte, error) {
	return encodePNG(image.NewPaletted(image.Rect(0, 0, 700, 335), color.Palette{color.NRGBA{0x8f, 0xae, 0xa3, 0xff}}))
}

func encodePNG(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}

func (s *Server) mountFiles(mux chi.Router) {
	for name, f := range s.files {
		h := s.serveFile(name, f)
		mux.Get(name, h)
		mux.Head(name, h)
	}
	text := func(path, kind string, body func() []byte) {
		h := func(w http.ResponseWriter, _ *http.Request) {
			s.headers(w.Header(), "")
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", "public, max-age=3600")
			_, _ = w.Write(body())
		}
		mux.Get(path, h)
		mux.Head(path, h)
	}
	text("/robots.txt", "text/plain; charset=utf-8", robots)
	text("/manifest", "application/manifest+json", s.manifest)
	text("/manifest.json", "application/manifest+json", s.manifest)
}

func (s *Server) serveFile(name string, f file) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("X-Content-Type-Options", "nosniff")
		// A file opened by itself runs nothing: an SVG is a page of its own.
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("ETag", f.etag)
		h.Set("Cache-Control", "public, max-age=3600")
		if f.forever {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		http.ServeContent(w, r, path.Base(name), time.Time{}, bytes.NewReader(f.content))
	}
}

// robots asks search engines to stay away from pages that are for people alone.
func robots() []byte {
	return []byte("User-agent: *\nDisallow: /auth/\nDisallow: /oauth/\nDisallow: /settings/\nDisallow: /admin/\nDisallow: " + view.PathAuthorizeInteract + "\nDisallow: " + view.PathRemoteFollow + "\n")
}

// manifest lets a browser keep the site as an app.
func (s *Server) manifest() []byte {
	type icon struct {
		Src   string `json:"src"`
		Sizes string `json:"sizes"`
		Type  string `json:"type"`
	}
	b, err := json.Marshal(struct {
		ID         string `json:"id"`
		Name       string `json:"name"`
		ShortName  string `json:"short_name"`
		StartURL   string `json:"start_url"`
		Scope      string `json:"scope"`
		Display    string `json:"display"`
		Theme      string `json:"theme_color"`
		Background string `json:"background_color"`
		Icons      []icon `json:"icons"`
	}{"/", s.Site.LocalDomain, s.Site.LocalDomain, "/", "/", "standalone", "#0d1614", "#0d1614",
		[]icon{{"/favicon.svg", "any", "image/svg+xml"}, {"/icon-512.png", "512x512", "image/png"}}})
	if err != nil {
		return nil // texts alone cannot fail
	}
	return b
}
