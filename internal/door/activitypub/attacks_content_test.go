package activitypub_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/text"
)

// The rows of the attack table about what posts and profiles show: area html, and identity where it is about what a profile claims.
func TestContentAttacks(t *testing.T) {
	t.Parallel()
	play(t, map[string]func(*scene){
		"HTM-01": (*scene).htm01, "HTM-02": (*scene).htm02, "HTM-04": (*scene).htm04, "HTM-05": (*scene).htm05, "HTM-06": (*scene).htm06, "HTM-09": (*scene).htm09, "IDN-09": (*scene).idn09,
	})
}

// harmless fails the test if cleaned HTML holds anything outside of Mastodon's list, by a list of its own.
func (s *scene) harmless(where, clean string) {
	s.t.Helper()
	elements := strings.Fields("p br span a del s pre blockquote code b strong u i em ul ol li ruby rt rp")
	attributes := strings.Fields("href rel class translate target lang start reversed value")
	schemes := strings.Fields("http https dat dweb ipfs ipns ssb gopher xmpp magnet gemini")
	z := html.NewTokenizer(strings.NewReader(clean))
	for z.Next() != html.ErrorToken {
		tok := z.Token()
		if tok.Type == html.TextToken {
			continue
		}
		if tok.Type == html.CommentToken || tok.Type == html.DoctypeToken || !slices.Contains(elements, tok.Data) {
			s.t.Errorf("%s: <%s> in %q", where, tok.Data, clean)
		}
		for _, a := range tok.Attr {
			scheme, _, _ := strings.Cut(a.Val, ":")
			if !slices.Contains(attributes, a.Key) || a.Key == "href" && !slices.Contains(schemes, strings.ToLower(scheme)) {
				s.t.Errorf("%s: %s=%q in %q", where, a.Key, a.Val, clean)
			}
		}
	}
	if again := text.Sanitize(clean); again != clean {
		s.t.Errorf("%s: %q is not clean: %q", where, clean, again)
	}
}

func markups() []string {
	return []string{
		`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `<svg><style><img src=x onerror=alert(1)></style></svg>`, `<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>`,
		`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, `<template><p onclick=x>y</p></template>`, `<title><a href="javascript:alert(1)">x</a></title>`, `<select><style></select><img src=x onerror=alert(1)>`,
		`<a href="&#106;avascript:alert(1)">x</a>`, `<a href="java&Tab;script:alert(1)">x</a>`, `<a href="data:text/html,<script>alert(1)</script>">x</a>`, `<a href="vbscript:x">x</a>`,
		`<p style="position:fixed" id=root data-x=1 class="modal-root u-url">x</p>`, `<a href="https://a.example" target="_self" ping="https://evil.example" download rel="opener me">x</a>`, `<form action=/oauth/authorize><input name=x></form>`,
	}
}

func (s *scene) htm01() {
	for _, markup := range markups() {
		n := s.posted("<p>before</p>" + markup + "<p>after</p>")
		s.harmless(markup, s.us.byURI(n["id"].(string)).Content)
	}
}

func (s *scene) htm02() {
	for _, markup := range markups() {
		s.bob.doc = s.bob.doc.with(doc{"name": markup, "summary": markup, "attachment": []doc{{"type": "PropertyValue", "name": markup, "value": markup}}})
		s.bob.publish()
		s.taken(s.bob.send(s.us, s.bob.activity("Update", s.bob.doc)))
		a := s.known(s.bob)
		s.harmless(markup, a.Note)
		for _, f := range a.Fields {
			s.harmless(markup, f.Value)
		}
		n := s.bob.note("x").with(doc{"type": "Question", "summary": markup, "oneOf": []doc{{"type": "Note", "name": markup}, {"type": "Note", "name": "b"}},
			"attachment": []doc{{"type": "Image", "mediaType": "image/png", "url": s.good.url("/a.png"), "name": markup}}, "tag": []doc{{"type": "Emoji", "name": ":" + markup + ":", "icon": doc{"type": "Image", "url": s.good.url("/e.png")}}}})
		s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
		st := s.us.byURI(n["id"].(string))
		parts, err := s.us.statuses.Load(ctx(), s.us.db, s.alice.ID, []statuses.ID{st.ID})
		s.us.must(err)
		for _, m := range parts.Media[st.ID] {
			if strings.Contains(m.Description, "<script") || strings.Contains(m.Description, "<img") {
				s.t.Errorf("a description is %q", m.Description)
			}
		}
		if len(st.Emojis) != 0 {
			s.t.Errorf("an emoji is called %q", st.Emojis[0].Shortcode)
		}
	}
}

