// Package instances owns what is known of other servers: whether they are blocked, and whether they can be reached.
//
// A host that fails has a circuit (host.go): while it is open, deliveries to it are held and one at a time is sent as a probe.
// Its state is in SQL, so that all processes share it; each keeps a copy of the hosts in trouble (mirror.go), so that sending to
// those that are well costs no statement.
package instances

import (
	"context"
	"fmt"
	"strings"

	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
)

// Severity of a domain block.
const (
	Noop    = "noop"
	Silence = "silence"
	Suspend = "suspend"
)

// Block is what was decided about a domain. The zero value is no block.
type Block struct {
	Domain        string
	Severity      string
	RejectMedia   bool
	RejectReports bool
	PublicComment string
	Obfuscate     bool
}

// Lanes is the queue, as far as hosts matter to it: what waits for a host may be made due.
type Lanes interface {
	ReleaseLane(ctx context.Context, tx *db.Tx, lane string) (int64, error)
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

// parents lists a domain and the domains above it: a block holds for all subdomains. A port, as used in tests, is dropped
// in a second spelling, so that a block of a host holds for every port.
func parents(domain string) []string {
	var out []string
	host, _, ported := strings.Cut(domain, ":")
	if ported {
		out = append(out, domain)
	}
	for host != "" {
		out = append(out, host)
		_, rest, ok := strings.Cut(host, ".")
		if !ok {
			break
		}
		host = rest
	}
	return out
}

// BlockOf is the block that holds for a domain, its own or that of a domain above it; the strictest of several.
func (s *Service) BlockOf(ctx context.Context, q db.Q, domain string) (Block, error) {
	blocks, err := db.All(ctx, q, scanBlock, `SELECT domain, severity, reject_media, reject_reports, public_comment, obfuscate FROM domain_blocks WHERE domain = ANY($1)`,
		db.Texts(parents(domain)))
	if err != nil {
		return Block{}, fmt.Errorf("looking for blocks of %s: %w", domain, err)
	}
	var out Block
	if out, err = s.limits(ctx, q, domain); err != nil {
		return out, err
	}
	for _, b := range blocks {
		if rank(b.Severity) > rank(out.Severity) {
			out.Domain, out.Severity, out.PublicComment = b.Domain, b.Severity, b.PublicComment
		}
		out.RejectMedia = out.RejectMedia || b.RejectMedia
		out.RejectReports = out.RejectReports || b.RejectReports
	}
	return out, nil
}

// limits is what limited federation mode decides about a domain.
func (s *Service) limits(ctx context.Context, q db.Q, domain string) (Block, error) {
	out, err := s.shutOut(ctx, q, domain)
	if err != nil || !out {
		return Block{}, err
	}
	return Block{Domain: domain, Severity: Suspend, RejectMedia: true, RejectReports: true}, nil
}

func rank(severity string) int {
	switch severity {
	case Suspend:
		return 3
	case Silence:
		return 2
	case Noop:
		return 1
	}
	return 0
}

func scanBlock(r db.Row) (Block, error) {
	var b Block
	err := r.Scan(&b.Domain, &b.Severity, &b.RejectMedia, &b.RejectReports, &b.PublicComment, &b.Obfuscate)
	return b, err
}

// Suspended reports whether nothing is exchanged with a domain.
func (s *Service) Suspended(ctx context.Context, q db.Q, domain string) (bool, error) {
	b, err := s.BlockOf(ctx, q, domain)
	return b.Severity == Suspend, err
}

// Block writes or changes a decision about a domain.
func (s *Service) Block(ctx context.Context, b Block) error {
	defer s.mirror.forget()
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO domain_blocks (domain, severity, reject_media, reject_reports, public_comment, obfuscate, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (domain) DO UPDATE SET severity = excluded.severity, reject_media = excluded.reject_media, reject_reports = excluded.reject_reports,
  public_comment = excluded.public_comment, obfuscate = excluded.obfuscate`,
			b.Domain, b.Severity, b.RejectMedia, b.RejectReports, b.PublicComment, b.Obfuscate, db.Ms(s.clock.Now()))
		return err
	})
}

// Unblock takes a decision back.
func (s *Service) Unblock(ctx context.Context, domain string) error {
	defer s.mirror.forget()
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM domain_blocks WHERE domain = $1", domain)
		return err
	})
}

// Blocks lists the decisions.
func (s *Service) Blocks(ctx context.Context, q db.Q) ([]Block, error) {
	return db.All(ctx, q, scanBlock, "SELECT domain, severity, reject_media, reject_reports, public_comment, obfuscate FROM domain_blocks ORDER BY domain")
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

// Domains lists the servers that are known, without those that are suspended.
func (s *Service) Domains(ctx context.Context, q db.Q) ([]string, error) {
	return db.Column[string](ctx, q, "SELECT domain FROM instances WHERE domain NOT IN (SELECT domain FROM domain_blocks WHERE severity = 'suspend') ORDER BY domain")
}
