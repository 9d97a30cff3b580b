package mailer_test

import (
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/door/mailer"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/mail"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// OPS-04: names and titles that would be headers, or nothing but header, come as part of a subject of bounded length, and the mail arrives.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	const ending = "\r\nBcc: eve@example.org\r\n\r\n<h1>hello</h1>"
	for name, hostile := range map[string]string{
		"a line break": "My place" + ending, "a line feed": "a\nBcc: eve@example.org", "a separator": "a\u2028Bcc: eve@example.org\u0085x", "a NUL": "a\x00b\x1b[2Jc", "bad bytes": "a\xff\xfeb",
		"an encoded line break": "=?utf-8?q?=0D=0ABcc:_eve@example.org?=", "ten kilobytes": strings.Repeat("long ", 2000), "ten kilobytes of one word": strings.Repeat("ü", 5000),
		"a letter with many marks": "a" + strings.Repeat("\u0301", 5000), "signs of a format": "%s%d%!%n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newSubscribed(t, dbtest.SQLite(t))
			w.opened()
			folder := filepath.Join(t.TempDir(), "mails")
			sender, err := mail.Open(mail.Config{Folder: folder, LocalDomain: "local.example"})
			if err != nil {
				t.Fatal(err)
			}
			w.ask("bob@example.org")
			id, err := db.Value[int64](t.Context(), w.DB, "SELECT id FROM email_subscriptions")
			if err != nil {
				t.Fatal(err)
			}
			u, err := w.access.SignUp(t.Context(), access.NewUser{Username: "carl", Email: "carl@mail.example", Password: password, Agreement: true, Reason: "x"})
			if err != nil {
				t.Fatal(err)
			}
			// Past the checks of what people may call themselves and their server: the mailer does not rely on them.
			w.past("UPDATE accounts SET display_name = $1 WHERE id = $2", hostile, w.ann.ID)
			w.past("INSERT INTO settings (name, value, updated_at) VALUES ('site_title', $1, 1) ON CONFLICT (name) DO UPDATE SET value = excluded.value", hostile)
			fresh := settings.New(settings.Deps{DB: w.DB, IDs: w.IDs, Clock: w.Clock, Site: w.Site, DefaultRegistrations: "approved", Jobs: w.Jobs})
			m := mailer.New(mailer.Deps{DB: w.DB, Site: w.Site, Settings: fresh, Accounts: w.Accounts, Access: w.access, Statuses: w.Statuses, Subscriptions: w.s, Sender: sender})
			if err := m.PasswordChanged(t.Context(), access.PasswordChanged{UserID: u.ID}); err != nil {
				t.Errorf("to the person: %v", err)
			}
			if err := m.AskSubscriber(t.Context(), subscriptions.Asked{SubscriptionID: subscriptions.ID(id)}); err != nil {
				t.Errorf("to a subscriber: %v", err)
			}
			files, err := os.ReadDir(folder)
			if err != nil || len(files) != 2 {
				t.Fatalf("%d mails: %v", len(files), err)
			}
			for _, f := range files {
				checkHead(t, filepath.Join(folder, f.Name()))
			}
		})
	}
}

func checkHead(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	m, err := netmail.ReadMessage(f)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range m.Header {
		switch name {
		case "From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type", "Content-Transfer-Encoding", "Auto-Submitted", "X-Auto-Response-Suppress",
			"List-Unsubscribe", "List-Unsubscribe-Post", "Precedence":
		default:
			t.Errorf("there is a header %s: %q", name, values)
		}
		if len(values) != 1 || len(values[0]) > 3000 {
			t.Errorf("the header %s comes %d times, the first with %d bytes", name, len(values), len(values[0]))
		}
	}
	if got := m.Header.Get("Auto-Submitted"); got != "auto-generated" {
		t.Errorf("programs that answer are told %q", got)
	}
	if to := m.Header.Get("To"); strings.Contains(to, "eve") {
		t.Errorf("it goes to %s", to)
	}
}

// past writes what no verb would.
func (w *world) past(statement string, args ...any) {
	w.T.Helper()
	err := w.DB.Write(w.T.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(w.T.Context(), statement, args...)
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
}
