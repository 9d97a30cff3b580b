package media_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

func upload(t *testing.T, w *make.World, by *accounts.Account, processing string) int64 {
	t.Helper()
	id := w.IDs.Next()
	if err := w.DB.Write(w.Ctx(), func(tx *db.Tx) error {
		_, err := tx.Exec(w.Ctx(), "INSERT INTO media_attachments (id, account_id, kind, processing, created_at, updated_at) VALUES ($1, $2, 'image', $3, 1, 1)", id, by.ID, processing)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAttaching(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		ann, bob := w.Account("ann"), w.Account("bob")
		st, other := int64(w.Post(ann, "x").ID), int64(w.Post(ann, "y").ID)
		a, b, raw, theirs := upload(t, w, ann, "complete"), upload(t, w, ann, "complete"), upload(t, w, ann, "queued"), upload(t, w, bob, "complete")
		attach := func(status int64, list ...int64) error {
			return d.Write(w.Ctx(), func(tx *db.Tx) error { return w.Media.Attach(w.Ctx(), tx, ann.ID, status, list) })
		}
		if err := attach(st, b, a); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{"unfinished": attach(other, raw), "someone else's": attach(other, theirs), "another post's": attach(other, a), "unknown": attach(other, 1)} {
			if errs.KindOf(err) != errs.InvalidKind {
				t.Errorf("%s: %v", name, err)
			}
		}
		film := upload(t, w, ann, "complete")
		if err := d.Write(w.Ctx(), func(tx *db.Tx) error {
			_, err := tx.Exec(w.Ctx(), "UPDATE media_attachments SET kind = 'video' WHERE id = $1", film)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := attach(other, film, upload(t, w, ann, "complete")); errs.KindOf(err) != errs.InvalidKind || !strings.Contains(err.Error(), "already contains images") {
			t.Errorf("a film beside a picture: %v", err)
		}
		ctx, count := db.Counting(w.Ctx())
		of, err := w.Media.OfStatuses(ctx, d, []int64{st, other})
		if err != nil || count.N() != 1 || len(of) != 1 || len(of[st]) != 2 || of[st][0].ID != b || of[st][1].ID != a {
			t.Errorf("%d statements gave %+v, %v", count.N(), of, err)
		}
		if _, err := w.Media.ByID(w.Ctx(), d, bob.ID, a); !errs.IsNotFound(err) {
			t.Errorf("someone else's attachment: %v", err)
		}
		for _, keep := range [][]int64{{a}, nil} {
			if err := d.Write(w.Ctx(), func(tx *db.Tx) error { return w.Media.Detach(w.Ctx(), tx, st, keep) }); err != nil {
				t.Fatal(err)
			}
			if of, err := w.Media.OfStatuses(w.Ctx(), d, []int64{st}); err != nil || len(of[st]) != len(keep) {
				t.Errorf("keeping %v left %+v, %v", keep, of, err)
			}
		}
	})
}

func TestRemoteAttachments(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		far := w.Remote("far", "far.example")
		st := int64(w.Receive(far, "x").ID)
		want := media.Attachment{Kind: media.Video, ContentType: "video/mp4", RemoteURL: "https://far.example/v.mp4", Description: "é", Blurhash: "LKO2", Meta: media.Meta{Original: &media.Size{Width: 3, Height: 4}, Focus: &media.Point{X: -0.5, Y: 1}}}
		for _, list := range [][]media.Attachment{{{RemoteURL: "old"}, {RemoteURL: "older"}}, {want}} {
			if err := d.Write(w.Ctx(), func(tx *db.Tx) error { return w.Media.AddRemote(w.Ctx(), tx, far.ID, st, list) }); err != nil {
				t.Fatal(err)
			}
		}
		of, err := w.Media.OfStatuses(w.Ctx(), d, []int64{st})
		if err != nil || len(of[st]) != 1 {
			t.Fatalf("attachments are %+v, %v", of, err)
		}
		got := of[st][0]
		// An edit that leaves the file where it is leaves its id, and with it its addresses; what the edit does not say stays known.
		again := media.Attachment{Kind: want.Kind, ContentType: want.ContentType, RemoteURL: want.RemoteURL, Description: want.Description, Meta: media.Meta{Focus: want.Meta.Focus}}
		if err := d.Write(w.Ctx(), func(tx *db.Tx) error {
			return w.Media.AddRemote(w.Ctx(), tx, far.ID, st, []media.Attachment{{RemoteURL: "new"}, again})
		}); err != nil {
			t.Fatal(err)
		}
		if of, err := w.Media.OfStatuses(w.Ctx(), d, []int64{st}); err != nil || len(of[st]) != 2 || of[st][1].ID != got.ID || of[st][1].Blurhash != want.Blurhash || of[st][1].Meta.Original == nil {
			t.Errorf("after an edit the attachments are %+v, %v", of, err)
		}
		want.ID, want.AccountID, want.StatusID, want.CreatedAt, want.Processing = got.ID, far.ID, st, w.Clock.Now(), got.Processing
		if !reflect.DeepEqual(got, want) {
			t.Errorf("stored %+v", got)
		}
	})
}

func TestEmojis(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		for _, e := range []media.CustomEmoji{{Shortcode: "b", Image: "1"}, {Shortcode: "a", Image: "1"}, {Shortcode: "b", Image: "2"}, {Shortcode: "b", Domain: "far.example", Image: "3"}} {
			if err := w.Media.PutEmoji(w.Ctx(), e); err != nil {
				t.Fatal(err)
			}
		}
		all, err := w.Media.Emojis(w.Ctx(), d)
		if err != nil || len(all) != 2 || all[0].Shortcode != "a" || all[1].Image != "2" {
			t.Errorf("emojis are %+v, %v", all, err)
		}
		named, err := w.Media.EmojisNamed(w.Ctx(), d, []string{"b", "c", "B"})
		if err != nil || len(named) != 1 || named[0].Image != "2" {
			t.Errorf("named are %+v, %v", named, err)
		}
	})
}
