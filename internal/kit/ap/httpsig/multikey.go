package httpsig

import (
	"crypto/ed25519"
	"fmt"
	"math/big"
	"strings"
)

// base58 is Bitcoin's alphabet, which multibase names z.
const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// maxBase58 holds what is written in this way: keys and signatures of Ed25519. Decoding takes the square of the length.
const maxBase58 = 128

// ed25519Code begins an Ed25519 public key in multicodec.
const ed25519Code = "\xed\x01"

// ParseMultikey reads an Ed25519 key as publicKeyMultibase has it: multicodec in base58.
func ParseMultikey(text string) (ed25519.PublicKey, error) {
	b, err := DecodeMultibase(text)
	if err != nil {
		return nil, err
	}
	key, ok := strings.CutPrefix(string(b), ed25519Code)
	if !ok || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: not an Ed25519 multikey", ErrKey)
	}
	return ed25519.PublicKey(key), nil
}

// EncodeMultikey writes an Ed25519 key as publicKeyMultibase has it.
func EncodeMultikey(key ed25519.PublicKey) string {
	return EncodeMultibase(append([]byte(ed25519Code), key...))
}

// DecodeMultibase reads base58 with multibase's z in front.
func DecodeMultibase(text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, "z")
	if !ok || digits == "" || len(digits) > maxBase58 {
		return nil, fmt.Errorf("%w: not multibase in base58", ErrKey)
	}
	n, radix := new(big.Int), big.NewInt(int64(len(base58)))
	for i := range len(digits) {
		d := strings.IndexByte(base58, digits[i])
		if d < 0 {
			return nil, fmt.Errorf("%w: not base58", ErrKey)
		}
		n.Mul(n, radix).Add(n, big.NewInt(int64(d)))
	}
	zeros := len(digits) - len(strings.TrimLeft(digits, "1"))
	return append(make([]byte, zeros), n.Bytes()...), nil
}

// EncodeMultibase writes base58 with multibase's z in front.
func EncodeMultibase(b []byte) string {
	n, radix, d := new(big.Int).SetBytes(b), big.NewInt(int64(len(base58))), new(big.Int)
	var out []byte
	for n.Sign() > 0 {
		n.DivMod(n, radix, d)
		out = append(out, base58[d.Int64()])
	}
	for i := 0; i < len(b) && b[i] == 0; i++ {
		out = append(out, '1')
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return "z" + string(out)
}
