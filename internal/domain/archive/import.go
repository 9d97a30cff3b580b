package archive

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/ids"
)

const (
	// MaxFile is how many bytes a file may have, and maxRows how many lines (Mastodon); maxField bounds one value.
	MaxFile  = 20 << 20
	maxRows  = 20_000
	maxField = 2 << 10
	// maxLine is about how many bytes one line may have: all values at their largest, and room for columns that are not read. Without it a
	// file of nothing but commas would be a line of twenty million values.
	maxLine = 64 << 10
	// maxOpen is how many imports somebody may have that are not finished.
	maxOpen = 5
	// keptFor is how long it can be seen how an import went, and unconfirmedFor how long one waits to be confirmed.
	keptFor        = 7 * 24 * time.Hour
	unconfirmedFor = 24 * time.Hour
)

// State is how far an import is.
type State int64

// The states; the numbers are stored.
const (
	Unconfirmed State = iota
	Running
	Finished
)

// Import is a list that somebody brings along.
type Import struct {
	ID         int64
	AccountID  accounts.ID
	Type       Type
	Overwrite  bool
	State      State
	cleared    bool
	Filename   string
	Mismatched bool
	// Total lines, of which so many were worked on, and so many taken.
	Total, Processed, Imported int64
	CreatedAt, FinishedAt      time.Time
}

// Failed is how many lines could not be taken.
func (i *Import) Failed() int64 { return i.Processed - i.Imported }

// line is one line of a file, kept as JSON. Absent flags are nil.
type line struct {
	Acct      string
	Domain    string
	URI       string
	List      string
	Boosts    *bool
	Notify    *bool
	Hide      *bool
	Languages []string
}

// Confirmed says that an import may begin.
type Confirmed struct{ ImportID int64 }

// Kind names the event.
func (Confirmed) Kind() string { return "archive.confirmed" }

// Key is the import's id: one run at a time.
func (e Confirmed) Key() string { return ids.Format(e.ImportID) }

const importColumns = "i.id, i.account_id, i.type, i.overwrite, i.state, i.cleared, i.filename, i.likely_mismatched, i.total_items, i.processed_items, i.imported_items, i.created_at, i.finished_at"

func scanImport(r db.Row) (*Import, error) {
	var i Import
	var created, finished int64
	err := r.Scan(&i.ID, &i.AccountID, &i.Type, &i.Overwrite, &i.State, &i.cleared, &i.Filename, &i.Mismatched, &i.Total, &i.Processed, &i.Imported, &created, &finished)
	i.CreatedAt, i.FinishedAt = db.At(created), db.At(finished)
	return &i, err
}

// defaults are the columns of files without a header.
var defaults = map[Type][]string{
	Following: {headAccount}, Blocking: {headAccount}, Muting: {headAccount}, DomainBlocking: {headDomain}, Bookmarks: {headURI}, Lists: {headList, headAccount},
}

// guess says by its name and header what a file probably is; empty for no idea.
func guess(name string, header []string) Type {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(header, w) })
	}
	named := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(name, w) })
	}
	switch {
	case has(headHide) || named("mutes", "muted_accounts"):
		return Muting
	case has(headBoosts, headNotify, headLangs) || named("follows", "following_accounts"):
		return Following
	case named("blocks", "blocked_accounts"):
		return Blocking
	case named("domain_blocks", "blocked_domains"):
		return DomainBlocking
	case named("bookmarks"):
		return Bookmarks
	case named("lists"):
		return Lists
	}
	return ""
}

