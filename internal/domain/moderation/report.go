package moderation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/text"
)

// Draft is a report as somebody makes it.
type Draft struct {
	By, Target *accounts.Account
	// StatusIDs, or StatusURIs for a report of another server, name posts of the target.
	StatusIDs  []statuses.ID
	StatusURIs []string
	// CollectionIDs, or CollectionURIs, name collections of the target.
	CollectionIDs     []collections.ID
	CollectionURIs    []string
	Comment, Category string
	RuleIDs           []int64
	ApplicationID     int64
	// Forward tells the target's own server; Domains names those that are told instead, if they are of the target or of those whom
	// the reported posts answer.
	Forward bool
	Domains []string
	// URI is the id of another server's Flag.
	URI string
}

// Report keeps a report of somebody. Posts of others, and those that the reporter cannot see, are left out (AUZ-14). A Flag that
// comes twice is one report.
func (s *Service) Report(ctx context.Context, d Draft) (*Report, error) {
	if err := s.check(ctx, &d); err != nil {
		return nil, err
	}
	posts, err := s.evidence(ctx, d)
	if err != nil {
		return nil, err
	}
	lists, err := s.lists(ctx, d)
	if err != nil {
		return nil, err
	}
	told, err := s.told(ctx, d, posts)
	if err != nil {
		return nil, err
	}
	now := s.Clock.Now()
	r := &Report{ID: ID(s.IDs.Next()), AccountID: d.By.ID, TargetID: d.Target.ID, URI: d.URI, Comment: d.Comment, Category: d.Category, RuleIDs: d.RuleIDs,
		StatusIDs: posts, CollectionIDs: lists, Forwarded: len(told) > 0, ApplicationID: d.ApplicationID, CreatedAt: now, UpdatedAt: now}
	rules, err := json.Marshal(slices.Concat([]int64{}, r.RuleIDs))
	if err != nil {
		return nil, err
	}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO reports (id, account_id, target_account_id, uri, comment, category, rule_ids, forwarded, application_id, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT DO NOTHING`,
			r.ID, r.AccountID, r.TargetID, r.URI, r.Comment, r.Category, string(rules), r.Forwarded, r.ApplicationID, db.Ms(now))
		if err != nil || n == 0 {
			return err
		}
		rows := make([][]any, len(posts))
		for i, id := range posts {
			rows[i] = []any{r.ID, id}
		}
		if err := tx.DoMany(ctx, "writing the posts of a report", "INSERT INTO report_statuses (report_id, status_id) VALUES ($1, $2)", rows); err != nil {
			return err
		}
		rows = make([][]any, len(lists))
		for i, id := range lists {
			rows[i] = []any{r.ID, id}
		}
		if err := tx.DoMany(ctx, "writing the collections of a report", "INSERT INTO report_collections (report_id, collection_id) VALUES ($1, $2)", rows); err != nil {
			return err
		}
		return s.Jobs.Emit(ctx, tx, Reported{ReportID: r.ID, AccountID: r.AccountID, TargetID: r.TargetID, ByLocal: d.By.Local(), Domains: told})
	})
	if err != nil {
		return nil, fmt.Errorf("reporting: %w", err)
	}
	return r, nil
}

func (s *Service) check(ctx context.Context, d *Draft) error {
	if !d.By.Local() {
		d.Category, d.Comment = Other, text.Truncate(d.Comment, maxRemoteComment)
		return nil
	}
	if d.Category == "" {
		d.Category = Other
	}
	if len(d.RuleIDs) > 0 {
		d.Category = Violation
	}
	if !slices.Contains([]string{Spam, Legal, Violation, Other}, d.Category) {
		return errs.Invalid("'%s' is not a valid category", d.Category)
	}
	if utf8.RuneCountInString(d.Comment) > MaxComment {
		return errs.Invalid("Validation failed: Comment is too long (maximum is %d characters)", MaxComment)
	}
	if len(d.RuleIDs) == 0 {
		return nil
	}
	slices.Sort(d.RuleIDs)
	d.RuleIDs = slices.Compact(d.RuleIDs)
	n, err := db.Value[int](ctx, s.DB, "SELECT COUNT(*) FROM rules WHERE id = ANY($1)", db.Array(d.RuleIDs))
	if err == nil && n != len(d.RuleIDs) {
		return errs.Invalid("Validation failed: Rules does not reference valid rules")
	}
	return err
}

// lists are the collections of the target that a report is about; they are public.
func (s *Service) lists(ctx context.Context, d Draft) ([]collections.ID, error) {
	if len(d.CollectionIDs)+len(d.CollectionURIs) == 0 {
		return nil, nil
	}
	list, err := db.Column[collections.ID](ctx, s.DB, "SELECT id FROM collections WHERE account_id = $1 AND (id = ANY($2) OR uri = ANY($3)) ORDER BY id", d.Target.ID,
		db.Array(d.CollectionIDs[:min(len(d.CollectionIDs), MaxStatuses)]), db.Texts(d.CollectionURIs[:min(len(d.CollectionURIs), MaxStatuses)]))
	if err != nil {
		return nil, fmt.Errorf("looking for what is reported: %w", err)
	}
	return list, nil
}

// evidence are the posts of the target that a report may be about.
func (s *Service) evidence(ctx context.Context, d Draft) ([]statuses.ID, error) {
	if d.By.Local() {
		return s.seen(ctx, d)
	}
	// Who reports from elsewhere is mostly a server, so what anybody there may see counts: the posts for followers if there is one,
	// and those that mention somebody there.
	list, err := db.Column[statuses.ID](ctx, s.DB, `SELECT s.id FROM statuses s WHERE s.uri = ANY($1) AND s.account_id = $2 AND s.deleted_at = 0 AND s.reblog_of_id = 0 AND (s.visibility <= 1
  OR s.visibility = 2 AND EXISTS (SELECT 1 FROM follows f JOIN accounts a ON a.id = f.account_id WHERE f.target_account_id = s.account_id AND a.domain = $3)
  OR EXISTS (SELECT 1 FROM mentions m JOIN accounts a ON a.id = m.account_id WHERE m.status_id = s.id AND a.domain = $3)) ORDER BY s.id`,
		db.Texts(d.StatusURIs[:min(len(d.StatusURIs), MaxStatuses)]), d.Target.ID, d.By.Domain)
	if err != nil {
		return nil, fmt.Errorf("looking for what is reported: %w", err)
	}
	return list, nil
}

// seen are the posts that somebody here reports and sees.
func (s *Service) seen(ctx context.Context, d Draft) ([]statuses.ID, error) {
	if len(d.StatusIDs) == 0 {
		return nil, nil
	}
	parts, err := s.Statuses.LoadAlone(ctx, s.DB, d.By.ID, d.StatusIDs[:min(len(d.StatusIDs), MaxStatuses)])
	if err != nil {
		return nil, err
	}
	var out []statuses.ID
	for id, st := range parts.Statuses {
		if st.AccountID == d.Target.ID {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out, nil
}

// told are the servers that hear of a report: the target's own, or those that were chosen.
func (s *Service) told(ctx context.Context, d Draft, posts []statuses.ID) ([]string, error) {
	if !d.By.Local() || !d.Forward {
		return nil, nil
	}
	var may []string
	if !d.Target.Local() {
		may = append(may, d.Target.Domain)
	}
	if len(d.Domains) == 0 {
		return may, nil
	}
	more, err := db.Column[string](ctx, s.DB, `SELECT DISTINCT a.domain FROM statuses s JOIN accounts a ON a.id = s.in_reply_to_account_id
WHERE s.id = ANY($1) AND s.in_reply_to_account_id <> 0 AND a.domain <> '' ORDER BY a.domain`, db.Array(posts))
	if err != nil {
		return nil, fmt.Errorf("looking who may hear of a report: %w", err)
	}
	may = append(may, more...)
	slices.Sort(may)
	return slices.DeleteFunc(slices.Compact(may), func(domain string) bool { return !slices.Contains(d.Domains, domain) }), nil
}
