package view

import (
	"bytes"
	"html/template"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// draw renders one sample page and parses it.
func draw(t *testing.T, r *Renderer, page func(*Renderer, io.Writer) error) (string, *html.Node) {
	t.Helper()
	var out bytes.Buffer
	if err := page(r, &out); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), doc
}

func attr(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

// elements are all nodes with one of the names, or all elements.
func elements(doc *html.Node, names ...string) []*html.Node {
	var found []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && (len(names) == 0 || slices.Contains(names, n.Data)) {
			found = append(found, n)
		}
	}
	return found
}

func TestEveryPageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	r := newRenderer(t, builtDist())
	for name, page := range samplePages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, doc := draw(t, r, page)
			meta := map[string]string{}
			for _, m := range elements(doc, "meta") {
				key, ok := attr(m, "property")
				if !ok {
					key, _ = attr(m, "name")
				}
				meta[key], _ = attr(m, "content")
			}
			for _, key := range []string{"description", "og:title", "og:type", "og:description", "og:url", "og:image", "og:site_name", "twitter:card", "viewport"} {
				if meta[key] == "" {
					t.Errorf("no %s", key)
				}
			}
			for _, key := range []string{"og:url", "og:image"} {
				if !strings.HasPrefix(meta[key], "https://") {
					t.Errorf("%s is %q, want an absolute address", key, meta[key])
				}
			}
			if titles := elements(doc, "title"); len(titles) != 1 || titles[0].FirstChild == nil || strings.TrimSpace(titles[0].FirstChild.Data) == "" {
				t.Error("no title")
			}
			if h1 := elements(doc, "h1"); len(h1) != 1 {
				t.Errorf("%d h1, want 1", len(h1))
			}
			root := elements(doc, "html")[0]
			if lang, _ := attr(root, "lang"); lang == "" {
				t.Error("no language")
			}
			if dir, _ := attr(root, "dir"); (dir == "rtl") != strings.HasSuffix(name, "_rtl") {
				t.Errorf("direction is %q", dir)
			}
			canonical := 0
			for _, l := range elements(doc, "link") {
				if rel, _ := attr(l, "rel"); rel == "canonical" {
					canonical++
				}
			}
			if canonical != 1 {
				t.Errorf("%d canonical links, want 1", canonical)
			}
		})
	}
}

// A strict Content-Security-Policy allows nothing inline; html.Parse forgives, so tags are balanced by hand.
func TestPagesAreWellFormedAndHoldNothingInline(t *testing.T) {
	t.Parallel()
	r := newRenderer(t, builtDist())
	for name, page := range samplePages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, doc := draw(t, r, page)
			checkBalanced(t, text)
			if strings.Contains(text, "ZgotmplZ") {
				t.Error("a template put a value where it cannot be safe")
			}
			for _, n := range elements(doc) {
				if _, ok := attr(n, "style"); ok || n.Data == "style" {
					t.Errorf("<%s> has inline style", n.Data)
				}
				if _, ok := attr(n, "src"); n.Data == "script" && !ok {
					t.Error("inline script")
				}
				for _, a := range n.Attr {
					if strings.HasPrefix(a.Key, "on") {
						t.Errorf("<%s> has a handler %s", n.Data, a.Key)
					}
					if (a.Key == "href" || a.Key == "action") && a.Val == "" {
						t.Errorf("<%s> leads nowhere", n.Data)
					}
				}
			}
		})
	}
}

func checkBalanced(t *testing.T, text string) {
	t.Helper()
	void := []string{"area", "base", "br", "hr", "img", "input", "link", "meta", "source", "wbr"}
	var open []string
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if z.Err() != io.EOF || len(open) > 0 {
				t.Errorf("page ends inside %v: %v", open, z.Err())
			}
			return
		case html.StartTagToken:
			if name, _ := z.TagName(); !slices.Contains(void, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Errorf("</%s> closes %v", name, open)
				return
			}
			open = open[:len(open)-1]
		}
	}
}

func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	r := newRenderer(t, builtDist())
	for name, page := range samplePages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, doc := draw(t, r, page)
			ids, labelled := map[string]int{}, map[string]bool{}
			for _, n := range elements(doc) {
				if id, ok := attr(n, "id"); ok {
					ids[id]++
				}
				if target, ok := attr(n, "for"); ok && n.Data == "label" {
					labelled[target] = true
				}
			}
			for id, count := range ids {
				if count > 1 {
					t.Errorf("id %q is used %d times", id, count)
				}
			}
			for _, n := range elements(doc) {
				for _, key := range []string{"aria-describedby", "aria-labelledby"} {
					refs, _ := attr(n, key)
					for ref := range strings.FieldsSeq(refs) {
						if ids[ref] == 0 {
							t.Errorf("<%s> %s points at %q, which does not exist", n.Data, key, ref)
						}
					}
				}
				switch n.Data {
				case "img":
					if _, ok := attr(n, "alt"); !ok {
						t.Error("picture without alt")
					}
				case "input", "textarea":
					kind, _ := attr(n, "type")
					id, _ := attr(n, "id")
					if kind != "hidden" && !labelled[id] {
						t.Errorf("input %q has no label", id)
					}
				case "form":
					if !hasToken(n) {
						t.Error("form without _csrf")
					}
				}
			}
		})
	}
}

