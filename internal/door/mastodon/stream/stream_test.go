package stream_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/relations"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/mastodon/stream"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/pubsub"
	"github.com/gomph/gomph/internal/kit/redis/redistest"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// simple is a world in one process.
func simple(t *testing.T, change ...func(*stream.Deps)) *world {
	bus := pubsub.NewLocal()
	t.Cleanup(func() { _ = bus.Close() }) // after the server, which is opened later
	return open(t, dbtest.SQLite(t), bus, bus, change...)
}

// everywhere runs a test in one process on SQLite, and as two processes on PostgreSQL and Redis.
func everywhere(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("one process", func(t *testing.T) {
		t.Parallel()
		test(t, simple(t))
	})
	t.Run("two processes", func(t *testing.T) {
		t.Parallel()
		client, server := redistest.Open(t)
		here, there := pubsub.NewRedis(client, "p:"), pubsub.NewRedis(server.Client(t), "p:")
		t.Cleanup(func() { _, _ = here.Close(), there.Close() })
		test(t, open(t, dbtest.Postgres(t), here, there))
	})
}

func to[T any](v T) *T { return &v }

func TestWhatASocketHears(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		ann, ben := w.person("ann"), w.person("ben")
		w.Follow(ann.Account, ben.Account)
		l, err := w.Relations.CreateList(w.ctx, relations.List{AccountID: ann.ID, Title: "l"})
		w.must(err)
		w.must(w.Relations.AddToList(w.ctx, l, []accounts.ID{ben.ID}))
		w.pump()
		listID := ids.Format(l.ID)
		home, several := w.dial(ann, "stream", "user"), w.dial(ann)
		several.subscribe(`"stream":"list","list":"` + listID + `"`)
		several.subscribe(`"stream":"hashtag","tag":"CatsOfMastodon"`)
		several.subscribe(`"stream":"direct"`)
		several.subscribe(`"stream":"user:notification"`)
		events := w.listen(ann, "/user", nil)

		post := w.Post(ben.Account, `a "cat" & <more>`+"\nto see")
		w.pump()
		got := home.next()
		if fmt.Sprint(got.Stream) != "[user]" || got.Event != "update" || idOf(t, got) != ids.Format(post.ID) {
			t.Errorf("the home stream told %+v", got)
		}
		var status map[string]any
		if err := json.Unmarshal([]byte(got.Payload), &status); err != nil || !strings.Contains(fmt.Sprint(status["content"]), "&amp; &lt;more&gt;") {
			t.Errorf("payload %s, %v", got.Payload, err)
		}
		for _, field := range []string{"favourited", "reblogged", "bookmarked", "muted", "pinned", "filtered"} {
			if _, there := status[field]; there {
				t.Errorf("the payload tells of %s, which is the viewer's", field)
			}
		}
		if same := events.next(); same.Event != got.Event || same.Payload != got.Payload {
			t.Errorf("server-sent %+v, by socket %+v", same, got)
		}
		if got := several.next(); fmt.Sprint(got.Stream) != "[list "+listID+"]" || idOf(t, got) != ids.Format(post.ID) {
			t.Errorf("the list's stream told %+v", got)
		}

		tagged := w.Receive(w.Remote("cid", "far.example"), `<p>#catsofmastodon</p>`, func(in *statuses.Incoming) { in.Tags = []string{"catsOfMastodon"} })
		w.pump()
		if got := several.next(); fmt.Sprint(got.Stream) != "[hashtag CatsOfMastodon]" || idOf(t, got) != ids.Format(tagged.ID) {
			t.Errorf("the hashtag's stream told %+v", got)
		}

		direct := w.Post(ben.Account, "@ann psst", func(d *statuses.Draft) { d.Visibility = statuses.Direct })
		w.pump()
		var kinds []string
		for range 2 {
			got := several.next()
			kinds = append(kinds, fmt.Sprint(got.Stream, got.Event))
			if !strings.Contains(got.Payload, ids.Format(direct.ID)) {
				t.Errorf("told of something else: %+v", got)
			}
		}
		if s := fmt.Sprint(kinds); !strings.Contains(s, "[direct]conversation") || !strings.Contains(s, "[user:notification]notification") {
			t.Errorf("a direct post was told as %v", kinds)
		}
		for range 2 { // the post, and that ann is mentioned
			home.next()
			events.next()
		}

		w.Clock.Advance(time.Minute)
		_, err = w.Statuses.Edit(w.ctx, ben.Account, post.ID, statuses.Draft{Text: "a dog"})
		w.must(err)
		w.pump()
		if got := home.next(); got.Event != "status.update" || !strings.Contains(got.Payload, "a dog") {
			t.Errorf("an edit was told as %+v", got)
		}
		several.next()
		_, err = w.Statuses.Delete(w.ctx, ben.Account, post.ID)
		w.must(err)
		w.pump()
		if got := home.next(); got.Event != "delete" || got.Payload != ids.Format(post.ID) {
			t.Errorf("a deletion was told as %+v", got)
		}
		if got := several.next(); got.Event != "delete" || got.Stream[0] != "list" {
			t.Errorf("a deletion was told to the list's stream as %+v", got)
		}
		several.send(`{"type":"unsubscribe","stream":"list","list":"` + listID + `"}`)
		several.barrier()
		w.Post(ben.Account, "unheard")
		w.pump()
		several.barrier() // and nothing before it
	})
}

