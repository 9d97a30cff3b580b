package view

import (
	"bytes"
	"html/template"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestNewFindsTheClient(t *testing.T) {
	t.Parallel()
	manifest := func(s string) fs.FS { return fstest.MapFS{".vite/manifest.json": {Data: []byte(s)}} }
	tests := map[string]struct {
		dist    fs.FS
		dev     string
		want    assets
		wantErr bool
	}{
		"built":            {dist: builtDist(), want: assets{Styles: []string{"/assets/main-def456.css"}, Scripts: []string{"/assets/main-abc123.js"}}},
		"not built":        {dist: fstest.MapFS{".keep": {}}},
		"left out":         {},
		"development":      {dist: builtDist(), dev: "http://localhost:5173/", want: assets{Styles: []string{"http://localhost:5173/src/style.css"}, Scripts: []string{"http://localhost:5173/@vite/client", "http://localhost:5173/src/main.ts"}}},
		"broken":           {dist: manifest("{"), wantErr: true},
		"of another entry": {dist: manifest(`{"other.ts":{"file":"x.js"}}`), wantErr: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := New(tt.dist, tt.dev)
			if (err != nil) != tt.wantErr {
				t.Fatalf("err = %v, want error: %t", err, tt.wantErr)
			}
			if err == nil && !cmp.Equal(r.assets, tt.want) {
				t.Error(cmp.Diff(tt.want, r.assets))
			}
		})
	}
}

func TestPreviewsOfWarnedPostsShowTheWarningOnly(t *testing.T) {
	t.Parallel()
	r := newRenderer(t, nil)
	secret := photoPost()
	secret.ContentHTML, secret.SpoilerText, secret.Sensitive = `<p>the butler did it</p>`, "Ending of the film", true
	sensitive := secret
	sensitive.SpoilerText = ""
	for name, tt := range map[string]struct {
		post Post
		want string
	}{
		"warned":    {secret, "Content warning: Ending of the film"},
		"sensitive": {sensitive, "This post is marked as sensitive."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := r.Thread(&out, Thread{Page: samplePage(), Post: tt.post}); err != nil {
				t.Fatal(err)
			}
			head, _, _ := strings.Cut(out.String(), "</head>")
			if !strings.Contains(head, `<meta property="og:description" content="`+tt.want+`">`) {
				t.Errorf("no %q in\n%s", tt.want, head)
			}
			if strings.Contains(head, "butler") || strings.Contains(head, "reeds.svg") {
				t.Errorf("the preview gives away what the warning hides:\n%s", head)
			}
		})
	}
}

