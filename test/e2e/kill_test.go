package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// localFollowers is how many people of the same server read each post at home.
	localFollowers = 200
	// kills is how often processes are killed; each kind has its turn four times.
	kills = 20
	// mostBetween is the largest number of acknowledgements between two kills.
	mostBetween = 10
	// retryEvery is the pause before something is sent again that was not acknowledged.
	retryEvery = 50 * time.Millisecond
)

// TestKill kills processes at random moments while people post, another server sends and posts fan out. A ledger of what was acknowledged is
// the judge: nothing of it may be missing, and nothing may be there twice.
func TestKill(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		k := kill{s: s, random: rand.New(rand.NewPCG(seed, 0)), ann: s.Person("ann"), bob: s.Person("bob")}
		k.readers = signUps(t, s, localFollowers)
		eachOf(k.readers, func(p Person) { p.Follows(k.ann) })
		for i := range 3 {
			far := StartRemote(t, fmt.Sprintf("127.0.0.%d", i+1))
			far.Actor(fmt.Sprintf("far%d", i), i).Follow(k.ann)
			k.far = append(k.far, far)
		}
		k.writer = k.far[0].Actor("writer", 3)
		k.ann.To(k.ann.Find(k.writer.ID).ID, "follow", nil)
		follow := k.far[0].WaitFor("a follow", func(got M) bool { return got["type"] == "Follow" })
		k.writer.Deliver(s.URL+"/inbox", k.writer.Activity("Accept", follow, nil))

		k.rounds(t)
		s.Step(t, "every post is there once", k.posts)
		s.Step(t, "every follower has each post at home once", k.homes)
		s.Step(t, "notifications are not doubled", k.notifications)
		s.Step(t, "every follower's server got each post under one id", k.deliveries)
		s.Step(t, "every accepted activity is visible once", k.accepted)
	})
}

// kill is what happens while processes are killed, and what was acknowledged.
type kill struct {
	s        *Server
	random   *rand.Rand
	ann, bob Person
	readers  []Person
	far      []*Remote
	writer   RemoteActor

	acknowledged atomic.Int64
	mu           sync.Mutex
	written      map[string]Status // what ann posted, by its text
	sent         []string          // addresses of notes that the inbox accepted
}

// signUps makes people by the API, several at once.
func signUps(t *testing.T, s *Server, count int) []Person {
	t.Helper()
	app := s.register(t, "read write follow")
	token := s.appToken(app)
	people := make([]Person, count)
	for i := range people {
		people[i] = Person{Server: s, Account: Account{Name: fmt.Sprintf("reader%d", i)}}
	}
	eachAt(people, func(p *Person) {
		var granted Token
		s.Do("POST", "/api/v1/accounts", token, signUp(p.Name)).Want(http.StatusOK).Into(&granted)
		p.Token = granted.AccessToken
		p.ID = p.Me().ID
	})
	return people
}

func eachOf(people []Person, do func(Person)) { eachAt(people, func(p *Person) { do(*p) }) }

// eachAt does something for each of them, a few at a time.
func eachAt(people []Person, do func(*Person)) {
	const atOnce = 4
	var all sync.WaitGroup
	for worker := range atOnce {
		all.Go(func() {
			for i := worker; i < len(people); i += atOnce {
				do(&people[i])
			}
		})
	}
	all.Wait()
}

// rounds lets everybody act, and kills.
func (k *kill) rounds(t *testing.T) {
	k.written = map[string]Status{}
	stop := make(chan struct{})
	var acting sync.WaitGroup
	for worker := range 2 {
		acting.Go(func() { k.write(t, worker, stop) })
	}
	acting.Go(func() { k.send(t, stop) })
	victims := [][]string{{"serve"}}
	if k.s.Layout == Five {
		victims = [][]string{{"web"}, {"worker"}, {"streaming"}, {"scheduler"}, nil} // the last are all of them
	}
	for round := range kills {
		k.await(t, k.acknowledged.Load()+1+k.random.Int64N(mostBetween))
		<-time.After(time.Duration(k.random.Int64N(int64(20 * time.Millisecond)))) // not always right after an answer
		k.s.Kill9(victims[round%len(victims)]...)
		k.s.Resume()
	}
	k.await(t, k.acknowledged.Load()+3)
	close(stop)
	acting.Wait()
	t.Logf("%d posts and %d notes were acknowledged", len(k.written), len(k.sent))
}

func (k *kill) await(t *testing.T, count int64) {
	t.Helper()
	Eventually(t, "something is acknowledged", func() error {
		if now := k.acknowledged.Load(); now < count {
			return errorf("%d of %d", now, count)
		}
		return nil
	})
}

// insist does something again until it succeeds; it must not, when the test has ended.
func insist(t *testing.T, do func() bool) {
	for !do() && t.Context().Err() == nil {
		<-time.After(retryEvery)
	}
}

// write posts in ann's name. What is not acknowledged is sent again with the same key, as apps do.
func (k *kill) write(t *testing.T, worker int, stop <-chan struct{}) {
	for number := 0; ; number++ {
		select {
		case <-stop:
			return
		default:
		}
		text := fmt.Sprintf("post %d.%d.", worker, number)
		body := M{"status": text}
		if number%2 == 0 {
			body["status"] = text + " @bob"
		}
		insist(t, func() bool {
			var status Status
			if !k.ann.try(body, text, &status) {
				return false
			}
			k.mu.Lock()
			defer k.mu.Unlock()
			k.written[text] = status
			k.acknowledged.Add(1)
			return true
		})
	}
}

