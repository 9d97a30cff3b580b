package rest

import (
	"embed"
	"net/http"
	"path"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
	"github.com/gomph/gomph/internal/kit/httpio"
)

// static are the pictures of those who have none.
//
//go:embed static/*.png
var static embed.FS

// fileTypes are the only types that stored files are served as (MED-05).
var fileTypes = map[string]string{".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}

// MountFiles serves stored files and the pictures of those who have none.
func (a *API) MountFiles(mux chi.Router) {
	for at, file := range map[string]string{entity.MissingAvatar: "static/avatar.png", entity.MissingHeader: "static/header.png"} {
		mux.Method(http.MethodGet, at, a.embedded(file))
		mux.Method(http.MethodHead, at, a.embedded(file))
	}
	mux.Method(http.MethodGet, "/system/*", http.HandlerFunc(a.serveFile))
	mux.Method(http.MethodHead, "/system/*", http.HandlerFunc(a.serveFile))
}

// fileHeaders keep a file from being anything but a picture, whatever its bytes try (MED-02, MED-03).
func fileHeaders(h http.Header, kind string) {
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; form-action 'none'; sandbox")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	// A name is never used for other bytes.
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
}

func (a *API) embedded(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fileHeaders(w.Header(), "image/png")
		w.Header().Set("Cache-Control", "public, max-age=86400")
		http.ServeFileFS(w, r, static, name)
	})
}

func (a *API) serveFile(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/system/")
	kind, known := fileTypes[path.Ext(name)]
	if !known {
		http.NotFound(w, r)
		return
	}
	f, err := a.Files.Open(r.Context(), name)
	if err != nil {
		if code := httpio.Status(err); code != http.StatusInternalServerError {
			http.NotFound(w, r)
			return
		}
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	defer f.Close()
	fileHeaders(w.Header(), kind)
	http.ServeContent(w, r, "", f.ModTime, f)
}