func (s *scene) htm04() {
	for _, bad := range []string{
		"javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "\x01javascript:alert(1)", "data:text/html,<script>x</script>", "data:image/png;base64,AAAA", "vbscript:x",
		"intent://x#Intent;end", "blob:https://good.example/1", "file:///etc/passwd", "//good.example/x", "ftp://good.example/x",
	} {
		s.bob.doc = s.bob.doc.with(doc{"url": bad, "icon": doc{"type": "Image", "url": bad}, "image": doc{"type": "Image", "url": bad}, "attachment": []doc{{"type": "PropertyValue", "name": "x", "value": `<a href="` + bad + `">x</a>`}}})
		s.bob.publish()
		s.taken(s.bob.send(s.us, s.bob.activity("Update", s.bob.doc)))
		a := s.known(s.bob)
		if a.URL != s.bob.uri || a.Avatar != "" || a.Header != "" {
			s.t.Errorf("%q: the profile has %q %q %q", bad, a.URL, a.Avatar, a.Header)
		}
		s.harmless(bad, a.Fields[0].Value)
		n := s.bob.note(`<a href="` + bad + `">x</a>`).with(doc{"url": bad, "attachment": []doc{{"type": "Document", "mediaType": "image/png", "url": bad, "icon": doc{"type": "Image", "url": bad}}},
			"tag": []doc{{"type": "Emoji", "name": ":e:", "icon": doc{"type": "Image", "url": bad}}, {"type": "Mention", "href": bad, "name": "@x"}}})
		s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
		st := s.us.byURI(n["id"].(string))
		s.harmless(bad, st.Content)
		if st.URL != st.URI || len(st.Emojis) != 0 {
			s.t.Errorf("%q: the post has %q %v", bad, st.URL, st.Emojis)
		}
	}
	if n := s.us.count("SELECT COUNT(*) FROM media_attachments"); n != 0 {
		s.t.Errorf("%d files of addresses that are none", n)
	}
}

// htm05: what is shown of a link says where it leads, and a mention is who it links to, whatever it is called.
func (s *scene) htm05() {
	for _, lie := range []string{
		`<a href="https://evil.example/x"><span class="invisible">https://evil.example/</span><span class="ellipsis">bank.example</span></a>`,
		`<a href="https://bank.example@evil.example/"><span>bank.example</span><span class="invisible">@evil.example/</span></a>`,
		`<a href="https://evil.example/bank.example"><span class="invisible">https://evil.example/</span>bank.example</a>`,
		`<a href="https://bank.example.evil.example/"><span class="invisible">https://</span>bank.example<span class="invisible">.evil.example/</span></a>`,
		`<a class="mention" href="https://evil.example/@x">@<span class="invisible">x@evil.example</span><span>alice</span></a>`,
		`<a class="hashtag" href="https://evil.example/">#<span class="invisible">evil.example</span><span>bank</span></a>`,
	} {
		if got := s.us.byURI(s.posted(lie)["id"].(string)).Content; strings.Contains(got, "invisible") {
			s.t.Errorf("%s hides where it leads: %s", lie, got)
		}
	}
	n := s.bob.note("hi").with(doc{"tag": []doc{{"type": "Mention", "href": s.bertha.uri, "name": "@alice@" + s.us.site.LocalDomain}}})
	s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
	st := s.us.byURI(n["id"].(string))
	mentions, err := s.us.statuses.MentionsOf(ctx(), s.us.db, []statuses.ID{st.ID})
	s.us.must(err)
	if list := mentions[st.ID]; len(list) != 1 || list[0].Acct != "bertha@"+s.good.domain {
		s.t.Errorf("the mention is %+v", list)
	}
}

