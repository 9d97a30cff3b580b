package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestTwoServersFederate lets two servers, one on each engine, federate every activity both ways.
func TestTwoServersFederate(t *testing.T) {
	t.Parallel()
	small, large := Start(t, One), Start(t, Five)
	for _, c := range []struct {
		name      string
		here, far *Server
		suffix    string
	}{{"from SQLite to PostgreSQL", small, large, "1"}, {"from PostgreSQL to SQLite", large, small, "2"}} {
		var p pair
		Step(t, c.name+": find each other", func(t *testing.T) {
			p.ann, p.eve, p.bob, p.cat = c.here.Person("ann"+c.suffix), c.here.Person("eve"+c.suffix), c.far.Person("bob"+c.suffix), c.far.Person("cat"+c.suffix)
			p.annThere, p.bobHere = p.bob.Find(c.here.Handle(p.ann.Name)), p.ann.Find(c.far.Handle(p.bob.Name))
			if p.annThere.Acct != p.ann.Name+"@"+c.here.Domain || p.bobHere.Acct != p.bob.Name+"@"+c.far.Domain {
				t.Errorf("found %+v and %+v", p.annThere, p.bobHere)
			}
		}, small, large)
		for _, part := range []struct {
			name string
			run  func(t *testing.T, p pair)
		}{
			{"follow", pairFollows}, {"follow a locked account", pairLocked}, {"post, edit, delete", pairPosts}, {"reply and mention", pairReplies},
			{"like and boost", pairLikes}, {"quote", pairQuotes}, {"private and direct posts", pairSecrets}, {"a poll", pairPolls}, {"a profile changes", pairProfiles},
			{"block", pairBlocks},
		} {
			Step(t, c.name+": "+part.name, func(t *testing.T) {
				if p.bobHere.ID == "" {
					t.Fatal("they did not find each other")
				}
				part.run(t, p)
			}, small, large)
		}
	}
}

// pair is people of two servers: ann and eve here, bob and cat there.
type pair struct {
	ann, eve, bob, cat Person
	annThere, bobHere  Profile
}

// arrives returns a post of the other server as it is known here, when it has come home.
func arrives(p Person, uri string) Status {
	p.Server.t.Helper()
	return p.SeesOne(Home+"?limit=40", func(s Status) bool { return s.URI == uri })
}

// relates waits until a person stands to another account so.
func relates(p Person, id, what string, so func(Relationship) bool) {
	p.Server.t.Helper()
	p.Until(p.Name+" "+what, func() (bool, string) {
		got := p.Relation(id)
		return so(got), fmt.Sprintf("%+v", got)
	})
}

func pairFollows(t *testing.T, p pair) {
	if got := p.bob.To(p.annThere.ID, "follow", nil); !got.Requested && !got.Following {
		t.Errorf("bob follows: %+v", got)
	}
	relates(p.bob, p.annThere.ID, "follows ann", func(r Relationship) bool { return r.Following && !r.Requested })
	p.ann.Told("follow", From(p.bobHere.ID))
	p.bob.To(p.annThere.ID, "unfollow", nil)
	relates(p.ann, p.bobHere.ID, "is no longer followed", func(r Relationship) bool { return !r.FollowedBy })
	p.bob.To(p.annThere.ID, "follow", nil)
	relates(p.ann, p.bobHere.ID, "is followed again", func(r Relationship) bool { return r.FollowedBy })
	relates(p.bob, p.annThere.ID, "follows ann", func(r Relationship) bool { return r.Following })
	p.ann.To(p.bobHere.ID, "remove_from_followers", nil)
	relates(p.bob, p.annThere.ID, "was removed", func(r Relationship) bool { return !r.Following && !r.Requested })
	p.bob.To(p.annThere.ID, "follow", nil)
	relates(p.bob, p.annThere.ID, "follows ann", func(r Relationship) bool { return r.Following })
}

