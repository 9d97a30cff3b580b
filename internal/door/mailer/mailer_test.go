package mailer_test

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/door/mailer"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/mail"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

const password = "correct horse battery"

// box keeps what is sent.
type box struct {
	mu   sync.Mutex
	sent []mail.Message
	fail error
}

func (b *box) Send(_ context.Context, m mail.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	b.sent = append(b.sent, m)
	return nil
}

func (b *box) last(t *testing.T, n int) mail.Message {
	t.Helper()
	if len(b.sent) != n {
		t.Fatalf("%d mails were sent, want %d", len(b.sent), n)
	}
	return b.sent[n-1]
}

type world struct {
	*make.World
	access   *access.Service
	settings *settings.Service
	mailer   *mailer.Mailer
	box      *box
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOn(t, dbtest.SQLite(t))
}

func worldOn(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{World: make.New(t, d), box: &box{}}
	w.settings = settings.New(settings.Deps{DB: w.DB, IDs: w.IDs, Clock: w.Clock, Site: w.Site, DefaultRegistrations: "approved", Jobs: w.Jobs})
	bus := pubsub.NewLocal()
	t.Cleanup(func() { _ = bus.Close() })
	w.access = access.New(access.Deps{DB: w.DB, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Site: w.Site, Settings: w.settings, Accounts: w.Accounts, Bus: bus,
		NewKeys: func() (accounts.Keys, error) { return accounts.Keys{}, nil }})
	subs := subscriptions.New(subscriptions.Deps{DB: w.DB, Jobs: w.Jobs, IDs: w.IDs, Clock: w.Clock, Settings: w.settings, Accounts: w.Accounts, Access: w.access, Relations: w.Relations, Statuses: w.Statuses})
	w.mailer = mailer.New(mailer.Deps{DB: w.DB, Site: w.Site, Settings: w.settings, Accounts: w.Accounts, Access: w.access, Statuses: w.Statuses, Subscriptions: subs, Sender: w.box})
	on(w.Jobs, "subscriptions.become_follows", subs.BecomeFollows)
	on(w.Jobs, "mailer.welcome", w.mailer.Welcome)
	on(w.Jobs, "mailer.confirm_again", w.mailer.ConfirmAgain)
	on(w.Jobs, "mailer.new_address", w.mailer.NewAddress)
	on(w.Jobs, "mailer.address_changed", w.mailer.AddressChanged)
	on(w.Jobs, "mailer.reset", w.mailer.Reset)
	on(w.Jobs, "mailer.password_changed", w.mailer.PasswordChanged)
	on(w.Jobs, "mailer.approved", w.mailer.Approved)
	on(w.Jobs, "mailer.registrations_limited", w.mailer.RegistrationsLimited)
	on(w.Jobs, "access.tell_terms", w.access.TellTerms)
	on(w.Jobs, "mailer.terms", w.mailer.Terms)
	return w
}

func on[E jobs.Event](j *jobs.Jobs, name string, fn func(context.Context, E) error) {
	jobs.On(j, name, jobs.Policy{Queue: jobs.Mailers}, fn)
}

var link = regexp.MustCompile(`(?m)^https://local\.example(/\S+)$`)

// follow gives the token of the link in a mail.
func follow(t *testing.T, m mail.Message, path, param string) string {
	t.Helper()
	found := link.FindStringSubmatch(m.Text)
	if found == nil {
		t.Fatalf("no link in %q", m.Text)
	}
	u, err := url.Parse(found[1])
	if err != nil || u.Path != path || u.Query().Get(param) == "" {
		t.Fatalf("the link leads to %s", found[1])
	}
	return u.Query().Get(param)
}

