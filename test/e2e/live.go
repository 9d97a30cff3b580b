package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Event is one event of a stream.
type Event struct {
	Stream  []string `json:"stream"` // by WebSocket only
	Event   string   `json:"event"`
	Payload string   `json:"payload"`
	// Error and Status are the answer to a bad subscription.
	Error  string `json:"error"`
	Status int    `json:"status"`
}

// ID returns the id of what the event is about: the payload of a deletion, or the id in it.
func (e Event) ID() string {
	var about struct {
		ID string `json:"id"`
	}
	if json.Unmarshal([]byte(e.Payload), &about) != nil || about.ID == "" {
		return e.Payload
	}
	return about.ID
}

// Into decodes the payload.
func (e Event) Into(t testing.TB, value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(e.Payload), value); err != nil {
		t.Fatalf("reading the payload of %s: %v: %s", e.Event, err, e.Payload)
	}
}

// Stream is an open connection to the streaming API, by either way.
type Stream struct {
	t      testing.TB
	name   string
	send   func(context.Context, []byte) error // nil for server-sent events
	cancel context.CancelFunc

	mu     sync.Mutex
	events []Event
	news   chan struct{} // closed and replaced when an event came or the stream ended
	ended  error
}

// streamLimit is how much one event may have; a post is far smaller.
const streamLimit = 4 << 20

func newStream(t testing.TB, name string) *Stream {
	return &Stream{t: t, name: name, news: make(chan struct{})}
}

func (s *Stream) hold(t testing.TB) (before testing.TB) {
	before, s.t = s.t, t
	return before
}

// note keeps what came; a stream that ended is told why.
func (s *Stream) note(event *Event, ended error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if event != nil {
		s.events = append(s.events, *event)
	}
	if ended != nil {
		s.ended = ended
	}
	close(s.news)
	s.news = make(chan struct{})
}

func (s *Stream) state() (events []Event, news <-chan struct{}, ended error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events), s.news, s.ended
}

// Socket opens a WebSocket with the token in a header. The query may name a first stream.
func (p Person) Socket(query url.Values) *Stream {
	p.Server.t.Helper()
	stream, answer, err := p.Server.Dial(query, http.Header{"Authorization": {"Bearer " + p.Token}})
	if err != nil {
		status := 0
		if answer != nil {
			status = answer.StatusCode
		}
		p.Server.t.Fatalf("opening a WebSocket for %s: %d %v", p.Name, status, err)
	}
	return stream
}

// Dial opens a WebSocket, which may be refused.
func (s *Server) Dial(query url.Values, header http.Header, subprotocols ...string) (*Stream, *http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	address := "ws" + strings.TrimPrefix(s.URL, "http") + Query("/api/v1/streaming", query)
	conn, answer, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPHeader: header, Subprotocols: subprotocols})
	if err != nil {
		return nil, answer, err
	}
	conn.SetReadLimit(streamLimit)
	stream := newStream(s.t, "WebSocket "+query.Encode())
	reading, stop := context.WithCancel(context.Background())
	stream.send = func(ctx context.Context, text []byte) error { return conn.Write(ctx, websocket.MessageText, text) }
	done := make(chan struct{})
	stream.cancel = func() { stop(); <-done }
	go func() {
		defer close(done)
		defer conn.CloseNow()
		for {
			_, text, err := conn.Read(reading)
			if err != nil {
				stream.note(nil, err)
				return
			}
			var event Event
			if err := json.Unmarshal(text, &event); err != nil {
				event.Error = fmt.Sprintf("%v: %s", err, text)
			}
			stream.note(&event, nil)
		}
	}()
	s.t.Cleanup(stream.cancel)
	return stream, answer, nil
}

