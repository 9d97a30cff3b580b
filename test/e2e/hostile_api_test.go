package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestBadInput asks the API for what it must refuse, clearly and without changing anything.
func TestBadInput(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		ann, bob := s.Person("ann"), s.Person("bob")
		bobs := bob.Write("bob's own")
		mine := ann.Write("mine")
		var list List
		bob.Post("/api/v1/lists", M{"title": "bob's"}, &list)
		before := state(ann, bob)
		s.Step(t, "bodies", func(t *testing.T) { badRequestBodies(t, ann) })
		s.Step(t, "values", func(t *testing.T) { badValues(t, ann, mine.ID) })
		s.Step(t, "ids that are unknown or foreign", func(t *testing.T) { badIDs(t, ann, bobs.ID, list.ID) })
		s.Step(t, "queries", func(t *testing.T) { badQueries(t, ann) })
		s.Step(t, "who may not", func(t *testing.T) { guarded(t, s) })
		s.Step(t, "requests that are none", func(t *testing.T) { rawRequests(t, s) })
		s.Step(t, "nothing changed", func(t *testing.T) {
			if after := state(ann, bob); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			s.Do("GET", "/health", "", nil).Want(200)
		})
	})
}

// state is what ann and bob could have changed.
func state(ann, bob Person) string {
	var all []string
	for _, p := range []Person{ann, bob} {
		for _, path := range []string{
			"/api/v1/accounts/" + p.ID + "/statuses", Home, "/api/v1/accounts/verify_credentials", "/api/v1/lists", "/api/v2/filters", "/api/v1/markers?timeline[]=home",
			"/api/v1/preferences", "/api/v1/blocks", "/api/v1/mutes", "/api/v1/domain_blocks", "/api/v1/favourites", "/api/v1/bookmarks", "/api/v1/follow_requests",
			"/api/v1/accounts/" + p.ID + "/following",
		} {
			all = append(all, path+" "+string(p.Do("GET", path, nil).Want(200).Body))
		}
	}
	return strings.Join(all, "\n")
}

// refused fails the test unless the answer is an error in the API's shape that tells nothing of the inside.
func refused(t *testing.T, name string, got Answer, statuses ...int) {
	t.Helper()
	var body struct {
		Error string `json:"error"`
	}
	fits := len(statuses) == 0 && got.Status >= 400 && got.Status <= 499
	for _, status := range statuses {
		fits = fits || got.Status == status
	}
	if !fits {
		t.Errorf("%s: status %d, want %v: %s", name, got.Status, statuses, shorten(got.Body))
		return
	}
	if err := json.Unmarshal(got.Body, &body); err != nil || body.Error == "" || !strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") {
		t.Errorf("%s: not an error as the API has them: %s %s", name, got.Header.Get("Content-Type"), shorten(got.Body))
	}
	for _, inside := range []string{"sql", "SQLSTATE", ".go:", "goroutine", "pgx", "panic"} {
		if strings.Contains(body.Error, inside) {
			t.Errorf("%s: the error tells of the inside: %s", name, body.Error)
		}
	}
}

const jsonType = "application/json"

