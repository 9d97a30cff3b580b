package rest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

func TestProfiles(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		eve := d.Remote("eve", "far.example")
		one := path("/api/v1/accounts/%d", ann.ID)
		changed := d.call("PATCH", "/api/v1/accounts/update_credentials", ann, upload{fields: form{
			"display_name": "Ann <b>", "note": "I am @bob's friend\n\n#go", "locked": "1", "bot": "true", "discoverable": "on", "indexable": "false",
			"fields_attributes[0][name]": "Home", "fields_attributes[0][value]": "https://ann.example.com/", "fields_attributes[1][name]": "", "fields_attributes[1][value]": "",
			"source[privacy]": "unlisted", "source[sensitive]": "true", "source[language]": "de", "avatar_description": "me",
		}})
		changed.is("display_name", "Ann <b>").is("locked", true).is("bot", true).is("source.privacy", "unlisted").is("source.language", "de").is("source.sensitive", true)
		changed.is("source.note", "I am @bob's friend\n\n#go").is("source.fields.0.value", "https://ann.example.com/")
		if n := len(changed.at("fields").([]any)); n != 1 {
			t.Errorf("%d fields, want the one that says something", n)
		}
		shown := d.get(one, nobody)
		for _, part := range []string{`href="https://local.example/@bob"`, `rel="tag"`, "</p><p>"} {
			if !strings.Contains(shown.str("note"), part) {
				t.Errorf("the note lacks %s: %s", part, shown.str("note"))
			}
		}
		if !strings.Contains(shown.str("fields.0.value"), ` me"`) || !strings.HasSuffix(shown.str("created_at"), "T00:00:00.000Z") {
			t.Errorf("shown as %s", shown.body)
		}
		d.get("/api/v1/preferences", ann).is("posting:default:visibility", "unlisted").is("posting:default:language", "de")
		made := d.post("/api/v1/statuses", ann, object{"status": "with defaults"})
		made.is("visibility", "unlisted").is("language", "de").is("sensitive", true)

		d.get("/api/v1/accounts/lookup?acct=ANN", nobody).is("id", idsOf(ann.ID))
		d.get("/api/v1/accounts/lookup?acct=@eve@FAR.example", bob).is("id", idsOf(eve.ID))
		d.get("/api/v1/accounts/lookup?acct=ann@local.example", bob).is("id", idsOf(ann.ID))
		d.get("/api/v1/accounts/lookup?acct=nobody", bob).says(404, "Record not found")
		d.get("/api/v1/accounts/lookup", bob).says(400, "param is missing or the value is empty or invalid: acct")
		if got := d.get(fmt.Sprintf("/api/v1/accounts?id[]=%d&id[]=%d&id[]=5", bob.ID, ann.ID), nobody).ids(); got != idsOf(bob.ID, ann.ID) {
			t.Errorf("accounts by id gave %s", got)
		}
		d.get("/api/v1/accounts/verify_credentials", d.token(ann, "profile")).is("role.id", "-99")
		if err := d.Accounts.Suspend(d.Ctx(), bob.ID, true); err != nil {
			t.Fatal(err)
		}
		d.get(path("/api/v1/accounts/%d", bob.ID), ann).is("suspended", true).is("display_name", "").is("note", "")
		if got := d.get(path("/api/v1/accounts/%d/statuses", bob.ID), ann).ids(); got != "" {
			t.Errorf("posts of someone suspended: %s", got)
		}
		d.get("/api/v1/accounts/99", ann).says(404, "Record not found")
		d.get("/api/v1/accounts/xyz", ann).says(404, "Record not found")
	})
}

func TestProfilesThatAreRefused(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann := d.person("ann")
	const at = "/api/v1/accounts/update_credentials"
	long := d.call("PATCH", at, ann, object{"display_name": strings.Repeat("x", 31), "note": strings.Repeat("y", 501)})
	long.says(422, "Validation failed: Display name is too long (maximum is 30 characters), Note is too long (maximum is 500 characters)")
	if long.str("details.display_name.0.error") != "ERR_TOO_LONG" {
		t.Errorf("no details: %s", long.body)
	}
	var many []object
	for range 5 {
		many = append(many, object{"name": "a", "value": "b"})
	}
	d.call("PATCH", at, ann, object{"fields_attributes": many}).want(422)
	d.call("PATCH", at, ann, object{"fields_attributes": []object{{"name": "a", "value": strings.Repeat("x", 256)}}}).want(422)
	d.call("PATCH", at, ann, object{"attribution_domains": []string{"not a domain"}}).want(422)
	d.call("PATCH", at, ann, object{"source": object{"privacy": "moon"}}).want(422)
	d.call("PATCH", at, ann, object{"source": object{"language": "klingon!"}}).want(422)
	if a := d.again(ann); a.DisplayName != "" || len(a.Fields) > 0 {
		t.Error("a refused change was kept in part")
	}
}

