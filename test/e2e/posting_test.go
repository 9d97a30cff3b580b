package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestPosting writes, changes and reads posts.
func TestPosting(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		ann, bob, cat := s.Person("ann"), s.Person("bob"), s.Person("cat")
		s.Step(t, "a post is as it was written", func(t *testing.T) { wholePost(t, ann, bob) })
		s.Step(t, "visibilities", func(t *testing.T) { visibilities(t, s, ann, bob, cat) })
		s.Step(t, "an idempotency key", func(t *testing.T) { idempotency(t, ann, bob) })
		s.Step(t, "edit and history", func(t *testing.T) { editing(t, ann, bob) })
		s.Step(t, "search", func(t *testing.T) { searching(t, s, ann, bob) })
		s.Step(t, "an announcement", func(t *testing.T) { announced(t, s, ann) })
		s.Step(t, "delete returns the source", func(t *testing.T) { deleting(t, s, ann, bob) })
		s.Step(t, "a thread", func(t *testing.T) { thread(t, ann, bob, cat) })
		s.Step(t, "boost, favourite, bookmark, pin", func(t *testing.T) { actsOnPosts(t, ann, bob) })
		s.Step(t, "a poll", func(t *testing.T) { polls(t, ann, bob) })
		s.Step(t, "a tag's timeline", func(t *testing.T) { tagTimelines(t, ann, bob) })
		s.Step(t, "a list's timeline", func(t *testing.T) { listTimeline(t, ann, bob, cat) })
		s.Step(t, "an account's posts", func(t *testing.T) { accountPosts(t, s, bob) })
		s.Step(t, "pages join forth and back", func(t *testing.T) { paging(t, s) })
	})
}

// wholePost links to a port that is never asked, as all links of tests to names that are not ours do: nothing here leaves the machine.
func wholePost(t *testing.T, ann, bob Person) {
	post := ann.Write("Hello @bob & <b>all</b> #Tests https://example.com:22/a/long/path/which/is/cut\nline\n\nparagraph", M{
		"spoiler_text": "careful", "sensitive": true, "language": "de", "visibility": "unlisted",
	})
	if post.SpoilerText != "careful" || !post.Sensitive || post.Language != "de" || post.Visibility != "unlisted" || post.Account.ID != ann.ID {
		t.Errorf("posted %+v", post)
	}
	for _, part := range []string{
		`<a href="` + ann.Server.URL + `/@bob" class="u-url mention">@<span>bob</span></a>`, "&amp; &lt;b&gt;all", `#<span>Tests</span></a>`, "line", "</p><p>paragraph",
		`<span class="invisible">`,
	} {
		if !strings.Contains(post.Content, part) {
			t.Errorf("the content lacks %s: %s", part, post.Content)
		}
	}
	if len(post.Mentions) != 1 || post.Mentions[0].ID != bob.ID || post.Mentions[0].Acct != "bob" {
		t.Errorf("mentions %+v", post.Mentions)
	}
	if len(post.Tags) != 1 || !strings.EqualFold(post.Tags[0].Name, "tests") {
		t.Errorf("tags %+v", post.Tags)
	}
	if !regexp.MustCompile(`^\d{18}$`).MatchString(post.ID) || !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(post.CreatedAt) {
		t.Errorf("id %s, created at %s", post.ID, post.CreatedAt)
	}
	bob.Told("mention", About(post.ID))
	bob.To(ann.ID, "follow", nil)
	bob.Sees(Home, post.ID)
	ann.Told("follow", From(bob.ID))
	ann.Sees(Home, post.ID)
	if slices.Contains(IDs(bob.Timeline(Public)), post.ID) {
		t.Error("an unlisted post is in the public timeline")
	}
}

