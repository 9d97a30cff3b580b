package site

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/door/site/view"
)

// ageLabels are the ages of statuses.CleanupAges in words.
var ageLabels = []string{"1 week", "2 weeks", "1 month", "2 months", "3 months", "6 months", "1 year", "2 years"}

// kept are the boxes of what stays, each with its part of a rule.
var kept = []struct {
	name, label string
	in          func(*statuses.CleanupPolicy) *bool
}{
	{"keep_direct", "Private mentions", func(p *statuses.CleanupPolicy) *bool { return &p.KeepDirect }},
	{"keep_pinned", "Posts on my profile's top", func(p *statuses.CleanupPolicy) *bool { return &p.KeepPinned }},
	{"keep_polls", "Posts with a poll", func(p *statuses.CleanupPolicy) *bool { return &p.KeepPolls }},
	{"keep_media", "Posts with pictures, videos or sound", func(p *statuses.CleanupPolicy) *bool { return &p.KeepMedia }},
	{"keep_self_fav", "Posts that I favourited", func(p *statuses.CleanupPolicy) *bool { return &p.KeepSelfFav }},
	{"keep_self_bookmark", "Posts that I bookmarked", func(p *statuses.CleanupPolicy) *bool { return &p.KeepSelfBookmark }},
}

func (s *Server) cleanup(ctx context.Context, v *visit) error {
	policy, err := s.Statuses.CleanupOf(ctx, s.DB, v.Account.ID)
	if err != nil {
		return err
	}
	return s.cleanupPage(ctx, v, http.StatusOK, policy, view.Form{})
}

func (s *Server) cleanupPage(ctx context.Context, v *visit, status int, policy statuses.CleanupPolicy, form view.Form) (err error) {
	p := view.CleanupSettings{Form: form, Enabled: policy.Enabled, Age: int64(policy.MinAge / time.Second), MinFavs: positive(policy.MinFavs), MinReblogs: positive(policy.MinReblogs)}
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	for i, age := range statuses.CleanupAges {
		p.Ages = append(p.Ages, view.Choice{Value: int64(age / time.Second), Label: ageLabels[i]})
	}
	for _, k := range kept {
		p.Keep = append(p.Keep, view.Check{Name: k.name, Label: k.label, On: *k.in(&policy)})
	}
	return s.show(v, status, func(w io.Writer) error { return s.pages.CleanupSettings(w, p) })
}

// positive writes a number that is a rule; 0 is none.
func positive(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func (s *Server) saveCleanup(ctx context.Context, v *visit) error {
	f := v.r.PostForm
	form := view.Form{Errors: map[string]string{}}
	number := func(name string) int64 {
		text := f.Get(name)
		if text == "" {
			return 0
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			form.Errors[name] = "Write a number, or leave it empty."
		}
		return n
	}
	policy := statuses.CleanupPolicy{Enabled: f.Get("enabled") != "", MinFavs: number("min_favs"), MinReblogs: number("min_reblogs")}
	for _, k := range kept {
		*k.in(&policy) = f.Get(k.name) != ""
	}
	age, err := strconv.ParseInt(f.Get("min_status_age"), 10, 32)
	policy.MinAge = time.Duration(age) * time.Second
	if err != nil || !slices.Contains(statuses.CleanupAges, policy.MinAge) {
		form.Message, policy.MinAge = "Choose one of the ages.", statuses.CleanupAges[1]
	}
	if form.Message != "" || len(form.Errors) > 0 {
		return s.cleanupPage(ctx, v, http.StatusUnprocessableEntity, policy, form)
	}
	if err := s.Statuses.SetCleanup(ctx, v.Account.ID, policy); err != nil {
		return err
	}
	return v.see(view.PathCleanup + "?notice=cleanup")
}
