package httpio_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
)

const form = "application/x-www-form-urlencoded"

func request(kind, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/v1/x", strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

func read(t *testing.T, r *http.Request) *httpio.Params {
	t.Helper()
	p, err := httpio.Read(httptest.NewRecorder(), r, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func multi(t *testing.T, fields [][2]string, files map[string]string) (kind, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		part, err := w.CreateFormFile(name, "a file.txt")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, text)
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

// What is sent means the same in every form that Mastodon's clients use.
func TestAllFormsSayTheSame(t *testing.T) {
	t.Parallel()
	fields := [][2]string{
		{"status", "hé & <b>"}, {"sensitive", "true"}, {"n", "12"}, {"ids[]", "3"}, {"ids[]", "1"}, {"source[privacy]", "private"}, {"source[deep][er]", "x"},
		{"fields[0][name]", "a"}, {"fields[0][value]", "1"}, {"fields[1][name]", "b"}, {"fields[1][value]", "2"}, {"empty", ""},
	}
	values := url.Values{}
	for _, f := range fields {
		values.Add(f[0], f[1])
	}
	kind, body := multi(t, fields, nil)
	for name, r := range map[string]*http.Request{
		"query":     httptest.NewRequest(http.MethodGet, "/x?"+values.Encode(), nil),
		"form":      request(form, values.Encode()),
		"no type":   request("", values.Encode()),
		"multipart": request(kind, body),
		"json": request("application/json; charset=utf-8", `{"status":"hé & <b>","sensitive":true,"n":12,"ids":[3,"1"],"source":{"privacy":"private","deep":{"er":"x"}},
			"fields":[{"name":"a","value":1},{"name":"b","value":"2"}],"empty":null}`),
		"json, fields as an object": request("application/activity+json", `{"status":"hé & <b>","sensitive":"1","n":"12","ids":["3",1],"source":{"privacy":"private","deep":{"er":"x"}},
			"fields":{"1":{"name":"b","value":"2"},"0":{"name":"a","value":"1"}},"empty":""}`),
	} {
		p := read(t, r)
		got := fmt.Sprint(p.String("status"), p.Bool("sensitive", false), p.Int("n", -1), p.List("ids"), p.IDs("ids"), p.Map("source").String("privacy"),
			p.Map("source").Map("deep").String("er"), p.Has("empty"), p.String("empty"), *p.Text("empty"), p.Has("other"), p.Text("other") == nil, p.Flag("empty") == nil)
		for _, f := range p.Maps("fields") {
			got += " " + f.String("name") + "=" + f.String("value")
		}
		if want := "hé & <b>true 12 [3 1] [3 1]privatextruefalse true true a=1 b=2"; strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestNesting(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"a[b][]=1&a[b][]=2":              `{"b":["1","2"]}`,
		"a[][b]=1&a[][b]=2":              `[{"b":"1"},{"b":"2"}]`,
		"a[0][b]=1&a[2][b]=3&a[10][b]=2": `{"0":{"b":"1"},"10":{"b":"2"},"2":{"b":"3"}}`,
		"a=1&a=2":                        `"2"`,
		"a=1;a[b]=2":                     `"1;a[b]=2"`,
		"a[b=1":                          `null`,
		"a[b]c=1":                        `{"b":"1"}`,
		"a[][]=1":                        `[{"":"1"}]`,
		"a[__proto__]=1":                 `{"__proto__":"1"}`,
		"a[b][c][d][e][f][g]=1":          `{"b":{"c":{"d":{"e":{"f":{"g":"1"}}}}}}`,
	} {
		p := read(t, httptest.NewRequest(http.MethodGet, "/x?"+query, nil))
		b, err := json.Marshal(p.Raw("a"))
		if err != nil || string(b) != want {
			t.Errorf("%s: %s, %v", query, b, err)
		}
	}
	// Order in the address does not matter for numbered elements, and decides for unnumbered ones.
	p := read(t, httptest.NewRequest(http.MethodGet, "/x?a[10][b]=z&a[9][b]=y&a[1][b]=x", nil))
	var got []string
	for _, m := range p.Maps("a") {
		got = append(got, m.String("b"))
	}
	if !reflect.DeepEqual(got, []string{"x", "y", "z"}) {
		t.Errorf("numbered elements came as %v", got)
	}
}

func TestUnnumberedElementsKeepTheirParts(t *testing.T) {
	t.Parallel()
	for range 50 { // a map's order is chance
		fields := [][2]string{{"f[][value]", "1"}, {"f[][name]", "a"}, {"f[][name]", "b"}, {"f[][value]", "2"}}
		kind, body := multi(t, fields, nil)
		for _, r := range []*http.Request{request(form, "f[][value]=1&f[][name]=a&f[][name]=b&f[][value]=2"), request(kind, body)} {
			var got []string
			for _, m := range read(t, r).Maps("f") {
				got = append(got, m.String("name")+m.String("value"))
			}
			if !reflect.DeepEqual(got, []string{"a1", "b2"}) {
				t.Fatalf("elements are %q", got)
			}
		}
	}
	for range 50 {
		var got []string
		for _, m := range read(t, request(form, "f[][name]=a&f[][name]=b&f[][value]=2&f[][value]=3")).Maps("f") {
			got = append(got, m.String("name")+m.String("value"))
		}
		if !reflect.DeepEqual(got, []string{"a", "b2", "3"}) { // as Rack reads it
			t.Fatalf("elements are %q", got)
		}
	}
}

func TestTheBodyWins(t *testing.T) {
	t.Parallel()
	for kind, body := range map[string]string{form: "a=body&c=3", "application/json": `{"a":"body","c":3}`} {
		r := request(kind, body)
		r.URL.RawQuery = "a=query&b=2"
		p := read(t, r)
		if p.String("a") != "body" || p.Int("b", 0) != 2 || p.Int("c", 0) != 3 {
			t.Errorf("%s: a=%s b=%s c=%s", kind, p.String("a"), p.String("b"), p.String("c"))
		}
	}
}

func TestBools(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{"true": true, "1": true, "on": true, "yes": true, "no": true, "t": true, "false": false, "0": false, "f": false, "F": false, "off": false, "OFF": false, "FALSE": false} {
		p := read(t, request(form, "x="+s))
		if f := p.Flag("x"); f == nil || *f != want || p.Bool("x", !want) != want {
			t.Errorf("%q is %v", s, f)
		}
	}
	for _, body := range []string{`{}`, `{"x":null}`, `{"x":""}`, `{"x":[]}`, `{"x":{}}`} {
		p := read(t, request("application/json", body))
		if p.Flag("x") != nil || !p.Bool("x", true) || p.Bool("x", false) {
			t.Errorf("%s is not absent", body)
		}
	}
}

func TestNumbersAndIDs(t *testing.T) {
	t.Parallel()
	p := read(t, request("application/json", `{"big":109349871234567890,"float":1.5,"exp":1e3,"neg":-3,"text":" 7 ","huge":99999999999999999999,"ids":["1","-2","x",3,null,true,{"a":1},"4 "],"bool":true}`))
	if p.ID("big") != 109349871234567890 || p.ID("neg") != 0 || p.ID("huge") != 0 || p.ID("bool") != 0 || p.ID("none") != 0 {
		t.Error("ids are misread")
	}
	if p.Int("float", 9) != 9 || p.Int("exp", 9) != 9 || p.Int("neg", 9) != -3 || p.Int("text", 9) != 7 || p.Int("huge", 9) != 9 {
		t.Error("numbers are misread")
	}
	if got := p.IDs("ids"); !reflect.DeepEqual(got, []int64{1, 3}) {
		t.Errorf("ids are %v", got)
	}
	if got := p.List("ids"); !reflect.DeepEqual(got, []string{"1", "-2", "x", "3", "true", "4 "}) {
		t.Errorf("texts are %q", got)
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	deepKind, deepBody := multi(t, [][2]string{{"a[b][c][d][e][f][g][h][i]", "1"}}, nil)
	nulKind, nulBody := multi(t, [][2]string{{"a", "\x00"}}, nil)
	bigKind, bigBody := multi(t, [][2]string{{"a", strings.Repeat("x", 2<<20)}}, nil)
	var many [][2]string
	for i := range 3000 {
		many = append(many, [2]string{fmt.Sprint("k", i), "v"})
	}
	manyKind, manyBody := multi(t, many, nil)
	for _, c := range []struct {
		name, kind, body string
		want             errs.Kind
	}{
		{"huge JSON", "application/json", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, errs.TooLargeKind},
		{"huge form", form, "a=" + strings.Repeat("x", 1<<20), errs.TooLargeKind},
		{"huge multipart", bigKind, bigBody, errs.TooLargeKind},
		{"nesting bomb", "application/json", strings.Repeat("[", 100_000), errs.MalformedKind},
		{"nested objects", "application/json", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), errs.MalformedKind},
		{"deep form", form, "a[b][c][d][e][f][g][h][i]=1", errs.MalformedKind},
		{"deep multipart", deepKind, deepBody, errs.MalformedKind},
		{"many values", form, strings.Repeat("a[]=1&", 2001), errs.MalformedKind},
		{"many parts", manyKind, manyBody, errs.TooLargeKind},
		{"many JSON values", "application/json", `{"a":[` + strings.Repeat("1,", 2001) + "1]}", errs.MalformedKind},
		{"bad UTF-8 in JSON", "application/json", "{\"a\":\"\xff\"}", errs.MalformedKind},
		{"bad UTF-8 in a form", form, "a=%ff", errs.MalformedKind},
		{"bad UTF-8 in a name", form, "%ff=1", errs.MalformedKind},
		{"NUL in JSON", "application/json", `{"a":{"b":["x\u0000"]}}`, errs.MalformedKind},
		{"NUL in a JSON name", "application/json", `{"a":{"b\u0000":1}}`, errs.MalformedKind},
		{"NUL in a form", form, "a=%00", errs.MalformedKind},
		{"NUL in a name", form, "a[%00]=1", errs.MalformedKind},
		{"NUL in multipart", nulKind, nulBody, errs.MalformedKind},
		{"broken escape", form, "a=%zz", errs.MalformedKind},
		{"broken JSON", "application/json", `{"a":`, errs.MalformedKind},
		{"JSON list", "application/json", `[1]`, errs.MalformedKind},
		{"JSON text", "application/json", `"a"`, errs.MalformedKind},
		{"garbage after JSON", "application/json", `{"a":1}x`, errs.MalformedKind},
		{"two JSON values", "application/json", `{"a":1}{"a":2}`, errs.MalformedKind},
		{"no boundary", "multipart/form-data", "x", errs.MalformedKind},
		{"wrong boundary", "multipart/form-data; boundary=zzz", "--yyy\r\n", errs.MalformedKind},
		{"broken type", "application/json; charset", `{}`, errs.MalformedKind},
	} {
		p, err := httpio.Read(httptest.NewRecorder(), request(c.kind, c.body), 0)
		if errs.KindOf(err) != c.want {
			t.Errorf("%s: %.100v", c.name, err)
		}
		if p != nil {
			p.Close()
		}
	}
}

func TestWhatIsLeftAside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, kind, body string }{
		{"another type", "text/plain", "a=1"}, {"empty JSON", "application/json", ""}, {"JSON null", "application/json", "null"}, {"empty form", form, ""}, {"an image", "image/png", "\x00\xff"},
	} {
		if p := read(t, request(c.kind, c.body)); p.Has("a") || p.String("a") != "" || p.List("a") != nil || p.Maps("a") != nil || p.File("a") != nil || p.Map("a").Has("b") {
			t.Errorf("%s has something", c.name)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("data ", 1<<19) // more than is kept in memory
	kind, body := multi(t, [][2]string{{"description", "d"}}, map[string]string{"file": text})
	p, err := httpio.Read(httptest.NewRecorder(), request(kind, body), 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	h := p.File("file")
	if h == nil || p.String("description") != "d" || p.File("other") != nil {
		t.Fatalf("file is %v", h)
	}
	f, err := h.Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	_ = f.Close()
	if err != nil || string(got) != text {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"a":[{"b":1}]}`, "a[b][]=1&a[][c]=2", "a[]=1&a[b]=2&a=3", "--x\r\nContent-Disposition: form-data; name=\"a[b]\"\r\n\r\n1\r\n--x--"} {
		for _, kind := range []string{"application/json", form, "multipart/form-data; boundary=x"} {
			f.Add(kind, "a[][b]=0", s)
		}
	}
	f.Fuzz(func(t *testing.T, kind, query, body string) {
		r := request("", body)
		r.Header["Content-Type"] = []string{kind}
		r.URL.RawQuery = query
		p, err := httpio.Read(httptest.NewRecorder(), r, 0)
		if p != nil {
			defer p.Close()
		}
		if err != nil {
			if k := errs.KindOf(err); k != errs.MalformedKind && k != errs.TooLargeKind {
				t.Fatalf("failed with kind %d: %v", k, err)
			}
			return
		}
		for _, key := range []string{"a", "", "a[b]"} {
			if strings.ContainsRune(p.String(key), 0) {
				t.Error("a null byte came through")
			}
			_, _, _, _, _ = p.Has(key), p.Flag(key), p.Int(key, 0), p.IDs(key), p.Text(key)
			for _, m := range p.Maps(key) {
				_ = m.List("b")
			}
			_ = p.Map(key).Maps("b")
		}
	})
}
