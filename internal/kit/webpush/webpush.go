// Package webpush owns how a message gets to a browser or an app by a push service: encrypted for the one who subscribed (RFC 8291, and the
// older draft that Mastodon's apps speak), and signed by this server's key (VAPID, RFC 8292).
package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxMessage is the longest message in bytes: a push service takes 4096 with what encryption adds (RFC 8030, 7.2).
	MaxMessage = 3990
	// recordSize is what RFC 8188 calls rs: a message is one record.
	recordSize = 4096
	// pointLen is a public key of P-256, not compressed; authLen the subscriber's secret.
	pointLen, authLen = 65, 16
)

// ErrSubscription means that a subscription's keys are none.
var ErrSubscription = errors.New("the keys of the subscription are not valid")

// Subscription is where messages go, and for whom they are encrypted.
type Subscription struct {
	Endpoint string
	// P256dh and Auth are the subscriber's public key and secret.
	P256dh, Auth []byte
	// Standard is encrypted as RFC 8291 says; otherwise as draft-ietf-webpush-encryption-04.
	Standard bool
}

// DecodeKey reads a subscription's key as clients send it: base64, of either alphabet, padded or not.
func DecodeKey(s string) ([]byte, error) {
	s = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(s), "=")
	return base64.RawURLEncoding.DecodeString(s)
}

// Check reports whether the keys of a subscription can be used.
func (s Subscription) Check() error {
	if _, err := ecdh.P256().NewPublicKey(s.P256dh); err != nil || len(s.P256dh) != pointLen || len(s.Auth) != authLen {
		return ErrSubscription
	}
	return nil
}

// Sealed is an encrypted message and the headers that say how.
type Sealed struct {
	Body []byte
	// Encoding is the Content-Encoding.
	Encoding string
	// Encryption and CryptoKey are headers of the older form, "" in the newer.
	Encryption, CryptoKey string
}

// Seal encrypts a message for a subscriber.
func (s Subscription) Seal(message []byte) (Sealed, error) {
	own, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return Sealed{}, err
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	return s.seal(message, own, salt)
}

func (s Subscription) seal(message []byte, own *ecdh.PrivateKey, salt []byte) (Sealed, error) {
	if len(message) > MaxMessage {
		return Sealed{}, fmt.Errorf("a message of %d bytes is too long", len(message))
	}
	if err := s.Check(); err != nil {
		return Sealed{}, err
	}
	theirs, err := ecdh.P256().NewPublicKey(s.P256dh)
	if err != nil {
		return Sealed{}, ErrSubscription
	}
	shared, err := own.ECDH(theirs)
	if err != nil {
		return Sealed{}, ErrSubscription
	}
	mac := hmac.New(sha256.New, s.Auth)
	mac.Write(shared)
	if s.Standard {
		return s.standard(message, own.PublicKey().Bytes(), salt, mac.Sum(nil))
	}
	return s.older(message, own.PublicKey().Bytes(), salt, mac.Sum(nil))
}

// standard is RFC 8291, with the header of RFC 8188 before the one record.
func (s Subscription) standard(message, own, salt, secret []byte) (Sealed, error) {
	key, err := hkdf.Expand(sha256.New, secret, "WebPush: info\x00"+string(s.P256dh)+string(own), 32)
	if err != nil {
		return Sealed{}, err
	}
	sealed, err := record(key, salt, "Content-Encoding: aes128gcm\x00", "Content-Encoding: nonce\x00", append(message[:len(message):len(message)], 2))
	if err != nil {
		return Sealed{}, err
	}
	body := append([]byte(nil), salt...)
	body = binary.BigEndian.AppendUint32(body, recordSize)
	body = append(append(body, byte(len(own))), own...)
	return Sealed{Body: append(body, sealed...), Encoding: "aes128gcm"}, nil
}

// older is draft-ietf-webpush-encryption-04, whose parameters are headers.
func (s Subscription) older(message, own, salt, secret []byte) (Sealed, error) {
	key, err := hkdf.Expand(sha256.New, secret, "Content-Encoding: auth\x00", 32)
	if err != nil {
		return Sealed{}, err
	}
	both := "P-256\x00" + withLength(s.P256dh) + withLength(own)
	sealed, err := record(key, salt, "Content-Encoding: aesgcm\x00"+both, "Content-Encoding: nonce\x00"+both, append([]byte{0, 0}, message...))
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{Body: sealed, Encoding: "aesgcm", Encryption: "salt=" + encode(salt), CryptoKey: "dh=" + encode(own)}, nil
}

func withLength(b []byte) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(len(b)))) + string(b) //nolint:gosec // 65
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// record encrypts one record with a key and a nonce made from input.
func record(input, salt []byte, keyInfo, nonceInfo string, plain []byte) ([]byte, error) {
	extracted, err := hkdf.Extract(sha256.New, input, salt)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Expand(sha256.New, extracted, keyInfo, 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Expand(sha256.New, extracted, nonceInfo, 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(nil, nonce, plain, nil), nil
}
