package db_test

import (
	"context"
	"sync"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/services"
)

// A database that restarts costs patience: connections that broke are replaced, and what was not committed is done again (C9).
func TestARestartOfTheDatabase(t *testing.T) {
	t.Parallel()
	own := services.OwnPostgres(t, "", nil)
	retries := make(chan struct{}, 1000)
	d, err := db.Open(t.Context(), db.Options{URL: own.URL(), Pool: 8, OnRetry: func() {
		select {
		case retries <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	things(t, d, 1)
	all := func() { // uses every connection at once
		t.Helper()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if n, err := db.Value[int64](bg, d, "SELECT COUNT(*) FROM things"); err != nil || n < 1 {
					t.Errorf("reading: %d, %v", n, err)
				}
				if err := d.Write(bg, func(tx *db.Tx) error {
					_, err := tx.Exec(bg, "UPDATE things SET name = name || '+' WHERE id = 1")
					return err
				}); err != nil {
					t.Errorf("writing: %v", err)
				}
			})
		}
		wg.Wait()
	}
	all()
	own.Stop()
	own.Start(t)
	all() // on connections that are broken
	own.Stop()
	started := make(chan struct{})
	go func() {
		defer close(started)
		<-retries // somebody waits
		own.Start(t)
	}()
	all()
	<-started
	if got := names(t, d); len(got) != len("n1")+3*8 {
		t.Errorf("24 writes were acknowledged: %s", got)
	}
	idle(t, d)
	gone, cancel := context.WithCancel(bg)
	cancel()
	if _, err := db.Value[int64](gone, d, "SELECT 1"); err == nil {
		t.Error("one who left was answered")
	}
}