func pairLocked(t *testing.T, p pair) {
	p.eve.Do("PATCH", "/api/v1/accounts/update_credentials", url.Values{"locked": {"true"}}).Want(200)
	eveThere := p.bob.Find(p.eve.Server.Handle(p.eve.Name))
	if !eveThere.Locked {
		t.Errorf("eve there: %+v", eveThere)
	}
	catHere := p.eve.Find(p.cat.Server.Handle(p.cat.Name))
	for _, follower := range []Person{p.bob, p.cat} {
		if got := follower.To(eveThere.ID, "follow", nil); !got.Requested || got.Following {
			t.Errorf("%s asks: %+v", follower.Name, got)
		}
	}
	p.eve.Told("follow_request", From(p.bobHere.ID))
	p.eve.Told("follow_request", From(catHere.ID))
	p.eve.Post("/api/v1/follow_requests/"+p.bobHere.ID+"/authorize", nil, nil)
	p.eve.Post("/api/v1/follow_requests/"+catHere.ID+"/reject", nil, nil)
	relates(p.bob, eveThere.ID, "was accepted", func(r Relationship) bool { return r.Following && !r.Requested })
	relates(p.cat, eveThere.ID, "was rejected", func(r Relationship) bool { return !r.Following && !r.Requested })
	// A request that is taken back is gone on the other side.
	p.cat.To(eveThere.ID, "follow", nil)
	relates(p.eve, catHere.ID, "is asked", func(r Relationship) bool { return r.RequestedBy })
	p.cat.To(eveThere.ID, "unfollow", nil)
	relates(p.eve, catHere.ID, "is no longer asked", func(r Relationship) bool { return !r.RequestedBy })
}

func pairPosts(t *testing.T, p pair) {
	post := p.ann.Write("hello there #Far", M{"spoiler_text": "w", "language": "de"})
	there := arrives(p.bob, post.URI)
	if there.Content == "" || there.SpoilerText != "w" || there.Language != "de" || there.Visibility != "public" || there.URL != post.URL || len(there.Tags) != 1 {
		t.Errorf("arrived as %+v", there)
	}
	if there.Account.ID != p.annThere.ID || there.CreatedAt[:19] != post.CreatedAt[:19] {
		t.Errorf("arrived from %s at %s, written at %s", there.Account.Acct, there.CreatedAt, post.CreatedAt)
	}
	p.bob.Sees("/api/v1/timelines/tag/far", there.ID)
	p.bob.Sees(Public+"?remote=true", there.ID)
	p.ann.Edit(post.ID, "hello, edited")
	p.bob.Until("the edit arrives", func() (bool, string) {
		got := p.bob.Read(there.ID)
		return strings.Contains(got.Content, "edited") && got.EditedAt != "", got.Content
	})
	var history []Status
	p.bob.Get("/api/v1/statuses/"+there.ID+"/history", &history)
	if len(history) != 2 {
		t.Errorf("history %+v", history)
	}
	p.ann.Delete(post.ID)
	p.bob.Until("the deletion arrives", func() (bool, string) {
		got := p.bob.Do("GET", "/api/v1/statuses/"+there.ID, nil)
		return got.Status == http.StatusNotFound, fmt.Sprint(got.Status)
	})
	p.bob.Misses(Home, there.ID)
}

func pairReplies(t *testing.T, p pair) {
	post := p.ann.Write("any answers?")
	there := arrives(p.bob, post.URI)
	reply := p.bob.Write("@"+p.annThere.Acct+" one", M{"in_reply_to_id": there.ID})
	told := p.ann.Told("mention", func(n Notification) bool { return n.Status.URI == reply.URI })
	if told.Status.InReplyToID != post.ID || told.Account.ID != p.bobHere.ID {
		t.Errorf("arrived as %+v", told.Status)
	}
	back := p.ann.Write("@"+p.bobHere.Acct+" thanks", M{"in_reply_to_id": told.Status.ID})
	p.bob.Told("mention", func(n Notification) bool { return n.Status.URI == back.URI && n.Status.InReplyToID == reply.ID })
	var context Context
	p.bob.Get("/api/v1/statuses/"+there.ID+"/context", &context)
	if len(context.Descendants) != 2 {
		t.Errorf("below there: %v", texts(context.Descendants))
	}
	if got := p.ann.Read(post.ID); got.RepliesCount != 1 {
		t.Errorf("%d replies", got.RepliesCount)
	}
	// Somebody who is not followed and mentions nobody there is fetched by address, with what it answers.
	found := p.cat.FindStatus(back.URI)
	if found.URI != back.URI || found.InReplyToID == "" {
		t.Errorf("found %+v", found)
	}
}

