package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/testkit/dbtest"
)

// cookies stands for the door that knows them: the header Session is the cookie, and Form the form's token.
type cookies struct{ visits map[string]*access.Visit }

func (c cookies) Visit(r *http.Request) (*access.Visit, error) {
	return c.visits[r.Header.Get("Session")], nil
}
func (c cookies) FormOK(r *http.Request) bool { return r.Header.Get("Form") == "ok" }

// TestWebClientsByCookie: a browser's pages are told of notices and keep their settings, by cookie and form token (SES-11); their token ends with
// the session, and no browser has the subscription of another (VIS-10).
func TestWebClientsByCookie(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		d := open(t, base)
		visits := map[string]*access.Visit{}
		for i, name := range []string{"ann", "bob"} {
			p := d.person(name)
			u, err := d.access.ByID(d.Ctx(), base, p.user)
			if err != nil {
				t.Fatal(err)
			}
			id := access.SessionID(i + 1)
			if err := base.Write(d.Ctx(), func(tx *db.Tx) error {
				_, err := tx.Exec(d.Ctx(), "INSERT INTO sessions (id, user_id, secret_hash, created_at, used_at) VALUES ($1, $2, $3, 1, 1)", id, p.user, name)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			visits[name] = &access.Visit{Session: access.Session{ID: id, UserID: p.user}, User: u, Account: p.Account}
		}
		mux := chi.NewRouter()
		d.web.MountWeb(mux, cookies{visits}, nil)
		ask := func(method, path, session, form, body string) *reply {
			req := httptest.NewRequest(method, path, strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Session", session)
			req.Header.Set("Form", form)
			rec := httptest.NewRecorder()
			mux.ServeHTTP(rec, req)
			return &reply{t: t, name: method + " " + path, code: rec.Code, header: rec.Header(), body: rec.Body.Bytes()}
		}
		const at = "/api/web/push_subscriptions"
		body := `{"subscription":{"endpoint":"https://push.example/1","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}},"data":{"policy":"followed","alerts":{"mention":true}}}`
		ask("POST", at, "", "ok", body).says(422, "This method requires an authenticated user")
		ask("POST", at, "ann", "no", body).says(422, "Can't verify CSRF token authenticity.")
		ask("POST", at, "ann", "ok", `{}`).want(400)
		first := ask("POST", at, "ann", "ok", body).is("policy", "followed").is("alerts.mention", true).is("alerts.follow", false)
		made := ask("POST", at, "ann", "ok", body)
		one := strings.TrimSuffix(at+"/"+strings.Split(strings.SplitN(string(made.body), `"id":`, 2)[1], ",")[0], " ")
		if string(first.body) == string(made.body) {
			t.Error("a new subscription has the id of the old one")
		}
		ask("PUT", one, "bob", "ok", `{"data":{"policy":"none"}}`).want(404)
		ask("PUT", one, "ann", "ok", `{"data":{"policy":"all","alerts":{"follow":"true"}}}`).is("policy", "all").is("alerts.follow", true).is("alerts.mention", false)
		ask("DELETE", one, "bob", "ok", "").want(200)
		ask("PUT", one, "ann", "ok", `{"data":{"policy":"all"}}`).want(200)
		token, err := d.access.WebTokenOf(d.Ctx(), base, visits["ann"].Session.ID)
		if err != nil {
			t.Fatal(err)
		}
		ask("DELETE", one, "ann", "ok", "").want(200)
		ask("PUT", one, "ann", "ok", `{"data":{}}`).want(404)
		if err := d.access.EndSession(d.Ctx(), visits["ann"].User.ID, visits["ann"].Session.ID); err != nil {
			t.Fatal(err)
		}
		if live, err := db.Exists(d.Ctx(), base, "SELECT 1 FROM oauth_access_tokens WHERE user_id = $1 AND revoked_at = 0", visits["ann"].User.ID); err != nil || live {
			t.Errorf("token %d outlives its session: %v", token, err)
		}

		ask("PUT", "/api/web/settings", "bob", "ok", `{"data":{"columns":[{"id":"HOME"}]}}`).want(200)
		ask("PUT", "/api/web/settings", "bob", "ok", `{"data":{"big":"`+strings.Repeat("x", 70_000)+`"}}`).want(422)
		ask("PUT", "/api/web/settings", "bob", "ok", `{"data":"text"}`).want(400)
		kept, err := d.access.WebSettings(d.Ctx(), base, visits["bob"].User.ID)
		if err != nil || string(kept) != `{"columns":[{"id":"HOME"}]}` {
			t.Errorf("kept is %s: %v", kept, err)
		}
		if r := d.get("/api/v1/donation_campaigns", d.token(&who{Account: visits["bob"].Account, user: visits["bob"].User.ID})); r.code != 204 {
			t.Errorf("campaigns: %d", r.code)
		}
	})
}