func hasToken(form *html.Node) bool {
	for _, input := range elements(form, "input") {
		name, _ := attr(input, "name")
		if value, _ := attr(input, "value"); name == "_csrf" && value != "" {
			return true
		}
	}
	return false
}

// hostile is put in every text field of every page: it must come out as text, never as an element, attribute or scheme.
const hostile = `"'><script src=//evil.example></script><img src=x onerror=alert(1)><b id="broken-out">` + "\u202e\x00{{.}}</title></textarea>"

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	r := newRenderer(t, builtDist())
	form := Form{}
	fill(reflect.ValueOf(&form).Elem(), 0)
	form.Errors = map[string]string{"email": hostile, "password": hostile, "username": hostile, "reason": hostile, "agreement": hostile, "handle": hostile, "current_password": hostile}
	pages := map[string]page{
		"landing": &Landing{}, "about": &About{}, "paper": &Paper{}, "profile": &Profile{}, "thread": &Thread{}, "embed": &Embed{}, "tag": &Tag{}, "collection": &Collection{}, "sign_in": &SignIn{}, "sign_up": &SignUp{},
		"signed_up": &SignedUp{}, "confirmed": &Confirmed{}, "forgot_password": &ForgotPassword{}, "reset_password": &ResetPassword{}, "consent": &Consent{},
		"out_of_band": &OutOfBand{}, "apps": &Apps{}, "account": &AccountSettings{}, "authorize_interaction": &AuthorizeInteraction{},
		"remote_follow": &RemoteFollow{}, "failure": &Failure{}, "profile_settings": &ProfileSettings{}, "cleanup_settings": &CleanupSettings{}, "pending": &Pending{},
		"export": &Export{}, "imports": &Imports{}, "import": &ImportPage{}, "invites": &Invites{}, "subscribe": &Subscribe{}, "report": &Report{},
	}
	if len(pages) != len(r.pages) {
		t.Fatalf("%d pages are tried, %d exist", len(pages), len(r.pages))
	}
	for name, p := range pages {
		for _, mode := range []SignUpMode{SignUpsApproval, SignUpsClosed} {
			t.Run(name+"_"+string(mode), func(t *testing.T) {
				t.Parallel()
				p := reflect.New(reflect.TypeOf(p).Elem())
				fill(p.Elem(), 0)
				filled := p.Interface().(page)
				filled.base().Site.SignUps = mode
				if f := p.Elem().FieldByName("Form"); f.IsValid() {
					f.Set(reflect.ValueOf(form))
				}
				_, doc := draw(t, r, func(r *Renderer, w io.Writer) error { return r.render(w, name, filled) })
				for _, n := range elements(doc) {
					checkHarmless(t, n)
				}
			})
		}
	}
}

func checkHarmless(t *testing.T, n *html.Node) {
	t.Helper()
	if id, _ := attr(n, "id"); id == "broken-out" {
		t.Error("text became an element")
	}
	for _, a := range n.Attr {
		if strings.HasPrefix(a.Key, "on") || a.Key == "src" && strings.HasPrefix(a.Val, "//evil") {
			t.Errorf("text became an attribute of <%s>: %s=%q", n.Data, a.Key, a.Val)
		}
		if (a.Key == "href" || a.Key == "src" || a.Key == "action" || a.Key == "poster") && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
			t.Errorf("<%s> would run %s=%q", n.Data, a.Key, a.Val)
		}
	}
}

// fill puts hostile text in every string, a script address in every URL, and something in every list and pointer.
func fill(v reflect.Value, depth int) {
	if depth > 6 || !v.CanSet() || v.Type() == reflect.TypeFor[template.HTML]() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile)
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Pointer:
		if depth > 4 {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			fill(f, depth+1)
			if name := v.Type().Field(i).Name; f.Kind() == reflect.String && f.CanSet() && (strings.HasSuffix(name, "URL") || strings.HasSuffix(name, "URI") || name == "Website" || name == "AppWebsite") {
				f.SetString("javascript:alert(1)//" + hostile)
			}
		}
	}
}
