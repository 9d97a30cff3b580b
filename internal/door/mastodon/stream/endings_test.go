package stream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gomph/gomph/internal/domain/feeds"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/stream"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/kit/redis/redistest"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// fat is a renderer of large posts.
type fat struct{ stream.Renderer }

func (fat) Status(_ context.Context, id statuses.ID) (*stream.Post, error) {
	return &stream.Post{JSON: fmt.Appendf(nil, `{"id":"%d","content":%q}`, id, strings.Repeat("x", 256<<10)), Text: filters.NewText(func() string { return "" })}, nil
}

func TestASlowReaderIsCutOffAlone(t *testing.T) {
	t.Parallel()
	w := simple(t, func(d *stream.Deps) { d.Renderer = fat{} })
	ann := w.person("ann")
	u, err := url.Parse(w.web.URL)
	w.must(err)
	slow, err := net.Dial("tcp", u.Host)
	w.must(err)
	defer slow.Close()
	_, err = fmt.Fprintf(slow, "GET %s/public HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n", stream.Prefix, ann.token.Plain)
	w.must(err)
	first := make([]byte, 12)
	_, err = io.ReadFull(slow, first)
	w.must(err)
	quick := w.dial(ann, "stream", "public")
	const many = 600 // beyond the queue and what the system buffers
	for i := range many {
		b, err := json.Marshal(feeds.Message{Event: feeds.Update, ID: int64(i + 1), Author: ann.ID, Local: true})
		w.must(err)
		w.must(w.bus.Publish(w.ctx, pubsub.Message{Channel: feeds.PublicChannel, Payload: b}))
		if got := quick.next(); idOf(t, got) != fmt.Sprint(i+1) {
			t.Fatalf("the quick reader got %.80s, want %d", got.Payload, i+1)
		}
	}
	w.must(slow.SetReadDeadline(time.Now().Add(patience)))
	n, err := io.Copy(io.Discard, slow)
	if err != nil {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	if n > many*(256<<10)/2 {
		t.Errorf("the slow reader got %d bytes", n)
	}
}

func TestRevokedTokensStopHearing(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		ann, ben := w.person("ann"), w.person("ben")
		s, other, events := w.dial(ann, "stream", "user"), w.dial(ben, "stream", "user"), w.listen(ann, "/user", nil)
		w.must(w.access.RevokeToken(w.ctx, w.app, ann.token.Plain))
		if code := s.closed(); code != websocket.StatusPolicyViolation {
			t.Errorf("closed with %d", code)
		}
		if rest, err := io.ReadAll(events.body); err != nil || !strings.Contains(string(rest), "retry: ") {
			t.Errorf("server-sent events ended with %q, %v", rest, err)
		}
		other.barrier()
		w.must(w.access.Disable(w.ctx, ben.user.ID, true))
		if code := other.closed(); code != websocket.StatusPolicyViolation {
			t.Errorf("a disabled login: closed with %d", code)
		}
		if res := w.get("/user", ann.token.Plain, nil); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("coming back: %s", res.Status)
		}
	})
}

func TestDrainSendsAllAway(t *testing.T) {
	t.Parallel()
	w := simple(t)
	ann := w.person("ann")
	var sockets []*socket
	for range 20 {
		sockets = append(sockets, w.dial(ann, "stream", "user"))
	}
	events := w.listen(ann, "/public", nil)
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		w.server.Drain(ctx)
	}()
	for _, s := range sockets {
		if code := s.closed(); code != websocket.StatusServiceRestart {
			t.Errorf("closed with %d", code)
		}
	}
	if rest, err := io.ReadAll(events.body); err != nil || !strings.Contains(string(rest), "retry: ") {
		t.Errorf("server-sent events ended with %q, %v", rest, err)
	}
	<-drained
	if ctx.Err() != nil {
		t.Error("draining took all the time there was")
	}
	res := w.get("/user", ann.token.Plain, nil)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("coming while it drains: %s", res.Status)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	w := simple(t, func(d *stream.Deps) { d.MaxClients = 3 })
	ann := w.person("ann")
	for range 3 {
		w.dial(ann)
	}
	if res := w.get("/user", ann.token.Plain, nil); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the fourth of three: %s", res.Status)
	}
}

// TestLostMessagesSendAllClientsToLookAgain breaks the connection to Redis: among what was lost may be a revocation.
func TestLostMessagesSendAllClientsToLookAgain(t *testing.T) {
	t.Parallel()
	client, _ := redistest.Open(t)
	bus := pubsub.NewRedis(client, "p:")
	t.Cleanup(func() { _ = bus.Close() })
	w := open(t, dbtest.SQLite(t), bus, bus)
	ann := w.person("ann")
	s := w.dial(ann, "stream", "user")
	w.must(client.Do(w.ctx, client.B().ClientKill().TypePubsub().Build()).Error())
	if code := s.closed(); code != websocket.StatusServiceRestart {
		t.Errorf("closed with %d", code)
	}
	again := w.dial(ann, "stream", "user")
	st := w.Post(ann.Account, "back")
	w.feeds.Own(w.ctx, st)
	if got := again.next(); idOf(t, got) != ids.Format(st.ID) {
		t.Errorf("told %+v", got)
	}
	w.pump() // tells of it again, and the client does not hear it
	again.barrier()
}
