package entity

import (
	"github.com/gomph/gomph/internal/domain/moderation"
	"github.com/gomph/gomph/internal/kit/ids"
)

// Report is what somebody reported.
type Report struct {
	ID            string   `json:"id"`
	ActionTaken   bool     `json:"action_taken"`
	ActionTakenAt *string  `json:"action_taken_at"`
	Category      string   `json:"category"`
	Comment       string   `json:"comment"`
	Forwarded     bool     `json:"forwarded"`
	CreatedAt     string   `json:"created_at"`
	StatusIDs     []string `json:"status_ids"`
	CollectionIDs []string `json:"collection_ids"`
	RuleIDs       []string `json:"rule_ids"`
	TargetAccount *Account `json:"target_account"`
}

// NewReport renders a report about an account.
func NewReport(r *moderation.Report, target *Account) *Report {
	return &Report{
		ID: ids.Format(r.ID), ActionTaken: !r.ActionTakenAt.IsZero(), ActionTakenAt: stampOrNil(r.ActionTakenAt), Category: r.Category, Comment: r.Comment,
		Forwarded: r.Forwarded, CreatedAt: stamp(r.CreatedAt), StatusIDs: formatted(r.StatusIDs), CollectionIDs: formatted(r.CollectionIDs), RuleIDs: formatted(r.RuleIDs), TargetAccount: target,
	}
}

func formatted[T ~int64](list []T) []string {
	out := make([]string, len(list))
	for i, id := range list {
		out[i] = ids.Format(id)
	}
	return out
}
