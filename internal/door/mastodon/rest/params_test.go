package rest_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// parameter is one of a row: a name, a type, and whether the row needs it.
type parameter struct {
	name, kind string
	needed     bool
}

var listed = regexp.MustCompile(`([^,:]+(?:\[[^\]]*\])*):((?:\[[^\]]*\]|[^,(])+)(\([^)]*\))?`)

func parametersOf(column string) []parameter {
	var out []parameter
	for _, m := range listed.FindAllStringSubmatch(column, -1) {
		kind := strings.TrimSuffix(m[2], "!")
		out = append(out, parameter{m[1], kind, kind != m[2]})
	}
	return out
}

// nonsense are values that are none of a kind, as a query or a form has them.
func nonsense(kind string) []string {
	out := []string{"\x00", "\xff\xfe", strings.Repeat("a", 70_000), "-1", "99999999999999999999", "1e999", "\u202e", "' OR 1=1 --"}
	if strings.Contains(kind, "|") || kind == "Datetime" || kind == "Date" || kind == "Boolean" {
		out = append(out, "nonsense")
	}
	return out
}

// shapes are values of other shapes than a kind has, as JSON has them.
var shapes = []any{nil, true, -1, 1e300, "", "x", []any{}, []any{nil, 1, "x", []any{}}, map[string]any{}, map[string]any{"0": map[string]any{"a": []any{1}}, "x": nil}}

// TestBadParameters sends every row of the table each of its parameters wrongly: as text that is no such thing, in another shape, and not at all. The answer is in the
// API's own shape and tells of no failure of the server; what a row needs is asked for.
func TestBadParameters(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann, bob := d.person("ann"), d.person("bob")
	yes := true
	if _, err := d.Accounts.UpdateProfile(d.Ctx(), bob.ID, accounts.Profile{Discoverable: &yes}); err != nil {
		t.Fatal(err)
	}
	st := d.Post(bob.Account, "of #things", func(x *statuses.Draft) { x.QuotePolicy = statuses.QuotableByAll })
	mine := d.Post(ann.Account, "mine")
	list := d.post("/api/v1/lists", ann, object{"title": "one"}).want(200).str("id")
	filter := d.post("/api/v2/filters", ann, object{"title": "one", "context": []string{"home"}, "keywords_attributes": []object{{"keyword": "x"}}}).want(200).str("id")
	real := func(pattern string) string {
		id := "7"
		switch {
		case strings.HasPrefix(pattern, "/api/v1/accounts"):
			id = idsOf(bob.ID)
		case strings.HasPrefix(pattern, "/api/v1/statuses/{id}") && (strings.HasSuffix(pattern, "/{id}") || strings.Contains(pattern, "interaction")):
			id = idsOf(mine.ID)
		case strings.HasPrefix(pattern, "/api/v1/statuses"):
			id = idsOf(st.ID)
		case strings.HasPrefix(pattern, "/api/v1/lists"), strings.HasPrefix(pattern, "/api/v1/timelines/list"):
			id = list
		case strings.HasPrefix(pattern, "/api/v2/filters"), strings.HasPrefix(pattern, "/api/v1/filters"):
			id = filter
		case strings.Contains(pattern, "tag"):
			id = "things"
		}
		return param.ReplaceAllString(pattern, id)
	}
	params := map[string]string{}
	if err := lines("endpoints.tsv", func(c []string) { params[c[0]+" "+shape(c[1])] = c[7] }); err != nil {
		t.Fatal(err)
	}
	asked, sent := 0, 0
	for _, r := range d.routes {
		as := ann
		if r.Method == http.MethodDelete || strings.HasSuffix(r.Pattern, "/block") || strings.HasPrefix(r.Pattern, "/api/v1/profile") {
			continue // what these do to the scene would hide the rest; hostile_test.go has them
		}
		at := real(r.Pattern)
		list := parametersOf(params[r.Method+" "+shape(r.Pattern)])
		for _, p := range list {
			for _, v := range nonsense(p.kind) {
				sent++
				query := url.Values{p.name: {v}}.Encode()
				got := d.call(r.Method, at+"?"+query, as, nil)
				if got.code >= 500 {
					t.Errorf("%s %s with %s=%.20q: %d %s", r.Method, at, p.name, v, got.code, got.body)
				}
			}
			if r.Method == http.MethodGet {
				continue
			}
			for _, v := range nonsense(p.kind)[:3] { // as forms have them
				for _, many := range []bool{false, true} {
					sent++
					if got := d.do(d.formOf(r.Method, at, as, p.name, v, many)); got.code >= 500 {
						t.Errorf("%s %s with a form of %s=%.20q: %d %s", r.Method, at, p.name, v, got.code, got.body)
					}
				}
			}
			if strings.ContainsAny(p.name, "[]") {
				continue
			}
			for _, v := range shapes {
				sent++
				if got := d.call(r.Method, at, as, object{p.name: v}); got.code >= 500 {
					t.Errorf("%s %s with %s: %v: %d %s", r.Method, at, p.name, v, got.code, got.body)
				}
			}
		}
		for _, p := range list {
			if !p.needed || strings.Contains(r.Pattern, "/media") {
				continue
			}
			asked++
			if got := d.call(r.Method, at, as, nil); got.code < 400 && !optional[r.Method+" "+r.Pattern] {
				t.Errorf("%s %s without %s: %d %.100s", r.Method, at, p.name, got.code, got.body)
			}
		}
	}
	if asked < 30 || sent < 2000 {
		t.Errorf("only %d needed parameters and %d bad ones were tried", asked, sent)
	}
	if got := d.get("/api/v1/accounts/verify_credentials", ann).want(200); got.str("username") != "ann" {
		t.Errorf("ann is %s", got.body)
	}
}