func (s *scene) htm06() {
	for name, want := range map[string]string{
		"evil\u202Egpj.exe": "evilgpj.exe", "\u200B\u200D\u2060": "", " \u3000\u2800 ": "", "open\u2067": "open\u2067\u2069", "tower" + strings.Repeat("\u0301", 5000): "tower" + strings.Repeat("\u0301", 8),
		"a\u2069b": "ab",
	} {
		s.bob.doc = s.bob.doc.with(doc{"name": name})
		s.bob.publish()
		s.taken(s.bob.send(s.us, s.bob.activity("Update", s.bob.doc)))
		if got := s.known(s.bob).DisplayName; got != want {
			s.t.Errorf("%.40q is shown as %.40q", name, got)
		}
	}
}

func (s *scene) htm09() {
	tags := []doc{{"type": "Hashtag", "name": "#ｆｏｏ", "href": "javascript:x"}, {"type": "Hashtag", "name": "#foo"}, {"type": "Hashtag", "name": "#FOO"}, {"type": "Hashtag", "name": "#12345"}, {"type": "Hashtag", "name": "#" + strings.Repeat("x", 10<<10)}}
	var words strings.Builder
	for i := range 5000 {
		tags = append(tags, doc{"type": "Hashtag", "name": fmt.Sprintf("#flood%d", i), "href": s.evil.url("/elsewhere")})
		fmt.Fprintf(&words, "#flood%d ", i)
	}
	n := s.bob.note(words.String()).with(doc{"tag": tags})
	s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
	s.us.byURI(n["id"].(string))
	if n := s.us.count("SELECT COUNT(*) FROM statuses_tags"); n == 0 || n > 50 {
		s.t.Errorf("%d tags of one post", n)
	}
	if n := s.us.count("SELECT COUNT(*) FROM tags WHERE name = 'foo'"); n != 1 {
		s.t.Errorf("%d rows of one tag", n)
	}
	if n := s.us.count("SELECT COUNT(*) FROM tags WHERE name <> 'foo' AND name NOT LIKE 'flood%'"); n != 0 {
		s.t.Errorf("%d tags that are none", n)
	}
}

func (s *scene) idn09() {
	s.bob.doc = s.bob.doc.with(doc{"attributionDomains": []any{doc{"id": "https://a.example"}, "/relative", "co.uk", "com", "b.example/x", "c.example:80", "https://d.example", "u@e.example", ".f.example", 7, "Good.Example", "sub.good.example"}})
	s.bob.publish()
	s.taken(s.bob.send(s.us, s.bob.activity("Update", s.bob.doc)))
	if got := s.known(s.bob).AttributionDomains; !slices.Equal(got, []string{"good.example", "sub.good.example"}) {
		s.t.Errorf("may be named as an author by %v", got)
	}
}

// The rows about who reads what, and who is hindered: areas visibility and moderation.
func TestReachAttacks(t *testing.T) {
	t.Parallel()
	play(t, map[string]func(*scene){
		"VIS-08": (*scene).vis08, "VIS-12": (*scene).vis12, "MOD-03": (*scene).mod03, "MOD-04": (*scene).mod04, "suspended authors": (*scene).suspendedAuthors, "neighbours": (*scene).neighbours,
		"pins that come again": (*scene).pinsAgain,
	})
}

// undelivered is a step of the clock in which what waits is tried again.
const undelivered = time.Hour

// heard are the activities of a type that a server got.
func (r *remote) heard(kind string) int {
	n := 0
	for _, d := range r.received() {
		if d["type"] == kind {
			n++
		}
	}
	return n
}

