// Command joblibrary measures a job library (River) and a sketch of an own queue on SQLite and PostgreSQL. Its figures are in
// docs/adr/0002-jobs-measurements.md. It is a module of its own, so that the program never depends on the library by accident.
//
//	go run . [-sync FULL|NORMAL] [-engine sqlite|postgres] [-only cost,idle,unknown,killed,order] [-rounds 3] [-pg /usr/lib/postgresql/15/bin]
//
// Everything lives in a temporary folder. PostgreSQL runs privately on a unix socket, as the user postgres when started by root.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

func main() {
	var (
		only   = flag.String("only", "cost,idle,unknown,killed,order", "which measurements, by comma")
		rounds = flag.Int("rounds", 3, "how often the cost is measured; the median counts")
		pgBin  = flag.String("pg", "/usr/lib/postgresql/15/bin", "folder of PostgreSQL's programs")
		sync   = flag.String("sync", "FULL", "SQLite's synchronous setting: FULL or NORMAL")
		engine = flag.String("engine", "", "measure the cost on this engine only: sqlite or postgres")
		child  = flag.String("child", "", "internal: be a worker process that will be killed")
		dsn    = flag.String("dsn", "", "internal: of the child's database")
	)
	flag.Parse()
	synchronous = *sync
	ctx := context.Background()
	if *child != "" {
		must(beKilled(ctx, *child, *dsn))
		return
	}
	dir, err := os.MkdirTemp("", "joblibrary")
	must(err)
	defer os.RemoveAll(dir)
	pg, err := startPostgres(*pgBin, dir)
	must(err)
	defer pg.stop()
	e := &env{dir: dir, pg: pg, engine: *engine}

	fmt.Printf("%s, %s/%s, %d CPUs, %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), pg.version(ctx))
	fmt.Printf("load %s, synchronous=%s for SQLite, PostgreSQL's defaults (fsync on)\n\n", load(), synchronous)
	for _, m := range []struct {
		name string
		run  func(context.Context, *env, int) error
	}{{"cost", cost}, {"idle", idle}, {"unknown", unknown}, {"killed", killed}, {"order", order}} {
		if strings.Contains(","+*only+",", ","+m.name+",") {
			began := time.Now()
			if err := m.run(ctx, e, *rounds); err != nil {
				log.Printf("%s: %v", m.name, err)
			}
			fmt.Printf("(%s took %.0f s; load now %s)\n\n", m.name, time.Since(began).Seconds(), load())
		}
	}
}

// env is where measurements happen.
type env struct {
	dir    string
	pg     *postgres
	engine string
	n      int
}

// database makes an empty one and gives its address.
func (e *env) database(ctx context.Context, engine string) string {
	e.n++
	name := fmt.Sprintf("d%d", e.n)
	if engine == "sqlite" {
		return e.dir + "/" + name + ".sqlite"
	}
	return e.pg.create(ctx, name)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(b)); len(f) > 0 {
		return f[0]
	}
	return "unknown"
}

// self runs this program again as a worker.
func self(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Stderr = os.Stderr
	return cmd
}
