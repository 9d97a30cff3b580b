package entity

import (
	"github.com/gomph/gomph/internal/domain/filters"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/ids"
)

// FilterResult is a filter that a post matches.
type FilterResult struct {
	Filter         Filter   `json:"filter"`
	KeywordMatches []string `json:"keyword_matches"`
	StatusMatches  []string `json:"status_matches"`
}

// Filter is what someone does not want to read. Within a FilterResult it is without its keywords and statuses.
type Filter struct {
	ID           string           `json:"id"`
	Title        string           `json:"title"`
	Context      []string         `json:"context"`
	ExpiresAt    *string          `json:"expires_at"`
	FilterAction string           `json:"filter_action"`
	Keywords     *[]FilterKeyword `json:"keywords,omitempty"`
	Statuses     *[]FilterStatus  `json:"statuses,omitempty"`
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

// NewFilter renders a filter with all that is in it.
func NewFilter(f *filters.Filter) Filter {
	e := filterRule(f)
	keywords, posts := make([]FilterKeyword, 0, len(f.Keywords)), make([]FilterStatus, 0, len(f.Statuses))
	for _, k := range f.Keywords {
		keywords = append(keywords, NewFilterKeyword(k))
	}
	for _, s := range f.Statuses {
		posts = append(posts, NewFilterStatus(s))
	}
	e.Keywords, e.Statuses = &keywords, &posts
	return e
}

func filterRule(f *filters.Filter) Filter {
	return Filter{ID: ids.Format(f.ID), Title: f.Title, Context: list(f.Context), ExpiresAt: stampOrNil(f.ExpiresAt), FilterAction: f.Action}
}

// NewFilterKeyword renders a keyword.
func NewFilterKeyword(k filters.Keyword) FilterKeyword {
	return FilterKeyword{ids.Format(k.ID), k.Keyword, k.WholeWord}
}

// NewFilterStatus renders a post of a filter.
func NewFilterStatus(s filters.Status) FilterStatus {
	return FilterStatus{ids.Format(s.ID), ids.Format(s.StatusID)}
}

// V1Filter is a word of a filter, as the first filter API shows it.
type V1Filter struct {
	ID           string   `json:"id"`
	Phrase       string   `json:"phrase"`
	Context      []string `json:"context"`
	ExpiresAt    *string  `json:"expires_at"`
	Irreversible bool     `json:"irreversible"`
	WholeWord    bool     `json:"whole_word"`
}

// NewV1Filter renders a filter as the first filter API shows it.
func NewV1Filter(f filters.V1) V1Filter {
	return V1Filter{ids.Format(f.ID), f.Phrase, list(f.Context), stampOrNil(f.ExpiresAt), f.Irreversible, f.WholeWord}
}

// filtered lists the viewer's filters that a post matches.
func (v *view) filtered(s *statuses.Status) []FilterResult {
	return results(v.filters, v.place, filters.TextOf(v.parts, s), s.ID)
}

func results(set *filters.Set, place string, text *filters.Text, id statuses.ID) []FilterResult {
	out := []FilterResult{}
	if set.Empty() {
		return out
	}
	for _, m := range set.Apply(place, text, id) {
		r := FilterResult{Filter: filterRule(m.Filter), KeywordMatches: m.KeywordMatches}
		for _, id := range m.StatusMatches {
			r.StatusMatches = append(r.StatusMatches, ids.Format(id))
		}
		out = append(out, r)
	}
	return out
}
