package site_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// bring uploads a file and gives where the browser is sent, or what is said instead.
func (b *browser) bring(kind, mode, name, file string, status int) string {
	b.T.Helper()
	csrf := token.FindStringSubmatch(b.get("/settings/imports", 200))[1]
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for k, v := range map[string]string{"_csrf": csrf, "type": kind, "mode": mode} {
		_ = w.WriteField(k, v)
	}
	part, err := w.CreateFormFile("data", name)
	b.ok(err)
	_, _ = part.Write([]byte(file))
	_ = w.Close()
	r := httptest.NewRequest("POST", "/settings/imports", &body)
	r.Host = "local.example"
	r.Header.Set("Content-Type", w.FormDataContentType())
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	rec := httptest.NewRecorder()
	b.mux.ServeHTTP(rec, r)
	if rec.Code != status {
		b.T.Fatalf("status %d, want %d: %s", rec.Code, status, plain(rec.Body.String()))
	}
	return rec.Header().Get("Location") + rec.Body.String()
}

// run works on an import to its end and gives how many runs it took.
func (b *browser) run(page string) int {
	b.T.Helper()
	b.send(page, page+"/confirm", 303)
	var id int64
	_, _ = fmt.Sscanf(page, "/settings/imports/%d", &id)
	for n := 1; ; n++ {
		err := b.archive.Run(b.Ctx(), archive.Confirmed{ImportID: id})
		if !jobs.IsLater(err) {
			b.ok(err)
			return n
		}
	}
}

// TestListsGoAlong: what was taken along from here is taken in again, by Mastodon's files; nothing of others can be had (VIS-10, SSRF-08).
func TestListsGoAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, v := w.person("ann"), w.person("bob")
	me := func(u *access.User) *accounts.Account {
		a, err := w.Accounts.ByID(w.Ctx(), w.DB, u.AccountID)
		w.ok(err)
		return a
	}
	ann := me(u)
	far, near := w.Remote("eve", "far.example"), me(w.person("cat"))
	w.Follow(ann, near)
	w.Follow(ann, far)
	w.ok(w.Relations.Follow(w.Ctx(), ann, near, relations.FollowOptions{Notify: new(true), Reblogs: new(false), Languages: []string{"de", "en"}}))
	w.ok(w.Relations.Mute(w.Ctx(), ann.ID, near.ID, relations.MuteOptions{Notifications: false}))
	w.ok(w.Relations.BlockDomain(w.Ctx(), ann, "bad.example"))
	list, err := w.Relations.CreateList(w.Ctx(), relations.List{AccountID: ann.ID, Title: "=HYPERLINK(1)", RepliesPolicy: "list"})
	w.ok(err)
	w.ok(w.Relations.AddToList(w.Ctx(), list, []accounts.ID{near.ID}))
	post := w.Post(near, "keep this")
	_, err = w.Statuses.Bookmark(w.Ctx(), ann, post.ID, true)
	w.ok(err)
	b := w.browser()
	if rec := b.do("GET", "/settings/exports/follows.csv", nil); rec.Code != 302 {
		t.Errorf("to nobody: %d", rec.Code)
	}
	b.signIn(u)
	files := map[string]string{}
	for path, want := range map[string]string{
		"follows":       "Account address,Show boosts,Notify on new posts,Languages\neve@far.example,true,false,\ncat@local.example,false,true,\"de, en\"\n",
		"blocks":        "",
		"mutes":         "Account address,Hide notifications\ncat@local.example,false\n",
		"domain_blocks": "bad.example\n",
		"bookmarks":     post.URI + "\n",
		"lists":         "'=HYPERLINK(1),cat@local.example\n",
	} {
		rec := b.do("GET", "/settings/exports/"+path+".csv", nil)
		if files[path] = rec.Body.String(); files[path] != want || !strings.HasPrefix(rec.Header().Get("Content-Disposition"), "attachment") || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/csv") {
			t.Errorf("%s is %q, want %q; %v", path, files[path], want, rec.Header())
		}
	}
	b.get("/settings/exports/secrets.csv", 404)
	has(t, b.get("/settings/export", 200), "/settings/exports/lists.csv")

	mine := w.browser()
	mine.signIn(v)
	bob := me(v)
	for kind, path := range map[string]string{"following": "follows", "muting": "mutes", "domain_blocking": "domain_blocks", "bookmarks": "bookmarks", "lists": "lists"} {
		page := mine.bring(kind, "merge", path+".csv", files[path], 303)
		has(t, mine.get(page, 200), "Begin")
		b.get(page, 404)
		b.get(page+"/failures.csv", 404)
		mine.run(page)
		again, err := w.archive.Imports(w.Ctx(), w.DB, bob.ID, 1)
		w.ok(err)
		w.ok(w.archive.Confirm(w.Ctx(), bob.ID, again[0].ID)) // once more is the same
		w.ok(w.archive.Run(w.Ctx(), archive.Confirmed{ImportID: again[0].ID}))
	}
	for path, want := range files {
		got := mine.do("GET", "/settings/exports/"+path+".csv", nil).Body.String()
		if path == "follows" { // the other server has not answered yet
			want = strings.Replace(want, "eve@far.example,true,false,\n", "", 1)
		}
		if got != want {
			t.Errorf("bob's %s are %q, want %q", path, got, want)
		}
	}
	rel, err := w.Relations.Relationship(w.Ctx(), w.DB, bob.ID, far.ID)
	if w.ok(err); !rel.Requested {
		t.Error("eve was not asked")
	}
	// What is not in a file that takes the place of what was there goes; what could not be taken can be had.
	page := mine.bring("following", "overwrite", "x.csv", "\ufeff@CAT\nnobody@local.example\n=1+1@far.example\n\n", 303)
	has(t, mine.get(page, 200), "3 lines", "take the place")
	mine.run(page)
	has(t, mine.get(page, 200), "3 of 3", "1 taken")
	if got := mine.do("GET", page+"/failures.csv", nil).Body.String(); got != "Account address,Show boosts,Notify on new posts,Languages\nnobody@local.example,true,false,\n'=1+1@far.example,true,false,\n" {
		t.Errorf("failures are %q", got)
	}
	many := strings.Builder{}
	for i := range 45 {
		fmt.Fprintf(&many, "d%d.example\n", i)
	}
	page = mine.bring("domain_blocking", "overwrite", "blocked_domains.csv", many.String(), 303)
	if n := mine.run(page); n != 3 {
		t.Errorf("45 lines took %d runs", n)
	}
	if blocked, err := w.Archive(bob.ID); err != nil || blocked != 45 {
		t.Errorf("%d domains are blocked: %v", blocked, err)
	}
	// A row of an import that is under way counts once, though it is run again.
	page = mine.bring("domain_blocking", "merge", "mutes.csv", "a.example\n", 303)
	has(t, mine.get(page, 200), "something else")
	mine.send(page, page+"/cancel", 303)
	mine.get(page, 404)
}

