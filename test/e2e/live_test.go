package e2e

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestLive listens by WebSocket and by server-sent events while people act.
func TestLive(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		ann, bob := s.Person("ann"), s.Person("bob")
		ann.Follows(bob)
		s.Step(t, "anonymous and unknown streams are refused", func(t *testing.T) { refusesStreams(t, s, ann) })
		s.Step(t, "the token comes by each way", func(t *testing.T) { tokenWays(t, s, ann, bob) })
		s.Step(t, "several streams on one socket", func(t *testing.T) { oneSocket(t, ann, bob) })
		s.Step(t, "server-sent events", func(t *testing.T) { serverSent(t, ann, bob) })
		s.Step(t, "a list and direct posts", func(t *testing.T) { listAndDirect(t, ann, bob) })
		s.Step(t, "a block and a filter take effect", func(t *testing.T) { blockAndFilter(t, s, ann, bob) })
	})
}

func refusesStreams(t *testing.T, s *Server, ann Person) {
	if _, answer, err := s.Dial(url.Values{"stream": {"public"}}, nil); err == nil || answer == nil || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("an anonymous WebSocket: %v", err)
	}
	if _, answer, err := s.Dial(nil, http.Header{"Authorization": {"Bearer wrong"}}); err == nil || answer == nil || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("a WebSocket with a wrong token: %v", err)
	}
	for path, want := range map[string]int{"user": 401, "public": 401, "public/local": 401, "hashtag?tag=x": 401} {
		if got := s.Do("GET", "/api/v1/streaming/"+path, "", nil); got.Status != want {
			t.Errorf("%s without a token: %d, want %d", path, got.Status, want)
		}
	}
	for path, want := range map[string]int{"hashtag": 400, "list": 400, "nonsense": 400} {
		if got := ann.Do("GET", "/api/v1/streaming/"+path, nil); got.Status != want {
			t.Errorf("%s: %d, want %d: %s", path, got.Status, want, shorten(got.Body))
		}
	}
	if got := s.Do("GET", "/api/v1/streaming/health", "", nil).Want(200); string(got.Body) != "OK" {
		t.Errorf("health: %s", got.Body)
	}
	narrow := s.Token("ann", "read:accounts")
	if got := s.Do("GET", "/api/v1/streaming/user", narrow, nil); got.Status != 401 && got.Status != 403 {
		t.Errorf("a token without the scope: %d", got.Status)
	}
	socket := ann.Socket(nil)
	socket.Say(M{"type": "subscribe", "stream": "nonsense"})
	if got := socket.Wait("an error", func(e Event) bool { return e.Error != "" }); got.Status < 400 {
		t.Errorf("an unknown stream: %+v", got)
	}
	socket.Say(M{"type": "subscribe", "stream": "list", "list": "1"}) // nobody's
	socket.Wait("a second error", func(e Event) bool {
		return e.Error != "" && len(slices.DeleteFunc(socket.Heard(), func(e Event) bool { return e.Error == "" })) == 2
	})
}

func tokenWays(t *testing.T, s *Server, ann, bob Person) {
	for name, dial := range map[string]func() (*Stream, *http.Response, error){
		"header": func() (*Stream, *http.Response, error) {
			return s.Dial(url.Values{"stream": {"user"}}, http.Header{"Authorization": {"Bearer " + ann.Token}})
		},
		"query": func() (*Stream, *http.Response, error) {
			return s.Dial(url.Values{"stream": {"user"}, "access_token": {ann.Token}}, nil)
		},
		"subprotocol": func() (*Stream, *http.Response, error) {
			stream, answer, err := s.Dial(url.Values{"stream": {"user"}}, nil, ann.Token)
			if err == nil && answer.Header.Get("Sec-WebSocket-Protocol") != ann.Token {
				t.Error("the subprotocol is not confirmed, so browsers close the connection")
			}
			return stream, answer, err
		},
	} {
		stream, _, err := dial()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		stream.Started("user", func() { bob.Write("probe by " + name) })
		post := bob.Write("by " + name)
		stream.Wait("the post", Of("user", "update", post.ID))
		stream.Close()
	}
}

// oneSocket subscribes to several streams, hears each kind of event, and unsubscribes.
func oneSocket(t *testing.T, ann, bob Person) {
	socket := ann.Socket(nil)
	for _, stream := range []M{{"stream": "user"}, {"stream": "public:local"}, {"stream": "hashtag", "tag": "GoLive"}, {"stream": "user:notification"}} {
		stream["type"] = "subscribe"
		socket.Say(stream)
	}
	for _, stream := range []string{"user", "public:local", "hashtag"} {
		socket.Started(stream, func() { bob.Write("probe #golive") })
	}
	post := bob.Write("live #GoLive @ann")
	for _, stream := range []string{"user", "public:local", "hashtag"} {
		event := socket.Wait("a post in "+stream, Of(stream, "update", post.ID))
		var status Status
		event.Into(t, &status)
		if status.Account.ID != bob.ID || !strings.Contains(status.Content, "live") {
			t.Errorf("%s: %s", stream, event.Payload)
		}
		if stream == "hashtag" && (len(event.Stream) != 2 || !strings.EqualFold(event.Stream[1], "golive")) {
			t.Errorf("the stream is %v", event.Stream)
		}
	}
	for _, stream := range []string{"user", "user:notification"} {
		socket.Wait("a mention in "+stream, func(e Event) bool {
			var told Notification
			return e.Event == "notification" && e.Stream[0] == stream && jsonOf(e.Payload, &told) && told.Type == "mention" && About(post.ID)(told)
		})
	}
	bob.Edit(post.ID, "live, edited #GoLive @ann")
	for _, stream := range []string{"user", "public:local", "hashtag"} {
		socket.Wait("an edit in "+stream, func(e Event) bool {
			return Of(stream, "status.update", post.ID)(e) && strings.Contains(e.Payload, "edited")
		})
	}
	bob.Delete(post.ID)
	for _, stream := range []string{"user", "public:local", "hashtag"} {
		socket.Wait("a deletion in "+stream, Of(stream, "delete", post.ID))
	}
	socket.Say(M{"type": "unsubscribe", "stream": "public:local"})
	socket.Say(M{"type": "subscribe", "stream": "public"})
	socket.Started("public", func() { bob.Write("probe") })
	last := bob.Write("after unsubscribing")
	socket.Wait("a post", Of("public", "update", last.ID))
	if slices.ContainsFunc(socket.Heard(), Of("public:local", "update", last.ID)) {
		t.Error("a post came by a stream that was unsubscribed from")
	}
	private := bob.Write("for followers", M{"visibility": "private"})
	socket.Wait("a private post", Of("user", "update", private.ID))
	if slices.ContainsFunc(socket.Heard(), Of("public", "update", private.ID)) {
		t.Error("a private post is public")
	}
}