func TestLettersOfALife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.settings.Set(ctx, "site_title", "My place"))
	u, err := w.access.SignUp(ctx, access.NewUser{Username: "ann", Email: "ann@mail.example", Password: password, Agreement: true, Reason: "x"})
	must(err)
	must(w.mailer.Welcome(ctx, access.SignedUp{UserID: u.ID}))
	m := w.box.last(t, 1)
	if m.To != "ann@mail.example" || m.Subject != "Confirm your e-mail address for My place" || !strings.Contains(m.Text, "@ann") || !strings.Contains(m.Text, "moderator") {
		t.Errorf("%+v", m)
	}
	old := follow(t, m, "/auth/confirmation", "confirmation_token")

	// Asking again makes a new link, whether the address is anybody's or not.
	must(w.mailer.ConfirmAgain(ctx, access.ConfirmationWanted{Email: "nobody@mail.example"}))
	must(w.mailer.ConfirmAgain(ctx, access.ConfirmationWanted{Email: "ann@mail.example"}))
	token := follow(t, w.box.last(t, 2), "/auth/confirmation", "confirmation_token")
	if _, err := w.access.Confirm(ctx, old); err == nil {
		t.Error("the older link works")
	}
	_, err = w.access.Confirm(ctx, token)
	must(err)
	must(w.mailer.ConfirmAgain(ctx, access.ConfirmationWanted{Email: "ann@mail.example"}))
	must(w.mailer.Welcome(ctx, access.SignedUp{UserID: u.ID, Confirmed: true}))
	w.box.last(t, 2)

	must(w.access.Approve(ctx, u.ID))
	must(w.mailer.Approved(ctx, access.Approved{UserID: u.ID}))
	if m = w.box.last(t, 3); m.Subject != "Welcome to My place" || !strings.Contains(m.Text, "https://local.example/auth/sign_in") {
		t.Errorf("%+v", m)
	}

	must(w.mailer.Reset(ctx, access.ResetWanted{Email: "nobody@mail.example"}))
	must(w.mailer.Reset(ctx, access.ResetWanted{Email: "ANN@mail.example"}))
	token = follow(t, w.box.last(t, 4), "/auth/password/edit", "reset_password_token")
	_, err = w.access.ResetPassword(ctx, token, "another password")
	must(err)
	must(w.mailer.PasswordChanged(ctx, access.PasswordChanged{UserID: u.ID}))
	w.box.last(t, 5)

	must(w.access.ChangeEmail(ctx, u.ID, "another password", "new@mail.example"))
	must(w.mailer.NewAddress(ctx, access.EmailChangeAsked{UserID: u.ID}))
	if m = w.box.last(t, 6); m.To != "new@mail.example" {
		t.Errorf("mailed to %s", m.To)
	}
	_, err = w.access.Confirm(ctx, follow(t, m, "/auth/confirmation", "confirmation_token"))
	must(err)
	must(w.mailer.AddressChanged(ctx, access.EmailChanged{UserID: u.ID, OldEmail: "ann@mail.example"}))
	if m = w.box.last(t, 7); m.To != "ann@mail.example" || !strings.Contains(m.Text, "new@mail.example") {
		t.Errorf("%+v", m)
	}

	// New terms are told to those who may sign in, and to nobody else.
	_, err = w.access.SignUp(ctx, access.NewUser{Username: "waiting", Email: "waiting@mail.example", Password: password, Agreement: true, Reason: "x"})
	must(err)
	must(w.settings.DraftTerms(ctx, settings.Terms{Text: "Be kind", Changelog: "<p>All of it</p>"}))
	terms, err := w.settings.PublishTerms(ctx, w.Clock.Now().Add(48*time.Hour))
	must(err)
	must(w.access.TellTerms(ctx, settings.TermsPublished{TermsID: terms.ID}))
	told, err := db.Column[string](ctx, w.DB, "SELECT args FROM jobs WHERE kind = 'mailer.terms'")
	must(err)
	if want := fmt.Sprintf(`{"UserID":%d,"TermsID":%d}`, u.ID, terms.ID); len(told) != 1 || told[0] != want {
		t.Errorf("told %v, not %s", told, want)
	}
	must(w.mailer.Terms(ctx, access.TermsTold{UserID: u.ID, TermsID: terms.ID}))
	if m = w.box.last(t, 8); m.Subject != "New terms of service on My place" || !strings.Contains(m.Text, "/terms-of-service/"+terms.EffectiveOn.Format("2006-01-02")+"\n") || !strings.Contains(m.Text, "All of it") {
		t.Errorf("%+v", m)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	u, err := w.access.SignUp(ctx, access.NewUser{Username: "ann", Email: "ann@mail.example", Password: password, Agreement: true, Reason: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range []func() error{
		func() error { return w.mailer.Welcome(ctx, access.SignedUp{UserID: 1}) },
		func() error { return w.mailer.PasswordChanged(ctx, access.PasswordChanged{UserID: 1}) },
		func() error { return w.mailer.Approved(ctx, access.Approved{UserID: 1}) },
		func() error {
			return w.mailer.AddressChanged(ctx, access.EmailChanged{UserID: 1, OldEmail: "x@y.example"})
		},
	} {
		if err := run(); err != nil {
			t.Errorf("for somebody who is gone: %v", err)
		}
	}
	w.box.fail = &mail.Error{Permanent: false}
	if err := w.mailer.Approved(ctx, access.Approved{UserID: u.ID}); err == nil {
		t.Error("a mail that was not sent counts as sent")
	}
}
