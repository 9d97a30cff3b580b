package activitypub_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"net/http"
	"testing"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ap/httpsig"
)

func TestSignatureKinds(t *testing.T) {
	t.Parallel()
	play(t, map[string]func(*scene){
		"delivery": (*scene).knocksTwice, "refused both": (*scene).knocksInVain, "fetch": (*scene).fetchKnocks, "Ed25519": (*scene).edwards,
	})
}

// takesOnly makes a host's inboxes take one kind of signature, and counts what came by kind.
func (r *remote) takesOnly(newer bool, refusal int) (cavage, rfc9421 func() int) {
	counts := map[bool]int{}
	r.answersWith(func(w http.ResponseWriter, req *http.Request, _ doc) {
		is := req.Header.Get("Signature-Input") != ""
		r.mu.Lock()
		counts[is]++
		r.mu.Unlock()
		if is != newer {
			w.WriteHeader(refusal)
			_, _ = w.Write([]byte("The Signature is not valid"))
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	of := func(kind bool) func() int {
		return func() int { r.mu.Lock(); defer r.mu.Unlock(); return counts[kind] }
	}
	return of(false), of(true)
}

func (s *scene) knocksTwice() {
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	for _, refusal := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest} {
		cavage, rfc9421 := s.good.takesOnly(true, refusal)
		s.post(statuses.Draft{Text: "one"})
		s.post(statuses.Draft{Text: "two"})
		if cavage() != 1 || rfc9421() != 2 {
			s.t.Fatalf("%d: asked %d times by cavage, %d by RFC 9421", refusal, cavage(), rfc9421())
		}
		// Another process of the server knows it from the database.
		twin := process(s.t, s.us.db, s.us.clock, s.us.site, 3)
		if kind, err := twin.instances.SignaturesOf(ctx(), s.good.domain); err != nil || kind != "rfc9421" {
			s.t.Fatalf("another process signs by %q: %v", kind, err)
		}
		// After a while the usual kind is tried again, and goes back to when it is the one that is taken.
		cavage, rfc9421 = s.good.takesOnly(false, refusal)
		s.post(statuses.Draft{Text: "three"})
		s.post(statuses.Draft{Text: "four"})
		if cavage() != 2 || rfc9421() != 1 {
			s.t.Fatalf("%d: then %d times by cavage, %d by RFC 9421", refusal, cavage(), rfc9421())
		}
	}
}

func (s *scene) knocksInVain() {
	s.taken(s.bob.send(s.us, s.bob.activity("Follow", s.alice.URI)))
	count := 0
	s.good.answersWith(func(w http.ResponseWriter, _ *http.Request, _ doc) {
		s.good.mu.Lock()
		count++
		s.good.mu.Unlock()
		w.WriteHeader(http.StatusForbidden)
	})
	for range 3 {
		s.post(statuses.Draft{Text: "nobody wants it"})
	}
	s.good.mu.Lock()
	defer s.good.mu.Unlock()
	if count != 4 {
		s.t.Errorf("a host that refuses all was asked %d times for three posts", count)
	}
}

func (s *scene) fetchKnocks() {
	path := "/notes/shy"
	note := s.bob.note("seen").with(doc{"id": s.good.url(path)})
	s.good.mu.Lock()
	s.good.gate = func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path == path && req.Header.Get("Signature-Input") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return false
		}
		return true
	}
	s.good.mu.Unlock()
	s.good.serve(path, note)
	found, err := s.us.ResolveURL(ctx(), s.good.url(path))
	if err != nil || found.Status == nil {
		s.t.Fatalf("found %+v: %v", found, err)
	}
}

// edwards is an actor with an Ed25519 key besides, as FEP-521a has it.
func (s *scene) edwards() {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	s.us.must(err)
	keyID := s.bertha.uri + "#ed25519-key"
	s.bertha.doc["assertionMethod"] = []doc{{"id": keyID, "type": "Multikey", "controller": s.bertha.uri, "publicKeyMultibase": httpsig.EncodeMultikey(public)}}
	s.bertha.publish()
	send := func(key ed25519.PrivateKey, id string, sign func(httpsig.Signer, *http.Request, []byte) error) int {
		s.us.clock.Advance(time.Second)
		body := encode(s.t, s.bertha.activity("Follow", s.alice.URI))
		req, err := http.NewRequest(http.MethodPost, s.us.site.URL("/inbox"), bytes.NewReader(body))
		s.us.must(err)
		req.Header.Set("Content-Type", "application/activity+json")
		s.us.must(sign(httpsig.Signer{KeyID: id, Private: key}, req, body))
		status := do(s.t, req)
		settle(s.t, s.us)
		return status
	}
	newer := func(signer httpsig.Signer, req *http.Request, body []byte) error {
		return signer.SignRFC9421(req, body, s.us.clock.Now())
	}
	s.taken(send(private, keyID, newer))
	if !s.followsAlice(s.bertha) {
		s.t.Error("a follow signed by Ed25519 was not taken")
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	s.us.must(err)
	s.refused(send(stranger, keyID, newer), http.StatusUnauthorized)
	// Mallory lists bertha's key as her own: it stays bertha's (SIG-18).
	s.mallory.doc["assertionMethod"] = []doc{{"id": keyID, "type": "Multikey", "controller": s.mallory.uri, "publicKeyMultibase": httpsig.EncodeMultikey(stranger.Public().(ed25519.PublicKey))}}
	s.mallory.publish()
	s.known(s.mallory)
	s.refused(send(stranger, keyID, newer), http.StatusUnauthorized)
	s.taken(send(private, keyID, newer))
	// A key that is no longer listed no longer signs.
	delete(s.bertha.doc, "assertionMethod")
	s.bertha.publish()
	s.us.clock.Advance(time.Hour)
	s.taken(s.bertha.send(s.us, s.bertha.activity("Update", s.bertha.doc.with(doc{"preferredUsername": "bertha", "publicKey": doc{}}))))
	s.refused(send(private, keyID, newer), http.StatusUnauthorized)
}
