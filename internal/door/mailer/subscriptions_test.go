package mailer_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// subscribed is a world where people may have posts sent by mail.
type subscribed struct {
	*world
	s   *subscriptions.Service
	ann *accounts.Account
}

func newSubscribed(t *testing.T, d *db.DB) *subscribed {
	t.Helper()
	w := &subscribed{world: worldOn(t, d)}
	w.s = w.mailer.Subscriptions
	on(w.Jobs, "mailer.ask_subscriber", w.mailer.AskSubscriber)
	on(w.Jobs, "mailer.written", w.mailer.Written)
	jobs.On(w.Jobs, "subscriptions.tell", jobs.Policy{Queue: jobs.Default, Delay: 5 * time.Minute}, w.s.Tell, jobs.When(func(e statuses.Posted) bool { return e.Mailed }), jobs.Unique(subscriptions.Key))
	w.ann = w.Account("ann")
	return w
}

// settle runs what is due of the work that this is about.
func (w *subscribed) settle() {
	w.T.Helper()
	ctx := w.T.Context()
	run := map[string]func([]byte) error{
		"mailer.ask_subscriber": do(ctx, w.mailer.AskSubscriber), "mailer.written": do(ctx, w.mailer.Written),
		"subscriptions.tell": do(ctx, w.s.Tell), "subscriptions.become_follows": do(ctx, w.s.BecomeFollows),
	}
	type job struct {
		id         int64
		kind, args string
	}
	for {
		due, err := db.All(ctx, w.DB, func(r db.Row) (v job, err error) { return v, r.Scan(&v.id, &v.kind, &v.args) },
			"SELECT id, kind, args FROM jobs WHERE run_at <= $1 AND kind = ANY($2) ORDER BY id", db.Ms(w.Clock.Now()), db.Texts(slices.Collect(maps.Keys(run))))
		if err != nil {
			w.T.Fatal(err)
		}
		if len(due) == 0 {
			return
		}
		for _, j := range due {
			for range 2 { // at least once is sometimes twice
				if err := run[j.kind]([]byte(j.args)); err != nil {
					w.T.Fatalf("%s: %v", j.kind, err)
				}
				if strings.HasPrefix(j.kind, "mailer.") {
					break // a mail that was sent twice is two mails
				}
			}
			if err := w.DB.Write(ctx, func(tx *db.Tx) error { return tx.Do(ctx, "ending a job", "DELETE FROM jobs WHERE id = $1", j.id) }); err != nil {
				w.T.Fatal(err)
			}
		}
	}
}

func do[E any](ctx context.Context, fn func(context.Context, E) error) func([]byte) error {
	return func(args []byte) error {
		var e E
		if err := json.Unmarshal(args, &e); err != nil {
			return err
		}
		return fn(ctx, e)
	}
}

func (w *subscribed) opened() {
	w.T.Helper()
	ctx := w.T.Context()
	if err := w.settings.Set(ctx, "email_subscriptions", "true"); err != nil {
		w.T.Fatal(err)
	}
	yes, name := true, "Ann Example"
	a, err := w.Accounts.UpdateProfile(ctx, w.ann.ID, accounts.Profile{EmailSubscriptions: &yes, DisplayName: &name})
	if err != nil {
		w.T.Fatal(err)
	}
	w.ann = a
}

func (w *subscribed) ask(address string) {
	w.T.Helper()
	if err := w.s.Ask(w.T.Context(), w.ann.ID, address); err != nil {
		w.T.Fatal(err)
	}
	w.settle()
}

// later lets the minutes pass in which posts are gathered.
func (w *subscribed) later() {
	w.T.Helper()
	w.Clock.Advance(6 * time.Minute)
	w.settle()
}

func (w *subscribed) subscribe(address string) *subscriptions.Subscription {
	w.T.Helper()
	w.ask(address)
	_, rest, _ := strings.Cut(w.box.sent[len(w.box.sent)-1].Text, "confirmation_token=")
	token, _, _ := strings.Cut(rest, "\n")
	v, err := w.s.Confirm(w.T.Context(), token)
	if err != nil {
		w.T.Fatal(err)
	}
	w.Clock.Advance(time.Second)
	return v
}

