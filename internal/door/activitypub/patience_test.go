package activitypub_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/instances"
	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// Servers that hang make room for others, long before their time is over, when there are many of them; a few may have it all.
func TestHangingServersMakeRoom(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newDelivery(t, d)
		s.us.PushTimeout = patience // whoever waits for it waits in vain
		const n = 12
		var holding sync.WaitGroup
		var mu sync.Mutex
		hurried := 0
		leave := make(chan struct{})
		var far []*remote
		for range n {
			r := newRemote(t)
			r.answersWith(func(w http.ResponseWriter, req *http.Request, _ doc) {
				select {
				case <-req.Context().Done():
				case <-leave:
					w.WriteHeader(http.StatusAccepted)
				}
			})
			far = append(far, r)
		}
		made := make(chan struct{}, n)
		for _, r := range far {
			holding.Go(func() {
				err := s.us.Push(ctx(), activitypub.Delivery{FromID: s.alice.ID, Inbox: r.url("/inbox"), Body: "{}", At: s.us.clock.Now(), Seq: 1})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					hurried++
					made <- struct{}{}
				}
			})
		}
		for range n - 4 { // all but four end by themselves
			select {
			case <-made:
			case <-time.After(patience):
				t.Error("they hold their places")
			}
		}
		close(leave)
		holding.Wait()
		if hurried != n-4 {
			t.Errorf("%d made room", hurried)
		}
		slow := 0
		for _, r := range far {
			h, err := s.us.instances.ByDomain(ctx(), d, r.domain)
			if err == nil && h.LastError == "slow" && h.State(s.us.clock.Now()) == instances.Failing && h.FailedDays == 0 {
				slow++
			}
		}
		if slow != n-4 {
			t.Errorf("%d are noted as slow", slow)
		}
	})
}
