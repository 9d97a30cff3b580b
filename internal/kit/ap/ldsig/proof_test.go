package ldsig

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"

	"github.com/gomph/gomph/internal/kit/ap/httpsig"
)

// The key and the document of the test vector in the W3C's Data Integrity EdDSA Cryptosuites, "eddsa-jcs-2022".
const (
	vectorKey = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
	vector    = `{"@context":["https://www.w3.org/ns/credentials/v2","https://www.w3.org/ns/credentials/examples/v2"],"id":"urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
 "type":["VerifiableCredential","AlumniCredential"],"name":"Alumni Credential","description":"A minimum viable example of an Alumni Credential.","issuer":"https://vc.example/issuers/5678",
 "validFrom":"2023-01-01T00:00:00Z","credentialSubject":{"id":"did:example:abcdefgh","alumniOf":"The School of Examples"},
 "proof":{"type":"DataIntegrityProof","cryptosuite":"eddsa-jcs-2022","created":"2023-02-24T23:36:38Z",
 "verificationMethod":"did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2#z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2","proofPurpose":"assertionMethod",
 "@context":["https://www.w3.org/ns/credentials/v2","https://www.w3.org/ns/credentials/examples/v2"],
 "proofValue":"z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX"}}`
)

// prove makes a proof as others do.
func prove(t testing.TB, doc map[string]any, key ed25519.PrivateKey, block map[string]any) []byte {
	t.Helper()
	options, err := jcs(block)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jcs(doc)
	if err != nil {
		t.Fatal(err)
	}
	block["proofValue"] = httpsig.EncodeMultibase(ed25519.Sign(key, append(options[:], document[:]...)))
	doc["proof"] = block
	body, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestLDS06: only what was proved is, by the key alone, and only in the one canonical form and suite.
func TestLDS06(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func() map[string]any {
		return map[string]any{"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "verificationMethod": bobsKey, "proofPurpose": "assertionMethod", "created": "2026-11-01T12:00:00Z"}
	}
	fits := func(body []byte) bool {
		p, err := ReadProof(body)
		if err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("refused by %v", err)
		}
		return err == nil && p.KeyID == bobsKey && p.Fits(public)
	}
	good := prove(t, parsed(t, []byte(create)), private, block())
	if !fits(good) {
		t.Fatal("a proof does not verify")
	}
	for name, change := range map[string]func(m, proof map[string]any){
		"text":       func(m, _ map[string]any) { object(m)["content"] = "forged" },
		"more":       func(m, _ map[string]any) { m["summary"] = "x" },
		"context":    func(m, _ map[string]any) { m["@context"] = "https://www.w3.org/ns/activitystreams" },
		"suite":      func(_, p map[string]any) { p["cryptosuite"] = "eddsa-rdfc-2022" },
		"purpose":    func(_, p map[string]any) { p["proofPurpose"] = "authentication" },
		"kind":       func(_, p map[string]any) { p["type"] = "Ed25519Signature2020" },
		"time":       func(_, p map[string]any) { p["created"] = "2026-11-02T12:00:00Z" },
		"no time":    func(_, p map[string]any) { delete(p, "created") },
		"other key":  func(_, p map[string]any) { p["verificationMethod"] = "https://evil.example/k" },
		"value":      func(_, p map[string]any) { p["proofValue"] = "z1" },
		"other base": func(_, p map[string]any) { p["proofValue"] = "u" + p["proofValue"].(string)[1:] },
		"two":        func(m, p map[string]any) { m["proof"] = []any{p, p} },
	} {
		m := parsed(t, good)
		change(m, m["proof"].(map[string]any))
		body, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if fits(body) {
			t.Errorf("%s: accepted", name)
		}
	}
	// The context of the document may be a part of what is hashed without being written in the proof.
	doc, with := parsed(t, []byte(create)), block()
	with["@context"] = doc["@context"]
	silent := parsed(t, prove(t, doc, private, with))
	delete(silent["proof"].(map[string]any), "@context")
	body, err := json.Marshal(silent)
	if err != nil || !fits(body) {
		t.Errorf("with a context that is left out: %v", err)
	}
	// Another form of the same document is the same document.
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, good, " ", "\t"); err != nil || !fits(spaced.Bytes()) {
		t.Errorf("with white space: %v", err)
	}
}

func TestProofVector(t *testing.T) {
	t.Parallel()
	p, err := ReadProof([]byte(vector))
	if err != nil {
		t.Fatal(err)
	}
	key, err := httpsig.ParseMultikey(vectorKey)
	if err != nil || !p.Fits(key) {
		t.Errorf("the vector does not verify: %v", err)
	}
}