func TestPostsAreMailedToThoseWhoAskForThem(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newSubscribed(t, d)
		ctx := t.Context()
		if err := w.s.Ask(ctx, w.ann.ID, "eve@example.org"); !errs.IsNotFound(err) {
			t.Errorf("nobody may subscribe, and it says %v", err)
		}
		w.opened()
		if err := w.s.Ask(ctx, w.ann.ID, "nonsense"); errs.KindOf(err) != errs.InvalidKind {
			t.Errorf("no address is answered with %v", err)
		}
		before := w.Post(w.ann, "from before")
		w.later()
		v := w.subscribe("Eve@example.org")
		if m := w.box.last(t, 1); m.To != "Eve@example.org" || m.Subject != "Do you want the posts of Ann Example by e-mail?" || !strings.Contains(m.Text, "@ann@local.example") {
			t.Errorf("asked by %+v", m)
		}

		first := w.Post(w.ann, "the first")
		second := w.Post(w.ann, "behind it", func(d *statuses.Draft) { d.SpoilerText = "a warning" })
		w.Post(w.ann, "for followers", func(d *statuses.Draft) { d.Visibility = statuses.Private })
		w.Post(w.ann, "not listed", func(d *statuses.Draft) { d.Visibility = statuses.Unlisted })
		w.Post(w.ann, "an answer", func(d *statuses.Draft) { d.InReplyToID = first.ID })
		gone := w.Post(w.ann, "taken back")
		if _, err := w.Statuses.Delete(ctx, w.ann, gone.ID); err != nil {
			t.Fatal(err)
		}
		w.later()
		m := w.box.last(t, 2) // one mail for all of them
		for _, want := range []string{"the first", first.URL, "[a warning]", second.URL} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("%q is not in the mail: %s", want, m.Text)
			}
		}
		for _, not := range []string{"behind it", "for followers", "not listed", "an answer", "taken back", before.URL} {
			if strings.Contains(m.Text, not) {
				t.Errorf("%q is in the mail: %s", not, m.Text)
			}
		}
		end := "https://local.example/email_subscriptions/unsubscribe?" + url.Values{"token": {v.Token}}.Encode()
		if m.Subject != "New posts by Ann Example" || m.Headers["List-Unsubscribe"] != "<"+end+">" || m.Headers["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click" || !strings.Contains(m.Text, end) {
			t.Errorf("%s: %v", m.Subject, m.Headers)
		}
		w.Post(w.ann, "once more")
		w.later()
		if m := w.box.last(t, 3); m.Subject != "A new post by Ann Example" || strings.Contains(m.Text, "the first") {
			t.Errorf("%s: %s", m.Subject, m.Text)
		}
		if err := w.s.End(ctx, v.Token); err != nil {
			t.Fatal(err)
		}
		w.Post(w.ann, "unheard")
		w.later()
		w.box.last(t, 3)
	})
}

// OPS-04: the number of mails to one address is bounded, whoever asks for them.
func TestNobodyCanHaveAnAddressMailedAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := newSubscribed(t, dbtest.SQLite(t))
	w.opened()
	ctx := t.Context()
	w.ask("eve@example.org")
	w.ask("EVE@example.org")
	w.box.last(t, 1)
	w.Clock.Advance(2 * time.Hour)
	w.ask("eve@example.org")
	w.box.last(t, 2)
	yes := true
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		a := w.Account(name)
		if _, err := w.Accounts.UpdateProfile(ctx, a.ID, accounts.Profile{EmailSubscriptions: &yes}); err != nil {
			t.Fatal(err)
		}
		if err := w.s.Ask(ctx, a.ID, "eve@example.org"); err != nil {
			t.Errorf("the answer tells who was asked: %v", err)
		}
	}
	w.settle()
	w.box.last(t, 6)
	w.Clock.Advance(8 * 24 * time.Hour)
	if err := w.s.Forget(ctx, subscriptions.ForgetDue{}); err != nil {
		t.Fatal(err)
	}
	if n, err := db.Value[int64](ctx, w.DB, "SELECT COUNT(*) FROM email_subscriptions"); err != nil || n != 0 {
		t.Errorf("%d addresses are kept that nobody confirmed: %v", n, err)
	}
	if _, err := w.s.Confirm(ctx, "nonsense"); !errs.IsNotFound(err) {
		t.Errorf("nonsense confirms: %v", err)
	}
}

func TestSubscribersWhoSignUpFollow(t *testing.T) {
	t.Parallel()
	w := newSubscribed(t, dbtest.SQLite(t))
	w.opened()
	ctx := t.Context()
	w.subscribe("eve@example.org")
	u, err := w.access.CreateByAdmin(ctx, access.NewByAdmin{Username: "eve", Email: "eve@example.org", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	w.settle()
	token, _, err := w.access.MintConfirmation(ctx, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.access.Confirm(ctx, token); err != nil {
		t.Fatal(err)
	}
	w.settle()
	follows := slices.ContainsFunc(w.Events(), func(e jobs.Event) bool {
		f, ok := e.(relations.Followed)
		return ok && f.AccountID == u.AccountID && f.TargetID == w.ann.ID
	})
	left, err := db.Value[int64](ctx, w.DB, "SELECT COUNT(*) FROM email_subscriptions")
	if err != nil || left != 0 || !follows {
		t.Errorf("%d subscriptions are left, follows: %v: %v", left, follows, err)
	}
}
