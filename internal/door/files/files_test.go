package files_test

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/files"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/draw"
	world "github.com/gomph/gomph/internal/testkit/make"
)

// origin is another server with files. It counts who asks, and what they say of themselves.
type origin struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte
	asked map[string]int
	last  http.Header
	// hold is waited for before anything is given; reached is closed when somebody waits.
	hold, reached chan struct{}
	once          sync.Once
}

func newOrigin(t *testing.T) *origin {
	o := &origin{files: map[string][]byte{}, asked: map[string]int{}, reached: make(chan struct{})}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.asked[r.URL.Path]++
		o.last = r.Header.Clone()
		body, found := o.files[r.URL.Path]
		hold := o.hold
		o.mu.Unlock()
		if hold != nil {
			o.once.Do(func() { close(o.reached) })
			<-hold
		}
		if !found {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8") // nobody believes it (MED-05)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}))
	t.Cleanup(o.Close)
	o.URL = strings.Replace(o.URL, "127.0.0.1", "far.example", 1)
	return o
}

func (o *origin) put(path string, body []byte) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.files[path] = body
	return o.URL + path
}

func (o *origin) count(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[path]
}

type scene struct {
	*world.World
	*origin
	t    *testing.T
	door http.Handler
	far  *accounts.Account
}

func newScene(t *testing.T, d *db.DB) *scene {
	w := world.New(t, d)
	s := &scene{World: w, origin: newOrigin(t), t: t}
	server := files.New(files.Deps{DB: d, Settings: w.Settings, Media: w.Media, Files: w.Files, Log: slog.New(slog.DiscardHandler), Folder: "/system"})
	mux := chi.NewRouter()
	mux.Use(server.Apart)
	server.Mount(mux)
	mux.Get("/@ann", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a page") })
	s.door = mux
	s.far = w.Remote("far", "far.example")
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) get(at string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.ask(http.MethodGet, at, header...)
}

func (s *scene) ask(method, at string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, strings.TrimPrefix(at, "https://local.example"), nil)
	r.Host = "local.example"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	rec := httptest.NewRecorder()
	s.door.ServeHTTP(rec, r)
	return rec
}

// want gets an address that must answer so.
func (s *scene) want(at string, code int, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	rec := s.get(at, header...)
	if rec.Code != code {
		s.t.Fatalf("GET %s: %d, want %d: %.100q", at, rec.Code, code, rec.Body)
	}
	return rec
}

// attach receives a post with an attachment of the origin.
func (s *scene) attach(kind, url, thumbnail string) media.Attachment {
	s.t.Helper()
	st := s.Receive(s.far, "<p>look</p>", func(in *statuses.Incoming) {
		in.Attachments = []media.Attachment{{Kind: kind, RemoteURL: url, ThumbnailRemoteURL: thumbnail}}
	})
	of, err := s.Media.OfStatuses(s.Ctx(), s.DB, []int64{int64(st.ID)})
	s.must(err)
	return of[int64(st.ID)][0]
}

// TestFilesOfHere: a stored file is served as what it is, whatever is asked for, and can do nothing (MED-02, MED-03, ORG-04).
func TestFilesOfHere(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.SQLite(t))
	name := blob.Path("media_attachments/files", 12, "original", ".png")
	s.must(s.Files.Put(s.Ctx(), name, bytes.NewReader(draw.PNG(draw.Quarters(3, 3))), -1))
	got := s.want("/system/"+name, 200, "Accept", "application/activity+json")
	for h, want := range map[string]string{"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Cache-Control": "public, max-age=31536000, immutable",
		"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"} {
		if got.Header().Get(h) != want {
			t.Errorf("%s is %q", h, got.Header().Get(h))
		}
	}
	if !strings.Contains(got.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Error("a file may run scripts")
	}
	if part := s.want("/system/"+name, 206, "Range", "bytes=1-3"); part.Body.String() != "PNG" {
		t.Errorf("a part is %q", part.Body)
	}
	s.want("/system/"+name, 304, "If-None-Match", got.Header().Get("ETag"))
	s.want("/system/"+name, 416, "Range", "bytes=100000-")
	for _, hidden := range []string{"archives/aa/x.zip", "archives/aa/x.png", "incoming/aa/x.png", "cache/accounts/avatars/original/aa/x.png", "x/y.html", "x/y.svg", "x/y"} {
		s.must(s.Files.Put(s.Ctx(), hidden, strings.NewReader("x"), -1))
		s.want("/system/"+hidden, 404)
	}
	for _, at := range []string{"/system/../etc/passwd", "/system/%2e%2e/x.png", "/system/media", "/system/media/aa.png", "/system/.incoming/x.png", "/system/", "/system/" + strings.ToUpper(name)} {
		s.want(at, 404)
	}
}