func badRequestBodies(t *testing.T, ann Person) {
	post := func(kind, body string) Answer { return ann.Do("POST", "/api/v1/statuses", Text{kind, body}) }
	for name, got := range map[string]Answer{
		"half of JSON":            post(jsonType, `{"status":"x"`),
		"no JSON":                 post(jsonType, `hello`),
		"two values":              post(jsonType, `{"status":""}{"status":"x"}`),
		"a list":                  post(jsonType, `["status","x"]`),
		"a text":                  post(jsonType, `"status"`),
		"bad UTF-8":               post(jsonType, "{\"status\":\"\xff\xfe\"}"),
		"bad UTF-8 in a form":     post("application/x-www-form-urlencoded", "status=%ff%fe"),
		"a bad escape in a form":  post("application/x-www-form-urlencoded", "status=%zz"),
		"deep nesting":            post(jsonType, `{"status":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`),
		"deep nesting of a name":  post("application/x-www-form-urlencoded", "poll"+strings.Repeat("[a]", 2000)+"=x"),
		"oversized":               post(jsonType, `{"status":"`+strings.Repeat("x", 20<<20)+`"}`),
		"very many names":         post("application/x-www-form-urlencoded", strings.Repeat("a[]=1&", 200_000)+"status=x"),
		"a form without its end":  post("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"status\"\r\n\r\nx"),
		"a form without boundary": post("multipart/form-data", "x"),
		"a NUL":                   post(jsonType, `{"status":"a\u0000b","visibility":"\u0000"}`),
		"nothing":                 post(jsonType, ``),
		"an empty object":         post(jsonType, `{}`),
	} {
		refused(t, name, got)
	}
}

