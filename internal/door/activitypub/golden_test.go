package activitypub_test

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var pem = regexp.MustCompile(`-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----(\\n|\n)?`)

var gallerySite = settings.Site{LocalDomain: "us.example", WebDomain: "social.us.example", HTTPS: true}

// gallery is a server that never speaks to anybody, for looking at what it says.
type gallery struct {
	*node
	alice, bob *accounts.Account
}

func newGallery(t *testing.T) *gallery {
	t.Helper()
	n := build(t, dbtest.SQLite(t), newClock(), gallerySite)
	g := &gallery{node: n, alice: n.person("alice")}
	g.bob = g.elsewhere("bob", "good.example")
	return g
}

// elsewhere enters an account of another server.
func (n *node) elsewhere(name, domain string) *accounts.Account {
	n.t.Helper()
	uri := "https://" + domain + "/users/" + name
	a, err := n.accounts.Upsert(ctx(), accounts.Remote{Account: accounts.Account{Username: name, Domain: domain, ActorType: "Person", URI: uri, URL: "https://" + domain + "/@" + name,
		InboxURL: uri + "/inbox", SharedInboxURL: "https://" + domain + "/inbox", FollowersURL: uri + "/followers", FeaturedURL: uri + "/collections/featured", PublicKeyID: uri + "#main-key", PublicKey: keysOf(n.t, name).Public}})
	n.must(err)
	return a
}

// sent takes the one document, or the first, that was queued for delivery since the last call.
func (g *gallery) sent() []byte {
	g.t.Helper()
	settle(g.t, g.node)
	rows, err := db.Column[string](ctx(), g.db, "SELECT args FROM jobs WHERE kind = 'activitypub.push' ORDER BY id")
	g.must(err)
	if len(rows) == 0 {
		g.t.Fatal("nothing was sent")
	}
	g.must(g.db.Write(ctx(), func(tx *db.Tx) error {
		_, err := tx.Exec(ctx(), "DELETE FROM jobs WHERE kind = 'activitypub.push'")
		return err
	}))
	var d activitypub.Delivery
	g.must(json.Unmarshal([]byte(rows[0]), &d))
	if len(rows) != 1 || d.FromID != g.alice.ID {
		g.t.Fatalf("%d deliveries, from %d", len(rows), d.FromID)
	}
	g.clock.Advance(time.Minute)
	return []byte(d.Body)
}

func (g *gallery) post(d statuses.Draft) *statuses.Status {
	g.t.Helper()
	st, err := g.statuses.Post(ctx(), g.alice, d)
	g.must(err)
	return st
}

func (g *gallery) theirs(n string) *statuses.Status {
	g.t.Helper()
	st, err := g.statuses.Receive(ctx(), g.bob, statuses.Incoming{URI: g.bob.URI + "/statuses/" + n, URL: g.bob.URL + "/" + n, Content: "<p>Hi</p>", PublishedAt: g.clock.Now(),
		Poll: &statuses.Poll{Options: []string{"tea", "coffee"}, Tallies: []int64{1, 2}, ExpiresAt: g.clock.Now().Add(time.Hour)}})
	g.must(err)
	return st
}

func compare(t *testing.T, name string, body []byte) {
	t.Helper()
	if strings.HasSuffix(name, ".json") {
		v := jsontext.Value(pem.ReplaceAll(body, []byte("PEM")))
		if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
			t.Fatal(err)
		}
		body = append(v, '\n')
	}
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(body)); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

