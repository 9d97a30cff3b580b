// Package instances owns what is known of other servers: whether they are blocked, and whether they can be reached.
//
// A host that fails has a circuit (host.go): while it is open, deliveries to it are held and one at a time is sent as a probe.
// Its state is in SQL, so that all processes share it; each keeps a copy of the hosts in trouble (mirror.go), so that sending to
// those that are well costs no statement.
package instances

import (
	"context"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// Lanes is the queue, as far as hosts matter to it: what waits for a host may be made due, and what follows from a block is done.
type Lanes interface {
	ReleaseLane(ctx context.Context, tx *db.Tx, lane string) (int64, error)
	Emit(ctx context.Context, tx *db.Tx, events ...jobs.Event) error
}

// Service reads and writes other servers.
type Service struct {
	db     *db.DB
	clock  clock.Clock
	lanes  Lanes
	mirror mirror
	// limited is limited federation mode; see Limited.
	limited bool
}

// New makes the service.
func New(d *db.DB, c clock.Clock, l Lanes, options ...Option) *Service {
	s := &Service{db: d, clock: c, lanes: l, mirror: newMirror()}
	for _, o := range options {
		o(s)
	}
	return s
}

// Seen enters a domain that was met.
func (s *Service) Seen(ctx context.Context, tx *db.Tx, domain string) error {
	_, err := tx.Exec(ctx, "INSERT INTO instances (domain, created_at) VALUES ($1, $2) ON CONFLICT (domain) DO NOTHING", domain, db.Ms(s.clock.Now()))
	return err
}

// Count is how many other servers are known.
func (s *Service) Count(ctx context.Context, q db.Q) (int64, error) {
	return db.Value[int64](ctx, q, "SELECT COUNT(*) FROM instances")
}

// Search finds known servers whose domain begins with a text, or has a part that does; those that are shut out are not told.
func (s *Service) Search(ctx context.Context, q db.Q, prefix string, limit int) ([]string, error) {
	if prefix == "" {
		return nil, nil
	}
	escaped := db.Like(prefix)
	return db.Column[string](ctx, q, `SELECT domain FROM instances WHERE (domain LIKE $1 ESCAPE '!' OR domain LIKE $2 ESCAPE '!') AND domain NOT IN (SELECT domain FROM domain_blocks WHERE severity = 'suspend')
ORDER BY domain LIKE $1 ESCAPE '!' DESC, domain LIMIT $3`, escaped+"%", "%."+escaped+"%", limit)
}

// Domains lists the servers that are known, without those that are suspended.
func (s *Service) Domains(ctx context.Context, q db.Q) ([]string, error) {
	return db.Column[string](ctx, q, "SELECT domain FROM instances WHERE domain NOT IN (SELECT domain FROM domain_blocks WHERE severity = 'suspend') ORDER BY domain")
}
