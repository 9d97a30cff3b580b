package activitypub_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/door/activitypub"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// samples gives the samples of all software as seeds.
func samples(f *testing.F, fill func(string) string) {
	f.Helper()
	files, err := filepath.Glob("testdata/*/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(fill(string(body)))
	}
}

// FuzzInbox performs whatever somebody sends (INB-10, PAR-01). It may neither crash nor change what is ours.
func FuzzInbox(f *testing.F) {
	const post, sender = "https://social.us.example/users/alice/statuses/{{id}}", "https://mastodon.example/users/bob"
	samples(f, func(s string) string {
		return strings.NewReplacer("{{status}}", post, "{{post}}", sender+"/posts/1", "{{key}}", "PEM").Replace(s)
	})
	s := newSample(f, dbtest.SQLite(f), "testdata/mastodon")
	id := s.post.URI[strings.LastIndex(s.post.URI, "/")+1:]
	f.Fuzz(func(t *testing.T, body string) {
		body = strings.ReplaceAll(body, "{{id}}", id)
		_ = s.Perform(ctx(), activitypub.Received{ActorID: s.sender.ID, Body: body}) // what fails is tried again by the queue
		mine, err := s.statuses.Any(ctx(), s.db, s.post.ID)
		if err != nil || !mine.DeletedAt.IsZero() || mine.Content != s.post.Content || mine.FavouritesCount < 0 || mine.FavouritesCount > 1 || mine.ReblogsCount > 1 {
			t.Errorf("a post of ours became %+v (%v)", mine, err)
		}
	})
}

// FuzzCollections reads collections and pages: bounded, and with valid ids alone (PAR-01).
func FuzzCollections(f *testing.F) {
	for _, name := range []string{"outbox_page", "followers_page", "featured", "replies", "replies_page"} {
		body, err := os.ReadFile(filepath.Join("testdata", "golden", "served", name+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(body))
	}
	f.Add(`{"type":"Collection","items":{"id":"https://a.example/1"},"first":{"type":"CollectionPage","orderedItems":[null,7,"x",["https://a.example/2"],{"id":[]}]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		o, err := ap.Parse([]byte(body))
		if err != nil {
			return
		}
		for page := range 2 {
			items := o.Items()
			if len(items) > 2000 {
				t.Errorf("%d items", len(items))
			}
			for _, item := range items {
				if item.ID != "" && !weburl.Valid(item.ID) {
					t.Errorf("the id %q is no address", item.ID)
				}
			}
			if first := o.Object("first"); page == 0 && first != nil {
				o = first
			}
		}
	})
}
