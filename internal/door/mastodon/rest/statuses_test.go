package rest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

type object = map[string]any

func TestAPostsLife(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		d.Remote("eve", "far.example")

		made := d.post("/api/v1/statuses", ann, object{"status": "Hi @bob and @eve@far.example, see https://example.com/ #Go", "language": "en", "spoiler_text": "cw"})
		made.is("visibility", "public").is("sensitive", true).is("spoiler_text", "cw").is("language", "en").is("account.acct", "ann").is("tags.0.name", "go")
		made.is("mentions.1.acct", "eve@far.example").is("pinned", false).is("favourited", false).is("reblog", nil)
		id := made.str("id")
		if !strings.Contains(made.str("content"), `<a href="https://local.example/@bob"`) {
			t.Errorf("content is %s", made.str("content"))
		}
		one := "/api/v1/statuses/" + id
		d.get(one, nobody).is("id", id)
		d.get(one+"/source", ann).is("text", "Hi @bob and @eve@far.example, see https://example.com/ #Go")
		d.get(one+"/source", bob).says(404, "Record not found")

		d.post(one+"/favourite", bob, nil).is("favourited", true).is("favourites_count", 1.0)
		d.post(one+"/favourite", bob, nil).is("favourites_count", 1.0)
		d.post(one+"/bookmark", bob, nil).is("bookmarked", true)
		d.post(one+"/mute", bob, nil).is("muted", true)
		boost := d.post(one+"/reblog", bob, object{"visibility": "unlisted"})
		boost.is("reblog.id", id).is("visibility", "unlisted").is("reblogged", true).is("reblog.reblogged", true).is("reblog.reblogs_count", 1.0)
		d.get(one+"/favourited_by", nobody).is("0.acct", "bob")
		d.get(one+"/reblogged_by", nobody).is("0.acct", "bob")
		d.get("/api/v1/favourites", bob).is("0.id", id)
		d.get("/api/v1/bookmarks", bob).is("0.id", id)
		d.post(one+"/unreblog", bob, nil).is("id", id).is("reblogged", false)
		d.post(one+"/unfavourite", bob, nil).is("favourited", false)
		d.post(one+"/unbookmark", bob, nil).is("bookmarked", false)
		d.post(one+"/unmute", bob, nil).is("muted", false)

		d.post(one+"/pin", ann, nil).is("pinned", true)
		d.get("/api/v1/accounts/"+made.str("account.id")+"/statuses?pinned=true", nobody).is("0.id", id)
		d.post(one+"/pin", bob, nil).says(422, "Validation failed: Someone else's post cannot be pinned")
		d.post(one+"/unpin", ann, nil).is("pinned", false)

		d.Clock.Advance(time.Minute)
		d.call("PUT", one, bob, object{"status": "mine now"}).says(404, "Record not found")
		edited := d.call("PUT", one, ann, object{"status": "better"})
		edited.is("content", "<p>better</p>").is("spoiler_text", "")
		if edited.at("edited_at") == nil {
			t.Error("an edited post does not say when")
		}
		history := d.get(one+"/history", nobody).list()
		if len(history) != 2 || !strings.Contains(history[0]["content"].(string), "example.com") || history[1]["content"] != "<p>better</p>" {
			t.Errorf("history is %v", history)
		}

		d.call("DELETE", one, bob, nil).says(404, "Record not found")
		gone := d.call("DELETE", one, ann, nil)
		gone.is("text", "better")
		if gone.at("content") != nil {
			t.Error("a deleted post shows its content beside its text")
		}
		d.get(one, ann).says(404, "Record not found")
		d.call("DELETE", one, ann, nil).says(404, "Record not found")
	})
}

func TestPostingTwiceWithOneKey(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		post := func(text string) string {
			return d.call("POST", "/api/v1/statuses", ann, object{"status": text}, "Idempotency-Key", "k1").want(200).str("id")
		}
		first := post("once")
		if again := post("once more"); again != first {
			t.Errorf("the repeated key made %s after %s", again, first)
		}
		d.Clock.Advance(61 * time.Minute)
		if later := post("later"); later == first {
			t.Error("the key was remembered for more than an hour")
		}
	})
}

