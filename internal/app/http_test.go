package app

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/gomph/gomph/internal/testkit/services"
)

// listening answers over TLS, and HTTP/2, on an address that it gives, with a handler that is busy until the test ends.
func listening(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	services.NewAuthority(t, dir, "ca").Issue(t, "server", "127.0.0.1")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().(*net.TCPAddr)
	_ = ln.Close()
	a := open(t)
	a.Config.Bind, a.Config.Port = "127.0.0.1", address.Port
	a.Config.TLSCert, a.Config.TLSKey = filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key.pem")
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- a.serve(ctx, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }), nil)
	}()
	t.Cleanup(func() { close(over); stop(); <-ended })
	return address.String()
}

// http2To opens a connection and greets.
func http2To(t *testing.T, address string) (*tls.Conn, *http2.Framer) {
	t.Helper()
	var conn *tls.Conn
	for {
		var err error
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}} //nolint:gosec // the test's own server
		c, err := dialer.DialContext(t.Context(), "tcp", address)
		if err == nil {
			conn = c.(*tls.Conn)
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(conn, conn)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return conn, f
}

// TestHTTP2Floods: streams that are opened only to be reset, heads without an end, and settings without an end close the connection, and no
// other (INB-06).
func TestHTTP2Floods(t *testing.T) {
	t.Parallel()
	address := listening(t)
	// The head of GET / by the static table, and :authority us.
	head := []byte{0x82, 0x84, 0x87, 0x41, 0x02, 'u', 's'}
	for name, flood := range map[string]func(f *http2.Framer) error{
		"resets": func(f *http2.Framer) error {
			for id := uint32(1); id < 200_000; id += 2 {
				if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: head, EndHeaders: true, EndStream: true}); err != nil {
					return err
				}
				if err := f.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
					return err
				}
			}
			return nil
		},
		"a head without an end": func(f *http2.Framer) error {
			if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head}); err != nil {
				return err
			}
			more := append([]byte{0x00, 0x01, 'x', 0x7f, 0x81, 0x7e}, make([]byte, 16_000)...)
			for range 100_000 {
				if err := f.WriteContinuation(1, false, more); err != nil {
					return err
				}
			}
			return nil
		},
		"pings": func(f *http2.Framer) error {
			for range 1_000_000 {
				if err := f.WritePing(false, [8]byte{}); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn, f := http2To(t, address)
			_ = conn.SetDeadline(time.Now().Add(time.Minute)) // bounds a failure
			ended := make(chan error, 1)
			if name != "pings" { // whose answers must not be read, so that they pile up
				go func() {
					_, err := io.Copy(io.Discard, conn)
					ended <- errors.Join(err, io.EOF)
				}()
			}
			err := flood(f)
			if err == nil && name != "pings" {
				err = <-ended // all of it was written before the server had read enough
			}
			var late net.Error
			if err == nil || errors.As(err, &late) && late.Timeout() {
				t.Errorf("the connection stays open: %v", err)
			}
		})
	}
	_, f := http2To(t, address)
	if _, err := f.ReadFrame(); err != nil {
		t.Errorf("the next connection is refused: %v", err)
	}
}

// TestWhatFollowsAnAmbiguousBodyIsNotRead: a length beside chunks ends the connection, so that what is hidden behind is never a request (INB-08).
func TestWhatFollowsAnAmbiguousBodyIsNotRead(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	srv := httptest.NewServer(framed(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path })))
	defer srv.Close()
	const hidden = "GET /hidden HTTP/1.1\r\nHost: us\r\nConnection: close\r\n\r\n"
	for text, want := range map[string]int{
		"POST /seen HTTP/1.1\r\nHost: us\r\nContent-Length: 90\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden: 1,
		"POST /seen HTTP/1.1\r\nHost: us\r\nContent-Length: 0\r\n\r\n" + hidden:                                         2,
	} {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		answers, _ := io.ReadAll(conn)
		if n := strings.Count(string(answers), "HTTP/1.1 "); n != want || len(asked) != want {
			t.Errorf("%d answers to %d requests, want %d", n, len(asked), want)
		}
		for len(asked) > 0 {
			<-asked
		}
		_ = conn.Close()
	}
}
