// Package mailtest owns an SMTP server for tests: in process, on a free port, keeping what it gets.
package mailtest

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Options say how the server behaves. The zero value takes everything, unencrypted and unauthenticated.
type Options struct {
	StartTLS bool              // offers STARTTLS
	TLS      bool              // speaks TLS from the start
	Login    string            // the only login taken; offers PLAIN and LOGIN
	Password string            // and its password
	Replies  map[string]string // by command (EHLO, AUTH, MAIL, RCPT, DATA, and END for the end of the data): what to answer instead
	Mute     bool              // accepts connections and says nothing
}

// Mail is what arrived.
type Mail struct {
	HELO, From string
	To         []string
	Data       string
	TLS        bool
	Login      string
}

// Server is a running sink.
type Server struct {
	Host   string
	Port   int
	CAFile string // the authority of its certificate, for 127.0.0.1 and example.com

	o    Options
	cert tls.Certificate
	mu   sync.Mutex
	got  []Mail
}

// Start runs a server until the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{o: o}
	web := httptest.NewTLSServer(nil) // lends its certificate
	s.cert = web.TLS.Certificates[0]
	s.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	web.Close()
	if err := os.WriteFile(s.CAFile, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	s.Host, s.Port = addr.IP.String(), addr.Port
	if o.TLS {
		l = tls.NewListener(l, s.tls())
	}
	var running sync.WaitGroup
	var open sync.Map
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(conn, nil)
			running.Go(func() {
				defer conn.Close()
				s.talk(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(c, _ any) bool { return c.(net.Conn).Close() == nil || true })
		running.Wait()
	})
	return s
}

// Addr is "host:port".
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, fmt.Sprint(s.Port)) }

// Mails gives what has arrived so far.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.got...)
}

func (s *Server) tls() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{s.cert}} }

// dialogue is one connection's state.
type dialogue struct {
	*bufio.Reader
	conn net.Conn
	mail Mail
}

func (d *dialogue) say(line string) { fmt.Fprintf(d.conn, "%s\r\n", line) }

func (d *dialogue) hear() (string, bool) {
	line, err := d.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err == nil
}

func (s *Server) talk(conn net.Conn) {
	d := &dialogue{bufio.NewReader(conn), conn, Mail{TLS: s.o.TLS}}
	if s.o.Mute {
		_, _ = d.ReadByte()
		return
	}
	d.say("220 sink")
	for {
		line, ok := d.hear()
		if !ok {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		if reply := s.o.Replies[verb]; reply != "" {
			d.say(reply)
			continue
		}
		if !s.answer(d, verb, rest) {
			return
		}
	}
}

// answer handles one command and reports whether to go on.
func (s *Server) answer(d *dialogue, verb, rest string) bool {
	switch verb {
	case "EHLO", "HELO":
		d.mail.HELO = rest
		s.greet(d)
	case "STARTTLS":
		d.say("220 go")
		conn := tls.Server(d.conn, s.tls())
		if conn.Handshake() != nil {
			return false
		}
		d.conn, d.Reader, d.mail.TLS = conn, bufio.NewReader(conn), true
	case "AUTH":
		return s.login(d, rest)
	case "MAIL":
		if s.o.Login != "" && d.mail.Login == "" {
			d.say("530 5.7.0 log in first")
			break
		}
		d.mail.From = path(rest)
		d.say("250 ok")
	case "RCPT":
		d.mail.To = append(d.mail.To, path(rest))
		d.say("250 ok")
	case "DATA":
		return s.data(d)
	case "QUIT":
		d.say("221 bye")
		return false
	default: // NOOP, RSET
		d.say("250 ok")
	}
	return true
}

func (s *Server) greet(d *dialogue) {
	d.say("250-sink")
	if s.o.StartTLS && !d.mail.TLS {
		d.say("250-STARTTLS")
	}
	if s.o.Login != "" {
		d.say("250-AUTH PLAIN LOGIN")
	}
	d.say("250 8BITMIME")
}

func (s *Server) login(d *dialogue, rest string) bool {
	var login, password string
	ask := func(prompt string) string {
		d.say("334 " + base64.StdEncoding.EncodeToString([]byte(prompt)))
		line, _ := d.hear()
		text, _ := base64.StdEncoding.DecodeString(line)
		return string(text)
	}
	switch method, initial, _ := strings.Cut(rest, " "); method {
	case "PLAIN":
		text, _ := base64.StdEncoding.DecodeString(initial)
		if parts := strings.Split(string(text), "\x00"); len(parts) == 3 {
			login, password = parts[1], parts[2]
		}
	case "LOGIN":
		login, password = ask("Username:"), ask("Password:")
	}
	if login != s.o.Login || password != s.o.Password {
		d.say("535 5.7.8 wrong")
		return true
	}
	d.mail.Login = login
	d.say("235 ok")
	return true
}

func (s *Server) data(d *dialogue) bool {
	d.say("354 go")
	var b strings.Builder
	for {
		line, ok := d.hear()
		if !ok {
			return false
		}
		if line == "." {
			break
		}
		b.WriteString(strings.TrimPrefix(line, ".") + "\r\n")
	}
	if reply := s.o.Replies["END"]; reply != "" {
		d.say(reply)
		return true
	}
	d.mail.Data = b.String()
	s.mu.Lock()
	s.got = append(s.got, d.mail)
	s.mu.Unlock()
	d.say("250 ok")
	return true
}

// path takes the address out of FROM:<a@b> BODY=8BITMIME.
func path(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}
