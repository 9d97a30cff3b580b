package activitypub_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// digest is the digest of FEP-8fcf, written down independently.
func digest(uris ...string) string {
	var sum [32]byte
	for _, uri := range uris {
		for i, b := range sha256.Sum256([]byte(uri)) {
			sum[i] ^= b
		}
	}
	return hex.EncodeToString(sum[:])
}

// sendSynced posts an activity with a word about the sender's followers.
func (p *person) sendSynced(n *node, collection, list, sum string) int {
	p.t.Helper()
	body, _ := json.Marshal(p.activity("Create", p.note("a post")))
	n.clock.Advance(11 * time.Minute)
	req := p.request(n, http.MethodPost, "/inbox", body)
	req.Header.Set("Collection-Synchronization", `collectionId="`+collection+`", url="`+list+`", digest="`+sum+`"`)
	status := do(p.t, req)
	settle(n.t, n)
	return status
}

// TestFollowersSynchronizationIsSaid: what is for followers alone says to each host who of them is there; the list is for that
// host's signature (VIS-06).
func TestFollowersSynchronizationIsSaid(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, p := range []*person{s.bob, s.bertha, s.mallory} {
		s.taken(p.send(s.us, p.activity("Follow", s.alice.URI)))
	}
	headers := make(chan string, 100)
	s.good.answersWith(func(w http.ResponseWriter, req *http.Request, d doc) {
		if d["type"] == "Create" {
			headers <- req.Header.Get("Collection-Synchronization")
		}
		w.WriteHeader(http.StatusAccepted)
	})
	s.post(statuses.Draft{Text: "for followers", Visibility: statuses.Private})
	want := `collectionId="` + s.alice.FollowersURL + `", digest="` + digest(s.bob.uri, s.bertha.uri) + `", url="` + s.alice.URI + `/followers_synchronization"`
	if got := <-headers; got != want {
		t.Errorf("said %q, not %q", got, want)
	}
	s.post(statuses.Draft{Text: "for everybody"})
	if got := <-headers; got != "" {
		t.Errorf("a public post says %q", got)
	}
	path := "/users/alice/followers_synchronization"
	for p, want := range map[*person][]string{s.bertha: {s.bob.uri, s.bertha.uri}, s.mallory: {s.mallory.uri}} {
		w := serve(s.us, p.request(s.us, http.MethodGet, path, nil))
		var list struct{ OrderedItems []string }
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != http.StatusOK || !slices.Equal(list.OrderedItems, want) {
			t.Errorf("%s is told %d %s", p.uri, w.Code, w.Body)
		}
	}
	req, _ := http.NewRequest(http.MethodGet, s.us.site.URL(path), nil)
	if w := serve(s.us, req); w.Code != http.StatusUnauthorized {
		t.Errorf("a stranger is told %d %s", w.Code, w.Body)
	}
}

