package media_test

import (
	"bytes"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/draw"
	"github.com/gomph/gomph/internal/testkit/make"
)

func TestVerifyAndUsage(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann := w.Account("ann")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		up := func(body []byte) media.Attachment {
			t.Helper()
			a, err := w.Media.Receive(w.Ctx(), media.Upload{Owner: ann.ID, File: bytes.NewReader(body), Size: int64(len(body))})
			must(err)
			return a
		}
		lost, changed, kept := up(draw.PNG(draw.Quarters(30, 20))), up(draw.PNG(draw.Quarters(40, 20))), up(draw.GIF(30, 20, 3))
		avatar, err := w.Media.PutImage(w.Ctx(), media.Avatars, int64(ann.ID), bytes.NewReader(draw.GIF(50, 50, 3)), 1)
		must(err)
		_, err = w.Accounts.UpdateProfile(w.Ctx(), ann.ID, profile(avatar))
		must(err)
		must(w.Media.AddEmoji(w.Ctx(), media.CustomEmoji{Shortcode: "cat"}, bytes.NewReader(draw.GIF(20, 20, 3)), 1))
		must(w.Media.AddEmoji(w.Ctx(), media.CustomEmoji{Shortcode: "cat"}, bytes.NewReader(draw.PNG(draw.Quarters(20, 20))), 1)) // the picture before is in posts
		thumbnail := draw.PNG(draw.Quarters(1200, 630))
		must(w.Media.PutThumbnail(w.Ctx(), bytes.NewReader(thumbnail), int64(len(thumbnail))))
		verify := func() (media.Verified, []string) {
			t.Helper()
			var found []string
			v, err := w.Media.Verify(w.Ctx(), w.Files, func(what, name string) error { found = append(found, what+" "+name); return nil }, nil)
			must(err)
			slices.Sort(found)
			return v, found
		}
		if v, found := verify(); len(found) != 0 || v.Rows == 0 || v.Files != v.Rows+2 { // the emoji that was, in both its forms
			t.Errorf("all is well, but %+v: %q", v, found)
		}
		must(w.Files.Delete(w.Ctx(), lost.File))
		must(w.Files.Put(w.Ctx(), changed.File, strings.NewReader("other"), -1))
		must(w.Files.Put(w.Ctx(), "media_attachments/files/nobody.png", strings.NewReader("x"), -1))
		want := []string{"changed " + changed.File, "missing " + lost.File}
		if _, found := verify(); !slices.Equal(found, want) { // what just came is nobody's orphan
			t.Errorf("found %q, want %q", found, want)
		}
		w.Clock.Advance(25 * time.Hour)
		if v, found := verify(); !slices.Equal(found, append(want, "orphaned media_attachments/files/nobody.png")) || v.Missing != 1 || v.Changed != 1 || v.Orphaned != 1 {
			t.Errorf("a day later %+v: %q", v, found)
		}
		use, sum, err := media.Stored(w.Ctx(), w.Files, nil)
		must(err)
		got := ""
		for _, u := range use {
			got += u.What + " "
			if u.Files == 0 || u.Bytes == 0 || u.Remote {
				t.Errorf("%+v", u)
			}
			sum.Files, sum.Bytes = sum.Files-u.Files, sum.Bytes-u.Bytes
		}
		if sum != (media.Use{}) {
			t.Errorf("together it is off by %+v", sum)
		}
		if got != "accounts/avatars custom_emojis media_attachments site_uploads " {
			t.Errorf("it is %s", got)
		}
		if _, err := w.Files.Stat(w.Ctx(), kept.File); err != nil {
			t.Error(err)
		}
	})
}

// TestPicturesThatMove are kept a second time as they begin, and go together.
func TestPicturesThatMove(t *testing.T) {
	t.Parallel()
	w := make.New(t, dbtest.SQLite(t))
	for _, kind := range []string{media.Avatars, media.Headers, media.Emojis} {
		name, err := w.Media.PutImage(w.Ctx(), kind, 7, bytes.NewReader(draw.GIF(60, 40, 3)), 1)
		if err != nil {
			t.Fatal(err)
		}
		still := media.StillOf(name)
		f, err := w.Files.Open(w.Ctx(), still)
		if err != nil || still == name {
			t.Fatalf("%s has no still: %v", name, err)
		}
		if _, err := png.Decode(f); err != nil {
			t.Errorf("the still of %s: %v", kind, err)
		}
		if err := w.Media.DropImages(w.Ctx(), name, "https://far.example/x.png", ""); err != nil {
			t.Fatal(err)
		}
		for _, gone := range []string{name, still} {
			if _, err := w.Files.Stat(w.Ctx(), gone); !errs.IsNotFound(err) {
				t.Errorf("%s: %v", gone, err)
			}
		}
	}
	for kind, size := range map[string]int64{media.Avatars: media.MaxProfileImage + 1, media.Emojis: media.MaxEmoji + 1} {
		if _, err := w.Media.PutImage(w.Ctx(), kind, 7, bytes.NewReader(draw.PNG(draw.Quarters(3, 3))), size); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("%s of %d bytes: %v", kind, size, err)
		}
	}
	for _, bad := range []string{"", "a", "a/b", "../x", "a b", "a:b", "<b>", strings.Repeat("a", 129)} { // MED-08
		if err := w.Media.AddEmoji(w.Ctx(), media.CustomEmoji{Shortcode: bad}, bytes.NewReader(draw.PNG(draw.Quarters(3, 3))), 1); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("the shortcode %q: %v", bad, err)
		}
	}
	if err := w.Files.Walk(w.Ctx(), "", "", func(i blob.Info) error { t.Errorf("%s is left", i.Name); return nil }); err != nil {
		t.Fatal(err)
	}
}

func profile(avatar string) accounts.Profile { return accounts.Profile{Avatar: &avatar} }

// TestAccountRemoved: nothing of somebody who is gone is left.
func TestAccountRemoved(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann, bob := w.Account("ann"), w.Account("bob")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, who := range []*accounts.Account{ann, bob} {
			for range 3 {
				body := draw.PNG(draw.Quarters(30, 20))
				_, err := w.Media.Receive(w.Ctx(), media.Upload{Owner: who.ID, File: bytes.NewReader(body), Size: int64(len(body))})
				must(err)
			}
			avatar, err := w.Media.PutImage(w.Ctx(), media.Avatars, int64(who.ID), bytes.NewReader(draw.GIF(50, 50, 3)), 1)
			must(err)
			_, err = w.Accounts.UpdateProfile(w.Ctx(), who.ID, profile(avatar))
			must(err)
		}
		for range 2 { // safe to repeat
			must(w.Media.AccountRemoved(w.Ctx(), accounts.Removed{AccountID: ann.ID, Local: true}))
		}
		n := 0
		must(w.Files.Walk(w.Ctx(), "", "", func(blob.Info) error { n++; return nil }))
		rows, err := db.Value[int](w.Ctx(), d, "SELECT COUNT(*) FROM media_attachments")
		must(err)
		if n != 3*2+2 || rows != 3 {
			t.Errorf("%d files and %d rows are left", n, rows)
		}
	})
}