// Archive counts the domains that somebody blocks.
func (w *world) Archive(id accounts.ID) (int64, error) {
	counts, err := w.archive.Counts(w.Ctx(), w.DB, id)
	return counts[archive.DomainBlocking], err
}

func TestFilesThatAreNoLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser()
	u := w.person("ann")
	b.signIn(u)
	for what, f := range map[string][3]string{
		"no type":             {"sessions", "a@b.example\n", "Choose what"},
		"nothing":             {"following", "\n\n", "nothing in the file"},
		"another type":        {"following", "#domain\nfar.example\n", "not of the type"},
		"too many lines":      {"blocking", strings.Repeat("a@b.example\n", 20001), "more than 20000"},
		"a long value":        {"blocking", strings.Repeat("a", 3000) + "\n", "too long"},
		"a million lines":     {"blocking", strings.Repeat("a\n", 1_000_000), "more than 20000"},
		"a million values":    {"blocking", strings.Repeat(",", 1_000_000) + "\n", "line that is too long"},
		"values over lines":   {"blocking", strings.Repeat("\"\n\",", 100_000) + "\n", "line that is too long"},
		"a quote left open":   {"blocking", "\"" + strings.Repeat("a@b.example\n", 100_000), "line that is too long"},
		"bytes, not text":     {"blocking", "\xff\xfe\x00\n", "no text"},
		"an ActivityPub file": {"bookmarks", `{"type":"Create"}` + "\x00", "no text"},
	} {
		if said := b.bring(f[0], "merge", "x.csv", f[1], 422); !strings.Contains(said, f[2]) {
			t.Errorf("%s: %s", what, plain(said))
		}
	}
	if list, err := w.archive.Imports(w.Ctx(), w.DB, u.AccountID, 1); err != nil || len(list) != 0 {
		t.Errorf("kept of that are %v, %v", list, err)
	}
	for range 5 {
		b.bring("blocking", "merge", "x.csv", "a@b.example\n", 303)
	}
	b.bring("blocking", "merge", "x.csv", "a@b.example\n", 422)
	r := httptest.NewRequest("POST", "/settings/imports", strings.NewReader("x"))
	r.Host = "local.example"
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	if rec.Code != 401 {
		t.Errorf("nobody uploads: %d", rec.Code)
	}
}

// TestArchivesAreOnesOwn: once in seven days, for the one who asked alone, and gone after seven days (VIS-10, OPS-02).
func TestArchivesAreOnesOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.person("ann")
	b, other := w.browser(), w.browser()
	b.signIn(u)
	other.signIn(w.person("eve"))
	b.send("/settings/export", "/settings/export", 303)
	has(t, b.get("/settings/export", 200), "is being written")
	if strings.Contains(b.get("/settings/export", 200), "Ask for an archive") {
		t.Error("another one may be asked for at once")
	}
	list, err := w.archive.Backups(w.Ctx(), w.DB, u.AccountID)
	w.ok(err)
	got, _, err := w.archive.BeginBackup(w.Ctx(), list[0].ID)
	w.ok(err)
	path := fmt.Sprintf("/settings/backups/%d.zip", got.ID)
	b.get(path, 404)
	w.ok(w.files.Put(w.Ctx(), got.File, strings.NewReader("PK zip"), -1))
	w.ok(w.archive.BackupDone(w.Ctx(), got, 6))
	w.ok(w.archive.BackupDone(w.Ctx(), got, 6))
	if n := w.emitted("archive.backup_ready"); n != 1 {
		t.Errorf("told %d times", n)
	}
	rec := b.do("GET", path, nil)
	if rec.Code != 200 || rec.Body.String() != "PK zip" || rec.Header().Get("Content-Type") != "application/zip" || !strings.Contains(rec.Header().Get("Cache-Control"), "no-store") {
		t.Errorf("%d %q %v", rec.Code, rec.Body, rec.Header())
	}
	other.get(path, 404)
	if rec := w.browser().do("GET", path, nil); rec.Code != 302 {
		t.Errorf("to nobody: %d", rec.Code)
	}
	w.Clock.Advance(archive.BackupEvery + time.Minute)
	w.ok(w.archive.Forget(w.Ctx(), w.files))
	if _, err := w.files.Open(w.Ctx(), got.File); err == nil {
		t.Error("the file is still there")
	}
	b.get(path, 404)
	has(t, b.get("/settings/export", 200), "Ask for an archive")
}
