package archive_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/archive"
	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

// TestAnImportThatBreaksOff is gone on with, in slices, and counts each line once.
func TestAnImportThatBreaksOff(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		w := make.New(t, base)
		s := archive.New(archive.Deps{DB: base, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Accounts: w.Accounts, Relations: w.Relations, Statuses: w.Statuses})
		ann, old := w.Account("ann"), w.Account("old")
		w.Follow(ann, old)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		var file strings.Builder
		file.WriteString("Account address,Show boosts,Notify on new posts,Languages\n")
		for i := range 30 {
			w.Account(fmt.Sprint("p", i))
			fmt.Fprintf(&file, "p%d@local.example,true,,\n", i)
		}
		file.WriteString("missing\nann\n")
		i, err := s.Upload(w.Ctx(), ann.ID, archive.Following, true, "follows.csv", strings.NewReader(file.String()))
		must(err)
		run := archive.Confirmed{ImportID: i.ID}
		must(s.Run(w.Ctx(), run)) // not confirmed: nothing happens
		if counts, err := s.Counts(w.Ctx(), base, ann.ID); err != nil || counts[archive.Following] != 1 {
			t.Fatal(counts, err)
		}
		must(s.Confirm(w.Ctx(), ann.ID, i.ID))
		if err := s.Run(w.Ctx(), run); !jobs.IsLater(err) {
			t.Fatalf("the first slice ends with %v", err)
		}
		i, err = s.Import(w.Ctx(), base, ann.ID, i.ID)
		if must(err); i.Processed != 20 || i.State != archive.Running {
			t.Errorf("after one slice: %+v", i)
		}
		must(s.Run(w.Ctx(), run))
		must(s.Run(w.Ctx(), run))
		i, err = s.Import(w.Ctx(), base, ann.ID, i.ID)
		if must(err); i.Total != 32 || i.Processed != 32 || i.Imported != 30 || i.State != archive.Finished {
			t.Errorf("at the end: %+v", i)
		}
		counts, err := s.Counts(w.Ctx(), base, ann.ID)
		if must(err); counts[archive.Following] != 30 {
			t.Errorf("%v", counts)
		}
		for _, kind := range []archive.Type{archive.Following, archive.Blocking, archive.Muting, archive.DomainBlocking, archive.Bookmarks, archive.Lists} {
			var out bytes.Buffer
			if must(s.Export(w.Ctx(), &out, ann.ID, kind)); kind == archive.Following && strings.Count(out.String(), "\n") != 31 {
				t.Errorf("exported %s", out.String())
			}
		}
		var out bytes.Buffer
		if must(s.Failures(w.Ctx(), &out, ann.ID, i.ID)); strings.Count(out.String(), "\n") != 3 {
			t.Errorf("failures: %s", out.String())
		}

		// A suspended account's import ends; what is old is forgotten.
		i, err = s.Upload(w.Ctx(), old.ID, archive.Blocking, false, "", strings.NewReader("ann\n"))
		must(err)
		must(s.Confirm(w.Ctx(), old.ID, i.ID))
		must(w.Accounts.Suspend(w.Ctx(), old.ID, true))
		must(s.Run(w.Ctx(), archive.Confirmed{ImportID: i.ID}))
		if counts, _ := s.Counts(w.Ctx(), base, old.ID); counts[archive.Blocking] != 0 {
			t.Error("a suspended account went on")
		}
		must(s.WantBackup(w.Ctx(), ann.ID))
		if err := s.WantBackup(w.Ctx(), ann.ID); err == nil {
			t.Error("two archives at once")
		}
		backups, err := s.Backups(w.Ctx(), base, ann.ID)
		must(err)
		first, _, err := s.BeginBackup(w.Ctx(), backups[0].ID)
		must(err)
		second, before, err := s.BeginBackup(w.Ctx(), backups[0].ID) // the first run broke off
		if must(err); before != first.File || second.File == first.File {
			t.Errorf("%s, %s, %s", first.File, before, second.File)
		}
		must(s.BackupDone(w.Ctx(), first, 1))
		must(s.BackupDone(w.Ctx(), second, 2))
		b, err := s.BackupOf(w.Ctx(), base, ann.ID, second.ID)
		if must(err); b.File != second.File || b.Size != 2 {
			t.Errorf("%+v", b)
		}
		st := w.Post(w.Account("zoe"), "words")
		_, err = w.Statuses.Favourite(w.Ctx(), ann, st.ID, "")
		must(err)
		must(s.URIs(w.Ctx(), ann.ID, true, func(page []string) error {
			if len(page) != 1 || page[0] != st.URI {
				t.Errorf("likes are %v", page)
			}
			return nil
		}))
		files, err := blob.OpenDisk(t.TempDir())
		must(err)
		t.Cleanup(func() { _ = files.Close() })
		w.Clock.Advance(8 * 24 * time.Hour)
		must(s.Forget(w.Ctx(), files))
		left, err := s.Imports(w.Ctx(), base, ann.ID, 10)
		if must(err); len(left) != 0 {
			t.Errorf("%d imports are kept", len(left))
		}
		if left, err := s.Backups(w.Ctx(), base, ann.ID); err != nil || len(left) != 0 {
			t.Errorf("%d archives are kept: %v", len(left), err)
		}
	})
}
