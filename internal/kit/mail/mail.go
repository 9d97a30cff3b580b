// Package mail owns sending one message to one person: through an SMTP server, set up as Mastodon is, or into a folder.
package mail

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	netmail "net/mail"
	"regexp"
	"strings"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"github.com/gomph/gomph/internal/kit/errs"
)

const (
	// maxSubject bounds a subject in bytes; clients show far less.
	maxSubject = 1 << 10
	// maxBody bounds each of the two bodies in bytes.
	maxBody = 1 << 20
	// maxHeaders and maxHeader bound the number of further headers, and each one's value in bytes.
	maxHeaders = 20
	maxHeader  = 4 << 10
	// maxAddress is the longest address of RFC 5321 (254), with room for a name.
	maxAddress = 512
)

// Sender sends. Implementations: SMTP, Folder; Open chooses.
type Sender interface {
	// Send hands a message over. Ask IsPermanent of a failure whether trying again can help.
	Send(ctx context.Context, m Message) error
}

// Message is one mail. It needs a recipient, a subject and at least one of the bodies.
type Message struct {
	To      string // "ann@example.org" or "Ann <ann@example.org>"
	Subject string
	Text    string
	HTML    string
	Headers map[string]string // others, such as List-Unsubscribe
}

// Error is why a message was not sent.
type Error struct {
	// Permanent says that the same message will fail again: the server refused this sender, recipient or content for good.
	Permanent bool
	// Code is the server's reply code, or zero when it gave none.
	Code  int
	cause error
}

// mailbox finds addresses in what servers and libraries say.
var mailbox = regexp.MustCompile(`[^\s<>"',;:()]+@[^\s<>"',;:()]+`)

// Error implements error. It says nothing of whom the mail is for: errors are logged and kept with jobs (OPS-03).
func (e *Error) Error() string {
	return "sending mail: " + mailbox.ReplaceAllString(e.cause.Error(), "[address]")
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// IsPermanent reports whether a failure will happen again with the same message: refused for good, or no proper message at all.
func IsPermanent(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Permanent
	}
	return errs.KindOf(err) == errs.InvalidKind
}

// reserved headers are set by this package alone.
var reserved = map[string]bool{
	"from": true, "to": true, "cc": true, "bcc": true, "subject": true, "date": true, "message-id": true, "sender": true, "reply-to": true,
	"return-path": true, "mime-version": true, "auto-submitted": true, "user-agent": true, "x-mailer": true,
}

// check refuses what would break out of its header, and what is not a message.
func (m *Message) check() error {
	switch {
	case m.Text == "" && m.HTML == "":
		return errs.Invalid("The mail has no content")
	case len(m.Text) > maxBody || len(m.HTML) > maxBody:
		return errs.Invalid("The mail is too long")
	case m.Subject == "" || len(m.Subject) > maxSubject || broken(m.Subject):
		return errs.Invalid("The mail's subject is empty, too long or has control characters")
	case len(m.Headers) > maxHeaders:
		return errs.Invalid("The mail has too many headers")
	}
	for name, value := range m.Headers {
		lower := strings.ToLower(name)
		if !isToken(name) || reserved[lower] || strings.HasPrefix(lower, "content-") {
			return errs.Invalid("The mail may not have a header of this name")
		}
		if len(value) > maxHeader || broken(value) {
			return errs.Invalid("A header of the mail is too long or has control characters")
		}
	}
	return nil
}

// broken reports whether a text cannot stand in a header.
func broken(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == '\u2028' || r == '\u2029'
	})
}

func isToken(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// address reads one address; lists, groups and line breaks are none.
func address(s string) (*netmail.Address, error) {
	if len(s) > maxAddress || broken(s) || strings.HasSuffix(strings.TrimSpace(s), ";") { // a group ends so
		return nil, errs.Invalid("The mail address is too long or has control characters")
	}
	a, err := netmail.ParseAddress(s)
	if err != nil || !strings.Contains(a.Address, "@") || strings.ContainsAny(a.Address, " \t<>\"(),:;") {
		return nil, errs.Invalid("The mail address cannot be read")
	}
	return a, nil
}

// envelope is what all messages of a sender have in common.
type envelope struct {
	from, replyTo, returnPath *netmail.Address
	domain                    string
}

func newEnvelope(c *Config) (e envelope, err error) {
	for _, f := range []struct {
		name, value string
		to          **netmail.Address
	}{{"SMTP_FROM_ADDRESS", c.From, &e.from}, {"SMTP_REPLY_TO", c.ReplyTo, &e.replyTo}, {"SMTP_RETURN_PATH", c.ReturnPath, &e.returnPath}} {
		if f.value == "" {
			continue
		}
		if *f.to, err = address(f.value); err != nil {
			return e, fmt.Errorf("reading %s: %w", f.name, err)
		}
	}
	if e.domain = c.LocalDomain; e.domain == "" {
		e.domain = "localhost"
	}
	if e.from == nil {
		e.from = &netmail.Address{Address: "notifications@" + e.domain}
	}
	return e, nil
}

// compose makes the message that travels.
func (e *envelope) compose(m Message) (*gomail.Msg, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	to, err := address(m.To)
	if err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(e.from)
	msg.ToMailAddress(to)
	if e.replyTo != nil {
		msg.ReplyToMailAddress(e.replyTo)
	}
	if e.returnPath != nil {
		msg.EnvelopeFromMailAddress(e.returnPath)
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	msg.SetMessageIDWithValue(strings.ToLower(rand.Text()) + "@" + e.domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	for name, value := range m.Headers {
		msg.SetGenHeader(gomail.Header(name), value)
	}
	switch {
	case m.Text == "":
		msg.SetBodyString(gomail.TypeTextHTML, m.HTML)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
		if m.HTML != "" {
			msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
		}
	}
	return msg, nil
}
