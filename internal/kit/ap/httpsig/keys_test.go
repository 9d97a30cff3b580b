package httpsig

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
)

func TestPrivatePEM(t *testing.T) {
	t.Parallel()
	text := EncodePrivatePEM(testKey())
	if !strings.HasPrefix(text, "-----BEGIN RSA PRIVATE KEY-----\n") {
		t.Error(text[:40])
	}
	der, err := x509.MarshalPKCS8PrivateKey(testKey())
	for _, form := range []string{text, strings.ReplaceAll(text, "\n", "\r\n"), "\n" + text + "\n", pemOf(t, "PRIVATE KEY", der, err)} {
		key, err := ParsePrivatePEM(form)
		if err != nil || !testKey().Equal(key) {
			t.Errorf("%.40q: %v", form, err)
		}
	}
	for _, bad := range []string{"", "x", text + "junk", "junk" + text, text + text, strings.Replace(text, "RSA PRIVATE", "EC PRIVATE", 2), text[:200], strings.Repeat("x", 1<<20)} {
		if _, err := ParsePrivatePEM(bad); !errors.Is(err, ErrKey) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

// TestPublicPEM covers SIG-19.
func TestPublicPEM(t *testing.T) {
	t.Parallel()
	text, err := EncodePublicPEM(testKey().Public())
	if err != nil || !strings.HasPrefix(text, "-----BEGIN PUBLIC KEY-----\n") {
		t.Fatal(text, err)
	}
	pkcs1 := pemOf(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&testKey().PublicKey), nil)
	for _, form := range []string{text, pkcs1, strings.TrimSpace(text), strings.ReplaceAll(text, "\n", "\r\n")} {
		key, err := ParsePublicPEM(form)
		if err != nil || !testKey().PublicKey.Equal(key) {
			t.Errorf("%.40q: %v", form, err)
		}
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := ParsePublicPEM(spki(t, edwards)); err != nil || !edwards.Equal(key) {
		t.Error(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"P-256": spki(t, p256.Public()), "empty": "", "private": EncodePrivatePEM(testKey()), "junk after": text + "x", "twice": text + text, "cut": text[:100],
		"512 bits": modulus(t, 512, 65537), "1024 bits": modulus(t, 1024, 65537), "2047 bits": modulus(t, 2047, 65537), "8193 bits": modulus(t, 8193, 65537), "16384 bits": modulus(t, 16384, 65537), "65536 bits": modulus(t, 65536, 65537),
		"exponent 1": modulus(t, 2048, 1), "even exponent": modulus(t, 2048, 4), "headers": strings.Replace(text, "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
	} {
		if _, err := ParsePublicPEM(bad); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bits := range []int{2048, 8192} {
		if _, err := ParsePublicPEM(modulus(t, bits, 65537)); err != nil {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}

// modulus is a key of so many bits that nobody has the private half of.
func modulus(t *testing.T, bits, exponent int) string {
	t.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	n.SetBit(n, 0, 1)
	return pemOf(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: n, E: exponent}), nil)
}

func TestGenerateKeyBounds(t *testing.T) {
	t.Parallel()
	for _, bits := range []int{0, 1024, 16384} {
		if _, err := GenerateKey(bits); !errors.Is(err, ErrKey) {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}
