package stream

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/coder/websocket"
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

// webSocket serves one socket until it ends. An error it gives is still to be answered.
func (s *Server) webSocket(w http.ResponseWriter, r *http.Request) error {
	who, err := s.authenticate(r)
	if err != nil {
		return err
	}
	c, err := s.hub.join(r.Context(), who, kindSocket)
	if err != nil {
		return err
	}
	defer s.hub.leave(c)
	budget := &budget{}
	o := websocket.AcceptOptions{
		// Cookies mean nothing here: a token has to be named, so that any page may connect (STR-02).
		InsecureSkipVerify: true,
		// Compression would cost each socket its own state and each event an encoding for each socket (N3).
		CompressionMode: websocket.CompressionDisabled,
		OnPingReceived: func(context.Context, []byte) bool {
			if budget.spend(s.Clock.Now()) {
				return true
			}
			c.end(reasonAbuse)
			return false
		},
	}
	if p := subprotocol(r); p != "" {
		o.Subprotocols = []string{p} // browsers want the token that they sent there back
	}
	conn, err := websocket.Accept(w, r, &o)
	if err != nil {
		return nil //nolint:nilerr // Accept has answered
	}
	conn.SetReadLimit(maxFrame)
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.write(ctx, c, conn)
	}()
	if q := r.URL.Query(); q.Get("stream") != "" {
		s.ask(ctx, c, request{Type: "subscribe", Stream: name(q.Get("stream")), Tag: name(q.Get("tag")), List: name(q.Get("list"))})
	}
	s.read(ctx, c, conn, budget)
	<-written
	cancel()
	return nil
}

// read takes requests until the socket ends.
func (s *Server) read(ctx context.Context, c *client, conn *websocket.Conn, budget *budget) {
	for {
		kind, data, err := conn.Read(ctx)
		if err != nil {
			if websocket.CloseStatus(err) == websocket.StatusMessageTooBig || errors.Is(err, websocket.ErrMessageTooBig) {
				c.end(reasonAbuse)
			}
			c.end(reasonGone)
			return
		}
		if kind == websocket.MessageBinary {
			c.end(reasonAbuse)
			_ = conn.Close(websocket.StatusUnsupportedData, "The streaming server takes no binary messages")
			return
		}
		if !budget.spend(s.Clock.Now()) {
			c.end(reasonAbuse)
			_ = conn.Close(websocket.StatusPolicyViolation, "Too many messages")
			return
		}
		var req request
		if json.Unmarshal(data, &req) == nil {
			s.ask(ctx, c, req)
		}
	}
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
	c.send(b)
}

// write brings frames to the socket, and pings it, until the client is to end; then it says why.
func (s *Server) write(ctx context.Context, c *client, conn *websocket.Conn) {
	defer conn.CloseNow() //nolint:errcheck // what can be said was said
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var err error
		select {
		case frame := <-c.out:
			err = within(ctx, func(ctx context.Context) error { return conn.Write(ctx, websocket.MessageText, frame) })
		case <-ping.C:
			err = within(ctx, conn.Ping)
		case <-c.done:
			s.goodbye(c, conn)
			return
		}
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				c.end(reasonStalled)
			}
			c.end(reasonGone)
			return
		}
	}
}

func within(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	return do(ctx)
}

// goodbye closes with a code that tells the client whether to come back.
func (s *Server) goodbye(c *client, conn *websocket.Conn) {
	switch c.why() {
	case reasonDraining, reasonGap:
		_ = conn.Close(websocket.StatusServiceRestart, "reconnect")
	case reasonRevoked:
		_ = conn.Close(websocket.StatusPolicyViolation, "The access token was revoked")
	case reasonSlow, reasonStalled:
		_ = conn.Close(websocket.StatusTryAgainLater, "too slow")
	case reasonAbuse:
		_ = conn.Close(websocket.StatusPolicyViolation, "")
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
