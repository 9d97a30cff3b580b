package services

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Nginx starts nginx with a folder and a port of the test's own, as the user who runs the test. Config writes what stands in its http context,
// for the address it listens at and a folder that it may use; nginx -t has to accept it. It returns the address, host:port.
func Nginx(t testing.TB, config func(address, folder string) string) string {
	t.Helper()
	program := need(t, "nginx")
	var failure error
	for range startTries {
		var address string
		if address, failure = startNginx(t, program, config); failure == nil {
			return address
		}
	}
	t.Fatal(failure)
	return ""
}

func startNginx(t testing.TB, program string, config func(address, folder string) string) (string, error) {
	t.Helper()
	port, err := freePort()
	if err != nil {
		return "", err
	}
	dir, address := t.TempDir(), "127.0.0.1:"+strconv.Itoa(port)
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // its workers read the test's folders
	}
	text := user + "daemon off;\nmaster_process on;\nworker_processes 2;\npid nginx.pid;\nerror_log stderr warn;\nevents { worker_connections 1024; }\nhttp {\n" +
		"access_log off;\nclient_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n" +
		config(address, dir) + "}\n"
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("configuring nginx: %w", err)
	}
	args := []string{"-p", dir, "-e", "stderr", "-c", file}
	if said, err := exec.Command(program, append(args, "-t")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("nginx refuses its configuration: %w: %s", err, said)
	}
	running, err := startProcess(dir, nil, program, args...)
	if err != nil {
		return "", err
	}
	err = waitUntil(running.cmd.Process.Pid, func(ctx context.Context) error {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err
	})
	if err != nil {
		running.stop(syscall.SIGTERM)
		return "", fmt.Errorf("waiting for nginx: %w: %s", err, tail(filepath.Join(dir, "log")))
	}
	t.Cleanup(func() { running.stop(syscall.SIGTERM) })
	return address, nil
}