// read makes lines of a file. Every value is bounded, and what is no text is refused.
func read(t Type, file io.Reader) (lines []line, header []string, err error) {
	body := &io.LimitedReader{R: file}
	in := csv.NewReader(body)
	in.FieldsPerRecord, in.LazyQuotes, in.ReuseRecord = -1, true, true
	columns := defaults[t]
	for first := true; ; first = false {
		body.N = maxLine // and what was read of it in advance
		record, err := in.Read()
		if body.N <= 0 {
			return nil, nil, errs.Invalid("The file has a line that is too long")
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, errs.Invalid("The file is no CSV that can be read")
		}
		if first {
			record[0] = strings.TrimPrefix(record[0], "\ufeff")
			if slices.Contains([]string{headAccount, headDomain, headURI, headList}, record[0]) {
				header = slices.Clone(record)
				columns = header
				continue
			}
		}
		l, ok, err := lineOf(columns, record)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			continue
		}
		if lines = append(lines, l); len(lines) > maxRows {
			return nil, nil, errs.Invalid("The file has more than %d lines", maxRows)
		}
	}
	for _, c := range defaults[t] {
		if !slices.Contains(columns, c) {
			return nil, nil, errs.Invalid("The file is not of the type that you chose")
		}
	}
	if len(lines) == 0 {
		return nil, nil, errs.Invalid("There is nothing in the file")
	}
	return lines, header, nil
}

func lineOf(columns, record []string) (l line, ok bool, err error) {
	for i, v := range record {
		if i == len(columns) {
			break
		}
		if len(v) > maxField || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return l, false, errs.Invalid("The file has a value that is too long or no text")
		}
		v = strings.TrimSpace(v)
		ok = ok || v != ""
		flag := func() *bool {
			if v == "" {
				return nil
			}
			return new(!slices.Contains([]string{"false", "0", "f", "off"}, strings.ToLower(v)))
		}
		switch columns[i] {
		case headAccount:
			l.Acct = strings.TrimPrefix(v, "@")
		case headDomain:
			l.Domain = strings.ToLower(v)
		case headURI:
			l.URI = v
		case headList:
			l.List = unguarded(v)
		case headBoosts:
			l.Boosts = flag()
		case headNotify:
			l.Notify = flag()
		case headHide:
			l.Hide = flag()
		case headLangs:
			for lang := range strings.SplitSeq(v, ",") {
				if lang = strings.TrimSpace(lang); lang != "" {
					l.Languages = append(l.Languages, lang)
				}
			}
		}
	}
	return l, ok, nil
}

// Upload keeps a file until it is confirmed; nothing happens before.
func (s *Service) Upload(ctx context.Context, me accounts.ID, t Type, overwrite bool, name string, file io.Reader) (*Import, error) {
	if defaults[t] == nil {
		return nil, errs.Invalid("Choose what the file is")
	}
	lines, header, err := read(t, file)
	if err != nil {
		return nil, err
	}
	probably := guess(name, header)
	i := &Import{ID: s.IDs.Next(), AccountID: me, Type: t, Overwrite: overwrite, Filename: shortened(name), Mismatched: probably != "" && probably != t, Total: int64(len(lines)), CreatedAt: s.Clock.Now()}
	rows := make([][]any, len(lines))
	for n, l := range lines {
		data, err := json.Marshal(l)
		if err != nil {
			return nil, err
		}
		rows[n] = []any{s.IDs.Next(), i.ID, string(data)}
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := db.Value[int64](ctx, tx, "SELECT id FROM accounts WHERE id = $1"+tx.ForUpdate(), me); err != nil {
			return err
		}
		open, err := db.Value[int64](ctx, tx, "SELECT COUNT(*) FROM bulk_imports WHERE account_id = $1 AND state <> $2", me, Finished)
		if err != nil {
			return err
		}
		if open >= maxOpen {
			return errs.Invalid("Finish or cancel an earlier import first")
		}
		if err := tx.Do(ctx, "keeping an import", "INSERT INTO bulk_imports (id, account_id, type, overwrite, filename, likely_mismatched, total_items, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			i.ID, me, string(t), overwrite, i.Filename, i.Mismatched, i.Total, db.Ms(i.CreatedAt)); err != nil {
			return err
		}
		return tx.DoMany(ctx, "keeping the lines of an import", "INSERT INTO bulk_import_rows (id, import_id, data) VALUES ($1, $2, $3)", rows)
	})
	if err != nil {
		return nil, fmt.Errorf("keeping an import: %w", err)
	}
	return i, nil
}

