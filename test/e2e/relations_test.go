package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestRelations lets people follow, block, mute and filter each other, and keep what is their own; feeds let go of what one no longer wants (VIS-07).
func TestRelations(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		ann, bob, cat := s.Person("ann"), s.Person("bob"), s.Person("cat")
		s.Step(t, "follow and unfollow", func(t *testing.T) { follows(t, ann, bob) })
		s.Step(t, "a locked account asks first", func(t *testing.T) { locked(t, ann, bob, cat) })
		s.Step(t, "block", func(t *testing.T) { blocks(t, ann, bob) })
		s.Step(t, "mute", func(t *testing.T) { mutes(t, ann, bob, cat) })
		s.Step(t, "a note and a domain block", func(t *testing.T) { noteAndDomain(t, ann, bob) })
		s.Step(t, "notifications", func(t *testing.T) { notifications(t, ann, bob, cat) })
		s.Step(t, "filters", func(t *testing.T) { filters(t, ann, bob) })
		s.Step(t, "markers and preferences", func(t *testing.T) { markersAndPreferences(t, ann) })
		s.Step(t, "a profile", func(t *testing.T) { profiles(t, ann, bob) })
		s.Step(t, "search", func(t *testing.T) { searches(t, s, ann, bob) })
		s.Step(t, "the instance", func(t *testing.T) { instances(t, s) })
	})
}

// people returns the ids in a list of accounts.
func people(p Person, path string) []string {
	p.Server.t.Helper()
	var list []Profile
	p.Get(path, &list)
	var ids []string
	for _, one := range list {
		ids = append(ids, one.ID)
	}
	return ids
}

func follows(t *testing.T, ann, bob Person) {
	before := bob.Write("before the follow")
	ann.Timeline(Home)
	if got := ann.To(bob.ID, "follow", M{"reblogs": false, "notify": true}); !got.Following || got.ShowingReblogs || !got.Notifying || got.Requested {
		t.Errorf("follows: %+v", got)
	}
	if got := bob.Relation(ann.ID); !got.FollowedBy || got.Following {
		t.Errorf("followed: %+v", got)
	}
	bob.Told("follow", From(ann.ID))
	ann.Sees(Home, before.ID) // what was there comes along
	post := bob.Write("after the follow")
	ann.Sees(Home, post.ID)
	ann.Told("status", About(post.ID))
	for path, want := range map[string]string{"/api/v1/accounts/" + bob.ID + "/followers": ann.ID, "/api/v1/accounts/" + ann.ID + "/following": bob.ID} {
		if got := people(ann, path); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v", path, got)
		}
	}
	if got := bob.Me().FollowersCount; got != 1 {
		t.Errorf("%d followers", got)
	}
	if got := ann.To(bob.ID, "unfollow", nil); got.Following {
		t.Errorf("unfollows: %+v", got)
	}
	ann.Misses(Home, post.ID)
	ann.Follows(bob)
	if got := bob.To(ann.ID, "remove_from_followers", nil); got.FollowedBy {
		t.Errorf("removed: %+v", got)
	}
	ann.Do("POST", "/api/v1/accounts/"+ann.ID+"/follow", nil).Want(403)
	ann.Do("POST", "/api/v1/accounts/1/follow", nil).Want(404)
}

