package relations

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/fetch/weburl"
)

// Digest is what two servers compare to find out whether they agree on who follows an account (FEP-8fcf): the SHA-256 sums of the
// followers' ids, each bit added without carry, so that their order does not matter.
type Digest [sha256.Size]byte

// Add takes one more follower in; the same one twice cancels out.
func (d *Digest) Add(uri string) {
	for i, b := range sha256.Sum256([]byte(uri)) {
		d[i] ^= b
	}
}

// String is the digest as it is sent, in hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// DigestsByHost are the digests of an account's followers elsewhere, by the host of their ids; one statement.
func (s *Service) DigestsByHost(ctx context.Context, q db.Q, id accounts.ID) (map[string]*Digest, error) {
	uris, err := db.Column[string](ctx, q, "SELECT a.uri FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id = $1 AND a.domain <> ''", id)
	if err != nil {
		return nil, err
	}
	out := map[string]*Digest{}
	for _, uri := range uris {
		host := weburl.Host(uri)
		if out[host] == nil {
			out[host] = &Digest{}
		}
		out[host].Add(uri)
	}
	return out, nil
}

// FollowersAt lists the ids of those followers of an account that begin with an origin, such as "https://example.org".
func (s *Service) FollowersAt(ctx context.Context, q db.Q, id accounts.ID, origin string) ([]string, error) {
	prefix := strings.TrimSuffix(origin, "/") + "/"
	return db.Column[string](ctx, q, `SELECT a.uri FROM follows f JOIN accounts a ON a.id = f.account_id
WHERE f.target_account_id = $1 AND a.domain <> '' AND SUBSTR(a.uri, 1, $2) = $3 ORDER BY f.id`, id, len(prefix), prefix)
}

// FollowersHere are the ids of those of this server who follow an account, with their numbers; one statement.
func (s *Service) FollowersHere(ctx context.Context, q db.Q, id accounts.ID) (map[string]accounts.ID, error) {
	type row struct {
		uri string
		id  accounts.ID
	}
	rows, err := db.All(ctx, q, func(r db.Row) (v row, err error) { return v, r.Scan(&v.uri, &v.id) },
		"SELECT a.uri, a.id FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id = $1 AND a.domain = ''", id)
	if err != nil {
		return nil, err
	}
	out := make(map[string]accounts.ID, len(rows))
	for _, v := range rows {
		out[v.uri] = v.id
	}
	return out, nil
}

// FollowedElsewhere lists accounts of other servers that somebody here follows, by id, after one and at most limit; with a domain
// only those of that host.
func (s *Service) FollowedElsewhere(ctx context.Context, q db.Q, domain string, after accounts.ID, limit int) ([]*accounts.Account, error) {
	return db.All(ctx, q, accounts.Scan, "SELECT "+accounts.Columns+` FROM accounts a WHERE a.id > $1 AND a.domain <> '' AND a.suspended_at = 0 AND a.outbox_url <> ''
AND ($2 = '' OR a.domain = $2 OR a.uri LIKE $3)
AND EXISTS (SELECT 1 FROM follows f JOIN accounts l ON l.id = f.account_id WHERE f.target_account_id = a.id AND l.domain = '') ORDER BY a.id LIMIT $4`,
		after, domain, "%://"+domain+"/%", limit)
}

// OnlyFollower reports whether an account is the only one here that follows another.
func (s *Service) OnlyFollower(ctx context.Context, q db.Q, by, target accounts.ID) (bool, error) {
	list, err := db.Column[accounts.ID](ctx, q, "SELECT f.account_id FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id = $1 AND a.domain = '' LIMIT 2", target)
	return len(list) == 1 && list[0] == by, err
}
