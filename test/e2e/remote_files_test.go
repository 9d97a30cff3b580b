package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/testkit/draw"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

// TestFilesOfOthersElsewhere keeps files of other servers in another place than our own (GOMPH_REMOTE_FILES): each goes to its place and to no
// other, both are served, and the commands see both.
func TestFilesOfOthersElsewhere(t *testing.T) {
	t.Parallel()
	server := s3test.MinIO(t)
	bucket := func() (s3.Options, *s3.Store) {
		o := server.Bucket(t)
		store := s3test.Open(t, o)
		o.Endpoint, o.Protocol = server.Address, "http"
		return o, store
	}
	named := func(t *testing.T, o s3.Options) string {
		at := filepath.Join(t.TempDir(), "place.env")
		if err := os.WriteFile(at, []byte(strings.Join(bucketEnv(o), "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	disk := func(t *testing.T, s *Server) blob.Store {
		d, err := blob.OpenDisk(filepath.Join(s.Data, "system"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		return d
	}
	t.Run("the disk beside a bucket", func(t *testing.T) {
		t.Parallel()
		o, own := bucket()
		s := Start(t, One, Lines(append(bucketEnv(o), "GOMPH_REMOTE_FILES=disk", "GOMPH_FILES_CACHE=0")...))
		filesElsewhere(t, s, own, disk(t, s))
	})
	t.Run("a bucket beside another", func(t *testing.T) {
		t.Parallel()
		o, own := bucket()
		p, remote := bucket()
		s := Start(t, One, Lines(append(bucketEnv(o), "GOMPH_REMOTE_FILES="+named(t, p), "GOMPH_FILES_CACHE=0")...))
		filesElsewhere(t, s, own, remote)
	})
	t.Run("a bucket beside the disk", func(t *testing.T) {
		t.Parallel()
		p, remote := bucket()
		s := Start(t, One, Env("GOMPH_REMOTE_FILES", named(t, p))) // with this host's cache before the bucket
		filesElsewhere(t, s, disk(t, s), remote)
	})
}

// names are those of all files in a place.
func names(t *testing.T, place blob.Store) (all []string) {
	t.Helper()
	if err := place.Walk(t.Context(), "", "", func(i blob.Info) error { all = append(all, i.Name); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func filesElsewhere(t *testing.T, s *Server, own, remote blob.Store) {
	other := StartRemote(t, "127.0.0.1")
	bob := other.Actor("bob", 0)
	document := bob.Document()
	document["icon"] = M{"type": "Image", "mediaType": "image/png", "url": other.URL + "/avatar.png"}
	other.Serve("", document)
	other.Page("/avatar.png", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(draw.PNG(draw.Noise(48, 32, 11)))
	})
	ann := s.Person("ann")
	before := names(t, own)

	var up uploaded
	ann.Do("POST", "/api/v2/media", Multipart{Files: map[string][]byte{"file": draw.PNG(draw.Noise(48, 32, 12))}}).Want(http.StatusOK).Into(&up)
	after := names(t, own)
	if len(after) != len(before)+2 || len(names(t, remote)) != 0 {
		t.Errorf("after an upload its place has %v, the other %v", after, names(t, remote))
	}
	var who struct{ Avatar string }
	ann.Do("GET", "/api/v1/accounts/"+ann.Find(bob.ID).ID, nil).Want(http.StatusOK).Into(&who)
	look := func() {
		t.Helper()
		for _, at := range []string{who.Avatar, *up.URL, *up.PreviewURL} {
			if got := s.Do("GET", at, "", nil).Want(http.StatusOK); got.Header.Get("Content-Type") != "image/png" || len(got.Body) == 0 {
				t.Errorf("%s is %s of %d bytes", at, got.Header.Get("Content-Type"), len(got.Body))
			}
		}
	}
	look()
	look()
	kept := names(t, remote)
	if len(kept) == 0 || slices.ContainsFunc(kept, func(name string) bool { return !strings.HasPrefix(name, "cache/") }) {
		t.Errorf("after a look the place of others' files has %v", kept)
	}
	if now := names(t, own); !slices.Equal(now, after) {
		t.Errorf("after a look the place of our own has %v, it had %v", now, after)
	}
	if n := other.Asked("/avatar.png"); n != 1 {
		t.Errorf("the avatar was fetched %d times", n)
	}

	usage := s.Command("media", "usage")
	for _, want := range []string{`(?m)^accounts/avatars +remote +[1-9]`, `(?m)^media_attachments +own +2 `, `(?m)^all +remote +[1-9]`} {
		if !regexp.MustCompile(want).MatchString(usage) {
			t.Errorf("the usage has no %s: %s", want, usage)
		}
	}
	if out, said, err := s.Run("media", "verify"); err != nil || strings.Contains(out, "cache/") {
		t.Errorf("verify: %s%s%v", out, said, err)
	}
	if out := s.Command("media", "prune", "--room", "1B", "--dry-run"); !strings.Contains(out, "would forget 1 files") || len(names(t, remote)) != len(kept) {
		t.Errorf("a dry run: %q", out)
	}
	if out := s.Command("media", "prune", "--room", "1B"); !strings.Contains(out, "forgot 1 files") {
		t.Errorf("prune: %q", out)
	}
	if left := names(t, remote); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	if now := names(t, own); !slices.Equal(now, after) {
		t.Errorf("after pruning the place of our own has %v, it had %v", now, after)
	}
	look()
	if n, again := other.Asked("/avatar.png"), names(t, remote); n != 2 || len(again) != len(kept) {
		t.Errorf("after pruning the avatar was fetched %d times in all, and kept are %v", n, again)
	}
}
