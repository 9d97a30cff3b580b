package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const kindSocket = "websocket"

// request is what a client sends on a socket. Unknown keys are passed over; ids may be numbers.
type request struct {
	Type   string `json:"type"`
	Stream name   `json:"stream"`
	Tag    name   `json:"tag"`
	List   name   `json:"list"`
}

// name is a text that may also come as a number, or as the first of a list.
type name string

// UnmarshalJSON implements json.Unmarshaler; what is neither is ”.
func (n *name) UnmarshalJSON(b []byte) error {
	var s string
	var number json.Number
	var list []name
	switch {
	case json.Unmarshal(b, &s) == nil:
		*n = name(s)
	case json.Unmarshal(b, &number) == nil:
		*n = name(number)
	case json.Unmarshal(b, &list) == nil && len(list) > 0:
		*n = list[0]
	}
	return nil
}

// upgrader makes sockets of requests. Cookies mean nothing here: a token has to be named, so that any page may connect (STR-02). Compression would
// cost each socket its own state and each event an encoding for each socket (N3). Buffers are small, since frames are encoded elsewhere and
// clients write little.
var upgrader = websocket.Upgrader{
	CheckOrigin:     func(*http.Request) bool { return true },
	ReadBufferSize:  512,
	WriteBufferPool: &sync.Pool{},
}

// socket is a client's connection.
type socket struct {
	*websocket.Conn
	client *client
	budget budget
	pinger *time.Timer

	mu      sync.Mutex
	closing bool // the last word was said: what is read from here on is not waited for longer
}

// webSocket makes a socket of a request, which from then on has a goroutine that reads, and one that writes while there is something to write.
// An error it gives is still to be answered.
func (s *Server) webSocket(w http.ResponseWriter, r *http.Request) error {
	who, err := s.authenticate(r)
	if err != nil {
		return err
	}
	c, err := s.hub.join(r.Context(), who, kindSocket)
	if err != nil {
		return err
	}
	header := w.Header().Clone()
	if p := subprotocol(r); p != "" {
		header.Set("Sec-Websocket-Protocol", p) // browsers want the token that they sent there back
	}
	up := upgrader
	up.Error = func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
		s.fail(w, &failure{status, reason.Error()})
	}
	conn, err := up.Upgrade(hijackable{w}, r, header)
	if err != nil {
		s.hub.leave(c)
		return nil //nolint:nilerr // Upgrade has answered
	}
	k := &socket{Conn: conn, client: c}
	conn.SetReadLimit(maxFrame)
	conn.SetPingHandler(func(text string) error { return k.pinged(s.Clock.Now(), text) })
	conn.SetPongHandler(func(string) error { k.heard(); return nil })
	k.heard()
	k.mu.Lock()
	k.pinger = time.AfterFunc(pingEvery, k.ping)
	k.mu.Unlock()
	c.begin(func() { go k.write() })
	if q := r.URL.Query(); q.Get("stream") != "" {
		s.ask(r.Context(), c, request{Type: "subscribe", Stream: name(q.Get("stream")), Tag: name(q.Get("tag")), List: name(q.Get("list"))})
	}
	go s.serve(k)
	return nil
}

// hijackable finds the connection under whatever a response is wrapped in.
type hijackable struct{ http.ResponseWriter }

// Hijack implements http.Hijacker.
func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(h.ResponseWriter).Hijack()
}

// maxLinger bounds what is read of a client whose message was too large.
const maxLinger = 1 << 20

// serve reads until the socket ends.
func (s *Server) serve(k *socket) {
	defer s.hub.leave(k.client)
	defer k.pinger.Stop()
	defer k.Close() //nolint:errcheck // what can be said was said
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("panic on a socket", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	s.read(k)
}

// read takes requests until the socket ends.
func (s *Server) read(k *socket) {
	c := k.client
	for {
		kind, data, err := k.ReadMessage()
		var timeout net.Error
		switch {
		case errors.Is(err, websocket.ErrReadLimit):
			c.end(reasonAbuse) // the client was told, and what it still sends is read, so that it sees that
			_ = k.SetReadDeadline(time.Now().Add(goodbyeLimit))
			_, _ = io.CopyN(io.Discard, k.UnderlyingConn(), maxLinger)
			return
		case errors.As(err, &timeout) && timeout.Timeout():
			c.end(reasonStalled)
			return
		case err != nil:
			c.end(reasonGone)
			return
		}
		k.heard()
		if kind == websocket.BinaryMessage {
			k.goodbye(websocket.CloseUnsupportedData, "The streaming server takes no binary messages")
			c.end(reasonAbuse)
			continue
		}
		if !k.budget.spend(s.Clock.Now()) {
			k.goodbye(websocket.ClosePolicyViolation, "Too many messages")
			c.end(reasonAbuse)
			continue
		}
		var req request
		if c.why() == "" && json.Unmarshal(data, &req) == nil {
			s.ask(context.Background(), c, req)
		}
	}
}

// heard gives the client time until the answer to the next ping is late, unless it was sent away.
func (k *socket) heard() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.closing {
		_ = k.SetReadDeadline(time.Now().Add(pingEvery + writeLimit))
	}
}

