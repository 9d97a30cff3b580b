package links_test

import (
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// given looks at the links of profiles that are to be looked at by now, and says of how many profiles.
func (s *scene) given() (n int) {
	s.t.Helper()
	for _, e := range s.Events() {
		if l, ok := e.(accounts.LinksGiven); ok {
			n++
			s.must(s.Links.Verify(s.Ctx(), l))
		}
	}
	return n
}

// TestLinksInProfiles are verified by a link that leads back, and by nothing that only looks like one (IDN-08).
func TestLinksInProfiles(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newScene(t, d)
		s.Links.Site.HTTPS = false // the site here has no certificate
		ann := s.Account("ann")
		at, elsewhere := `href="`+ann.URL+`"`, strings.Replace(s.URL, "blog.news.com", "127.0.0.1", 1)
		for path, page := range map[string]string{
			"/a": `<p>me: <a rel="nofollow me" ` + at + `>here</a>`, "/link": `<head><link rel=ME href="` + strings.ToUpper(ann.URL[:12]) + ann.URL[12:] + `">`,
			"/comment": `<!-- <a rel=me ` + at + `> -->`, "/script": `<script>"<a rel=me ` + strings.ReplaceAll(at, `"`, "'") + `>"</script>`, "/noscript": `<noscript><a rel=me ` + at + `></a></noscript>`,
			"/area": `<map><area rel=me ` + at + `></map>`, "/no-me": `<a ` + at + `>x</a>`, "/longer": `<a rel=me href="` + ann.URL + `x">x</a><a rel=me href="` + ann.URL + `/x">x</a>`,
			"/moved": "to:" + s.URL + "/a", "/here": "to:/a", "/text": ann.URL,
		} {
			s.put(path, page)
		}
		verified := func(fields ...string) map[string]bool {
			t.Helper()
			list := make([]accounts.Field, len(fields))
			for i, f := range fields {
				list[i] = accounts.Field{Name: "site", Value: f}
			}
			_, err := s.Accounts.UpdateProfile(s.Ctx(), ann.ID, accounts.Profile{Fields: &list})
			s.must(err)
			s.given()
			now, err := s.Accounts.ByID(s.Ctx(), s.DB, ann.ID)
			s.must(err)
			out := map[string]bool{}
			for _, f := range now.Fields {
				out[f.Value] = !f.VerifiedAt.IsZero()
			}
			return out
		}
		for _, good := range []string{"/a", "/link", "/here"} {
			if !verified(s.URL + good)[s.URL+good] {
				t.Errorf("%s is not verified", good)
			}
		}
		for _, bad := range []string{s.URL + "/comment", s.URL + "/script", s.URL + "/noscript", s.URL + "/area", s.URL + "/no-me", s.URL + "/longer", s.URL + "/text", s.URL + "/none", elsewhere + "/moved", "see " + s.URL + "/a", "words", ann.URL} {
			if verified(bad)[bad] {
				t.Errorf("%s is verified", bad)
			}
		}
		both := verified(s.URL+"/comment", s.URL+"/a")
		if both[s.URL+"/comment"] || !both[s.URL+"/a"] {
			t.Errorf("of two: %v", both)
		}
		s.Links.Site.HTTPS = true
		if verified(s.URL + "/here")[s.URL+"/here"] {
			t.Error("a page that anybody on the way may have changed is believed")
		}
		s.Links.Site.HTTPS = false

		// Others' profiles: what was found out is kept as long as the line stays.
		eve := s.Remote("eve", "far.example")
		s.put("/eve", `<a rel=me href="`+eve.URL+`">x</a>`)
		s.given()
		upsert := func(value string) *accounts.Account {
			t.Helper()
			r := accounts.Remote{Account: *eve}
			r.Fields = []accounts.Field{{Name: "site", Value: value}}
			a, err := s.Accounts.Upsert(s.Ctx(), r)
			s.must(err)
			return a
		}
		line := `<a href="` + s.URL + `/eve" rel="me">` + s.URL + `/eve</a>`
		upsert(line)
		if n := s.given(); n != 1 {
			t.Errorf("asked for %d times", n)
		}
		if a := upsert(line); a.Fields[0].VerifiedAt.IsZero() || s.given() != 0 {
			t.Errorf("of others: %+v", a.Fields)
		}
		if a := upsert(`<a href="` + s.URL + `/a">other</a>`); !a.Fields[0].VerifiedAt.IsZero() {
			t.Error("another line is as verified as the one before")
		}
	})
}
