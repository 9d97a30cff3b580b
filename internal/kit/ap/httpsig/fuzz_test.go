package httpsig

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// FuzzSignatureHeaders: whatever the headers say, reading them ends, names a valid key, and verifies nothing that was not signed
// (SIG-05, SIG-14).
func FuzzSignatureHeaders(f *testing.F) {
	f.Add(`keyId="https://good.example/users/bob#main-key",algorithm="rsa-sha256",headers="(request-target) host date digest",signature="AAAA"`, "", "Sun, 01 Nov 2026 12:00:00 GMT", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
	f.Add(`keyId="https://good.example/k",algorithm="hs2019",created=1793534400,expires=1793534500,headers="(request-target) (created) (expires) host digest",signature="AAAA"`, "", "", "SHA-256=x")
	f.Add("sig1=:AAAA:", `sig1=("@method" "@target-uri" "content-digest");created=1793534400;keyid="https://good.example/k"`, "", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")
	f.Add(`keyId="a",keyId="b"`, "", "", "")
	f.Fuzz(func(t *testing.T, signature, input, date, digest string) {
		r := httptest.NewRequest("POST", "/inbox", nil)
		r.Host = "us.example"
		for name, value := range map[string]string{"Signature": signature, "Signature-Input": input, "Date": date, "Digest": digest, "Content-Digest": digest} {
			if value != "" {
				r.Header[name] = []string{value}
			}
		}
		p, err := Parse(r)
		if err != nil {
			return
		}
		if !weburl.Valid(p.KeyID) || len(p.components) > maxComponents || strings.ContainsAny(p.KeyID, "\r\n\\") {
			t.Errorf("read %q and %d components", p.KeyID, len(p.components))
		}
		if p.Verify(r, nil, testKey().Public(), now) == nil {
			t.Error("something that was never signed verifies")
		}
	})
}