// badValues sends to an address what it cannot mean.
func badValues(t *testing.T, ann Person, mine string) {
	long := strings.Repeat("x", 501)
	many := make([]string, 5)
	for i := range many {
		many[i] = fmt.Sprintf("option %d", i)
	}
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/api/v1/statuses", M{"status": long}},
		{"POST", "/api/v1/statuses", M{"status": "x", "spoiler_text": long}},
		{"POST", "/api/v1/statuses", M{"status": "  \n "}},
		{"POST", "/api/v1/statuses", M{"status": []string{"x"}}},
		{"POST", "/api/v1/statuses", M{"status": M{"a": "b"}}},
		{"POST", "/api/v1/statuses", M{"status": "x", "visibility": "everybody"}},
		{"POST", "/api/v1/statuses", M{"status": "x", "visibility": 7}},
		{"POST", "/api/v1/statuses", M{"status": "x", "in_reply_to_id": "1"}},
		{"POST", "/api/v1/statuses", M{"status": "x", "in_reply_to_id": "abc"}},
		{"POST", "/api/v1/statuses", M{"status": "x", "in_reply_to_id": M{"a": 1}}},
		{"POST", "/api/v1/statuses", M{"status": "x", "media_ids": []string{"1"}}},
		{"POST", "/api/v1/statuses", M{"status": "x", "media_ids": "all"}},
		{"POST", "/api/v1/statuses", M{"status": "x", "poll": M{"options": []string{"one"}, "expires_in": 3600}}},
		{"POST", "/api/v1/statuses", M{"status": "x", "poll": M{"options": many, "expires_in": 3600}}},
		{"POST", "/api/v1/statuses", M{"status": "x", "poll": M{"options": []string{"same", "same"}, "expires_in": 3600}}},
		{"POST", "/api/v1/statuses", M{"status": "x", "poll": M{"options": []string{"one", long}, "expires_in": 3600}}},
		{"POST", "/api/v1/statuses", M{"status": "x", "poll": M{"options": []string{"one", "two"}, "expires_in": 1}}},
		{"POST", "/api/v1/statuses", M{"status": "x", "poll": M{"options": []string{"one", "two"}, "expires_in": 1 << 40}}},
		{"POST", "/api/v1/statuses", M{"status": "x", "poll": "yes"}},
		{"PUT", "/api/v1/statuses/" + mine, M{"status": long}},
		{"PUT", "/api/v1/statuses/" + mine, M{"status": ""}},
		{"PATCH", "/api/v1/accounts/update_credentials", M{"display_name": long}},
		{"PATCH", "/api/v1/accounts/update_credentials", M{"note": long}},
		{"PATCH", "/api/v1/accounts/update_credentials", M{"source": M{"privacy": "everybody"}}},
		{"PATCH", "/api/v1/accounts/update_credentials", Multipart{Files: map[string][]byte{"avatar": []byte("not an image")}}},
		{"POST", "/api/v1/lists", M{}},
		{"POST", "/api/v1/lists", M{"title": ""}},
		{"POST", "/api/v1/lists", M{"title": "x", "replies_policy": "whatever"}},
		{"POST", "/api/v2/filters", M{"context": []string{"home"}}},
		{"POST", "/api/v2/filters", M{"title": "x", "context": []string{"everywhere"}}},
		{"POST", "/api/v2/filters", M{"title": "x"}},
		{"POST", "/api/v1/filters", M{"context": []string{"home"}}},
		{"POST", "/api/v1/domain_blocks", M{}},
		{"POST", "/api/v1/domain_blocks", M{"domain": "no domain"}},
		{"POST", "/api/v1/polls/1/votes", M{"choices": []int{0}}},
		{"POST", "/api/v1/apps", M{}},
		{"POST", "/api/v1/apps", M{"client_name": "x", "redirect_uris": "not an address"}},
		{"POST", "/api/v1/apps", M{"client_name": "x", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": "everything"}},
		{"POST", "/oauth/token", M{"grant_type": "authorization_code"}},
		{"POST", "/api/v2/media", M{"file": "not a file"}},
		{"POST", "/api/v2/media", Multipart{Files: map[string][]byte{"file": []byte("not a picture")}}},
	} {
		body, _ := json.Marshal(c.body)
		refused(t, c.method+" "+c.path+" "+string(body[:min(len(body), 100)]), ann.Do(c.method, c.path, c.body))
	}
}

func badIDs(t *testing.T, ann Person, bobs, bobsList string) {
	for _, id := range []string{"1", "0", "-1", "abc", "99999999999999999999999999", "1e3", "%00", "%ff", "1%27%20OR%201=1", "..%2f..%2fetc"} {
		for _, c := range []struct{ method, path string }{
			{"GET", "/api/v1/statuses/ID"}, {"GET", "/api/v1/statuses/ID/context"}, {"POST", "/api/v1/statuses/ID/favourite"}, {"POST", "/api/v1/statuses/ID/reblog"},
			{"DELETE", "/api/v1/statuses/ID"}, {"GET", "/api/v1/accounts/ID"}, {"POST", "/api/v1/accounts/ID/follow"}, {"POST", "/api/v1/accounts/ID/block"},
			{"GET", "/api/v1/accounts/ID/statuses"}, {"GET", "/api/v1/timelines/list/ID"}, {"GET", "/api/v1/lists/ID"}, {"GET", "/api/v1/notifications/ID"},
			{"GET", "/api/v2/filters/ID"}, {"DELETE", "/api/v2/filters/keywords/ID"}, {"GET", "/api/v1/polls/ID"}, {"POST", "/api/v1/follow_requests/ID/authorize"},
			{"GET", "/api/v1/media/ID"},
		} {
			refused(t, c.method+" "+c.path+" of "+id, ann.Do(c.method, strings.Replace(c.path, "ID", id, 1), nil), 404, 400)
		}
	}
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"PUT", "/api/v1/statuses/" + bobs, M{"status": "not mine"}}, {"DELETE", "/api/v1/statuses/" + bobs, nil}, {"GET", "/api/v1/lists/" + bobsList, nil},
		{"PUT", "/api/v1/lists/" + bobsList, M{"title": "mine"}}, {"DELETE", "/api/v1/lists/" + bobsList, nil}, {"GET", "/api/v1/timelines/list/" + bobsList, nil},
		{"POST", "/api/v1/lists/" + bobsList + "/accounts", M{"account_ids": []string{ann.ID}}},
	} {
		refused(t, c.method+" "+c.path, ann.Do(c.method, c.path, c.body), 404)
	}
	refused(t, "pinning another's", ann.Do("POST", "/api/v1/statuses/"+bobs+"/pin", nil), 422)
	refused(t, "follow oneself", ann.Do("POST", "/api/v1/accounts/"+ann.ID+"/follow", nil), 403)
}