func TestRelations(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		eve := d.Remote("eve", "far.example")
		one, far := path("/api/v1/accounts/%d", bob.ID), path("/api/v1/accounts/%d", eve.ID)
		d.post(one+"/follow", ann, object{"notify": true, "languages": []string{"en"}}).is("following", true).is("notifying", true).is("showing_reblogs", true).is("languages.0", "en")
		d.post(one+"/follow", ann, object{"reblogs": false}).is("showing_reblogs", false).is("notifying", true)
		d.post(far+"/follow", ann, nil).is("following", true).is("requested", false) // until its server answers
		d.post(path("/api/v1/accounts/%d/follow", ann.ID), ann, nil).says(403, "This action is not allowed")
		if got := d.get(one+"/followers", nobody).ids(); got != idsOf(ann.ID) {
			t.Errorf("followers are %s", got)
		}
		d.get(path("/api/v1/accounts/%d/following", ann.ID), nobody).is("0.acct", "bob")
		both := d.get(fmt.Sprintf("/api/v1/accounts/relationships?id[]=%d&id[]=%d", eve.ID, bob.ID), ann)
		both.is("0.requested", true).is("1.following", true)
		d.get(path("/api/v1/accounts/relationships?id=%d", bob.ID), ann).is("0.id", idsOf(bob.ID))
		d.post(one+"/note", ann, object{"comment": "nice"}).is("note", "nice")
		d.post(one+"/note", ann, object{"comment": strings.Repeat("x", 2001)}).want(422)
		d.post(one+"/mute", ann, object{"duration": 60, "notifications": false}).is("muting", true).is("muting_notifications", false)
		muted := d.get("/api/v1/mutes", ann)
		muted.is("0.acct", "bob")
		if muted.at("0.mute_expires_at") == nil {
			t.Error("a mute for a minute never ends")
		}
		d.post(one+"/unmute", ann, nil).is("muting", false)
		d.post(path("/api/v1/accounts/%d/remove_from_followers", ann.ID), bob, nil).is("followed_by", false)
		d.post(one+"/block", ann, nil).is("blocking", true).is("following", false)
		d.get("/api/v1/blocks", ann).is("0.acct", "bob")
		d.post(path("/api/v1/accounts/%d/follow", ann.ID), bob, nil).says(403, "This action is not allowed")
		if got := d.get(path("/api/v1/accounts/%d/statuses", ann.ID), bob).ids(); got != "" {
			t.Errorf("a blocked reader sees %s", got)
		}
		d.post(one+"/unblock", ann, nil).is("blocking", false)

		d.post("/api/v1/domain_blocks", ann, object{"domain": "FAR.example"}).want(200)
		d.get("/api/v1/domain_blocks", ann).is("0", "far.example")
		d.get(path("/api/v1/accounts/relationships?id[]=%d", eve.ID), ann).is("0.domain_blocking", true)
		d.call("DELETE", "/api/v1/domain_blocks?domain=far.example", ann, nil).want(200)
		d.post("/api/v1/domain_blocks", ann, object{"domain": "no domain"}).want(422)
		d.post("/api/v1/domain_blocks", ann, nil).want(400)
	})
}

func TestFollowRequests(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, eve := d.person("ann"), d.person("bob"), d.person("eve")
		d.call("PATCH", "/api/v1/accounts/update_credentials", ann, object{"locked": true}).is("locked", true)
		for _, by := range []*who{bob, eve} {
			d.post(path("/api/v1/accounts/%d/follow", ann.ID), by, nil).is("requested", true).is("following", false)
		}
		d.get("/api/v1/accounts/verify_credentials", ann).is("source.follow_requests_count", 2.0)
		if got := d.get("/api/v1/follow_requests", ann).ids(); got != idsOf(eve.ID, bob.ID) {
			t.Errorf("requests are %s", got)
		}
		d.post(path("/api/v1/follow_requests/%d/authorize", bob.ID), ann, nil).is("followed_by", true)
		d.post(path("/api/v1/follow_requests/%d/reject", eve.ID), ann, nil).is("requested_by", false)
		d.post(path("/api/v1/follow_requests/%d/authorize", eve.ID), ann, nil).says(404, "Record not found")
		d.get(path("/api/v1/accounts/relationships?id[]=%d", ann.ID), bob).is("0.following", true)
	})
}

