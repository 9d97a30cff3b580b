package text

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const linkAttrs = ` rel="nofollow noopener" target="_blank"`

func TestSanitize(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"headings", "<h1>Foo</h1>a<h6 class=x lang=de>B</h6>", `<p><strong>Foo</strong></p>a<p lang="de"><strong>B</strong></p>`},
		{"heading with paragraph", "<h1><p>Foo</p></h1>", "<p><strong> Foo </strong></p>"},
		{"lists", "<p>Check out:</p><ul><li>Foo</li><li>Bar</li></ul>", "<p>Check out:</p><ul><li>Foo</li><li>Bar</li></ul>"},
		{"ordered", `<ol start="3" reversed="" type=a><li value=2>Foo<li value=x>Bar</ol>`, `<ol start="3" reversed=""><li value="2">Foo</li><li>Bar</li></ol>`},
		{"ruby", "<p><ruby>明日 <rp>(</rp><rt>Ashita</rt><rp>)</rp></ruby></p>", "<p><ruby>明日 <rp>(</rp><rt>Ashita</rt><rp>)</rp></ruby></p>"},
		{"inline", "<b>b</b><strong>s</strong><u>u</u><i>i</i><em>e</em><del>d</del><s>s</s><code>c</code>", "<b>b</b><strong>s</strong><u>u</u><i>i</i><em>e</em><del>d</del><s>s</s><code>c</code>"},
		{"a without href", `<a><span class="invisible">foo&amp;</span><span>Test</span></a>`, "foo&amp;Test"},
		{"other scheme", `<a href="foo://bar">Test&lt;a href="https://example.com"&gt;x&lt;/a&gt;</a>`, `Test&lt;a href="https://example.com"&gt;x&lt;/a&gt;`},
		{"link", `<a href="http://example.com">Test</a>`, `<a href="http://example.com"` + linkAttrs + `>Test</a>`},
		{"translate", `<a href="http://example.com" translate="no">T</a><span translate="foo">x</span>`, `<a href="http://example.com" translate="no"` + linkAttrs + `>T</a><span>x</span>`},
		{"leading blank", `<a href=" https://google.fr">Test</a>`, "Test"},
		{"no host", `<a href="dweb:/a/foo">Test</a>`, `<a href="dweb:/a/foo"` + linkAttrs + `>Test</a>`},
		{"rel and target", `<a rel="me opener" target="_top" href="https://a.org">x</a>`, `<a rel="nofollow noopener" href="https://a.org" target="_blank">x</a>`},
		// HTM-07: only classes of the list stay.
		{"classes", `<span class="h-card p-x mention evil u-url modal-root h">x</span><p class="quote-inline btn">y</p><b class=mention>z</b>`, `<span class="h-card p-x mention u-url">x</span><p class="quote-inline">y</p><b>z</b>`},
		{"no class left", `<span class="x">y</span>`, `<span class="">y</span>`},
		{"math", `<math><semantics><mrow><msup><mi>x</mi></msup></mrow><annotation encoding="application/x-tex">x^n+y</annotation></semantics></math>`, "$x^n+y$"},
		{"math block", `<math display="block"><semantics><mi>x</mi><annotation encoding="application/x-tex">x&lt;y</annotation></semantics></math>`, "$$x&lt;y$$"},
		{"math plain", `<math><semantics><mi>x</mi><annotation encoding="text/plain">sqrt(x)</annotation></semantics></math>`, "sqrt(x)"},
		{"math prefers tex", `<math><semantics><mi>x</mi><annotation encoding="text/plain">sqrt(x)</annotation><annotation encoding="application/x-tex">\sqrt x</annotation></semantics></math>!`, `$\sqrt x$!`},
		{"math without annotation", `a<math><mi>x</mi></math>b`, "ab"},
		{"divs leave spaces", "<div>a</div><section>b</section><hr><div></div>", " a  b   "},
		{"removed with content", "a<script>x</script><style>x</style><iframe>x</iframe><noscript>x</noscript><svg><circle/>x</svg>b", "ab"},
		{"removed without content", `<img src=x onerror=alert(1)><video>v</video><form><input><button>b</button></form><u-v>c</u-v>`, "vbc"},
		{"comment and doctype", "<!DOCTYPE html><!-- a --><?php x ?><![CDATA[y]]>z", "z"},
		{"unclosed", "<p><b>a<p>b", "<p><b>a</b></p><p>b</p>"},
		{"stray ends", "</p></b>a</ul>b</br>", "ab<br>"},
		{"wrongly nested", "<b><p>a</b>b</p>c", "<b><p>ab</p>c</b>"},
		{"link in link", `<a href="https://a.org">a<a href="https://b.org">b</a></a>`, `<a href="https://a.org"` + linkAttrs + `>a</a><a href="https://b.org"` + linkAttrs + `>b</a>`},
		{"pre keeps its line feeds", "<pre>\n\nfoo</pre><pre>\nbar</pre>", "<pre>\n\nfoo</pre><pre>bar</pre>"},
		{"entities", "a &nbsp;&lt;b&gt; &amp;amp; &quot;&#39;", "a &nbsp;&lt;b&gt; &amp;amp; \"'"},
		{"control characters", "a\x00\x01\x1b&#1;&#13;\u0085b", "a\nb"},
		{"nbsp in attribute", "<a href='https://a.org/\u00a0\"<>&'>x</a>", `<a href="https://a.org/&nbsp;&quot;&lt;&gt;&amp;"` + linkAttrs + `>x</a>`},
		{"mastodon's own", `<p><span class="h-card" translate="no"><a href="https://a.org/@b" class="u-url mention">@<span>b</span></a></span><br />x</p>`,
			`<p><span class="h-card" translate="no"><a href="https://a.org/@b" class="u-url mention"` + linkAttrs + `>@<span>b</span></a></span><br>x</p>`},
		{"shortened link", `<a href="https://www.a.org/long/path"><span class="invisible">https://www.</span><span class="ellipsis">a.org/lo</span><span class="invisible">ng/path</span></a>`,
			`<a href="https://www.a.org/long/path"` + linkAttrs + `><span class="invisible">https://www.</span><span class="ellipsis">a.org/lo</span><span class="invisible">ng/path</span></a>`},
		{"link that hides its host", `<a href="https://evil.org/bank.example"><span class="invisible">https://evil.org/</span><span>bank.example</span></a>`,
			`<a href="https://evil.org/bank.example"` + linkAttrs + `><span class="">https://evil.org/</span><span>bank.example</span></a>`},
		{"link that hides its user", `<a href="https://bank.example@evil.org/"><span class="ellipsis">bank.example</span><span class="a invisible h-x">@evil.org/</span></a>`,
			`<a href="https://bank.example@evil.org/"` + linkAttrs + `><span class="ellipsis">bank.example</span><span class="h-x">@evil.org/</span></a>`},
		{"link to a beginning of what it shows", `<a href="https://good.co/"><span class="invisible">https://</span>good.com</a>`,
			`<a href="https://good.co/"` + linkAttrs + `><span class="">https://</span>good.com</a>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Sanitize(tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			checkClean(t, got)
		})
	}
}

// attacks are ways around sanitizers, of the kinds in the collections of DOMPurify and html5lib.
func attacks() []string {
	return []string{
		`<script>alert(1)</script>`, `<scr<script>ipt>alert(1)</script>`, `<SCRIPT/SRC=//e.org></SCRIPT>`,
		`<img src=x onerror=alert(1)//`, `<svg onload=alert(1)>`, `<svg><style><img src=x onerror=alert(1)></style></svg>`,
		`<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">`,
		`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`,
		`<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>`,
		`<math><annotation-xml encoding="text/html"><style><img src=x onerror=alert(1)></style></annotation-xml></math>`,
		`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, `<title><a href="</title><img src=x onerror=alert(1)>">`,
		`<textarea><p title="</textarea><img src=x onerror=alert(1)>">`, `<template><script>alert(1)</script></template>`,
		`<select><style></select><img src=x onerror=alert(1)></style>`, `<xmp><p title="</xmp><img src=x onerror=alert(1)>">`,
		`<a href="javascript:alert(1)">x</a>`, `<a href="JaVaScRiPt:alert(1)">x</a>`, "<a href=\"java\nscript:alert(1)\">x</a>",
		"<a href=\"\x01javascript:alert(1)\">x</a>", `<a href="&#106;avascript&colon;alert(1)">x</a>`, `<a href="data:text/html,<script>alert(1)</script>">x</a>`,
		`<a href="vbscript:x">x</a>`, `<a href="//evil.org">x</a>`, `<a href="https&#58;//a.org" href="javascript:alert(1)">x</a>`,
		`<a href="javascript:alert(1)" href="https://a.org">x</a>`, `<a href='https://a.org/"onmouseover="alert(1)'>x</a>`,
		`<p style="position:fixed" id=x data-x=y onclick=alert(1) class="modal-root invisible">x</p>`,
		`<a href="https://x/:evil:" title=":evil:" ping="https://e.org" download>:evil:</a>`,
		`<iframe srcdoc="<script>alert(1)</script>"></iframe>`, `<object data="data:text/html,x"><embed src=x>`, `<base href="https://e.org/">`,
		`<meta http-equiv=refresh content="0;url=https://e.org">`, `<link rel=stylesheet href=//e.org>`, `<body onload=alert(1)>`,
		`<p><table><a href="https://a.org"><td><p><a href="https://b.org">x</table></p>`, `<b><b><b><b><b><p>x</b></b></b></b></b>y`,
		`<li><div><li><table><li><p><ul></p></li>`, `<ruby><rt><p><rt><rp></ruby><rt>x`, `<pre><pre>` + "\n\n" + `x</pre>`, `<a href="https://a.org"><pre>` + "\n" + `</a>` + "\n\n",
		`<plaintext>x</plaintext><script>`, `<!--><img src=x onerror=alert(1)>-->`, `<!-- --!><img src=x onerror=alert(1)> -->`, `<![CDATA[><img src=x onerror=alert(1)>]]>`,
		`<?xml version="1.0"?><p>x</p>`, `<p`, `<`, `&`, `&#x110000;&#0;&#xD800;&#128;`, `<a href="https://a.org`, "<p\x00>x</p\x00>",
		`<h1><h2><ul><li></h1>x`, `<math><semantics><annotation encoding=application/x-tex><p>x</p><script>alert(1)</script></annotation></semantics></math>`,
		`<math><semantics><annotation encoding="text/plain">&lt;img src=x onerror=alert(1)&gt;`,
	}
}

