package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gomph/gomph/internal/kit/blob"
	"github.com/gomph/gomph/internal/kit/blob/probe"
	"github.com/gomph/gomph/internal/kit/checkup"
	"github.com/gomph/gomph/internal/kit/config"
	"github.com/gomph/gomph/internal/kit/redis"
)

const (
	// slowTrip and hopelessTrip are what a round trip to the database may take, of two hundred the worst but two (requirement A2).
	slowTrip     = 2 * time.Millisecond
	hopelessTrip = 10 * time.Millisecond
	trips        = 200
	// probeLimit bounds asking who may do what with the files: some thirty requests, each of which may wait for ten seconds.
	probeLimit = 2 * time.Minute
	// commits is how many transactions are made to see how long one takes to last.
	commits = 100
)

// doctor looks at a server as its settings describe it. It opens what it needs by itself, so that it also works where the server does not start.
type doctor struct {
	*base
	// openDB connects to the database once, and says how long that took.
	openDB func() (time.Duration, error)
	// probed asks who may do what with the files, once.
	probed func() ([]probe.Result, error)
	store  func() (blob.Store, error)
}

// Doctor looks at whatever may be wrong with a server that has these settings, or only at what has one of the ids, and tells of each finding
// when it is there. It changes nothing but for files of its own, which it removes.
func Doctor(ctx context.Context, c *config.Config, only []string, tell func(checkup.Finding)) ([]checkup.Finding, error) {
	if err := rightUser(c.Data); err != nil {
		return nil, err
	}
	d := newDoctor(ctx, c)
	defer d.close()
	return checkup.Run(ctx, d.checks(), only, tell)
}

func newDoctor(ctx context.Context, c *config.Config) *doctor {
	own := *c
	own.DBPool = smallestPool
	d := &doctor{base: trial(&own)}
	d.openDB = sync.OnceValues(func() (time.Duration, error) { return d.connect(ctx) })
	d.store = sync.OnceValues(func() (blob.Store, error) {
		switch _, err := os.Stat(d.Config.Data); {
		case err == nil || d.Config.S3():
		case errors.Is(err, os.ErrNotExist):
			return nil, errNoFiles
		default:
			return nil, fmt.Errorf("looking for files: %w", err)
		}
		return d.openPlace(d.placeNow())
	})
	d.probed = sync.OnceValues(func() ([]probe.Result, error) {
		ctx, cancel := context.WithTimeout(ctx, probeLimit) // that of three checks together
		defer cancel()
		return d.probe(ctx, "")
	})
	return d
}

// checks are all there are, in the order in which one should heed them.
func (d *doctor) checks() []checkup.Check {
	data := func(look func(context.Context, string) checkup.Outcome) func(context.Context) checkup.Outcome {
		return func(ctx context.Context) checkup.Outcome { return look(ctx, d.Config.Data) }
	}
	list := []checkup.Check{
		{ID: "A2", Name: "database", Why: "The database must be near: connecting, asking (p99 over 2 ms is a warning, over 10 ms a failure) and committing are timed; its schema must be this program's.", Look: d.database},
		{ID: "A2", Name: "redis", Why: "The same for Redis, when there is one.", Look: d.messages},
		{ID: "B6", Name: "room on disk", Why: "A full disk stops everything: less than a tenth and 20 GB free is a warning, little is a failure.", Look: data(checkup.Room)},
		{ID: "F2", Name: "file system", Why: "GOMPH_DATA must not lie in memory, should not lie on another machine, and a file must be lasting within 50 ms (p99 of a hundred).", Look: data(checkup.Folder)},
		{ID: "E23", Name: "same files", Why: "Processes on several hosts must see the same folder of files.", Look: d.sameFiles},
	}
	return append(append(list, d.fileChecks()...), d.machineChecks()...)
}