// shortened is a file's name as it is shown.
func shortened(name string) string {
	name = strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "")
	r := []rune(name)
	return string(r[:min(len(r), 100)])
}

// Import finds an import of somebody's own.
func (s *Service) Import(ctx context.Context, q db.Q, me accounts.ID, id int64) (*Import, error) {
	return scanImport(q.QueryRow(ctx, "SELECT "+importColumns+" FROM bulk_imports i WHERE i.id = $1 AND i.account_id = $2", id, me))
}

// Imports lists somebody's imports, the newest first.
func (s *Service) Imports(ctx context.Context, q db.Q, me accounts.ID, limit int) ([]*Import, error) {
	return db.All(ctx, q, scanImport, "SELECT "+importColumns+" FROM bulk_imports i WHERE i.account_id = $1 ORDER BY i.id DESC LIMIT $2", me, limit)
}

// Confirm lets an import begin; one that has begun goes on.
func (s *Service) Confirm(ctx context.Context, me accounts.ID, id int64) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := s.Import(ctx, tx, me, id); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "UPDATE bulk_imports SET state = $1 WHERE id = $2 AND state = $3", Running, id, Unconfirmed)
		if err != nil || n == 0 {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Confirmed{ImportID: id})
	})
}

// Cancel forgets an import that was not confirmed.
func (s *Service) Cancel(ctx context.Context, me accounts.ID, id int64) error {
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM bulk_imports WHERE id = $1 AND account_id = $2 AND state = $3", id, me, Unconfirmed)
		if err == nil && n == 0 {
			err = errs.NotFound()
		}
		return err
	})
}

// Failures writes the lines of an import that could not be taken, in the format that they came in.
func (s *Service) Failures(ctx context.Context, w io.Writer, me accounts.ID, id int64) error {
	i, err := s.Import(ctx, s.DB, me, id)
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	if header := exports[i.Type].header; header != nil {
		if err := out.Write(header); err != nil {
			return err
		}
	}
	for after := int64(0); ; {
		rows, err := s.rows(ctx, i.ID, 1, after, exportPage)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := out.Write(r.line.fields(i.Type)); err != nil {
				return err
			}
			after = r.id
		}
		if out.Flush(); out.Error() != nil || len(rows) < exportPage {
			return out.Error()
		}
	}
}

func (l line) fields(t Type) []string {
	flag := func(b *bool, absent string) string {
		switch {
		case b == nil:
			return absent
		case *b:
			return "true"
		}
		return "false"
	}
	switch t {
	case Following:
		return []string{guarded(l.Acct), flag(l.Boosts, "true"), flag(l.Notify, "false"), guarded(strings.Join(l.Languages, ", "))}
	case Muting:
		return []string{guarded(l.Acct), flag(l.Hide, "true")}
	case DomainBlocking:
		return []string{guarded(l.Domain)}
	case Bookmarks:
		return []string{guarded(l.URI)}
	case Lists:
		return []string{guarded(l.List), guarded(l.Acct)}
	}
	return []string{guarded(l.Acct)}
}

type row struct {
	id    int64
	tries int64
	line  line
}

func (s *Service) rows(ctx context.Context, id int64, state int, after int64, limit int) ([]row, error) {
	return db.All(ctx, s.DB, func(r db.Row) (out row, err error) {
		var data string
		if err := r.Scan(&out.id, &out.tries, &data); err != nil {
			return out, err
		}
		return out, json.Unmarshal([]byte(data), &out.line)
	}, "SELECT r.id, r.tries, r.data FROM bulk_import_rows r WHERE r.import_id = $1 AND r.state = $2 AND r.id > $3 ORDER BY r.id LIMIT $4", id, state, after, limit)
}
