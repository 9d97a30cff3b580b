package mail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/mail"
	"github.com/gomph/gomph/internal/kit/mail/mailtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var hello = mail.Message{To: "Bob <bob@example.org>", Subject: "Grüße", Text: "Hello\r\n.\r\nbye", HTML: "<p>Hello</p>",
	Headers: map[string]string{"List-Unsubscribe": "<https://example.org/u?t=1>"}}

func config(s *mailtest.Server) mail.Config {
	return mail.Config{Server: s.Host, Port: s.Port, From: "Gomph <no-reply@example.org>", LocalDomain: "example.org", CAFile: s.CAFile}
}

func open(t *testing.T, c mail.Config) mail.Sender {
	t.Helper()
	s, err := mail.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// OPS-04: programs that answer mails by themselves are told not to.
func TestWhatArrives(t *testing.T) {
	t.Parallel()
	sink := mailtest.Start(t, mailtest.Options{})
	c := config(sink)
	c.ReplyTo, c.ReturnPath = "help@example.org", "bounces@example.org"
	if err := open(t, c).Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	got := sink.Mails()
	if len(got) != 1 {
		t.Fatalf("%d mails", len(got))
	}
	if m := got[0]; m.From != "bounces@example.org" || len(m.To) != 1 || m.To[0] != "bob@example.org" || m.HELO != "example.org" || m.TLS {
		t.Errorf("envelope: %+v", m)
	}
	checkContent(t, got[0].Data)
}

func checkContent(t *testing.T, data string) {
	t.Helper()
	msg, err := netmail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"From": `^"Gomph" <no-reply@example\.org>$`, "To": `^"Bob" <bob@example\.org>$`, "Auto-Submitted": "^auto-generated$",
		"Message-Id": `^<[a-z0-9]{26}@example\.org>$`, "List-Unsubscribe": `^<https://example\.org/u\?t=1>$`, "User-Agent": "^$", "Date": "....",
	} {
		if got := msg.Header.Get(name); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: %q, want %s", name, got, want)
		}
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if subject != "Grüße" {
		t.Errorf("subject %q", subject)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %s, %v", kind, err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for _, want := range []string{"Hello\r\n.\r\nbye", "<p>Hello</p>"} {
		p, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(p); strings.TrimSpace(string(body)) != want {
			t.Errorf("part %q, want %q", body, want)
		}
	}
}

func TestHowItConnects(t *testing.T) {
	t.Parallel()
	type edit = func(*mail.Config)
	login := func(c *mail.Config) { c.Login, c.Password = "ann", "word" }
	for name, tc := range map[string]struct {
		sink mailtest.Options
		edit []edit
		tls  bool
		who  string
		fail string
	}{
		"starttls by itself":         {sink: mailtest.Options{StartTLS: true}, tls: true},
		"starttls turned off":        {sink: mailtest.Options{StartTLS: true}, edit: []edit{func(c *mail.Config) { c.StartTLS = "never" }}},
		"starttls auto turned off":   {sink: mailtest.Options{StartTLS: true}, edit: []edit{func(c *mail.Config) { c.StartTLSAuto = "false" }}},
		"starttls asked for":         {sink: mailtest.Options{StartTLS: true}, edit: []edit{func(c *mail.Config) { c.StartTLS = "always" }}, tls: true},
		"starttls not to be had":     {edit: []edit{func(c *mail.Config) { c.StartTLS = "always" }}, fail: "STARTTLS"},
		"tls from the start":         {sink: mailtest.Options{TLS: true}, edit: []edit{func(c *mail.Config) { c.TLS = true }}, tls: true},
		"unknown authority":          {sink: mailtest.Options{StartTLS: true}, edit: []edit{func(c *mail.Config) { c.CAFile = "" }}, fail: "unknown authority"},
		"unknown authority, tls":     {sink: mailtest.Options{TLS: true}, edit: []edit{func(c *mail.Config) { c.TLS, c.CAFile = true, "" }}, fail: "unknown authority"},
		"verification off":           {sink: mailtest.Options{StartTLS: true}, edit: []edit{func(c *mail.Config) { c.CAFile, c.VerifyMode = "", "none" }}, tls: true},
		"plain login":                {sink: mailtest.Options{StartTLS: true, Login: "ann", Password: "word"}, edit: []edit{login}, tls: true, who: "ann"},
		"login login":                {sink: mailtest.Options{StartTLS: true, Login: "ann", Password: "word"}, edit: []edit{login, func(c *mail.Config) { c.AuthMethod = "login" }}, tls: true, who: "ann"},
		"login found out":            {sink: mailtest.Options{TLS: true, Login: "ann", Password: "word"}, edit: []edit{login, func(c *mail.Config) { c.AuthMethod, c.TLS = "auto", true }}, tls: true, who: "ann"},
		"login turned off":           {sink: mailtest.Options{}, edit: []edit{login, func(c *mail.Config) { c.AuthMethod = "none" }}},
		"wrong password":             {sink: mailtest.Options{StartTLS: true, Login: "ann", Password: "other"}, edit: []edit{login}, fail: "535"},
		"login on an open line, ask": {sink: mailtest.Options{Login: "ann", Password: "word"}, edit: []edit{login, func(c *mail.Config) { c.StartTLS = "never" }}, who: "ann"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := mailtest.Start(t, tc.sink)
			c := config(sink)
			for _, e := range tc.edit {
				e(&c)
			}
			err := open(t, c).Send(t.Context(), hello)
			if tc.fail != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fail) || mail.IsPermanent(err) {
					t.Errorf("error %v, want %s, not permanent", err, tc.fail)
				}
				if err != nil && strings.Contains(err.Error(), "word") && !strings.Contains(err.Error(), "password") {
					t.Errorf("the password is in the error: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := sink.Mails()[0]; got.TLS != tc.tls || got.Login != tc.who {
				t.Errorf("tls %v, login %q", got.TLS, got.Login)
			}
		})
	}
}

