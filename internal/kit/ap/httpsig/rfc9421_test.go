package httpsig

import (
	"crypto"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The Ed25519 key and the signature of RFC 9421 appendix B.1.4 and B.2.6.
const (
	vectorPrivate = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n"
	vectorPublic  = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n"
	vectorInput   = `sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`
	vectorSig     = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
)

func TestVectorB26(t *testing.T) {
	t.Parallel()
	public, err := ParsePublicPEM(vectorPublic)
	if err != nil {
		t.Fatal(err)
	}
	private, err := ParsePrivatePEM(vectorPrivate)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/foo?param=Value&Pet=dog", nil)
	r.Host = "example.com"
	r.Header.Set("Date", "Tue, 20 Apr 2021 02:07:55 GMT")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Length", "18")
	p, err := parseRFC9421(vectorInput, "sig-b26=:"+vectorSig+":")
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.rfc9421Text(r, nil, "https")
	if err != nil {
		t.Fatal(err)
	}
	if fits, err := p.fits(text, public); err != nil || !fits {
		t.Fatalf("the vector does not verify: %v\n%s", err, text)
	}
	made, err := Signer{Private: private}.sign(text, crypto.Hash(0))
	if err != nil || base64.StdEncoding.EncodeToString(made) != vectorSig {
		t.Fatalf("made another signature: %v", err)
	}
}

// TestRFC9421Rules covers SIG-15: the signature is right each time, only what it covers or says differs.
func TestRFC9421Rules(t *testing.T) {
	t.Parallel()
	digest := "sha-256=:" + sha256Base64(nil) + ":"
	created := fmt.Sprintf(";created=%d", now.Unix())
	full := `("@method" "@target-uri" "content-digest")`
	id := `;keyid="` + keyID + `"`
	for name, c := range map[string]struct {
		input, digest string
		ok            bool
	}{
		"control":             {"sig1=" + full + created + id, digest, true},
		"alg agrees":          {"sig1=" + full + created + id + `;alg="rsa-v1_5-sha256"`, digest, true},
		"more components":     {`x=("@method" "@target-uri" "content-digest" "@authority" "@path" "@query" "@scheme" "@request-target" "date")` + created + id, digest, true},
		"tag and nonce":       {"sig1=" + full + created + id + `;tag="a";nonce="b"`, digest, true},
		"other digests":       {"sig1=" + full + created + id, "sha-512=:YQ==:, " + digest, true},
		"no method":           {`sig1=("@target-uri" "content-digest")` + created + id, digest, false},
		"no target":           {`sig1=("@method" "@path" "content-digest")` + created + id, digest, false},
		"no digest":           {`sig1=("@method" "@target-uri")` + created + id, digest, false},
		"no created":          {"sig1=" + full + id, digest, false},
		"no key id":           {"sig1=" + full + created, digest, false},
		"created twice":       {"sig1=" + full + created + created + id, digest, false},
		"two key ids":         {"sig1=" + full + created + id + `;keyid="https://evil.example/k"`, digest, false},
		"expired":             {"sig1=" + full + created + id + fmt.Sprintf(";expires=%d", now.Add(-10*time.Minute).Unix()), digest, false},
		"alg contradicts":     {"sig1=" + full + created + id + `;alg="ed25519"`, digest, false},
		"alg hmac":            {"sig1=" + full + created + id + `;alg="hmac-sha256"`, digest, false},
		"two labels":          {"sig1=" + full + created + id + ", sig2=" + full + created + id, digest, false},
		"component repeated":  {`sig1=("@method" "@method" "@target-uri" "content-digest")` + created + id, digest, false},
		"component parameter": {`sig1=("@method" "@target-uri" "content-digest";sf)` + created + id, digest, false},
		"from the request":    {`sig1=("@method";req "@target-uri" "content-digest")` + created + id, digest, false},
		"unknown derived":     {`sig1=("@method" "@target-uri" "@status" "content-digest")` + created + id, digest, false},
		"wrong digest":        {"sig1=" + full + created + id, "sha-256=:" + sha256Base64([]byte("x")) + ":", false},
		"two digests":         {"sig1=" + full + created + id, digest + "," + digest, false},
		"sha-512 only":        {"sig1=" + full + created + id, "sha-512=:YQ==:", false},
		"open list":           {`sig1=("@method"`, digest, false},
		"empty":               {"sig1=()" + created + id, digest, false},
		"many components":     {`sig1=("@method" "@target-uri" "content-digest" ` + many(64) + ")" + created + id, digest, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/inbox?a=b", nil)
			r.Host = "us.example"
			r.Header.Set("Date", "x")
			r.Header.Set("Content-Digest", c.digest)
			for i := range 64 {
				r.Header.Set(fmt.Sprintf("X-%d", i), "1")
			}
			label, params, _ := strings.Cut(c.input, "=")
			p := Parsed{params: params}
			_, _ = p.readComponents(params)
			text, err := p.rfc9421Text(r, nil, "https")
			if err != nil {
				t.Fatal(err)
			}
			sig, err := Signer{Private: testKey()}.sign(text, crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Signature-Input", c.input)
			r.Header.Set("Signature", label+"=:"+base64.StdEncoding.EncodeToString(sig)+":")
			err = check(r, nil, testKey().Public())
			if c.ok && err != nil {
				t.Fatal(err)
			}
			if !c.ok {
				wantRefused(t, err)
			}
		})
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"x-%d" `, i)
	}
	return strings.TrimSpace(b.String())
}
