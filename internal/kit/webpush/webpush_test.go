package webpush

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

func decoded(t *testing.T, s string) []byte {
	t.Helper()
	b, err := DecodeKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func private(t *testing.T, s string) *ecdh.PrivateKey {
	t.Helper()
	k, err := ecdh.P256().NewPrivateKey(decoded(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The example of RFC 8291, section 5.
func TestTheExampleOfTheStandard(t *testing.T) {
	t.Parallel()
	s := Subscription{Standard: true, Auth: decoded(t, "BTBZMqHH6r4Tts7J_aSIgg"),
		P256dh: decoded(t, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")}
	got, err := s.seal([]byte("When I grow up, I want to be a watermelon"), private(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), decoded(t, "DGv6ra1nlYgDCS1FRnbzlw"))
	if err != nil {
		t.Fatal(err)
	}
	want := "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if encode(got.Body) != want || got.Encoding != "aes128gcm" {
		t.Errorf("%s: %s", got.Encoding, encode(got.Body))
	}
}

// What was sealed in the older form can be opened by whoever has the subscriber's key, by the steps of the draft.
func TestTheOlderForm(t *testing.T) {
	t.Parallel()
	subscriber, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := Subscription{P256dh: subscriber.PublicKey().Bytes(), Auth: bytes.Repeat([]byte{7}, 16)}
	sealed, err := s.Seal([]byte(`{"title":"hello"}`))
	if err != nil {
		t.Fatal(err)
	}
	salt, dh := decoded(t, strings.TrimPrefix(sealed.Encryption, "salt=")), decoded(t, strings.TrimPrefix(sealed.CryptoKey, "dh="))
	if got := open(t, subscriber, s.Auth, salt, dh, sealed.Body); got != "\x00\x00{\"title\":\"hello\"}" || sealed.Encoding != "aesgcm" {
		t.Errorf("opened %q, %s", got, sealed.Encoding)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	good, _ := ecdh.P256().GenerateKey(rand.Reader)
	for name, s := range map[string]Subscription{
		"none": {}, "short secret": {P256dh: good.PublicKey().Bytes(), Auth: []byte{1}}, "no point": {P256dh: bytes.Repeat([]byte{4}, 65), Auth: make([]byte, 16)},
	} {
		if _, err := s.Seal([]byte("x")); !errors.Is(err, ErrSubscription) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := Subscription{P256dh: good.PublicKey().Bytes(), Auth: make([]byte, 16), Standard: true}
	if _, err := s.Seal(make([]byte, MaxMessage+1)); err == nil {
		t.Error("too long a message was sealed")
	}
	if sealed, err := s.Seal(make([]byte, MaxMessage)); err != nil || len(sealed.Body) > 4096 {
		t.Errorf("the longest message takes %d: %v", len(sealed.Body), err)
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	k, err := KeyFrom([]byte("a secret"))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := KeyFrom([]byte("a secret")); again.Public != k.Public {
		t.Error("another process has another key")
	}
	if other, _ := KeyFrom([]byte("another")); other.Public == k.Public {
		t.Error("another secret has the same key")
	}
	raw, err := k.private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if parsed, err := ParseKey(encode(raw) + "="); err != nil || parsed.Public != k.Public {
		t.Errorf("read back: %v", err)
	}
	if _, err := ParseKey("nonsense"); err == nil {
		t.Error("nonsense is a key")
	}
	subscriber, _ := ecdh.P256().GenerateKey(rand.Reader)
	now := time.Unix(1_800_000_000, 0)
	for _, standard := range []bool{true, false} {
		s := Subscription{Endpoint: "https://push.example:8443/x/y?z", P256dh: subscriber.PublicKey().Bytes(), Auth: make([]byte, 16), Standard: standard}
		_, header, err := k.Request(s, []byte("x"), "https://gomph.example/", now)
		if err != nil {
			t.Fatal(err)
		}
		token := strings.TrimPrefix(header.Get("Authorization"), "WebPush ")
		if standard {
			token, _, _ = strings.Cut(strings.TrimPrefix(header.Get("Authorization"), "vapid t="), ", k="+k.Public)
		} else if !strings.HasSuffix(header.Get("Crypto-Key"), ";p256ecdsa="+k.Public) {
			t.Errorf("key %s", header.Get("Crypto-Key"))
		}
		checkToken(t, k, token, now)
	}
}

func checkToken(t *testing.T, k *Key, token string, now time.Time) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token %s", token)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	signature := decoded(t, parts[2])
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), decoded(t, k.Public))
	if err != nil || len(signature) != 64 {
		t.Fatalf("%v, signature of %d", err, len(signature))
	}
	if !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Error("the signature does not hold")
	}
	var claims struct {
		Aud, Sub string
		Exp      int64
	}
	if err := json.Unmarshal(decoded(t, parts[1]), &claims); err != nil || claims.Aud != "https://push.example:8443" || claims.Sub != "https://gomph.example/" || claims.Exp <= now.Unix() || claims.Exp > now.Add(24*time.Hour).Unix() {
		t.Errorf("claims %+v: %v", claims, err)
	}
}
