package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/testkit/draw"
	"github.com/gomph/gomph/internal/testkit/faultproxy"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

// bucketEnv are the settings of a bucket, by Mastodon's names.
func bucketEnv(o s3.Options) []string {
	return []string{"S3_ENABLED=true", "S3_BUCKET=" + o.Bucket, "S3_REGION=" + o.Region, "S3_ENDPOINT=" + o.Protocol + "://" + o.Endpoint, "S3_PROTOCOL=" + o.Protocol,
		"AWS_ACCESS_KEY_ID=" + o.AccessKey, "AWS_SECRET_ACCESS_KEY=" + o.SecretKey, "S3_PERMISSION="}
}

// album is what was uploaded: each address must answer, always.
type album struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (a *album) add(address string, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files[address] = body
}

func (a *album) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for address := range a.files {
		out = append(out, address)
	}
	return out
}

// look gets every address, and gives the first that is not as it was.
func (a *album) look() error {
	for _, address := range a.all() {
		answer, err := ask(http.MethodGet, address, "", nil)
		if err != nil {
			return err
		}
		a.mu.Lock()
		want := a.files[address]
		a.mu.Unlock()
		if answer.Status != http.StatusOK || want != nil && !bytes.Equal(answer.Body, want) {
			return fmt.Errorf("%s: %d", address, answer.Status)
		}
	}
	return nil
}

// killOnTheWay runs a command, and ends it without a warning when it first told how far it is.
func killOnTheWay(t *testing.T, s *Server, args ...string) {
	t.Helper()
	cmd := exec.Command(s.binary, args...)
	cmd.Env = s.env
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	told := 0
	for lines.Scan() {
		if told++; told == 1 {
			_ = cmd.Process.Kill()
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Errorf("gomph %s ended before it was killed; it told %d times how far it was", strings.Join(args, " "), told)
	}
}

// TestFilesMove moves a server's files from its disk to a bucket and back while people upload and look: nobody sees a broken picture, and no
// address changes (F10, F12). The command that copies is killed on the way, and the bucket is away for a while.
func TestFilesMove(t *testing.T) {
	t.Parallel()
	s := Start(t, One)
	ann := s.Person("ann")
	shown := &album{files: map[string][]byte{}}
	picture := func(p Person, n int) error {
		var u uploaded
		answer, err := ask(http.MethodPost, s.URL+"/api/v2/media", p.Token, Multipart{Files: map[string][]byte{"file": draw.PNG(draw.Noise(40+n%40, 30+n%50, n))}})
		if err != nil {
			return err
		}
		if answer.Status != http.StatusOK {
			return fmt.Errorf("an upload: %d %s", answer.Status, answer.Body)
		}
		answer.t = t
		answer.Into(&u)
		for _, address := range []*string{u.URL, u.PreviewURL} {
			got, err := ask(http.MethodGet, *address, "", nil)
			if err != nil || got.Status != http.StatusOK {
				return fmt.Errorf("what was just uploaded: %d, %w", got.Status, err)
			}
			shown.add(*address, got.Body)
		}
		return nil
	}
	for n := range 30 {
		if err := picture(ann, n); err != nil {
			t.Fatal(err)
		}
	}
	server := s3test.MinIO(t)
	bucket := server.Bucket(t)
	line := faultproxy.Through(t, server.Address)
	bucket.Endpoint, bucket.Protocol = line.Address, "http"
	s.env = append(s.env, bucketEnv(bucket)...)
	s.env = append(s.env, "GOMPH_MOVE_FILES_FROM=disk", "S3_RETRY_LIMIT=0", "S3_OPEN_TIMEOUT=1", "S3_READ_TIMEOUT=2", "GOMPH_FILES_CACHE=0")
	s.Restart()
	killOnTheWay(t, s, "media", "migrate", "--files-per-second", "10")
	if err := shown.look(); err != nil {
		t.Fatalf("right after the switch: %v", err)
	}
	stop := make(chan struct{})
	var busy sync.WaitGroup
	var looks, uploads atomic.Int64
	for range 2 {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := shown.look(); err != nil {
					t.Errorf("while files move: %v", err)
					return
				}
				looks.Add(1)
			}
		})
	}
	busy.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := picture(ann, n); err != nil {
				t.Errorf("while files move: %v", err)
				return
			}
			uploads.Add(1)
		}
	})
	migrate := func(more ...string) (string, error) {
		out, said, err := s.Run(append([]string{"media", "migrate"}, more...)...)
		if err != nil {
			return out, fmt.Errorf("%w: %s", err, said)
		}
		return out, nil
	}
	if out, err := migrate("--dry-run"); err != nil || !strings.Contains(out, "would be copied") {
		t.Errorf("a dry run: %q, %v", out, err)
	}
	line.Cut()
	time.AfterFunc(2*time.Second, line.Mend)
	if out, err := migrate("--patience", "1m"); err != nil {
		t.Errorf("copying while the bucket is away: %q, %v", out, err)
	}
	close(stop)
	busy.Wait()
	t.Logf("%d rounds of looking, %d uploads meanwhile", looks.Load(), uploads.Load())
	if out, err := migrate("--verify"); err != nil || !strings.Contains(out, "is where it belongs") {
		t.Errorf("at the end: %q, %v", out, err)
	}
	s.env = append(s.env, "GOMPH_MOVE_FILES_FROM=")
	if err := os.RemoveAll(filepath.Join(s.Data, "system")); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	if err := shown.look(); err != nil {
		t.Errorf("from the bucket alone: %v", err)
	}
	if out, said, err := s.Run("media", "verify"); err != nil {
		t.Errorf("verify: %s%s%v", out, said, err)
	}
	if out := s.Command("media", "usage"); !strings.Contains(out, "media_attachments") {
		t.Errorf("usage is %s", out)
	}
	s.Step(t, "and back to the disk", func(t *testing.T) {
		old := filepath.Join(t.TempDir(), "old.env")
		if err := os.WriteFile(old, []byte(strings.Join(bucketEnv(bucket), "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.env = append(s.env, "S3_ENABLED=false", "GOMPH_MOVE_FILES_FROM="+old)
		s.Restart()
		if err := shown.look(); err != nil {
			t.Errorf("while they move back: %v", err)
		}
		s.Command("media", "migrate")
		s.env = append(s.env, "GOMPH_MOVE_FILES_FROM=")
		s.Restart()
		line.Cut()
		if err := shown.look(); err != nil {
			t.Errorf("from the disk alone: %v", err)
		}
	})
}
