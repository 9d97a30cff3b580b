package e2e

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Browser is a person's browser without JavaScript: it keeps cookies, follows redirects within the server and sends forms whole.
type Browser struct {
	t      testing.TB
	server *Server
	client *http.Client
}

// Browser returns a new one without cookies.
func (s *Server) Browser() *Browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &Browser{t: s.t, server: s, client: &http.Client{Jar: jar, CheckRedirect: stay, Timeout: patience}}
}

func (b *Browser) hold(t testing.TB) (before testing.TB) {
	before, b.t = b.t, t
	return before
}

// Page is what a browser shows.
type Page struct {
	// URL is where the browser is, or where it was sent when that is elsewhere.
	URL    *url.URL
	Status int
	Header http.Header
	Body   string
	Forms  []Form

	browser *Browser
}

// Form is one form of a page.
type Form struct {
	Method, Action string
	// Fields are the values as the page has them; Types are the kinds of the fields by name.
	Fields url.Values
	Types  map[string]string
}

// Open loads a page by its path or address.
func (b *Browser) Open(path string) Page {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.server.URL + path
	}
	return b.load(http.MethodGet, path, nil)
}

// mostRedirects is more than any page here needs.
const mostRedirects = 10

func (b *Browser) load(method, address string, fields url.Values) Page {
	b.t.Helper()
	for range mostRedirects {
		page := b.ask(method, address, fields)
		target, err := page.URL.Parse(page.Header.Get("Location"))
		if err != nil {
			b.t.Fatalf("%s sends to %q: %v", address, page.Header.Get("Location"), err)
		}
		if page.Status < 300 || page.Status > 399 {
			return page
		}
		if !strings.HasPrefix(target.String(), b.server.URL+"/") {
			page.URL = target
			return page
		}
		method, address, fields = http.MethodGet, target.String(), nil
	}
	b.t.Fatalf("too many redirects, the last to %s", address)
	return Page{}
}

// Upload sends a form with a file, written as it stands, and shows the page that it leads to.
func (b *Browser) Upload(path, kind, form string) Page {
	b.t.Helper()
	page := b.send(http.MethodPost, b.server.URL+path, kind, strings.NewReader(form))
	if at, err := page.URL.Parse(page.Header.Get("Location")); err == nil && page.Status == http.StatusSeeOther {
		return b.load(http.MethodGet, at.String(), nil)
	}
	return page
}

func (b *Browser) ask(method, address string, fields url.Values) Page {
	b.t.Helper()
	if fields == nil {
		return b.send(method, address, "", nil)
	}
	return b.send(method, address, "application/x-www-form-urlencoded", strings.NewReader(fields.Encode()))
}

func (b *Browser) send(method, address, kind string, body io.Reader) Page {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, address, body)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Accept", "text/html,application/xhtml+xml")
	if kind != "" {
		request.Header.Set("Content-Type", kind)
		request.Header.Set("Origin", b.server.URL)
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	answer, err := b.client.Do(request)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, address, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, pageLimit))
	if err != nil {
		b.t.Fatalf("reading %s: %v", address, err)
	}
	return Page{URL: request.URL, Status: answer.StatusCode, Header: answer.Header, Body: string(text), Forms: formsOf(text), browser: b}
}

// Want fails the test unless the page has this status.
func (p Page) Want(status int) Page {
	p.browser.t.Helper()
	if p.Status != status {
		p.browser.t.Fatalf("%s: status %d, want %d: %s", p.URL, p.Status, status, shorten([]byte(p.Body)))
	}
	return p
}

// Form returns the first form that posts and has a field of a type, such as "password"; or, with no type, whose action ends so.
func (p Page) Form(kind, action string) Form {
	p.browser.t.Helper()
	for _, form := range p.Forms {
		has := slices.Contains(slices.Collect(maps.Values(form.Types)), kind)
		target, err := p.URL.Parse(form.Action)
		if err != nil || form.Method != "post" || (kind != "" && !has) || !strings.HasSuffix(target.Path, action) || form.Fields.Get("_method") != "" {
			continue
		}
		return form
	}
	p.browser.t.Fatalf("%s (status %d) has no form with a %s to %s: %s", p.URL, p.Status, kind, action, shorten([]byte(p.Body)))
	return Form{}
}

// Fill sets each field whose name contains the part, or fails.
func (p Page) Fill(form Form, parts map[string]string) {
	p.browser.t.Helper()
	for part, value := range parts {
		filled := false
		for name := range form.Fields {
			if strings.Contains(name, part) {
				form.Fields.Set(name, value)
				filled = true
			}
		}
		if !filled {
			p.browser.t.Fatalf("the form at %s has no field like %q: %v", p.URL, part, form.Fields)
		}
	}
}

// Submit sends a form as a browser does.
func (p Page) Submit(form Form) Page {
	p.browser.t.Helper()
	target, err := p.URL.Parse(form.Action)
	if err != nil {
		p.browser.t.Fatal(err)
	}
	return p.browser.load(http.MethodPost, target.String(), form.Fields)
}

// SignIn signs a person in by the form, and returns the page that follows.
func (b *Browser) SignIn(email, password string) Page {
	b.t.Helper()
	page := b.Open("/auth/sign_in").Want(http.StatusOK)
	form := page.Form("password", "")
	page.Fill(form, map[string]string{"email": email, "password": password})
	return page.Submit(form)
}

// formsOf finds the forms of a page with what a browser would send of them.
func formsOf(text []byte) []Form {
	var forms []Form
	var form *Form
	tokens := html.NewTokenizer(bytes.NewReader(text))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return forms
		case html.EndTagToken:
			if name, _ := tokens.TagName(); string(name) == "form" {
				form = nil
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := tokens.Token()
			if tag.Data == "form" {
				forms = append(forms, Form{Method: strings.ToLower(attribute(tag, "method")), Action: attribute(tag, "action"), Fields: url.Values{}, Types: map[string]string{}})
				form = &forms[len(forms)-1]
			} else if form != nil {
				form.add(tag)
			}
		}
	}
}

// add notes a field. Check boxes that a person must tick are ticked.
func (f *Form) add(tag html.Token) {
	name, kind, value := attribute(tag, "name"), attribute(tag, "type"), attribute(tag, "value")
	switch {
	case name == "":
		return
	case tag.Data == "button":
		if f.Types[name] == "" && len(f.Fields[name]) == 0 {
			f.Fields.Set(name, value)
		}
	case tag.Data == "select" || tag.Data == "textarea":
		f.Fields.Set(name, "")
	case tag.Data != "input":
		return
	case kind == "checkbox" && (has(tag, "required") || has(tag, "checked")), kind == "radio" && has(tag, "checked"):
		f.Fields.Set(name, value)
	case kind != "checkbox" && kind != "radio" && kind != "submit":
		f.Fields.Set(name, value)
	}
	f.Types[name] = kind
}

func attribute(tag html.Token, name string) string {
	for _, one := range tag.Attr {
		if one.Key == name {
			return one.Val
		}
	}
	return ""
}

func has(tag html.Token, name string) bool {
	return slices.ContainsFunc(tag.Attr, func(one html.Attribute) bool { return one.Key == name })
}