func (k *socket) ping() {
	if k.client.why() != "" {
		return
	}
	k.client.send(pingFrame)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pinger.Reset(pingEvery)
}

var pingFrame = socketFrame(websocket.PingMessage, nil)

// pinged answers a ping of the client.
func (k *socket) pinged(now time.Time, text string) error {
	if !k.budget.spend(now) {
		k.client.end(reasonAbuse)
		return nil
	}
	k.heard()
	err := k.WriteControl(websocket.PongMessage, []byte(text), time.Now().Add(writeLimit))
	if errors.Is(err, websocket.ErrCloseSent) {
		return nil
	}
	return err
}

// ask does what a request asks for; what cannot be done is answered on the socket.
func (s *Server) ask(ctx context.Context, c *client, req request) {
	if req.Type != "subscribe" && req.Type != "unsubscribe" {
		return
	}
	w, err := s.want(ctx, c.who, string(req.Stream), string(req.Tag), string(req.List))
	if err == nil {
		if req.Type == "unsubscribe" {
			s.hub.unsubscribe(c, w)
		} else {
			err = s.hub.subscribe(ctx, c, w)
		}
	}
	if err == nil {
		return
	}
	var f *failure
	if !errors.As(err, &f) {
		s.Log.ErrorContext(ctx, "a subscription failed", "error", err)
		f = &failure{http.StatusInternalServerError, "An unexpected error occurred"}
	}
	b, _ := json.Marshal(struct {
		Error  string `json:"error"`
		Status int    `json:"status"`
	}{f.message, f.status}) // texts and numbers always encode
	c.send(socketFrame(websocket.TextMessage, b))
}

// write brings what waits to the socket. When the client is to end it says why, and the client has a moment to say so, too.
func (k *socket) write() {
	for {
		list, why := k.client.next()
		if why != "" {
			k.part(why)
			return
		}
		if len(list) == 0 {
			return
		}
		for _, f := range list {
			_ = k.SetWriteDeadline(time.Now().Add(writeLimit))
			if err := k.WritePreparedMessage(f.message); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) {
					k.client.end(reasonStalled)
				}
				k.client.end(reasonGone)
				break
			}
		}
	}
}

// part closes with a code that tells the client whether to come back.
func (k *socket) part(why string) {
	switch why {
	case reasonDraining, reasonGap:
		k.goodbye(websocket.CloseServiceRestart, "reconnect")
	case reasonRevoked:
		k.goodbye(websocket.ClosePolicyViolation, "The access token was revoked")
	case reasonSlow, reasonStalled:
		k.goodbye(websocket.CloseTryAgainLater, "too slow")
	case reasonAbuse:
		k.goodbye(websocket.ClosePolicyViolation, "")
	default:
		_ = k.Close()
	}
}

// goodbye says the last word, once, and waits a moment for the client's.
func (k *socket) goodbye(code int, text string) {
	k.mu.Lock()
	was := k.closing
	k.closing = true
	_ = k.SetReadDeadline(time.Now().Add(goodbyeLimit))
	k.mu.Unlock()
	if was {
		return
	}
	if err := k.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(goodbyeLimit)); err != nil {
		_ = k.Close()
	}
}

// budget bounds what a client sends in a minute.
type budget struct {
	minute int64
	spent  int
}

func (b *budget) spend(now time.Time) bool {
	if m := now.Unix() / 60; m != b.minute {
		b.minute, b.spent = m, 0
	}
	b.spent++
	return b.spent <= maxRequests
}