func TestHiddenTiesAndFamiliarFaces(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, eve := d.person("ann"), d.person("bob"), d.person("eve")
		d.Follow(ann.Account, bob.Account)
		d.Follow(bob.Account, eve.Account)
		at := path("/api/v1/accounts/familiar_followers?id[]=%d", eve.ID)
		d.get(at, ann).is("0.accounts.0.acct", "bob")
		d.call("PATCH", "/api/v1/accounts/update_credentials", bob, object{"hide_collections": true}).want(200)
		if n := len(d.get(at, ann).at("0.accounts").([]any)); n != 0 {
			t.Error("someone who hides whom they follow is a familiar follower")
		}
		hidden := path("/api/v1/accounts/%d/following", bob.ID)
		if d.get(hidden, ann).ids() != "" || d.get(hidden, bob).ids() == "" {
			t.Error("hidden follows are seen by others, or not by their owner")
		}
	})
}

func TestLists(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, eve := d.person("ann"), d.person("bob"), d.person("eve")
		d.Follow(ann.Account, bob.Account)
		made := d.post("/api/v1/lists", ann, object{"title": "friends"})
		made.is("replies_policy", "list").is("exclusive", false)
		one := "/api/v1/lists/" + made.str("id")
		d.post("/api/v1/lists", ann, object{"title": ""}).says(422, "Validation failed: Title can't be blank")
		d.post("/api/v1/lists", ann, object{"title": "x", "replies_policy": "moon"}).want(422)
		d.post(one+"/accounts", ann, object{"account_ids": []string{idsOf(bob.ID)}}).want(200)
		d.post(one+"/accounts", ann, object{"account_ids": []string{idsOf(bob.ID)}}).want(422)
		d.post(one+"/accounts", ann, object{"account_ids": []string{idsOf(eve.ID)}}).want(404)
		d.get(one+"/accounts", ann).is("0.acct", "bob")
		d.get(one+"/accounts?limit=0", ann).is("0.acct", "bob")
		d.get(path("/api/v1/accounts/%d/lists", bob.ID), ann).is("0.title", "friends")
		post := d.Post(bob.Account, "listed")
		if got := d.get("/api/v1/timelines/list/"+made.str("id"), ann).ids(); got != idsOf(post.ID) {
			t.Errorf("the list shows %s", got)
		}
		d.call("PUT", one, ann, object{"title": "close friends", "exclusive": true, "replies_policy": "none"}).is("title", "close friends").is("exclusive", true)
		for _, c := range []struct{ method, at string }{{"GET", one}, {"PUT", one}, {"DELETE", one}, {"GET", one + "/accounts"}, {"POST", one + "/accounts"},
			{"DELETE", one + "/accounts"}, {"GET", "/api/v1/timelines/list/" + made.str("id")}} {
			d.call(c.method, c.at, eve, object{"title": "mine"}).says(404, "Record not found") // VIS-10
		}
		d.call("DELETE", one+"/accounts", ann, object{"account_ids": []string{idsOf(bob.ID)}}).want(200)
		d.call("DELETE", one, ann, nil).want(200)
		if got := d.get("/api/v1/lists", ann).ids(); got != "" {
			t.Errorf("lists left: %s", got)
		}
	})
}

var linkPart = regexp.MustCompile(`<https://local\.example([^>]+)>; rel="(\w+)"`)

// links are the neighbours of a page by their rel.
func links(r *reply) map[string]string {
	out := map[string]string{}
	for _, m := range linkPart.FindAllStringSubmatch(r.header.Get("Link"), -1) {
		out[m[2]] = m[1]
	}
	return out
}