func TestEveryStreamHearsItsOwn(t *testing.T) {
	t.Parallel()
	w := simple(t)
	ann, ben := w.person("ann"), w.person("ben")
	far := w.Remote("cid", "far.example")
	w.Follow(ben.Account, ann.Account)
	w.pump()
	media := func(by accounts.ID, id statuses.ID) {
		w.must(w.DB.Write(w.ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(w.ctx, "INSERT INTO media_attachments (id, account_id, status_id, kind, created_at, updated_at) VALUES ($1, $2, $3, 'image', 1, 1)", w.IDs.Next(), by, id); err != nil {
				return err
			}
			_, err := tx.Exec(w.ctx, "UPDATE statuses SET parts = parts + $1 WHERE id = $2", statuses.PartMedia, id)
			return err
		}))
	}
	posts := map[string]statuses.ID{
		"local":  w.Post(ann.Account, "here #tag").ID,
		"remote": w.Receive(far, "<p>there</p>", func(in *statuses.Incoming) { in.Tags = []string{"tag"} }).ID,
	}
	posts["local with media"], posts["remote with media"] = w.Post(ann.Account, "picture").ID, w.Receive(far, "<p>picture</p>").ID
	media(ann.ID, posts["local with media"])
	media(far.ID, posts["remote with media"])
	posts["answer"] = w.Post(ann.Account, "#tag in answer", func(d *statuses.Draft) { d.InReplyToID = posts["remote"] }).ID
	posts["unlisted"] = w.Post(ann.Account, "#tag quietly", func(d *statuses.Draft) { d.Visibility = statuses.Unlisted }).ID
	posts["private"] = w.Post(ann.Account, "#tag secretly", func(d *statuses.Draft) { d.Visibility = statuses.Private }).ID
	boost, err := w.Statuses.Reblog(w.ctx, ann.Account, posts["remote"], statuses.Public, "", time.Time{})
	w.must(err)
	posts["boost"] = boost.ID
	last := w.Post(ann.Account, "#tag end").ID
	media(ann.ID, last)
	names := map[string]string{ids.Format(last): "end"}
	for name, id := range posts {
		names[ids.Format(id)] = name
	}
	cases := []struct {
		path string
		q    url.Values
		want string
	}{
		{"/public", nil, "local remote local-with-media remote-with-media"},
		{"/public/", url.Values{"only_media": {"true"}}, "local-with-media remote-with-media"},
		{"/public/local", nil, "local local-with-media"},
		{"/public/local", url.Values{"only_media": {"1"}}, "local-with-media"},
		{"/hashtag", url.Values{"tag": {"Tag"}}, "local remote answer"},
		{"/hashtag/local", url.Values{"tag": {"tag"}}, "local answer"},
		{"/user", nil, "local local-with-media unlisted private boost"}, // no answers to strangers
	}
	streams := make([]*sse, len(cases))
	for i, c := range cases {
		streams[i] = w.listen(ben, c.path, c.q)
	}
	w.pump()
	for i, c := range cases {
		var got []string
		for {
			name := names[idOf(t, streams[i].next())]
			if name == "end" {
				break
			}
			got = append(got, strings.ReplaceAll(name, " ", "-"))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %v told %v, want %s", c.path, c.q, got, c.want)
		}
	}
	remote := w.listen(ben, "/public/remote", nil)
	w.Post(ann.Account, "not this")
	this := w.Receive(far, "<p>this</p>")
	w.pump()
	if got := remote.next(); idOf(t, got) != ids.Format(this.ID) {
		t.Errorf("the remote stream told %+v", got)
	}
}

