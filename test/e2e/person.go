package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
)

// Held is something that fails a test by itself.
type Held interface {
	// hold makes it fail another test from now on, and returns the one before.
	hold(t testing.TB) testing.TB
}

func (s *Server) hold(t testing.TB) (before testing.TB) {
	before, s.t = s.t, t
	return before
}

func (p *Peer) hold(t testing.TB) (before testing.TB) {
	before, p.t = p.t, t
	return before
}

// Step runs a part of a scenario as a test of its own, so that what goes wrong in it does not keep the next part from running. Steps run one
// after the other.
func Step(t *testing.T, name string, part func(t *testing.T), things ...Held) {
	t.Run(name, func(t *testing.T) {
		for _, thing := range things {
			before := thing.hold(t)
			defer thing.hold(before)
		}
		part(t)
	})
}

// Step runs a part of a scenario on this server alone.
func (s *Server) Step(t *testing.T, name string, part func(t *testing.T)) {
	Step(t, name, part, s)
}

// Write posts a text; more are further parameters.
func (p Person) Write(text string, more ...M) Status {
	p.Server.t.Helper()
	body := M{"status": text}
	for _, one := range more {
		maps.Copy(body, one)
	}
	var status Status
	p.Post("/api/v1/statuses", body, &status)
	return status
}

// On does something to a post, such as "favourite", and returns the post as it is then.
func (p Person) On(id, verb string) Status {
	p.Server.t.Helper()
	var status Status
	p.Post("/api/v1/statuses/"+id+"/"+verb, nil, &status)
	return status
}

// Edit changes the text of a post.
func (p Person) Edit(id, text string, more ...M) Status {
	p.Server.t.Helper()
	body := M{"status": text}
	for _, one := range more {
		maps.Copy(body, one)
	}
	var status Status
	p.Do(http.MethodPut, "/api/v1/statuses/"+id, body).Want(http.StatusOK).Into(&status)
	return status
}

// Delete deletes a post and returns it with its source.
func (p Person) Delete(id string) Status {
	p.Server.t.Helper()
	var status Status
	p.Do(http.MethodDelete, "/api/v1/statuses/"+id, nil).Want(http.StatusOK).Into(&status)
	return status
}

// Read returns a post.
func (p Person) Read(id string) Status {
	p.Server.t.Helper()
	var status Status
	p.Get("/api/v1/statuses/"+id, &status)
	return status
}

// To does something to another account, such as "follow", and returns how they stand then.
func (p Person) To(id, verb string, body any) Relationship {
	p.Server.t.Helper()
	var relation Relationship
	p.Post("/api/v1/accounts/"+id+"/"+verb, body, &relation)
	return relation
}

// Relation returns how the person stands to another account.
func (p Person) Relation(id string) Relationship {
	p.Server.t.Helper()
	var relations []Relationship
	p.Get(Query("/api/v1/accounts/relationships", url.Values{"id[]": {id}}), &relations)
	if len(relations) != 1 {
		p.Server.t.Fatalf("%d relationships to %s", len(relations), id)
	}
	return relations[0]
}

// Me returns the person's own account.
func (p Person) Me() Profile {
	p.Server.t.Helper()
	var me Profile
	p.Get("/api/v1/accounts/verify_credentials", &me)
	return me
}

// Timeline returns a list of posts, such as that of home.
func (p Person) Timeline(path string) []Status {
	p.Server.t.Helper()
	var statuses []Status
	p.Get(path, &statuses)
	return statuses
}

// Home and the like are paths of timelines.
const (
	Home   = "/api/v1/timelines/home"
	Public = "/api/v1/timelines/public"
)

// Sees waits until a post is in a timeline, and returns it.
func (p Person) Sees(path, id string) Status {
	p.Server.t.Helper()
	return p.SeesOne(path, func(status Status) bool { return status.ID == id })
}

// SeesOne waits until a post that fits is in a timeline, and returns it.
func (p Person) SeesOne(path string, fits func(Status) bool) Status {
	p.Server.t.Helper()
	var found Status
	Eventually(p.Server.t, p.Name+" sees a post in "+path, func() error {
		timeline := p.Timeline(path)
		at := slices.IndexFunc(timeline, fits)
		if at < 0 {
			return fmt.Errorf("there are %v", texts(timeline))
		}
		found = timeline[at]
		return nil
	})
	return found
}

// Misses waits until a post is not in a timeline.
func (p Person) Misses(path, id string) {
	p.Server.t.Helper()
	Eventually(p.Server.t, p.Name+" no longer sees the post in "+path, func() error {
		if slices.Contains(IDs(p.Timeline(path)), id) {
			return errors.New("it is there")
		}
		return nil
	})
}

func texts(statuses []Status) []string {
	var all []string
	for _, status := range statuses {
		all = append(all, status.ID+" "+status.Content)
	}
	return all
}

// Told waits until the person is told of something that fits.
func (p Person) Told(kind string, fits func(Notification) bool) Notification {
	p.Server.t.Helper()
	var found Notification
	Eventually(p.Server.t, p.Name+" is told of a "+kind, func() error {
		all := p.Notifications(kind)
		at := slices.IndexFunc(all, fits)
		if at < 0 {
			return fmt.Errorf("there are %d of this kind", len(all))
		}
		found = all[at]
		return nil
	})
	return found
}

// Notifications returns those of some kinds, or all.
func (p Person) Notifications(kinds ...string) []Notification {
	p.Server.t.Helper()
	var all []Notification
	p.Get(Query("/api/v1/notifications", url.Values{"types[]": kinds, "limit": {"80"}}), &all)
	return all
}

// From fits notifications about an account.
func From(id string) func(Notification) bool {
	return func(n Notification) bool { return n.Account.ID == id }
}

// About fits notifications about a post.
func About(id string) func(Notification) bool {
	return func(n Notification) bool { return n.Status != nil && n.Status.ID == id }
}

// Search asks for people, posts and tags; what is elsewhere is fetched.
func (p Person) Search(q string, more ...string) Found {
	p.Server.t.Helper()
	values := url.Values{"q": {q}, "resolve": {"true"}}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	var found Found
	p.Get(Query("/api/v2/search", values), &found)
	return found
}

// Find returns the account of a handle or address, which may be elsewhere.
func (p Person) Find(q string) Profile {
	p.Server.t.Helper()
	found := p.Search(q, "type", "accounts")
	if len(found.Accounts) != 1 {
		p.Server.t.Fatalf("%s: searching %s finds %d accounts", p.Name, q, len(found.Accounts))
	}
	return found.Accounts[0]
}

// FindStatus returns the post at an address, which may be elsewhere.
func (p Person) FindStatus(q string) Status {
	p.Server.t.Helper()
	found := p.Search(q, "type", "statuses")
	if len(found.Statuses) != 1 {
		p.Server.t.Fatalf("%s: searching %s finds %d posts", p.Name, q, len(found.Statuses))
	}
	return found.Statuses[0]
}

// Follows follows another person of the same server and waits until it holds.
func (p Person) Follows(other Person) {
	p.Server.t.Helper()
	if relation := p.To(other.ID, "follow", nil); !relation.Following {
		p.Server.t.Fatalf("%s does not follow %s: %+v", p.Name, other.Name, relation)
	}
}

// Until waits until a condition of the API holds, which says in words what it found instead.
func (p Person) Until(what string, holds func() (bool, string)) {
	p.Server.t.Helper()
	Eventually(p.Server.t, what, func() error {
		if ok, found := holds(); !ok {
			return errors.New(found)
		}
		return nil
	})
}
