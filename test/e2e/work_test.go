package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/testkit/services"
)

// TestWork steers and watches background work as an operator does, while the server runs.
func TestWork(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		ann, bob := s.Person("ann"), s.Person("bob")
		s.Step(t, "workers and their settings are seen, and change while they run", func(t *testing.T) { steers(t, s) })
		s.Step(t, "a queue waits while it is paused", func(t *testing.T) { pauses(t, s, ann, bob) })
		s.Step(t, "recurring work is shown", func(t *testing.T) { recurring(t, s) })
		s.Step(t, "what is needed is told", func(t *testing.T) { capacity(t, s) })
		s.Step(t, "commands refuse what makes no sense", func(t *testing.T) { refusals(t, s) })
		if s.Layout == Five {
			s.Step(t, "a worker without the files refuses to start", func(t *testing.T) { otherFiles(t, s) })
		}
	})
}

// asked runs a command that prints JSON.
func asked[T any](t *testing.T, s *Server, args ...string) T {
	t.Helper()
	var v T
	text := s.Command(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("gomph %v: %v: %s", args, err, text)
	}
	return v
}

type process struct {
	ID, Roles, Version, Queues string
	Slots                      int
}

type queueStatus struct {
	Queues []struct {
		Queue   string
		Paused  bool
		Waiting int
		Arrival float64 `json:"arrival_per_second"`
	}
	Unknown []any
}

func steers(t *testing.T, s *Server) {
	workers := func() (list []process) {
		for _, p := range asked[[]process](t, s, "processes") {
			if strings.Contains(p.Roles, "worker") {
				list = append(list, p)
			}
		}
		return list
	}
	follow := func(slots int, queues string) {
		t.Helper()
		Eventually(t, fmt.Sprintf("workers have %d slots", slots), func() error {
			list := workers()
			for _, p := range list {
				if slots != 0 && p.Slots != slots || !strings.Contains(p.Queues, queues) || p.Version == "" {
					return fmt.Errorf("workers are %+v", list)
				}
			}
			if want := map[Layout]int{One: 1, Five: 2}[s.Layout]; len(list) != want {
				return fmt.Errorf("there are %d workers: %+v", len(list), list)
			}
			return nil
		})
	}
	follow(0, "default,8,min=")
	s.Command("queues", "set", "--slots", "9", "--queues", "default,4,cap=5", "--queues", "ingress", "--queues", "push", "--queues", "pull", "--queues", "mailers", "--queues", "scheduler")
	follow(9, "default,4,cap=5 ingress,1")
	s.Command("queues", "set", "--reset")
	follow(0, "default,8,min=")
}

func pauses(t *testing.T, s *Server, ann, bob Person) {
	post := ann.Write("to be liked")
	s.Command("queues", "pause", "default")
	Eventually(t, "no worker takes from the queue", func() error {
		for _, p := range asked[[]process](t, s, "processes") {
			if strings.Contains(p.Queues, "default") {
				return fmt.Errorf("%+v does", p)
			}
		}
		return nil
	})
	bob.On(post.ID, "favourite")
	status := asked[queueStatus](t, s, "queues")
	if q := status.Queues[0]; q.Queue != "default" || !q.Paused || q.Waiting == 0 || len(status.Unknown) != 0 {
		t.Errorf("status is %+v", status)
	}
	list := asked[[]struct{ ID, State, Kind string }](t, s, "queues", "list", "--queue", "default", "--state", "waiting", "--kind", "notifications.favourited")
	if len(list) != 1 {
		t.Fatalf("waiting are %+v", list)
	}
	if one := s.Command("queues", "show", list[0].ID); !strings.Contains(one, post.ID) {
		t.Errorf("the job is %s", one)
	}
	if page := s.Command("queues", "--hosts"); !strings.Contains(page, "paused") {
		t.Errorf("queues: %s", page)
	}
	s.Command("queues", "resume", "default")
	ann.Told("favourite", About(post.ID))
	if out := s.Command("queues", "discard", list[0].ID); !strings.HasPrefix(out, "0 ") {
		t.Errorf("a job that is done was removed: %s", out)
	}
	worker := map[Layout]string{One: "serve", Five: "worker-1"}[s.Layout]
	Eventually(t, "a worker tells its figures", func() error {
		got, err := ask(http.MethodGet, s.Metrics(worker), "", nil)
		if err == nil && !bytes.Contains(got.Body, []byte(`gomph_jobs_waiting{queue="default"}`)) {
			err = fmt.Errorf("metrics are %.500s", got.Body)
		}
		return err
	})
}

func recurring(t *testing.T, s *Server) {
	type entry struct {
		Name  string
		Every float64 `json:"every_seconds"`
		Next  string  `json:"next_run_at"`
	}
	Eventually(t, "the schedule is entered", func() error {
		list := asked[[]entry](t, s, "jobs", "recurring")
		for _, e := range list {
			if e.Every <= 0 || e.Next == "" {
				return fmt.Errorf("an entry is %+v", e)
			}
		}
		if len(list) < 4 {
			return fmt.Errorf("entries are %+v", list)
		}
		return nil
	})
	if page := s.Command("jobs", "recurring"); !strings.Contains(page, "NEXT RUN") || !strings.Contains(page, "jobs.forget") {
		t.Errorf("jobs recurring: %s", page)
	}
}

func capacity(t *testing.T, s *Server) {
	Eventually(t, "work was counted", func() error {
		list := asked[[]struct {
			Queue string
			Runs  float64 `json:"runs_per_second"`
			Slots int     `json:"slots_needed"`
		}](t, s, "capacity")
		if len(list) != 6 || list[0].Queue != "default" || list[0].Runs <= 0 || list[0].Slots < 1 {
			return fmt.Errorf("capacity is %+v", list)
		}
		return nil
	})
	if page := s.Command("capacity"); !strings.Contains(page, "CONNECTIONS") || !strings.Contains(page, "together") {
		t.Errorf("capacity: %s", page)
	}
}

func refusals(t *testing.T, s *Server) {
	for _, args := range [][]string{
		{"queues", "pause", "others"}, {"queues", "set"}, {"queues", "set", "--slots", "3", "--reset"}, {"queues", "set", "--queues", "others"}, {"queues", "set", "--slots", "-1"},
		{"queues", "retry"}, {"queues", "discard"}, {"queues", "discard", "x"}, {"queues", "list", "--state", "asleep"}, {"queues", "list", "--limit", "0"}, {"queues", "show", "1"},
		{"worker", "--queues", "default,cap=0"}, {"worker", "--queues", "default,push", "--queues", "pull,3"},
	} {
		stdout, stderr, err := s.Run(args...)
		if err == nil || strings.TrimSpace(stderr) == "" || strings.Contains(stderr, "goroutine ") {
			t.Errorf("gomph %v: %v %s%s", args, err, stdout, stderr)
		}
	}
}

// otherFiles starts a worker as on another host, whose folder of files is another one (requirement E23).
func otherFiles(t *testing.T, s *Server) {
	env := append(s.env[:len(s.env):len(s.env)], "GOMPH_DATA="+t.TempDir(), "PORT="+strconv.Itoa(services.FreePort(t)))
	for _, role := range []string{"worker", "web"} {
		if _, stderr, err := execute(s.binary, env, role); err == nil || !strings.Contains(stderr, "E23") {
			t.Errorf("%s with other files: %v %s", role, err, stderr)
		}
	}
}
