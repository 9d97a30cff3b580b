package instances

import (
	"context"
	"fmt"

	"github.com/gomph/gomph/internal/kit/db"
)

// Option is a choice of the operator's.
type Option func(*Service)

// Limited is limited federation mode: every domain counts as suspended unless it, or one above it, was allowed.
func Limited() Option { return func(s *Service) { s.limited = true } }

// Allow lets a domain and those below it take part in limited federation mode.
func (s *Service) Allow(ctx context.Context, domain string) error {
	defer s.mirror.forget()
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO domain_allows (domain, created_at) VALUES ($1, $2) ON CONFLICT (domain) DO NOTHING", domain, db.Ms(s.clock.Now()))
		return err
	})
}

// Disallow takes that back. It reports whether the domain was allowed.
func (s *Service) Disallow(ctx context.Context, domain string) (bool, error) {
	defer s.mirror.forget()
	var n int64
	err := s.db.Write(ctx, func(tx *db.Tx) (err error) {
		n, err = tx.Exec(ctx, "DELETE FROM domain_allows WHERE domain = $1", domain)
		return err
	})
	return n > 0, err
}

// Allows lists the domains that were allowed.
func (s *Service) Allows(ctx context.Context, q db.Q) ([]string, error) {
	return db.Column[string](ctx, q, "SELECT domain FROM domain_allows ORDER BY domain")
}

// shutOut reports whether limited federation mode keeps a domain out.
func (s *Service) shutOut(ctx context.Context, q db.Q, domain string) (bool, error) {
	if !s.limited {
		return false, nil
	}
	allowed, err := db.Exists(ctx, q, "SELECT 1 FROM domain_allows WHERE domain = ANY($1)", db.Texts(parents(domain)))
	if err != nil {
		return true, fmt.Errorf("looking whether %s is allowed: %w", domain, err)
	}
	return !allowed, nil
}
