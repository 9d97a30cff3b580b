package rest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// paged is a list that is read page by page.
type paged struct {
	at  string
	add func(i int) // puts something new on it
	// prev is the parameter by which the page before is asked for (README of the tables); full says that only full pages name a next one.
	prev string
	full bool
}

// happened hands on what followed from acts: to feeds and to notices.
func (d *door) happened() {
	d.t.Helper()
	for _, e := range d.Events() {
		var err error
		switch e := e.(type) {
		case statuses.Posted:
			if err = d.feeds.Insert(d.Ctx(), e); err == nil {
				err = d.notices.Posted(d.Ctx(), e)
			}
		case statuses.Favourited:
			err = d.notices.Favourited(d.Ctx(), e)
		case relations.Followed:
			err = d.notices.Followed(d.Ctx(), e)
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
}

// keys name what is on a page: ids, names, or the texts themselves.
func keys(r *reply) []string {
	r.t.Helper()
	var whole any
	r.decode(&whole)
	if m, ok := whole.(map[string]any); ok {
		whole = m["notification_groups"]
	}
	list, _ := whole.([]any)
	out := make([]string, len(list))
	for i, e := range list {
		switch e := e.(type) {
		case string:
			out[i] = e
		case map[string]any:
			for _, key := range []string{"group_key", "id", "name"} {
				if s, ok := e[key].(string); ok {
					out[i] = s
					break
				}
			}
		}
	}
	return out
}

// lists are all lists of the table that are paged by Link, by their row.
func pagedLists(d *door, ann *who) map[string]paged {
	t, serial := d.t, 0
	other := func() *who { serial++; return d.person(fmt.Sprint("person", serial)) }
	id := func(r *reply) string { return r.want(200).str("id") }
	say := func(as *who, text string, more ...object) *reply {
		body := object{"status": text}
		for _, m := range more {
			for k, v := range m {
				body[k] = v
			}
		}
		return d.post("/api/v1/statuses", as, body)
	}
	me := idsOf(ann.ID)
	bob := d.person("bob")
	d.post("/api/v1/accounts/"+idsOf(bob.ID)+"/follow", ann, nil).want(200)
	popular := id(say(ann, "popular", object{"quote_approval_policy": "public"}))
	list := id(d.post("/api/v1/lists", ann, object{"title": "one"}))
	d.post("/api/v1/lists/"+list+"/accounts", ann, object{"account_ids": []string{idsOf(bob.ID)}}).want(200)
	members := id(d.post("/api/v1/lists", ann, object{"title": "two"}))
	locked, yes := d.person("locked"), true
	if _, err := d.Accounts.UpdateProfile(d.Ctx(), locked.ID, accounts.Profile{Locked: &yes}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Accounts.UpdateProfile(d.Ctx(), bob.ID, accounts.Profile{Discoverable: &yes}); err != nil { // for the timeline of a link
		t.Fatal(err)
	}
	follow := func(by *who, target string) {
		d.post("/api/v1/accounts/"+target+"/follow", by, nil).want(200)
	}
	by := func(what string) func(int) {
		return func(int) { d.post("/api/v1/statuses/"+popular+"/"+what, other(), nil).want(200) }
	}
	to := func(what string) func(int) {
		return func(int) { d.post("/api/v1/accounts/"+idsOf(other().ID)+"/"+what, ann, nil).want(200) }
	}
	mine := func(what string) func(int) {
		return func(int) { d.post("/api/v1/statuses/"+id(say(bob, "x"))+"/"+what, ann, nil).want(200) }
	}
	post := func(i int) { say(bob, fmt.Sprintf("post %d #busy", i)).want(200) }
	linked := func(int) {
		st := id(say(bob, "look at https://page.example:22/story"))
		if err := d.DB.Write(d.Ctx(), func(tx *db.Tx) error {
			_, err := tx.Exec(d.Ctx(), "INSERT INTO preview_cards (id, url, title, created_at, updated_at) VALUES (7, 'https://page.example:22/story', 'Story', 1, 1) ON CONFLICT (id) DO NOTHING")
			if err == nil {
				_, err = tx.Exec(d.Ctx(), "INSERT INTO preview_cards_statuses (status_id, preview_card_id, url) VALUES ($1, 7, 'https://page.example:22/story')", st)
			}
			if err == nil {
				_, err = tx.Exec(d.Ctx(), "UPDATE statuses SET parts = parts + 16 WHERE id = $1", st)
			}
			if err == nil {
				_, err = tx.Exec(d.Ctx(), "INSERT INTO trends (kind, object_id, score, allowed) VALUES ('link', 7, 1, TRUE) ON CONFLICT (kind, object_id) DO NOTHING")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	liked := id(say(ann, "liked by many"))
	d.post("/api/v1/accounts/"+idsOf(bob.ID)+"/pin", ann, nil).want(200)
	return map[string]paged{
		"/api/v1/accounts/:id/endorsements": {at: "/api/v1/accounts/" + me + "/endorsements", add: func(int) {
			o := idsOf(other().ID)
			follow(ann, o)
			d.post("/api/v1/accounts/"+o+"/endorse", ann, nil).want(200)
		}, prev: "since_id", full: true},
		"/api/v1/accounts/:id/followers": {at: "/api/v1/accounts/" + me + "/followers", add: func(int) { follow(other(), me) }, prev: "since_id", full: true},
		"/api/v1/accounts/:id/following": {at: "/api/v1/accounts/" + me + "/following", add: to("follow"), prev: "since_id", full: true},
		"/api/v1/accounts/:id/statuses":  {at: "/api/v1/accounts/" + idsOf(bob.ID) + "/statuses", add: post, prev: "min_id", full: true},
		"/api/v1/blocks":                 {at: "/api/v1/blocks", add: to("block"), prev: "since_id", full: true},
		"/api/v1/mutes":                  {at: "/api/v1/mutes", add: to("mute"), prev: "since_id", full: true},
		"/api/v1/bookmarks":              {at: "/api/v1/bookmarks", add: mine("bookmark"), prev: "min_id", full: true},
		"/api/v1/favourites":             {at: "/api/v1/favourites", add: mine("favourite"), prev: "min_id", full: true},
		"/api/v1/conversations": {at: "/api/v1/conversations", add: func(int) {
			o := other()
			st := id(say(o, "@ann psst", object{"visibility": "direct"}))
			var n statuses.ID
			_, _ = fmt.Sscan(st, &n)
			if err := d.feeds.Direct(d.Ctx(), statuses.Posted{StatusID: n, AccountID: o.ID, Local: true, Visibility: statuses.Direct}); err != nil {
				t.Fatal(err)
			}
		}, prev: "min_id", full: true},
		"/api/v1/domain_blocks": {at: "/api/v1/domain_blocks", add: func(i int) {
			d.post("/api/v1/domain_blocks", ann, object{"domain": fmt.Sprintf("far%d.example", i)}).want(200)
		}, prev: "since_id", full: true},
		"/api/v1/endorsements": {at: "/api/v1/endorsements", add: func(int) {
			o := idsOf(other().ID)
			follow(ann, o)
			d.post("/api/v1/accounts/"+o+"/endorse", ann, nil).want(200)
		}, prev: "since_id", full: true},
		"/api/v1/follow_requests":                   {at: "/api/v1/follow_requests", add: func(int) { follow(other(), idsOf(locked.ID)) }, prev: "since_id", full: true},
		"/api/v1/followed_tags":                     {at: "/api/v1/followed_tags", add: func(i int) { d.post(fmt.Sprintf("/api/v1/tags/topic%d/follow", i), ann, nil).want(200) }, prev: "since_id", full: true},
		"/api/v1/notifications":                     {at: "/api/v1/notifications", add: func(int) { say(other(), "@ann hello").want(200) }, prev: "min_id"},
		"/api/v2/notifications":                     {at: "/api/v2/notifications", add: func(int) { say(other(), "@ann hello").want(200) }, prev: "min_id"},
		"/api/v2/notifications/:group_key/accounts": {at: "group of " + liked, add: func(int) { d.post("/api/v1/statuses/"+liked+"/favourite", other(), nil).want(200) }, prev: "min_id", full: true},
		"/api/v1/notifications/requests": {at: "/api/v1/notifications/requests", add: func(int) {
			d.call("PATCH", "/api/v2/notifications/policy", ann, object{"for_not_following": "filter"}).want(200)
			say(other(), "@ann may I?").want(200)
			d.happened()
			d.call("PATCH", "/api/v2/notifications/policy", ann, object{"for_not_following": "accept"}).want(200)
		}, prev: "min_id", full: true},
		"/api/v1/lists/:id/accounts": {at: "/api/v1/lists/" + members + "/accounts", add: func(int) {
			o := idsOf(other().ID)
			follow(ann, o)
			d.post("/api/v1/lists/"+members+"/accounts", ann, object{"account_ids": []string{o}}).want(200)
		}, prev: "since_id", full: true},
		"/api/v1/scheduled_statuses": {at: "/api/v1/scheduled_statuses", add: func(i int) {
			say(ann, fmt.Sprint("later ", i), object{"scheduled_at": d.Clock.Now().Add(time.Duration(i+10) * time.Hour).Format(time.RFC3339)}).want(200)
		}, prev: "min_id", full: true},
		"/api/v1/statuses/:id/favourited_by": {at: "/api/v1/statuses/" + popular + "/favourited_by", add: by("favourite"), prev: "since_id", full: true},
		"/api/v1/statuses/:id/reblogged_by":  {at: "/api/v1/statuses/" + popular + "/reblogged_by", add: by("reblog"), prev: "since_id", full: true},
		"/api/v1/statuses/:id/quotes":        {at: "/api/v1/statuses/" + popular + "/quotes", add: func(int) { say(other(), "well said", object{"quoted_status_id": popular}).want(200) }, prev: "since_id", full: true},
		"/api/v1/timelines/home":             {at: "/api/v1/timelines/home", add: post, prev: "min_id"},
		"/api/v1/timelines/list/:list_id":    {at: "/api/v1/timelines/list/" + list, add: post, prev: "min_id"},
		"/api/v1/timelines/public":           {at: "/api/v1/timelines/public", add: post, prev: "min_id"},
		"/api/v1/timelines/tag/:hashtag":     {at: "/api/v1/timelines/tag/busy", add: post, prev: "min_id"},
		"/api/v1/timelines/link":             {at: "/api/v1/timelines/link?url=https://page.example:22/story", add: linked, prev: "min_id"},
	}
}

// TestEveryListIsReadToItsEnd reads every list that the table pages by Link to its end and back while new things come: what was there is met once, and so is
// what came, and the links are as the README of the table says.
func TestEveryListIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	var rows []string
	if err := lines("endpoints.tsv", func(c []string) {
		if c[9] == "link" && !strings.HasPrefix(c[2], "admin") && !strings.HasPrefix(c[6], "removed") {
			rows = append(rows, c[1])
		}
	}); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		t.Run(strings.ReplaceAll(strings.TrimPrefix(row, "/api/"), "/", "_"), func(t *testing.T) {
			t.Parallel()
			d := open(t, dbtest.SQLite(t))
			ann := d.person("ann")
			l, ok := pagedLists(d, ann)[row]
			if !ok {
				t.Fatal("nobody reads this list here")
			}
			reader := ann
			if row == "/api/v1/follow_requests" {
				reader = d.whoHas("locked")
			}
			d.walk(l, reader)
		})
	}
}

// whoHas finds a person by name.
func (d *door) whoHas(name string) *who {
	d.t.Helper()
	a, err := d.Accounts.ByAcct(d.Ctx(), d.DB, name, "")
	if err != nil {
		d.t.Fatal(err)
	}
	for bearer, k := range d.keys {
		if k.account == a.ID {
			return &who{Account: a, bearer: bearer, user: k.token.UserID}
		}
	}
	d.t.Fatalf("nobody is called %s", name)
	return nil
}

const (
	there, onPage = 10, 3
)

func (d *door) walk(l paged, as *who) {
	t := d.t
	t.Helper()
	n := 0
	add := func() {
		d.Clock.Advance(2 * time.Second)
		l.add(n)
		n++
		d.happened()
	}
	for range there {
		add()
	}
	if post, ok := strings.CutPrefix(l.at, "group of "); ok {
		l.at = d.groupOf(as, post)
	}
	mark := "?"
	if strings.Contains(l.at, "?") {
		mark = "&"
	}
	whole := keys(d.get(l.at+mark+"limit=40", as).want(200))
	if len(whole) < there || len(whole) != len(slices.Compact(slices.Sorted(slices.Values(whole)))) {
		t.Fatalf("%d were added, and there are %v", there, whole)
	}
	var walked []string
	var back string
	came := 0
	for next := l.at + mark + "limit=3"; next != ""; {
		r := d.get(next, as).want(200)
		page, around := keys(r), links(r)
		walked = append(walked, page...)
		if back == "" {
			back = around["prev"]
		}
		if len(page) > onPage {
			t.Errorf("%d on a page of %d", len(page), onPage)
		}
		if p := around["prev"]; len(page) > 0 && !strings.Contains(p, l.prev+"=") || len(page) == 0 && p != "" {
			t.Errorf("before a page of %d comes %q, and not by %s", len(page), p, l.prev)
		}
		if more := len(page) == onPage || len(page) > 0 && !l.full; (around["next"] != "") != more {
			t.Errorf("after a page of %d comes %q", len(page), around["next"])
		}
		if around["next"] != "" && (!strings.Contains(around["next"], "max_id=") || !strings.Contains(around["next"], "limit=3") || strings.Index(r.header.Get("Link"), `rel="next"`) > strings.Index(r.header.Get("Link"), `rel="prev"`)) {
			t.Errorf("the links are %s", r.header.Get("Link"))
		}
		if next = around["next"]; came < onPage {
			add()
			came++
		}
		if len(walked) > 4*len(whole) {
			t.Fatalf("it never ends: %v", walked)
		}
	}
	if !slices.Equal(walked, whole) {
		t.Errorf("met %v of %v", walked, whole)
	}
	// Back to what came meanwhile.
	var newer []string
	for range 10 {
		r := d.get(back, as).want(200)
		page := keys(r)
		if len(page) == 0 {
			break
		}
		newer = append(newer, page...)
		back = links(r)["prev"]
	}
	now := keys(d.get(l.at+mark+"limit=40", as).want(200))
	want := slices.DeleteFunc(slices.Clone(now), func(k string) bool { return slices.Contains(whole, k) })
	slices.Sort(newer)
	slices.Sort(want)
	if len(want) != came || !slices.Equal(newer, want) {
		t.Errorf("%d came; the way back meets %v, the list has %v", came, newer, want)
	}
}

// groupOf is the list of those who liked a post, as one notice tells of them.
func (d *door) groupOf(as *who, post string) string {
	d.t.Helper()
	var got struct {
		Groups []struct {
			Key    string `json:"group_key"`
			Status string `json:"status_id"`
		} `json:"notification_groups"`
	}
	if err := json.Unmarshal(d.get("/api/v2/notifications", as).want(200).body, &got); err != nil {
		d.t.Fatal(err)
	}
	for _, g := range got.Groups {
		if g.Status == post {
			return "/api/v2/notifications/" + g.Key + "/accounts"
		}
	}
	d.t.Fatalf("no notice of %s", post)
	return ""
}

// TestListsByNumberAreReadToTheirEnd reads the lists that are paged by offset: each thing once.
func TestListsByNumberAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, hub, yes := d.person("ann"), d.person("hub"), true
		d.post("/api/v1/accounts/"+idsOf(hub.ID)+"/follow", ann, nil).want(200)
		for i := range there {
			d.Clock.Advance(2 * time.Second)
			p := d.person(fmt.Sprintf("walker%d", i))
			if _, err := d.Accounts.UpdateProfile(d.Ctx(), p.ID, accounts.Profile{Discoverable: &yes}); err != nil {
				t.Fatal(err)
			}
			d.Follow(hub.Account, p.Account) // whom ann's friend follows
			d.Post(p.Account, fmt.Sprintf("of #walk%d", i))
			if i < 8 {
				d.post("/api/v1/collections", ann, object{"name": fmt.Sprint("list ", i)}).want(200)
			}
		}
		for at, list := range map[string]string{
			"/api/v1/accounts/search?q=walker": "", "/api/v2/search?type=accounts&q=walker": "accounts", "/api/v2/search?type=hashtags&q=walk": "hashtags",
			"/api/v1/directory?order=new": "", "/api/v1/directory?order=active&local=true": "", "/api/v2/suggestions?x=1": "", "/api/v1/suggestions?x=1": "",
			"/api/v1/accounts/" + idsOf(ann.ID) + "/collections?x=1": "collections",
		} {
			read := func(more string) (out []string) {
				t.Helper()
				var v any
				d.get(at+more, ann).want(200).decode(&v)
				if list != "" {
					v = dig(t, v, list)
				}
				for _, e := range v.([]any) {
					for _, key := range []string{"id", "account.id", "name"} {
						if s, ok := dig(t, e, key).(string); ok && s != "" {
							out = append(out, s)
							break
						}
					}
				}
				return out
			}
			whole := read("&limit=40")
			var walked []string
			for offset := 0; offset < 60; offset += onPage {
				page := read(fmt.Sprintf("&limit=%d&offset=%d", onPage, offset))
				if walked = append(walked, page...); len(page) < onPage {
					break
				}
			}
			if len(whole) < 8 || !slices.Equal(walked, whole) {
				t.Errorf("%s: met %v of %v", at, walked, whole)
			}
		}
	})
}
