package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/testkit/make"
)

const (
	password = "correct horse battery"
	callback = "https://app.example/cb"
)

type world struct {
	*make.World
	*access.Service
	settings *settings.Service
	bus      *pubsub.Local
	ctx      context.Context
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{World: make.New(t, d), bus: pubsub.NewLocal(), ctx: context.Background()}
	t.Cleanup(func() { _ = w.bus.Close() })
	w.settings = settings.New(settings.Deps{DB: d, IDs: w.IDs, Clock: w.Clock, Site: w.Site, DefaultRegistrations: "open"})
	record[access.SignedUp](w.Jobs)
	record[access.Confirmed](w.Jobs)
	record[access.ConfirmationWanted](w.Jobs)
	record[access.ResetWanted](w.Jobs)
	record[access.EmailChangeAsked](w.Jobs)
	record[access.EmailChanged](w.Jobs)
	record[access.PasswordChanged](w.Jobs)
	record[access.Approved](w.Jobs)
	record[access.RegistrationsLimited](w.Jobs)
	w.Service = w.process()
	return w
}

// process is one more process on the same database and bus.
func (w *world) process() *access.Service {
	return access.New(access.Deps{DB: w.World.DB, Jobs: w.World.Jobs, IDs: w.World.IDs, Clock: w.World.Clock, Site: w.World.Site, Settings: w.settings, Accounts: w.World.Accounts, Bus: w.bus,
		NewKeys: func() (accounts.Keys, error) { return accounts.Keys{Private: "p", Public: "P"}, nil }})
}

func record[E jobs.Event](j *jobs.Jobs) {
	var zero E
	jobs.On(j, "seen."+zero.Kind(), jobs.Policy{Queue: jobs.Mailers}, func(context.Context, E) error { return nil })
}

// seen lists the kinds of events since the last call.
func (w *world) seen() []string {
	w.T.Helper()
	var out []string
	err := w.World.DB.Write(w.ctx, func(tx *db.Tx) (err error) {
		if out, err = db.Column[string](w.ctx, tx, "SELECT substr(kind, 6) FROM jobs WHERE kind LIKE 'seen.%' ORDER BY id"); err != nil {
			return err
		}
		_, err = tx.Exec(w.ctx, "DELETE FROM jobs WHERE kind LIKE 'seen.%'")
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return out
}

func (w *world) signUp(name string) *access.User {
	w.T.Helper()
	u, err := w.SignUp(w.ctx, access.NewUser{Username: name, Email: name + "@mail.example", Password: password, Agreement: true, Reason: "to read"})
	if err != nil {
		w.T.Fatal(err)
	}
	return u
}

// person is somebody who may come in.
func (w *world) person(name string) *access.User {
	w.T.Helper()
	u, err := w.CreateByAdmin(w.ctx, access.NewByAdmin{Username: name, Email: name + "@mail.example", Password: password, Confirmed: true})
	if err != nil {
		w.T.Fatal(err)
	}
	return u
}

func (w *world) app(scopes string) (*access.Application, string) {
	w.T.Helper()
	a, secret, err := w.Register(w.ctx, access.NewApp{Name: "App", RedirectURIs: []string{callback}, Scopes: scopes})
	if err != nil {
		w.T.Fatal(err)
	}
	return a, secret
}

func (w *world) token(u *access.User, scopes ...string) *access.NewToken {
	w.T.Helper()
	t, err := w.IssueToken(w.ctx, nil, u.ID, scopes)
	if err != nil {
		w.T.Fatal(err)
	}
	return t
}

func (w *world) ok(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// codes are the causes of a refusal, by attribute.
func codes(err error) string {
	var e *errs.Error
	if !errors.As(err, &e) || e.Details == nil {
		return ""
	}
	out := map[string]string{}
	for attribute, list := range e.Details {
		out[attribute] = list[0].Code
	}
	b, _ := json.Marshal(out)
	return string(b)
}
