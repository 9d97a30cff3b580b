package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// alliance is two servers and a third between them, with people of each.
type alliance struct {
	here, there, relay *Server
	ann, bob, carrier  Person
}

// TestRelayBetweenTwoServers lets a third server carry posts between two whose people do not know each other, and drives what concerns other
// servers by the commands of an operator.
func TestRelayBetweenTwoServers(t *testing.T) {
	t.Parallel()
	a := alliance{here: Start(t, One), there: Start(t, One), relay: Start(t, One)}
	a.ann, a.bob, a.carrier = a.here.Person("ann"), a.there.Person("bob"), a.relay.Person("carrier")
	step := func(name string, part func(t *testing.T, a alliance)) {
		Step(t, name, func(t *testing.T) { part(t, a) }, a.here, a.there, a.relay)
	}
	step("a relay carries posts", carries)
	step("a relay is left", leavesRelay)
	step("an account moves", moves)
	step("trends are decided on", decidesTrends)
	step("domains are blocked", blocksDomains)
	step("lists go along", listsGoAlong)
}

// listsGoAlong: a list that was written by one account's command is read by another's, while the server runs.
func listsGoAlong(t *testing.T, a alliance) {
	file := filepath.Join(t.TempDir(), "domains.csv")
	if err := os.WriteFile(file, []byte("#domain\nbad.example\nworse.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ann", "guest"} {
		if name == "guest" {
			a.here.Person(name)
		}
		a.here.Command("account", "import", name, "domain_blocking", file)
		Eventually(t, name+" blocks two domains", func() error {
			if got := a.here.Command("account", "export", name, "domain_blocking"); !strings.Contains(got, "bad.example") || !strings.Contains(got, "worse.example") {
				return fmt.Errorf("exported: %q", got)
			}
			return nil
		})
		if err := os.WriteFile(file, []byte(a.here.Command("account", "export", name, "domain_blocking")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := a.here.Run("account", "export", "nobody", "lists"); err == nil {
		t.Error("nobody's lists were written")
	}
	if _, _, err := a.here.Run("account", "import", "ann", "secrets", file); err == nil {
		t.Error("secrets were read")
	}
}

// decidesTrends: nothing trends yet, but what may is decided beforehand too.
func decidesTrends(t *testing.T, a alliance) {
	a.ann.Write("about #Elephants")
	for _, args := range [][]string{{"approve", "tag", "elephants"}, {"reject", "account", "@ann"}, {"approve", "publisher", "news.example"}} {
		a.here.Command(append([]string{"trends"}, args...)...)
	}
	if got := a.here.Command("trends", "--json"); got != "" {
		t.Errorf("trending are %s", got)
	}
	if got := a.here.Command("trends", "list", "tag"); !strings.HasPrefix(got, "KIND") {
		t.Errorf("the list is %q", got)
	}
}

// relays are the relays of a server by their state, as the command prints them.
func relays(s *Server) string {
	s.t.Helper()
	var states []string
	for line := range strings.Lines(s.Command("relays", "list", "--json")) {
		var r struct{ Actor, State string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		states = append(states, r.Actor+" "+r.State)
	}
	return strings.Join(states, ", ")
}

// carries: the actor of a person of the third server is a relay of LitePub's kind, for it boosts what the two announce to it.
func carries(t *testing.T, a alliance) {
	actor := a.relay.URL + "/users/carrier"
	for _, s := range []*Server{a.here, a.there} {
		s.Command("relays", "add", actor, "--kind", "litepub")
		Eventually(t, "the relay takes part", func() error {
			if got := relays(s); got != actor+" accepted" {
				return fmt.Errorf("relays: %s", got)
			}
			return nil
		})
		instance := a.carrier.Find(s.URL + "/actor")
		a.carrier.To(instance.ID, "follow", nil)
		relates(a.carrier, instance.ID, "follows the server", func(r Relationship) bool { return r.Following })
	}
	post := a.ann.Write("carried from afar")
	boost := a.carrier.SeesOne(Home, func(s Status) bool { return s.Reblog != nil && s.Reblog.URI == post.URI })
	a.carrier.On(boost.Reblog.ID, "reblog")
	there := a.bob.SeesOne(Public, func(s Status) bool { return s.URI == post.URI })
	if there.Content != post.Content || there.Account.URI != a.here.URL+"/users/ann" || there.ReblogsCount != 0 {
		t.Errorf("arrived as %+v", there)
	}
	if got := a.ann.Read(post.ID); got.ReblogsCount != 0 {
		t.Errorf("a relay is counted as %d boosts", got.ReblogsCount)
	}
	hidden := a.ann.Write("not for relays", M{"visibility": "unlisted"})
	last := a.ann.Write("for relays")
	a.carrier.SeesOne(Home, func(s Status) bool { return s.Reblog != nil && s.Reblog.URI == last.URI })
	var home []Status
	a.carrier.Get(Home, &home)
	for _, s := range home {
		if s.Reblog != nil && s.Reblog.URI == hidden.URI {
			t.Error("an unlisted post went to a relay")
		}
	}
}

func leavesRelay(t *testing.T, a alliance) {
	actor := a.relay.URL + "/users/carrier"
	a.there.Command("relays", "disable", actor)
	if got := relays(a.there); got != actor+" idle" {
		t.Errorf("relays: %s", got)
	}
	a.here.Command("relays", "remove", actor)
	if got := relays(a.here); got != "" {
		t.Errorf("relays: %s", got)
	}
	if _, _, err := a.here.Run("relays", "disable", actor); err == nil {
		t.Error("a relay that is not there was left")
	}
}

func moves(t *testing.T, a alliance) {
	fan, old := a.relay.Person("fan"), a.here.Person("old")
	home := a.there.Person("home")
	was := fan.Find(a.here.Handle("old"))
	fan.To(was.ID, "follow", nil)
	relates(fan, was.ID, "follows", func(r Relationship) bool { return r.Following })
	oldHandle, newHandle := strings.TrimPrefix(a.here.Handle(old.Name), "@"), strings.TrimPrefix(a.there.Handle(home.Name), "@")
	if _, _, err := a.here.Run("account", "move", "old", "--to", newHandle); err == nil {
		t.Error("moved to an account that does not name the old one")
	}
	a.there.Command("account", "alias", "add", "home", oldHandle)
	if got := a.there.Command("account", "alias", "list", "home"); got != a.here.URL+"/users/old" {
		t.Errorf("aliases: %s", got)
	}
	a.here.Command("account", "move", "old", "--to", newHandle)
	now := fan.Find(a.there.Handle("home"))
	relates(fan, now.ID, "follows the new account", func(r Relationship) bool { return r.Following })
	relates(fan, was.ID, "follows the old one no more", func(r Relationship) bool { return !r.Following })
	if _, _, err := a.here.Run("account", "move", "old", "--to", newHandle); err == nil {
		t.Error("moved again at once")
	}
}

func blocksDomains(t *testing.T, a alliance) {
	host, _, _ := strings.Cut(a.there.Domain, ":")
	a.here.Command("domains", "block", "spam.example", "--severity", "silence", "--reject-media", "--public-comment", "too loud")
	a.here.Command("domains", "block", "Evil.Example")
	list := a.here.Command("domains", "list", "--json")
	if !strings.Contains(list, `"spam.example"`) || !strings.Contains(list, `"evil.example"`) || strings.Contains(list, host) {
		t.Errorf("listed: %s", list)
	}
	file := filepath.Join(t.TempDir(), "blocks.csv")
	if err := os.WriteFile(file, []byte(a.here.Command("domains", "export")), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := a.there.Command("domains", "import", file); got != "2 domains" {
		t.Errorf("imported: %s", got)
	}
	lines := func(s *Server) []string {
		all := strings.Split(s.Command("domains", "export"), "\n")
		slices.Sort(all)
		return all
	}
	if here, there := lines(a.here), lines(a.there); !slices.Equal(here, there) {
		t.Errorf("exported %q, imported as %q", here, there)
	}
	a.here.Command("domains", "unblock", "evil.example")
	if list := a.here.Command("domains", "list", "--json"); strings.Contains(list, "evil.example") || !strings.Contains(list, "too loud") {
		t.Errorf("listed: %s", list)
	}
	if _, _, err := a.here.Run("domains", "block", "not a domain"); err == nil {
		t.Error("what is no domain was blocked")
	}
}
