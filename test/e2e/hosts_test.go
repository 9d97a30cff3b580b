package e2e

import (
	"encoding/json"
	"errors"
	"testing"
)

// TestHosts takes a follower's server away and looks at it as an operator does.
func TestHosts(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		r := StartRemote(t, "127.0.0.1")
		ann, zoe := s.Person("ann"), r.Actor("zoe", 0)
		zoe.Follow(ann)
		type host struct {
			Host    string `json:"host"`
			State   string `json:"state"`
			Error   string `json:"last_error"`
			Waiting int    `json:"waiting_deliveries"`
		}
		until := func(what string, is func(host) bool) {
			t.Helper()
			Eventually(t, what, func() error {
				var h host
				shown, _, err := s.Run("hosts", "show", r.Domain, "--json")
				if err == nil {
					err = json.Unmarshal([]byte(shown), &h)
				}
				if err == nil && !is(h) {
					err = errors.New(shown)
				}
				return err
			})
		}
		r.Refuse(true)
		ann.Write("one")
		until("the host fails", func(h host) bool { return h.State == "failing" })
		ann.Write("two")
		until("both wait", func(h host) bool { return h.Waiting == 2 && h.Error == "gateway" })
		r.Refuse(false)
		s.Command("hosts", "retry", r.Domain)
		// A process that had not heard yet of the failure may have sent what waited; whoever has sends a probe.
		until("all is well again", func(h host) bool {
			if h.State == "recovering" {
				return h.Waiting == 0
			}
			ann.Write("and on")
			return false
		})
	})
}
