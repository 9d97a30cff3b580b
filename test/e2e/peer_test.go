package e2e

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPeer federates with a server of another make.
func TestPeer(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		peer := StartPeer(t, "zoe")
		ann, bob := s.Person("ann"), s.Person("bob")
		zoe := ann.Find(peer.Handle)
		f := fediverse{s: s, peer: peer, ann: ann, bob: bob, zoe: zoe, actor: s.URL + "/users/ann"}
		step := func(name string, part func(t *testing.T, f fediverse)) {
			Step(t, name, func(t *testing.T) { part(t, f) }, s, peer)
		}
		step("a handle and an address resolve", resolves)
		step("the actor passes the tests of others", func(_ *testing.T, f fediverse) { f.s.ActorTests(f.actor) })
		step("follow both ways", followsPeer)
		step("our posts arrive there", postsToPeer)
		step("theirs arrive here, live", postsFromPeer)
		step("likes and boosts", likesAndBoosts)
		step("collections", collections)
		step("unfollow and block", leavesPeer)
	})
}

// TestPeerOverTLS federates by https, with certificates of a private authority, with a server that takes and makes signatures by RFC 9421 alone.
func TestPeerOverTLS(t *testing.T) {
	t.Parallel()
	option, authority, folder := TLS(t)
	s := Start(t, One, option)
	peer := StartPeer(t, "zoe", "NODE_EXTRA_CA_CERTS="+authority, "CERT="+filepath.Join(folder, "server.pem"), "KEY="+filepath.Join(folder, "server.key.pem"), "SIGN=rfc9421", "ONLY=rfc9421")
	if !strings.HasPrefix(peer.Actor, "https://") {
		t.Fatalf("the peer is %s", peer.Actor)
	}
	ann, bob := s.Person("ann"), s.Person("bob")
	f := fediverse{s: s, peer: peer, ann: ann, bob: bob, zoe: ann.Find(peer.Handle), actor: s.URL + "/users/ann"}
	step := func(name string, part func(t *testing.T, f fediverse)) {
		Step(t, name, func(t *testing.T) { part(t, f) }, s, peer)
	}
	step("a handle and an address resolve", resolves)
	step("the actor passes the tests of others", func(_ *testing.T, f fediverse) { f.s.ActorTests(f.actor, "NODE_EXTRA_CA_CERTS="+authority) })
	step("follow both ways", followsPeer)
	step("our posts arrive there", postsToPeer)
	step("theirs arrive here", postsFromPeer)
	step("likes and boosts", likesAndBoosts)
	step("unfollow and block", leavesPeer)
	taken := map[string]int{}
	for _, r := range peer.Requests() {
		if r.Method == "POST" && r.Status < 300 {
			taken[r.Signature]++
		}
	}
	if taken["rfc9421"] == 0 || len(taken) != 1 {
		t.Errorf("the peer took %v", taken)
	}
}

// fediverse is a server, a peer and their people.
type fediverse struct {
	s        *Server
	peer     *Peer
	ann, bob Person
	zoe      Profile
	actor    string // ann's
}

func resolves(t *testing.T, f fediverse) {
	if "@"+f.zoe.Acct != f.peer.Handle || f.zoe.URI != f.peer.Actor {
		t.Errorf("zoe is %+v", f.zoe)
	}
	if got := f.bob.Find(f.peer.Actor); got.ID != f.zoe.ID {
		t.Errorf("by address: %+v", got)
	}
	found, err := f.peer.Lookup(f.s.Handle("ann"))
	if err != nil || found["preferredUsername"] != "ann" || found["id"] != f.actor {
		t.Errorf("the peer finds %v: %v", found, err)
	}
	_, post := f.peer.Act("post", "", "text", "before anybody follows")
	if got := f.ann.FindStatus(post); got.URI != post || got.Account.ID != f.zoe.ID || !strings.Contains(got.Content, "before anybody") {
		t.Errorf("by its address: %+v", got)
	}
	if found := f.ann.Search(f.peer.Actor + "/nothing"); len(found.Accounts)+len(found.Statuses) != 0 {
		t.Errorf("nothing there, but found %+v", found)
	}
}