// searching: a post is found once it is written, and all are found again after the index was made anew.
func searching(t *testing.T, s *Server, ann, bob Person) {
	post := ann.Write("@bob have you seen the quokkas?")
	finds := func(who Person, q string) bool {
		return slices.Contains(IDs(who.Search(q, "type", "statuses").Statuses), post.ID)
	}
	Eventually(t, "both find the post", func() error {
		if !finds(ann, "quokka from:me") || !finds(bob, `"the quokka" in:library`) {
			return fmt.Errorf("it is not found")
		}
		return nil
	})
	if finds(bob, "quokka in:public") {
		t.Error("it is found in public without consent")
	}
	if said := s.Command("search", "rebuild"); !strings.Contains(said, "all posts are entered") {
		t.Errorf("rebuild says %s", said)
	}
	if !finds(bob, "quokka") {
		t.Error("it is not found after the index was made anew")
	}
}

// announced: what an operator tells everybody is there and in the streams, and gone when it is taken down.
func announced(t *testing.T, s *Server, ann Person) {
	events := ann.Events("user", nil)
	events.Started("", func() { ann.Write("is anybody there?") })
	id := strings.TrimSpace(s.Command("announcements", "create", "We move tonight, @ann"))
	events.Wait("the announcement", Of("", "announcement", id))
	shown := func() int {
		var list []struct{ ID string }
		ann.Get("/api/v1/announcements", &list)
		return len(list)
	}
	if shown() != 1 {
		t.Errorf("%d announcements are shown", shown())
	}
	if said := s.Command("announcements", "unpublish", id) + s.Command("announcements"); !strings.Contains(said, "unpublished") || shown() != 0 {
		t.Errorf("after it was taken down %d are shown, and the command says %s", shown(), said)
	}
}

func visibilities(t *testing.T, s *Server, ann, bob, cat Person) {
	for visibility, readers := range map[string]struct{ follower, stranger, anonymous int }{
		"public": {200, 200, 200}, "unlisted": {200, 200, 200}, "private": {200, 404, 404}, "direct": {404, 404, 404},
	} {
		post := ann.Write("for some "+visibility, M{"visibility": visibility})
		path := "/api/v1/statuses/" + post.ID
		for who, c := range map[string]struct {
			token string
			want  int
		}{"a follower": {bob.Token, readers.follower}, "a stranger": {cat.Token, readers.stranger}, "nobody": {"", readers.anonymous}, "the author": {ann.Token, 200}} {
			for _, under := range []string{"", "/context"} {
				if got := s.Do("GET", path+under, c.token, nil); got.Status != c.want {
					t.Errorf("%s reads %s%s: %d, want %d", who, visibility, under, got.Status, c.want)
				}
			}
		}
		if readers.stranger == 404 {
			for _, verb := range []string{"favourite", "reblog", "bookmark"} {
				cat.Do("POST", path+"/"+verb, nil).Want(404)
			}
			cat.Do("POST", "/api/v1/statuses", M{"status": "me too", "in_reply_to_id": post.ID}).Want(404)
		}
	}
	direct := ann.Write("@cat a secret", M{"visibility": "direct"})
	if got := cat.Read(direct.ID); got.Visibility != "direct" {
		t.Errorf("the mentioned one reads %+v", got)
	}
	bob.Do("GET", "/api/v1/statuses/"+direct.ID, nil).Want(404)
	bob.Do("POST", "/api/v1/statuses/"+ann.Write("hidden", M{"visibility": "private"}).ID+"/reblog", nil).Want(403)
}