// TestAHostOfItsOwn has files and nothing else.
func TestAHostOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.SQLite(t))
	name := blob.Path("media_attachments/files", 12, "original", ".png")
	s.must(s.Files.Put(s.Ctx(), name, bytes.NewReader(draw.PNG(draw.Quarters(3, 3))), -1))
	if s.want("/"+name, 200, "Host", "media.example").Header().Get("Set-Cookie") != "" {
		t.Error("it sets a cookie")
	}
	for _, at := range []string{"/@ann", "/", "/system/" + name, "/users/ann", "/.well-known/webfinger?resource=acct:ann@local.example", "/auth/sign_in", "/api/v1/instance"} {
		s.want(at, 404, "Host", "media.example", "Accept", "application/activity+json")
	}
	s.want("/@ann", 200)
	s.want("/system/"+name, 200)
	s.want("/"+name, 404)
	a := media.NewAddresses(s.Site, []byte("x"), media.AddressOptions{Root: "https://media.example", Proxy: "https://media.example"})
	for got, want := range map[string]string{a.File("a/b.png"): "https://media.example/a/b.png", a.Attachment(7, "https://x.example/y", media.Small)[:39]: "https://media.example/media_proxy/7/sma"} {
		if got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

// TestFilesOfOthers: what another server has is fetched when somebody looks at it, once, and kept.
func TestFilesOfOthers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newScene(t, d)
		secret := append(draw.PNG(draw.Quarters(900, 600)), "<script>SECRET</script>"...)
		a := s.attach(media.Image, s.put("/p.png", secret), "")
		url, preview := s.Media.Addresses.Shown(a)
		if s.count("/p.png") != 0 {
			t.Error("it was fetched before anybody looked")
		}
		small := s.want(preview, 200, "Cookie", "_session=secret", "User-Agent", "A browser", "X-Forwarded-For", "198.51.100.7")
		if cfg, err := png.DecodeConfig(small.Body); err != nil || cfg.Width*cfg.Height > 230_400 {
			t.Errorf("the small one is %+v, %v", cfg, err)
		}
		for _, h := range []string{"Cookie", "X-Forwarded-For", "Referer"} {
			if s.last.Get(h) != "" {
				t.Errorf("the other server was told %s", h)
			}
		}
		if s.last.Get("User-Agent") == "A browser" {
			t.Error("the other server was told who looks")
		}
		whole := s.want(url, 200)
		if whole.Header().Get("Content-Type") != "image/png" || strings.Contains(whole.Body.String(), "SECRET") {
			t.Errorf("the whole is %v", whole.Header())
		}
		s.want(url, 206, "Range", "bytes=0-3")
		s.want(url, 304, "If-None-Match", whole.Header().Get("ETag"))
		if n := s.count("/p.png"); n != 1 {
			t.Errorf("%d requests went out", n)
		}
		// What the other server did not say is known by now.
		of, err := s.Media.OfStatuses(s.Ctx(), s.DB, []int64{a.StatusID})
		s.must(err)
		if got := of[a.StatusID][0]; got.Blurhash == "" || got.Meta.Original == nil || got.Meta.Original.Width != 900 {
			t.Errorf("the attachment is %+v", got)
		}
		// The other server is gone: what is kept is served (F11). The kept bytes are gone: they are fetched anew.
		s.put("/p.png", nil)
		s.want(url, 200)
		s.put("/p.png", draw.PNG(draw.Quarters(10, 10)))
		s.must(s.Files.Walk(s.Ctx(), "cache/", "", func(i blob.Info) error { return s.Files.Delete(s.Ctx(), i.Name) }))
		s.want(url, 200)
		// Its post is gone, and so is its address.
		s.must(s.DB.Write(s.Ctx(), func(tx *db.Tx) error { return s.Media.Detach(s.Ctx(), tx, a.StatusID, nil) }))
		s.Clock.Advance(25 * time.Hour)
		s.must(s.Media.Sweep(s.Ctx(), media.SweepDue{}))
		s.want(url, 404)
		n := 0
		s.must(s.Files.Walk(s.Ctx(), "cache/", "", func(blob.Info) error { n++; return nil }))
		if n != 0 {
			t.Errorf("%d files are left", n)
		}
	})
}

