package rest_test

import (
	"fmt"
	"testing"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

func TestFeaturedHashtags(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann, bob := d.person("ann"), d.person("bob")
		d.Post(ann.Account, "one #Fish #boats")
		d.Post(ann.Account, "two #fish")
		d.Post(ann.Account, "hidden #fish", func(x *statuses.Draft) { x.Visibility = statuses.Private })
		d.get("/api/v1/featured_tags/suggestions", ann).want(200).is("0.name", "Fish").is("1.name", "boats")
		made := d.post("/api/v1/featured_tags", ann, object{"name": "#fish"}).want(200)
		made.is("name", "fish").is("url", d.Site.URL("/@ann/tagged/fish")).is("statuses_count", "2").is("last_status_at", d.Clock.Now().Format("2006-01-02"))
		d.post("/api/v1/featured_tags", ann, object{"name": "fish"}).want(200).is("id", made.str("id"))
		for _, wrong := range []string{"no good", "#", ""} {
			if code := d.post("/api/v1/featured_tags", ann, object{"name": wrong}).code; code != 422 && code != 400 {
				t.Errorf("%q is answered %d", wrong, code)
			}
		}
		d.get("/api/v1/featured_tags/suggestions", ann).is("0.name", "boats")
		d.get(path("/api/v1/accounts/%d/featured_tags", ann.ID), nobody).want(200).is("0.name", "fish")
		tag := d.get("/api/v1/tags/fish", ann).want(200).is("featuring", true)
		d.get("/api/v1/tags/fish", bob).is("featuring", false)
		d.post("/api/v1/tags/"+tag.str("id")+"/unfeature", ann, nil).want(200).is("featuring", false)
		d.post("/api/v1/tags/"+tag.str("id")+"/feature", ann, nil).want(200).is("featuring", true)
		for i := range statuses.MaxFeaturedTags - 1 {
			d.post("/api/v1/featured_tags", ann, object{"name": fmt.Sprint("tag", i)}).want(200)
		}
		d.post("/api/v1/featured_tags", ann, object{"name": "toomany"}).want(422)
		one := "/api/v1/featured_tags/" + d.get("/api/v1/featured_tags", ann).want(200).str("0.id")
		d.call("DELETE", one, bob, nil).want(404)
		d.call("DELETE", one, ann, nil).want(200)
		d.call("DELETE", one, ann, nil).want(404)
	})
}