// idempotency posts the same thing several times at once, and again later.
func idempotency(t *testing.T, ann, bob Person) {
	post := func(p Person, key string) Status {
		request, err := http.NewRequest("POST", p.Server.URL+"/api/v1/statuses", strings.NewReader(url.Values{"status": {"only once " + key}}.Encode()))
		if err != nil {
			t.Error(err)
			return Status{}
		}
		request.Header = http.Header{"Authorization": {"Bearer " + p.Token}, "Idempotency-Key": {key}, "Content-Type": {"application/x-www-form-urlencoded"}}
		answer, err := noRedirects.Do(request)
		if err != nil {
			t.Error(err)
			return Status{}
		}
		defer answer.Body.Close()
		var status Status
		if err := json.NewDecoder(answer.Body).Decode(&status); err != nil || answer.StatusCode != 200 {
			t.Errorf("status %d: %v", answer.StatusCode, err)
		}
		return status
	}
	const times = 8
	ids := make([]string, times)
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() { ids[i] = post(ann, "one").ID })
	}
	all.Wait()
	if slices.Sort(ids); len(slices.Compact(ids)) != 1 {
		t.Errorf("one key made the posts %v", ids)
	}
	if again := post(ann, "one"); again.ID != ids[0] {
		t.Errorf("later it made %s, not %s", again.ID, ids[0])
	}
	if other := post(ann, "two"); other.ID == ids[0] {
		t.Error("another key gave the same post")
	}
	if others := post(bob, "one"); others.ID == ids[0] || others.Account.ID != bob.ID {
		t.Error("somebody else's key gave the same post")
	}
	count := 0
	for _, status := range ann.Timeline("/api/v1/accounts/" + ann.ID + "/statuses") {
		if strings.Contains(status.Content, "only once one") {
			count++
		}
	}
	if count != 1 {
		t.Errorf("there are %d of it", count)
	}
}

func editing(t *testing.T, ann, bob Person) {
	post := ann.Write("first", M{"spoiler_text": "w"})
	bob.On(post.ID, "reblog")
	edited := ann.Edit(post.ID, "second #new", M{"spoiler_text": "warned", "language": "fr"})
	if edited.EditedAt == "" || !strings.Contains(edited.Content, "second") || edited.SpoilerText != "warned" || edited.Language != "fr" || len(edited.Tags) != 1 {
		t.Errorf("edited %+v", edited)
	}
	var history []Status
	bob.Get("/api/v1/statuses/"+post.ID+"/history", &history)
	if len(history) != 2 || !strings.Contains(history[0].Content, "first") || !strings.Contains(history[1].Content, "second") || history[0].SpoilerText != "w" {
		t.Errorf("history %+v", history)
	}
	var source struct {
		ID, Text    string
		SpoilerText string `json:"spoiler_text"`
	}
	ann.Get("/api/v1/statuses/"+post.ID+"/source", &source)
	if source.Text != "second #new" || source.SpoilerText != "warned" || source.ID != post.ID {
		t.Errorf("source %+v", source)
	}
	bob.Told("update", About(post.ID))
	bob.Do("PUT", "/api/v1/statuses/"+post.ID, M{"status": "not mine"}).Want(404)
	if got := ann.Read(post.ID); strings.Contains(got.Content, "not mine") {
		t.Errorf("somebody else edited: %s", got.Content)
	}
}

func deleting(t *testing.T, s *Server, ann, bob Person) {
	post := ann.Write("soon & gone", M{"visibility": "public"})
	reply := bob.Write("@ann stay", M{"in_reply_to_id": post.ID})
	bob.On(post.ID, "reblog")
	bob.Sees(Home, post.ID)
	bob.Do("DELETE", "/api/v1/statuses/"+post.ID, nil).Want(404)
	before := ann.Me().StatusesCount
	gone := ann.Delete(post.ID)
	if gone.Text == nil || *gone.Text != "soon & gone" || gone.ID != post.ID {
		t.Errorf("deleted %+v", gone)
	}
	s.Do("GET", "/api/v1/statuses/"+post.ID, "", nil).Want(404)
	ann.Do("DELETE", "/api/v1/statuses/"+post.ID, nil).Want(404)
	bob.Misses(Home, post.ID)
	bob.Misses(Public, post.ID)
	if got := ann.Me().StatusesCount; got != before-1 {
		t.Errorf("%d posts after the deletion, %d before", got, before)
	}
	if got := bob.Read(reply.ID); got.InReplyToID == post.ID {
		t.Errorf("the reply still answers what is gone: %+v", got)
	}
	ann.Until("the notification about the boost is gone", func() (bool, string) {
		all := ann.Notifications("reblog")
		return !slices.ContainsFunc(all, About(post.ID)), fmt.Sprint(len(all))
	})
}

