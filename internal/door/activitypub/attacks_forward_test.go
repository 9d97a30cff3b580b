package activitypub_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/ap/httpsig"
	"github.com/gomph/gomph/internal/kit/ap/ldsig"
)

// The rows of the attack table about signatures inside documents, as the inbox meets them; kit/ap/ldsig has the rest of each.
func TestForwardedAttacks(t *testing.T) {
	t.Parallel()
	play(t, map[string]func(*scene){
		"LDS-01": (*scene).lds01, "LDS-02": (*scene).lds02, "LDS-03": (*scene).lds03, "LDS-04": (*scene).lds04, "LDS-06": (*scene).lds06, "ours": (*scene).oursAreSealed,
	})
}

// signedBy adds a linked-data signature by a person, made at a time.
func (s *scene) signedBy(p *person, keyID string, d doc, at time.Time) doc {
	s.t.Helper()
	key, err := httpsig.ParsePrivatePEM(p.keys.Private)
	s.us.must(err)
	body, err := ldsig.Sign(encode(s.t, d), keyID, key, at)
	s.us.must(err)
	var out doc
	s.us.must(json.Unmarshal(body, &out))
	return out
}

func (s *scene) signed(p *person, d doc) doc {
	return s.signedBy(p, p.uri+"#main-key", d, s.us.clock.Now())
}

func (s *scene) lds01() {
	// Without trickery first: bob's post comes by mallory's hand.
	note := s.bob.note("<p>bob's</p>")
	s.taken(s.mallory.send(s.us, s.signed(s.bob, s.bob.activity("Create", note))))
	s.text(note["id"].(string), "<p>bob's</p>")

	note = s.bob.note("<p>true</p>")
	forged := s.signed(s.bob, s.bob.activity("Create", note))
	forged["@context"] = []any{ap.Namespace, doc{"words": "as:content", "content": nil}}
	inner := forged["object"].(map[string]any)
	inner["words"], inner["content"], inner["_misskey_quote"] = inner["content"], "<p>forged</p>", s.evil.url("/notes/1")
	s.taken(s.mallory.send(s.us, forged))
	s.text(note["id"].(string), "<p>true</p>")

	forged = s.signed(s.bob, s.bob.activity("Create", s.bob.note("altered")))
	forged["object"].(map[string]any)["content"] = "forged"
	s.refused(s.mallory.send(s.us, forged), http.StatusUnauthorized)
}

func (s *scene) lds02() {
	mine := s.post(statuses.Draft{Text: "boost me"})
	boost := s.bob.activity("Announce", mine.URI).with(doc{"to": []string{ap.Public}})
	undo := s.signed(s.bob, s.bob.activity("Undo", boost).with(doc{"to": []string{ap.Public}}))
	outer := undo["object"].(map[string]any)
	outer["@context"], outer["signature"] = undo["@context"], undo["signature"]
	outer["@graph"] = []any{doc{"id": undo["id"], "type": "Undo", "actor": undo["actor"], "to": undo["to"], "object": outer["id"]}}
	s.refused(s.mallory.send(s.us, outer), http.StatusUnauthorized)
	s.us.missing(boost["id"].(string))
}

func (s *scene) lds03() {
	asked := s.evil.requests()
	for _, context := range []any{s.evil.url("/context"), []any{ap.Namespace, s.evil.url("/context")}, "http://169.254.169.254/x"} {
		d := s.signed(s.bob, s.bob.activity("Create", s.bob.note("x")))
		d["@context"] = context
		s.refused(s.bertha.send(s.us, d), http.StatusUnauthorized)
	}
	if s.evil.requests() != asked {
		s.t.Error("a context was fetched")
	}
}