func followsPeer(t *testing.T, f fediverse) {
	f.ann.To(f.zoe.ID, "follow", nil)
	f.peer.Wait("Follow", func(seen Seen) bool { return seen.Signer == f.actor && seen.Object == f.peer.Actor })
	f.ann.Until("the follow is accepted", func() (bool, string) {
		got := f.ann.Relation(f.zoe.ID)
		return got.Following && !got.Requested, fmt.Sprintf("%+v", got)
	})
	f.peer.Act("follow", f.s.Handle("ann"))
	f.ann.Told("follow", From(f.zoe.ID))
	Eventually(t, "the peer is accepted", func() error {
		if got := f.peer.State().Following[f.actor]; got != "accepted" {
			return errors.New(got)
		}
		return nil
	})
	if got := f.ann.Relation(f.zoe.ID); !got.FollowedBy {
		t.Errorf("%+v", got)
	}
	f.bob.Do("PATCH", "/api/v1/accounts/update_credentials", url.Values{"locked": {"true"}}).Want(200)
	f.peer.Act("follow", f.s.Handle("bob"))
	f.bob.Told("follow_request", From(f.zoe.ID))
	f.bob.Post("/api/v1/follow_requests/"+f.zoe.ID+"/reject", nil, nil)
	f.peer.Wait("Reject", func(seen Seen) bool { return strings.HasSuffix(seen.Signer, "/users/bob") })
}

// of fits what ann did to an object.
func (f fediverse) of(object string) func(Seen) bool {
	return func(seen Seen) bool { return seen.Signer == f.actor && seen.Object == object }
}

func postsToPeer(t *testing.T, f fediverse) {
	post := f.ann.Write("hello <zoe> #Greetings "+f.peer.Handle, M{"spoiler_text": "w"})
	create := f.peer.Wait("Create", f.of(post.URI))
	object, _ := create.JSON["object"].(M)
	if object["type"] != "Note" || object["summary"] != "w" || !strings.Contains(fmt.Sprint(object["content"]), "hello &lt;zoe&gt;") || !strings.Contains(fmt.Sprint(object["tag"]), f.peer.Actor) {
		t.Errorf("arrived as %v", object)
	}
	if found, err := f.peer.Lookup(post.URI); err != nil || found["id"] != post.URI {
		t.Errorf("fetched as %v: %v", found, err)
	}
	f.ann.Edit(post.ID, "hello, edited")
	f.peer.Wait("Update", func(seen Seen) bool { return f.of(post.URI)(seen) && strings.Contains(fmt.Sprint(seen.JSON), "edited") })
	f.ann.Delete(post.ID)
	f.peer.Wait("Delete", f.of(post.URI))
	if _, err := f.peer.Lookup(post.URI); err == nil {
		t.Error("what was deleted can be fetched")
	}
	private := f.ann.Write("followers only", M{"visibility": "private"})
	create = f.peer.Wait("Create", f.of(private.URI))
	if strings.Contains(fmt.Sprint(create.JSON), "#Public") {
		t.Errorf("a private post is addressed to all: %v", create.JSON)
	}
	if _, err := f.peer.Lookup(private.URI); err != nil {
		t.Errorf("a follower's server cannot fetch a private post: %v", err)
	}
	f.s.Do("GET", strings.TrimPrefix(private.URI, f.s.URL), "", nil)
	direct := f.ann.Write(f.peer.Handle+" just you", M{"visibility": "direct"})
	f.peer.Wait("Create", f.of(direct.URI))
	_, theirs := f.peer.Act("post", "", "text", "answer me")
	reply := f.ann.Write(f.peer.Handle+" I do", M{"in_reply_to_id": f.ann.FindStatus(theirs).ID})
	f.peer.Wait("Create", func(seen Seen) bool { return f.of(reply.URI)(seen) && strings.Contains(fmt.Sprint(seen.JSON), theirs) })
}