// TestSent keeps what is sent for everything that happens here.
func TestSent(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	g.work(jobs.Default)
	keep := func(name string) {
		t.Helper()
		compare(t, "sent/"+name+".json", g.sent())
	}
	ok := func(_ any, err error) { t.Helper(); g.must(err) }

	g.must(g.relations.Follow(ctx(), g.alice, g.bob, relations.FollowOptions{}))
	keep("follow")
	g.must(g.relations.Unfollow(ctx(), g.alice, g.bob))
	keep("undo_follow")
	g.must(g.relations.Follow(ctx(), g.bob, g.alice, relations.FollowOptions{URI: g.bob.URI + "#follows/1"}))
	keep("accept")
	st := g.theirs("1")
	ok(g.statuses.Favourite(ctx(), g.alice, st.ID, ""))
	keep("like")
	ok(g.statuses.Unfavourite(ctx(), g.alice, st.ID))
	keep("undo_like")
	ok(g.statuses.Reblog(ctx(), g.alice, st.ID, statuses.Public, "", time.Time{}))
	keep("announce")
	ok(g.statuses.Unreblog(ctx(), g.alice, st.ID))
	keep("undo_announce")
	ok(g.statuses.Vote(ctx(), g.alice, st.PollID, []int{1}, ""))
	keep("vote")
	reply := g.post(statuses.Draft{Text: "@bob@good.example Yes & no, see #Go", InReplyToID: st.ID, SpoilerText: "talk", Language: "en"})
	keep("create_reply")
	ok(g.statuses.Edit(ctx(), g.alice, reply.ID, statuses.Draft{Text: "@bob@good.example No", Language: "en"}))
	keep("update")
	ok(g.statuses.Delete(ctx(), g.alice, reply.ID))
	keep("delete")
	for _, v := range []statuses.Visibility{statuses.Unlisted, statuses.Private, statuses.Direct} {
		st := g.post(statuses.Draft{Text: "For @bob@good.example", Visibility: v})
		keep("create_" + v.String())
		if v == statuses.Private {
			ok(g.statuses.Reblog(ctx(), g.alice, st.ID, statuses.Public, "", time.Time{}))
			keep("announce_private")
		}
	}
	pinned := g.post(statuses.Draft{Text: "Tea?", Poll: &statuses.PollDraft{Options: []string{"yes", "no"}, ExpiresIn: time.Hour}})
	keep("create_question")
	ok(g.statuses.Vote(ctx(), g.bob, pinned.PollID, []int{0}, g.bob.URI+"#votes/1"))
	g.clock.Advance(5 * time.Minute)
	keep("update_question")
	g.clock.Advance(2 * time.Hour)
	keep("update_question_closed")
	ok(g.statuses.Pin(ctx(), g.alice, pinned.ID, true))
	keep("add")
	ok(g.statuses.Pin(ctx(), g.alice, pinned.ID, false))
	keep("remove")
	ok(nil, g.describe())
	keep("update_actor")
	g.must(g.relations.Reject(ctx(), g.alice, g.bob))
	keep("reject")
	g.must(g.relations.Block(ctx(), g.alice, g.bob, ""))
	keep("block")
	g.must(g.relations.Unblock(ctx(), g.alice, g.bob))
	keep("undo_block")
	g.must(g.relations.Follow(ctx(), g.bob, g.alice, relations.FollowOptions{URI: g.bob.URI + "#follows/2"}))
	g.sent()
	g.must(g.accounts.Remove(ctx(), g.alice.ID))
	keep("delete_actor")
}

func (g *gallery) describe() error {
	name, note, yes := "Alice :blob:", "I like #tea and @bob@good.example", true
	fields := []accounts.Field{{Name: "Web", Value: "https://alice.example/"}}
	avatar, header := "avatars/a.jpg", "headers/h.webp"
	if err := g.put(media.CustomEmoji{Shortcode: "blob", Image: "emojis/blob.png"}); err != nil {
		return err
	}
	_, err := g.accounts.UpdateProfile(ctx(), g.alice.ID, accounts.Profile{DisplayName: &name, Note: &note, Fields: &fields, Locked: &yes, Discoverable: &yes, Indexable: &yes,
		Avatar: &avatar, AvatarDescription: new("Alice laughs"), Header: &header, ShowMediaReplies: new(false), Emojis: &[]accounts.Emoji{{Shortcode: "blob", URL: "emojis/blob.png"}}, AttributionDomains: &[]string{"alice.example"}})
	return err
}

func (g *gallery) put(e media.CustomEmoji) error {
	return media.New(media.Deps{DB: g.db, IDs: ids.NewSource(g.clock, 2), Clock: g.clock}).PutEmoji(ctx(), e)
}