func (s *scene) lds04() {
	carol := s.good.person("carol2")
	create := func() doc { return s.bob.activity("Create", s.bob.note("x")) }
	s.refused(s.mallory.send(s.us, s.signed(carol, create())), http.StatusUnauthorized)
	s.refused(s.mallory.send(s.us, s.signed(s.mallory, create())), http.StatusUnauthorized)
	s.refused(s.mallory.send(s.us, s.signedBy(s.mallory, s.bob.uri+"#main-key", create(), s.us.clock.Now())), http.StatusUnauthorized)
	// An old edit that a relay brings again loses against the newer one, and a very old one is not even read.
	note := s.posted("<p>first</p>")
	edit := func(text string, at time.Time) doc {
		return s.bob.activity("Update", note.with(doc{"content": text, "updated": at.UTC().Format(time.RFC3339)})).with(doc{"to": []string{ap.Public}})
	}
	old := s.signed(s.bob, edit("<p>old</p>", s.us.clock.Now()))
	s.us.clock.Advance(time.Hour)
	s.taken(s.mallory.send(s.us, s.signed(s.bob, edit("<p>new</p>", s.us.clock.Now()))))
	s.text(note["id"].(string), "<p>new</p>")
	s.taken(s.mallory.send(s.us, old))
	s.text(note["id"].(string), "<p>new</p>")
	s.us.clock.Advance(365 * 24 * time.Hour)
	s.refused(s.mallory.send(s.us, old), http.StatusUnauthorized)
	// What is between two is not taken from a third.
	s.refused(s.mallory.send(s.us, s.signed(s.bob, s.bob.activity("Follow", s.alice.URI))), http.StatusUnauthorized)
	if s.followsAlice(s.bob) {
		s.t.Error("a follow was taken from somebody else")
	}
}

// proved adds an integrity proof.
func (s *scene) proved(d doc, key ed25519.PrivateKey, keyID string) doc {
	s.t.Helper()
	digest := func(v any) []byte {
		text, err := json.Marshal(v)
		s.us.must(err)
		value := jsontext.Value(text)
		s.us.must(value.Canonicalize())
		sum := sha256.Sum256(value)
		return sum[:]
	}
	proof := doc{"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "verificationMethod": keyID, "proofPurpose": "assertionMethod", "created": s.us.clock.Now().UTC().Format(time.RFC3339)}
	value := httpsig.EncodeMultibase(ed25519.Sign(key, append(digest(proof), digest(d)...)))
	return d.with(doc{"proof": proof.with(doc{"proofValue": value})})
}

func (s *scene) lds06() {
	key := func(p *person) ed25519.PrivateKey {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		s.us.must(err)
		p.doc["assertionMethod"] = []doc{{"id": p.uri + "#ed25519-key", "type": "Multikey", "controller": p.uri, "publicKeyMultibase": httpsig.EncodeMultikey(public)}}
		p.publish()
		return private
	}
	bobs, mallorys := key(s.bob), key(s.mallory)
	s.us.clock.Advance(time.Hour) // so that bob is asked for his keys again
	note := s.bob.note("<p>proved</p>")
	s.taken(s.mallory.send(s.us, s.proved(s.bob.activity("Create", note), bobs, s.bob.uri+"#ed25519-key")))
	s.text(note["id"].(string), "<p>proved</p>")

	create := func() doc { return s.bob.activity("Create", s.bob.note("forged")) }
	for name, d := range map[string]doc{
		"mallory's key":       s.proved(create(), mallorys, s.mallory.uri+"#ed25519-key"),
		"under bob's name":    s.proved(create(), mallorys, s.bob.uri+"#ed25519-key"),
		"altered":             s.proved(create(), bobs, s.bob.uri+"#ed25519-key").with(doc{"summary": "x"}),
		"another cryptosuite": create().with(doc{"proof": doc{"type": "DataIntegrityProof", "cryptosuite": "made-up"}}),
	} {
		if status := s.mallory.send(s.us, d); status != http.StatusUnauthorized {
			s.t.Errorf("%s: answered %d", name, status)
		}
	}
	// A note of bob's with a proof by mallory, in an activity of hers, is not bob's word.
	theirs := s.proved(s.bob.note("mine"), mallorys, s.mallory.uri+"#ed25519-key")
	s.mallory.send(s.us, s.mallory.activity("Create", theirs))
	s.us.missing(theirs["id"].(string))
}

// oursAreSealed: what we say to everybody can be passed on, and another server of ours believes it; what we say to some cannot.
func (s *scene) oursAreSealed() {
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	s.post(statuses.Draft{Text: "to all"})
	s.post(statuses.Draft{Text: "to followers", Visibility: statuses.Private})
	public, private := 0, 0
	for _, d := range s.good.received() {
		if d["type"] != "Create" {
			continue
		}
		if d["signature"] == nil {
			private++
			continue
		}
		public++
		signed, err := ldsig.Read(encode(s.t, d))
		s.us.must(err)
		key, err := httpsig.ParsePublicPEM(s.alice.PublicKey)
		s.us.must(err)
		if !signed.Fits(key) || signed.KeyID != s.alice.PublicKeyID || !bytes.Contains(signed.Document, []byte("to all")) {
			s.t.Errorf("signed as %+v", signed)
		}
	}
	if public != 1 || private != 1 {
		s.t.Errorf("%d signed, %d not", public, private)
	}
}