// TestSanitizeAttacks: mutations, foreign elements, coded schemes (HTM-01).
func TestSanitizeAttacks(t *testing.T) {
	t.Parallel()
	for _, in := range attacks() {
		got := Sanitize(in)
		checkClean(t, got)
		if low := strings.ToLower(got); strings.Contains(low, "<script") || strings.Contains(low, "<img") || strings.Contains(low, "href=\"java") {
			t.Errorf("%s\ngave %s", in, got)
		}
	}
}

// checkClean keeps what Sanitize promises: nothing that the oracle would take away, stable, and read by a browser as written.
func checkClean(t *testing.T, out string) {
	t.Helper()
	if again := Sanitize(out); again != out {
		t.Errorf("not stable:\n%q\n%q", out, again)
	}
	if len(out) > MaxHTML {
		t.Errorf("%d bytes", len(out))
	}
	if got, want := withoutText(oracle().Sanitize(out)), withoutText(out); got != want {
		t.Errorf("the oracle disagrees:\n%q\n%q", want, got)
	}
	nodes, err := html.ParseFragment(strings.NewReader(out), &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body})
	if err != nil {
		t.Fatal(err)
	}
	var tree strings.Builder
	for _, n := range nodes {
		if err := html.Render(&tree, n); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := tokens(tree.String()), tokens(out); got != want {
		t.Errorf("a browser reads it as another tree:\n%q\n%q", want, got)
	}
}

