package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// SMTP sends through a server, one connection a message.
type SMTP struct {
	config   Config
	envelope envelope
	tls      *tls.Config
	options  []gomail.Option
	dialTo   string // replaces the server's address in tests
}

// Send implements Sender.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg, err := s.envelope.compose(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	// The library leaves the connection open when the greeting fails, and a running dialogue does not end with its context. So the
	// connection is made, and ended, here.
	conn, err := s.dial(ctx)
	if err != nil {
		return &Error{cause: fmt.Errorf("connecting to %s: %w", s.config.Server, err)}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)); _ = conn.Close() })()

	hand := func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	client, err := gomail.NewClient(s.config.Server, append(slices.Clip(s.options), gomail.WithDialContextFunc(hand))...)
	if err != nil {
		return &Error{cause: err}
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil && !msg.IsDelivered() { // trouble after the acceptance is none
		return classify(err)
	}
	return nil
}

func (s *SMTP) dial(ctx context.Context) (net.Conn, error) {
	addr := net.JoinHostPort(s.config.Server, strconv.Itoa(s.config.Port))
	if s.dialTo != "" {
		addr = s.dialTo
	}
	if s.config.TLS {
		d := tls.Dialer{Config: s.tls}
		return d.DialContext(ctx, "tcp", addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// classify tells refusals of the message from everything else. A refused login is not permanent: the operator will set it right,
// and the message with it.
func classify(err error) error {
	e := &Error{cause: err}
	var se *gomail.SendError
	if errors.As(err, &se) {
		e.Code = se.ErrorCode()
		switch se.Reason {
		case gomail.ErrSMTPMailFrom, gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
			e.Permanent = e.Code >= 500 && e.Code <= 599
		}
	}
	return e
}
