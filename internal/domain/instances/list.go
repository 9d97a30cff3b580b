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

// Ahead is a delivery to a host that was written before another one and is not over.
type Ahead struct {
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
	// maxAhead bounds how many deliveries to a host are read that are not over; one is enough to wait for.
	maxAhead = 20
	// maxRest is enough for a verb and an address.
	maxRest = 100 + weburl.MaxLen
)

// Ahead lists deliveries to some hosts whose arguments begin with a prefix and which were written before an id was made.
func (s *Service) Ahead(ctx context.Context, q db.Q, domains []string, prefix string, before int64) ([]Ahead, error) {
	length := utf8.RuneCountInString(prefix) // as SQL counts it
	list, err := db.All(ctx, q, func(r db.Row) (Ahead, error) {
		var a Ahead
		var id int64
		err := r.Scan(&a.Domain, &a.Rest, &a.Running, &a.Attempts, &id)
		a.WrittenAt = ids.Time(id)
		return a, err
	}, `SELECT lane, substr(args, $1, $7), state = 1, attempt, id FROM jobs
WHERE lane = ANY($2) AND lane <> '' AND state <> 2 AND queue = 'push' AND id < $3 AND substr(args, 1, $4) = $5 ORDER BY id LIMIT $6`,
		length+1, db.Texts(domains), before, length, prefix, maxAhead*len(domains), maxRest)
	if err != nil {
		return nil, fmt.Errorf("looking for earlier deliveries: %w", err)
	}
	return list, nil
}
