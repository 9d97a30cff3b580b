package text

import (
	"strings"
	"testing"
)

func TestUsernames(t *testing.T) {
	t.Parallel()
	for s, want := range map[string][2]bool{
		"bob": {true, true}, "Bob_1": {true, true}, "": {}, "bob.smith": {false, true}, "bob-smith": {false, true}, ".bob": {}, "bob.": {}, "b b": {},
		"böb": {}, "bob\n": {}, strings.Repeat("a", 30): {true, true}, strings.Repeat("a", 31): {false, true}, strings.Repeat("a", 2049): {},
	} {
		if got := [2]bool{ValidUsername(s), ValidRemoteUsername(s)}; got != want {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
	for s, want := range map[string]bool{"admin": true, "Admin": true, "4dm1n": true, "r00t": true, "real_mastodon_": true, "m4st0d0n": true, "bob": false, "administrate": false, "helper": false} {
		if ReservedUsername(s) != want {
			t.Errorf("ReservedUsername(%q) is not %v", s, want)
		}
	}
	if FoldUsername("BoB_1") != "bob_1" {
		t.Error("FoldUsername")
	}
}

// TestSanitizeName: nothing turns the direction of what follows, hides or towers (HTM-06).
func TestSanitizeName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"  a \n\t b　c ": "a b c",
		"Bob <b>x</b> :cat: 👨‍👩‍👧‍👦❤️":       "Bob <b>x</b> :cat: 👨‍👩‍👧‍👦❤️",
		"a\u202Eb\u202Dc\u202C":              "abc",
		"a\u2067b":                           "a\u2067b\u2069",
		"a\u2069b":                           "ab",
		"\u200b\u200d\u2800\u3164 ":          "",
		"":                                   "",
		"a" + strings.Repeat("\u0301", 5000): "a" + strings.Repeat("\u0301", maxMarks),
		"a\x00\x1bb\u0085c\ufeff":            "ab c",
		"سلام\u200cها":                       "سلام\u200cها",
		"a\xff":                              "a\uFFFD",
	} {
		got := SanitizeName(in)
		if got != want {
			t.Errorf("SanitizeName(%+q) = %+q, want %+q", in, got, want)
		}
		if again := SanitizeName(got); again != got {
			t.Errorf("not stable: %+q, %+q", got, again)
		}
	}
}

func TestNormalizeDomain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Example.COM":    "example.com",
		" example.com. ": "example.com",
		"gооgle.com":     "xn--ggle-55da.com", // Cyrillic letters (HTM-06)
		"例え.テスト":         "xn--r8jz45g.xn--zckzah",
		"BÜCHER.example": "xn--bcher-kva.example",
		"127.0.0.1:3000": "127.0.0.1:3000",
		"localhost":      "localhost",
		"a_b.example":    "a_b.example",
		"[::1]:3000":     "[::1]:3000",
		"[0:0::1]":       "[::1]",
		"ｅｘａｍｐｌｅ.com":    "example.com",
		"example。com":    "example.com",
		"":               "", ".": "", "a..b": "", "-a.b": "", "a b.c": "", "a/b": "", "a@b": "", "a:b": "", "a:0": "", "a:99999": "", "a:1:2": "", "a:": "",
		"[::1": "", "[1.2.3.4]": "", "[fe80::1%eth0]": "", "[::1]x": "", "a?b": "", "a#b": "", "http://a": "", "a\x00b": "", "a\\b": "", "\u202ea.b": "",
		strings.Repeat("a", 64) + ".b": "", strings.Repeat("a.", 127) + "a": "", strings.Repeat("ü", 2000): "",
	} {
		got, err := NormalizeDomain(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("NormalizeDomain(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":                               "",
		"*":                              "",
		"de":                             "de",
		"en-US,en;q=0.9,de;q=0.8":        "en",
		"fr;q=0.5, zh-tw;q=0.9":          "zh-TW",
		"xx, tlh;q=0.9, ja;q=0.1":        "ja",
		"de;q=0, en;q=0.001":             "en",
		"de;q=abc, en;q=2":               "",
		"MS-arab":                        "ms",
		"pt_BR":                          "pt",
		strings.Repeat("x,", 100) + "de": "",
	} {
		if got := FirstLanguage(header); got != want {
			t.Errorf("FirstLanguage(%q) = %q, want %q", header, got, want)
		}
	}
	for _, bad := range []string{"", " ", "xx", "EN", "en-US", "aa ab", "e"} {
		if ValidLanguage(bad) {
			t.Errorf("ValidLanguage(%q)", bad)
		}
	}
}
