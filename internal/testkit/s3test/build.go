package s3test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"syscall"
)

// program is an S3 server that others wrote, built from the Go module proxy. It is run, and never becomes a part of what we build.
type program struct {
	name    string
	source  string // the package of its main function; its module where main is ours
	main    string // the main function, for one of which we want less than there is; "" for its own
	version string
	takes   string // how long a first build takes on two cores
	// policies says that buckets have policies.
	policies bool
	env      func(key, secret string) []string
	args     func(address, dir string) []string
}

var programs = []program{
	{
		name: "minio", source: "github.com/minio/minio", version: "v0.0.0-20260212201848-7aac2a2c5b7c", takes: "two to five minutes", policies: true,
		env: func(key, secret string) []string {
			return []string{"MINIO_ROOT_USER=" + key, "MINIO_ROOT_PASSWORD=" + secret, "MINIO_DOMAIN=" + Domain, "MINIO_BROWSER=off", "MINIO_UPDATE=off"}
		},
		args: func(address, dir string) []string { return []string{"server", "--quiet", "--address", address, dir} },
	},
	{
		name: "versitygw", source: "github.com/versity/versitygw/cmd/versitygw", version: "v1.8.0", takes: "one to three minutes", policies: true,
		env: func(key, secret string) []string {
			return []string{"ROOT_ACCESS_KEY_ID=" + key, "ROOT_SECRET_ACCESS_KEY=" + secret}
		},
		args: func(address, dir string) []string { return []string{"--port", address, "--quiet", "posix", dir} },
	},
	{
		name: "rclone", source: "github.com/rclone/rclone", version: "v1.76.0", takes: "one minute",
		main: `package main

import (
	_ "github.com/rclone/rclone/backend/local"
	"github.com/rclone/rclone/cmd"
	_ "github.com/rclone/rclone/cmd/serve/s3"
)

func main() { cmd.Main() }
`,
		env: func(key, secret string) []string { return []string{`RCLONE_AUTH_KEY="` + key + "," + secret + `"`} },
		args: func(address, dir string) []string {
			return []string{"serve", "s3", "--config", "", "--addr", address, "--vfs-cache-mode", "off", dir}
		},
	},
}

// Build builds the servers that are not built yet, and says so, since that takes minutes.
func Build(w io.Writer) error {
	for _, p := range programs {
		file, err := p.build(w)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintln(w, file)
	}
	return nil
}

// file is where a server is, or is to be: in GOMPH_TEST_BIN, or in the user's cache.
func (p program) file() (string, error) {
	dir := os.Getenv("GOMPH_TEST_BIN")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("looking for the tests' S3 servers: %w", err)
		}
		dir = filepath.Join(cache, "gomph-tests")
	}
	return filepath.Join(dir, p.name+"-"+p.version), nil
}

// build makes sure that a server is built. Of several processes one builds it, the others wait.
func (p program) build(w io.Writer) (string, error) {
	file, err := p.file()
	if err != nil || exists(file) {
		return file, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", fmt.Errorf("building %s: %w", p.name, err)
	}
	lock, err := os.OpenFile(file+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", fmt.Errorf("building %s: %w", p.name, err)
	}
	defer func() { _ = lock.Close() }() // which unlocks it
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		return "", fmt.Errorf("building %s: %w", p.name, err)
	}
	if exists(file) {
		return file, nil
	}
	_, _ = fmt.Fprintf(w, "building %s %s for tests into %s, once: %s\n", p.name, p.version, filepath.Dir(file), p.takes)
	return file, p.install(file)
}

// install builds aside and moves into place. Without inlining and symbols the compiler takes some 40 % less time for MinIO, and the server
// answers tests as fast.
func (p program) install(file string) error {
	aside, err := os.MkdirTemp(filepath.Dir(file), "build-")
	if err != nil {
		return fmt.Errorf("building %s: %w", p.name, err)
	}
	defer func() { _ = os.RemoveAll(aside) }()
	flags := []string{"-trimpath", "-ldflags", "-s -w", "-gcflags", "all=-l -dwarf=false"}
	steps := [][]string{append(append([]string{"install"}, flags...), p.source+"@"+p.version)}
	if p.main != "" {
		if err := os.WriteFile(filepath.Join(aside, "main.go"), []byte(p.main), 0o600); err != nil {
			return fmt.Errorf("building %s: %w", p.name, err)
		}
		steps = [][]string{{"mod", "init", p.name}, {"mod", "edit", "-require=" + p.source + "@" + p.version}, append([]string{"install", "-mod=mod"}, flags...)}
	}
	for _, args := range steps {
		cmd := exec.Command("go", args...)
		cmd.Dir = aside // outside of our module
		cmd.Env = append(os.Environ(), "GOBIN="+aside, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w: %s", p.name, err, out[max(0, len(out)-2000):])
		}
	}
	if err := os.Rename(filepath.Join(aside, path.Base(p.source)), file); err != nil {
		return fmt.Errorf("building %s: %w", p.name, err)
	}
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
