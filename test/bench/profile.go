package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/kit/config"
)

// profileFolder names, in the environment of a server that is to be profiled, where its profiles go.
const profileFolder = "BENCH_PROFILES"

// serveProfiled is gomph serve inside of this program, so that the real one needs no door for profiles: the first signal writes
// a profile of the heap and begins one of the CPU, the second ends it.
func serveProfiled() error {
	var c config.Config
	parser, err := kong.New(&c)
	if err != nil {
		return err
	}
	if _, err := parser.Parse(nil); err != nil {
		return err
	}
	if err := c.Check(false); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a, err := app.New(ctx, &c, app.Options{Roles: strings.Join(app.Roles, ","), Migrate: true, Out: os.Stdout})
	if err != nil {
		return err
	}
	defer a.Close()
	defer pprof.StopCPUProfile() // what the second signal began is written to its end
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go profileOn(signals, os.Getenv(profileFolder))
	return a.Run(ctx, app.Plan{Roles: app.Roles})
}

func profileOn(signals <-chan os.Signal, folder string) {
	var file *os.File
	n := 0
	for s := range signals {
		if s == syscall.SIGUSR2 {
			pprof.StopCPUProfile()
			_ = file.Close()
			continue
		}
		n++
		var err error
		if file, err = os.Create(filepath.Join(folder, fmt.Sprintf("%03d.%d.cpu", n, os.Getpid()))); err == nil { //nolint:gosec // where we were told to
			err = pprof.StartCPUProfile(file)
		}
		err = errors.Join(err, heapProfile(filepath.Join(folder, fmt.Sprintf("%03d.%d.heap", n, os.Getpid()))))
		if err != nil {
			fmt.Fprintln(os.Stderr, "profiling:", err)
		}
	}
}

// heapProfile writes what memory is held.
func heapProfile(path string) error {
	file, err := os.Create(path) //nolint:gosec // where we were told to
	if err != nil {
		return err
	}
	runtime.GC()
	return errors.Join(pprof.WriteHeapProfile(file), file.Close())
}

// profiled makes a laid-out server one that is profiled into a folder.
func (s *server) profiled(folder string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // for whoever reads them
		return fmt.Errorf("making the folder for profiles: %w", err)
	}
	s.env = append(s.env, profileFolder+"="+folder)
	s.server = []string{self, "serve"}
	s.profiles = true
	return nil
}

// profile begins or ends a profile, of servers that are profiled.
func (s *server) profile(on bool) {
	if !s.profiles {
		return
	}
	what := syscall.SIGUSR2
	if on {
		what = syscall.SIGUSR1
	}
	_ = s.cmd.Process.Signal(what)
}
