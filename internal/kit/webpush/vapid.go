package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// tokenAge is how long a signature is valid; a day is the most (RFC 8292).
	tokenAge = 12 * time.Hour
	// keepFor is how long a push service keeps a message for a device that is away (Mastodon: two days).
	keepFor = 48 * time.Hour
)

// Key is a server's own key, by which push services know it.
type Key struct {
	private *ecdsa.PrivateKey
	// Public is the public key as apps want it: base64url of the point.
	Public string
}

// KeyFrom makes the key that belongs to a secret: every process of a server makes the same one.
func KeyFrom(secret []byte) (*Key, error) {
	for n := 0; ; n++ {
		raw, err := hkdf.Key(sha256.New, secret, nil, "web push "+strconv.Itoa(n), 32)
		if err != nil {
			return nil, err
		}
		if private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw); err == nil {
			return newKey(private)
		} else if n == 100 { // each try fails by chance, once in four billion
			return nil, fmt.Errorf("making a key: %w", err)
		}
	}
}

// ParseKey reads a private key as Mastodon's VAPID_PRIVATE_KEY has it.
func ParseKey(s string) (*Key, error) {
	raw, err := DecodeKey(s)
	if err != nil {
		return nil, fmt.Errorf("reading VAPID_PRIVATE_KEY: %w", err)
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return nil, fmt.Errorf("reading VAPID_PRIVATE_KEY: %w", err)
	}
	return newKey(private)
}

func newKey(private *ecdsa.PrivateKey) (*Key, error) {
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	return &Key{private: private, Public: encode(point)}, nil
}

// token is the signed statement that this server sends a message; subject is who can be asked about it, an https or mailto address.
func (k *Key) token(endpoint, subject string, now time.Time) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{"aud": u.Scheme + "://" + u.Host, "exp": now.Add(tokenAge).Unix(), "sub": subject})
	if err != nil {
		return "", err
	}
	text := encode([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, sum[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + encode(signature), nil
}

// Request gives the body and the headers with which a message is posted to a subscription's endpoint.
func (k *Key) Request(s Subscription, message []byte, subject string, now time.Time) (body []byte, header http.Header, err error) {
	sealed, err := s.Seal(message)
	if err != nil {
		return nil, nil, err
	}
	token, err := k.token(s.Endpoint, subject, now)
	if err != nil {
		return nil, nil, err
	}
	header = http.Header{
		"Content-Type": {"application/octet-stream"}, "Content-Encoding": {sealed.Encoding}, "Ttl": {strconv.Itoa(int(keepFor.Seconds()))}, "Urgency": {"normal"},
		"Authorization": {"vapid t=" + token + ", k=" + k.Public},
	}
	if !s.Standard {
		header.Set("Authorization", "WebPush "+token)
		header.Set("Encryption", sealed.Encryption)
		header.Set("Crypto-Key", sealed.CryptoKey+";p256ecdsa="+k.Public)
	}
	return sealed.Body, header, nil
}
