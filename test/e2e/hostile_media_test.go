package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/testkit/draw"
)

// said is what the API says of a file. Each part is what a client in a strict language would read it as.
type said struct {
	ID       string  `json:"id"`
	Blurhash *string `json:"blurhash"`
	Meta     *struct {
		Focus    *struct{ X, Y float64 }
		Original *struct {
			Width, Height int
			Size          string
			Aspect        float64
		}
	} `json:"meta"`
}

// wrong tells what of it no client could show; "" for nothing.
func (m said) wrong() string {
	switch {
	case m.Blurhash != nil && (len(*m.Blurhash) < 6 || len(*m.Blurhash) > 166):
		return "blurhash " + *m.Blurhash
	case m.Meta == nil:
		return "no meta"
	case m.Meta.Focus != nil && !(m.Meta.Focus.X >= -1 && m.Meta.Focus.X <= 1 && m.Meta.Focus.Y >= -1 && m.Meta.Focus.Y <= 1):
		return fmt.Sprint("focus ", *m.Meta.Focus)
	case m.Meta.Original != nil && (m.Meta.Original.Width < 1 || m.Meta.Original.Height < 1 || m.Meta.Original.Width > 1<<16 || m.Meta.Original.Height > 1<<16 || !(m.Meta.Original.Aspect > 0)):
		return fmt.Sprint("size ", *m.Meta.Original)
	}
	return ""
}

// TestHostileDescriptions says of pictures what no decoder understands (MED-13): answers of the API are well-formed, and pages are drawn.
func TestHostileDescriptions(t *testing.T) {
	t.Parallel()
	s := Start(t, One)
	ann := s.Person("ann")
	s.Step(t, "of other servers' pictures", func(t *testing.T) { hostilePictures(t, s, ann) })
	s.Step(t, "of one's own", func(t *testing.T) { hostileFocus(t, s, ann) })
}

func hostilePictures(t *testing.T, s *Server, ann Person) {
	remote := StartRemote(t, "127.0.0.1")
	bob := remote.Actor("bob", 0)
	bob.Follow(ann)
	post := ann.Write("look at this")
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	const good = "LEHV6nWB2yk8pyo0adR*.7kCMdnj"
	for i, more := range []M{
		{"blurhash": good[:27], "focalPoint": []any{raw("1e308"), raw("-1e308")}, "width": -1, "height": -1},
		{"blurhash": good + "\x00", "focalPoint": []any{"NaN", "Infinity"}, "width": raw("1000000000000"), "height": raw("1000000000000")},
		{"blurhash": strings.Repeat("L", 1<<19), "focalPoint": "0.5,0.5", "width": raw("1e308"), "height": 5},
		{"blurhash": "<script>alert(1)</script>000", "focalPoint": []any{nil, M{}}, "width": "100", "height": []any{}},
		{"blurhash": 12, "focalPoint": []any{1}, "width": 0, "height": 0},
		{"blurhash": M{"a": good}, "focalPoint": []any{raw("9223372036854775808"), raw("5e-324")}, "width": raw("0.5"), "height": raw("-9223372036854775808")},
		{"blurhash": good, "focalPoint": []any{-0.25, 1}, "width": 640, "height": 480}, // nothing is wrong with this one
	} {
		picture := M{"type": "Image", "mediaType": "image/png", "url": remote.URL + "/a.png", "name": fmt.Sprint("picture ", i)}
		for name, value := range more {
			picture[name] = value
		}
		note := bob.Note("here", M{"inReplyTo": post.URI, "attachment": []any{picture}, "tag": Mention(s.URL+"/users/ann", s.Handle("ann")), "to": []string{public, s.URL + "/users/ann"}})
		bob.Deliver(s.URL+"/users/ann/inbox", bob.Create(note))
		told := ann.Told("mention", func(n Notification) bool { return n.Status != nil && n.Status.URI == note["id"] })
		answer := ann.Do("GET", "/api/v1/statuses/"+told.Status.ID, nil).Want(http.StatusOK)
		var got struct {
			Files []said `json:"media_attachments"`
		}
		answer.Into(&got)
		if len(got.Files) != 1 {
			t.Fatalf("%v: %d files: %s", i, len(got.Files), shorten(answer.Body))
		}
		if bad := got.Files[0].wrong(); bad != "" {
			t.Errorf("%d: the API says %.200s", i, bad)
		}
		if m := got.Files[0]; i == 6 && (m.Blurhash == nil || *m.Blurhash != good || m.Meta.Focus == nil || m.Meta.Focus.X != -0.25 || m.Meta.Original == nil || m.Meta.Original.Width != 640) {
			t.Errorf("what was right is lost: %s", answer.Body)
		}
		// Posts of others have no page of their own here: they stand below what they answer.
		if page := s.Browser().Open("/@bob@" + remote.Domain + "/" + told.Status.ID); page.Status > 499 {
			t.Errorf("%d: its own page: %d", i, page.Status)
		}
		page := s.Browser().Open("/@ann/" + post.ID).Want(http.StatusOK)
		if !strings.Contains(page.Body, fmt.Sprint("picture ", i)) || strings.Contains(page.Body, "<script>alert") {
			t.Errorf("%d: the page does not show it, or more: %s", i, shorten([]byte(page.Body)))
		}
		ann.Do("GET", "/api/v1/statuses/"+post.ID+"/context", nil).Want(http.StatusOK).Into(&struct{}{})
	}
}