// Events opens a stream of server-sent events by its path, such as "user".
func (p Person) Events(path string, query url.Values) *Stream {
	p.Server.t.Helper()
	address := p.Server.URL + Query("/api/v1/streaming/"+path, query)
	ctx, stop := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		p.Server.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.Token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		p.Server.t.Fatalf("opening %s: %v", address, err)
	}
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		p.Server.t.Fatalf("opening %s: %d %s", address, answer.StatusCode, kind)
	}
	stream := newStream(p.Server.t, "events of "+path)
	done := make(chan struct{})
	stream.cancel = func() { stop(); <-done }
	go func() {
		defer close(done)
		defer answer.Body.Close()
		stream.note(nil, readEvents(answer, stream))
	}()
	p.Server.t.Cleanup(stream.cancel)
	return stream
}

// readEvents reads server-sent events until the stream ends, and returns why it did.
func readEvents(answer *http.Response, stream *Stream) error {
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, streamLimit)
	var event Event
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case lines.Text() == "" && event.Event != "":
			stream.note(&event, nil)
			event = Event{}
		case name == "event":
			event.Event = value
		case name == "data":
			event.Payload += value
		}
	}
	return errors.Join(errors.New("the stream ended"), lines.Err())
}

// Close ends the stream from this side.
func (s *Stream) Close() { s.cancel() }

// Say sends a message, such as a subscription.
func (s *Stream) Say(message M) {
	s.t.Helper()
	text, err := json.Marshal(message)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.send(s.t.Context(), text); err != nil {
		s.t.Fatalf("%s: sending %s: %v", s.name, text, err)
	}
}

// Started waits until a stream that is named so by its first part (or any, when the name is empty) is heard. Subscriptions are not acknowledged, so
// probe, which causes an event, is done again and again.
func (s *Stream) Started(stream string, probe func()) {
	s.t.Helper()
	const pause = 300 * time.Millisecond
	limit := time.After(patience)
	for {
		probe()
		again := time.After(pause)
		for waiting := true; waiting; {
			events, news, ended := s.state()
			heard := func(e Event) bool { return stream == "" || (len(e.Stream) > 0 && e.Stream[0] == stream) }
			if slices.ContainsFunc(events, heard) {
				return
			}
			if ended != nil {
				s.t.Fatalf("%s ended: %v", s.name, ended)
			}
			select {
			case <-news:
			case <-again:
				waiting = false
			case <-limit:
				s.t.Fatalf("%s is silent; wanted %q, heard %s", s.name, stream, heardOf(events))
			}
		}
	}
}

// Wait returns the first event that fits, past or to come.
func (s *Stream) Wait(what string, fits func(Event) bool) Event {
	s.t.Helper()
	limit := time.After(patience)
	for {
		events, news, ended := s.state()
		if at := slices.IndexFunc(events, fits); at >= 0 {
			return events[at]
		}
		if ended != nil {
			s.t.Fatalf("%s: waiting for %s: %v; heard %s", s.name, what, ended, heardOf(events))
		}
		select {
		case <-news:
		case <-limit:
			s.t.Fatalf("%s: waited in vain for %s; heard %s", s.name, what, heardOf(events))
		}
	}
}

// Heard returns what came so far.
func (s *Stream) Heard() []Event {
	events, _, _ := s.state()
	return events
}

// Ended waits until the server has ended the stream, and returns how.
func (s *Stream) Ended() error {
	s.t.Helper()
	limit := time.After(patience)
	for {
		_, news, ended := s.state()
		if ended != nil {
			return ended
		}
		select {
		case <-news:
		case <-limit:
			s.t.Fatalf("%s is still open", s.name)
		}
	}
}

// Of fits an event of a kind about an id, in a stream by its first name (any, when empty).
func Of(stream, event, id string) func(Event) bool {
	return func(e Event) bool {
		return e.Event == event && e.ID() == id && (stream == "" || (len(e.Stream) > 0 && e.Stream[0] == stream))
	}
}

func heardOf(events []Event) string {
	var all []string
	for _, e := range events {
		all = append(all, fmt.Sprintf("%v %s %.60s %s", e.Stream, e.Event, e.ID(), e.Error))
	}
	return strings.Join(all, "; ")
}

// jsonOf decodes and tells whether it could.
func jsonOf(text string, into any) bool { return json.Unmarshal([]byte(text), into) == nil }

// errorf is short for what a look at something says.
func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }
