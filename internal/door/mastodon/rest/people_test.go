package rest_test

import (
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// names lists the usernames of a list of accounts, or of suggestions.
func (r *reply) names() string {
	r.t.Helper()
	out := ""
	for _, e := range r.list() {
		if a, ok := e["account"].(map[string]any); ok {
			e = a
		}
		if out != "" {
			out += " "
		}
		out += e["username"].(string)
	}
	return out
}

func (d *door) found(list ...*accounts.Account) {
	d.t.Helper()
	yes := true
	for _, a := range list {
		d.Clock.Advance(time.Minute)
		if a.Local() {
			if _, err := d.Accounts.UpdateProfile(d.Ctx(), a.ID, accounts.Profile{Discoverable: &yes}); err != nil {
				d.t.Fatal(err)
			}
		} else if err := d.DB.Write(d.Ctx(), func(tx *db.Tx) error {
			return tx.Do(d.Ctx(), "being found", "UPDATE accounts SET discoverable = TRUE WHERE id = $1", a.ID)
		}); err != nil {
			d.t.Fatal(err)
		}
	}
}

func TestEndorsements(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, cid := d.person("ann"), d.person("bob"), d.person("cid")
		at := path("/api/v1/accounts/%d", bob.ID)
		d.post(at+"/endorse", ann, nil).says(422, "Validation failed: You must be already following the person you want to endorse")
		d.Follow(ann.Account, bob.Account)
		d.Follow(ann.Account, cid.Account)
		d.post(at+"/endorse", ann, nil).is("endorsed", true)
		d.post(at+"/pin", ann, nil).is("endorsed", true)
		d.post(path("/api/v1/accounts/%d/pin", cid.ID), ann, nil).is("endorsed", true)
		d.get(path("/api/v1/accounts/relationships?id[]=%d", bob.ID), ann).is("0.endorsed", true)
		if got := d.get("/api/v1/endorsements", ann).names(); got != "cid bob" {
			t.Errorf("endorsed %q", got)
		}
		if got := d.get(path("/api/v1/accounts/%d/endorsements?limit=1", ann.ID), nobody).names(); got != "cid" {
			t.Errorf("shown to all %q", got)
		}
		d.post(path("/api/v1/accounts/%d/unpin", cid.ID), ann, nil).is("endorsed", false)
		d.post(at+"/unfollow", ann, nil).is("endorsed", false)
		if got := d.get("/api/v1/endorsements", ann).names(); got != "" {
			t.Errorf("who is followed no more is endorsed: %q", got)
		}
		d.get(at+"/identity_proofs", ann).is("0", nil)
	})
}

func TestDirectoryAndSuggestions(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, cid := d.person("ann"), d.person("bob"), d.person("cid")
		dee, eve, shy := d.Remote("dee", "far.example"), d.Remote("eve", "evil.example"), d.Remote("shy", "far.example")
		d.found(bob.Account, cid.Account, dee, eve)
		d.Post(cid.Account, "first")
		d.Clock.Advance(time.Minute)
		d.Post(bob.Account, "second")
		d.Clock.Advance(time.Minute)
		d.Receive(dee, "<p>third</p>")
		is := func(at string, who *who, want string) {
			t.Helper()
			if got := d.get(at, who).names(); got != want {
				t.Errorf("%s: %q, not %q", at, got, want)
			}
		}
		is("/api/v1/directory", nobody, "dee bob cid")
		is("/api/v1/directory?local=true", nobody, "bob cid")
		is("/api/v1/directory?order=new", nobody, "eve dee cid bob")
		is("/api/v1/directory?order=new&offset=1&limit=2", nobody, "dee cid")
		if err := d.Relations.Block(d.Ctx(), ann.Account, dee, ""); err != nil {
			t.Fatal(err)
		}
		is("/api/v1/directory", ann, "bob cid")

		d.Follow(ann.Account, bob.Account)
		d.Follow(bob.Account, cid.Account)
		d.Follow(bob.Account, dee)
		d.Follow(bob.Account, shy)
		d.Follow(cid.Account, eve)
		got := d.get("/api/v2/suggestions", ann)
		got.is("0.account.username", "cid").is("0.sources.0", "friends_of_friends").is("0.sources.1", "most_followed").is("1.account.username", "eve").is("1.sources.0", "most_followed").is("2", nil)
		is("/api/v1/suggestions", ann, "cid eve")
		is("/api/v2/suggestions?offset=1", ann, "eve")
		d.call("DELETE", path("/api/v1/suggestions/%d", cid.ID), ann, nil).want(200)
		d.call("DELETE", "/api/v1/suggestions/7", ann, nil).want(200)
		is("/api/v2/suggestions", ann, "eve")
		if err := d.Relations.Follow(d.Ctx(), ann.Account, eve, relations.FollowOptions{}); err != nil {
			t.Fatal(err)
		}
		is("/api/v2/suggestions", ann, "")

		d.get("/api/v1/domain_blocks/preview?domain=FAR.example", bob).is("following_count", 2.0).is("followers_count", 0.0)
		d.get("/api/v1/domain_blocks/preview?domain=%20", bob).want(422)
		d.get("/api/v1/instance/languages", nobody).is("0.code", "aa").is("0.name", "Afar")
	})
}

func TestSubscriptionsByMail(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann := d.person("ann")
	at := "/api/v1/accounts/" + ids.Format(ann.ID) + "/email_subscriptions"
	address := map[string]string{"email": "eve@example.org"}
	d.call("POST", at, nobody, address).want(404)
	yes := true
	if _, err := d.Accounts.UpdateProfile(d.Ctx(), ann.ID, accounts.Profile{EmailSubscriptions: &yes}); err != nil {
		t.Fatal(err)
	}
	d.call("POST", at, nobody, address).want(404)
	if got := d.get("/api/v1/accounts/"+ids.Format(ann.ID), nobody).want(200).at("email_subscriptions"); got != nil {
		t.Errorf("the server does not let it, and the account says %v", got)
	}
	if err := d.config.Set(d.Ctx(), "email_subscriptions", "true"); err != nil {
		t.Fatal(err)
	}
	d.get("/api/v1/accounts/"+ids.Format(ann.ID), nobody).want(200).is("email_subscriptions", true)
	for _, bad := range []string{"", "nonsense", "a@b@c.example", "eve@example.org\r\nBcc: x@y.example"} {
		got := d.call("POST", at, nobody, map[string]string{"email": bad}).want(422)
		if got.at("details.email.0.error") == nil {
			t.Errorf("%q: %s", bad, got.body)
		}
	}
	d.call("POST", at, nobody, address).want(200)
	d.call("POST", at, nobody, address).want(200)
	n, err := db.Value[int64](d.Ctx(), d.DB, "SELECT COUNT(*) FROM email_subscriptions")
	if err != nil || n != 1 {
		t.Errorf("%d subscriptions: %v", n, err)
	}
}