func TestWhoMayConnect(t *testing.T) {
	t.Parallel()
	w := simple(t)
	ann, ben := w.person("ann"), w.person("ben")
	theirs, err := w.Relations.CreateList(w.ctx, relations.List{AccountID: ben.ID, Title: "theirs"})
	w.must(err)
	disabled := w.person("disabled")
	w.must(w.access.Disable(w.ctx, disabled.user.ID, true))
	only := func(scopes ...string) string { return w.tokenOf(ann, scopes...).Plain }
	for name, c := range map[string]struct {
		path, token string
		q           url.Values
		status      int
		message     string
	}{
		"no token":             {"/user", "", nil, 401, "Missing access token"},
		"no such token":        {"/user", "nonsense", nil, 401, "Invalid access token"},
		"a login switched off": {"/user", disabled.token.Plain, nil, 401, "Invalid access token"},
		"scope of writing":     {"/user", only("write"), nil, 401, "Access token does not have the required scopes"},
		"scope of notices":     {"/public", only("read:notifications"), nil, 401, "Access token does not have the required scopes"},
		"scope of posts":       {"/user/notification", only("read:statuses"), nil, 401, "Access token does not have the required scopes"},
		"no such stream":       {"/moon", ann.token.Plain, nil, 400, "Unknown channel requested"},
		"none":                 {"", ann.token.Plain, nil, 400, "Unknown channel requested"},
		"media as a path":      {"/public/media", ann.token.Plain, nil, 400, "Unknown channel requested"},
		"no tag":               {"/hashtag", ann.token.Plain, nil, 400, "Missing tag name parameter"},
		"no list":              {"/list", ann.token.Plain, nil, 400, "Missing list name parameter"},
		"another's list":       {"/list", ann.token.Plain, url.Values{"list": {ids.Format(theirs.ID)}}, 401, "Not authorized to stream this list"},
		"not a list":           {"/list", ann.token.Plain, url.Values{"list": {"1 OR 1=1"}}, 401, "Not authorized to stream this list"},
		"ok":                   {"/user", only("read:statuses"), nil, 200, ""},
		"notices alone":        {"/user/notification", only("read:notifications"), nil, 200, ""},
		"by query":             {"/direct", "", url.Values{"access_token": {ann.token.Plain}}, 200, ""},
	} {
		res := w.get(c.path, c.token, c.q)
		if res.StatusCode != c.status {
			t.Errorf("%s: %s", name, res.Status)
		}
		if c.status == http.StatusOK {
			continue
		}
		b, _ := io.ReadAll(res.Body)
		if want := fmt.Sprintf(`{"error":%q}`, c.message); string(b) != want {
			t.Errorf("%s: %s", name, b)
		}
	}
	res := w.get("/health", "", nil)
	if b, _ := io.ReadAll(res.Body); string(b) != "OK" {
		t.Errorf("health: %s", b)
	}
	for name, o := range map[string]*websocket.DialOptions{
		"no token":           {},
		"a cookie":           {HTTPHeader: http.Header{"Cookie": {"_session_id=" + ann.token.Plain}, "Origin": {"https://evil.example"}}},
		"a wrong token":      {Subprotocols: []string{"nonsense"}},
		"a login turned off": {HTTPHeader: http.Header{"Authorization": {"Bearer " + disabled.token.Plain}}},
	} {
		conn, res, err := websocket.Dial(w.ctx, w.address("", url.Values{"stream": {"user"}}), o)
		if err == nil {
			_ = conn.CloseNow()
			t.Errorf("a socket with %s was taken", name)
			continue
		}
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("a socket with %s: %s", name, res.Status)
		}
	}
	by := w.dialTo(w.address("/", nil), &websocket.DialOptions{Subprotocols: []string{ann.token.Plain}, HTTPHeader: http.Header{"Origin": {"https://client.example"}}})
	if by.conn.Subprotocol() != ann.token.Plain {
		t.Errorf("the subprotocol came back as %q", by.conn.Subprotocol())
	}
}

