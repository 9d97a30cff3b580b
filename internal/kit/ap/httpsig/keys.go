package httpsig

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// The sizes of RSA keys that are used. Shorter ones can be broken; longer ones make a signature expensive to check.
const (
	minRSABits = 2048
	maxRSABits = 8192
	// maxPEM holds the longest private key with room to spare.
	maxPEM = 16 << 10
)

// DefaultBits is the size of the keys that Mastodon makes.
const DefaultBits = 2048

// ErrKey is the cause of every refusal of a key.
var ErrKey = errors.New("unusable key")

// GenerateKey makes an RSA key. It costs about 0.1 s of CPU.
func GenerateKey(bits int) (*rsa.PrivateKey, error) {
	if bits < minRSABits || bits > maxRSABits {
		return nil, fmt.Errorf("%w: %d bits", ErrKey, bits)
	}
	return rsa.GenerateKey(rand.Reader, bits)
}

// EncodePrivatePEM writes an RSA key in the form that Mastodon stores: PKCS #1.
func EncodePrivatePEM(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// ParsePrivatePEM reads an RSA key (PKCS #1 or PKCS #8) or an Ed25519 key (PKCS #8). It costs 0.1 ms; keep the result.
func ParsePrivatePEM(text string) (crypto.Signer, error) {
	block, err := onePEM(text)
	if err != nil {
		return nil, err
	}
	var key any
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("%w: not a private key", ErrKey)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: cannot sign", ErrKey)
	}
	if err := CheckPublic(signer.Public()); err != nil {
		return nil, err
	}
	return signer, nil
}

// EncodePublicPEM writes the public key in the form that actors publish: SPKI.
func EncodePublicPEM(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("encoding public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// ParsePublicPEM reads the key of an actor: SPKI, or PKCS #1 as some servers write it. The result passed CheckPublic.
func ParsePublicPEM(text string) (crypto.PublicKey, error) {
	block, err := onePEM(text)
	if err != nil {
		return nil, err
	}
	var key any
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("%w: not a public key", ErrKey)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if err := CheckPublic(key); err != nil {
		return nil, err
	}
	return key, nil
}

// CheckPublic refuses keys that prove nothing or cost too much: RSA outside 2048 to 8192 bits or with a bad exponent, and every other type but Ed25519.
func CheckPublic(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k == nil || k.N == nil || k.N.BitLen() < minRSABits || k.N.BitLen() > maxRSABits {
			return fmt.Errorf("%w: RSA size", ErrKey)
		}
		if k.E < 3 || k.E%2 == 0 || k.N.Bit(0) == 0 {
			return fmt.Errorf("%w: RSA numbers", ErrKey)
		}
		return nil
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			return nil
		}
	}
	return fmt.Errorf("%w: type", ErrKey)
}

// onePEM reads exactly one block, with nothing but white space around it.
func onePEM(text string) (*pem.Block, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxPEM || !strings.HasPrefix(text, "-----BEGIN ") {
		return nil, fmt.Errorf("%w: not PEM", ErrKey)
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || strings.TrimSpace(string(rest)) != "" || len(block.Headers) != 0 {
		return nil, fmt.Errorf("%w: not PEM", ErrKey)
	}
	return block, nil
}