func pairLikes(t *testing.T, p pair) {
	post := p.ann.Write("like and boost")
	there := arrives(p.bob, post.URI)
	p.bob.On(there.ID, "favourite")
	p.bob.On(there.ID, "reblog")
	p.ann.Told("favourite", func(n Notification) bool { return From(p.bobHere.ID)(n) && About(post.ID)(n) })
	p.ann.Told("reblog", func(n Notification) bool { return From(p.bobHere.ID)(n) && About(post.ID)(n) })
	if got := p.ann.Read(post.ID); got.FavouritesCount != 1 || got.ReblogsCount != 1 {
		t.Errorf("counts %+v", got)
	}
	p.bob.On(there.ID, "unfavourite")
	p.bob.On(there.ID, "unreblog")
	p.ann.Until("both are undone", func() (bool, string) {
		got := p.ann.Read(post.ID)
		return got.FavouritesCount+got.ReblogsCount == 0, fmt.Sprintf("%d likes, %d boosts", got.FavouritesCount, got.ReblogsCount)
	})
	// A boost brings a post to where its author is unknown.
	own := p.bob.Write("bob's own")
	p.ann.On(p.ann.FindStatus(own.URI).ID, "reblog")
	p.bob.Told("reblog", func(n Notification) bool { return From(p.annThere.ID)(n) && About(own.ID)(n) })
	dan := p.ann.Server.Person("dan" + strings.TrimPrefix(p.ann.Name, "ann"))
	unknown := dan.Write("whom nobody knows there")
	p.ann.On(unknown.ID, "reblog")
	p.bob.SeesOne(Home, func(s Status) bool {
		return s.Reblog != nil && s.Reblog.URI == unknown.URI && s.Account.ID == p.annThere.ID
	})
}

func pairQuotes(t *testing.T, p pair) {
	post := p.ann.Write("quote me", M{"quote_approval_policy": "followers"})
	there := arrives(p.bob, post.URI)
	quote := p.bob.Write("look", M{"quoted_status_id": there.ID})
	told := p.ann.Told("quote", func(n Notification) bool { return n.Status.URI == quote.URI })
	if q := told.Status.Quote; q == nil || q.State != "accepted" || q.QuotedStatus == nil || q.QuotedStatus.ID != post.ID {
		t.Errorf("ann is told of %+v", told.Status)
	}
	state := func(who Person, id, want string, shown bool) {
		who.Until(who.Name+" sees the quote as "+want, func() (bool, string) {
			got := who.Read(id).Quote
			return got != nil && got.State == want && (got.QuotedStatus != nil) == shown, fmt.Sprintf("%+v", got)
		})
	}
	state(p.bob, quote.ID, "accepted", true)
	if got := p.ann.Read(post.ID); got.QuotesCount != 1 {
		t.Errorf("%d quotes", got.QuotesCount)
	}
	p.ann.Post("/api/v1/statuses/"+post.ID+"/quotes/"+told.Status.ID+"/revoke", nil, nil)
	state(p.bob, quote.ID, "revoked", false)
	state(p.ann, told.Status.ID, "revoked", false)
	p.cat.Do("POST", "/api/v1/statuses", M{"status": "me too", "quoted_status_id": there.ID}).Want(404)
	p.ann.Delete(post.ID)
}