func oracle() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "del", "s", "pre", "blockquote", "code", "b", "strong", "u", "i", "em", "ul", "ol", "li", "ruby", "rt", "rp")
	p.AllowNoAttrs().OnElements("span")
	p.AllowURLSchemes("http", "https", "dat", "dweb", "ipfs", "ipns", "ssb", "gopher", "xmpp", "magnet", "gemini")
	p.AllowAttrs("href", "rel", "class", "translate", "target").OnElements("a")
	p.AllowAttrs("class", "translate").OnElements("span")
	p.AllowAttrs("class").OnElements("p")
	p.AllowAttrs("start", "reversed").OnElements("ol")
	p.AllowAttrs("value").OnElements("li")
	p.AllowAttrs("lang").Globally()
	return p
}

// withoutText lists the elements and the names of their attributes; the oracle rewrites texts and addresses its own way.
func withoutText(s string) string {
	z := html.NewTokenizer(strings.NewReader(s))
	var b strings.Builder
	for z.Next() != html.ErrorToken {
		tok := z.Token()
		if tok.Type == html.TextToken || tok.DataAtom == atom.A {
			continue // the oracle drops links that its URL parser refuses; TestSanitize and the scheme list cover them
		}
		var names []string
		for _, a := range tok.Attr {
			names = append(names, a.Key)
		}
		slices.Sort(names)
		b.WriteString(tok.Type.String() + tok.Data + strings.Join(names, ",") + "\n")
	}
	return b.String()
}

