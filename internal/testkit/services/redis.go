package services

import (
	"bufio"
	"context"
	"fmt"
	"net"
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

func startRedis(t testing.TB, program string) (string, error) {
	t.Helper()
	port, err := freePort()
	if err != nil {
		return "", err
	}
	dir := t.TempDir()
	running, err := startProcess(dir, nil, program, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", dir)
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