// vis08: an edit or a deletion goes to those who may read the post, and not to who was a follower once.
func (s *scene) vis08() {
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	s.taken(s.mallory.send(s.us, s.mallory.activity("Follow", s.alice.URI)))
	st := s.post(statuses.Draft{Text: "for followers", Visibility: statuses.Private})
	if s.good.heard("Create") != 1 || s.evil.heard("Create") != 1 {
		s.t.Fatal("the followers did not hear of it")
	}
	s.taken(s.mallory.send(s.us, s.mallory.activity("Undo", doc{"type": "Follow", "actor": s.mallory.uri, "object": s.alice.URI})))
	_, err := s.us.statuses.Edit(ctx(), s.alice, st.ID, statuses.Draft{Text: "edited"})
	s.us.must(err)
	settle(s.t, s.us)
	if s.good.heard("Update") != 1 || s.evil.heard("Update") != 0 {
		s.t.Errorf("the edit went to %d and %d", s.good.heard("Update"), s.evil.heard("Update"))
	}
	path := strings.TrimPrefix(st.URI, s.us.site.URL(""))
	if w := serve(s.us, s.mallory.request(s.us, http.MethodGet, path, nil)); w.Code != http.StatusNotFound {
		s.t.Errorf("who was a follower reads %d %s", w.Code, w.Body)
	}
}

// vis12: what is not for everybody does not show in numbers that everybody sees.
func (s *scene) vis12() {
	st := s.post(statuses.Draft{Text: "for everybody"})
	s.post(statuses.Draft{Text: "for nobody", Visibility: statuses.Direct})
	for _, to := range [][]string{{s.alice.URI}, {s.bob.uri + "/followers"}} {
		n := s.bob.note("a private answer").with(doc{"inReplyTo": st.URI, "to": to, "cc": []string{s.alice.URI}, "tag": []doc{{"type": "Mention", "href": s.alice.URI}}})
		s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
		s.us.byURI(n["id"].(string))
	}
	if n := s.us.byURI(st.URI).RepliesCount; n != 0 {
		s.t.Errorf("%d answers are counted", n)
	}
	a, err := s.us.accounts.ByID(ctx(), s.us.db, s.alice.ID)
	s.us.must(err)
	if a.StatusesCount != 1 {
		s.t.Errorf("%d posts are counted", a.StatusesCount)
	}
}

// mod03: whoever is blocked hooks nothing under the posts of the one who blocks, and gets no follow.
func (s *scene) mod03() {
	st := s.post(statuses.Draft{Text: "not for mallory"})
	s.us.must(s.us.relations.Block(ctx(), s.alice, s.known(s.mallory), ""))
	settle(s.t, s.us)
	s.taken(s.mallory.send(s.us, s.mallory.activity("Follow", s.alice.URI)))
	for _, tag := range []any{nil, []doc{{"type": "Mention", "href": s.alice.URI, "name": "@alice"}}} {
		n := s.mallory.note("an answer").with(doc{"inReplyTo": st.URI, "tag": tag, "to": []string{ap.Public, s.alice.URI}})
		s.taken(s.mallory.send(s.us, s.mallory.activity("Create", n)))
		s.us.missing(n["id"].(string))
	}
	s.taken(s.mallory.send(s.us, s.mallory.activity("Like", st.URI)))
	s.taken(s.mallory.send(s.us, s.mallory.activity("Announce", st.URI).with(doc{"to": []string{ap.Public}})))
	now := s.us.byURI(st.URI)
	if now.RepliesCount+now.FavouritesCount+now.ReblogsCount != 0 || s.followsAlice(s.mallory) {
		s.t.Errorf("mallory had an effect: %+v", now)
	}
}