// Somebody in between who strips the offer of encryption must not get the password.
func TestThePasswordStaysHomeWithoutEncryption(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"plain", "login", "auto"} {
		sink := mailtest.Start(t, mailtest.Options{Login: "ann", Password: "word"})
		c := config(sink)
		c.Server, c.Login, c.Password, c.AuthMethod = "example.com", "ann", "word", method
		s := open(t, c)
		mail.DialTo(s, sink.Addr())
		if err := s.Send(t.Context(), hello); err == nil || len(sink.Mails()) != 0 {
			t.Errorf("%s: sent over an open line: %v", method, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		replies   map[string]string
		permanent bool
		code      int
	}{
		"unknown recipient": {map[string]string{"RCPT": "550 5.1.1 no such user"}, true, 550},
		"full mailbox":      {map[string]string{"RCPT": "452 4.2.2 full"}, false, 452},
		"greylisted":        {map[string]string{"RCPT": "450 4.7.1 later"}, false, 450},
		"sender refused":    {map[string]string{"MAIL": "553 5.7.1 not you"}, true, 553},
		"content refused":   {map[string]string{"END": "554 5.7.1 spam"}, true, 554},
		"busy":              {map[string]string{"END": "451 4.3.0 later"}, false, 451},
		"data refused":      {map[string]string{"DATA": "421 4.3.2 going down"}, false, 421},
		"greeting refused":  {map[string]string{"EHLO": "554 no", "HELO": "554 no"}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := mailtest.Start(t, mailtest.Options{Replies: tc.replies})
			err := open(t, config(sink)).Send(t.Context(), hello)
			var e *mail.Error
			if !errors.As(err, &e) || mail.IsPermanent(err) != tc.permanent || e.Code != tc.code {
				t.Errorf("%v: permanent %v, code %d", err, mail.IsPermanent(err), e.Code)
			}
		})
	}
}

