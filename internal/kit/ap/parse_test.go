package ap

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/google/go-cmp/cmp"
)

// TestParseRefuses covers INB-02 and INB-03.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	nest := func(open, end string, n int) string { return strings.Repeat(open, n) + strings.Repeat(end, n) }
	for name, body := range map[string]string{
		"empty": "", "null": "null", "string": `"x"`, "array": `[{}]`, "cut": `{"a":`, "two": `{}{}`, "trailing": `{} x`, "trailing comma": `{"a":1,}`, "comment": `{}//`, "BOM": "\xef\xbb\xbf{}", "single quotes": `{'a':1}`,
		"duplicate": `{"id":"https://a.example/1","id":"https://b.example/1"}`, "duplicate by escape": `{"id":1,"\u0069d":2}`, "duplicate deep": `{"a":[{"b":1,"b":2}]}`,
		"invalid UTF-8": "{\"a\":\"\xff\"}", "overlong": "{\"a\":\"\xc0\xaf\"}", "invalid UTF-8 in name": "{\"\xff\":1}", "lone surrogate": `{"a":"\ud800"}`, "lone low surrogate": `{"a":"\udc00x"}`,
		"raw NUL": "{\"a\":\"\x00\"}", "huge exponent": `{"a":1e999999}`, "long exponent": `{"a":1e9999999999}`, "long number": `{"a":` + strings.Repeat("1", 100000) + `}`, "NaN": `{"a":NaN}`, "plus": `{"a":+1}`, "hex": `{"a":0x1}`, "leading zero": `{"a":01}`,
		"arrays": nest("[", "]", 100000), "arrays inside": `{"@context":` + nest("[", "]", 100000) + `}`, "objects": nest(`{"a":`, "}", 30000), "unclosed": strings.Repeat(`{"tag":[`, 100000),
		"mixed inside object": `{"object":` + strings.Repeat(`[{"tag":`, 50) + "1" + strings.Repeat("}]", 50) + `}`, "33 deep": `{"a":` + nest("[", "]", maxDepth) + `}`, "many values": `{"a":[` + strings.Repeat("1,", maxNodes) + `1]}`,
	} {
		if o, err := Parse([]byte(body)); errs.KindOf(err) != errs.MalformedKind {
			t.Errorf("%s: %v, %v", name, o, err)
		}
	}
	if _, err := Parse([]byte(`{"a":"` + strings.Repeat("x", MaxDocument) + `"}`)); errs.KindOf(err) != errs.TooLargeKind {
		t.Error(err)
	}
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	o := parse(t, ` {"a":"x\u0000y","b":-0,"c":1.5,"d":9223372036854775807,"e":9223372036854775808,"f":"\ud83d\ude00","g":null,"h":[true,false],"z":"Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢","i":`+strings.Repeat("[", maxDepth-1)+strings.Repeat("]", maxDepth-1)+`} `+"\n")
	if o.String("a") != "x\uFFFDy" || o.String("f") != "😀" || o.Has("g") || !o.Has("h") {
		t.Errorf("%q", o.Raw)
	}
	if n, ok := o.Int("d"); !ok || n != 9223372036854775807 {
		t.Error(n, ok)
	}
	if n, ok := o.Count("d"); !ok || n != maxCount {
		t.Error(n, ok)
	}
	if n, ok := o.Int("e"); ok {
		t.Error(n)
	}
	if n, ok := o.Int("b"); !ok || n != 0 {
		t.Error(n, ok)
	}
}