// badQueries are asked for what cannot be; a list may be empty, but never an inner error.
func badQueries(t *testing.T, ann Person) {
	for _, path := range []string{
		Home + "?limit=abc", Home + "?limit=-5", Home + "?limit=999999", Home + "?max_id=abc", Home + "?max_id=-1", Home + "?min_id=99999999999999999999999",
		Home + "?since_id[]=1", Home + "?limit[a]=1", Public + "?local=maybe&remote=perhaps", "/api/v1/timelines/tag/%F0%9F%98%80", "/api/v1/timelines/tag/" + strings.Repeat("a", 2000),
		"/api/v1/accounts/relationships?id[]=abc", "/api/v1/accounts/relationships?id=" + ann.ID, "/api/v1/notifications?types[]=%00", "/api/v1/notifications?types=mention",
		"/api/v2/search?q=" + strings.Repeat("a", 5000), "/api/v2/search?q=%25%5F%5C&offset=-1", "/api/v2/search?q=%27%22%3B--&type=accounts", "/api/v2/search?q=a&type=everything",
		"/api/v1/accounts/search?q=%00", "/api/v1/accounts/lookup?acct=%00", "/api/v1/accounts/lookup?acct[]=a", "/api/v1/bookmarks?max_id=1&min_id=2&since_id=3",
		"/api/v1/accounts/" + ann.ID + "/statuses?tagged=%23&pinned=yes&max_id=0", "/api/v1/markers?timeline[]=other", "/api/v1/statuses?id[]=1&id[]=abc",
	} {
		got := ann.Do("GET", path, nil)
		if got.Status >= 500 {
			t.Errorf("%.200s: %d %s", path, got.Status, shorten(got.Body))
		} else if got.Status >= 400 {
			refused(t, path[:min(len(path), 200)], got)
		}
	}
	refused(t, "a search for nothing", ann.Do("GET", "/api/v2/search", nil), 400, 422)
	refused(t, "a look-up of nothing", ann.Do("GET", "/api/v1/accounts/lookup", nil), 400, 404)
}

// guarded asks for what is a person's own: without a token, with a wrong one, and with one that may not.
func guarded(t *testing.T, s *Server) {
	following := s.Token("ann", "push")
	for _, c := range []struct{ method, path string }{
		{"GET", Home}, {"GET", "/api/v1/notifications"}, {"POST", "/api/v1/statuses"}, {"PUT", "/api/v1/statuses/1"}, {"DELETE", "/api/v1/statuses/1"},
		{"POST", "/api/v1/statuses/1/favourite"}, {"POST", "/api/v1/statuses/1/reblog"}, {"POST", "/api/v1/statuses/1/bookmark"}, {"POST", "/api/v1/statuses/1/pin"},
		{"POST", "/api/v1/accounts/1/follow"}, {"POST", "/api/v1/accounts/1/block"}, {"POST", "/api/v1/accounts/1/mute"}, {"POST", "/api/v1/accounts/1/note"},
		{"GET", "/api/v1/accounts/verify_credentials"}, {"PATCH", "/api/v1/accounts/update_credentials"}, {"GET", "/api/v1/accounts/relationships"},
		{"GET", "/api/v1/lists"}, {"POST", "/api/v1/lists"}, {"GET", "/api/v2/filters"}, {"POST", "/api/v2/filters"}, {"GET", "/api/v1/blocks"}, {"GET", "/api/v1/mutes"},
		{"GET", "/api/v1/domain_blocks"}, {"GET", "/api/v1/follow_requests"}, {"GET", "/api/v1/favourites"}, {"GET", "/api/v1/bookmarks"}, {"GET", "/api/v1/markers"},
		{"POST", "/api/v1/markers"}, {"GET", "/api/v1/preferences"}, {"POST", "/api/v2/media"}, {"POST", "/api/v1/notifications/clear"},
	} {
		name := c.method + " " + c.path
		refused(t, name+" without a token", s.Do(c.method, c.path, "", nil), 401)
		refused(t, name+" with a wrong token", s.Do(c.method, c.path, "wrong", nil), 401)
		refused(t, name+" with a token that may not", s.Do(c.method, c.path, following, nil), 403)
	}
	for _, token := range []string{strings.Repeat("x", 6000), "a b", "\"", "ü", "x, Bearer y"} {
		refused(t, "a strange token", s.Do("GET", Home, token, nil), 401, 400, 431)
	}
}

