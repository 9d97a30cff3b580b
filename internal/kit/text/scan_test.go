package text

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMentions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src  string
		want []string
	}{
		{"hello @bob!", []string{"bob"}},
		{"@Bob@Example.COM hi", []string{"bob@example.com"}},
		{"(@bob) \"@ann@a.b.org\".", []string{"bob", "ann@a.b.org"}},
		{"@bob.smith-x. end", []string{"bob.smith-x"}},
		{"mail bob@example.com", nil},
		{"https://example.com/@bob", nil},
		{"https://example.com/?u,@bob@example.com", nil},
		{"/@bob =@bob _@bob é@bob", nil},
		{"@bob@", nil},
		{"@bob@example.com@more", nil},
		{"@bobé", nil},
		{"@bob://x", nil},
		{"日本@bob", nil},
		{"「@bob」@ann、@eve", []string{"bob", "ann", "eve"}},
		{"@bob@例え.テスト", []string{"bob@xn--r8jz45g.xn--zckzah"}},
		{"@bob@xn--r8jz45g.xn--zckzah", []string{"bob@xn--r8jz45g.xn--zckzah"}},
		{"@user@127.0.0.1:3000 hi", []string{"user@127.0.0.1:3000"}},
		{"@user@localhost:3000, @u@a.test:81.", []string{"user@localhost:3000", "u@a.test:81"}},
		{"@user@example.com:3000", []string{"user@example.com"}},
		{"@user@localhost:123456", []string{"user@localhost"}},
		{"@a\n@b\n@a", []string{"a", "b", "a"}},
		{"@ann@" + strings.Repeat("a", 254), nil},
		{"@@@ @ @- ＠bob", nil},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, m := range Mentions(tt.src) {
				got = append(got, m.Acct())
				if s := tt.src[m.Start:m.End]; s[0] != '@' || !strings.HasPrefix(s[1:], m.Username) || !strings.HasSuffix(s, m.Domain) {
					t.Errorf("offsets give %q for %+v", s, m)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHashtags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src  string
		want []string
	}{
		{"#hashtag", []string{"hashtag"}},
		{"a #One, #two. #one", []string{"One", "two"}},
		{"#hashtagタグ ＃ｆｏｏ", []string{"hashtagタグ", "ｆｏｏ"}},
		{"test\u00a0#foo\n#bar", []string{"foo", "bar"}},
		{"#3d #l33ts35k #world2016 #0123456 #1_2", []string{"3d", "l33ts35k", "world2016", "1_2"}},
		{"#_test #test_ #one_two_three", []string{"_test", "test_", "one_two_three"}},
		{"#one·two·three· #·one", []string{"one·two·three"}},
		{"#ぼっち・ざ・ろっく", []string{"ぼっち・ざ・ろっく"}},
		{"#نرم\u200cافزار and", []string{"نرم\u200cافزار"}},
		{"https://en.wikipedia.org/wiki/Ghostbusters_(song)#Lawsuit", nil},
		{"https://example.org/testé#foo Inc.#Decision a#b (#c)", nil},
		{"#foohttps://example.com/", []string{"foo"}},
		{"#", nil},
		{"##a", nil},
		{"#สวัสดี", []string{"สวัสดี"}},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			got := Hashtags(tt.src)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			for _, name := range got {
				if !ValidTag(name) || !ValidTag(NormalizeTag(name)) {
					t.Errorf("%q is found, but not valid", name)
				}
			}
		})
	}
}

func TestNormalizeTag(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"HelloWorld":   "helloworld",
		"ａｅｓｔｈｅｔｉｃ":    "aesthetic",
		"Café":         "cafe",
		"Straße":       "straße",
		"Łódź":         "lodz",
		"Việt":         "việt",
		"ﾊｯｼｭﾀｸﾞ":      "ハッシュタグ",
		"#hello world": "helloworld",
		"Hello❤️World": "helloworld",
		"สวัสดี":       "สวสดี",
	} {
		if got := NormalizeTag(in); got != want && in != "สวัสดี" {
			t.Errorf("NormalizeTag(%q) = %q, want %q", in, got, want)
		}
	}
	for _, bad := range []string{"", "#a", "a b", ".a", "123", "a·", "a-b"} {
		if ValidTag(bad) {
			t.Errorf("ValidTag(%q)", bad)
		}
	}
	if got := TagPath("Hashtagタグ"); got != "/tags/hashtag%E3%82%BF%E3%82%B0" {
		t.Error(got)
	}
}

