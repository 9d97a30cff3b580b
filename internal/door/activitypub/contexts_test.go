package activitypub_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// TestContexts: a thread that began here is a collection (FEP-7888), which shows what everybody may see.
func TestContexts(t *testing.T) {
	t.Parallel()
	s := newSceneOn(t, dbtest.SQLite(t))
	root := s.post(statuses.Draft{Text: "first"})
	_, _, doc1 := s.read(nil, strings.TrimPrefix(root.URI, s.us.site.Base()))
	context, _ := doc1["context"].(string)
	if want := s.us.site.URL("/contexts/" + idText(s.alice.ID) + "-" + idText(root.ID)); context != want || doc1["conversation"] != want {
		t.Fatalf("the context is %v, the conversation %v", doc1["context"], doc1["conversation"])
	}
	own := s.post(statuses.Draft{Text: "second", InReplyToID: root.ID})
	s.post(statuses.Draft{Text: "for followers", InReplyToID: root.ID, Visibility: statuses.Private})
	theirs := s.bob.note("<p>third</p>").with(doc{"inReplyTo": root.URI})
	s.taken(s.bob.send(s.us, s.bob.activity("Create", theirs)))

	path := strings.TrimPrefix(context, s.us.site.Base())
	status, _, whole := s.read(nil, path)
	first, _ := whole["first"].(map[string]any)
	if status != http.StatusOK || whole["id"] != context || whole["type"] != "Collection" || whole["attributedTo"] != s.alice.URI || first["type"] != "CollectionPage" || first["partOf"] != context+"/items" {
		t.Fatalf("%d %v", status, whole)
	}
	if got := first["items"].([]any); len(got) != 3 {
		t.Errorf("it holds %v", got)
	}
	if _, _, items := s.read(nil, path+"/items"); items["id"] != context+"/items" || len(items["first"].(map[string]any)["items"].([]any)) != 3 {
		t.Errorf("the items are %v", items)
	}
	_, _, page := s.read(nil, path+"/items?page=true&min_id="+idText(root.ID))
	if got := page["items"].([]any); page["type"] != "CollectionPage" || len(got) != 1 || got[0] != own.URI {
		t.Errorf("the page is %v", page)
	}
	for range 60 {
		s.us.must(func() error {
			_, err := s.us.statuses.Post(ctx(), s.alice, statuses.Draft{Text: "more", InReplyToID: own.ID})
			return err
		}())
	}
	settle(t, s.us)
	_, _, whole = s.read(nil, path)
	next, _ := whole["first"].(map[string]any)["next"].(string)
	_, _, page = s.read(nil, strings.TrimPrefix(next, s.us.site.Base()))
	if len(page["items"].([]any)) != 3 || page["next"] != nil {
		t.Errorf("after %q comes %v", next, page)
	}

	// An answer whose parent is not known hangs together with the thread by its name, but not in secret.
	lost := s.bob.note("<p>lost</p>").with(doc{"inReplyTo": s.good.url("/users/bob/gone"), "context": context})
	s.taken(s.bob.send(s.us, s.bob.activity("Create", lost)))
	secret := s.bob.note("<p>psst</p>").with(doc{"to": []string{s.alice.URI}, "cc": nil, "conversation": context, "tag": []doc{{"type": "Mention", "href": s.alice.URI, "name": "@alice"}}})
	s.taken(s.bob.send(s.us, s.bob.activity("Create", secret)))
	if got := s.us.byURI(lost["id"].(string)).ConversationID; got != root.ConversationID {
		t.Errorf("the lost answer is in %d, not %d", got, root.ConversationID)
	}
	if got := s.us.byURI(secret["id"].(string)).ConversationID; got == root.ConversationID {
		t.Error("a direct post joined a thread by its name")
	}

	// What is not for everybody does not show that it is there (VIS-01).
	private := s.post(statuses.Draft{Text: "private", Visibility: statuses.Private})
	for _, name := range []string{idText(s.alice.ID) + "-" + idText(private.ID), idText(s.alice.ID) + "-1", "1-" + idText(root.ID), idText(root.ID), "x", "-"} {
		if status, _, _ := s.read(nil, "/contexts/"+name); status != http.StatusNotFound {
			t.Errorf("%s is answered with %d", name, status)
		}
	}
}

func idText[T ~int64](id T) string { return ids.Format(id) }
