package rest_test

import (
	"bytes"
	"image/png"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/api"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/draw"
)

func TestPictures(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, eve := d.person("ann"), d.person("eve")
		up := d.post("/api/v2/media", ann, upload{form{"description": "a drawing", "focus": "0.5,-7"}, map[string][]byte{"file": draw.Photo(90, 60, 6)}})
		up.is("type", "image").is("description", "a drawing").is("meta.focus.x", 0.5).is("meta.focus.y", -1.0).is("meta.original.width", 60.0).is("meta.original.height", 90.0)
		if up.str("blurhash") == "" {
			t.Error("no blurhash")
		}
		file := strings.TrimPrefix(up.str("url"), "https://local.example")
		got := d.do(httptest.NewRequest("GET", file, nil)).want(200)
		if bytes.Contains(got.body, []byte("GPS")) || bytes.Contains(got.body, []byte("Exif")) {
			t.Error("the file still says where it was taken")
		}
		one := "/api/v1/media/" + up.str("id")
		d.get(one, ann).is("description", "a drawing")
		d.get(one, eve).says(404, "Record not found") // MED-09
		d.call("PUT", one, eve, object{"description": "mine"}).want(404)
		d.call("PUT", one, ann, object{"description": "better", "focus": "0,0"}).is("description", "better")
		d.call("PUT", one, ann, object{"description": strings.Repeat("x", 1501)}).want(422)
		d.post("/api/v1/statuses", eve, object{"status": "x", "media_ids": []string{up.str("id")}}).want(422)
		made := d.post("/api/v1/statuses", ann, object{"media_ids": []string{up.str("id")}})
		made.is("media_attachments.0.id", up.str("id")).is("content", "")
		d.get(one, ann).want(404)
		d.call("DELETE", one, ann, nil).says(422, "Media attachment is currently used by a status")
		d.get("/api/v1/timelines/public?only_media=true", nobody).is("0.id", made.str("id"))
		d.call("PUT", "/api/v1/statuses/"+made.str("id"), ann, object{"status": "now with words", "media_ids": []string{up.str("id")},
			"media_attributes": []object{{"id": up.str("id"), "description": "third"}}}).is("media_attachments.0.description", "third")
		d.get("/api/v1/timelines/public", nobody).is("0.media_attachments.0.description", "third")
		d.Clock.Advance(time.Second)
		d.call("PUT", "/api/v1/statuses/"+made.str("id"), ann, object{"status": "now with words", "media_ids": []string{up.str("id")},
			"media_attributes": []object{{"id": up.str("id"), "description": "fourth"}}}).want(200)
		d.get("/api/v1/timelines/public", nobody).is("0.media_attachments.0.description", "fourth")

		moving := d.post("/api/v1/media", ann, upload{nil, map[string][]byte{"file": draw.GIF(20, 10, 3)}})
		if !strings.HasSuffix(moving.want(200).str("url"), ".gif") {
			t.Errorf("an animation became %s", moving.str("url"))
		}
		d.call("DELETE", "/api/v1/media/"+moving.str("id"), ann, nil).want(200)
		d.do(httptest.NewRequest("GET", strings.TrimPrefix(moving.str("url"), "https://local.example"), nil)).want(404)

		face := d.call("PATCH", "/api/v1/accounts/update_credentials", ann, upload{form{"avatar_description": "me"}, map[string][]byte{"avatar": draw.PNG(draw.Quarters(700, 500)), "header": draw.Photo(40, 40, 1)}})
		face.is("avatar_description", "me")
		shown := d.do(httptest.NewRequest("GET", strings.TrimPrefix(face.str("avatar"), "https://local.example"), nil)).want(200)
		if cfg, err := png.DecodeConfig(bytes.NewReader(shown.body)); err != nil || cfg.Width != 400 || cfg.Height != 400 {
			t.Errorf("the avatar is %dx%d: %v", cfg.Width, cfg.Height, err)
		}
		d.call("DELETE", "/api/v1/profile/avatar", ann, nil).is("avatar", "https://local.example/avatars/original/missing.png").is("avatar_description", "")
		d.do(httptest.NewRequest("GET", strings.TrimPrefix(face.str("avatar"), "https://local.example"), nil)).want(404)
	})
}