// TestServed keeps what can be read.
func TestServed(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	g.must(g.relations.Follow(ctx(), g.bob, g.alice, relations.FollowOptions{URI: g.bob.URI + "#follows/1"}))
	g.must(g.relations.Follow(ctx(), g.alice, g.bob, relations.FollowOptions{}))
	g.must(g.relations.Authorize(ctx(), g.bob, g.alice))
	g.must(g.describe())
	g.clock.Advance(time.Minute)
	note := g.post(statuses.Draft{Text: "Hello #world :blob: @bob@good.example", Language: "en"})
	g.clock.Advance(time.Minute)
	own := g.post(statuses.Draft{Text: "And more", InReplyToID: note.ID})
	_, err := g.statuses.Pin(ctx(), g.alice, note.ID, true)
	g.must(err)
	_, err = g.statuses.Favourite(ctx(), g.bob, note.ID, "")
	g.must(err)
	_, err = g.statuses.Reblog(ctx(), g.alice, g.theirs("1").ID, statuses.Public, "", time.Time{})
	g.must(err)
	at := strings.TrimPrefix(note.URI, g.site.Base())
	for name, path := range map[string]string{
		"actor.json": "/users/alice", "instance_actor.json": "/actor", "note.json": at, "activity.json": at + "/activity", "replies.json": at + "/replies", "replies_page.json": at + "/replies?page=true",
		"replies_others.json": at + "/replies?only_other_accounts=true&page=true", "likes.json": at + "/likes", "shares.json": at + "/shares",
		"outbox.json": "/users/alice/outbox", "outbox_page.json": "/users/alice/outbox?page=true", "followers.json": "/users/alice/followers", "followers_page.json": "/users/alice/followers?page=true",
		"following_page.json": "/users/alice/following?page=true", "featured.json": "/users/alice/collections/featured", "featured_tags.json": "/users/alice/collections/tags",
		"webfinger.json": "/.well-known/webfinger?resource=acct:alice@us.example", "webfinger_instance.json": "/.well-known/webfinger?resource=acct:us.example@us.example",
		"nodeinfo_links.json": "/.well-known/nodeinfo", "nodeinfo.json": "/nodeinfo/2.0", "host_meta.xml": "/.well-known/host-meta", "host_meta.json": "/.well-known/host-meta.json",
	} {
		w := g.get(path, ap.AcceptHeader)
		if w.Code != http.StatusOK {
			t.Errorf("%s answers %d: %s", path, w.Code, w.Body)
			continue
		}
		compare(t, "served/"+name, w.Body.Bytes())
	}
	for _, same := range []string{"/@alice", "/@Alice", "/users/ALICE"} {
		if w := g.get(same, "application/activity+json"); w.Code != http.StatusOK || w.Header().Get("Content-Type") != ap.ContentType || !strings.Contains(w.Header().Get("Vary"), "Accept") {
			t.Errorf("%s: %d %v", same, w.Code, w.Header())
		}
	}
	if w := g.get("/@alice/"+ids.Format(own.ID), "application/activity+json"); w.Code != http.StatusOK {
		t.Errorf("a post's page as a document: %d", w.Code)
	}
	hide := true
	_, err = g.accounts.UpdateProfile(ctx(), g.alice.ID, accounts.Profile{HideCollections: &hide})
	g.must(err)
	compare(t, "served/followers_hidden.json", g.get("/users/alice/followers", ap.AcceptHeader).Body.Bytes())
	if w := g.get("/users/alice/following?page=true", ap.AcceptHeader); w.Code != http.StatusForbidden {
		t.Errorf("hidden following answers %d", w.Code)
	}
}

func (g *gallery) get(path, accept string) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+g.site.WebDomain+path, nil)
	req.Header.Set("Accept", accept)
	return serve(g.node, req)
}

// TestAnswers is about what is not a plain document: who gets a page, what is gone, what never was.
func TestAnswers(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	st := g.post(statuses.Draft{Text: "to be deleted"})
	at := strings.TrimPrefix(st.URI, g.site.Base())
	gone := g.person("gone")
	g.must(g.accounts.Remove(ctx(), gone.ID))
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, c := range []struct {
		path, accept string
		want         int
	}{
		{"/users/alice", browser, http.StatusFound}, {at, browser, http.StatusFound}, {"/users/alice", `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`, http.StatusOK},
		{"/users/alice", "text/html;q=0.5, application/activity+json", http.StatusOK}, {"/users/alice", "application/activity+json;q=0.5, text/html", http.StatusFound},
		{"/users/alice", "application/json", http.StatusOK}, {"/users/nobody", "application/activity+json", http.StatusNotFound}, {"/users/gone", "application/activity+json", http.StatusGone},
		{"/users/gone/outbox", "application/activity+json", http.StatusGone}, {"/users/" + accounts.InstanceActor, "application/activity+json", http.StatusNotFound},
		{"/users/alice/statuses/1", "application/activity+json", http.StatusNotFound}, {"/users/alice/statuses/x", "application/activity+json", http.StatusNotFound},
		{strings.Replace(at, "alice", "gone", 1), "application/activity+json", http.StatusGone}, {"/users/alice/outbox?page=true&max_id=x", "application/activity+json", http.StatusOK},
		{"/.well-known/webfinger", "", http.StatusBadRequest}, {"/.well-known/webfinger?resource=acct:nobody@us.example", "", http.StatusNotFound},
		{"/.well-known/webfinger?resource=acct:gone@us.example", "", http.StatusGone}, {"/.well-known/webfinger?resource=acct:alice@elsewhere.example", "", http.StatusNotFound},
		{"/.well-known/webfinger?resource=acct:alice@us.example%00.evil", "", http.StatusNotFound}, {"/.well-known/webfinger?resource=acct:ALICE@US.example", "", http.StatusOK},
		{"/.well-known/webfinger?resource=alice@social.us.example", "", http.StatusOK}, {"/.well-known/webfinger?resource=https://social.us.example/users/alice", "", http.StatusOK},
		{"/.well-known/webfinger?resource=https://social.us.example/@alice", "", http.StatusOK}, {"/.well-known/webfinger?resource=https://social.us.example/actor", "", http.StatusOK},
		{"/.well-known/webfinger?resource=https://elsewhere.example/users/alice", "", http.StatusNotFound},
	} {
		if w := g.get(c.path, c.accept); w.Code != c.want {
			t.Errorf("%s as %q answers %d, not %d: %s", c.path, c.accept, w.Code, c.want, w.Body)
		}
	}
	_, err := g.statuses.Delete(ctx(), g.alice, st.ID)
	g.must(err)
	if w := g.get(at, "application/activity+json"); w.Code != http.StatusNotFound {
		t.Errorf("a deleted post answers %d", w.Code)
	}
}