func TestRequestsOnASocket(t *testing.T) {
	t.Parallel()
	w := simple(t)
	ann := w.person("ann")
	limited := &person{Account: ann.Account, user: ann.user, token: w.tokenOf(ann, "read:notifications")}
	s := w.dial(limited, "stream", "user:notification")
	for request, want := range map[string]told{
		`{"type":"subscribe","stream":"public"}`:              {Error: "Access token does not have the required scopes", Status: 401},
		`{"type":"subscribe","stream":["moon","public"]}`:     {Error: "Unknown channel requested", Status: 400},
		`{"type":"subscribe","stream":{"a":1}}`:               {Error: "Unknown channel requested", Status: 400},
		`{"type":"unsubscribe","stream":"moon"}`:              {Error: "Unknown channel requested", Status: 400},
		`{"type":"subscribe"}`:                                {Error: "Unknown channel requested", Status: 400},
		`{"type":"subscribe","stream":"public","extra":null}`: {Error: "Access token does not have the required scopes", Status: 401},
	} {
		s.send(request)
		if got := s.next(); got.Error != want.Error || got.Status != want.Status {
			t.Errorf("%s: %+v", request, got)
		}
	}
	for _, ignored := range []string{`nonsense`, `[]`, `{"type":"dance"}`, `null`, `{"type":"subscribe","stream":"user:notification"}`} {
		s.send(ignored)
	}
	s.barrier()

	many := w.dial(ann)
	for i := range 100 {
		many.send(fmt.Sprintf(`{"type":"subscribe","stream":"hashtag","tag":"tag%d"}`, i))
	}
	many.barrier()
	many.send(`{"type":"subscribe","stream":"public"}`)
	if got := many.next(); got.Status != http.StatusTooManyRequests {
		t.Errorf("the 101st stream: %+v", got)
	}

	binary := w.dial(ann)
	w.must(binary.conn.Write(w.ctx, websocket.MessageBinary, []byte("x")))
	if code := binary.closed(); code != websocket.StatusUnsupportedData {
		t.Errorf("a binary frame: closed with %d", code)
	}
	large := w.dial(ann)
	w.must(large.conn.Write(w.ctx, websocket.MessageText, []byte(strings.Repeat(" ", 5000))))
	if code := large.closed(); code != websocket.StatusMessageTooBig {
		t.Errorf("a large frame: closed with %d", code)
	}
	flood := w.dial(ann)
	for range 700 {
		if flood.conn.Write(w.ctx, websocket.MessageText, []byte(`{}`)) != nil {
			break
		}
	}
	if code := flood.closed(); code != websocket.StatusPolicyViolation {
		t.Errorf("a flood: closed with %d", code)
	}
}