// formOf is a request with a form of one field, of many parts or of one.
func (d *door) formOf(method, at string, as *who, name, value string, parts bool) *http.Request {
	var body bytes.Buffer
	kind := "application/x-www-form-urlencoded"
	if parts {
		w := multipart.NewWriter(&body)
		_ = w.WriteField(name, value)
		_ = w.Close()
		kind = w.FormDataContentType()
	} else {
		body.WriteString(url.Values{name: {value}}.Encode())
	}
	req := httptest.NewRequestWithContext(d.ctx, method, "https://local.example"+at, &body)
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Authorization", "Bearer "+as.bearer)
	return req
}

// optional are routes that Mastodon answers without what its table says they need.
var optional = map[string]bool{"PUT /api/v1/lists/{id}": true, "POST /api/v1/lists/{id}/accounts": true}

var bounds = regexp.MustCompile(`limit:Integer\((\d+)/(\d+)\)`)

// TestLimitsAreClamped fills the lists of the table beyond the most that a page may have, and asks for pages of no size, of a negative one, and of too much.
func TestLimitsAreClamped(t *testing.T) {
	t.Parallel()
	d := open(t, dbtest.SQLite(t))
	ann, locked := d.person("ann"), d.person("locked")
	one := d.Post(ann.Account, "one", func(x *statuses.Draft) { x.QuotePolicy = statuses.QuotableByAll })
	list := d.post("/api/v1/lists", ann, object{"title": "one"}).want(200).str("id")
	for i := range 205 {
		d.Remote("far"+strconv.Itoa(i), "far.example")
	}
	for i := range 45 {
		d.Post(ann.Account, "post "+strconv.Itoa(i)+" #busy")
	}
	far := "FROM accounts a WHERE a.domain = 'far.example'"
	own := "FROM statuses s WHERE s.account_id = $1 AND s.deleted_at = 0 AND s.in_reply_to_id = 0"
	sql := func(text string, args ...any) {
		t.Helper()
		if err := d.DB.Write(d.Ctx(), func(tx *db.Tx) error { return tx.Do(d.Ctx(), "filling a list", text, args...) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, into := range []string{"follows (id, account_id, target_account_id, created_at) SELECT a.id, a.id, $1, 1 ", "follows (id, account_id, target_account_id, created_at) SELECT a.id + 100000000, $1, a.id, 1 ",
		"blocks (id, account_id, target_account_id, created_at) SELECT a.id, $1, a.id, 1 ", "mutes (id, account_id, target_account_id, created_at) SELECT a.id, $1, a.id, 1 ",
		"endorsements (id, account_id, target_account_id, created_at) SELECT a.id, $1, a.id, 1 "} {
		sql("INSERT INTO "+into+far, ann.ID)
	}
	sql("DELETE FROM blocks WHERE id % 2 = 0")
	sql("INSERT INTO follow_requests (id, account_id, target_account_id, created_at) SELECT a.id, a.id, $1, 1 "+far, locked.ID)
	sql("INSERT INTO favourites (id, account_id, status_id, created_at) SELECT a.id, a.id, $1, 1 "+far, one.ID)
	sql("INSERT INTO favourites (id, account_id, status_id, created_at) SELECT s.id, $1, s.id, 1 "+own, ann.ID)
	sql("INSERT INTO bookmarks (id, account_id, status_id, created_at) SELECT s.id, $1, s.id, 1 "+own, ann.ID)
	sql("INSERT INTO statuses (id, account_id, uri, local, visibility, reblog_of_id, created_at) SELECT a.id, a.id, a.uri || '/boost', FALSE, 0, $1, 1 "+far, one.ID)
	sql("INSERT INTO notifications (id, account_id, type, from_account_id, status_id, subject, created_at) SELECT a.id, $1, 'mention', a.id, $2, a.id, 1 "+far, locked.ID, one.ID)
	sql("INSERT INTO tags (id, name, created_at) SELECT a.id, 'tag' || a.id, 1 " + far)
	sql("INSERT INTO tag_follows (id, account_id, tag_id, created_at) SELECT a.id, $1, a.id, 1 "+far, ann.ID)
	sql("INSERT INTO account_domain_blocks (id, account_id, domain, created_at) SELECT a.id, $1, 'n' || a.id || '.example', 1 "+far, ann.ID)
	sql("INSERT INTO list_accounts (id, list_id, account_id, owner_id) SELECT a.id, $1, a.id, $2 "+far, list, ann.ID)
	me, st := idsOf(ann.ID), idsOf(one.ID)
	for row, at := range map[string]string{
		"/api/v1/accounts/:id/followers": "/api/v1/accounts/" + me + "/followers", "/api/v1/accounts/:id/following": "/api/v1/accounts/" + me + "/following",
		"/api/v1/accounts/:id/statuses": "/api/v1/accounts/" + me + "/statuses", "/api/v1/mutes": "/api/v1/mutes", "/api/v1/blocks": "/api/v1/blocks",
		"/api/v1/favourites": "/api/v1/favourites", "/api/v1/bookmarks": "/api/v1/bookmarks", "/api/v1/follow_requests": "/api/v1/follow_requests",
		"/api/v1/followed_tags": "/api/v1/followed_tags", "/api/v1/domain_blocks": "/api/v1/domain_blocks", "/api/v1/lists/:id/accounts": "/api/v1/lists/" + list + "/accounts",
		"/api/v1/statuses/:id/favourited_by": "/api/v1/statuses/" + st + "/favourited_by", "/api/v1/statuses/:id/reblogged_by": "/api/v1/statuses/" + st + "/reblogged_by",
		"/api/v1/notifications": "/api/v1/notifications", "/api/v1/timelines/home": "/api/v1/timelines/home", "/api/v1/timelines/public": "/api/v1/timelines/public",
		"/api/v1/timelines/tag/:hashtag": "/api/v1/timelines/tag/busy", "/api/v1/endorsements": "/api/v1/endorsements",
	} {
		reader := ann
		if row == "/api/v1/follow_requests" || row == "/api/v1/notifications" || strings.HasSuffix(row, "ed_by") {
			reader = locked
		}
		var usual, most int
		if err := lines("endpoints.tsv", func(c []string) {
			if m := bounds.FindStringSubmatch(c[7]); c[0] == "GET" && c[1] == row && m != nil {
				usual, _ = strconv.Atoi(m[1])
				most, _ = strconv.Atoi(m[2])
			}
		}); err != nil {
			t.Fatal(err)
		}
		for limit, want := range map[string]int{"": usual, "?limit=0": usual, "?limit=x": usual, "?limit=-3": 3, "?limit=99999": most, "?limit=" + strconv.Itoa(most+1): most} {
			if row == "/api/v1/lists/:id/accounts" && limit == "?limit=0" {
				want = 205 // here no limit is meant (Mastodon)
			}
			if got := len(keys(d.get(at+limit, reader).want(200))); got != want || want == 0 {
				t.Errorf("%s%s has %d, want %d", at, limit, got, want)
			}
		}
	}
}