// TestCollectionDocuments keeps what is sent and shown of collections of accounts (FEP-7aa9).
func TestCollectionDocuments(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	g.work(jobs.Default)
	keep := func(name string) { t.Helper(); compare(t, "sent/"+name+".json", g.sent()) }
	show := func(name, uri string) {
		t.Helper()
		compare(t, "served/"+name+".json", g.get(strings.TrimPrefix(uri, g.site.Base()), ap.AcceptHeader).Body.Bytes())
	}
	g.must(g.relations.Follow(ctx(), g.bob, g.alice, relations.FollowOptions{URI: g.bob.URI + "#follows/1"}))
	g.sent()
	bob := *g.bob
	bob.FeaturePolicy = collections.PolicyOf(collections.ByEverybody, 0)
	_, err := g.accounts.Upsert(ctx(), accounts.Remote{Account: bob})
	g.must(err)
	carol := g.person("carol")
	_, err = g.accounts.UpdateProfile(ctx(), carol.ID, accounts.Profile{Discoverable: new(true)})
	g.must(err)
	settle(t, g.node)
	g.clock.Advance(time.Minute) // ids begin anew
	c, err := g.collections.Create(ctx(), g.alice, collections.Draft{Name: new("Tea people"), Description: new("They know <tea>"), Language: new("en"), Tag: new("Tea"), Discoverable: new(true)}, []accounts.ID{carol.ID})
	g.must(err)
	keep("add_collection")
	i, err := g.collections.Add(ctx(), g.alice.ID, c.ID, bob.ID)
	g.must(err)
	keep("feature_request")
	g.must(g.collections.Join(ctx(), i.ID, bob.ID, bob.URI+"/agreements/1"))
	keep("add_featured_item")
	_, err = g.collections.Update(ctx(), g.alice.ID, c.ID, collections.Draft{Language: new(""), Tag: new(""), Sensitive: new(true)})
	g.must(err)
	keep("update_collection")
	show("collection", c.URI)
	show("featured_collections", g.alice.URI+"/featured_collections")
	show("featured_item", c.URI+"/items/"+ids.Format(i.ID))
	items, err := g.collections.Items(ctx(), g.db, 0, []*collections.Collection{c})
	g.must(err)
	show("feature_authorization", carol.URI+"/feature_authorizations/"+ids.Format(items[c.ID][0].ID))
	g.must(g.collections.Remove(ctx(), g.alice.ID, c.ID, i.ID))
	keep("remove_featured_item")
	g.must(g.collections.Delete(ctx(), g.alice.ID, c.ID))
	keep("remove_collection")
	theirs, err := g.collections.Receive(ctx(), &bob, collections.Incoming{URI: bob.URI + "/lists/1", Name: "theirs"})
	g.must(err)
	i, err = g.collections.Admit(ctx(), theirs, g.alice, bob.URI+"/requests/1")
	g.must(err)
	g.must(g.collections.Revoke(ctx(), g.alice.ID, theirs.ID, i.ID))
	keep("delete_feature_authorization")
}
