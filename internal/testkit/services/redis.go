package services

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Redis starts a Redis server of the test's own, which keeps nothing on disk and is stopped after the test, and returns its address. A server each
// costs some milliseconds and lets every test use any key, flush, and count.
func Redis(t testing.TB) string {
	t.Helper()
	program := need(t, "redis-server")
	var failure error
	for range startTries {
		var address string
		if address, failure = startRedis(t, program); failure == nil {
			return address
		}
	}
	t.Fatal(failure)
	return ""
}

// RedisTLS is Redis as an admin has it on another host: over TLS only, whose certificate an authority of its own signed, and with a user who
// may do no more than what a server needs (requirement E19).
func RedisTLS(t testing.TB) string {
	t.Helper()
	program := need(t, "redis-server")
	dir := t.TempDir()
	authority := NewAuthority(t, dir, "ca")
	authority.Issue(t, "server", "127.0.0.1")
	file := func(name string) string { return filepath.Join(dir, name+".pem") }
	var failure error
	for range startTries {
		tlsPort, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		_, failure = startRedis(t, program, "--tls-port", strconv.Itoa(tlsPort), "--tls-cert-file", file("server"), "--tls-key-file", file("server.key"),
			"--tls-ca-cert-file", file("ca"), "--tls-auth-clients", "no",
			"--user", "gomph", "on", ">a word", "~gomph:*", "&gomph:*", "+@all", "-@admin", "-@dangerous", "+info")
		if failure == nil {
			query := url.Values{"ca": {file("ca")}}
			return fmt.Sprintf("rediss://gomph:a%%20word@127.0.0.1:%d/0?%s", tlsPort, query.Encode())
		}
	}
	t.Fatal(failure)
	return ""
}

func startRedis(t testing.TB, program string, more ...string) (string, error) {
	t.Helper()
	port, err := freePort()
	if err != nil {
		return "", err
	}
	dir := t.TempDir()
	args := []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", dir}
	running, err := startProcess(dir, nil, program, append(args, more...)...)
	if err != nil {
		return "", err
	}
	host := "127.0.0.1:" + strconv.Itoa(port)
	if err := waitUntil(running.cmd.Process.Pid, func(ctx context.Context) error { return pingRedis(ctx, host) }); err != nil {
		running.stop(syscall.SIGKILL)
		return "", fmt.Errorf("waiting for redis: %w: %s", err, tail(filepath.Join(dir, "log")))
	}
	t.Cleanup(func() { running.stop(syscall.SIGTERM) })
	return "redis://" + host + "/0", nil
}

// pingRedis asks by the plain protocol, so that this package needs no client.
func pingRedis(ctx context.Context, host string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if strings.TrimSpace(answer) != "+PONG" {
		return fmt.Errorf("unexpected answer %q", answer)
	}
	return nil
}
