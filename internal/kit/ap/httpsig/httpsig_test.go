package httpsig

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/kit/errs"
)

const keyID = "https://good.example/users/bob#main-key"

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// testKey is made once: it is the slow part.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := GenerateKey(DefaultBits)
	if err != nil {
		panic(err)
	}
	return key
})

func outgoing(t *testing.T, method, url string, body []byte) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/activity+json")
	}
	return r
}

// received is the request as the server sees it.
func received(out *http.Request, body []byte) *http.Request {
	in := httptest.NewRequest(out.Method, out.URL.RequestURI(), bytes.NewReader(body))
	in.Host = out.Host
	in.Header = out.Header.Clone()
	return in
}

func check(r *http.Request, body []byte, key crypto.PublicKey) error {
	p, err := Parse(r)
	if err != nil {
		return err
	}
	return p.Verify(r, body, key, now)
}

func wantRefused(t *testing.T, err error) {
	t.Helper()
	if errs.KindOf(err) != errs.UnauthorizedKind {
		t.Errorf("got %v, want a refusal", err)
	}
}

// signers are the two schemes with every type of key they take.
func signers(t *testing.T) map[string]struct {
	signer Signer
	sign   func(Signer, *http.Request, []byte, time.Time) error
} {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]struct {
		signer Signer
		sign   func(Signer, *http.Request, []byte, time.Time) error
	}{
		"cavage":          {Signer{keyID, testKey()}, Signer.Sign},
		"rfc9421 rsa":     {Signer{keyID, testKey()}, Signer.SignRFC9421},
		"rfc9421 ed25519": {Signer{keyID, ed}, Signer.SignRFC9421},
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, s := range signers(t) {
		for _, c := range []struct {
			method, url string
			body        []byte
		}{
			{"GET", "https://us.example/users/alice?page=true&x=%2F", nil},
			{"GET", "http://us.example:3000/", nil},
			{"POST", "https://us.example/inbox", []byte(`{"type":"Follow"}`)},
			{"POST", "https://us.example/inbox", []byte{}},
		} {
			out := outgoing(t, c.method, c.url, c.body)
			if err := s.sign(s.signer, out, c.body, now); err != nil {
				t.Fatal(name, err)
			}
			in := received(out, c.body)
			p, err := Parse(in)
			if err != nil || p.KeyID != keyID {
				t.Fatalf("%s %s: %+v, %v", name, c.url, p, err)
			}
			if err := p.Verify(in, c.body, s.signer.Private.Public(), now); err != nil {
				t.Errorf("%s %s %s: %v", name, c.method, c.url, err)
			}
		}
	}
}

// TestTampering covers SIG-07, SIG-08, SIG-11 and SIG-15: whatever is changed after signing is noticed.
func TestTampering(t *testing.T) {
	t.Parallel()
	body := []byte(`{"type":"Follow"}`)
	other, err := GenerateKey(DefaultBits)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range signers(t) {
		for what, change := range map[string]func(r *http.Request) ([]byte, crypto.PublicKey){
			"body":    func(*http.Request) ([]byte, crypto.PublicKey) { return []byte(`{"type":"Delete"}`), nil },
			"no body": func(*http.Request) ([]byte, crypto.PublicKey) { return nil, nil },
			"body and digest": func(r *http.Request) ([]byte, crypto.PublicKey) {
				b := []byte(`{"type":"Delete"}`)
				r.Header.Set("Digest", "SHA-256="+sha256Base64(b))
				r.Header.Set("Content-Digest", "sha-256=:"+sha256Base64(b)+":")
				return b, nil
			},
			"method": func(r *http.Request) ([]byte, crypto.PublicKey) { r.Method = "PUT"; return body, nil },
			"path": func(r *http.Request) ([]byte, crypto.PublicKey) {
				r.RequestURI = "/users/alice/inbox"
				return body, nil
			},
			"query":      func(r *http.Request) ([]byte, crypto.PublicKey) { r.RequestURI += "?a=1"; return body, nil },
			"host":       func(r *http.Request) ([]byte, crypto.PublicKey) { r.Host = "victim.example"; return body, nil },
			"key":        func(*http.Request) ([]byte, crypto.PublicKey) { return body, other.Public() },
			"key's type": func(*http.Request) ([]byte, crypto.PublicKey) { return body, ed25519.PublicKey(make([]byte, 32)) },
			"no key":     func(*http.Request) ([]byte, crypto.PublicKey) { return body, "secret" },
			"both schemes": func(r *http.Request) ([]byte, crypto.PublicKey) {
				r.Header.Add("Signature", `keyId="https://evil.example/k",headers="date",signature="YQ=="`)
				return body, nil
			},
		} {
			out := outgoing(t, "POST", "https://us.example/inbox", body)
			if err := s.sign(s.signer, out, body, now); err != nil {
				t.Fatal(err)
			}
			in := received(out, body)
			got, key := change(in)
			if key == nil {
				key = s.signer.Private.Public()
			}
			t.Run(name+"/"+what, func(t *testing.T) { wantRefused(t, check(in, got, key)) })
		}
	}
}