// tokens renders s token by token, as html.Render does nodes, with sorted attributes.
func tokens(s string) string {
	z := html.NewTokenizer(strings.NewReader(s))
	var b strings.Builder
	for z.Next() != html.ErrorToken {
		tok := z.Token()
		if tok.Type == html.StartTagToken && tok.DataAtom == atom.Br {
			tok.Type = html.SelfClosingTagToken
		}
		slices.SortFunc(tok.Attr, func(a, b html.Attribute) int { return strings.Compare(a.Key, b.Key) })
		b.WriteString(tok.String())
	}
	return b.String()
}

// TestSanitizeBounds reads a mebibyte of what multiplies work (FET-08).
func TestSanitizeBounds(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, unit := range map[string]string{
		"nested":     "<blockquote>",
		"formatting": "<b class=x><i><p>",
		"links":      `<a href=http:>x`,
		"ampersands": "&",
		"ends":       "</b></p>",
		"spans":      `<a href="https://a.org"><span class="invisible">a</span>`,
		"foreign":    "<math><semantics><annotation>",
		"attributes": `<p a=1 b=2 c=3 d=4 class="h-x">`,
		"open quote": `<a href="`,
		"entities":   "&#x0;&nbsp;",
		"nbsp":       "\u00a0",
		"pre":        "<pre>\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := strings.Repeat(unit, mib/len(unit))
			checkClean(t, Sanitize(in))
			if got := Plain(in); len(got) > MaxHTML {
				t.Errorf("Plain gives %d bytes", len(got))
			}
			Links(in)
		})
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"<p>Lorem<br>ipsum</p><p>x &amp; &lt;b&gt;</p>": "Lorem\nipsum\nx & <b>",
		"a<br /><br>b</p>": "a\nb",
		"<p>a</p>":         "a",
		"a<script>alert(1)</script><svg><svg>x</svg>y</svg>b":     "ab",
		`<a href="https://a.org">a<span class=invisible>b</span>`: "ab",
		"": "",
	} {
		if got := Plain(in); got != want {
			t.Errorf("Plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	in := Format("@alice #tag https://a.org/x?y&z xmpp:a@b.org https://b.org https://a.org/x?y&z", options()) +
		`<p class="quote-inline">RE: <span><a href="https://q.org">q</a></span></p><a href="https://c.org" class="u-url">c</a><a href="https://d.org">d</a>`
	want := []string{"https://a.org/x?y&z", "https://b.org", "https://d.org"}
	for _, in := range []string{in, Sanitize(in)} {
		if got := Links(in); !slices.Equal(got, want) && in != "" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