// try posts with an idempotency key, and tells whether that was acknowledged.
func (p Person) try(body M, key string, into *Status) bool {
	_, reader, err := encode(body)
	if err != nil {
		return false
	}
	request, err := http.NewRequest(http.MethodPost, p.Server.URL+"/api/v1/statuses", reader)
	if err != nil {
		return false
	}
	request.Header = http.Header{"Authorization": {"Bearer " + p.Token}, "Idempotency-Key": {key}, "Content-Type": {"application/json"}}
	status, text, err := send(request)
	return err == nil && status == http.StatusOK && jsonOf(text, into)
}

// send lets the other server write notes that mention ann.
func (k *kill) send(t *testing.T, stop <-chan struct{}) {
	for number := 0; ; number++ {
		select {
		case <-stop:
			return
		default:
		}
		ann := k.s.URL + "/users/ann"
		note := k.writer.Note(fmt.Sprintf("note %d", number), M{"tag": Mention(ann, k.s.Handle("ann")), "to": []string{public, ann}})
		create := k.writer.Create(note)
		insist(t, func() bool {
			if status, err := k.writer.Send(k.s.URL+"/inbox", create); err != nil || status != http.StatusAccepted {
				return false
			}
			k.mu.Lock()
			defer k.mu.Unlock()
			k.sent = append(k.sent, note["id"].(string))
			k.acknowledged.Add(1)
			return true
		})
	}
}

// walk returns a whole timeline.
func walk(p Person, path string) []Status {
	p.Server.t.Helper()
	var all []Status
	for next := Query(path, url.Values{"limit": {"40"}}); next != ""; {
		var page []Status
		answer := p.Do("GET", next, nil).Want(200).Into(&page)
		if len(page) == 0 {
			break
		}
		all, next = append(all, page...), linksOf(answer)["next"]
	}
	return all
}

// once compares what is there with what must be there once.
func once(got, want []string) error {
	counts := map[string]int{}
	for _, one := range got {
		counts[one]++
	}
	var wrong []string
	for _, one := range want {
		if counts[one] != 1 {
			wrong = append(wrong, fmt.Sprintf("%s is there %d times", one, counts[one]))
		}
	}
	if len(wrong) > 0 {
		return errorf("%d of %d: %s", len(wrong), len(want), strings.Join(wrong[:min(5, len(wrong))], ", "))
	}
	return nil
}

func (k *kill) ids() []string {
	var ids []string
	for _, status := range k.written {
		ids = append(ids, status.ID)
	}
	return ids
}

func (k *kill) posts(t *testing.T) {
	all := walk(k.ann, "/api/v1/accounts/"+k.ann.ID+"/statuses")
	if err := once(IDs(all), k.ids()); err != nil {
		t.Error(err)
	}
	var texts []string
	for _, status := range all {
		texts = append(texts, strings.Fields(strings.TrimPrefix(status.Content, "<p>"))[1])
	}
	slices.Sort(texts)
	if doubled := len(texts) - len(slices.Compact(slices.Clone(texts))); doubled != 0 {
		t.Errorf("%d posts were made twice: %v", doubled, texts)
	}
	if got := k.ann.Me().StatusesCount; got != len(all) {
		t.Errorf("%d posts are counted, %d are there", got, len(all))
	}
}

func (k *kill) homes(t *testing.T) {
	ids := k.ids()
	eachOf(k.readers, func(p Person) {
		Eventually(t, "all posts are at home of "+p.Name, func() error { return once(IDs(walk(p, Home)), ids) })
	})
}

// notifications walks those of bob, whom every second post mentions, and those of ann, whom every note mentions.
func (k *kill) notifications(t *testing.T) {
	told := func(p Person) (statuses []string, uris []string) {
		for next := "/api/v1/notifications?types[]=mention&limit=80"; next != ""; {
			var page []Notification
			answer := p.Do("GET", next, nil).Want(200).Into(&page)
			if len(page) == 0 {
				break
			}
			for _, n := range page {
				statuses, uris = append(statuses, n.Status.ID), append(uris, n.Status.URI)
			}
			next = linksOf(answer)["next"]
		}
		return statuses, uris
	}
	var mentions []string
	for _, status := range k.written {
		if len(status.Mentions) > 0 {
			mentions = append(mentions, status.ID)
		}
	}
	Eventually(t, "bob is told once of each", func() error {
		got, _ := told(k.bob)
		return once(got, mentions)
	})
	Eventually(t, "ann is told once of each", func() error {
		_, got := told(k.ann)
		return once(got, k.sent)
	})
}

func (k *kill) deliveries(t *testing.T) {
	for _, far := range k.far {
		Eventually(t, far.Domain+" has every post", func() error {
			activities := map[string][]string{} // by post
			for _, activity := range far.Received() {
				if note, ok := activity["object"].(M); ok && activity["type"] == "Create" {
					uri, id := fmt.Sprint(note["id"]), fmt.Sprint(activity["id"])
					if !slices.Contains(activities[uri], id) {
						activities[uri] = append(activities[uri], id)
					}
				}
			}
			for _, status := range k.written {
				if ids := activities[status.URI]; len(ids) != 1 {
					return errorf("%s came as %v; %d posts came", status.URI, ids, len(activities))
				}
			}
			return nil
		})
	}
}

func (k *kill) accepted(t *testing.T) {
	author := k.ann.Find(k.writer.ID)
	for _, path := range []string{"/api/v1/accounts/" + author.ID + "/statuses", Home} {
		Eventually(t, "every note is once in "+path, func() error {
			var uris []string
			for _, status := range walk(k.ann, path) {
				uris = append(uris, status.URI)
			}
			return once(uris, k.sent)
		})
	}
}