func TestWhatIsNotPosted(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann := d.person("ann")
	bob := d.person("bob")
	secret := d.Post(bob.Account, "secret", func(x *statuses.Draft) { x.Visibility = statuses.Direct })
	file := d.File(bob.Account, "")
	options := func(list ...string) object {
		return object{"status": "vote", "poll": object{"options": list, "expires_in": 3600}}
	}
	for _, c := range []struct {
		name, message string
		code          int
		body          any
	}{
		{"nothing", "Validation failed: Text can't be blank", 422, object{}},
		{"too long", "Validation failed: Text character limit of 500 exceeded", 422, object{"status": strings.Repeat("é", 501)}},
		{"unknown parent", "The post you are trying to reply to does not appear to exist.", 404, object{"status": "x", "in_reply_to_id": "12345"}},
		{"malformed parent", "The post you are trying to reply to does not appear to exist.", 404, object{"status": "x", "in_reply_to_id": "drop table"}},
		{"invisible parent", "The post you are trying to reply to does not appear to exist.", 404, object{"status": "x", "in_reply_to_id": idsOf(secret.ID)}},
		{"visibility", "Validation failed: Visibility is not included in the list", 422, object{"status": "x", "visibility": "everyone"}},
		{"another's file", "Validation failed: Cannot attach files that have not finished processing. Try again in a moment!", 422, object{"status": "x", "media_ids": []string{idsOf(file.ID)}}},
		{"no file", "Record not found", 404, object{"status": "x", "media_ids": []string{"one"}}},
		{"five files", "Validation failed: Cannot attach more than 4 files", 422, object{"status": "x", "media_ids": []int{1, 2, 3, 4, 5}}},
		{"schedule soon", "Validation failed: Scheduled at date must be in the future", 422, object{"status": "x", "scheduled_at": d.Clock.Now().Add(5 * time.Minute)}},
		{"schedule nonsense", "Validation failed: Scheduled at is invalid", 422, object{"status": "x", "scheduled_at": "tomorrow"}},
		{"schedule too late", "Validation failed: Scheduled at is invalid", 422, object{"status": "x", "scheduled_at": "99999-01-01T00:00:00Z"}},
		{"schedule nothing", "Validation failed: Text can't be blank", 422, object{"scheduled_at": "2100-01-01T00:00:00Z"}},
		{"unknown quote", "The post you are trying to quote does not appear to exist.", 404, object{"status": "x", "quoted_status_id": "1"}},
		{"malformed quote", "The post you are trying to quote does not appear to exist.", 404, object{"status": "x", "quoted_status_id": "drop table"}},
		{"invisible quote", "The post you are trying to quote does not appear to exist.", 404, object{"status": "x", "quoted_status_id": idsOf(secret.ID)}},
		{"quote policy", "Validation failed: Quote approval policy is not included in the list", 422, object{"status": "x", "quote_approval_policy": "friends"}},
		{"one option", "Validation failed: Options must have more than one item", 422, options("a")},
		{"equal options", "Validation failed: Options contain duplicate items", 422, options("a", "a")},
		{"many options", "Validation failed: Options can't contain more than 4 items", 422, options("a", "b", "c", "d", "e")},
		{"long poll", "Validation failed: Expires at is too far into the future", 422, object{"status": "x", "poll": object{"options": []string{"a", "b"}, "expires_in": "99999999999999999"}}},
		{"text is a list", "Validation failed: Text can't be blank", 422, object{"status": []string{"x"}}},
	} {
		if got := d.post("/api/v1/statuses", ann, c.body); got.code != c.code || got.str("error") != c.message {
			t.Errorf("%s: %d %s", c.name, got.code, got.body)
		}
	}
	if n := d.again(ann).StatusesCount; n != 0 {
		t.Errorf("%d posts were made all the same", n)
	}
}

func TestOnlyTheMentionsThatWereMeant(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann := d.person("ann")
	bob, _ := d.Account("bob"), d.Account("eve")
	body := object{"status": "@bob @eve psst", "visibility": "direct", "allowed_mentions": []string{idsOf(bob.ID)}}
	r := d.post("/api/v1/statuses", ann, body).want(422)
	if dig(t, r.at("unexpected_accounts"), "0.acct") != "eve" {
		t.Errorf("answered %s", r.body)
	}
	body["status"] = "@bob psst"
	d.post("/api/v1/statuses", ann, body).is("visibility", "direct")
}

