package instances

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
)

// Signatures is a kind of HTTP signature, as it is stored.
type Signatures string

// The kinds: draft-cavage is what every server is tried with first.
const (
	Cavage  Signatures = "cavage"
	RFC9421 Signatures = "rfc9421"
)

const (
	// signaturesAge is how long it is remembered that a host wants the other kind. Then it is asked as every other, since
	// software changes.
	signaturesAge = 30 * 24 * time.Hour
	// maxSignatures bounds how many such hosts a process keeps in mind; the others are asked twice.
	maxSignatures = 20_000
)

// SignaturesOf is the kind of signature that a host is signed for at first. It costs no statement, like Turn.
func (s *Service) SignaturesOf(ctx context.Context, domain string) (Signatures, error) {
	m := &s.mirror
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := s.fresh(ctx); err != nil {
		return Cavage, err
	}
	if m.rfc9421[domain] {
		return RFC9421, nil
	}
	return Cavage, nil
}

// TakesSignatures notes the kind of signature that a host took after it refused the other.
func (s *Service) TakesSignatures(ctx context.Context, domain string, kind Signatures) error {
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		if err := s.Seen(ctx, tx, domain); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE instances SET signatures = $1, signatures_at = $2 WHERE domain = $3", string(kind), db.Ms(s.clock.Now()), domain)
		return err
	})
	if err != nil {
		return fmt.Errorf("noting the signatures of %s: %w", domain, err)
	}
	s.mirror.mu.Lock()
	defer s.mirror.mu.Unlock()
	if kind == RFC9421 {
		s.mirror.rfc9421[domain] = true
	} else {
		delete(s.mirror.rfc9421, domain)
	}
	return nil
}

// readSignatures lists the hosts that want the newer kind.
func (s *Service) readSignatures(ctx context.Context, now time.Time) (map[string]bool, error) {
	list, err := db.Column[string](ctx, s.db, "SELECT domain FROM instances WHERE signatures = $1 AND signatures_at > $2 ORDER BY signatures_at DESC LIMIT $3",
		string(RFC9421), db.Ms(now.Add(-signaturesAge)), maxSignatures)
	if err != nil {
		return nil, fmt.Errorf("reading signatures: %w", err)
	}
	out := make(map[string]bool, len(list))
	for _, domain := range list {
		out[domain] = true
	}
	return out, nil
}
