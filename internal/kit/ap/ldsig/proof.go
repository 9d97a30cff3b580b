package ldsig

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gomph/gomph/internal/kit/ap/httpsig"
)

// Proof is an object integrity proof (FEP-8b32) that was read, not yet verified. It covers the very values of the document, so
// the document may be used as it came.
type Proof struct {
	// KeyID is the address of the key, by the proof's own word.
	KeyID   string
	Created time.Time

	// texts are what the signature may be over: some hash the document's context as a part of the proof, though it is not written there.
	texts     [][]byte
	signature []byte
}

// ReadProof reads the one proof of a document: eddsa-jcs-2022, made to assert something.
func ReadProof(body []byte) (Proof, error) {
	doc, err := decode(body)
	if err != nil {
		return Proof{}, err
	}
	block, ok := doc["proof"].(map[string]any)
	if !ok {
		return Proof{}, fmt.Errorf("%w: not one proof", ErrRefused)
	}
	delete(doc, "proof")
	text := func(name string) string { v, _ := block[name].(string); return v }
	if text("type") != "DataIntegrityProof" || text("cryptosuite") != "eddsa-jcs-2022" || text("proofPurpose") != "assertionMethod" || text("verificationMethod") == "" {
		return Proof{}, fmt.Errorf("%w: a proof of another kind", ErrRefused)
	}
	p := Proof{KeyID: text("verificationMethod")}
	if p.Created, err = time.Parse(time.RFC3339, text("created")); err != nil {
		return Proof{}, fmt.Errorf("%w: no time", ErrRefused)
	}
	if p.signature, err = httpsig.DecodeMultibase(text("proofValue")); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	delete(block, "proofValue")
	document, err := jcs(doc)
	if err != nil {
		return Proof{}, err
	}
	for range 2 {
		options, err := jcs(block)
		if err != nil {
			return Proof{}, err
		}
		p.texts = append(p.texts, append(options[:], document[:]...))
		if block["@context"] != nil || doc["@context"] == nil {
			break
		}
		block["@context"] = doc["@context"]
	}
	return p, nil
}

// Fits reports whether the key made the proof.
func (p Proof) Fits(key crypto.PublicKey) bool {
	public, ok := key.(ed25519.PublicKey)
	if !ok || httpsig.CheckPublic(public) != nil {
		return false
	}
	for _, text := range p.texts {
		if ed25519.Verify(public, text, p.signature) {
			return true
		}
	}
	return false
}

// jcs is the digest of a value in the canonical form of RFC 8785.
func jcs(v any) (sum [sha256.Size]byte, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return sum, err
	}
	value := jsontext.Value(text)
	if err := value.Canonicalize(); err != nil {
		return sum, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return sha256.Sum256(value), nil
}
