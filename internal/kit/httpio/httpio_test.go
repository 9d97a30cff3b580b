package httpio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

func TestPaging(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]db.Page{
		"":                                     {Limit: 20},
		"limit=5":                              {Limit: 5},
		"limit=0":                              {Limit: 20},
		"limit=-7":                             {Limit: 7},
		"limit=-9999":                          {Limit: 40},
		"limit=-9223372036854775808":           {Limit: 40},
		"limit=9223372036854775807":            {Limit: 40},
		"limit=99999999999999999999":           {Limit: 20},
		"limit=x":                              {Limit: 20},
		"limit=1.5":                            {Limit: 20},
		"max_id=3&since_id=2&min_id=1":         {Limit: 20, MaxID: 3, SinceID: 2, MinID: 1},
		"max_id=-1&since_id=x&min_id=%00":      {},
		"max_id=-1&since_id=x&min_id=":         {Limit: 20},
		"offset=3":                             {Limit: 20, Offset: 3},
		"offset=-3":                            {Limit: 20},
		"max_id=9223372036854775807&limit[]=3": {Limit: 20, MaxID: 9223372036854775807},
	} {
		p, err := httpio.Read(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x?"+query, nil), 0)
		if err != nil {
			if want != (db.Page{}) {
				t.Errorf("%s: %v", query, err)
			}
			continue
		}
		if got := httpio.Paging(p, 20, 40); got != want {
			t.Errorf("%s: %+v", query, got)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url     string
		cursors httpio.Cursors
		keep    []string
		want    string
	}{
		{"/api/v1/x?limit=2&max_id=9&secret=1", httpio.Cursors{NextMax: 5, PrevMin: 8}, nil,
			`<https://h.example/api/v1/x?limit=2&max_id=5>; rel="next", <https://h.example/api/v1/x?limit=2&min_id=8>; rel="prev"`},
		{"/api/v1/x", httpio.Cursors{NextMax: 5, PrevSince: 8}, nil, `<https://h.example/api/v1/x?max_id=5>; rel="next", <https://h.example/api/v1/x?since_id=8>; rel="prev"`},
		{"/api/v1/x?types[]=a&types[]=b%3E&local=1", httpio.Cursors{PrevMin: 8}, []string{"types", "local"},
			`<https://h.example/api/v1/x?local=1&min_id=8&types%5B%5D=a&types%5B%5D=b%3E>; rel="prev"`},
		{"/tags/%C3%A9%3E", httpio.Cursors{NextMax: 5}, nil, `<https://h.example/tags/%C3%A9%3E?max_id=5>; rel="next"`},
		{"/api/v1/x", httpio.Cursors{}, nil, ""},
	} {
		w := httptest.NewRecorder()
		httpio.Link(w, httptest.NewRequest(http.MethodGet, c.url, nil), "https://h.example", c.cursors, c.keep...)
		if got := w.Header().Get("Link"); got != c.want {
			t.Errorf("%s: %s", c.url, got)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	detailed := errs.Invalid("Validation failed: Username has already been taken")
	detailed.Details = map[string][]errs.Detail{"username": {{Code: "ERR_TAKEN", Description: "has already been taken"}}}
	for _, c := range []struct {
		err    error
		status int
		body   string
	}{
		{errs.NotFound(), 404, `{"error":"Record not found"}`},
		{errs.New(errs.GoneKind, "gone <b>"), 410, `{"error":"gone <b>"}`},
		{detailed, 422, `{"error":"Validation failed: Username has already been taken","details":{"username":[{"error":"ERR_TAKEN","description":"has already been taken"}]}}`},
		{errs.New(errs.ConflictKind, "x"), 422, `{"error":"x"}`},
		{errs.New(errs.MalformedKind, "x"), 400, `{"error":"x"}`},
		{errs.New(errs.UnauthorizedKind, "x"), 401, `{"error":"x"}`},
		{errs.Forbidden(), 403, `{"error":"This action is not allowed"}`},
		{errs.New(errs.TooManyKind, "x"), 429, `{"error":"x"}`},
		{errs.New(errs.TooLargeKind, "x"), 413, `{"error":"x"}`},
		{errs.New(errs.UnavailableKind, "x"), 503, `{"error":"x"}`},
		{fmt.Errorf("posting: %w", errs.Wrap(errs.InvalidKind, errors.New("secret cause"), "x")), 422, `{"error":"x"}`},
		{errors.New("pq: password of gomph at /var/lib"), 500, `{"error":"We're sorry, but something went wrong on our end."}`},
	} {
		var log bytes.Buffer
		w := httptest.NewRecorder()
		h := httpio.Serve(slog.New(slog.NewTextHandler(&log, nil)), func(http.ResponseWriter, *http.Request) error { return c.err })
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/x?access_token=sesame", nil))
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
		if w.Header().Get("Content-Type") != "application/json; charset=utf-8" || !strings.Contains(w.Header().Get("Cache-Control"), "no-store") {
			t.Errorf("%v: headers %v", c.err, w.Header())
		}
		if (log.Len() > 0) != (c.status == 500) || strings.Contains(log.String(), "sesame") || (c.status == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%v: logged %s", c.err, &log)
		}
	}
}

func TestWhoeverIsGoneIsToldNothing(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	httpio.Fail(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), slog.New(slog.NewTextHandler(&log, nil)), ctx.Err())
	if w.Body.Len() != 0 || log.Len() != 0 {
		t.Errorf("answered %s, logged %s", w.Body, &log)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/activity+json")
	if err := httpio.JSON(w, http.StatusCreated, map[string]any{"html": "<p>é & \u2028</p>"}); err != nil {
		t.Fatal(err)
	}
	if got := w.Body.String(); w.Code != 201 || got != `{"html":"<p>é & \u2028</p>"}` || w.Header().Get("Content-Length") != fmt.Sprint(len(got)) || w.Header().Get("Content-Type") != "application/activity+json" {
		t.Errorf("%d %s %v", w.Code, got, w.Header())
	}
	w = httptest.NewRecorder()
	if err := httpio.JSON(w, 200, make(chan int)); err == nil || w.Body.Len() != 0 {
		t.Errorf("what cannot be encoded gave %v and %s", err, w.Body)
	}
	if httpio.PathID("12") != 12 || httpio.PathID("x") != 0 || httpio.PathID("-1") != 0 {
		t.Error("path ids are misread")
	}
}
