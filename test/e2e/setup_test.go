package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/testkit/draw"
	"github.com/gomph/gomph/internal/testkit/s3test"
	"github.com/gomph/gomph/internal/testkit/services"
)

// setup answers what gomph setup asks, line by line, and gives what it said.
func setup(t *testing.T, program, file string, answers ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "setup", "--file", file)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GOCOVERDIR=" + os.Getenv("GOCOVERDIR")}
	cmd.Stdin = strings.NewReader(strings.Join(answers, "\n") + "\n")
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// TestSetup: requirement F8. A new server has its files in a bucket from the first start on, by answers to questions alone.
func TestSetup(t *testing.T) {
	t.Parallel()
	server := s3test.MinIO(t)
	o := server.Bucket(t)
	database, post := services.Postgres(t), services.Mail(t)
	data, file := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "gomph.env")
	host, port, _ := strings.Cut(post.Address, ":")
	bucket := func(secret string) []string {
		return []string{"yes", o.Endpoint, o.Region, o.Bucket, "no", o.AccessKey, secret, ""}
	}
	answers := func(files ...string) []string {
		return append(append([]string{"social.example", "", data, database, ""}, files...), host, port, "someone", `pass "word" $1`, "", "ann@example.com")
	}
	for why, wrong := range map[string][]string{
		"the answers ended":      {"social.example", ""},
		"must be a domain alone": {"social.example/x", ""},
		"is needed":              {"", ""},
		"connect":                {"social.example", "", data, "postgres://nobody@127.0.0.1:" + strconv.Itoa(services.FreePort(t)) + "/x", ""},
		"key":                    answers(bucket("wrong")...),
		"yes or no":              answers("perhaps"),
	} {
		if said, err := setup(t, binary(t), file, wrong...); err == nil || !strings.Contains(said[strings.LastIndex(said, "gomph: "):], why) || !strings.Contains(said, "Nothing was written") {
			t.Errorf("not refused because %q: %v, %s", why, err, said)
		}
		if _, err := os.Stat(file); err == nil {
			t.Fatalf("not refused because %q: the file was written", why)
		}
	}
	said, err := setup(t, binary(t), file, answers(bucket(o.SecretKey)...)...)
	if err != nil || !strings.Contains(said, "gomph serve --env-file "+file) || strings.Contains(said, o.SecretKey) {
		t.Fatalf("%v: %s", err, said)
	}
	select {
	case m := <-post.Messages:
		if len(m.To) != 1 || m.To[0] != "ann@example.com" {
			t.Errorf("a mail to %v", m.To)
		}
	case <-time.After(patience):
		t.Error("no mail was sent")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if said, err := setup(t, binary(t), file, answers(bucket(o.SecretKey)...)...); err == nil || !strings.Contains(said, "is there already") {
		t.Errorf("once more: %v, %s", err, said)
	}

	s := Start(t, One, Env("GOMPH_ENV_FILE", file))
	ann := s.Person("ann")
	u := ann.upload(draw.PNG(draw.Noise(48, 32, 1)), nil)
	name := strings.TrimPrefix(*u.URL, s.URL+"/system/")
	files, err := s3.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = files.Close() }()
	if _, err := files.Stat(t.Context(), name); err != nil {
		t.Errorf("%s is not in the bucket: %v", name, err)
	}
	if disk, err := blob.OpenDisk(filepath.Join(s.Data, "system")); err == nil {
		if _, err := disk.Stat(t.Context(), name); err == nil {
			t.Error("it is on the disk")
		}
		_ = disk.Close()
	}
}
