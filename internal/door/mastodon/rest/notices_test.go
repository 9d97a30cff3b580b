package rest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// dms sends a private mention.
func (d *door) dms(by *accounts.Account, to *who, text string, answers *statuses.Status) *statuses.Status {
	d.t.Helper()
	st := d.Receive(by, "<p>"+text+"</p>", func(in *statuses.Incoming) {
		in.Mentions, in.Visibility, in.InReplyTo = []statuses.Mention{{AccountID: to.ID}}, statuses.Direct, answers
	})
	d.happened()
	return st
}

func TestGroupedNotifications(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		first, second := d.Post(ann.Account, "one"), d.Post(ann.Account, "two")
		var fans []*accounts.Account
		for i := range 10 {
			fans = append(fans, d.Remote(fmt.Sprint("fan", i), "far.example"))
		}
		like := func(by *accounts.Account, st *statuses.Status) {
			d.Clock.Advance(time.Second)
			if _, err := d.Statuses.Favourite(d.Ctx(), by, st.ID, ""); err != nil {
				t.Fatal(err)
			}
			d.happened()
		}
		for _, f := range fans {
			like(f, first)
		}
		d.Receive(fans[0], "<p>@ann hi</p>", func(in *statuses.Incoming) { in.Mentions = []statuses.Mention{{AccountID: ann.ID}} })
		d.happened()
		like(fans[0], second)
		like(fans[1], second)

		all := d.get("/api/v2/notifications", ann)
		all.is("notification_groups.0.notifications_count", 2.0).is("notification_groups.0.type", "favourite").is("notification_groups.0.status_id", idsOf(second.ID)).
			is("notification_groups.1.type", "mention").is("notification_groups.2.notifications_count", 10.0).is("notification_groups.2.sample_account_ids.7", idsOf(fans[2].ID)).
			is("notification_groups.2.sample_account_ids.8", nil).is("notification_groups.3", nil).is("statuses.2.id", idsOf(first.ID)).is("statuses.3", nil).is("partial_accounts", nil)
		if key := all.str("notification_groups.2.group_key"); !strings.HasPrefix(key, "favourite-"+idsOf(first.ID)+"-") {
			t.Errorf("key %s", key)
		}
		few := d.get("/api/v2/notifications?expand_accounts=partial_avatars", ann)
		few.is("accounts.0.id", idsOf(fans[1].ID)).is("accounts.1.id", idsOf(fans[0].ID)).is("accounts.2.id", idsOf(fans[9].ID)).is("accounts.3", nil).
			is("partial_accounts.0.acct", "fan8@far.example").is("partial_accounts.0.username", nil)
		d.get("/api/v2/notifications?expand_accounts=nonsense", ann).want(400)
		d.get("/api/v2/notifications?grouped_types[]=follow&limit=80", ann).is("notification_groups.12.type", "favourite").is("notification_groups.13", nil).
			is("notification_groups.0.notifications_count", 1.0)
		d.get("/api/v2/notifications?types[]=mention&supported_types[]=follow", ann).is("notification_groups.0.fallback.title", "fan0 mentioned you").is("notification_groups.1", nil)
		d.get("/api/v1/notifications?types[]=mention&supported_types[]=mention", ann).is("0.fallback", nil)

		// Reading page by page meets every group, and comes to an end; one that goes on below a page comes again.
		keys, at, pages := map[string]bool{}, "/api/v2/notifications?limit=2", 0
		for ; pages < 20; pages++ {
			page := d.get(at, ann)
			if page.at("notification_groups.0") == nil {
				break
			}
			low := ""
			for i := range 2 {
				if key := page.str(fmt.Sprintf("notification_groups.%d.group_key", i)); key != "" {
					keys[key], low = true, page.str(fmt.Sprintf("notification_groups.%d.page_min_id", i))
				}
			}
			at = "/api/v2/notifications?limit=2&max_id=" + low
		}
		if len(keys) != 3 || pages == 20 {
			t.Errorf("met %v on %d pages", keys, pages)
		}
		d.get("/api/v2/notifications?limit=2&min_id=1", ann).is("notification_groups.0.type", "mention").is("notification_groups.1.type", "favourite").is("notification_groups.2", nil)

		key := all.str("notification_groups.2.group_key")
		d.get("/api/v2/notifications/"+key, ann).is("notification_groups.0.notifications_count", 10.0).is("notification_groups.0.page_min_id", nil)
		d.get("/api/v2/notifications/"+key+"/accounts?limit=3", ann).is("0.acct", "fan9@far.example").is("2.acct", "fan7@far.example").is("3", nil)
		d.get("/api/v2/notifications/ungrouped-12", ann).want(404)
		d.get("/api/v2/notifications/ungrouped-x", ann).want(404)
		d.get("/api/v2/notifications/"+key, d.person("bob")).want(404)
		d.get("/api/v2/notifications/unread_count", ann).is("count", 3.0)
		d.get("/api/v2/notifications/unread_count?limit=2", ann).is("count", 2.0)
		d.post("/api/v2/notifications/"+key+"/dismiss", ann, nil).want(200)
		d.post("/api/v2/notifications/"+all.str("notification_groups.1.group_key")+"/dismiss", ann, nil).want(200)
		d.get("/api/v2/notifications", ann).is("notification_groups.0.type", "favourite").is("notification_groups.1", nil)
		d.post("/api/v2/notifications/clear", ann, nil).want(200)
		d.get("/api/v2/notifications", ann).is("notification_groups.0", nil)
	})
}

func TestNotificationRequests(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		stranger, friend := d.Remote("stranger", "far.example"), d.Remote("friend", "far.example")
		d.Follow(ann.Account, friend)
		list := func() string {
			var out []string
			for _, n := range d.get("/api/v1/notifications", ann).list() {
				out = append(out, n["account"].(map[string]any)["username"].(string))
			}
			return strings.Join(out, " ")
		}
		is := func(what, want string) {
			t.Helper()
			if got := list(); got != want {
				t.Errorf("%s: told of %q, not %q", what, got, want)
			}
		}
		d.get("/api/v2/notifications/policy", ann).is("for_private_mentions", "filter").is("for_limited_accounts", "filter").is("for_not_following", "accept").is("for_bots", "accept").
			is("summary.pending_requests_count", 0.0)
		d.dms(friend, ann, "hello", nil)
		d.dms(stranger, ann, "buy", nil)
		last := d.dms(stranger, ann, "buy now", nil)
		is("a private mention of a stranger", "friend")
		d.get("/api/v2/notifications/policy", ann).is("summary.pending_requests_count", 1.0).is("summary.pending_notifications_count", 2.0)
		asked := d.get("/api/v1/notifications/requests", ann)
		asked.is("0.account.username", "stranger").is("0.notifications_count", "2").is("0.last_status.id", idsOf(last.ID)).is("1", nil)
		one := "/api/v1/notifications/requests/" + asked.str("0.id")
		d.get(one, d.person("bob")).want(404)
		d.get(one, ann).is("account.username", "stranger")
		d.get(path("/api/v1/notifications?account_id=%d", stranger.ID), ann).is("1.filtered", true)
		d.get("/api/v1/notifications?include_filtered=true", ann).is("2.account.username", "friend")

		d.post(one+"/dismiss", ann, nil).want(200)
		d.get("/api/v1/notifications/requests", ann).is("0", nil)
		d.get("/api/v1/notifications?include_filtered=true", ann).is("1", nil)
		d.dms(stranger, ann, "once more", nil)
		d.post("/api/v1/notifications/requests/accept", ann, object{}).want(400)
		d.post("/api/v1/notifications/requests/accept", ann, object{"id": []string{d.get("/api/v1/notifications/requests", ann).str("0.id"), "7"}}).want(200)
		d.get("/api/v1/notifications/requests/merged", ann).is("merged", true)
		is("accepted", "stranger friend")
		d.dms(stranger, ann, "let in", nil)
		is("what comes from then on", "stranger stranger friend")

		// A stranger who answers what ann wrote to them is no stranger.
		other := d.Remote("other", "far.example")
		wrote := d.Post(ann.Account, "@other@far.example hi", func(x *statuses.Draft) { x.Visibility = statuses.Direct })
		d.happened()
		answer := d.dms(other, ann, "hi ann", wrote)
		d.dms(other, ann, "and more", answer)
		is("answers", "other other stranger stranger friend")
	})
}

