package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/sandbox"
)

func init() {
	sandbox.Part("echo", func(args []string, in io.Reader, out io.Writer) error {
		b, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, strings.Join(args, ",")+":"+string(b))
		return err
	})
	sandbox.Part("refuse", func([]string, io.Reader, io.Writer) error { return errors.New("this is no picture") })
	sandbox.Part("spin", func([]string, io.Reader, io.Writer) error {
		for n := 0; ; n++ {
			if n < 0 {
				return nil
			}
		}
	})
	sandbox.Part("grow", func([]string, io.Reader, io.Writer) error {
		var all [][]byte
		for len(all) < 1<<12 {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = 1
			}
			all = append(all, b)
		}
		return errors.New("it grew to " + strconv.Itoa(len(all)) + " MiB")
	})
	sandbox.Part("class", func(_ []string, _ io.Reader, out io.Writer) error {
		stat, err := os.ReadFile("/proc/self/stat")
		if err != nil {
			return err
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):])) // policy is field 41 of all (proc(5))
		_, err = io.WriteString(out, fields[39])
		return err
	})
	sandbox.Part("try", func(args []string, _ io.Reader, out io.Writer) error {
		var err error
		switch args[0] {
		case "read":
			_, err = os.ReadFile(args[1])
		case "write":
			err = os.WriteFile(args[1], []byte("x"), 0o600)
		case "big":
			err = os.WriteFile(args[1], make([]byte, 2<<20), 0o600)
		case "list":
			_, err = os.ReadDir(args[1])
		case "connect":
			_, err = net.Dial("tcp", args[1])
		case "environment":
			_, err = io.WriteString(out, strings.Join(os.Environ(), " "))
		}
		return err
	})
}

func TestDo(t *testing.T) {
	t.Setenv("SECRET_OF_MINE", "hunter2")
	ctx, dir := context.Background(), t.TempDir()
	l := sandbox.Limits{CPU: time.Minute, Memory: 256 << 20, FileSize: 1 << 20, Files: 64, Folder: dir}
	var out bytes.Buffer
	if err := sandbox.Do(ctx, l, "echo", []string{"a", "b"}, strings.NewReader("body"), &out); err != nil || out.String() != "a,b:body" {
		t.Fatalf("%q, %v", out.String(), err)
	}
	err := sandbox.Do(ctx, l, "refuse", nil, nil, io.Discard)
	if failure := sandbox.Failure(""); !errors.As(err, &failure) || failure != "this is no picture" {
		t.Errorf("a refusal came as %v", err)
	}
	if err := sandbox.Do(ctx, l, "never", nil, nil, io.Discard); err == nil {
		t.Error("a part that is none ran")
	}
	out.Reset()
	if err := sandbox.Do(ctx, l, "try", []string{"environment"}, nil, &out); err != nil || strings.Contains(out.String(), "hunter2") {
		t.Errorf("the environment is %s, %v", out.String(), err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("limits are Linux's")
	}
	ctx := context.Background()
	dir := t.TempDir()
	if err := sandbox.Do(ctx, sandbox.Limits{CPU: time.Second, Folder: dir}, "spin", nil, nil, io.Discard); !errors.Is(err, sandbox.ErrLimit) {
		t.Errorf("a part that never ends: %v", err)
	}
	if !sandbox.RaceEnabled { // which wants more addresses than any limit leaves
		if err := sandbox.Do(ctx, sandbox.Limits{CPU: time.Minute, Memory: 64 << 20, Folder: dir}, "grow", nil, nil, io.Discard); !errors.Is(err, sandbox.ErrLimit) {
			t.Errorf("a part that takes all memory: %v", err)
		}
	}
	if err := sandbox.Do(ctx, sandbox.Limits{FileSize: 1 << 20, Folder: dir}, "try", []string{"big", filepath.Join(dir, "big")}, nil, io.Discard); err == nil {
		t.Error("a file grew beyond its limit")
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := sandbox.Do(ended, sandbox.Limits{Folder: dir}, "spin", nil, nil, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %v", err)
	}
	err := sandbox.Run(sandbox.Command(ctx, sandbox.Limits{CPU: time.Second, Folder: dir}, "sh", "-c", "echo what is wrong >&2; exit 3"))
	var failed *exec.ExitError
	if !errors.As(err, &failed) || failed.ExitCode() != 3 || string(failed.Stderr) != "what is wrong\n" {
		t.Errorf("a program that fails: %v", err)
	}
	if err := sandbox.Run(sandbox.Command(ctx, sandbox.Limits{CPU: time.Second, Folder: dir}, "sh", "-c", "while :; do :; done")); !errors.Is(err, sandbox.ErrLimit) {
		t.Errorf("a program that never ends: %v", err)
	}
	if err := sandbox.Run(sandbox.Command(ctx, sandbox.Limits{Folder: dir}, "no-such-program")); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that is not there: %v", err)
	}
}

// OPS-05: a hole in a program for media reaches neither files, nor the network, nor what the server knows.
func TestFence(t *testing.T) {
	t.Parallel()
	if !sandbox.Fenced() {
		t.Skip("this kernel has no Landlock")
	}
	inside, outside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	given := filepath.Join(outside, "given")
	if err := os.WriteFile(given, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, at string
		may      bool
	}{
		{"read", given, true}, {"write", given, false}, {"write", filepath.Join(inside, "x"), true}, {"read", filepath.Join(inside, "x"), true}, {"list", inside, true}, {"read", secret, false}, {"write", secret, false},
		{"list", outside, false}, {"write", filepath.Join(inside, "..", "x"), false}, {"read", "/etc/passwd", false}, {"read", "/proc/1/environ", false},
		{"connect", listener.Addr().String(), false},
	} {
		err := sandbox.Do(context.Background(), sandbox.Limits{CPU: time.Minute, Folder: inside, Reads: given}, "try", []string{c.what, c.at}, nil, io.Discard)
		if c.may != (err == nil) {
			t.Errorf("%s %s: %v", c.what, c.at, err)
		}
	}
}

// Two kinds of places: what is waited for is not behind what nobody waits for (requirement B3).
func TestPlaces(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	idle := sandbox.WhenIdle(ctx)
	leave, err := sandbox.Enter(idle)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := sandbox.Do(ctx, sandbox.Limits{CPU: time.Minute, Folder: t.TempDir()}, "echo", nil, strings.NewReader("at once"), &out); err != nil || out.String() != ":at once" {
		t.Errorf("%q, %v", out.String(), err)
	}
	leave()
	leave, err = sandbox.Enter(idle)
	if err != nil {
		t.Fatal(err)
	}
	leave()
	if runtime.GOOS == "linux" {
		out.Reset()
		if err := sandbox.Do(idle, sandbox.Limits{CPU: time.Minute, Folder: t.TempDir()}, "class", nil, nil, &out); err != nil || out.String() != "5" {
			t.Errorf("its class is %q instead of 5, SCHED_IDLE: %v", out.String(), err)
		}
	}
}