func locked(t *testing.T, ann, bob, cat Person) {
	var me Profile
	bob.Do("PATCH", "/api/v1/accounts/update_credentials", url.Values{"locked": {"true"}}).Want(200).Into(&me)
	if !me.Locked {
		t.Errorf("locked: %+v", me)
	}
	for _, p := range []Person{ann, cat} {
		if got := p.To(bob.ID, "follow", nil); got.Following || !got.Requested {
			t.Errorf("%s asks: %+v", p.Name, got)
		}
		bob.Told("follow_request", From(p.ID))
	}
	secret := bob.Write("for followers", M{"visibility": "private"})
	ann.Do("GET", "/api/v1/statuses/"+secret.ID, nil).Want(404)
	if got := people(bob, "/api/v1/follow_requests"); len(got) != 2 || !slices.Contains(got, ann.ID) {
		t.Errorf("requests: %v", got)
	}
	var relation Relationship
	bob.Post("/api/v1/follow_requests/"+ann.ID+"/authorize", nil, &relation)
	if !relation.FollowedBy || relation.RequestedBy {
		t.Errorf("authorized: %+v", relation)
	}
	bob.Post("/api/v1/follow_requests/"+cat.ID+"/reject", nil, &relation)
	if relation.FollowedBy {
		t.Errorf("rejected: %+v", relation)
	}
	if got := ann.Relation(bob.ID); !got.Following || got.Requested {
		t.Errorf("ann: %+v", got)
	}
	if got := cat.Relation(bob.ID); got.Following || got.Requested {
		t.Errorf("cat: %+v", got)
	}
	ann.Sees(Home, secret.ID)
	bob.Do("POST", "/api/v1/follow_requests/"+cat.ID+"/authorize", nil).Want(404)
	bob.Do("PATCH", "/api/v1/accounts/update_credentials", url.Values{"locked": {"false"}}).Want(200)
}

func blocks(t *testing.T, ann, bob Person) {
	bob.To(ann.ID, "follow", nil)
	post := ann.Write("not for bob soon")
	bob.Sees(Home, post.ID)
	if got := ann.To(bob.ID, "block", nil); !got.Blocking || got.Following || got.FollowedBy {
		t.Errorf("blocks: %+v", got)
	}
	if got := bob.Relation(ann.ID); got.Following || got.FollowedBy || !got.BlockedBy {
		t.Errorf("is blocked: %+v", got)
	}
	bob.Misses(Home, post.ID)
	bob.Do("POST", "/api/v1/accounts/"+ann.ID+"/follow", nil).Want(403)
	bob.Do("GET", "/api/v1/statuses/"+post.ID, nil).Want(404)
	bob.Do("POST", "/api/v1/statuses/"+post.ID+"/favourite", nil).Want(404)
	mention := bob.Write("@ann hello?")
	ann.Misses(Public, mention.ID)
	if got := people(ann, "/api/v1/blocks"); !slices.Equal(got, []string{bob.ID}) {
		t.Errorf("blocks: %v", got)
	}
	if got := ann.To(bob.ID, "unblock", nil); got.Blocking {
		t.Errorf("unblocks: %+v", got)
	}
	if slices.ContainsFunc(ann.Notifications("mention"), About(mention.ID)) {
		t.Error("somebody blocked was heard")
	}
}

func mutes(t *testing.T, ann, bob, cat Person) {
	ann.Follows(bob)
	if got := ann.To(bob.ID, "mute", M{"notifications": true, "duration": 3600}); !got.Muting || !got.MutingNotifications || !got.Following {
		t.Errorf("mutes: %+v", got)
	}
	quiet := bob.Write("@ann psst")
	loud := cat.Write("@ann hey")
	ann.Told("mention", About(loud.ID))
	if slices.ContainsFunc(ann.Notifications("mention"), About(quiet.ID)) {
		t.Error("somebody muted was heard")
	}
	for _, path := range []string{Home, Public} {
		if slices.Contains(IDs(ann.Timeline(path)), quiet.ID) {
			t.Errorf("somebody muted is in %s", path)
		}
	}
	if got := people(ann, "/api/v1/mutes"); !slices.Equal(got, []string{bob.ID}) {
		t.Errorf("mutes: %v", got)
	}
	if got := bob.Relation(ann.ID); got.Muting || got.BlockedBy {
		t.Errorf("the muted one knows: %+v", got)
	}
	if got := ann.To(bob.ID, "mute", M{"notifications": false}); !got.Muting || got.MutingNotifications {
		t.Errorf("mutes posts alone: %+v", got)
	}
	if got := ann.To(bob.ID, "unmute", nil); got.Muting {
		t.Errorf("unmutes: %+v", got)
	}
	post := bob.Write("again")
	ann.Sees(Home, post.ID)
	ann.To(bob.ID, "unfollow", nil)
}