func TestNotificationPolicies(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		d.call("PATCH", "/api/v2/notifications/policy", ann, object{"for_not_following": "nonsense"}).want(422)
		d.get("/api/v2/notifications/policy", ann).is("for_not_following", "accept")

		// Changes of two fields at once, the very first among them: neither undoes the other.
		for i := range 10 {
			both := d.person(fmt.Sprint("both", i))
			var wg sync.WaitGroup
			for _, field := range []string{"for_not_following", "for_bots"} {
				wg.Go(func() { d.call("PATCH", "/api/v2/notifications/policy", both, object{field: "drop"}) })
			}
			wg.Wait()
			d.get("/api/v2/notifications/policy", both).is("for_not_following", "drop").is("for_bots", "drop")
		}
		silence := func(a *accounts.Account, column string, value any) {
			t.Helper()
			if err := d.DB.Write(d.Ctx(), func(tx *db.Tx) error {
				return tx.Do(d.Ctx(), "changing an account", "UPDATE accounts SET "+column+" = $1 WHERE id = $2", value, a.ID)
			}); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		// heard tells what becomes of a public mention by somebody: accept, filter or drop.
		heard := func(by *accounts.Account) string {
			t.Helper()
			n++
			st := d.Receive(by, fmt.Sprintf("<p>@ann %d</p>", n), func(in *statuses.Incoming) { in.Mentions = []statuses.Mention{{AccountID: ann.ID}} })
			d.happened()
			for _, one := range d.get("/api/v1/notifications?include_filtered=true&limit=80", ann).list() {
				if about, ok := one["status"].(map[string]any); ok && about["id"] == idsOf(st.ID) {
					if one["filtered"] == true {
						return "filter"
					}
					return "accept"
				}
			}
			return "drop"
		}
		someone := func(name string, change func(*accounts.Account)) *accounts.Account {
			a := d.Remote(name, "far.example")
			silence(a, "created_at", db.Ms(d.Clock.Now().Add(-40*24*time.Hour)))
			if change != nil {
				change(a)
			}
			return a
		}
		follower := func(age time.Duration) func(*accounts.Account) {
			return func(a *accounts.Account) {
				d.Follow(a, ann.Account)
				if err := d.DB.Write(d.Ctx(), func(tx *db.Tx) error {
					return tx.Do(d.Ctx(), "ageing a follow", "UPDATE follows SET created_at = $1 WHERE account_id = $2", db.Ms(d.Clock.Now().Add(-age)), a.ID)
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
		people := map[string]*accounts.Account{
			"anybody": someone("anybody", nil), "old follower": someone("oldfollower", follower(96*time.Hour)), "new follower": someone("newfollower", follower(time.Hour)),
			"new":      someone("new", func(a *accounts.Account) { silence(a, "created_at", db.Ms(d.Clock.Now())) }),
			"bot":      someone("bot", func(a *accounts.Account) { silence(a, "actor_type", "Service") }),
			"limited":  someone("limited", func(a *accounts.Account) { silence(a, "silenced_at", 1) }),
			"followed": someone("followed", func(a *accounts.Account) { silence(a, "silenced_at", 1); d.Follow(ann.Account, a) }),
		}
		for _, c := range []struct {
			set  object
			want map[string]string // everybody else is accepted
		}{
			{object{}, map[string]string{"limited": "filter"}},
			{object{"for_not_following": "filter"}, map[string]string{"anybody": "filter", "old follower": "filter", "new follower": "filter", "new": "filter", "bot": "filter", "limited": "filter"}},
			{object{"for_not_followers": "drop"}, map[string]string{"anybody": "drop", "new follower": "drop", "new": "drop", "bot": "drop", "limited": "drop", "followed": "drop"}},
			{object{"for_new_accounts": "filter", "for_limited_accounts": "accept"}, map[string]string{"new": "filter"}},
			{object{"for_bots": "drop", "for_limited_accounts": "drop"}, map[string]string{"bot": "drop", "limited": "drop"}},
			{object{"for_bots": "filter", "for_not_following": "drop"}, map[string]string{"anybody": "drop", "old follower": "drop", "new follower": "drop", "new": "drop", "bot": "drop", "limited": "drop"}},
		} {
			all := object{"for_not_following": "accept", "for_not_followers": "accept", "for_new_accounts": "accept", "for_limited_accounts": "filter", "for_bots": "accept"}
			for k, v := range c.set {
				all[k] = v
			}
			d.call("PATCH", "/api/v2/notifications/policy", ann, all).want(200)
			for name, a := range people {
				want := c.want[name]
				if want == "" {
					want = "accept"
				}
				if got := heard(a); got != want {
					t.Errorf("%v: of %s: %s, not %s", c.set, name, got, want)
				}
			}
		}
		d.call("PATCH", "/api/v1/notifications/policy", ann, object{"filter_not_followers": true, "filter_not_following": false}).is("filter_not_followers", true).is("filter_not_following", false).is("filter_bots", true)
		d.get("/api/v2/notifications/policy", ann).is("for_not_followers", "filter").is("for_bots", "filter")
		d.get("/api/v1/notifications/policy", ann).is("filter_private_mentions", true).is("summary.pending_requests_count", 6.0)
	})
}

func TestPushSubscriptions(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		const at = "/api/v1/push/subscription"
		const key, auth = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4=", "BTBZMqHH6r4Tts7J/aSIgg=="
		err := d.DB.Write(d.Ctx(), func(tx *db.Tx) error {
			return tx.Do(d.Ctx(), "a token", "INSERT INTO oauth_access_tokens (id, token_hash, user_id, scopes, created_at) VALUES ($1, 'x', $2, 'push', 1)", d.keys[ann.bearer].token.ID, ann.user)
		})
		if err != nil {
			t.Fatal(err)
		}
		d.get(at, ann).want(404)
		d.call("PUT", at, ann, object{"data": object{}}).want(404)
		for name, in := range map[string]object{
			"nothing": {}, "no address": {"subscription": object{"endpoint": "nonsense", "keys": object{"p256dh": key, "auth": auth}}},
			"no keys": {"subscription": object{"endpoint": "https://push.example/x"}}, "bad key": {"subscription": object{"endpoint": "https://push.example/x", "keys": object{"p256dh": "AAAA", "auth": auth}}},
			"not encrypted": {"subscription": object{"endpoint": "http://push.example/x", "keys": object{"p256dh": key, "auth": auth}}},
			"bad policy":    {"subscription": object{"endpoint": "https://push.example/x", "keys": object{"p256dh": key, "auth": auth}}, "data": object{"policy": "nonsense"}},
		} {
			if got := d.post(at, ann, in); got.code != 400 && got.code != 422 {
				t.Errorf("%s: %d %s", name, got.code, got.body)
			}
		}
		d.get(at, ann).want(404)
		made := d.post(at, ann, object{"subscription": object{"endpoint": "https://push.example/x", "keys": object{"p256dh": key, "auth": auth}, "standard": true}, "data": object{"alerts": object{"mention": true, "nonsense": true}}})
		made.is("endpoint", "https://push.example/x").is("standard", true).is("alerts.mention", true).is("alerts.follow", false).is("alerts.nonsense", nil).is("policy", "all").is("server_key", "public")
		d.call("PUT", at, ann, object{"data": object{"alerts": object{"follow": "1"}, "policy": "follower"}}).is("alerts.mention", false).is("alerts.follow", true).is("policy", "follower")
		d.get(at, ann).is("alerts.follow", true).is("policy", "follower")
		form := d.call("POST", at, ann, "subscription[endpoint]=https://push.example/y&subscription[keys][p256dh]="+key+"&subscription[keys][auth]="+auth+"&data[alerts][poll]=true", "Content-Type", "application/x-www-form-urlencoded")
		form.is("endpoint", "https://push.example/y").is("alerts.poll", true).is("standard", false)
		other := d.token(ann)
		d.get(at, other).want(404)
		d.call("DELETE", at, ann, nil).want(200)
		d.get(at, ann).want(404)
		d.get(at, d.token(ann, "read")).want(403)
		d.get("/api/v2/instance", nobody).is("configuration.vapid.public_key", "public")
	})
}

func TestFollowedTags(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		d.post("/api/v1/tags/%20/follow", ann, nil).want(404)
		d.post("/api/v1/tags/Cats/follow", ann, nil).is("following", true).is("name", "Cats")
		d.post("/api/v1/tags/cats/follow", ann, nil).is("following", true)
		d.get("/api/v1/tags/cats", ann).is("following", true)
		d.get("/api/v1/tags/cats", bob).is("following", false)
		d.get("/api/v1/tags/cats", nobody).is("following", nil)
		d.get("/api/v1/followed_tags", ann).is("0.name", "Cats").is("1", nil)
		st := d.Post(bob.Account, "look at my #cats")
		d.Post(bob.Account, "private #cats", func(x *statuses.Draft) { x.Visibility = statuses.Private })
		d.Post(bob.Account, "dogs")
		if got := d.get("/api/v1/timelines/home", ann).ids(); got != idsOf(st.ID) {
			t.Errorf("home %s, not %d", got, st.ID)
		}
		d.post("/api/v1/tags/cats/unfollow", ann, nil).is("following", false)
		d.get("/api/v1/followed_tags", ann).is("0", nil)
		if err := d.feeds.TagFollowed(d.Ctx(), relations.TagFollowed{AccountID: ann.ID}); err != nil {
			t.Fatal(err)
		}
		if got := d.get("/api/v1/timelines/home", ann).ids(); got != "" {
			t.Errorf("home %s", got)
		}
	})
}