// TestTimes covers SIG-09 for both schemes.
func TestTimes(t *testing.T) {
	t.Parallel()
	for name, s := range signers(t) {
		for age, ok := range map[time.Duration]bool{
			0: true, 20 * time.Minute: true, 12 * time.Hour: true, 13*time.Hour + time.Second: false, -59 * time.Minute: true, -61 * time.Minute: false, 400 * 24 * time.Hour: false,
		} {
			out := outgoing(t, "GET", "https://us.example/x", nil)
			if err := s.sign(s.signer, out, nil, now.Add(-age)); err != nil {
				t.Fatal(err)
			}
			if err := check(received(out, nil), nil, s.signer.Private.Public()); (err == nil) != ok {
				t.Errorf("%s, %v old: %v", name, age, err)
			}
		}
	}
}

func TestUnsigned(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/inbox", nil)
	if Signed(r) {
		t.Error("signed?")
	}
	wantRefused(t, check(r, nil, testKey().Public()))
	r.Header.Set("Signature", "")
	wantRefused(t, check(r, nil, testKey().Public()))
}

// forge signs any text of the draft with any parameters, as a signer of bad taste would.
func forge(t *testing.T, r *http.Request, params string, names []string, p Parsed) {
	t.Helper()
	p.components = names
	text, err := p.cavageText(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, testKey(), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",headers="%s",signature="%s"%s`, keyID, strings.Join(names, " "), base64.StdEncoding.EncodeToString(sig), params))
}

// TestCavageRules covers SIG-06, SIG-11, SIG-12 and SIG-13: the signature is right each time, only what it covers or says differs.
func TestCavageRules(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return fmt.Sprint(now.Add(d).Unix()) }
	full := "(request-target) host date digest"
	for name, c := range map[string]struct {
		names  string
		params string
		p      Parsed
		header http.Header
		ok     bool
	}{
		"control":                   {names: full, params: `,algorithm="rsa-sha256"`, ok: true},
		"control hs2019":            {names: full, params: `,algorithm="hs2019"`, ok: true},
		"no algorithm":              {names: full, ok: true},
		"lower-case digest name":    {names: full, header: http.Header{"Digest": {"sha-256=" + sha256Base64(nil)}}, ok: true},
		"digest with others":        {names: full, header: http.Header{"Digest": {"MD5=x, SHA-256=" + sha256Base64(nil)}}, ok: true},
		"created":                   {names: "(request-target) host (created) digest", params: ",created=" + at(0), p: Parsed{createdText: at(0)}, ok: true},
		"created quoted":            {names: "(request-target) host (created) digest", params: `,created="` + at(0) + `"`, p: Parsed{createdText: at(0)}, ok: true},
		"content-length":            {names: full + " content-length", ok: true},
		"no digest":                 {names: "(request-target) host date"},
		"no target":                 {names: "host date digest"},
		"no host":                   {names: "(request-target) date digest"},
		"no date":                   {names: "(request-target) host digest"},
		"created but rsa-sha256":    {names: full + " (created)", params: `,algorithm="rsa-sha256",created=` + at(0), p: Parsed{createdText: at(0)}},
		"created missing":           {names: full + " (created)"},
		"created in the future":     {names: full + " (created)", params: ",created=" + at(2*time.Hour), p: Parsed{createdText: at(2 * time.Hour)}},
		"created not a number":      {names: full + " (created)", params: `,created="1e9"`, p: Parsed{createdText: "1e9"}},
		"created and date differ":   {names: full + " (created)", params: ",created=" + at(-11*time.Hour), p: Parsed{createdText: at(-11 * time.Hour)}},
		"date unsigned but differs": {names: "(request-target) host (created) digest", params: ",created=" + at(-11*time.Hour), p: Parsed{createdText: at(-11 * time.Hour)}},
		"expired":                   {names: full + " (expires)", params: ",expires=" + at(-10*time.Minute), p: Parsed{expiresText: at(-10 * time.Minute)}},
		"expires missing":           {names: full + " (expires)"},
		"malformed date":            {names: full, header: http.Header{"Date": {"yesterday"}}},
		"two dates":                 {names: "(request-target) host digest (created)", params: ",created=" + at(0), p: Parsed{createdText: at(0)}, header: http.Header{"Date": {now.Format(http.TimeFormat), "x"}}},
		"no date at all":            {names: "(request-target) host digest", header: http.Header{"Date": nil}},
		"md5":                       {names: full, header: http.Header{"Digest": {"MD5=1B2M2Y8AsgTpgAmY7PhCfg=="}}},
		"two sha-256":               {names: full, header: http.Header{"Digest": {"SHA-256=" + sha256Base64(nil) + ",SHA-256=" + sha256Base64([]byte("x"))}}},
		"truncated digest":          {names: full, header: http.Header{"Digest": {"SHA-256=" + sha256Base64(nil)[:40]}}},
		"empty digest":              {names: full, header: http.Header{"Digest": {"SHA-256="}}},
		"hmac":                      {names: full, params: `,algorithm="hmac-sha256"`},
		"none":                      {names: full, params: `,algorithm="none"`},
		"rsa-sha1":                  {names: full, params: `,algorithm="rsa-sha1"`},
		"rsa-sha512":                {names: full, params: `,algorithm="rsa-sha512"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/inbox", nil)
			r.Host = "us.example"
			r.Header.Set("Date", now.Format(http.TimeFormat))
			r.Header.Set("Digest", "SHA-256="+sha256Base64(nil))
			for k, v := range c.header {
				r.Header[k] = v
			}
			forge(t, r, c.params, strings.Fields(c.names), c.p)
			err := check(r, nil, testKey().Public())
			if c.ok && err != nil {
				t.Fatal(err)
			}
			if !c.ok {
				wantRefused(t, err)
			}
		})
	}
}

// TestParseAbuse covers SIG-05 and SIG-14: refused while parsing, without a panic.
func TestParseAbuse(t *testing.T) {
	t.Parallel()
	good := `keyId="` + keyID + `",headers="(request-target) host date",signature="YWJj"`
	if _, err := parseHeader(good); err != nil {
		t.Fatal(err)
	}
	for _, h := range []string{
		good + `,keyId="https://evil.example/k"`, good + `,signature="YQ=="`, strings.Replace(good, "host date", "host host date", 1), strings.Replace(good, "host", "Host HOST", 1),
		`keyId="` + keyID + `",headers="",signature="YWJj"`, `keyId="` + keyID + `",signature="YWJj"`, `keyId="` + keyID + `",headers="date",signature=""`,
		strings.Replace(good, "date", strings.Repeat("a ", 10000), 1), good + strings.Repeat("x", 64<<10), `keyId="` + keyID, `keyId="`, `keyId=`, `=`, `,`, `,,,,`, "\xff\xfe", good + ",", good + " x",
		good + `,é="x"`, strings.Replace(good, "YWJj", "YWJ", 1), strings.Replace(good, "YWJj", "####", 1), strings.Replace(good, "YWJj", "YWJj\n", 1), strings.Replace(good, "YWJj", strings.Repeat("YWJj", 1000), 1),
		strings.Replace(good, "date", "(evil)", 1), strings.Replace(good, "date", "da:te", 1), strings.Repeat(`a="b",`, 100) + good,
		strings.Replace(good, "https://good.example/", "https://good.example@evil.example/", 1), strings.Replace(good, "https://good.example", `https://good.example\\@evil.example`, 1),
		strings.Replace(good, "https://", "acct:", 1), strings.Replace(good, "#main-key", "#a#b", 1), strings.Replace(good, "good.example", "[fe80::1%25eth0]", 1), strings.Replace(good, "good.", "good\t.", 1),
	} {
		if _, err := parseHeader(h); errs.KindOf(err) != errs.UnauthorizedKind {
			t.Errorf("%.80q: %v", h, err)
		}
	}
}

func parseHeader(h string) (Parsed, error) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["Signature"] = []string{h}
	return Parse(r)
}

func FuzzParse(f *testing.F) {
	f.Add(`keyId="https://a.example/k",algorithm="hs2019",created=1,expires=2,headers="(request-target) host date digest",signature="YWJj"`, "")
	f.Add(`sig1=:YWJj:`, `sig1=("@method" "@target-uri");created=1;keyid="https://a.example/k";alg="ed25519"`)
	f.Fuzz(func(t *testing.T, signature, input string) {
		r := httptest.NewRequest("POST", "/inbox", nil)
		r.Header["Signature"] = []string{signature}
		if input != "" {
			r.Header["Signature-Input"] = []string{input}
		}
		if err := check(r, []byte("x"), testKey().Public()); errs.KindOf(err) != errs.UnauthorizedKind {
			t.Fatal(err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	r := httptest.NewRequest("POST", "/inbox", nil)
	r.Host = "us.example"
	body := bytes.Repeat([]byte("x"), 2000)
	if err := (Signer{keyID, testKey()}).Sign(r, body, now); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := check(r, body, testKey().Public()); err != nil {
			b.Fatal(err)
		}
	}
}

func pemOf(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func spki(t *testing.T, key crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	return pemOf(t, "PUBLIC KEY", der, err)
}