func serverSent(t *testing.T, ann, bob Person) {
	user, local, tag := ann.Events("user", nil), ann.Events("public/local", nil), ann.Events("hashtag", url.Values{"tag": {"sse"}})
	all := []*Stream{user, local, tag}
	for _, stream := range all {
		stream.Started("", func() { bob.Write("probe #sse") })
	}
	post := bob.Write("by events #sse")
	for _, stream := range all {
		stream.Wait("a post", Of("", "update", post.ID))
	}
	bob.Edit(post.ID, "by events, edited #sse")
	for _, stream := range all {
		stream.Wait("an edit", Of("", "status.update", post.ID))
	}
	own := ann.Write("mine")
	bob.On(own.ID, "favourite")
	user.Wait("a favourite", func(e Event) bool {
		var told Notification
		return e.Event == "notification" && jsonOf(e.Payload, &told) && told.Type == "favourite" && About(own.ID)(told)
	})
	bob.Delete(post.ID)
	for _, stream := range all {
		stream.Wait("a deletion", Of("", "delete", post.ID))
	}
	quiet := bob.Write("no tag here")
	loud := bob.Write("again #sse")
	tag.Wait("the post with the tag", Of("", "update", loud.ID))
	if slices.ContainsFunc(tag.Heard(), Of("", "update", quiet.ID)) {
		t.Error("a post without the tag came by its stream")
	}
}

func listAndDirect(t *testing.T, ann, bob Person) {
	var list List
	ann.Post("/api/v1/lists", M{"title": "close"}, &list)
	ann.Post("/api/v1/lists/"+list.ID+"/accounts", M{"account_ids": []string{bob.ID}}, nil)
	socket := ann.Socket(url.Values{"stream": {"list"}, "list": {list.ID}})
	socket.Started("list", func() { bob.Write("probe for the list") })
	post := bob.Write("for the list")
	if event := socket.Wait("a post", Of("list", "update", post.ID)); len(event.Stream) != 2 || event.Stream[1] != list.ID {
		t.Errorf("the stream is %v", event.Stream)
	}
	socket.Say(M{"type": "subscribe", "stream": "direct"})
	socket.Started("direct", func() { bob.Write("@ann psst, a probe", M{"visibility": "direct"}) })
	secret := bob.Write("@ann psst", M{"visibility": "direct"})
	socket.Wait("a conversation", func(e Event) bool {
		var conversation struct {
			LastStatus Status `json:"last_status"`
		}
		return e.Event == "conversation" && jsonOf(e.Payload, &conversation) && conversation.LastStatus.ID == secret.ID
	})
	if got := bob.Do("GET", "/api/v1/streaming/list?list="+list.ID, nil); got.Status < 400 || got.Status >= 500 {
		t.Errorf("somebody else's list: %d", got.Status)
	}
}

func blockAndFilter(t *testing.T, s *Server, ann, bob Person) {
	cat := s.Person("cat")
	socket := ann.Socket(url.Values{"stream": {"public"}})
	socket.Started("public", func() { cat.Write("probe") })
	ann.Post("/api/v2/filters", M{
		"title": "animals", "context": []string{"public", "home"}, "filter_action": "warn", "keywords_attributes": []M{{"keyword": "walrus", "whole_word": true}},
	}, nil)
	// A filter reaches the stream soon, not within the request.
	Eventually(t, "a filter marks what comes live", func() error {
		post := bob.Write("a walrus")
		var status Status
		socket.Wait("a post", Of("public", "update", post.ID)).Into(t, &status)
		if len(status.Filtered) != 1 || !slices.Equal(status.Filtered[0].KeywordMatches, []string{"walrus"}) {
			return errorf("filtered is %+v", status.Filtered)
		}
		return nil
	})
	ann.To(cat.ID, "block", nil)
	Eventually(t, "somebody blocked is not heard", func() error {
		blocked, heard := cat.Write("do you hear me?"), bob.Write("yes")
		socket.Wait("a post", Of("public", "update", heard.ID))
		if slices.ContainsFunc(socket.Heard(), Of("public", "update", blocked.ID)) {
			return errors.New("it came live")
		}
		return nil
	})
}
