package rest_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

const allScheduled = "/api/v1/scheduled_statuses"

// due runs what waits for the present time, as the worker does, and once more, as a worker does whose first run was lost.
func (d *door) due(ids ...string) {
	d.t.Helper()
	for _, id := range append(ids, ids...) {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			d.t.Fatal(err)
		}
		if err := d.Statuses.PublishScheduled(d.Ctx(), statuses.ScheduledDue{ScheduledID: n}); err != nil {
			d.t.Fatal(err)
		}
	}
}

func only(t *testing.T, r *reply, n int) {
	t.Helper()
	if got := len(r.list()); got != n {
		t.Errorf("%d entries, not %d: %s", got, n, r.body)
	}
}

func TestAPostWaitsForItsTime(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		file := d.File(ann.Account, "")
		at := d.Clock.Now().Add(48 * time.Hour).UTC()
		body := object{"status": "later", "spoiler_text": "cw", "visibility": "unlisted", "language": "de", "media_ids": []string{idsOf(file.ID)}, "scheduled_at": at.Format(time.RFC3339)}
		made := d.call("POST", "/api/v1/statuses", ann, body, "Idempotency-Key", "k").want(200)
		made.is("params.text", "later").is("params.spoiler_text", "cw").is("params.visibility", "unlisted").is("params.language", "de").is("media_attachments.0.id", idsOf(file.ID))
		made.is("scheduled_at", at.Truncate(time.Second).Format("2006-01-02T15:04:05.000Z"))
		id := made.str("id")
		d.call("POST", "/api/v1/statuses", ann, body, "Idempotency-Key", "k").want(200).is("id", id)
		one := allScheduled + "/" + id
		d.get(one, ann).is("id", id)
		d.get(one, bob).says(404, "Record not found")
		only(t, d.get(allScheduled, ann).is("0.id", id), 1)
		d.call("DELETE", one, bob, nil).says(404, "Record not found")

		// The file is taken, whatever else is posted or swept meanwhile.
		d.post("/api/v1/statuses", ann, object{"status": "now", "media_ids": []string{idsOf(file.ID)}}).want(422)
		d.Clock.Advance(47 * time.Hour)
		d.due(id)
		if n := d.again(ann).StatusesCount; n != 0 {
			t.Fatalf("%d posts before the time", n)
		}
		later := d.Clock.Now().Add(2 * time.Hour).UTC()
		d.call("PUT", one, ann, object{"scheduled_at": later.Format(time.RFC3339)}).want(200).is("id", id)
		d.call("PUT", one, ann, object{"scheduled_at": d.Clock.Now().Add(time.Minute).Format(time.RFC3339)}).says(422, "Validation failed: Scheduled at date must be in the future")
		d.Clock.Advance(time.Hour)
		d.due(id) // the first time has come, which holds no more
		if n := d.again(ann).StatusesCount; n != 0 {
			t.Fatalf("%d posts at the time that was changed", n)
		}
		d.Clock.Advance(time.Hour)
		d.due(id)
		d.get(one, ann).says(404, "Record not found")
		only(t, d.get(allScheduled, ann), 0)
		mine := d.get("/api/v1/accounts/"+idsOf(ann.ID)+"/statuses", ann)
		mine.is("0.content", "<p>later</p>").is("0.spoiler_text", "cw").is("0.visibility", "unlisted").is("0.media_attachments.0.id", idsOf(file.ID))
		only(t, mine, 1)
	})
}

func TestAPostInWaitingIsForgotten(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		parent := d.Post(ann.Account, "first")
		file := d.File(ann.Account, "")
		at := d.Clock.Now().Add(time.Hour).UTC().Format("2006-01-02 15:04:05")
		a := d.post("/api/v1/statuses", ann, object{"status": "a", "media_ids": []string{idsOf(file.ID)}, "scheduled_at": at}).want(200).str("id")
		b := d.post("/api/v1/statuses", ann, object{"status": "b", "in_reply_to_id": idsOf(parent.ID), "scheduled_at": at}).want(200).str("id")
		d.call("DELETE", allScheduled+"/"+a, ann, nil).want(200)
		d.post("/api/v1/statuses", ann, object{"status": "with the file", "media_ids": []string{idsOf(file.ID)}}).want(200)
		d.call("DELETE", "/api/v1/statuses/"+idsOf(parent.ID), ann, nil).want(200)
		d.Clock.Advance(time.Hour)
		d.due(a, b)
		mine := d.get("/api/v1/accounts/"+idsOf(ann.ID)+"/statuses", ann)
		mine.is("0.content", "<p>b</p>").is("0.in_reply_to_id", nil).is("1.content", "<p>with the file</p>")
		only(t, mine, 2)
	})
}

func TestPostsInWaitingAreLimited(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann := d.person("ann")
	day := d.Clock.Now().UTC().Truncate(24 * time.Hour)
	schedule := func(i, days int) *reply {
		return d.call("POST", "/api/v1/statuses", ann, object{"status": fmt.Sprint("number ", i), "scheduled_at": day.AddDate(0, 0, days).Add(time.Duration(i) * time.Minute)})
	}
	for i := range 25 {
		if _, err := d.Statuses.Schedule(d.Ctx(), ann.Account, statuses.Draft{Text: "x"}, day.AddDate(0, 0, 2).Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	schedule(30, 2).says(422, "Validation failed: You have exceeded the limit of 25 scheduled posts for today")
	for i := range 275 {
		if _, err := d.Statuses.Schedule(d.Ctx(), ann.Account, statuses.Draft{Text: "x"}, day.AddDate(0, 0, 3+i/25).Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	schedule(1, 40).says(422, "Validation failed: You have exceeded the limit of 300 scheduled posts")
	seen := map[string]bool{}
	for next := allScheduled + "?limit=40"; next != ""; {
		page := d.get(next, ann)
		for _, one := range page.list() {
			seen[one["id"].(string)] = true
		}
		next = links(page)["next"]
	}
	if len(seen) != 300 {
		t.Errorf("paging shows %d of 300", len(seen))
	}
}
