package accounts_test

import (
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/make"
)

// TestFurtherKeys: the keys that an actor lists are those it lists now, and nobody takes another's (SIG-18).
func TestFurtherKeys(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := make.New(t, d)
		enter := func(name string, keys ...accounts.Key) *accounts.Account {
			r := remote(name, "far.example", "https://far.example/"+name)
			r.PublicKeyID, r.PublicKey, r.Keys = r.URI+"#main-key", "main of "+name, keys
			a, err := w.Accounts.Upsert(w.Ctx(), r)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		find := func(id, pem string, owner *accounts.Account) {
			t.Helper()
			got, text, err := w.Accounts.Key(w.Ctx(), d, id)
			switch {
			case owner == nil && !errs.IsNotFound(err):
				t.Errorf("%s is found: %+v, %v", id, got, err)
			case owner != nil && (err != nil || got.ID != owner.ID || text != pem):
				t.Errorf("%s is %q of %+v: %v", id, text, got, err)
			}
		}
		bob := enter("bob", accounts.Key{ID: "https://far.example/bob#a", PEM: "a"}, accounts.Key{ID: "https://far.example/bob#b", PEM: "b"})
		mallory := enter("mallory", accounts.Key{ID: "https://far.example/bob#a", PEM: "stolen"}, accounts.Key{ID: "https://far.example/mallory#a", PEM: "m"})
		find("https://far.example/bob#main-key", "main of bob", bob)
		find("https://far.example/bob#a", "a", bob)
		find("https://far.example/mallory#a", "m", mallory)
		enter("bob", accounts.Key{ID: "https://far.example/bob#b", PEM: "b2"})
		find("https://far.example/bob#a", "", nil)
		find("https://far.example/bob#b", "b2", bob)
		if err := w.Accounts.Purge(w.Ctx(), bob.ID); err != nil {
			t.Fatal(err)
		}
		find("https://far.example/bob#b", "", nil)
	})
}
