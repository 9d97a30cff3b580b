package httpsig

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestMultikey covers SIG-19: an Ed25519 key in multibase is read exactly, and with another prefix, alphabet or length not at all.
func TestMultikey(t *testing.T) {
	t.Parallel()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := EncodeMultikey(public)
	if got, err := ParseMultikey(text); err != nil || !got.Equal(public) || !strings.HasPrefix(text, "z6Mk") {
		t.Errorf("%s: %v", text, err)
	}
	// The example of the did:key method, whose bytes are known.
	known, err := ParseMultikey("z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")
	if err != nil || hex.EncodeToString(known) != "2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6" {
		t.Errorf("%x: %v", known, err)
	}
	for _, bad := range []string{"", "z", "6Mk", strings.Replace(text, "z", "u", 1), text + "1", text[:20], "z0" + text[2:], EncodeMultibase(append([]byte{0x12, 0}, public...)), "z" + strings.Repeat("z", 1<<20)} {
		if _, err := ParseMultikey(bad); !errors.Is(err, ErrKey) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
	for _, b := range [][]byte{{0}, {0, 0, 1}, {255}, bytes.Repeat([]byte{255}, 64)} {
		if got, err := DecodeMultibase(EncodeMultibase(b)); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%x became %x: %v", b, got, err)
		}
	}
}

// TestEd25519ByCavage: hs2019 leaves the method to the key; rsa-sha256 does not (SIG-13).
func TestEd25519ByCavage(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, algorithm := range []string{hs2019, rsaSHA256} {
		r := httptest.NewRequest("GET", "/users/alice", nil)
		r.Host = "us.example"
		r.Header.Set("Date", now.Format("Mon, 02 Jan 2006 15:04:05 GMT"))
		p := Parsed{KeyID: keyID, algorithm: algorithm, components: []string{pseudoTarget, "host", "date"}}
		text, err := p.cavageText(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.signature = ed25519.Sign(private, []byte(text))
		if err := p.Verify(r, nil, public, now); (err == nil) != (algorithm == hs2019) {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}
