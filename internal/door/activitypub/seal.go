package activitypub

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/ap"
	"github.com/gomph/gomph/internal/kit/ap/ldsig"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// maxSeals bounds how many signatures of documents are kept, of some 500 bytes each.
const maxSeals = 2000

// seals keeps the signatures of the documents that are being sent: a document goes to many inboxes, and signing one takes 5 ms.
type seals struct {
	mu   sync.Mutex
	made map[[sha256.Size]byte]string
}

// isPublic reports whether a document of ours is for everybody.
func isPublic(doc any) bool {
	activity, ok := doc.(*ap.ActivityDoc)
	return ok && activity.Public()
}

// sealed is the body of a delivery as it is sent. What is said to everybody is signed in itself, so that others may pass it on, as
// Mastodon does; a server that shows its documents only to those it knows lets nobody pass them on either. It is done here and
// not where deliveries are written, since those about one post must be written as they came. Every process and attempt makes the
// same signature.
func (s *Server) sealed(ctx context.Context, d Delivery, from *accounts.Account) ([]byte, error) {
	body := []byte(d.Body)
	if !d.Public || s.SignedFetch || len(body) == 0 {
		return body, nil
	}
	sum := sha256.Sum256(body)
	s.seals.mu.Lock()
	seal, ok := s.seals.made[sum]
	s.seals.mu.Unlock()
	if ok {
		return append(body[:len(body)-1], seal...), nil
	}
	made, err, _ := s.flights.Do("seal "+string(sum[:]), func() (any, error) { return s.seal(ctx, d, from, sum) })
	if err != nil {
		return nil, err
	}
	return append(body[:len(body)-1], made.(string)...), nil
}

// seal signs a body: it gives what replaces its last brace.
func (s *Server) seal(ctx context.Context, d Delivery, from *accounts.Account, sum [sha256.Size]byte) (string, error) {
	signer, err := s.signer(ctx, from)
	if err != nil {
		return "", err
	}
	signed, err := ldsig.Sign([]byte(d.Body), signer.KeyID, signer.Private, d.At)
	if errors.Is(err, ldsig.ErrRefused) {
		return "", jobs.Dead(fmt.Errorf("signing a document: %w", err))
	}
	if err != nil {
		return "", err
	}
	seal := string(signed[len(d.Body)-1:])
	s.seals.mu.Lock()
	defer s.seals.mu.Unlock()
	if s.seals.made == nil || len(s.seals.made) >= maxSeals {
		s.seals.made = map[[sha256.Size]byte]string{}
	}
	s.seals.made[sum] = seal
	return seal, nil
}
