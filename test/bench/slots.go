package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

const (
	// manySlots is how many deliveries one worker process has on their way at once.
	manySlots = 480
	// slotsMemory is in MiB, slotsConnections how many may be busy while all slots wait for other servers (requirement C8).
	slotsMemory, slotsConnections = 300, 5
	// slotsSamples are the least number of looks, one after another, while all slots wait.
	slotsSamples = 50
	// slotsPatience is how long all slots may take to be in use.
	slotsPatience = time.Minute
)

// slots measures what a worker holds while each of its many slots waits for another server: memory, and connections to the database.
func (b *bench) slots(ctx context.Context) error {
	if b.engine != "postgres" { // on SQLite there is one process, and its connections are no server's
		return nil
	}
	f, err := newFar(100)
	if err != nil {
		return err
	}
	defer f.close()
	if err := b.manyDeliveries(ctx, f); err != nil {
		return err
	}
	if err := b.s.stop(); err != nil {
		return err
	}
	w := *b.s
	w.server = []string{b.binary, "serve", "--queues", "push", "--slots", fmt.Sprint(manySlots)} // with all other roles: a worker alone would need Redis
	if err := w.launch(); err != nil {
		return err
	}
	err = b.watchSlots(ctx, &w, f)
	close(f.release)
	return errors.Join(err, w.stop(), b.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM jobs WHERE queue = 'push'")
		return err
	}))
}

// manyDeliveries leaves deliveries to all far hosts in the queue.
func (b *bench) manyDeliveries(ctx context.Context, f *far) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	author, err := b.signer(ctx, "patient")
	if err != nil {
		return err
	}
	if err := b.heardBy(ctx, author, f); err != nil {
		return err
	}
	if _, err := b.s.command(ctx, "queues", "pause", "push"); err != nil {
		return err
	}
	if _, err := ask(ctx, client(), http.MethodPost, b.s.url+"/api/v1/statuses", author.Token, url.Values{"status": {words}}); err != nil {
		return err
	}
	for n := int64(0); n < destinations; {
		if n, err = db.Value[int64](ctx, b.db, "SELECT COUNT(*) FROM jobs WHERE queue = 'push'"); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	_, err = b.s.command(ctx, "queues", "resume", "push")
	return err
}

// watchSlots waits until all slots wait, and looks at the worker and its connections.
func (b *bench) watchSlots(ctx context.Context, w *server, f *far) error {
	waiting, cancel := context.WithTimeout(ctx, slotsPatience)
	defer cancel()
	for f.waiting() < manySlots {
		if err := waiting.Err(); err != nil {
			return fmt.Errorf("%d of %d slots are in use: %w: the log says: %s", f.waiting(), manySlots, err, w.tail())
		}
		time.Sleep(10 * time.Millisecond)
	}
	// Calls that last too long end, and slots take others: what is wanted is the time in which all wait.
	samples, busy, all, rss := 0, int64(0), int64(0), 0.0
	for ; f.waiting() >= manySlots; samples++ {
		now, err := db.All(ctx, b.db, func(r db.Row) (c [2]int64, err error) { err = r.Scan(&c[0], &c[1]); return c, err },
			"SELECT COUNT(*) FILTER (WHERE state <> 'idle'), COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if err != nil {
			return err
		}
		held, err := w.rss()
		if err != nil {
			return err
		}
		if f.waiting() >= manySlots {
			busy, all, rss = max(busy, now[0][0]), max(all, now[0][1]), max(rss, held)
		}
	}
	if samples < slotsSamples {
		return fmt.Errorf("only %d looks while all slots waited, want %d", samples, slotsSamples)
	}
	b.report.add(fmt.Sprintf("memory of a worker whose %d slots wait for other servers", manySlots), rss, "MiB", slotsMemory, "RSS, the most in %d looks; all roles in this process", samples)
	b.report.add("connections to the database that are busy meanwhile, most", float64(busy), "", slotsConnections, "%d open, those of this bench among them", all)
	return nil
}
