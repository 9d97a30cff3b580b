package activitypub_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// TestGroupsPassOn follows a group whose activities are those of others, wrapped (FEP-1b12). Nothing in them is believed.
func TestGroupsPassOn(t *testing.T) {
	t.Parallel()
	s := newSceneOn(t, dbtest.SQLite(t))
	group := s.good.person("weather")
	group.doc["type"] = "Group"
	group.publish()
	s.aliceFollows(group)
	page := s.bertha.note("<p>It rains</p>").with(doc{"type": "Page", "name": "Rain"})
	reply := s.bertha.note("<p>and rains</p>").with(doc{"inReplyTo": page["id"]})
	path := func(d doc) string { return strings.TrimPrefix(d["id"].(string), s.good.web.URL) }
	s.good.serve(path(page), page)
	s.good.serve(path(reply), reply)
	pass := func(inner doc) {
		t.Helper()
		s.taken(group.send(s.us, group.activity("Announce", inner).with(doc{"to": []string{ap.Public}})))
	}
	// The copies inside say something else than the server of their author.
	pass(s.bertha.activity("Create", page.with(doc{"content": "forged"})))
	pass(s.bertha.activity("Create", reply.with(doc{"content": "forged"})))
	st := s.us.byURI(page["id"].(string))
	if st.ReblogsCount != 1 || !strings.Contains(st.Content, "It rains") || strings.Contains(st.Content, "forged") {
		t.Errorf("the post is %+v", st)
	}
	if got := s.us.byURI(reply["id"].(string)); got.InReplyToID != st.ID || got.ReblogsCount != 0 || got.Content != "<p>and rains</p>" {
		t.Errorf("the answer is %+v", got)
	}
	edited := reply.with(doc{"content": "<p>no more</p>", "updated": "2026-11-01T12:30:00Z"})
	s.us.clock.Advance(3600e9)
	s.good.serve(path(reply), edited)
	pass(s.bertha.activity("Update", reply.with(doc{"content": "forged", "updated": "2026-11-01T12:40:00Z"})))
	s.text(reply["id"].(string), "<p>no more</p>")
	pass(s.bertha.activity("Delete", reply["id"]))
	s.text(reply["id"].(string), "<p>no more</p>")
	s.good.answer(path(reply), emptyAnswer(http.StatusGone))
	pass(s.bertha.activity("Delete", reply["id"]))
	s.us.missing(reply["id"].(string))
	// One that is no group cannot.
	s.taken(s.bob.send(s.us, s.bob.activity("Announce", s.bertha.activity("Delete", page["id"]))))
	s.us.byURI(page["id"].(string))
}

func emptyAnswer(status int) answer { return answer{status, "text/plain", "gone"} }
