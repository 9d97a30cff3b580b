package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/testkit/draw"
)

// TestHostileFiles uploads files whose names or contents are attacks.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	aside := t.TempDir()
	s := Start(t, One, Env("TMPDIR", aside))
	ann := s.Person("ann")
	s.Step(t, "lists", func(t *testing.T) { hostileLists(t, s, ann, aside) })
	s.Step(t, "names", func(t *testing.T) { hostileNames(t, s, ann) })
	s.Step(t, "markup", func(t *testing.T) { hostileMarkup(t, s, ann) })
}

// named is a form with a file of a name, as it stands in the form's head.
func named(field, name string, body []byte) Text {
	return Text{"multipart/form-data; boundary=edge", "--edge\r\nContent-Disposition: form-data; name=\"" + field + "\"; filename=\"" + name + "\"\r\nContent-Type: image/png\r\n\r\n" + string(body) + "\r\n--edge--\r\n"}
}

// MED-07: the names of uploads never reach the file system.
func hostileNames(t *testing.T, s *Server, ann Person) {
	for _, name := range []string{"../../evil1.png", `..\..\evil2.png`, `C:\evil3.png`, "%2e%2e%2fevil4.png", "evil5\x00.png", "/tmp/evil6.png", strings.Repeat("evil7", 800) + ".png", "evil8.png; filename*=UTF-8''..%2fevil9.png", "..", ".", "", "~/evil10", "$(touch evil11).png", "-evil12", "con.png"} {
		for method, paths := range map[string][]string{"POST": {"/api/v1/media", "/api/v2/media"}, "PATCH": {"/api/v1/accounts/update_credentials"}} {
			for _, path := range paths {
				field := "file"
				if method == "PATCH" {
					field = "avatar"
				}
				if got := ann.Do(method, path, named(field, name, draw.PNG(draw.Quarters(43, 33)))); got.Status > 499 {
					t.Errorf("%s with a file called %.40q: %d %s", path, name, got.Status, shorten(got.Body))
				} else if bytes.Contains(got.Body, []byte("evil")) {
					t.Errorf("%s with a file called %.40q answers with its name: %s", path, name, shorten(got.Body))
				}
			}
		}
	}
	err := filepath.WalkDir(filepath.Dir(s.Data), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.Contains(d.Name(), "evil") || !strings.HasPrefix(path+"/", s.Data+"/") && path != filepath.Dir(s.Data) {
			t.Errorf("%s was written", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// MED-07: names of files with lists are shown and nothing else; lists that are too large are refused in words, and nothing is left of them, neither
// in the database nor where the server puts files aside.
func hostileLists(t *testing.T, s *Server, ann Person, aside string) {
	b := s.Browser()
	b.SignIn(ann.Email, ann.Password).Want(http.StatusOK)
	send := func(name, list string) Page {
		token := b.Open("/settings/imports").Want(http.StatusOK).Form("file", "/settings/imports").Fields.Get("_csrf")
		form := "--edge\r\nContent-Disposition: form-data; name=\"_csrf\"\r\n\r\n" + token + "\r\n--edge\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nblocking\r\n" +
			"--edge\r\nContent-Disposition: form-data; name=\"mode\"\r\n\r\nmerge\r\n" +
			"--edge\r\nContent-Disposition: form-data; name=\"data\"; filename=\"" + name + "\"\r\nContent-Type: text/csv\r\n\r\n" + list + "\r\n--edge--\r\n"
		return b.Upload("/settings/imports", "multipart/form-data; boundary=edge", form)
	}
	baseline := diskUse(t, s.Data)
	for what, c := range map[string]struct {
		list   string
		status int
		says   string
	}{
		"a million lines":         {strings.Repeat("a@b.example\n", 1_000_000), 422, "more than 20000"},
		"a million values":        {strings.Repeat(",", 10_000_000), 422, "too long"},
		"more bytes than allowed": {strings.Repeat("a@b.example\n", 2_000_000), 413, "too large"},
	} {
		if page := send("x.csv", c.list); page.Status != c.status || !strings.Contains(page.Body, c.says) || !strings.Contains(page.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s", what, page.Status, shorten([]byte(page.Body)))
		}
		if page := b.Open("/settings/imports").Want(http.StatusOK); strings.Contains(page.Body, "x.csv") {
			t.Errorf("%s: something was kept", what)
		}
	}
	if now := diskUse(t, s.Data); now > baseline+4<<20 { // room for what SQLite keeps beside the database
		t.Errorf("the disk has %d bytes, it had %d", now, baseline)
	}
	for _, name := range []string{"../../evil1.csv", `..\..\evil2.csv`, `C:\evil3.csv`, "%2e%2e%2fevil4.csv", "evil5\x00.csv", "/tmp/evil6.csv", strings.Repeat("evil7", 800) + ".csv", "..", "<script>alert(1)</script>.csv", "evil8\xff.csv"} {
		page := send(name, "a@b.example\n")
		if page.Status > 499 || strings.Contains(page.Body, "<script>alert") || len(page.Body) > 1<<20 {
			t.Errorf("a list called %.40q: %d %s", name, page.Status, shorten([]byte(page.Body)))
		}
		if page.Status == http.StatusBadRequest && strings.Contains(name, "\x00") {
			continue // no form has such a line
		}
		if page.Status != http.StatusOK {
			t.Errorf("a list called %.40q is not taken: %d %s", name, page.Status, shorten([]byte(page.Body)))
			continue
		}
		b.load("POST", page.URL.String()+"/cancel", page.Form("", "/cancel").Fields) // only some may wait
	}
	if left, err := filepath.Glob(filepath.Join(aside, "multipart-*")); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// diskUse is how many bytes the files in a folder have.
func diskUse(t *testing.T, folder string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// MED-12: this server reads no XML. Whatever is XML is refused by the doors that take files and by those that ask other servers, and nothing that
// it names is fetched.
func hostileMarkup(t *testing.T, s *Server, ann Person) {
	remote := StartRemote(t, "127.0.0.1")
	external := remote.URL + "/external"
	laughs := `<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "` + strings.Repeat("&a;", 100) + `"><!ENTITY c "` + strings.Repeat("&b;", 100) + `"><!ENTITY d "` + strings.Repeat("&c;", 100) + `">`
	bodies := map[string]string{
		"entities":          `<?xml version="1.0"?>` + laughs + `]><%s>&d;</%s>`,
		"external entities": `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "` + external + `"><!ENTITY b SYSTEM "file:///etc/passwd"><!ENTITY %% c SYSTEM "` + external + `">%%c;]><%s>&a;&b;</%s>`,
		"an external DTD":   `<?xml version="1.0"?><!DOCTYPE x SYSTEM "` + external + `"><%s>x</%s>`,
		"an inclusion":      `<?xml version="1.0"?><%s xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="` + external + `"/></%s>`,
		"a style sheet":     `<?xml version="1.0"?><?xml-stylesheet href="` + external + `"?><%s/><%s/>`,
	}
	number := 0
	for name, form := range bodies {
		for _, root := range []string{"svg", "opml", "rss", "feed", "XRD", "x:xmpmeta"} {
			body := fmt.Sprintf(form, root, root)
			for _, kind := range []string{"image/svg+xml", "image/png", "text/xml"} {
				got := ann.Do("POST", "/api/v2/media", Text{"multipart/form-data; boundary=edge", "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.svg\"\r\nContent-Type: " + kind + "\r\n\r\n" + body + "\r\n--edge--\r\n"})
				refused(t, name+" in "+root+" as "+kind, got, http.StatusUnprocessableEntity)
			}
			for _, kind := range []string{"application/xml", "application/xrd+xml", "image/svg+xml", "application/rss+xml", "application/atom+xml", activityType} {
				number++
				at := fmt.Sprintf("/page/%d", number)
				remote.Page(at, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", kind)
					_, _ = w.Write([]byte(body))
				})
				if found := ann.Search(remote.URL + at); len(found.Accounts)+len(found.Statuses) != 0 {
					t.Errorf("%s in %s as %s is found as something", name, root, kind)
				}
			}
			for _, at := range []string{"/.well-known/host-meta", "/.well-known/webfinger"} {
				remote.Page(at, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/xrd+xml")
					_, _ = w.Write([]byte(body))
				})
			}
			if found := ann.Search("@someone"+root[:3]+"@"+remote.Domain, "type", "accounts"); len(found.Accounts) != 0 {
				t.Errorf("%s in %s: an answer in XML is believed", name, root)
			}
		}
	}
	if remote.Asked("/.well-known/webfinger") == 0 || remote.Asked("/page/1") == 0 {
		t.Error("nothing was asked for, so the test sees nothing")
	}
	if n := remote.Asked("/external"); n != 0 {
		t.Errorf("what the XML names was asked for %d times", n)
	}
	s.Do("GET", "/health", "", nil).Want(200)
}