// hostileFocus is what a client of this server sends: refused, or brought within the picture as Mastodon does; a refusal changes nothing.
func hostileFocus(t *testing.T, s *Server, ann Person) {
	first := Multipart{Fields: url.Values{"focus": {"0.25,-0.5"}, "description": {"as it was"}}, Files: map[string][]byte{"file": draw.PNG(draw.Noise(48, 32, 5))}}
	var up said
	ann.Do("POST", "/api/v1/media", first).Want(http.StatusOK).Into(&up)
	at := "/api/v1/media/" + up.ID
	for _, focus := range []string{"NaN,NaN", "NaN,0", "1e308,-1e308", "1e309,0", "Inf,-Inf", "x,y", "0.5", "1,2,3", ",", "0x1p-2,0", "\x00,0", strings.Repeat("9", 5000) + ",0", "<script>,0", "-0,5e-324"} {
		for path, method := range map[string]string{"/api/v1/media": "POST", "/api/v2/media": "POST", at: "PUT"} {
			var body any = url.Values{"focus": {focus}, "description": {"changed"}}
			if method == "POST" {
				body = Multipart{Fields: url.Values{"focus": {focus}}, Files: map[string][]byte{"file": draw.PNG(draw.Noise(48, 32, 6))}}
			}
			answer := ann.Do(method, path, body)
			var got said
			switch answer.Status {
			case http.StatusOK:
				if answer.Into(&got); got.wrong() != "" {
					t.Errorf("%s %s with focus %.20q: %s", method, path, focus, got.wrong())
				}
			case http.StatusUnprocessableEntity, http.StatusBadRequest: // the latter to what is no text
				if method == "PUT" {
					if now := ann.Do("GET", at, nil).Want(http.StatusOK); !strings.Contains(string(now.Body), "as it was") || !strings.Contains(string(now.Body), `"x":0.25,"y":-0.5`) {
						t.Errorf("refused was focus %.20q, and yet: %s", focus, now.Body)
					}
				}
			default:
				t.Errorf("%s %s with focus %.20q: %d %s", method, path, focus, answer.Status, shorten(answer.Body))
			}
			if method == "PUT" {
				ann.Do("PUT", at, url.Values{"focus": {"0.25,-0.5"}, "description": {"as it was"}}).Want(http.StatusOK)
			}
		}
	}
	post := ann.Write("mine", M{"media_ids": []string{up.ID}})
	for _, focus := range []string{"NaN,NaN", "1e308,0", "x,y"} { // those of a post are changed with it
		answer := ann.Do("PUT", "/api/v1/statuses/"+post.ID, M{"status": "mine", "media_ids": []string{up.ID}, "media_attributes": []M{{"id": up.ID, "focus": focus}}})
		if answer.Status != http.StatusOK && answer.Status != http.StatusUnprocessableEntity {
			t.Errorf("a post with focus %s: %d %s", focus, answer.Status, shorten(answer.Body))
		}
		var got struct {
			Files []said `json:"media_attachments"`
		}
		ann.Do("GET", "/api/v1/statuses/"+post.ID, nil).Want(http.StatusOK).Into(&got)
		if len(got.Files) != 1 || got.Files[0].wrong() != "" || answer.Status != http.StatusOK && (got.Files[0].Meta.Focus == nil || got.Files[0].Meta.Focus.X != 0.25) {
			t.Errorf("after focus %s, answered %d, the post has %+v", focus, answer.Status, got.Files)
		}
		if answer.Status == http.StatusOK {
			ann.Do("PUT", "/api/v1/statuses/"+post.ID, M{"status": "mine", "media_ids": []string{up.ID}, "media_attributes": []M{{"id": up.ID, "focus": "0.25,-0.5"}}}).Want(http.StatusOK)
		}
		s.Browser().Open("/@ann/" + post.ID).Want(http.StatusOK)
		s.Browser().Open("/@ann/" + post.ID + "/embed").Want(http.StatusOK)
	}
}
