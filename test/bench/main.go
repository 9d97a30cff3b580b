// Command bench measures what a running Gomph costs: it starts the real binary on loopback, fills its database, asks it as clients and other servers
// do, and writes a table. CPU is that of the server's process alone, read from the kernel, so that the one who asks costs nothing in it.
//
//	go run ./test/bench [-engine sqlite|postgres|both] [-quick] [-full] [-only WORDS] [-write]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// options are what was asked for on the command line.
type options struct {
	quick, full, write, keep bool
	engine, only, binary     string
	profiles                 string
	scale                    float64
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "hello" { // the plain server that the limits are measured with
		exit(hello(os.Args[2]))
	}
	if len(os.Args) == 2 && os.Args[1] == "serve" { // the server that is profiled
		exit(serveProfiled())
	}
	if len(os.Args) == 3 && os.Args[1] == "jobs-worker" { // a worker of the queue alone
		exit(jobsWorker(os.Args[2]))
	}
	var o options
	flag.StringVar(&o.engine, "engine", "both", "sqlite, postgres or both")
	flag.BoolVar(&o.quick, "quick", false, "fewer requests and smaller databases: a look, not a measurement")
	flag.BoolVar(&o.full, "full", false, "also measure with a million posts (posting, large)")
	flag.BoolVar(&o.write, "write", false, "put the tables into docs/benchmarks.md")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder with databases and logs")
	flag.StringVar(&o.only, "only", "", "measure only these, with commas: limits,start,home,pages,posting,inbound,fanout,streaming,jobs,hosts,slots,flood,mix,thread,large,pictures,uploads,moving,hostile")
	flag.Float64Var(&o.scale, "scale", 1, "how large the large server is: 1 is a million posts")
	flag.StringVar(&o.binary, "binary", "", "measure this binary instead of building one")
	flag.StringVar(&o.profiles, "profiles", "", "write CPU profiles of each measurement, in order, into this folder; the figures are higher then")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, o options) (err error) {
	engines, err := o.engines()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gomph-bench-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	if !o.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	// PostgreSQL runs as a user of its own and must reach its folder.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // holds nothing but what is measured
		return err
	}
	if o.binary, err = build(ctx, o.binary, dir); err != nil {
		return err
	}
	r := &report{options: o}
	if err := r.machine(); err != nil {
		return err
	}
	for _, engine := range engines {
		b := &bench{options: o, report: r.section(engine), engine: engine, dir: filepath.Join(dir, engine)}
		if err := b.run(ctx); err != nil {
			r.print(os.Stdout)
			return fmt.Errorf("measuring on %s: %w", engine, err)
		}
	}
	r.end()
	r.print(os.Stdout)
	if o.write {
		return r.save("docs/benchmarks.md")
	}
	return nil
}

func (o options) engines() ([]string, error) {
	all := []string{"sqlite", "postgres"}
	if o.engine == "both" {
		return all, nil
	}
	if slices.Contains(all, o.engine) {
		return []string{o.engine}, nil
	}
	return nil, fmt.Errorf("-engine is sqlite, postgres or both, not %q", o.engine)
}

// wants tells whether a part is to be measured.
func (o options) wants(part string) bool {
	return o.only == "" || slices.Contains(strings.Split(o.only, ","), part)
}

// times is how often something is done: a tenth of it in a quick run.
func (o options) times(n int) int {
	if o.quick {
		return max(n/10, 1)
	}
	return n
}
