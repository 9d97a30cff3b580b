package db_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// wire stands between a client and PostgreSQL, and counts how often the client waits for the server.
type wire struct {
	trips atomic.Int64
	// cut, when set, is a text after whose message the server's answer does not come: the connection ends in its place.
	cut atomic.Pointer[string]
}

// wired is a migrated database behind a wire.
func wired(t *testing.T) (*db.DB, *wire) {
	t.Helper()
	w := &wire{}
	u, err := url.Parse(dbtest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	server := u.Host
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { w.carry(c, server) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	u.Host = l.Addr().String()
	return dbtest.Open(t, u.String()), w
}

func (w *wire) carry(client net.Conn, address string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	var lost atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() { _ = server.Close() }()
	wg.Go(func() {
		defer func() { _ = client.Close() }()
		part := make([]byte, 32<<10)
		for {
			n, err := server.Read(part)
			if err != nil || lost.Load() {
				return
			}
			if _, err := client.Write(part[:n]); err != nil {
				return
			}
		}
	})
	head := make([]byte, 4) // the greeting has no type
	for {
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if text := w.cut.Load(); text != nil && strings.Contains(string(body), *text) {
			lost.Store(true)
		}
		if len(head) == 5 && (head[0] == 'S' || head[0] == 'Q') {
			w.trips.Add(1)
		}
		if _, err := server.Write(append(head, body...)); err != nil {
			return
		}
		head = make([]byte, 5)
	}
}