// rawRequests writes to the socket what no client writes; what is ambiguous is refused, and the connection with it (INB-08).
func rawRequests(t *testing.T, s *Server) {
	for name, text := range map[string]string{
		"no HTTP":               "hello\r\n\r\n",
		"a bad length":          "POST /api/v1/statuses HTTP/1.1\r\nHost: " + s.Domain + "\r\nContent-Length: x\r\n\r\n",
		"two lengths":           "POST /api/v1/statuses HTTP/1.1\r\nHost: " + s.Domain + "\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"length and chunks":     "POST /api/v1/statuses HTTP/1.1\r\nHost: " + s.Domain + "\r\nContent-Length: 4\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
		"a method of no kind":   "BREW /api/v1/statuses HTTP/1.1\r\nHost: " + s.Domain + "\r\nConnection: close\r\n\r\n",
		"a huge header":         "GET / HTTP/1.1\r\nHost: " + s.Domain + "\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n",
		"a path of no kind":     "GET /%zz HTTP/1.1\r\nHost: " + s.Domain + "\r\nConnection: close\r\n\r\n",
		"a path that climbs up": "GET /../../../../etc/passwd HTTP/1.1\r\nHost: " + s.Domain + "\r\nConnection: close\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", s.Domain)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte(text)) // the server may hang up before the end
		answer := make([]byte, 12)
		n, _ := conn.Read(answer)
		if status := string(answer[:n]); n == 12 && (status[9] == '2' || status[9] == '5' && !strings.HasSuffix(status, " 501")) {
			t.Errorf("%s: %s", name, answer)
		}
		_ = conn.Close()
	}
	smuggling(t, s)
	if got := s.Do(http.MethodPatch, Home, "", nil); got.Status != 404 && got.Status != 405 {
		t.Errorf("a method that is not there: %d", got.Status)
	}
}

// smuggling hides a second request in one whose length can be read in two ways. It is never answered (INB-08).
func smuggling(t *testing.T, s *Server) {
	const hidden = "GET /health HTTP/1.1\r\nHost: hidden\r\nConnection: close\r\n\r\n"
	head := "POST /api/v1/apps HTTP/1.1\r\nHost: " + s.Domain + "\r\n"
	for name, text := range map[string]string{
		"length and chunks":         head + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", len(hidden)+5) + hidden,
		"chunks of no kind":         head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunks twice":              head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":               head + fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n", len(hidden)) + hidden,
		"a length with a sign":      head + "Content-Length: +0\r\n\r\n" + hidden,
		"a space before the colon":  head + "Content-Length : 0\r\n\r\n" + hidden,
		"a chunk size of no kind":   head + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + hidden,
		"a header without a name":   head + ": x\r\n\r\n" + hidden,
		"two hosts":                 head + "Host: other.example\r\n\r\n" + hidden,
		"a carriage return in them": head + "X: a\rContent-Length: 0\r\n\r\n" + hidden,
	} {
		conn, err := net.Dial("tcp", s.Domain)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = conn.Write([]byte(text)) // the server may hang up before the end
		answer, _ := io.ReadAll(io.LimitReader(conn, 1<<20))
		if got := string(answer); strings.Count(got, "HTTP/1.1 ") > 1 || strings.Contains(got, "HTTP/1.1 200") {
			t.Errorf("%s: answered %s", name, shorten(answer))
		}
		_ = conn.Close()
	}
}