func postsFromPeer(t *testing.T, f fediverse) {
	socket := f.ann.Socket(url.Values{"stream": {"user"}})
	socket.Started("user", func() { f.ann.Write("probe", M{"visibility": "private"}) })
	_, post := f.peer.Act("post", "", "text", "from afar", "warning", "mind")
	status := f.ann.SeesOne(Home, func(s Status) bool { return s.URI == post })
	if !strings.Contains(status.Content, "from afar") || status.SpoilerText != "mind" || !status.Sensitive || status.Visibility != "public" {
		t.Errorf("arrived as %+v", status)
	}
	socket.Wait("the post", Of("user", "update", status.ID))

	mine := f.ann.Write("talk to me")
	_, reply := f.peer.Act("reply", mine.URI, "text", "I talk")
	told := f.ann.Told("mention", func(n Notification) bool { return n.Status.URI == reply })
	socket.Wait("the mention", func(e Event) bool { return e.Event == "notification" && strings.Contains(e.Payload, reply) })
	if told.Status.InReplyToID != mine.ID {
		t.Errorf("the reply answers %s", told.Status.InReplyToID)
	}
	var context Context
	f.ann.Get("/api/v1/statuses/"+mine.ID+"/context", &context)
	if !slices.Equal(IDs(context.Descendants), []string{told.Status.ID}) {
		t.Errorf("below: %v", IDs(context.Descendants))
	}
	f.peer.Act("edit", post, "text", "from afar, edited")
	socket.Wait("the edit", func(e Event) bool {
		return Of("user", "status.update", status.ID)(e) && strings.Contains(e.Payload, "edited")
	})
	if got := f.ann.Read(status.ID); !strings.Contains(got.Content, "edited") || got.EditedAt == "" {
		t.Errorf("edited to %+v", got)
	}
	f.peer.Act("delete", post)
	socket.Wait("the deletion", Of("user", "delete", status.ID))
	f.ann.Do("GET", "/api/v1/statuses/"+status.ID, nil).Want(404)

	_, private := f.peer.Act("post", "", "text", "for followers", "visibility", "private")
	hidden := f.ann.SeesOne(Home, func(s Status) bool { return s.URI == private })
	if hidden.Visibility != "private" {
		t.Errorf("visibility %s", hidden.Visibility)
	}
	f.bob.Do("GET", "/api/v1/statuses/"+hidden.ID, nil).Want(404)
}

func likesAndBoosts(t *testing.T, f fediverse) {
	mine := f.ann.Write("like me")
	like, _ := f.peer.Act("like", mine.URI)
	f.ann.Told("favourite", About(mine.ID))
	boost, _ := f.peer.Act("boost", mine.URI)
	f.ann.Told("reblog", About(mine.ID))
	if got := f.ann.Read(mine.ID); got.FavouritesCount != 1 || got.ReblogsCount != 1 {
		t.Errorf("counts %+v", got)
	}
	f.peer.Act("undo", like)
	f.peer.Act("undo", boost)
	f.ann.Until("both are undone", func() (bool, string) {
		got := f.ann.Read(mine.ID)
		return got.FavouritesCount+got.ReblogsCount == 0, fmt.Sprintf("%d likes, %d boosts", got.FavouritesCount, got.ReblogsCount)
	})
	_, post := f.peer.Act("post", "", "text", "like it")
	theirs := f.ann.SeesOne(Home, func(s Status) bool { return s.URI == post })
	f.ann.On(theirs.ID, "favourite")
	f.peer.Wait("Like", f.of(post))
	f.ann.On(theirs.ID, "unfavourite")
	f.peer.Wait("Undo", f.undoes("Like", post))
	f.ann.On(theirs.ID, "reblog")
	f.peer.Wait("Announce", f.of(post))
	f.ann.On(theirs.ID, "unreblog")
	f.peer.Wait("Undo", f.undoes("Announce", post))
}

// undoes fits ann's taking back of something.
func (f fediverse) undoes(kind, object string) func(Seen) bool {
	return func(seen Seen) bool {
		inner, _ := seen.JSON["object"].(M)
		return seen.Signer == f.actor && inner["type"] == kind && inner["object"] == object
	}
}

func collections(t *testing.T, f fediverse) {
	post := f.ann.Write("in the outbox")
	for name, want := range map[string]string{"followers": f.peer.Actor, "following": f.peer.Actor, "outbox": post.URI} {
		ids, err := f.peer.Collection(f.actor + "/" + name)
		if err != nil || !slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, want) }) {
			t.Errorf("%s: %v %v", name, ids, err)
		}
	}
	f.ann.On(post.ID, "pin")
	if ids, err := f.peer.Collection(f.actor + "/collections/featured"); err != nil || !slices.Contains(ids, post.URI) {
		t.Errorf("featured: %v %v", ids, err)
	}
}

func leavesPeer(t *testing.T, f fediverse) {
	f.ann.To(f.zoe.ID, "unfollow", nil)
	f.peer.Wait("Undo", f.undoes("Follow", f.peer.Actor))
	f.ann.To(f.zoe.ID, "block", nil)
	f.peer.Wait("Block", f.of(f.peer.Actor))
	if got := f.ann.Relation(f.zoe.ID); !got.Blocking || got.FollowedBy || got.Following {
		t.Errorf("%+v", got)
	}
	f.peer.Act("block", f.s.URL+"/users/bob")
	f.bob.Until("bob is blocked", func() (bool, string) {
		got := f.bob.Relation(f.zoe.ID)
		return got.BlockedBy, fmt.Sprintf("%+v", got)
	})
	f.ann.To(f.zoe.ID, "unblock", nil)
	f.peer.Wait("Undo", f.undoes("Block", f.peer.Actor))
}
