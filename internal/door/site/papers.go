package site

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/settings"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/errs"
)

func (s *Server) privacyPolicy(ctx context.Context, v *visit) error {
	instance, err := s.Settings.Get(ctx, s.DB)
	if err != nil {
		return err
	}
	if instance.PrivacyPolicy == "" {
		return errs.NotFound()
	}
	return s.paper(ctx, v, view.Paper{Title: "Privacy policy", Path: view.PathPrivacy, HTML: longText(instance.PrivacyPolicy)})
}

// terms shows the terms of service that hold, or with a date those that hold, or held, from that day on.
func (s *Server) terms(ctx context.Context, v *visit) error {
	const layout = "2006-01-02"
	p := view.Paper{Title: "Terms of service", Path: view.PathTerms}
	t, err := settings.Terms{}, error(nil)
	if date := chi.URLParam(v.r, "date"); date == "" {
		t, err = s.Settings.CurrentTerms(ctx, s.DB)
	} else if from, bad := time.Parse(layout, date); bad != nil {
		return errs.NotFound()
	} else if t, err = s.Settings.TermsOn(ctx, s.DB, from); err == nil {
		p.Path += "/" + date
	}
	if err != nil {
		return err
	}
	p.HTML, p.From = longText(t.Text), t.EffectiveOn.Format(layout)
	if !t.SucceededOn.IsZero() {
		p.Until = t.SucceededOn.Format(layout)
		p.NextURL = s.Site.URL(view.PathTerms + "/" + p.Until)
	}
	return s.paper(ctx, v, p)
}

func (s *Server) paper(ctx context.Context, v *visit, p view.Paper) (err error) {
	if p.Page, err = s.frame(ctx, v); err != nil {
		return err
	}
	v.shared()
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Paper(w, p) })
}