// OPS-03: an error, which is logged, does not say whom a mail was for, even when the server does.
func TestErrorsNameNobody(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"MAIL", "RCPT", "DATA", "END"} {
		sink := mailtest.Start(t, mailtest.Options{Replies: map[string]string{command: "550 5.1.1 <bob@example.org>: no such user here as bob@example.org"}})
		err := open(t, config(sink)).Send(t.Context(), hello)
		if err == nil || strings.Contains(err.Error(), "bob") || !strings.Contains(err.Error(), "no such user") {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func TestTroubleAfterTheAcceptanceIsSuccess(t *testing.T) {
	t.Parallel()
	sink := mailtest.Start(t, mailtest.Options{Replies: map[string]string{"RSET": "500 what", "QUIT": "500 what"}})
	if err := open(t, config(sink)).Send(t.Context(), hello); err != nil || len(sink.Mails()) != 1 {
		t.Errorf("%v, %d mails", err, len(sink.Mails()))
	}
}

func TestAMuteServer(t *testing.T) {
	t.Parallel()
	sink := mailtest.Start(t, mailtest.Options{Mute: true})
	s := open(t, config(sink))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(ctx, hello); err == nil || mail.IsPermanent(err) {
		t.Errorf("with a cancelled context: %v", err)
	}
	c := config(sink)
	c.Timeout = 20 * time.Millisecond
	if err := open(t, c).Send(t.Context(), hello); err == nil || mail.IsPermanent(err) {
		t.Errorf("after its timeout: %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	err := open(t, mail.Config{Server: "127.0.0.1", Port: 1}).Send(t.Context(), hello)
	if err == nil || mail.IsPermanent(err) || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("got %v", err)
	}
}

// OPS-04: nothing breaks out of its header, and nothing fills it.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	sink := mailtest.Start(t, mailtest.Options{})
	s := open(t, config(sink))
	edit := func(f func(*mail.Message)) mail.Message {
		m := hello
		f(&m)
		return m
	}
	header := func(name, value string) mail.Message {
		return edit(func(m *mail.Message) { m.Headers = map[string]string{name: value} })
	}
	for name, m := range map[string]mail.Message{
		"line break in subject":  edit(func(m *mail.Message) { m.Subject = "a\r\nBcc: eve@example.org" }),
		"line feed in subject":   edit(func(m *mail.Message) { m.Subject = "a\nb" }),
		"separator in subject":   edit(func(m *mail.Message) { m.Subject = "a\u2028b" }),
		"nul in subject":         edit(func(m *mail.Message) { m.Subject = "a\x00" }),
		"bad utf-8 in subject":   edit(func(m *mail.Message) { m.Subject = "a\xff" }),
		"long subject":           edit(func(m *mail.Message) { m.Subject = strings.Repeat("a", 10_000) }),
		"no subject":             edit(func(m *mail.Message) { m.Subject = "" }),
		"line break in name":     edit(func(m *mail.Message) { m.To = "a\r\nBcc: eve@example.org <bob@example.org>" }),
		"two recipients":         edit(func(m *mail.Message) { m.To = "bob@example.org, eve@example.org" }),
		"command in address":     edit(func(m *mail.Message) { m.To = "<bob@example.org>\r\nRCPT TO:<eve@example.org>" }),
		"bracket in address":     edit(func(m *mail.Message) { m.To = `"a> RCPT TO:<eve"@example.org` }),
		"no address":             edit(func(m *mail.Message) { m.To = "" }),
		"no domain":              edit(func(m *mail.Message) { m.To = "bob" }),
		"group":                  edit(func(m *mail.Message) { m.To = "all: bob@example.org;" }),
		"long address":           edit(func(m *mail.Message) { m.To = strings.Repeat("a", 1000) + "@example.org" }),
		"no content":             edit(func(m *mail.Message) { m.Text, m.HTML = "", "" }),
		"long content":           edit(func(m *mail.Message) { m.Text = strings.Repeat("a", 2<<20) }),
		"line break in a header": header("X-A", "a\r\nBcc: eve@example.org"),
		"line break in a name":   header("X-A: b\r\nBcc", "eve@example.org"),
		"a header of ours":       header("bcc", "eve@example.org"),
		"a content header":       header("Content-Type", "text/x"),
		"empty name":             header("", "x"),
	} {
		err := s.Send(t.Context(), m)
		if errs.KindOf(err) != errs.InvalidKind || !mail.IsPermanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(sink.Mails()); n != 0 {
		t.Errorf("%d of them were sent", n)
	}
	odd := edit(func(m *mail.Message) {
		m.Subject, m.To = "=?utf-8?q?=0D=0ABcc:_eve@example.org?=", `"Bob =?utf-8?q?=0D=0A?=" <bob@example.org>`
	})
	if err := s.Send(t.Context(), odd); err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(sink.Mails()[0].Data, "\r\n\r\n")
	if strings.Contains(head, "\nBcc:") {
		t.Errorf("an encoded line break became one:\n%s", head)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mails")
	s := open(t, mail.Config{Folder: dir, LocalDomain: "example.org", From: "Gomph <no-reply@example.org>"})
	for range 2 {
		if err := s.Send(t.Context(), hello); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 || filepath.Ext(files[0]) != ".eml" {
		t.Fatalf("%v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	checkContent(t, string(data))
	for path, want := range map[string]os.FileMode{dir: 0o700, files[0]: 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
}

func TestFolderIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 1005 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("2020%04d.eml", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "0000 keep.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, mail.Config{Folder: dir}).Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1001 || entries[0].Name() != "0000 keep.txt" || entries[1].Name() != "20200006.eml" {
		t.Errorf("%d entries, first %v", len(entries), entries[:2])
	}
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]mail.Config{
		"folder":                   {},
		"SMTP_DELIVERY_METHOD":     {Method: "sendmail", Server: "h"},
		"SMTP_SERVER":              {Method: "smtp"},
		"SMTP_PORT":                {Server: "h", Port: 70000},
		"SMTP_AUTH_METHOD":         {Server: "h", Login: "ann", AuthMethod: "gssapi"},
		"SMTP_ENABLE_STARTTLS":     {Server: "h", StartTLS: "yes"},
		"SMTP_OPENSSL_VERIFY_MODE": {Server: "h", VerifyMode: "perhaps"},
		"SMTP_CA_FILE":             {Server: "h", CAFile: "/nowhere"},
		"SMTP_FROM_ADDRESS":        {Server: "h", From: "nobody"},
		"SMTP_REPLY_TO":            {Server: "h", ReplyTo: "a\r\nb@example.org"},
	} {
		if _, err := mail.Open(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error about %s, got %v", want, err)
		}
	}
}
