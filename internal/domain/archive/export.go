package archive

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
)

// exportPage is how many lines are read at once, so that an export of any length takes little memory.
const exportPage = 1000

// The headers of Mastodon's files.
const (
	headAccount = "Account address"
	headBoosts  = "Show boosts"
	headNotify  = "Notify on new posts"
	headLangs   = "Languages"
	headHide    = "Hide notifications"
	headDomain  = "#domain"
	headURI     = "#uri"
	headList    = "List name"
)

// export is how one type is written: the newest first, by rows after $2, of $1's; texts are up to four columns.
type export struct {
	header []string
	sql    string
	row    func(s *Service, c columns) []string
}

// columns are those that a line is made of.
type columns struct {
	id           int64
	name, domain string
	text         string
	yes, notify  bool
}

var exports = map[Type]export{
	Following: {header: []string{headAccount, headBoosts, headNotify, headLangs},
		sql: "SELECT f.id, a.username, a.domain, f.languages, f.show_reblogs, f.notify FROM follows f JOIN accounts a ON a.id = f.target_account_id WHERE f.account_id = $1 AND f.id < $2 ORDER BY f.id DESC LIMIT $3",
		row: func(s *Service, c columns) []string {
			var langs []string
			_ = json.Unmarshal([]byte(c.text), &langs) // written here, so it can be read
			return []string{s.acct(c), strconv.FormatBool(c.yes), strconv.FormatBool(c.notify), strings.Join(langs, ", ")}
		}},
	Blocking: {sql: "SELECT b.id, a.username, a.domain, '', TRUE, TRUE FROM blocks b JOIN accounts a ON a.id = b.target_account_id WHERE b.account_id = $1 AND b.id < $2 ORDER BY b.id DESC LIMIT $3",
		row: func(s *Service, c columns) []string { return []string{s.acct(c)} }},
	Muting: {header: []string{headAccount, headHide},
		sql: "SELECT m.id, a.username, a.domain, '', m.hide_notifications, TRUE FROM mutes m JOIN accounts a ON a.id = m.target_account_id WHERE m.account_id = $1 AND m.id < $2 ORDER BY m.id DESC LIMIT $3",
		row: func(s *Service, c columns) []string { return []string{s.acct(c), strconv.FormatBool(c.yes)} }},
	DomainBlocking: {sql: "SELECT d.id, '', d.domain, '', TRUE, TRUE FROM account_domain_blocks d WHERE d.account_id = $1 AND d.id < $2 ORDER BY d.id DESC LIMIT $3",
		row: func(_ *Service, c columns) []string { return []string{c.domain} }},
	Bookmarks: {sql: "SELECT b.id, '', '', s.uri, TRUE, TRUE FROM bookmarks b JOIN statuses s ON s.id = b.status_id AND s.deleted_at = 0 WHERE b.account_id = $1 AND b.id < $2 ORDER BY b.id DESC LIMIT $3",
		row: func(_ *Service, c columns) []string { return []string{c.text} }},
	Lists: {sql: "SELECT r.id, a.username, a.domain, l.title, TRUE, TRUE FROM list_accounts r JOIN lists l ON l.id = r.list_id JOIN accounts a ON a.id = r.account_id WHERE r.owner_id = $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3",
		row: func(s *Service, c columns) []string { return []string{guarded(c.text), s.acct(c)} }},
}

func (s *Service) acct(c columns) string {
	if c.domain == "" {
		c.domain = s.Site.LocalDomain
	}
	return c.name + "@" + c.domain
}

// guarded keeps a spreadsheet from taking somebody's words for a formula; unguarded reads it again.
func guarded(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r'", rune(s[0])) {
		return "'" + s
	}
	return s
}

func unguarded(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && guarded(rest) == s {
		return rest
	}
	return s
}

// Export writes a list of an account's as Mastodon does.
func (s *Service) Export(ctx context.Context, w io.Writer, me accounts.ID, t Type) error {
	e := exports[t]
	out := csv.NewWriter(w)
	if e.header != nil {
		if err := out.Write(e.header); err != nil {
			return err
		}
	}
	for after := int64(math.MaxInt64); ; {
		list, err := db.All(ctx, s.DB, func(r db.Row) (c columns, err error) {
			return c, r.Scan(&c.id, &c.name, &c.domain, &c.text, &c.yes, &c.notify)
		}, e.sql, me, after, exportPage)
		if err != nil {
			return fmt.Errorf("exporting %s: %w", t, err)
		}
		for _, c := range list {
			if err := out.Write(e.row(s, c)); err != nil {
				return err
			}
			after = c.id
		}
		if out.Flush(); out.Error() != nil || len(list) < exportPage {
			return out.Error()
		}
	}
}

// Counts says how long each list of an account is; one statement.
func (s *Service) Counts(ctx context.Context, q db.Q, me accounts.ID) (map[Type]int64, error) {
	out := map[Type]int64{}
	_, err := db.All(ctx, q, func(r db.Row) (struct{}, error) {
		var t string
		var n int64
		err := r.Scan(&t, &n)
		out[Type(t)] = n
		return struct{}{}, err
	}, `SELECT 'following', COUNT(*) FROM follows WHERE account_id = $1 UNION ALL SELECT 'blocking', COUNT(*) FROM blocks WHERE account_id = $1
UNION ALL SELECT 'muting', COUNT(*) FROM mutes WHERE account_id = $1 UNION ALL SELECT 'domain_blocking', COUNT(*) FROM account_domain_blocks WHERE account_id = $1
UNION ALL SELECT 'bookmarks', COUNT(*) FROM bookmarks WHERE account_id = $1 UNION ALL SELECT 'lists', COUNT(*) FROM list_accounts WHERE owner_id = $1`, me)
	return out, err
}
