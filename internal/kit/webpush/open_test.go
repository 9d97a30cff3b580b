package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"testing"
)

// open is what a subscriber does with the older form: the secret of both keys, salted by its own, gives key and nonce.
func open(t *testing.T, own *ecdh.PrivateKey, auth, salt, dh, sealed []byte) string {
	t.Helper()
	sender, err := ecdh.P256().NewPublicKey(dh)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := own.ECDH(sender)
	if err != nil {
		t.Fatal(err)
	}
	input, err := hkdf.Key(sha256.New, shared, auth, "Content-Encoding: auth\x00", 32)
	if err != nil {
		t.Fatal(err)
	}
	labels := "P-256\x00\x00\x41" + string(own.PublicKey().Bytes()) + "\x00\x41" + string(dh)
	key, err := hkdf.Key(sha256.New, input, salt, "Content-Encoding: aesgcm\x00"+labels, 16)
	if err != nil {
		t.Fatal(err)
	}
	nonce, err := hkdf.Key(sha256.New, input, salt, "Content-Encoding: nonce\x00"+labels, 12)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}