// TestFilesThatAreNoPictures: nothing that could pass for a document or a page is stored, and what is stored is served as what it is (ORG-04).
func TestFilesThatAreNoPictures(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann := d.person("ann")
	cut := draw.PNG(draw.Quarters(50, 50))
	for name, body := range map[string][]byte{
		"svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), "html": []byte("<script>alert(1)</script>"),
		"an activity": []byte(`{"@context":"https://www.w3.org/ns/activitystreams","type":"Create","actor":"https://local.example/users/ann","object":{"type":"Note"}}`), "nothing": {}, "mvg": []byte("push graphic-context"),
		"a bomb": draw.Huge(), "half a png": cut[:len(cut)/2], "only a jpeg's head": []byte("\xff\xd8\xff\xe1\xff\xff"), "gif without frames": []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
		"gif without end": append([]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), bytes.Repeat([]byte("\x21\xff\x01a"), 9)...), "webp": []byte("RIFF\x00\x00\x00\x00WEBPVP8 "),
		"many frames": draw.GIF(20, 10, 1001), "video": []byte("\x00\x00\x00\x18ftypmp42"),
	} {
		for _, at := range []string{"/api/v2/media", "/api/v1/accounts/update_credentials"} {
			method, field := "POST", "file"
			if strings.Contains(at, "accounts") {
				method, field = "PATCH", "avatar"
			}
			if got := d.call(method, at, ann, upload{nil, map[string][]byte{field: body}}); got.code != 422 {
				t.Errorf("%s as %s: %d %s", name, field, got.code, got.body)
			}
		}
	}
	good := d.post("/api/v2/media", ann, upload{nil, map[string][]byte{"file": append(draw.PNG(draw.Quarters(3, 3)), `{"type":"Create"}`...)}}).want(200)
	if got := d.do(httptest.NewRequest("GET", strings.TrimPrefix(good.str("url"), "https://local.example"), nil)).want(200); bytes.Contains(got.body, []byte("Create")) {
		t.Error("what hid behind a picture is kept")
	}
	d.post("/api/v2/media", ann, nil).says(422, "Validation failed: File can't be blank")
	d.post("/api/v2/media", ann, upload{nil, map[string][]byte{"file": make([]byte, 117<<20)}}).want(413)
	d.post("/api/v2/media", ann, upload{nil, map[string][]byte{"file": make([]byte, 17<<20)}}).want(422)
	d.post("/api/v2/media", ann, upload{form{"focus": "NaN,inf"}, map[string][]byte{"file": draw.PNG(draw.Quarters(3, 3))}}).is("meta.focus.x", 0.0)
}

