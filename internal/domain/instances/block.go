package instances

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
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
	// PublicComment is shown to everybody, PrivateComment to the staff.
	PublicComment, PrivateComment string
	Obfuscate                     bool
	CreatedAt                     time.Time
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

const blockColumns = "domain, severity, reject_media, reject_reports, public_comment, private_comment, obfuscate, created_at"

// BlockOf is the block that holds for somebody of all of the given domains, theirs or that of a domain above them; the strictest
// of several. One statement.
func (s *Service) BlockOf(ctx context.Context, q db.Q, domains ...string) (Block, error) {
	blocks, err := s.blocksOf(ctx, q, domains)
	return strictest(blocks), err
}

func (s *Service) blocksOf(ctx context.Context, q db.Q, domains []string) ([]Block, error) {
	var all []string
	for _, d := range domains {
		all = append(all, parents(d)...)
	}
	blocks, err := db.All(ctx, q, scanBlock, "SELECT "+blockColumns+" FROM domain_blocks WHERE domain = ANY($1)", db.Texts(all))
	if err != nil {
		return nil, fmt.Errorf("looking for blocks of %s: %w", strings.Join(domains, ", "), err)
	}
	for _, d := range domains {
		out, err := s.shutOut(ctx, q, d)
		if err != nil {
			return nil, err
		}
		if out { // by limited federation mode
			blocks = append(blocks, Block{Domain: d, Severity: Suspend, RejectMedia: true, RejectReports: true})
		}
	}
	return blocks, nil
}

func strictest(blocks []Block) Block {
	var out Block
	for _, b := range blocks {
		if rank(b.Severity) > rank(out.Severity) {
			out.Domain, out.Severity, out.PublicComment, out.CreatedAt = b.Domain, b.Severity, b.PublicComment, b.CreatedAt
		}
		out.RejectMedia = out.RejectMedia || b.RejectMedia
		out.RejectReports = out.RejectReports || b.RejectReports
	}
	return out
}

// Rules are decisions by domain, for whoever has several to look up.
type Rules map[string]Block

// Rules reads the decisions that concern some domains; one statement.
func (s *Service) Rules(ctx context.Context, q db.Q, domains ...string) (Rules, error) {
	return rulesOf(s.blocksOf(ctx, q, domains))
}

// AllRules reads all decisions; one statement.
func (s *Service) AllRules(ctx context.Context, q db.Q) (Rules, error) {
	return rulesOf(s.Blocks(ctx, q))
}

func rulesOf(list []Block, err error) (Rules, error) {
	out := make(Rules, len(list))
	for _, b := range list {
		out[b.Domain] = b
	}
	return out, err
}

// Of is the block that holds for somebody of all of the given domains.
func (r Rules) Of(domains ...string) Block {
	var blocks []Block
	for _, d := range domains {
		for _, p := range parents(d) {
			if b, ok := r[p]; ok {
				blocks = append(blocks, b)
			}
		}
	}
	return strictest(blocks)
}

// Within reports whether a domain is another one or below it, on whatever port.
func Within(domain, above string) bool { return slices.Contains(parents(domain), above) }

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
	var created int64
	err := r.Scan(&b.Domain, &b.Severity, &b.RejectMedia, &b.RejectReports, &b.PublicComment, &b.PrivateComment, &b.Obfuscate, &created)
	b.CreatedAt = db.At(created)
	return b, err
}

// Suspended reports whether nothing is exchanged with a domain.
func (s *Service) Suspended(ctx context.Context, q db.Q, domain string) (bool, error) {
	b, err := s.BlockOf(ctx, q, domain)
	return b.Severity == Suspend, err
}

// BlockChanged says that something was decided about a domain. At is when the block began that holds, or held.
type BlockChanged struct {
	Domain string
	At     time.Time
}

// Kind names the event.
func (BlockChanged) Kind() string { return "instances.block_changed" }

// Normal is the one spelling of a domain under which it is blocked: lower case, in ASCII, without a dot at its end.
func Normal(domain string) (string, error) {
	normal, err := text.NormalizeDomain(strings.TrimPrefix(strings.TrimSpace(domain), "*."))
	if err != nil {
		return "", errs.Invalid("Validation failed: %q is not a valid domain name", domain)
	}
	return normal, nil
}

// Block writes or changes a decision about a domain. What follows for the people of the domain is done by a job.
func (s *Service) Block(ctx context.Context, b Block) error {
	var err error
	if b.Domain, err = Normal(b.Domain); err != nil {
		return err
	}
	if rank(b.Severity) == 0 {
		return errs.Invalid("Validation failed: there is no severity %q", b.Severity)
	}
	defer s.mirror.forget()
	return s.db.Write(ctx, func(tx *db.Tx) error {
		created, err := db.Value[int64](ctx, tx, `INSERT INTO domain_blocks (domain, severity, reject_media, reject_reports, public_comment, private_comment, obfuscate, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (domain) DO UPDATE SET severity = excluded.severity, reject_media = excluded.reject_media,
  reject_reports = excluded.reject_reports, public_comment = excluded.public_comment, private_comment = excluded.private_comment, obfuscate = excluded.obfuscate RETURNING created_at`,
			b.Domain, b.Severity, b.RejectMedia, b.RejectReports, b.PublicComment, b.PrivateComment, b.Obfuscate, db.Ms(s.clock.Now()))
		if err != nil {
			return err
		}
		return s.lanes.Emit(ctx, tx, BlockChanged{Domain: b.Domain, At: db.At(created)})
	})
}

// Unblock takes a decision back. It reports whether there was one.
func (s *Service) Unblock(ctx context.Context, domain string) (found bool, err error) {
	if domain, err = Normal(domain); err != nil {
		return false, err
	}
	defer s.mirror.forget()
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		created, err := db.Value[int64](ctx, tx, "DELETE FROM domain_blocks WHERE domain = $1 RETURNING created_at", domain)
		if errs.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		return s.lanes.Emit(ctx, tx, BlockChanged{Domain: domain, At: db.At(created)})
	})
	return found, err
}

// Blocks lists the decisions.
func (s *Service) Blocks(ctx context.Context, q db.Q) ([]Block, error) {
	return db.All(ctx, q, scanBlock, "SELECT "+blockColumns+" FROM domain_blocks ORDER BY domain")
}
