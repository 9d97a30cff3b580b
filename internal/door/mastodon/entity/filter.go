package entity

import (
	"context"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
)

// FilterResult is a filter that a post matches.
type FilterResult struct {
	Filter         Filter   `json:"filter"`
	KeywordMatches []string `json:"keyword_matches"`
	StatusMatches  []string `json:"status_matches"`
}

// Filter is what someone does not want to read.
type Filter struct {
	ID           string          `json:"id"`
	Title        string          `json:"title"`
	Context      []string        `json:"context"`
	ExpiresAt    *string         `json:"expires_at"`
	FilterAction string          `json:"filter_action"`
	Keywords     []FilterKeyword `json:"keywords,omitempty"`
	Statuses     []FilterStatus  `json:"statuses,omitempty"`
}

// FilterKeyword is a word or phrase of a filter.
type FilterKeyword struct {
	ID        string `json:"id"`
	Keyword   string `json:"keyword"`
	WholeWord bool   `json:"whole_word"`
}

// FilterStatus is a post of a filter.
type FilterStatus struct {
	ID       string `json:"id"`
	StatusID string `json:"status_id"`
}

// Filters finds what hides posts from people.
type Filters interface {
	// For gives a person's filters, ready to ask many times.
	For(ctx context.Context, q db.Q, me accounts.ID) (FilterSet, error)
}

// FilterSet is one person's filters.
type FilterSet interface {
	// Match gives the filters that a post matches in a context ("" for any), and whether it is to be left out altogether.
	Match(filterContext string, p *statuses.Parts, s *statuses.Status) (results []FilterResult, hidden bool)
}

type matcher func(*statuses.Parts, *statuses.Status) ([]FilterResult, bool)

func (r *Renderer) matcher(ctx context.Context, q db.Q, viewer accounts.ID, filterContext string) (matcher, error) {
	none := func(*statuses.Parts, *statuses.Status) ([]FilterResult, bool) { return nil, false }
	if viewer == 0 || r.Filters == nil {
		return none, nil
	}
	set, err := r.Filters.For(ctx, q, viewer)
	if err != nil || set == nil {
		return none, err
	}
	return func(p *statuses.Parts, s *statuses.Status) ([]FilterResult, bool) {
		if s.AccountID == viewer {
			return nil, false
		}
		return set.Match(filterContext, p, s)
	}, nil
}
