package rest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// both looks at a post by itself and in a list, which are rendered in two ways, and wants the same.
func (d *door) both(one string, as *who, path string, want any) {
	d.t.Helper()
	d.get(one, as).is(path, want)
	d.get("/api/v1/statuses?id[]="+one[strings.LastIndex(one, "/")+1:], as).is("0."+path, want)
}

func (d *door) quote(as *who, quoted string, more ...object) *reply {
	d.t.Helper()
	d.Clock.Advance(time.Second)
	body := object{"status": "look", "quoted_status_id": quoted}
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	return d.post("/api/v1/statuses", as, body)
}

func TestAQuotesLife(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, eve := d.person("ann"), d.person("bob"), d.person("eve")
		made := d.post("/api/v1/statuses", ann, object{"status": "words"})
		made.is("quotes_count", 0.0).is("quote", nil).is("quote_approval.automatic.0", "public").is("quote_approval.current_user", "automatic")
		id := made.str("id")
		one := "/api/v1/statuses/" + id
		d.both(one, nobody, "quote_approval.current_user", "denied")
		d.both(one, bob, "quote_approval.current_user", "automatic")

		quoting := d.quote(bob, id)
		quoting.is("quote.state", "accepted").is("quote.quoted_status.id", id).is("quote.quoted_status.quote", nil).is("quote.quoted_status.content", "<p>words</p>")
		if want := `<p class="quote-inline">RE: <a href="` + made.str("url") + `"`; !strings.HasPrefix(quoting.str("content"), want) {
			t.Errorf("the content is %s", quoting.str("content"))
		}
		two := "/api/v1/statuses/" + quoting.str("id")
		d.both(one, nobody, "quotes_count", 1.0)
		d.both(two, nobody, "quote.quoted_status.id", id)
		d.get(one+"/quotes", eve).is("0.id", quoting.str("id"))

		// A quote of a quote is shallow; a boost quotes what it boosts.
		boost := d.post(two+"/reblog", eve, nil)
		boost.is("quote", nil).is("reblog.quote.quoted_status.id", id)
		third := "/api/v1/statuses/" + d.quote(eve, boost.str("id")).str("id")
		d.both(third, nobody, "quote.quoted_status.id", quoting.str("id"))
		d.both(third, nobody, "quote.quoted_status.quote.state", "accepted")
		d.both(third, nobody, "quote.quoted_status.quote.quoted_status_id", id)

		// Words are not needed, and editing keeps the quote.
		d.quote(eve, id, object{"status": ""}).is("quote.quoted_status.id", id)
		d.both(one, nobody, "quotes_count", 2.0)
		d.Clock.Advance(time.Minute)
		edited := d.call("PUT", two, bob, object{"status": "look again"})
		if edited.is("quote.quoted_status.id", id); !strings.Contains(edited.str("content"), "RE: ") || !strings.Contains(edited.str("content"), "look again") {
			t.Errorf("edited to %s", edited.str("content"))
		}
		d.get(two+"/history", nobody).is("0.quote.quoted_status.id", id).is("1.quote.state", "accepted")

		// Who may take it back, and what is left then (VIS-13).
		revoke := one + "/quotes/" + quoting.str("id") + "/revoke"
		d.post(revoke, eve, nil).want(403)
		d.post(one+"/quotes/"+id+"/revoke", ann, nil).says(404, "Record not found")
		d.post(revoke, ann, nil).is("quote.state", "revoked").is("quote.quoted_status", nil)
		for _, w := range []*who{nobody, bob, ann} {
			d.both(two, w, "quote.state", "revoked")
			d.both(two, w, "quote.quoted_status", nil)
		}
		d.both(one, nobody, "quotes_count", 1.0)
		d.both(third, nobody, "quote.quoted_status.quote.state", "revoked")
		d.both(third, nobody, "quote.quoted_status.quote.quoted_status_id", nil)
		d.post(revoke, ann, nil).is("quote.state", "revoked")

		// The policy of a post that is there.
		d.call("PUT", one+"/interaction_policy", bob, object{"quote_approval_policy": "public"}).says(404, "Record not found")
		d.call("PUT", one+"/interaction_policy", ann, object{"quote_approval_policy": "followers"}).is("quote_approval.automatic.0", "followers")
		d.both(one, bob, "quote_approval.current_user", "denied")
		d.quote(bob, id).says(404, "The post you are trying to quote does not appear to exist.")
		d.Follow(bob.Account, ann.Account)
		d.both(one, bob, "quote_approval.current_user", "automatic")
		d.quote(bob, id).is("quote.state", "accepted")
		d.call("PUT", one+"/interaction_policy", ann, object{"quote_approval_policy": "nobody"}).is("quote_approval.current_user", "automatic")
		d.both(one, bob, "quote_approval.current_user", "denied")
		d.quote(ann, id).is("quote.state", "accepted")

		// A deleted quote does not count; of a deleted post nothing is left but that it was.
		d.call("DELETE", third, eve, nil).want(200)
		last := "/api/v1/statuses/" + d.quote(ann, id).str("id")
		d.both(one, ann, "quotes_count", 4.0)
		d.call("DELETE", last, ann, nil).want(200)
		d.both(one, ann, "quotes_count", 3.0)
		d.call("DELETE", one, ann, nil).want(200)
		for _, e := range d.get("/api/v1/accounts/"+idsOf(bob.ID)+"/statuses", nobody).list() {
			if q, _ := e["quote"].(map[string]any); q == nil || q["state"] == "accepted" || q["quoted_status"] != nil {
				t.Errorf("of a deleted post %v is shown", e["quote"])
			}
		}
	})
}

