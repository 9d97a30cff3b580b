// Package files owns the addresses of pictures, films and sounds: those that are stored here, and those of other servers, which are shown through
// this one. Nothing under these addresses is ever a page, a script or a document (MED-02, MED-03, ORG-04).
package files

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// Deps is what the addresses stand on.
type Deps struct {
	DB       *db.DB
	Settings *settings.Service
	Media    *media.Service
	Files    blob.Store
	Log      *slog.Logger
	// Folder is the beginning of the paths of stored files, as /system. Hosts that have files and nothing else do without (see media.Addresses).
	Folder string
}

// Server serves files.
type Server struct {
	Deps
	alone  chi.Router
	places chan struct{}
}

// New makes a server of files.
func New(d Deps) *Server {
	s := &Server{Deps: d, alone: chi.NewRouter(), places: make(chan struct{}, mostAtOnce)}
	s.mount(s.alone, "")
	return s
}

// Mount serves files at the web's own host.
func (s *Server) Mount(mux chi.Router) {
	s.mount(mux, "/"+strings.Trim(s.Folder, "/"))
}

func (s *Server) mount(mux chi.Router, folder string) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		mux.Method(method, media.ProxyPath+"{id:[0-9]+}/{rendition}/{key}", s.bounded(s.attachment))
		mux.Method(method, media.ProxyPath+"{kind:[a-z]+}/{rendition}/{key}/{url}", s.bounded(s.picture))
		mux.Method(method, folder+"/*", s.bounded(s.stored))
	}
}

// Apart answers requests for hosts that serve files alone, and passes on all others. There it knows neither pages nor documents, whatever
// is asked for, and no cookie.
func (s *Server) Apart(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.Media.Addresses.Alone(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", policy)
		s.alone.ServeHTTP(w, r)
	})
}

// policy keeps a file from doing anything.
const policy = "default-src 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

// headers keep a file from being anything but what its type says, whatever its bytes try (MED-02, MED-03).
func headers(h http.Header, kind string) {
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", policy)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	// A name is never used for other bytes.
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
}

// shown reports whether a type is one of those that people look at or listen to.
func shown(kind string) bool {
	return strings.HasPrefix(kind, "image/") || strings.HasPrefix(kind, "video/") || strings.HasPrefix(kind, "audio/")
}

// stored serves a file by its name.
func (s *Server) stored(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "*")
	if blob.Private(name) || strings.HasPrefix(name, media.CacheFolder) || !shown(blob.TypeOf(name)) {
		// What is kept of other servers has addresses of its own, which end when it does.
		http.NotFound(w, r)
		return
	}
	f, err := s.Files.Open(r.Context(), name)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	serve(w, r, name, f)
}

// serve sends an open file, and closes it.
func serve(w http.ResponseWriter, r *http.Request, name string, f *blob.File) {
	defer f.Close()
	headers(w.Header(), blob.TypeOf(name))
	// The name says which bytes these are: who has them need not be sent them again, wherever they are stored by now.
	w.Header().Set("ETag", `"`+tagOf(name)+`"`)
	http.ServeContent(w, r, "", f.ModTime, f)
}

// tagOf is the part of a name that nobody can guess, which stands for the bytes.
func tagOf(name string) string {
	last := name[strings.LastIndexByte(name, '/')+1:]
	last, _, _ = strings.Cut(last, ".")
	return last
}

// fail answers without a file.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errs.KindOf(err) == errs.ForbiddenKind:
		http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden) // MED-11: made elsewhere
	case errs.IsNotFound(err):
		w.Header().Set("Cache-Control", "no-store")
		http.NotFound(w, r)
	case errors.Is(err, context.Canceled):
	case errors.Is(err, media.ErrBusy):
		busy(w)
	default:
		s.Log.Error("a file could not be served", "error", err)
		busy(w)
	}
}

// attachment serves an attachment of another server.
func (s *Server) attachment(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	ref, err := s.Media.AttachmentRef(r.Context(), id, chi.URLParam(r, "key"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.remote(w, r, ref)
}

// picture serves an avatar, a header, an emoji or the picture of a preview of another server.
func (s *Server) picture(w http.ResponseWriter, r *http.Request) {
	ref, err := s.Media.Addresses.Read(chi.URLParam(r, "kind"), chi.URLParam(r, "key"), chi.URLParam(r, "url"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.remote(w, r, ref)
}

func (s *Server) remote(w http.ResponseWriter, r *http.Request, ref media.Ref) {
	rendition := chi.URLParam(r, "rendition")
	if rendition != media.Original && rendition != media.Small && rendition != media.Static {
		http.NotFound(w, r)
		return
	}
	instance, err := s.Settings.Get(r.Context(), s.DB)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if instance.MediaProxy == settings.MediaPassed {
		s.pass(w, r, ref)
		return
	}
	f, name, err := s.keep(r.Context(), ref, rendition)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	serve(w, r, name, f)
}

// keep opens a rendition of a file of another server. One whose stored bytes are gone is fetched anew.
func (s *Server) keep(ctx context.Context, ref media.Ref, rendition string) (*blob.File, string, error) {
	kept, err := s.Media.Keep(ctx, ref)
	for again := false; ; again = true {
		if err != nil {
			return nil, "", err
		}
		name, err := kept.Name(rendition)
		if err != nil {
			return nil, "", err
		}
		f, err := s.Files.Open(ctx, name)
		if err == nil || again || !errs.IsNotFound(err) {
			return f, name, err
		}
		kept, err = s.Media.Again(ctx, ref)
		if err != nil {
			return nil, "", err
		}
	}
}

// pass shows a file of another server without keeping it.
func (s *Server) pass(w http.ResponseWriter, r *http.Request, ref media.Ref) {
	begun := false
	begin := func(p media.Passing) io.Writer {
		begun = true
		headers(w.Header(), p.Type)
		w.Header().Set("Cache-Control", "public, max-age=86400")
		w.Header().Set("Accept-Ranges", "bytes")
		if p.Range != "" {
			w.Header().Set("Content-Range", p.Range)
		}
		if p.Length != "" {
			w.Header().Set("Content-Length", p.Length)
		}
		w.WriteHeader(p.Status)
		return w
	}
	err := s.passTo(r, ref, begin)
	switch {
	case err != nil && begun:
		panic(http.ErrAbortHandler) // what was said of the length is not true any more
	case err != nil:
		s.fail(w, r, err)
	}
}

// passTo tells begin what a file of another server is, and gives it the bytes if they were asked for. HEAD is about the whole: only GET knows parts.
func (s *Server) passTo(r *http.Request, ref media.Ref, begin func(media.Passing) io.Writer) error {
	if r.Method != http.MethodHead {
		return s.Media.Pass(r.Context(), ref, r.Header.Get("Range"), begin)
	}
	p, err := s.Media.Head(r.Context(), ref)
	if err == nil {
		begin(p)
	}
	return err
}
