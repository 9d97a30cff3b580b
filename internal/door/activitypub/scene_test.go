package activitypub_test

import (
	"net/http"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// scene is what the attacks play in: alice on our server, bob (whom she follows) and bertha on an honest one, mallory on another.
type scene struct {
	t                    *testing.T
	us                   *node
	alice                *accounts.Account
	good, evil           *remote
	bob, bertha, mallory *person
}

func newScene(t *testing.T) *scene {
	t.Helper()
	return newSceneOn(t, dbtest.SQLite(t))
}

func newSceneOn(t *testing.T, d *db.DB) *scene {
	t.Helper()
	s := &scene{t: t, us: newNode(t, d, newClock()), good: newRemote(t), evil: newRemote(t)}
	s.alice = s.us.person("alice")
	s.bob, s.bertha, s.mallory = s.good.person("bob"), s.good.person("bertha"), s.evil.person("mallory")
	s.aliceFollows(s.bob)
	return s
}

// known is the account of somebody elsewhere, fetched if need be.
func (s *scene) known(p *person) *accounts.Account {
	s.t.Helper()
	a, err := s.us.AccountByURI(ctx(), p.uri, false)
	s.us.must(err)
	return a
}

func (s *scene) aliceFollows(p *person) {
	s.t.Helper()
	s.us.must(s.us.relations.Follow(ctx(), s.alice, s.known(p), relations.FollowOptions{}))
	s.us.must(s.us.relations.Authorize(ctx(), s.known(p), s.alice))
	settle(s.t, s.us)
}

func (s *scene) followsAlice(p *person) bool {
	s.t.Helper()
	is, err := s.us.relations.Follows(ctx(), s.us.db, s.known(p).ID, s.alice.ID)
	s.us.must(err)
	return is
}

// posted is a post of bob's that arrived.
func (s *scene) posted(text string) doc {
	s.t.Helper()
	n := s.bob.note(text)
	s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
	s.us.byURI(n["id"].(string))
	return n
}

func (s *scene) post(d statuses.Draft) *statuses.Status {
	s.t.Helper()
	st, err := s.us.statuses.Post(ctx(), s.alice, d)
	s.us.must(err)
	settle(s.t, s.us)
	return st
}

func (s *scene) taken(status int) {
	s.t.Helper()
	if status != http.StatusAccepted {
		s.t.Fatalf("answered %d", status)
	}
}

func (s *scene) refused(status int, allowed ...int) {
	s.t.Helper()
	for _, a := range allowed {
		if status == a {
			return
		}
	}
	s.t.Fatalf("answered %d, not one of %v", status, allowed)
}

func (s *scene) text(uri, want string) {
	s.t.Helper()
	if got := s.us.byURI(uri).Content; got != want {
		s.t.Errorf("the text is %q, not %q", got, want)
	}
}

// play runs each attack in a scene of its own.
func play(t *testing.T, attacks map[string]func(*scene)) {
	t.Helper()
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			attack(newScene(t))
		})
	}
}