// TestBodiesThatCannotBeRead sends every posting route what no client sends; nothing changes and nothing breaks (INB-07, INB-11).
func TestBodiesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t), func(*api.Deps) {})
	ann := d.person("ann")
	st := d.Post(ann.Account, "x")
	for name, c := range map[string]struct {
		body, kind string
		code       int
	}{
		"half":           {`{"status":`, "application/json", 400},
		"two":            {`{"status":"a"}{}`, "application/json", 400},
		"a list":         {`[1]`, "application/json", 400},
		"deep":           {`{"status":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}", "application/json", 400},
		"bad utf-8":      {"{\"status\":\"\xff\xfe\"}", "application/json", 400},
		"null byte":      {`{"status":"a\u0000b"}`, "application/json", 400},
		"too large":      {`{"status":"` + strings.Repeat("a", 1<<20) + `"}`, "application/json", 413},
		"too many":       {strings.Repeat("a[]=1&", 2500), "application/x-www-form-urlencoded", 400},
		"deep form":      {"a[b][c][d][e][f][g][h][i][j]=1", "application/x-www-form-urlencoded", 400},
		"bad form":       {"a=%zz", "application/x-www-form-urlencoded", 400},
		"null in form":   {"a=%00", "application/x-www-form-urlencoded", 400},
		"no boundary":    {"x", "multipart/form-data", 400},
		"bad multipart":  {"x", "multipart/form-data; boundary=a", 400},
		"many parts":     {strings.Repeat("--a\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n", 5000) + "--a--", "multipart/form-data; boundary=a", 413},
		"huge headers":   {"--a\r\nContent-Disposition: form-data; name=\"x\"\r\nX: " + strings.Repeat("h", 10<<20) + "\r\n\r\ny\r\n--a--", "multipart/form-data; boundary=a", 413},
		"huge field":     {"--a\r\nContent-Disposition: form-data; name=\"status\"\r\n\r\n" + strings.Repeat("h", 2<<20) + "\r\n--a--", "multipart/form-data; boundary=a", 413},
		"nested parts":   {strings.Repeat("--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n", 1000), "multipart/form-data; boundary=a", 400},
		"nonsense type":  {"x", "a/b/c; ;", 400},
		"not a form key": {"[]=1&]]=2&[=3", "application/x-www-form-urlencoded", 422},
	} {
		req := httptest.NewRequestWithContext(d.Ctx(), "POST", "https://local.example/api/v1/statuses", strings.NewReader(c.body))
		req.Header.Set("Content-Type", c.kind)
		req.Header.Set("Authorization", "Bearer "+ann.bearer)
		if got := d.do(req); got.code != c.code {
			t.Errorf("%s: %d %.200s, want %d", name, got.code, got.body, c.code)
		}
	}
	wrong := object{"status": object{"a": 1}, "id": []any{object{}}, "choices": "x", "title": []any{}, "context": object{"home": "x"}, "domain": []string{"x"}, "account_ids": object{},
		"home": "x", "notifications": []int{1}, "fields_attributes": "x", "source": "y", "poll": "z", "media_ids": object{}, "keywords_attributes": object{"0": "x"},
		"expires_in": object{}, "duration": "99999999999999999999", "limit": "1e9", "focus": object{}, "q": object{}, "acct": []int{}}
	for _, r := range d.routes {
		at := param.ReplaceAllString(r.Pattern, "7")
		for _, body := range []any{wrong, "{}", nil} {
			if got := d.call(r.Method, at, ann, body); got.code >= 500 {
				t.Errorf("%s %s: %d %s", r.Method, at, got.code, got.body)
			}
		}
		for _, id := range []string{"0", "-1", "99999999999999999999", "%27%20OR%201=1", "%00", "%ff", "1.5"} {
			if got := d.call(r.Method, param.ReplaceAllString(r.Pattern, id), ann, nil); got.code >= 500 {
				t.Errorf("%s %s of %s: %d %s", r.Method, r.Pattern, id, got.code, got.body)
			}
		}
	}
	d.get(path("/api/v1/statuses/%d", st.ID), nobody).is("content", "<p>x</p>")
}

// TestStatementBudgets holds pages and posting to requirement C3, however long a page is.
func TestStatementBudgets(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		eve := d.Remote("eve", "far.example")
		d.Follow(ann.Account, bob.Account)
		d.Follow(ann.Account, eve)
		for range 10 {
			file := d.File(bob.Account, "")
			st := d.Post(bob.Account, "hello @ann #tag", func(x *statuses.Draft) { x.MediaIDs = []int64{file.ID}; x.ApplicationID = 3 })
			d.Receive(eve, "<p>x</p>")
			d.Post(bob.Account, "poll", func(x *statuses.Draft) {
				x.Poll = &statuses.PollDraft{Options: []string{"a", "b"}, ExpiresIn: time.Hour}
			})
			if _, err := d.Statuses.Reblog(d.Ctx(), bob.Account, st.ID, statuses.Public, "", time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		count := func(name string, most int64, do func(*door)) {
			t.Helper()
			ctx, n := db.Counting(d.Ctx())
			at := *d
			at.ctx = ctx
			do(&at)
			if n.N() > most {
				t.Errorf("%s takes %d statements, more than %d", name, n.N(), most)
			}
		}
		const login = 2 // what the test's own Authenticate asks; the real one keeps tokens
		home := func(d *door) { d.get("/api/v1/timelines/home?limit=40", ann).want(200) }
		d.get("/api/v1/timelines/home?limit=1", ann).want(200) // computes the feed
		count("a home page that nobody saw yet", 8+login, home)
		count("home", 4+login, home)
		count("public", 8, func(d *door) { d.get("/api/v1/timelines/public?limit=40", nobody).want(200) })
		count("posting", 15+login, func(d *door) {
			d.post("/api/v1/statuses", ann, object{"status": "hi @bob #tag"}).want(200)
		})
		count("notifications", 12+login, func(d *door) { d.get("/api/v1/notifications", ann).want(200) })
	})
}
