package stream_test

import (
	"encoding/json"
	"testing"

	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/kit/ids"
)

// TestAnnouncementsAreHeardByAll: everybody's home stream tells of an announcement, of emojis on it, and of its end; no other stream does.
func TestAnnouncementsAreHeardByAll(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		ann, ben := w.person("ann"), w.person("ben")
		home, other := w.dial(ann, "stream", "user"), w.dial(ben)
		other.subscribe(`"stream":"user:notification"`)
		other.subscribe(`"stream":"public"`)
		made, err := w.announcements.Create(w.ctx, announcements.Announcement{Text: "hello @ann"})
		w.must(err)
		w.must(w.announcements.Tell(w.ctx, announcements.Changed{AnnouncementID: made.ID}))
		got := home.next()
		var said map[string]any
		if err := json.Unmarshal([]byte(got.Payload), &said); err != nil || got.Event != "announcement" || said["id"] != ids.Format(made.ID) || len(said["mentions"].([]any)) != 1 {
			t.Errorf("told %+v, %v", got, err)
		}
		if _, there := said["read"]; there {
			t.Error("it tells who has read it")
		}
		w.must(w.announcements.React(w.ctx, ben.ID, made.ID, "🐘"))
		if got := home.next(); got.Event != "announcement.reaction" || got.Payload != `{"name":"🐘","count":1,"announcement_id":"`+ids.Format(made.ID)+`"}` {
			t.Errorf("told %+v", got)
		}
		w.must(w.announcements.Unreact(w.ctx, ben.ID, made.ID, "🐘"))
		if got := home.next(); got.Event != "announcement.reaction" || got.Payload != `{"name":"🐘","count":0,"announcement_id":"`+ids.Format(made.ID)+`"}` {
			t.Errorf("told %+v", got)
		}
		w.must(w.announcements.Publish(w.ctx, made.ID, false))
		w.must(w.announcements.Tell(w.ctx, announcements.Changed{AnnouncementID: made.ID, Gone: true}))
		if got := home.next(); got.Event != "announcement.delete" || got.Payload != ids.Format(made.ID) {
			t.Errorf("told %+v", got)
		}
		other.barrier() // and nothing before it
	})
}
