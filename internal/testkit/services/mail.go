package services

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailboxSize is how many unread messages a mailbox keeps; more would mean that the test forgot to read them.
const mailboxSize = 1000

// Mailbox is a mail server that accepts everything and delivers nothing.
type Mailbox struct {
	// Address is where it listens: host and port, plain SMTP without encryption; any user name and password are accepted.
	Address string
	// Messages hands out what was received, in order.
	Messages <-chan Message
}

// Message is one received mail.
type Message struct {
	// From and To are the envelope's addresses.
	From string
	To   []string
	// Raw is the message as it was sent, with its headers.
	Raw []byte
}

// Parse reads the message's headers and opens its body.
func (m Message) Parse() (*mail.Message, error) {
	return mail.ReadMessage(bytes.NewReader(m.Raw))
}

// Mail starts a mailbox that is closed after the test.
func Mail(t testing.TB) *Mailbox {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("starting a mailbox: %v", err)
	}
	server := &mailServer{listener: listener, messages: make(chan Message, mailboxSize), open: map[net.Conn]bool{}}
	server.running.Go(server.accept)
	t.Cleanup(server.close)
	return &Mailbox{Address: listener.Addr().String(), Messages: server.messages}
}

// Next returns the next message, and fails the test when none comes.
func (m *Mailbox) Next(t testing.TB) Message {
	t.Helper()
	select {
	case message := <-m.Messages:
		return message
	case <-time.After(startLimit):
		t.Fatal("no mail came")
	case <-t.Context().Done():
		t.Fatal("no mail came before the test ended")
	}
	return Message{}
}

// mailServer speaks as much SMTP as mail libraries need.
type mailServer struct {
	listener net.Listener
	messages chan Message
	running  sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool // nil when closed
}

func (s *mailServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		if !s.keep(conn) {
			return
		}
		s.running.Go(func() {
			defer s.drop(conn)
			_ = s.talk(conn) // whoever hangs up early has not sent a message
		})
	}
}

func (s *mailServer) keep(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		_ = conn.Close()
		return false
	}
	s.open[conn] = true
	return true
}

func (s *mailServer) drop(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
	_ = conn.Close()
}

func (s *mailServer) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.open = nil
	s.mu.Unlock()
	s.running.Wait()
}

// talk leads one conversation until the client quits.
func (s *mailServer) talk(conn net.Conn) error {
	reader := textproto.NewReader(bufio.NewReader(conn))
	say := func(lines ...string) error {
		_, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n")
		return err
	}
	err := say("220 127.0.0.1 ready")
	var message Message
	for err == nil {
		var line string
		if line, err = reader.ReadLine(); err != nil {
			return err
		}
		verb, argument, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			err = say("250-127.0.0.1", "250-8BITMIME", "250-SMTPUTF8", "250 AUTH PLAIN")
		case "HELO", "NOOP":
			err = say("250 fine")
		case "RSET":
			message = Message{}
			err = say("250 forgotten")
		case "AUTH":
			err = s.authenticate(reader, argument, say)
		case "MAIL":
			message = Message{From: envelope(argument)}
			err = say("250 sender noted")
		case "RCPT":
			message.To = append(message.To, envelope(argument))
			err = say("250 recipient noted")
		case "DATA":
			err = s.receive(reader, &message, say)
		case "QUIT":
			return say("221 bye")
		default:
			err = say("502 unknown command")
		}
	}
	return err
}

// authenticate believes everyone.
func (s *mailServer) authenticate(reader *textproto.Reader, argument string, say func(...string) error) error {
	if strings.Contains(argument, " ") { // the password came along
		return say("235 believed")
	}
	if err := say("334 "); err != nil {
		return err
	}
	if _, err := reader.ReadLine(); err != nil {
		return err
	}
	return say("235 believed")
}

func (s *mailServer) receive(reader *textproto.Reader, message *Message, say func(...string) error) error {
	if message.From == "" || len(message.To) == 0 {
		return say("503 sender and recipient first")
	}
	if err := say("354 go on"); err != nil {
		return err
	}
	var err error
	if message.Raw, err = reader.ReadDotBytes(); err != nil {
		return fmt.Errorf("reading a message: %w", err)
	}
	select {
	case s.messages <- *message:
	default:
		return errors.Join(errors.New("the mailbox is full"), say("452 full"))
	}
	*message = Message{}
	return say("250 received")
}

// envelope takes the address out of "FROM:<a@b.example> SIZE=1".
func envelope(argument string) string {
	_, rest, _ := strings.Cut(argument, "<")
	address, _, _ := strings.Cut(rest, ">")
	return address
}
