package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestPages reads the public pages as somebody without an account and without JavaScript.
func TestPages(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, s *Server) {
		ann, bob := s.Person("ann"), s.Person("bob")
		ann.Do("PATCH", "/api/v1/accounts/update_credentials", M{"display_name": "Ann & <Co>", "note": "writes <b>here</b>"}).Want(200)
		post := ann.Write("A public <script>alert(1)</script> thought #pages", M{"visibility": "public"})
		reply := bob.Write("@ann an answer to it", M{"in_reply_to_id": post.ID})
		warned := ann.Write("what is behind it", M{"spoiler_text": "a warning"})
		private := ann.Write("only for followers", M{"visibility": "private"})
		direct := ann.Write("@bob between us", M{"visibility": "direct"})
		read := func(t *testing.T, path string, has ...string) string {
			t.Helper()
			page := s.Browser().Open(path).Want(http.StatusOK)
			if kind := page.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") {
				t.Errorf("%s is %s", path, kind)
			}
			for _, part := range has {
				if !strings.Contains(page.Body, part) {
					t.Errorf("%s lacks %s: %s", path, part, shorten([]byte(page.Body)))
				}
			}
			for _, part := range []string{"<script>alert(1)", "<Co>", "only for followers", "between us", `="undefined"`, "&lt;p&gt;", "%!"} {
				if strings.Contains(page.Body, part) {
					t.Errorf("%s has %s", path, part)
				}
			}
			if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src") {
				t.Errorf("%s has the policy %q", path, policy)
			}
			return page.Body
		}
		s.Step(t, "landing", func(t *testing.T) {
			read(t, "/", "A public", "thought", "/auth/sign_in", "/auth/sign_up", `property="og:title"`, s.Domain, "<title>")
		})
		s.Step(t, "about", func(t *testing.T) { read(t, "/about", s.Domain, `property="og:title"`, "<title>") })
		s.Step(t, "a profile", func(t *testing.T) {
			read(t, "/@ann", "Ann &amp; &lt;Co&gt;", "@ann@"+s.Domain, "A public", "a warning", `property="og:title"`, `content="profile"`, `rel="alternate"`, s.URL+"/users/ann")
			if page := s.Browser().Open("/users/ann"); page.Status != 200 || page.URL.Path != "/@ann" {
				t.Errorf("/users/ann leads to %s, %d", page.URL, page.Status)
			}
		})
		s.Step(t, "a post with its thread", func(t *testing.T) {
			body := read(t, "/@ann/"+post.ID, "A public", "thought", "an answer to it", `property="og:title"`, `property="og:description"`, `property="og:url"`, "/tags/pages", post.URI)
			if strings.Contains(body, "what is behind it") {
				t.Error("another post is in the thread")
			}
			read(t, "/@bob/"+reply.ID, "an answer to it", "A public")
			if body := read(t, "/@ann/"+warned.ID, "a warning", "what is behind it"); strings.Contains(description(body), "behind") {
				t.Error("a preview tells what is behind the warning")
			}
			if page := s.Browser().Open("/users/ann/statuses/" + post.ID); page.Status != 200 || page.URL.Path != "/@ann/"+post.ID {
				t.Errorf("the address of the post leads to %s, %d", page.URL, page.Status)
			}
		})
		s.Step(t, "a tag", func(t *testing.T) { read(t, "/tags/pages", "#pages", "A public", `property="og:title"`) })
		s.Step(t, "sign-in and sign-up", func(t *testing.T) {
			read(t, "/auth/sign_in", `type="password"`, `autocomplete="current-password"`)
			read(t, "/auth/sign_up", `type="password"`, `autocomplete="new-password"`)
		})
		s.Step(t, "what is not there or not for all", func(t *testing.T) {
			for _, path := range []string{
				"/@ann/" + private.ID, "/@ann/" + direct.ID, "/users/ann/statuses/" + private.ID, "/@ann/1", "/@ann/abc", "/@nobody", "/users/nobody", "/nonsense", "/@bob/" + post.ID + "0",
			} {
				page := s.Browser().Open(path)
				if page.Status != http.StatusNotFound || strings.Contains(page.Body, "only for") || strings.Contains(page.Body, "between us") {
					t.Errorf("%s: %d %s", path, page.Status, shorten([]byte(page.Body)))
				}
			}
		})
		s.Step(t, "well-known addresses", func(t *testing.T) { wellKnown(t, s, post) })
	})
}

// description returns the line of a page by which others show a preview.
func description(body string) string {
	_, rest, _ := strings.Cut(body, `property="og:description"`)
	line, _, _ := strings.Cut(rest, ">")
	return line
}

func wellKnown(t *testing.T, s *Server, post Status) {
	var finger struct {
		Subject string
		Links   []struct{ Rel, Type, Href string }
	}
	answer := s.Do("GET", "/.well-known/webfinger?resource=acct:ann@"+s.Domain, "", nil).Want(200).Into(&finger)
	if finger.Subject != "acct:ann@"+s.Domain || !strings.Contains(string(answer.Body), s.URL+"/users/ann") || !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/jrd+json") {
		t.Errorf("webfinger: %s", answer.Body)
	}
	for query, want := range map[string]int{"?resource=acct:nobody@" + s.Domain: 404, "?resource=acct:ann@other.example": 404, "": 400, "?resource=nonsense": 400} {
		if got := s.Do("GET", "/.well-known/webfinger"+query, "", nil); got.Status != want && (want != 400 || got.Status != 404) {
			t.Errorf("webfinger%s: %d, want %d", query, got.Status, want)
		}
	}
	if got := s.Do("GET", "/.well-known/host-meta", "", nil).Want(200); !strings.Contains(string(got.Body), "/.well-known/webfinger?resource={uri}") {
		t.Errorf("host-meta: %s", got.Body)
	}
	var discovery struct {
		Links []struct{ Rel, Href string }
	}
	s.Do("GET", "/.well-known/nodeinfo", "", nil).Want(200).Into(&discovery)
	if len(discovery.Links) == 0 {
		t.Fatal("nodeinfo has no links")
	}
	var info struct {
		Version   string
		Software  struct{ Name, Version string }
		Protocols []string
		Usage     struct {
			LocalPosts int `json:"localPosts"`
			Users      struct{ Total int }
		}
	}
	s.Do("GET", discovery.Links[0].Href, "", nil).Want(200).Into(&info)
	if info.Version != "2.0" || info.Software.Name != "gomph" || len(info.Protocols) != 1 || info.Protocols[0] != "activitypub" || info.Usage.Users.Total < 2 || info.Usage.LocalPosts < 3 {
		t.Errorf("nodeinfo: %+v", info)
	}
	for path, fits := range map[string]string{"/users/ann": `"Person"`, "/@ann": `"Person"`, "/@ann/" + post.ID: `"Note"`, "/users/ann/statuses/" + post.ID: `"Note"`} {
		request, err := http.NewRequest(http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		kind, vary := answer.Header.Get("Content-Type"), answer.Header.Values("Vary")
		var object M
		if err := decodeBody(answer, &object); err != nil || `"`+object["type"].(string)+`"` != fits {
			t.Errorf("%s as an object: %d %v %v", path, answer.StatusCode, object, err)
		}
		if !strings.HasPrefix(kind, activityType) && !strings.HasPrefix(kind, "application/ld+json") || !strings.Contains(strings.Join(vary, ","), "Accept") {
			t.Errorf("%s as an object: %s, Vary %v", path, kind, vary)
		}
	}
}
