// Package s3test owns the S3 servers that tests run against: real ones that others wrote, each started privately on a free port of 127.0.0.1.
//
// One that is not built yet is built where everything must run, when CI or GOMPH_TEST_ALL is set, and skipped elsewhere: `make s3-servers`
// builds them.
package s3test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/gomph/gomph/internal/kit/blob/s3"
	"github.com/gomph/gomph/internal/testkit/services"
)

// Domain is the domain below which MinIO has its buckets, as BUCKET.s3.test:PORT. No resolver knows it: a test dials Server.Address for it.
const Domain = "s3.test"

const (
	// startLimit bounds a broken start, and stopLimit a broken stop; both are far above what a slow machine takes.
	startLimit = 60 * time.Second
	stopLimit  = 10 * time.Second
	// pollEvery is the pause between two looks at a server that is starting.
	pollEvery = 20 * time.Millisecond
)

// Server is a running S3 server, with an empty bucket of the test's own.
type Server struct {
	// Name is minio, versitygw or rclone.
	Name string
	// Policies says that its buckets have policies, and may be public by them.
	Policies bool
	// Address is its host:port, and Endpoint its URL.
	Address, Endpoint string
	// AccessKey and SecretKey are those of its root.
	AccessKey, SecretKey string
	// Options are for the bucket, by path and with the root's keys. They send no access lists.
	Options s3.Options
	// Admin may do everything, for what a store cannot.
	Admin *minio.Core
}

// Open opens a store of a bucket, and closes it when the test is over.
func Open(t testing.TB, o s3.Options) *s3.Store {
	t.Helper()
	s, err := s3.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Each runs a test on each server, in parallel.
func Each(t *testing.T, test func(t *testing.T, server Server)) {
	t.Helper()
	for i := range programs {
		t.Run(programs[i].name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, i))
		})
	}
}

// MinIO is a server of that kind alone, for what others do not have.
func MinIO(t testing.TB) Server {
	t.Helper()
	return start(t, 0)
}

// Bucket makes another empty bucket, and returns the options for it.
func (s Server) Bucket(t testing.TB) s3.Options {
	t.Helper()
	o, err := s.bucket()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (s Server) bucket() (s3.Options, error) {
	o := s.Options
	o.Bucket = "t-" + strings.ToLower(rand.Text())
	if err := s.Admin.MakeBucket(context.Background(), o.Bucket, minio.MakeBucketOptions{Region: o.Region}); err != nil {
		return o, fmt.Errorf("making a bucket on %s: %w", s.Name, err)
	}
	return o, nil
}

// Start starts a MinIO for what is no test, and builds it before when it is not there, of which w is told. It listens on a port of 127.0.0.1 that
// the caller knows to be free, and has an empty bucket; stop ends it and removes what it kept.
func Start(w io.Writer, port int) (server Server, stop func(), err error) {
	p := programs[0]
	file, err := p.build(w)
	if err != nil {
		return Server{}, nil, err
	}
	r := &running{}
	if err := r.start(p, file, port); err != nil {
		return Server{}, nil, err
	}
	server = r.server
	if server.Options, err = server.bucket(); err != nil {
		r.stop()
		return Server{}, nil, err
	}
	return server, r.stop, nil
}

// Policy sets the policy of a bucket, as JSON.
func (s Server) Policy(t testing.TB, bucket, policy string) {
	t.Helper()
	if err := s.Admin.SetBucketPolicy(context.Background(), bucket, policy); err != nil {
		t.Fatalf("setting a policy on %s: %v", s.Name, err)
	}
}

// running is a server that all tests of this process share, from the first that needs it to the last.
type running struct {
	mu     sync.Mutex
	users  int
	server Server
	cmd    *exec.Cmd
	dir    string
}

var shared = make([]running, len(programs))

func start(t testing.TB, i int) Server {
	t.Helper()
	p, r := programs[i], &shared[i]
	file := p.need(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == 0 {
		if err := r.start(p, file, services.FreePort(t)); err != nil {
			t.Fatal(err)
		}
	}
	r.users++
	t.Cleanup(r.leave)
	s := r.server
	s.Options = s.Bucket(t)
	return s
}

// need is the file of a server that a test cannot do without.
func (p program) need(t testing.TB) string {
	t.Helper()
	if os.Getenv("CI") != "" || os.Getenv("GOMPH_TEST_ALL") != "" {
		file, err := p.build(os.Stderr)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	file, err := p.file()
	if err != nil {
		t.Fatal(err)
	}
	if !exists(file) {
		t.Skipf("%s is not built; make s3-servers builds it, which takes %s", p.name, p.takes)
	}
	return file
}

func (r *running) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users--; r.users == 0 {
		r.stop()
	}
}

// start runs a server with a folder of its own, until it answers.
func (r *running) start(p program, file string, port int) error {
	var err error
	if r.dir, err = os.MkdirTemp("", "gomph-"+p.name+"-"); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	key, secret := rand.Text(), rand.Text()
	address := fmt.Sprintf("127.0.0.1:%d", port)
	data := filepath.Join(r.dir, "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	log, err := os.Create(filepath.Join(r.dir, "log"))
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	defer func() { _ = log.Close() }() // the server has its own
	r.cmd = exec.Command(file, p.args(address, data)...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = r.dir, log, log
	r.cmd.Env = append([]string{"HOME=" + r.dir, "PATH=" + os.Getenv("PATH")}, p.env(key, secret)...) // and nothing of the machine's
	r.cmd.SysProcAttr = dieWithParent()
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	admin, err := minio.NewCore(address, &minio.Options{Creds: credentials.NewStaticV4(key, secret, ""), Region: region, MaxRetries: 1, BucketLookup: minio.BucketLookupPath})
	if err == nil {
		err = r.wait(admin)
	}
	if err != nil {
		said, _ := os.ReadFile(filepath.Join(r.dir, "log"))
		r.stop()
		return fmt.Errorf("starting %s: %w: %s", p.name, err, said)
	}
	r.server = Server{
		Name: p.name, Policies: p.policies, Address: address, Endpoint: "http://" + address, AccessKey: key, SecretKey: secret, Admin: admin,
		Options: s3.Options{Endpoint: "http://" + address, Region: region, AccessKey: key, SecretKey: secret, PathStyle: true},
	}
	return nil
}

// region is what all servers say theirs is.
const region = "us-east-1"

// wait asks until a server answers.
func (r *running) wait(admin *minio.Core) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for {
		_, err := admin.ListBuckets(ctx)
		if err == nil {
			return nil
		}
		if pid, _ := syscall.Wait4(r.cmd.Process.Pid, nil, syscall.WNOHANG, nil); pid == r.cmd.Process.Pid {
			return errors.New("the server ended")
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pollEvery):
		}
	}
}

// stop ends a server and removes what it kept.
func (r *running) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	killer := time.AfterFunc(stopLimit, func() { _ = r.cmd.Process.Kill() })
	_ = r.cmd.Wait()
	killer.Stop()
	_ = os.RemoveAll(r.dir)
}