// TestPicturesOfOthers: avatars, headers, emojis and previews have addresses of their own.
func TestPicturesOfOthers(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.SQLite(t))
	for kind, size := range map[string][2]int{media.Avatars: {400, 400}, media.Headers: {900, 600}, media.Emojis: {313, 209}, media.Cards: {587, 391}} {
		at := s.put("/"+kind, draw.JPEG(draw.Quarters(900, 600)))
		got := s.want(s.Media.Addresses.Of(kind, at, false), 200)
		cfg, err := jpeg.DecodeConfig(got.Body)
		if err != nil || cfg.Width != size[0] || cfg.Height != size[1] {
			t.Errorf("%s: %d×%d, %v", kind, cfg.Width, cfg.Height, err)
		}
		if kind != media.Cards {
			s.want(s.Media.Addresses.Of(kind, at, true), 200)
		}
		if n := s.count("/" + kind); n != 1 {
			t.Errorf("%s: %d requests went out", kind, n)
		}
	}
}

// TestAddressesMadeElsewhere: MED-10, MED-11: nobody makes this server fetch what they like, nor finds files by counting.
func TestAddressesMadeElsewhere(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.SQLite(t))
	at := s.put("/p.png", draw.PNG(draw.Quarters(10, 10)))
	good := s.Media.Addresses.Of(media.Avatars, at, false)
	foreign := media.NewAddresses(s.Site, []byte("another secret"), media.AddressOptions{})
	a := s.attach(media.Image, at, "")
	whole, _ := s.Media.Addresses.Shown(a)
	other := s.attach(media.Image, s.put("/q.png", draw.PNG(draw.Quarters(10, 10))), "")
	theirs, _ := s.Media.Addresses.Shown(other)
	key, otherKey := whole[strings.LastIndex(whole, "/"):], theirs[strings.LastIndex(theirs, "/"):]
	for name, bad := range map[string]string{
		"another secret": foreign.Of(media.Avatars, at, false), "another kind": strings.Replace(good, "/avatars/", "/headers/", 1), "cut off": good[:len(good)-4],
		"another address": good[:strings.LastIndex(good, "/")+1] + "aHR0cDovLzEyNy4wLjAuMS8", "attachments by address": strings.Replace(good, "/avatars/", "/attachments/", 1),
		"another's key": strings.Replace(whole, key, otherKey, 1), "no key": strings.Replace(whole, key, "/00000000000000000000000000000000", 1),
	} {
		if rec := s.get(bad); rec.Code != 403 {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	for _, bad := range []string{"/media_proxy/1/original", "/media_proxy/x", "/media_proxy/99999999999999999999/original/x", strings.Replace(whole, "/original/", "/other/", 1)} {
		s.want(bad, 404)
	}
	if s.count("/p.png")+s.count("/q.png") != 0 {
		t.Error("something was fetched")
	}
}

// TestWhatIsNotShown: SSRF-11, MED-05, MED-14, MOD-02.
func TestWhatIsNotShown(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.SQLite(t))
	of := func(url string) string { return s.Media.Addresses.Of(media.Avatars, url, false) }
	page, missing := of(s.put("/page", []byte("<html><script>alert(1)</script>"))), of(s.URL+"/missing")
	huge := of(s.put("/huge", append(draw.PNG(draw.Quarters(10, 10)), bytes.Repeat([]byte{0}, 9<<20)...)))
	for _, at := range []string{page, missing, huge, of("https://local.example/@ann"), of("http://local.example:3000/x")} {
		s.want(at, 404)
		s.want(at, 404)
	}
	for path, n := range map[string]int{"/page": 1, "/missing": 1, "/huge": 1} {
		if s.count(path) != n {
			t.Errorf("%s was asked for %d times", path, s.count(path))
		}
	}
	// In time another try is made.
	s.put("/missing", draw.PNG(draw.Quarters(4, 4)))
	s.Clock.Advance(25 * time.Hour)
	s.want(missing, 200)
	// A server whose media are rejected: nothing is fetched, and what was is gone.
	kept := of(s.put("/kept", draw.PNG(draw.Quarters(4, 4))))
	s.want(kept, 200)
	s.must(s.Instances.Block(s.Ctx(), instances.Block{Domain: "far.example", Severity: instances.Silence, RejectMedia: true}))
	for _, e := range s.Events() {
		if changed, ok := e.(instances.BlockChanged); ok {
			s.must(s.Media.Blocked(s.Ctx(), changed))
		}
	}
	before := s.count("/kept")
	s.want(kept, 404)
	if s.count("/kept") != before {
		t.Error("a rejected server was asked")
	}
}