// TestPaging walks lists from end to end and back, and expects each thing once.
func TestPaging(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		var posts []statuses.ID
		for i := range 7 {
			posts = append([]statuses.ID{d.Post(ann.Account, fmt.Sprintf("post %d #many", i)).ID}, posts...)
		}
		for i := range 7 {
			d.Clock.Advance(time.Second)
			if _, err := d.Statuses.Favourite(d.Ctx(), ann.Account, posts[6-i], ""); err != nil {
				t.Fatal(err)
			}
			by := d.Account(fmt.Sprintf("reader%d", i))
			if _, err := d.Statuses.Favourite(d.Ctx(), by, posts[0], ""); err != nil {
				t.Fatal(err)
			}
			if err := d.Relations.Block(d.Ctx(), ann.Account, by, ""); err != nil {
				t.Fatal(err)
			}
		}
		for at, prev := range map[string]string{
			"/api/v1/timelines/home": "min_id", "/api/v1/timelines/public": "min_id", "/api/v1/timelines/tag/many": "min_id", "/api/v1/favourites": "min_id",
			path("/api/v1/accounts/%d/statuses", ann.ID): "min_id", "/api/v1/blocks": "since_id",
		} {
			whole := strings.Fields(d.get(at, ann).ids())
			if len(whole) != 7 {
				t.Errorf("%s has %d of 7", at, len(whole))
			}
			var walked []string
			next, last := at+"?limit=3", ""
			for next != "" && len(walked) < 20 {
				r := d.get(next, ann)
				page := strings.Fields(r.ids())
				walked = append(walked, page...)
				l := links(r)
				if len(page) > 0 && !strings.Contains(l["prev"], prev+"=") {
					t.Errorf("%s: the page before is %q, want %s", at, l["prev"], prev)
				}
				if l["next"] != "" && !strings.Contains(l["next"], "limit=3") {
					t.Errorf("%s: the next page forgets the limit", at)
				}
				last, next = l["prev"], l["next"]
			}
			if strings.Join(walked, " ") != strings.Join(whole, " ") {
				t.Errorf("%s: walked %v of %v", at, walked, whole)
			}
			if prev == "min_id" && last != "" {
				if back := strings.Fields(d.get(last, ann).ids()); strings.Join(back, " ") != strings.Join(whole[3:6], " ") {
					t.Errorf("%s: back from the end are %v, want %v", at, back, whole[3:6])
				}
			}
		}
		for at, want := range map[string]int{"?limit=0": 7, "?limit=-2": 2, "?limit=99999": 7, "?limit=x": 7, "?max_id=x&since_id=-1": 7, "?min_id=0": 7} {
			if got := len(d.get("/api/v1/timelines/home"+at, ann).list()); got != want {
				t.Errorf("home%s has %d, want %d", at, got, want)
			}
		}
		kept := links(d.get("/api/v1/timelines/public?local=true&only_media=false&evil=1&access_token="+ann.bearer, nobody))
		if !strings.Contains(kept["next"], "local=true") || strings.Contains(kept["next"], "evil") || strings.Contains(kept["next"], ann.bearer) {
			t.Errorf("the link keeps %q", kept["next"])
		}
	})
}

func TestTimelines(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		eve := d.Remote("eve", "far.example")
		d.Follow(ann.Account, bob.Account)
		one := d.Post(bob.Account, "one #Tag")
		two := d.Receive(eve, "<p>two</p>", func(in *statuses.Incoming) { in.Tags = []string{"tag"} })
		three := d.Post(bob.Account, "three", func(x *statuses.Draft) { x.Visibility = statuses.Unlisted })
		for at, want := range map[string]string{
			"/api/v1/timelines/home":                                      idsOf(three.ID, one.ID),
			"/api/v1/timelines/public":                                    idsOf(two.ID, one.ID),
			"/api/v1/timelines/public?local=true":                         idsOf(one.ID),
			"/api/v1/timelines/public?remote=1":                           idsOf(two.ID),
			"/api/v1/timelines/public?only_media=t":                       "",
			"/api/v1/timelines/tag/TAG":                                   idsOf(two.ID, one.ID),
			"/api/v1/timelines/tag/tag?local=on":                          idsOf(one.ID),
			"/api/v1/timelines/tag/other?any[]=tag":                       idsOf(two.ID, one.ID),
			"/api/v1/timelines/tag/tag?none[]=tag":                        "",
			path("/api/v1/accounts/%d/statuses", bob.ID):                  idsOf(three.ID, one.ID),
			path("/api/v1/accounts/%d/statuses?tagged=tag", bob.ID):       idsOf(one.ID),
			path("/api/v1/accounts/%d/statuses?only_media=1", bob.ID):     "",
			path("/api/v1/accounts/%d/statuses?limit=1&min_id=1", bob.ID): idsOf(one.ID),
		} {
			if got := d.get(at, ann).ids(); got != want {
				t.Errorf("%s shows %s, want %s", at, got, want)
			}
		}
		d.get("/api/v1/timelines/direct", ann).want(404)
		tag := d.get("/api/v1/tags/tag", ann)
		tag.is("history.0.uses", "2").is("history.0.accounts", "2").is("following", false)
		d.get("/api/v1/tags/never", nobody).is("name", "never").is("history.6.uses", "0")
		d.get("/api/v1/tags/%20", nobody).want(404)
	})
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		st := d.Post(bob.Account, "hello @ann")
		if err := d.notices.Posted(d.Ctx(), statuses.Posted{StatusID: st.ID, AccountID: bob.ID, Local: true}); err != nil {
			t.Fatal(err)
		}
		d.Clock.Advance(time.Second)
		d.Follow(bob.Account, ann.Account)
		for _, e := range d.Events() {
			if f, ok := e.(relations.Followed); ok {
				if err := d.notices.Followed(d.Ctx(), f); err != nil {
					t.Fatal(err)
				}
			}
		}
		all := d.get("/api/v1/notifications", ann)
		all.is("0.type", "follow").is("1.type", "mention").is("1.status.id", idsOf(st.ID)).is("1.account.acct", "bob")
		d.get("/api/v1/notifications?types[]=mention", ann).is("0.type", "mention")
		d.get("/api/v1/notifications?exclude_types[]=mention&limit=1", ann).is("0.type", "follow")
		d.get("/api/v1/notifications/unread_count", ann).is("count", 2.0)
		d.post("/api/v1/markers", ann, object{"notifications": object{"last_read_id": all.str("1.id")}}).is("notifications.last_read_id", all.str("1.id"))
		d.get("/api/v1/notifications/unread_count", ann).is("count", 1.0)
		one := "/api/v1/notifications/" + all.str("1.id")
		d.get(one, bob).says(404, "Record not found")
		d.post(one+"/dismiss", bob, nil).says(404, "Record not found")
		d.post(one+"/dismiss", ann, nil).want(200)
		d.get(one, ann).want(404)
		d.post("/api/v1/notifications/clear", ann, nil).want(200)
		if got := d.get("/api/v1/notifications", ann).ids(); got != "" {
			t.Errorf("left after clearing: %s", got)
		}
		d.get("/api/v1/markers?timeline[]=home&timeline[]=notifications", ann).is("notifications.version", 0.0).is("home", nil)
		d.post("/api/v1/markers", ann, object{"home": object{"last_read_id": "abc"}}).want(422)
	})
}

// TestSearch: only what was meant is found, posts by their address alone (VIS-03), and signs that mean something to a database mean nothing (INB-11).
func TestSearch(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		eve := d.Remote("eve", "far.example")
		st := d.Receive(eve, "<p>x</p>", func(in *statuses.Incoming) { in.Tags = []string{"gophers"} })
		d.get("/api/v2/search?q=eve", ann).is("accounts.0.acct", "eve@far.example")
		d.get("/api/v2/search?q=gopher", nobody).is("hashtags.0.name", "gophers").is("hashtags.0.history.0.uses", "1")
		d.get("/api/v2/search?q=%23gophers&type=hashtags", ann).is("hashtags.0.name", "gophers")
		d.get("/api/v2/search?q="+st.URL, ann).is("statuses.0.id", idsOf(st.ID))
		d.get("/api/v2/search?q="+eve.URL, ann).is("accounts.0.id", idsOf(eve.ID))
		d.get("/api/v1/accounts/search?q=@eve@far.example", ann).is("0.id", idsOf(eve.ID))
		d.get("/api/v1/accounts/search?q=eve&following=true", ann).want(200)
		d.get("/api/v2/search", ann).want(400)
		d.get("/api/v2/search?q=x&resolve=true", nobody).want(401)
		d.get("/api/v2/search?q=x&offset=5", nobody).want(401)
		d.Remote("axb", "far.example")
		d.Receive(eve, "<p>x</p>", func(in *statuses.Incoming) { in.Visibility, in.Tags = statuses.Unlisted, []string{"unheard"} })
		secret := d.Receive(eve, "<p>unheard words</p>", func(in *statuses.Incoming) { in.Visibility = statuses.Direct })
		for _, q := range []string{"a_b", "%25", "%25%25", "_", "e%25e", "%5C", "%27%20OR%20%271%27=%271", "eve%27--", "a:*%20%26%20!b", "unheard", secret.URI} {
			got := d.get("/api/v2/search?q="+q, ann)
			if got.code != 200 || len(got.at("accounts").([]any))+len(got.at("statuses").([]any))+len(got.at("hashtags").([]any)) != 0 {
				t.Errorf("%.40q finds %d %.300s", q, got.code, got.body)
			}
		}
		d.get("/api/v2/search?q="+strings.Repeat("x", 10_000), ann).want(422)
		if len(d.finder.asked) > 0 {
			t.Errorf("asked elsewhere for %v without being told to", d.finder.asked)
		}
		d.get("/api/v2/search?q=new@far.example&resolve=true", ann).want(200)
		d.get("/api/v2/search?q=@ghost@local.example&resolve=true", ann).want(200)
		if fmt.Sprint(d.finder.asked) != "[new@far.example]" {
			t.Errorf("asked elsewhere for %v", d.finder.asked)
		}
		d.finder.err, d.finder.status = nil, st
		d.get("/api/v2/search?q=https://far.example/p/1&resolve=true", ann).is("statuses.0.id", idsOf(st.ID))
		d.finder.err = errs.New(errs.UnavailableKind, "Remote data could not be fetched")
		d.get("/api/v2/search?q=https://far.example/p/2&resolve=true", ann).says(503, "Remote data could not be fetched")
	})
}