// TestTiesThatAreSevered: whoever blocks a server, or whose server does, is told once of what was lost by it.
func TestTiesThatAreSevered(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		for i := range 3 {
			far := d.Remote(fmt.Sprint("far", i), "far.example")
			d.Follow(ann.Account, far)
			if i > 0 {
				d.Follow(far, ann.Account)
			}
		}
		other := d.Remote("other", "other.example")
		d.Follow(other, ann.Account)
		tell := func() {
			t.Helper()
			for _, e := range d.Events() {
				var err error
				switch e := e.(type) {
				case relations.DomainBlocked:
					for range 2 { // at least once is sometimes twice
						if err == nil {
							err = d.Relations.SeverDomain(d.Ctx(), e)
						}
					}
				case relations.Severed:
					for range 2 {
						if err == nil {
							err = d.notices.Severed(d.Ctx(), e)
						}
					}
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		d.post("/api/v1/domain_blocks", ann, object{"domain": "far.example"}).want(200)
		tell()
		tell()
		const kind = "?types[]=severed_relationships"
		one := d.get("/api/v1/notifications"+kind, ann)
		one.is("0.type", "severed_relationships").is("0.event.type", "user_domain_block").is("0.event.target_name", "far.example").is("0.event.purged", false)
		one.is("0.event.following_count", 3.0).is("0.event.followers_count", 2.0).is("0.account.id", idsOf(ann.ID)).is("1", nil)
		d.get("/api/v2/notifications"+kind, ann).is("notification_groups.0.event.id", one.str("0.event.id")).is("notification_groups.1", nil)
		d.get("/api/v2/notifications"+kind+"&supported_types[]=mention", ann).is("notification_groups.0.fallback.title", "ann lost followers, or people they followed")

		// Again, and this time there was nothing left to lose.
		d.call("DELETE", "/api/v1/domain_blocks?domain=far.example", ann, nil).want(200)
		d.post("/api/v1/domain_blocks", ann, object{"domain": "far.example"}).want(200)
		tell()
		tell()
		d.get("/api/v1/notifications"+kind, ann).is("1", nil)

		for range 2 {
			if err := d.Relations.Sever(d.Ctx(), other, relations.Cause{Type: relations.ByServer, TargetName: "other.example", Number: 7}); err != nil {
				t.Fatal(err)
			}
		}
		tell()
		d.get("/api/v1/notifications"+kind, ann).is("0.event.type", "domain_block").is("0.event.followers_count", 1.0).is("0.event.following_count", 0.0).is("2", nil)
		d.get("/api/v1/accounts/"+idsOf(ann.ID), nobody).is("followers_count", 0.0).is("following_count", 0.0)
	})
}
