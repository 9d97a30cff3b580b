package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/entity"
)

// Renderer makes payloads. A nil result without an error means that there is nothing to tell any more.
type Renderer interface {
	// Status renders a post, or a boost, without anything that depends on who looks.
	Status(ctx context.Context, id statuses.ID) (*Post, error)
	// Notification renders a notice for whom it is for.
	Notification(ctx context.Context, me accounts.ID, id int64) ([]byte, error)
	// Conversation renders a conversation for whose it is.
	Conversation(ctx context.Context, me accounts.ID, id int64) ([]byte, error)
	// Announcement renders what everybody is told.
	Announcement(ctx context.Context, id announcements.ID) ([]byte, error)
	// Reaction renders how many put an emoji on an announcement.
	Reaction(ctx context.Context, id announcements.ID, name string) ([]byte, error)
}

// Post is a rendered post and what filters look at.
type Post struct {
	JSON []byte
	Text *filters.Text
	IDs  []statuses.ID
	// Quoted is the author of the post that is shown in it, 0 for none, and Without the post without that.
	Quoted  accounts.ID
	Without []byte
}

// event is something to tell, encoded once for each way of telling it.
type event struct {
	name    string
	payload []byte
	post    *Post // of update and status.update

	mu     sync.Mutex
	frames map[string]*frame
}

// sse stands for the label of a stream in server-sent events, which do not carry it.
const sse = ""

// frame is what goes to a client, encoded for the wire once for all: text for server-sent events, a message for sockets.
type frame struct {
	text    []byte
	message *websocket.PreparedMessage
}

// socketFrame is a text as a message of a WebSocket.
func socketFrame(kind int, text []byte) *frame {
	m, err := websocket.NewPreparedMessage(kind, text)
	if err != nil {
		return nil // only for kinds that there are not
	}
	return &frame{message: m}
}

// frame is the event for a WebSocket stream with a label, or for server-sent events.
func (e *event) frame(label string) *frame {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f := e.frames[label]; f != nil {
		return f
	}
	if e.frames == nil {
		e.frames = map[string]*frame{}
	}
	text := encode(e.name, label, e.payload)
	f := &frame{text: text}
	if label != sse {
		f = socketFrame(websocket.TextMessage, text)
	}
	e.frames[label] = f
	return f
}

func encode(name, label string, payload []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(payload)*5/4 + len(label) + 64)
	if label == sse {
		b.WriteString("event: " + name + "\ndata: ")
		b.Write(payload)
		b.WriteString("\n\n")
		return b.Bytes()
	}
	b.WriteString(`{"stream":` + label + `,"event":"` + name + `","payload":`)
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(string(payload)) // a string always encodes
	b.Truncate(b.Len() - 1)         // the encoder's line feed
	b.WriteByte('}')
	return b.Bytes()
}

// filtered is the event for somebody some of whose filters match: another payload, for this one alone.
func (e *event) filtered(results []filters.Result) *event {
	list := make([]entity.FilterResult, len(results))
	for i, r := range results {
		f := entity.NewFilter(r.Filter)
		f.Keywords, f.Statuses = nil, nil
		list[i] = entity.FilterResult{Filter: f, KeywordMatches: r.KeywordMatches}
		for _, id := range r.StatusMatches {
			list[i].StatusMatches = append(list[i].StatusMatches, fmt.Sprint(id))
		}
	}
	more, err := json.Marshal(list)
	if err != nil || len(e.payload) < 2 {
		return e
	}
	payload := make([]byte, 0, len(e.payload)+len(more)+16)
	payload = append(payload, e.payload[:len(e.payload)-1]...)
	payload = append(payload, `,"filtered":`...)
	payload = append(payload, more...)
	return &event{name: e.name, payload: append(payload, '}')}
}

// without is the event for somebody who does not want to see, or may not see, the post that is quoted in it.
func (e *event) without() *event {
	p := *e.post
	p.JSON, p.Quoted = p.Without, 0
	return &event{name: e.name, payload: p.JSON, post: &p}
}

// stateOf names one state of a post.
type stateOf struct {
	name string
	id   int64
	at   int64
}

// maxStates bounds each of the two generations of rendered posts: some 4 MB.
const maxStates = 512

// states keeps posts rendered of late, so that one that goes to many channels is loaded and encoded once.
type states struct {
	mu         sync.Mutex
	young, old map[stateOf]*rendering
}

type rendering struct {
	once  sync.Once
	event *event
	err   error
}

// get renders a post, or waits for the one who does.
func (s *states) get(key stateOf, render func() (*event, error)) (*event, error) {
	s.mu.Lock()
	r := s.young[key]
	if r == nil {
		r = s.old[key]
		if r == nil {
			r = &rendering{}
		}
		if s.young == nil || len(s.young) >= maxStates {
			s.old, s.young = s.young, make(map[stateOf]*rendering, maxStates)
		}
		s.young[key] = r
	}
	s.mu.Unlock()
	r.once.Do(func() { r.event, r.err = render() })
	if r.err != nil {
		s.mu.Lock()
		delete(s.young, key)
		delete(s.old, key)
		s.mu.Unlock()
	}
	return r.event, r.err
}