// TestSearchOfPosts: posts are found by their words, as far as the one who asks may find them (VIS-03, MOD-03).
func TestSearchOfPosts(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann, bob := d.person("ann"), d.person("bob")
	first := d.Post(ann.Account, "the first quokka")
	secret := d.Post(ann.Account, "a secret quokka", func(draft *statuses.Draft) { draft.Visibility = statuses.Private })
	for _, st := range []*statuses.Status{first, secret} {
		if err := d.search.Enter(d.ctx, st.ID); err != nil {
			t.Fatal(err)
		}
	}
	found := func(who *who, q string) string {
		t.Helper()
		a := d.get("/api/v2/search?q="+q, who).want(200)
		var out []string
		for _, st := range a.at("statuses").([]any) {
			out = append(out, st.(map[string]any)["id"].(string))
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		who  *who
		q    string
		want string
	}{
		{ann, "quokkas", idsOf(secret.ID) + " " + idsOf(first.ID)},
		{ann, "quokkas&type=statuses&offset=1", idsOf(first.ID)},
		{ann, "quokkas&offset=1", idsOf(secret.ID) + " " + idsOf(first.ID)},
		{ann, "quokkas&max_id=" + idsOf(secret.ID), idsOf(first.ID)},
		{ann, "quokkas&min_id=" + idsOf(first.ID), idsOf(secret.ID)},
		{ann, "quokkas&type=accounts", ""},
		{ann, "quokkas&account_id=" + idsOf(bob.ID), ""},
		{bob, "quokkas", ""},
		{nobody, "quokkas", ""},
	} {
		if got := found(c.who, c.q); got != c.want {
			t.Errorf("%s finds %q, not %q", c.q, got, c.want)
		}
	}
	on := true
	if _, err := d.Accounts.UpdateProfile(d.ctx, ann.ID, accounts.Profile{Indexable: &on}); err != nil {
		t.Fatal(err)
	}
	if got := found(bob, "quokkas"); got != idsOf(first.ID) {
		t.Errorf("with consent: %q", got)
	}
	d.get("/api/v2/search?q=quokkas&account_id=1", ann).want(404)
	d.get("/api/v2/search?q=quokkas+before:tomorrow", ann).says(422, "Invalid date supplied")
}

func TestInstance(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		d.Account("ann")
		v2 := d.get("/api/v2/instance", nobody)
		v2.is("domain", "local.example").is("configuration.statuses.max_characters", 500.0).is("configuration.urls.streaming", "wss://local.example")
		v2.is("api_versions.mastodon", 11.0).is("version", "4.6.5 (compatible; Gomph 1.0.0)").is("configuration.polls.max_expiration", 2678400.0)
		if !strings.HasPrefix(v2.header.Get("Cache-Control"), "public") {
			t.Errorf("may be cached: %q", v2.header.Get("Cache-Control"))
		}
		v1 := d.get("/api/v1/instance", nobody)
		v1.is("uri", "local.example").is("stats.user_count", 1.0)
		if v1.header.Get("Deprecation") != "@1668384000" {
			t.Errorf("Deprecation is %q", v1.header.Get("Deprecation"))
		}
		for _, at := range []string{"rules", "peers", "extended_description", "domain_blocks"} {
			d.get("/api/v1/instance/"+at, nobody).want(200)
		}
		d.get("/api/v1/custom_emojis", nobody).want(200)
		d.get("/api/v1/nothing", nobody).want(404)
		d.call("DELETE", "/api/v2/instance", nobody, nil).want(404)
		d.call(http.MethodHead, "/api/v2/instance", nobody, nil).want(200)
	})
}