func TestAccessors(t *testing.T) {
	t.Parallel()
	o := parse(t, `{"id":"https://a.example/1","type":["Note",7,"Article"],
		"one":"https://a.example/2","obj":{"id":"https://a.example/3","type":"Person"},"many":["https://a.example/4",{"id":"https://a.example/5"},{"name":"x"},7,"not a url","https://a.example/4"],
		"texts":["a","b"],"bad":["ftp://x/","javascript:1",{"id":{}}],"neg":-5,"true":true,"yes":"true","nameMap":{"en":"Hi","de":"Hallo","x":7},
		"url":[{"type":"Link","mediaType":"application/x-mpegURL","href":"https://a.example/m"},{"type":"Link","mediaType":"text/html","href":"https://a.example/h"},"https://a.example/s",{"href":"javascript:1"}],
		"orderedItems":["https://a.example/6",{"type":"Note"},9]}`)
	for what, pair := range map[string][2]any{
		"types":   {o.Types, []string{"Note", "Article"}},
		"type":    {o.Type(), "Note"},
		"is":      {o.Is("Article"), true},
		"kind":    {o.Kind("Article", "Question"), "Article"},
		"one":     {o.IDOf("one"), "https://a.example/2"},
		"obj":     {o.IDOf("obj"), "https://a.example/3"},
		"first":   {o.IDOf("many"), "https://a.example/4"},
		"bad":     {o.IDOf("bad"), ""},
		"ids":     {o.IDs("many"), []string{"https://a.example/4", "https://a.example/5"}},
		"bad ids": {len(o.IDs("bad")), 0},
		"strings": {o.Strings("many"), []string{"https://a.example/4", "https://a.example/5", "not a url", "https://a.example/4"}},
		"text":    {o.String("texts"), "a"},
		"object":  {o.Object("obj").Type(), "Person"},
		"no obj":  {o.Object("one") == nil, true},
		"objects": {len(o.Objects("many")), 2},
		"items":   {len(o.Items()), 2},
		"link":    {o.Items()[0].IsLink() && !o.Items()[1].IsLink(), true},
		"bool":    {o.Bool("true") && !o.Bool("yes"), true},
		"map":     {o.Map("nameMap"), map[string]string{"en": "Hi", "de": "Hallo"}},
		"url":     {o.URL(), "https://a.example/m"},
		"html":    {o.URL("text/html"), "https://a.example/h"},
		"none":    {o.URL("image/png"), "https://a.example/m"},
	} {
		if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	if _, ok := o.Count("neg"); ok {
		t.Error("a negative total")
	}
}

// TestTime covers INB-04.
func TestTime(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"2026-11-01T12:00:00Z": "2026-11-01T12:00:00Z", "2026-11-01T12:00:00.123456789Z": "2026-11-01T12:00:00Z", "2026-11-01T12:00:00+05:30": "2026-11-01T06:30:00Z", "2026-11-01T12:00:00": "2026-11-01T12:00:00Z",
		"2026-11-01T12:00:00+0200": "2026-11-01T10:00:00Z", "2026-11-01T12:00Z": "2026-11-01T12:00:00Z", "1970-01-01T00:00:00Z": "1970-01-01T00:00:00Z", "2326-01-01T00:00:00Z": "2326-01-01T00:00:00Z",
		"9999-12-31T23:59:59Z": "", "0000-01-01T00:00:00Z": "", "1969-12-31T23:59:59Z": "", "2026-11-01T25:61:00Z": "", "2026-02-30T00:00:00Z": "", "2026-11-01T12:00:00+99:99": "", "1970-01-01T00:00:00+01:00": "",
		"yesterday": "", "": "", "1760000000": "", strings.Repeat("2", 1000): "", "99999-01-01T00:00:00Z": "",
	} {
		o := parse(t, fmt.Sprintf(`{"t":%q}`, in))
		got, ok := o.Time("t")
		if ok != (want != "") || ok && FormatTime(got) != want {
			t.Errorf("%q: %v %v, want %q", in, got, ok, want)
		}
	}
	for _, v := range []string{"1760000000", "null", "{}", "[]", "true"} {
		if _, ok := parse(t, `{"t":`+v+`}`).Time("t"); ok {
			t.Error(v)
		}
	}
}

// TestIsActivityJSON covers ORG-02 and ORG-03.
func TestIsActivityJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"application/activity+json": true, ContentType: true, "Application/Activity+JSON; Charset=UTF-8": true,
		`application/ld+json; profile="https://www.w3.org/ns/activitystreams"`:                                   true,
		`APPLICATION/LD+JSON; PROFILE="https://www.w3.org/ns/activitystreams https://w3id.org/x"; charset=utf-8`: true,
		`application/ld+json`: false, `application/ld+json; profile="https://evil.example/https://www.w3.org/ns/activitystreams"`: false,
		`application/ld+json; profile="https://www.w3.org/ns/activitystreamsx"`: false, `application/ld+json; profile=`: false, `application/ld+json; profile="x"; profile="https://www.w3.org/ns/activitystreams"`: false,
		"application/json": false, "text/plain": false, "application/octet-stream": false, "text/html; parameter=application/activity+json": false, "image/png": false, "": false,
		"application/activity+json, text/html": false, "application/activity+jsonx": false, "x application/activity+json": false, strings.Repeat("a", 10000): false,
	} {
		if got := IsActivityJSON(in); got != want {
			t.Errorf("%.100q: %v", in, got)
		}
	}
}

func TestIsPublicAndHosts(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{Public: true, "as:Public": true, "Public": true, "public": false, "": false, Namespace: false} {
		if IsPublic(in) != want {
			t.Error(in)
		}
	}
	if !SameHost("https://us.example/x", "https://US.example:443/y") || SameHost("https://us.example/", "https://us.example@evil.example/") || HostOf("https://US.EXAMPLE.:443/x") != "us.example" {
		t.Error("hosts")
	}
}

func FuzzParse(f *testing.F) {
	for _, doc := range []any{sampleActor(), sampleNote(), Create(sampleNote()), OrderedPage(alice, alice, "", "", []any{sampleNote()})} {
		body, err := Document(doc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"id":"https://a.example/1","type":"Question","oneOf":[{"name":"x","replies":{"totalItems":-1}}],"closed":true,"to":{"a":1},"attachment":{"type":"Image","url":7}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := Parse(body)
		if err != nil {
			if k := errs.KindOf(err); k != errs.MalformedKind && k != errs.TooLargeKind {
				t.Fatal(err)
			}
			return
		}
		for _, one := range append([]*Object{o, o.Object("object")}, o.Items()...) {
			if one == nil {
				continue
			}
			if a, err := ReadActor(one); err == nil {
				checkActor(t, a)
			}
			if n, err := ReadNote(one); err == nil {
				checkNote(t, n)
			}
		}
	})
}
