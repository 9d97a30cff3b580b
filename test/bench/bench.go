package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gomph/gomph/internal/kit/ap/httpsig"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/schema/crowd"
)

const (
	// homeGoal and the others are the goals of the issue that this program answers to, in milliseconds of the server's CPU, by engine.
	homeGoalSQLite, homeGoalPostgres       = 0.25, 0.30
	postingGoalSQLite, postingGoalPostgres = 4, 2
	inboundGoalSQLite, inboundGoalPostgres = 3, 2
	profileGoal                            = 2
	idleGoal                               = 60  // MiB
	startGoal                              = 0.3 // seconds
	// followed is how many people the reader follows.
	followed = 50
	// words are what is posted.
	words = crowd.Words
	// following is how many people of this server hear of each measured post.
	following = 20
	// smallCrowd and largeCrowd follow somebody whose one post is timed.
	smallCrowd, largeCrowd = 1_000, 20_000
)

// account is somebody who was made.
type account = crowd.Account

// bench measures on one engine.
type bench struct {
	options
	report *section
	engine string
	dir    string

	s    *server
	db   *db.DB // the server's database, opened beside it
	seed *crowd.Maker
	// who is in the world: one who reads, one who writes, one whom others look at.
	reader, author, shown account
	// readers follow the author and whoever sends from elsewhere.
	readers []account
	sender  *sender
	limits  limits
}

// goal is the goal of this engine.
func (b *bench) goal(sqlite, postgres float64) float64 {
	if b.engine == "postgres" {
		return postgres
	}
	return sqlite
}

func (b *bench) run(ctx context.Context) (err error) {
	if err := os.MkdirAll(b.dir, 0o755); err != nil { //nolint:gosec // PostgreSQL runs as a user of its own
		return fmt.Errorf("making a folder: %w", err)
	}
	address := ""
	if b.engine == "postgres" {
		pg, err := startPostgres(ctx, b.dir)
		if err != nil {
			return err
		}
		defer pg.stop()
		address = pg.url
	}
	if b.wants("limits") {
		if err := b.measureLimits(ctx, address); err != nil {
			return err
		}
	}
	if err := b.prepare(ctx, address); err != nil {
		return err
	}
	defer b.db.Close()
	defer b.sender.close()
	defer func() { err = errors.Join(err, b.s.stop()) }()
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"start", b.starting}, {"home", b.home}, {"pages", b.pages}, {"inbound", b.inbound}, {"posting", b.posting}, {"fanout", b.fanout}, {"streaming", b.streaming}, {"jobs", b.work}, {"hosts", b.hosts},
		{"slots", b.slots}, {"flood", b.flood}, {"mix", b.mix}, {"thread", b.thread}, {"large", b.large},
		{"pictures", b.pictures}, {"uploads", b.uploads}, {"moving", b.moving}, {"hostile", b.hostile},
	} {
		if !b.wants(part.name) {
			continue
		}
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w\nthe log says: %s", part.name, err, b.s.tail())
		}
	}
	return nil
}

// prepare makes the database and the people in it.
func (b *bench) prepare(ctx context.Context, address string) error {
	var err error
	if b.s, err = newServer(b.binary, b.dir, address); err != nil {
		return err
	}
	if b.profiles != "" {
		if err := b.s.profiled(b.profiles); err != nil {
			return err
		}
	}
	if _, err := b.s.command(ctx, "migrate"); err != nil {
		return err
	}
	if address == "" {
		address = filepath.Join(b.dir, "data", "gomph.sqlite3")
	}
	if b.db, err = db.Open(ctx, db.Options{URL: address, Pool: 4}); err != nil {
		return err
	}
	b.seed = crowd.New(b.db, b.s.url)
	key, err := httpsig.GenerateKey(httpsig.DefaultBits)
	if err != nil {
		return err
	}
	if b.sender, err = newSender(key); err != nil {
		return err
	}
	return b.people(ctx)
}

func (b *bench) people(ctx context.Context) error {
	if err := b.seed.Neighbours(ctx); err != nil {
		return err
	}
	t := b.seed.AccountTables()
	b.reader, b.author, b.shown = b.seed.Local(t, "reader"), b.seed.Local(t, "author"), b.seed.Local(t, "shown")
	var read []account
	for i := range followed {
		if i%2 == 0 {
			read = append(read, b.seed.Local(t, fmt.Sprintf("friend%d", i)))
		} else {
			read = append(read, b.seed.Remote(t, fmt.Sprintf("friend%d", i), "https", fmt.Sprintf("host%d.example", i), ""))
		}
	}
	for i := range following {
		b.readers = append(b.readers, b.seed.Local(t, fmt.Sprintf("follower%d", i)))
	}
	b.sender.account = b.seed.Remote(t, "sender", "http", b.sender.host, b.sender.public)
	if err := t.Flush(ctx, b.db); err != nil {
		return err
	}
	if err := b.seed.Follow(ctx, []account{b.reader}, read); err != nil {
		return err
	}
	if err := b.seed.Timeline(ctx, read); err != nil {
		return err
	}
	if err := b.seed.Timeline(ctx, []account{b.shown}); err != nil {
		return err
	}
	if err := b.seed.Follow(ctx, b.readers, []account{b.author, b.sender.account}); err != nil {
		return err
	}
	return b.seed.Analyze(ctx)
}

// drained waits until no job is left that is due, and fails when one has failed.
func (b *bench) drained(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		n, err := db.Value[int64](ctx, b.db, "SELECT COUNT(*) FROM jobs WHERE state <> 2 AND run_at <= $1", time.Now().Add(time.Minute).UnixMilli())
		if err != nil {
			return fmt.Errorf("looking for jobs: %w", err)
		}
		if n == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	failed, err := db.Column[string](ctx, b.db, "SELECT kind || ': ' || last_error FROM jobs WHERE last_error <> '' LIMIT 3")
	if err != nil {
		return fmt.Errorf("looking for failed jobs: %w", err)
	}
	if len(failed) > 0 {
		return fmt.Errorf("jobs have failed, so nothing was measured: %q", failed)
	}
	return nil
}