// TestWhatOthersMayNotSee asks every route about a post for those who may not know that it is there (VIS-01, VIS-04).
func TestWhatOthersMayNotSee(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, eve := d.person("ann"), d.person("bob"), d.person("eve")
		private := d.Post(ann.Account, "for followers", func(x *statuses.Draft) { x.Visibility = statuses.Private })
		direct := d.Post(ann.Account, "@bob for you", func(x *statuses.Draft) { x.Visibility = statuses.Direct })
		poll := d.Post(ann.Account, "@bob which?", func(x *statuses.Draft) {
			x.Visibility = statuses.Direct
			x.Poll = &statuses.PollDraft{Options: []string{"a", "b"}, ExpiresIn: time.Hour}
		})
		for _, id := range []statuses.ID{private.ID, direct.ID} {
			one := path("/api/v1/statuses/%d", id)
			for _, r := range d.routes {
				if !strings.HasPrefix(r.Pattern, "/api/v1/statuses/{id}") {
					continue
				}
				at := strings.Replace(r.Pattern, "/api/v1/statuses/{id}", one, 1)
				got := d.call(r.Method, at, eve, object{"status": "x"})
				if got.code != 404 || strings.Contains(string(got.body), "for") && !strings.Contains(string(got.body), "Record not found") {
					t.Errorf("%s %s answers a stranger %d %s", r.Method, at, got.code, got.body)
				}
			}
		}
		d.get(path("/api/v1/statuses/%d", direct.ID), bob).want(200)
		d.get(path("/api/v1/polls/%d", poll.PollID), eve).want(404)
		d.post(path("/api/v1/polls/%d/votes", poll.PollID), eve, object{"choices": []int{0}}).want(404)
		d.get(path("/api/v1/polls/%d", poll.PollID), bob).is("voted", false)
		d.post(path("/api/v1/statuses/%d/reblog", direct.ID), bob, nil).says(403, "This action is not allowed")
		if got := d.get("/api/v1/statuses?id[]="+idsOf(private.ID)+"&id[]="+idsOf(direct.ID), eve).ids(); got != "" {
			t.Errorf("a stranger got %s", got)
		}
		if got := d.get("/api/v1/statuses?id[]="+idsOf(private.ID)+"&id[]="+idsOf(direct.ID), bob).ids(); got != idsOf(direct.ID) {
			t.Errorf("bob got %s", got)
		}
		if err := d.Relations.Block(d.Ctx(), ann.Account, eve.Account, ""); err != nil {
			t.Fatal(err)
		}
		public := d.Post(ann.Account, "hello")
		d.get(path("/api/v1/statuses/%d", public.ID), eve).want(404)
	})
}

func TestPolls(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		made := d.post("/api/v1/statuses", ann, object{"status": "tea?", "poll": object{"options": []string{"yes", "no"}, "expires_in": 600, "hide_totals": true}})
		made.is("poll.multiple", false).is("poll.expired", false).is("poll.options.0.title", "yes").is("poll.options.0.votes_count", nil)
		one := "/api/v1/polls/" + made.str("poll.id")
		d.post(one+"/votes", bob, object{}).says(400, "param is missing or the value is empty or invalid: choices")
		d.post(one+"/votes", bob, object{"choices": []int{0, 1}}).want(422)
		d.post(one+"/votes", bob, object{"choices": []string{"x"}}).want(422)
		d.post(one+"/votes", bob, object{"choices": []int{9}}).want(422)
		d.post(one+"/votes", ann, object{"choices": []int{0}}).want(422)
		d.post(one+"/votes", bob, object{"choices": []int{1}}).is("voted", true).is("own_votes.0", 1.0).is("votes_count", 1.0).is("options.1.votes_count", nil)
		d.post(one+"/votes", bob, object{"choices": []int{1}}).want(422)
		d.Clock.Advance(11 * time.Minute)
		d.get(one, nobody).is("expired", true).is("options.1.votes_count", 1.0).is("voters_count", 1.0)
		d.post(one+"/votes", d.person("late"), object{"choices": []int{0}}).want(422)
	})
}

func TestThreads(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		answer := func(by *who, to statuses.ID) *statuses.Status {
			return d.Post(by.Account, "answer", func(x *statuses.Draft) { x.InReplyToID = to })
		}
		root := d.Post(ann.Account, "root")
		one := answer(bob, root.ID)
		two := answer(ann, one.ID)
		three := answer(bob, two.ID)
		r := d.get(path("/api/v1/statuses/%d/context", two.ID), nobody).want(200)
		var got struct{ Ancestors, Descendants []struct{ ID string } }
		r.decode(&got)
		if fmt.Sprint(got.Ancestors, got.Descendants) != fmt.Sprintf("[{%d} {%d}] [{%d}]", root.ID, one.ID, three.ID) {
			t.Errorf("the thread is %v", got)
		}
		d.get(path("/api/v1/statuses/%d", root.ID), nobody).is("replies_count", 1.0)
	})
}