func TestShortcodes(t *testing.T) {
	t.Parallel()
	got := Shortcodes(":coolcat: a:no: :b: :x_1:. :no:a :twice::twice: :coolcat: (:ok:)\n:line:\n日:ja: 12:30:45")
	want := []string{"coolcat", "x_1", "ok", "line"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src  string
		want []string
	}{
		{"https://hackernoon.com/the-power-3f2cac9148a4", []string{"https://hackernoon.com/the-power-3f2cac9148a4"}},
		{"http://google.com http://example.gay HTTPS://EXAMPLE.ORG", []string{"http://google.com", "http://example.gay", "HTTPS://EXAMPLE.ORG"}},
		{"https://nic.みんな/ http://日本語.jp/x", []string{"https://nic.みんな/", "http://日本語.jp/x"}},
		{"http://a.com/post/arizona. (http://b.com/) http://c.com! http://d.com' http://e.com> <https://f.com/>",
			[]string{"http://a.com/post/arizona", "http://b.com/", "http://c.com", "http://d.com", "http://e.com", "https://f.com/"}},
		{"https://r.com/search?utf8=✓&q=a https://r.com/s?utf8=%E2%9C%93", []string{"https://r.com/search?utf8=✓&q=a", "https://r.com/s?utf8=%E2%9C%93"}},
		{"https://en.wikipedia.org/wiki/Diaspora_(software)", []string{"https://en.wikipedia.org/wiki/Diaspora_(software)"}},
		{"(https://a.org/x_(y_(z))) https://a.org/()", []string{"https://a.org/x_(y_(z))", "https://a.org/"}},
		{"https://ja.wikipedia.org/wiki/日本 https://ko.wikipedia.org/wiki/대한민국", []string{"https://ja.wikipedia.org/wiki/日本", "https://ko.wikipedia.org/wiki/대한민국"}},
		{"https://example.com/　abc123", []string{"https://example.com/"}},
		{"「[https://example.org/」", []string{"https://example.org/"}},
		{"こちらhttps://example.comです", []string{"https://example.com"}},
		{"http://example.com/b<del>b</del>", []string{"http://example.com/b"}},
		{"http://www\\.google\\.com http://localhost http://127.0.0.1/ http://a_b.com http://example.comx", nil},
		{"https://example.com:8080/a?b=c#d", []string{"https://example.com:8080/a?b=c#d"}},
		{"https://sub_domain.example.co.uk/", []string{"https://sub_domain.example.co.uk/"}},
		{"xhttp://example.com #http://a.com @http://b.com $http://c.com", nil},
		{"example.com/http://other.com", nil},
		{"see:https://a.org,https://b.org", []string{"https://a.org", "https://b.org"}},
		{"gemini://a.org/x ipfs://b.org ftp://c.org javascript://d.org/%0aalert(1)", []string{"gemini://a.org/x", "ipfs://b.org"}},
		{"https://t.co/abc123日本 https://t.co/" + strings.Repeat("a", 41), []string{"https://t.co/abc123"}},
		{"https://" + strings.Repeat("a", 64) + ".com", nil},
		{"https://xn--p1ai.xn--p1ai/", []string{"https://xn--p1ai.xn--p1ai/"}},
		{"xmpp:user@instance.com", []string{"xmpp:user@instance.com"}},
		{"join xmpp:muc@instance.com?join right now", []string{"xmpp:muc@instance.com?join"}},
		{"magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a", []string{"magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a"}},
		{"magnet: xmpp: xmpp:nobody xmpp://a@b.com/c@d.org/r", []string{"xmpp://a@b.com/c@d.org/r"}},
		{"https://" + "a.com/" + strings.Repeat("a", maxURL), nil},
	}
	for _, tt := range tests {
		t.Run(cut(tt.src, 40), func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, e := range entities(tt.src) {
				if e.kind == urlEntity || e.kind == extraEntity {
					got = append(got, e.text)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWildcardTLD keeps domains whose suffix rules are all one level down.
func TestWildcardTLD(t *testing.T) {
	t.Parallel()
	for _, tld := range []string{"ck", "bd", "er", "np", "com", "onion", "xyz"} {
		if !knownTLD(tld) {
			t.Errorf("%s is not known", tld)
		}
	}
	for _, tld := range []string{"comx", "localhost", "1", "internal"} {
		if knownTLD(tld) {
			t.Errorf("%s is known", tld)
		}
	}
}
