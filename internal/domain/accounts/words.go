package accounts

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/text"
)

const (
	// maxNameWords is how many words of a name count.
	maxNameWords = 20
	// maxTyped is how many words of a search count.
	maxTyped = 4
	// maxFound bounds the people of whom the best are chosen, when many have a word: those whose word is the shortest come first.
	maxFound = 1000
	// fillSlice accounts get their words in one transaction, fillSlices transactions are one run of the job.
	fillSlice, fillSlices = 500, 100
	// fillBehind is how old an account is that the job takes: ids of a moment may be written in another order.
	fillBehind = time.Minute
)

// FillWordsDue asks for accounts to get the words of their names that were written before there were any, or by a process of the version before.
type FillWordsDue struct{}

// Kind names the event.
func (FillWordsDue) Kind() string { return "accounts.fill_words_due" }

// wordsOf are the words under which an account is found: its username, whole and in its parts, and those of its name.
func wordsOf(username, name string) []string {
	out := append([]string{strings.ToLower(username)}, text.NameWords(username, maxNameWords)...)
	out = append(out, text.NameWords(name, maxNameWords)...)
	slices.Sort(out)
	return slices.Compact(out)
}

// enterWords makes an account be found by its name as it is now.
func (s *Service) enterWords(ctx context.Context, tx *db.Tx, id ID, username, name string) error {
	if err := tx.Do(ctx, "forgetting a name's words", "DELETE FROM account_words WHERE account_id = $1", id); err != nil {
		return err
	}
	return addWords(ctx, tx, wordRows(nil, id, username, name))
}

// wordRows adds the words of an account to some.
func wordRows(rows [][]any, id ID, username, name string) [][]any {
	for _, w := range wordsOf(username, name) {
		rows = append(rows, []any{w, id})
	}
	return rows
}

func addWords(ctx context.Context, tx *db.Tx, rows [][]any) error {
	return tx.DoMany(ctx, "entering a name's words", "INSERT INTO account_words (word, account_id) VALUES ($1, $2) ON CONFLICT (word, account_id) DO NOTHING", rows)
}

// FillWords goes on with accounts that have no words yet. It is safe to repeat, and to stop.
func (s *Service) FillWords(ctx context.Context, _ FillWordsDue) error {
	return s.fill(ctx, fillSlices)
}

// FillAllWords gives all accounts their words that have none yet.
func (s *Service) FillAllWords(ctx context.Context) error {
	return s.fill(ctx, math.MaxInt)
}

func (s *Service) fill(ctx context.Context, most int) error {
	for range most {
		n, err := s.fillSlice(ctx)
		if err != nil || n < fillSlice {
			return err
		}
	}
	return nil
}

func (s *Service) fillSlice(ctx context.Context) (n int, err error) {
	type row struct {
		id             ID
		username, name string
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		cursor, err := db.Value[ID](ctx, tx, "SELECT cursor_id FROM account_words_progress WHERE id = 1"+tx.ForUpdate())
		if err != nil && !errs.IsNotFound(err) {
			return err
		}
		list, err := db.All(ctx, tx, func(r db.Row) (v row, err error) { return v, r.Scan(&v.id, &v.username, &v.name) },
			"SELECT id, username, display_name FROM accounts WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3", cursor, ids.First(s.Clock.Now().Add(-fillBehind)), fillSlice)
		if n = len(list); err != nil || n == 0 {
			return err
		}
		var rows [][]any
		for _, v := range list {
			rows = wordRows(rows, v.id, v.username, v.name)
		}
		if err := addWords(ctx, tx, rows); err != nil {
			return err
		}
		return tx.Do(ctx, "remembering which accounts have words", "INSERT INTO account_words_progress (id, cursor_id) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET cursor_id = excluded.cursor_id", list[n-1].id)
	})
	if err != nil {
		return 0, fmt.Errorf("entering the words of names: %w", err)
	}
	return n, nil
}

// typedWords are what a search asks for, the longest first; false for what nobody's name has.
func typedWords(typed string) ([]string, bool) {
	var out []string
	for _, piece := range strings.Fields(typed) {
		if strings.ContainsAny(piece, `%!=<>*$#|\^~`) || strings.Trim(piece, `'"-;()`) != piece {
			return nil, false
		}
		words := text.NameWords(piece, maxTyped)
		if text.ValidRemoteUsername(piece) {
			words = []string{piece}
		}
		out = append(out, words...)
	}
	slices.SortStableFunc(out, func(a, b string) int { return len(b) - len(a) })
	out = slices.Compact(out)
	return out[:min(len(out), maxTyped)], len(out) > 0
}

// SearchOptions narrow a search.
type SearchOptions struct {
	// FollowedBy finds only those whom this account follows.
	FollowedBy ID
	// Viewer's followed accounts come first.
	Viewer        ID
	Limit, Offset int
}

// Search finds known accounts whose handle begins with a term, or whose handle and name have words that begin with its words. Those followed come first, then
// the one of exactly that name, then those with many followers. When more than a thousand have a word, the best of those with the shortest are found.
func (s *Service) Search(ctx context.Context, q db.Q, term string, o SearchOptions) ([]*Account, error) {
	term = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(term)), "@")
	name, domain, _ := strings.Cut(term, "@")
	words, ok := typedWords(name)
	if !ok {
		return nil, nil
	}
	if s.Site.IsLocalDomain(domain) {
		domain = ""
	}
	args := []any{words[0], words[0] + db.Beyond, int64(o.Viewer), name, maxFound, int64(o.FollowedBy), o.Limit, o.Offset}
	and := ""
	for _, w := range words[1:] {
		args = append(args, w, w+db.Beyond)
		and += fmt.Sprintf(" AND EXISTS (SELECT 1 FROM account_words v WHERE v.account_id = w.account_id AND v.word >= $%d AND v.word < $%d)", len(args)-1, len(args))
	}
	at := ""
	if domain != "" {
		args = append(args, db.Like(domain)+"%")
		at = fmt.Sprintf(" AND a.domain LIKE $%d ESCAPE '!'", len(args))
		and += " AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = w.account_id" + at + ")"
	}
	if o.FollowedBy != 0 {
		and += " AND EXISTS (SELECT 1 FROM follows f WHERE f.account_id = $6 AND f.target_account_id = w.account_id)"
	}
	out, err := db.All(ctx, q, Scan, "SELECT "+Columns+` FROM accounts a WHERE a.id IN (
  SELECT x.id FROM (SELECT w.account_id AS id FROM account_words w WHERE w.word >= $1 AND w.word < $2`+and+` ORDER BY w.word LIMIT $5) x
  UNION SELECT w.account_id FROM follows f JOIN account_words w ON w.account_id = f.target_account_id WHERE f.account_id = $3 AND w.word >= $1 AND w.word < $2`+and+`
  UNION SELECT b.id FROM accounts b WHERE b.username_folded = $4)
AND a.suspended_at = 0 AND a.moved_to_id = 0`+at+` AND (CAST($6 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM follows f WHERE f.account_id = $6 AND f.target_account_id = a.id))
ORDER BY EXISTS (SELECT 1 FROM follows f WHERE f.account_id = $3 AND f.target_account_id = a.id) DESC,
  a.username_folded = $4 DESC, a.followers_count DESC, a.id LIMIT $7 OFFSET $8`, args...)
	if err != nil {
		return nil, fmt.Errorf("searching accounts: %w", err)
	}
	return out, nil
}
