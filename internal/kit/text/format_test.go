package text

import (
	"strings"
	"testing"
)

func options() FormatOptions {
	return FormatOptions{
		Mentions: map[string]MentionLink{
			"alice":                {Username: "alice", URL: "https://cb6e6126.ngrok.io/@alice"},
			"bob@remote.test":      {Username: "Bob", Domain: "remote.test", URL: `https://remote.test/@Bob?a="b"&c`},
			"same":                 {Username: "same", URL: "https://here.test/@same"},
			"same@xn--r8jz45g.jp":  {Username: "same", Domain: "xn--r8jz45g.jp", URL: "https://xn--r8jz45g.jp/@same"},
			"user@127.0.0.1:3000":  {Username: "user", Domain: "127.0.0.1:3000", URL: "http://127.0.0.1:3000/@user"},
			"alice@cb6e6126.local": {Username: "alice", URL: "https://cb6e6126.ngrok.io/@alice"},
		},
		TagURL: func(name string) string { return "https://cb6e6126.ngrok.io" + TagPath(name) },
	}
}

// TestFormat: what people write here is text, whatever it looks like (HTM-10).
func TestFormat(t *testing.T) {
	t.Parallel()
	const alice = `<span class="h-card" translate="no"><a href="https://cb6e6126.ngrok.io/@alice" class="u-url mention">@<span>alice</span></a></span>`
	tests := []struct{ name, src, want string }{
		{"plain", "text", "<p>text</p>"},
		{"blank", " \n\t　", ""},
		{"break", "line\nfeed", "<p>line<br />feed</p>"},
		{"paragraphs", "a\n\nb\n\n\n\nc\nd\n", "<p>a</p><p>b</p><p>c<br />d</p>"},
		{"windows", "a\r\nb\r\n\r\nc\x00", "<p>a<br />b</p><p>c</p>"},
		{"mention", "@alice", "<p>" + alice + "</p>"},
		{"mention by domain", "hi @Alice@CB6E6126.local.", "<p>hi " + alice + ".</p>"},
		{"unknown mention", "@nobody @no@where.test", "<p>@nobody @no@where.test</p>"},
		{"escaped address", "@bob@remote.test", `<p><span class="h-card" translate="no"><a href="https://remote.test/@Bob?a=&quot;b&quot;&amp;c" class="u-url mention">@<span>Bob</span></a></span></p>`},
		{"same name", "@same@例え.jp", `<p><span class="h-card" translate="no"><a href="https://xn--r8jz45g.jp/@same" class="u-url mention">@<span>same@例え.jp</span></a></span></p>`},
		{"port", "@user@127.0.0.1:3000", `<p><span class="h-card" translate="no"><a href="http://127.0.0.1:3000/@user" class="u-url mention">@<span>user</span></a></span></p>`},
		{"hashtag", "#Hashtagタグ", `<p><a href="https://cb6e6126.ngrok.io/tags/hashtag%E3%82%BF%E3%82%B0" class="mention hashtag" rel="tag">#<span>Hashtagタグ</span></a></p>`},
		{"short url", "http://www.google.com!", `<p><a href="http://www.google.com" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">http://www.</span><span class="">google.com</span><span class="invisible"></span></a>!</p>`},
		{"long url", "https://example.com/0123456789012345678901234?a&b", `<p><a href="https://example.com/0123456789012345678901234?a&amp;b" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">https://</span><span class="ellipsis">example.com/012345678901234567</span><span class="invisible">8901234?a&amp;b</span></a></p>`},
		{"one too long", "https://example.com/0123456789012345678", `<p><a href="https://example.com/0123456789012345678" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">https://</span><span class="">example.com/0123456789012345678</span><span class="invisible"></span></a></p>`},
		{"bad port", "http://example.com:99999/", "<p>http://example.com:99999/</p>"},
		{"xmpp", "xmpp:user@instance.com", `<p><a href="xmpp:user@instance.com" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">xmpp:</span><span class="">user@instance.com</span><span class="invisible"></span></a></p>`},
		{"script", `<script>alert("Hello")</script>`, "<p>&lt;script&gt;alert(&quot;Hello&quot;)&lt;/script&gt;</p>"},
		{"attribute", `<img src="javascript:alert('XSS');">`, "<p>&lt;img src=&quot;javascript:alert(&#39;XSS&#39;);&quot;&gt;</p>"},
		{"invalid url", `http://www\.google\.com`, `<p>http://www\.google\.com</p>`},
		{"entity stays", "&amp; &lt;b&gt;", "<p>&amp;amp; &amp;lt;b&amp;gt;</p>"},
		{"not utf-8", "a\xffb", "<p>a\uFFFDb</p>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Format(tt.src, options()); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestFormatField(t *testing.T) {
	t.Parallel()
	o := options()
	o.RelMe, o.SingleLine, o.TagURL = true, true, nil
	got := Format("https://a.org @bob@remote.test #x", o)
	want := `<a href="https://a.org" target="_blank" rel="nofollow noopener me" translate="no"><span class="invisible">https://</span><span class="">a.org</span><span class="invisible"></span></a> ` +
		`<span class="h-card" translate="no"><a href="https://remote.test/@Bob?a=&quot;b&quot;&amp;c" class="u-url mention">@<span>Bob@remote.test</span></a></span> #x`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := ShortenedLink("javascript:alert(1)//'", true); got != "javascript:alert(1)//&#39;" {
		t.Error(got)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, spoiler string
		want                int
	}{
		{"ascii", "hello", "", 5},
		{"spoiler", "hello", "cw", 7},
		{"blank text", " \n ", "cw", 2},
		{"url", "a https://" + strings.Repeat("b", 30) + ".com/example?q=1", "", 25},
		{"unlinked", "https://localhost/x", "", 19},
		{"remote mention", "@alice@" + strings.Repeat("b", 30) + ".com!", "", 7},
		{"local mention", "@alice", "", 6},
		{"uri is not a url", "xmpp:user@instance.com", "", 22},
		{"family", "👨‍👩‍👧‍👦", "", 1},
		{"flags and skin", "🇩🇪🇫🇷👍🏽", "", 3},
		{"combining", "e\u0301e\u0301", "", 2},
		{"crlf", "a\r\nb", "", 3},
		{"cjk", "日本語", "", 3},
		{"hangul jamo", "\u1112\u1161\u11ab", "", 1},
		{"rtl", "\u200fשלום", "", 5},
		{"spoiler is literal", "", "@a@b.com https://example.com", 28},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Count(tt.text, tt.spoiler); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestTruncate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"hello", 3, "hel"}, {"hello", 9, "hello"}, {"hello", 0, ""}, {"hello", -1, ""},
		{"👨‍👩‍👧‍👦x👍🏽y", 3, "👨‍👩‍👧‍👦x👍🏽"}, {"日本語", 2, "日本"},
	} {
		if got := Truncate(tt.in, tt.n); got != tt.want {
			t.Errorf("Truncate(%q, %d) = %q", tt.in, tt.n, got)
		}
	}
}

const samplePost = "Hello @alice and @bob@remote.test! I read https://example.com/articles/2026/10/a-long-title-here?utm_source=x today, " +
	"and it made me think of #Fediverse #OpenSource. これは日本語のテキストです。 It is longer than it has to be, but so is the rest of this post, " +
	"which goes on until five hundred characters are reached.\n\nSecond paragraph with <b>markup</b> & entities, an emoji 👨‍👩‍👧‍👦 and :blobcat: too.\nBye! #end https://b.org/"

func BenchmarkFormat(b *testing.B) {
	o := options()
	b.ReportAllocs()
	for b.Loop() {
		Format(samplePost, o)
	}
}

func BenchmarkCount(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Count(samplePost, "")
	}
}

func BenchmarkSanitize(b *testing.B) {
	html := Format(samplePost, options())
	b.ReportAllocs()
	for b.Loop() {
		Sanitize(html)
	}
}

func BenchmarkPlain(b *testing.B) {
	html := Format(samplePost, options())
	b.ReportAllocs()
	for b.Loop() {
		Plain(html)
	}
}
