package instances

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
	"github.com/gomph/gomph/internal/kit/ids"
)

// ByDomain is how it goes with one host; one that is not known is errs.NotFound.
func (s *Service) ByDomain(ctx context.Context, q db.Q, domain string) (Host, error) {
	h, err := scanHost(q.QueryRow(ctx, "SELECT "+hostColumns+" FROM instances WHERE domain = $1", domain))
	if err != nil {
		return h, fmt.Errorf("reading host %s: %w", domain, err)
	}
	return h, nil
}

// Hosts lists the hosts in some states by name, after one and at most limit.
func (s *Service) Hosts(ctx context.Context, q db.Q, states []State, after string, limit int) ([]Host, error) {
	ago := db.Ms(s.clock.Now().Add(-recovery))
	list, err := db.All(ctx, q, scanHost, "SELECT "+hostColumns+` FROM (SELECT `+hostColumns+`, CASE
  WHEN unavailable_at <> 0 THEN 'unavailable' WHEN failures <> 0 OR retry_at <> 0 THEN 'failing' WHEN recovered_at > $1 THEN 'recovering' ELSE 'healthy' END AS state
  FROM instances WHERE domain > $2) h WHERE state = ANY($3) ORDER BY domain LIMIT $4`, ago, after, db.Texts(states), limit)
	if err != nil {
		return nil, fmt.Errorf("listing hosts: %w", err)
	}
	return list, nil
}

// Waiting is how many deliveries wait for each of some hosts, or are under way.
func (s *Service) Waiting(ctx context.Context, q db.Q, domains []string) (map[string]int64, error) {
	out := map[string]int64{}
	_, err := db.All(ctx, q, func(r db.Row) (struct{}, error) {
		var domain string
		var n int64
		err := r.Scan(&domain, &n)
		out[domain] = n
		return struct{}{}, err
	}, "SELECT lane, COUNT(*) FROM jobs WHERE lane = ANY($1) AND lane <> '' AND state <> 2 AND queue = 'push' GROUP BY lane", db.Texts(domains))
	if err != nil {
		return nil, fmt.Errorf("counting deliveries: %w", err)
	}
	return out, nil
}

// Pending is a delivery to a host that is not over.
type Pending struct {
	// ID is greater for what was written later, as far as the clocks of processes agree.
	ID     int64
	Domain string
	// Rest is how its arguments go on after the prefix.
	Rest string
	// Running says that a worker has it; Attempts is how often it was tried.
	Running  bool
	Attempts int64
	// WrittenAt is when it was written.
	WrittenAt time.Time
}

const (
	// maxPending bounds how many deliveries to a host about one thing are read; one is enough to wait for.
	maxPending = 20
	// maxRest is enough for a verb and an address.
	maxRest = 100 + weburl.MaxLen
)

// Pending lists deliveries to some hosts whose arguments begin with a prefix.
func (s *Service) Pending(ctx context.Context, q db.Q, domains []string, prefix string) ([]Pending, error) {
	length := utf8.RuneCountInString(prefix) // as SQL counts it
	list, err := db.All(ctx, q, func(r db.Row) (Pending, error) {
		var p Pending
		err := r.Scan(&p.Domain, &p.Rest, &p.Running, &p.Attempts, &p.ID)
		p.WrittenAt = ids.Time(p.ID)
		return p, err
	}, `SELECT lane, substr(args, $1, $6), state = 1, attempt, id FROM jobs
WHERE lane = ANY($2) AND lane <> '' AND state <> 2 AND queue = 'push' AND substr(args, 1, $3) = $4 ORDER BY id LIMIT $5`,
		length+1, db.Texts(domains), length, prefix, maxPending*len(domains), maxRest)
	if err != nil {
		return nil, fmt.Errorf("looking for earlier deliveries: %w", err)
	}
	return list, nil
}