func TestPlainTextOfPosts(t *testing.T) {
	t.Parallel()
	for in, want := range map[template.HTML]string{
		`<p>One</p><p>two<br>three</p>`:                        "One two three",
		`a &lt;b&gt; &amp; c`:                                  "a <b> & c",
		`<img class="custom-emoji" alt=":fern:" src="x"> moss`: ":fern: moss",
		`<ul><li>x</li><li>y</li></ul>`:                        "x y",
		`<p>unclosed`:                                          "unclosed",
		"":                                                     "",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
	long := plain(template.HTML(strings.Repeat("é", maxPlain)))
	if len(long) > maxPlain || strings.ContainsRune(long, '\uFFFD') {
		t.Errorf("long text was cut badly: %d bytes", len(long))
	}
}

func TestShortenCutsAtWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"short", 10, "short"},
		{"exactly ten", 11, "exactly ten"},
		{"the quick brown fox", 17, "the quick brown…"},
		{"Donaudampfschifffahrt", 8, "Donauda…"},
		{"日本語日本語", 4, "日本語…"},
	} {
		if got := shorten(tt.in, tt.limit); got != tt.want {
			t.Errorf("shorten(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
}

func TestCompactNeverRoundsUp(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{-4: "0", 0: "0", 999: "999", 1000: "1K", 1234: "1.2K", 1999: "1.9K", 12_999: "12K", 999_999: "999K", 5_600_000: "5.6M", 1_000_000_000: "1B"} {
		if got := compact(n); got != want {
			t.Errorf("compact(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestInitialIsOneCharacterAsPeopleCount(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"ann": "A", " @bob": "B", "👩‍🚀 Zoe": "👩‍🚀", "ليلى": "ل", "": ""} {
		if got := initial(in); got != want {
			t.Errorf("initial(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestExplainGroupsScopesAndHidesNone(t *testing.T) {
	t.Parallel()
	type line = []string
	titles := func(scopes ...string) map[string]line {
		got := map[string]line{}
		for _, g := range Explain(scopes) {
			for _, l := range g.Lines {
				got[g.Title] = append(got[g.Title], l.Scope)
			}
		}
		return got
	}
	for name, tt := range map[string]struct {
		scopes line
		want   map[string]line
	}{
		"parents cover children": {line{"read", "read:statuses", "write:media", "profile"}, map[string]line{"Read": {"read"}, "Change": {"write:media"}}},
		"children alone":         {line{"read:statuses", "read:statuses"}, map[string]line{"Read": {"read:statuses"}}},
		"admin is apart":         {line{"admin:read:reports", "admin:write", "admin:write:accounts"}, map[string]line{"Moderate this server": {"admin:read:reports", "admin:write"}}},
		"unknown is shown":       {line{"magic", "read:minds"}, map[string]line{"Other": {"magic", "read:minds"}}},
		"unknown admin is grave": {line{"admin:launch"}, map[string]line{"Moderate this server": {"admin:launch"}}},
		"nothing":                {nil, map[string]line{}},
	} {
		if diff := cmp.Diff(tt.want, titles(tt.scopes...)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestDirectionFollowsTheLanguage(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string]string{"": "ltr", "en": "ltr", "ar": "rtl", "he-IL": "rtl", "fa": "rtl", "ur": "rtl", "ckb": "rtl", "az-Arab": "rtl", "pt-BR": "ltr", "no such!": "ltr"} {
		if got := (&Page{Lang: lang}).Dir(); got != want {
			t.Errorf("direction of %q is %s, want %s", lang, got, want)
		}
	}
}

func TestPollPercentages(t *testing.T) {
	t.Parallel()
	p := &Poll{Votes: 3, Options: []PollOption{{"a", 1}, {"b", 2}, {"c", 0}, {"d", -1}, {"e", 9}}}
	var got []int
	for _, o := range p.Options {
		got = append(got, p.Percent(o))
	}
	if diff := cmp.Diff([]int{33, 67, 0, 0, 100}, got); diff != "" {
		t.Error(diff)
	}
}

func TestFailuresOfEveryStatusSpeakPlainly(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, status := range []int{400, 401, 403, 404, 405, 406, 410, 422, 429, 500, 503} {
		f := Failure{Status: status}
		if f.Title() == "" || f.Explanation() == "" {
			t.Errorf("%d says nothing", status)
		}
		if other, ok := seen[f.Title()]; ok {
			t.Errorf("%d and %d have the same title", status, other)
		}
		seen[f.Title()] = status
	}
	if got := (&Failure{Status: 418}).Title(); got != "That did not work" {
		t.Errorf("unknown 4xx: %q", got)
	}
	if got := (&Failure{Status: 502}).Title(); got != "Something broke on our side" {
		t.Errorf("unknown 5xx: %q", got)
	}
}

func TestLinksLeadOnlyWhereBrowsersMayGo(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://a.example/?a=1&b=2": "https://a.example/?a=1&amp;b=2",
		"http://a.example/":          "http://a.example/",
		"/@ann":                      "/@ann",
		"//evil.example/x.js":        "#",
		"javascript:alert(1)":        "#",
		"JavaScript:alert(1)":        "#",
		" https://a.example":         "#",
		"data:text/html,x":           "#",
		"":                           "#",
		`/"onload="x`:                `/&#34;onload=&#34;x`,
	} {
		if got := string(link(nil, in)); got != want {
			t.Errorf("link(%q) = %q, want %q", in, got, want)
		}
	}
}