// connect opens the database. It makes none.
func (d *doctor) connect(ctx context.Context) (time.Duration, error) {
	if !d.Config.Postgres() {
		if _, err := os.Stat(d.Config.SQLitePath()); errors.Is(err, os.ErrNotExist) {
			return 0, errNoDatabase
		}
	}
	began := time.Now()
	var err error
	d.DB, err = openDatabase(ctx, d.Config, d.Config.DatabaseURL, nil)
	if err != nil {
		return 0, err
	}
	d.closers = append(d.closers, d.DB.Close)
	return time.Since(began), nil
}

// errNoFiles says that there is no folder of files yet, which the first start makes. Opening it would make it, too.
var errNoFiles = errors.New("there are no files yet: gomph serve makes their folder")

// errNoDatabase says that there is no SQLite file yet, which the first start makes.
var errNoDatabase = errors.New("there is no database yet: gomph serve makes it")

// withDB looks with a database at hand.
func (d *doctor) withDB(look func() checkup.Outcome) checkup.Outcome {
	switch _, err := d.openDB(); {
	case errors.Is(err, errNoDatabase):
		return checkup.Warn("%v", err)
	case err != nil:
		return checkup.Fail("%v", err)
	}
	return look()
}

func (d *doctor) database(ctx context.Context) checkup.Outcome {
	return d.withDB(func() checkup.Outcome {
		took, _ := d.openDB()
		if err := d.DB.RoundTrip(ctx); err != nil { // the first prepares
			return checkup.Fail("the database does not answer: %v", err)
		}
		asked, err := checkup.Times(trips, func() error { return d.DB.RoundTrip(ctx) })
		if err != nil {
			return checkup.Fail("the database does not answer: %v", err)
		}
		lasting, err := checkup.Times(commits, func() error { return d.DB.Commit(ctx) })
		if err != nil {
			return checkup.Fail("%v", err)
		}
		if err := d.schemaReady(ctx); err != nil {
			return checkup.Fail("%v", err)
		}
		return judgeTrips("the database", took, asked, fmt.Sprintf("; a commit takes %s (p99)", round(checkup.Percentile(lasting, 99))))
	})
}

// judgeTrips says what it means that a server answers so fast.
func judgeTrips(what string, took time.Duration, asked []time.Duration, more string) checkup.Outcome {
	p99 := checkup.Percentile(asked, 99)
	says := fmt.Sprintf("%s: connecting takes %s, a question %s (p50), %s (p99)%s", what, round(took), round(checkup.Percentile(asked, 50)), round(p99), more)
	switch {
	case p99 > hopelessTrip:
		return checkup.Fail("%s: that is too far away, every page asks many times; move it into the same data centre, or look what keeps it busy", says)
	case p99 > slowTrip:
		return checkup.Warn("%s: more than %s is felt on every page; bring it nearer, or look what keeps it busy", says, slowTrip)
	}
	return checkup.Well("%s", says)
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

func (d *doctor) messages(ctx context.Context) checkup.Outcome {
	if d.Config.RedisURL == "" {
		return checkup.Well("there is none: messages stay in the one process")
	}
	worst := checkup.Well("")
	for i, url := range []string{d.Config.RedisURL, d.Config.CacheRedisURL} {
		if i > 0 && (url == "" || url == d.Config.RedisURL) {
			continue
		}
		if o := askRedis(ctx, url); i == 0 || o.Level != checkup.OK {
			worst = o
		}
	}
	return worst
}

func askRedis(ctx context.Context, url string) checkup.Outcome {
	connecting, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	began := time.Now()
	r, err := redis.Open(connecting, url)
	if err != nil {
		return checkup.Fail("%v", err)
	}
	defer r.Close()
	took := time.Since(began)
	asked, err := checkup.Times(trips, func() error { return r.Ping(ctx) })
	if err != nil {
		return checkup.Fail("%v", err)
	}
	return judgeTrips("Redis at "+r.Addr(), took, asked, "")
}

// folderOfFiles is where files are kept that are in a folder.
func (d *doctor) folderOfFiles() string { return filepath.Join(d.Config.Data, "system") }