// TestFollowersSynchronizationIsFollowed: a follow that the other server does not have ends here, one that it alone has is taken
// back, and a request that it granted counts. Lists elsewhere, in parts, or asked for again at once cut nothing (AUZ-15).
func TestFollowersSynchronizationIsFollowed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	carol, dave, eve := s.us.person("carol"), s.us.person("dave"), s.us.person("eve")
	bob := s.known(s.bob)
	s.us.must(s.us.relations.Follow(ctx(), carol, bob, relations.FollowOptions{}))
	s.us.must(s.us.relations.Authorize(ctx(), bob, carol))
	s.us.must(s.us.relations.Follow(ctx(), dave, bob, relations.FollowOptions{}))
	settle(t, s.us)
	list := s.bob.uri + "/followers_synchronization"
	asked := func() int { return s.good.times("/users/bob/followers_synchronization") }

	s.taken(s.bob.sendSynced(s.us, s.bob.uri+"/followers", list, digest(s.alice.URI, carol.URI)))
	if asked() != 0 {
		t.Error("asked although both agree")
	}
	for name, lie := range map[string][2]string{"another's followers": {s.bertha.uri + "/followers", list}, "a list elsewhere": {s.bob.uri + "/followers", s.evil.url("/list")}} {
		s.taken(s.bob.sendSynced(s.us, lie[0], lie[1], digest()))
		if asked() != 0 || s.evil.times("/list") != 0 {
			t.Errorf("asked because of %s", name)
		}
	}
	whole := doc{"id": list, "type": "OrderedCollection", "orderedItems": []string{s.alice.URI, dave.URI, eve.URI, s.evil.url("/users/stranger")}}
	s.good.serve("/users/bob/followers_synchronization", whole.with(doc{"next": s.evil.url("/more")}))
	s.taken(s.bob.sendSynced(s.us, s.bob.uri+"/followers", list, digest(s.alice.URI, dave.URI, eve.URI)))
	if ok, _ := s.us.relations.Follows(ctx(), s.us.db, carol.ID, bob.ID); !ok || s.evil.times("/more") != 0 {
		t.Error("a list that is not whole was followed")
	}
	s.good.serve("/users/bob/followers_synchronization", whole)
	s.taken(s.bob.sendSynced(s.us, s.bob.uri+"/followers", list, digest(s.alice.URI, dave.URI, eve.URI)))
	for who, want := range map[*accounts.Account]bool{s.alice: true, carol: false, dave: true, eve: false} {
		if got, _ := s.us.relations.Follows(ctx(), s.us.db, who.ID, bob.ID); got != want {
			t.Errorf("%s follows: %v", who.Username, got)
		}
	}
	undone := map[string]int{}
	for _, d := range s.good.received() {
		if d["type"] == "Undo" {
			undone[d["actor"].(string)]++
		}
	}
	if len(undone) != 2 || undone[carol.URI] != 1 || undone[eve.URI] != 1 {
		t.Errorf("undone: %v", undone)
	}
	before := asked()
	body, _ := json.Marshal(s.bob.activity("Create", s.bob.note("again")))
	req := s.bob.request(s.us, http.MethodPost, "/inbox", body)
	req.Header.Set("Collection-Synchronization", `collectionId="`+s.bob.uri+`/followers", url="`+list+`", digest="`+digest("x")+`"`)
	s.taken(do(t, req))
	settle(t, s.us)
	if asked() != before {
		t.Error("asked again at once")
	}
}

// TestTwoServersAgreeOnFollowers lets two of our own servers settle what they disagree on.
func TestTwoServersAgreeOnFollowers(t *testing.T) {
	t.Parallel()
	c := newClock()
	here, there := newNode(t, dbtest.SQLite(t), c), newNode(t, dbtest.Postgres(t), c)
	alice, bob, carol := here.person("alice"), there.person("bob"), there.person("carol")
	for _, p := range []*accounts.Account{bob, carol} {
		there.must(there.relations.Follow(ctx(), p, there.as(alice), relations.FollowOptions{}))
	}
	settle(t, here, there)
	// alice removed carol, and nobody told.
	_, err := change(here, "DELETE FROM follows WHERE account_id = $1", here.as(carol).ID)
	here.must(err)
	st, err := here.statuses.Post(ctx(), alice, statuses.Draft{Text: "private", Visibility: statuses.Private})
	here.must(err)
	settle(t, here, there)
	there.byURI(st.URI)
	for p, want := range map[*accounts.Account]bool{bob: true, carol: false} {
		if got, _ := there.relations.Follows(ctx(), there.db, p.ID, there.as(alice).ID); got != want {
			t.Errorf("%s follows: %v", p.Username, got)
		}
	}
}

func change(n *node, sql string, args ...any) (int64, error) {
	var done int64
	err := n.db.Write(ctx(), func(tx *db.Tx) (err error) {
		done, err = tx.Exec(ctx(), sql, args...)
		return err
	})
	return done, err
}