// TestOneRequestForAll: requirement F11: a thousand readers of a file that is not here make one request.
func TestOneRequestForAll(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newScene(t, d)
		at := s.Media.Addresses.Of(media.Headers, s.put("/p.png", draw.PNG(draw.Quarters(40, 30))), false)
		s.hold = make(chan struct{})
		var readers sync.WaitGroup
		var good atomic.Int64
		for range 1000 {
			readers.Go(func() {
				if s.get(at).Code == 200 {
					good.Add(1)
				}
			})
		}
		<-s.reached // the first has got there
		close(s.hold)
		readers.Wait()
		if good.Load() != 1000 || s.count("/p.png") != 1 {
			t.Errorf("%d of 1000 got it, with %d requests", good.Load(), s.count("/p.png"))
		}
	})
}

// TestPassing: files are passed through where nothing is to be kept.
func TestPassing(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.SQLite(t))
	s.must(s.Settings.Set(s.Ctx(), "media_proxy", "pass"))
	body := draw.PNG(draw.Noise(300, 200, 1))
	at := s.Media.Addresses.Of(media.Headers, s.put("/p.png", body), false)
	// A part of what was never seen whole: its beginning is looked at first.
	part := s.want(at, 206, "Range", "bytes=100-199")
	if !bytes.Equal(part.Body.Bytes(), body[100:200]) || part.Header().Get("Content-Range") != fmt.Sprintf("bytes 100-199/%d", len(body)) || part.Header().Get("Content-Type") != "image/png" {
		t.Errorf("a part is %v", part.Header())
	}
	whole := s.want(at, 200, "Cookie", "secret")
	if !bytes.Equal(whole.Body.Bytes(), body) || whole.Header().Get("Content-Type") != "image/png" || s.last.Get("Cookie") != "" || !strings.Contains(whole.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("the whole is %v", whole.Header())
	}
	s.want(s.Media.Addresses.Of(media.Headers, s.put("/page", []byte("<html><script>alert(1)</script>")), false), 404)
	s.want(s.Media.Addresses.Of(media.Headers, s.URL+"/missing", false), 404)
	s.want(s.Media.Addresses.Of(media.Headers, s.put("/tiny.gif", []byte("GIF89a")), false), 200)
	n := 0
	s.must(s.Files.Walk(s.Ctx(), "", "", func(blob.Info) error { n++; return nil }))
	if n != 0 {
		t.Errorf("%d files were kept", n)
	}
}

// TestPruning: files that nobody looks at go, and those that were looked at least lately when there is no more room.
func TestPruning(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newScene(t, d)
		var at []string
		for i := range 5 {
			at = append(at, s.Media.Addresses.Of(media.Headers, s.put(fmt.Sprintf("/%d", i), draw.PNG(draw.Quarters(40+i, 30))), false))
			s.want(at[i], 200)
			s.Clock.Advance(24 * time.Hour)
		}
		s.want(at[0], 200) // somebody looks again
		bounds := media.Bounds{Unseen: 84 * time.Hour}
		counted, err := s.Media.PruneTo(s.Ctx(), bounds, true, nil)
		s.must(err)
		done, err := s.Media.PruneTo(s.Ctx(), bounds, false, nil)
		s.must(err)
		if done != counted || done.Files != 1 || done.Bytes <= 0 {
			t.Errorf("counted %+v, pruned %+v", counted, done)
		}
		rest, err := db.Value[int64](s.Ctx(), s.DB, "SELECT SUM(size) FROM remote_files")
		s.must(err)
		done, err = s.Media.PruneTo(s.Ctx(), media.Bounds{Bytes: rest - 1}, false, nil)
		s.must(err)
		if done.Files != 1 {
			t.Errorf("to make room for a byte %+v was pruned", done)
		}
		before := map[int]int{}
		for i := range at {
			before[i] = s.count(fmt.Sprintf("/%d", i))
		}
		gone := ""
		for i := range at {
			s.want(at[i], 200)
			if s.count(fmt.Sprintf("/%d", i)) > before[i] {
				gone += fmt.Sprint(i)
			}
		}
		if gone != "12" {
			t.Errorf("what was looked at least lately is 1 and 2, gone are %s", gone)
		}
	})
}
