package blob_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/blobtest"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/testkit/s3test"
)

// copyEnv names the environment variable by which this test binary is told to copy, and to be nothing else.
const copyEnv = "GOMPH_TEST_COPY"

// errand is a copy that another process makes, from a folder to a folder or a bucket.
type errand struct {
	From, To         string
	Endpoint, Bucket string
	Key, Secret      string
	PerSecond        float64
}

// TestErrand is no test but what the other process does.
func TestErrand(t *testing.T) {
	var e errand
	if text := os.Getenv(copyEnv); text == "" {
		t.Skip("only in a process that a test starts")
	} else if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	from, err := blob.OpenDisk(e.From)
	if err != nil {
		t.Fatal(err)
	}
	p, err := blob.Copy(t.Context(), from, e.target(t), blob.CopyOptions{FilesPerSecond: e.PerSecond, ProgressEvery: time.Millisecond, Progress: func(p blob.CopyProgress) {
		fmt.Println("copied", p.Copied)
	}})
	if err != nil {
		t.Fatalf("%+v, %v", p, err)
	}
}

func (e errand) target(t *testing.T) blob.Store {
	t.Helper()
	if e.To == "" {
		return s3test.Open(t, s3.Options{Endpoint: e.Endpoint, Bucket: e.Bucket, AccessKey: e.Key, SecretKey: e.Secret, PathStyle: true})
	}
	d, err := blob.OpenDisk(e.To)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// kill sends a process on an errand, and kills it when it has copied so many files.
func (e errand) kill(t *testing.T, after int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestErrand$")
	cmd.Env = append(os.Environ(), copyEnv+"="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	copied, said := 0, ""
	for lines := bufio.NewScanner(out); copied < after && lines.Scan(); {
		if n, err := fmt.Sscanf(lines.Text(), "copied %d", &copied); n != 1 || err != nil {
			said += lines.Text() + "\n"
		}
	}
	_ = cmd.Process.Kill() // by SIGKILL
	if err := cmd.Wait(); copied < after || err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("it ended after %d files: %v, %s", copied, err, said)
	}
}

// F1: a copy that was killed is taken up by running it again, and copies nothing twice.
func TestKilledCopies(t *testing.T) {
	t.Parallel()
	const files = 1500
	from := t.TempDir()
	source, err := blob.OpenDisk(from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	fill(t, source, files)
	killed := func(t *testing.T, e errand) {
		e.From, e.PerSecond = from, 500
		for _, after := range []int{200, 400} {
			e.kill(t, after)
		}
		to := counting(e.target(t))
		there := walk(t, to.Store, "", "")
		p := copyAll(t, source, to, blob.CopyOptions{Verify: true})
		twice := 0
		for _, name := range there {
			twice += to.count(blobtest.Put + " " + name)
		}
		if len(there) < 600 || len(there) == files || twice > files/1000 || p.Failed != 0 || p.Copied+p.Present != files {
			t.Errorf("%d were there, of which %d were copied again: %+v", len(there), twice, p)
		}
		same(t, source, to.Store)
		if p := copyAll(t, source, to, blob.CopyOptions{}); p.Copied != 0 {
			t.Errorf("once more: %+v", p)
		}
	}
	t.Run("to a folder", func(t *testing.T) {
		t.Parallel()
		killed(t, errand{To: t.TempDir()})
	})
	t.Run("to a bucket", func(t *testing.T) {
		t.Parallel()
		server := s3test.MinIO(t)
		killed(t, errand{Endpoint: server.Endpoint, Bucket: server.Options.Bucket, Key: server.AccessKey, Secret: server.SecretKey})
	})
}

// BenchmarkCopyToMinIO tells how many small files a second get from a folder to a server on this machine, 64 at once (F1: at least 300).
func BenchmarkCopyToMinIO(b *testing.B) {
	const files, size = 10_000, 10_000
	server := s3test.MinIO(b)
	from := disk(b)
	content := strings.Repeat("0123456789", size/10)
	for i := range files {
		put(b, from, blob.Path("media_attachments/files", int64(i)*1_000_003, "original", ".png"), content)
	}
	for b.Loop() {
		p, err := blob.Copy(context.Background(), from, s3test.Open(b, server.Bucket(b)), blob.CopyOptions{})
		if err != nil || p.Copied != files {
			b.Fatalf("%+v, %v", p, err)
		}
		b.ReportMetric(files/time.Since(p.Started).Seconds(), "files/s")
	}
}