// TestWhoSeesWhatIsQuoted: what a viewer may not see, or does not want to, is withheld when it is looked at (VIS-13).
func TestWhoSeesWhatIsQuoted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, eve, zoe := d.person("ann"), d.person("bob"), d.person("eve"), d.person("zoe")
		joe := d.person("joe")
		far := d.Remote("far", "far.example")
		d.Follow(bob.Account, ann.Account)
		id := d.post("/api/v1/statuses", ann, object{"status": "words"}).str("id")
		quoting := "/api/v1/statuses/" + d.quote(bob, id).str("id")
		state := func(as *who, one, want string, shown bool) {
			t.Helper()
			d.both(one, as, "quote.state", want)
			if got := d.get(one, as).at("quote.quoted_status") != nil; got != shown {
				t.Errorf("%s: the quoted post is shown: %v", want, got)
			}
			if got := d.get("/api/v1/statuses?id[]="+one[len("/api/v1/statuses/"):], as).at("0.quote.quoted_status") != nil; got != shown {
				t.Errorf("%s: in a list the quoted post is shown: %v", want, got)
			}
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(d.Relations.Mute(d.Ctx(), zoe.ID, ann.ID, relations.MuteOptions{}))
		state(zoe, quoting, "muted_account", true)
		must(d.Relations.Block(d.Ctx(), zoe.Account, ann.Account, ""))
		state(zoe, quoting, "blocked_account", true)
		must(d.Relations.Block(d.Ctx(), ann.Account, eve.Account, ""))
		state(eve, quoting, "unauthorized", false)
		state(nobody, quoting, "accepted", true)
		must(d.Relations.Block(d.Ctx(), ann.Account, bob.Account, ""))
		state(bob, quoting, "unauthorized", false)
		must(d.Relations.Unblock(d.Ctx(), ann.Account, bob.Account))

		remote := d.Receive(far, "<p>from far</p>", func(in *statuses.Incoming) { in.QuotePolicy = statuses.QuotableByAll })
		pending := "/api/v1/statuses/" + d.quote(bob, idsOf(remote.ID)).is("quote.state", "pending").is("quote.quoted_status", nil).str("id")
		must(d.Statuses.AcceptQuote(d.Ctx(), statuses.ID(mustID(t, pending)), "https://far.example/stamps/1"))
		state(eve, pending, "accepted", true)
		must(d.Relations.BlockDomain(d.Ctx(), eve.Account, "far.example"))
		state(eve, pending, "blocked_domain", true)

		// Private posts are quoted by their author alone, and not for more than may see them.
		d.Follow(bob.Account, ann.Account)
		private := d.post("/api/v1/statuses", ann, object{"status": "for followers", "visibility": "private"})
		private.is("quote_approval.current_user", "automatic")
		d.quote(bob, private.str("id")).says(404, "The post you are trying to quote does not appear to exist.")
		own := d.quote(ann, private.str("id"))
		own.is("visibility", "private").is("quote.state", "accepted")
		direct := d.quote(ann, private.str("id"), object{"status": "@joe see", "visibility": "direct"}).is("visibility", "direct")
		state(bob, "/api/v1/statuses/"+own.str("id"), "accepted", true)
		state(joe, "/api/v1/statuses/"+direct.str("id"), "unauthorized", false)

		// A direct post quotes only those whom it names, and is quoted by nobody.
		open := d.post("/api/v1/statuses", ann, object{"status": "open"}).str("id")
		d.quote(zoe, open, object{"visibility": "direct"}).says(422, "Validation failed: Cannot quote a non-mentioned user in a Private Mention post.")
		secret := d.quote(bob, open, object{"status": "@ann you said", "visibility": "direct"})
		secret.is("quote.state", "accepted")
		d.get("/api/v1/statuses/"+open, nobody).is("quotes_count", 0.0) // VIS-12
		if got := d.get("/api/v1/statuses/"+open+"/quotes", zoe).ids(); got != "" {
			t.Errorf("a stranger sees who quotes in secret: %s", got)
		}
		d.get("/api/v1/statuses/"+open+"/quotes", ann).is("0.id", secret.str("id"))
		d.quote(ann, secret.str("id")).says(404, "The post you are trying to quote does not appear to exist.")
	})
}

func TestQuotesAreTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		id := d.post("/api/v1/statuses", ann, object{"status": "words"}).str("id")
		quoting := d.quote(bob, id).str("id")
		d.quote(ann, id)
		told := func() {
			t.Helper()
			for _, e := range d.World.Events() {
				var err error
				switch e := e.(type) {
				case statuses.Quoted:
					err = d.notices.Quoted(d.Ctx(), e)
				case statuses.Edited:
					err = d.notices.Edited(d.Ctx(), e)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		told()
		d.get("/api/v1/notifications", ann).is("0.type", "quote").is("0.status.id", quoting).is("0.account.acct", "bob").is("0.status.quote.quoted_status.id", id)
		if n := len(d.get("/api/v1/notifications?types[]=quote", ann).list()); n != 1 {
			t.Errorf("%d notices", n)
		}
		for _, text := range []string{"other words", "third words"} {
			d.Clock.Advance(time.Minute)
			d.call("PUT", "/api/v1/statuses/"+id, ann, object{"status": text}).want(200)
			told()
		}
		list := d.get("/api/v1/notifications", bob)
		list.is("0.type", "quoted_update").is("0.status.id", quoting).is("0.account.acct", "ann").is("0.status.quote.quoted_status.content", "<p>third words</p>")
		if n := len(list.list()); n != 1 {
			t.Errorf("%d notices of an edited post", n)
		}
	})
}

// TestQuotesOnAPageCostThreeStatements: however many there are.
func TestQuotesOnAPageCostThreeStatements(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann, bob := d.person("ann"), d.person("bob")
	d.Follow(ann.Account, bob.Account)
	last := d.post("/api/v1/statuses", bob, object{"status": "first"}).str("id")
	for range 30 {
		last = d.quote(bob, last).str("id")
	}
	home := func() int64 {
		ctx, n := db.Counting(d.Ctx())
		at := *d
		at.ctx = ctx
		at.get("/api/v1/timelines/home?limit=30", ann).is("29.quote.state", "accepted")
		return n.N()
	}
	home()
	if n := home(); n > 8 {
		t.Errorf("home takes %d statements", n)
	}
}

func mustID(t *testing.T, one string) int64 {
	t.Helper()
	id, err := ids.Parse(one[strings.LastIndex(one, "/")+1:])
	if err != nil {
		t.Fatal(err)
	}
	return id
}