// TestAThreadOfOthersIsFilled: whoever is signed in and opens one is told where to ask how far it is.
func TestAThreadOfOthersIsFilled(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		st, err := d.Statuses.Receive(d.Ctx(), d.Remote("bob", "other.example"), statuses.Incoming{URI: "https://other.example/1", Content: "root", PublishedAt: d.Clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		at := path("/api/v1/statuses/%d/context", st.ID)
		refresh := func(as *who) string { return d.get(at, as).want(200).header.Get("Mastodon-Async-Refresh") }
		if h := refresh(ann); h != "" {
			t.Errorf("a post that is just written is filled: %s", h)
		}
		d.Clock.Advance(6 * time.Minute)
		if h := refresh(nobody); h != "" {
			t.Errorf("nobody had it filled: %s", h)
		}
		h := refresh(ann)
		id, found := strings.CutPrefix(h, `id="`)
		id, rest, _ := strings.Cut(id, `"`)
		if !found || rest != ", retry=3, result_count=0" {
			t.Fatalf("the header is %q", h)
		}
		if again := refresh(ann); again != h {
			t.Errorf("who opens it meanwhile is told %q", again)
		}
		d.get("/api/v1_alpha/async_refreshes/"+id, ann).want(200).is("async_refresh.id", id).is("async_refresh.status", "running").is("async_refresh.result_count", 0.0)
		if err := d.Statuses.EndRun(d.Ctx(), statuses.ThreadWanted{Conversation: st.ConversationID}); err != nil {
			t.Fatal(err)
		}
		d.get("/api/v1_alpha/async_refreshes/"+id, ann).is("async_refresh.status", "finished")
		for _, wrong := range []string{"thread-1", "7", "thread-"} {
			d.get("/api/v1_alpha/async_refreshes/"+wrong, ann).want(404)
		}
	})
}

func TestFilters(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob, eve := d.person("ann"), d.person("bob"), d.person("eve")
		d.Follow(ann.Account, bob.Account)
		made := d.post("/api/v2/filters", ann, object{"title": "fish", "context": []string{"home"}, "filter_action": "warn", "expires_in": "",
			"keywords_attributes": []object{{"keyword": "trout", "whole_word": true}}})
		made.is("keywords.0.keyword", "trout").is("expires_at", nil).is("filter_action", "warn")
		one := "/api/v2/filters/" + made.str("id")
		post := d.Post(bob.Account, "a trout swims")
		home := d.get("/api/v1/timelines/home", ann)
		home.is("0.id", idsOf(post.ID)).is("0.filtered.0.filter.title", "fish").is("0.filtered.0.keyword_matches.0", "trout")

		d.post(one+"/keywords", ann, object{"keyword": "carp"}).is("whole_word", true)
		word := "/api/v2/filters/keywords/" + made.str("keywords.0.id")
		d.get(one+"/keywords", ann).is("1.keyword", "carp")
		d.call("PUT", word, ann, object{"keyword": "salmon", "whole_word": "false"}).is("keyword", "salmon").is("whole_word", false)
		row := d.post(one+"/statuses", ann, object{"status_id": idsOf(post.ID)})
		row.is("status_id", idsOf(post.ID))
		d.get(one+"/statuses", ann).is("0.id", row.str("id"))
		d.get("/api/v1/timelines/home", ann).is("0.filtered.0.status_matches.0", idsOf(post.ID)).is("0.filtered.0.keyword_matches", nil)
		d.get("/api/v2/filters/statuses/"+row.str("id"), ann).want(200)
		d.call("DELETE", "/api/v2/filters/statuses/"+row.str("id"), ann, nil).is("id", row.str("id"))

		v1 := d.get("/api/v1/filters", ann)
		v1.is("0.phrase", "salmon").is("1.phrase", "carp")
		if v1.header.Get("Deprecation") == "" {
			t.Error("old filters do not say that they are old")
		}
		for _, at := range []string{one, one + "/keywords", one + "/statuses", word, "/api/v1/filters/" + v1.str("0.id")} {
			d.get(at, eve).says(404, "Record not found") // VIS-10
		}
		for _, at := range []string{one, word, "/api/v1/filters/" + v1.str("0.id")} {
			d.call("PUT", at, eve, object{"title": "x", "keyword": "x", "phrase": "x", "context": []string{"home"}}).want(404)
			d.call("DELETE", at, eve, nil).want(404)
		}
		d.post("/api/v2/filters", ann, object{"title": "", "context": []string{"moon"}}).want(422)
		old := d.post("/api/v1/filters", ann, object{"phrase": "eel", "context": []string{"home", "public"}, "irreversible": true, "expires_in": 60})
		old.is("irreversible", true).is("context.1", "public")
		d.call("DELETE", "/api/v1/filters/"+old.str("id"), ann, nil).want(200)
		d.call("PATCH", one, ann, object{"title": "water", "context": []string{"home", "thread"}}).is("title", "water").is("context.1", "thread")
		d.call("DELETE", one, ann, nil).want(200)
		if got := d.get("/api/v2/filters", ann).ids(); got != "" {
			t.Errorf("filters left: %s", got)
		}
	})
}
