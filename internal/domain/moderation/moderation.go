// Package moderation owns what people are reported for: who reported whom, for which posts, and what became of it.
package moderation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/collections"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/clock"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/jobs"
)

// ID names a report.
type ID int64

// The categories of reports.
const (
	Spam      = "spam"
	Legal     = "legal"
	Violation = "violation"
	Other     = "other"
)

const (
	// MaxComment is how long the comment of a report from here may be, in characters (Mastodon).
	MaxComment = 1000
	// maxRemoteComment bounds the comments of other servers, which may count otherwise (AUZ-14).
	maxRemoteComment = 5000
	// MaxStatuses bounds the posts of one report (AUZ-14); nobody can look through more at once.
	MaxStatuses = 100
)

// Report is what somebody is reported for.
type Report struct {
	ID                    ID
	AccountID, TargetID   accounts.ID
	URI                   string
	Comment, Category     string
	RuleIDs               []int64
	StatusIDs             []statuses.ID
	CollectionIDs         []collections.ID
	Forwarded             bool
	ApplicationID         int64
	AssignedID, ActedByID accounts.ID
	CreatedAt, UpdatedAt  time.Time
	ActionTakenAt         time.Time
}

// Deps is what the service stands on.
type Deps struct {
	DB       *db.DB
	Jobs     *jobs.Jobs
	IDs      *ids.Source
	Clock    clock.Clock
	Accounts *accounts.Service
	Statuses *statuses.Service
}

// Service reads and writes reports.
type Service struct{ Deps }

// New makes the service.
func New(d Deps) *Service { return &Service{d} }

// Reported says that somebody was reported. Domains are the servers that are to be told.
type Reported struct {
	ReportID            ID
	AccountID, TargetID accounts.ID
	ByLocal             bool
	Domains             []string
}

// Kind names the event.
func (Reported) Kind() string { return "moderation.reported" }

const columns = `r.id, r.account_id, r.target_account_id, r.uri, r.comment, r.category, r.rule_ids, r.forwarded, r.application_id,
  r.assigned_account_id, r.action_taken_by_account_id, r.created_at, r.updated_at, r.action_taken_at`

func scan(r db.Row) (*Report, error) {
	var v Report
	var rules string
	var created, updated, taken int64
	if err := r.Scan(&v.ID, &v.AccountID, &v.TargetID, &v.URI, &v.Comment, &v.Category, &rules, &v.Forwarded, &v.ApplicationID,
		&v.AssignedID, &v.ActedByID, &created, &updated, &taken); err != nil {
		return nil, err
	}
	v.CreatedAt, v.UpdatedAt, v.ActionTakenAt = db.At(created), db.At(updated), db.At(taken)
	return &v, json.Unmarshal([]byte(rules), &v.RuleIDs)
}

// ByID finds a report with the posts and collections it is about.
func (s *Service) ByID(ctx context.Context, q db.Q, id ID) (*Report, error) {
	r, err := scan(q.QueryRow(ctx, "SELECT "+columns+" FROM reports r WHERE r.id = $1", id))
	if err != nil {
		return nil, err
	}
	if r.StatusIDs, err = db.Column[statuses.ID](ctx, q, "SELECT status_id FROM report_statuses WHERE report_id = $1 ORDER BY status_id", id); err != nil {
		return nil, fmt.Errorf("loading a report: %w", err)
	}
	if r.CollectionIDs, err = db.Column[collections.ID](ctx, q, "SELECT collection_id FROM report_collections WHERE report_id = $1 ORDER BY collection_id", id); err != nil {
		return nil, fmt.Errorf("loading a report: %w", err)
	}
	return r, nil
}

// Open lists the reports that nothing was done about, the newest first.
func (s *Service) Open(ctx context.Context, q db.Q, p db.Page) ([]*Report, error) {
	where, args := p.Apply("r.id", nil)
	rows, err := db.All(ctx, q, scan, "SELECT "+columns+" FROM reports r WHERE r.action_taken_at = 0"+where, args...)
	return db.Newest(p, rows), err
}
