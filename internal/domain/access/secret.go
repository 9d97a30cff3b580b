package access

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap/httpsig"
)

// secretSize is 256 bits: a plain hash of such a secret cannot be turned around, so no salt and no slow hash are needed.
const secretSize = 32

// maxSecret bounds what is hashed when it comes from outside.
const maxSecret = 512

// secretHash is the SHA-256 of a secret, in hexadecimal, as it is stored.
type secretHash string

// newSecret makes a secret of 43 characters that may stand in URLs.
func newSecret() (plain string, hash secretHash) {
	b := make([]byte, secretSize)
	_, _ = rand.Read(b) // never fails
	plain = base64.RawURLEncoding.EncodeToString(b)
	return plain, hashSecret(plain)
}

func hashSecret(plain string) secretHash {
	sum := sha256.Sum256([]byte(plain))
	return secretHash(hex.EncodeToString(sum[:]))
}

// newKeys makes the pair that an account signs with.
func newKeys() (accounts.Keys, error) {
	key, err := httpsig.GenerateKey(httpsig.DefaultBits)
	if err != nil {
		return accounts.Keys{}, err
	}
	return encodeKeys(key)
}

func encodeKeys(key *rsa.PrivateKey) (accounts.Keys, error) {
	public, err := httpsig.EncodePublicPEM(key.Public())
	return accounts.Keys{Private: httpsig.EncodePrivatePEM(key), Public: public}, err
}
