package weburl

import (
	"errors"
	"strings"
	"testing"
)

func TestParseNormalises(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://Example.COM/a":              "https://example.com/a",
		"https://example.com:443/a?b=%0a":    "https://example.com/a?b=%0a",
		"HTTPS://example.com./a":             "https://example.com/a",
		"http://example.com:080/":            "http://example.com/",
		"https://example.com:8443/a#main":    "https://example.com:8443/a#main",
		"https://münchen.example/ü":          "https://xn--mnchen-3ya.example/%C3%BC",
		"https://MÜNCHEN.example/":           "https://xn--mnchen-3ya.example/",
		"https://a_b.example/":               "https://a_b.example/",
		"http://[::1]:3000/x":                "http://[::1]:3000/x",
		"https://[::FFFF:7f00:1]/":           "https://[::ffff:127.0.0.1]/",
		"http://127.0.0.1:3000/x":            "http://127.0.0.1:3000/x",
		"https://example.com":                "https://example.com",
		"https://example.com/@ann/1?x=1&y=2": "https://example.com/@ann/1?x=1&y=2",
	} {
		u, err := Parse(in)
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
			continue
		}
		if got := u.String(); got != want {
			t.Errorf("Parse(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestParseRefuses covers SIG-05, SSRF-01 (numeric spellings), SSRF-10 and ORG-10: what is ambiguous is refused, never repaired.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", "ftp://example.com/", "javascript:1", "data:text/html,x", "//example.com/x", "/x", "https:example.com", "https:///x", "https://",
		"https://good.example@evil.example/k", "https://u:p@evil.example/", "https://@evil.example/", "https://good.example\\@evil.example/", "https://exa mple.com/", "https://example.com/a b",
		"https://example.com/\r\nX: y", "https://example.com/\ta", "https://example.com/%0d%0aX:%20y", "https://example.com%0d%0a/", "https://example.com/\x7f",
		"https://[fe80::1%25eth0]/", "https://[bad", "https://example.com/k#a#b", "https://[127.0.0.1]/", "https://2130706433/", "https://0177.0.0.1/", "https://0x7f.1/", "https://127.1/", "https://1.2.3.256/",
		"https://example.com:0/", "https://example.com:65536/", "https://example.com:x/", "https://exa..mple.com/", "https://-a.example/", "https://xn--0.example/", "https://xn--\u0080/",
		"https://" + strings.Repeat("a", 64) + ".example/", "https://example.com/" + strings.Repeat("a", MaxLen), "https://example.com/\xff", "https://ex%41mple.com/", "http://%80",
	} {
		if u, err := Parse(in); !errors.Is(err, ErrInvalid) {
			t.Errorf("Parse(%q) = %v, %v; want a refusal", in, u, err)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"https://a.example/1", "https://A.example:443/2", true},
		{"https://a.example./1", "https://a.example/2", true},
		{"https://a.example/1", "http://a.example/1", false},
		{"https://a.example/1", "https://a.example:8443/1", false},
		{"https://a.example/1", "https://b.example/1", false},
		{"https://a.example/", "https://x@a.example/", false},
		{"", "", false},
	} {
		if got := SameOrigin(c.a, c.b); got != c.same {
			t.Errorf("SameOrigin(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("https://example.com/a?b#c")
	f.Add("https://münchen.example:8443/ü")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := Parse(u.String())
		if err != nil {
			if len(u.String()) > MaxLen {
				return
			}
			t.Fatalf("%q reads as %q, which is refused: %v", raw, u, err)
		}
		if again.Host != u.Host || again.Scheme != u.Scheme {
			t.Fatalf("%q is not stable: %q, then %q", raw, u, again)
		}
	})
}