func noteAndDomain(t *testing.T, ann, bob Person) {
	if got := ann.To(bob.ID, "note", M{"comment": "met in May"}); got.Note != "met in May" {
		t.Errorf("note: %+v", got)
	}
	if got := bob.Relation(ann.ID); got.Note != "" {
		t.Errorf("the other one reads the note: %+v", got)
	}
	ann.Post("/api/v1/domain_blocks", M{"domain": "Evil.Example"}, nil)
	var domains []string
	ann.Get("/api/v1/domain_blocks", &domains)
	if !slices.Equal(domains, []string{"evil.example"}) {
		t.Errorf("domains %v", domains)
	}
	ann.Do("POST", "/api/v1/domain_blocks", M{"domain": "not a domain!"}).Want(422)
	ann.Do("DELETE", "/api/v1/domain_blocks", M{"domain": "evil.example"}).Want(200)
	ann.Get("/api/v1/domain_blocks", &domains)
	if len(domains) != 0 {
		t.Errorf("domains %v", domains)
	}
}

func notifications(t *testing.T, ann, bob, cat Person) {
	ann.Post("/api/v1/notifications/clear", nil, nil)
	post := ann.Write("act on it")
	bob.On(post.ID, "favourite")
	cat.On(post.ID, "reblog")
	mention := bob.Write("@ann hi")
	ann.Told("favourite", About(post.ID))
	ann.Told("reblog", About(post.ID))
	told := ann.Told("mention", About(mention.ID))
	kinds := func(query string) []string {
		var all []Notification
		ann.Get("/api/v1/notifications?"+query, &all)
		var kinds []string
		for _, one := range all {
			kinds = append(kinds, one.Type)
		}
		slices.Sort(kinds)
		return kinds
	}
	for query, want := range map[string][]string{
		"": {"favourite", "mention", "reblog"}, "types[]=mention": {"mention"}, "exclude_types[]=mention": {"favourite", "reblog"},
		"account_id=" + bob.ID: {"favourite", "mention"}, "max_id=1": nil, "types[]=nonsense": nil,
	} {
		if got := kinds(query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	var one Notification
	ann.Get("/api/v1/notifications/"+told.ID, &one)
	if one.Type != "mention" || one.Account.ID != bob.ID || one.Status == nil || one.Status.ID != mention.ID {
		t.Errorf("one: %+v", one)
	}
	bob.Do("GET", "/api/v1/notifications/"+told.ID, nil).Want(404)
	bob.Do("POST", "/api/v1/notifications/"+told.ID+"/dismiss", nil)
	var count struct{ Count int }
	ann.Get("/api/v1/notifications/unread_count", &count)
	if count.Count != 3 {
		t.Errorf("%d unread", count.Count)
	}
	ann.Post("/api/v1/notifications/"+told.ID+"/dismiss", nil, nil)
	ann.Do("GET", "/api/v1/notifications/"+told.ID, nil).Want(404)
	ann.Post("/api/v1/notifications/clear", nil, nil)
	if got := kinds(""); len(got) != 0 {
		t.Errorf("after clearing: %v", got)
	}
}

func filters(t *testing.T, ann, bob Person) {
	ann.Follows(bob)
	var filter Filter
	ann.Post("/api/v2/filters", M{
		"title": "plot", "context": []string{"home", "public"}, "filter_action": "warn", "keywords_attributes": []M{{"keyword": "walrus", "whole_word": true}},
	}, &filter)
	if filter.ID == "" || filter.FilterAction != "warn" || len(filter.Keywords) != 1 || filter.Keywords[0].Keyword != "walrus" {
		t.Fatalf("filter %+v", filter)
	}
	post, other := bob.Write("The Walrus is here"), bob.Write("walruses are not")
	for _, path := range []string{Home, Public} {
		got := ann.Sees(path, post.ID)
		if len(got.Filtered) != 1 || got.Filtered[0].Filter.ID != filter.ID || len(got.Filtered[0].KeywordMatches) != 1 {
			t.Errorf("%s: %+v", path, got.Filtered)
		}
		if got := ann.Sees(path, other.ID); len(got.Filtered) != 0 {
			t.Errorf("%s: another word: %+v", path, got.Filtered)
		}
	}
	if got := bob.Sees(Public, post.ID); len(got.Filtered) != 0 {
		t.Errorf("somebody else's filter: %+v", got.Filtered)
	}
	ann.Post("/api/v2/filters/"+filter.ID+"/statuses", M{"status_id": other.ID}, nil)
	if got := ann.Sees(Home, other.ID); len(got.Filtered) != 1 || !slices.Equal(got.Filtered[0].StatusMatches, []string{other.ID}) {
		t.Errorf("a filtered post: %+v", got.Filtered)
	}
	ann.Do("PUT", "/api/v2/filters/"+filter.ID, M{"filter_action": "hide"}).Want(200)
	// Apps hide it; the API goes on to say why.
	if got := ann.Sees(Home, post.ID); len(got.Filtered) != 1 || got.Filtered[0].Filter.FilterAction != "hide" {
		t.Errorf("a filter that hides: %+v", got.Filtered)
	}
	var old []struct{ ID, Phrase string }
	ann.Get("/api/v1/filters", &old)
	if len(old) != 1 || old[0].Phrase != "walrus" {
		t.Errorf("by the old API: %+v", old)
	}
	bob.Do("GET", "/api/v2/filters/"+filter.ID, nil).Want(404)
	bob.Do("DELETE", "/api/v2/filters/"+filter.ID, nil).Want(404)
	ann.Do("DELETE", "/api/v2/filters/"+filter.ID, nil).Want(200)
	ann.Do("GET", "/api/v2/filters/"+filter.ID, nil).Want(404)
	if got := ann.Sees(Home, post.ID); len(got.Filtered) != 0 {
		t.Errorf("after deleting the filter: %+v", got.Filtered)
	}
	ann.To(bob.ID, "unfollow", nil)
}

func markersAndPreferences(t *testing.T, ann Person) {
	type marker struct {
		LastReadID string `json:"last_read_id"`
		Version    int    `json:"version"`
		UpdatedAt  string `json:"updated_at"`
	}
	var got map[string]marker
	ann.Post("/api/v1/markers", M{"home": M{"last_read_id": "123"}}, &got)
	ann.Get("/api/v1/markers?timeline[]=home&timeline[]=notifications", &got)
	if got["home"].LastReadID != "123" || got["home"].UpdatedAt == "" || len(got) != 1 {
		t.Errorf("markers %+v", got)
	}
	version := got["home"].Version
	ann.Post("/api/v1/markers", M{"home": M{"last_read_id": "200"}, "notifications": M{"last_read_id": "7"}}, &got)
	if got["home"].Version <= version || got["notifications"].LastReadID != "7" {
		t.Errorf("markers %+v", got)
	}
	var preferences M
	ann.Do("PATCH", "/api/v1/accounts/update_credentials", M{"source": M{"privacy": "unlisted", "language": "de"}}).Want(200)
	ann.Get("/api/v1/preferences", &preferences)
	if preferences["posting:default:visibility"] != "unlisted" || preferences["posting:default:language"] != "de" {
		t.Errorf("preferences %v", preferences)
	}
	if post := ann.Write("by default"); post.Visibility != "unlisted" || post.Language != "de" {
		t.Errorf("posted %s in %s", post.Visibility, post.Language)
	}
	ann.Do("PATCH", "/api/v1/accounts/update_credentials", M{"source": M{"privacy": "public"}}).Want(200)
}

func profiles(t *testing.T, ann, bob Person) {
	var me Profile
	ann.Do("PATCH", "/api/v1/accounts/update_credentials", url.Values{
		"display_name": {"Ann <b>"}, "note": {"I like #tests & @bob"}, "fields_attributes[0][name]": {"Site"}, "fields_attributes[0][value]": {"https://ann.example.com:22"},
	}).Want(200).Into(&me)
	var seen Profile
	bob.Get("/api/v1/accounts/"+ann.ID, &seen)
	if seen.DisplayName != "Ann <b>" || !strings.Contains(seen.Note, "&amp;") || !strings.Contains(seen.Note, "mention") || len(seen.Fields) != 1 || seen.Fields[0].Name != "Site" {
		t.Errorf("profile %+v", seen)
	}
	if !strings.Contains(seen.Fields[0].Value, `href="https://ann.example.com:22"`) {
		t.Errorf("field %+v", seen.Fields)
	}
	ann.Do("PATCH", "/api/v1/accounts/update_credentials", url.Values{"display_name": {strings.Repeat("x", 31)}}).Want(422)
	ann.Do("PATCH", "/api/v1/accounts/update_credentials", url.Values{"note": {strings.Repeat("x", 501)}}).Want(422)
	bob.Get("/api/v1/accounts/"+ann.ID, &seen)
	if seen.DisplayName != "Ann <b>" {
		t.Errorf("a refused change took effect: %+v", seen)
	}
}

func searches(t *testing.T, s *Server, ann, bob Person) {
	post := bob.Write("to be found")
	for q, want := range map[string]string{
		"@bob": bob.ID, "bob": bob.ID, s.Handle("bob"): bob.ID, "bob@" + s.Domain: bob.ID, s.URL + "/@bob": bob.ID, s.URL + "/users/bob": bob.ID,
	} {
		found := ann.Search(q, "type", "accounts")
		if len(found.Accounts) == 0 || found.Accounts[0].ID != want {
			t.Errorf("%s finds %+v", q, found.Accounts)
		}
	}
	for _, q := range []string{post.URL, post.URI} {
		if got := ann.FindStatus(q); got.ID != post.ID {
			t.Errorf("%s finds %s", q, got.ID)
		}
	}
	secret := bob.Write("hidden", M{"visibility": "direct"})
	if found := ann.Search(secret.URI); len(found.Statuses) != 0 {
		t.Error("a search finds what one may not read")
	}
	var account Profile
	s.Do("GET", "/api/v1/accounts/lookup?acct=BOB", "", nil).Want(200).Into(&account)
	if account.ID != bob.ID {
		t.Errorf("looked up %+v", account)
	}
	s.Do("GET", "/api/v1/accounts/lookup?acct=nobody", "", nil).Want(404)
	s.Do("GET", "/api/v2/search?q=bob&resolve=true", "", nil).Want(401)
	var list []Profile
	ann.Get("/api/v1/accounts/search?q=bo", &list)
	if !slices.ContainsFunc(list, func(p Profile) bool { return p.ID == bob.ID }) {
		t.Errorf("by its beginning: %+v", list)
	}
}

func instances(t *testing.T, s *Server) {
	var first struct {
		URI, Version string
		URLs         map[string]string
		Stats        map[string]int
	}
	answer := s.Do("GET", "/api/v1/instance", "", nil).Want(200).Into(&first)
	if first.URI != s.Domain || first.Version == "" || first.Stats["user_count"] < 3 || !strings.HasPrefix(first.URLs["streaming_api"], "ws") {
		t.Errorf("v1: %s", answer.Body)
	}
	if answer.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("the API cannot be used by other sites' pages")
	}
	var second struct {
		Domain        string
		Version       string
		Configuration struct {
			URLs     map[string]string
			Statuses struct {
				MaxCharacters int `json:"max_characters"`
			}
		}
		APIVersions map[string]int `json:"api_versions"`
	}
	answer = s.Do("GET", "/api/v2/instance", "", nil).Want(200).Into(&second)
	if second.Domain != s.Domain || second.Configuration.Statuses.MaxCharacters != 500 || second.APIVersions["mastodon"] == 0 ||
		!strings.HasPrefix(second.Configuration.URLs["streaming"], "ws") {
		t.Errorf("v2: %s", answer.Body)
	}
	if got := s.Do("GET", "/api/v1/nonsense", "", nil).Want(404); got.Error() == "" {
		t.Error("an unknown address is answered without an error")
	}
	preflight, err := http.NewRequest(http.MethodOptions, s.URL+"/api/v1/statuses", nil)
	if err != nil {
		t.Fatal(err)
	}
	preflight.Header.Set("Origin", "https://client.example")
	preflight.Header.Set("Access-Control-Request-Method", "POST")
	preflight.Header.Set("Access-Control-Request-Headers", "authorization,idempotency-key")
	allowed, err := noRedirects.Do(preflight)
	if err != nil {
		t.Fatal(err)
	}
	defer allowed.Body.Close()
	if methods := allowed.Header.Get("Access-Control-Allow-Methods"); !strings.Contains(methods, "POST") || allowed.StatusCode > 204 {
		t.Errorf("a preflight is answered %d %s", allowed.StatusCode, fmt.Sprint(allowed.Header))
	}
}