func pairSecrets(t *testing.T, p pair) {
	private := p.ann.Write("for followers", M{"visibility": "private"})
	there := arrives(p.bob, private.URI)
	if there.Visibility != "private" {
		t.Errorf("arrived as %s", there.Visibility)
	}
	p.cat.Do("GET", "/api/v1/statuses/"+there.ID, nil).Want(404)
	direct := p.ann.Write("@"+p.bobHere.Acct+" between us", M{"visibility": "direct"})
	told := p.bob.Told("mention", func(n Notification) bool { return n.Status.URI == direct.URI })
	if told.Status.Visibility != "direct" {
		t.Errorf("arrived as %s", told.Status.Visibility)
	}
	p.cat.Do("GET", "/api/v1/statuses/"+told.Status.ID, nil).Want(404)
	for _, uri := range []string{private.URI, direct.URI} {
		if found := p.cat.Search(uri); len(found.Statuses) != 0 {
			t.Errorf("cat finds %s", uri)
		}
		if got := fetchObject(t, uri); got != 404 && got != 401 {
			t.Errorf("%s without a signature: %d", uri, got)
		}
	}
	if slices.ContainsFunc(p.cat.Timeline(Public+"?limit=40"), func(s Status) bool { return s.URI == private.URI || s.URI == direct.URI }) {
		t.Error("a secret is public")
	}
}

// fetchObject asks for an object as a server does that does not sign, and returns the status.
func fetchObject(t *testing.T, uri string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", activityType)
	status, _, err := send(request)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func pairPolls(t *testing.T, p pair) {
	post := p.ann.Write("which?", M{"poll": M{"options": []string{"one", "two"}, "expires_in": 3600}})
	there := arrives(p.bob, post.URI)
	if there.Poll == nil || len(there.Poll.Options) != 2 || there.Poll.Options[1].Title != "two" {
		t.Fatalf("arrived as %+v", there.Poll)
	}
	p.bob.Post("/api/v1/polls/"+there.Poll.ID+"/votes", M{"choices": []int{1}}, nil)
	p.ann.Until("the vote arrives", func() (bool, string) {
		got := p.ann.Read(post.ID).Poll
		return got.VotesCount == 1 && got.Options[1].VotesCount == 1, fmt.Sprintf("%+v", got)
	})
	if slices.ContainsFunc(p.ann.Notifications("mention"), func(n Notification) bool { return n.Status != nil && n.Status.InReplyToID == post.ID }) {
		t.Error("a vote is shown as a post")
	}
}

func pairProfiles(t *testing.T, p pair) {
	p.ann.Do("PATCH", "/api/v1/accounts/update_credentials", url.Values{
		"display_name": {"Ann Far"}, "note": {"now with a note"}, "fields_attributes[0][name]": {"a"}, "fields_attributes[0][value]": {"b"},
	}).Want(200)
	p.bob.Until("the profile arrives", func() (bool, string) {
		var got Profile
		p.bob.Get("/api/v1/accounts/"+p.annThere.ID, &got)
		return got.DisplayName == "Ann Far" && strings.Contains(got.Note, "now with a note") && len(got.Fields) == 1, fmt.Sprintf("%+v", got)
	})
}

func pairBlocks(t *testing.T, p pair) {
	p.ann.To(p.bobHere.ID, "block", nil)
	relates(p.bob, p.annThere.ID, "is blocked and no follower", func(r Relationship) bool { return r.BlockedBy && !r.Following })
	mention := p.bob.Write("@" + p.annThere.Acct + " hello?")
	loud := p.cat.Write("@" + p.annThere.Acct + " hello!")
	p.ann.Told("mention", func(n Notification) bool { return n.Status.URI == loud.URI })
	if slices.ContainsFunc(p.ann.Notifications("mention"), func(n Notification) bool { return n.Status.URI == mention.URI }) {
		t.Error("somebody blocked was heard")
	}
	p.ann.To(p.bobHere.ID, "unblock", nil)
	relates(p.bob, p.annThere.ID, "is no longer blocked", func(r Relationship) bool { return !r.BlockedBy })
}