func thread(t *testing.T, ann, bob, cat Person) {
	root := ann.Write("a question")
	answer := bob.Write("@ann an answer", M{"in_reply_to_id": root.ID})
	thanks := ann.Write("@bob thanks", M{"in_reply_to_id": answer.ID})
	secret := ann.Write("@bob between us", M{"in_reply_to_id": answer.ID, "visibility": "direct"})
	other := cat.Write("@ann another", M{"in_reply_to_id": root.ID})
	if answer.InReplyToID != root.ID || answer.InReplyToAccountID != ann.ID {
		t.Errorf("the answer is %+v", answer)
	}
	around := func(p Person, id string) (above, below []string) {
		var context Context
		p.Get("/api/v1/statuses/"+id+"/context", &context)
		return IDs(context.Ancestors), IDs(context.Descendants)
	}
	if above, below := around(bob, answer.ID); !slices.Equal(above, []string{root.ID}) || !slices.Equal(below, []string{thanks.ID, secret.ID}) {
		t.Errorf("bob sees %v above and %v below", above, below)
	}
	if above, below := around(cat, thanks.ID); !slices.Equal(above, []string{root.ID, answer.ID}) || len(below) != 0 {
		t.Errorf("cat sees %v above and %v below", above, below)
	}
	_, below := around(cat, root.ID)
	if slices.Sort(below); !slices.Equal(below, []string{answer.ID, thanks.ID, other.ID}) {
		t.Errorf("cat sees %v below the root", below)
	}
	if got := ann.Read(root.ID); got.RepliesCount != 2 {
		t.Errorf("%d replies", got.RepliesCount)
	}
	bob.Told("mention", About(thanks.ID))
	ann.On(root.ID, "mute")
	muted := cat.Write("@ann more", M{"in_reply_to_id": root.ID})
	loud := cat.Write("@ann elsewhere")
	ann.Told("mention", About(loud.ID))
	if slices.ContainsFunc(ann.Notifications("mention"), About(muted.ID)) {
		t.Error("a muted conversation tells")
	}
}

func actsOnPosts(t *testing.T, ann, bob Person) {
	post := ann.Write("do something with it")
	if got := bob.On(post.ID, "favourite"); !got.Favourited || got.FavouritesCount != 1 {
		t.Errorf("favourite: %+v", got)
	}
	if got := bob.On(post.ID, "favourite"); got.FavouritesCount != 1 {
		t.Errorf("favourite again: %+v", got)
	}
	boost := bob.On(post.ID, "reblog")
	if boost.Reblog == nil || boost.Reblog.ID != post.ID || boost.Reblog.ReblogsCount != 1 || boost.Account.ID != bob.ID {
		t.Errorf("boost: %+v", boost)
	}
	if again := bob.On(post.ID, "reblog"); again.ID != boost.ID {
		t.Errorf("boosting again made %s beside %s", again.ID, boost.ID)
	}
	ann.Told("favourite", func(n Notification) bool { return From(bob.ID)(n) && About(post.ID)(n) })
	ann.Told("reblog", func(n Notification) bool { return From(bob.ID)(n) && About(post.ID)(n) })
	if got := bob.On(post.ID, "bookmark"); !got.Bookmarked {
		t.Errorf("bookmark: %+v", got)
	}
	for _, path := range []string{"/api/v1/bookmarks", "/api/v1/favourites"} {
		if got := bob.Timeline(path); !slices.Equal(IDs(got), []string{post.ID}) {
			t.Errorf("%s: %v", path, IDs(got))
		}
		if got := ann.Timeline(path); len(got) != 0 {
			t.Errorf("%s of ann: %v", path, IDs(got))
		}
	}
	for _, path := range []string{"favourited_by", "reblogged_by"} {
		var people []Profile
		ann.Get("/api/v1/statuses/"+post.ID+"/"+path, &people)
		if len(people) != 1 || people[0].ID != bob.ID {
			t.Errorf("%s: %+v", path, people)
		}
	}
	if got := bob.On(post.ID, "unfavourite"); got.Favourited || got.FavouritesCount != 0 {
		t.Errorf("unfavourite: %+v", got)
	}
	if got := bob.On(post.ID, "unreblog"); got.Reblogged || got.ReblogsCount != 0 {
		t.Errorf("unreblog: %+v", got)
	}
	if got := bob.On(post.ID, "unbookmark"); got.Bookmarked {
		t.Errorf("unbookmark: %+v", got)
	}
	if got := ann.On(post.ID, "pin"); !got.Pinned {
		t.Errorf("pin: %+v", got)
	}
	if got := bob.Timeline("/api/v1/accounts/" + ann.ID + "/statuses?pinned=true"); !slices.Equal(IDs(got), []string{post.ID}) {
		t.Errorf("pinned: %v", IDs(got))
	}
	bob.Do("POST", "/api/v1/statuses/"+post.ID+"/pin", nil).Want(422)
	ann.On(post.ID, "unpin")
	if got := bob.Timeline("/api/v1/accounts/" + ann.ID + "/statuses?pinned=true"); len(got) != 0 {
		t.Errorf("pinned: %v", IDs(got))
	}
}

