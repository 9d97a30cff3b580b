package checkup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	t.Parallel()
	checks := []Check{
		{ID: "A1", Name: "one", Look: func(context.Context) Outcome { return Well("fine") }},
		{ID: "A2", Name: "two", Look: func(context.Context) Outcome { return Warn("so so") }},
		{ID: "A2", Name: "three", Look: func(context.Context) Outcome { return Fail("bad: %d", 7) }},
	}
	told := 0
	found, err := Run(t.Context(), checks, nil, func(Finding) { told++ })
	if err != nil || len(found) != 3 || told != 3 || Failures(found) != 1 || found[2] != (Finding{"A2", "three", Failure, "bad: 7"}) {
		t.Errorf("%+v, %d told, %v", found, told, err)
	}
	if found, err := Run(t.Context(), checks, []string{"a1"}, func(Finding) {}); err != nil || len(found) != 1 || Failures(found) != 0 {
		t.Errorf("only one: %+v, %v", found, err)
	}
	if _, err := Run(t.Context(), checks, []string{"B9"}, func(Finding) {}); err == nil || !strings.Contains(err.Error(), "A1, A2") {
		t.Errorf("an unknown one: %v", err)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	var times []time.Duration
	for i := 100; i > 0; i-- {
		times = append(times, time.Duration(i))
	}
	if a, b, c, d := Percentile(times, 50), Percentile(times, 99), Percentile(times[:1], 99), Percentile(nil, 50); a != 50 || b != 99 || c != 100 || d != 0 {
		t.Errorf("%d, %d, %d, %d", a, b, c, d)
	}
}

// unmakeable are folders that nobody can make, not even root: behind a link that leads nowhere, in a file, and one that is a file.
func unmakeable(t *testing.T, dir string) []string {
	t.Helper()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(filepath.Join(dir, "gone"), link)); err != nil {
		t.Fatal(err)
	}
	return []string{link, filepath.Join(link, "data"), filepath.Join(file, "data"), file}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if o := Folder(t.Context(), dir); o.Says == "" || strings.Contains(o.Says, "cannot") {
		t.Errorf("%+v", o)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
	for _, none := range []string{"none", "none/such/data"} {
		if o := Folder(t.Context(), filepath.Join(dir, none)); o.Level != Warning || !strings.Contains(o.Says, "gomph serve") || !strings.Contains(o.Says, "GOMPH_DATA") {
			t.Errorf("%s: %+v", none, o)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%v is left of what was not there", left)
	}
	for _, bad := range unmakeable(t, dir) {
		if o := Folder(t.Context(), bad); o.Level != Failure {
			t.Errorf("%s: %+v", bad, o)
		}
	}
	for _, c := range []struct {
		kind string
		p99  time.Duration
		want Level
	}{
		{"ext4", time.Millisecond, OK}, {"", time.Millisecond, OK}, {"ext4", 51 * time.Millisecond, Warning}, {"nfs", time.Millisecond, Warning},
		{"cifs", 0, Warning}, {"smb2", 0, Warning}, {"fuse", 0, Warning}, {"tmpfs", 0, Failure},
	} {
		if o := judgeFolder("/x", c.kind, c.p99); o.Level != c.want {
			t.Errorf("%s: %+v", c.kind, o)
		}
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	if o := Room(t.Context(), t.TempDir()); !strings.Contains(o.Says, "GB") {
		t.Errorf("%+v", o)
	}
	dir := t.TempDir()
	if o := Room(t.Context(), filepath.Join(dir, "none", "such")); !strings.Contains(o.Says, "GB") {
		t.Errorf("where it will be made: %+v", o)
	}
	for _, bad := range unmakeable(t, dir)[:3] {
		if o := Room(t.Context(), bad); o.Level != Failure {
			t.Errorf("%s: %+v", bad, o)
		}
	}
	for _, c := range []struct {
		free, all int64
		want      Level
	}{{50 << 30, 100 << 30, OK}, {5 << 30, 100 << 30, Warning}, {2 << 30, 100 << 30, Failure}, {500 << 20, 1 << 30, Failure}, {30 << 30, 4 << 40, OK}} {
		if o := judgeRoom("/x", c.free, c.all); o.Level != c.want {
			t.Errorf("%d of %d: %+v", c.free, c.all, o)
		}
	}
}
