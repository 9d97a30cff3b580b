package rest_test

import (
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
	"github.com/gomph/gomph/internal/testkit/draw"
)

// TestOwnProfile: a profile is read and changed as it was typed, in whatever shape a client sends its lines.
func TestOwnProfile(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		ann := d.person("ann")
		const at = "/api/v1/profile"
		fresh := d.get(at, d.token(ann, "profile")).is("id", idsOf(ann.ID)).is("avatar", nil).is("header_static", nil).is("show_media", true).is("show_featured", true)
		if n := len(fresh.at("attribution_domains").([]any)) + len(fresh.at("featured_tags").([]any)); n != 0 {
			t.Errorf("a new profile has %d domains and tags: %s", n, fresh.body)
		}
		d.post("/api/v1/featured_tags", ann, object{"name": "fish"}).want(200)
		pictures := map[string][]byte{"avatar": draw.PNG(draw.Quarters(30, 30)), "header": draw.PNG(draw.Quarters(60, 20))}
		changed := d.call("PATCH", at, ann, upload{form{"display_name": "Ann", "note": "likes #fish", "avatar_description": "a face", "header_description": "the sea",
			"show_media": "false", "show_media_replies": "0", "show_featured": "off", "fields_attributes[1][name]": "two", "fields_attributes[1][value]": "https://b.example.com/",
			"fields_attributes[0][name]": "one", "fields_attributes[0][value]": "1", "attribution_domains[]": "https://Pages.example/"}, pictures})
		changed.is("note", "likes #fish").is("fields.0.name", "one").is("fields.1.value", "https://b.example.com/").is("avatar_description", "a face").
			is("show_media", false).is("show_media_replies", false).is("show_featured", false).is("attribution_domains.0", "pages.example").is("featured_tags.0.name", "fish")
		if !strings.Contains(changed.str("formatted_note"), "<a ") || !strings.Contains(changed.str("formatted_fields.1.value"), "<a ") || changed.str("avatar") == "" {
			t.Errorf("not shown as others see it: %s", changed.body)
		}
		d.get(path("/api/v1/accounts/%d", ann.ID), nobody).is("header_description", "the sea").is("show_media", false).is("show_media_replies", false).is("show_featured", false)
		d.call("PATCH", at, ann, object{"fields_attributes": object{"0": object{"name": "a", "value": "b"}}}).is("fields.0.name", "a").is("fields.1", nil).is("display_name", "Ann")
		d.call("PUT", at, ann, object{"fields_attributes": []object{{"name": "c", "value": "d"}}, "show_featured": true}).is("fields.0.name", "c").is("show_featured", true).is("show_media", false)
		d.call("PATCH", at, ann, object{"fields_attributes": []object{}}).is("fields.0", nil)

		wrong := d.call("PATCH", at, ann, object{"display_name": strings.Repeat("x", 31), "avatar_description": strings.Repeat("y", 151), "attribution_domains": []string{"no domain"}}).want(422)
		for _, attribute := range []string{"display_name", "avatar_description", "attribution_domains"} {
			if wrong.at("details."+attribute+".0.error") == nil {
				t.Errorf("nothing is said about %s: %s", attribute, wrong.body)
			}
		}
		d.call("PATCH", at, ann, upload{files: map[string][]byte{"avatar": []byte("no picture")}}).want(422)
		d.call("DELETE", "/api/v1/profile/avatar", ann, nil).is("avatar_description", "")
		d.get(at, ann).is("avatar", nil).is("display_name", "Ann").is("header_description", "the sea")
		d.call("PATCH", at, d.token(ann, "read"), object{"note": "x"}).want(403)
		d.get(at, nobody).want(401)
	})
}
