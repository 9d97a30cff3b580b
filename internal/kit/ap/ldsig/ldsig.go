// Package ldsig owns signatures inside documents: linked-data signatures (RsaSignature2017) as Mastodon makes them, and object
// integrity proofs (FEP-8b32, eddsa-jcs-2022).
//
// A linked-data signature covers the statements that a document makes, not its text; one text may be written to say the same
// and read differently. So what was verified is rebuilt from the statements (rebuild.go) and only that may be used; the text
// that came is thrown away. Canonical form is costly for documents made to be so, hence the bounds (bounds.go).
package ldsig

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/piprate/json-gold/ld"
)

// ErrRefused is the cause of every refusal.
var ErrRefused = errors.New("signature of the document refused")

const (
	kind = "RsaSignature2017"
	// identity is the context in which the options of a signature are read.
	identity = "https://w3id.org/identity/v1"
)

// Signed is a document with a signature that was read, not yet verified.
type Signed struct {
	// KeyID is the address of the key that signed, by the signature's own word.
	KeyID   string
	Created time.Time
	// Document is what may be used once the signature is verified.
	Document []byte

	text      []byte
	signature []byte
}

// Read reads the linked-data signature of a document, and works out what it covers.
func Read(body []byte) (Signed, error) {
	doc, err := decode(body)
	if err != nil {
		return Signed{}, err
	}
	block, ok := doc["signature"].(map[string]any)
	if !ok {
		return Signed{}, fmt.Errorf("%w: no signature", ErrRefused)
	}
	delete(doc, "signature")
	s := Signed{}
	text := func(name string) string { v, _ := block[name].(string); return v }
	s.KeyID = text("creator")
	if text("type") != kind || s.KeyID == "" {
		return Signed{}, fmt.Errorf("%w: of another kind", ErrRefused)
	}
	if s.Created, err = time.Parse(time.RFC3339, text("created")); err != nil {
		return Signed{}, fmt.Errorf("%w: no time", ErrRefused)
	}
	if s.signature, err = base64.StdEncoding.DecodeString(text("signatureValue")); err != nil || len(s.signature) == 0 {
		return Signed{}, fmt.Errorf("%w: no value", ErrRefused)
	}
	for _, name := range []string{"type", "id", "signatureValue", "@context"} {
		delete(block, name)
	}
	for _, v := range block {
		if _, ok := v.(string); !ok { // the known options are texts; others could be anything
			return Signed{}, fmt.Errorf("%w: options", ErrRefused)
		}
	}
	if err := checkDocument(doc); err != nil {
		return Signed{}, err
	}
	data, root, err := statements(doc)
	if err != nil {
		return Signed{}, err
	}
	if s.Document, err = rebuild(data, root); err != nil {
		return Signed{}, err
	}
	s.text, err = signedText(block, data)
	return s, err
}

// Fits reports whether the key made the signature.
func (s Signed) Fits(key crypto.PublicKey) bool {
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return false
	}
	sum := sha256.Sum256(s.text)
	return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], s.signature) == nil
}

// Sign adds a signature to a document of ours.
func Sign(body []byte, keyID string, key crypto.Signer, now time.Time) ([]byte, error) {
	doc, err := decode(body)
	if err != nil {
		return nil, err
	}
	data, _, err := statements(doc)
	if err != nil {
		return nil, err
	}
	created := now.UTC().Format(time.RFC3339)
	text, err := signedText(map[string]any{"creator": keyID, "created": created}, data)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	value, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing a document: %w", err)
	}
	block, err := json.Marshal(struct {
		Type    string `json:"type"`
		Creator string `json:"creator"`
		Created string `json:"created"`
		Value   string `json:"signatureValue"`
	}{kind, keyID, created, base64.StdEncoding.EncodeToString(value)})
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(body)+len(block)+16), body[:len(body)-1]...)
	out = append(append(out, `,"signature":`...), block...)
	return append(out, '}'), nil
}

// signedText is what a signature is over: the digests of its options and of the document, one after the other.
func signedText(block map[string]any, data *ld.RDFDataset) ([]byte, error) {
	withContext := map[string]any{"@context": identity}
	for k, v := range block {
		withContext[k] = v
	}
	options, _, err := statements(withContext)
	if err != nil {
		return nil, err
	}
	first, err := digest(options)
	if err != nil {
		return nil, err
	}
	second, err := digest(data)
	return []byte(first + second), err
}

func digest(data *ld.RDFDataset) (string, error) {
	o := options()
	o.Format = "application/n-quads"
	text, err := ld.NewJsonLdApi().Normalize(data, o)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	s, ok := text.(string)
	if !ok {
		return "", fmt.Errorf("%w: no canonical form", ErrRefused)
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:]), nil
}

func decode(body []byte) (map[string]any, error) {
	if len(body) > maxDocument {
		return nil, fmt.Errorf("%w: too large", ErrRefused)
	}
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil || doc == nil {
		return nil, fmt.Errorf("%w: no document", ErrRefused)
	}
	return doc, nil
}