func TestBlocksMutesAndFiltersHoldAtOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		ann, ben, cid := w.person("ann"), w.person("ben"), w.person("cid")
		s := w.dial(ann, "stream", "public")
		// next posts as cid and gives what came before that: the changes told by then hold.
		heard := func() (before []told) {
			t.Helper()
			end := w.Post(cid.Account, "the end")
			w.pump()
			for {
				got := s.next()
				if idOf(t, got) == ids.Format(end.ID) {
					return before
				}
				before = append(before, got)
			}
		}
		// settled repeats until a change was heard of, for the bus takes its time.
		settled := func(what string, post func(), ok func([]told) bool) {
			t.Helper()
			for end := time.Now().Add(patience); time.Now().Before(end); {
				post()
				if ok(heard()) {
					return
				}
			}
			t.Errorf("%s never held", what)
		}
		none := func(list []told) bool { return len(list) == 0 }
		some := func(list []told) bool { return len(list) == 1 }
		from := func(by *person, text string) func() { return func() { w.Post(by.Account, text) } }
		settled("nothing", from(ben, "hello"), some)
		w.must(w.Relations.Block(w.ctx, ann.Account, ben.Account, ""))
		settled("a block", from(ben, "hello"), none)
		w.must(w.Relations.Unblock(w.ctx, ann.Account, ben.Account))
		settled("no block", from(ben, "hello"), some)
		w.must(w.Relations.Block(w.ctx, ben.Account, ann.Account, ""))
		settled("being blocked", from(ben, "hello"), none)
		w.must(w.Relations.Unblock(w.ctx, ben.Account, ann.Account))
		w.must(w.Relations.Mute(w.ctx, ann.ID, ben.ID, relations.MuteOptions{}))
		settled("a mute", from(cid, "with @ben"), none)
		w.must(w.Relations.Unmute(w.ctx, ann.ID, ben.ID))
		far := w.Remote("far", "far.example")
		w.must(w.Relations.BlockDomain(w.ctx, ann.Account, "far.example"))
		settled("a domain block", func() { w.Receive(far, "<p>hi</p>") }, none)
		_, err := w.filters.Create(w.ctx, ann.ID, filters.Change{Title: to("spoilers"), Context: []string{"public"}, Keywords: []filters.KeywordChange{{Keyword: to("ending")}}})
		w.must(err)
		settled("a filter", from(ben, "the ENDING is sad"), func(list []told) bool {
			var v struct {
				Filtered []struct {
					Filter struct{ Title string }
					Words  []string `json:"keyword_matches"`
				}
			}
			return len(list) == 1 && json.Unmarshal([]byte(list[0].Payload), &v) == nil && len(v.Filtered) == 1 && v.Filtered[0].Filter.Title == "spoilers" && v.Filtered[0].Words[0] == "ENDING"
		})
	})
}

// TestAnEventIsEncodedOnce holds requirements N3 and H3: one rendering, whatever the number of clients and channels, and no
// statement for a delivery.
func TestAnEventIsEncodedOnce(t *testing.T) {
	t.Parallel()
	w := simple(t)
	ann := w.person("ann")
	var sockets []*socket
	for i := range 6 {
		p := w.person(fmt.Sprint("p", i))
		w.Follow(p.Account, ann.Account)
		for range 5 {
			sockets = append(sockets, w.dial(p, "stream", "user"))
		}
		s := w.dial(p, "stream", "public")
		sockets = append(sockets, s)
	}
	w.pump()
	for range 3 {
		w.renders.Store(0)
		st := w.Post(ann.Account, "to all")
		w.pump()
		for _, s := range sockets {
			if got := s.next(); idOf(t, got) != ids.Format(st.ID) {
				t.Fatalf("told %+v", got)
			}
		}
		if n := w.renders.Load(); n != 1 {
			t.Errorf("rendered %d times for %d sockets", n, len(sockets))
		}
	}
}