func polls(t *testing.T, ann, bob Person) {
	post := ann.Write("which?", M{"poll": M{"options": []string{"one", "two"}, "expires_in": 3600}})
	if post.Poll == nil || len(post.Poll.Options) != 2 || post.Poll.Expired {
		t.Fatalf("poll %+v", post.Poll)
	}
	var voted Poll
	bob.Post("/api/v1/polls/"+post.Poll.ID+"/votes", M{"choices": []int{1}}, &voted)
	if !voted.Voted || !slices.Equal(voted.OwnVotes, []int{1}) || voted.Options[1].VotesCount != 1 || voted.VotesCount != 1 {
		t.Errorf("voted %+v", voted)
	}
	bob.Do("POST", "/api/v1/polls/"+post.Poll.ID+"/votes", M{"choices": []int{0}}).Want(422)
	ann.Do("POST", "/api/v1/polls/"+post.Poll.ID+"/votes", M{"choices": []int{0}}).Want(422) // one's own
}

func tagTimelines(t *testing.T, ann, bob Person) {
	one, both := ann.Write("#apples"), ann.Write("#apples and #pears")
	pears := bob.Write("#pears only")
	ann.Write("#apples hidden", M{"visibility": "private"})
	for query, want := range map[string][]string{
		"apples":              {both.ID, one.ID},
		"APPLES?all[]=pears":  {both.ID},
		"apples?none[]=pears": {one.ID},
		"apples?any[]=pears":  {pears.ID, both.ID, one.ID},
		"nothing":             {},
		"apples?limit=1":      {both.ID},
		"apples?local=true":   {both.ID, one.ID},
		"apples?remote=true":  {},
	} {
		if got := IDs(bob.Timeline("/api/v1/timelines/tag/" + query)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	if found := bob.Search("apples", "type", "hashtags"); len(found.Hashtags) == 0 || found.Hashtags[0].Name != "apples" {
		t.Errorf("found %+v", found)
	}
}

func listTimeline(t *testing.T, ann, bob, cat Person) {
	var list List
	bob.Post("/api/v1/lists", M{"title": "friends", "replies_policy": "none"}, &list)
	accounts := "/api/v1/lists/" + list.ID + "/accounts"
	bob.Do("POST", accounts, M{"account_ids": []string{cat.ID}}).Want(404) // not followed
	bob.Post(accounts, M{"account_ids": []string{ann.ID}}, nil)
	bob.Do("POST", accounts, M{"account_ids": []string{ann.ID}}).Want(422)
	other := cat.Write("not in the list")
	post := ann.Write("in the list")
	bob.Sees("/api/v1/timelines/list/"+list.ID, post.ID)
	if slices.Contains(IDs(bob.Timeline("/api/v1/timelines/list/"+list.ID)), other.ID) {
		t.Error("somebody else is in the list")
	}
	ann.Do("GET", "/api/v1/timelines/list/"+list.ID, nil).Want(404)
	ann.Do("DELETE", "/api/v1/lists/"+list.ID, nil).Want(404)
	var changed List
	bob.Do("PUT", "/api/v1/lists/"+list.ID, M{"title": "others", "exclusive": true}).Want(200).Into(&changed)
	if changed.Title != "others" || !changed.Exclusive {
		t.Errorf("changed to %+v", changed)
	}
	quiet := ann.Write("only in the list")
	bob.Sees("/api/v1/timelines/list/"+list.ID, quiet.ID)
	if slices.Contains(IDs(bob.Timeline(Home)), quiet.ID) {
		t.Error("an exclusive list's post is at home")
	}
	bob.Do("DELETE", accounts, M{"account_ids": []string{ann.ID}}).Want(200)
	bob.Do("DELETE", "/api/v1/lists/"+list.ID, nil).Want(200)
	bob.Do("GET", "/api/v1/lists/"+list.ID, nil).Want(404)
}

func accountPosts(t *testing.T, s *Server, reader Person) {
	dan := s.Person("dan")
	plain := dan.Write("plain #dan")
	reply := dan.Write("@bob reply", M{"in_reply_to_id": reader.Write("hey dan").ID})
	own := dan.Write("thread", M{"in_reply_to_id": plain.ID})
	boost := dan.On(reader.Write("to be boosted").ID, "reblog")
	private := dan.Write("for followers", M{"visibility": "private"})
	for query, want := range map[string][]string{
		"":                            {boost.ID, own.ID, reply.ID, plain.ID},
		"?exclude_replies=true":       {boost.ID, own.ID, plain.ID},
		"?exclude_reblogs=true":       {own.ID, reply.ID, plain.ID},
		"?tagged=Dan":                 {plain.ID},
		"?only_media=true":            {},
		"?limit=2":                    {boost.ID, own.ID},
		"?max_id=" + own.ID:           {reply.ID, plain.ID},
		"?since_id=" + reply.ID:       {boost.ID, own.ID},
		"?limit=1&min_id=" + plain.ID: {reply.ID},
	} {
		if got := IDs(reader.Timeline("/api/v1/accounts/" + dan.ID + "/statuses" + query)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	if got := dan.Timeline("/api/v1/accounts/" + dan.ID + "/statuses"); !slices.Contains(IDs(got), private.ID) {
		t.Error("the author does not see the private post")
	}
}

// links finds the pages before and after in the Link header.
var links = regexp.MustCompile(`<([^>]+)>; rel="(next|prev)"`)

func linksOf(a Answer) map[string]string {
	found := map[string]string{}
	for _, link := range links.FindAllStringSubmatch(a.Header.Get("Link"), -1) {
		found[link[2]] = link[1]
	}
	return found
}

// paging walks a whole timeline by its links, to its end and back to its beginning.
func paging(t *testing.T, s *Server) {
	eve := s.Person("eve")
	var want []string
	for i := range 13 {
		want = append([]string{eve.Write(fmt.Sprintf("page %d", i)).ID}, want...)
	}
	for _, start := range []string{"/api/v1/accounts/" + eve.ID + "/statuses?limit=4", Home + "?limit=4"} {
		var got, back []string
		var pages []string
		for next := start; next != ""; {
			var page []Status
			answer := eve.Do("GET", next, nil).Want(200).Into(&page)
			if len(page) == 0 {
				break
			}
			got, pages = append(got, IDs(page)...), append(pages, linksOf(answer)["prev"])
			next = linksOf(answer)["next"]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: forth %v, want %v", start, got, want)
			continue
		}
		for prev := pages[len(pages)-1]; prev != ""; {
			var page []Status
			answer := eve.Do("GET", prev, nil).Want(200).Into(&page)
			if len(page) == 0 {
				break
			}
			back, prev = append(IDs(page), back...), linksOf(answer)["prev"]
		}
		if last := want[:12]; !slices.Equal(back, last) {
			t.Errorf("%s: back %v, want %v", start, back, last)
		}
	}
}
