package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gomph/gomph/internal/kit/ap/httpsig"
	"github.com/gomph/gomph/internal/kit/db"
)

// limits are what this machine can do at most, measured in the same run: what no server in Go can be faster than.
type limits struct {
	hello  cost
	sign   time.Duration
	verify time.Duration
	commit time.Duration
}

// helloRatio says how a request compares with the plainest one.
func (l limits) helloRatio(c cost) string {
	if l.hello.each == 0 {
		return ""
	}
	return fmt.Sprintf("; %.1f plain requests", float64(c.each)/float64(l.hello.each))
}

// verifyRatio says how a piece of work compares with one RSA check and one commit.
func (l limits) verifyRatio(c cost) string {
	if l.verify == 0 {
		return ""
	}
	return fmt.Sprintf("; %.0f checks of a signature", float64(c.each)/float64(l.verify))
}

func (b *bench) measureLimits(ctx context.Context, address string) error {
	key, err := httpsig.GenerateKey(httpsig.DefaultBits)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(words))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return err
	}
	n := b.times(1000)
	b.limits.sign = own(n, func() { _, _ = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]) })
	b.limits.verify = own(n, func() { _ = rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature) })
	b.report.add("limit: RSA-2048 signature", ms(b.limits.sign), "ms CPU", 0, "%.0f/s a core", 1/b.limits.sign.Seconds())
	b.report.add("limit: RSA-2048 check", ms(b.limits.verify), "ms CPU", 0, "%.0f/s a core", 1/b.limits.verify.Seconds())
	if err := b.commits(ctx, address); err != nil {
		return err
	}
	return b.plain(ctx)
}

// own is the CPU time that this process takes to do something.
func own(n int, do func()) time.Duration {
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before) // cannot fail for oneself
	for range n {
		do()
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	return time.Duration(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano()) / time.Duration(n)
}

// commits measures transactions of one small row, durable, through the same code that the server uses.
func (b *bench) commits(ctx context.Context, address string) error {
	if address == "" {
		address = filepath.Join(b.dir, "limits.sqlite3")
	}
	d, err := db.Open(ctx, db.Options{URL: address, Pool: 4})
	if err != nil {
		return err
	}
	defer d.Close()
	write := func(sql string, args ...any) error {
		return d.Write(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, sql, args...); return err })
	}
	if err := write("CREATE TABLE limits (id BIGINT PRIMARY KEY, text TEXT NOT NULL)"); err != nil {
		return err
	}
	n, began, failed := b.times(2000), time.Now(), error(nil)
	i := 0
	b.limits.commit = own(n, func() {
		if failed == nil {
			failed = write("INSERT INTO limits (id, text) VALUES ($1, $2)", i, words)
			i++
		}
	})
	if failed != nil {
		return failed
	}
	b.report.add("limit: transaction that inserts one row", ms(b.limits.commit), "ms CPU", 0, "%.0f/s one after another, durable", float64(n)/time.Since(began).Seconds())
	return write("DROP TABLE limits")
}

// plain measures the least that an HTTP server can do, in a process of its own.
func (b *bench) plain(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	s := &server{url: fmt.Sprintf("http://127.0.0.1:%d", port), cmd: exec.Command(self, "hello", fmt.Sprintf("127.0.0.1:%d", port))} //nolint:gosec // ourselves
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("starting the plain server: %w", err)
	}
	defer func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() }()
	if err := s.until(ctx, "/"); err != nil {
		return err
	}
	if b.limits.hello, err = s.get(ctx, b.times(20000), 4, "/", ""); err != nil {
		return err
	}
	b.report.add("limit: plain net/http request of 5 bytes", b.limits.hello.ms(), "ms CPU", 0, "%s", b.limits.hello)
	return nil
}

// hello is the plain server.
func hello(address string) error {
	srv := &http.Server{Addr: address, ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })}
	return srv.ListenAndServe()
}