// mod04: what waits to be sent by an account that is shut out is not sent, and nothing of it is shown.
func (s *scene) mod04() {
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	s.good.answersWith(func(w http.ResponseWriter, _ *http.Request, _ doc) { w.WriteHeader(http.StatusInternalServerError) })
	st := s.post(statuses.Draft{Text: "written before"})
	s.good.answersWith(nil)
	before := s.good.heard("Create")
	s.us.must(s.us.accounts.Suspend(ctx(), s.alice.ID, true))
	for range 20 {
		s.us.clock.Advance(undelivered)
		settle(s.t, s.us)
	}
	if n := s.good.heard("Create"); n != before {
		s.t.Errorf("a post was sent after its author was shut out")
	}
	if s.us.count("SELECT COUNT(*) FROM jobs WHERE kind = 'activitypub.delivery'") != 0 {
		s.t.Error("deliveries still wait")
	}
	for _, path := range []string{"/users/alice", "/users/alice/outbox?page=true", strings.TrimPrefix(st.URI, s.us.site.URL(""))} {
		if w := serve(s.us, s.bob.request(s.us, http.MethodGet, path, nil)); w.Code != http.StatusGone && w.Code != http.StatusNotFound {
			s.t.Errorf("%s answers %d", path, w.Code)
		}
	}
	s.us.must(s.us.accounts.Suspend(ctx(), s.alice.ID, false))
	if w := serve(s.us, s.bob.request(s.us, http.MethodGet, "/users/alice", nil)); w.Code != http.StatusOK || s.us.byURI(st.URI).Content == "" {
		s.t.Errorf("back, it answers %d", w.Code)
	}
}

// suspendedAuthors: what somebody who is shut out wrote comes in by nobody's hand.
func (s *scene) suspendedAuthors() {
	s.us.must(s.us.accounts.Suspend(ctx(), s.known(s.bertha).ID, true))
	n := s.bertha.note("not wanted")
	s.good.serve(n["id"].(string)[len(s.good.web.URL):], n)
	s.taken(s.bob.send(s.us, s.bob.activity("Announce", n["id"]).with(doc{"to": []string{ap.Public}})))
	s.taken(s.bob.send(s.us, s.bob.activity("Create", s.bob.note("an answer").with(doc{"inReplyTo": n["id"]}))))
	s.taken(s.mallory.send(s.us, s.signed(s.bertha, s.bertha.activity("Create", n))))
	_, _ = s.us.ResolveURL(ctx(), n["id"].(string))
	s.us.missing(n["id"].(string))
}

// neighbours: somebody of the same host takes nothing back in advance, and pins nothing of others (AUZ-03, AUZ-04, AUZ-10).
func (s *scene) neighbours() {
	n, follow := s.bob.note("to come"), s.bob.activity("Follow", s.alice.URI)
	for _, a := range []doc{
		s.bertha.activity("Delete", n["id"]), s.bertha.activity("Undo", follow["id"]), s.bertha.activity("Undo", doc{"id": follow["id"], "type": "Follow", "object": s.alice.URI}),
		s.bertha.activity("Undo", doc{"id": follow["id"], "type": "Block", "object": s.alice.URI}), s.bertha.activity("Undo", n["id"]),
	} {
		s.taken(s.bertha.send(s.us, a))
	}
	s.taken(s.bob.send(s.us, s.bob.activity("Create", n)))
	s.us.byURI(n["id"].(string))
	s.taken(s.bob.send(s.us, follow))
	if !s.followsAlice(s.bob) {
		s.t.Error("a neighbour undid a follow before it came")
	}
	s.aliceFollows(s.bertha)
	hers := s.bertha.note("hers")
	s.taken(s.bertha.send(s.us, s.bertha.activity("Create", hers)))
	s.taken(s.bob.send(s.us, s.bob.activity("Add", hers["id"]).with(doc{"target": s.bob.uri + "/featured"})))
	if s.us.count("SELECT COUNT(*) FROM status_pins") != 0 {
		s.t.Error("another's post is pinned")
	}
}

// pinsAgain: a document that pins, kept by somebody else and brought again after it was taken back, pins nothing (LDS-04).
func (s *scene) pinsAgain() {
	n := s.posted("to be pinned")
	target := doc{"target": s.bob.uri + "/featured", "to": []string{ap.Public}}
	add := s.signed(s.bob, s.bob.activity("Add", n["id"]).with(target))
	s.taken(s.bob.send(s.us, add))
	s.taken(s.bob.send(s.us, s.bob.activity("Remove", n["id"]).with(target)))
	s.us.clock.Advance(24 * undelivered)
	s.taken(s.mallory.send(s.us, add))
	if s.us.count("SELECT COUNT(*) FROM status_pins") != 0 {
		s.t.Error("pinned by a document of yesterday")
	}
}
