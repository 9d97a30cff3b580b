package rest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/announcements"
	"github.com/gomph/gomph/internal/domain/media"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// TestAnnouncements: what is told, to whom and when, and what readers do with it.
func TestAnnouncements(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		post := d.Post(ann.Account, "see")
		private := d.Post(ann.Account, "do not see", func(draft *statuses.Draft) { draft.Visibility = statuses.Private })
		must(d.Media.PutEmoji(d.ctx, media.CustomEmoji{Shortcode: "gopher", Image: "gopher.png", VisibleInPicker: true}))
		now := d.Clock.Now()
		made, err := d.announcements.Create(d.ctx, announcements.Announcement{Text: "Hello @ann, #News :gopher: <b> " + post.URL + " " + private.URL, StartsAt: now, EndsAt: now.Add(time.Hour)})
		must(err)
		later, err := d.announcements.Create(d.ctx, announcements.Announcement{Text: "later", ScheduledAt: now.Add(30 * time.Minute)})
		must(err)
		one := "/api/v1/announcements/" + ids.Format(made.ID)

		d.get("/api/v1/announcements", nobody).want(401)
		a := d.get("/api/v1/announcements", bob).want(200)
		a.is("0.id", ids.Format(made.ID)).is("0.read", false).is("0.mentions.0.acct", "ann").is("0.tags.0.name", "news").is("0.emojis.0.shortcode", "gopher").is("0.statuses.0.id", idsOf(post.ID))
		if n := len(a.list()); n != 1 {
			t.Errorf("%d are shown", n)
		}
		if n := len(a.at("0.statuses").([]any)); n != 1 {
			t.Errorf("%d posts are shown with it", n)
		}
		for _, part := range []string{`class="u-url mention"`, "&lt;b&gt;", `#<span>News</span>`, ":gopher:"} {
			if content := a.at("0.content").(string); !strings.Contains(content, part) {
				t.Errorf("the content lacks %s: %s", part, content)
			}
		}

		// Reactions.
		react := func(method string, who *who, name string) *reply {
			t.Helper()
			return d.call(method, one+"/reactions/"+url.PathEscape(name), who, nil)
		}
		react("PUT", bob, "🤔").want(200)
		react("PUT", bob, "🤔").want(200)
		react("PUT", ann, "🤔").want(200)
		react("PUT", ann, "gopher").want(200)
		a = d.get("/api/v1/announcements", bob)
		a.is("0.reactions.0.name", "🤔").is("0.reactions.0.count", 2.0).is("0.reactions.0.me", true)
		a.is("0.reactions.1.name", "gopher").is("0.reactions.1.me", false).is("0.reactions.1.url", "https://local.example/system/gopher.png")
		for _, bad := range []string{"nothing", "ab", "a", "1", " ", "' OR 1=1", "🤔🤔", strings.Repeat("🤔", 40)} {
			react("PUT", bob, bad).says(422, "Validation failed: Name is not a recognized emoji")
		}
		for _, name := range []string{"😀", "❤️", "👩‍👩‍👧", "🇪🇺", "1️⃣", "👍🏽"} {
			react("PUT", bob, name).want(200)
		}
		react("PUT", bob, "🐘").says(422, "Validation failed: Limit of different reactions reached")
		react("PUT", ann, "😀").want(200)
		react("DELETE", bob, "🤔").want(200)
		react("DELETE", bob, "🤔").want(404)
		d.get("/api/v1/announcements", bob).is("0.reactions.0.count", 1.0).is("0.reactions.0.me", false)

		// Read, and not there.
		d.post(one+"/dismiss", bob, nil).want(200)
		d.post(one+"/dismiss", bob, nil).want(200)
		d.get("/api/v1/announcements", bob).is("0.read", true)
		d.get("/api/v1/announcements", ann).is("0.read", false)
		for _, at := range []string{"/api/v1/announcements/" + ids.Format(later.ID), "/api/v1/announcements/1"} {
			d.post(at+"/dismiss", bob, nil).want(404)
			d.call("PUT", at+"/reactions/😀", bob, nil).want(404)
		}

		// In time the one comes and the other goes.
		d.Clock.Advance(45 * time.Minute)
		must(d.announcements.Due(d.ctx, announcements.DueDue{}))
		if n := len(d.get("/api/v1/announcements", bob).list()); n != 2 {
			t.Errorf("%d are shown after the time of one came", n)
		}
		d.Clock.Advance(time.Hour)
		must(d.announcements.Due(d.ctx, announcements.DueDue{}))
		d.get("/api/v1/announcements", bob).is("0.id", ids.Format(later.ID))
		must(d.announcements.Change(d.ctx, later.ID, func(n *announcements.Announcement) { n.Text = "changed" }))
		d.get("/api/v1/announcements", bob).is("0.content", "<p>changed</p>")
		must(d.announcements.Publish(d.ctx, made.ID, true))
		must(d.announcements.Delete(d.ctx, later.ID))
		d.get("/api/v1/announcements", bob).is("0.id", ids.Format(made.ID))
		for _, bad := range []announcements.Announcement{{Text: " "}, {Text: strings.Repeat("x", 10_001)}, {Text: "x", StartsAt: now}, {Text: "x", StartsAt: now, EndsAt: now}} {
			if _, err := d.announcements.Create(d.ctx, bad); err == nil {
				t.Errorf("%.20v is taken", bad)
			}
		}
		var told []announcements.Changed
		for _, e := range d.Events() {
			if c, ok := e.(announcements.Changed); ok {
				told = append(told, c)
			}
		}
		if len(told) != 6 || !told[2].Gone || told[3].Gone || told[4].Gone || !told[5].Gone {
			t.Errorf("told of %+v", told)
		}
	})
}
